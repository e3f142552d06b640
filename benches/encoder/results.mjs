// What was measured, printed as it comes and kept in docs/benchmarks/encoder.json; parts that were not run stay as they were.

import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import os from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const file = fileURLToPath(new URL("../../docs/benchmarks/encoder.json", import.meta.url));
const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();

export class Results {
  #rows = [];
  part = "";

  /** Milliseconds of both sides for one thing; one unless they are per passage of a batch. */
  compare(what, mine, theirs, { passages = true } = {}) {
    console.log(`${what.padEnd(84)}${mine.toFixed(1).padStart(9)} ms${theirs.toFixed(1).padStart(9)} ms   ${(theirs / mine).toFixed(2)}`);
    this.#add({ what, ms: round(mine), other_ms: round(theirs), ratio: round(theirs / mine), per: passages ? "passage" : "time" });
  }

  /** A figure without another side; `data`: what it was measured on, unless that is named. */
  note(what, value, data) {
    console.log(`${what}: ${value}`);
    this.#add({ what, value, data });
  }

  #add(row) {
    this.#rows.push({ part: this.part, ...row, load: round(os.loadavg()[0]) });
  }

  async save() {
    const { model } = os.cpus()[0];
    const changed = git("status", "--porcelain", "--", "src", "examples", "benches/encoder", "Cargo.toml", "Cargo.lock");
    const stamp = {
      machine: `${model}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB`,
      commit: git("rev-parse", "--short=10", "HEAD") + (changed ? "+changes" : ""),
      date: new Date().toISOString().slice(0, 10),
      data: "texts of the length named",
      model: "all-MiniLM-L6-v2",
    };
    const before = JSON.parse(await readFile(file, "utf8").catch(() => "[]"));
    const parts = new Set(this.#rows.map(({ part }) => part));
    const rows = [...before.filter(({ part }) => !parts.has(part)), ...this.#rows.map((row) => ({ ...row, ...stamp, data: row.data ?? stamp.data }))];
    const order = ["native", "browser", "webgpu", "vulkan", "recall"];
    rows.sort((a, b) => order.indexOf(a.part) - order.indexOf(b.part));
    await writeFile(file, `[\n${rows.map((row) => ` ${JSON.stringify(row)}`).join(",\n")}\n]\n`);
  }
}

const round = (value) => Number(value.toPrecision(3));
