// The outline ("bookmarks") of a PDF: which chapter a page belongs to. The same rules as natively
// (src/extract/pdf/outline.rs).

import { shorten } from "./builder.js";

/** Most entries that are looked at. */
const ENTRIES = 5000;
/** Deepest level whose title is part of a label. */
const LEVELS = 6;

/** The path of titles of each page: of the first entry that begins on it, otherwise of the last one before. */
export async function chaptersOf(pdf) {
  const entries = [];
  try {
    await collect(pdf, (await pdf.getOutline()) ?? [], [], entries);
  } catch {
    // A damaged outline costs labels, not text.
  }
  // Stable: of entries on one page, the first stays first.
  entries.sort((a, b) => a.page - b.page);
  const chapters = [];
  let next = 0;
  let current;
  for (let page = 0; page < pdf.numPages; page++) {
    let first;
    for (; next < entries.length && entries[next].page <= page; next++) {
      first ??= entries[next].path;
      current = entries[next].path;
    }
    chapters.push(first ?? current);
  }
  return chapters;
}

async function collect(pdf, items, above, entries) {
  for (const { title, dest, items: below } of items) {
    if (entries.length >= ENTRIES) return;
    const path = [...above, shorten(title ?? "")];
    const page = await pageOf(pdf, dest);
    if (page !== undefined) entries.push({ page, path: path.filter((part) => part !== "").join(" › ") });
    if (path.length < LEVELS) await collect(pdf, below ?? [], path, entries);
  }
}

/** The page, counted from 0, that an entry leads to. */
async function pageOf(pdf, dest) {
  try {
    const place = typeof dest === "string" ? await pdf.getDestination(dest) : dest;
    return place?.[0] && typeof place[0] === "object" ? await pdf.getPageIndex(place[0]) : undefined;
  } catch {
    return undefined;
  }
}
