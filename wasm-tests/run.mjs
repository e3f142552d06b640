// Runs the browser tests one file after the other, and fails if there is nothing to run them with or on.
//
//   node run.mjs [--long] [file...]

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

import { executable, www } from "./harness.mjs";

const folder = fileURLToPath(new URL("./tests/", import.meta.url));
const args = process.argv.slice(2);
if (args.includes("--long")) process.env.GOSSAMER_LONG = "1";
const chosen = args.filter((arg) => !arg.startsWith("--"));
const all = (await readdir(folder)).filter((name) => name.endsWith(".test.mjs")).sort();
const files = (chosen.length > 0 ? chosen : all).map((name) => path.join(folder, path.basename(name)));

try {
  console.log(`Chromium: ${executable()}`);
  if (!existsSync(path.join(www, "pkg/gossamer_bg.wasm"))) throw new Error("www/pkg is not built: run scripts/build-web.sh");
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

let [passed, failed] = [0, 0];
const stream = run({ files, concurrency: 1, timeout: 20 * 60_000 });
const isFile = (data) => data.name.endsWith(".test.mjs") && data.nesting === 0;
stream.on("test:pass", (data) => {
  if (!isFile(data) && !data.skip && data.details?.type !== "suite") passed++;
});
stream.on("test:fail", () => failed++);
stream.compose(new spec()).pipe(process.stdout);
stream.on("end", () => {
  if (failed === 0 && passed === 0) console.error("no test ran");
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
});
