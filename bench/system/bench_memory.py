# SPDX-License-Identifier: Apache-2.0
"""Resident memory while indexing with all packs loaded, on the demo collection (`make demo` makes it).

Prints CSV: what, files, items, seconds, peak_rss_mb. Target: 700 MB, whatever the folder's size: the
second row indexes the collection twice over (two roots), which must not need more.
"""

import json
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = ROOT / "demo" / "collection"


def index(what, *roots):
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        process = subprocess.Popen(
            [
                ROOT / "build" / "magpie",
                "index",
                *roots,
                "-x",
                pathlib.Path(place) / "memory.mgp",
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        last = None
        for line in process.stdout:
            last = line
        process.wait()
        report = json.loads(last)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{what},{report['files_seen']},{report['items_added']},"
            f"{time.perf_counter() - start:.0f},{peak:.0f}",
            flush=True,
        )


def main():
    if not COLLECTION.exists():
        sys.exit("bench_memory: demo/collection is absent; run `make demo` first")
    print("what,files,items,seconds,peak_rss_mb")
    index("demo collection", COLLECTION)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(COLLECTION, pathlib.Path(copy) / "again")
        index("demo collection twice", COLLECTION, copy)


if __name__ == "__main__":
    main()
