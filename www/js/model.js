// The model's files, by the npm package's module (pkg/src/model.js): listed beside the page, kept, verified.

import * as models from "../vendor/gossamer-model.js";

const never = new AbortController().signal;

/** What must be loaded, before anything is: names, sizes and hashes. */
export const describe = (base) => models.describe({ manifest: new URL("manifest.json", base) });

/** Loads what `describe` found, from the cache where it is there. Calls `onProgress({ loaded, total, cached })`; `sinks`
 *  take files part by part. */
export function load(_, described, onProgress, sinks) {
  return models.load(described, {}, never, (progress) => onProgress({ ...progress, cached: described.cached }), sinks);
}

/** What was measured of GPU and CPU on an earlier visit, by this version of the engine. */
export const measured = (base, version) => models.measured({ base }, version, {});

/** Keeps it. */
export const keepMeasured = (base, version, calibration) => models.keepMeasured({ base }, version, {}, calibration);

/** Removes every stored part. */
export const forget = () => models.forget();
