"""What Gossamer does, and LEANN's algorithm on Gossamer's graph and codes: `gossamer eval` over targets and layouts."""

import json
import sys

import common

FILES = ["--vectors", common.DATA / "passages.f16.npy", "--queries", common.DATA / "queries.f16.npy"]
FILES += ["--documents", common.titles(), "--text-bytes", common.TEXT_BYTES, "--json"]
TRUTH = ["--truth", common.DATA / "queries.top10.npz"]
TARGETS = (0.6, 0.8, 0.9, 0.95, 0.97, 0.99)


def ask(label, knob="", k=3, files=None, **options):
    args = [*(files or FILES), "--k", k]
    for name, value in options.items():
        args += [f"--{name.replace('_', '-')}", value]
    if "passages" not in options and not files:
        args += TRUTH
    report = json.loads(common.example("eval", *args))
    row = {
        "system": label,
        "knob": knob,
        "n": report["n"],
        "k": k,
        "target": report["target_recall"],
        "recall": round(report["recall"], 4),
        "recomputed": round(report["recomputed_mean"], 2),
        "recomputed_p95": report["recomputed_p95"],
        "rounds": round(report["rounds_mean"], 2),
        "codes_read": round(report["codes_read_mean"]),
        "bytes": report["bytes"],
        "bytes_per_passage": round(report["bytes_per_passage"], 2),
        "share_of_text": round(report["share_of_text"], 5),
        "build_seconds": round(report["build_seconds"], 2),
        "query_ms": round(report["query_ms_p50"], 3),
    }
    print(label, knob, row["recall"], row["recomputed"], flush=True)
    return row


def gossamer():
    rows = []
    for size in (16, 20, 24):
        for target in TARGETS:
            label = f"Gossamer, {size} B codes, scanned"
            rows.append(ask(label, f"target {target}", layout="flat", code_bytes=size, target_recall=target))
    for target in TARGETS:
        rows.append(ask("Gossamer, 20 B codes, graph", f"target {target}", layout="graph", target_recall=target))
    common.save("gossamer", rows)


def leann_algorithm():
    rows = []
    for target in (0.85, 0.9, 0.95, 0.97):
        for batch in (1, 64):
            label = f"LEANN's algorithm on our codes and graph, batch {batch}"
            rows.append(ask(label, f"target {target}", layout="leann", batch=batch, target_recall=target))
        rows.append(ask("our graph alone, no codes", f"target {target}", layout="leann-nocodes", target_recall=target))
    for target in (0.85, 0.9, 0.95, 0.97):
        label = "LEANN's algorithm on our codes, graph with hubs, batch 1"
        rows.append(ask(label, f"target {target}", layout="leann", hubs=0.02, target_recall=target))
        label = "our graph with hubs alone, no codes"
        rows.append(ask(label, f"target {target}", layout="leann-nocodes", hubs=0.02, target_recall=target))
    common.save("leann-algorithm", rows)


def ablation():
    rows = [ask("Gossamer (graph, codes, stop rule, batches of 32)", layout="graph")]
    rows.append(ask("codes scanned instead of the graph walked", layout="flat"))
    rows.append(ask("graph with hubs (2 %, M 60) instead of plain caps", layout="graph", hubs=0.02))
    for batch in (1, 8):
        rows.append(ask(f"batches of {batch}", layout="graph", batch=batch))
    for limit in (10, 15, 20, 25):
        fixed = {"target_recall": 1, "limit": limit, "batch": limit}
        rows.append(ask(f"no stop rule: always the best {limit}", layout="flat", **fixed))
    rows.append(ask("LEANN's two-level search instead, batch 1", layout="leann"))
    rows.append(ask("LEANN's two-level search with dynamic batching to 64", layout="leann", batch=64))
    rows.append(ask("no codes: one level, every neighbour recomputed, batch 1", layout="leann-nocodes"))
    rows.append(ask("no codes, dynamic batching to 64", layout="leann-nocodes", batch=64))
    common.save("ablation", rows)


def cache():
    rows = []
    for share in (0, 0.025, 0.1):
        held = int(20958 * share)
        for layout, label in (("flat", "Gossamer, scanned"), ("leann", "LEANN's algorithm"), ("leann-nocodes", "no codes")):
            row = ask(label, f"{share:.1%} of the embeddings in memory", layout=layout, cache=held)
            rows.append({**row, "cached_share": share, "cached_bytes": held * 1536})
    common.save("cache", rows)


def growth():
    rows = []
    for n in (1000, 3000, 10000, 20958):
        for target in (0.95, 0.99):
            for layout in ("flat", "graph"):
                options = {"passages": n} if n < 20958 else {}
                label = f"Gossamer, {'scanned' if layout == 'flat' else 'graph'}"
                rows.append(ask(label, f"{n} passages", layout=layout, target_recall=target, **options))
    common.save("growth", rows)


PARTS = {"gossamer": gossamer, "leann-algorithm": leann_algorithm, "ablation": ablation, "cache": cache, "growth": growth}

if __name__ == "__main__":
    for part in sys.argv[1:]:
        PARTS[part]()
