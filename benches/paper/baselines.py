"""What others do with the same vectors: exact scan, HNSW, IVF, IVF with recomputation, product codes, 1-bit codes.

Recall@3 against exact search; `recomputed` counts embeddings that an index without vectors has to make again. Bytes are
of everything but the text: vectors or codes, graph or lists, ids, codebooks. Each system's own knob is swept, so that
figures can be read off at equal recall. One thread.
"""

import argparse
import os
import tempfile
import time

import faiss
import numpy as np

import common

K = 3


def stored(index):
    return faiss.serialize_index(index).nbytes


def timed(search, queries):
    """Answers and the median time, one question at a time."""
    found, times = [], []
    for q in queries:
        start = time.process_time()
        ids = search(q[None])
        times.append(time.process_time() - start)
        found.append(ids)
    return found, common.p50(times)


def reranked(ids, true, counts):
    """Recall when the best `r` by code are ranked exactly, for each `r`: of the true, those among them."""
    return {r: common.recall([row[:r] for row in ids], true, K) for r in counts}


def main():
    faiss.omp_set_num_threads(1)
    x, queries = common.vectors()
    n, dim = x.shape
    true = common.truth()
    rows = []

    def row(system, bytes_total, recall, ms, recomputed=0, rounds=0, build=None, peak=None, **more):
        rows.append(
            {
                "system": system,
                "bytes_per_passage": round(bytes_total / n, 2),
                "share_of_text": round(bytes_total / common.TEXT_BYTES, 5),
                "recall": round(recall, 4),
                "recomputed": recomputed,
                "rounds": rounds,
                "query_ms": round(ms, 3),
                "build_seconds": None if build is None else round(build, 2),
                "peak_mib": None if peak is None else round(peak),
                **more,
            }
        )
        print(rows[-1], flush=True)

    flat = faiss.IndexFlatIP(dim)
    flat.add(x)
    found, ms = timed(lambda q: flat.search(q, K)[1][0], queries)
    row("exact scan of f32 vectors", 4 * dim * n, common.recall(found, true), ms, knob="")

    def hnsw_flat():
        index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        index.add(x)
        return index

    hnsw, build, peak = common.built(hnsw_flat)
    size = stored(hnsw)
    for ef in (3, 8, 16, 32, 64):
        hnsw.hnsw.efSearch = ef
        found, ms = timed(lambda q: hnsw.search(q, K)[1][0], queries)
        row("HNSW, f32 (faiss)", size, common.recall(found, true), ms, build=build, peak=peak, knob=f"ef {ef}")

    from usearch.index import Index

    def hnsw_usearch():
        index = Index(ndim=dim, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
        index.add(np.arange(n), x, threads=1)
        return index

    usearch, build, peak = common.built(hnsw_usearch)
    with tempfile.TemporaryDirectory() as folder:
        usearch.save(os.path.join(folder, "index"))
        size = os.path.getsize(os.path.join(folder, "index"))
    for ef in (3, 8, 16, 32, 64):
        usearch.expansion_search = ef
        found, ms = timed(lambda q: usearch.search(q[0], K, threads=1).keys, queries)
        row("HNSW, f32 (usearch)", size, common.recall(found, true), ms, build=build, peak=peak, knob=f"ef {ef}")

    # Lists of the nearest of sqrt(n) centroids. EdgeRAG (arXiv 2412.21023) keeps no vectors and embeds the lists'
    # passages again; its own cache and its keeping of costly lists are left out: they trade bytes for time.
    lists = int(n**0.5)

    def ivf_flat():
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = 1
        index.train(x)
        index.add(x)
        return index

    ivf, build, peak = common.built(ivf_flat)
    size = stored(ivf)
    sizes = np.array([ivf.invlists.list_size(i) for i in range(lists)])
    # Centroids in f16 and the list of every passage in the fewest whole bits.
    small = lists * dim * 2 + n * int(np.ceil(np.log2(lists))) // 8
    for probes in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64):
        ivf.nprobe = probes
        found, ms = timed(lambda q: ivf.search(q, K)[1][0], queries)
        reached = common.recall(found, true)
        row("IVF, f32", size, reached, ms, build=build, peak=peak, knob=f"{probes} of {lists} lists")
        visited = ivf.quantizer.search(queries, probes)[1]
        embedded = float(sizes[visited].sum(axis=1).mean())
        knob = f"{probes} of {lists} lists"
        row("IVF, recomputed (EdgeRAG)", small, reached, ms, round(embedded, 1), 1, build, peak, knob=knob)

    def hnsw_pq(m):
        index = faiss.IndexHNSWPQ(dim, m, 32, 8, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        index.train(x)
        index.add(x)
        return index

    for m in (16, 32):
        pq, build, peak = common.built(lambda: hnsw_pq(m))
        pq.hnsw.efSearch = 128
        found, ms = timed(lambda q: pq.search(q, K)[1][0], queries)
        reached = common.recall(found, true)
        label = "HNSW on product codes, not re-ranked"
        row(label, stored(pq), reached, ms, build=build, peak=peak, knob=f"{m} B codes")

    def flat_pq(kind, m):
        index = faiss.IndexPQ(dim, m, 8, faiss.METRIC_INNER_PRODUCT)
        if kind == "OPQ":
            rotation = faiss.OPQMatrix(dim, m)
            rotation.niter = 10
            # What it is made of must outlive it.
            parts.extend((rotation, index))
            index = faiss.IndexPreTransform(rotation, index)
        index.train(x)
        index.add(x)
        return index

    parts = []

    counts = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300)
    for kind, m in (("PQ", 16), ("PQ", 24), ("OPQ", 24)):
        pq, build, peak = common.built(lambda: flat_pq(kind, m))
        size = stored(pq)
        found, ms = timed(lambda q: pq.search(q, counts[-1])[1][0], queries)
        for r, reached in reranked(found, true, counts).items():
            row(f"flat {kind}, re-ranked", size, reached, ms, r, 1, build, peak, knob=f"{m} B codes, best {r}")

    def flat_rabitq():
        index = faiss.index_factory(dim, "RR,RaBitQ", faiss.METRIC_INNER_PRODUCT)
        index.train(x)
        index.add(x)
        return index

    rabitq, build, peak = common.built(flat_rabitq)
    # The random rotation follows from its seed and need not be stored.
    size = stored(faiss.downcast_index(rabitq.index))
    found, ms = timed(lambda q: rabitq.search(q, counts[-1])[1][0], queries)
    for r, reached in reranked(found, true, counts).items():
        row("flat 1-bit codes (RaBitQ), re-ranked", size, reached, ms, r, 1, build, peak, knob=f"best {r}")
    common.save("baselines", rows)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
