// DOCX (WordprocessingML, ECMA-376): paragraphs, headings by style, tables, then notes and comments. The same rules as
// natively (src/extract/docx.rs).

import { Archive } from "./archive.js";
import { Builder } from "./builder.js";
import { limits } from "./limits.js";
import { walk } from "./xml.js";

/** The text of a document as its author sees it: insertions accepted, deletions left out. */
export function extract(bytes) {
  const archive = new Archive(bytes);
  const notes = [];
  // Only the body must be whole: of what belongs to it, damage is noted.
  const part = (file, read) => {
    try {
      const xml = archive.read(file);
      return xml && read(xml);
    } catch (error) {
      if (error.code !== "broken") throw error;
      notes.push(`${file} could not be read`);
      return undefined;
    }
  };
  const body = archive.require("word/document.xml");
  const story = new Story(part("word/styles.xml", headingStyles) ?? new Map());
  story.read(body, "word/document.xml");
  for (const [file, label] of [
    ["word/footnotes.xml", "Footnotes"],
    ["word/endnotes.xml", "Endnotes"],
    ["word/comments.xml", "Comments"],
  ]) {
    story.startPart(label);
    part(file, (xml) => story.read(xml, file));
  }
  const name = part("docProps/core.xml", title);
  return { ...story.builder.finish(), title: name, notes };
}

/** Outline levels of the styles that have one, 1 for the highest: their own, their name's, or that of their base. */
function headingStyles(xml) {
  const levels = new Map();
  const bases = new Map();
  let style = "";
  walk(xml, "word/styles.xml", {
    open(name, attribute) {
      const value = attribute("val") ?? "";
      if (name === "style") {
        style = attribute("styleId") ?? "";
      } else if (name === "basedOn") {
        bases.set(style, value);
      } else if (name === "name") {
        const level = levelOfName(value);
        if (level) levels.set(style, level);
      } else if (name === "outlineLvl" && /^[0-8]$/.test(value)) {
        levels.set(style, Number(value) + 1);
      }
    },
  });
  for (const style of bases.keys()) {
    let base = style;
    // Longer chains are loops.
    for (let step = 0; base && !levels.has(base) && step < 16; step++) base = bases.get(base);
    if (levels.has(base)) levels.set(style, levels.get(base));
  }
  return levels;
}

/** Word's own names, and those that publishers give: `ChapterTitle`, then `HeadA` to `HeadD`. */
function levelOfName(name) {
  const plain = name.toLowerCase().replace(/[ _-]/g, "");
  if (plain === "title" || plain === "chaptertitle") return 1;
  const [, number, letter] = /^(?:heading|h)([1-9])$|^head([a-d])$/.exec(plain) ?? [];
  return number ? Number(number) : letter ? 2 + "abcd".indexOf(letter) : undefined;
}

function title(xml) {
  let [inside, title] = [false, ""];
  walk(xml, "docProps/core.xml", {
    open: (name) => { inside = name === "title"; },
    text: (text) => { if (inside) title += text; },
    close: () => { inside = false; },
  });
  return title;
}

class Story {
  builder = new Builder(limits.sections);
  #styles;
  #inText = false;
  // Tables that are open; paragraphs in them are cells, not blocks.
  #tables = 0;
  #cells = [];
  #heading = false;
  // Open elements whose content is not shown: deletions, and fallbacks for old programs.
  #hidden = 0;
  #due;
  #separator = false;

  constructor(styles) {
    this.#styles = styles;
  }

  startPart(label) {
    this.builder.part();
    this.#due = label;
  }

  read(xml, what) {
    walk(xml, what, {
      open: (name, attribute) => this.#open(name, attribute),
      text: (text) => {
        if (!this.#inText || this.#hidden > 0) return;
        if (this.#due) {
          this.builder.section(1, this.#due);
          this.#due = undefined;
        }
        this.builder.text(text);
      },
      close: (name) => this.#close(name),
    });
  }

  #open(name, attribute) {
    const { builder } = this;
    switch (name) {
      case "del": case "moveFrom": case "Fallback":
        this.#hidden++;
        break;
      case "t":
        this.#inText = true;
        break;
      case "tab": case "ptab":
        builder.space();
        break;
      case "br": case "cr":
        builder.line();
        break;
      case "noBreakHyphen":
        if (this.#hidden === 0) builder.text("-");
        break;
      case "pStyle": {
        const level = this.#styles.get(attribute("val") ?? "");
        if (level) this.#beginHeading(level);
        break;
      }
      case "outlineLvl":
        if (/^[0-8]$/.test(attribute("val") ?? "")) this.#beginHeading(Number(attribute("val")) + 1);
        break;
      case "tbl":
        this.#tables++;
        builder.paragraph();
        break;
      case "tr":
        builder.row();
        this.#cells.push(0);
        break;
      case "tc":
        if (this.#cells.length > 0 && this.#cells[this.#cells.length - 1]++ > 0) builder.cell();
        break;
      case "footnote": case "endnote":
        this.#separator = (attribute("type") ?? "normal") !== "normal";
        if (this.#separator) this.#hidden++;
    }
  }

  #beginHeading(level) {
    if (this.#hidden > 0 || this.#heading || this.#tables > 0) return;
    this.builder.beginHeading(level);
    this.#heading = true;
  }

  #close(name) {
    const { builder } = this;
    switch (name) {
      case "del": case "moveFrom": case "Fallback":
        this.#hidden = Math.max(0, this.#hidden - 1);
        break;
      case "t":
        this.#inText = false;
        break;
      case "p":
        if (this.#heading) builder.endHeading();
        else if (this.#tables > 0) builder.space();
        else builder.paragraph();
        this.#heading = false;
        break;
      case "tr":
        this.#cells.pop();
        builder.row();
        break;
      case "tbl":
        this.#tables = Math.max(0, this.#tables - 1);
        builder.paragraph();
        break;
      case "footnote": case "endnote":
        if (this.#separator) this.#hidden = Math.max(0, this.#hidden - 1);
        this.#separator = false;
    }
  }
}
