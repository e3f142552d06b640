"""Search libraries of the JavaScript world on the same vectors: Orama in Node, hnswlib-wasm in Chromium."""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402


def main(wanted):
    x, queries = common.vectors()
    files = [common.WORK / "passages.f32", common.WORK / "queries.f32"]
    x.tofile(files[0])
    queries.tofile(files[1])
    rows = []

    def node(script):
        command = ["node", "--max-old-space-size=4096", HERE / script, *files, str(x.shape[1])]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    def row(system, report, found, ms, knob=""):
        rows.append({
            "system": system,
            "bytes_per_passage": round(report["bytes"] / len(x), 1),
            "share_of_text": round(report["bytes"] / common.TEXT_BYTES, 4),
            "recall": round(common.recall(found, common.truth()), 4),
            "recomputed": 0,
            "rounds": 0,
            "query_ms": round(ms, 3),
            "build_seconds": round(report["build"], 2),
            "knob": knob,
        })
        print(rows[-1], flush=True)

    if "hnswlib" in wanted:
        report = node("hnswlib.mjs")
        for run in report["runs"]:
            row("hnswlib-wasm 0.8.2 in Chromium, f32", report, run["found"], run["ms"], f"ef {run['ef']}")
    if "orama" in wanted:
        report = node("orama.mjs")
        row("Orama 3.1.18 in Node, vectors as JSON, scanned", report, report["found"], report["p50"])
    for file in files:
        file.unlink()
    new = {row["system"] for row in rows}
    common.save("browser", [row for row in common.load("browser") if row["system"] not in new] + rows)


if __name__ == "__main__":
    main(sys.argv[1:] or ["hnswlib", "orama"])
