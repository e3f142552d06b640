// The answers: passages on a thread, as text and nothing but text. A passage that a later stage finds again keeps its
// node and only moves, so that nothing jumps while better answers arrive.

import { announce, byId, copy, element, icon, marked } from "./dom.js";
import * as format from "./format.js";
import { fileOf, placeOf, typeOfHit } from "./hit.js";
import { linkTo } from "./links.js";
import { typeName } from "./kinds.js";

const nodes = new Map();
let open = () => {};
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** What opening a passage does. */
export function connect(handlers) {
  open = handlers.open;
}

/** Characters before a mark that fit into a folded passage. */
const AHEAD_OF_MARK = 180;
const STAGES = ["keyword", "codes", "exact"];

/** Shows what a stage of a search found: `{ query, stage, done, hits, recomputed, chunks, ms, ... }`. */
export function show(found) {
  const { query, stage, done, hits } = found;
  byId("answers").hidden = false;
  byId("answers-meta").textContent = summary(found);
  for (const item of byId("stages").children) {
    const at = STAGES.indexOf(item.dataset.stage) - STAGES.indexOf(stage);
    item.dataset.at = at < 0 || (at === 0 && done) ? "past" : at === 0 ? "now" : "ahead";
  }
  byId("stages").toggleAttribute("data-live", !done);
  draw(hits);
  byId("answers-foot").hidden = !done || hits.length === 0;
  const nothing = done && hits.length === 0;
  byId("nothing").hidden = !nothing;
  if (nothing) explain();
  if (done) {
    const first = hits.length > 0 ? `, the first from ${hits[0].title}` : "";
    announce(`${numberOf(hits)} for ${query}${first}`);
  }
}

/** Takes the answers away. */
export function hide() {
  byId("answers").hidden = true;
  byId("hits").replaceChildren();
  nodes.clear();
}

/** Why there may be nothing, and what to do about it. */
function explain() {
  const narrowed = !byId("filter-reset").hidden;
  byId("nothing-reset").hidden = !narrowed;
  byId("nothing-why").textContent = narrowed ? "No passage passes the filters. With all of them cleared there may be one."
    : "No passage comes near this question. Other words may find one.";
}

const numberOf = (hits) => (hits.length === 0 ? "No passage found" : format.plural(hits.length, "passage"));

function summary({ stage, done, hits, recomputed, chunks, ms }) {
  if (!done) return stage === "keyword" ? `${numberOf(hits)} by word, meaning follows` : `${numberOf(hits)}, reading the nearest`;
  const effort = recomputed === undefined ? "" : `, ${format.count(recomputed)} of ${format.count(chunks)} recomputed`;
  return `${numberOf(hits)} in ${format.duration(ms)}${effort}`;
}

function draw(hits) {
  const list = byId("hits");
  const focused = document.activeElement?.closest?.(".hit");
  const keys = hits.map(keyOf);
  const changed = [];
  hits.forEach((hit, rank) => {
    const key = keys[rank];
    if (!nodes.has(key)) nodes.set(key, makeHit());
    const node = nodes.get(key);
    if (list.children[rank] !== node) changed.push(node);
    fill(node, hit, rank);
  });
  for (const [key, node] of nodes) {
    if (keys.includes(key)) continue;
    nodes.delete(key);
    node.remove();
  }
  keys.forEach((key, rank) => {
    const node = nodes.get(key);
    if (list.children[rank] !== node) list.insertBefore(node, list.children[rank] ?? null);
  });
  foldLong([...nodes.values()]);
  // A node that moved has lost the focus, one that went has taken it along.
  if (focused && !focused.contains(document.activeElement)) (focused.isConnected ? focused.parts.title : byId("question")).focus();
  if (still.matches) return;
  for (const node of changed) node.animate([{ opacity: 0.2 }, { opacity: 1 }], { duration: 200, easing: "ease-out" });
}

const keyOf = ({ id, start }) => `${start} ${id}`;

