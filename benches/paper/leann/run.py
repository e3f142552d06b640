"""LEANN 0.3.8 itself, the package from PyPI, on the same vectors.

Its graph is built and searched by its own code. In place of its embedding server stands one that answers the same
protocol from the known vectors and counts what is asked for: a node asked for is an embedding recomputed, a request is a
round. Bytes are of the graph file and the list of ids; its copies of the text, its BM25 table and its offsets are left
out.
"""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import sys
import threading
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import common  # noqa: E402

import msgpack  # noqa: E402
import numpy as np  # noqa: E402
import zmq  # noqa: E402

# The package without its __init__, which would import chat models and their clients.
leann = types.ModuleType("leann")
leann.__path__ = importlib.util.find_spec("leann").submodule_search_locations
sys.modules["leann"] = leann
from leann_backend_hnsw.hnsw_backend import HNSWBuilder, HNSWSearcher  # noqa: E402

K = 3


class Server(threading.Thread):
    """Answers requests for distances from the vectors."""

    def __init__(self, vectors):
        super().__init__(daemon=True)
        self.vectors, self.nodes, self.requests = vectors, 0, 0
        self.socket = zmq.Context.instance().socket(zmq.REP)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")

    def run(self):
        while True:
            request = msgpack.unpackb(self.socket.recv())
            ids = request[0] if isinstance(request[0], list) else request
            ids = ids[0] if isinstance(ids[0], list) else ids
            rows = self.vectors[np.array(ids, np.int64)]
            self.nodes += len(ids)
            self.requests += 1
            if len(request) == 2 and isinstance(request[1], list):
                answer = [(-(rows @ np.array(request[1], np.float32).reshape(-1))).tolist()]
            else:
                answer = [list(rows.shape), rows.ravel().tolist()]
            self.socket.send(msgpack.packb(answer, use_single_float=True))


def main():
    x, queries = common.vectors()
    true = common.truth()
    n, dim = x.shape
    folder = common.WORK / "leann"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "squad.leann"
    with contextlib.redirect_stdout(io.StringIO()):
        make = lambda: HNSWBuilder(dimensions=dim).build(x, [str(i) for i in range(n)], str(path))
        _, build, peak = common.built(make)
    meta = {"dimensions": dim, "embedding_model": common.MODEL, "backend_kwargs": {"distance_metric": "mips"}}
    (folder / "squad.leann.meta.json").write_text(json.dumps(meta))
    files = {file.name: file.stat().st_size for file in folder.iterdir() if file.suffix in (".index", ".txt")}
    print(files)
    server = Server(x)
    server.start()
    searcher = HNSWSearcher(str(path))
    rows = []
    for complexity, batch in ((3, 0), (8, 0), (16, 0), (32, 0), (64, 0), (8, 64), (64, 64)):
        server.nodes = server.requests = 0
        found, times = [], []
        for query in queries:
            start = time.process_time()
            result = searcher.search(query[None], K, zmq_port=server.port, complexity=complexity, batch_size=batch)
            times.append(time.process_time() - start)
            found.append([int(label) for label in result["labels"][0]])
        rows.append(
            {
                "system": "LEANN 0.3.8" + (", batch 64" if batch else ""),
                "bytes_per_passage": round(files["squad.index"] / n, 2),
                "bytes_with_ids": round(sum(files.values()) / n, 2),
                "share_of_text": round(files["squad.index"] / common.TEXT_BYTES, 5),
                "recall": round(common.recall(found, true, K), 4),
                "recomputed": round(server.nodes / len(queries), 1),
                "rounds": round(server.requests / len(queries), 1),
                "query_ms": round(common.p50(times), 3),
                "build_seconds": round(build, 2),
                "peak_mib": round(peak),
                "knob": f"complexity {complexity}",
            }
        )
        print(rows[-1], flush=True)
    common.save("leann", rows)
    os._exit(0)


if __name__ == "__main__":
    main()
