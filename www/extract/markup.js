// Elements to text: what (X)HTML elements mean for a text, for pages and for the chapters of an EPUB alike. The same
// rules as natively (src/extract/markup.rs). Works on a stream of tags, without a tree: scripts are never more than a
// span that is passed over.

import { Parser } from "../vendor/htmlparser2.js";

const set = (words) => new Set(words.split(" "));
// Elements whose content is not for readers, or says again what the text around it says.
const skipped = set("annotation annotation-xml audio canvas datalist iframe nav noembed noframes noscript object rp rt script select style svg template video");
const empty = set("area base br col embed hr img input link meta source track wbr");
// Elements with an end tag, which `hidden` therefore bounds.
const hideable = set("article aside div figure ol section span table ul");
const paragraphs = set("p blockquote ul ol dl table figure section article nav");
const lines = set("div dt dd header footer main aside address body caption details fieldset figcaption form hgroup legend option summary center");
const heading = /^h([1-6])$/;

/** Writes the text of mark-up into `builder`; returns its title. In XHTML any element may close itself. */
export function walk(text, builder, xhtml) {
  const markup = new Markup(builder);
  const local = (name) => name.slice(name.lastIndexOf(":") + 1);
  const parser = new Parser({
    onopentag: (name, attributes) => markup.open(local(name), attributes),
    ontext: (data) => markup.text(data),
    onclosetag: (name) => markup.close(local(name)),
  }, { decodeEntities: true, lowerCaseTags: true, recognizeCDATA: xhtml, recognizeSelfClosing: xhtml });
  parser.end(text);
  return markup.title;
}

class Markup {
  title = "";
  #builder;
  #inTitle = false;
  #skipping = null;
  #pre = 0;
  #cells = 0;
  #inCell = false;

  constructor(builder) {
    this.#builder = builder;
  }

  open(name, attributes) {
    if (this.#skipping) {
      if (this.#skipping.name === name) this.#skipping.depth++;
      return;
    }
    const hidden = hideable.has(name) && "hidden" in attributes;
    if (skipped.has(name) || hidden || attributes.role === "navigation") {
      if (!empty.has(name)) this.#skipping = { name, depth: 1 };
      this.#block(name);
      return;
    }
    const builder = this.#builder;
    switch (name) {
      case "title":
        this.#inTitle = true;
        break;
      case "img":
        builder.space();
        builder.text(attributes.alt ?? "");
        builder.space();
        break;
      case "br":
        if (this.#inCell) builder.space();
        else builder.line();
        break;
      case "hr":
        builder.paragraph();
        break;
      case "pre":
        builder.paragraph();
        this.#pre++;
        break;
      case "table":
        this.#inCell = false;
        builder.row();
        builder.paragraph();
        break;
      case "tr":
        builder.row();
        this.#inCell = false;
        this.#cells = 0;
        break;
      case "td":
      case "th":
        if (this.#cells++ > 0) builder.cell();
        this.#inCell = true;
        break;
      case "li":
        builder.line();
        builder.prefix("- ");
        break;
      default:
        if (heading.test(name)) builder.beginHeading(Number(name[1]));
        else this.#block(name);
    }
  }

  text(text) {
    if (this.#skipping) return;
    if (this.#inTitle) this.title += text;
    else if (this.#pre > 0) this.#builder.verbatim(text);
    else this.#builder.text(text);
  }

  close(name) {
    const skipping = this.#skipping;
    if (skipping) {
      if (skipping.name === name) skipping.depth--;
      // The end tags of <rt> and <rp> may be left out.
      if (skipping.depth === 0 || (name === "ruby" && skipping.name.startsWith("r"))) this.#skipping = null;
      return;
    }
    const builder = this.#builder;
    switch (name) {
      case "title":
        this.#inTitle = false;
        break;
      case "pre":
        this.#pre = Math.max(0, this.#pre - 1);
        builder.paragraph();
        break;
      case "td":
      case "th":
        this.#inCell = false;
        break;
      case "tr":
        builder.row();
        break;
      case "table":
        this.#inCell = false;
        builder.row();
        builder.paragraph();
        break;
      case "li":
        builder.prefix("");
        builder.line();
        break;
      case "br":
      case "img":
      case "hr":
        break;
      default:
        if (heading.test(name)) builder.endHeading();
        else this.#block(name);
    }
  }

  #block(name) {
    // A row is a line, whatever blocks its cells are made of.
    if (this.#inCell && (paragraphs.has(name) || lines.has(name))) this.#builder.space();
    else if (paragraphs.has(name)) this.#builder.paragraph();
    else if (lines.has(name)) this.#builder.line();
  }
}
