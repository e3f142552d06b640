#!/usr/bin/env python3
"""onnxruntime on this machine's CPU: milliseconds per passage, as one JSON object per line.

    python3 native.py MODEL.onnx THREADS BATCH TOKENS REPEATS
"""
import json, sys, time
import numpy as np
import onnxruntime as ort


def main(model, threads, batch, tokens, repeats):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    ids = np.array([[2000 + 7 * i for i in range(tokens)]] * batch, np.int64)
    feeds = dict(input_ids=ids, attention_mask=np.ones_like(ids), token_type_ids=np.zeros_like(ids))
    session.run(None, feeds)
    wall, cpu = [], []
    for _ in range(repeats):
        at, used = time.perf_counter(), time.process_time()
        session.run(None, feeds)
        wall.append(time.perf_counter() - at)
        cpu.append(time.process_time() - used)
    print(json.dumps(dict(side="onnxruntime", batch=batch, tokens=tokens, threads=threads,
                          ms=min(wall) * 1e3 / batch, cpuMs=min(cpu) * 1e3 / batch)))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
