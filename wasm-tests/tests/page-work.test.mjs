// The page is never held up: its work is cut into small pieces, whatever the size of a folder or a document. Counted,
// not timed: rows drawn per frame, rows and blocks laid out, layouts forced. What the browser calls a long task is
// reported, for it depends on the machine.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ask, browser, dropFiles, imported, site, tiny, visit } from "../harness.mjs";

const MANY = 2000;

describe("the page's work comes in small pieces", { timeout: 300_000 }, () => {
  let server;
  let chrome;
  let page;
  let metrics;

  before(async () => {
    server = await site({ model: tiny });
    chrome = await browser({ reducedMotion: "reduce" });
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
    const session = await chrome.context.newCDPSession(page);
    await session.send("Performance.enable");
    metrics = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
    await page.evaluate(() => {
      globalThis.longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (longest = Math.max(longest, duration)))).observe({ type: "longtask" });
    });
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  const report = async (t) => {
    t.diagnostic(`longest task: ${Math.round(await page.evaluate(() => globalThis.longest))} ms`);
    await page.evaluate(() => (globalThis.longest = 0));
  };

  test("thousands of documents are drawn some rows per frame, and only those near what is seen are laid out", async (t) => {
    const { most, rows, laidOut } = await page.evaluate(async (many) => {
      const { show } = await import("/js/documents-view.js");
      let most = 0;
      const added = (records) => records.flatMap(({ addedNodes }) => [...addedNodes]).filter(({ className }) => className === "file").length;
      const watcher = new MutationObserver((records) => (most = Math.max(most, added(records))));
      watcher.observe(document.getElementById("files"), { childList: true, subtree: true });
      for (let i = 0; i < many; i++) show({ id: `many/${i}.txt`, name: `${i}.txt`, state: "queued" });
      while (document.querySelectorAll(".file").length < many) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      const rows = [...document.querySelectorAll(".file")];
      return { most, rows: rows.map((row) => row.querySelector(".file-name").textContent), laidOut: rows.filter((row) => row.checkVisibility({ contentVisibilityAuto: true })).length };
    }, MANY);
    await report(t);
    assert.ok(most <= 40, `${most} rows in one frame`);
    assert.deepEqual(rows, Array.from({ length: MANY }, (_, i) => `${i}.txt`), "in the order in which they came");
    assert.ok(laidOut > 0 && laidOut <= 200, `${laidOut} of ${MANY} rows laid out`);
  });

  test("rows that go leave nothing behind, and the focus moves on, once", async (t) => {
    await page.locator('[aria-label="Remove 1.txt"]').focus();
    const left = await page.evaluate(async (many) => {
      const { drop } = await import("/js/documents-view.js");
      let moves = 0;
      addEventListener("focusin", () => moves++);
      drop(["many/1.txt"]);
      const focus = document.activeElement.getAttribute("aria-label");
      drop(Array.from({ length: many }, (_, i) => `many/${i}.txt`));
      return { focus, nodes: document.getElementById("files").childNodes.length, at: document.activeElement.id, moves };
    }, MANY);
    assert.deepEqual(left, { focus: "Remove 2.txt", nodes: 0, at: "choose", moves: 2 });
    await report(t);
  });

  test("answers are measured together: showing forty lays the page out a few times, not forty", async (t) => {
    await dropFiles(page, [{ name: "one.txt", text: "The lamp of the lighthouse turns all night. ".repeat(40) }]);
    await imported(page);
    await ask(page, "lighthouse");
    await report(t);
    const before = await metrics();
    await page.evaluate(async () => {
      const { show } = await import("/js/answers-view.js");
      const hits = Array.from({ length: 40 }, (_, i) => ({ id: `${i}.txt`, title: `Answer ${i}`, start: i, end: i + 900, text: "A sentence of some words. ".repeat(36), marks: [[0, 25]], metadata: {}, why: { semantic: 0.5 } }));
      show({ query: "lighthouse", stage: "exact", done: true, hits, recomputed: 1, chunks: 1, ms: 1 });
    });
    const after = await metrics();
    assert.equal(await page.locator(".hit").count(), 40);
    assert.ok(after.LayoutCount - before.LayoutCount <= 8, `${after.LayoutCount - before.LayoutCount} layouts`);
  });

  test("a document of megabytes opens at its passage before all of it is there, and only what is near it is laid out", async (t) => {
    const seen = await page.evaluate(async () => {
      const { connect, open } = await import("/js/reader.js");
      const line = "The beam is seen from twenty miles away by the crews that come home.\n";
      const text = line.repeat(60_000);
      connect((method) => Promise.resolve(method === "read" ? { text, sections: [{ start: 0, label: "page 1" }, { start: line.length * 30_000, label: "page 2" }] } : []));
      const hit = { id: "large", title: "Large", start: line.length * 30_010, end: line.length * 30_011, marks: [], metadata: {} };
      let [most, shownAt] = [0, 0];
      const body = document.getElementById("reader-text");
      new MutationObserver((records) => {
        most = Math.max(most, records.reduce((sum, { addedNodes }) => sum + [...addedNodes].reduce((blocks, node) => blocks + (node.className === "reader-part" ? node.childElementCount : 0), 0), 0));
        if (shownAt === 0 && body.querySelector("[data-current]")) shownAt = body.querySelectorAll(".reader-block").length;
      }).observe(body, { childList: true, subtree: true, attributes: true });
      await open(hit, [hit], "beam");
      await new Promise((wake) => setTimeout(wake, 300));
      const blocks = [...body.querySelectorAll(".reader-block")];
      const [box, frame] = [body.querySelector("[data-current]"), body].map((node) => node.getBoundingClientRect());
      return {
        most, shownAt, all: blocks.length, whole: blocks.reduce((sum, node) => sum + node.textContent.length, 0) >= text.length,
        laidOut: blocks.filter((node) => node.checkVisibility({ contentVisibilityAuto: true })).length,
        seen: box.top < frame.bottom && box.bottom > frame.top, place: document.getElementById("reader-place").textContent,
      };
    });
    await report(t);
    assert.ok(seen.whole && seen.all > 2000, `${seen.all} blocks`);
    assert.ok(seen.most <= 40, `${seen.most} blocks at once`);
    assert.ok(seen.shownAt < 0.7 * seen.all, `the passage showed after ${seen.shownAt} of ${seen.all} blocks`);
    assert.ok(seen.laidOut < 0.1 * seen.all, `${seen.laidOut} of ${seen.all} blocks laid out`);
    assert.ok(seen.seen, "the passage is in sight");
    assert.equal(seen.place, "page 2");
    await page.keyboard.press("Escape");
  });

  test("a text without a space or a line end is cut all the same, and never within a character", async () => {
    const { sizes, whole, halved } = await page.evaluate(async () => {
      const { cut } = await import("/js/reader.js");
      const text = "\u{1f577}".repeat(1_000_001);
      const blocks = cut(text).map(({ start, end }) => text.slice(start, end));
      return { sizes: Math.max(...blocks.map(({ length }) => length)), whole: blocks.join("") === text, halved: blocks.filter((block) => /^[\udc00-\udfff]/.test(block)).length };
    });
    assert.ok(sizes <= 1600 && whole);
    assert.equal(halved, 0);
  });
});
