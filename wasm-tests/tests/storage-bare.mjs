// An engine of its own in a bare page, without the application, with a small deterministic embedder: for tests of what is
// stored where, not of meaning.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { root, www } from "../harness.mjs";
import { serve } from "../serve.mjs";

const script = `
import init, { Engine } from "/pkg/gossamer.js";

// One pseudo-random vector per word, added up: what examples/tiny_export.rs does natively.
const dimensions = 16;
const utf8 = new TextEncoder();
function embed(texts) {
  const values = new Float32Array(texts.length * dimensions);
  texts.forEach((text, row) => {
    const sum = new Float64Array(dimensions).fill(1e-3);
    for (const word of text.split(/\\s+/).filter(Boolean)) {
      let state = utf8.encode(word).reduce((h, b) => Math.imul(h ^ b, 16777619), 2166136261) | 1;
      for (let i = 0; i < dimensions; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        sum[i] += (state >>> 8) / (1 << 24) - 0.5;
      }
    }
    values.set(sum, row * dimensions);
  });
  return values;
}

await init();
globalThis.Engine = Engine;
globalThis.load = async (engine) => {
  await engine.attach({ model: "words", dimensions, maxTokens: 40, embed });
  return engine;
};
// What a call throws, as plain data.
globalThis.failure = (promise) => promise.then(() => "did not fail", ({ code, message, retryable }) => ({ code, message, retryable }));
globalThis.clean = async (engine) => {
  const { damaged, recovered } = await engine.verify();
  return damaged.length === 0 && !recovered;
};
globalThis.ready = true;
`;

// Another build of the module, for instance one without the encoder.
const pkg = process.env.GOSSAMER_PKG;

/** Serves the engine, and the folder `index` if one is given. */
export function bareSite({ index, intercept } = {}) {
  return serve({
    root: www,
    mounts: { ...(pkg && { "/pkg/": pkg }), ...(index && { "/index/": index }) },
    async intercept(request, response) {
      const address = new URL(request.url, "http://localhost").pathname;
      if (address === "/bare.html") {
        response.writeHead(200, { "Content-Type": "text/html" }).end('<!doctype html><meta charset="utf-8"><title>bare</title><script type="module" src="/bare.js"></script>');
        return true;
      }
      if (address === "/bare.js") {
        response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
        return true;
      }
      return intercept?.(request, response);
    },
  });
}

/** A bare page of the site with `Engine`, `load` and `failure` as globals. */
export async function bare(context, url) {
  const page = await context.newPage();
  // A busy machine takes its time; what hangs is ended by the test's own limit.
  page.setDefaultTimeout(300_000);
  await page.goto(new URL("bare.html", url).href);
  await page.waitForFunction(() => globalThis.ready);
  return page;
}

/** Runs a natively built example and returns what it prints. */
export function native(example, ...args) {
  const cache = process.env.GOSSAMER_CACHE ?? path.join(os.homedir(), ".cache/gossamer");
  const file = path.join(process.env.GOSSAMER_NATIVE ?? path.join(cache, "native"), "release/examples", example);
  if (!existsSync(file)) throw new Error(`${file} is not built: run make lint`);
  return execFileSync(file, args, { cwd: root, encoding: "utf8" });
}

const words = "one two three four five six seven red green blue yellow north south east west".split(" ");

/** A document of its own for every number. */
export function numbered(i) {
  const sentence = Array.from({ length: 12 }, (_, j) => words[(i * 7 + j * (i % 5 + 1)) % words.length]).join(" ");
  return { id: `doc-${i}`, title: `doc-${i}`, text: `${sentence}. `.repeat(12) };
}
