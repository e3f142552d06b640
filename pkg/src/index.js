// For browsers and their bundlers: one static `new URL` for each file, never one inside another.

import { SearchError } from "./errors.js";
import { defineIndex } from "./search-index.js";

const platform = {
  defaultStorage: "indexeddb",
  canWork: () => typeof Worker === "function",
  worker: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "gossamer-search" }),
  wasm: () => new URL("./gossamer.wasm", import.meta.url),
  engine: () => import("./engine.js"),
};
export const Index = (platform.Index = defineIndex(platform));
export { SearchError };
