// The queue of documents on their way into the index.

import * as format from "./format.js";
import { readText } from "./read.js";
import { announce } from "./dom.js";

/** Adds files one after the other. Every document is committed before the next one starts. */
export class Importer {
  #host;
  #queue = [];
  #running = false;
  #finished = { documents: 0, bytes: 0 };
  #cancelled = false;

  /** `host` gives `engine()`, `call()`, and is told through `show`, `progress`, `done` and `trouble`. */
  constructor(host) {
    this.#host = host;
  }

  get busy() {
    return this.#running;
  }

  /** Queues files; a file of the same name replaces the one before it. */
  add(files) {
    for (const file of files) {
      const name = file.path || file.webkitRelativePath || file.name;
      const item = { id: name, name, file, state: "queued" };
      this.#queue = this.#queue.filter((queued) => queued.id !== name);
      this.#queue.push(item);
      this.#host.show(item);
    }
    if (!this.#running) this.#run();
  }

  /** Takes a document out of the queue. */
  forget(id) {
    this.#queue = this.#queue.filter((item) => item.id !== id);
  }

  /** Stops after the document under way. */
  cancel() {
    this.#cancelled = true;
    this.#queue = [];
  }

  async #run() {
    this.#running = true;
    this.#cancelled = false;
    this.#finished = { documents: 0, bytes: 0 };
    const tally = { documents: 0, failed: 0 };
    this.#report();
    try {
      await this.#host.engine();
      while (this.#queue.length > 0 && !this.#cancelled) {
        const item = this.#queue.shift();
        const added = await this.#one(item);
        tally[added ? "documents" : "failed"]++;
        this.#finished.documents++;
        this.#finished.bytes += item.file.size;
        if (added && !this.#cancelled) await this.#host.done();
      }
      const failed = tally.failed > 0 ? `, ${format.plural(tally.failed, "file")} failed` : "";
      announce(`${format.plural(tally.documents, "document")} added${failed}`);
    } catch (error) {
      for (const item of this.#queue.splice(0)) this.#update(item, { state: "failed", reason: "Not added" });
      this.#host.trouble(error);
    } finally {
      this.#running = false;
      this.#host.progress(undefined);
    }
  }

  /** Reads and adds one document; whether it is in the index now. Errors that concern all of them are thrown. */
  async #one(item) {
    let text;
    try {
      this.#update(item, { state: "reading" });
      text = await readText(item.file);
    } catch (error) {
      this.#update(item, { state: "failed", reason: error.message });
      return false;
    }
    const started = performance.now();
    this.#update(item, { state: "embedding", done: 0, total: 0 });
    this.#report(item, 0);
    try {
      const documents = [{ id: item.id, title: item.name, text }];
      const [{ chunks }] = await this.#host.call("add", { documents }, {
        onProgress: ({ done, total }) => {
          this.#update(item, { done, total });
          const seconds = (performance.now() - started) / 1000;
          this.#report(item, total > 0 ? done / total : 0, done / seconds);
        },
      });
      this.#update(item, { state: "done", chunks, file: item.file });
      return true;
    } catch (error) {
      this.#update(item, { state: "failed", reason: error.message });
      if (["quota-exceeded", "storage-lost", "worker-failed", "locked", "corrupted"].includes(error.code)) throw error;
      return false;
    }
  }

  #update(item, change) {
    this.#host.show(Object.assign(item, change));
  }

  /** One bar for everything: `part` of the document under way, `rate` in passages per second. */
  #report(item, part = 0, rate = 0) {
    const waiting = this.#queue.reduce((sum, queued) => sum + queued.file.size, 0);
    const current = item?.file.size ?? 0;
    const documents = this.#finished.documents + this.#queue.length + (item ? 1 : 0);
    this.#host.progress({
      label: `Adding document ${format.count(Math.min(documents, this.#finished.documents + 1))} of ${format.count(documents)}`,
      done: this.#finished.bytes + part * current,
      size: Math.max(1, this.#finished.bytes + current + waiting),
      rate: rate > 0 ? `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} passages per second` : "",
    });
  }
}
