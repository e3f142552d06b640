// Small helpers. Text from documents only ever becomes text nodes.

export const byId = (id) => document.getElementById(id);

/** Makes an element with attributes, properties (`text`, `on*`) and children. */
export function element(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** A cross for "remove". */
export function crossIcon() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M2 2l8 8M10 2l-8 8");
  svg.append(path);
  return svg;
}

/** Says something to screen readers. Emptied first, so that the same sentence twice is heard twice. */
let announcing;
export function announce(message) {
  const live = byId("live");
  clearTimeout(announcing);
  live.textContent = "";
  announcing = setTimeout(() => (live.textContent = message), 120);
}
