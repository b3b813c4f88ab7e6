# SPDX-License-Identifier: Apache-2.0
"""Peak anonymous memory of the command against --memory, on the demo collection (`make demo` makes it).

Anonymous memory is what no file backs: RssAnon of /proc/PID/status, sampled each millisecond. Prints CSV:
command, memory_mb (the budget), peak_anonymous_mb, ratio, exit, seconds. Exit 1 is a run that ended with the
clear error that the budget is too small (or a search that found nothing after it). Target: ratio <= 1.
MAGPIE_BUILD names another build folder.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = ROOT / "demo" / "collection"
MAGPIE = pathlib.Path(os.environ.get("MAGPIE_BUILD", ROOT / "build")) / "magpie"
BUDGETS = (64, 128, 256, 512)
RECORDS, DIM = 100_000, 384


def anonymous_kb(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def measure(arguments):
    """Runs a command; gives its exit status, peak of anonymous memory in kB and seconds."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([MAGPIE, *arguments], stdout=subprocess.DEVNULL, stderr=errors)
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_kb(process.pid))
            time.sleep(0.001)
        seconds = time.perf_counter() - start
        errors.seek(0)
        told = errors.read().decode().strip().splitlines()
        if process.returncode and told:
            print(f"# {told[-1]}", file=sys.stderr)
    return process.returncode, peak, seconds


def row(what, budget, arguments):
    code, peak, seconds = measure([*arguments, "--memory", f"{budget}M"])
    print(
        f"{what},{budget},{peak / 1024:.0f},{peak / 1024 / budget:.2f},{code},{seconds:.1f}",
        flush=True,
    )


def write_records(path):
    # stretches of one long vector: random numbers take longer to make than to import
    rng = random.Random(1)
    numbers = [round(rng.uniform(-1, 1), 4) for _ in range(2 * DIM)]
    with open(path, "w") as out:
        for i in range(RECORDS):
            at = rng.randrange(DIM)
            title = f"record {i} of {rng.randrange(1000)} and {rng.randrange(100000)}"
            out.write(f'{{"id":"{i}","title":"{title}","vector":{json.dumps(numbers[at:at + DIM])}}}\n')


def main():
    if not COLLECTION.exists():
        sys.exit("bench_memory: demo/collection is absent; run `make demo` first")
    print("command,memory_mb,peak_anonymous_mb,ratio,exit,seconds")
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        records = folder / "records.jsonl"
        write_records(records)
        for budget in BUDGETS:
            given, demo = folder / f"given{budget}.mgp", folder / f"demo{budget}.mgp"
            row(f"import {RECORDS} records of {DIM} numbers", budget, ["import", records, "-x", given])
            row("merge --all", budget, ["merge", "--all", "-x", given])
            row("search of it", budget, ["search", "-x", given, "record 42"])
            row("index of the demo collection", budget, ["index", COLLECTION, "-x", demo])
            row("merge --all of the demo", budget, ["merge", "--all", "-x", demo])
            row("search of the demo", budget, ["search", "-x", demo, "a bird on a branch"])


if __name__ == "__main__":
    main()
