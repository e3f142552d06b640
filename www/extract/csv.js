// CSV: one line per row, each value after the name of its column. The same rules as natively (src/extract/csv.rs).

import { collapse } from "./builder.js";
import { limits } from "./limits.js";

const ROWS = 1000;

/** Renders the rows: `Name: Ada | City: London`. */
export function extract(text, name) {
  let delimiter = /\.tsv$/i.test(name) ? "\t" : guess(text);
  const named = /^sep=([\x21-\x7e\t])[^\n]*\n?/.exec(text);
  if (named) {
    delimiter = named[1];
    text = text.slice(named[0].length);
  }
  const rows = parse(text, delimiter);
  const header = rows.length > 1 && isHeader(rows[0]) ? rows[0].map((cell) => cell.trim()) : undefined;
  const body = header ? rows.slice(1) : rows;
  const size = step(body.length, ROWS);
  const lines = header ? [header.join(" | ")] : [];
  const sections = [];
  let length = header ? lines[0].length : 0;
  body.forEach((row, i) => {
    const cells = row.flatMap((value, column) => {
      const clean = collapse(value);
      if (clean.trim() === "") return [];
      return header?.[column] ? `${header[column]}: ${clean}` : clean;
    });
    if (cells.length === 0) return;
    const start = length + (lines.length > 0 ? 1 : 0);
    if (i % size === 0) sections.push({ start, label: range("row", i, size, body.length) });
    const line = cells.join(" | ");
    lines.push(line);
    length = start + line.length;
  });
  return { text: lines.join("\n"), sections: sections.slice(0, limits.sections) };
}

/** RFC 4180, with what real files do: bare quotes, short rows, either line end. */
function parse(text, delimiter) {
  const rows = [];
  let row = [];
  let at = 0;
  const stop = new RegExp(`[\\n\\r${delimiter === "|" ? "\\|" : delimiter}]|$`, "g");
  while (at < text.length) {
    let value = "";
    if (text[at] === '"') {
      at++;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          value += text.slice(at);
          at = text.length;
          break;
        }
        value += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        value += '"';
        at++;
      }
    }
    stop.lastIndex = at;
    const end = stop.exec(text).index;
    value += text.slice(at, end);
    row.push(value);
    at = end + 1;
    if (text[end] === delimiter) {
      if (at === text.length) row.push("");
      continue;
    }
    if (text[end] === "\r" && text[at] === "\n") at++;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** How many items share a section, so that there are at most `most` sections: a power of ten. */
export function step(items, most) {
  let size = 1;
  while (items > size * most) size *= 10;
  return size;
}

/** `row 7`, or `rows 101–200` where several share a section. */
export function range(word, first, size, items) {
  const last = Math.min(first + size, items);
  return last === first + 1 ? `${word} ${last}` : `${word}s ${first + 1}–${last}`;
}

/** The separator that the first line has most of, outside quotes. */
function guess(text) {
  const line = (/^.*\S.*$/m.exec(text)?.[0] ?? "").replace(/"[^"]*("|$)/g, "");
  const counts = [",", ";", "\t", "|"].map((mark) => [mark, line.split(mark).length]);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

/** Column names: all there, all different, none a number. */
function isHeader(row) {
  const names = new Set(row.map((cell) => cell.trim()));
  return names.size === row.length && [...names].every((name) => name !== "" && !/^[0-9]/.test(name));
}
