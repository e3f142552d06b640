// The counter of network requests: of the page, of its workers, and of anybody who should not be there.

import { byId } from "./dom.js";
import * as format from "./format.js";
import { onRequests } from "../extract/extract.js";
import { request, tellOfRequests } from "./requests.js";

const all = [];
let readyAt = Infinity;
let known = true;

/** Starts counting. */
export function watch(client) {
  known = Boolean(tellOfRequests(count));
  if (known) count(performance.getEntriesByType("navigation").map(request));
  client.addEventListener("said", ({ detail }) => detail.requests && count(detail.requests));
  onRequests(count);
}

/** From now on the page has what it needs: requests from here on are counted apart. */
export function ready() {
  if (readyAt === Infinity) readyAt = performance.timeOrigin + performance.now();
  show();
}

/** `{ known, toLoad, toKeep, since, elsewhere, bytes, list }`; requests answered from this device are not counted.
 *  `toKeep` are those of the service worker, which stores the page for visits without a connection. */
export function traffic() {
  const sent = all.filter(({ stored }) => !stored);
  const toKeep = sent.filter(({ keeping }) => keeping).length;
  const since = sent.filter(({ at, keeping }) => !keeping && at >= readyAt).length;
  return {
    known,
    toLoad: sent.length - since - toKeep,
    toKeep,
    since,
    elsewhere: sent.filter(({ elsewhere }) => elsewhere).length,
    bytes: sent.reduce((sum, { bytes }) => sum + bytes, 0),
    stored: all.length - sent.length,
    list: all,
  };
}

/** Counts requests of others: of a worker, or of the service worker (`keeping`). */
export function count(requests) {
  all.push(...requests);
  show();
}

function show() {
  const { since, toLoad, elsewhere } = traffic();
  const figure = byId("promise-figure");
  const [number, when] = !known ? ["", ""]
    : elsewhere > 0 ? [format.plural(elsewhere, "request"), "to other hosts"]
      : readyAt === Infinity ? [format.plural(toLoad, "request"), "to load the page"]
        : [format.plural(since, "request"), "since it loaded"];
  if (figure.textContent !== number) figure.textContent = number;
  if (byId("promise-since").textContent !== when) byId("promise-since").textContent = when;
  byId("promise").dataset.elsewhere = String(elsewhere > 0);
}
