// What narrows the answers: how they are found, the type, and the file or folder they come from.

import { byId, element } from "./dom.js";
import { metadataOf, typeOfHit } from "./hit.js";
import { typeName } from "./kinds.js";

/** Places that the list offers; more can be chosen in the list of documents. */
const MOST_PLACES = 400;
const [mode, type, place, group, reset] = ["mode", "type", "place", "group", "reset"].map((name) => byId(`filter-${name}`));

let usual = "hybrid";

/** Finds by `mode` unless the person chooses. */
export function prefer(chosen) {
  mode.value = usual = chosen;
}

/** Calls `change` whenever the person changes something. */
export function connect(change) {
  const changed = () => {
    reset.hidden = !narrowed();
    change();
  };
  for (const control of [mode, type, place, group]) control.addEventListener("change", changed);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  reset.addEventListener("click", () => {
    clear();
    changed();
    byId("question").focus();
  });
}

/** Offers the types and places there are. What was chosen stays chosen if it still exists. */
export function offer(documents) {
  const types = new Set();
  const folders = new Set();
  for (const document of documents) {
    types.add(typeOfHit(document) ?? "");
    const parts = pathOf(document).split("/");
    for (let depth = 1; depth < parts.length; depth++) folders.add(`${parts.slice(0, depth).join("/")}/`);
  }
  const [wantedType, wantedPlace] = [type.value, place.value];
  type.replaceChildren(option("", "any"), ...[...types].filter(Boolean).sort().map((name) => option(name, typeName(name))));
  const groups = [option("", "all documents")];
  if (folders.size > 0 && folders.size <= MOST_PLACES) {
    groups.push(element("optgroup", { label: "Folders" }, ...[...folders].sort().map((path) => option(path, path.slice(0, -1)))));
  }
  if (documents.length <= MOST_PLACES) {
    const files = documents.map((document) => option(pathOf(document), document.title || document.id));
    groups.push(element("optgroup", { label: "Documents" }, ...files));
  }
  place.replaceChildren(...groups);
  type.value = wantedType;
  if (wantedPlace) only(wantedPlace);
  if (type.selectedIndex < 0) type.value = "";
  type.closest(".choice").hidden = types.size < 2;
  reset.hidden = !narrowed();
}

/** Searches in one document or folder only. */
export function only(path) {
  if (![...place.options].some(({ value }) => value === path)) {
    place.append(option(path, path.replace(/\/$/, "").split("/").pop()));
  }
  place.value = path;
  reset.hidden = !narrowed();
}

/** Back to everything. */
export function clear() {
  mode.value = usual;
  type.value = "";
  place.value = "";
  group.checked = false;
}

/** The engine's options. */
export function options() {
  const filter = {};
  if (type.value) filter.type = type.value;
  if (place.value) filter.path = place.value.endsWith("/") ? { prefix: place.value } : place.value;
  return {
    mode: mode.value,
    groupBy: group.checked ? "document" : "chunk",
    filter: Object.keys(filter).length > 0 ? filter : undefined,
  };
}

const narrowed = () => mode.value !== usual || type.value !== "" || place.value !== "" || group.checked;
const pathOf = (document) => metadataOf(document).path ?? document.id;
const option = (value, text) => element("option", { value, text });
