// Markdown: the file's own text; its headings are the sections. The same rules as natively (src/extract/markdown.rs).

import { collapse } from "./builder.js";

export function extract(text) {
  const headings = new Headings();
  const front = frontMatter(text);
  let fence;
  let previous;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at) + 1 || text.length;
    const line = text.slice(at, end).trimEnd();
    const start = at;
    at = end;
    if (start < front) continue;
    const body = line.replace(/^ +/, "");
    const indent = line.length - body.length;
    if (fence) {
      const closing = run(body, fence.mark);
      if (closing >= fence.length && body.slice(closing).trim() === "") fence = undefined;
      continue;
    }
    if (indent < 4) {
      const mark = body[0];
      if ((mark === "`" || mark === "~") && run(body, mark) >= 3) {
        fence = { mark, length: run(body, mark) };
        previous = undefined;
        continue;
      }
      const level = run(body, "#");
      if (level >= 1 && level <= 6 && /^([ \t]|$)/.test(body.slice(level))) {
        headings.add(level, start, body.slice(level).trim().replace(/#+$/, ""));
        previous = undefined;
        continue;
      }
      // A line of text underlined with = or -.
      if (previous && (mark === "=" || mark === "-") && run(body, mark) === body.length) {
        headings.add(mark === "=" ? 1 : 2, previous.start, previous.body);
        previous = undefined;
        continue;
      }
    }
    previous = indent < 4 && /^[^>\-*+|<]/.test(body) ? { start, body } : undefined;
  }
  return { text, sections: headings.sections, title: frontTitle(text.slice(0, front)) ?? headings.title };
}

class Headings {
  sections = [];
  title;
  #path = [];

  add(level, start, text) {
    const label = [...collapse(plain(text))].slice(0, 80).join("");
    if (label === "") return;
    if (level === 1) this.title ??= label;
    this.#path = this.#path.filter((above) => above.level < level);
    this.#path.push({ level, label });
    this.sections.push({ start, label: this.#path.map((above) => above.label).join(" › ") });
  }
}

function run(text, mark) {
  let length = 0;
  while (text[length] === mark) length++;
  return length;
}

/** A heading without its mark-up: emphasis, code and the address of links. */
const plain = (text) => text.replace(/\]\([^)]*(\)|$)|[*`[\]\\]/g, "");

/** Length of a leading YAML block between lines of `---`. */
function frontMatter(text) {
  return /^---\r?\n(?:.*\n)*?(?:---|\.\.\.)[ \t\r]*(?:\n|$)/.exec(text)?.[0].length ?? 0;
}

function frontTitle(front) {
  return /^title:[ \t]*["']?(.*?)["']?[ \t]*\r?$/m.exec(front)?.[1] || undefined;
}
