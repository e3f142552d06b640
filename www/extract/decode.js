// Bytes to text: UTF-8, UTF-16 with or without its mark, what an HTML or XML head declares, otherwise Western.

import { unsupported } from "./error.js";

/** Decodes plain text: `{ text, note }`. */
export const decodeText = (bytes) => decode(bytes);

/** Decodes mark-up, whose head may declare its encoding. */
export const decodeMarkup = (bytes) => decode(bytes, declared(bytes));

function decode(bytes, label) {
  const encoding = marked(bytes) ?? unmarkedUtf16(bytes);
  if (encoding) return using(encoding, bytes);
  if (looksBinary(bytes)) throw unsupported("binary data");
  try {
    // What is valid UTF-8 is UTF-8, whatever it declares: other encodings hardly ever look like it by chance.
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return label ? using(label, bytes) : { ...using("windows-1252", bytes), note: "not UTF-8: read as windows-1252" };
  }
}

function using(label, bytes) {
  const decoder = new TextDecoder(label);
  const text = decoder.decode(bytes);
  return text.includes("\ufffd") ? { text, note: `some characters are not valid ${decoder.encoding.toUpperCase()}` } : { text };
}

function marked(bytes) {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  return undefined;
}

/** Every second byte of Latin text in UTF-16 is zero. */
function unmarkedUtf16(bytes) {
  const length = Math.min(bytes.length, 1024) & ~1;
  if (length < 8 || bytes.length % 2 === 1) return undefined;
  const zeros = [0, 0];
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros[i & 1]++;
  if (zeros[0] === 0 && zeros[1] * 4 > length) return "utf-16le";
  if (zeros[1] === 0 && zeros[0] * 4 > length) return "utf-16be";
  return undefined;
}

/** Whether bytes are not text in any encoding that is read: zeros, or more than 1 in 50 control characters. */
export function looksBinary(bytes) {
  if (marked(bytes) || unmarkedUtf16(bytes)) return false;
  const head = bytes.subarray(0, 65_536);
  let control = 0;
  for (const b of head) {
    if (b === 0) return true;
    if (b <= 8 || b === 11 || (b >= 14 && b <= 31 && b !== 27) || b === 127) control++;
  }
  return control * 50 > head.length;
}

/** The encoding named by `<meta charset>` or `<?xml encoding?>` in the first KiB. */
function declared(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, 1024)).toLowerCase();
  for (const word of ["charset", "encoding"]) {
    const label = new RegExp(`${word}\\s*=["' ]*([a-z0-9_:-]+)`).exec(head)?.[1];
    if (!label) continue;
    try {
      const { encoding } = new TextDecoder(label);
      // A document that could be read this far is not UTF-16, whatever it says.
      return encoding.startsWith("utf-16") ? "utf-8" : encoding;
    } catch {
      // Not an encoding that browsers know.
    }
  }
  return undefined;
}
