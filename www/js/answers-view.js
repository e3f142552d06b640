// The answers: passages on a thread, as text and nothing but text.

import { announce, byId, element } from "./dom.js";
import * as format from "./format.js";

/** Shows what a search found. */
export function show(query, { hits, recomputed, chunks, ms }) {
  byId("answers").hidden = false;
  const found = hits.length === 0 ? "No passage found" : format.plural(hits.length, "passage");
  const effort = recomputed === undefined ? "" : `, ${format.count(recomputed)} of ${format.count(chunks)} recomputed`;
  byId("answers-meta").textContent = `${found} in ${format.duration(ms)}${effort}`;
  const list = byId("hits");
  list.replaceChildren(...hits.map((hit, rank) => answer(hit, rank)));
  for (const fold of list.querySelectorAll(".hit-text")) foldIfLong(fold);
  const first = hits.length > 0 ? `, the first from ${hits[0].title}` : "";
  announce(`${found} for ${query}${first}`);
}

/** Takes the answers away. */
export function hide() {
  byId("answers").hidden = true;
  byId("hits").replaceChildren();
}

function answer(hit, rank) {
  const title = element("h3", { class: "hit-title", text: hit.title });
  const where = element("div", { class: "hit-where" }, title);
  const place = hit.heading || position(hit);
  if (place) where.append(element("span", { class: "hit-heading", text: place }));
  const score = element("span", { class: "hit-score", title: "Cosine similarity between question and passage: higher is nearer", text: hit.score.toFixed(3) });
  score.prepend(element("span", { class: "visually-hidden", text: "similarity " }));
  const text = element("p", { class: "hit-text", id: `hit-${rank}` });
  text.append(...marked(hit));
  return element("li", { class: "hit", "data-near": nearness(hit.score) }, element("div", { class: "hit-head" }, where, score), text);
}

/** The passage with its marks, given as [start, end] in UTF-16 units. */
function marked({ text, marks = [] }) {
  const nodes = [];
  let at = 0;
  for (const [start, end] of marks) {
    nodes.push(text.slice(at, start), element("mark", { text: text.slice(start, end) }));
    at = end;
  }
  nodes.push(text.slice(at));
  return nodes;
}

function foldIfLong(text) {
  text.dataset.folded = "";
  if (text.scrollHeight <= text.clientHeight + 4) {
    delete text.dataset.folded;
    return;
  }
  const toggle = element("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-controls": text.id, text: "Show the whole passage" });
  toggle.addEventListener("click", () => {
    const folded = text.toggleAttribute("data-folded");
    toggle.setAttribute("aria-expanded", String(!folded));
    toggle.textContent = folded ? "Show the whole passage" : "Show less";
  });
  text.after(element("p", { class: "hit-foot" }, toggle));
}

/** Bands of MiniLM's cosine: unrelated text seldom passes 0.3, an answer seldom stays under 0.5. */
function nearness(score) {
  return score >= 0.5 ? "near" : score >= 0.3 ? "fair" : "far";
}

function position({ utf16: [start], documentLength }) {
  return documentLength > 0 ? `${Math.round((100 * start) / documentLength)} % into the file` : "";
}
