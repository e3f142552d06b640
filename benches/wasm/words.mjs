// Times keyword search in WebAssembly: node words.mjs passages.jsonl.gz queries.jsonl [megabytes]

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";

const { Indexed, Words, heap } = createRequire(import.meta.url)("./pkg/gossamer_wasm_bench.js");
const [passagesFile, queriesFile, megabytes = "10"] = process.argv.slice(2);
const lines = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line).text);
const passages = lines(gunzipSync(await readFile(passagesFile)).toString());
const questions = lines(await readFile(queriesFile, "utf8")).slice(0, 100);
const kept = [];
for (let bytes = 0, i = 0; bytes < megabytes * 1e6 && i < passages.length; i++) {
  kept.push(passages[i].replaceAll("\n", " "));
  bytes += Buffer.byteLength(kept.at(-1)) + 1;
}
const text = kept.join("\n");
const size = Buffer.byteLength(text) / 1e6;
// Time on the CPU, so that what else the machine does is not counted.
const timed = (call) => {
  const start = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};
const p50 = (times) => times.sort((a, b) => a - b)[times.length >> 1];
const show = (name, ms) => console.log(`${name}: ${ms.toFixed(1)} ms, ${((size / ms) * 1000).toFixed(0)} MB/s`);

const words = new Words(text);
console.log(`${kept.length} passages, ${size.toFixed(1)} MB`);
show("inflate", p50([0, 0, 0, 0, 0].map(() => timed(() => words.inflate()))));
show("scan that keeps nothing", p50(questions.slice(0, 11).map((question) => timed(() => words.scan(question)))));
let memory = 0;
show("count all words", p50([0, 0, 0].map(() => timed(() => { memory = words.remember(); }))));
console.log(`kept in memory: ${(memory / 1e6).toFixed(1)} MB, ${((100 * memory) / (size * 1e6)).toFixed(0)} % of the text`);
show("ask", p50(questions.map((question) => timed(() => words.ask(question)))));
words.free();

// The same through an index, as an application asks: blocks are read and checked, hits are read and marked.
const indexed = new Indexed(text);
const [first, second, later] = [[], [], []];
for (const [i, question] of questions.slice(0, 11).entries()) {
  indexed.forget();
  for (const times of [first, second, later]) times.push(timed(() => indexed.ask(questions[(i + 7 * times.length) % 100])));
}
const [ahead, prepared] = [[], []];
for (const question of questions.slice(20, 25)) {
  indexed.forget();
  ahead.push(timed(() => indexed.prepare()));
  prepared.push(timed(() => indexed.ask(question)));
}
show("index, first question", p50(first));
show("index, second question", p50(second));
show("index, later questions", p50(later));
show("index, counting ahead", p50(ahead));
show("index, first question after it", p50(prepared));
console.log(`memory of the module: ${heap().buffer.byteLength >> 20} MiB`);
