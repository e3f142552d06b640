// Pieces of text as pdf.js finds them to lines: right-to-left text in reading order, as natively
// (src/extract/pdf/lines.rs).

/** A gap of this share of the letters' size is a space. */
const SPACE = 0.15;
// What fonts without a mapping of their own yield.
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;
const SHAPED = /[\ufb1d-\ufdff\ufe70-\ufefc]+/g;

/** Lines `{ text, left, right, y, size }` of a page's items, in the order in which they were drawn. */
export function linesOf(items) {
  const lines = [];
  let line = null;
  const end = () => {
    if (line) lines.push(finish(line));
    line = null;
  };
  for (const { str, hasEOL, transform, width } of items) {
    if (str.trim() !== "") {
      const [x, y] = [transform[4], transform[5]];
      const size = Math.hypot(transform[2], transform[3]);
      // A raised or lowered sign belongs to its line; further away is another line, whether it is marked or not.
      if (line && Math.abs(y - line.y) > 0.6 * Math.max(size, line.size)) end();
      line ??= { pieces: [], left: x, right: x, y, size: 0 };
      line.left = Math.min(line.left, x);
      line.right = Math.max(line.right, x + width);
      // The line's size and place are those of its largest letters.
      if (size > line.size) [line.size, line.y] = [size, y];
    }
    line?.pieces.push({ text: str.replace(CONTROL, ""), left: transform[4], right: transform[4] + width });
    if (hasEOL) end();
  }
  end();
  return lines;
}

function finish({ pieces, ...line }) {
  const text = pieces.map((piece) => piece.text).join("");
  const letters = (pattern) => text.match(pattern)?.length ?? 0;
  const rightToLeft = letters(/[\u0590-\u08ff\ufb1d-\ufefc]/g);
  if (rightToLeft === 0 || rightToLeft * 2 <= letters(/\p{L}/gu)) return { ...line, text };
  return { ...line, text: fromTheRight(pieces, line.size) };
}

/** pdf.js puts each piece into reading order, but leaves the pieces as they were drawn. */
function fromTheRight(pieces, size) {
  const sorted = pieces.filter(({ text }) => text.trim() !== "").sort((a, b) => b.left - a.left);
  // Sorted from the right, numbers and words of other scripts are backwards: each run of them is turned around.
  const forward = ({ text }) => !RIGHT_TO_LEFT.test(text) && /[\p{L}\p{N}.,:/%-]/u.test(text);
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end < sorted.length && forward(sorted[end])) end++;
    sorted.splice(start, end - start, ...sorted.slice(start, end).reverse());
    start = Math.max(end, start + 1);
  }
  let text = "";
  let last;
  for (const piece of sorted) {
    if (last && Math.max(piece.left - last.right, last.left - piece.right) > SPACE * size) text += " ";
    text += piece.text.trim();
    last = piece;
  }
  return text.replace(SHAPED, (shaped) => shaped.normalize("NFKC"));
}
