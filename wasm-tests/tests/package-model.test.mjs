// The package's model files: sizes before anything is loaded, resumed where a download was cut, never used unverified.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { root, tiny } from "../harness.mjs";

const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-model-"));
// Read when the module is: the cache must not be the user's.
process.env.XDG_CACHE_HOME = folder;
const { describe, load } = await import(path.join(root, "pkg/src/model.js"));
const { platform } = await import(path.join(root, "pkg/src/node-platform.js"));

const PART = 8 * 1024 * 1024;
const size = 20 * 1024 * 1024;
const body = Buffer.alloc(size);
for (let i = 0; i < size; i += 4) body.writeUInt32LE((i * 2654435761) >>> 0, i);
const sha256 = createHash("sha256").update(body).digest("hex");
const ranges = [];
let cutAt;
let server;
let model;

before(async () => {
  server = createServer((request, response) => {
    if (!request.url.endsWith("/big.bin")) return void response.writeHead(404).end();
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "bytes=0-")[1]);
    ranges.push(start);
    response.writeHead(start > 0 ? 206 : 200, { "Content-Length": size - start });
    if (cutAt === undefined) response.end(body.subarray(start));
    else response.write(body.subarray(start, Math.max(start, cutAt)), () => setTimeout(() => response.destroy(), 50));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  model = { url: `http://127.0.0.1:${server.address().port}/model`, name: "big", files: [{ name: "big.bin", bytes: size, sha256 }] };
});
after(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

const never = new AbortController().signal;
const loading = async (given, signal = never) => {
  const seen = [];
  const files = await load(await describe(given, platform), platform, signal, (p) => seen.push(p.loaded));
  assert.ok(seen.every((loaded, i) => i === 0 || loaded >= seen[i - 1]), "progress went back");
  assert.equal(seen.at(-1), (await describe(given, platform)).bytes);
  return files;
};

test("a download that was cut goes on with the first part that is missing, and the next needs no network", async () => {
  const before = await describe(model, platform);
  assert.deepEqual([before.bytes, before.cached, ranges.length], [size, false, 0]);
  cutAt = 9 * 1024 * 1024;
  await assert.rejects(loading(model), ({ code, retryable }) => code === "model-unavailable" && retryable);
  assert.ok(ranges[0] === 0 && ranges.slice(1).every((start) => start === PART), `asked from ${ranges}`);
  cutAt = undefined;
  ranges.length = 0;
  assert.ok(body.equals((await loading(model))["big.bin"]));
  assert.deepEqual(ranges, [PART]);
  assert.ok((await describe(model, platform)).cached);
  await loading(model);
  assert.deepEqual(ranges, [PART]);
});

test("a part that was damaged in the cache is refused, and fetched anew by the next call", async () => {
  const cache = path.join(folder, "gossamer/parts");
  const part = (await readdir(cache)).find((name) => !name.endsWith(".key"));
  const bytes = await readFile(path.join(cache, part));
  bytes[7] ^= 1;
  await writeFile(path.join(cache, part), bytes);
  await assert.rejects(loading(model), ({ code, retryable }) => code === "model-integrity" && retryable);
  assert.ok(body.equals((await loading(model))["big.bin"]));
});

test("an abort ends the download with the signal's reason", async () => {
  const other = { ...model, url: `${model.url}/other` };
  const controller = new AbortController();
  const ended = load(await describe(other, platform), platform, controller.signal, ({ loaded }) => {
    if (loaded > 0) controller.abort(new Error("enough"));
  });
  await assert.rejects(ended, /enough/);
});

test("other bytes than those listed are refused by name, from a file as well", async () => {
  const names = ["config.json", "tokenizer.json"];
  const files = await Promise.all(names.map(async (name) => {
    const bytes = await readFile(path.join(tiny, name));
    return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  }));
  const given = { url: pathToFileURL(`${tiny}/`).href, name: "tiny", files };
  assert.deepEqual(Object.keys(await loading(given)), names);
  files[1].sha256 = files[0].sha256;
  await assert.rejects(loading(given), ({ code, message }) => code === "model-integrity" && /tokenizer\.json/.test(message));
  files[1].sha256 = "short";
  await assert.rejects(describe(given, platform), ({ code }) => code === "model-integrity");
  await assert.rejects(loading({ ...model, files: [{ name: "nowhere.bin", bytes: 1, sha256 }] }), ({ code, message }) => code === "model-unavailable" && /nowhere/.test(message));
});
