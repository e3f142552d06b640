// Brings an embedder of its own, so the package is small (`gossamer-search/slim`) and loads no model.
//
//   node own-embedder.mjs
//
// The one here only knows which words a text has. In its place could stand transformers.js:
//
//   const extract = await pipeline("feature-extraction", "Xenova/bge-small-en-v1.5");
//   const embed = async (texts) => (await extract(texts, { pooling: "cls", normalize: true })).data;
//
// or a service: `fetch(url, { method: "POST", body: JSON.stringify(texts) })` and an array of vectors out of it.

import { Index } from "gossamer-search/slim";

const dimensions = 64;

function embed(texts) {
  return texts.map((text) => {
    const vector = new Float32Array(dimensions).fill(0.01);
    for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
      let hash = 0;
      for (const char of word) hash = Math.imul(hash, 31) + char.codePointAt(0);
      vector[(hash >>> 0) % dimensions] += 1;
    }
    return vector;
  });
}

const index = await Index.open({ name: "pets", storage: "memory", embedder: { model: "words-1", dimensions, embed } });
await index.add([
  { id: "cat", text: "The cat sleeps on the warm windowsill.", metadata: { legs: 4 } },
  { id: "fish", text: "The fish swims in its bowl all day.", metadata: { legs: 0 } },
]);
const { hits } = await index.search("who sleeps on the windowsill");
for (const { document, score, metadata } of hits) console.log(document, score.toFixed(2), metadata.legs);
await index.close();
