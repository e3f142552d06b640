// The worker: owns the engine (WebAssembly), so that the page never waits for it.

import init, { Engine, Weights, version } from "./pkg/gossamer.js";
import { metadataOf, sectionsOf } from "./js/hit.js";
import * as models from "./js/model.js";
import { tellOfRequests } from "./js/requests.js";

const encoder = new TextEncoder();
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
    return opening();
  },

  /** Takes an exported index, a file or what lies at `url`, as this browser's own, in the place of the one there is.
   *  That one goes only when the new one is known to be whole, and made with the model `fit` if one is given. */
  adopt: ({ name, url, file, fit }) => alone(async () => {
    const bytes = new Uint8Array(await (file ?? await fetched(url)).arrayBuffer());
    await booted;
    const checked = engine?.stats().documents > 0 ? await imported(name, { storage: "memory" }, bytes) : undefined;
    engine?.close();
    try {
      if (fit && checked) await loadInto(checked, await modelFiles(() => {}), fit);
      await Engine.destroy(name);
      engine = await imported(name, undefined, bytes);
    } catch (error) {
      engine = await Engine.open(name);
      throw error;
    } finally {
      checked?.close();
    }
    return opening();
  }),

  /** Opens an exported index where it lies on this site, to be read: what a search needs is fetched when it needs it. */
  async visit({ url }) {
    await booted;
    engine = await Engine.openUrl(url);
    return opening();
  },

  /** What was fetched of an index that is read where it lies: `{ size, requests, bytes }`. */
  fetched: () => opened().traffic(),

  /** The whole index as one file, as the command writes it. */
  async export() {
    const parts = [];
    await opened().export((bytes) => parts.push(bytes));
    return new Blob(parts, { type: "application/octet-stream" });
  },

  /** Shows what other tabs have written since. */
  async follow() {
    await opened().refresh();
    return opening();
  },

  /** Loads the model and tests the device it runs on. */
  async load({ backend }, progress) {
    const started = performance.now();
    const model = await modelFiles((p) => progress({ phase: "model", ...p }));
    const loadMs = performance.now() - started;
    progress({ phase: "starting" });
    await breathe();
    const calibration = await models.measured(modelBase, version());
    const info = await loadInto(opened(), { ...model, calibration }, backend);
    if (info.calibration && !calibration) await models.keepMeasured(modelBase, version(), info.calibration);
    if (info.backend.kind === "gpu") info.backend.name = (await adapterName()) ?? info.backend.name;
    countWords();
    return { ...info, loadMs, startMs: performance.now() - started - loadMs };
  },

  add: ({ documents }, progress) => alone(() => {
    const gate = new Gate();
    return opened().add(documents.map(described), async (done, total) => {
      progress({ done, total, heldMs: gate.heldMs });
      await breathe();
      await gate.pass();
    });
  }),

  /** Holds what is being added, or lets it go on. */
  pause({ paused }) {
    Gate.paused = paused;
    if (!paused) Gate.change();
  },

  /** Gives up what is being added: nothing of it is committed. */
  interrupt() {
    Gate.paused = false;
    Gate.interrupted?.();
    Gate.change();
  },

  remove: ({ ids }) => alone(() => opened().remove(ids)),

  /** Searches; by meaning, `progress({ stage, hits })` tells of the first answers. Words need no model. */
  async search({ query, options = {} }, progress) {
    const found = options.mode === "keyword" ? await opened().search(query, options)
      : await opened().searchStream(query, options, ({ stage, hits }) => stage !== "exact" && progress({ stage, hits: hits.map(placed) }));
    return { ...found, hits: found.hits.map(placed) };
  },

  /** How near every passage of a document is, by its code alone: `{ start, end, score }`. */
  async relevance({ query, id }) {
    const options = { mode: "semantic", k: 400, limit: 0, filter: { path: id } };
    const { hits } = await opened().search(query, options);
    return hits.map(placed).map(({ start, end, score }) => ({ start, end, score }));
  },

  documents: async () => (await opened().documents()).map(listed),
  text: ({ id }) => opened().text(id),

  /** The text of a document, and its sections (`{ start, label }`) with their places in UTF-16 units. */
  async read({ id }) {
    const found = await opened().get(id);
    if (!found) return undefined;
    const { text } = found;
    const sections = sectionsOf(found);
    const bytes = sections.length > 0 ? encoder.encode(text) : undefined;
    const decoder = new TextDecoder();
    let [at, units] = [0, 0];
    const placed = sections.map(({ start, label }) => {
      if (start > at) units += decoder.decode(bytes.subarray(at, start)).length;
      at = Math.max(at, start);
      return { start: units, label };
    });
    return { text, sections: placed };
  },
  stats: () => opened().stats(),
  info: () => opened().info(),
  verify: () => opened().verify(),
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

