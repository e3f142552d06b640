// The page with the real model on the CPU, as a person uses it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ask, browser, dropFiles, root, row, site, started, visit } from "../harness.mjs";

const sample = async (name) => ({ name, text: await readFile(path.join(root, "samples/documents", name), "utf8") });
const info = (page) => page.evaluate(() => globalThis.gossamer.info());

describe("the page", () => {
  let server;
  let chrome;
  let page;

  before(async () => {
    server = await site();
    chrome = await browser();
    page = await visit(chrome.context, server.url);
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  test("loads without breaking its own security policy and asks no other host", () => {
    assert.deepEqual(page.complaints, []);
    assert.deepEqual([...page.hosts], [new URL(server.url).host]);
  });

  test("says how large the model is before any of it is loaded", async () => {
    assert.match(await page.innerText("#drop-note"), / 91(\.\d)? MB/);
    assert.ok(!server.requests.some(({ url }) => url.includes("model.safetensors")));
  });

  test("refuses inline script and eval", async () => {
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      try {
        script.textContent = "globalThis.injected = true";
        document.head.append(script);
      } catch {
        // Trusted Types refuse the assignment already.
      }
      try {
        document.body.innerHTML += "<i></i>";
        return "innerHTML took a string";
      } catch {
        return globalThis.injected ? "an inline script ran" : "nothing";
      }
    });
    assert.equal(ran, "nothing");
    page.complaints.length = 0;
  });

  test("indexes dropped documents with progress and finds them by meaning", async () => {
    const bar = page.waitForSelector('.file[data-state="embedding"] progress', { timeout: 120_000 });
    await dropFiles(page, [await sample("bees-choose-a-nest.md"), await sample("tides-and-the-moon.md")]);
    await bar;
    assert.match(await row(page, "bees-choose-a-nest.md", "done"), /^\d+ passages$/);
    assert.match(await row(page, "tides-and-the-moon.md", "done"), /^\d+ passages$/);
    const [first] = await ask(page, "What size of hollow do swarms prefer?");
    assert.equal(first.title, "bees-choose-a-nest.md");
    assert.match(first.text, /forty litres/);
    assert.notEqual(first.heading, "");
    assert.ok(first.score > 0.3 && first.score <= 1, `score ${first.score}`);
  });

  test("says which backend runs, that its self-test passed, and what the index costs", async () => {
    assert.match(await page.innerText("#state-backend"), /^CPU, self-test passed$/);
    assert.match(await page.getAttribute("#state-backend", "title"), /emulated/, "why the emulated GPU is not used");
    assert.match(await page.innerText("#state-bytes"), /^[\d.]+ k?B, [\d.]+ % of [\d.]+ kB text$/);
    assert.match(await page.innerText("#state-durable"), /in this browser/);
  });

  test("announces the result to screen readers", async () => {
    await ask(page, "Why does the sea rise twice a day?");
    await page.waitForFunction(() => /passages for Why does the sea rise/.test(document.getElementById("live").textContent));
  });

  test("shows HTML in a document as text and never runs it", async () => {
    const text = "Sorting apples.\n\n<img src=x onerror=\"globalThis.injected=true\"><script>globalThis.injected=true</script> The cider press stands in the orchard.";
    await dropFiles(page, [{ name: "<b>apples</b>.txt", text }]);
    await row(page, "<b>apples</b>.txt", "done");
    const [first] = await ask(page, "Where is the machine that makes cider?");
    assert.equal(first.title, "<b>apples</b>.txt");
    assert.match(first.text, /<script>/);
    assert.equal(await page.evaluate(() => globalThis.injected), undefined);
    assert.equal(await page.locator(".hit script, .hit img, .file b").count(), 0);
  });

  test("fails a file that is not text in its row, and the others go on", async () => {
    await dropFiles(page, [
      { name: "photo.txt", bytes: [0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1] },
      { name: "empty.md", text: "  \n" },
      { name: "note.md", text: "# Note\n\nThe spare key is under the blue flowerpot." },
    ]);
    assert.match(await row(page, "photo.txt", "failed"), /not a text file/i);
    assert.match(await row(page, "empty.md", "failed"), /no text/i);
    assert.equal(await row(page, "note.md", "done"), "1 passage");
  });

  test("survives a reload and searches again without embedding a document anew", async () => {
    await page.reload();
    await started(page);
    assert.equal((await info(page)).embeddedToAdd, 0);
    assert.match(await page.innerText("#library-meta"), /^4 documents/);
    const [first] = await ask(page, "How do I get in when I have locked myself out?");
    assert.equal(first.title, "note.md");
    assert.match(first.text, /blue flowerpot/);
    assert.equal((await info(page)).embeddedToAdd, 0, "nothing was embedded to be added");
  });

  test("loads the model from the cache the second time", async () => {
    const before = server.requests.length;
    await page.reload();
    await started(page);
    const again = server.requests.slice(before).filter(({ url }) => /safetensors|tokenizer/.test(url));
    assert.deepEqual(again, []);
  });

  test("replaces a document of the same name and removes one that is taken away", async () => {
    await dropFiles(page, [{ name: "note.md", text: "# Note\n\nThe spare key now hangs in the garden shed." }]);
    await page.waitForFunction(() => document.querySelector("#total").hidden && document.querySelectorAll(".file").length === 4);
    const [first] = await ask(page, "Where is the spare key?");
    assert.match(first.text, /garden shed/);
    await page.click('[aria-label="Remove note.md"]');
    await page.waitForFunction(() => document.querySelectorAll(".file").length === 3);
    const answers = await ask(page, "Where is the spare key?");
    assert.ok(answers.every(({ title }) => title !== "note.md"));
  });

  test("works with the keyboard: / goes to the question, Escape clears the answers", async () => {
    await page.locator("#choose").focus();
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "question");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#answers").isHidden(), true);
    assert.equal(await page.inputValue("#question"), "");
  });

  test("never scrolls sideways, from 320 pixels on", async () => {
    await ask(page, "How do bees agree?");
    for (const width of [320, 390, 768, 1024, 1800]) {
      await page.setViewportSize({ width, height: 800 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("has asked no other host and broken no policy in all of this", () => {
    assert.deepEqual(page.complaints, []);
    assert.deepEqual([...page.hosts], [new URL(server.url).host]);
  });

  test("deletes everything: no database and no cache is left", async () => {
    await page.click("#clear");
    await Promise.all([page.waitForEvent("load"), page.click('#confirm button[value="yes"]')]);
    await started(page);
    assert.equal(await page.evaluate(() => document.body.dataset.view), "empty");
    assert.equal(await page.locator(".file").count(), 0);
    assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
    assert.deepEqual(await page.evaluate(() => caches.keys()), []);
  });
});

test("the samples are one click away and answer their questions", { timeout: 600_000 }, async () => {
  const server = await site();
  const { context, close } = await browser();
  try {
    const page = await visit(context, server.url);
    await page.click("#samples");
    await page.waitForSelector("#suggestions button");
    await page.waitForSelector("#total", { state: "hidden", timeout: 500_000 });
    await page.waitForFunction(() => document.querySelectorAll('.file:not([data-state="done"])').length === 0);
    const cases = JSON.parse(await readFile(path.join(root, "samples/questions.json"), "utf8"));
    const asked = cases.filter((_, i) => i % Math.ceil(cases.length / 12) === 0);
    let found = 0;
    for (const { question, document, answer } of asked) {
      const hits = await ask(page, question);
      const squeeze = (text) => text.replace(/\s+/g, " ");
      if (hits.some((hit) => hit.title === document && squeeze(hit.text).includes(squeeze(answer).slice(0, 40)))) found++;
    }
    assert.ok(found >= 0.75 * asked.length, `${found} of ${asked.length} questions answered in the first five passages`);
    assert.deepEqual(page.complaints, []);
  } finally {
    await close();
    await server.close();
  }
});
