// A link to a passage: the document and the place in it stand behind the # of the address, which browsers send to
// nobody. It opens where the same document is in the index, and says nothing of the text.

/** What goes behind the address of the page for a passage, by its document's id and UTF-16 units. */
export function hashOf({ id, start, end }) {
  return `#${new URLSearchParams({ passage: id, from: start, to: end })}`;
}

/** The passage that a hash names, `{ id, start, end }`; nothing if it names none. */
export function passageOf(hash) {
  const parameters = new URLSearchParams(hash.slice(1));
  const [start, end] = ["from", "to"].map((name) => Number(parameters.get(name) ?? NaN));
  const id = parameters.get("passage");
  return id && Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end > start ? { id, start, end } : undefined;
}

/** The whole address. */
export const linkTo = (passage) => new URL(hashOf(passage), location.href).href;

/** Puts a passage into the address bar, or takes it out again, so that a reload opens what is open. */
export function show(passage) {
  history.replaceState(null, "", passage ? hashOf(passage) : location.pathname + location.search);
}
