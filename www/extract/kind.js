// What a file is: by its first bytes where they tell, by its name where they do not. The same rules as natively
// (src/extract/kind.rs).

import { memberNames, isZip } from "./zip-directory.js";
import { looksBinary } from "./decode.js";
import { broken, encrypted, unsupported } from "./error.js";

const code = new Set((
  "asm awk bash bat c cc clj cmake cpp cs css cu cxx dart diff el elm erl ex exs f90 fish fs glsl go gradle graphql " +
  "groovy h hcl hpp hs ini java jl js jsx kt kts less lisp lua m mjs cjs ml mm mod nim nix pas patch php pl pm proto " +
  "ps1 py pyi r rb rs s sass scala scss sh sol sql svelte svg swift tcl tex tf toml ts tsx v vb vue wgsl xml xsd xsl " +
  "yaml yml zig zsh"
).split(" "));
const codeNames = new Set(["cmakelists.txt", "dockerfile", "gemfile", "justfile", "makefile", "rakefile"]);
const compound = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/** Extensions of the files that are read; others are tried by content. */
export const EXTENSIONS = [
  "pdf", "docx", "epub", "html", "htm", "xhtml", "md", "markdown", "mdx", "txt", "text", "log", "csv", "tsv", "json",
  "jsonl", "ndjson", "geojson", ...code,
];

/** Tells what a file is; throws `unsupported`, `encrypted` or `broken`. */
export function recognise(name, bytes) {
  const base = name.split(/[/\\]/).pop().toLowerCase();
  const extension = base.includes(".") ? base.slice(base.lastIndexOf(".") + 1) : "";
  const head = bytes.subarray(0, 1024);
  const start = latin1(head);
  if (start.includes("%PDF-")) return "pdf";
  if (isZip(bytes)) return zipped(bytes, extension);
  if (compound.every((byte, i) => bytes[i] === byte)) {
    // An encrypted Office document is a compound file with this stream, named in UTF-16.
    if (includes(bytes, [..."EncryptedPackage"].flatMap((c) => [c.charCodeAt(0), 0]))) throw encrypted();
    throw unsupported("an older Office format; save it as DOCX");
  }
  if (start.startsWith("{\\rtf")) throw unsupported("rich text (RTF); save it as DOCX");
  if (extension === "pdf") throw broken("not a PDF: it does not start with %PDF");
  if (extension === "docx" || extension === "epub") throw broken("not a ZIP archive, which this format is");
  if (looksBinary(bytes)) throw unsupported("binary data");
  if (codeNames.has(base)) return "code";
  switch (extension) {
    case "md": case "markdown": case "mdx": return "markdown";
    case "html": case "htm": case "xhtml": return "html";
    case "csv": case "tsv": return "csv";
    case "json": case "jsonl": case "ndjson": case "geojson": return "json";
    case "txt": case "text": case "log": return "text";
  }
  return code.has(extension) ? "code" : byContent(head);
}

function byContent(head) {
  const start = new TextDecoder().decode(head).trimStart().toLowerCase();
  if (start.startsWith("<!doctype html") || start.startsWith("<html")) return "html";
  return start.startsWith("#!") ? "code" : "text";
}

function zipped(bytes, extension) {
  const names = new Set(memberNames(bytes));
  if (names.has("word/document.xml") || (extension === "docx" && names.has("[Content_Types].xml"))) return "docx";
  if (names.has("META-INF/container.xml") || extension === "epub") return "epub";
  const below = (prefix) => [...names].some((name) => name.startsWith(prefix));
  throw unsupported(
    below("xl/") ? "a spreadsheet; save it as CSV"
      : below("ppt/") ? "a presentation; save it as PDF"
        : names.has("content.xml") ? "OpenDocument; save it as DOCX"
          : "an archive; unpack it first",
  );
}

const latin1 = (bytes) => String.fromCharCode(...bytes);

function includes(bytes, wanted) {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}
