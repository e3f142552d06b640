// Searching in Chromium, through the package: what each option and each stage promises, with an embedder that can be read.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { browser, root } from "../harness.mjs";
import { words } from "../packaging/words.mjs";
import { serve } from "../serve.mjs";

const topics = ["bees", "bread", "rent", "rivers", "stars"];
const documents = Array.from({ length: 60 }, (_, i) => ({
  id: `d${i}`,
  title: `Note ${i}`,
  text: `# Note ${i}\n\nThis note tells of ${topics[i % 5]} and has the code E-${4700 + i}.\n\n# More of it\n\nIt goes on about ${topics[(i + 1) % 5]} in Zürich, and ends.`,
  metadata: { number: i, folder: `notes/${i % 3}`, tags: [topics[i % 5], "all"], modified: `20${String(i).padStart(2, "0")}-03-01` },
}));

describe("a search in the browser", () => {
  let chromium;
  let server;
  let page;

  before(async () => {
    server = await serve({ root: path.join(root, "wasm-tests/packaging/app"), mounts: { "/dist/": path.join(root, "pkg/dist/slim"), "/shared/": path.join(root, "wasm-tests/packaging") }, intercept: blank });
    chromium = await browser();
    page = await chromium.context.newPage();
    await page.goto(`${server.url}blank`);
    await page.evaluate(async () => {
      const [{ Index }, { words }] = await Promise.all([import("/dist/index.js"), import("/shared/words.mjs")]);
      const asked = [];
      const embed = async (texts) => {
        asked.push(texts.length);
        if (globalThis.slow) await new Promise((done) => setTimeout(done, globalThis.slow * texts.length));
        return words.embed(texts);
      };
      const made = async (name, documents) => {
        const index = await Index.open({ name, storage: "memory", worker: false, embedder: { ...words, embed } });
        await index.add(documents);
        return index;
      };
      Object.assign(globalThis, { asked, made });
    });
    await page.evaluate(async (documents) => (globalThis.index = await made("searched", documents)), documents);
  });
  after(async () => {
    await page?.evaluate(() => globalThis.index?.close());
    await chromium?.close();
    await server?.close();
  });

  const search = (question, options) => page.evaluate(([q, o]) => index.search(q, o), [question, options]);
  const places = ({ hits }) => hits.map(({ document, chunk }) => `${document}/${chunk}`);
  const exact = { recall: 1, mode: "semantic" };

  test("ranks by exact cosines, as the embedder itself would", async () => {
    const { hits } = await search("a note of bees", { ...exact, k: 12 });
    const vector = (text) => {
      const row = words.embed([text]);
      const norm = Math.hypot(...row);
      return row.map((x) => x / norm);
    };
    const query = vector("a note of bees");
    for (const { text, score } of hits) {
      const cosine = vector(text).reduce((sum, x, i) => sum + x * query[i], 0);
      assert.ok(Math.abs(cosine - score) < 1e-4, `${cosine} ${score}`);
    }
    assert.deepEqual(hits.map(({ score }) => score), hits.map(({ score }) => score).toSorted((a, b) => b - a));
  });

  test("finds codes, folded words and phrases by words alone, marks them, and embeds nothing", async () => {
    const before = await page.evaluate(() => asked.length);
    const code = await search("e4711", { mode: "keyword", k: 5 });
    assert.deepEqual(code.hits.map(({ document }) => document), ["d11"]);
    const { text, marks } = code.hits[0];
    assert.deepEqual(marks.map(({ start, end }) => text.slice(start, end)), ["E-4711"]);
    assert.equal((await search("zurich", { mode: "keyword", k: 100 })).hits.length, documents.length);
    assert.ok((await search('"bees in Zurich" -bread', { mode: "keyword", k: 100 })).hits.every(({ text }) => /bees in Zürich/.test(text) && !/bread/.test(text)));
    assert.equal(await page.evaluate(() => asked.length), before);
  });

  test("shows words, then codes, then the exact answer, and each stage says what it is", async () => {
    const stages = await page.evaluate(async () => {
      const stages = [];
      for await (const stage of index.searchStream("which note has E-4711 and stars", { k: 4 })) stages.push(stage);
      return stages;
    });
    assert.deepEqual(stages.map(({ stage }) => stage), ["keyword", "codes", "exact"]);
    const [keyword, codes, answer] = stages;
    assert.ok(keyword.hits.every(({ why }) => why.keyword > 0 && why.semantic === undefined));
    assert.equal(keyword.hits[0].document, "d11");
    assert.ok(codes.hits.every(({ why }) => why.estimated && why.semantic !== undefined));
    assert.ok(answer.hits.every(({ why }) => !why.estimated));
    assert.deepEqual(answer.hits, (await search("which note has E-4711 and stars", { k: 4 })).hits);
  });

  test("obeys filters by value, range, set, prefix, date and their combinations", async () => {
    const filters = [
      [{ number: 7 }, (m) => m.number === 7],
      [{ number: { gte: 10, lt: 20 } }, (m) => m.number >= 10 && m.number < 20],
      [{ folder: { in: ["notes/0", "notes/2"] } }, (m) => m.folder !== "notes/1"],
      [{ folder: { prefix: "notes/1" } }, (m) => m.folder === "notes/1"],
      [{ tags: { has: "stars" } }, (m) => m.tags.includes("stars")],
      [{ modified: { gte: "2030-03" } }, (m) => m.modified >= "2030-03"],
      [{ not: { tags: { has: "bees" } }, or: [{ number: { lt: 5 } }, { number: { gt: 50 } }] }, (m) => !m.tags.includes("bees") && (m.number < 5 || m.number > 50)],
    ];
    for (const [filter, passes] of filters) {
      const found = await search("a note of bees", { ...exact, k: 200, filter });
      const expected = documents.filter(({ metadata }) => passes(metadata)).map(({ id }) => id);
      assert.deepEqual([...new Set(found.hits.map(({ document }) => document))].sort(), expected.sort(), JSON.stringify(filter));
      assert.equal(found.eligible, found.hits.length);
      assert.equal(found.shortfall, 200 - found.hits.length);
    }
    await assert.rejects(search("bees", { filter: { number: { near: 3 } } }), /\$\.number\.near/);
  });

  test("gives pages that neither overlap nor leave anything out", async () => {
    for (const options of [{ ...exact, k: 5 }, { k: 5 }, { mode: "keyword", k: 5 }]) {
      const pages = [];
      for (let offset = 0; offset < 20; offset += 5) pages.push(...places(await search("a note of bees and stars", { ...options, offset })));
      assert.equal(new Set(pages).size, 20);
    }
    const whole = places(await search("a note of bees", { ...exact, k: 15 }));
    const parts = [];
    for (const offset of [0, 5, 10]) parts.push(...places(await search("a note of bees", { ...exact, k: 5, offset })));
    assert.deepEqual(parts, whole);
  });

  test("gives each document once with its best passage if asked to", async () => {
    const all = await search("a note of bees", { ...exact, k: 200 });
    const best = new Map();
    for (const hit of all.hits) if (!best.has(hit.document)) best.set(hit.document, hit.chunk);
    const grouped = await search("a note of bees", { ...exact, k: 60, groupBy: "document" });
    assert.deepEqual(grouped.hits.map(({ document, chunk }) => [document, chunk]), [...best]);
  });

  test("leaves out hits below the least score, and no others", async () => {
    const all = await search("a note of bees", { ...exact, k: 200 });
    const minScore = all.hits[10].score;
    const some = await search("a note of bees", { ...exact, k: 200, minScore });
    assert.deepEqual(places(some).sort(), places({ hits: all.hits.filter(({ score }) => score >= minScore) }).sort());
  });

  test("finds what is like a document or a passage, but not itself", async () => {
    const like = await page.evaluate(() => index.similar("d3", { k: 5, recall: 1, chunk: 0 }));
    assert.ok(like.hits.every(({ document }) => document !== "d3"));
    const passage = (await search("note 3", { ...exact, k: 200 })).hits.find(({ document, chunk }) => document === "d3" && chunk === 0);
    const near = await search(passage.text, { ...exact, k: 7 });
    assert.deepEqual(places(like), places(near).filter((place) => !place.startsWith("d3/")).slice(0, 5));
    await assert.rejects(page.evaluate(() => index.similar("nobody")), /nobody/);
  });

  test("embeds no more passages than the limit, and says what it left out", async () => {
    const found = await search("some other note of rent", { ...exact, k: 5, limit: 8, batch: 4 });
    assert.ok(found.stats.recomputed + (found.stats.remembered ?? 0) <= 8);
    assert.ok(found.leftOut.passages > 0);
    assert.equal(found.hits.length, 5);
  });

  test("answers before a deadline that embedding everything would miss, and says what it left out", async () => {
    const timed = await page.evaluate(async (documents) => {
      // Nothing is remembered, and 10 ms a text, on a timer: all passages take longer than a second.
      const index = await made("slow", documents);
      globalThis.slow = 10;
      try {
        const found = await index.search("one more note of rivers", { recall: 1, k: 5, deadlineMs: 400 });
        const open = await index.search("two more notes of rivers", { k: 5, mode: "keyword", deadlineMs: 60_000 });
        return { found, open };
      } finally {
        globalThis.slow = 0;
        await index.close();
      }
    }, documents);
    const { found, open } = timed;
    assert.equal(found.hits.length, 5);
    assert.ok(found.leftOut.passages > 0 || found.leftOut.question, JSON.stringify(found.leftOut));
    assert.ok(found.stats.recomputed < found.eligible);
    assert.deepEqual(open.leftOut, { passages: 0, text: 0, question: false });
  });
});

/** An empty page to import the package into. */
function blank(request, response) {
  if (!request.url.endsWith("/blank")) return false;
  response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>search</title>");
  return true;
}
