// JSON and JSON Lines as an outline: keys and values line by line, without brackets, quotes and escapes. The same rules
// as natively (src/extract/json.rs).

import { collapse } from "./builder.js";
import { range, step } from "./csv.js";
import { broken, tooBig } from "./error.js";

const ITEMS = 1000;
/** Deepest nesting, as natively. */
const DEPTH = 128;

/** Renders a document; top-level keys or items are its sections. */
export function extract(text, name) {
  const outline = new Outline();
  if (/\.(jsonl|ndjson)$/i.test(name)) {
    text.split("\n").forEach((line, i) => {
      if (line.trim() === "") return;
      outline.item();
      outline.value(parse(line, `line ${i + 1}: `), 0, false, 1);
    });
  } else {
    outline.value(parse(text, ""), 0, true, 1);
  }
  return outline.finish();
}

function parse(text, where) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof RangeError ? tooBig("the nesting", DEPTH) : broken(where + error.message);
  }
}

class Outline {
  #done = [];
  #length = 0;
  #current = "";
  #items = [];
  #keys = [];

  value(value, indent, top, depth) {
    if (depth > DEPTH) throw tooBig("the nesting", DEPTH);
    if (Array.isArray(value)) {
      for (const element of value) {
        if (top) {
          this.item();
        } else {
          this.#line(indent);
          this.#current += "- ";
        }
        this.value(element, top ? 0 : indent + 1, false, depth + 1);
      }
    } else if (value !== null && typeof value === "object") {
      for (const [key, child] of Object.entries(value)) {
        this.#line(indent);
        if (top) this.#keys.push({ start: this.#at, label: [...collapse(key)].slice(0, 80).join("") });
        this.#current += `${key.trim()}: `;
        this.value(child, indent + 1, false, depth + 1);
      }
    } else if (value !== null) {
      this.#current += String(value).trim();
    }
  }

  item() {
    if (this.#at > 0) this.#end("\n\n");
    this.#items.push(this.#at);
  }

  get #at() {
    return this.#length + this.#current.length;
  }

  /** A new line, unless a dash or an item has just begun one. */
  #line(indent) {
    if (this.#at === 0 || this.#items.at(-1) === this.#at || this.#current.endsWith("- ")) return;
    this.#end("\n");
    this.#current = "  ".repeat(indent);
  }

  // Only the tail is ever touched: trimming the whole text for each line would take quadratic time.
  #end(gap) {
    const line = this.#current.trimEnd() + gap;
    this.#done.push(line);
    this.#length += line.length;
    this.#current = "";
  }

  finish() {
    const size = step(this.#items.length, ITEMS);
    const sections = this.#items.length === 0 ? this.#keys : this.#items.flatMap((start, i) =>
      (i % size === 0 ? [{ start, label: range("item", i, size, this.#items.length) }] : []));
    const text = (this.#done.join("") + this.#current).trimEnd();
    return { text, sections: sections.filter(({ start }) => start < text.length) };
  }
}
