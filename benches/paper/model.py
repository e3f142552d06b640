"""What the encoder costs natively, on passages as long as SQuAD's and on questions: what an embedding not stored is worth.

usage: model.py ENCODER_SPEED (the example of the crate)
"""

import json
import subprocess
import sys

import common

# Passages embedded in one batch: about as many as a search at 0.95 asks for.
BATCH = 12


def main(binary):
    def milliseconds(lengths):
        args = [binary, "cpu", ",".join(map(str, lengths)), str(len(lengths)), "5"]
        return json.loads(subprocess.run(args, check=True, capture_output=True, text=True).stdout)

    # Word pieces estimated at 1.3 a word, and the two marks around them; a chunk has 256 at most.
    pieces = lambda text: min(256, round(1.3 * len(text.split())) + 2)
    passages = [pieces(p["text"]) for p in common.passages()]
    questions = [pieces(q["text"]) for q in common.questions()]
    middle = sorted(questions)[len(questions) // 2]
    # Batches of what follows each other at random, as hits do.
    chosen = [passages[i * 7919 % len(passages)] for i in range(BATCH * 4)]
    parts = [milliseconds(chosen[at : at + BATCH]) for at in range(0, len(chosen), BATCH)]
    row = {
        "system": "Gossamer's encoder, native CPU",
        "passage_ms": round(sum(p["ms"] for p in parts) / len(parts), 2),
        "question_ms": round(milliseconds([middle])["ms"], 2),
        "mean_tokens": round(sum(chosen) / len(chosen), 1),
        "batch": BATCH,
        "precision": parts[0]["precision"],
    }
    print(row)
    common.save("model", [row])


if __name__ == "__main__":
    main(sys.argv[1])
