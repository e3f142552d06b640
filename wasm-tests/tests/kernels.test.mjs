// The relaxed loops are committed assembled: they must be what their source says.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { root } from "../harness.mjs";

test("relaxed.wasm is relaxed.wat, assembled", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-kernels-"));
  try {
    const [source, made] = [path.join(root, "src/model/kernels/relaxed.wat"), path.join(folder, "made.wasm")];
    const assembler = path.join(root, "wasm-tests/node_modules/.bin/wasm-as");
    execFileSync(assembler, ["--enable-simd", "--enable-relaxed-simd", source, "-o", made]);
    assert.deepEqual(await readFile(made), await readFile(source.replace(/wat$/, "wasm")));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
