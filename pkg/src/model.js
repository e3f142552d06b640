// The model's files: downloaded once in parts, kept, and checked against their SHA-256 before every use. A part is
// stored only when all of its bytes have arrived, so a file that is not whole is never taken for one, and a
// download that was cut off goes on with the first part that is missing. Parts are handed over in order, whether they
// are kept or arrive, and let go of at once.

import { SearchError } from "./errors.js";
import { MINILM } from "./pinned.js";

const CACHE = "gossamer-model";
/** Bytes of a part of a file: in memory beside what is made of the file, so a tenth of it at most; few, as each costs a look-up. */
export const partBytes = (bytes) => 2 ** Math.min(23, Math.max(20, Math.floor(Math.log2(bytes / 10))));
const TRIES = 4;

/**
 * What must be loaded, before anything is: names, sizes, hashes, and whether it is all on this device.
 * `model` is what the application gave: nothing, `{ url }`, `{ url, name, files }`, `{ manifest }`, or `{ name, bytes }`.
 */
export async function describe(model = {}, platform = {}) {
  if (model.bytes) {
    const files = Object.entries(model.bytes).map(([name, bytes]) => ({ name, bytes: bytes.length }));
    return { name: model.name ?? "custom", given: model.bytes, files, bytes: sum(files), cached: true };
  }
  const base = model.manifest ? new URL(".", model.manifest) : folder(model.url ?? MINILM.url);
  const cache = await openCache(platform, false);
  const listed = model.manifest ? await fetchManifest(new URL(model.manifest), cache, platform) : model.files ? model : MINILM;
  const whole = Array.isArray(listed.files) && listed.files.length > 0 && listed.files.every(
    (f) => typeof f.name === "string" && Number.isSafeInteger(f.bytes) && f.bytes > 0 && /^[0-9a-f]{64}$/.test(f.sha256),
  );
  if (!whole) throw new SearchError("model-integrity", "The list of the model's files is damaged.");
  const files = listed.files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  const cached = await isCached(cache, base, files);
  return { name: String(listed.name ?? MINILM.name), base, files, bytes: sum(files), cached, manifest: model.manifest };
}

/** Removes every part that is kept, of any model. */
export async function forget(platform = {}) {
  // Emptied first: a cache that somebody still holds keeps its room after it is deleted, until that somebody has gone.
  const cache = await openCache(platform, false);
  for (const key of (await cache?.keys()) ?? []) await cache.delete(key);
  if (!platform.modelCache) await globalThis.caches?.delete(CACHE);
}

/**
 * Loads every file, from the cache where it is there. Calls `onProgress({ loaded, total })`; `loaded` never falls.
 * `sinks` has what takes a file part by part instead of having it in memory: by its name, a function from its size to
 * an object with `push(part)` and `sha256()`. That object then stands for the file.
 */
export async function load(source, platform, signal, onProgress, sinks = {}) {
  if (source.given) return source.given;
  if (!globalThis.crypto?.subtle) {
    throw new SearchError("unsupported", "The model cannot be verified here: open this page over https or from localhost.");
  }
  const cache = await openCache(platform, true);
  await sweep(cache, source.base, source.files);
  let [now, most] = [0, 0];
  const advance = (bytes) => {
    now += bytes;
    most = Math.max(most, now);
    onProgress({ loaded: most, total: source.bytes });
  };
  advance(0);
  const loaded = {};
  for (const file of source.files) {
    const sink = sinks[file.name]?.(file.bytes) ?? new Whole(file.bytes);
    try {
      await loadFile({ cache, base: source.base, file, sink, platform, signal, advance });
    } catch (error) {
      sink.free?.();
      // What is damaged is fetched anew by the next call.
      if (error.code === "model-integrity") for (const part of partsOf(source.base, file)) await cache?.delete(part.key);
      throw error;
    }
    loaded[file.name] = sink.bytes ?? sink;
  }
  if (source.manifest) {
    const { name, files } = source;
    // For visits without a connection.
    await keep(cache, String(source.manifest), new TextEncoder().encode(JSON.stringify({ name, files })));
  }
  return loaded;
}

/** What was measured of GPU and CPU earlier, by this version of the engine. */
export async function measured(source, version, platform) {
  const kept = source.base && (await (await openCache(platform, false))?.get(measuredKey(source, version)));
  return kept && fromJson(kept);
}

/** Keeps it. */
export async function keepMeasured(source, version, platform, calibration) {
  if (!source.base) return;
  await keep(await openCache(platform, true), measuredKey(source, version), new TextEncoder().encode(JSON.stringify(calibration)));
}

const measuredKey = (source, version) => new URL(`calibration.json?version=${version}`, source.base).href;

