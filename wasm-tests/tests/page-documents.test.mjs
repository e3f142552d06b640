// Documents on the page: how they come in, what their rows say, and that an import survives whatever happens to it.
// With the tiny model on the CPU: what is found does not matter here.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ask, browser, dropFiles, imported, row, site, started, tiny, visit } from "../harness.mjs";

const words = "one two three four five six seven red green blue yellow north south east west".split(" ");
const prose = (seed, sentences) => Array.from({ length: sentences }, (_, i) => `${Array.from({ length: 9 }, (_, j) => words[(seed * 5 + i * 3 + j * 2) % words.length]).join(" ")}.`).join(" ");
const rows = (page) => page.locator(".file").count();
const listed = (page) => page.$$eval('.file[data-state="done"] .file-name', (names) => names.map((name) => name.title).sort());

describe("documents on the page", () => {
  let server;
  let chrome;
  let page;

  before(async () => {
    server = await site({ model: tiny });
    chrome = await browser();
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  test("go from queued to done in a row each, with one bar for all of them", async () => {
    await page.evaluate(() => {
      globalThis.seen = new Set();
      globalThis.bar = 0;
      new MutationObserver(() => {
        for (const { dataset } of document.querySelectorAll(".file")) seen.add(dataset.state);
        if (!document.getElementById("total").hidden) bar = Math.max(bar, document.getElementById("total-progress").value);
      }).observe(document.body, { subtree: true, attributes: true, childList: true });
    });
    await dropFiles(page, [{ name: "a.txt", text: prose(1, 400) }, { name: "b.md", text: prose(2, 60) }]);
    assert.match(await row(page, "a.txt", "done"), /^\d+ passages$/);
    assert.match(await row(page, "b.md", "done"), /^\d+ passages?$/);
    await imported(page);
    const states = await page.evaluate(() => [...seen]);
    for (const state of ["queued", "embedding", "done"]) assert.ok(states.includes(state), `${state} in ${states}`);
    assert.ok((await page.evaluate(() => bar)) > 0, "the bar for everything moved");
  });

  test("that cannot be read say why, can be retried, and do not hold up the others", async () => {
    await dropFiles(page, [
      { name: "photo.txt", bytes: [0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1] },
      { name: "empty.md", text: "  \n" },
      { name: "film.mov", bytes: [0, 0, 0, 24, 0x66, 0x74, 0x79, 0x70] },
      { name: "note.md", text: "# Note\n\nThe spare key is under the blue flowerpot." },
    ]);
    assert.equal(await row(page, "note.md", "done"), "1 passage");
    assert.match(await row(page, "photo.txt", "failed"), /./);
    assert.match(await row(page, "empty.md", "failed"), /./);
    assert.match(await row(page, "film.mov", "failed"), /./);
    assert.equal(await page.locator('.file[data-state="failed"]', { hasText: "film.mov" }).locator(".file-retry").isVisible(), false, "a kind that is not read stays unread");
    await page.locator('.file[data-state="failed"]', { hasText: "empty.md" }).locator(".file-retry").click();
    assert.match(await row(page, "empty.md", "failed"), /./);
    for (const name of ["photo.txt", "empty.md", "film.mov"]) await page.click(`[aria-label="Remove ${name}"]`);
    await page.waitForFunction(() => !document.querySelector('.file[data-state="failed"]'));
  });

  test("of a chosen folder keep their paths, and files of other kinds are counted and left", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-folder-"));
    await mkdir(path.join(folder, "notes/deep"), { recursive: true });
    await mkdir(path.join(folder, "notes/.git"), { recursive: true });
    await writeFile(path.join(folder, "notes/first.md"), "A first note.");
    await writeFile(path.join(folder, "notes/deep/second.txt"), "A second note.");
    await writeFile(path.join(folder, "notes/.git/config.txt"), "hidden");
    await writeFile(path.join(folder, "notes/picture.heic"), "not text");
    await page.setInputFiles("#folder-picker", path.join(folder, "notes"));
    await row(page, "second.txt", "done");
    await imported(page);
    await rm(folder, { recursive: true });
    const names = await listed(page);
    assert.ok(names.includes("notes/first.md") && names.includes("notes/deep/second.txt"), names.join());
    assert.ok(!names.some((name) => name.includes(".git")));
    assert.match(await page.innerText("#passed-over"), /^1 file of other kinds/);
  });

  test("can be pasted, as text and from the dialog", async () => {
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.setData("text/plain", "Pasted words about a lighthouse keeper.");
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    });
    await row(page, "Pasted words about a lighthouse keeper", "done");
    await page.click("#paste");
    await page.fill("#paste-name", "Recipe");
    await page.fill("#paste-text", "Flour, water, salt.");
    await page.click('#paste-dialog button[value="yes"]');
    assert.equal(await row(page, "Recipe.md", "done"), "1 passage");
  });

  test("of a name that is there already replace it, and removed ones are gone", async () => {
    const count = await rows(page);
    await dropFiles(page, [{ name: "note.md", text: "# Note\n\nThe spare key hangs in the garden shed." }]);
    await page.waitForFunction(() => !document.getElementById("total").hidden);
    await imported(page);
    assert.equal(await rows(page), count);
    assert.match(await page.evaluate(() => globalThis.gossamer.text("note.md")), /garden shed/);
    await page.click('[aria-label="Remove note.md"]');
    await page.waitForFunction((count) => document.querySelectorAll(".file").length === count - 1, count);
    const answers = await ask(page, "spare key");
    assert.ok(answers.every(({ file }) => file !== "note.md"));
  });

  test("show HTML in a document as text and never run it", async () => {
    const text = "Sorting apples.\n\n<img src=x onerror=\"globalThis.injected=true\"><script>globalThis.injected=true</script> The cider press stands in the orchard.";
    await dropFiles(page, [{ name: "<b>apples<b>.txt", text }]);
    await row(page, "<b>apples<b>.txt", "done");
    await ask(page, "Where is the machine that makes cider?");
    await page.evaluate(async (id) => {
      const hit = { id, title: id, start: 0, end: 15, marks: [[0, 7]], metadata: {} };
      await (await import("/js/reader.js")).open(hit, [hit]);
    }, "<b>apples<b>.txt");
    assert.match(await page.textContent("#reader-text"), /<script>/);
    assert.equal(await page.evaluate(() => globalThis.injected), undefined);
    assert.equal(await page.locator(".hit script, .hit img, .file b, #reader-text script, #reader-text img, #reader b").count(), 0);
    await page.keyboard.press("Escape");
  });

  test("wait while the import is paused, go on when it is resumed", async () => {
    await dropFiles(page, [{ name: "long-1.txt", text: prose(3, 1500) }, { name: "long-2.txt", text: prose(4, 40) }]);
    await page.waitForFunction(() => /Embedding \d+ of/.test(document.getElementById("files").innerText));
    await page.click("#pause");
    await page.waitForFunction(() => document.getElementById("pause").textContent === "Resume");
    // The slice that is being embedded comes to its end.
    const later = () => new Promise((wake) => setTimeout(wake, 500)).then(() => page.innerText("#files"));
    let [paused, next] = ["", await page.innerText("#files")];
    for (let tries = 0; tries < 12 && next !== paused; tries++) [paused, next] = [next, await later()];
    assert.equal(await later(), paused, "nothing moved while it was paused");
    assert.ok((await ask(page, "one two three")).length > 0, "it answers while it is paused");
    await page.click("#pause");
    await row(page, "long-1.txt", "done");
    await row(page, "long-2.txt", "done");
  });

  test("that were not added yet go when the import is cancelled, those that were stay", async () => {
    await imported(page);
    const count = await rows(page);
    await dropFiles(page, Array.from({ length: 12 }, (_, i) => ({ name: `cancelled-${i}.txt`, text: prose(i, 700) })));
    await page.waitForSelector('.file[data-state="done"] >> text=cancelled-0');
    await page.click("#cancel");
    await page.waitForSelector("#total", { state: "hidden" });
    await page.waitForFunction(() => !document.querySelector('.file[data-state="queued"], .file[data-state="embedding"], .file[data-state="reading"]'));
    const { documents } = await page.evaluate(() => globalThis.gossamer.stats());
    assert.equal(await rows(page), documents);
    assert.ok(documents > count && documents < count + 12, `${documents} after ${count}`);
    await page.reload();
    await started(page);
    await new Promise((wake) => setTimeout(wake, 300));
    assert.equal((await page.evaluate(() => globalThis.gossamer.stats())).documents, documents, "nothing of it came back");
  });
});

