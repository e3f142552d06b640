// The npm package as it is installed: the packed tarball in every tool that developers use. Each adds documents,
// searches, closes, opens again and searches again.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { browser, root, tiny } from "../harness.mjs";
import { install, variant } from "../packaging/install.mjs";
import { notes, words } from "../packaging/words.mjs";
import { serve } from "../serve.mjs";

/** Bytes of the tarball, and of the two modules compressed with gzip, at most: some percent above what they are. */
const GATES = { tarball: 4_200_000, module: 3_400_000, slim: 535_000 };

const require = createRequire(import.meta.url);
let project;
let chromium;
let expected;

before(async () => {
  project = await install();
  chromium = await browser();
  const { Index } = await import(pathToFileURL(path.join(project.installed, "dist/slim/node.js")));
  const index = await Index.open({ name: "reference", storage: "memory", embedder: words, worker: false });
  await index.add(notes);
  const { hits } = await index.search("where do bees dance", { k: 2 });
  await index.close();
  expected = hits.map(({ document, title, metadata, text, start, end, score }) => ({ document, title, metadata, text, start, end, score }));
});
after(async () => {
  await chromium?.close();
  await project?.close();
});

/** Runs the program on a page: first visit, reload, second visit. */
async function visitTwice(url, { worker = true, options } = {}) {
  const page = await chromium.context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  try {
    await page.goto(url);
    await page.waitForFunction(() => globalThis.steps, undefined, { timeout: 60_000 });
    const first = await page.evaluate((options) => steps.first(options), options);
    assert.deepEqual([first.worker, first.report.added], [worker, 3]);
    assert.deepEqual(first.hits, expected);
    await page.reload();
    await page.waitForFunction(() => globalThis.steps, undefined, { timeout: 60_000 });
    assert.deepEqual((await page.evaluate((options) => steps.second(options), options)).hits, expected);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

async function served(folder, work, mounts = {}, intercept = undefined) {
  const server = await serve({ root: folder, mounts, intercept });
  try {
    await work(server.url);
  } finally {
    await server.close();
  }
}

test("the tarball holds what it should and nothing else, and is not too large", async (t) => {
  const modules = ["engine.js", "gossamer.wasm", "index.js", "node-platform.js", "node-worker.js", "node.js", "worker.js", "workerd.js"];
  const dist = [...modules.map((name) => `dist/${name}`), ...modules.map((name) => `dist/slim/${name}`), "dist/index.d.ts", "dist/minilm.gsc"];
  const names = project.files.map((file) => file.path).sort();
  const examples = ["own-embedder.mjs", "page/index.html", "page/main.js", "search-a-folder.mjs"].map((name) => `examples/${name}`);
  assert.deepEqual(names, [...dist, ...examples, "API.md", "README.md", "package.json"].sort());
  const { gzipSync } = await import("node:zlib");
  const gzip = async (name) => gzipSync(await readFile(path.join(project.installed, "dist", name)), { level: 9 }).length;
  const sizes = { tarball: project.size, module: await gzip("gossamer.wasm"), slim: await gzip("slim/gossamer.wasm") };
  t.diagnostic(JSON.stringify(sizes));
  for (const [name, gate] of Object.entries(GATES)) assert.ok(sizes[name] <= gate, `${name}: ${sizes[name]} bytes, ${gate} allowed`);
});

test("the bundled worker imports nothing", async () => {
  for (const name of ["worker.js", "slim/worker.js"]) {
    const code = await readFile(path.join(project.installed, "dist", name), "utf8");
    assert.ok(!/(^|[;}\n])import[\s{"'*]|[^.\w]import\(\s*["'`]|import\.meta/.test(code), name);
  }
});

test("the pinned model is the one that the library pins", async () => {
  const { MINILM } = await import(path.join(root, "pkg/src/pinned.js"));
  const pins = (await readFile(path.join(root, "src/model/pinned.rs"), "utf8")).replaceAll("_", "");
  for (const { name, bytes, sha256 } of MINILM.files) {
    assert.ok(pins.includes(`"${sha256}"`) && pins.includes(`bytes: ${bytes},`), name);
  }
  assert.ok(pins.includes(`"${MINILM.url.replaceAll("_", "")}"`));
});

test("the types hold under tsc --strict, with and without the encoder", async () => {
  const folder = path.join(project.folder, "types");
  await mkdir(folder);
  const usage = await readFile(path.join(root, "wasm-tests/packaging/types/usage.ts"), "utf8");
  await writeFile(path.join(folder, "usage.ts"), usage);
  await copyFile(path.join(root, "wasm-tests/packaging/types/tsconfig.json"), path.join(folder, "tsconfig.json"));
  const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin/tsc");
  await writeFile(path.join(folder, "slim.ts"), usage.replace('"gossamer-search"', '"gossamer-search/slim"'));
  execFileSync(process.execPath, [tsc, "-p", folder], { stdio: "inherit" });
});

test("a bare module script, on a page with a strict policy", async () => {
  const page = path.join(project.folder, "app");
  const main = (await readFile(path.join(page, "main.js"), "utf8")).replace('"gossamer-search"', '"/package/dist/index.js"');
  await mkdir(path.join(project.folder, "bare"));
  for (const name of ["index.html", "words.mjs"]) await copyFile(path.join(page, name), path.join(project.folder, "bare", name));
  await writeFile(path.join(project.folder, "bare/main.js"), main);
  await served(path.join(project.folder, "bare"), (url) => visitTwice(url), { "/package/": project.installed });
  await served(path.join(project.folder, "bare"), (url) => visitTwice(url, { worker: false, options: { worker: false } }), { "/package/": project.installed });
});

test("where the worker does not start, the work is done on the page's own thread, which says so", async () => {
  const folder = await variant(project.folder, "fallback", "gossamer-search/slim");
  const main = (await readFile(path.join(folder, "main.js"), "utf8")).replace('"gossamer-search/slim"', '"/package/dist/slim/index.js"');
  await writeFile(path.join(folder, "main.js"), `${main}\nglobalThis.open = open;`);
  const missing = (request, response) => request.url.endsWith("/worker.js") && (response.writeHead(404).end(), true);
  await served(folder, async (url) => {
    const page = await chromium.context.newPage();
    await page.goto(url);
    await page.waitForFunction(() => globalThis.steps, undefined, { timeout: 60_000 });
    const { info, found } = await page.evaluate(async () => {
      const index = await open();
      await index.add({ id: "new", text: "Something about badgers." });
      const { hits } = await index.search("badgers", { k: 1 });
      await index.close();
      return { info: index.info, found: hits[0].document };
    });
    assert.deepEqual([info.worker, found], [false, "new"]);
    assert.match(info.rejected.join(), /the worker did not start: /);
    await page.close();
  }, { "/package/": project.installed }, missing);
});

test("a second tab is told of what the first commits, and finds it", async () => {
  const folder = await variant(project.folder, "tabs", "gossamer-search/slim");
  const main = (await readFile(path.join(folder, "main.js"), "utf8")).replace('"gossamer-search/slim"', '"/package/dist/slim/index.js"');
  await writeFile(path.join(folder, "main.js"), `${main}\nglobalThis.open = open;`);
  await served(folder, async (url) => {
    const pages = [await chromium.context.newPage(), await chromium.context.newPage()];
    for (const page of pages) {
      await page.goto(url);
      await page.waitForFunction(() => globalThis.steps, undefined, { timeout: 60_000 });
    }
    const [writer, reader] = pages;
    await writer.evaluate(async () => { globalThis.index = await open(); });
    await reader.evaluate(async () => {
      globalThis.index = await open();
      globalThis.changes = [];
      index.on("change", (change) => changes.push(change));
    });
    await writer.evaluate(() => index.add({ id: "new", text: "Something about badgers." }));
    await reader.waitForFunction(() => changes.length > 0);
    const { change, found } = await reader.evaluate(async () => ({ change: changes[0], found: (await index.search("badgers", { k: 1 })).hits[0].document }));
    assert.deepEqual([change.remote, change.documents, found], [true, 1, "new"]);
    for (const page of pages) {
      await page.evaluate(() => index.close());
      await page.close();
    }
  }, { "/package/": project.installed });
});

test("Vite, built", async () => {
  const vite = await import("vite");
  const folder = await variant(project.folder, "vite", "gossamer-search");
  await vite.build({ root: folder, logLevel: "error", configFile: false });
  await served(path.join(folder, "dist"), (url) => visitTwice(url));
});

test("Vite's development server", async () => {
  const vite = await import("vite");
  const folder = await variant(project.folder, "vite-dev", "gossamer-search/slim");
  const server = await vite.createServer({
    root: folder, logLevel: "error", configFile: false, server: { port: 0, host: "127.0.0.1" },
  });
  try {
    await server.listen();
    await visitTwice(`http://127.0.0.1:${server.httpServer.address().port}/`);
  } finally {
    await server.close();
  }
});

test("webpack 5", async () => {
  const { default: webpack } = await import("webpack");
  const folder = await variant(project.folder, "webpack", "gossamer-search");
  const stats = await new Promise((resolve, reject) => {
    const config = { mode: "production", optimization: { minimize: false }, context: folder, entry: "./main.js", output: { path: path.join(folder, "dist"), filename: "main.js" }, performance: false };
    webpack(config, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual({ errors, warnings }, { errors: [], warnings: [] });
  await copyFile(path.join(folder, "index.html"), path.join(folder, "dist/index.html"));
  await served(path.join(folder, "dist"), (url) => visitTwice(url));
});

test("esbuild, with the worker and the module copied beside the bundle", async () => {
  const { build } = await import("esbuild");
  const folder = await variant(project.folder, "esbuild", "gossamer-search/slim");
  await build({ absWorkingDir: folder, entryPoints: ["main.js"], bundle: true, format: "esm", outdir: "dist", logLevel: "error" });
  for (const name of ["worker.js", "gossamer.wasm"]) await copyFile(path.join(project.installed, "dist/slim", name), path.join(folder, "dist", name));
  await copyFile(path.join(folder, "index.html"), path.join(folder, "dist/index.html"));
  await served(path.join(folder, "dist"), (url) => visitTwice(url));
});

test("a worker and a module from where the application says", async () => {
  const folder = await variant(project.folder, "factory", "gossamer-search/slim");
  const main = await readFile(path.join(folder, "main.js"), "utf8");
  const given = 'worker: () => new Worker("/package/dist/slim/worker.js", { type: "module" }), wasm: "/package/dist/slim/gossamer.wasm"';
  const text = main.replace('"gossamer-search/slim"', '"/package/dist/slim/index.js"').replace("embedder: words", `embedder: words, ${given}`);
  await writeFile(path.join(folder, "main.js"), text);
  await served(folder, (url) => visitTwice(url), { "/package/": project.installed });
});

test("Node, in memory and in a folder, with a model on the CPU", async () => {
  const script = path.join(project.folder, "node.mjs");
  await writeFile(script, `
    import { readFile, readdir } from "node:fs/promises";
    import { Index } from "gossamer-search";
    const bytes = {};
    for (const name of await readdir(${JSON.stringify(tiny)})) bytes[name] = new Uint8Array(await readFile(${JSON.stringify(tiny)} + "/" + name));
    delete bytes["golden.json"];
    const documents = [{ id: "a", text: "north south east west. ".repeat(5) }, { id: "b", text: "one two three four five six seven." }];
    const results = [];
    for (const storage of ["memory", { folder: ${JSON.stringify(path.join(project.folder, "node-index"))} }]) {
      const open = () => Index.open({ name: "node", model: { name: "tiny", bytes }, storage });
      let index = await open();
      await index.add(documents);
      const first = (await index.search("one two three", { k: 2 })).hits;
      if (storage !== "memory") {
        await index.close();
        index = await open();
      }
      const second = (await index.search("one two three", { k: 2 })).hits;
      results.push({ info: index.info, first, second, documents: (await index.stats()).documents });
      await index.close();
    }
    console.log(JSON.stringify(results));`);
  const results = JSON.parse(execFileSync(process.execPath, [script], { cwd: project.folder, encoding: "utf8", timeout: 120_000 }));
  for (const { info, first, second, documents } of results) {
    assert.deepEqual([info.backend.kind, info.worker, documents, first.length], ["cpu", true, 2, 2]);
    assert.deepEqual(second, first);
  }
  assert.deepEqual(results[1].first, results[0].first);
  assert.deepEqual(results.map(({ info }) => info.persistence), ["memory", "durable"]);
});

test("workerd, with storage of the application's own", async () => {
  const { build } = await import("esbuild");
  const folder = await variant(project.folder, "workerd", "gossamer-search/slim");
  await build({
    absWorkingDir: folder, entryPoints: ["workerd.mjs"], bundle: true, format: "esm", outfile: "dist/worker.js", logLevel: "error",
    conditions: ["workerd"], external: ["*.wasm"],
  });
  await copyFile(path.join(project.installed, "dist/slim/gossamer.wasm"), path.join(folder, "dist/gossamer.wasm"));
  await writeFile(path.join(folder, "dist/config.capnp"), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "gossamer.wasm", wasm = embed "gossamer.wasm")],
    compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`);
  const port = await new Promise((free) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => free(port));
    });
  });
  const runtime = spawn(require("workerd").default, ["serve", "config.capnp", "--socket-addr", `http=127.0.0.1:${port}`], { cwd: path.join(folder, "dist"), stdio: ["ignore", "inherit", "inherit"] });
  try {
    let response;
    for (let tries = 0; !response && tries < 100; tries++) {
      response = await fetch(`http://127.0.0.1:${port}/`).catch(() => new Promise((wake) => setTimeout(wake, 100)));
    }
    const { error, stack, report, first, second, info } = await response.json();
    assert.equal(error, undefined, stack);
    assert.deepEqual([report.added, info.worker, info.persistence], [3, false, "durable"]);
    assert.deepEqual(first.map(({ document }) => document), expected.map(({ document }) => document));
    assert.deepEqual(second, first);
  } finally {
    runtime.kill();
    await once(runtime, "exit");
  }
});

test("API.md says what the types say", () => {
  execFileSync(process.execPath, [path.join(root, "pkg/api.mjs"), "--check"], { stdio: "inherit" });
});
