// For Node: a folder by default, a worker thread, the .wasm from the package's own folder.

import { readFile, rm } from "node:fs/promises";
import { Worker } from "node:worker_threads";

import { SearchError } from "./errors.js";
import { defineIndex } from "./search-index.js";

const platform = {
  defaultStorage: "folder",
  canWork: () => true,
  worker: () => new Worker(new URL("./node-worker.js", import.meta.url), { name: "gossamer-search" }),
  wasm: () => new URL("./gossamer.wasm", import.meta.url),
  readFile: async (url) => new Uint8Array(await readFile(url)),
  engine: async () => {
    const [{ serve }, { platform }] = await Promise.all([import("./engine.js"), import("./node-platform.js")]);
    return { serve: (port) => serve(port, platform) };
  },
  destroy: (name) => rm(name, { recursive: true, force: true }),
};
export const Index = (platform.Index = defineIndex(platform));
export { SearchError };
