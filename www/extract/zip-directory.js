// The directory of a ZIP archive: names, sizes and places of its members. Nothing is unpacked here.

import { broken } from "./error.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const ALL = 0xffffffff;

/** Whether bytes start like a ZIP archive, an empty one included. */
export const isZip = (bytes) => bytes[0] === 0x50 && bytes[1] === 0x4b
  && ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));

/** The names of an archive's members. */
export const memberNames = (bytes) => directory(bytes).map(({ name }) => name);

/** The members: `{ name, method, encrypted, crc, packed, offset }`. */
export function directory(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  // Bytes put before the archive move everything in it.
  const shift = end - at - view.getUint32(end + 12, true);
  if (count === 0xffff || at === ALL) throw broken("a ZIP64 archive, which documents are not");
  if (shift < 0) throw broken("the archive's directory is damaged");
  at += shift;
  const members = [];
  const decoder = new TextDecoder();
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== ENTRY) throw broken("the archive's directory is damaged");
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    members.push({
      name: decoder.decode(bytes.subarray(at + 46, at + 46 + nameLength)),
      encrypted: (view.getUint16(at + 8, true) & 1) === 1,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true) + shift,
    });
    at += 46 + nameLength + extra + comment;
  }
  return members;
}

function findEnd(view) {
  const last = view.byteLength - 22;
  for (let at = last; at >= 0 && at >= last - 0xffff; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw broken("the archive has no directory: it is cut off");
}
