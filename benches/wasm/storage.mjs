// Times the storage in WebAssembly: node storage.mjs passages.jsonl.gz [export.gossamer...]
//
// Exports of any size are made by `cargo run --release --no-default-features --example open_index -- CHUNKS FILE`.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";

const { Export, Pages } = createRequire(import.meta.url)("./pkg/gossamer_wasm_bench.js");
const [passages, ...exported] = process.argv.slice(2);
const timed = (work, times) => {
  const took = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    work();
    took.push(performance.now() - start);
  }
  return took.sort((a, b) => a - b)[times >> 1];
};

const lines = gunzipSync(await readFile(passages)).toString().trim().split("\n");
const text = lines.map((line) => JSON.parse(line).text).join("\n");
const bytes = Buffer.byteLength(text);
let pages;
const deflate = timed(() => (pages = new Pages(text)), 1);
const inflate = timed(() => pages.inflate(), 3);
const piece = timed(() => pages.piece(7), 51);
const rate = (ms) => (bytes / 1e3 / ms).toFixed(0);
console.log(`${(bytes / 1e6).toFixed(1)} MB of text: ratio ${(pages.stored() / bytes).toFixed(3)}, compressed at ${rate(deflate)} MB/s, read at ${rate(inflate)} MB/s, one piece in ${piece.toFixed(2)} ms`);

for (const file of exported) {
  const index = new Export(await readFile(file));
  let chunks;
  const ms = timed(() => (chunks = index.open()), 9);
  console.log(`${chunks} chunks opened in ${ms.toFixed(2)} ms`);
}
