"""Text that the bundled codec was trained on besides SQuAD, and the two corpora it is judged on.

    apt-get download PACKAGES && for p in *.deb; do dpkg-deb -x $p x/${p%%_*}; done
    python corpus.py x RUST_BOOK_MARKDOWN EPUBS OUT

PACKAGES are the keys of SOURCES, and sqlite3-doc; EPUBS holds moby-dick.epub, kusamakura-preview.epub and
childrens-literature.epub of IDPF/epub3-samples. Writes OUT/train.jsonl, OUT/rust.jsonl and OUT/sqlite.jsonl, one {"document", "text"} a line,
chunks of a document in order. Choices are seeded.
"""

import glob
import gzip
import json
import os
import random
import re
import sys
import zipfile
from html.parser import HTMLParser

# Package: chunks to take. Licences: PSF, PostgreSQL, Apache-2.0, MPL-2.0, GPL-2, GPL-3, GFDL (FOLDOC, no invariant
# sections), public domain (The Devil's Dictionary).
SOURCES = {
    "python3.11-doc": 1500,
    "postgresql-doc-15": 900,
    "apache2-doc": 500,
    "libreoffice-help-en-us": 900,
    "git-doc": 500,
    "octave-doc": 500,
    "debian-reference-en": 400,
    "developers-reference": 250,
    "debian-faq": 150,
    "r-doc-html": 200,
    "dict-devil": 300,
    "dict-foldoc": 900,
}
# Consecutive chunks of one page, at most.
PER_PAGE = 28
SKIP = {"script", "style", "nav", "head", "footer", "svg"}
BLOCK = set("p div li h1 h2 h3 h4 h5 td tr dd dt pre br section blockquote".split())


class Text(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.skipped = [], 0

    def handle_starttag(self, tag, attrs):
        self.skipped += tag in SKIP
        if tag in BLOCK:
            self.out.append("\n")

    def handle_endtag(self, tag):
        self.skipped -= tag in SKIP and self.skipped > 0
        if tag in BLOCK:
            self.out.append("\n")

    def handle_data(self, data):
        if not self.skipped:
            self.out.append(data)


def paragraphs(html):
    text = Text()
    text.feed(html.decode("utf-8", "replace"))
    return [" ".join(line.split()) for line in "".join(text.out).split("\n")]


def chunks(paragraphs, rng, low=250, high=900):
    """Paragraphs joined to chunks of `low` to `high` characters; those that are mostly no letters are left out."""
    out, current, goal = [], "", rng.randint(low, high)
    for paragraph in filter(None, paragraphs):
        while len(paragraph) > 1000:
            cut = paragraph.rfind(" ", 0, 800)
            cut = cut if cut > 200 else 800
            out.append((current + " " + paragraph[:cut]).strip())
            current, paragraph = "", paragraph[cut:]
        current = (current + " " + paragraph).strip()
        if len(current) >= goal:
            out.append(current)
            current, goal = "", rng.randint(low, high)
    if len(current) > 150:
        out.append(current)
    return [c for c in out if 2 * sum(map(str.isalpha, c)) > len(c)]


def take(name, documents, most, rng):
    rng.shuffle(documents)
    taken = []
    for document, text in documents:
        if len(taken) >= most:
            break
        part = chunks(text, rng)
        if len(part) > PER_PAGE:
            start = rng.randrange(len(part) - PER_PAGE + 1)
            part = part[start : start + PER_PAGE]
        taken += [{"document": f"{name}/{document}", "text": t} for t in part]
    print(name, len(taken))
    return taken


def pages(folder, most, rng):
    files = sorted(glob.glob(f"{folder}/**/*.html", recursive=True))
    rng.shuffle(files)
    read = lambda f: (os.path.basename(f), paragraphs(open(f, "rb").read()))
    return [read(f) for f in files[: most // 2] if os.path.isfile(f)]


def dictionary(folder):
    return gzip.open(sorted(glob.glob(f"{folder}/**/*.dict*", recursive=True))[0], "rt", errors="replace").read()


def epub(path):
    book = zipfile.ZipFile(path)
    return [(n, paragraphs(book.read(n))) for n in book.namelist() if n.endswith("html")]


def main(packages, rust_book, epubs, out):
    rng, train = random.Random(5), []
    for name, most in SOURCES.items():
        folder = f"{packages}/{name}"
        if name == "dict-devil":
            entries = [" ".join(e.split()) for e in dictionary(folder).split("\n\n")]
            documents = [(str(i), entries[i : i + 60]) for i in range(0, len(entries), 60)]
        elif name == "dict-foldoc":
            entries = re.split(r"\n(?=\S)", dictionary(folder))
            entries = [" ".join(e.split()) for e in entries if len(e) > 300]
            rng.shuffle(entries)
            documents = [(str(i), [e]) for i, e in enumerate(entries)]
        else:
            documents = pages(folder, most, rng)
        train += take(name, documents, most, rng)
    for name, most in (("moby-dick", 700), ("kusamakura-preview", 10), ("childrens-literature", 200)):
        train += take(name, epub(f"{epubs}/{name}.epub"), most, rng)
    rust = []
    for path in sorted(glob.glob(f"{rust_book}/*.md")):
        text = re.sub(r"<[^>]+>", "", open(path).read())
        part = chunks([" ".join(p.split()) for p in text.split("\n\n")], rng, 500, 900)
        rust += [{"document": os.path.basename(path), "text": t} for t in part]
    sqlite = take("sqlite", pages(f"{packages}/sqlite3-doc", 300, rng), 1250, rng)
    for name, rows in (("train", train), ("rust", rust), ("sqlite", sqlite)):
        with open(f"{out}/{name}.jsonl", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        print(name, len(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
