// What a PDF unpacks to, counted before the parser, which has no limits of its own, sees it. The same rules as natively
// (src/extract/pdf/budget.rs).

import { Unzlib } from "../vendor/fflate.js";
import { RATIO_FROM, STEP } from "./archive.js";
import { tooBig } from "./error.js";
import { limits } from "./limits.js";

/** Layers of compression that are looked through; more than two are never of use. */
const LAYERS = 4;
const STREAM = [..."stream"].map((c) => c.charCodeAt(0));

/** Unpacks every deflated stream but pictures, which are never decoded for text, and forgets the result. */
export function checkBudget(bytes) {
  const total = { length: 0 };
  for (let at = bytes.indexOf(STREAM[0]); at >= 0; at = bytes.indexOf(STREAM[0], at + 1)) {
    if (!STREAM.every((byte, i) => bytes[at + i] === byte)) continue;
    const before = latin1(bytes.subarray(Math.max(0, at - 1024), at));
    at += STREAM.length;
    if (before.endsWith("end") || isPicture(before)) continue;
    if (bytes[at] === 0x0d) at++;
    if (bytes[at] === 0x0a) at++;
    if (isZlib(bytes, at)) count(bytes.subarray(at), total);
  }
}

/** Feeds a stream to an inflater, and what comes out to another one if it is deflated too. */
function count(bytes, total) {
  const layers = new Layer(total, 1);
  // Where the stream ends is not known: it is read up to its own end, or to where it is damaged.
  for (let at = 0; at < bytes.length && !layers.ended; at += STEP) layers.push(bytes.subarray(at, at + STEP));
}

class Layer {
  ended = false;
  #inflate;
  #inner;
  #packed = 0;
  #unpacked = 0;

  constructor(total, depth) {
    this.#inflate = new Unzlib((piece) => {
      if (piece.length === 0) return;
      if (this.#unpacked === 0 && depth < LAYERS && isZlib(piece, 0)) this.#inner = new Layer(total, depth + 1);
      this.#unpacked += piece.length;
      total.length += piece.length;
      if (this.#unpacked > limits.member) throw tooBig("a stream of the PDF", limits.member);
      if (total.length > limits.unpacked) throw tooBig("what the PDF unpacks to", limits.unpacked);
      if (this.#unpacked > RATIO_FROM && this.#unpacked > this.#packed * limits.ratio) {
        throw tooBig("the compression ratio of a stream of the PDF", limits.ratio);
      }
      for (let at = 0; this.#inner && at < piece.length; at += STEP) this.#inner.push(piece.subarray(at, at + STEP));
    });
  }

  push(bytes) {
    if (this.ended) return;
    this.#packed += bytes.length;
    const before = this.#unpacked;
    try {
      this.#inflate.push(bytes);
    } catch (error) {
      if (error.code === "too-big") throw error;
      // The end of the stream, or damage: the parser's business.
      this.ended = true;
    }
    if (this.#unpacked === before && bytes.length === STEP) this.ended = true;
  }
}

/** The header of a zlib stream (RFC 1950). */
const isZlib = (bytes, at) => (bytes[at] & 0x0f) === 8 && ((bytes[at] << 8) | bytes[at + 1]) % 31 === 0;

/** Whether the dictionary that ends here is that of a picture. */
function isPicture(before) {
  const dictionary = before.slice(before.lastIndexOf("obj"));
  return /\/Subtype ?\/Image/.test(dictionary);
}

const latin1 = (bytes) => String.fromCharCode(...bytes);
