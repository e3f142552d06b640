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

const shapes = {
  cross: ["M4 4l8 8M12 4l-8 8"],
  retry: ["M13 8a5 5 0 1 1-1.6-3.7", "M13.2 2v3h-3"],
  funnel: ["M2.5 3.5h11L9.4 8.6v4.2l-2.8-1.4V8.6z"],
  link: ["M6.7 9.3l2.6-2.6", "M7.3 4.4l1.2-1.2a3 3 0 0 1 4.3 4.3l-1.2 1.2M8.7 11.6l-1.2 1.2a3 3 0 0 1-4.3-4.3l1.2-1.2"],
  copy: ["M6 6h7v7.5H6z", "M10 6V2.5H3V10h3"],
};

/** A line drawing of 16 by 16. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of shapes[name]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

/** Text with marks, given as [start, end] in UTF-16 units, as nodes. */
export function marked(text, marks = []) {
  const nodes = [];
  let at = 0;
  for (const [start, end] of [...marks].sort((a, b) => a[0] - b[0])) {
    if (start < at || end <= start || end > text.length) continue;
    nodes.push(text.slice(at, start), element("mark", { text: text.slice(start, end) }));
    at = end;
  }
  nodes.push(text.slice(at));
  return nodes;
}

/** Says something to screen readers. Emptied first, so that the same sentence twice is heard twice. */
let announcing;
export function announce(message) {
  const live = byId("live");
  clearTimeout(announcing);
  live.textContent = "";
  announcing = setTimeout(() => (live.textContent = message), 120);
}

/** Lets the browser paint and hear the person before the next slice of work. */
export function pause() {
  return globalThis.scheduler?.yield?.() ?? new Promise((wake) => setTimeout(wake));
}

/** Puts text on the clipboard; whether that worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
