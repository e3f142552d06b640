// Chromium's own quota, exhausted for real: the profile lies on a small file system, of which an origin may use three
// fifths, in a mount namespace that ends with the browser. That room lets an import go on is shown natively (tests/crash.rs):
// Chromium gives the room of a deleted database back much later. (A disk that others fill to the last byte is another
// matter: Chromium itself gives its databases up then.)

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

/** Fills another database of the origin until the browser refuses. Returns bytes and the reason. */
async function fill() {
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open("ballast", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("blocks");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => resolve(request.result);
  });
  const block = new Uint8Array(48 * 1024);
  for (let blocks = 0; blocks < 10_000; blocks += 8) {
    const refused = await new Promise((done) => {
      const transaction = database.transaction("blocks", "readwrite", { durability: "relaxed" });
      for (let i = 0; i < 8; i++) {
        crypto.getRandomValues(block);
        transaction.objectStore("blocks").put(block, blocks + i);
      }
      transaction.oncomplete = () => done();
      transaction.onabort = () => done(transaction.error.name);
    });
    if (refused) return [blocks * block.length, refused];
  }
  throw new Error("the browser refuses nothing");
}

/** A long text that hardly compresses. */
function heavy(i) {
  let state = i + 1;
  const letter = () => ((state = (state * 48271) % 2147483647) % 36).toString(36);
  const text = Array.from({ length: 16000 }, () => Array.from({ length: 8 }, letter).join("")).join(" ");
  return { id: `heavy-${i}`, title: `heavy-${i}`, text };
}

test("exhausted quota stops the import with a clear message, and the index stays whole", { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-full-"));
  const profile = path.join(folder, "profile");
  await mkdir(profile);
  const server = await bareSite();
  let chrome;
  try {
    chrome = await browser({ profile, executablePath: await confined(folder, profile) });
    const page = await bare(chrome.context, server.url);
    await page.evaluate(async (documents) => {
      globalThis.engine = await load(await Engine.open("full", {}));
      await engine.add(documents);
    }, [1, 2, 3].map(numbered));
    const [bytes, refused] = await page.evaluate(fill);
    assert.equal(refused, "QuotaExceededError");
    const [added, failed] = await page.evaluate(async (documents) => {
      let added = 0;
      for (const document of documents) {
        try {
          await engine.add([document]);
          added++;
        } catch ({ code, message }) {
          return [added, { code, message }];
        }
      }
      return [added, undefined];
    }, Array.from({ length: 60 }, (_, i) => heavy(i)));
    t.diagnostic(`refused after ${(bytes / 1e6).toFixed(0)} MB, and ${added} documents more`);
    assert.equal(failed?.code, "quota-exceeded", failed?.message);
    assert.match(failed.message, /full: free some space/);
    // What was committed is whole and answers, now and after a reload.
    const there = async (page, documents) => {
      assert.equal(await page.evaluate(() => engine.stats().documents), documents);
      assert.equal(await page.evaluate(() => clean(engine)), true);
      const { hits } = await page.evaluate(() => engine.search("one two three", { k: 3 }));
      assert.equal(hits.length, 3);
    };
    await there(page, 3 + added);
    await page.close();
    const fresh = await bare(chrome.context, server.url);
    await fresh.evaluate(async () => (globalThis.engine = await load(await Engine.open("full", {}))));
    await there(fresh, 3 + added);
  } finally {
    await chrome?.close();
    await server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
});
