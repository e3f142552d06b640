// XML of the office formats: elements and text as they come, entities resolved, namespaces ignored.

import { Parser } from "../vendor/htmlparser2.js";
import { decodeMarkup } from "./decode.js";
import { broken, tooBig } from "./error.js";
import { limits } from "./limits.js";

const local = (name) => name.slice(name.lastIndexOf(":") + 1);

class XmlParser extends Parser {
  /** Whether the element that ends is written `<like-this/>`. */
  selfClosing = false;

  onselfclosingtag(end) {
    this.selfClosing = true;
    super.onselfclosingtag(end);
    this.selfClosing = false;
  }
}

/** Calls `open(name, attribute)`, `text(text)` and `close(name)`; `what` names the document in errors. */
export function walk(bytes, what, { open, text, close }) {
  let depth = 0;
  const parser = new XmlParser({
    onopentag(name, attributes) {
      if (++depth > limits.depth) throw tooBig("the nesting of elements", limits.depth);
      open?.(local(name), (wanted) => {
        const key = Object.keys(attributes).find((full) => local(full) === wanted);
        return key === undefined ? undefined : attributes[key];
      });
    },
    ontext: (data) => text?.(data),
    onclosetag(name, implied) {
      if (implied && !parser.selfClosing) throw broken(`${what}: <${name}> is not closed`);
      depth--;
      close?.(local(name));
    },
  }, { xmlMode: true, decodeEntities: true });
  parser.end(decodeMarkup(bytes).text);
}
