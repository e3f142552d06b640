"""Tables and plots from the JSON of the steps: docs/benchmarks/*.svg, and what stands between markers in
docs/benchmarks/README.md and README.md. No figure there is typed by hand."""

import re
import sys

import common
import svg

LEVELS = (0.85, 0.9, 0.95, 0.97)


def at_recall(rows, level, field):
    """The least of `field` that reaches a recall, between measured points by line; None beyond them."""
    points = sorted((r["recall"], r[field]) for r in rows if r.get(field) is not None)
    best = None
    for i, (recall, value) in enumerate(points):
        if recall >= level:
            best = value if best is None else min(best, value)
            if i:
                below, least = points[i - 1]
                if below < level:
                    line = least + (value - least) * (level - below) / (recall - below)
                    best = min(best, line)
    return best


def groups(*steps):
    """All rows of some steps by system, in order."""
    found = {}
    for step in steps:
        for row in common.load(step):
            found.setdefault(row["system"], []).append(row)
    return found


def number(value, digits=3):
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(out + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def stamp(*steps):
    """Where rows come from, once for all that agree but for the load of the machine, which is given as a range."""
    stamps = {}
    for step in steps:
        for row in common.load(step):
            key = (row["machine"], row["commit"], row["date"], row["data"], row["model"])
            names, loads = stamps.setdefault(key, ([], []))
            names += [step] * (step not in names)
            loads.append(row["load"])
    lines = []
    for (machine, commit, date, data, model), (names, loads) in stamps.items():
        load = f"{min(loads):g}" if min(loads) == max(loads) else f"{min(loads):g} to {max(loads):g}"
        lines.append(f"*{', '.join(names)}: {machine}; load {load}; commit {commit}; {date}; {data}; {model}.*")
    return "\n".join(lines)


def seconds(row):
    """A whole question natively: the question embedded, the index searched, the passages recomputed. None if not known."""
    model = next(iter(common.load("model")), None)
    if not model:
        return None
    return (row["query_ms"] + model["question_ms"] + row["recomputed"] * model["passage_ms"]) / 1e3


SHOWN = {
    "exact scan of f32 vectors": "exact scan of stored f32 vectors",
    "HNSW, f32 (faiss)": None,
    "HNSW, f32 (usearch)": None,
    "hnswlib-wasm 0.8.2 in Chromium, f32": None,
    "IVF, f32": None,
    "IVF, recomputed (EdgeRAG)": None,
    "HNSW on product codes, not re-ranked": None,
    "flat PQ, re-ranked": None,
    "flat OPQ, re-ranked": None,
    "flat 1-bit codes (RaBitQ), re-ranked": None,
    "LEANN 0.3.8": None,
    "LEANN 0.3.8, batch 64": None,
    "LEANN's algorithm on our codes and graph, batch 1": None,
    "LEANN's algorithm on our codes and graph, batch 64": None,
    "LEANN's algorithm on our codes, graph with hubs, batch 1": None,
    "our graph alone, no codes": "LEANN's algorithm on our graph, no codes",
    "our graph with hubs alone, no codes": "LEANN's algorithm on our graph with hubs, no codes",
    "Gossamer, 16 B codes, scanned": None,
    "Gossamer, 20 B codes, scanned": "**Gossamer, 20 B codes, scanned**",
    "Gossamer, 24 B codes, scanned": None,
    "Gossamer, 20 B codes, graph": "**Gossamer, 20 B codes, graph walked**",
}


def split(name, rows):
    """A system measured at several sizes is shown at each."""
    sizes = list(dict.fromkeys(r["bytes_per_passage"] for r in rows))
    if len(sizes) == 1:
        return [(name, rows)]
    part = lambda r: r["knob"].split(",")[0]
    return [(f"{name}, {part(of[0])}", of) for of in ([r for r in rows if r["bytes_per_passage"] == s] for s in sizes)]


COMPARED = ("baselines", "browser", "leann", "leann-algorithm", "gossamer")


def systems():
    found = groups(*COMPARED)
    for name, shown in SHOWN.items():
        if name in found:
            for label, rows in split(name, found[name]):
                yield (shown or label), rows


def frontier():
    head = ["", "bytes per passage", "share of the text"] + [f"recomputed at {l:.0%}" for l in LEVELS] + ["highest recall"]
    rows = []
    for label, of in systems():
        cells = [number(at_recall(of, level, "recomputed")) for level in LEVELS]
        rows.append([label, number(of[0]["bytes_per_passage"]), f"{of[0]['share_of_text']:.1%}", *cells,
                     f"{max(r['recall'] for r in of):.3f}"])
    return table(head, rows)


def latency():
    known = bool(common.load("model"))
    head = ["", *[f"ms at {l:.0%}, without the model" for l in LEVELS]]
    head += [f"s at {l:.0%}, with it" for l in LEVELS] * known
    rows = []
    for label, of in systems():
        cells = [number(at_recall(of, level, "query_ms")) for level in LEVELS]
        if known:
            whole = [{**r, "s": seconds(r)} for r in of]
            cells += [number(at_recall(whole, level, "s")) for level in LEVELS]
        rows.append([label, *cells])
    if not known:
        return table(head, rows)
    m = common.load("model")[0]
    note = (f"With the model: the question embedded in {m['question_ms']} ms, each passage in {m['passage_ms']} ms "
            f"({m['mean_tokens']} word pieces on average, batches of {m['batch']}, {m['precision']}); computed from these.")
    return table(head, rows) + "\n\n" + note


def headline():
    known = bool(common.load("model"))
    head = ["", "bytes per passage", "share of the text", "recomputed", "dependent rounds", "ms without the model"] + ["s with it"] * known
    keep = ("exact scan of stored", "HNSW, f32 (usearch)", "IVF, recomputed", "flat OPQ", "flat 1-bit", "LEANN 0.3.8",
            "LEANN's algorithm on our codes and graph, batch 1", "LEANN's algorithm on our graph, no codes", "**")
    rows = []
    for label, of in systems():
        if not label.startswith(keep) or "batch 64" in label:
            continue
        whole = [{**r, "s": seconds(r)} for r in of]
        cell = lambda field: number(at_recall(whole, 0.95, field))
        rows.append([label, number(of[0]["bytes_per_passage"]), f"{of[0]['share_of_text']:.1%}", cell("recomputed"),
                     cell("rounds"), cell("query_ms")] + ([cell("s")] if known else []))
    return table(head, rows)


def asked():
    """Each system as it is used: at what it was asked for."""
    head = ["", "bytes per passage", "share of the text", "recall@3", "embeddings recomputed", "dependent rounds"]
    found = groups(*COMPARED)
    rows = []

    def row(name, label, knob):
        for r in found.get(name, []):
            if r["knob"] == knob:
                cells = [number(r["recomputed"]), number(r["rounds"])]
                rows.append([label, number(r["bytes_per_passage"]), f"{r['share_of_text']:.1%}", f"{r['recall']:.3f}", *cells])

    row("exact scan of f32 vectors", "storing f32 embeddings, scanned", "")
    row("LEANN 0.3.8", "LEANN 0.3.8, complexity 8", "complexity 8")
    row("LEANN 0.3.8", "LEANN 0.3.8, complexity 64 (its default)", "complexity 64")
    for target in (0.95, 0.99):
        row("Gossamer, 20 B codes, scanned", f"**Gossamer, {target} asked for, codes scanned**", f"target {target}")
        row("Gossamer, 20 B codes, graph", f"Gossamer, {target}, graph walked", f"target {target}")
    row("LEANN's algorithm on our codes and graph, batch 1", "LEANN's algorithm 2 on our codes and graph", "target 0.95")
    row("our graph alone, no codes", "our graph alone, no codes", "target 0.95")
    return table(head, rows)


def times(value, other):
    return f"{value / other:.2g} times" if value and other else "–"


def worst():
    """The comparisons that look worst for Gossamer, in figures."""
    by = dict(systems())
    ours = by["**Gossamer, 20 B codes, scanned**"]
    at = lambda rows, field: at_recall(rows, 0.95, field)
    size = lambda rows: f"{rows[0]['bytes_per_passage']:,.3g}" if rows[0]["bytes_per_passage"] < 100 else f"{rows[0]['bytes_per_passage']:,.0f}"
    lines = []
    if stored := by.get("HNSW, f32 (usearch)"):
        text = (f"**Time, beside any index that keeps its vectors.** HNSW over stored f32 vectors answers in {at(stored, 'query_ms'):.2g} ms at recall@3 "
                f"0.95 and embeds nothing but the question; Gossamer takes {at(ours, 'query_ms'):.2g} ms and embeds {at(ours, 'recomputed'):.3g} passages "
                f"anew, which on a CPU is nearly all of a question's time.")
        if common.load("model"):
            timed = lambda rows: at([{**r, "s": seconds(r)} for r in rows], "s") * 1e3
            text += f" With the model that is {timed(stored):.0f} ms beside {timed(ours):.0f}: {times(timed(ours), timed(stored))} as long."
        lines.append(text + f" It is the price of {size(ours)} bytes a passage instead of {size(stored)}.")
    down = {r["system"]: r for r in common.load("downstream")}
    if down:
        words, meaning = down["BM25, stemmed (bm25s)"], down["Gossamer, recall 0.95 asked for, top 3"]
        both = down["Gossamer, meaning and words (its default)"]
        lines.append(
            f"**Words, where the words are known.** Stemmed BM25 finds the paragraph of {words['gold@3']:.1%} of these questions among its first "
            f"three, Gossamer by meaning alone that of {meaning['gold@3']:.1%} (an exact search with the same model: "
            f"{down['exact search, MiniLM']['gold@3']:.1%}): no index over these embeddings can do better. With words and meaning together, "
            f"its default, it is {both['gold@3']:.1%}; the questions were written with the paragraph in view.")
    bits = by.get("flat 1-bit codes (RaBitQ), re-ranked")
    if bits:
        lines.append(
            f"**One bit a dimension, nothing learnt.** RaBitQ's codes, scanned and re-ranked, need {at(bits, 'recomputed'):.3g} embeddings at 0.95 where "
            f"Gossamer needs {at(ours, 'recomputed'):.3g}, and scan faster ({at(bits, 'query_ms'):.2g} ms, Gossamer {at(ours, 'query_ms'):.2g}). "
            f"They need no codec made for the model. They take {size(bits)} bytes a passage, Gossamer {size(ours)}.")
    lists = by.get("IVF, recomputed (EdgeRAG)")
    if lists:
        lines.append(
            f"**Bytes alone.** Lists without vectors or codes take {size(lists)} bytes a passage, less than Gossamer's {size(ours)}; at 0.95 they embed "
            f"{at(lists, 'recomputed'):,.0f} passages per question.")
    walks = [r for r in common.load("scale") if r.get("found", 1) < 0.99]
    if walks:
        least = min(walks, key=lambda r: r["found"])
        lines.append(
            f"**Graphs over what has no neighbourhood.** On {least['n']:,} chunks ({least['data']}) a walk finds {least['found']:.3f} of the ten "
            f"best by code. Up to 200,000 chunks an index scans its codes instead and loses none of them.")
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def plain(step, columns, keep=lambda row: True):
    """Rows of a step as they are: (heading, field or function)."""
    rows = []
    for row in filter(keep, common.load(step)):
        cells = [f(row) if callable(f) else row.get(f) for _, f in columns]
        rows.append([number(c, 4) if isinstance(c, (int, float)) and not isinstance(c, bool) else ("–" if c is None else c)
                     for c in cells])
    return table([h for h, _ in columns], rows)


def storage():
    index = next(iter(common.load("index")), None)
    if not index:
        return ""
    s = index["sizes"]
    rows = []
    for name, key in (("codes and bases", "codes"), ("graph", "graph"), ("chunk table", "chunk_table"),
                      ("documents: ids, titles, hashes", "documents"), ("manifest, with the frame", "manifest"),
                      ("codebooks", "codebooks"), ("**index**", "index"), ("the text beside it, compressed", "text_store")):
        rows.append([name, f"{s[key]:,}", f"{s[key] / s['chunks']:.2f}", f"{s[key] / s['text_bytes']:.2%}"])
    return table(["part", "bytes", "per passage", "share of the text"], rows)


def updates():
    index = common.load("index")
    rows = [[r["system"], r["sizes"]["chunks"], r["sizes"]["removed_chunks"], r["sizes"]["segments"],
             f"{r['sizes']['index'] / r['sizes']['chunks']:.1f}", r["top_3"]["recall"], r["top_3"]["recomputed"],
             number(r["top_3"].get("query_cpu_ms")), number(r.get("commit_cpu_ms"))] for r in index]
    head = ["", "passages", "removed, still stored", "segments", "bytes per passage", "recall@3", "recomputed", "query, CPU ms",
            "commit, CPU ms"]
    return table(head, rows)


def building():
    """Building from vectors, and what memory that took beyond the vectors themselves."""
    head = ["", "build from vectors, CPU s", "peak memory beyond the vectors, MiB"]
    rows = []
    for label, of in systems():
        if of[0].get("build_seconds"):
            peaks = [r["peak_mib"] for r in of if r.get("peak_mib") is not None]
            rows.append([label, number(min(r["build_seconds"] for r in of)), number(max(peaks)) if peaks else "–"])
    for r in common.load("index")[:1]:
        rows.append([f"**{r['system']}**", number(r.get("build_cpu_seconds")), "–"])
    return table(head, rows)


def growth_synthetic():
    columns = [("chunks", "n"), ("", "system"), ("intrinsic dimension", "dimension"), ("promised", "target"), ("recall@3", "recall"),
               ("recomputed", "recomputed"), ("codes read", "codes_read"), ("bytes per passage", "bytes_per_passage"),
               ("ms without the model", "query_ms"), ("build, s", "build_seconds")]
    return plain("scale", columns, lambda r: "found" not in r)


def serving():
    """Rates and latencies of the command, and of its server under load."""
    rows = common.load("serve")
    first = table(["", "chunks", "chunks per second", "per CPU second", "peak memory with the model, MiB"],
                  [[r["what"], f"{r['chunks']:,}", r["chunks_per_second"], r["chunks_per_cpu_second"], r["peak_mib"]]
                   for r in rows if "chunks_per_second" in r])
    plain = [r for r in rows if "questions" in r]
    second = table(["", "questions", "p50, ms", "p95, ms", "p99, ms"],
                   [[r["what"], r["questions"], number(r["p50_ms"]), number(r["p95_ms"]), number(r["p99_ms"])] for r in plain])
    loads = []
    for r in rows:
        if "connections" in r:
            client, resident = r["patient"], r["resident_mib"]
            loads.append([r["what"], r["connections"], number(r["seconds"]), r["answers_per_second"], r["refusals_per_second"],
                          number(r["p50_ms"]), number(r["p99_ms"]), f"{resident[0]:.0f}, {resident[2]:.0f}, {resident[3]:.0f}",
                          f"{number(client.get('p50_ms'))}, {number(client.get('p99_ms'))}", r["other"] + r["lost"] + len(client["failed"])])
    third = table(["", "connections", "seconds", "answers/s", "refused/s", "p50, ms", "p99, ms", "MiB at start, end, most",
                   "the patient client: p50, p99, ms", "errors"], loads)
    end = [f"Of {r['promised']} documents that were acknowledged meanwhile, {r['there']} are there; the server ended with code "
           f"{r['exit_code']}, `gossamer verify` with {r['verify']}." for r in rows if "promised" in r and "there" in r]
    starts = [f"From starting the command to its answer, model and self-test included: {number(r['p50_ms'])} ms, at best "
              f"{number(r['best_ms'])} ({r['runs']} runs; a binary of {r['binary_bytes'] / 1e6:.1f} MB)." for r in rows if "binary_bytes" in r]
    return "\n\n".join([first, second, *starts, third, *end])


def encoder():
    """The encoder beside onnxruntime and transformers.js, and what was measured of it alone (`make bench-encoder`)."""
    rows = common.load("encoder")
    both = [r for r in rows if "ratio" in r]
    first = table(["Gossamer beside", "its ms", "the other's", "times faster", "passages per second"],
                  [[r["what"], number(r["ms"]), number(r["other_ms"]), number(r["ratio"]),
                    number(1e3 / r["ms"]) if r["per"] == "passage" else ""] for r in both])
    return first + "\n\n" + table(["", ""], [[r["what"], r["value"]] for r in rows if "value" in r])


SECTIONS = {
    "encoder": (encoder, ("encoder",)),
    "serve": (serving, ("serve",)),
    "headline": (headline, COMPARED + ("model",)),
    "asked": (asked, COMPARED),
    "worst": (worst, COMPARED + ("model", "downstream", "scale")),
    "frontier": (frontier, COMPARED),
    "latency": (latency, COMPARED + ("model",)),
    "storage": (storage, ("index",)),
    "updates": (updates, ("index",)),
    "ablation": (lambda: plain("ablation", [("", "system"), ("recall@3", "recall"), ("recomputed", "recomputed"), ("rounds", "rounds"),
                 ("codes read", "codes_read"), ("bytes per passage", "bytes_per_passage")]), ("ablation",)),
    "cache": (lambda: plain("cache", [("", "system"), ("held in memory", "knob"), ("recall@3", "recall"), ("recomputed", "recomputed")]),
              ("cache",)),
    "growth": (lambda: plain("growth", [("passages", "n"), ("", lambda r: r["system"].split(", ")[1]), ("k", "k"), ("promised", "target"),
               ("achieved", "recall"), ("recomputed", "recomputed"), ("codes read", "codes_read"), ("ms", "query_ms")]), ("growth",)),
    "scale": (lambda: plain("scale", [("chunks", "n"), ("data", "data"), ("of the 10 best by code", "found"), ("codes read", "codes_read"),
              ("walk, ms", "walk_ms"), ("scan, ms", "scan_ms"), ("graph, bytes", "graph_bytes"), ("graph built in, s", "graph_seconds"),
              ("peak, MiB", "peak_mib")], lambda r: "found" in r), ("scale",)),
    "synthetic": (growth_synthetic, ("scale",)),
    "build": (building, COMPARED + ("index",)),
    "downstream": (lambda: plain("downstream", [("", "system")] + [(f"{w}@{k}", f"{w}@{k}") for w in ("gold", "answer") for k in (1, 3, 10)]
                   + [("bytes per passage", "bytes_per_passage")]), ("downstream",)),
    "browser": (lambda: plain("browser", [("", "system"), ("bytes per passage", "bytes_per_passage"), ("share of the text", "share_of_text"),
                ("recall@3", "recall"), ("query, ms", "query_ms"), ("build, s", "build_seconds")]), ("browser",)),
}


def fill(path):
    content = path.read_text(encoding="utf-8")
    for name, (make, steps) in SECTIONS.items():
        mark = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.S)
        if mark.search(content) and any(common.load(s) for s in steps):
            body = make() + "\n\n" + stamp(*steps)
            content = mark.sub(lambda m: m[1] + body + "\n" + m[2], content)
    path.write_text(content, encoding="utf-8")
    print(path)


