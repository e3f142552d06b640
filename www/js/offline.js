// "Works offline": said only when every file of the page lies in the cache with the hash it should have, and the
// language model too.

import { count } from "./traffic.js";
import { scriptUrl } from "./trusted.js";

let registration;
let settled = Promise.resolve();

/** Has the page kept for visits without a connection. Resolves with what `state` says; never rejects. */
export function keep() {
  settled = register();
  return settled.then(state);
}

async function register() {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.onmessage = ({ data: { asked = [] } }) => {
    count(asked.map((request) => ({ ...request, elsewhere: false, stored: false, keeping: true, at: 0 })));
  };
  try {
    registration = await navigator.serviceWorker.register(scriptUrl("../sw.js", import.meta.url), { updateViaCache: "none" });
    const worker = registration.installing;
    if (worker) {
      await new Promise((done) => worker.addEventListener("statechange", () => ["activated", "redundant"].includes(worker.state) && done()));
    }
  } catch {
    registration = undefined;
  }
}

/** `{ supported, files, verified, bytes, version }` of the files that the page consists of, hashed anew. */
export async function state() {
  const worker = registration?.active ?? (await navigator.serviceWorker?.getRegistration().catch(() => undefined))?.active;
  const none = { supported: Boolean(navigator.serviceWorker), files: 0, verified: 0, bytes: 0 };
  if (!worker) return none;
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve({ ...none, ...data });
    setTimeout(() => resolve(none), 20_000);
    worker.postMessage({ type: "verify" }, [port2]);
  });
}

/** Whether the page can be used without a connection. */
export const complete = ({ files, verified }) => files > 0 && files === verified;

/** Removes the page from this browser: its cache and the service worker. */
export async function forget() {
  // One that is still being installed would go on filling its cache.
  for (const worker of [registration?.installing, registration?.waiting, registration?.active]) worker?.postMessage({ type: "forget" });
  await settled;
  for (const one of (await navigator.serviceWorker?.getRegistrations().catch(() => [])) ?? []) await one.unregister();
  for (const name of (await globalThis.caches?.keys().catch(() => [])) ?? []) {
    if (!name.startsWith("gossamer-app-")) continue;
    // Emptied first: the service worker may hold it, and with it its room, until the browser stops the worker.
    const cache = await caches.open(name);
    for (const request of await cache.keys()) await cache.delete(request);
    await caches.delete(name);
  }
}
