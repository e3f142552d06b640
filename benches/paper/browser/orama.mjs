// @orama/orama in Node on the same vectors: `node orama.mjs VECTORS.f32 QUERIES.f32 DIM`, one JSON object. It scans all vectors.
import { readFileSync } from "node:fs";
import { create, insertMultiple, save, searchVector } from "@orama/orama";

const [vectors, queries, dim] = process.argv.slice(2);
const rows = (path) => {
  const all = new Float32Array(readFileSync(path).buffer.slice(0));
  return Array.from({ length: all.length / dim }, (_, i) => Array.from(all.subarray(i * dim, (i + 1) * dim)));
};
const stored = rows(vectors);
let start = performance.now();
const db = create({ schema: { embedding: `vector[${dim}]` } });
await insertMultiple(db, stored.map((embedding, i) => ({ id: String(i), embedding })), 500);
const build = (performance.now() - start) / 1e3;
const found = [];
const times = [];
for (const value of rows(queries)) {
  start = performance.now();
  const result = await searchVector(db, { vector: { value, property: "embedding" }, similarity: -1, limit: 3 });
  times.push(performance.now() - start);
  found.push(result.hits.map((hit) => Number(hit.id)));
}
times.sort((a, b) => a - b);
// What it would write: its own form, as JSON, without the copies of the documents that it keeps beside.
const { index } = save(db);
console.log(JSON.stringify({ build, found, p50: times[times.length >> 1], bytes: JSON.stringify(index).length }));
