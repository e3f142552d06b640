// The npm package as it would be installed: the packed tarball in a bare module script.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { browser, root, tiny } from "../harness.mjs";
import { serve } from "../serve.mjs";

test("the packed tarball indexes, searches, closes and searches again in a bare module script", { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-package-"));
  const pack = ["pack", path.join(root, "pkg"), "--pack-destination", folder, "--json"];
  const [{ filename, size, files }] = JSON.parse(execFileSync("npm", pack, { encoding: "utf8" }));
  const names = files.map((file) => file.path).sort();
  assert.deepEqual(names, ["README.md", "dist/gossamer.d.ts", "dist/gossamer.js", "dist/gossamer_bg.wasm", "package.json"]);
  t.diagnostic(`tarball ${(size / 1e6).toFixed(2)} MB`);
  execFileSync("tar", ["-xzf", path.join(folder, filename), "-C", folder]);
  await writeFile(path.join(folder, "index.html"), `<!doctype html><meta charset="utf-8"><title>bare</title>
<script type="module" src="main.js"></script>`);
  await writeFile(path.join(folder, "main.js"), `
  import init, { Engine } from "/package/dist/gossamer.js";
  const read = async (name) => new Uint8Array(await (await fetch("/model/" + name)).arrayBuffer());
  globalThis.open = async () => {
    await init();
    const engine = await Engine.open("bare");
    const [config, tokenizer, sentence, weights, codec] = await Promise.all(
      ["config.json", "tokenizer.json", "sentence_bert_config.json", "model.safetensors", "codec.gsc"].map(read));
    await engine.load({ name: "tiny", config, tokenizer, sentence, weights, codec }, "cpu");
    return engine;
  };
  globalThis.ready = true;
`);
  const server = await serve({ root: folder, mounts: { "/model/": tiny } });
  const { context, close } = await browser();
  try {
    const page = await context.newPage();
    const visit = async () => {
      await page.goto(server.url);
      await page.waitForFunction(() => globalThis.ready);
    };
    await visit();
    const first = await page.evaluate(async () => {
      const engine = await open();
      await engine.add([
        { id: "a", title: "A", text: "north south east west. ".repeat(5) },
        { id: "b", title: "B", text: "one two three four five six seven." },
      ], () => {});
      const { hits } = await engine.search("one two three", 2);
      await engine.close();
      return hits;
    });
    assert.equal(first.length, 2);
    await visit();
    const again = await page.evaluate(async () => (await (await open()).search("one two three", 2)).hits);
    assert.deepEqual(again, first);
  } finally {
    await close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
