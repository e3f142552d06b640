// Documents on their way in and out: checked, batched, their metadata as JSON.

import { invalid } from "./errors.js";

/** Documents of one commit, at most, and UTF-16 units of their texts: about what the engine commits at once. */
const BATCH_DOCUMENTS = 512;
const BATCH_TEXT = 256 * 1024;

/** Yields batches of documents from one, an array, or anything that can be iterated. */
export async function* batches(given) {
  const one = given && typeof given === "object" && !(Symbol.iterator in given) && !(Symbol.asyncIterator in given);
  let [batch, units] = [[], 0];
  for await (const document of one ? [given] : given) {
    batch.push(document);
    units += typeof document?.text === "string" ? document.text.length : 0;
    if (batch.length >= BATCH_DOCUMENTS || units >= BATCH_TEXT) {
      yield batch;
      [batch, units] = [[], 0];
    }
  }
  if (batch.length > 0) yield batch;
}

/** A document as the engine takes it, or a SearchError that says what is wrong with it. */
export function packDocument(document) {
  const { id, text, title = "", metadata } = document ?? {};
  if (typeof id !== "string" || id === "") throw invalid("A document needs an id that is a string and not empty.");
  if (typeof text !== "string") throw invalid(`Document ${JSON.stringify(id)} has no text.`);
  if (typeof title !== "string") throw invalid(`The title of document ${JSON.stringify(id)} is not a string.`);
  return { id, text, title, metadata: packMetadata(id, metadata) };
}

function packMetadata(id, metadata) {
  if (metadata === undefined) return "";
  const wrong = (what) => invalid(`The metadata of document ${JSON.stringify(id)}: ${what}`);
  if (metadata === null || typeof metadata !== "object" || Array.isArray(metadata)) throw wrong("it is not an object.");
  for (const [key, value] of Object.entries(metadata)) {
    const fine = ["string", "boolean"].includes(typeof value) || Number.isFinite(value) || value === undefined ||
      (value instanceof Date && !Number.isNaN(value.getTime())) ||
      (Array.isArray(value) && value.every((item) => typeof item === "string"));
    if (!fine) throw wrong(`${JSON.stringify(key)} is not a string, number, boolean, Date, or array of strings.`);
  }
  return JSON.stringify(metadata);
}

/** Metadata as it was given; dates are ISO 8601 strings. */
export function unpackMetadata(metadata) {
  if (metadata && typeof metadata === "object") return metadata;
  try {
    const value = JSON.parse(metadata);
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
