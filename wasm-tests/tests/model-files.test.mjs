// The model's files: verified before use, never half, loaded once. With the tiny model, and one of 20 MB for parts.

import assert from "node:assert/strict";
import { open, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { partBytes } from "../../pkg/src/model.js";
import { browser, dropFiles, row, site, tiny, visit } from "../harness.mjs";

const note = [{ name: "note.txt", text: "one two three four five" }];

async function withPage(options, work) {
  const server = await site(options);
  const { context, close } = await browser();
  try {
    await work(server, await visit(context, `${server.url}?backend=cpu`), context);
  } finally {
    await close();
    await server.close();
  }
}

/** Loads a list of files with the page's own code, without an engine. */
const loadModel = (page) => page.evaluate(async () => {
  const models = await import("/js/model.js");
  const base = new URL("/model/", location.href);
  let last = 0;
  let monotonic = true;
  try {
    const manifest = await models.describe(base);
    const files = await models.load(base, manifest, ({ loaded, total }) => {
      monotonic &&= loaded >= last && loaded <= total;
      last = loaded;
    });
    return { sizes: Object.values(files).map((bytes) => bytes.length), monotonic, last, total: manifest.bytes };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
});

test("a model file with one wrong byte is refused, by name, and not used", async () => {
  await withPage({ model: tiny }, async (server, page) => {
    const file = path.join(server.folder, "model.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(file, bytes);
    await dropFiles(page, note);
    await page.waitForSelector('#notice[data-code="model-integrity"]');
    assert.match(await page.innerText("#notice"), /model\.safetensors/);
    assert.match(await row(page, "note.txt", "failed"), /not added/i);
  });
});

test("a file that ends early is not taken for whole", async () => {
  await withPage({ model: tiny }, async (server, page) => {
    const file = await open(path.join(server.folder, "tokenizer.json"), "r+");
    await file.truncate(1000);
    await file.close();
    const result = await loadModel(page);
    assert.equal(result.code, "model-unavailable");
    assert.match(result.message, /tokenizer\.json/);
  });
});

test("a missing file is named", async () => {
  const intercept = (request, response) => {
    if (!request.url.startsWith("/model/config.json")) return false;
    response.writeHead(404).end();
    return true;
  };
  await withPage({ model: tiny, intercept }, async (_, page) => {
    const result = await loadModel(page);
    assert.equal(result.code, "model-unavailable");
    assert.match(result.message, /config\.json/);
  });
});

test("a download that is cut off goes on with the first part that is missing, also after a reload", { timeout: 120_000 }, async () => {
  const size = 20.5 * 1024 * 1024;
  const PART = partBytes(size);
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4) body.writeUInt32LE((i * 2654435761) >>> 0, i);
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update(body).digest("hex");
  const manifest = JSON.stringify({ name: "big", files: [{ name: "big.bin", bytes: size, sha256 }] });
  let [cutAt, sent] = [1.25 * PART, 0];
  const ranges = [];
  const intercept = (request, response) => {
    if (request.url === "/model/manifest.json") {
      response.writeHead(200, { "Content-Type": "application/json" }).end(manifest);
      return true;
    }
    if (request.url !== "/model/big.bin") return false;
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "bytes=0-")[1]);
    ranges.push(start);
    response.writeHead(start > 0 ? 206 : 200, { "Content-Length": size - start });
    if (cutAt === undefined) {
      sent += size - start;
      response.end(body.subarray(start));
    } else {
      response.write(body.subarray(start, Math.max(start, cutAt)), () => setTimeout(() => response.destroy(), 50));
    }
    return true;
  };
  await withPage({ intercept }, async (_, page) => {
    const failed = await loadModel(page);
    assert.equal(failed.code, "model-unavailable");
    assert.equal(ranges[0], 0);
    assert.ok(ranges.slice(1).every((start) => start === PART), `asked from ${ranges}`);
    cutAt = undefined;
    await page.reload();
    const { sizes, monotonic, last, total } = await loadModel(page);
    assert.deepEqual(sizes, [size]);
    assert.ok(monotonic, "progress went back");
    assert.equal(last, total);
    assert.equal(sent, size - PART, "the part that was whole is not loaded again");
    ranges.length = 0;
    assert.deepEqual((await loadModel(page)).sizes, [size]);
    assert.deepEqual(ranges, [], "everything comes from the cache");
  });
});

test("a part that was damaged in the cache is refused and fetched anew", async () => {
  await withPage({ model: tiny }, async (_, page) => {
    assert.equal((await loadModel(page)).code, undefined);
    await page.evaluate(async () => {
      const cache = await caches.open("gossamer-model");
      const key = (await cache.keys()).find(({ url }) => url.includes("model.safetensors?"));
      const bytes = new Uint8Array(await (await cache.match(key)).arrayBuffer());
      bytes[7] ^= 1;
      await cache.put(key, new Response(bytes));
    });
    assert.equal((await loadModel(page)).code, "model-integrity");
    assert.equal((await loadModel(page)).code, undefined);
  });
});
