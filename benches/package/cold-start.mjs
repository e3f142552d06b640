// From a page that has just been opened to the first answer, with the npm package as it is packed, in Chromium on the
// CPU: with nothing kept, then with the model kept and one document stored. Prints medians in milliseconds as JSON.
//
//   node benches/package/cold-start.mjs [runs]         after scripts/build-web.sh and scripts/build-package.sh

import { realpath } from "node:fs/promises";
import path from "node:path";

import { browser, root, www } from "../../wasm-tests/harness.mjs";
import { serve } from "../../wasm-tests/serve.mjs";

const runs = Number(process.argv[2] ?? 3);
const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Cold start</title>`;
// The package's pins are of the published weights; the page ships smaller ones from the same folder.
const model = path.dirname(await realpath(path.join(www, "model/config.json")));
const server = await serve({
  root: path.join(root, "pkg/examples/page"),
  mounts: { "/package/": path.join(root, "pkg/dist"), "/model/": model },
  intercept: (request, response) => request.url === "/" && (response.writeHead(200, { "Content-Type": "text/html" }).end(page), true),
});

/** In the page: milliseconds since it began to load. */
async function visit(add) {
  const at = { page: performance.now() };
  const { Index } = await import("/package/index.js");
  const note = ({ phase }) => (at[phase] ??= performance.now());
  const index = await Index.open({ name: "cold", model: { url: "/model/" }, backend: "cpu", onProgress: note });
  at.opened = performance.now();
  if (add) await index.add({ id: "bees", text: "Bees dance to tell their sisters where the flowers are." });
  at.added = performance.now();
  const { hits } = await index.search("how do insects talk about food?");
  at.answered = performance.now();
  if (hits[0]?.document !== "bees") throw new Error("another answer");
  await index.close();
  return at;
}

const steps = ({ page, wasm, model, start, opened, added, answered }) => ({
  "page and code": wasm, WebAssembly: model - wasm, model: start - model, "self-test": opened - start, add: added - opened, search: answered - added, "first answer": answered,
});
const all = { cold: [], again: [] };
try {
  for (let run = 0; run < runs; run++) {
    const { context, close } = await browser();
    for (const kind of ["cold", "again"]) {
      const tab = await context.newPage();
      await tab.goto(server.url);
      all[kind].push(steps(await tab.evaluate(visit, kind === "cold")));
      await tab.close();
    }
    await close();
  }
} finally {
  await server.close();
}
const median = (values) => Math.round(values.sort((a, b) => a - b)[values.length >> 1]);
for (const kind of Object.keys(all)) {
  const names = Object.keys(all[kind][0]);
  console.log(kind, JSON.stringify(Object.fromEntries(names.map((name) => [name, median(all[kind].map((run) => run[name]))]))));
}
