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
    """Where rows come from, once for all that agree."""
    stamps = {}
    for step in steps:
        for row in common.load(step):
            key = f"{row['machine']}; load {row['load']}; commit {row['commit']}; {row['date']}; {row['data']}; {row['model']}"
            stamps.setdefault(key, set()).add(step)
    return "\n".join(f"*{', '.join(sorted(s))}: {key}.*" for key, s in stamps.items())


def encoder():
    """Passages embedded per second, from the encoder's own benchmark where it was run."""
    for row in common.load("encoder"):
        if row.get("engine", "").startswith("gossamer") and "passages_per_second" in row:
            return row["passages_per_second"], row.get("device", row.get("machine"))
    return None, None


SHOWN = {
    "exact scan of f32 vectors": "exact scan of stored f32 vectors",
    "HNSW, f32 (faiss)": None,
    "HNSW, f32 (usearch)": None,
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
    "our graph alone, no codes": None,
    "our graph with hubs alone, no codes": None,
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


def systems():
    found = groups("baselines", "leann", "gossamer")
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
    speed, device = encoder()
    head = ["", *[f"ms at {l:.0%}, without the model" for l in LEVELS]]
    if speed:
        head += [f"s at {l:.0%}, with the model" for l in (0.9, 0.95)]
    rows = []
    for label, of in systems():
        cells = [number(at_recall(of, level, "query_ms")) for level in LEVELS]
        if speed:
            whole = [{**r, "s": r["query_ms"] / 1e3 + (r["recomputed"] + 1) / speed} for r in of]
            cells += [number(at_recall(whole, level, "s")) for level in (0.9, 0.95)]
        rows.append([label, *cells])
    note = f"\n\nWith the model: {speed:.1f} passages per second ({device}), the question embedded too." if speed else ""
    return table(head, rows) + note


def headline():
    speed, _ = encoder()
    head = ["", "bytes per passage", "share of the text", "recomputed", "dependent rounds", "ms without the model"]
    keep = ("exact scan of stored", "HNSW, f32 (usearch)", "IVF, recomputed", "flat OPQ, re-ranked, 24", "flat 1-bit", "LEANN 0.3.8",
            "our graph alone", "**")
    rows = []
    for label, of in systems():
        if not label.startswith(keep) or "batch 64" in label:
            continue
        cell = lambda field: number(at_recall(of, 0.95, field))
        rows.append([label, number(of[0]["bytes_per_passage"]), f"{of[0]['share_of_text']:.1%}", cell("recomputed"),
                     cell("rounds"), cell("query_ms")])
    return table(head, rows)


def plain(step, columns):
    """Rows of a step as they are: (heading, field or function)."""
    rows = []
    for row in common.load(step):
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


SECTIONS = {
    "headline": (headline, ("baselines", "leann", "gossamer")),
    "frontier": (frontier, ("baselines", "leann", "gossamer")),
    "latency": (latency, ("baselines", "leann", "gossamer")),
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
              ("peak, MiB", "peak_mib")]), ("scale",)),
    "build": (lambda: table(["", "build from vectors, s"], [[l, number(min(r["build_seconds"] for r in of))] for l, of in systems()
              if of[0].get("build_seconds")]), ("baselines", "leann", "gossamer")),
    "downstream": (lambda: plain("downstream", [("", "system")] + [(f"{w}@{k}", f"{w}@{k}") for w in ("gold", "answer") for k in (1, 3, 10)]),
                   ("downstream",)),
    "browser": (lambda: plain("browser", [("", "system"), ("bytes per passage", "bytes_per_passage"), ("share of the text", "share_of_text"),
                ("recall@3", "recall"), ("query, ms", "query_ms"), ("build, s", "build_seconds")]), ("browser",)),
}


def fill(path):
    content = path.read_text(encoding="utf-8")
    for name, (make, steps) in SECTIONS.items():
        mark = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.S)
        if mark.search(content) and all(common.load(s) for s in steps[-1:]):
            body = make() + "\n\n" + stamp(*steps)
            content = mark.sub(lambda m: m[1] + body + "\n" + m[2], content)
    path.write_text(content, encoding="utf-8")
    print(path)


def plots():
    series, bars = [], []
    for label, of in systems():
        label = label.replace("**", "")
        points = sorted((r["recomputed"], r["recall"]) for r in of if r["recomputed"])
        if points and not label.startswith(("Gossamer, 16", "Gossamer, 24", "flat PQ", "flat OPQ, re-ranked, 32")):
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
        scale = [r for r in scale if sum(o["data"] == r["data"] for o in scale) > 1]
        kinds = dict.fromkeys(r["data"] for r in scale)
        of = lambda kind, y: [(r["n"], r[y]) for r in sorted(scale, key=lambda r: r["n"]) if r["data"] == kind]
        series = [(kind, of(kind, "codes_read")) for kind in kinds]
        if series:
            (common.OUT / "scale.svg").write_text(svg.lines("Codes read by a walk as an index grows", series, "chunks", "codes read", True, True))


if __name__ == "__main__":
    plots()
    for name in ("docs/benchmarks/README.md", "README.md"):
        fill(common.ROOT / name)
