// The package's API, in Node, from dist/ as it is packed: what each verb promises, and what it says when it cannot.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { root } from "../harness.mjs";
import { mapStorage } from "../packaging/storage.mjs";
import { notes, words } from "../packaging/words.mjs";

const { Index, SearchError } = await import(path.join(root, "pkg/dist/slim/node.js"));
const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-api-"));
after(() => rm(folder, { recursive: true, force: true }));

let number = 0;
/** An index of its own in memory, on this thread. */
const fresh = (options) => Index.open({ name: `test-${number++}`, embedder: words, storage: "memory", worker: false, ...options });
const code = (expected) => (error) => error instanceof SearchError && error.code === expected;
const many = (count, from = 0) => Array.from({ length: count }, (_, i) => ({ id: `n${from + i}`, text: `Note number ${from + i} is about topic${(from + i) % 7}.` }));

test("what is added is found, read back as it was, replaced by id and removed", async () => {
  const index = await fresh();
  const report = await index.add(notes);
  assert.deepEqual([report.added, report.replaced, report.unchanged, report.failed], [3, 0, 0, 0]);
  const { hits, stats } = await index.search("where do bees dance", { k: 2 });
  assert.equal(hits[0].document, "bees");
  assert.equal(hits[0].text, notes[0].text.slice(hits[0].start, hits[0].end));
  assert.deepEqual(hits[0].metadata, notes[0].metadata);
  assert.ok(hits[0].score > hits[1].score && hits[0].score <= 1.0001);
  assert.ok(stats.recomputed > 0);
  assert.deepEqual(await index.get("rent"), notes[1]);
  assert.equal(await index.get("nobody"), undefined);
  const again = await index.add([notes[0], { ...notes[1], text: "The rent was paid." }]);
  assert.deepEqual(again.documents.map(({ id, outcome }) => [id, outcome]), [["bees", "unchanged"], ["rent", "replaced"]]);
  assert.equal((await index.get("rent")).text, "The rent was paid.");
  assert.equal(await index.remove(["bees", "nobody"]), 1);
  assert.deepEqual((await index.list()).map(({ id }) => id).sort(), ["bread", "rent"]);
  await index.close();
  await assert.rejects(index.search("bees"), code("closed"));
});

test("filters, words, pages, groups and stages are as they are asked for", async () => {
  const index = await fresh();
  await index.add([...notes, ...many(40)]);
  const ids = ({ hits }) => hits.map(({ document }) => document);
  assert.deepEqual(ids(await index.search("bees", { k: 5, filter: { year: { gte: 2000 } } })), ["rent"]);
  assert.deepEqual(ids(await index.search("bees", { k: 5, filter: { tags: { has: "animals" } } })), ["bees"]);
  const words = await index.search("dough", { mode: "keyword" });
  assert.deepEqual(ids(words), ["bread"]);
  assert.equal(words.stats.recomputed, 0);
  const { text, marks } = words.hits[0];
  assert.ok(marks.some(({ start, end }) => /dough/.test(text.slice(start, end))));
  const [all, first, second] = await Promise.all([{ k: 8 }, { k: 4 }, { k: 4, offset: 4 }].map((o) => index.search("note about topic3", { ...o, recall: 1 })));
  assert.deepEqual([...ids(first), ...ids(second)], ids(all));
  const stages = [];
  for await (const stage of index.searchStream("where do bees dance", { k: 2 })) stages.push(stage);
  assert.equal(stages.at(-1).stage, "exact");
  assert.deepEqual(stages.at(-1).hits, (await index.search("where do bees dance", { k: 2 })).hits);
  assert.ok(stages.length > 1 && stages.every(({ stage }, i) => (stage === "exact") === (i === stages.length - 1)));
  for await (const { stage } of index.searchStream("bees")) {
    assert.notEqual(stage, "exact");
    break;
  }
  const near = await index.similar("n3", { k: 3 });
  assert.ok(ids(near).length === 3 && !ids(near).includes("n3"));
  await assert.rejects(index.search("bees", { filter: { year: { near: 3 } } }), code("invalid-filter"));
  await assert.rejects(index.search("bees", { filter: 7 }), code("invalid-filter"));
  await assert.rejects(index.search("bees", { mode: "magic" }), code("invalid-argument"));
  await assert.rejects(index.search("bees", { signal: AbortSignal.abort(new Error("no")) }), /no/);
  assert.equal(await index.remove({ filter: { year: { exists: true } } }), 2);
  assert.deepEqual(ids(await index.search("rent", { k: 1, mode: "keyword" })), []);
  await index.close();
});

