// Trouble, in words: what happened, and what can be done about it.

import { byId, element } from "./dom.js";

const HEADLINES = {
  "model-integrity": "The language model is not the right one",
  "model-unavailable": "The language model could not be loaded",
  "quota-exceeded": "The browser's storage is full",
  "storage-lost": "The stored index is gone",
  corrupted: "The stored index is damaged",
  "model-mismatch": "The index was made with another model",
  locked: "Another tab is using this index",
  unsupported: "This browser cannot run Gossamer here",
  "worker-failed": "The search stopped",
  "invalid-import": "This is no whole index",
  "version-too-new": "This index was made by a newer Gossamer",
  "read-only": "This index is not yours to change",
  "not-here": "The passage is not here",
  "other-site": "This index is on another site",
  "no-ranges": "This index cannot be read where it lies",
  network: "The index could not be fetched",
  busy: "Not now",
};

/** Shows an error until it is cleared. */
export function trouble(error) {
  const notice = byId("notice");
  const code = error.code ?? "internal";
  notice.replaceChildren(
    element("strong", { text: HEADLINES[code] ?? "Something went wrong" }),
    element("span", { text: error.message }),
  );
  if (error.retryable || code === "worker-failed" || code === "quota-exceeded") {
    const again = element("button", { type: "button", class: "button small", text: "Try again", onclick: () => location.reload() });
    notice.append(element("p", {}, again));
  }
  notice.hidden = false;
  notice.dataset.code = code;
}

/** Takes it away. */
export function clear() {
  byId("notice").hidden = true;
}
