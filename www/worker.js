// The worker: owns the engine (WebAssembly), so that the page never waits for it.

import init, { Engine } from "./pkg/gossamer.js";
import * as models from "./js/model.js";

const modelBase = new URL("./model/", import.meta.url);
let ready;
let engine;

const methods = {
  /** Sizes of the model's files, and whether they are already on this device. */
  async describe() {
    const { name, bytes, cached } = await models.describe(modelBase);
    return { name, bytes, cached };
  },

  /** What is stored under `name`, without loading the model. */
  async peek({ name }) {
    await (ready ??= init());
    return Engine.peek(name);
  },

  /** Loads the model and opens the index. */
  async open({ name, backend }, progress) {
    const started = performance.now();
    const manifest = await models.describe(modelBase);
    const [files] = await Promise.all([
      models.load(modelBase, manifest, (p) => progress({ phase: "model", ...p })),
      (ready ??= init()),
    ]);
    const loadMs = performance.now() - started;
    progress({ phase: "starting" });
    engine?.free();
    engine = await Engine.open({
      name,
      backend,
      model: {
        name: manifest.name,
        config: files["config.json"],
        tokenizer: files["tokenizer.json"],
        sentence: files["sentence_bert_config.json"],
        weights: files["model.safetensors"],
      },
    });
    return { ...engine.info(), loadMs, openMs: performance.now() - started };
  },

  add: ({ documents }, progress) => opened().add(documents, async (done, total) => {
    progress({ done, total });
    await breathe();
  }),
  search: ({ query, k }) => opened().search(query, k),
  documents: () => opened().documents(),
  stats: () => opened().stats(),
  remove: ({ ids }) => opened().remove(ids),
  embed: ({ texts, role }) => opened().embed(texts, role),
  info: () => opened().info(),

  /** Removes the index and the stored model. */
  async destroy({ name }) {
    engine?.free();
    engine = undefined;
    await (ready ??= init());
    await Engine.destroy(name);
    await models.forget();
  },
};

function opened() {
  if (engine) return engine;
  throw Object.assign(new Error("The index is not open yet."), { code: "not-open" });
}

// Lets other requests in between two batches: a search need not wait for an import.
const { port1, port2 } = new MessageChannel();
const waiting = [];
port1.onmessage = () => waiting.shift()();
function breathe() {
  return new Promise((resume) => {
    waiting.push(resume);
    port2.postMessage(0);
  });
}

self.addEventListener("message", async ({ data: { id, method, params } }) => {
  try {
    const result = await methods[method](params, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, result });
  } catch (error) {
    const { code = "internal", message = String(error), retryable = false } = error ?? {};
    self.postMessage({ id, error: { code, message, retryable } });
  }
});