/** A document as the engine takes it. Its sections go into the metadata, counted in bytes as everywhere else; those of
 *  Markdown are its headings, which the engine finds in the text by itself. */
function described({ id, title, text, metadata = {}, sections = [] }) {
  if (sections.length > 0 && metadata.type !== "markdown") {
    const offset = bytesBefore(text);
    metadata = { ...metadata, sections: sections.map(({ start, label }) => ({ start: offset(start), label })) };
  }
  return { id, title, text, metadata: JSON.stringify(metadata) };
}

/** From offsets in UTF-16 units, asked for in rising order, to offsets in bytes of UTF-8. */
function bytesBefore(text) {
  let [at, bytes] = [0, 0];
  return (start) => {
    if (start > at) bytes += encoder.encode(text.slice(at, start)).length;
    at = Math.max(at, start);
    return bytes;
  };
}

/** A hit as the page takes it: its place in UTF-16 units, and where a reader is there instead of all sections. */
function placed({ document, bytes: [byte], utf16: [start, end], text, marks, why, score, title, metadata, chunk, heading, documentLength }) {
  const section = sectionsOf({ metadata }).filter((one) => one.start <= byte).pop()?.label;
  return { id: document, document, start, end, text, marks, why, score, title, metadata: { ...metadata, sections: undefined }, chunk, place: section || heading, documentLength };
}

async function opening() {
  return { exists: engine.exists, stats: engine.stats(), documents: (await engine.documents()).map(listed) };
}

/** A document as the page lists it: a thousand of them must not bring all of their sections along. */
function listed(document) {
  const { path, type } = metadataOf(document);
  return { ...document, metadata: { path, type } };
}

/** An engine with what an export holds. That this is damaged says nothing of what is stored. */
async function imported(...from) {
  try {
    return await Engine.import(...from);
  } catch (error) {
    throw error.code === "corrupted" ? Object.assign(new Error(error.message), { code: "invalid-import" }) : error;
  }
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw Object.assign(new Error(`The index at ${url} could not be loaded.`), { code: "unavailable" });
  return response;
}

/** Counts the words of what is stored, so that no question waits for it; between two stretches others get their turn. */
async function countWords() {
  const counted = engine;
  await counted.countWords(async () => {
    await breathe();
    return engine === counted;
  }).catch(() => {}); // Then the first questions do.
}

const loadInto = (engine, { weights, ...model }, backend) => engine.load(model, backend, weights);

/** The model as the engine takes it; the weights are in its memory as soon as they have arrived. */
async function modelFiles(progress) {
  await booted;
  const manifest = await models.describe(modelBase);
  const files = await models.load(modelBase, manifest, progress, { "model.safetensors": (bytes) => new Weights(bytes) });
  return {
    name: manifest.name,
    config: files["config.json"],
    tokenizer: files["tokenizer.json"],
    sentence: files["sentence_bert_config.json"],
    codec: files["codec.gsc"],
    weights: files["model.safetensors"],
  };
}

/** What an import passes between two batches: it holds it while paused, and stops it when interrupted. */
class Gate {
  static paused = false;
  static interrupted;
  static change = () => {};

  heldMs = 0;
  #stopped = false;

  constructor() {
    Gate.interrupted = () => (this.#stopped = true);
  }

  async pass() {
    const from = performance.now();
    while (Gate.paused && !this.#stopped) await new Promise((wake) => (Gate.change = wake));
    this.heldMs += performance.now() - from;
    if (this.#stopped) throw new Error("interrupted");
  }
}

/** What the browser tells about the GPU; some tell nothing. wgpu passes on the description alone, which is often empty:
 *  this can go with https://github.com/gfx-rs/wgpu/issues/8819, of which wasm-tests/tests/package-gpu.test.mjs tells. */
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

tellOfRequests((requests) => self.postMessage({ said: { requests } }));
