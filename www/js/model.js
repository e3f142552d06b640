// The model's files: downloaded once in parts, kept in the Cache API, and checked against their SHA-256 before
// every use. A part is stored only when all of its bytes have arrived, so a file that is not whole is never taken
// for one, and a download that was cut off goes on with the first part that is missing.

const CACHE = "gossamer-model";
const PART = 8 * 1024 * 1024;
const TRIES = 4;

/** A failure with a stable code, sent to the page as it is. */
export class ModelError extends Error {
  constructor(code, message, retryable = false) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** What must be loaded, before anything is: names, sizes and hashes. */
export async function describe(base) {
  const url = new URL("manifest.json", base);
  // Looking must not leave a trace: the cache is made when something is loaded.
  const cache = (await globalThis.caches?.has(CACHE).catch(() => false)) ? await openCache() : undefined;
  let response = await fetch(url, { cache: "no-cache" }).catch(() => undefined);
  if (!response?.ok) response = await cache?.match(url);
  if (!response) {
    throw new ModelError("model-unavailable", "The list of the model's files could not be loaded. Check the connection and try again.", true);
  }
  const manifest = await response.json().catch(() => undefined);
  const files = manifest?.files;
  const whole = Array.isArray(files) && files.length > 0 && files.every(
    (f) => typeof f.name === "string" && Number.isSafeInteger(f.bytes) && f.bytes > 0 && /^[0-9a-f]{64}$/.test(f.sha256),
  );
  if (!whole) throw new ModelError("model-integrity", "The list of the model's files is damaged.");
  const bytes = files.reduce((sum, f) => sum + f.bytes, 0);
  return { name: String(manifest.name), files, bytes, cached: await isCached(cache, base, files) };
}

/** Loads every file, from the cache where it is there. Calls `onProgress({ loaded, total, cached })`. */
export async function load(base, manifest, onProgress) {
  if (!globalThis.crypto?.subtle) {
    throw new ModelError("unsupported", "The model cannot be verified here: open this page over https or from localhost.");
  }
  const cache = await openCache();
  await sweep(cache, base, manifest.files);
  let loaded = 0;
  const advance = (bytes) => onProgress({ loaded: (loaded += bytes), total: manifest.bytes, cached: manifest.cached });
  advance(0);
  const loadedFiles = {};
  for (const file of manifest.files) {
    loadedFiles[file.name] = await loadFile(cache, base, file, advance);
  }
  // For visits without a connection.
  const { name, files } = manifest;
  await keep(cache, new URL("manifest.json", base), new Response(JSON.stringify({ name, files })));
  return loadedFiles;
}

/** Removes every stored part. */
export async function forget() {
  await globalThis.caches?.delete(CACHE);
}

async function loadFile(cache, base, file, advance) {
  const bytes = new Uint8Array(file.bytes);
  const parts = partsOf(base, file);
  let missing = [];
  for (const part of parts) {
    const stored = await cache?.match(part.key);
    const body = stored && new Uint8Array(await stored.arrayBuffer());
    if (body?.length === part.length) {
      bytes.set(body, part.start);
      advance(part.length);
    } else {
      missing.push(part);
    }
  }
  for (let attempt = 1; missing.length > 0; attempt++) {
    try {
      missing = await download(cache, base, file, bytes, missing, advance);
    } catch (error) {
      if (error instanceof ModelError || attempt === TRIES) throw asModelError(error, file);
      missing = error.missing ?? missing;
      await new Promise((wake) => setTimeout(wake, 300 * 2 ** attempt));
    }
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  if (hex !== file.sha256) {
    for (const part of parts) await cache?.delete(part.key);
    throw new ModelError("model-integrity", `The model file ${file.name} is not the one expected (its SHA-256 differs), so it is not used. Reload to fetch it again.`, true);
  }
  return bytes;
}

/** Fetches from the first missing part to the end of the run of missing parts; returns what is still missing. */
async function download(cache, base, file, bytes, missing, advance) {
  const first = missing[0];
  let run = 1;
  while (run < missing.length && missing[run].start === missing[run - 1].start + missing[run - 1].length) run++;
  const end = missing[run - 1].start + missing[run - 1].length;
  const partial = first.start > 0 || end < file.bytes;
  const headers = partial ? { Range: `bytes=${first.start}-${end - 1}` } : {};
  const response = await fetch(new URL(file.name, base), { headers, cache: "no-store" });
  if (response.status === 404) throw new ModelError("model-unavailable", `The model file ${file.name} is not on this server.`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  // A server without ranges sends the whole file: skip what is there already.
  let at = response.status === 206 ? first.start : 0;
  const todo = [...missing];
  const reader = response.body.getReader();
  let counted = first.start;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > file.bytes) throw new ModelError("model-integrity", `The model file ${file.name} is longer than expected.`);
      bytes.set(value, at);
      at += value.length;
      if (todo.length > 0 && at > counted) {
        advance(at - counted);
        counted = at;
      }
      while (todo.length > 0 && at >= todo[0].start + todo[0].length) {
        const part = todo.shift();
        await keep(cache, part.key, new Response(bytes.slice(part.start, part.start + part.length)));
      }
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    advance(-(counted - (todo[0]?.start ?? counted)));
    throw Object.assign(error, { missing: todo });
  }
  if (todo.length === missing.length) throw new Error("the connection ended early");
  return todo;
}

function partsOf(base, file) {
  const parts = [];
  for (let start = 0; start < file.bytes; start += PART) {
    const key = new URL(`${file.name}?sha256=${file.sha256}&start=${start}`, base).href;
    parts.push({ key, start, length: Math.min(PART, file.bytes - start) });
  }
  return parts;
}

/** Removes parts of files that are no longer listed. */
async function sweep(cache, base, files) {
  if (!cache) return;
  const listed = new Set(files.flatMap((file) => partsOf(base, file).map((part) => part.key)));
  for (const request of await cache.keys()) {
    if (request.url.includes("?sha256=") && !listed.has(request.url)) await cache.delete(request);
  }
}

async function isCached(cache, base, files) {
  if (!cache) return false;
  const stored = new Set((await cache.keys()).map((request) => request.url));
  return files.every((file) => partsOf(base, file).every((part) => stored.has(part.key)));
}

/** The cache, or nothing where the browser refuses one (private windows, blocked storage). */
async function openCache() {
  return globalThis.caches?.open(CACHE).catch(() => undefined);
}

/** A full disk costs the next visit a download, not this one its model. */
async function keep(cache, key, response) {
  await cache?.put(key, response).catch(() => {});
}

function asModelError(error, file) {
  if (error instanceof ModelError) return error;
  return new ModelError("model-unavailable", `The model file ${file.name} could not be loaded: ${error.message}. What has arrived is kept; try again.`, true);
}
