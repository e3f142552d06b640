// What the browser tests share: a server with chosen mounts, a real Chromium, golden vectors, the page's verbs.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "./serve.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const www = path.join(root, "www");
export const tiny = path.join(root, "tests/fixtures/tiny-bert");

const flags = [
  "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
];

/** Where Chromium is; fails where there is none. */
export function executable() {
  const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = candidates.find((file) => file && existsSync(file));
  if (!found) throw new Error("no Chromium was found: install one, or name it in CHROMIUM");
  return found;
}

/** A Chromium with a profile of its own, kept in `profile` across launches if one is given. */
export async function browser({ profile, ...options } = {}) {
  const folder = profile ?? (await mkdtemp(path.join(os.tmpdir(), "gossamer-profile-")));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: executable(),
    headless: true,
    args: flags,
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const close = async () => {
    await context.close();
    if (!profile) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { context, close };
}

/** Serves the page; `model` is a folder whose files are listed anew, by default the one that was built; `mounts` are others. */
export async function site({ model, intercept, mounts: others } = {}) {
  const mounts = { ...others };
  let folder;
  if (model) {
    folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-model-"));
    const files = [];
    for (const name of await readdir(model)) {
      if (name === "golden.json") continue;
      const bytes = await readFile(path.join(model, name));
      await copyFile(path.join(model, name), path.join(folder, name));
      files.push({ name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
    }
    await writeFile(path.join(folder, "manifest.json"), JSON.stringify({ name: path.basename(model), files }));
    mounts["/model/"] = folder;
  }
  const requests = [];
  const server = await serve({
    root: www,
    mounts,
    async intercept(request, response) {
      requests.push({ url: request.url, range: request.headers.range });
      return intercept?.(request, response);
    },
  });
  const close = async () => {
    await server.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  };
  return { url: server.url, folder, requests, close };
}

/** A page that has started; everything it complains about is collected. */
export async function visit(context, url) {
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || /Content Security Policy|Trusted/i.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  const hosts = new Set();
  context.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(url);
  await started(page);
  return Object.assign(page, { complaints, hosts });
}

/** Waits until the page has shown what is stored, the model included if there is something to search. */
export const started = (page) => page.waitForSelector("html[data-ready]", { timeout: 300_000 });

/** Drops files on the page as a person would: `files` are `{ name, text | bytes, type }`. */
export async function dropFiles(page, files) {
  const plain = files.map(({ name, text, bytes, type = "" }) => ({ name, type, data: bytes ? [...bytes] : text }));
  await page.evaluate((given) => {
    const transfer = new DataTransfer();
    for (const { name, type, data } of given) {
      const content = typeof data === "string" ? data : new Uint8Array(data);
      transfer.items.add(new File([content], name, { type }));
    }
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    for (const event of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(event, options));
  }, plain);
}

/** Waits for a document's row to be in a state and returns what it says. */
export async function row(page, name, state) {
  const row = page.locator(`.file[data-state="${state}"]`, { hasText: name });
  await row.waitFor({ timeout: 120_000 });
  return row.locator(".file-status").innerText();
}

/** Asks, and returns the answers as they are shown; `text` is the whole passage, `shown` what can be seen of it. */
export async function ask(page, question) {
  await page.fill("#question", question);
  await page.press("#question", "Enter");
  await answered(page);
  return answers(page);
}

/** Waits until a search has ended. */
export const answered = (page) => page.waitForSelector("#search:not([aria-busy])", { timeout: 300_000 });

/** The answers as they are shown. */
export function answers(page) {
  return page.$$eval(".hit", (hits) => hits.map((node) => ({
    title: node.querySelector(".hit-title").textContent,
    file: node.hit.id.split("/").pop(),
    place: node.querySelector(".hit-place")?.textContent ?? "",
    shown: node.querySelector(".hit-text").textContent,
    marked: [...node.querySelectorAll("mark")].map((mark) => mark.textContent),
    text: node.hit.text,
    score: node.hit.score,
  })));
}

/** Waits until nothing is being added any more. */
export const imported = (page) => page.waitForFunction(
  () => document.getElementById("files").getAttribute("aria-busy") !== "true" && document.getElementById("total").hidden && !document.querySelector('.file[data-state="queued"], .file[data-state="reading"], .file[data-state="embedding"]'),
  undefined, { timeout: 300_000 },
);

/** Complaints of accessibility rules (axe, WCAG 2.2 AA) about the page as it stands: `[{ id, nodes }]`. Of all rules, or
 *  of those that are named. */
export async function axe(page, rules) {
  if (!(await page.evaluate(() => Boolean(globalThis.axe)))) {
    await page.evaluate(await readFile(path.join(root, "wasm-tests/node_modules/axe-core/axe.min.js"), "utf8"));
  }
  const options = { resultTypes: ["violations"], runOnly: rules ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  const { violations } = await page.evaluate((options) => globalThis.axe.run(document, options), options);
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`) }));
}

/** An engine of its own in a page of the site: calls go to the same worker code that the page uses. */
export async function engine(context, url, { backend, name = "test" }) {
  const page = await context.newPage();
  await page.goto(new URL("index.html", url).href);
  await started(page);
  const info = await page.evaluate(async ([name, backend]) => {
    const { Client } = await import("/js/client.js");
    globalThis.testClient = new Client();
    await testClient.call("open", { name });
    return testClient.call("load", { backend });
  }, [name, backend]);
  const call = (method, params) => page.evaluate(async ([method, params]) => {
    const result = await testClient.call(method, params);
    return result instanceof Float32Array ? Array.from(result) : result;
  }, [method, params]);
  return { page, info, call };
}

/** Golden cases: `{ name, text, embedding }`. */
export async function golden(file) {
  const { cases } = JSON.parse(await readFile(path.join(root, file), "utf8"));
  return cases;
}

/** Lowest cosine and largest difference between rows and what they should be. */
export function compare(values, expected) {
  const dim = expected[0].length;
  let [cosine, difference] = [1, 0];
  expected.forEach((row, i) => {
    let [dot, a, b] = [0, 0, 0];
    row.forEach((want, j) => {
      const got = values[i * dim + j];
      dot += got * want;
      a += got * got;
      b += want * want;
      difference = Math.max(difference, Math.abs(got - want));
      if (!Number.isFinite(got)) difference = Infinity;
    });
    cosine = Math.min(cosine, dot / Math.sqrt(a * b));
  });
  if (values.length !== dim * expected.length) difference = Infinity;
  return { cosine, difference };
}
