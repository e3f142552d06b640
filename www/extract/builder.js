// Text under construction: white space collapsed, blocks apart, headings remembered as sections. The same rules as
// natively (src/extract/builder.rs).

const SPACE = /[ \t\n\r\f\u00a0]+/g;
// Characters that only steer line breaks, or nothing.
const DROPPED = /[\0\u00ad\u200b\ufeff]/g;
const [NONE, BLANK, LINE, PARAGRAPH] = [0, 1, 2, 3];
const gaps = ["", " ", "\n", "\n\n"];

/** Builds a text piece by piece. Gaps are written only when text follows, so none is left at either end. */
export class Builder {
  #pieces = [];
  #length = 0;
  #gap = NONE;
  // White space at the end of verbatim text.
  #held = "";
  #cell = false;
  #prefix = "";
  #path = [];
  #heading = null;
  #chapter = null;
  #sections = [];
  #most;

  /** An empty text with room for `most` sections. */
  constructor(most) {
    this.#most = most;
  }

  /** Adds running text. */
  text(text) {
    this.#settle();
    const clean = text.replace(DROPPED, "").replace(SPACE, " ");
    if (clean === "") return;
    if (clean.startsWith(" ")) this.space();
    const words = clean.slice(clean.startsWith(" ") ? 1 : 0, clean.endsWith(" ") ? -1 : undefined);
    if (words !== "") {
      this.#flush();
      this.#push(words);
      if (clean.endsWith(" ")) this.space();
    }
  }

  /** Adds text whose white space matters. */
  verbatim(text) {
    const clean = text.replace(DROPPED, "").replaceAll("\r", "");
    const body = clean.trim();
    const from = body === "" ? clean.length : clean.length - clean.trimStart().length;
    const lead = this.#held + clean.slice(0, from);
    this.#held = "";
    if (body === "") {
      this.#held = lead;
      return;
    }
    const inside = this.#gap < LINE && !this.#cell && this.#length > 0;
    this.#flush();
    // At the start of a block only the indent of its first line is kept.
    this.#push(inside ? lead : lead.slice(lead.lastIndexOf("\n") + 1));
    this.#push(body);
    // Whether this is written depends on what follows.
    this.#held = clean.slice(from + body.length);
  }

  /** White space held back becomes an ordinary gap: what follows is not verbatim. */
  #settle() {
    if (this.#held === "") return;
    this.#gap = Math.max(this.#gap, this.#held.includes("\n") ? LINE : BLANK);
    this.#held = "";
  }

  /** A space, if text follows in the same line. */
  space() {
    this.#settle();
    this.#gap = Math.max(this.#gap, BLANK);
  }

  /** A new line, if text follows. */
  line() {
    this.#settle();
    this.#gap = Math.max(this.#gap, LINE);
  }

  /** A blank line, if text follows. */
  paragraph() {
    this.#settle();
    this.#gap = PARAGRAPH;
  }

  /** The next cell of a row. */
  cell() {
    this.#settle();
    this.#cell = true;
  }

  /** A new line, whatever cells are open. */
  row() {
    this.#cell = false;
    this.line();
  }

  /** Something to write before the next text of this block, such as a bullet. */
  prefix(prefix) {
    this.#prefix = prefix;
  }

  /** What follows is a heading, until `endHeading`. */
  beginHeading(level) {
    this.paragraph();
    this.#heading = { level };
  }

  /** The heading ends; it names a section if it has any text. */
  endHeading() {
    const heading = this.#heading;
    this.#heading = null;
    if (heading?.start !== undefined) {
      this.#name(heading.level, heading.start, this.#pieces.slice(heading.piece).join(""));
    }
    this.paragraph();
  }

  /** Names a section that starts at the next text. */
  section(level, label) {
    this.#flush();
    this.#name(level, this.#length, label);
  }

  /** Names a section that starts at the next text by the whole of its label. */
  place(label) {
    this.#flush();
    if (this.#sections.length < this.#most) this.#sections.push({ start: this.#length, label });
  }

  /** A chapter starts: `title` names it if it turns out to have no heading of its own. */
  chapter(title) {
    this.part();
    this.#chapter = title ? { title, before: this.#sections.length } : null;
  }

  /** The chapter ends. */
  endChapter() {
    const chapter = this.#chapter;
    this.#chapter = null;
    if (chapter?.start !== undefined && this.#sections.length === chapter.before) {
      this.#name(1, chapter.start, chapter.title);
    }
  }

  /** Drops whatever hangs in the air: a new part of the document begins. */
  part() {
    this.#cell = false;
    this.#prefix = "";
    this.#heading = null;
    this.paragraph();
  }

  /** The finished text and its sections. */
  finish() {
    const text = this.#pieces.join("").trimEnd();
    return { text, sections: this.#sections.filter(({ start }) => start < text.length) };
  }

  #push(piece) {
    if (piece === "") return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  #flush() {
    // A section that was named before its text has broken the line already.
    const fresh = this.#gap === BLANK && !this.#cell && this.#pieces.at(-1)?.endsWith("\n");
    if (this.#length > 0 && !fresh) this.#push(this.#cell ? " | " : gaps[this.#gap]);
    this.#cell = false;
    this.#gap = NONE;
    if (this.#heading && this.#heading.start === undefined) {
      this.#heading.start = this.#length;
      this.#heading.piece = this.#pieces.length;
    }
    if (this.#chapter) this.#chapter.start ??= this.#length;
    this.#push(this.#prefix);
    this.#prefix = "";
  }

  #name(level, start, label) {
    const short = shorten(label);
    if (short === "" || this.#sections.length >= this.#most) return;
    this.#path = this.#path.filter((above) => above.level < level);
    this.#path.push({ level, label: short });
    this.#sections.push({ start, label: this.#path.map((above) => above.label).join(" › ") });
  }
}

/** One line of text, its white space collapsed. */
export const collapse = (text) => text.replace(DROPPED, "").replace(SPACE, " ").replace(/^ | $/g, "");

/** A label of at most 80 characters. */
export function shorten(label) {
  const characters = [...collapse(label)];
  return characters.length > 80 ? `${characters.slice(0, 80).join("").trimEnd()}…` : characters.join("");
}
