// The reader: a whole document, opened at a passage, with what answers the question marked and a strip that shows
// where along the document it lies. Documents are text here, whatever they were: nothing in them ever runs.

import { announce, byId, copy, element, pause } from "./dom.js";
import { placeOf } from "./hit.js";
import * as links from "./links.js";
import { draw as drawStrip, follow } from "./reader-strip.js";
import * as format from "./format.js";

/** Characters per block: small enough to lay out quickly, large enough to be few. */
const BLOCK = 1600;
/** Blocks laid out at once. They share an element that the browser passes over while it is out of sight. */
const BLOCKS_PER_SLICE = 40;

let call;
let state;
let turn = 0;

/** `call` is the worker's. */
export function connect(worker) {
  call = worker;
  byId("reader-close").addEventListener("click", () => byId("reader").close());
  byId("reader-previous").addEventListener("click", () => step(-1));
  byId("reader-next").addEventListener("click", () => step(1));
  const copies = (name, content) => byId(name).addEventListener("click", async ({ currentTarget }) => {
    const words = currentTarget.textContent;
    const done = await copy(content(state.hits[state.at]));
    currentTarget.textContent = done ? "Copied" : "Not allowed";
    announce(currentTarget.textContent);
    setTimeout(() => (currentTarget.textContent = words), 2000);
  });
  copies("reader-copy", ({ start, end }) => state.text.slice(start, end));
  copies("reader-link", links.linkTo);
  byId("reader").addEventListener("close", () => {
    turn++;
    links.show(undefined);
    byId("reader-text").replaceChildren();
    state?.opener?.focus();
    state = undefined;
  });
  byId("reader").addEventListener("keydown", (event) => {
    if (event.key === "n" || event.key === "p") step(event.key === "n" ? 1 : -1);
  });
  // A click beside the sheet closes it.
  byId("reader").addEventListener("click", (event) => event.target === byId("reader") && byId("reader").close());
}

/** Opens the document of `hit`. `answers` are all hits of the search, `query` its question. */
export async function open(hit, answers, query) {
  const mine = ++turn;
  const opener = document.activeElement;
  const hits = answers.filter(({ id }) => id === hit.id).sort((a, b) => a.start - b.start);
  state = { hits, at: hits.indexOf(hit), text: "", opener };
  byId("reader-title").textContent = hit.title;
  byId("reader-place").textContent = placeOf(hit);
  byId("reader-text").replaceChildren(element("p", { class: "reader-wait", text: "Opening" }));
  byId("reader-strip").replaceChildren();
  byId("reader").showModal();
  byId("reader-title").focus();
  const found = await call("read", { id: hit.id });
  if (mine !== turn) return;
  if (!found) {
    byId("reader-text").replaceChildren(element("p", { class: "reader-wait", text: "This document is no longer in the index." }));
    return;
  }
  const { text, sections } = found;
  state.text = text;
  // A link knows where a passage is, not what is there.
  for (const one of hits) {
    one.documentLength ??= text.length;
    one.place ??= sections.findLast(({ start }) => start <= one.start)?.label;
  }
  await lay(text, sections, hits, mine, () => {
    go(state.at, "instant");
    drawStrip({ hits, length: text.length, at: state.at, go, seek });
    follow(byId("reader-text"));
  });
  if (mine !== turn) return;
  const relevance = query ? await call("relevance", { query, id: hit.id }).catch(() => []) : [];
  if (mine === turn) drawStrip({ hits, length: text.length, at: state.at, go, seek, relevance });
}

/** Lays the text out in blocks, some at a time; `reached` is called when the passage is there. */
async function lay(text, sections, hits, mine, reached) {
  const body = byId("reader-text");
  const wanted = Math.min(hits[state.at].start, text.length - 1);
  let shown = false;
  body.replaceChildren();
  const blocks = cut(text, sections);
  for (let from = 0; from < blocks.length; from += BLOCKS_PER_SLICE) {
    const slice = element("div", { class: "reader-part" });
    for (const block of blocks.slice(from, from + BLOCKS_PER_SLICE)) slice.append(blockOf(block, text, hits));
    body.append(slice);
    if (!shown && blocks[Math.min(from + BLOCKS_PER_SLICE, blocks.length) - 1].end > wanted) {
      shown = true;
      reached();
    }
    if (from + BLOCKS_PER_SLICE < blocks.length) await pause();
    if (mine !== turn) return;
  }
}

