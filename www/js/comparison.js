// "Compare with exact search": the last question once more by meaning, with every passage embedded, and how many of
// the nearest the search had found.

import { byId } from "./dom.js";
import * as format from "./format.js";

/** Compares and says what came out. `last` is the question that was answered, `call` the worker. */
export async function compare(last, call, chunks) {
  const [button, line] = [byId("compare"), byId("comparison")];
  const options = { ...last.options, mode: "semantic", groupBy: "chunk" };
  button.disabled = true;
  line.textContent = `Reading all ${format.count(chunks)} passages${expected(last, chunks)}.`;
  try {
    const quick = await call("search", { query: last.query, options });
    const started = performance.now();
    const exact = await call("search", { query: last.query, options: { ...options, recall: 1 } });
    const ms = performance.now() - started;
    const { found, of } = overlap(quick.hits, exact.hits);
    line.textContent = `Of the ${of} nearest passages the search finds ${found}: recall ${(of > 0 ? found / of : 1).toFixed(2)}. `
      + `It recomputed ${format.count(last.recomputed ?? quick.recomputed)} of ${format.count(chunks)} passages; `
      + `exact search looked at all ${format.count(chunks)}, in ${format.duration(ms)}.`;
    line.dataset.recall = String(of > 0 ? found / of : 1);
  } finally {
    button.disabled = false;
  }
}

/** How many of the exact answers are among the others. */
export function overlap(quick, exact) {
  const keys = new Set(quick.map(({ id, start }) => `${start} ${id}`));
  return { found: exact.filter(({ id, start }) => keys.has(`${start} ${id}`)).length, of: exact.length };
}

function expected({ recomputed, ms }, chunks) {
  if (!recomputed) return "";
  return `, which takes about ${format.duration((ms / recomputed) * chunks)}`;
}
