"""Does it find what was asked for? The paragraph a question was written for, and passages that hold an accepted answer.

Answers are those of SQuAD v1.1 (answers.json, CC BY-SA 4.0). A question counts as answered at k if one of its accepted
answers stands in one of the first k passages, lower-cased, without punctuation and articles: what an extractive reader
could find at best. Short answers also stand in wrong passages; the row of random passages says how often.
"""

import json
import random
import re
import time

import bm25s
import numpy as np
import Stemmer

import common

KS = (1, 3, 10)


def normal(text):
    text = re.sub(r"[^\w\s]", "", text.lower())
    return " ".join(w for w in text.split() if w not in ("a", "an", "the"))


def main():
    passages, questions = common.passages(), common.questions()
    answers = json.loads(common.pathlib.Path(__file__).with_name("answers.json").read_text())
    texts = [f" {normal(p['text'])} " for p in passages]
    accepted = [[f" {normal(a)} " for a in answers[q["id"]] if normal(a)] for q in questions]
    rows = []

    def row(system, hits, **more):
        result = {"system": system}
        for k in KS:
            firsts = [list(h[:k]) for h in hits]
            # Asked for fewer; a question with words to be left out may have fewer answers.
            if max(map(len, firsts)) < k:
                continue
            gold = [q["gold"] in f for q, f in zip(questions, firsts)]
            held = [any(a in texts[p] for p in f for a in wanted) for f, wanted in zip(firsts, accepted)]
            result[f"gold@{k}"] = round(float(np.mean(gold)), 4)
            result[f"answer@{k}"] = round(float(np.mean(held)), 4)
        rows.append({**result, **more})
        print(rows[-1], flush=True)

    rng = random.Random(1)
    row("random passages", [rng.sample(range(len(passages)), 10) for _ in questions])
    row("exact search, MiniLM", common.truth().tolist())
    index = json.loads((common.WORK / "index.json").read_text())
    row("Gossamer, recall 0.95 asked for, top 3", index["top_3"]["hits"])
    row("Gossamer, recall 0.95 asked for, top 10", index["top_10"]["hits"])
    row("Gossamer, meaning and words (its default)", index["hybrid_10"]["hits"])
    row("Gossamer, words alone", index["keyword_10"]["hits"])

    stemmer = Stemmer.Stemmer("english")
    start = time.process_time()
    tokens = bm25s.tokenize([p["text"] for p in passages], stopwords="en", stemmer=stemmer, show_progress=False)
    retriever = bm25s.BM25(k1=1.2, b=0.75)
    retriever.index(tokens, show_progress=False)
    build = time.process_time() - start
    folder = common.WORK / "bm25s"
    retriever.save(folder)
    size = sum(f.stat().st_size for f in folder.iterdir())
    hits, times = [], []
    for question in questions:
        start = time.process_time()
        query = bm25s.tokenize([question["text"]], stopwords="en", stemmer=stemmer, show_progress=False)
        hits.append(retriever.retrieve(query, k=10, show_progress=False)[0][0].tolist())
        times.append(time.process_time() - start)
    more = {
        "bytes_per_passage": round(size / len(passages), 1),
        "share_of_text": round(size / common.TEXT_BYTES, 4),
        "query_ms": round(common.p50(times), 3),
        "build_seconds": round(build, 2),
    }
    row("BM25, stemmed (bm25s)", hits, **more)
    fused = []
    for a, b in zip(index["top_10"]["hits"], hits):
        score = {}
        for ranking in (a, b):
            for rank, passage in enumerate(ranking):
                score[passage] = score.get(passage, 0) + 1 / (60 + rank)
        fused.append(sorted(score, key=score.get, reverse=True)[:10])
    row("bm25s and Gossamer by meaning, fused by rank (RRF of the top 10)", fused)
    common.save("downstream", rows)


if __name__ == "__main__":
    main()
