"""The accepted answers of the 500 questions, from the pages of SQuAD-explorer: answers.json, committed beside this.

usage: answers.py GIT_DIR QUERIES.jsonl

GIT_DIR: a bare snapshot of the GitHub repository rajpurkar/SQuAD-explorer. SQuAD v1.1: CC BY-SA 4.0.
"""

import html
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile

COMMIT = "13f82e35b9a1fb9173f863b35f5675030646571e"
QUESTION = re.compile(r'<strong class="question">(.*?)</strong>(.*?)(?=<strong class="question">|$)', re.S)
ANSWER = re.compile(r'<span class="answer">(.*?)</span>', re.S)


def main(git_dir, queries):
    wanted = {}
    for line in open(queries, encoding="utf-8"):
        question = json.loads(line)
        wanted[question["text"]] = question["id"]
    archive = subprocess.run(
        ["git", "--git-dir", git_dir, "archive", COMMIT, "explore/1.1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), ignore_zeros=True) as pages:
        for page in pages:
            if not page.name.endswith(".html") or page.name.endswith("index.html"):
                continue
            for question, rest in QUESTION.findall(pages.extractfile(page).read().decode("utf-8")):
                question = " ".join(html.unescape(question).split())
                if question in wanted:
                    answers = {html.unescape(a) for a in ANSWER.findall(rest)}
                    found.setdefault(wanted[question], set()).update(answers)
    missing = set(wanted.values()) - found.keys()
    assert not missing, missing
    out = pathlib.Path(__file__).with_name("answers.json")
    rows = ",\n".join(f"{json.dumps(i)}: {json.dumps(sorted(found[i]), ensure_ascii=False)}" for i in sorted(found))
    out.write_text("{\n" + rows + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
