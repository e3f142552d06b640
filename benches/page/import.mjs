// A folder imported by the page as it is built, in Chromium, with the real model: passages per second, memory, tasks
// that held the page up, and every file that failed.
//
//   node benches/page/import.mjs FOLDER [cpu|gpu]

import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

import { ask, browser, dropFiles, imported, row, site, visit } from "../../wasm-tests/harness.mjs";

const EVERY = 2000;
const [folder, backend = "cpu"] = process.argv.slice(2);
if (!folder) throw new Error("usage: node benches/page/import.mjs FOLDER [cpu|gpu]");

/** The largest resident memory that a renderer of our Chromium has had: the page and all of its workers share one. */
async function rendererPeak() {
  const processes = new Map();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [status, command] = await Promise.all(["status", "cmdline"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")));
    const number = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    processes.set(Number(pid), { parent: number("PPid"), bytes: 1024 * number("VmHWM"), renderer: command.includes("--type=renderer") });
  }
  const ours = (pid) => pid === process.pid || (processes.has(pid) && ours(processes.get(pid).parent));
  return Math.max(0, ...[...processes].filter(([pid, { renderer }]) => renderer && ours(pid)).map(([, { bytes }]) => bytes));
}

const server = await site();
const { context, close } = await browser();
const page = await visit(context, `${server.url}?backend=${backend}`);
await page.evaluate(() => {
  globalThis.tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration)))).observe({ type: "longtask" });
});

const peak = { page: 0, wasm: 0 };
const sample = async () => {
  peak.page = Math.max(peak.page, await page.evaluate(() => performance.memory.usedJSHeapSize).catch(() => 0));
  const worker = page.workers().find((worker) => worker.url().endsWith("/worker.js"));
  const wasm = await worker.evaluate(async () => {
    const { default: init } = await import("/pkg/gossamer.js");
    return (await init()).memory.buffer.byteLength;
  }).catch(() => 0);
  peak.wasm = Math.max(peak.wasm, wasm);
};
// The model first: loading it is no part of the import's rate.
await dropFiles(page, [{ name: "first.txt", text: "The first document loads the model." }]);
await row(page, "first.txt", "done");
await imported(page);
const started = Date.now();
await page.setInputFiles("#folder-picker", folder);
await page.waitForFunction(() => !document.getElementById("total").hidden, undefined, { timeout: 300_000 });
let over = false;
const sampling = (async () => {
  while (!over) {
    await sample();
    await new Promise((wake) => setTimeout(wake, EVERY));
  }
})();
// As slow as it may be.
for (;;) {
  const ended = await imported(page).then(() => true, () => false);
  if (ended) break;
  console.error(await page.innerText("#total-label"), await page.innerText("#total-figure"));
}
const seconds = (Date.now() - started) / 1000;
over = true;
await sampling;
await sample();

const stats = await page.evaluate(() => globalThis.gossamer.stats());
const info = await page.evaluate(() => globalThis.gossamer.info());
const failures = await page.$$eval('.file[data-state="failed"]', (rows) => rows.map((row) => [row.querySelector(".file-name").title, row.dataset.code, row.querySelector(".file-status").textContent]));
const importTasks = await page.evaluate(() => globalThis.tasks.splice(0));
const long = (tasks) => ({ count: tasks.length, longestMs: Math.max(0, ...tasks) });
const asked = Date.now();
await ask(page, "Who owns a value, and when is it dropped?");
const answer = Date.now() - asked;
const searchTasks = await page.evaluate(() => globalThis.tasks.splice(0));
const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(JSON.stringify({
  backend: info.backend.name, seconds, documents: stats.documents, passages: stats.chunks, textMB: stats.textBytes / 1e6,
  passagesPerSecond: stats.chunks / seconds, indexBytes: stats.bytes,
  passedOver: await page.innerText("#passed-over"), failed: failures.length,
  peak: { pageHeap: mb(peak.page), workerWasm: mb(peak.wasm), renderer: mb(await rendererPeak()) },
  tasksOver50ms: { import: long(importTasks), search: long(searchTasks) }, firstSearchMs: answer,
}, null, 1));
for (const [name, code, reason] of failures) console.log(`${code}\t${name}\t${reason}`);
await close();
await server.close();
