// Both sides of every target of the encoder, in one run on one machine, and their ratios.
//
//   node run.mjs [--native] [--browser] [--webgpu] [--profile] [--recall [--passages 2000]]      (without a flag: native and browser)
//
// Needs: the models of `make bench-encoder` in $GOSSAMER_CACHE/bench-encoder, www/pkg, the example encoder_speed, the command.

import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import { browserSide } from "./browser.mjs";
import { profileSide } from "./profile.mjs";
import { recallSide } from "./recall.mjs";
import { Results } from "./results.mjs";

const boolean = { type: "boolean" };
const options = { native: boolean, browser: boolean, webgpu: boolean, recall: boolean, profile: boolean, passages: { type: "string", default: "2000" } };
const { values: flags } = parseArgs({ options });
const all = !flags.native && !flags.browser && !flags.webgpu && !flags.profile && !flags.recall;
const here = fileURLToPath(new URL(".", import.meta.url));
const cache = process.env.GOSSAMER_CACHE ?? path.join(os.homedir(), ".cache/gossamer");
const onnx = path.join(cache, "bench-encoder/model");
const python = path.join(cache, "bench-encoder/venv/bin/python");
const ours = process.env.ENCODER_SPEED;
const data = process.env.GOSSAMER_DATA ?? path.join(here, "../../../shared/data");

const results = new Results();

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}`);
console.log(`${"".padEnd(84)}${"gossamer".padStart(12)}${"the other".padStart(12)}   ratio (above 1: faster)`);

if (all || flags.native) {
  results.part = "native";
  const threads = Math.min(2, os.cpus().length);
  const run = (...args) => JSON.parse(execFileSync(ours, args.map(String), { env: { ...process.env, RAYON_NUM_THREADS: String(threads) } }));
  const mine = (...args) => run("cpu", ...args);
  const theirs = (file, batch, tokens) =>
    JSON.parse(execFileSync(python, [path.join(here, "native.py"), path.join(onnx, "onnx", file), threads, batch, tokens, 5].map(String)));
  // One after the other, twice, and the better of each: what else the machine does hits both.
  const best = (f) => [f(), f()].reduce((a, b) => (a.ms < b.ms ? a : b));
  for (const [batch, tokens] of [[16, 128], [1, 16]]) {
    const other = best(() => theirs("model.onnx", batch, tokens));
    const what = `native CPU, ${threads} threads, batch ${batch}, ${tokens} tokens`;
    const f32 = best(() => mine(tokens, batch, 5)).ms;
    results.compare(`${what}: onnxruntime fp32`, f32, other.ms);
    results.compare(`${what}, int8 weights: onnxruntime fp32`, best(() => mine(tokens, batch, 5, "model.int8.safetensors")).ms, other.ms);
    if (batch === 1) continue;
    results.compare(`${what}, int8 weights: onnxruntime int8`, best(() => mine(tokens, batch, 5, "model.int8.safetensors")).ms, best(() => theirs("model_quantized.onnx", batch, tokens)).ms);
    const peak = best(() => ({ ...run("peak"), ms: 0 })).peakGflops;
    const reached = operations(tokens) / f32 / 1e6;
    results.note(`${what}, f32: share of what multiplying and adding alone reaches`, `${reached.toFixed(0)} of ${peak.toFixed(0)} GFLOP/s, ${((100 * reached) / peak).toFixed(0)} %`);
  }
  const passages = await squadPassages();
  if (passages) {
    const { batch, longest, meanTokens, ms, paddedMs, tokeniseMs } = mine(`@${passages}`, 0, 2);
    results.compare(`native CPU, ${batch} SQuAD passages of ${meanTokens} tokens: all padded to ${longest}`, ms, paddedMs);
    results.note("native CPU, tokenising them", `${tokeniseMs.toFixed(2)} ms each, ${((100 * tokeniseMs) / ms).toFixed(1)} % of embedding them`);
  }
  for (const file of ["model.safetensors", "model.f16.safetensors", "model.int8.safetensors"]) {
    const { openMs, weightBytes, openPeakBytes } = best(() => mine(16, 1, 1, file));
    results.note(`native CPU, opening ${file}`, `${openMs.toFixed(0)} ms, ${(weightBytes / 1e6).toFixed(1)} MB of weights in memory, at most ${(openPeakBytes / 1e6).toFixed(1)} MB meanwhile: ${(openPeakBytes / weightBytes).toFixed(2)} times`);
  }
}
if (all || flags.browser || flags.webgpu) {
  await browserSide({ cpu: all || flags.browser, webgpu: flags.webgpu, onnx, model: path.join(cache, "models/all-MiniLM-L6-v2"), results });
}
if (flags.recall) await recallSide({ command: process.env.GOSSAMER, data, passages: Number(flags.passages), results });
if (flags.profile) await profileSide({ ours, results });
await results.save();

/** Additions and multiplications in MiniLM's layers for one passage: six of 384 wide, 1,536 inside. */
function operations(tokens) {
  return 6 * tokens * (2 * (4 * 384 ** 2 + 2 * 384 * 1536) + 4 * tokens * 384);
}

/** A file with 64 passages, one a line, or nothing without the data. */
async function squadPassages() {
  const file = path.join(data, "squad/passages.jsonl.gz");
  const bytes = await readFile(file).catch(() => undefined);
  if (!bytes) return console.log(`(no mixed lengths: ${file} is not there)`);
  const texts = gunzipSync(bytes).toString().split("\n").filter((line, i) => line && i % 300 === 0).slice(0, 64);
  const list = path.join(cache, "bench-encoder/passages.txt");
  await writeFile(list, texts.map((line) => JSON.parse(line).text.replace(/\s+/g, " ")).join("\n"));
  return list;
}
