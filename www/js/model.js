// The model's files, by the npm package's module (pkg/src/model.js): listed beside the page, kept, verified.

import * as models from "../vendor/gossamer-model.js";

const never = new AbortController().signal;

/** What must be loaded, before anything is: names, sizes and hashes. */
export const describe = (base) => models.describe({ manifest: new URL("manifest.json", base) });

/** Loads what `describe` found, from the cache where it is there. Calls `onProgress({ loaded, total, cached })`. */
export function load(_, described, onProgress) {
  return models.load(described, {}, never, (progress) => onProgress({ ...progress, cached: described.cached }));
}

/** What was measured of GPU and CPU on an earlier visit, by this version of the engine. */
export async function measured(base, version) {
  const kept = await (await openCache())?.match(measuredKey(base, version));
  return kept?.json().catch(() => undefined);
}

/** Keeps it. */
export async function keepMeasured(base, version, calibration) {
  await keep(await openCache(), measuredKey(base, version), new Response(JSON.stringify(calibration)));
}

const measuredKey = (base, version) => new URL(`calibration.json?version=${version}`, base);

/** Removes every stored part. */
export const forget = () => models.forget();
