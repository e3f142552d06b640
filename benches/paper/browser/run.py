"""A search library of the JavaScript world, in Node, on the same vectors."""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402


def main():
    x, queries = common.vectors()
    files = [common.WORK / "passages.f32", common.WORK / "queries.f32"]
    x.tofile(files[0])
    queries.tofile(files[1])
    command = ["node", "--max-old-space-size=4096", HERE / "orama.mjs", *files, str(x.shape[1])]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    row = {
        "system": "Orama 3.1.18, vectors as JSON, scanned",
        "bytes_per_passage": round(report["bytes"] / len(x), 1),
        "share_of_text": round(report["bytes"] / common.TEXT_BYTES, 4),
        "recall": round(common.recall(report["found"], common.truth()), 4),
        "recomputed": 0,
        "rounds": 0,
        "query_ms": round(report["p50"], 3),
        "build_seconds": round(report["build"], 2),
        "knob": "",
    }
    print(row)
    common.save("browser", [row])


if __name__ == "__main__":
    main()
