// Packs the package and installs the tarball into a project of its own, as a developer's machine would.

import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { root } from "../harness.mjs";

/** Resolves with `{ folder, size, files, close }`: a project with the package in it, and what the tarball holds. */
export async function install() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-package-"));
  const pack = ["pack", path.join(root, "pkg"), "--pack-destination", folder, "--json", "--loglevel=error"];
  const [{ filename, size, files }] = JSON.parse(execFileSync("npm", pack, { encoding: "utf8" }));
  await writeFile(path.join(folder, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  execFileSync("npm", ["install", "--ignore-scripts", "--offline", "--no-audit", "--no-fund", "--loglevel=error", path.join(folder, filename)], { cwd: folder });
  await cp(path.join(root, "wasm-tests/packaging/app"), path.join(folder, "app"), { recursive: true });
  await cp(path.join(root, "wasm-tests/packaging/words.mjs"), path.join(folder, "app/words.mjs"));
  const close = () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  return { folder, installed: path.join(folder, "node_modules/gossamer-search"), size, files, close };
}

/** A copy of the program that imports something else, for instance the build without the encoder. */
export async function variant(folder, name, from) {
  const to = path.join(folder, name);
  await mkdir(to, { recursive: true });
  const { readFile } = await import("node:fs/promises");
  for (const file of ["main.js", "index.html", "words.mjs", "workerd.mjs"]) {
    const text = await readFile(path.join(folder, "app", file), "utf8");
    await writeFile(path.join(to, file), text.replace('"gossamer-search"', JSON.stringify(from)));
  }
  return to;
}
