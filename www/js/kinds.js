// Kinds of files: what the page takes, and what people call it. The extractors themselves look at the content.

import { EXTENSIONS } from "../extract/kind.js";

const TYPES = {
  text: "txt text log", markdown: "md markdown mdx", html: "html htm xhtml", pdf: "pdf", docx: "docx", epub: "epub",
  csv: "csv tsv", json: "json jsonl ndjson geojson",
};
const byExtension = new Map([
  ...EXTENSIONS.map((extension) => [extension, "code"]),
  ...Object.entries(TYPES).flatMap(([type, list]) => list.split(" ").map((extension) => [extension, type])),
]);

const NAMES = {
  text: "Text", markdown: "Markdown", html: "HTML", pdf: "PDF", docx: "Word", epub: "EPUB", csv: "Table", json: "JSON", code: "Code",
};

/** The type of a file of this name, or nothing where its extension says nothing. */
export function typeOf(name) {
  return byExtension.get(/\.([^./\\]+)$/.exec(name)?.[1].toLowerCase());
}

/** The name people know a type by. */
export const typeName = (type) => NAMES[type] ?? "Other";

/** For a file picker. */
export const accepted = EXTENSIONS.map((extension) => `.${extension}`).join(",");

/** Characters of text in one byte of a file, roughly: what the time left is reckoned with before a file is read. */
export function textShare(name) {
  return { pdf: 0.1, docx: 0.25, epub: 0.6, html: 0.5 }[typeOf(name)] ?? 1;
}
