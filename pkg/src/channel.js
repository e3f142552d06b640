// Calls between two threads, or between two ends of one: requests with an id, events on the way, abortable.

import { asSearchError, packError } from "./errors.js";

/**
 * One end. `port` has `post(message, transfer)` and `listen(handler)`; `handlers` answer the other end's calls as
 * `(params, { signal, emit }) => result`.
 */
export class Channel {
  #port;
  #handlers;
  #waiting = new Map();
  #running = new Map();
  #next = 1;
  #broken;

  constructor(port, handlers = {}, { onNotice, onIdle, onBusy } = {}) {
    this.#port = port;
    this.#handlers = handlers;
    this.onNotice = onNotice;
    this.onIdle = onIdle;
    this.onBusy = onBusy;
    port.listen((message) => this.#receive(message));
  }

  /** Calls `method` of the other end. Rejects with the signal's reason once the other end has stopped because of it. */
  call(method, params, { signal, onEvent, transfer = [] } = {}) {
    if (this.#broken) return Promise.reject(this.#broken);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#next++;
    if (this.#waiting.size === 0) this.onBusy?.();
    return new Promise((resolve, reject) => {
      const abort = () => this.#port.post({ abort: id });
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, {
        onEvent,
        settle: (message) => {
          signal?.removeEventListener("abort", abort);
          this.#waiting.delete(id);
          if (this.#waiting.size === 0) this.onIdle?.();
          if (!message.error) resolve(message.result);
          // What ended because of the signal ends with its reason.
          else if (signal?.aborted) reject(signal.reason);
          else reject(asSearchError(message.error));
        },
      });
      this.#port.post({ id, method, params }, transfer);
    });
  }

  /** Tells the other end something nobody asked for. */
  notify(name, data) {
    if (!this.#broken) this.#port.post({ notice: name, data });
  }

  /** Fails everything that waits, and every later call. */
  break(error) {
    this.#broken ??= error;
    for (const { settle } of [...this.#waiting.values()]) settle({ error });
  }

  async #receive(message) {
    if (message.notice) this.onNotice?.(message.notice, message.data);
    else if (message.abort) this.#running.get(message.abort)?.abort();
    else if (message.method) await this.#answer(message);
    else if ("event" in message) this.#waiting.get(message.id)?.onEvent?.(message.event);
    else this.#waiting.get(message.id)?.settle(message);
  }

  async #answer({ id, method, params }) {
    const controller = new AbortController();
    this.#running.set(id, controller);
    const emit = (event, transfer) => this.#port.post({ id, event }, transfer);
    try {
      const result = await this.#handlers[method](params, { signal: controller.signal, emit });
      this.#port.post({ id, result });
    } catch (error) {
      this.#port.post({ id, error: packError(error) });
    } finally {
      this.#running.delete(id);
    }
  }
}

/** Two connected ports within one thread. */
export function loopback() {
  const [a, b] = [{}, {}];
  const join = (from, to) => {
    from.post = (message) => queueMicrotask(() => to.handler?.(message));
    from.listen = (handler) => { from.handler = handler; };
  };
  join(a, b);
  join(b, a);
  return [a, b];
}

/** A worker's or a message port's end, in a browser or in Node. */
export function portOf(target) {
  return {
    post: (message, transfer = []) => target.postMessage(message, transfer),
    listen(handler) {
      if (target.addEventListener) target.addEventListener("message", ({ data }) => handler(data));
      else target.on("message", handler);
    },
  };
}
