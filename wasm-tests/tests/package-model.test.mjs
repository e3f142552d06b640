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
const { describe, keepMeasured, load, measured, partBytes } = await import(path.join(root, "pkg/src/model.js"));
const { platform } = await import(path.join(root, "pkg/src/node-platform.js"));

const size = 20.5 * 1024 * 1024;
const PART = partBytes(size);
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
  cutAt = 1.25 * PART;
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

test("a sink is given the file in order, a part at a time, from the cache and from the network in turn", async () => {
  const cache = path.join(folder, "gossamer/parts");
  const keys = await Promise.all((await readdir(cache)).filter((name) => name.endsWith(".key")).map(async (name) => [name, await readFile(path.join(cache, name), "utf8")]));
  const [second] = keys.find(([, key]) => key.endsWith(`start=${PART}`));
  await rm(path.join(cache, second));
  ranges.length = 0;
  const digest = createHash("sha256");
  const sizes = [];
  const sink = {
    push(part) { sizes.push(part.length); digest.update(part); },
    sha256: () => digest.digest("hex"),
  };
  const files = await load(await describe(model, platform), platform, never, () => {}, { "big.bin": (bytes) => (assert.equal(bytes, size), sink) });
  assert.equal(files["big.bin"], sink);
  const whole = Math.floor(size / PART);
  assert.deepEqual(sizes, [...Array(whole).fill(PART), size - whole * PART]);
  assert.deepEqual(ranges, [PART]);
});

test("what a sink refuses is not asked for again and again, and not kept", async () => {
  let freed = 0;
  const sink = { push() { throw Object.assign(new Error("no header"), { code: "model-integrity" }); }, sha256() {}, free: () => freed++ };
  ranges.length = 0;
  await assert.rejects(load(await describe(model, platform), platform, never, () => {}, { "big.bin": () => sink }), /no header/);
  assert.deepEqual([freed, ranges.length, (await describe(model, platform)).cached], [1, 0, false]);
  await loading(model);
});

test("what was measured of GPU and CPU is found by whoever loads the same model with the same version, and by nobody else", async () => {
  const timing = (one) => ({ one, sixteen: 16 * one });
  const calibration = { adapter: "a card", cpu: timing(5), gpu: timing(1) };
  const source = await describe(model, platform);
  assert.equal(await measured(source, "1.0.0", platform), undefined);
  await keepMeasured(source, "1.0.0", platform, calibration);
  // Loading sweeps what is no longer listed.
  await loading(model);
  // The page knows only where the model is.
  for (const by of [source, { base: new URL(`${model.url}/`) }]) assert.deepEqual(await measured(by, "1.0.0", platform), calibration);
  assert.equal(await measured(source, "1.0.1", platform), undefined);
  assert.equal(await measured(await describe({ ...model, url: `${model.url}/other` }, platform), "1.0.0", platform), undefined);
  const given = await describe({ bytes: { "config.json": new Uint8Array(1) } }, platform);
  await keepMeasured(given, "1.0.0", platform, calibration);
  assert.equal(await measured(given, "1.0.0", platform), undefined);
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
