// The service worker: keeps the files that the page consists of, each verified against its hash, and answers from
// them. It asks the network for nothing that is in the list, and keeps nothing that is not.

importScripts("assets.js");

const { version, files } = self.gossamerAssets;
/** Files fetched at once. */
const AT_ONCE = 6;
const CACHE = `gossamer-app-${version}`;
const hashes = new Map(files.map(({ path, sha256 }) => [new URL(path, self.registration.scope).href, sha256]));
const home = new URL("./index.html", self.registration.scope).href;

let unwanted = false;
/** Requests made to keep the page, this script among them: `{ url, bytes }`. */
const asked = ["sw.js", "assets.js"].map((name) => ({ url: new URL(name, self.registration.scope).href, bytes: 0 }));
performance.setResourceTimingBufferSize(2 * files.length + 100);

self.addEventListener("install", (event) => event.waitUntil(install()));

async function install() {
  const cache = await caches.open(CACHE);
  try {
    const left = [...hashes];
    const take = async () => {
      for (let next = left.shift(); next && !unwanted; next = left.shift()) {
        // After one that is not as it should be the others are not needed.
        await keep(cache, ...next).catch((error) => {
          left.length = 0;
          throw error;
        });
      }
      if (unwanted) throw new Error("the page is being deleted");
    };
    const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, take));
    const failed = outcomes.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
  } catch (error) {
    // A page that is half there is none. Emptied first: as long as this worker runs it holds the cache, and its room.
    for (const request of await cache.keys()) await cache.delete(request);
    await caches.delete(CACHE);
    throw error;
  } finally {
    // The pages count what was asked of the network, whatever came of it.
    const pages = await self.clients.matchAll({ includeUncontrolled: true, type: "window" });
    for (const page of pages) page.postMessage({ asked });
  }
}

async function keep(cache, url, sha256) {
  const response = await fetch(url, { cache: "no-cache" });
  const bytes = await response.arrayBuffer();
  asked.push({ url, bytes: performance.getEntriesByName(url).pop()?.transferSize ?? bytes.byteLength });
  if (!response.ok || (await hash(bytes)) !== sha256) throw new Error(`${url} is not the file of version ${version}`);
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) headers.delete(name);
  await cache.put(url, new Response(bytes, { headers }));
}

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith("gossamer-app-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || request.headers.has("range")) return;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  url.search = url.hash = "";
  const key = url.href === self.registration.scope ? home : url.href;
  if (hashes.has(key)) event.respondWith(answer(key, request));
});

async function answer(key, request) {
  return (unwanted ? undefined : await kept(key)) ?? fetch(request);
}

/** What is kept under an address. The cache is not opened for it: one that somebody holds open keeps its room even when
 *  it is deleted, until that somebody has gone. */
const kept = (url) => caches.match(url, { cacheName: CACHE });

// The page asks how much of itself is here, whole; or says that it is to be kept no longer.
self.addEventListener("message", (event) => {
  if (event.data?.type === "forget") unwanted = true;
  if (event.data?.type === "verify") event.waitUntil(verify().then((state) => event.ports[0]?.postMessage(state)));
});

async function verify() {
  let [verified, bytes] = [0, 0];
  for (const [url, sha256] of hashes) {
    const body = await (await kept(url))?.arrayBuffer();
    if (!body || (await hash(body)) !== sha256) continue;
    verified++;
    bytes += body.byteLength;
  }
  return { version, files: hashes.size, verified, bytes };
}

async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
