// IndexedDB under a browser that takes things away: deleted databases, a full disk, two tabs at once.
// With the tiny model on the CPU, so that commits are frequent.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";

import { ask, browser, dropFiles, engine, row, site, started, tiny, visit, www } from "../harness.mjs";
import { numbered } from "./storage-bare.mjs";

describe("the index in IndexedDB", () => {
  let server;
  let chrome;
  let url;
  let name = 0;

  before(async () => {
    server = await site({ model: tiny });
    chrome = await browser();
    url = `${server.url}?backend=cpu`;
  });
  beforeEach(() => name++);
  after(async () => {
    await chrome?.close();
    await server?.close();
  });
  const open = () => engine(chrome.context, url, { backend: "cpu", name: `test-${name}` });

  test("is reported as lost, not as empty, when somebody deletes the database", async () => {
    const { page, call } = await open();
    await call("add", { documents: [numbered(1)] });
    await page.evaluate((database) => new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(database);
      request.onsuccess = resolve;
      request.onerror = request.onblocked = reject;
    }), `test-${name}`);
    const code = await page.evaluate((document) => testClient.call("add", { documents: [document] }).then(() => "added", (error) => error.code), numbered(2));
    assert.equal(code, "storage-lost");
    assert.deepEqual(await page.evaluate(async (database) => (await indexedDB.databases()).filter(({ name }) => name === database), `test-${name}`), [], "it must not be made anew behind the index's back");
    await page.close();
  });

  test("has one writer at a time: a second tab is told who writes, and can write when the first has ended", async () => {
    const [first, second] = [await open(), await open()];
    const many = Array.from({ length: 40 }, (_, i) => ({ ...numbered(i), text: numbered(i).text.repeat(8) }));
    await first.page.evaluate((documents) => {
      globalThis.adding = testClient.call("add", { documents }, { onProgress: () => (globalThis.begun = true) });
    }, many);
    await first.page.waitForFunction(() => globalThis.begun);
    const outcome = await second.page.evaluate((document) => testClient.call("add", { documents: [document] }).then(() => "added", ({ code, retryable }) => `${code} ${retryable}`), numbered(99));
    assert.equal(outcome, "locked true");
    await first.page.evaluate(() => globalThis.adding);
    await second.call("add", { documents: [numbered(99)] });
    const ids = (await second.call("documents")).map(({ id }) => id);
    assert.equal(ids.length, 41, "the second tab wrote on top of what the first had committed");
    await first.page.close();
    await second.page.close();
  });
});

// A disk that is full and has room again at will, which Chromium's own quota does not do (storage-full.test.mjs): the
// worker's `put` aborts its transaction as the browser does, late, and with the reason only in the abort.
const fullDisk = `
const put = IDBObjectStore.prototype.put;
let full = false;
new BroadcastChannel("disk").onmessage = ({ data }) => (full = data === "full");
IDBObjectStore.prototype.put = function (value, key) {
  const request = put.call(this, value, key);
  const { transaction } = this;
  if (full) {
    Object.defineProperty(transaction, "error", { value: new DOMException("no space left", "QuotaExceededError") });
    request.addEventListener("success", () => transaction.abort());
  }
  return request;
};
`;

test("a full disk is reported, and what was committed stays", { timeout: 120_000 }, async () => {
  const intercept = async (request, response) => {
    if (request.url !== "/worker.js") return false;
    const script = await readFile(path.join(www, "worker.js"), "utf8");
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(script + fullDisk);
    return true;
  };
  const server = await site({ model: tiny, intercept });
  const { context, close } = await browser();
  try {
    const url = `${server.url}?backend=cpu`;
    const { page, call } = await engine(context, url, { backend: "cpu" });
    await call("add", { documents: [numbered(1)] });
    const disk = (state) => page.evaluate((state) => new Promise((told) => {
      new BroadcastChannel("disk").postMessage(state);
      setTimeout(told, 50);
    }), state);
    await disk("full");
    const code = await page.evaluate((document) => testClient.call("add", { documents: [document] }).then(() => "added", (error) => error.code), numbered(2));
    assert.equal(code, "quota-exceeded");
    assert.deepEqual((await call("documents")).map(({ id }) => id), ["doc-1"]);
    const { hits } = await call("search", { query: "one two", options: { k: 1 } });
    assert.equal(hits[0].document, "doc-1");
    await disk("free");
    await call("add", { documents: [numbered(3)] });
    const again = await engine(context, url, { backend: "cpu" });
    assert.deepEqual((await again.call("documents")).map(({ id }) => id).sort(), ["doc-1", "doc-3"]);
  } finally {
    await close();
    await server.close();
  }
});

test("the page answers while documents are still being added", { timeout: 120_000 }, async () => {
  const server = await site({ model: tiny });
  const { context, close } = await browser();
  try {
    const page = await visit(context, `${server.url}?backend=cpu`);
    await dropFiles(page, [{ name: "first.txt", text: "one two three four five." }]);
    await row(page, "first.txt", "done");
    await dropFiles(page, Array.from({ length: 300 }, (_, i) => ({ name: `more-${i}.txt`, text: numbered(i).text.repeat(60) })));
    await page.waitForSelector('.file[data-state="embedding"]');
    const answers = await ask(page, "one two three");
    assert.ok(answers.length > 0);
    assert.ok((await page.locator('.file[data-state="queued"]').count()) > 0, "the import had ended before the answer came");
    await page.reload();
    await started(page);
    const { documents } = await page.evaluate(() => globalThis.gossamer.stats());
    assert.ok(documents >= 1 && documents < 301, `${documents} documents after a reload in the middle`);
  } finally {
    await close();
    await server.close();
  }
});
