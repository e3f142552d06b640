// Bundles the package from its sources and the two WebAssembly modules, and prints sizes.
//
//   node pkg/build.mjs          scripts/build-package.sh does it after it has made the modules
//
// dist/ has the whole package, dist/slim/ the same without the encoder. In both: index.js (browsers), node.js,
// workerd.js; worker.js and node-worker.js, which those start; engine.js, for the thread of the caller.

import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const pkg = fileURLToPath(new URL(".", import.meta.url));
const { build } = createRequire(path.join(pkg, "../wasm-tests/package.json"))("esbuild");
const dist = path.join(pkg, "dist");
const builds = [
  { to: dist, glue: path.join(pkg, "../www/pkg") },
  { to: path.join(dist, "slim"), glue: path.join(pkg, "glue/slim") },
];

await rm(dist, { recursive: true, force: true });
for (const { to, glue } of builds) {
  if (!existsSync(path.join(glue, "gossamer_bg.wasm"))) {
    // Only while developing; packing checks that nothing is missing.
    console.error(`${glue} is not built: run scripts/build-web.sh`);
    continue;
  }
  await mkdir(to, { recursive: true });
  await cp(path.join(glue, "gossamer_bg.wasm"), path.join(to, "gossamer.wasm"));
  const engine = path.join(glue, "gossamer.js");
  const common = { bundle: true, format: "esm", target: "es2022", outdir: to, logLevel: "warning", legalComments: "none", minifySyntax: true };
  const external = ["./engine.js", "./node-platform.js", "./gossamer.wasm", "node:*"];
  const entries = (...names) => names.map((name) => path.join(pkg, "src", name));
  await cp(path.join(pkg, "src/index.d.ts"), path.join(dist, "index.d.ts"));
  await cp(path.join(pkg, "../codec/all-minilm-l6-v2.gsc"), path.join(dist, "minilm.gsc"));
  await build({ ...common, external, entryPoints: entries("index.js", "node.js", "node-worker.js", "node-platform.js") });
  // Nothing in here finds a file by itself: the default that wasm-bindgen writes would, and bundlers would follow it.
  await build({
    ...common, external: ["./gossamer.wasm"], alias: { "#engine": engine }, define: { "import.meta.url": "undefined" },
    entryPoints: entries("engine.js", "worker.js", "workerd.js"), minify: true,
    // Slim has no weights; the service asks for an encoder first.
    logOverride: { "import-is-undefined": "silent" },
  });
}
for (const file of (await readdir(dist, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())) {
  const bytes = await readFile(path.join(file.parentPath ?? file.path, file.name));
  const name = path.relative(dist, path.join(file.parentPath ?? file.path, file.name));
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
  const kb = (size) => `${(size / 1000).toFixed(1)} kB`.padStart(12);
  console.log(`  ${name.padEnd(24)}${kb(bytes.length)}${kb(gzipSync(bytes, { level: 9 }).length)} gzip${kb(brotli.length)} brotli`);
}
