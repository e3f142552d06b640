// The page's side of the worker: requests with ids, progress, typed errors, and what the worker says unasked.

import { scriptUrl } from "./trusted.js";

/** An error with a stable `code`; `retryable` says whether trying again can help. */
export class GossamerError extends Error {
  constructor({ code, message, retryable = false }) {
    super(message);
    this.name = "GossamerError";
    this.code = code;
    this.retryable = retryable;
  }
}

/** Starts the worker and calls its methods. Dispatches `said` with what the worker tells unasked. */
export class Client extends EventTarget {
  #worker = new Worker(scriptUrl("../worker.js", import.meta.url), { type: "module", name: "gossamer" });
  #pending = new Map();
  #next = 1;
  #dead = null;

  constructor() {
    super();
    this.#worker.addEventListener("message", ({ data }) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      const why = event.message || "its script did not load";
      this.#fail(new GossamerError({ code: "worker-failed", message: `The search worker stopped: ${why}. Reload the page.` }));
    });
  }

  /** Calls a method of the worker. `onProgress` is called with what the worker reports on the way. */
  call(method, params = {}, { onProgress, transfer = [] } = {}) {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, method, params }, transfer);
    });
  }

  /** Stops the worker; whatever is under way is rejected. */
  terminate() {
    this.#worker.terminate();
    this.#fail(new GossamerError({ code: "closed", message: "The search worker was stopped." }));
  }

  #receive({ id, result, error, progress, said }) {
    if (said) return void this.dispatchEvent(new CustomEvent("said", { detail: said }));
    const request = this.#pending.get(id);
    if (!request) return;
    if (progress !== undefined) return void request.onProgress?.(progress);
    this.#pending.delete(id);
    if (error) request.reject(new GossamerError(error));
    else request.resolve(result);
  }

  #fail(error) {
    this.#dead = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
