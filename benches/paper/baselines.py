"""What others do with the same vectors: exact scan, HNSW, IVF, IVF with recomputation, product codes, 1-bit codes.

Recall@3 against exact search; `recomputed` counts embeddings that an index without vectors has to make again. Bytes are
of everything but the text: vectors or codes, graph or lists, ids, codebooks. Each system's own knob is swept, so that
figures can be read off at equal recall. One thread; every system in a process of its own, so that none has the other's
memory. Product codes are compared by distance, which orders vectors of unit length as the inner product does, and finds more.

usage: baselines.py [SYSTEM...]
"""

import os
import subprocess
import sys
import tempfile
import time

import faiss
import numpy as np

import common

K = 3
EFS = (3, 8, 16, 32, 64)
PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# Candidates that are ranked exactly.
COUNTS = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300)


class Bench:
    """The vectors, and the rows found about one system."""

    def __init__(self):
        faiss.omp_set_num_threads(1)
        self.x, self.queries = common.vectors()
        self.n, self.dim = self.x.shape
        self.true = common.truth()
        self.rows = []

    def row(self, system, size, recall, ms, knob="", recomputed=0, rounds=0, built=None):
        _, seconds, peak = built or (None, None, None)
        self.rows.append(
            {
                "system": system,
                "bytes_per_passage": round(size / self.n, 2),
                "share_of_text": round(size / common.TEXT_BYTES, 5),
                "recall": round(recall, 4),
                "recomputed": recomputed,
                "rounds": rounds,
                "query_ms": round(ms, 3),
                "build_seconds": None if seconds is None else round(seconds, 2),
                "peak_mib": None if peak is None else round(peak),
                "knob": knob,
            }
        )
        print(self.rows[-1], flush=True)

    def asked(self, search):
        """Answers and the median processor time, one question at a time."""
        found, times = [], []
        for q in self.queries:
            start = time.process_time()
            ids = search(q[None])
            times.append(time.process_time() - start)
            found.append(ids)
        return found, common.p50(times)

    def recall(self, found):
        return common.recall(found, self.true, K)

    def filled(self, index):
        """An index trained and filled, with what that took."""

        def make():
            index.train(self.x)
            index.add(self.x)
            return index

        return common.built(make)

    def reranked(self, system, index, size, knob, built):
        """Recall when the best `r` by code are ranked exactly, for each `r`: of the true, those among them."""
        found, ms = self.asked(lambda q: index.search(q, COUNTS[-1])[1][0])
        for r in COUNTS:
            self.row(system, size, self.recall([ids[:r] for ids in found]), ms, f"{knob}best {r}", r, 1, built)


def stored(index):
    return faiss.serialize_index(index).nbytes


def exact(bench):
    flat = faiss.IndexFlatIP(bench.dim)
    flat.add(bench.x)
    found, ms = bench.asked(lambda q: flat.search(q, K)[1][0])
    bench.row("exact scan of f32 vectors", 4 * bench.dim * bench.n, bench.recall(found), ms)


def hnsw(bench):
    index = faiss.IndexHNSWFlat(bench.dim, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 128
    built = bench.filled(index)
    size = stored(index)
    for ef in EFS:
        index.hnsw.efSearch = ef
        found, ms = bench.asked(lambda q: index.search(q, K)[1][0])
        bench.row("HNSW, f32 (faiss)", size, bench.recall(found), ms, f"ef {ef}", built=built)


def usearch(bench):
    from usearch.index import Index

    index = Index(ndim=bench.dim, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    built = common.built(lambda: index.add(np.arange(bench.n), bench.x, threads=1))
    with tempfile.TemporaryDirectory() as folder:
        index.save(os.path.join(folder, "index"))
        size = os.path.getsize(os.path.join(folder, "index"))
    for ef in EFS:
        index.expansion_search = ef
        found, ms = bench.asked(lambda q: index.search(q[0], K, threads=1).keys)
        bench.row("HNSW, f32 (usearch)", size, bench.recall(found), ms, f"ef {ef}", built=built)


def ivf(bench):
    """Lists of the nearest of sqrt(n) centroids. EdgeRAG (arXiv 2412.21023) keeps no vectors and embeds the lists'
    passages again; its own cache and its keeping of costly lists are left out: they trade bytes for time."""
    lists = int(bench.n**0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(bench.dim), bench.dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 1
    built = bench.filled(index)
    sizes = np.array([index.invlists.list_size(i) for i in range(lists)])
    # Centroids in f16 and the list of every passage in the fewest whole bits.
    small = lists * bench.dim * 2 + bench.n * int(np.ceil(np.log2(lists))) // 8
    for probes in PROBES:
        index.nprobe = probes
        found, ms = bench.asked(lambda q: index.search(q, K)[1][0])
        reached, knob = bench.recall(found), f"{probes} of {lists} lists"
        bench.row("IVF, f32", stored(index), reached, ms, knob, built=built)
        visited = index.quantizer.search(bench.queries, probes)[1]
        embedded = round(float(sizes[visited].sum(axis=1).mean()), 1)
        bench.row("IVF, recomputed (EdgeRAG)", small, reached, ms, knob, embedded, 1, built)


def hnsw_pq(m):
    def run(bench):
        index = faiss.IndexHNSWPQ(bench.dim, m, 32, 8, faiss.METRIC_L2)
        index.hnsw.efConstruction = 128
        built = bench.filled(index)
        index.hnsw.efSearch = 128
        found, ms = bench.asked(lambda q: index.search(q, K)[1][0])
        label = "HNSW on product codes, not re-ranked"
        bench.row(label, stored(index), bench.recall(found), ms, f"{m} B codes", built=built)

    return run


def pq(m):
    def run(bench):
        index = faiss.IndexPQ(bench.dim, m, 8, faiss.METRIC_L2)
        built = bench.filled(index)
        bench.reranked("flat PQ, re-ranked", index, stored(index), f"{m} B codes, ", built)

    return run


def opq(bench, m=24):
    codes = faiss.IndexPQ(bench.dim, m, 8, faiss.METRIC_L2)
    rotation = faiss.OPQMatrix(bench.dim, m)
    rotation.niter = 10
    index = faiss.IndexPreTransform(rotation, codes)
    built = bench.filled(index)
    bench.reranked("flat OPQ, re-ranked", index, stored(index), f"{m} B codes, ", built)


def rabitq(bench):
    index = faiss.index_factory(bench.dim, "RR,RaBitQ", faiss.METRIC_INNER_PRODUCT)
    built = bench.filled(index)
    # The random rotation follows from its seed and need not be stored.
    size = stored(faiss.downcast_index(index.index))
    bench.reranked("flat 1-bit codes (RaBitQ), re-ranked", index, size, "", built)


SYSTEMS = {
    "exact": exact,
    "hnsw": hnsw,
    "usearch": usearch,
    "ivf": ivf,
    "hnsw-pq-16": hnsw_pq(16),
    "hnsw-pq-32": hnsw_pq(32),
    "pq-16": pq(16),
    "pq-24": pq(24),
    "opq-24": opq,
    "rabitq": rabitq,
}


def main(wanted):
    if len(wanted) != 1:
        for name in wanted or SYSTEMS:
            subprocess.run([sys.executable, __file__, name], check=True)
        return
    bench = Bench()
    SYSTEMS[wanted[0]](bench)
    # The rows of this system at these sizes take the place of what was there.
    size = lambda row: (row["system"], row["bytes_per_passage"])
    new = {size(row) for row in bench.rows}
    common.save("baselines", [row for row in common.load("baselines") if size(row) not in new] + bench.rows)


if __name__ == "__main__":
    main(sys.argv[1:])
