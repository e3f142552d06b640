// Times the core in WebAssembly: node bench.mjs passages.f16.npy queries.f16.npy [copies]
//
// `copies` lays the passages several times over, each time with other noise, to reach larger sizes.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { Bench, heap } = createRequire(import.meta.url)("./pkg/gossamer_wasm_bench.js");
const [passagesFile, queriesFile, copies = "1"] = process.argv.slice(2);
const width = 384 * 2;
const npy = async (file) => {
  const bytes = await readFile(file);
  return bytes.subarray(10 + bytes.readUInt16LE(8));
};
const passages = await npy(passagesFile);
const queries = await npy(queriesFile);
const rows = (bytes) => bytes.length / width;
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(2);
const p50 = (times) => times.sort((a, b) => a - b)[times.length >> 1].toFixed(3);

const bench = new Bench(passages.subarray(0, 2000 * width));
let at = performance.now();
let chunks = 0;
for (let copy = 0; copy < Number(copies); copy++) {
  for (let from = 0; from < rows(passages); from += 43) {
    const part = Buffer.from(passages.subarray(from * width, (from + 43) * width));
    // The low bits of the mantissa: other neighbours, the same kind of vectors.
    if (copy > 0) for (let i = 0; i < part.length; i += 2) part[i] ^= ((i * 2654435761 + copy * 40503) >>> 7) & 255;
    bench.encode(part);
    chunks += rows(part);
  }
}
console.log(`${chunks} chunks coded in ${seconds(at)} s`);
at = performance.now();
const bytes = bench.build();
console.log(`graph built in ${seconds(at)} s, ${(bytes / chunks).toFixed(2)} bytes per chunk`);
let read = 0;
const [scans, walks] = [[], []];
for (let i = 0; i < rows(queries); i++) {
  const query = queries.subarray(i * width, (i + 1) * width);
  let start = performance.now();
  bench.scan(query);
  scans.push(performance.now() - start);
  start = performance.now();
  read += bench.walk(query);
  walks.push(performance.now() - start);
}
console.log(`query p50: scan ${p50(scans)} ms, walk ${p50(walks)} ms with ${Math.round(read / rows(queries))} codes read`);
console.log(`memory of the module: ${heap().buffer.byteLength >> 20} MiB`);
