"""How the graph grows: real passages, and synthetic ones of two kinds up to SIZES chunks (by default 100,000 and a million)."""

import json
import os

import common


def main():
    sizes = os.environ.get("SIZES", "100000 1000000").split()
    like = ["--like", common.DATA / "passages.f16.npy", common.titles(), common.DATA / "queries.f16.npy"]
    rows = common.load("scale") if os.environ.get("KEEP") else []
    for source in ([], like):
        for size in sizes:
            row = json.loads(common.example("scale", "--json", *source, size))
            row["data"] = {"like SQuAD": "synthetic, between SQuAD's neighbours"}.get(row["data"], "synthetic, " + row["data"])
            rows.append(row)
            print(rows[-1], flush=True)
            common.save("scale", rows)


if __name__ == "__main__":
    main()
