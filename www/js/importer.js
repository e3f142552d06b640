// Takes documents from the queue into the index: reads ahead in the extractors while the engine embeds, commits in
// batches of a few seconds' work, and can be paused, resumed and cancelled at any moment.

import { extract } from "../extract/extract.js";
import { textShare } from "./kinds.js";
import { nextBatch, Pace } from "./pace.js";

/** Text that may be read ahead, in characters. */
const AHEAD = 1_000_000;
/** Errors after which no other document would fare better. */
const FATAL = ["quota-exceeded", "storage-lost", "worker-failed", "locked", "corrupted", "model-integrity", "model-unavailable", "unsupported-browser"];

export class Importer {
  #host;
  #queue;
  #waiting = [];
  #prepared = [];
  #current = [];
  #skipped = new Set();
  #tally = { added: 0, failed: 0 };
  #alone = 0;
  #reading;
  #running = false;
  #paused = false;
  #cancelled = false;
  #abort = new AbortController();
  #pace = new Pace();
  #total = { characters: 0, done: 0, documents: 0, finished: 0 };
  #wake = () => {};
  #ended = () => {};

  /** `host` has `engine()`, `call()`, and is told through `show`, `progress`, `committed`, `ended` and `trouble`. */
  constructor(queue, host) {
    this.#queue = queue;
    this.#host = host;
  }

  get busy() {
    return this.#running;
  }

  get paused() {
    return this.#paused;
  }

