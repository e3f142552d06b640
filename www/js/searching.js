// A question on its way: words while the person types, the whole search on Enter, better answers in the place of
// the first ones. A newer question makes an older one's answers void.

import * as answers from "./answers-view.js";
import { announce, byId } from "./dom.js";
import { clear as clearTrouble, trouble } from "./notice.js";

const PAGE = 8;
const TYPING_MS = 160;

export class Searching {
  #host;
  #turn = 0;
  #typing;
  #last;

  /** `host` has `call`, `load()` (the model), `loaded()`, `stats()`, `options()` (the filters), `byWord()`
   *  (whether words are cheap to look for) and `shown()`. */
  constructor(host) {
    this.#host = host;
  }

  /** The last question that was answered: `{ query, hits, options, recomputed, ms }`. */
  get last() {
    return this.#last;
  }

  /** Somebody types: answers by word, if there is something to search. */
  typed(query) {
    clearTimeout(this.#typing);
    if (query.length < 3 || this.#host.stats().chunks === 0 || !this.#host.byWord()) return;
    this.#typing = setTimeout(() => this.#preview(query), TYPING_MS);
  }

  async #preview(query) {
    const turn = ++this.#turn;
    try {
      const options = { ...this.#host.options(), mode: "keyword", k: PAGE };
      const found = await this.#host.call("search", { query, options });
      if (turn !== this.#turn || found.hits.length === 0) return;
      answers.show({ ...found, query, stage: "keyword", done: false });
      byId("hint").textContent = "By word so far. Press Enter to search by meaning.";
      this.#host.shown();
    } catch {
      // What is typed may not be a whole question yet; the real search will say what is wrong.
    }
  }

  /** Searches. */
  async ask(query, { k = PAGE } = {}) {
    clearTimeout(this.#typing);
    const { chunks } = this.#host.stats();
    if (chunks === 0) {
      byId("hint").textContent = "There is nothing to search yet: add a document first.";
      announce(byId("hint").textContent);
      return;
    }
    const turn = ++this.#turn;
    const current = () => turn === this.#turn;
    let started = performance.now();
    const options = { ...this.#host.options(), k };
    const show = (found, done) => {
      if (!current()) return;
      answers.show({ ...found, query, done, chunks, ms: performance.now() - started });
      this.#host.shown();
    };
    byId("search").setAttribute("aria-busy", "true");
    byId("hint").textContent = "Searching";
    byId("comparison").textContent = "";
    clearTrouble();
    try {
      let found;
      if (!this.#host.loaded() && options.mode !== "semantic") {
        found = await this.#host.call("search", { query, options: { ...options, mode: "keyword" } });
        show({ ...found, stage: "keyword" }, options.mode === "keyword");
      }
      if (options.mode !== "keyword" || !found) {
        if (!this.#host.loaded()) {
          // The first load is no part of what a search takes.
          await this.#host.load();
          started = performance.now();
        }
        if (!current()) return;
        found = await this.#host.call("search", { query, options }, { onProgress: (stage) => show(stage, false) });
        show({ ...found, stage: "exact" }, true);
      }
      if (current()) this.#last = { query, options, ...found, ms: performance.now() - started };
      if (current()) byId("more").hidden = found.hits.length < k;
    } catch (error) {
      if (current()) trouble(error);
    } finally {
      if (current()) {
        byId("search").removeAttribute("aria-busy");
        byId("hint").textContent = "";
        this.#host.shown();
      }
    }
  }

  /** The same question, more answers. */
  more() {
    if (this.#last) return this.ask(this.#last.query, { k: this.#last.options.k + PAGE });
  }

  /** The same question, since the filters or the documents have changed. */
  again() {
    if (this.#last && !byId("answers").hidden) return this.ask(this.#last.query);
  }

  /** Forgets the question, and whatever is on its way. */
  stop() {
    clearTimeout(this.#typing);
    this.#turn++;
    this.#last = undefined;
    byId("search").removeAttribute("aria-busy");
    byId("hint").textContent = "";
    answers.hide();
  }
}
