# SPDX-License-Identifier: Apache-2.0
"""Building beside the peers: seconds on one core and on two, peak memory, the merge of two halves against a rebuild.

usage: bench_build.py FOLDER [SYSTEM ...] > build.csv
FOLDER holds sentences.npy (100,000 x 384). MAGPIE_BUILD, BENCH_ROUNDS (3 here), BENCH_CORE (1), BENCH_THREADS
("1 2"). The systems build in turn, each in a fresh process, round after round. seconds: of the processor; clock_s: of
the clock, which on two cores is what counts and on a busy machine holds the others' work too. peak_mb: what the
process grew by at most while building, the caller's f32 rows not counted.
"""
import os
import sys
import time
from pathlib import Path

import numpy as np

import workers
from workers import Table, load, median, memory_mb

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
WIDTH = 200
SYSTEMS = ["magpie", "magpie, merge of two halves", "magpie clusters", "hnswlib", "SymphonyQG",
           "FAISS IVF-PQfs, 100 refined"]
FIELDS = ["system", "threads", "seconds", "clock_s", "clock_low", "clock_high", "peak_mb", "rounds", "load", "machine"]


class System:
    """Builds once, and says what it took."""

    def __init__(self, name, request):
        base, threads = np.load(Path(request["folder"]) / "sentences.npy"), request["threads"]
        work = self.merge(base, threads) if "merge" in name else self.build(name, base, threads)
        before, clock, used = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
        self.kept = work()
        self.about = {"seconds": time.process_time() - used, "clock_s": time.perf_counter() - clock,
                      "mb": memory_mb("VmHWM") - before}

    @staticmethod
    def build(name, base, threads):
        import ann_peers
        if name.startswith("magpie"):
            import ours
            rows, index = ours.aligned(base), ours.Clusters if "clusters" in name else ours.Graph
            return lambda: index(rows, 0, threads)
        return lambda: ann_peers.PEERS[name](base, False, threads, WIDTH)

    @staticmethod
    def merge(base, threads):
        import ours
        rows, half = ours.aligned(base), len(base) // 2
        parts = [ours.Graph(rows[:half], 0, threads), ours.Graph(rows[half:], 0, threads)]
        return lambda: ours.Graph(rows, 0, threads, parts)


def main():
    folder, wanted = sys.argv[1], sys.argv[2:] or SYSTEMS
    table, taken = Table("/dev/stdout", FIELDS), {}
    for _ in range(ROUNDS):
        for threads in workers.THREADS:
            for name in wanted:
                worker = workers.started(__file__, [name], threads=threads, folder=folder)
                if worker:
                    taken.setdefault((name, threads), []).append(worker[0].about)
                    worker[0].close()
    for (name, threads), abouts in sorted(taken.items(), key=lambda item: (item[0][1], wanted.index(item[0][0]))):
        clocks = [about["clock_s"] for about in abouts]
        table.row(system=name, threads=threads, seconds=median([about["seconds"] for about in abouts]),
                  clock_s=median(clocks), clock_low=min(clocks), clock_high=max(clocks),
                  peak_mb=median([about["mb"] for about in abouts]), rounds=len(abouts), load=load(),
                  machine=workers.machine())


if __name__ == "__main__":
    workers.serve(System) if sys.argv[1:] == ["--worker"] else main()