function makeHit() {
  const title = element("button", { type: "button", class: "hit-open" });
  const about = element("p", { class: "hit-about" });
  const score = element("span", { class: "hit-score" });
  const why = element("span", { class: "hit-why" });
  const text = element("p", { class: "hit-text" });
  const whole = element("button", { type: "button", class: "quiet hit-whole", "aria-expanded": "false", text: "Show the whole passage" });
  const copying = (kind, shape, words, content) => element("button", { type: "button", class: `quiet hit-${kind}`, async onclick({ currentTarget }) {
    const done = await copy(content(node.hit));
    currentTarget.lastChild.textContent = done ? "Copied" : "The browser does not allow it";
    announce(currentTarget.lastChild.textContent);
    setTimeout(() => (currentTarget.lastChild.textContent = words), 2000);
  } }, icon(shape), element("span", { text: words }));
  const head = element("div", { class: "hit-head" },
    element("div", { class: "hit-where" }, element("h3", { class: "hit-title" }, title), about),
    element("p", { class: "hit-figures" }, score, why));
  const node = element("li", { class: "hit" }, head, text, element("p", { class: "hit-foot" }, whole, copying("copy", "copy", "Copy passage", ({ text }) => text), copying("link", "link", "Copy link", linkTo)));
  whole.addEventListener("click", () => {
    const folded = text.toggleAttribute("data-folded");
    text.replaceChildren(...(folded ? excerpt(node.hit) : passage(node.hit)));
    whole.setAttribute("aria-expanded", String(!folded));
    whole.textContent = folded ? "Show the whole passage" : "Show less";
  });
  title.addEventListener("click", () => open(node.hit));
  // The passage opens too, unless somebody is selecting words in it.
  text.addEventListener("click", () => {
    if (getSelection().isCollapsed) open(node.hit);
  });
  return Object.assign(node, { parts: { title, about, score, why, text, whole } });
}

function fill(node, hit, rank) {
  const { title, about, score, why, text, whole } = node.parts;
  const same = node.hit?.text === hit.text && JSON.stringify(node.hit?.marks) === JSON.stringify(hit.marks);
  node.hit = hit;
  node.dataset.near = nearness(similarity(hit));
  title.textContent = hit.title;
  about.replaceChildren(...[["file", fileOf(hit)], ["type", typeName(typeOfHit(hit))], ["place", placeOf(hit)]]
    .filter(([, words]) => words).map(([kind, words]) => element("span", { class: `hit-${kind}`, text: words })));
  const near = similarity(hit);
  score.textContent = near === undefined ? "" : `${hit.why.estimated ? "≈ " : ""}${near.toFixed(3)}`;
  score.title = "Cosine similarity between question and passage: higher is nearer";
  score.hidden = near === undefined;
  why.textContent = reason(hit);
  text.id = `hit-${rank}`;
  whole.setAttribute("aria-controls", text.id);
  if (same) return;
  text.replaceChildren(...excerpt(hit));
  text.dataset.folded = "";
  whole.setAttribute("aria-expanded", "false");
  whole.textContent = "Show the whole passage";
}

/** The passage as prose: blank lines and the marks of headings are left out, for they take the room of sentences. */
function passage({ text, marks }) {
  const nodes = marked(text, marks);
  for (const [at, node] of nodes.entries()) if (typeof node === "string") nodes[at] = prose(node, at === 0);
  return nodes;
}

/** The same, from shortly before the first mark, so that it shows even where the passage is folded. */
function excerpt({ text, marks = [] }) {
  const first = Math.min(...marks.map(([start]) => start), text.length);
  if (first === text.length || first < AHEAD_OF_MARK) return passage({ text, marks });
  const from = Math.max(text.lastIndexOf(". ", first - 3) + 2, text.lastIndexOf("\n", first - 1) + 1, first - AHEAD_OF_MARK);
  const shifted = marks.map(([start, end]) => [start - from, end - from]).filter(([start]) => start >= 0);
  return ["… ", ...passage({ text: text.slice(from), marks: shifted })];
}

const prose = (text, first) => (first ? text.trimStart() : text).replace(/^#{1,6} /gm, "").replace(/\n\s*\n+/g, "\n");

/** Offers the rest of passages that are longer than what is seen of them. All are measured before any is changed: the
 *  browser lays the page out once. */
function foldLong(all) {
  const folded = all.filter(({ parts: { whole } }) => whole.getAttribute("aria-expanded") !== "true");
  const whole = folded.map(({ parts: { text } }) => text.scrollHeight <= text.clientHeight + 4 && !text.textContent.startsWith("… "));
  folded.forEach(({ parts }, at) => (parts.whole.hidden = whole[at]));
}

/** The cosine to the question, where it is known. */
const similarity = ({ why }) => why?.semantic ?? undefined;

/** Bands of MiniLM's cosine: unrelated text seldom passes 0.3, an answer seldom stays under 0.5. */
function nearness(score) {
  return score === undefined ? "word" : score >= 0.5 ? "near" : score >= 0.3 ? "fair" : "far";
}

function reason({ why }) {
  if (!why) return "";
  const by = [why.semantic !== undefined && why.semantic !== null && "meaning", why.keyword !== undefined && why.keyword !== null && "words"].filter(Boolean);
  return by.join(" + ");
}
