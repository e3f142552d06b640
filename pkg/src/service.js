// Owns the engine (WebAssembly), in a worker or on the thread of the caller, and answers the calls of an Index.

import init, * as wasm from "#engine";
import { Channel } from "./channel.js";
import { SearchError, asSearchError } from "./errors.js";
import * as models from "./model.js";

/** How long a write waits for another tab's to end, and how often it looks. */
const LOCK_WAIT = 10_000;
const LOCK_LOOK = 50;

let booted;
/** Starts WebAssembly once per thread. A failed start can be tried again. */
function boot(source) {
  booted ??= init({ module_or_path: source }).catch((error) => {
    booted = undefined;
    const page = /magic|MIME/i.test(String(error?.message)) ? " (the server answered with something else than the .wasm file)" : "";
    throw new SearchError("unsupported", `WebAssembly did not start: ${error?.message ?? error}${page}`, { cause: error });
  });
  return booted;
}

/**
 * Answers calls on `port`; `platform` has what differs between Node and the rest, and `spare` where there is a thread
 * for it.
 */
export function serve(port, platform = {}) {
  const service = new Service(platform);
  const methods = ["hello", "open", "add", "remove", "get", "documents", "search", "searchStream", "similar", "stats", "verify", "compact", "export", "flush", "close", "model", "forgetModels", "destroy"];
  const handlers = Object.fromEntries(methods.map((name) => [name, (params, context) => service[name](params ?? {}, context)]));
  service.host = new Channel(port, handlers);
}

class Service {
  /** The other end: it has the application's functions. */
  host;
  #engine;
  #platform;
  #last = Promise.resolve();
  #reading = new Set();
  #closing = new AbortController();
  #hostError;
  #facts;
  #lost;

  constructor(platform) {
    this.#platform = platform;
  }

  /** Says that the thread is there. */
  hello() {}

