// The encoder in Chromium beside onnxruntime-web and transformers.js, in the same browser on the same machine.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { browser } from "../../wasm-tests/harness.mjs";
import { serve } from "../../wasm-tests/serve.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

// transformers.js is meant for bundlers: an import map stands in for one.
const imports = { "onnxruntime-common": "/ort-common/index.js", "onnxruntime-web/webgpu": "/ort-tf/ort.webgpu.bundle.min.mjs" };
const document = `<!doctype html><title>bench</title><script type="importmap">${JSON.stringify({ imports })}</script>`;

/** What runs in the page. Every function gives milliseconds per passage, the best of `repeats`. */
const page = () => {
  const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  // [CLS], so many times the same word, [SEP].
  const text = (tokens) => "stone ".repeat(tokens - 2).trim();
  const best = async (work, rows, repeats) => {
    await work();
    let least = Infinity;
    for (let i = 0; i < repeats; i++) {
      const at = performance.now();
      await work();
      least = Math.min(least, performance.now() - at);
    }
    return least / rows;
  };
  const engine = async (weights, backend) => {
    const { default: init, Engine } = await import("/pkg/gossamer.js");
    await init();
    const engine = await Engine.open("bench", { storage: "memory" });
    const [config, tokenizer, sentence, file] = await Promise.all(
      ["config.json", "tokenizer.json", "sentence_bert_config.json", weights].map((name) => bytes(`/model/${name}`)),
    );
    await engine.load({ name: "bench", config, tokenizer, sentence, weights: file }, backend);
    return engine;
  };
  const session = async (file, provider) => {
    const ort = await import(provider === "webgpu" ? "/ort/ort.webgpu.min.mjs" : "/ort/ort.wasm.min.mjs");
    Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: "/ort/" });
    return [ort, await ort.InferenceSession.create(await bytes(`/onnx/onnx/${file}`), { executionProviders: [provider] })];
  };
  globalThis.bench = {
    async gossamer(weights, backend, rows, tokens, repeats) {
      const e = await engine(weights, backend);
      const texts = Array(rows).fill(text(tokens));
      const ms = await best(() => e.embed(texts), rows, repeats);
      e.free();
      return ms;
    },
    async onnxruntime(file, provider, rows, tokens, repeats) {
      const [ort, s] = await session(file, provider);
      const tensor = (f) => new ort.Tensor("int64", BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt(f(i))), [rows, tokens]);
      const ms = await best(async () => {
        const out = await s.run({ input_ids: tensor(() => 2962), attention_mask: tensor(() => 1), token_type_ids: tensor(() => 0) });
        await out.last_hidden_state.getData();
      }, rows, repeats);
      await s.release();
      return ms;
    },
    /** Milliseconds of tokenising a passage, and of embedding it, tokenising included, in a batch of `rows` on `backend`. */
    async tokenising(weights, backend, rows, passage, repeats) {
      // What is too long is tokenised whole and then cut: what more of it costs is tokenising alone.
      const [many, cpu] = [1000, await engine(weights, "cpu")];
      const cut = (times) => best(() => cpu.embed([passage.repeat(times)]), 1, repeats);
      const alone = ((await cut(many)) - (await cut(4))) / (many - 4);
      const e = backend === "cpu" ? cpu : await engine(weights, backend);
      return [alone, await best(() => e.embed(Array(rows).fill(passage)), rows, repeats)];
    },
    async firstVector(side) {
      const at = performance.now();
      const question = "How does a spider know what is in its web?";
      if (side.startsWith("model")) {
        await (await engine(side, "cpu")).embed([question]);
      } else {
        const { pipeline, env } = await import("/tf/transformers.web.min.js");
        Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: "/hf/" });
        Object.assign(env.backends.onnx.wasm, { numThreads: 1, wasmPaths: "/ort-tf/" });
        const extract = await pipeline("feature-extraction", "onnx", { dtype: side, device: "wasm" });
        await extract(question, { pooling: "mean", normalize: true });
      }
      return performance.now() - at;
    },
  };
};

/** English, about as long as SQuAD's passages. */
const passage = (await readFile(path.join(here, "../../samples/documents/canals-and-locks.md"), "utf8")).slice(0, 600);

