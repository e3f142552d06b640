// The package's examples do what they say, with the real model in Node and in a browser.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, realpath, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { browser, root, www } from "../harness.mjs";
import { install } from "../packaging/install.mjs";
import { serve } from "../serve.mjs";

let project;
// The package's pins are of the published weights; the page ships smaller ones from the same folder.
let model;
before(async () => {
  model = path.dirname(await realpath(path.join(www, "model/config.json")));
  project = await install();
  await cp(path.join(root, "pkg/examples"), path.join(project.folder, "examples"), { recursive: true });
});
after(() => project?.close());

const bees = "# Bees\n\nA bee that has found flowers dances, and the others read from it where to fly.";
const rent = "# Rent\n\nThe flat costs nine hundred a month, to be paid by the third working day.";
const run = (script, ...args) => execFileSync(process.execPath, [path.join(project.folder, "examples", script), ...args], {
  encoding: "utf8", cwd: project.folder, timeout: 300_000,
  env: { ...process.env, MODEL: pathToFileURL(`${model}/`).href, XDG_CACHE_HOME: path.join(project.folder, "cache") },
});

test("search a folder: by meaning, and the second run indexes only what changed", { timeout: 600_000 }, async () => {
  const folder = path.join(project.folder, "notes");
  await cp(path.join(root, "pkg/examples/page"), folder, { recursive: true });
  await writeFile(path.join(folder, "bees.md"), bees);
  await writeFile(path.join(folder, "rent.txt"), rent);
  const first = run("search-a-folder.mjs", folder, "How do insects tell each other where food is?");
  assert.match(first, /^2 added, 0 replaced, 0 unchanged/);
  assert.match(first, /\n0\.\d\d {2}bees\.md {2}Bees\n/);
  assert.ok(first.indexOf("bees.md") < first.indexOf("rent.txt"));
  await writeFile(path.join(folder, "rent.txt"), `${rent} Heating is extra.`);
  assert.match(run("search-a-folder.mjs", folder, "What does housing cost?"), /^0 added, 1 replaced, 1 unchanged[^]*?rent\.txt[^]*bees\.md/);
});

test("bring your own embedder", () => {
  assert.match(run("own-embedder.mjs"), /^cat \d\.\d\d 4\nfish/);
});

test("private search in a plain page, which asks nobody but its own server", { timeout: 300_000 }, async (t) => {
  const server = await serve({
    root: path.join(project.folder, "examples/page"), mounts: { "/package/": project.installed, "/model/": model },
  });
  const { context, close } = await browser();
  try {
    const hosts = new Set();
    context.on("request", (request) => hosts.add(new URL(request.url()).host));
    const page = await context.newPage();
    const started = Date.now();
    await page.goto(server.url);
    await page.locator("#files:enabled").waitFor({ timeout: 240_000 });
    await page.setInputFiles("#files", [
      { name: "bees.md", mimeType: "text/markdown", buffer: Buffer.from(bees) },
      { name: "rent.txt", mimeType: "text/plain", buffer: Buffer.from(rent) },
    ]);
    await page.getByText("2 documents, on the CPU").waitFor({ timeout: 60_000 });
    const ask = async (question) => {
      await page.fill("#question", question);
      await page.click("#ask");
      return page.locator("#hits li").first().innerText();
    };
    assert.match(await ask("How do insects tell each other where food is?"), /^bees\.md/);
    t.diagnostic(`first answer after ${Date.now() - started} ms, model loaded from this machine`);
    const again = Date.now();
    await page.reload();
    await page.getByText("2 documents, on the CPU").waitFor({ timeout: 240_000 });
    assert.match(await ask("What does housing cost?"), /^rent\.txt/);
    t.diagnostic(`after a reload: ${Date.now() - again} ms`);
    assert.deepEqual([...hosts], [new URL(server.url).host]);
  } finally {
    await close();
    await server.close();
  }
});