  /** Starts the engine, opens or fills the storage (or reads it at `url`), and gets ready to embed. */
  async open({ wasm: source, name, url, storage, texts, embedder, model, backend, imported }, { signal, emit }) {
    emit({ phase: "wasm", loaded: 0, total: 0 });
    await boot(source);
    signal.throwIfAborted();
    const options = {
      storage: storage === "own" ? this.#storage() : storage?.folder ? new this.#platform.Folder(storage.folder) : storage,
      texts: texts ? (id) => this.#ask("text", id) : undefined,
    };
    this.#engine = await (url ? wasm.Engine.openUrl(url) : imported ? wasm.Engine.import(name, options, () => this.host.call("part", {}, { signal })) : wasm.Engine.open(name, options));
    let facts;
    if (embedder) {
      const { codec, ...described } = embedder;
      const embed = (batch, role) => this.#ask("embed", { texts: batch, role });
      facts = await this.#engine.attach({ ...described, embed }, codec);
    } else {
      facts = await this.#load(model, backend, signal, emit);
    }
    this.#facts = facts;
    this.#engine.onChange((_, error) => (error ? this.host.notify("storage", { message: error.message }) : this.#changed(true)));
    signal.throwIfAborted();
    if (this.#platform.spare) this.#countWords();
    return { ...facts, exists: this.#engine.exists };
  }

  /** Counts the words of the text while nothing else is read or written, so that no question waits for it. */
  async #countWords() {
    const pause = async () => {
      do await new Promise((wake) => setTimeout(wake, this.#reading.size > 1 ? 20 : 0));
      while (this.#reading.size > 1 && !this.#closing.signal.aborted);
      return !this.#closing.signal.aborted;
    };
    await this.#read(() => this.#engine.countWords(pause)).catch(() => {});
  }

  async #load(model, backend, signal, emit) {
    if (!wasm.Engine.prototype.load) {
      throw new SearchError("unsupported", "This build has no encoder: give open() an embedder, or import \"gossamer-search\" instead of \"gossamer-search/slim\".");
    }
    const source = await models.describe(model, this.#platform);
    // The weights go into the engine as they arrive; those that the application gave are read where they are.
    const sinks = { "model.safetensors": (bytes) => new wasm.Weights(bytes) };
    const files = await models.load(source, this.#platform, signal, (p) => emit({ phase: "model", ...p }), sinks);
    emit({ phase: "start", loaded: source.bytes, total: source.bytes });
    await breathe();
    signal.throwIfAborted();
    // Without WebGPU there is nothing to choose from.
    const gpu = Boolean(globalThis.navigator?.gpu);
    if (backend === "webgpu" && !gpu) throw new SearchError("unsupported", "There is no WebGPU here.");
    const choice = !gpu ? "cpu" : backend === "webgpu" ? "gpu" : backend;
    const calibration = await models.measured(source, wasm.version(), this.#platform);
    const facts = await this.#engine.load({
      name: source.name,
      config: files["config.json"],
      tokenizer: files["tokenizer.json"],
      sentence: files["sentence_bert_config.json"],
      codec: files["codec.gsc"],
      weights: source.given?.["model.safetensors"],
      calibration,
    }, choice, source.given ? undefined : files["model.safetensors"]);
    if (facts.calibration && !calibration) await models.keepMeasured(source, wasm.version(), this.#platform, facts.calibration);
    if (!gpu && backend === "auto") facts.rejected.push("there is no WebGPU here");
    if (facts.backend.kind === "gpu") facts.backend.name = (await adapterName()) ?? facts.backend.name;
    return facts;
  }

  add({ documents }, { signal, emit }) {
    const pause = between(signal);
    return this.#write(() => this.#engine.add(documents, (loaded, total) => {
      emit({ loaded, total });
      return pause();
    }), signal);
  }

  remove({ ids, filter }, { signal }) {
    return this.#write(() => (filter ? this.#engine.removeWhere(filter) : this.#engine.remove(ids)), signal);
  }

  get({ id }) {
    return this.#read(() => this.#engine.get(id));
  }

  documents() {
    return this.#read(() => this.#engine.documents());
  }

  search({ query, options }, { signal }) {
    return this.#soon(signal, () => this.#engine.search(query, options));
  }

  /** Emits the answers of every stage but the last, with which it ends. */
  searchStream({ query, options }, { signal, emit }) {
    return this.#soon(signal, () => this.#engine.searchStream(query, options, (stage) => {
      if (stage.stage !== "exact" && !signal.aborted) emit(stage);
    }));
  }

  similar({ id, chunk, options }, { signal }) {
    return this.#soon(signal, () => this.#engine.similar(id, chunk, options));
  }

  async stats() {
    const stats = await this.#read(() => this.#engine.stats());
    const fetched = this.#engine.traffic();
    const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
    return { ...stats, ...(fetched ? { fetched } : {}), ...(quota ? { quota: { usage, total: quota } } : {}) };
  }

  verify({ repair }, { signal }) {
    const pause = between(signal);
    return repair ? this.#write(() => this.#engine.repair(pause), signal) : this.#soon(signal, () => this.#engine.verify(pause));
  }

  compact(_, { signal }) {
    return this.#write(() => this.#engine.compact(between(signal)), signal);
  }

  /** Hands the export over part by part, each when the other end has room for it. */
  async export({ to }, { signal }) {
    const stopped = AbortSignal.any([signal, this.#closing.signal]);
    await this.#read(() => this.#engine.export(async (bytes) => {
      stopped.throwIfAborted();
      await this.host.call("take", { to, bytes }, { signal: stopped, transfer: [bytes.buffer] });
      stopped.throwIfAborted();
    }));
  }

  /** Every write commits before it resolves, so there is nothing to wait for but those under way. */
  flush() {
    return this.#alone(() => {});
  }

  close() {
    // An export that nobody reads would wait for ever.
    this.#closing.abort(new SearchError("closed", "The index is closed."));
    return this.#alone(async () => {
      const engine = this.#engine;
      this.#engine = undefined;
      // What still reads holds the engine.
      await Promise.allSettled(this.#reading);
      engine?.close();
      engine?.free();
    });
  }

  async model({ model }) {
    const { name, bytes, cached, files } = await models.describe(model, this.#platform);
    return { name, bytes, cached, files };
  }

  forgetModels() {
    return models.forget(this.#platform);
  }

  /** Deletes a database of the origin. */
  async destroy({ wasm: source, name }) {
    await boot(source);
    await wasm.Engine.destroy(name);
  }

  /** Runs `work` when the writes before it have ended. */
  async #write(work, signal) {
    const result = await this.#alone(async () => {
      const started = Date.now();
      for (;;) {
        signal.throwIfAborted();
        try {
          return await this.#read(work);
        } catch (error) {
          if (error.code !== "locked" || Date.now() - started > LOCK_WAIT) throw error;
          await new Promise((wake) => setTimeout(wake, LOCK_LOOK));
        }
      }
    });
    this.#changed(false);
    return result;
  }

  async #read(work) {
    if (!this.#engine) throw new SearchError("closed", "The index is closed.");
    this.#hostError = undefined;
    const done = Promise.resolve().then(work);
    this.#reading.add(done);
    try {
      const result = await done;
      this.#tellOfLoss();
      return result;
    } catch (thrown) {
      const error = asSearchError(thrown);
      // Whether the application's own function may succeed later, only the application knows.
      if (this.#hostError && ["embedder-failed", "storage-failed"].includes(error.code)) {
        error.retryable = this.#hostError.retryable;
      }
      if (error.code === "device-failed" || error.code === "device-lost") this.host.notify("devicelost", { message: error.message });
      if (error.code === "storage-lost") this.host.notify("storage", { message: error.message });
      throw error;
    } finally {
      this.#reading.delete(done);
    }
  }

  /** Tells once that the GPU was lost: nothing failed, for the CPU took over, but all is slower from here on. */
  #tellOfLoss() {
    if (this.#lost || this.#facts?.backend.kind !== "gpu" || !this.#engine) return;
    const { lost, backend } = this.#engine.info();
    this.#lost = lost;
    if (lost) this.host.notify("devicelost", { message: lost, backend });
  }

  /** Reads, and is done when the signal aborts: what the engine still embeds, it does for nobody. */
  #soon(signal, work) {
    const stopped = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    const found = this.#read(work).catch(async (error) => {
      if (error.code !== "superseded") throw error;
      // Another tab has moved on so far that pages are gone: its newest generation has all.
      await this.#read(() => this.#engine.refresh());
      return this.#read(work);
    });
    return Promise.race([found, stopped]);
  }

  #alone(work) {
    const turn = this.#last.then(work);
    this.#last = turn.then(() => {}, () => {});
    return turn;
  }

  async #ask(method, params) {
    try {
      return await this.host.call(method, params);
    } catch (error) {
      this.#hostError = asSearchError(error);
      throw error;
    }
  }

  #storage() {
    const methods = ["get", "put", "delete", "list", "swap", "manifests", "lock", "unlock"];
    return Object.fromEntries(methods.map((method) => [method, (...args) => this.#ask("storage", { method, args })]));
  }

  /** Tells of a commit, by this engine or in another tab. */
  #changed(remote) {
    if (!this.#engine) return;
    const { generation, documents } = this.#engine.stats();
    this.host.notify("change", { generation, documents, remote });
  }
}

/** What the browser tells about the GPU; some tell nothing. wgpu passes on the description alone, which is often empty:
 *  this can go with https://github.com/gfx-rs/wgpu/issues/8819, of which wasm-tests/tests/package-gpu.test.mjs tells. */
async function adapterName() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  const { description, vendor, architecture } = adapter?.info ?? {};
  return description || [vendor, architecture].filter(Boolean).join(" ") || undefined;
}

/** What long work does between two steps: it lets other calls in, and ends if it is wanted no longer. */
function between(signal) {
  return async () => {
    await breathe();
    signal.throwIfAborted();
  };
}

// Lets other calls in between two batches, so that a search need not wait for an import: a message queues behind
// those that have come, which neither a microtask nor scheduler.yield() does.
let pipe;
const resumes = [];
function breathe() {
  if (globalThis.setImmediate) return new Promise((resume) => setImmediate(resume));
  if (!globalThis.MessageChannel) return new Promise((resume) => setTimeout(resume, 0));
  pipe ??= new MessageChannel();
  pipe.port1.onmessage ??= () => resumes.shift()();
  return new Promise((resume) => {
    resumes.push(resume);
    pipe.port2.postMessage(0);
  });
}
