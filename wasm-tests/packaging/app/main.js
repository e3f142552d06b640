// What every bundler gets: the same program, which a page's test calls step by step.

import { Index } from "gossamer-search";
import { notes, words } from "./words.mjs";

const open = (options) => Index.open({ name: "packaging", embedder: words, ...options });
const summary = (index, { hits }) => ({
  worker: index.info.worker,
  hits: hits.map(({ document, title, metadata, text, start, end, score }) => ({ document, title, metadata, text, start, end, score })),
});

globalThis.steps = {
  /** Adds, searches, closes. */
  async first(options) {
    const index = await open(options);
    const report = await index.add(notes);
    const found = summary(index, await index.search("where do bees dance", { k: 2 }));
    await index.close();
    return { ...found, report };
  },
  /** Opens what is there, and searches. */
  async second(options) {
    const index = await open(options);
    const found = summary(index, await index.search("where do bees dance", { k: 2 }));
    await index.close();
    return found;
  },
};
