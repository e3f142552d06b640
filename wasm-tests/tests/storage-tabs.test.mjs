// Several tabs with one index: readers follow, writers take turns, and a tab that dies or freezes holds nobody up.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";

import { browser } from "../harness.mjs";
import { bare, bareSite, numbered } from "./storage-bare.mjs";

describe("an index in several tabs", () => {
  let server;
  let chrome;
  let number = 0;
  const name = () => `tabs-${number}`;

  before(async () => {
    server = await bareSite();
    chrome = await browser();
  });
  beforeEach(() => number++);
  after(async () => {
    await chrome?.close();
    await server?.close();
  });

  /** A tab with an engine, and a model unless it only looks. */
  async function tab({ model = true } = {}) {
    const page = await bare(chrome.context, server.url);
    await page.evaluate(async ([name, model]) => {
      globalThis.engine = await Engine.open(name, {});
      globalThis.changes = [];
      engine.onChange((generation, error) => changes.push(generation ?? error.code));
      if (model) await load(engine);
    }, [name(), model]);
    return page;
  }

  const add = (page, i) => page.evaluate((document) => engine.add([document]), numbered(i));
  const ids = (page) => page.evaluate(async () => (await engine.documents()).map(({ id }) => id).sort());
  const role = (page) => page.evaluate(() => engine.role());

  /** Begins to add a document and stops in the middle of it, with the role. */
  async function stuck(page, i) {
    await page.evaluate((document) => {
      const held = new Promise((go) => (globalThis.go = go));
      globalThis.adding = failure(engine.add([document], () => {
        globalThis.begun = true;
        return held;
      }));
    }, numbered(i));
    await page.waitForFunction(() => globalThis.begun);
  }

  test("a tab that only reads shows what another commits, even if the index is made after it was opened", async () => {
    const reader = await tab({ model: false });
    const writer = await tab();
    assert.deepEqual(await ids(reader), []);
    await add(writer, 1);
    await reader.waitForFunction(() => engine.exists && engine.stats().documents === 1);
    await add(writer, 2);
    await reader.waitForFunction(() => engine.stats().documents === 2);
    assert.deepEqual(await ids(reader), ["doc-1", "doc-2"]);
    const changes = await reader.evaluate(() => changes);
    assert.ok(changes.length >= 2 && changes.every((generation, i) => i === 0 || generation > changes[i - 1]), `${changes}`);
    assert.deepEqual(await writer.evaluate(() => changes), [], "one's own commits are no news");
    await reader.evaluate(() => engine.close());
    await add(writer, 3);
    await writer.evaluate(() => new Promise((wake) => setTimeout(wake, 100)));
    assert.equal(await reader.evaluate(() => engine.exists), false, "a closed engine follows nobody");
    await Promise.all([reader.close(), writer.close()]);
  });

  test("a second writer is told, waits, and writes when the first is done", async () => {
    const [first, second] = [await tab(), await tab()];
    assert.equal(await role(second), "free");
    await stuck(first, 1);
    assert.equal(await role(first), "here");
    assert.equal(await role(second), "elsewhere");
    const told = await second.evaluate((document) => failure(engine.add([document])), numbered(2));
    assert.deepEqual([told.code, told.retryable], ["locked", true]);
    // Patience of two seconds, but the first one answers that it is alive.
    await second.evaluate(() => void (globalThis.waiting = engine.waitForRole(2).then(() => (globalThis.granted = true))));
    await second.evaluate(() => new Promise((wake) => setTimeout(wake, 4000)));
    assert.equal(await second.evaluate(() => globalThis.granted ?? false), false);
    await first.evaluate(() => go());
    await second.evaluate(() => waiting);
    assert.equal(await role(second), "here");
    assert.equal(await role(first), "elsewhere");
    await add(second, 2);
    assert.equal(await role(second), "free");
    assert.deepEqual(await ids(second), ["doc-1", "doc-2"]);
    await second.evaluate(() => engine.waitForRole());
    await second.evaluate(() => engine.giveRoleBack());
    assert.equal(await role(first), "free");
    await Promise.all([first.close(), second.close()]);
  });

  test("a writer that dies is succeeded at once, and what it had not committed is not there by half", async () => {
    const [first, second] = [await tab(), await tab()];
    await add(first, 1);
    await stuck(first, 2);
    await second.evaluate(() => void (globalThis.waiting = engine.waitForRole()));
    const session = await chrome.context.newCDPSession(first);
    session.send("Page.crash").catch(() => {});
    await first.waitForEvent("crash");
    await second.evaluate(() => waiting);
    await add(second, 3);
    assert.deepEqual(await ids(second), ["doc-1", "doc-3"]);
    assert.equal(await second.evaluate(() => clean(engine)), true);
    await Promise.all([first.close(), second.close()]);
  });

  test("a frozen writer loses the role, and finds its own commit refused when it wakes up", async () => {
    const [first, second] = [await tab(), await tab()];
    await add(first, 1);
    await stuck(first, 2);
    // A tab that hangs: from here on it answers nobody.
    const wake = await hang(first);
    await second.evaluate(() => engine.waitForRole(2));
    await add(second, 3);
    await wake();
    await first.evaluate(() => go());
    const late = await first.evaluate(() => adding);
    assert.equal(late.code, "locked");
    // What it was doing can be done again, on top of what the other did.
    await add(first, 2);
    assert.deepEqual(await ids(first), ["doc-1", "doc-2", "doc-3"]);
    await second.waitForFunction(() => engine.stats().documents === 3);
    assert.equal(await second.evaluate(() => clean(engine)), true);
    await Promise.all([first.close(), second.close()]);
  });

  /** Freezes a page; returns what thaws it. */
  async function hang(page) {
    const session = await chrome.context.newCDPSession(page);
    await session.send("Debugger.enable");
    const paused = new Promise((resolve) => session.once("Debugger.paused", resolve));
    await session.send("Debugger.pause");
    // Something must run to be stopped.
    page.evaluate(() => 1).catch(() => {});
    await paused;
    return async () => {
      await session.send("Debugger.resume");
      await session.detach();
    };
  }
});
