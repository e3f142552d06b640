// Text out of documents in the page: the table of expectations that the native reader is held to as well, in Chromium,
// under the page's security policy.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";

import { browser, root, site } from "../harness.mjs";

const folder = path.join(root, "tests/fixtures/documents");
const table = JSON.parse(await readFile(path.join(folder, "expected.json"), "utf8"));
let chromium;
let server;
let page;
const complaints = [];
const hosts = new Set();

before(async () => {
  // The page's own policy, on a page without anything else.
  const html = await readFile(path.join(root, "www/index.html"), "utf8");
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)[1];
  server = await site({
    async intercept(request, response) {
      if (request.url === "/blank.html") {
        response.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": policy });
        response.end("<!doctype html><link rel='icon' href='data:,'><title>Extraction</title>");
        return true;
      }
      if (!request.url.startsWith("/documents/")) return false;
      response.writeHead(200, { "Content-Type": "application/octet-stream" });
      response.end(await readFile(path.join(folder, path.basename(request.url))));
      return true;
    },
  });
  chromium = await browser();
  page = await chromium.context.newPage();
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  chromium.context.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(new URL("blank.html", server.url).href);
});

after(async () => {
  await chromium?.close();
  await server?.close();
});

/** Extracts a file of the folder, or one made of a repeated piece. */
const extract = (name, repeat) => page.evaluate(async ([name, repeat]) => {
  const { extract } = await import("/extract/extract.js");
  const [start, times, middle, end = ""] = repeat ?? [];
  const content = repeat ? start.repeat(times) + middle + end.repeat(times) : await (await fetch(`/documents/${name}`)).blob();
  try {
    return { found: await extract(new File([content], name)) };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}, [name, repeat]);

function check(entry, { found, code, message }) {
  if (entry.code || code) {
    assert.equal(code ?? `text: ${found.text.slice(0, 200)}`, entry.code, `${entry.file}: ${message}`);
    return;
  }
  assert.equal(found.type, entry.type, entry.file);
  assert.equal(found.title, entry.title, entry.file);
  if (entry.text !== undefined) assert.equal(found.text, entry.text, entry.file);
  let rest = found.text;
  for (const words of entry.words ?? []) {
    const at = rest.indexOf(words);
    assert.ok(at >= 0, `${entry.file}: ${JSON.stringify(words)} is not in ${JSON.stringify(rest)}`);
    rest = rest.slice(at + words.length);
  }
  assert.deepEqual(found.sections.map(({ label }) => label), entry.sections.map(([label]) => label), entry.file);
  found.sections.forEach(({ start }, i) => {
    const [, there] = entry.sections[i];
    assert.equal(found.text.slice(start, start + there.length), there, entry.file);
  });
  assert.deepEqual(found.notes, entry.notes ?? [], entry.file);
}

test("plain text is read without loading a reader for any other format", async () => {
  check(table.files.find(({ file }) => file === "plain.txt"), await extract("plain.txt"));
  const loaded = server.requests.map(({ url }) => url).filter((url) => url.startsWith("/vendor/"));
  assert.deepEqual(loaded, []);
});

test("every document yields what the table says", async () => {
  for (const entry of table.files) check(entry, await extract(entry.file));
  for (const entry of table.made) check(entry, await extract(entry.file, entry.repeat));
});

test("every document is in the table", async () => {
  const tools = ["README.md", "expected.json", "make.py", "print.mjs"];
  const files = (await readdir(folder)).filter((name) => !tools.includes(name));
  assert.deepEqual(files.sort(), table.files.map(({ file }) => file).sort());
});

test("scripts in a document never run, and nothing in it is fetched", async () => {
  await extract("page.html");
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  assert.deepEqual([...hosts], [new URL(server.url).host]);
  assert.deepEqual(complaints, []);
});

test("a file that takes too long is given up, and the next one is read", async () => {
  const result = await page.evaluate(async () => {
    const { extract } = await import("/extract/extract.js");
    const blob = await (await fetch("/documents/printed.pdf")).blob();
    const late = await extract(new File([blob], "printed.pdf"), { time: 0 }).catch((error) => error.code);
    const next = await extract(new File(["Still here."], "next.txt"));
    return { late, next: next.text };
  });
  assert.deepEqual(result, { late: "timeout", next: "Still here." });
});

test("extraction stops when it is told to", async () => {
  const reason = await page.evaluate(async () => {
    const { extract } = await import("/extract/extract.js");
    const blob = await (await fetch("/documents/printed.pdf")).blob();
    const controller = new AbortController();
    const reading = extract(new File([blob], "printed.pdf"), { signal: controller.signal });
    controller.abort(new Error("the reader changed their mind"));
    return reading.then(() => "read", (error) => error.message);
  });
  assert.equal(reason, "the reader changed their mind");
});

test("each budget refuses what exceeds it", async () => {
  const codes = await page.evaluate(async () => {
    const { Archive } = await import("/extract/archive.js");
    const { limits } = await import("/extract/limits.js");
    const bytes = new Uint8Array(await (await fetch("/documents/report.docx")).arrayBuffer());
    const codes = {};
    for (const [name, value] of [["members", 3], ["member", 1000], ["unpacked", 2000]]) {
      const usual = limits[name];
      limits[name] = value;
      try {
        const archive = new Archive(bytes);
        for (const member of ["word/document.xml", "word/styles.xml", "word/footnotes.xml"]) archive.read(member);
        codes[name] = "read";
      } catch (error) {
        codes[name] = error.code;
      }
      limits[name] = usual;
    }
    return codes;
  });
  assert.deepEqual(codes, { members: "too-big", member: "too-big", unpacked: "too-big" });
});