test("a folder is opened again by another handle, in a worker thread, without embedding anything anew", async () => {
  const name = path.join(folder, "notes");
  const first = await Index.open({ name, embedder: words });
  assert.deepEqual([first.info.worker, first.info.persistence, first.info.backend.kind], [true, "durable", "own"]);
  await first.add(notes);
  const found = (await first.search("knead the dough")).hits;
  await first.close();
  let passages = 0;
  const counting = { ...words, embed: (texts, { role }) => (role === "passage" && (passages += texts.length), words.embed(texts)) };
  const second = await Index.open({ name, embedder: counting });
  assert.equal(passages, 0);
  assert.deepEqual((await second.search("knead the dough")).hits, found);
  assert.equal((await second.verify()).damaged.length, 0);
  await second.close();
  assert.equal(existsSync(path.join(name, "writer.pid")), false);
  await assert.rejects(Index.open({ name, embedder: { ...words, model: "other" } }), code("model-mismatch"));
  await Index.destroy(name);
  assert.equal(existsSync(name), false);
});

test("one faulty document fails by itself; the others are added", async () => {
  const index = await fresh();
  const given = [notes[0], { id: "", text: "nameless" }, { id: "x" }, { id: "y", text: "", metadata: { bad: {} } }, notes[1]];
  const { documents, added, failed } = await index.add(given);
  assert.deepEqual([added, failed], [2, 3]);
  for (const { error } of documents.filter(({ outcome }) => outcome === "failed")) assert.equal(error.code, "invalid-argument");
  assert.equal((await index.stats()).documents, 2);
  await index.close();
});

test("an async iterable is read as it comes, its progress only goes forward, and an abort keeps what was committed", async () => {
  const index = await fresh();
  const controller = new AbortController();
  const seen = [];
  async function* source() {
    yield* many(600);
    controller.abort(new Error("enough"));
    yield* many(600, 600);
  }
  await assert.rejects(index.add(source(), { signal: controller.signal, onProgress: (p) => seen.push(p) }), /enough/);
  const { documents } = await index.stats();
  assert.ok(documents >= 512 && documents < 1200, `${documents} documents`);
  for (const key of ["loaded", "total", "documents"]) {
    assert.ok(seen.every((p, i) => i === 0 || p[key] >= seen[i - 1][key]), `${key} went back`);
  }
  const report = await index.add(many(1200));
  assert.equal(report.unchanged, documents);
  assert.equal(report.added, 1200 - documents);
  await index.compact();
  const { segments, removedChunks } = await index.stats();
  assert.deepEqual([segments, removedChunks], [1, 0]);
  await index.close();
});

test("searches go on while documents are added, and events tell of every commit", async () => {
  const index = await fresh({ worker: true });
  await index.add(notes);
  const changes = [];
  const stop = index.on("change", (change) => changes.push(change));
  const adding = index.add(many(2000));
  const { hits } = await index.search("where do bees dance", { k: 1 });
  assert.equal(hits[0].document, "bees");
  await adding;
  await index.flush();
  assert.ok(changes.length >= 3 && changes.every(({ remote }) => !remote));
  stop();
  assert.throws(() => index.on("nothing", () => {}), code("invalid-argument"));
  await index.close();
});

