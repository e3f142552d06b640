// ZIP archives under budgets: what is unpacked is counted as it comes, and what the archive declares is not believed.

import { Inflate } from "../vendor/fflate.js";
import { broken, encrypted, tooBig } from "./error.js";
import { limits } from "./limits.js";
import { directory } from "./zip-directory.js";

/** Below this size a member may have any ratio: blank pages compress a thousandfold. */
export const RATIO_FROM = 1 << 20;
/** Packed bytes at a time; a bomb overshoots the budget by what one step unpacks to. */
export const STEP = 8 << 10;

/** An archive and what is left of its budget. Names are keys only. */
export class Archive {
  #bytes;
  #members;
  #unpacked = 0;

  constructor(bytes) {
    const members = directory(bytes);
    if (members.length > limits.members) throw tooBig("the number of files in the archive", limits.members);
    this.#bytes = bytes;
    this.#members = new Map(members.map((member) => [member.name, member]));
  }

  /** Unpacks a member, if it is there. */
  read(name) {
    const member = this.#members.get(name);
    if (!member) return undefined;
    if (member.encrypted) throw encrypted();
    const packed = this.#packed(name, member);
    if (member.method !== 0 && member.method !== 8) throw broken(`${name}: compressed in a way that is not read`);
    const unpacked = member.method === 0 ? packed : this.#inflate(name, packed);
    this.#check(unpacked.length, packed.length);
    if (crc32(unpacked) !== member.crc) throw broken(`${name}: its checksum is wrong`);
    this.#unpacked += unpacked.length;
    return unpacked;
  }

  /** Unpacks a member that the format demands. */
  require(name) {
    const bytes = this.read(name);
    if (!bytes) throw broken(`${name} is missing`);
    return bytes;
  }

  #packed(name, { offset, packed }) {
    const bytes = this.#bytes;
    if (offset + 30 > bytes.length) throw broken(`${name}: cut off`);
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 30);
    if (view.getUint32(0, true) !== 0x04034b50) throw broken(`${name}: not where the directory says`);
    const start = offset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
    if (start + packed > bytes.length) throw broken(`${name}: cut off`);
    return bytes.subarray(start, start + packed);
  }

  #inflate(name, packed) {
    const pieces = [];
    let length = 0;
    const inflate = new Inflate((piece) => {
      length += piece.length;
      this.#check(length, packed.length);
      pieces.push(piece);
    });
    try {
      for (let at = 0; at < packed.length || at === 0; at += STEP) {
        inflate.push(packed.subarray(at, at + STEP), at + STEP >= packed.length);
      }
    } catch (error) {
      throw error.code === "too-big" ? error : broken(`${name}: ${error.message}`);
    }
    const all = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #check(length, packed) {
    if (length > limits.member) throw tooBig("a file in the archive", limits.member);
    if (this.#unpacked + length > limits.unpacked) throw tooBig("what the archive unpacks to", limits.unpacked);
    if (length > RATIO_FROM && length > packed * limits.ratio) {
      throw tooBig("the compression ratio of a file in the archive", limits.ratio);
    }
  }
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
