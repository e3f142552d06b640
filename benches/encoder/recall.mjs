// recall@3 of the whole pipeline with weights of each precision: passages indexed and questions asked by `gossamer`
// itself, judged by an exact search of the reference's f32 vectors (sentence-transformers) over the same passages.
//
//   node run.mjs --recall [--passages 2000]      GOSSAMER: the command; GOSSAMER_DATA: the folder with squad/

import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";

/** Hits that are judged. */
const K = 3;

export async function recallSide({ command, data, passages, results }) {
  results.part = "recall";
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-recall-"));
  try {
    const { questions, truth } = await lay(data, passages, path.join(folder, "documents"));
    for (const precision of ["f32", "f16", "int8"]) {
      const env = { ...process.env };
      delete env.GOSSAMER_WEIGHTS;
      if (precision !== "f32") env.GOSSAMER_WEIGHTS = precision;
      const index = path.join(folder, `${precision}.index`);
      execFileSync(command, ["index", "documents", "--index", index, "--backend", "cpu", "--quiet"], { cwd: folder, env, stdio: "ignore" });
      const [found, recomputed] = await ask(command, index, env, questions, truth);
      const what = `recall@${K} of exact search, ${passages} SQuAD passages, ${questions.length} questions, ${precision} weights`;
      results.note(what, `${found.toFixed(3)}, ${recomputed.toFixed(1)} embeddings per question`, "SQuAD");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes passages spread evenly over all, a file each; gives the questions and the numbers of the nearest K of each. */
async function lay(data, count, folder) {
  const squad = path.join(data, "squad");
  const lines = gunzipSync(await readFile(path.join(squad, "passages.jsonl.gz"))).toString().trim().split("\n");
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * lines.length) / count));
  await mkdir(folder);
  for (const i of chosen) await writeFile(path.join(folder, `${i}.txt`), JSON.parse(lines[i]).text);
  const questions = (await readFile(path.join(squad, "queries.jsonl"), "utf8")).trim().split("\n").map((line) => JSON.parse(line).text);
  const [passages, queries] = await Promise.all(["passages.f16.npy", "queries.f16.npy"].map((name) => vectors(path.join(squad, name))));
  const rows = chosen.map((i) => [i, passages(i)]);
  const truth = questions.map((_, q) => {
    const query = queries(q);
    const scores = rows.map(([i, row]) => [row.reduce((sum, v, d) => sum + v * query[d], 0), i]);
    return new Set(scores.sort((a, b) => b[0] - a[0]).slice(0, K).map(([, i]) => i));
  });
  return { questions, truth };
}

/** The rows of a matrix of f16 in NumPy's format, version 1. */
async function vectors(file) {
  const bytes = await readFile(file);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  const [, width] = /'<f2'.*'fortran_order': False.*\(\d+, (\d+)\)/.exec(header)?.map(Number) ?? [];
  if (!width) throw new Error(`${file} is not a matrix of f16: ${header}`);
  return (row) => Float32Array.from({ length: width }, (_, d) => float(bytes.readUInt16LE(start + 2 * (row * width + d))));
}

/** An f16 by its bits; none is infinite here. */
function float(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
}

/** The share of the nearest that is found, and embeddings made per question. */
async function ask(command, index, env, questions, truth) {
  const port = await freePort();
  const server = spawn(command, ["serve", "--index", index, "--port", String(port), "--backend", "cpu"], { env, stdio: "ignore" });
  const ended = new Promise((_, fail) => server.on("exit", (code) => fail(new Error(`gossamer serve ended with ${code}`))));
  ended.catch(() => {});
  const search = async (question) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/search`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ question, k: K, mode: "semantic" }),
    });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return response.json();
  };
  const started = async () => {
    while (!(await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false))) await new Promise((wake) => setTimeout(wake, 200));
  };
  try {
    await Promise.race([started(), ended]);
    let [found, recomputed] = [0, 0];
    for (const [q, question] of questions.entries()) {
      const { hits, stats } = await Promise.race([search(question), ended]);
      // Two chunks of a passage are one.
      const passages = new Set(hits.map((hit) => Number(path.basename(hit.document, ".txt"))));
      found += [...passages].filter((passage) => truth[q].has(passage)).length;
      recomputed += stats.recomputed;
    }
    return [found / (K * questions.length), recomputed / questions.length];
  } finally {
    server.kill();
  }
}

function freePort() {
  const probe = createServer();
  return new Promise((found) => probe.listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => found(port));
  }));
}
