"""What all steps share: the data, recall, and the stamp that every row of a result bears."""

import ctypes
import gzip
import json
import os
import pathlib
import platform
import subprocess
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "benchmarks"
DATA = pathlib.Path(os.environ.get("DATA", ROOT.parent / "shared" / "data" / "squad"))
WORK = pathlib.Path(os.environ.get("BENCH_WORK", pathlib.Path.home() / ".cache" / "gossamer" / "bench-paper"))
TEXT_BYTES = 15_532_505
MODEL = "all-MiniLM-L6-v2"
SQUAD = "SQuAD v1.1, 20,958 passages, 500 questions"


def machine():
    model = platform.processor() or platform.machine()
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, no GPU"


def commit():
    run = lambda *a: subprocess.run(["git", *a], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = run("status", "--porcelain", "--", "src", "codec", "examples", "benches/paper", "Cargo.toml", "Cargo.lock")
    return run("rev-parse", "--short=10", "HEAD") + ("+changes" if changed else "")


def save(step, rows, data=SQUAD):
    """Writes the rows of a step, each with machine, commit, data, model and how busy the machine was."""
    stamp = {
        "machine": machine(),
        "load": round(os.getloadavg()[1], 1),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "data": data,
        "model": MODEL,
    }
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [{**row, **{k: v for k, v in stamp.items() if k not in row}} for row in rows]
    lines = ",\n".join(" " + json.dumps(row) for row in rows)
    (OUT / f"{step}.json").write_text("[\n" + lines + "\n]\n")
    print(f"{step}: {len(rows)} rows")


def load(step):
    path = OUT / f"{step}.json"
    return json.loads(path.read_text()) if path.exists() else []


def vectors():
    x = np.load(DATA / "passages.f16.npy").astype(np.float32)
    q = np.load(DATA / "queries.f16.npy").astype(np.float32)
    return x, q


def truth():
    return np.load(DATA / "queries.top10.npz")["ids"]


def passages():
    with gzip.open(DATA / "passages.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def titles():
    """The document of every passage, one a line."""
    path = WORK / "titles.txt"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(p["title"] + "\n" for p in passages()), encoding="utf-8")
    return path


def questions():
    return [json.loads(line) for line in open(DATA / "queries.jsonl", encoding="utf-8")]


def recall(found, true, k=3):
    """Share of the true `k` best that were found; `found` has any number per question."""
    hits = sum(len(set(map(int, f)) & set(map(int, t[:k]))) for f, t in zip(found, true))
    return hits / (k * len(true))


def p50(times):
    return float(np.median(times) * 1e3)


def memory(name):
    """Resident memory of this process, now (VmRSS) or at most (VmHWM), in MiB, where Linux tells."""
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def built(make):
    """What `make` makes, the CPU seconds it took, and the MiB it needed at most beyond what was there before."""
    # What was freed goes back first, or the next one would seem to need less.
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, start = memory("VmRSS"), time.process_time()
    index = make()
    return index, time.process_time() - start, memory("VmHWM") - before


def example(name, *args):
    """Runs one of the crate's examples (built by run.sh) and gives back what it prints."""
    binary = WORK / "target" / "release" / "examples" / name
    done = subprocess.run([binary, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} {args}: {done.stderr}")
    return done.stdout