export async function browserSide({ cpu, webgpu, onnx, model, results }) {
  const modules = path.join(here, "node_modules");
  const server = await serve({
    root: here,
    mounts: {
      "/pkg/": path.join(here, "../../www/pkg"), "/model/": model, "/onnx/": onnx, "/hf/onnx/": onnx,
      "/ort/": path.join(modules, "onnxruntime-web/dist"), "/tf/": path.join(modules, "@huggingface/transformers/dist"),
      "/ort-tf/": path.join(modules, "@huggingface/transformers/node_modules/onnxruntime-web/dist"),
      "/ort-common/": path.join(modules, "onnxruntime-common/dist/esm"),
    },
    intercept(request, response) {
      if (request.url !== "/") return false;
      response.writeHead(200, { "content-type": "text/html" }).end(document);
      return true;
    },
  });
  const { context, close } = await browser();
  const run = async (method, ...args) => {
    const tab = await context.newPage();
    await tab.goto(server.url);
    await tab.evaluate(page);
    try {
      return await tab.evaluate(([method, args]) => globalThis.bench[method](...args), [method, args]);
    } finally {
      await tab.close();
    }
  };
  const share = async (what, ...args) => {
    const [alone, whole] = await run("tokenising", ...args);
    results.note(`${what}, tokenising a passage of ${args[3].length} characters`, `${alone.toFixed(2)} ms, ${((100 * alone) / whole).toFixed(2)} % of embedding it`);
  };
  try {
    if (cpu) {
      results.part = "browser";
      // A browser compiles hot loops a second time while they run: until then they take twice as long and more.
      const [rows, tokens, repeats] = [8, 128, 8];
      // One after the other, twice, and the better of each: what else the machine does hits both.
      const theirs = { fp32: Infinity, int8: Infinity };
      const mine = { f32: Infinity, int8: Infinity };
      const better = async (side, name, ...what) => (side[name] = Math.min(side[name], await run(...what, rows, tokens, repeats)));
      for (let round = 0; round < 2; round++) {
        await better(theirs, "fp32", "onnxruntime", "model.onnx", "wasm");
        await better(mine, "f32", "gossamer", "model.safetensors", "cpu");
        await better(theirs, "int8", "onnxruntime", "model_quantized.onnx", "wasm");
        await better(mine, "int8", "gossamer", "model.int8.safetensors", "cpu");
      }
      const what = `Chromium CPU, 1 thread, batch ${rows}, ${tokens} tokens`;
      results.compare(`${what}: onnxruntime-web fp32`, mine.f32, theirs.fp32);
      results.compare(`${what}, int8 weights: onnxruntime-web fp32`, mine.int8, theirs.fp32);
      results.compare(`${what}, int8 weights: onnxruntime-web int8`, mine.int8, theirs.int8);
      for (const weights of ["model.safetensors", "model.int8.safetensors"]) await share(`Chromium CPU, ${weights}`, weights, "cpu", rows, passage, 4);
      for (const [weights, dtype] of [["model.safetensors", "fp32"], ["model.int8.safetensors", "q8"]]) {
        await run("firstVector", weights);
        await run("firstVector", dtype);
        results.compare(`Chromium CPU, open to first query vector, warm, ${weights}: transformers.js ${dtype}`, await run("firstVector", weights), await run("firstVector", dtype), { passages: false });
      }
    }
    if (webgpu) {
      results.part = "webgpu";
      await share("Chromium WebGPU", "model.safetensors", "gpu", 1, passage, 1);
      for (const rows of [1, 8]) {
        const theirs = await run("onnxruntime", "model.onnx", "webgpu", rows, 32, 1);
        for (const [weights, precision] of [["model.safetensors", ""], ["model.f16.safetensors", ", f16 weights"]]) {
          results.compare(`Chromium WebGPU, batch ${rows}, 32 tokens${precision}: onnxruntime-web fp32`, await run("gossamer", weights, "gpu", rows, 32, 1), theirs);
        }
      }
    }
  } finally {
    await close();
    await server.close();
  }
}