function fromJson(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

async function fetchManifest(url, cache, platform) {
  let text = await get(url, { cache: "no-cache" }, platform).then((r) => (r.ok ? r.text() : undefined), () => undefined);
  if (text === undefined) {
    const kept = await cache?.get(url.href);
    text = kept && new TextDecoder().decode(kept);
  }
  if (text === undefined) throw unavailable("The list of the model's files could not be loaded. Check the connection and try again.");
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** A file in memory. */
class Whole {
  #at = 0;

  constructor(size) {
    this.bytes = new Uint8Array(size);
  }

  push(part) {
    this.bytes.set(part, this.#at);
    this.#at += part.length;
  }

  async sha256() {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", this.bytes));
    return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  }
}

async function loadFile({ cache, base, file, sink, platform, signal, advance }) {
  const parts = partsOf(base, file);
  const kept = new Set(await cache?.keys());
  const missing = (part) => !kept.has(part.key);
  let next = 0;
  for (let attempt = 1; next < parts.length;) {
    signal.throwIfAborted();
    if (!missing(parts[next])) {
      const stored = await cache.get(parts[next].key);
      if (stored?.length === parts[next].length) {
        sink.push(stored);
        letGo(stored);
        advance(parts[next++].length);
      } else {
        kept.delete(parts[next].key);
      }
      continue;
    }
    let end = next;
    while (end < parts.length && missing(parts[end])) end++;
    try {
      const before = next;
      await download({ cache, base, file, parts: parts.slice(next, end), sink, platform, signal, advance, arrived: () => next++ });
      if (next === before) throw new Error("the connection ended early");
    } catch (error) {
      signal.throwIfAborted();
      // A sink's errors are not the network's.
      if (error instanceof SearchError || error.code === "model-integrity") throw error;
      if (attempt === TRIES) throw unavailable(`The model file ${file.name} could not be loaded from ${base}: ${error.message}. What has arrived is kept; try again.`, error);
      await new Promise((wake) => setTimeout(wake, 300 * 2 ** attempt++));
    }
  }
  if ((await sink.sha256()) !== file.sha256) {
    throw new SearchError("model-integrity", `The model file ${file.name} is not the one expected (its SHA-256 differs), so it is not used. Reload to fetch it again.`, { retryable: true });
  }
}

/** Fetches parts that follow each other; calls `arrived` after each. A connection that ends early leaves some out. */
async function download({ cache, base, file, parts, sink, platform, signal, advance, arrived }) {
  const [first, last] = [parts[0], parts.at(-1)];
  const partial = first.start > 0 || last.start + last.length < file.bytes;
  const headers = partial ? { Range: `bytes=${first.start}-${last.start + last.length - 1}` } : {};
  const response = await get(new URL(file.name, base), { headers, cache: "no-store", signal }, platform);
  if (response.status === 404) throw unavailable(`The model file ${file.name} is not at ${base}.`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  // A server without ranges sends the whole file: skip what is there already.
  let at = response.status === 206 ? first.start : 0;
  const todo = [...parts];
  const room = new Uint8Array(Math.max(...parts.map(({ length }) => length)));
  const reader = response.body.getReader();
  let counted = first.start;
  try {
    for (;;) {
      let { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > file.bytes) throw new SearchError("model-integrity", `The model file ${file.name} is longer than expected.`);
      while (value.length > 0) {
        const part = todo[0];
        const skip = part ? Math.min(value.length, Math.max(0, part.start - at)) : value.length;
        const here = value.subarray(skip, part && skip + part.start + part.length - (at + skip));
        if (here.length > 0) room.set(here, at + skip - part.start);
        at += skip + here.length;
        value = value.subarray(skip + here.length);
        if (part && at === part.start + part.length) {
          const whole = room.subarray(0, part.length);
          await keep(cache, part.key, whole);
          sink.push(whole);
          todo.shift();
          arrived();
        }
      }
      if (at > counted) {
        advance(Math.min(at, last.start + last.length) - counted);
        counted = Math.min(at, last.start + last.length);
      }
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    if (todo.length > 0) advance(todo[0].start - counted);
  }
}

/** Frees a part's memory now rather than at the next collection, where that can be done. */
function letGo(part) {
  part.buffer.transfer?.(0);
}

function partsOf(base, file) {
  const [parts, most] = [[], partBytes(file.bytes)];
  for (let start = 0; start < file.bytes; start += most) {
    const key = new URL(`${file.name}?sha256=${file.sha256}&start=${start}`, base).href;
    parts.push({ key, start, length: Math.min(most, file.bytes - start) });
  }
  return parts;
}

/** Removes parts of this model's files that are no longer listed. */
async function sweep(cache, base, files) {
  if (!cache) return;
  const listed = new Set(files.flatMap((file) => partsOf(base, file).map((part) => part.key)));
  for (const key of await cache.keys()) {
    if (key.startsWith(base.href) && key.includes("?sha256=") && !listed.has(key)) await cache.delete(key);
  }
}

async function isCached(cache, base, files) {
  if (!cache) return false;
  const stored = new Set(await cache.keys());
  return files.every((file) => partsOf(base, file).every((part) => stored.has(part.key)));
}

/** The cache, or nothing where there is none (private windows, blocked storage). Looking leaves no trace. */
async function openCache(platform, make) {
  if (platform.modelCache) return platform.modelCache;
  const caches = globalThis.caches;
  if (!caches?.open || !caches.keys || (!make && !(await caches.has(CACHE).catch(() => false)))) return undefined;
  const cache = await caches.open(CACHE).catch(() => undefined);
  return cache && {
    get: async (key) => {
      const found = await cache.match(key);
      return found && new Uint8Array(await found.arrayBuffer());
    },
    put: (key, bytes) => cache.put(key, new Response(bytes)),
    delete: (key) => cache.delete(key),
    keys: async () => (await cache.keys()).map(({ url }) => url),
  };
}

/** A full disk costs the next visit a download, not this one its model. */
async function keep(cache, key, bytes) {
  await cache?.put(key, bytes).catch(() => {});
}

/** Fetches; `file:` URLs where the platform can. */
function get(url, options, platform) {
  return url.protocol === "file:" && platform.fetchFile ? platform.fetchFile(url) : fetch(url, options);
}

function folder(url) {
  const base = new URL(url, globalThis.location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

const sum = (files) => files.reduce((total, { bytes }) => total + bytes, 0);
const unavailable = (message, cause) => new SearchError("model-unavailable", message, { cause });
