// Writes API.md from the types: every exported name, its documentation, and its members with theirs.
//
//   node pkg/api.mjs [--check]          with --check: fails if API.md is not what the types say

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const here = (name) => new URL(name, import.meta.url);
const ts = createRequire(here("../wasm-tests/package.json"))("typescript");
const text = await readFile(here("src/index.d.ts"), "utf8");
const source = ts.createSourceFile("index.d.ts", text, ts.ScriptTarget.Latest, true);

const out = ["# API", "", "Made from the types by `node pkg/api.mjs`.", ""];
const exported = source.statements.filter((node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword));
const first = ["Index", "SearchError"];
const rank = (node) => (first.includes(node.name.text) ? first.indexOf(node.name.text) : first.length);
for (const node of exported.sort((a, b) => rank(a) - rank(b))) {
  const parameters = node.typeParameters ? `<${node.typeParameters.map((p) => p.name.text).join(", ")}>` : "";
  out.push(parameters ? `## \`${node.name.text}${parameters}\`` : `## ${node.name.text}`, "", documentation(node), "");
  if (ts.isTypeAliasDeclaration(node)) {
    if (ts.isUnionTypeNode(node.type) && node.type.types.some(commentBefore)) {
      for (const member of node.type.types) out.push(`- \`${member.getText()}\`${dash(commentBefore(member))}`);
    } else {
      out.push("```ts", `type ${node.name.text} = ${dedent(node.type.getText())}`, "```");
    }
  } else {
    for (const member of node.members.filter((m) => !m.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword))) {
      out.push(`- \`${signature(member)}\`${dash(documentation(member).replaceAll("\n\n", "\n"))}`);
    }
  }
  out.push("");
}
const made = out.join("\n").replace(/\n{3,}/g, "\n\n").replace(/ +$/gm, "");
const target = here("API.md");
if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8").catch(() => "")) !== made) {
    console.error("pkg/API.md is not what the types say: run `node pkg/api.mjs`");
    process.exit(1);
  }
} else {
  await writeFile(target, made);
}

/** The documentation comment of a node, as Markdown. */
function documentation(node) {
  const last = node.jsDoc?.at(-1);
  if (!last) return "";
  const comment = typeof last.comment === "string" ? last.comment : ts.getTextOfJSDocComment(last.comment) ?? "";
  return comment.trim();
}

/** The comment right before a member of a union. */
function commentBefore(node) {
  const ranges = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [];
  const range = ranges.at(-1) ?? commentBeforeBar(node);
  return range ? text.slice(range.pos, range.end).replace(/^\/\*\*?|\*\/$/g, "").trim() : "";
}

/** The same where the bar that separates the members stands between. */
function commentBeforeBar(node) {
  const before = text.slice(0, node.getStart()).trimEnd();
  const match = /\/\*\*[^*]*\*\/\s*\|$/.exec(before);
  return match ? { pos: match.index, end: before.lastIndexOf("*/") + 2 } : undefined;
}

function signature(member) {
  return member.getText().replace(/;$/, "").replace(/\s+/g, " ").replace(/\( /g, "(").replace(/, \)/g, ")");
}

function dedent(code) {
  return code.replace(/\n {2}/g, "\n  ");
}

function dash(comment) {
  return comment ? `: ${comment.replaceAll("\n", "\n  ")}` : "";
}
