// The package's index on the move: out as a stream, in as a stream, read where it lies; and long work that is stopped.
// In Node, from dist/ as it is packed, on this thread and in a worker.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import { root } from "../harness.mjs";
import { mapStorage } from "../packaging/storage.mjs";
import { notes, words } from "../packaging/words.mjs";

const { Index, SearchError } = await import(path.join(root, "pkg/dist/slim/node.js"));
const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-transfer-"));
after(() => rm(folder, { recursive: true, force: true }));

let number = 0;
/** An index of its own in memory, on this thread. */
const fresh = (options) => Index.open({ name: `test-${number++}`, embedder: words, storage: "memory", worker: false, ...options });
const code = (expected) => (error) => error instanceof SearchError && error.code === expected;

/** Documents whose texts do not compress, of some megabytes in all. */
function* heavy(count) {
  let seed = 1;
  const word = () => (seed = (seed * 48271) % 2147483647).toString(36);
  for (let i = 0; i < count; i++) yield { id: `h${i}`, text: Array.from({ length: 2000 }, word).join(" ") };
}
const quick = { ...words, maxTokens: 4000, batch: 256 };

/** All that a stream gives. */
async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

test("an export is read by import, whole or not at all", async () => {
  const index = await fresh();
  await index.add(notes);
  const { hits } = await index.search("rent", { k: 1 });
  const parts = await all(index.export());
  await index.close();
  const file = new Blob(parts);
  const copy = await Index.import(file.stream(), { name: path.join(folder, "copy"), embedder: words });
  assert.deepEqual((await copy.search("rent", { k: 1 })).hits, hits);
  await copy.close();
  await assert.rejects(Index.import(file, { name: path.join(folder, "copy"), embedder: words }), code("already-exists"));
  const broken = new Uint8Array(await file.arrayBuffer());
  broken[broken.length >> 1] ^= 1;
  await assert.rejects(Index.import(broken, { name: "broken", embedder: words, storage: "memory" }), code("invalid-import"));
  await assert.rejects(Index.import("file", { name: "broken", embedder: words }), code("invalid-argument"));
});

test("an export is read no faster than its stream, and is a whole one however slow that is", async () => {
  for (const worker of [false, true]) {
    let gets = 0;
    const storage = mapStorage((method) => void (method === "get" && gets++));
    const index = await fresh({ storage, worker, embedder: quick });
    await index.add(heavy(200));
    gets = 0;
    const reader = index.export().getReader();
    await new Promise((wake) => setTimeout(wake, 300));
    const before = gets;
    const parts = [(await reader.read()).value];
    for (let part; !(part = await reader.read()).done;) parts.push(part.value);
    assert.ok(before > 0 && before < gets / 2, `${before} of ${gets} blocks were read before anyone wanted them`);
    const copy = await Index.import(new Blob(parts), { name: "copy", storage: "memory", embedder: quick, worker });
    assert.equal((await copy.stats()).documents, 200);
    await copy.close();
    // Who leaves it, who aborts it and who closes the index all end it.
    await index.export().cancel();
    const controller = new AbortController();
    const stopped = index.export({ signal: controller.signal }).getReader();
    await stopped.read();
    controller.abort(new Error("enough"));
    await assert.rejects((async () => { while (!(await stopped.read()).done); })(), /enough/);
    const left = index.export().getReader();
    await left.read();
    await index.close();
    await assert.rejects((async () => { while (!(await left.read()).done); })(), code("closed"));
  }
});

