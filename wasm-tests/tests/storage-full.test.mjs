// Chromium's own quota, exhausted for real: the profile lies on a small file system, of which an origin may use three
// fifths, in a mount namespace that ends with the browser. What takes up the room is a cache of the origin, which gives
// it back when it is emptied. (A disk that others fill to the last byte is another matter: Chromium itself gives its
// databases up then.)

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { browser, executable } from "../harness.mjs";
import { bare, bareSite, numbered } from "./storage-bare.mjs";

/** A command that runs Chromium with its profile on 100 MB of disk: for anybody, or for root where namespaces are root's. */
async function confined(folder, profile) {
  const file = path.join(folder, "chromium.sh");
  await writeFile(file, `#!/bin/sh
unshare --user --map-root-user --mount true && user="--user --map-root-user"
exec unshare $user --mount sh -c 'mount -t tmpfs -o size=100m tmpfs "${profile}" && exec "${executable()}" "$@"' sh "$@"
`);
  await chmod(file, 0o755);
  return file;
}

/** Fills a cache of the origin until the browser refuses. Returns bytes and the reason. */
async function fill() {
  const ballast = await caches.open("ballast");
  let bytes = 0;
  for (let kilobytes = 1024, entry = 0; entry < 1000; entry++) {
    const body = new Uint8Array(kilobytes * 1024);
    for (let at = 0; at < body.length; at += 65536) crypto.getRandomValues(body.subarray(at, at + 65536));
    try {
      await ballast.put(`/ballast/${entry}`, new Response(body));
      bytes += body.length;
    } catch ({ name }) {
      if (kilobytes === 64) return [bytes, name];
      kilobytes = 64;
    }
  }
  throw new Error("the browser refuses nothing");
}

/** Empties it. */
async function free() {
  const ballast = await caches.open("ballast");
  for (const request of await ballast.keys()) await ballast.delete(request);
  await caches.delete("ballast");
}

/** A long text that hardly compresses. */
function heavy(i) {
  let state = i + 1;
  const letter = () => ((state = (state * 48271) % 2147483647) % 36).toString(36);
  const text = Array.from({ length: 16000 }, () => Array.from({ length: 8 }, letter).join("")).join(" ");
  return { id: `heavy-${i}`, title: `heavy-${i}`, text };
}

/** Adds so many documents, one after the other, from a number on. Returns how many went in, and why the next did not. */
async function addAll([from, count]) {
  for (let added = 0; added < count; added++) {
    try {
      await engine.add([heavy(from + added)]);
    } catch ({ code, message }) {
      return [added, { code, message }];
    }
  }
  return [count, undefined];
}

test("exhausted quota stops the import with a clear message, the index stays whole, and room lets it go on", { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-full-"));
  const profile = path.join(folder, "profile");
  await mkdir(profile);
  const server = await bareSite();
  let chrome;
  try {
    chrome = await browser({ profile, executablePath: await confined(folder, profile) });
    const open = async () => {
      const page = await bare(chrome.context, server.url);
      await page.addScriptTag({ content: heavy.toString() });
      await page.evaluate(async () => (globalThis.engine = await load(await Engine.open("full", {}))));
      return page;
    };
    // It holds so many documents, is whole, and answers.
    const there = async (page, documents) => {
      assert.equal(await page.evaluate(() => engine.stats().documents), documents);
      assert.equal(await page.evaluate(() => clean(engine)), true);
      const { hits } = await page.evaluate(() => engine.search("one two three", { k: 3 }));
      assert.equal(hits.length, 3);
    };
    const page = await open();
    await page.evaluate((documents) => engine.add(documents), [1, 2, 3].map(numbered));
    const [bytes, refused] = await page.evaluate(fill);
    assert.equal(refused, "QuotaExceededError");
    // Chromium counts a database's bytes some time after they are written: more than the disk could hold.
    const [added, failed] = await page.evaluate(addAll, [0, 1000]);
    t.diagnostic(`refused after ${(bytes / 1e6).toFixed(0)} MB, and ${added} documents more`);
    assert.equal(failed?.code, "quota-exceeded", failed?.message);
    assert.match(failed.message, /full: free some space/);
    // What was committed is whole and answers, now and in another tab.
    await there(page, 3 + added);
    const other = await open();
    await there(other, 3 + added);
    await other.close();
    // With room the same import goes on in the same tab, as soon as the browser has seen it.
    await page.evaluate(free);
    const rest = 5;
    const from = performance.now();
    let [went, stopped] = [0, undefined];
    for (let tries = 0; tries < 120 && went < rest; tries++) {
      const [more, failed] = await page.evaluate(addAll, [added + went, rest - went]);
      [went, stopped] = [went + more, failed];
      if (more === 0) await new Promise((wake) => setTimeout(wake, 500));
    }
    t.diagnostic(`${went} documents more in the ${((performance.now() - from) / 1e3).toFixed(1)} s after room was made`);
    assert.equal(went, rest, stopped?.message);
    await there(page, 3 + added + went);
    await page.close();
    await there(await open(), 3 + added + went);
  } finally {
    await chrome?.close();
    await server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
});
