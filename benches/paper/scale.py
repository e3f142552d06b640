"""How an index grows: synthetic chunks up to SIZES of them (by default 100,000 and a million).

Two kinds are walked on codes and judged against a scan of all codes. Those made among real neighbours are also written
out and judged as everything else here: recall@3 against exact search of the vectors, embeddings recomputed, bytes. Their
intrinsic dimension stands beside that of the real passages.
"""

import json
import os

import faiss
import numpy as np

import common
import gossamer

SQUAD = common.DATA / "passages.f16.npy"
LIKE = ["--like", SQUAD, common.titles(), common.DATA / "queries.f16.npy"]
NAMES = {"like SQuAD": "synthetic, among SQuAD's neighbours", "orthogonal topics": "synthetic, orthogonal topics"}
# An index scans its codes up to here, and walks a graph beyond.
SCANNED = 200_000


def dimension(vectors, k=20, sample=1000):
    """Intrinsic dimension by maximum likelihood over `k` neighbours (Levina and Bickel 2004, averaged as MacKay and
    Ghahramani proposed), of a sample of points among all."""
    n = len(vectors)
    chosen = np.random.default_rng(1).choice(n, sample, replace=False)
    points = vectors[chosen].astype(np.float32)
    best = np.full((sample, k + 1), np.inf, np.float32)
    for at in range(0, n, 50_000):
        part = faiss.IndexFlatL2(vectors.shape[1])
        part.add(vectors[at : at + 50_000].astype(np.float32))
        near = part.search(points, k + 1)[0]
        best = np.sort(np.concatenate([best, near], 1), 1)[:, : k + 1]
    # Without the point itself. The index gives squared distances.
    logs = 0.5 * np.log(np.maximum(best[:, 1:], 1e-12))
    return float(1 / np.mean((logs[:, -1:] - logs[:, :-1]).sum(1) / (k - 1)))


def codes(size, source):
    row = json.loads(common.example("scale", "--json", *source, size))
    return {**row, "data": NAMES[row["data"]]}


def whole(size):
    """Recall and work of an index over synthetic vectors, against exact search of them."""
    vectors, names = common.WORK / "scale.f16.npy", common.WORK / "scale.titles.txt"
    common.example("scale", *LIKE, "--export", vectors, size)
    titles = common.titles().read_text(encoding="utf-8").splitlines()
    names.write_text("".join(titles[i % len(titles)] + "\n" for i in range(size)), encoding="utf-8")
    files = ["--vectors", vectors, "--queries", common.DATA / "queries.f16.npy", "--documents", names]
    files += ["--text-bytes", round(common.TEXT_BYTES * size / len(titles)), "--json"]
    rows = []
    try:
        shape = {"dimension": round(dimension(np.load(vectors, mmap_mode="r")), 1)}
        layouts = [("graph", "graph walked")] + [("flat", "scanned")] * (size <= SCANNED)
        for layout, label in layouts:
            row = gossamer.ask(f"Gossamer, {label}", f"{size} chunks", files=files, layout=layout, target_recall=0.95)
            rows.append({**row, **shape, "data": NAMES["like SQuAD"]})
    finally:
        vectors.unlink()
        names.unlink()
    return rows


def main():
    sizes = [int(size) for size in os.environ.get("SIZES", "100000 1000000").split()]
    kept = [] if not os.environ.get("KEEP") else common.load("scale")
    walks, rows = [r for r in kept if "found" in r], [r for r in kept if "found" not in r]
    if not rows:
        rows.append({"system": "real passages", "n": 20958, "data": common.SQUAD, "dimension": round(dimension(np.load(SQUAD)), 1)})
    for size in sizes:
        for source in (LIKE, []):
            walks.append(codes(size, source))
            print(walks[-1], flush=True)
            common.save("scale", walks + rows)
        rows += whole(size)
        common.save("scale", walks + rows)


if __name__ == "__main__":
    main()
