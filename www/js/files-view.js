// The list of documents: one row each, from queued to done or failed.

import { byId, crossIcon, element } from "./dom.js";
import * as format from "./format.js";

const rows = new Map();

const words = {
  queued: () => "Queued",
  reading: () => "Reading",
  embedding: ({ done, total }) => (total > 0 ? `Embedding ${format.count(done)} of ${format.count(total)}` : "Embedding"),
  done: ({ chunks }) => format.plural(chunks, "passage"),
  failed: ({ reason }) => reason,
};

/** Shows or updates a document's row. `item` has `id`, `name`, `state` and what the state needs. */
export function show(item, onRemove) {
  let row = rows.get(item.id);
  if (!row) rows.set(item.id, (row = makeRow(item, onRemove)));
  row.node.dataset.state = item.state;
  const status = words[item.state](item);
  if (row.status.textContent !== status) row.status.textContent = status;
  row.bar.hidden = item.state !== "embedding";
  row.bar.max = Math.max(1, item.total ?? 1);
  row.bar.value = item.done ?? 0;
}

/** Takes a row away; focus goes to a neighbour, never nowhere. */
export function drop(id) {
  const row = rows.get(id);
  if (!row) return;
  const near = row.node.nextElementSibling ?? row.node.previousElementSibling;
  const hadFocus = row.node.contains(document.activeElement);
  row.node.remove();
  rows.delete(id);
  if (hadFocus) (near?.querySelector("button") ?? byId("choose")).focus();
}

/** Takes every row away. */
export function clear() {
  for (const id of [...rows.keys()]) drop(id);
}

function makeRow(item, onRemove) {
  const bar = element("progress", { "aria-label": `Progress of ${item.name}` });
  const status = element("span", { class: "file-status" });
  const remove = element(
    "button",
    { type: "button", class: "file-remove", "aria-label": `Remove ${item.name}`, title: "Remove", onclick: () => onRemove(item.id) },
    crossIcon(),
  );
  const name = element("span", { class: "file-name", title: item.name, text: item.name });
  const node = element("li", { class: "file" }, name, status, remove, bar);
  byId("files").append(node);
  return { node, status, bar, remove };
}
