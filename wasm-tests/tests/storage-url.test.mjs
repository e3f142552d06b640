// An index made natively and put on a static host is opened by URL in Chromium: fetched by range, block by block, and
// believed only as far as its checksums go.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";

import { browser } from "../harness.mjs";
import { bare, bareSite, native } from "./storage-bare.mjs";

describe("an index on a web host", () => {
  let folder;
  let made;
  let file;
  let server;
  let chrome;
  // What the host does, and what it was asked for.
  let host;

  /** Answers a range request out of the file, as `host` says. */
  async function answer(request, response) {
    if (!request.url.startsWith("/index/")) return false;
    if (host.failures-- > 0) {
      response.writeHead(503).end();
      return true;
    }
    if (host.whole) {
      response.writeHead(200, { "Content-Length": file.length }).end(file);
      return true;
    }
    if (request.url !== "/index/tiny.gossamer") return false;
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range).map(Number);
    const part = Buffer.from(file.subarray(from, to + 1));
    host.asked.push([from, from + part.length]);
    host.bytes += part.length;
    if (host.flip >= from && host.flip < from + part.length) part[host.flip - from] ^= 1;
    const body = host.short ? part.subarray(0, part.length - 1) : host.long ? Buffer.concat([part, part]) : part;
    response.writeHead(206, {
      "Content-Length": body.length,
      "Content-Range": `bytes ${from}-${from + part.length - 1}/${file.length}`,
      ETag: host.version,
    }).end(body);
    return true;
  }

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-url-"));
    made = JSON.parse(native("tiny_export", path.join(folder, "tiny.gossamer")));
    file = await readFile(path.join(folder, "tiny.gossamer"));
    server = await bareSite({ index: folder, intercept: answer });
    chrome = await browser();
  });
  beforeEach(() => {
    host = { asked: [], bytes: 0, failures: 0, flip: -1, version: '"1"' };
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Opens it in a fresh page. */
  async function open() {
    const page = await bare(chrome.context, server.url);
    const failed = await page.evaluate(async () => {
      try {
        globalThis.engine = await Engine.openUrl("/index/tiny.gossamer");
      } catch ({ code, message, retryable }) {
        return { code, message, retryable };
      }
    });
    return { page, failed };
  }

  test("answers as it does natively, and fetches what it needs", async (t) => {
    const { page, failed } = await open();
    assert.equal(failed, undefined);
    const opened = host.bytes;
    assert.ok(opened < file.length / 2, `${opened} of ${file.length} bytes to open it`);
    const [first, second] = await page.evaluate(async (id) => {
      const { length } = await engine.text(id);
      return [length, engine.traffic()];
    }, made.hits[0].id);
    assert.ok(first > made.hits[0].end);
    assert.equal(second.bytes, host.bytes, "the engine counts what the host sent");
    const read = host.bytes - opened;
    assert.ok(read > 0 && read < 4 * 64 * 1024, `${read} bytes for one document`);
    const hits = await page.evaluate(async (question) => {
      await load(engine);
      return (await engine.search(question, { k: 5, mode: "semantic" })).hits.map(({ document, utf16, text }) => ({ id: document, start: utf16[0], end: utf16[1], text }));
    }, made.question);
    assert.deepEqual(hits, made.hits);
    t.diagnostic(`${file.length} bytes; ${opened} to open it in ${host.asked.length} requests, ${read} for a document, ${host.bytes} after a search`);
    const { documents } = await page.evaluate(() => engine.stats());
    assert.equal(documents, made.documents);
    assert.equal(await page.evaluate(() => clean(engine)), true);
    const refused = await page.evaluate(() => failure(engine.add([{ id: "new", text: "the first of many" }])));
    assert.equal(refused.code, "read-only");
    await page.close();
  });

  test("is the same byte for byte when a browser has taken it in and exports it", async () => {
    const page = await bare(chrome.context, server.url);
    const exported = await page.evaluate(async (base64) => {
      const file = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const engine = await Engine.import("moved", {}, file);
      const parts = [];
      await engine.export((part) => void parts.push(part.slice()));
      engine.close();
      let text = "";
      for (const part of parts) for (let at = 0; at < part.length; at += 8192) text += String.fromCharCode(...part.subarray(at, at + 8192));
      return btoa(text);
    }, file.toString("base64"));
    assert.ok(Buffer.from(exported, "base64").equals(file));
    await page.close();
  });

  test("is refused, or loses the documents that are named, when a byte is flipped", async () => {
    // In the head, in the manifest.
    for (const flip of [3, 40]) {
      host.flip = flip;
      const { page, failed } = await open();
      assert.match(failed.code, /corrupted|invalid-import/, `byte ${flip}`);
      await page.close();
    }
    // Spread over the blocks.
    for (const share of [0.3, 0.6, 0.95]) {
      host.flip = Math.floor(file.length * share);
      const { page, failed } = await open();
      assert.equal(failed, undefined);
      const [report, hits] = await page.evaluate(async (question) => {
        const report = await engine.verify();
        await load(engine);
        return [report, (await engine.search(question, { k: 5, mode: "semantic" })).hits];
      }, made.question);
        assert.equal(report.damaged.length, 1, `byte ${host.flip}`);
      const lost = new Set(report.damaged[0].documents);
      assert.ok(lost.size > 0);
      assert.ok(hits.length > 0);
      // None of a damaged document, unless its passage lies beside the damage; nothing with another text than it had.
      for (const hit of hits) assert.ok(!lost.has(hit.document) || report.damaged[0].part === "text", `${hit.document} is damaged`);
      const right = new Map(made.hits.map((hit) => [`${hit.id} ${hit.start}`, hit.text]));
      for (const { document, utf16, text } of hits) assert.equal(text, right.get(`${document} ${utf16[0]}`) ?? text);
      await page.close();
    }
  });

  test("says what is wrong with the host", async () => {
    host.whole = true;
    const ignored = await open();
    assert.equal(ignored.failed.code, "no-ranges");
    assert.match(ignored.failed.message, /range/);
    host.whole = false;
    const missing = await ignored.page.evaluate(() => failure(Engine.openUrl("/index/absent.gossamer")));
    assert.equal(missing.code, "storage-failed");
    assert.match(missing.message, /404/);
    host.short = true;
    assert.match((await ignored.page.evaluate(() => failure(Engine.openUrl("/index/tiny.gossamer")))).message, /another part/);
    Object.assign(host, { short: false, long: true });
    assert.equal((await ignored.page.evaluate(() => failure(Engine.openUrl("/index/tiny.gossamer")))).code, "network");
    host.long = false;
    host.failures = 1;
    const again = await open();
    assert.equal(again.failed, undefined, "a host that was busy for a moment is asked again");
    host.version = '"2"';
    const replaced = await again.page.evaluate((id) => failure(engine.text(id)), made.hits[0].id);
    assert.equal(replaced.code, "storage-lost");
    assert.match(replaced.message, /replaced/);
    await ignored.page.close();
    await again.page.close();
  });
});
