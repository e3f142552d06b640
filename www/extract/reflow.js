// Lines of a printed page back to paragraphs. The same rules as natively (src/extract/pdf/reflow.rs).
//
// A line is joined to the one before unless something says that a new one was meant: a wider gap, another size of
// letters, an indent after a full stop, a bullet, or room that was left for the next word.

/** Letters that are written without spaces between words. */
const DENSE = /[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]/;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;
const BULLET = /^(?:[•▪◦●‣∙·*–-]|\(?[0-9]{1,3}[.)]|\(?[a-z][.)])\s/;
const STOPPED = /[.!?:;…。！？]["'”’»)\]]*$/;

/** Writes lines `{ text, left, right, y, size }`, in reading order, into a builder; `y` grows upwards. */
export function reflow(lines, builder) {
  const pitch = median(lines.slice(1).map((line, i) => lines[i].y - line.y).filter((step, i) => step > 0 && step < 3 * lines[i].size));
  let block = null;
  lines.forEach((line, i) => {
    const before = lines[i - 1];
    let text = line.text.trim();
    if (before && block) {
      const gap = between(before, line, pitch, block);
      if (gap === "paragraph") builder.paragraph();
      else if (gap === "line") builder.line();
      else if (gap === "space") builder.space();
      if (gap === "paragraph") block = null;
    }
    block = block
      ? { left: Math.min(block.left, line.left), right: Math.max(block.right, line.right) }
      : { left: line.left, right: line.right };
    const next = lines[i + 1];
    // A word that was divided is put together again.
    if (/\p{Ll}-$/u.test(text) && next && /^\p{Ll}/u.test(next.text.trim())
      && ["space", "line"].includes(between(line, next, pitch, block))) {
      text = text.slice(0, -1);
      line.divided = true;
    }
    builder.text(text);
  });
}

function between(before, line, pitch, block) {
  if (before.divided) return "none";
  const step = before.y - line.y;
  const size = Math.min(before.size, line.size);
  if (Math.abs(step) < 0.4 * size) return "space";
  if (Math.max(before.size, line.size) > 1.15 * size) return "paragraph";
  // Upwards: the next column, perhaps in the middle of a sentence.
  if (step > 1.35 * (pitch || size * 1.2)) return "paragraph";
  const text = line.text.trim();
  if (BULLET.test(text)) return "line";
  const end = before.text.trim();
  if (step > 0 && line.left > block.left + 0.8 * size && STOPPED.test(end)) return "paragraph";
  const dense = DENSE.test(end.at(-1)) && DENSE.test(text[0]);
  const rightToLeft = RIGHT_TO_LEFT.test(text);
  if (!dense && !rightToLeft && step > 0) {
    const word = text.split(/\s/, 1)[0];
    const width = ((line.right - line.left) * (word.length + 1)) / text.length;
    if (before.right + width < Math.max(block.right, line.right)) return "line";
  }
  return dense ? "none" : "space";
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
