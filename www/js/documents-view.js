// The list of documents: one row each, from queued to done or failed. Changes are drawn once per frame and some rows
// at a time, and rows stand in groups that the browser passes over while they are out of sight, so that a folder of
// thousands of files does not hold up the page.

import { byId, element, icon } from "./dom.js";
import * as format from "./format.js";
import { typeName, typeOf } from "./kinds.js";

/** Rows drawn in a frame, at most; fewer where they take longer than so many milliseconds. */
const [SLICE, SLICE_MS] = [40, 10];
const GROUP = 50;
const rows = new Map();
const changed = new Map();
let frame;
let actions;

const words = {
  queued: () => "Queued",
  reading: ({ read }) => (read ? "Read" : "Reading"),
  embedding: ({ done, total }) => (total > 0 ? `Embedding ${format.count(done)} of ${format.count(total)}` : "Embedding"),
  done: ({ chunks }) => (chunks === undefined ? "Unchanged" : format.plural(chunks, "passage")),
  failed: ({ reason }) => reason,
};

/** What the buttons of a row do: `remove(id)`, `retry(id)`, `only(id)`. */
export function connect(handlers) {
  actions = handlers;
}

/** Shows or updates a document's row. `item` has `id`, `name`, `state` and what the state needs. */
export function show({ id, name, state, read, done, total, chunks, reason, code }) {
  changed.set(id, { id, name, state, read, done, total, chunks, reason, code });
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  frame = undefined;
  let left = SLICE;
  const until = performance.now() + SLICE_MS;
  for (const [id, item] of changed) {
    if (left-- === 0 || performance.now() > until) break;
    changed.delete(id);
    update(item);
  }
  if (changed.size > 0) frame = requestAnimationFrame(draw);
}

function update(item) {
  let row = rows.get(item.id);
  if (!row) rows.set(item.id, (row = makeRow(item)));
  // A row that says how many passages there are keeps saying so when nothing has changed.
  if (item.state === "done") item.chunks ??= row.chunks;
  row.chunks = item.chunks ?? row.chunks;
  row.node.dataset.state = item.state;
  if (item.code) row.node.dataset.code = item.code;
  const status = words[item.state](item);
  if (row.status.textContent !== status) row.status.textContent = status;
  row.retry.hidden = item.state !== "failed" || item.code === "unsupported";
  row.only.hidden = item.state !== "done";
  row.bar.hidden = item.state !== "embedding";
  if (item.total > 0) {
    row.bar.max = item.total;
    row.bar.value = item.done;
  } else row.bar.removeAttribute("value");
}

/** Takes rows away; focus goes to a neighbour, never nowhere, and only once. */
export function drop(ids) {
  const list = byId("files");
  const at = list.contains(document.activeElement) ? [...list.querySelectorAll(".file")].indexOf(document.activeElement.closest(".file")) : -1;
  for (const id of ids) {
    changed.delete(id);
    const { node } = rows.get(id) ?? {};
    if (!node) continue;
    const group = node.parentElement;
    node.remove();
    if (!group.hasChildNodes()) group.remove();
    rows.delete(id);
  }
  if (at < 0 || list.contains(document.activeElement)) return;
  const left = list.querySelectorAll(".file");
  (left[Math.min(at, left.length - 1)]?.querySelector(".file-remove") ?? byId("choose")).focus();
}

/** Rows there are, drawn or about to be. */
export const size = () => new Set([...rows.keys(), ...changed.keys()]).size;

/** Ids of the rows in a state. */
export function inState(state) {
  const drawn = [...rows].filter(([id, { node }]) => (changed.get(id)?.state ?? node.dataset.state) === state).map(([id]) => id);
  return [...new Set([...drawn, ...[...changed.values()].filter((item) => item.state === state).map(({ id }) => id)])];
}

function makeRow({ id, name, state }) {
  const bar = element("progress", { "aria-label": `Progress of ${name}` });
  const status = element("span", { class: "file-status" });
  const button = (kind, label, shape, act) => element("button", { type: "button", class: `file-button file-${kind}`, "aria-label": `${label} ${name}`, title: label, onclick: () => act(id) }, icon(shape));
  const only = button("only", "Search only in", "funnel", (id) => actions.only(id));
  const retry = button("retry", "Retry", "retry", (id) => actions.retry(id));
  const remove = button("remove", "Remove", "cross", (id) => actions.remove(id));
  const folder = id.includes("/") ? id.slice(0, id.lastIndexOf("/")) : "";
  const type = typeOf(id);
  const title = element("span", { class: "file-name", title: id, text: name });
  const about = element("span", { class: "file-about" });
  about.append(element("span", { class: "file-type", text: type ? typeName(type) : "File" }));
  if (folder) about.append(element("span", { class: "file-folder", text: folder }));
  const node = element("div", { class: "file", role: "listitem" },
    element("div", { class: "file-what" }, title, about), status,
    element("div", { class: "file-buttons" }, only, retry, remove), bar);
  groupFor(state === "done").append(node);
  return { node, status, bar, retry, only, remove };
}

/** The group that a new row goes into. What comes in stands above what is there, in its own order. */
function groupFor(known) {
  const list = byId("files");
  const firstKnown = [...list.children].find((group) => group.hasAttribute("data-known")) ?? null;
  const last = known ? list.lastElementChild : firstKnown ? firstKnown.previousElementSibling : list.lastElementChild;
  if (last && known === last.hasAttribute("data-known") && last.childElementCount < GROUP) return last;
  const group = element("div", { class: "file-group", role: "presentation", "data-known": known });
  list.insertBefore(group, known ? null : firstKnown);
  return group;
}
