// Text out of files, on the page's side: each file is read in a disposable worker under a time limit.
//
// A worker that has read a file without trouble is kept for the next one; one that was stopped, crashed or ran out of
// time is thrown away with whatever the file did to it.

import { ExtractError, tooBig } from "./error.js";
import { limits } from "./limits.js";

export { ExtractError };

/** Files after which a worker is replaced, so that memory a parser holds on to goes back. */
const USES = 50;
/** A worker that has nothing to do goes after this long, in milliseconds. */
const IDLE = 10_000;

// Trusted Types: the only script address this module makes.
const workerUrl = (() => {
  const url = new URL("./worker.js", import.meta.url).href;
  const policy = globalThis.trustedTypes?.createPolicy("gossamer-extract", { createScriptURL: () => url });
  return policy ? policy.createScriptURL("") : url;
})();

const idle = [];
let tell = () => {};

/** Has `listener` told of every request that the workers make, as `js/requests.js` describes them. */
export function onRequests(listener) {
  tell = listener;
}

/**
 * Reads a file. Resolves with `{ title, text, type, sections: [{ start, label }], notes }`, where `start` counts
 * UTF-16 units; rejects with an `ExtractError`, or with the signal's reason.
 */
export async function extract(file, { signal, time = limits.time } = {}) {
  signal?.throwIfAborted();
  if (file.size > limits.file) throw tooBig("the file", limits.file);
  const worker = idle.pop() ?? { port: new Worker(workerUrl, { type: "module", name: "extract" }), uses: 0 };
  clearTimeout(worker.idle);
  worker.uses++;
  const { resolve, reject, promise } = deferred();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(() => {
    reject(new ExtractError("timeout", `Not read within ${Math.round(time / 1000)} s`));
  }, time);
  worker.port.onmessage = ({ data }) => {
    if (data?.requests) tell(data.requests);
    else if (data?.extracted) resolve(data.extracted);
    else if (data?.error) reject(Object.assign(new ExtractError(data.error.code, data.error.message), { usable: true }));
  };
  worker.port.onerror = (event) => {
    event.preventDefault();
    reject(new ExtractError("broken", `Broken: the reader stopped at it${event.message ? ` (${event.message})` : ""}`));
  };
  signal?.addEventListener("abort", abort, { once: true });
  let usable = false;
  try {
    worker.port.postMessage({ file, name: file.name });
    const extracted = await promise;
    usable = true;
    return extracted;
  } catch (error) {
    usable = error?.usable === true;
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    if (usable && worker.uses < USES) {
      idle.push(worker);
      worker.idle = setTimeout(() => {
        idle.splice(idle.indexOf(worker), 1);
        worker.port.terminate();
      }, IDLE);
    } else {
      worker.port.terminate();
    }
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
