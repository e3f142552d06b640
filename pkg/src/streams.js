// An index as a file, in streams: out as fast as it is read, in as fast as it comes, never all of it in memory.

import { invalid } from "./errors.js";

/** Bytes of an export that wait to be read. */
const AHEAD = 1024 * 1024;
/** Bytes of a file in memory that are handed over at once. */
const PART = 256 * 1024;

/** The exports under way, by number. */
export class Exports {
  #takers = new Map();
  #next = 1;

  /** The stream of an export: `run(to, signal)` has the other end hand its parts over to number `to`. */
  stream(run, signal) {
    const to = this.#next++;
    const stopped = new AbortController();
    const both = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
    let room;
    return new ReadableStream({
      start: (controller) => {
        this.#takers.set(to, (bytes, ended) => {
          controller.enqueue(bytes);
          if (controller.desiredSize > 0) return undefined;
          return new Promise((resolve) => {
            room = resolve;
            ended.addEventListener("abort", resolve, { once: true });
          });
        });
        const done = () => {
          if (!stopped.signal.aborted) controller.close();
        };
        run(to, both).then(done, (error) => controller.error(error)).finally(() => this.#takers.delete(to));
      },
      pull: () => room?.(),
      cancel: () => stopped.abort(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: AHEAD }));
  }

  /** Takes a part. Resolves when there is room for another, or when the other end wants to go on no longer. */
  async take({ to, bytes }, { signal }) {
    await this.#takers.get(to)?.(bytes, signal);
  }
}

/** A file on its way in. */
export class Parts {
  #reader;
  /** Why the application's stream failed, if it did. */
  failure;

  constructor(source) {
    const stream = source instanceof Uint8Array ? streamOf(source) : globalThis.Blob && source instanceof Blob ? source.stream() : source;
    if (typeof stream?.getReader !== "function") throw invalid("import() takes a ReadableStream, a Blob, or a Uint8Array.");
    this.#reader = stream.getReader();
  }

  /** The next part; nothing at the end, or when `signal` aborts. */
  async next(signal) {
    signal.addEventListener("abort", () => this.cancel(signal.reason), { once: true });
    try {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) throw invalid("The stream that import() was given has something else than Uint8Arrays.");
      // All of a buffer would go to the worker, however little of it is meant.
      return value.byteLength < value.buffer.byteLength ? value.slice() : value;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** Nobody will read the rest. */
  cancel(reason) {
    this.#reader.cancel(reason).catch(() => {});
  }
}

function streamOf(bytes) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + PART));
      at = Math.min(at + PART, bytes.length);
      return undefined;
    },
  });
}
