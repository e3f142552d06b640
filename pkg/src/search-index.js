// The class an application uses: checks what it is given, and has the service do the work, in a worker if it can.

import { Channel, loopback, portOf } from "./channel.js";
import { batches, packDocument, unpackMetadata } from "./documents.js";
import { SearchError, asSearchError, invalid } from "./errors.js";
import { Exports, Parts } from "./streams.js";

const EVENTS = ["change", "devicelost", "storage"];
const BACKENDS = ["auto", "webgpu", "cpu"];

/**
 * The class for one platform. `platform` has `defaultStorage`; `wasm()`, what to start; `engine()`, the module that
 * serves on this thread; and, where there are workers, `worker()`.
 */
export function defineIndex(platform) {
  const key = Symbol("open");

  return class Index {
    #channel;
    #stop;
    #info;
    #listeners = new Map(EVENTS.map((event) => [event, new Set()]));
    #exports;
    #closed;

    constructor(secret, { channel, stop, info, exports }) {
      if (secret !== key) throw new TypeError("use Index.open()");
      this.#channel = channel;
      this.#stop = stop;
      this.#info = Object.freeze(info);
      this.#exports = exports;
      channel.onNotice = (name, { backend, ...data }) => {
        // What took over, if anything did.
        if (name === "devicelost") this.#info = Object.freeze({ ...this.#info, backend: backend ?? this.#info.backend, lost: data.message });
        this.#tell(name, data);
      };
    }

    static async open(options) {
      const { name, storage } = options ?? {};
      if (typeof name !== "string" || name === "") throw invalid("open() needs a name that is a string and not empty.");
      return open(options, { name, storage: storageOf(storage, name) });
    }

    static async openUrl(url, options) {
      const address = new URL(url, globalThis.location?.href).href;
      return open(options ?? {}, { url: address, storage: [] });
    }

    static async import(source, options) {
      const { name, storage } = options ?? {};
      if (typeof name !== "string" || name === "") throw invalid("import() needs a name that is a string and not empty.");
      return open(options, { name, storage: storageOf(storage, name), parts: new Parts(source) });
    }

    static async supported() {
      const navigator = globalThis.navigator;
      const webgpu = Boolean(await navigator?.gpu?.requestAdapter?.().catch(() => null));
      const worker = Boolean(platform.worker && platform.canWork());
      const durable = platform.defaultStorage === "folder" || Boolean(globalThis.indexedDB);
      const { usage, quota } = (await navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
      const reasons = [];
      if (!webgpu) reasons.push("no WebGPU: the model runs on the CPU");
      if (!worker) reasons.push("no workers: long calls run on the caller's thread");
      if (!durable) reasons.push("no storage of its own: give a storage adapter, or nothing outlives the process");
      return { wasm: Boolean(globalThis.WebAssembly), webgpu, worker, durable, quota: quota ? { usage, total: quota } : undefined, reasons };
    }

    static async model(model) {
      const { channel, stop } = await start({ worker: false });
      return channel.call("model", { model: describeModel(model) }).finally(stop);
    }

    static async forgetModels() {
      const { channel, stop } = await start({ worker: false });
      return channel.call("forgetModels").finally(stop);
    }

    static async destroy(name) {
      if (platform.destroy) return platform.destroy(name);
      const { channel, stop } = await start({ worker: false });
      return channel.call("destroy", { wasm: await wasmOf(undefined), name }).finally(stop);
    }

    get info() {
      return this.#info;
    }

    async add(documents, { signal, onProgress } = {}) {
      const report = { added: 0, replaced: 0, unchanged: 0, failed: 0, documents: [] };
      const note = (outcome) => {
        report[outcome.outcome]++;
        report.documents.push(outcome);
      };
      const progress = monotonic(onProgress);
      let [loaded, total] = [0, 0];
      for await (const batch of batches(documents)) {
        signal?.throwIfAborted();
        const packed = [];
        for (const document of batch) {
          try {
            packed.push(packDocument(document));
          } catch (error) {
            const { code, message } = asSearchError(error);
            note({ id: String(document?.id ?? ""), outcome: "failed", chunks: 0, error: { code, message } });
          }
        }
        const onEvent = (event) => progress({ phase: "add", loaded: loaded + event.loaded, total: total + event.total, documents: report.documents.length });
        const outcomes = await this.#call("add", { documents: packed }, { signal, onEvent });
        outcomes.forEach(note);
        const chunks = outcomes.reduce((sum, { outcome, chunks }) => sum + (outcome === "unchanged" ? 0 : chunks), 0);
        [loaded, total] = [loaded + chunks, total + chunks];
        progress({ phase: "add", loaded, total, documents: report.documents.length });
      }
      return report;
    }

    async remove(target, { signal } = {}) {
      if (target && typeof target === "object" && !Array.isArray(target)) {
        return this.#call("remove", { filter: plainFilter(target.filter) }, { signal });
      }
      const ids = typeof target === "string" ? [target] : target;
      if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) throw invalid("remove() takes an id, an array of ids, or { filter }.");
      return this.#call("remove", { ids }, { signal });
    }

    async get(id) {
      const found = await this.#call("get", { id: String(id) });
      return found && { ...found, metadata: unpackMetadata(found.metadata) };
    }

    async list() {
      const listed = await this.#call("documents");
      return listed.map((document) => ({ ...document, metadata: unpackMetadata(document.metadata) }));
    }

    async search(query, { signal, ...options } = {}) {
      return resultOf(await this.#call("search", { query: checkQuery(query), options: checkSearch(options) }, { signal }));
    }

    async *searchStream(query, { signal, ...options } = {}) {
      const stopped = new AbortController();
      const both = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
      const stages = [];
      let wake;
      const tell = (stage) => {
        stages.push(stage);
        wake?.();
      };
      const params = { query: checkQuery(query), options: checkSearch(options) };
      this.#call("searchStream", params, { signal: both, onEvent: (stage) => tell({ stage: stage.stage, ...resultOf(stage) }) }).then(
        (result) => tell({ stage: "exact", ...resultOf(result) }),
        (error) => tell({ error }),
      );
      try {
        for (;;) {
          if (stages.length === 0) await new Promise((resume) => { wake = resume; });
          const stage = stages.shift();
          if (stage.error) throw stage.error;
          yield stage;
          if (stage.stage === "exact") return;
        }
      } finally {
        // A reader that has seen enough ends the search.
        stopped.abort();
      }
    }

    async similar(id, { signal, chunk, ...options } = {}) {
      return resultOf(await this.#call("similar", { id: String(id), chunk, options: checkSearch(options) }, { signal }));
    }

    async stats() {
      return this.#call("stats");
    }

    async verify({ repair = false, signal } = {}) {
      return this.#call("verify", { repair }, { signal });
    }

    async compact({ signal } = {}) {
      return this.#call("compact", {}, { signal });
    }

    async flush() {
      return this.#call("flush");
    }

    export({ signal } = {}) {
      return this.#exports.stream((to, signal) => this.#call("export", { to }, { signal }), signal);
    }

    on(event, listener) {
      const listeners = this.#listeners.get(event);
      if (!listeners) throw invalid(`There is no event ${JSON.stringify(event)}; there are ${EVENTS.join(", ")}.`);
      listeners.add(listener);
      return () => listeners.delete(listener);
    }

    close() {
      this.#closed ??= this.#channel.call("close").finally(() => {
        this.#channel.break(new SearchError("closed", "The index is closed."));
        this.#stop();
      });
      return this.#closed;
    }

    [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
      return this.close();
    }

    async #call(method, params, options) {
      if (this.#closed) throw new SearchError("closed", "The index is closed.");
      return this.#channel.call(method, params, options);
    }

    #tell(name, data) {
      for (const listener of this.#listeners.get(name) ?? []) {
        // One listener's fault is not another's.
        try {
          listener(data);
        } catch (error) {
          (globalThis.reportError ?? console.error)(error);
        }
      }
    }
  };

  /** Opens what is at a place: `{ name, storage, parts? }`, where `parts` are those of an import, or `{ url }`. */
  async function open(options, { name, url, storage: [place, adapter], parts }) {
    const { model, embedder, backend = "auto", text, require = {}, worker, wasm, signal, onProgress } = options;
    if (!BACKENDS.includes(backend)) throw invalid(`backend is one of ${BACKENDS.join(", ")}.`);
    if (embedder && typeof embedder.embed !== "function") throw invalid("embedder.embed is not a function.");
    if (text !== undefined && typeof text !== "function") throw invalid("text is not a function.");
    signal?.throwIfAborted();
    const persistence = url ? "remote" : await persistenceOf(place, require.durable);
    if (require.durable && persistence !== "durable") {
      throw new SearchError("not-durable", `What is stored here may be lost (${persistence}), and durable storage was required.`);
    }
    const exports = new Exports();
    const answers = {
      part: (_, { signal }) => parts.next(signal),
      take: (part, context) => exports.take(part, context),
      embed: async ({ texts, role }) => floats(await embedder.embed(texts, { role })),
      text: async (id) => (await text(id)) ?? undefined,
      storage: ({ method, args }) => adapter[method]?.(...args),
    };
    const { channel, stop, works, why } = await start({ worker, answers });
    try {
      const described = embedder && {
        model: embedder.model, dimensions: embedder.dimensions, maxTokens: embedder.maxTokens, batch: embedder.batch, codec: embedder.codec,
      };
      const params = {
        wasm: await wasmOf(wasm), name, url, storage: place, texts: Boolean(text), embedder: described, model: describeModel(model),
        backend: require.webgpu ? "webgpu" : backend, imported: Boolean(parts),
      };
      const progress = monotonic(onProgress);
      const facts = await channel.call("open", params, { signal, onEvent: progress });
      if (require.webgpu && facts.backend.kind !== "gpu") throw new SearchError("unsupported", "WebGPU was required, and is not what runs.");
      const info = {
        version: facts.version, model: facts.model, backend: facts.backend, selfTest: facts.selfTest ?? undefined,
        rejected: why ? [...facts.rejected, why] : facts.rejected, persistence, worker: works,
      };
      return new platform.Index(key, { channel, stop, info, exports });
    } catch (error) {
      parts?.cancel(error);
      await channel.call("close").catch(() => {});
      stop();
      throw signal?.aborted ? error : (parts?.failure ?? error);
    }
  }

  /** Starts the service: in a worker if that is wanted and goes, otherwise on this thread. */
  async function start({ worker = true, answers = {} }) {
    let why;
    if (typeof worker === "function" || (worker && platform.canWork?.())) {
      const started = await startWorker(typeof worker === "function" ? worker : platform.worker, answers);
      if (started.works) return started;
      why = `the worker did not start: ${started.why}`;
      if (typeof worker === "function") throw new SearchError("unsupported", `The worker that was given did not start: ${started.why}`);
    } else if (worker) {
      why = "there are no workers here";
    }
    const [here, there] = loopback();
    const { serve } = await platform.engine();
    serve(there);
    const channel = new Channel(here, answers);
    return { channel, stop: () => {}, works: false, why };
  }

  async function startWorker(make, answers) {
    let target;
    try {
      target = make();
    } catch (error) {
      return { why: error.message };
    }
    const channel = new Channel(portOf(target), answers, { onBusy: () => target.ref?.(), onIdle: () => target.unref?.() });
    const stop = () => target.terminate();
    // A worker that cannot load its script says so once, with nothing in it.
    const failed = new Promise((resolve) => {
      const on = (event, handler) => (target.addEventListener ? target.addEventListener(event, handler) : target.on(event, handler));
      const fail = (event) => {
        event.preventDefault?.();
        resolve(event.message || event.error?.message || "its script did not load");
        channel.break(new SearchError("internal", `The worker stopped: ${event.message || "unknown"}`));
      };
      on("error", fail);
    });
    const why = await Promise.race([channel.call("hello").then(() => undefined), failed]).catch((error) => error.message);
    if (why === undefined) return { channel, stop, works: true };
    stop();
    return { why };
  }

  function storageOf(storage, name) {
    if (storage === undefined) return [platform.defaultStorage === "folder" ? { folder: name } : platform.defaultStorage];
    if (storage === "indexeddb" || storage === "memory") {
      if (storage === "indexeddb" && !globalThis.indexedDB) throw new SearchError("unsupported", "There is no IndexedDB here.");
      return [storage];
    }
    if (storage && typeof storage.folder === "string") {
      if (platform.defaultStorage !== "folder") throw new SearchError("unsupported", "Folders are for Node.");
      return [{ folder: storage.folder }];
    }
    if (storage && typeof storage === "object") {
      const lacking = ["get", "put", "delete", "list", "swap", "manifests"].find((method) => typeof storage[method] !== "function");
      if (lacking) throw invalid(`storage has no method ${lacking}().`);
      return ["own", storage];
    }
    throw invalid("storage is \"indexeddb\", \"memory\", { folder }, or an adapter.");
  }

  async function persistenceOf(place, wanted) {
    if (place === "memory") return "memory";
    if (place !== "indexeddb") return "durable";
    const storage = globalThis.navigator?.storage;
    if (await storage?.persisted?.().catch(() => false)) return "durable";
    if (wanted && (await storage?.persist?.().catch(() => false))) return "durable";
    return "best-effort";
  }

  /** What can be sent to a worker: a URL as text, bytes, or a compiled module. */
  async function wasmOf(given) {
    const source = (await given) ?? (await platform.wasm());
    if (source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
    if (globalThis.Response && source instanceof Response) return WebAssembly.compileStreaming(source);
    const url = new URL(source, globalThis.location?.href);
    return url.protocol === "file:" && platform.readFile ? platform.readFile(url) : url.href;
  }
}

