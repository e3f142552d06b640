// The strip beside a document: how relevant each part of it is, and where one is reading. For the eye and the mouse;
// the buttons for the previous and the next passage do the same for everybody.

import { byId, element } from "./dom.js";

/** Draws the strip. `relevance` are passages `{ start, end, score }`, `hits` the answers among them. */
export function draw({ hits, length, at, go, seek, relevance = [] }) {
  const strip = byId("reader-strip");
  const place = (node, start, end) => {
    node.style.top = `${(100 * start) / length}%`;
    node.style.height = `${(100 * (end - start)) / length}%`;
    return node;
  };
  const scores = relevance.map(({ score }) => score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const heat = relevance.map(({ start, end, score }) => {
    const node = place(element("span", { class: "strip-heat" }), start, end);
    node.style.opacity = high > low ? (0.06 + 0.94 * ((score - low) / (high - low)) ** 2).toFixed(3) : "0.5";
    return node;
  });
  const marks = hits.map((hit, number) => {
    const node = place(element("span", { class: "strip-hit", "data-hit": number, onclick: (event) => {
      event.stopPropagation();
      go(number);
    } }), hit.start, hit.end);
    node.toggleAttribute("data-current", number === at);
    return node;
  });
  strip.replaceChildren(...heat, ...marks, element("span", { class: "strip-view", id: "strip-view" }));
  strip.onclick = (event) => {
    const box = strip.getBoundingClientRect();
    seek((event.clientY - box.top) / box.height);
  };
  update();
}

/** Shows on the strip which part of `text` is seen, as it scrolls. */
export function follow(text) {
  let frame;
  text.onscroll = () => (frame ??= requestAnimationFrame(() => {
    frame = undefined;
    update();
  }));
  update();
}

function update() {
  const [text, view] = [byId("reader-text"), byId("strip-view")];
  if (!view || text.scrollHeight === 0) return;
  view.style.top = `${(100 * text.scrollTop) / text.scrollHeight}%`;
  view.style.height = `${Math.min(100, (100 * text.clientHeight) / text.scrollHeight)}%`;
}
