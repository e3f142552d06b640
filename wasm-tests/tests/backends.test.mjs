// The encoder in Chromium against the reference vectors, on the CPU and on WebGPU; the pipeline on WebGPU.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ask, browser, compare, dropFiles, engine, golden, row, site, started, tiny, visit } from "../harness.mjs";

const long = process.env.GOSSAMER_LONG === "1";

/** Whether the browser's adapter has a feature. */
async function has(feature) {
  const server = await site();
  const { context, close } = await browser();
  try {
    const page = await context.newPage();
    await page.goto(`${server.url}erased.html`);
    return await page.evaluate(async (feature) => (await navigator.gpu.requestAdapter()).features.has(feature), feature);
  } finally {
    await close();
    await server.close();
  }
}

async function withEngine(options, work) {
  const server = await site(options.model ? { model: options.model } : {});
  const { context, close } = await browser();
  try {
    await work(await engine(context, server.url, { backend: options.backend }));
  } finally {
    await close();
    await server.close();
  }
}

/** The bounds of every backend: cosine at least 0.9999, no component further off than 0.001. */
function assertEqualToReference(values, cases) {
  const { cosine, difference } = compare(values, cases.map((c) => c.embedding));
  assert.ok(cosine >= 0.9999 && difference <= 1e-3, `lowest cosine ${cosine}, largest difference ${difference}`);
  return `lowest cosine ${cosine.toFixed(7)}, largest difference ${difference.toExponential(1)} over ${cases.length} texts`;
}

describe("all-MiniLM-L6-v2 in Chromium", () => {
  test("on the CPU equals the reference for every golden text", { timeout: 600_000 }, async (t) => {
    const cases = await golden("tests/fixtures/minilm-golden.json");
    assert.ok(cases.length >= 64);
    await withEngine({ backend: "cpu" }, async ({ info, call }) => {
      assert.equal(info.backend.kind, "cpu");
      t.diagnostic(assertEqualToReference(await call("embed", { texts: cases.map((c) => c.text) }), cases));
    });
  });

  test("on WebGPU equals the reference", { timeout: long ? 7_200_000 : 900_000 }, async (t) => {
    const all = await golden("tests/fixtures/minilm-golden.json");
    // The adapter of this machine may be emulated: in short runs a few short texts.
    const cases = long ? all : all.filter((c) => c.text.length < 40).slice(0, 4);
    await withEngine({ backend: "gpu" }, async ({ info, call }) => {
      assert.equal(info.backend.kind, "gpu");
      assert.equal(info.backend.api, "webgpu");
      // The page ships f16 weights: computed in f16 where the adapter can, unpacked from pairs where it cannot.
      assert.equal(info.backend.arithmetic, await has("shader-f16") ? "f16" : "f32");
      assert.ok(info.selfTest >= 0.9999, `self-test ${info.selfTest}`);
      t.diagnostic(assertEqualToReference(await call("embed", { texts: cases.map((c) => c.text) }), cases));
    });
  });
});

describe("a tiny BERT in Chromium", () => {
  test("has a WebGPU adapter to run on", async () => {
    const server = await site({ model: tiny });
    const { context, close } = await browser();
    try {
      const page = await visit(context, server.url);
      const adapter = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
      assert.ok(adapter, "this Chromium gives no WebGPU adapter");
    } finally {
      await close();
      await server.close();
    }
  });

  for (const backend of ["cpu", "gpu"]) {
    test(`equals its reference on the ${backend}`, { timeout: 300_000 }, async (t) => {
      const cases = await golden("tests/fixtures/tiny-bert/golden.json");
      await withEngine({ backend, model: tiny }, async ({ info, call }) => {
        assert.equal(info.backend.kind, backend);
        t.diagnostic(assertEqualToReference(await call("embed", { texts: cases.map((c) => c.text) }), cases));
      });
    });
  }

  test("indexes, searches, persists and reloads on WebGPU, with the answers of the CPU", { timeout: 600_000 }, async () => {
    const server = await site({ model: tiny });
    const { context, close } = await browser();
    try {
      const documents = [
        { name: "one.txt", text: "red green blue yellow. ".repeat(30) },
        { name: "two.txt", text: "north south east west. ".repeat(30) },
        { name: "three.md", text: "# Numbers\n\none two three four five six seven." },
      ];
      const page = await visit(context, `${server.url}?backend=gpu`);
      await dropFiles(page, documents);
      for (const { name } of documents) await row(page, name, "done");
      assert.match(await page.innerText("#state-backend"), /^GPU: .+ \(emulated\), self-test passed$|^GPU: [^(]+, self-test passed$/);
      const onGpu = await ask(page, "one two three four");
      assert.ok(onGpu.length >= 3);
      await page.reload();
      await started(page);
      assert.equal((await page.evaluate(() => globalThis.gossamer.info())).embeddedToAdd, 0);
      assert.deepEqual(await ask(page, "one two three four"), onGpu);
      await page.goto(`${server.url}?backend=cpu`);
      await started(page);
      assert.match(await page.innerText("#state-backend"), /^CPU/);
      const onCpu = await ask(page, "one two three four");
      assert.deepEqual(onCpu.map((hit) => hit.text), onGpu.map((hit) => hit.text));
      onCpu.forEach((hit, i) => assert.ok(Math.abs(hit.score - onGpu[i].score) <= 2e-3));
      assert.deepEqual(page.complaints, []);
    } finally {
      await close();
      await server.close();
    }
  });
});