function describeModel(model) {
  if (!model) return undefined;
  const text = (url) => (url === undefined ? undefined : new URL(url, globalThis.location?.href).href);
  return { name: model.name, url: text(model.url), manifest: text(model.manifest), files: model.files, bytes: model.bytes };
}

function checkQuery(query) {
  if (typeof query !== "string") throw invalid("The query is not a string.");
  return query;
}

/** What the engine takes; it says itself what is wrong with the rest. */
function checkSearch({ k = 10, filter, ...rest }) {
  if (!Number.isSafeInteger(k) || k < 1) throw invalid("k is a whole number from 1.");
  return { k, ...rest, ...(filter === undefined ? {} : { filter: plainFilter(filter) }) };
}

/** A filter as JSON, with its dates as text. */
function plainFilter(filter) {
  if (filter === null || typeof filter !== "object") throw new SearchError("invalid-filter", "A filter is an object.");
  return JSON.parse(JSON.stringify(filter));
}

function resultOf({ hits, eligible, shortfall, leftOut, stage, ...stats }) {
  const result = { hits: hits.map(hitOf), eligible, shortfall, leftOut, stats };
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

function hitOf({ utf16: [start, end], bytes: [byteStart, byteEnd], marks, metadata, ...hit }) {
  return {
    ...hit, start, end, bytes: { start: byteStart, end: byteEnd },
    marks: marks.map(([start, end]) => ({ start, end })), metadata: unpackMetadata(metadata),
  };
}

/** One row after the other, whatever the application returned. */
function floats(given) {
  if (given instanceof Float32Array) return given;
  const rows = Array.isArray(given) ? given : undefined;
  if (!rows?.every((row) => row instanceof Float32Array || Array.isArray(row))) {
    throw new SearchError("embedder-failed", "The embedder returned neither a Float32Array nor an array of vectors.");
  }
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}

/** Passes progress on that goes forward; what falls back behind is not told. */
function monotonic(report) {
  if (!report) return () => {};
  let [loaded, total] = [0, 0];
  return (progress) => {
    loaded = Math.max(loaded, progress.loaded);
    total = Math.max(total, progress.total);
    report({ ...progress, loaded, total });
  };
}
