// Times an index in Chromium's IndexedDB: node indexeddb.mjs [CHUNKS] [export.gossamer...]
//
// Imports CHUNKS chunks (default 5,000) with synthetic vectors, with the manifest's swap durable as always and with all
// durability forced off, then takes each export in and opens it in a fresh page. Exports of any size are made by
// `cargo run --release --no-default-features --example open_index -- CHUNKS FILE`; www/pkg must be built.

import path from "node:path";

import { browser } from "../../wasm-tests/harness.mjs";
import { bare, bareSite } from "../../wasm-tests/tests/storage-bare.mjs";

const [chunks = "5000", ...files] = process.argv.slice(2);
const server = await bareSite({ index: files.length > 0 ? path.dirname(path.resolve(files[0])) : undefined });
const { context, close } = await browser();
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** Adds documents until there are so many chunks. Returns chunks, and chunks a second. */
async function add({ name, wanted, relaxed }) {
  if (relaxed) {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (stores, mode, options) {
      return transaction.call(this, stores, mode, { ...options, durability: "relaxed" });
    };
  }
  const dimensions = 384;
  const embed = (texts) => {
    const values = new Float32Array(texts.length * dimensions);
    for (const [row, text] of texts.entries()) {
      let state = 1;
      for (let i = 0; i < text.length; i++) state = (Math.imul(state, 31) + text.charCodeAt(i)) | 1;
      for (let i = 0; i < dimensions; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        values[row * dimensions + i] = state / 2 ** 31;
      }
    }
    return values;
  };
  const engine = await Engine.open(name, {});
  await engine.attach({ model: "synthetic", dimensions, maxTokens: 40, embed });
  const from = performance.now();
  for (let i = 0, there = 0; there < wanted; i += 25) {
    const document = (i) => ({
      id: `${i}`,
      text: Array.from({ length: 40 }, (_, j) => `Line ${j} of document ${i}, of no meaning but about as long as a sentence is.`).join("\n\n"),
    });
    await engine.add(Array.from({ length: 25 }, (_, j) => document(i + j)));
    there = engine.stats().chunks;
  }
  const seconds = (performance.now() - from) / 1e3;
  const there = engine.stats().chunks;
  engine.close();
  return [there, there / seconds];
}

try {
  for (const relaxed of [false, true, false, true]) {
    const page = await bare(context, server.url);
    const [there, rate] = await page.evaluate(add, { name: `add-${Math.random()}`, wanted: Number(chunks), relaxed });
    console.log(`${there} chunks imported at ${rate.toFixed(0)} chunks/s, ${relaxed ? "nothing durable" : "every commit durable"}`);
    await page.close();
  }
  for (const file of files) {
    const name = path.basename(file);
    const page = await bare(context, server.url);
    const took = await page.evaluate(async (name) => {
      const file = new Uint8Array(await (await fetch(`/index/${name}`)).arrayBuffer());
      const from = performance.now();
      (await Engine.import(name, {}, file)).close();
      return performance.now() - from;
    }, name);
    await page.close();
    const opened = [];
    let stats;
    for (let i = 0; i < 5; i++) {
      const fresh = await bare(context, server.url);
      const [ms, found] = await fresh.evaluate(async (name) => {
        const from = performance.now();
        const engine = await Engine.open(name, {});
        return [performance.now() - from, engine.stats()];
      }, name);
      opened.push(ms);
      stats = found;
      await fresh.close();
    }
    console.log(`${stats.chunks} chunks: file taken in in ${took.toFixed(0)} ms, opened from IndexedDB in ${median(opened).toFixed(1)} ms`);
  }
} finally {
  await close();
  await server.close();
}
