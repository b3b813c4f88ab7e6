# SPDX-License-Identifier: Apache-2.0
"""Approximate search beside the peers: recall@10 against queries a second, bytes, time and memory of each build.

usage: bench_ann.py FOLDER real|synth [SYSTEM ...] > ann_SET.csv
real: sentences.npy (100,000 x 384) with queries.npy and, if there, foreign.npy (make_sets.py): queries unlike the
rows. synth: synth.npy (1,000,000 x 128, distances) with synth_queries.npy. MAGPIE_BUILD, BENCH_ROUNDS (5), BENCH_CORE
(1), BENCH_THREADS ("1 2"). Every system builds on one core in a process of its own; then they are asked in turn.
Recall of 1,000 queries, rates of 500 handed over in one call. build_s and memory as in bench_build.py.
"""
import sys
import time
from pathlib import Path

import numpy as np

import workers
from workers import K, ROUNDS, Table, load, median, memory_mb, recall, seconds_of

SETS = {"real": ("sentences", False, 200, {"real": "queries", "foreign": "foreign"}),
        "synth": ("synth", True, 100, {"synth": "synth_queries"})}
FIELDS = ["queries", "system", "threads", "knob", "recall10", "qps", "qps_low", "qps_high", "bytes", "build_s",
          "build_mb", "rounds", "load", "machine"]
ENOUGH = 0.996  # recall after which no wider knob is asked
ALONE = ("ScaNN", "magpie clusters")  # one batch on a chosen number of threads is not to be had of them
SLOWEST = 4.0   # seconds of 500 queries


def truths(folder, which):
    """The K nearest of each query, exactly; kept beside the vectors."""
    rows, l2, _, sets = SETS[which]
    found = {}
    for name, file in sets.items():
        path, kept = folder / f"{file}.npy", folder / f"truth_{name}.npy"
        if not path.exists():
            print(f"SKIPPED: no {path}; make_sets.py makes it", file=sys.stderr)
            continue
        if not kept.exists():
            base, queries = np.load(folder / f"{rows}.npy"), np.load(path)[:1000]
            scores = queries @ base.T
            if l2:
                scores -= 0.5 * np.einsum("nd,nd->n", base, base)
            np.save(kept, np.argpartition(-scores, K, axis=1)[:, :K])
        found[name] = np.load(kept)
    return found


class System:
    """One index. Requests: {"queries", "knob", "recall": true} or the same without."""

    def __init__(self, name, request):
        import ann_peers
        folder = Path(request["folder"])
        rows, l2, width, sets = SETS[request["set"]]
        base = np.load(folder / f"{rows}.npy")
        self.queries = {key: np.load(folder / f"{sets[key]}.npy")[:1000].copy() for key in request["sets"]}
        self.truth = {key: np.load(folder / f"truth_{key}.npy") for key in request["sets"]}
        before, clock, used = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
        size, self.search, knobs = ann_peers.PEERS[name](base, l2, request["threads"], width)
        self.about = {"build_s": time.process_time() - used, "clock_s": time.perf_counter() - clock,
                      "mb": memory_mb("VmHWM") - before, "knobs": knobs,
                      "bytes": size() if callable(size) else size}

    def do(self, request):
        queries, knob, threads = self.queries[request["queries"]], request["knob"], request["threads"]
        if request.get("recall"):
            start = time.process_time()
            found = self.search(queries, knob, threads)
            return {"recall": recall(np.asarray(found), self.truth[request["queries"]]),
                    "seconds": time.process_time() - start}
        half = queries[:500]
        return {"seconds": seconds_of(lambda: self.search(half, knob, threads), threads, 0.05) / 500}


def points_of(system, queries):
    """The knobs worth timing, and their recall."""
    points = {}
    for knob in system.about["knobs"]:
        answer = system.ask(threads=1, queries=queries, knob=knob, recall=True)
        if "error" in answer or answer["seconds"] > 2 * SLOWEST:
            break
        points[knob] = answer["recall"]
        if answer["recall"] > ENOUGH:
            break
    return points


def measure(table, systems, queries, threads):
    points = {system.name: points_of(system, queries) for system in systems}
    seconds = {}
    for _ in range(ROUNDS):
        for place in range(max(map(len, points.values()))):
            for system in systems:
                knobs = list(points[system.name])
                if place < len(knobs):
                    answer = system.ask(threads=threads, queries=queries, knob=knobs[place])
                    seconds.setdefault((system.name, knobs[place]), []).append(answer.get("seconds", float("nan")))
    for system in systems:
        about = system.about
        for knob, hits in points[system.name].items():
            taken = seconds[system.name, knob]
            table.row(queries=queries, system=system.name, threads=threads, knob=knob, recall10=hits,
                      qps=1 / median(taken), qps_low=1 / max(taken), qps_high=1 / min(taken), bytes=about["bytes"],
                      build_s=about["build_s"], build_mb=about["mb"], rounds=ROUNDS, load=load(),
                      machine=workers.machine())


def main():
    import ann_peers
    folder, which, wanted = Path(sys.argv[1]), sys.argv[2], sys.argv[3:] or list(ann_peers.PEERS)
    table, sets = Table("/dev/stdout", FIELDS), list(truths(folder, which))
    systems = workers.started(__file__, wanted, folder=str(folder), set=which, sets=sets, threads=1)
    for threads in workers.THREADS:
        for queries in sets:
            started = time.time()
            measure(table, [s for s in systems if threads == 1 or s.name not in ALONE], queries, threads)
            print(f"{queries}, threads {threads}: {time.time() - started:.0f} s, load {load():.1f}", file=sys.stderr)
    for system in systems:
        system.close()


if __name__ == "__main__":
    workers.serve(System) if sys.argv[1:] == ["--worker"] else main()