test("an import goes to the storage as its stream comes, and leaves nothing if that fails, ends early or is aborted", async () => {
  const index = await fresh({ embedder: quick });
  await index.add(heavy(100));
  const parts = await all(index.export());
  await index.close();
  for (const worker of [false, true]) {
    const storage = mapStorage();
    const stream = (end) => new ReadableStream({
      at: 0,
      async pull(controller) {
        if (this.at > parts.length / 2) {
          // Half of it is there, and no more than that is held back.
          this.seen ??= storage.blocks.size;
          if (end) return end(controller);
        }
        if (this.at === parts.length) return controller.close();
        controller.enqueue(parts[this.at++]);
      },
    }, { highWaterMark: 0 });
    const opened = (source, options) => Index.import(source, { name: "in", storage, embedder: quick, worker, ...options });
    await assert.rejects(opened(stream((controller) => controller.error(new RangeError("cable")))), (e) => e instanceof RangeError && e.message === "cable");
    assert.equal(storage.blocks.size, 0);
    let halfway;
    await assert.rejects(opened(stream((controller) => {
      halfway = storage.blocks.size;
      controller.close();
    })), code("invalid-import"));
    assert.ok(halfway > parts.length / 4, `${halfway} blocks stored`);
    assert.equal(storage.blocks.size, 0);
    const controller = new AbortController();
    await assert.rejects(opened(stream(() => {
      setTimeout(() => controller.abort(new Error("enough")));
      return new Promise(() => {});
    }), { signal: controller.signal }), /enough/);
    assert.deepEqual([storage.blocks.size, await storage.manifests()], [0, []]);
    const copy = await opened(stream());
    assert.equal((await copy.stats()).documents, 100);
    await copy.close();
  }
});

test("verifying, repairing and compacting end when they are aborted, and leave the index as it was", async () => {
  for (const worker of [false, true]) {
    let abort;
    let [gets, puts] = [0, 0];
    const storage = mapStorage((method) => {
      if (method === "put") puts++;
      if (method === "get" && ++gets === 8) abort?.abort(new Error("enough"));
    });
    const index = await fresh({ storage, worker, embedder: quick });
    await index.add(heavy(200));
    await index.remove("h3");
    const before = await index.stats();
    const blocks = [...storage.blocks.keys()].sort();
    for (const work of [(options) => index.verify(options), (options) => index.verify({ repair: true, ...options }), (options) => index.compact(options)]) {
      gets = 0;
      abort = new AbortController();
      await assert.rejects(work({ signal: abort.signal }), /enough/);
      abort = undefined;
      await index.flush();
      assert.ok(gets < blocks.length, `${gets} blocks read of ${blocks.length}`);
      assert.deepEqual([...storage.blocks.keys()].sort(), blocks);
      assert.deepEqual(await index.stats(), before);
      await assert.rejects(work({ signal: AbortSignal.abort(new Error("never")) }), /never/);
    }
    await index.compact();
    assert.deepEqual([(await index.stats()).segments, (await index.stats()).documents], [1, 199]);
    await index.close();
  }
});

test("an export on a web host is opened where it lies: only what is needed is fetched, and nothing can be written", async () => {
  const index = await fresh({ embedder: quick });
  await index.add([...notes, ...heavy(60)]);
  const { hits } = await index.search("where do bees dance", { k: 2, mode: "semantic" });
  const file = Buffer.concat(await all(index.export()));
  await index.close();
  let whole = false;
  const server = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range).map(Number);
    const part = file.subarray(from, to + 1);
    if (whole) return void response.writeHead(200).end(file);
    response.writeHead(206, { "Content-Range": `bytes ${from}-${from + part.length - 1}/${file.length}`, ETag: '"1"' }).end(part);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}/notes.gossamer`;
  try {
    for (const worker of [false, true]) {
      const there = await Index.openUrl(url, { embedder: quick, worker });
      assert.deepEqual([there.info.persistence, (await there.stats()).documents], ["remote", 63]);
      assert.deepEqual((await there.search("where do bees dance", { k: 2, mode: "semantic" })).hits, hits);
      const { fetched } = await there.stats();
      assert.ok(fetched.size === file.length && fetched.bytes < file.length / 2, JSON.stringify(fetched));
      await assert.rejects(there.add(notes), code("read-only"));
      await assert.rejects(there.remove("bees"), code("read-only"));
      assert.equal((await there.verify()).damaged.length, 0);
      await there.close();
    }
    await assert.rejects(Index.openUrl(url, { embedder: { ...quick, model: "other" } }), code("model-mismatch"));
    await assert.rejects(Index.openUrl(url, { embedder: quick, require: { durable: true } }), code("not-durable"));
    whole = true;
    await assert.rejects(Index.openUrl(url, { embedder: quick }), code("no-ranges"));
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
