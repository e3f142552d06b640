// For everybody: rules of accessibility in both themes, narrow and wide, the keyboard alone, reduced motion, forced
// colours, no jump, no long task. With the tiny model on the CPU.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ask, axe, browser, dropFiles, imported, root, site, tiny, visit } from "../harness.mjs";

const sample = async (name) => ({ name, text: await readFile(path.join(root, "samples/documents", name), "utf8") });

describe("the page, for everybody", () => {
  let server;
  let chrome;
  let page;

  before(async () => {
    server = await site({ model: tiny });
    chrome = await browser({ reducedMotion: "reduce" });
    page = await visit(chrome.context, `${server.url}?backend=cpu`);
  });
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  // A theme changes colours and nothing else.
  const bothThemes = async (what) => {
    assert.deepEqual(await axe(page), [], what);
    await page.emulateMedia({ colorScheme: "dark" });
    assert.deepEqual(await axe(page, ["color-contrast", "link-in-text-block"]), [], `${what}, dark`);
    await page.emulateMedia({ colorScheme: "light" });
  };

  test("breaks no rule of WCAG 2.2 AA that axe knows: empty, with answers, without any, in the reader, the ledger, the dialogs, and in trouble", async () => {
    await bothThemes("empty");
    await page.click("#paste");
    await bothThemes("pasting");
    await page.keyboard.press("Escape");
    await dropFiles(page, [await sample("bees-choose-a-nest.md"), await sample("tides-and-the-moon.md"), { name: "broken.txt", bytes: [1, 0, 2] }]);
    await imported(page);
    await bothThemes("with documents");
    await ask(page, "How do bees agree on a new home?");
    await bothThemes("with answers");
    await page.locator(".hit-open").first().click();
    await page.waitForSelector("#reader .passage");
    await bothThemes("reader");
    await page.keyboard.press("Escape");
    await page.selectOption("#filter-mode", "keyword");
    assert.deepEqual(await ask(page, "zyzzyva"), []);
    await page.waitForSelector("#nothing:not([hidden])");
    await bothThemes("without answers");
    await page.click("#nothing-reset");
    await ask(page, "How do bees agree on a new home?");
    await page.click("#clear");
    await bothThemes("about to delete");
    await page.keyboard.press("Escape");
    await page.setInputFiles("#index-picker", { name: "other.gossamer", mimeType: "application/octet-stream", buffer: Buffer.from("none") });
    await page.waitForSelector("#replace[open]");
    await bothThemes("about to replace");
    await page.keyboard.press("Escape");
    await page.click("#ledger-open");
    await page.waitForSelector("#ledger .ledger-part");
    await bothThemes("ledger");
    await page.keyboard.press("Escape");
    await page.evaluate(async () => {
      const { trouble } = await import("/js/notice.js");
      trouble({ code: "quota-exceeded", message: "There is no room left." });
    });
    await bothThemes("trouble");
    await page.evaluate(async () => (await import("/js/notice.js")).clear());
  });

  test("never scrolls sideways, from 320 pixels on, and its targets are large enough for fingers", async () => {
    for (const width of [320, 390, 768, 1024, 1800]) {
      await page.setViewportSize({ width, height: 800 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
      const small = await page.$$eval("button, select, input", (controls) => controls.filter((control) => {
        const { width, height } = control.getBoundingClientRect();
        return control.checkVisibility({ visibilityProperty: true }) && !control.classList.contains("visually-hidden") && control.type !== "checkbox" && (width < 24 || height < 24);
      }).map((control) => control.id || control.className));
      assert.deepEqual(small, [], `too small at ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("hides nothing behind the line at its foot, wherever the page is scrolled to", async () => {
    const hidden = () => page.evaluate(() => {
      const foot = document.querySelector(".state");
      if (getComputedStyle(foot).position !== "sticky") return [];
      const edge = foot.getBoundingClientRect().top;
      // The column of documents beside the answers scrolls by itself; all else must come out from behind the line in the end.
      const library = document.getElementById("library");
      const beside = getComputedStyle(library).position === "sticky";
      const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
      const parts = [...(beside ? [library] : []), ...(atEnd ? document.querySelectorAll("main button, main li, main p") : [])];
      return parts.filter((part) => part.checkVisibility({ visibilityProperty: true }) && !(beside && part !== library && library.contains(part)) && part.getBoundingClientRect().bottom > edge + 1).map((part) => part.id || part.className || part.textContent);
    });
    for (const [width, height] of [[320, 640], [768, 1024], [1024, 700], [1280, 980], [1800, 900]]) {
      await page.setViewportSize({ width, height });
      for (const end of [false, true]) {
        await page.evaluate((end) => scrollTo(0, end ? document.documentElement.scrollHeight : 0), end);
        await page.evaluate(() => new Promise(requestAnimationFrame));
        assert.deepEqual(await hidden(), [], `at ${width} by ${height}, ${end ? "at the end" : "at the beginning"}`);
      }
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.evaluate(() => scrollTo(0, 0));
  });

  test("can be worked with the keyboard alone, and always shows where the focus is", async () => {
    await page.focus("#question");
    const visited = new Set();
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const node = document.activeElement;
        if (node === document.body) return undefined;
        const { outlineStyle, outlineWidth } = getComputedStyle(node);
        return { name: node.id || node.className, seen: outlineStyle !== "none" && outlineWidth !== "0px" };
      });
      if (!at) continue;
      assert.ok(at.seen || at.name === "question", `the focus is not seen on ${at.name}`);
      visited.add(at.name);
    }
    for (const name of ["hit-open", "quiet hit-copy", "quiet hit-link", "filter-mode", "compare", "choose", "choose-folder", "paste", "file-button file-remove", "import-index", "export-index", "clear", "ledger-open", "promise"]) {
      assert.ok(visited.has(name), `${name} is not reached; reached: ${[...visited].join(", ")}`);
    }
  });

  test("keeps its shape with forced colours and without motion", async () => {
    await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
    await ask(page, "How do bees agree?");
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
    const bead = await page.evaluate(() => getComputedStyle(document.querySelector(".hit"), "::before").backgroundColor);
    assert.notEqual(bead, "rgba(0, 0, 0, 0)");
    await page.emulateMedia({ forcedColors: "none", reducedMotion: "no-preference" });
  });

  test("does not jump while answers come", async (t) => {
    await page.evaluate(() => {
      globalThis.shift = 0;
      globalThis.tasks = [];
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shift += value;
      }).observe({ type: "layout-shift" });
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
    });
    await new Promise((wake) => setTimeout(wake, 600));
    for (const question of ["Why is there a second high water each day?", "What do scouts dance?"]) {
      await ask(page, question);
      await new Promise((wake) => setTimeout(wake, 600));
    }
    const { shift, tasks } = await page.evaluate(() => ({ shift, tasks }));
    t.diagnostic(`layout shift ${shift.toFixed(4)}, tasks over 50 ms: ${tasks.map(Math.round).join(", ") || "none"}`);
    assert.ok(shift < 0.1, `layout shift ${shift}`);
  });
});
