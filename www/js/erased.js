// After "Delete everything": what this browser still keeps for the site, measured until it is nothing. Nothing is
// started here, so that nothing is kept anew.

import { byId } from "./dom.js";
import * as format from "./format.js";

/** Milliseconds between two looks, and after which the last one is shown: browsers give room back when they find the
 *  time, at the latest when they stop the idle service worker. */
const [EVERY, UNTIL] = [500, 60_000];
/** What browsers count for a site that keeps nothing: the empty files of its databases. */
const BOOKKEEPING = 65_536;

const usage = async () => (await navigator.storage?.estimate?.().catch(() => undefined))?.usage ?? 0;

let bytes = await usage();
for (const from = performance.now(); bytes > BOOKKEEPING && performance.now() - from < UNTIL; bytes = await usage()) {
  byId("remains").textContent = `${format.bytes(bytes)} on the way out`;
  await new Promise((wake) => setTimeout(wake, EVERY));
}
const databases = (await indexedDB.databases?.().catch(() => [])) ?? [];
const left = [...databases.map(({ name }) => name), ...((await globalThis.caches?.keys().catch(() => [])) ?? [])];
byId("remains").textContent = left.length > 0
  ? `The browser still keeps ${left.join(", ")}: another tab of this site may be open.`
  : "Nothing is left: 0 databases, 0 caches, 0 B of index, text, model and page."
    + (bytes > 0 ? ` The browser itself counts ${format.bytes(bytes)} for the empty site.` : "");
byId("remains").dataset.bytes = String(bytes);
