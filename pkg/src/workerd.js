// For Cloudflare Workers and their like: no workers, no storage of its own, WebAssembly only as a static import.

import wasm from "./gossamer.wasm";

import { SearchError } from "./errors.js";
import { defineIndex } from "./search-index.js";
import { serve } from "./service.js";

const platform = {
  defaultStorage: "memory",
  wasm: () => wasm,
  engine: () => ({ serve }),
};
export const Index = (platform.Index = defineIndex(platform));
export { SearchError };
