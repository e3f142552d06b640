// How much memory the model takes in a tab while it is opened: that of WebAssembly never shrinks, so what it has
// afterwards is the most it had.

import assert from "node:assert/strict";
import { mkdtemp, readFile, realpath, rm, symlink } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { partBytes } from "../../pkg/src/model.js";
import { browser, site, visit, www } from "../harness.mjs";

/** Bytes that the CPU needs of a weights file: 8 bits stay so, and the words stay as they are; all else is in f32. */
function needed(file) {
  const end = 8 + Number(file.readBigUInt64LE());
  const size = { I8: 1, F16: 2, F32: 4 };
  const bytes = ([name, { dtype, shape }]) => {
    const stays = dtype === "I8" || name.includes("word_embeddings");
    return shape.reduce((n, m) => n * m, stays ? size[dtype] : size.F32);
  };
  const used = ([name, { dtype }]) => dtype in size && !name.includes("pooler");
  return Object.entries(JSON.parse(file.toString("utf8", 8, end))).filter(used).map(bytes).reduce((a, b) => a + b);
}

/** Loads the model as the page's worker does, in a tab; gives the bytes that WebAssembly's memory has grown by. */
const load = async (weightsUrl) => {
  const { default: init, Engine, Weights } = await import("/pkg/gossamer.js");
  const models = await import("/vendor/gossamer-model.js");
  const { memory } = await init();
  const engine = await Engine.open("memory", { storage: "memory" });
  const before = memory.buffer.byteLength;
  const named = async (name, url) => {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return { name, bytes: bytes.length, sha256: Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("") };
  };
  const names = ["config.json", "tokenizer.json", "sentence_bert_config.json"];
  const files = await Promise.all([...names.map((name) => named(name, `/model/${name}`)), named("model.safetensors", weightsUrl)]);
  const described = await models.describe({ url: new URL("/published/", location.href), name: "memory", files });
  const sinks = { "model.safetensors": (bytes) => new Weights(bytes) };
  const loaded = await models.load(described, {}, new AbortController().signal, () => {}, sinks);
  const [config, tokenizer, sentence] = names.map((name) => loaded[name]);
  await engine.load({ name: "memory", config, tokenizer, sentence }, "cpu", loaded["model.safetensors"]);
  return memory.buffer.byteLength - before;
};

for (const name of ["model.safetensors", "model.f16.safetensors", "model.int8.safetensors"]) {
  test(`opening ${name} takes at most 1.3 times the memory of the weights, a part in JavaScript's hands included`, { timeout: 300_000 }, async (t) => {
    const kept = path.dirname(await realpath(path.join(www, "model/config.json")));
    const published = await mkdtemp(path.join(os.tmpdir(), "gossamer-published-"));
    for (const file of ["config.json", "tokenizer.json", "sentence_bert_config.json"]) await symlink(path.join(kept, file), path.join(published, file));
    await symlink(path.join(kept, name), path.join(published, "model.safetensors"));
    const server = await site({ mounts: { "/published/": published } });
    const { context, close } = await browser();
    try {
      const page = await visit(context, server.url);
      const file = await readFile(path.join(kept, name));
      const size = needed(file);
      const grown = await page.evaluate(load, "/published/model.safetensors");
      const times = (grown + partBytes(file.length)) / size;
      t.diagnostic(`${(grown / 1e6).toFixed(1)} MB in WebAssembly for weights of ${(size / 1e6).toFixed(1)} MB, ${times.toFixed(2)} times with a part`);
      assert.ok(times <= 1.3, `${times.toFixed(2)} times`);
    } finally {
      await close();
      await server.close();
      await rm(published, { recursive: true });
    }
  });
}
