// Searches the texts of a folder, in Node. The second run indexes only what changed.
//
//   node search-a-folder.mjs FOLDER QUESTION
//
// The model (91 MB) is loaded once and kept; MODEL names another place to load it from, for instance file:///models/.

import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

import { Index } from "gossamer-search";

const [folder, question] = process.argv.slice(2);
if (!question) throw new Error("usage: node search-a-folder.mjs FOLDER QUESTION");

async function* documents() {
  for (const file of await readdir(folder, { recursive: true })) {
    if (!/\.(md|txt)$/i.test(file)) continue;
    yield { id: file, title: path.basename(file), text: await readFile(path.join(folder, file), "utf8") };
  }
}

const index = await Index.open({
  name: path.join(folder, ".gossamer"),
  ...(process.env.MODEL ? { model: { url: process.env.MODEL } } : {}),
});
const { added, replaced, unchanged } = await index.add(documents());
console.log(`${added} added, ${replaced} replaced, ${unchanged} unchanged`);

// What is gone from the folder goes from the index.
const there = new Set();
for await (const { id } of documents()) there.add(id);
await index.remove((await index.list()).map(({ id }) => id).filter((id) => !there.has(id)));

const { hits, stats } = await index.search(question, { k: 3 });
for (const { document, heading, score, text } of hits) {
  console.log(`\n${score.toFixed(2)}  ${document}${heading ? `  ${heading}` : ""}\n${text}`);
}
console.log(`\n${Math.round(stats.ms)} ms, ${stats.recomputed} passages embedded`);
await index.close();
