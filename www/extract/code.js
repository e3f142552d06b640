// Source code: the file's own text; definitions at the left margin are the sections (src/extract/code.rs).

import { limits } from "./limits.js";

const modifiers = "abstract|async|const|declare|default|export|extern|final|inline|internal|open|override|private|protected|pub|pub\\(crate\\)|pub\\(super\\)|public|sealed|static|unsafe";
const definitions = "class|def|enum|fn|func|function|impl|interface|macro_rules!|mod|module|namespace|object|package|record|struct|sub|trait|type|union";
const definition = new RegExp(`^(?:(?:${modifiers})[ \\t])*(${definitions})[ \\t]\\**([\\p{L}\\p{N}_.:$]{1,60})`, "u");

/** Definitions that start a line, in whichever language: a keyword and a name. */
export function extract(text) {
  const sections = [];
  for (let at = 0; at < text.length && sections.length < limits.sections;) {
    const end = text.indexOf("\n", at) + 1 || text.length;
    const [, keyword, name] = definition.exec(text.slice(at, Math.min(end, at + 300))) ?? [];
    const trimmed = name?.replace(/[:.]+$/, "");
    if (trimmed) sections.push({ start: at, label: `${keyword} ${trimmed}` });
    at = end;
  }
  return { text, sections };
}
