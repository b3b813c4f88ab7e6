# SPDX-License-Identifier: Apache-2.0
"""Evaluation and fusion beside pytrec_eval, ir_measures and plain Python, in one run.

    bench_eval.py [--queries N] [--documents N] [--rounds N]

1,000 queries x 1,000 documents, 20 judged each, as in the peers' own measurement. Each round runs all of
them in turn, one thread each; medians and the median of the rounds' ratios are printed as CSV. What is
counted: for nDCG@10 pytrec_eval gets dicts that lie ready (and the evaluator made), magpie a run in memory
in random order, and ranking is part of the time of both; for "10 measures" both read qrels and run from
files with their own readers; for RRF plain Python gets lists that are sorted already, magpie once the same
(ranked) and once unsorted runs, and both sort what they fused. ndcg10 says what came out: it must be the
same on both sides. Exit 1 when a ratio is over its target or a value differs.
"""

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

import ir_measures  # noqa: E402
import pytrec_eval  # noqa: E402
from ir_measures import AP, P, R, RR, Bpref, Rprec, Success, nDCG  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
ALL_MEASURES = [nDCG @ 10, nDCG, P @ 10, R @ 100, AP, AP @ 100, Rprec, RR, Bpref, Success @ 10]
NDCG_ROW, FILES_ROW = "nDCG@10 of an unsorted run in memory", "10 measures with reading both files"
RANKED_ROW, UNSORTED_ROW = "RRF of two ranked runs in memory", "RRF of two unsorted runs in memory"
ROWS = ((NDCG_ROW, "pytrec_eval", 0.15), (FILES_ROW, "ir_measures", 0.5), (RANKED_ROW, "plain Python", 0.3),
        (UNSORTED_ROW, "plain Python", 0.3))


def make_data(queries, count):
    rng = random.Random(5)
    documents = [f"d{i}" for i in range(20 * count)]
    runs, judged = ({}, {}), {}
    for q in range(queries):
        for run in runs:
            picked = rng.sample(documents, count)
            run[f"q{q}"] = {d: float(count - i) + rng.random() for i, d in enumerate(picked)}
        judged[f"q{q}"] = {d: rng.randint(0, 3) for d in rng.sample(documents, 20)}
    return judged, runs


def write_files(folder, judged, runs):
    paths = [folder / name for name in ("qrels", "run", "other")]
    paths[0].write_text("".join(f"{q} 0 {d} {g}\n" for q, ds in judged.items() for d, g in ds.items()))
    for path, run in zip(paths[1:], runs):
        with path.open("w") as file:
            for query, found in run.items():
                ranked = sorted(found.items(), key=lambda hit: -hit[1])
                file.writelines(f"{query} Q0 {d} {i} {s} bench\n" for i, (d, s) in enumerate(ranked, 1))
    return paths


def timed(work):
    started = time.perf_counter()
    value = work()
    return time.perf_counter() - started, value


def magpie_round(paths):
    done = subprocess.run([BUILD / "bench_eval", "--files", *paths, "1"], check=True, capture_output=True, text=True)
    rows = csv.DictReader(done.stdout.splitlines())
    return {row["what"]: (float(row["seconds"]), float(row["ndcg10"])) for row in rows}


def fuse_plainly(ranked):
    out = {}
    for query in ranked[0]:
        score = {}
        for run in ranked:
            for rank, document in enumerate(run[query], 1):
                score[document] = score.get(document, 0.0) + 1 / (60 + rank)
        out[query] = {d: score[d] for d in sorted(score, key=score.get, reverse=True)}
    return out


def mean_ndcg(evaluator, run):
    values = evaluator.evaluate(run)
    return statistics.fmean(v["ndcg_cut_10"] for v in values.values())


def peer_round(evaluator, runs, ranked, paths):
    seconds, found = timed(lambda: evaluator.evaluate(runs[0]))
    ndcg = seconds, statistics.fmean(v["ndcg_cut_10"] for v in found.values())
    seconds, means = timed(lambda: ir_measures.calc_aggregate(ALL_MEASURES, ir_measures.read_trec_qrels(str(paths[0])),
                                                              ir_measures.read_trec_run(str(paths[1]))))
    files = seconds, means[nDCG @ 10]
    seconds, fused = timed(lambda: fuse_plainly(ranked))
    fusion = seconds, mean_ndcg(evaluator, fused)
    return {NDCG_ROW: ndcg, FILES_ROW: files, RANKED_ROW: fusion, UNSORTED_ROW: fusion}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    judged, runs = make_data(options.queries, options.documents)
    ranked = [{q: sorted(found, key=found.get, reverse=True) for q, found in run.items()} for run in runs]
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"})
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write_files(Path(folder), judged, runs)
        for _ in range(options.rounds):
            rounds.append((magpie_round(paths), peer_round(evaluator, runs, ranked, paths)))
    failed = []
    print("what,queries,documents,magpie_s,peer,peer_s,ratio,target,magpie_ndcg10,peer_ndcg10")
    for what, peer, target in ROWS:
        ours, theirs = [m[what][0] for m, _ in rounds], [p[what][0] for _, p in rounds]
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        values = rounds[0][0][what][1], rounds[0][1][what][1]
        print(f"{what},{options.queries},{options.documents},{statistics.median(ours):.5f},{peer},"
              f"{statistics.median(theirs):.5f},{ratio:.4f},{target},{values[0]:.9f},{values[1]:.9f}", flush=True)
        if ratio > target or abs(values[0] - values[1]) > 1e-9:
            failed.append(what)
    if failed:
        print(f"bench_eval: over its target, or not the same value: {'; '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