test("an embedder that fails or returns nonsense says so, and nothing is stored", async () => {
  let answer = () => { throw new Error("the service is down"); };
  const index = await fresh({ embedder: { ...words, embed: (texts) => answer(texts) } });
  await assert.rejects(index.add(notes), (e) => code("embedder-failed")(e) && /service is down/.test(e.message));
  for (const wrong of [() => new Float32Array(3), () => "vectors", (texts) => new Float32Array(64 * texts.length)]) {
    answer = wrong;
    await assert.rejects(index.add(notes), code("embedder-failed"));
  }
  assert.equal((await index.stats()).documents, 0);
  answer = (texts) => texts.map((text) => Array.from(words.embed([text])));
  assert.equal((await index.add(notes)).added, 3);
  await index.close();
});

test("with a text provider the index keeps no texts, and a document that changed is not shown with them", async () => {
  const texts = new Map(notes.map(({ id, text }) => [id, text]));
  const index = await fresh({ text: async (id) => texts.get(id) });
  await index.add(notes);
  assert.equal((await index.stats()).bytes.text, 0);
  assert.equal((await index.search("where do bees dance", { k: 1 })).hits[0].text, notes[0].text);
  assert.equal((await index.get("rent")).text, notes[1].text);
  texts.set("bees", "Wasps.");
  const { hits } = await index.search("where do bees dance", { k: 3 });
  assert.ok(hits.every(({ document }) => document !== "bees"));
  await index.close();
});

test("a storage adapter that is full or locked is told apart, and the same call succeeds afterwards", async () => {
  let fault;
  const storage = mapStorage((method) => {
    if (method === "put" && fault) throw fault;
  });
  for (const worker of [false, true]) {
    storage.forget();
    const index = await fresh({ storage, worker });
    fault = Object.assign(new Error("disk"), { code: "quota-exceeded" });
    await assert.rejects(index.add(notes), code("quota-exceeded"));
    fault = new Error("cable");
    await assert.rejects(index.add(notes), (e) => code("storage-failed")(e) && /cable/.test(e.message));
    fault = undefined;
    assert.equal((await index.add(notes)).added, 3);
    await index.close();
    const again = await fresh({ storage, worker });
    assert.equal((await again.search("bees", { k: 1 })).hits[0].document, "bees");
    await again.close();
  }
  await assert.rejects(fresh({ storage: { get() {} } }), code("invalid-argument"));
});

test("a second writer waits for the first, and the lock of a dead process is taken over", async () => {
  const name = path.join(folder, "shared");
  const [a, b] = [await Index.open({ name, embedder: words }), await Index.open({ name, embedder: words })];
  const [first, second] = await Promise.all([a.add(many(300)), b.add(many(300, 300))]);
  assert.deepEqual([first.added, second.added], [300, 300]);
  await a.close();
  await writeFile(path.join(name, "writer.pid"), "4194305");
  assert.equal((await b.add({ id: "last", text: "the last one" })).added, 1);
  assert.equal((await b.stats()).documents, 601);
  await b.close();
});

test("a worker counts the words before the first question, the caller's thread only for it", async () => {
  const options = { name: path.join(folder, "ahead"), embedder: words };
  const index = await Index.open({ ...options, worker: false });
  await index.add(many(400));
  await index.close();
  /** Bytes of text that the first question reads, asked `wait` milliseconds after opening. */
  const firstReads = async (worker, wait) => {
    const index = await Index.open({ ...options, worker });
    await new Promise((wake) => setTimeout(wake, wait));
    const { hits, stats } = await index.search("topic3", { mode: "keyword" });
    await index.close();
    assert.ok(hits.length > 0);
    return stats.textRead;
  };
  assert.ok((await firstReads(false, 500)) > 0);
  // How long counting takes is the machine's affair.
  let read = Infinity;
  for (let wait = 100; read > 0 && wait < 20_000; wait *= 2) read = await firstReads(true, wait);
  assert.equal(read, 0);
});

