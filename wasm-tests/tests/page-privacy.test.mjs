// Privacy that can be seen: the policy, the counter of requests, the page without a connection, and nothing left after
// "Delete everything". With the real site, without its model except where it says so.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ask, axe, browser, dropFiles, row, root, site, started, tiny, visit, www } from "../harness.mjs";

const offline = (page, words) => page.waitForFunction((words) => document.getElementById("state-offline").textContent === words, words, { timeout: 60_000 });

describe("privacy on the page", () => {
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

  test("the page loads without breaking its own security policy and asks no other host", () => {
    assert.deepEqual(page.complaints, []);
    assert.deepEqual([...page.hosts], [new URL(server.url).host]);
  });

  test("the policy refuses inline script, strings as HTML and every other host, and attempts are counted", async () => {
    const page = await visit(chrome.context, `${server.url}?backend=cpu`);
    const got = await page.evaluate(async () => {
      const tried = {};
      const script = document.createElement("script");
      try {
        script.textContent = "globalThis.injected = true";
        document.head.append(script);
      } catch {
        // Trusted Types refuse the assignment already.
      }
      tried.script = Boolean(globalThis.injected);
      try {
        document.body.innerHTML += "<i></i>";
        tried.html = true;
      } catch {
        tried.html = false;
      }
      tried.fetch = await fetch("https://example.com/").then(() => true, () => false);
      tried.beacon = await new Promise((told) => {
        const image = new Image();
        image.onload = () => told(true);
        image.onerror = () => told(false);
        image.src = "https://example.com/pixel.png";
      });
      return tried;
    });
    assert.deepEqual(got, { script: false, html: false, fetch: false, beacon: false });
    assert.ok(page.complaints.some((text) => /Content Security Policy/.test(text)));
    assert.match(await page.innerText("#promise"), /to other hosts/);
    await page.close();
  });

  test("every request is counted: of the page, of its workers, of the readers of documents, and of what keeps the page", async () => {
    // The page is kept whole only with the model's list that it was built with; here it is another.
    const built = (await readFile(path.join(www, "assets.js"), "utf8")).replace(/\{\s*"path": "model\/manifest.json"[^}]*\},?/, "");
    const server = await site({
      model: tiny,
      async intercept({ url }, response) {
        if (url !== "/assets.js") return false;
        response.writeHead(200, { "Content-Type": "text/javascript" }).end(built);
        return true;
      },
    });
    const { context, close } = await browser();
    try {
      const page = await visit(context, `${server.url}?backend=cpu`);
      const names = ["tides.pdf", "report.docx", "book.epub", "page.html"];
      await dropFiles(page, await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(path.join(root, "tests/fixtures/documents", name)) }))));
      for (const name of names) await row(page, name, "done");
      await page.waitForSelector('#state-offline[data-complete="true"]');
      const sent = () => page.evaluate(() => globalThis.gossamer.traffic().list.filter(({ stored }) => !stored).map(({ url }) => new URL(url).pathname).sort());
      const seen = () => server.requests.map(({ url }) => url.split("?")[0]).sort();
      await page.waitForFunction((count) => globalThis.gossamer.traffic().list.filter(({ stored }) => !stored).length >= count, seen().length);
      assert.deepEqual(await sent(), seen());
      for (const part of ["/", "/worker.js", "/pkg/gossamer_bg.wasm", "/model/model.safetensors", "/extract/worker.js", "/vendor/pdf.js", "/vendor/fflate.js", "/vendor/htmlparser2.js", "/sw.js"]) assert.ok(seen().includes(part), part);
      const { toKeep, elsewhere } = await page.evaluate(() => globalThis.gossamer.traffic());
      assert.ok(toKeep > 200, `${toKeep} requests to keep the page`);
      assert.equal(elsewhere, 0);
    } finally {
      await close();
      await server.close();
    }
  });

  test("a whole visit, with documents added and searched, makes no request once the model is there", async () => {
    await dropFiles(page, [{ name: "note.txt", text: "The spare key is under the blue flowerpot." }]);
    await row(page, "note.txt", "done");
    const before = server.requests.length;
    const counted = await page.evaluate(() => globalThis.gossamer.traffic());
    await dropFiles(page, [{ name: "second.txt", text: "The bread is in the blue tin." }]);
    await row(page, "second.txt", "done");
    await ask(page, "blue");
    await page.locator(".hit-open").first().click();
    await page.waitForSelector("#reader .passage");
    await page.keyboard.press("Escape");
    const inPage = server.requests.slice(before).filter(({ url }) => !["/sw.js", "/assets.js"].includes(url));
    const after = await page.evaluate(() => globalThis.gossamer.traffic());
    assert.equal(after.list.length, counted.list.length, `the page's counter: ${JSON.stringify(after.list.slice(counted.list.length))}`);
    assert.equal(after.elsewhere, 0);
    assert.ok(inPage.every(({ url }) => !/note|second|blue/.test(url)));
    assert.match(await page.innerText("#promise"), /^Nothing leaves this tab\s+\d+ requests? since it loaded$/);
  });

  test("the ledger says what every part costs and lists every request", async () => {
    await page.click("#promise");
    await page.waitForSelector("#ledger .ledger-part");
    const text = await page.innerText("#ledger-body");
    for (const words of [/Its vectors, had they been stored/, /Codes, which guide the search/, /Per passage/, /Self-test/, /To any other host\s+0/, /Space\s+.* used of/, /adds and searches/]) assert.match(text, words);
    await page.click("text=Check every byte");
    await page.waitForSelector("text=every byte is as it was written");
    await page.keyboard.press("Escape");
  });

  test("deleting everything leaves no database, no cache, no service worker, and nothing in them", async () => {
    await page.click("#clear");
    await page.click('#confirm button[value="yes"]');
    await page.waitForSelector("#remains[data-bytes]", { timeout: 90_000 });
    assert.match(await page.innerText("#remains"), /^Nothing is left: 0 databases, 0 caches, 0 B/);
    assert.deepEqual(await axe(page), []);
    const left = await page.evaluate(async () => ({
      databases: await indexedDB.databases(),
      caches: await caches.keys(),
      workers: (await navigator.serviceWorker.getRegistrations()).length,
      local: localStorage.length + sessionStorage.length,
      cookies: document.cookie,
      files: (await Array.fromAsync((await navigator.storage.getDirectory()).keys())).length,
      locks: (await navigator.locks.query()).held.length,
    }));
    assert.deepEqual(left, { databases: [], caches: [], workers: 0, local: 0, cookies: "", files: 0, locks: 0 });
    // What Chromium counts for the empty files of its databases.
    const bytes = await page.evaluate(() => navigator.storage.estimate().then(({ usage }) => usage));
    assert.ok(bytes < 65_536, `${bytes} bytes are left`);
  });
});

