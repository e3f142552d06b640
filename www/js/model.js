// The model's files, by the npm package's module (pkg/src/model.js): listed beside the page, kept, verified.

import * as models from "../vendor/gossamer-model.js";

const never = new AbortController().signal;

/** What must be loaded, before anything is: names, sizes and hashes. */
export const describe = (base) => models.describe({ manifest: new URL("manifest.json", base) });

/** Loads what `describe` found, from the cache where it is there. Calls `onProgress({ loaded, total, cached })`. */
export function load(_, described, onProgress) {
  return models.load(described, {}, never, (progress) => onProgress({ ...progress, cached: described.cached }));
}

/** Removes every stored part. */
export const forget = () => models.forget();