test("damage in the folder is found, and repaired by dropping what it concerns", async () => {
  const name = path.join(folder, "damaged");
  const index = await Index.open({ name, embedder: words });
  await index.add(notes);
  await index.close();
  const sizes = await Promise.all((await readdir(name)).filter((n) => n.endsWith(".block")).map(async (n) => [n, (await readFile(path.join(name, n)))]));
  for (const [block, bytes] of sizes) {
    const damaged = Uint8Array.from(bytes);
    damaged[damaged.length >> 1] ^= 0xff;
    await writeFile(path.join(name, block), damaged);
  }
  const opened = await Index.open({ name, embedder: words }).catch((error) => error);
  if (opened instanceof Index) {
    const { damaged } = await opened.verify({ repair: true });
    assert.ok(damaged.length > 0);
    assert.equal((await opened.verify()).damaged.length, 0);
    assert.equal((await opened.add(notes)).failed, 0);
    await opened.close();
  } else {
    assert.equal(opened.code, "corrupted");
  }
});

test("wrong arguments are refused before anything starts, each by name", async () => {
  await assert.rejects(Index.open({}), code("invalid-argument"));
  await assert.rejects(Index.open({ name: "x", backend: "gpu" }), code("invalid-argument"));
  await assert.rejects(Index.open({ name: "x", storage: "indexeddb", embedder: words }), code("unsupported"));
  await assert.rejects(Index.open({ name: "x", storage: "memory", require: { durable: true }, embedder: words }), code("not-durable"));
  await assert.rejects(Index.open({ name: "x", storage: "memory", embedder: { ...words, dimensions: 0 } }), code("invalid-argument"));
  await assert.rejects(Index.open({ name: "x", storage: "memory", signal: AbortSignal.abort(new Error("no")), embedder: words }), /no/);
  const index = await fresh();
  await assert.rejects(index.search(7), code("invalid-argument"));
  await assert.rejects(index.search("x", { k: 0 }), code("invalid-argument"));
  await assert.rejects(index.remove(7), code("invalid-argument"));
  await index.close();
});

test("the module is taken as bytes, compiled, and by URL, on this thread and in a worker", async () => {
  const file = path.join(root, "pkg/dist/slim/gossamer.wasm");
  const bytes = new Uint8Array(await readFile(file));
  for (const wasm of [bytes, bytes.buffer, await WebAssembly.compile(bytes), pathToFileURL(file), pathToFileURL(file).href]) {
    const index = await fresh({ wasm, worker: true });
    await index.add(notes[0]);
    assert.equal((await index.search("bees", { k: 1 })).hits[0].document, "bees");
    await index.close();
  }
  // In a process of its own, for a thread starts WebAssembly once: what is no module is refused.
  const script = `import { Index } from ${JSON.stringify(path.join(root, "pkg/dist/slim/node.js"))};
    import { words } from ${JSON.stringify(path.join(root, "wasm-tests/packaging/words.mjs"))};
    const options = { name: "x", storage: "memory", embedder: words, worker: false };
    const code = await Index.open({ ...options, wasm: new Uint8Array(8) }).catch(({ code }) => code);
    const index = await Index.open({ ...options, wasm: new URL(${JSON.stringify(pathToFileURL(file).href)}) });
    console.log(code, index.info.worker);`;
  assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", timeout: 60_000 }).trim(), "unsupported false");
});

test("an index that is not closed does not keep the process alive", async () => {
  const script = `import { Index } from ${JSON.stringify(path.join(root, "pkg/dist/slim/node.js"))};
    import { words } from ${JSON.stringify(path.join(root, "wasm-tests/packaging/words.mjs"))};
    const index = await Index.open({ name: "loose", storage: "memory", embedder: words });
    await index.add({ id: "a", text: "one two" });
    console.log((await index.search("two")).hits.length);`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", timeout: 60_000 });
  assert.equal(out.trim(), "1");
});
