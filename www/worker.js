// The worker: owns the engine (WebAssembly), so that the page never waits for it.

import init, { Engine } from "./pkg/gossamer.js";
import * as models from "./js/model.js";

const modelBase = new URL("./model/", import.meta.url);
const booted = init();
booted.catch(() => {}); // Reported by the first call that needs it.
let engine;

const methods = {
  /** Sizes of the model's files, and whether they are already on this device. */
  async describe() {
    const { name, bytes, cached } = await models.describe(modelBase);
    return { name, bytes, cached };
  },

  /** Opens what is stored under `name`; the model is not needed for that. */
  async open({ name }) {
    await booted.catch((error) => {
      throw Object.assign(new Error(`WebAssembly did not start: ${error.message}`), { code: "unsupported" });
    });
    engine = await Engine.open(name);
    return { exists: engine.exists, stats: engine.stats(), documents: await engine.documents() };
  },

  /** Loads the model and tests the device it runs on. */
  async load({ backend }, progress) {
    const started = performance.now();
    const manifest = await models.describe(modelBase);
    const files = await models.load(modelBase, manifest, (p) => progress({ phase: "model", ...p }));
    const loadMs = performance.now() - started;
    progress({ phase: "starting" });
    await breathe();
    const info = await opened().load({
      name: manifest.name,
      config: files["config.json"],
      tokenizer: files["tokenizer.json"],
      sentence: files["sentence_bert_config.json"],
      codec: files["codec.gsc"],
      weights: files["model.safetensors"],
    }, backend);
    if (info.backend.kind === "gpu") info.backend.name = (await adapterName()) ?? info.backend.name;
    return { ...info, loadMs, startMs: performance.now() - started - loadMs };
  },

  add: ({ documents }, progress) => alone(() => opened().add(documents, async (done, total) => {
    progress({ done, total });
    await breathe();
  })),
  remove: ({ ids }) => alone(() => opened().remove(ids)),
  search: ({ query, options }) => opened().search(query, options),
  searchStream: ({ query, options }, progress) => opened().searchStream(query, options, progress),
  similar: ({ id, chunk, options }) => opened().similar(id, chunk, options),
  documents: () => opened().documents(),
  text: ({ id }) => opened().text(id),
  stats: () => opened().stats(),
  info: () => opened().info(),
  embed: ({ texts }) => opened().embed(texts),

  /** Removes the index and the stored model. */
  destroy: ({ name }) => alone(async () => {
    engine?.close();
    engine = undefined;
    await booted;
    await Engine.destroy(name);
    await models.forget();
  }),
};

/** What the browser tells about the GPU; some tell nothing. */
async function adapterName() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  const { description, vendor, architecture } = adapter?.info ?? {};
  return description || [vendor, architecture].filter(Boolean).join(" ") || undefined;
}

function opened() {
  if (engine) return engine;
  throw Object.assign(new Error("The index is not open."), { code: "not-open" });
}

// One writer at a time: the next call starts when the one before has ended, however it ended.
let last = Promise.resolve();
function alone(work) {
  const turn = last.then(work);
  last = turn.catch(() => {});
  return turn;
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
