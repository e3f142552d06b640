// hnswlib-wasm in Chromium on the same vectors: `node hnswlib.mjs VECTORS.f32 QUERIES.f32 DIM`, one JSON object. It keeps
// vectors and graph in memory and writes both to IndexedDB; what it wrote is what is counted.
import path from "node:path";
import { fileURLToPath } from "node:url";

import { browser } from "../../../wasm-tests/harness.mjs";
import { serve } from "../../../wasm-tests/serve.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const [vectors, queries, dim] = process.argv.slice(2);

/** In the page: builds, asks at every `ef`, stores. */
async function measure({ files, dim, efs }) {
  const { loadHnswlib, syncFileSystem } = await import("/lib/hnswlib.js");
  const rows = async (name) => {
    const all = new Float32Array(await (await fetch(`/data/${name}`)).arrayBuffer());
    return Array.from({ length: all.length / dim }, (_, i) => all.subarray(i * dim, (i + 1) * dim));
  };
  const [stored, questions] = [await rows(files[0]), await rows(files[1])];
  const lib = await loadHnswlib();
  const index = new lib.HierarchicalNSW("ip", dim, "");
  const start = performance.now();
  index.initIndex(stored.length, 16, 128, 100);
  const step = 500;
  for (let at = 0; at < stored.length; at += step) {
    const part = stored.slice(at, at + step);
    index.addPoints(part, part.map((_, i) => at + i), false);
  }
  const build = (performance.now() - start) / 1e3;
  const runs = efs.map((ef) => {
    index.setEfSearch(ef);
    const [found, times] = [[], []];
    for (const question of questions) {
      const start = performance.now();
      found.push([...index.searchKnn(question, 3, undefined).neighbors]);
      times.push(performance.now() - start);
    }
    // The browser's clock is coarse: the mean of many.
    return { ef, found, ms: times.reduce((a, b) => a + b) / times.length };
  });
  await index.writeIndex("squad.dat");
  await syncFileSystem("write");
  let bytes = 0;
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((done, failed) => Object.assign(indexedDB.open(name), { onsuccess: (e) => done(e.target.result), onerror: failed }));
    for (const store of db.objectStoreNames) {
      const all = await new Promise((done) => (db.transaction(store).objectStore(store).getAll().onsuccess = (e) => done(e.target.result)));
      bytes += all.reduce((sum, file) => sum + (file.contents?.byteLength ?? 0), 0);
    }
  }
  return { build, runs, bytes };
}

const server = await serve({
  root: here,
  mounts: { "/lib/": path.join(here, "node_modules/hnswlib-wasm/dist"), "/data/": path.dirname(path.resolve(vectors)) },
  // Without the page's policy: the library makes functions from strings.
  intercept(request, response) {
    if (request.url !== "/") return false;
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>bench</title>");
    return true;
  },
});
const { context, close } = await browser();
try {
  const tab = await context.newPage();
  await tab.goto(server.url);
  const files = [vectors, queries].map((file) => path.basename(file));
  console.log(JSON.stringify(await tab.evaluate(measure, { files, dim: Number(dim), efs: [3, 8, 16, 32, 64] })));
} finally {
  await close();
  await server.close();
}
