// Searching on the page: answers by word before the model, the keyboard, filters, and the reader. With the tiny model
// on the CPU, so by word where it matters what is found.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { answered, answers, ask, browser, dropFiles, imported, root, site, tiny, visit } from "../harness.mjs";

const sample = async (name) => ({ name, text: await readFile(path.join(root, "samples/documents", name), "utf8") });
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);

describe("searching on the page", () => {
  let server;
  let chrome;
  let page;

  before(async () => {
    server = await site({ model: tiny });
    chrome = await browser();
    await chrome.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
    await dropFiles(page, [
      await sample("bees-choose-a-nest.md"), await sample("tides-and-the-moon.md"), await sample("houseplants.txt"),
      { name: "prices.csv", text: "tool,price\nbradawl,12\nspokeshave,40\n" },
    ]);
    await imported(page);
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  test("begins in the question, which / and Ctrl+K reach from anywhere", async () => {
    for (const keys of ["/", "Control+k"]) {
      await page.locator("#choose").focus();
      await page.keyboard.press(keys);
      assert.equal(await focused(page), "question");
    }
  });

  test("answers by word while the question is being typed", async () => {
    await page.fill("#question", "");
    await page.type("#question", "spokeshave");
    await page.waitForSelector(".hit");
    const [first] = await answers(page);
    assert.equal(first.file, "prices.csv");
    assert.match(await page.innerText("#hint"), /Press Enter/);
  });

  test("shows the first answers at once and puts the exact ones in their place", async () => {
    await page.evaluate(() => {
      globalThis.told = [];
      new MutationObserver(() => told.push(document.getElementById("answers-meta").textContent)).observe(document.getElementById("answers-meta"), { childList: true, characterData: true, subtree: true });
    });
    await ask(page, "how many litres should the cavity hold");
    const told = await page.evaluate(() => globalThis.told);
    assert.ok(told.length >= 2, told.join(" | "));
    assert.match(told[0], /by word|reading the nearest/);
    assert.match(told.at(-1), /^\d+ passages in .*recomputed$/);
  });

  test("marks the sentence or the words that answer", async () => {
    await page.selectOption("#filter-mode", "keyword");
    const [first] = await ask(page, "forty litres");
    await page.selectOption("#filter-mode", "hybrid");
    await answered(page);
    assert.ok(first.marked.length > 0);
    assert.match(first.marked.join(" "), /litres/);
  });

  test("is told to screen readers with the number of answers", async () => {
    await ask(page, "Why does the sea rise twice a day?");
    await page.waitForFunction(() => /passages for Why does the sea rise/.test(document.getElementById("live").textContent));
  });

  test("walks the answers with arrows, opens one with Enter, and goes back with Escape", async () => {
    await ask(page, "spring tide");
    await page.focus("#question");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.evaluate(() => [...document.querySelectorAll(".hit-open")].indexOf(document.activeElement)), 1);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#reader[open] .passage[data-current]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#reader", { state: "hidden" });
    assert.match(await focused(page), /hit-open/);
    await page.keyboard.press("Escape");
    assert.equal(await focused(page), "question");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#answers").isHidden(), true);
    assert.equal(await page.inputValue("#question"), "");
  });

  test("opens the reader at the passage, with a strip beside the document and a way to the next passage", async () => {
    const hits = await ask(page, "tide");
    const several = hits.findIndex(({ file }) => hits.filter((hit) => hit.file === file).length > 1);
    await page.locator(".hit-open").nth(several).click();
    const current = page.locator("#reader .passage[data-current]").first();
    await current.waitFor();
    await page.waitForFunction(() => {
      const [box, frame] = [".passage[data-current]", "#reader-text"].map((what) => document.querySelector(what).getBoundingClientRect());
      return box.top < frame.bottom && box.bottom > frame.top;
    });
    assert.ok((await page.locator(".strip-hit").count()) > 1);
    await page.waitForFunction(() => document.querySelectorAll(".strip-heat").length > 3);
    const before = await page.innerText("#reader-count");
    const last = await page.locator("#reader-next").isDisabled();
    await page.click(last ? "#reader-previous" : "#reader-next");
    assert.notEqual(await page.innerText("#reader-count"), before);
    await page.click("#reader-copy");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(hits.some(({ text }) => text === copied), "the passage is on the clipboard");
    await page.click("#reader-close");
  });

  test("narrows by type and by document, and says nothing is there where nothing is", async () => {
    await ask(page, "price of a tool");
    await page.selectOption("#filter-type", "csv");
    await answered(page);
    assert.deepEqual([...new Set((await answers(page)).map(({ file }) => file))], ["prices.csv"]);
    await page.click("#filter-reset");
    await answered(page);
    await page.click('[aria-label="Search only in houseplants.txt"]');
    const inOne = await ask(page, "water");
    assert.deepEqual([...new Set(inOne.map(({ file }) => file))], ["houseplants.txt"]);
    await page.selectOption("#filter-type", "csv");
    await answered(page);
    assert.match(await page.innerText("#answers-meta"), /^No passage found/);
    await page.click("#filter-reset");
    await answered(page);
  });

  test("gives one answer per document if asked to", async () => {
    await page.check("#filter-group");
    const hits = await ask(page, "water");
    await page.uncheck("#filter-group");
    await answered(page);
    assert.equal(new Set(hits.map(({ file }) => file)).size, hits.length);
  });

  test("copies a passage", async () => {
    const [first] = await ask(page, "drone");
    await page.locator(".hit-copy").first().click();
    await page.waitForSelector("text=Copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first.text);
  });

  test("compares the last question with exact search, and says the recall", async () => {
    await ask(page, "How do bees agree?");
    await page.click("#compare");
    await page.waitForSelector("#comparison[data-recall]");
    const recall = Number(await page.getAttribute("#comparison", "data-recall"));
    assert.ok(recall > 0 && recall <= 1, `recall ${recall}`);
    assert.match(await page.innerText("#comparison"), /recall \d\.\d\d/);
  });
});
