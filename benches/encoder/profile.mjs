// Where a batch's time goes on the GPU, by kernel: CubeCL's own profile of the native command's Vulkan path.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

const UNITS = { ns: 1e-6, "µs": 1e-3, ms: 1, s: 1e3 };

/** Notes the share of every kernel in one batch of `rows` texts of `tokens` tokens. `ours`: the example encoder_speed. */
export async function profileSide({ ours, results, rows = 8, tokens = 128 }) {
  results.part = "vulkan";
  const folder = await mkdtemp(path.join(os.tmpdir(), "gossamer-profile-"));
  try {
    // Read from the folder that a program is started in.
    await writeFile(path.join(folder, "cubecl.toml"), '[profiling]\nlogger = { level = "basic", stdout = true }\n');
    for (const weights of ["model.safetensors", "model.f16.safetensors"]) {
      const lines = execFileSync(ours, ["gpu", tokens, rows, 1, weights].map(String), { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      const { device } = JSON.parse(lines.split("\n").find((line) => line.startsWith("{")));
      const ran = [...lines.matchAll(/^\| ([\d.]+)(ns|µs|ms|s) *\| ([A-Za-z]+)_/gm)].map(([, time, unit, kernel]) => ({ kernel, ms: time * UNITS[unit] }));
      // A batch begins with its embeddings; the last one is the measured one.
      const batch = ran.slice(ran.findLastIndex(({ kernel }) => kernel.startsWith("Embed")));
      const total = batch.reduce((sum, { ms }) => sum + ms, 0);
      const share = (kernel) => `${kernel.toLowerCase()} ${((100 * batch.reduce((sum, one) => sum + (one.kernel === kernel ? one.ms : 0), 0)) / total).toFixed(1)} %`;
      results.note(
        `${device.name}, ${device.arithmetic}, ${rows} texts of ${tokens} tokens: ${batch.length} dispatches`,
        [...new Set(batch.map(({ kernel }) => kernel))].map(share).join(", "),
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
