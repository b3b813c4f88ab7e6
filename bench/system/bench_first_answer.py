# SPDX-License-Identifier: Apache-2.0
"""First answer of a fresh process: an index of 10,000 items, one text query, model load included.

Prints CSV: what, items, median_ms, lowest_ms, highest_ms, user_ms, took_ms (the search alone). The page
cache is warm after the first run, which is not counted. Target: 400 ms.
"""

import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAGPIE = ROOT / "build" / "magpie"
ITEMS = int(os.environ.get("BENCH_ITEMS", 10000))
REPEATS = int(os.environ.get("BENCH_REPEATS", 7))

WORDS = (
    "river stone bridge winter harbour engine letter garden silver window market doctor "
    "forest planet music copper island valley summer castle"
).split()


def make_index(folder):
    """Short texts: what counts here is their number, not their meaning."""
    random.seed(7)
    index = folder / "ten-thousand.mgp"
    with (folder / "records.jsonl").open("w") as out:
        for n in range(ITEMS):
            out.write(
                json.dumps({"id": str(n), "text": " ".join(random.choices(WORDS, k=6))}) + "\n"
            )
    subprocess.run(
        [MAGPIE, "import", folder / "records.jsonl", "-x", index, "-q"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return index


def one_run(index, extra):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    out = subprocess.run(
        [MAGPIE, "search", "a bridge over the river", "-x", index, "--json", *extra],
        check=True,
        capture_output=True,
    ).stdout
    wall = (time.perf_counter() - start) * 1e3
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, (after.ru_utime - before.ru_utime) * 1e3, json.loads(out)["took_ms"]


def main():
    print("what,items,median_ms,lowest_ms,highest_ms,user_ms,took_ms")
    with tempfile.TemporaryDirectory() as place:
        index = make_index(pathlib.Path(place))
        for what, extra in [("words and vectors", []), ("words alone", ["-w", "text=0"])]:
            one_run(index, extra)
            runs = [one_run(index, extra) for _ in range(REPEATS)]
            walls = [r[0] for r in runs]
            print(
                f"{what},{ITEMS},{statistics.median(walls):.0f},{min(walls):.0f},{max(walls):.0f},"
                f"{statistics.median(r[1] for r in runs):.0f},"
                f"{statistics.median(r[2] for r in runs):.0f}"
            )


if __name__ == "__main__":
    sys.exit(main())
