// The index as one file, passages as links, and an index that is read where it lies on the site. With the tiny model on
// the CPU, so by word where it matters what is found.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { answered, answers, ask, browser, dropFiles, imported, root, row, site, started, tiny, visit } from "../harness.mjs";

const sample = async (name) => ({ name, text: await readFile(path.join(root, "samples/documents", name), "utf8") });
const stats = (page) => page.evaluate(() => globalThis.gossamer.stats());
const file = (buffer, name = "other.gossamer") => ({ name, mimeType: "application/octet-stream", buffer });

describe("an index that is taken along", { timeout: 300_000 }, () => {
  let server;
  let chrome;
  let page;
  let folder;
  let exported;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-portable-"));
    server = await site({
      model: tiny,
      async intercept({ url, headers }, response) {
        if (url !== "/exported.gossamer") return false;
        const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
        const [from, to] = range ? [Number(range[1]), Math.min(Number(range[2]), exported.length - 1)] : [0, exported.length - 1];
        response.writeHead(range ? 206 : 200, { "Content-Length": to - from + 1, "Content-Range": `bytes ${from}-${to}/${exported.length}`, ETag: '"1"' });
        response.end(exported.subarray(from, to + 1));
        return true;
      },
    });
    chrome = await browser();
    await chrome.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
    await dropFiles(page, [await sample("tides-and-the-moon.md"), await sample("houseplants.txt")]);
    await imported(page);
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test("a link to a passage opens the reader there, after a reload too, and no server is told of it", async () => {
    await ask(page, "neap");
    await page.selectOption("#filter-mode", "keyword");
    await answered(page);
    const [hit] = await answers(page);
    await page.locator(".hit-link").first().click();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    const other = await visit(chrome.context, link);
    const opened = () => other.waitForFunction((text) => [...document.querySelectorAll(".passage[data-current]")].map((node) => node.textContent).join("") === text, hit.text);
    await opened();
    assert.equal(await other.innerText("#reader-title"), hit.title);
    await other.waitForFunction(() => {
      const [box, frame] = [".passage[data-current]", "#reader-text"].map((what) => document.querySelector(what).getBoundingClientRect());
      return box.top < frame.bottom && box.bottom > frame.top;
    });
    await other.reload();
    await started(other);
    await opened();
    await other.click("#reader-close");
    await other.waitForFunction(() => location.hash === "");
    assert.ok(server.requests.every(({ url }) => !/tides-and-the-moon|passage=/.test(url)));
    await other.goto(`${server.url}#passage=letters%2Fnobody.txt&from=0&to=9`);
    await started(other);
    await other.waitForSelector('#notice[data-code="not-here"]');
    assert.match(await other.innerText("#notice"), /letters\/nobody\.txt/);
    assert.equal(await other.locator("#reader[open]").count(), 0);
    await other.close();
    await page.selectOption("#filter-mode", "hybrid");
    await answered(page);
  });

  test("the button exports it as one file", async () => {
    const waiting = page.waitForEvent("download");
    await page.click("#export-index");
    const download = await waiting;
    assert.match(download.suggestedFilename(), /^gossamer-\d{4}-\d\d-\d\d\.gossamer$/);
    exported = await readFile(await download.path());
    await writeFile(path.join(folder, "page.gossamer"), exported);
    const { bytes } = await stats(page);
    assert.ok(exported.length >= bytes.text + bytes.codes, `${exported.length} bytes`);
  });

  test("a file that is damaged, cut off, or no index, changes nothing", async () => {
    const before = await stats(page);
    const flipped = (at) => {
      const bytes = Buffer.from(exported);
      bytes[at] ^= 1;
      return bytes;
    };
    for (const wrong of [flipped(exported.length >> 1), flipped(200), exported.subarray(0, 900), Buffer.from("no index at all, but text")]) {
      await page.setInputFiles("#index-picker", file(wrong));
      await page.click('#replace button[value="yes"]');
      await page.waitForSelector("#notice:not([hidden])");
      assert.match(await page.innerText("#notice"), /whole index/);
      await page.evaluate(async () => (await import("/js/notice.js")).clear());
    }
    assert.deepEqual(await stats(page), before);
    assert.ok((await ask(page, "tide")).length > 0, "it still answers");
  });

  test("it takes the place of another only after a question, and can be searched at once", async () => {
    await dropFiles(page, [{ name: "later.txt", text: "Written after the export." }]);
    await row(page, "later.txt", "done");
    await page.setInputFiles("#index-picker", file(exported));
    assert.match(await page.innerText("#replace-what"), /3 documents/);
    await page.click('#replace button[value="no"]');
    assert.equal((await stats(page)).documents, 3);
    // Dropped on the page it is asked about as well.
    await dropFiles(page, [{ name: "other.gossamer", bytes: exported }]);
    await page.click('#replace button[value="yes"]');
    await page.waitForFunction(() => document.querySelectorAll(".file").length === 2);
    assert.equal((await stats(page)).documents, 2);
    await page.waitForFunction(() => document.querySelector("#model").hidden);
    const hits = await ask(page, "neap tide");
    assert.ok(hits.some(({ file }) => file === "tides-and-the-moon.md"));
    await dropFiles(page, [{ name: "own.txt", text: "It can be added to as before." }]);
    await row(page, "own.txt", "done");
    assert.deepEqual(page.complaints, []);
  });

  test("the samples' index, which the command exported, opens in an empty browser", async () => {
    const fresh = await browser();
    try {
      const page = await visit(fresh.context, `${server.url}?backend=cpu`);
      await page.setInputFiles("#index-picker", file(await readFile(path.join(root, "www/samples/index.gossamer"))));
      await page.waitForFunction(() => document.querySelectorAll(".file").length === 20);
      await page.fill("#question", "bradawl or swarm");
      await page.waitForSelector(".hit");
      assert.match((await answers(page)).map(({ file }) => file).join(), /bees/);
    } finally {
      await fresh.close();
    }
  });

  test("on the page's own site it is read where it lies, and nothing of it is kept", async () => {
    const fresh = await browser();
    try {
      const page = await visit(fresh.context, `${server.url}?backend=cpu&index=exported.gossamer`);
      assert.match(await page.innerText("#source"), /exported\.gossamer/);
      const hits = await ask(page, "neap tide");
      assert.ok(hits.some(({ file }) => file === "tides-and-the-moon.md"));
      await page.locator(".hit-open").first().click();
      await page.waitForSelector("#reader .passage[data-current]");
      await page.keyboard.press("Escape");
      await dropFiles(page, [{ name: "mine.txt", text: "Not to be added here." }]);
      await page.waitForSelector('#notice[data-code="read-only"]');
      assert.equal(await page.locator("#choose").isVisible(), false);
      assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
      assert.equal(await page.innerText("#state-durable"), "on this site, read only");
      assert.deepEqual(page.complaints, []);
    } finally {
      await fresh.close();
    }
  });

  test("on another site it is not even asked for", async () => {
    const page = await visit(chrome.context, `${server.url}?backend=cpu&index=https://example.com/their.gossamer`);
    await page.waitForSelector('#notice[data-code="other-site"]');
    assert.equal((await page.evaluate(() => globalThis.gossamer.traffic())).elsewhere, 0);
    await page.close();
  });

  test("the command imports what the page exported", () => {
    const command = process.env.GOSSAMER_COMMAND ?? path.join(process.env.GOSSAMER_CACHE ?? path.join(os.homedir(), ".cache/gossamer"), "native/release/gossamer");
    const run = (...args) => execFileSync(command, [...args, "--index", path.join(folder, "index")], { encoding: "utf8" });
    run("import", path.join(folder, "page.gossamer"));
    assert.match(run("list"), /tides-and-the-moon\.md/);
  });
});
