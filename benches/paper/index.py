"""An index as an application makes it, with its text: sizes by part, times, memory, and 30 % of churn."""

import gzip
import json
import shutil

import common


def main():
    common.WORK.mkdir(parents=True, exist_ok=True)
    plain = common.WORK / "passages.jsonl"
    with gzip.open(common.DATA / "passages.jsonl.gz", "rb") as packed, open(plain, "wb") as file:
        shutil.copyfileobj(packed, file)
    questions = common.DATA / "queries.jsonl"
    vectors = (common.DATA / "passages.f16.npy", common.DATA / "queries.f16.npy")
    report = json.loads(common.example("paper", plain, vectors[0], questions, vectors[1]))
    (common.WORK / "index.json").write_text(json.dumps(report))
    search = lambda r: {k: round(v, 4) if isinstance(v, float) else v for k, v in r.items() if k != "hits"}
    rows = [{
        "system": "Gossamer index, text beside it",
        "build_seconds": round(report["build_seconds"], 2),
        "build_cpu_seconds": round(report["build_cpu_seconds"], 2),
        "sizes": report["sizes"],
        "top_3": search(report["top_3"]),
        "top_10": search(report["top_10"]),
        "hybrid_10": search(report["hybrid_10"]),
        "keyword_10": search(report["keyword_10"]),
    }]
    updates = report["updates"]
    for name, what in (("churned", "30 % of the documents replaced, a commit each"), ("compacted", "the same, compacted"),
                       ("anew", "the same documents, built anew")):
        rows.append({
            "system": what,
            "sizes": updates[name]["sizes"],
            "top_3": search(updates[name]["search"]),
            **({k: round(updates[k], 2) for k in ("commits", "commit_ms_p50", "commit_ms_p95", "commit_cpu_ms")} if name == "churned" else {}),
            **({"compact_seconds": round(updates["compact_seconds"], 3)} if name == "compacted" else {}),
        })
    common.save("index", rows)


if __name__ == "__main__":
    main()
