// Bundles the libraries that the page reads documents with (www/package.json) into www/vendor, each loaded on its own,
// and the package's module for the model's files.
// Nothing is installed inside www: what is served there is only what is meant to be.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

const root = fileURLToPath(new URL("..", import.meta.url));
const to = path.join(root, "www/vendor");
const cache = path.join(process.env.GOSSAMER_CACHE ?? path.join(os.homedir(), ".cache/gossamer"), "vendor");
const model = ["model.js", "errors.js", "pinned.js"].map((name) => `pkg/src/${name}`);
const inputs = ["www/package.json", "www/package-lock.json", "scripts/vendor-web.mjs", ...model];
const hash = createHash("sha256");
for (const file of inputs) hash.update(await readFile(path.join(root, file)));
const stamp = hash.digest("hex");

if (await readFile(path.join(to, ".stamp"), "utf8").catch(() => "") === stamp) process.exit(0);

await mkdir(cache, { recursive: true });
for (const file of inputs.slice(0, 2)) await copyFile(path.join(root, file), path.join(cache, path.basename(file)));
// The optional dependency of pdf.js is a native canvas, which only drawing needs.
execFileSync("npm", ["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: cache, stdio: "inherit" });
const modules = path.join(cache, "node_modules");
const { build } = createRequire(path.join(root, "wasm-tests/package.json"))("esbuild");

await rm(to, { recursive: true, force: true });
await mkdir(to, { recursive: true });
for (const [name, entry, resolveDir] of [
  ["fflate", "export { Inflate, Unzlib } from 'fflate'", cache],
  ["htmlparser2", "export { Parser } from 'htmlparser2'", cache],
  ["gossamer-model", `export { describe, forget, keepMeasured, load, measured } from "./${model[0]}"`, root],
]) {
  await build({
    stdin: { contents: entry, resolveDir },
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    legalComments: "inline",
    outfile: path.join(to, `${name}.js`),
    logLevel: "warning",
  });
}
// pdf.js comes bundled, and for browsers of some years ago.
const pdfjs = path.join(modules, "pdfjs-dist");
await copyFile(path.join(pdfjs, "legacy/build/pdf.min.mjs"), path.join(to, "pdf.js"));
await copyFile(path.join(pdfjs, "legacy/build/pdf.worker.min.mjs"), path.join(to, "pdf.worker.js"));
// Chinese, Japanese and Korean text without a map of its own needs these.
await cp(path.join(pdfjs, "cmaps"), path.join(to, "cmaps"), { recursive: true });
const licences = [];
for (const name of ["fflate", "htmlparser2", "domhandler", "domelementtype", "entities", "domutils", "dom-serializer", "pdfjs-dist"]) {
  const file = path.join(modules, name, "LICENSE");
  if (existsSync(file)) licences.push(`${name}\n\n${await readFile(file, "utf8")}`);
}
await writeFile(path.join(to, "LICENSES.txt"), licences.join("\n\n----\n\n"));
await writeFile(path.join(to, ".stamp"), stamp);