  /** Takes items (`{ id, name, file, order }`) in line. One of the same id replaces the one before it. */
  add(items) {
    const ids = new Set(items.map(({ id }) => id));
    this.#drop((item) => ids.has(item.id));
    for (const item of items) {
      Object.assign(item, { state: "queued", read: false, characters: Math.max(1, item.file.size * textShare(item.name)), reason: undefined });
      this.#skipped.delete(item.id);
      this.#waiting.push(item);
      this.#total.characters += item.characters;
      this.#total.documents++;
      this.#host.show(item);
    }
    if (!this.#running) this.#run();
    else {
      this.#report();
      this.#readAhead();
    }
  }

  /** Takes a document out, even one under way. */
  forget(id) {
    this.#drop((item) => item.id === id);
    // What is being read or embedded right now ends, and is then left out.
    if (this.#current.some((item) => item.id === id)) this.#host.call("interrupt").catch(() => {});
    this.#skipped.add(id);
  }

  async pause() {
    if (!this.#running) return;
    this.#paused = true;
    this.#report();
    await this.#host.call("pause", { paused: true });
  }

  async resume() {
    this.#paused = false;
    this.#wake();
    this.#report();
    await this.#host.call("pause", { paused: false });
  }

  /** Stops at once. What is committed stays; resolves with what was given up, when nothing moves any more. */
  async cancel() {
    if (!this.#running) return [];
    const ended = new Promise((wake) => (this.#ended = wake));
    this.#cancelled = true;
    this.#abort.abort();
    const given = [...this.#current, ...(this.#reading ? [this.#reading] : []), ...this.#prepared, ...this.#waiting];
    this.#waiting = [];
    this.#prepared = [];
    this.#paused = false;
    this.#wake();
    await this.#host.call("interrupt").catch(() => {});
    await ended;
    return given.filter(({ state }) => state !== "done");
  }

  #drop(matches) {
    const gone = [...this.#waiting, ...this.#prepared].filter(matches);
    this.#waiting = this.#waiting.filter((item) => !matches(item));
    this.#prepared = this.#prepared.filter((item) => !matches(item));
    for (const item of gone) this.#total.characters -= item.characters;
    this.#total.documents -= gone.length;
  }

  async #run() {
    this.#running = true;
    this.#cancelled = false;
    this.#abort = new AbortController();
    this.#tally = { added: 0, failed: 0 };
    this.#report();
    try {
      await this.#host.engine();
      while (!this.#cancelled) {
        this.#readAhead();
        if (this.#prepared.length > 0 && !this.#paused) await this.#commit();
        else if (this.#prepared.length > 0 || this.#waiting.length > 0 || this.#reading) await new Promise((wake) => (this.#wake = wake));
        else break;
      }
    } catch (error) {
      this.#abort.abort();
      for (const item of [...this.#current, ...this.#prepared, ...this.#waiting]) this.#update(item, { state: "failed", reason: "Not added yet", text: undefined });
      this.#prepared = [];
      this.#waiting = [];
      this.#host.trouble(error);
    } finally {
      this.#running = false;
      this.#paused = false;
      this.#current = [];
      this.#total = { characters: 0, done: 0, documents: 0, finished: 0 };
      this.#host.progress(undefined);
      this.#host.ended(this.#tally);
      this.#ended();
      if (this.#waiting.length > 0) this.add(this.#waiting.splice(0));
    }
  }

  /** Reads the next file unless one is being read, or enough is ahead; then the next. */
  async #readAhead() {
    const ahead = this.#prepared.reduce((sum, item) => sum + item.text.length, 0);
    if (this.#reading || this.#cancelled || ahead > Math.max(AHEAD, 2 * this.#pace.batch)) return;
    const item = this.#waiting.shift();
    if (!item) return;
    this.#reading = item;
    try {
      this.#update(item, { state: "reading" });
      const found = await extract(item.file, { signal: this.#abort.signal });
      if (this.#skipped.delete(item.id) || this.#cancelled) return;
      this.#total.characters += found.text.length - item.characters;
      this.#prepared.push(Object.assign(item, found, { characters: found.text.length }));
      this.#update(item, { read: true });
    } catch (error) {
      if (!this.#cancelled && !this.#skipped.delete(item.id)) this.#failed(item, error);
    } finally {
      this.#reading = undefined;
      this.#wake();
      this.#readAhead();
    }
  }

  // Embedding --------------------------------------------------------------------------------------------

  async #commit() {
    const batch = this.#alone > 0 ? this.#prepared.slice(0, 1) : nextBatch(this.#prepared, this.#pace.batch);
    this.#alone = Math.max(0, this.#alone - 1);
    this.#prepared = this.#prepared.slice(batch.length);
    this.#current = batch;
    for (const item of batch) this.#update(item, { state: "embedding", done: 0, total: 0 });
    const characters = batch.reduce((sum, item) => sum + item.characters, 0);
    const started = performance.now();
    let [passages, held] = [0, 0];
    const onProgress = ({ done, total, heldMs }) => {
      [passages, held] = [done, heldMs];
      this.#report(total > 0 ? (characters * done) / total : 0);
      if (batch.length === 1) this.#update(batch[0], { done, total });
    };
    try {
      const outcomes = await this.#host.call("add", { documents: batch.map(documentOf) }, { onProgress });
      this.#pace.measured({ characters, passages, seconds: (performance.now() - started - held) / 1000 });
      await this.#queue.remove(batch);
      const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
      for (const item of batch) {
        const { outcome, chunks } = byId.get(item.id);
        this.#update(item, { state: "done", chunks: outcome === "unchanged" ? undefined : chunks, text: undefined });
      }
      this.#tally.added += batch.length;
      this.#finished(batch);
      await this.#host.committed(batch);
    } catch (error) {
      this.#undone(batch, error);
    } finally {
      this.#current = [];
    }
  }

  /** Nothing of the batch was committed: says what becomes of it. */
  #undone(batch, error) {
    if (this.#cancelled) return;
    const kept = batch.filter((item) => !this.#skipped.delete(item.id));
    if (kept.length === batch.length) {
      if (FATAL.includes(error.code)) throw error;
      if (batch.length === 1) return this.#failed(batch[0], error);
      // Somebody in the batch spoils it: one by one, it will be known who.
      this.#alone = batch.length;
    }
    for (const item of kept) this.#update(item, { state: "queued" });
    this.#prepared.unshift(...kept);
    this.#total.documents -= batch.length - kept.length;
  }

  #failed(item, error) {
    this.#update(item, { state: "failed", code: error.code ?? "broken", reason: error.message, text: undefined });
    this.#queue.fail(item);
    this.#tally.failed++;
    this.#finished([item]);
  }

  #finished(items) {
    this.#total.finished += items.length;
    for (const item of items) this.#total.done += item.characters;
    this.#report();
  }

  #update(item, change) {
    this.#host.show(Object.assign(item, change));
  }

  /** One bar for everything; `part` is the text of the batch under way that is embedded. */
  #report(part = 0) {
    const { characters, done, documents, finished } = this.#total;
    const seconds = this.#pace.secondsFor(Math.max(0, characters - done - part));
    this.#host.progress({
      documents, finished, paused: this.#paused,
      share: characters > 0 ? Math.min(1, (done + part) / characters) : 0,
      passagesPerSecond: this.#pace.passagesPerSecond,
      secondsLeft: seconds,
      durable: this.#queue.durable,
    });
  }
}

/** The document as the worker takes it. */
function documentOf({ id, name, title, text, type, file, sections = [] }) {
  const metadata = { path: id, type };
  if (file.lastModified) metadata.modified = new Date(file.lastModified).toISOString();
  return { id, title: title || name, text, metadata, sections };
}
