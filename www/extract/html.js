// HTML: its text; scripts are never run, nothing is fetched.

import { Builder } from "./builder.js";
import { decodeMarkup } from "./decode.js";
import { limits } from "./limits.js";
import { walk } from "./markup.js";

export function extract(bytes) {
  const { text, note } = decodeMarkup(bytes);
  const builder = new Builder(limits.sections);
  const title = walk(text, builder, false);
  return { ...builder.finish(), title, notes: note ? [note] : [] };
}
