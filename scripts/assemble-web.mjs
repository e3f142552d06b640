// Lays the model's files and the samples with their finished index beside the page, writes the lists that the page
// reads (the hashes of all of its files among them), and prints sizes.
//
//   node scripts/assemble-web.mjs --model DIR [--raw gossamer.wasm] [--gossamer COMMAND] [--cache DIR]
//
// COMMAND makes the samples' index. Without it the page embeds the samples itself, which takes longer.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const www = path.join(root, "www");
const string = { type: "string" };
const { values: options } = parseArgs({ options: { model: string, raw: string, gossamer: string, cache: string } });

if (options.raw) await checkConstructors(options.raw);
await layModel(path.resolve(options.model));
await laySamples();
await listAssets();
await printSizes();

/**
 * Fails once nothing that is linked has constructors: the call of them can go then. The linker puts the function that
 * runs them before all others of the module; without any it has no instruction but its end.
 */
async function checkConstructors(raw) {
  const bytes = await readFile(raw);
  let at = 8;
  const number = () => {
    let [n, shift, byte] = [0, 0];
    do {
      byte = bytes[at++];
      n += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    return n;
  };
  const code = 10;
  while (at < bytes.length && bytes[at++] !== code) {
    const length = number();
    at += length;
  }
  const [, functions, length] = [number(), number(), number()];
  if (!(functions > 0 && length > 2)) fail("no crate has constructors any more: remove the call of __wasm_call_ctors from src/web/start.rs, and this check");
}

/** Links the files whose hashes are pinned in the source, and writes their list; anything else is refused. */
async function layModel(folder) {
  const pins = await readFile(path.join(root, "src/model/pinned.rs"), "utf8");
  const [files, links] = [[], []];
  for (const name of ["config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors"]) {
    const file = path.join(folder, name === "model.safetensors" ? weightsFile(folder) : name);
    if (!existsSync(file)) fail(`${name} is missing in ${folder}: run \`gossamer model fetch\``);
    const bytes = await readFile(file);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (!pins.includes(`"${source(bytes) ?? sha256}"`)) {
      fail(`${file} is not the pinned file, or not made from it: delete it and run \`gossamer model fetch\``);
    }
    files.push({ name, bytes: bytes.length, sha256 });
    links.push([file, name]);
  }
  const to = path.join(www, "model");
  await rm(to, { recursive: true, force: true });
  await mkdir(to);
  for (const [file, name] of links) await symlink(file, path.join(to, name));
  const name = "sentence-transformers/all-MiniLM-L6-v2";
  await writeFile(path.join(to, "manifest.json"), JSON.stringify({ name, files }, null, 2));
}

/** The weights to ship: GOSSAMER_WEB_WEIGHTS (f32, f16 or int8), by default f16, which `gossamer model convert` makes. */
function weightsFile(folder) {
  const wanted = process.env.GOSSAMER_WEB_WEIGHTS ?? "f16";
  if (wanted === "f32") return "model.safetensors";
  const file = `model.${wanted}.safetensors`;
  if (process.env.GOSSAMER_WEB_WEIGHTS || existsSync(path.join(folder, file))) return file;
  console.error("the page ships f32 weights, twice the download: `gossamer model convert --to f16` halves them");
  return "model.safetensors";
}

/** The hash of the file that converted weights were made from, as their header says; nothing for other files. */
function source(bytes) {
  const length = bytes.length > 8 ? Number(bytes.readBigUInt64LE(0)) : bytes.length;
  if (length > bytes.length - 8) return undefined;
  try {
    return JSON.parse(bytes.subarray(8, 8 + length).toString()).__metadata__?.["gossamer.source.sha256"];
  } catch {
    return undefined;
  }
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
  const index = await laySamplesIndex(to, documents);
  await writeFile(path.join(to, "samples.json"), JSON.stringify({ documents, questions, index }, null, 2));
}

/** Has the command index the samples, once per command, model and samples. */
async function laySamplesIndex(to, documents) {
  const command = options.gossamer;
  if (!command || !existsSync(command)) {
    console.error("the samples are not indexed, for the command is not built: `make native web` does both");
    return null;
  }
  const key = createHash("sha256").update(await readFile(command)).update(await readFile(path.join(www, "model/manifest.json")));
  for (const name of documents) key.update(name).update(await readFile(path.join(to, "documents", name)));
  const kept = options.cache ?? path.join(root, "dist");
  const made = path.join(kept, `samples-${key.digest("hex").slice(0, 16)}.gossamer`);
  if (!existsSync(made)) {
    const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-samples-"));
    const run = (...args) => execFileSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
    try {
      await mkdir(kept, { recursive: true });
      run("index", "samples/documents", "--index", path.join(folder, "index"));
      run("export", path.join(folder, "export"), "--index", path.join(folder, "index"));
      await copyFile(path.join(folder, "export"), made);
    } catch (error) {
      console.error(`the samples are not indexed: ${error.message}`);
      return null;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const file = "index.gossamer";
  await copyFile(made, path.join(to, file));
  return { file, bytes: (await stat(made)).size };
}

/** Lists every file that the page consists of with its hash, for the service worker. */
async function listAssets() {
  const files = [];
  const walk = async (folder) => {
    for (const entry of await readdir(path.join(www, folder), { withFileTypes: true })) {
      const name = path.posix.join(folder, entry.name);
      if (entry.name.startsWith(".") || entry.name.endsWith(".d.ts") || ["sw.js", "assets.js", "samples/documents", "package.json", "package-lock.json"].includes(name)) continue;
      if (entry.isDirectory()) await walk(name);
      // Links are the model's files: the page itself keeps and verifies those.
      if (!entry.isFile()) continue;
      const bytes = await readFile(path.join(www, name));
      files.push({ path: name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
    }
  };
  await walk("");
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 12);
  await writeFile(path.join(www, "assets.js"), `self.gossamerAssets = ${JSON.stringify({ version, files }, null, 1)};\n`);
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
