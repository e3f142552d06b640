// The codecs in WebAssembly, in Node: node compare.mjs TEXT MODULE_OF_ALL [NAME=MODULE...]
// Times are the processor's, so that other programs do not count.
// The modules named one by one hold one codec each: what they weigh beside the empty one is the codec's size.

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const [text, all, ...single] = process.argv.slice(2);
const raw = await readFile(text);
const { instance } = await WebAssembly.instantiate(await readFile(all), {});
const { memory, reserve, kept, encode_kept, decode_kept } = instance.exports;
const ran = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};
const PIECE = 32 << 10;
const put = (bytes) => {
  const at = reserve(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
};
const take = (bytes) => new Uint8Array(memory.buffer, kept(), bytes).slice();

for (const [codec, name] of ["deflate 6", "lz4", "zstd fastest", "brotli 5"].entries()) {
  let [encoding, decoding, stored] = [0, 0, 0];
  for (let at = 0; at < raw.length; at += PIECE) {
    const piece = raw.subarray(at, at + PIECE);
    put(piece);
    let from = ran();
    const size = encode_kept(codec);
    encoding += ran() - from;
    stored += size;
    from = ran();
    const back = decode_kept(codec, piece.length);
    decoding += ran() - from;
    if (Buffer.compare(take(back), piece) !== 0) throw new Error(`${name} gives back something else`);
  }
  const rate = (ms) => (raw.length / 1e3 / ms).toFixed(0);
  console.log(`${name}: ratio ${(stored / raw.length).toFixed(3)}, compress ${rate(encoding)} MB/s, decompress ${rate(decoding)} MB/s`);
}
for (const argument of single) {
  const [name, file] = argument.split("=");
  console.log(`${name}: ${gzipSync(await readFile(file), { level: 9 }).length} bytes, gzipped`);
}