/** Blocks of the text: `{ start, end, label }`, cut at paragraphs and at the beginnings of sections. */
export function cut(text, sections = []) {
  const labels = new Map(sections.filter(({ start }) => start < text.length).map(({ start, label }) => [start, label]));
  const borders = [...labels.keys(), text.length].filter((at) => at > 0).sort((a, b) => a - b);
  const blocks = [];
  let at = 0;
  for (const border of borders) {
    while (at < border) {
      let end = Math.min(border, at + BLOCK);
      if (end < border) {
        // Within the block: a text without a line end must not be looked through from its beginning every time.
        const block = text.slice(at, end);
        const [paragraph, space] = [block.lastIndexOf("\n"), block.lastIndexOf(" ")];
        const halved = /[\ud800-\udbff]$/.test(block) ? -1 : 0;
        end = paragraph > BLOCK / 4 ? at + paragraph + 1 : space > 0 ? at + space + 1 : end + halved;
      }
      blocks.push({ start: at, end, label: labels.get(at) });
      at = end;
    }
  }
  return blocks;
}

function blockOf({ start, end, label }, text, hits) {
  const node = element("div", { class: "reader-block", "data-start": start });
  if (label) node.append(element("p", { class: "reader-label", text: label }));
  let at = start;
  const plain = (to) => {
    if (to > at) node.append(...lines(text.slice(at, to), at === start || text[at - 1] === "\n"));
    at = Math.max(at, to);
  };
  hits.forEach((hit, number) => {
    const [from, to] = [Math.max(hit.start, at), Math.min(hit.end, end)];
    if (from >= to) return;
    plain(from);
    const passage = element("span", { class: "passage", "data-hit": number });
    for (const [a, b] of hit.marks ?? []) {
      const [markFrom, markTo] = [Math.max(hit.start + a, at), Math.min(hit.start + b, to)];
      if (markFrom >= markTo) continue;
      passage.append(...lines(text.slice(at, markFrom), text[at - 1] === "\n"), element("mark", { text: text.slice(markFrom, markTo) }));
      at = markTo;
    }
    if (to > at) passage.append(...lines(text.slice(at, to), text[at - 1] === "\n"));
    at = to;
    node.append(passage);
  });
  plain(end);
  return node;
}

/** Text as nodes: lines that are headings of Markdown stand out. */
function lines(text, atLineStart) {
  if (!/(^|\n)#{1,6} /.test(text)) return [text];
  return text.split(/(?<=\n)/).map((line, at) => ((at > 0 || atLineStart) && /^#{1,6} /.test(line) ? element("span", { class: "reader-heading", text: line }) : line));
}

function step(by) {
  if (!state?.text) return;
  const at = state.at + by;
  if (at >= 0 && at < state.hits.length) go(at);
}

/** Scrolls to the passage with this number. */
function go(at, behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth") {
  state.at = at;
  const body = byId("reader-text");
  for (const node of body.querySelectorAll(".passage")) node.toggleAttribute("data-current", Number(node.dataset.hit) === at);
  const passage = body.querySelector(`.passage[data-hit="${at}"]`);
  const target = passage?.querySelector("mark") ?? passage;
  target?.scrollIntoView({ block: "center", behavior });
  byId("reader-place").textContent = placeOf(state.hits[at]);
  links.show(state.hits[at]);
  byId("reader-count").textContent = `${at + 1} of ${format.count(state.hits.length)}`;
  byId("reader-previous").disabled = at === 0;
  byId("reader-next").disabled = at === state.hits.length - 1;
  for (const node of byId("reader-strip").querySelectorAll(".strip-hit")) node.toggleAttribute("data-current", Number(node.dataset.hit) === at);
}

/** Scrolls to a place given as a share of the text. */
function seek(share) {
  const offset = share * state.text.length;
  const blocks = byId("reader-text").querySelectorAll(".reader-block");
  let target = blocks[0];
  for (const block of blocks) if (Number(block.dataset.start) <= offset) target = block;
  target?.scrollIntoView({ block: "start" });
}