test("an import that is killed halfway goes on after a reload, with nothing lost and nothing twice", { timeout: 300_000 }, async () => {
  const server = await site({ model: tiny });
  const { context, close } = await browser();
  try {
    const url = `${server.url}?backend=cpu`;
    let page = await visit(context, url);
    const files = Array.from({ length: 6 }, (_, i) => ({ name: `part-${i}.txt`, text: `Number ${i}. ${prose(i, 300)}` }));
    await dropFiles(page, files);
    await page.waitForSelector('.file[data-state="done"] >> text=part-0');
    const session = await context.newCDPSession(page);
    session.send("Page.crash").catch(() => {});
    await page.waitForEvent("crash");
    await page.close();
    page = await visit(context, url);
    await imported(page);
    await row(page, "part-5.txt", "done");
    const { documents } = await page.evaluate(() => globalThis.gossamer.stats());
    assert.equal(documents, 6);
    const left = await page.evaluate(async () => {
      const { Queue } = await import("/js/queue.js");
      return (await new Queue().list()).length;
    });
    assert.equal(left, 0, "the queue is empty");
  } finally {
    await close();
    await server.close();
  }
});

test("of two tabs one adds: the other hands its files over, sees them come, and takes over when the first has gone", { timeout: 300_000 }, async () => {
  const server = await site({ model: tiny });
  const { context, close } = await browser();
  try {
    const url = `${server.url}?backend=cpu`;
    const first = await visit(context, url);
    const second = await visit(context, url);
    const role = (page) => page.evaluate(() => globalThis.gossamer.role());
    assert.deepEqual([await role(first), await role(second)], ["writer", "reader"]);
    const says = (page, words) => page.waitForFunction((words) => document.getElementById("state-role").checkVisibility() && document.getElementById("state-role").textContent === words, words);
    await says(first, "adds and searches; another only searches");
    await says(second, "searches; another tab adds");
    await dropFiles(second, [{ name: "handed.txt", text: "A letter handed from tab to tab, about marmalade." }]);
    await row(first, "handed.txt", "done");
    await row(second, "handed.txt", "done");
    await second.waitForFunction(() => document.getElementById("state-chunks").textContent === "1");
    const [hit] = await ask(second, "marmalade");
    assert.equal(hit.file, "handed.txt");
    await first.click('[aria-label="Remove handed.txt"]');
    await second.waitForFunction(() => document.querySelectorAll(".file").length === 0);
    await first.close();
    await second.waitForFunction(() => globalThis.gossamer.role() === "writer" && !document.getElementById("state-role").checkVisibility());
    await dropFiles(second, [{ name: "own.txt", text: "Now it writes by itself." }]);
    await row(second, "own.txt", "done");
  } finally {
    await close();
    await server.close();
  }
});