describe("the page without a connection", () => {
  test("is promised only when every file of it is in the cache with its hash", async () => {
    const server = await site({
      async intercept({ url }, response) {
        if (url !== "/js/format.js") return false;
        // Not the file that was listed: as a proxy or a half-finished upload might have it.
        response.writeHead(200, { "Content-Type": "text/javascript" }).end(`${await readFile(path.join(www, "js/format.js"), "utf8")}\n// changed\n`);
        return true;
      },
    });
    const { context, close } = await browser();
    try {
      const page = await visit(context, server.url);
      await page.waitForSelector('#state-offline[data-complete="false"]');
      assert.equal(await page.innerText("#state-offline"), "not yet");
      assert.deepEqual(await page.evaluate(() => caches.keys()), []);
      // Nor does the worker that could not keep it go on holding what it had fetched.
      const bytes = await page.evaluate(() => navigator.storage.estimate().then(({ usage }) => usage));
      assert.ok(bytes < 65_536, `${bytes} bytes are held`);
    } finally {
      await close();
      await server.close();
    }
  });

  test("opens again with the server gone", async () => {
    const server = await site();
    const { context, close } = await browser();
    try {
      const page = await visit(context, server.url);
      await offline(page, "all but the model");
      await server.close();
      await page.reload();
      await started(page);
      assert.equal(await page.innerText("h1"), "Ask your own documents.");
      const { toLoad, since } = await page.evaluate(() => globalThis.gossamer.traffic());
      assert.equal(toLoad + since, 0, "nothing was asked of the network");
    } finally {
      await close();
      await server.close().catch(() => {});
    }
  });
});
