// What a hit says about itself: its kind, and where in its document it lies.

import { typeOf } from "./kinds.js";

/** The metadata of a hit or a document; nothing where it is not a JSON object. */
export function metadataOf({ metadata }) {
  if (metadata && typeof metadata === "object") return metadata;
  try {
    const parsed = JSON.parse(metadata || "{}");
    return parsed && typeof parsed === "object" ? parsed : {};
  } catch {
    return {};
  }
}

/** The type of the document of a hit. */
export function typeOfHit(hit) {
  return metadataOf(hit).type ?? typeOf(hit.id) ?? typeOf(hit.title ?? "");
}

/** Sections of a document, in order: `{ start, label }`, offsets in bytes. */
export function sectionsOf(document) {
  const { sections } = metadataOf(document);
  return Array.isArray(sections) ? sections.filter(({ start, label } = {}) => Number.isSafeInteger(start) && typeof label === "string") : [];
}

/** "page 3", "Chapter 2 › Storage", or how far into the file, for want of better. A title is not said twice. */
export function placeOf({ place, title, start, documentLength }) {
  if (place && place !== title) return place.startsWith(`${title} › `) ? place.slice(title.length + 3) : place;
  return documentLength > 0 ? `${Math.round((100 * start) / documentLength)} % into the file` : "";
}

/** The name of the file of a hit, where its title is another. */
export function fileOf(hit) {
  const name = (metadataOf(hit).path ?? hit.id).split("/").pop();
  return name === hit.title ? "" : name;
}
