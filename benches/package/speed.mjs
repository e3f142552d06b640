// How fast a WebAssembly module of the package works, in Node on one thread: passages embedded per second, and a search.
// For modules that were optimised in different ways. Prints one line for each, best of three.
//
//   node benches/package/speed.mjs gossamer.wasm...        with the package built, and the model beside the page

import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { Index } = await import(path.join(root, "pkg/dist/node.js"));
const bytes = {};
for (const name of ["config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors"]) {
  bytes[name] = new Uint8Array(await readFile(path.join(root, "www/model", name)));
}
const folder = path.join(root, "samples/documents");
const documents = [];
for (const name of (await readdir(folder)).sort().slice(0, 3)) {
  documents.push({ id: name, text: (await readFile(path.join(folder, name), "utf8")).slice(0, 12_000) });
}
for (const file of process.argv.slice(2)) {
  const wasm = new Uint8Array(await readFile(file));
  let [add, search, open] = [Infinity, Infinity, Infinity];
  let chunks;
  for (let run = 0; run < 3; run++) {
    const begun = performance.now();
    const index = await Index.open({ name: "speed", storage: "memory", backend: "cpu", worker: true, wasm, model: { name: "minilm", bytes } });
    const opened = performance.now();
    await index.add(documents);
    const added = performance.now();
    for (const question of ["how do insects talk about food?", "who rules the sea?", "what is a graph?"]) await index.search(question, { recall: 0.95 });
    search = Math.min(search, (performance.now() - added) / 3);
    [open, add] = [Math.min(open, opened - begun), Math.min(add, added - opened)];
    ({ chunks } = await index.stats());
    await index.close();
  }
  const gzip = gzipSync(wasm, { level: 9 }).length;
  console.log(`${path.basename(file)}: ${wasm.length} bytes, ${gzip} gzip; open ${Math.round(open)} ms, ${(chunks / add * 1000).toFixed(1)} passages/s (${chunks}), search ${Math.round(search)} ms`);
}