def plots():
    series, bars = [], []
    for label, of in systems():
        label = label.replace("**", "")
        points = sorted((r["recomputed"], r["recall"]) for r in of if r["recomputed"])
        if points and "batch 64" not in label and not label.startswith(("Gossamer, 16", "Gossamer, 24", "flat PQ")):
            series.append((label[:40], points))
        bars.append((label[:38], [("bytes", of[0]["bytes_per_passage"])]))
    if series:
        title = "Recall@3 by embeddings recomputed per question"
        (common.OUT / "recomputed.svg").write_text(svg.lines(title, series, "embeddings recomputed", "recall@3", x_log=True))
        small = [b for b in bars if b[1][0][1] < 250]
        (common.OUT / "bytes.svg").write_text(svg.bars("Bytes per passage besides the text (f32 vectors: 1,536)", small, "B"))
    index = next(iter(common.load("index")), None)
    if index:
        s = index["sizes"]
        parts = [(k.replace("_", " "), 100 * s[k] / s["text_bytes"]) for k in ("codes", "chunk_table", "documents", "manifest")]
        rows = [("Gossamer", parts), ("LEANN 0.3.8, graph", [("graph", 100 * common.load("leann")[0]["share_of_text"])])] if common.load("leann") else [("Gossamer", parts)]
        (common.OUT / "storage.svg").write_text(svg.bars("Storage by part, % of the text", rows, "%"))
    scale = common.load("scale")
    if scale:
        scale = [r for r in scale if "found" in r]
        scale = [r for r in scale if sum(o["data"] == r["data"] for o in scale) > 1]
        kinds = dict.fromkeys(r["data"] for r in scale)
        of = lambda kind, y: [(r["n"], r[y]) for r in sorted(scale, key=lambda r: r["n"]) if r["data"] == kind]
        series = [(kind, of(kind, "codes_read")) for kind in kinds]
        if series:
            (common.OUT / "scale.svg").write_text(svg.lines("Codes read by a walk as an index grows", series, "chunks", "codes read", True, True))


if __name__ == "__main__":
    plots()
    for name in ("docs/benchmarks/README.md", "docs/encoder.md", "docs/server.md", "README.md"):
        fill(common.ROOT / name)
