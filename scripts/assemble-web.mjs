// Lays the model's files and the samples beside the page, with the lists the page reads, and prints sizes.
//
//   node scripts/assemble-web.mjs --model DIR [--raw gossamer.wasm]

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const www = path.join(root, "www");
const { values: options } = parseArgs({ options: { model: { type: "string" }, raw: { type: "string" } } });

await layModel(path.resolve(options.model));
await laySamples();
await printSizes();

/** Links the files whose hashes are pinned in the source, and writes their list; anything else is refused. */
async function layModel(folder) {
  const pins = await readFile(path.join(root, "src/model/pinned.rs"), "utf8");
  const files = [];
  for (const name of ["config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors"]) {
    const file = path.join(folder, name);
    if (!existsSync(file)) fail(`${name} is missing in ${folder}: run \`gossamer model fetch\``);
    const bytes = await readFile(file);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (!pins.includes(`"${sha256}"`)) fail(`${file} is not the pinned file: delete it and run \`gossamer model fetch\``);
    files.push({ name, bytes: bytes.length, sha256 });
  }
  const to = path.join(www, "model");
  await rm(to, { recursive: true, force: true });
  await mkdir(to);
  for (const { name } of files) await symlink(path.join(folder, name), path.join(to, name));
  const name = "sentence-transformers/all-MiniLM-L6-v2";
  await writeFile(path.join(to, "manifest.json"), JSON.stringify({ name, files }, null, 2));
}

/** Copies the sample documents, with a few of the questions they answer. */
async function laySamples() {
  const to = path.join(www, "samples");
  await rm(to, { recursive: true, force: true });
  await cp(path.join(root, "samples/documents"), path.join(to, "documents"), { recursive: true });
  const documents = (await readdir(path.join(to, "documents"))).sort();
  const all = JSON.parse(await readFile(path.join(root, "samples/questions.json"), "utf8"));
  // Short questions, from documents far apart in the list.
  const short = all.filter((q) => q.question.length <= 56);
  const from = documents.map((document) => short.find((q) => q.document === document)).filter(Boolean);
  const questions = [0, 0.4, 0.8].map((at) => from[Math.floor(at * from.length)].question);
  await writeFile(path.join(to, "samples.json"), JSON.stringify({ documents, questions }, null, 2));
}

async function printSizes() {
  const wasm = await readFile(path.join(www, "pkg/gossamer_bg.wasm"));
  const glue = await readFile(path.join(www, "pkg/gossamer.js"));
  const raw = options.raw ? (await stat(options.raw)).size : undefined;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  const row = (name, bytes) => console.log(`  ${name.padEnd(22)}${(bytes / 1e6).toFixed(2).padStart(8)} MB`);
  console.log("WebAssembly:");
  if (raw) row("from cargo", raw);
  row("optimised", wasm.length);
  row("gzip", gzipSync(wasm, { level: 9 }).length);
  row("brotli", brotliCompressSync(wasm, quality).length);
  row("JavaScript glue", glue.length);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
