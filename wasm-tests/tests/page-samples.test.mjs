// A first visit, with the real model on the CPU: the samples answer by word before the model is there and by meaning
// afterwards, from a finished index; and all of it stays for a visit without a connection.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { answered, ask, browser, root, site, started, visit } from "../harness.mjs";

describe("a first visit", { timeout: 900_000 }, () => {
  let server;
  let chrome;
  let page;
  let held = true;
  let release;

  before(async () => {
    // The weights are held back until the answers by word have been seen.
    const gate = new Promise((open) => (release = open));
    server = await site({
      async intercept({ url }) {
        if (held && /safetensors/.test(url)) await gate;
        return false;
      },
    });
    chrome = await browser();
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
  });
  after(async () => {
    release?.();
    await chrome?.close();
    await server?.close();
  });

  test("says how large the model is before any of it is loaded", async () => {
    assert.match(await page.innerText("#drop-note"), / \d+(\.\d+)? MB/);
    assert.ok(!server.requests.some(({ url }) => url.includes("safetensors")));
  });

  test("answers a question of the samples within seconds, by word, while the model is still on its way", async (t) => {
    const started = Date.now();
    await page.locator("#suggestions-list button").first().click();
    await page.waitForSelector(".hit");
    t.diagnostic(`first answer after ${Date.now() - started} ms`);
    assert.match(await page.innerText("#answers-meta"), /by word, meaning follows/);
    assert.equal(await page.evaluate(() => globalThis.gossamer.stats().then(({ documents }) => documents)), 20);
  });

  test("puts the answers by meaning in their place when the model has come, without embedding a sample anew", async (t) => {
    const from = Date.now();
    held = false;
    release();
    await answered(page);
    t.diagnostic(`by meaning ${Date.now() - from} ms after the model's download began`);
    assert.match(await page.innerText("#answers-meta"), /recomputed$/);
    assert.equal(await page.evaluate(() => globalThis.gossamer.info().then(({ embeddedToAdd }) => embeddedToAdd)), 0);
    assert.match(await page.innerText("#state-backend"), /^CPU, self-test passed$/);
    assert.match(await page.innerText("#state-bytes"), /^[\d.]+ kB, \d+ B each, [\d.]+ % of [\d.]+ kB text$/);
  });

  test("finds what the samples' questions ask for", async () => {
    const cases = JSON.parse(await readFile(path.join(root, "samples/questions.json"), "utf8"));
    const asked = cases.filter((_, i) => i % Math.ceil(cases.length / 12) === 0);
    const squeeze = (text) => text.replace(/\s+/g, " ");
    let found = 0;
    for (const { question, document, answer } of asked) {
      const hits = await ask(page, question);
      if (hits.slice(0, 5).some((hit) => hit.file === document && squeeze(hit.text).includes(squeeze(answer).slice(0, 40)))) found++;
    }
    assert.ok(found >= 0.75 * asked.length, `${found} of ${asked.length} questions answered in the first five passages`);
  });

  test("works offline afterwards: page, model and index, with no request at all", async () => {
    await page.waitForFunction(() => document.getElementById("state-offline").textContent === "works offline", undefined, { timeout: 60_000 });
    await chrome.context.setOffline(true);
    const before = server.requests.length;
    await page.reload();
    await started(page);
    const hits = await ask(page, "Why is there a second high water each day?");
    assert.equal(hits[0].file, "tides-and-the-moon.md");
    // The browser itself asks whether there is a newer service worker.
    const asked = server.requests.slice(before).map(({ url }) => url).filter((url) => !["/sw.js", "/assets.js"].includes(url));
    assert.deepEqual(asked, []);
    const { toLoad, since } = await page.evaluate(() => globalThis.gossamer.traffic());
    assert.equal(toLoad + since, 0);
    await chrome.context.setOffline(false);
  });

  test("takes the samples away again with one button", async () => {
    await page.click("#remove-samples");
    await page.waitForFunction(() => document.querySelectorAll(".file").length === 0);
    assert.equal((await page.evaluate(() => globalThis.gossamer.stats())).documents, 0);
  });
});
