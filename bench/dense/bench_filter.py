# SPDX-License-Identifier: Apache-2.0
"""Filtered nearest neighbours: each way that the graph has to answer beside the one that it chooses, nine cells.

usage: bench_filter.py FOLDER > filter.csv
FOLDER holds sentences.npy and queries.npy; MAGPIE_BUILD a build folder; BENCH_ROUNDS (5). The cells are those of the
peers' bench: 1, 10 or 50 % of the rows are kept; free: at random; near and far: those most or least like the centre
of the query's own topic, of eight. 160 queries, 20 a topic. A round asks every way once, in turn; rates are of the
process's own seconds, one thread, medians. asked 0: a way that reads rows or codes, which knows no recall.
"""
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import ours

K, TOPICS, EACH, RECALL = 10, 8, 20, 0.95
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WAYS = {"chosen": 0, "walk": 1, "bridge": 2, "codes": 3}  # of mgp_graph_path


def topics_of(base, random, rounds=10):
    """Centres by spherical k-means over a tenth of the rows."""
    rows = base[::10]
    centres = rows[random.permutation(len(rows))[:TOPICS]].copy()
    for _ in range(rounds):
        nearest = np.argmax(rows @ centres.T, axis=1)
        for topic in range(TOPICS):
            if np.any(nearest == topic):
                centres[topic] = rows[nearest == topic].mean(0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return centres


def cells(base, queries):
    """Yields (kind, share, [(mask, rows of queries)])."""
    random = np.random.default_rng(3)
    centres = topics_of(base, random)
    topic, near = np.argmax(queries @ centres.T, axis=1), centres @ base.T
    for share in (0.01, 0.1, 0.5):
        keep = int(len(base) * share)
        mask = np.zeros(len(base), bool)
        mask[random.permutation(len(base))[:keep]] = True
        yield "free", share, [(mask, np.arange(TOPICS * EACH))]
        for kind, sign in (("near", -1), ("far", 1)):
            groups = []
            for t in range(TOPICS):
                rows = np.flatnonzero(topic == t)[:EACH]
                mask = np.zeros(len(base), bool)
                mask[np.argsort(sign * near[t])[:keep]] = True
                if len(rows):
                    groups.append((mask, rows))
            yield kind, share, groups


def truth_of(base, queries, mask):
    kept = np.flatnonzero(mask)
    return kept[np.argsort(-(queries @ base[kept].T), axis=1)[:, :K]]


def packed(mask):
    bits = np.packbits(mask, bitorder="little")
    return np.concatenate([bits, np.zeros(-len(bits) % 8, np.uint8)])


def ways(graph, base):
    shim = graph.shim
    pointer, size = ours.POINTER, ours.SIZE
    shim.shim_survivors.argtypes = [pointer, size, size, pointer, size, size, pointer, pointer]

    def survivors(queries, allow):
        ids = np.empty((len(queries), K), np.uint32)
        if shim.shim_survivors(base.ctypes.data, *base.shape, queries.ctypes.data, len(queries), K, allow.ctypes.data,
                               ids.ctypes.data):
            sys.exit("bench_filter: no memory")
        return ids

    def by(path):
        return lambda queries, allow: graph.search(queries, K, RECALL, allow=allow, path=path)
    return {**{name: by(path) for name, path in WAYS.items()}, "survivors": survivors}


def measure(all_ways, parts):
    """Recall and rates of each way over the groups of one cell."""
    rates, hits = {name: [] for name in all_ways}, {}
    count = sum(len(queries) for queries, _, _ in parts)
    for _ in range(ROUNDS):
        for name, way in all_ways.items():
            start = time.process_time()
            found = [way(queries, allow) for queries, allow, _ in parts]
            rates[name].append(count / (time.process_time() - start))
            hits[name] = sum(len(set(a) & set(b)) for ids, (_, _, truth) in zip(found, parts)
                             for a, b in zip(ids.tolist(), truth.tolist())) / (K * count)
    return {name: (hits[name], rates[name]) for name in all_ways}


def main():
    folder = Path(sys.argv[1])
    base = ours.aligned(np.load(folder / "sentences.npy"))
    queries = np.load(folder / "queries.npy")[:1000]
    all_ways = ways(ours.Graph(base, 0), base)
    print("kind,share,way,asked,recall10,qps,qps_low,qps_high,of_best")
    for kind, share, groups in cells(base, queries):
        parts = [(np.ascontiguousarray(queries[rows]), packed(mask), truth_of(base, queries[rows], mask))
                 for mask, rows in groups]
        results = measure(all_ways, parts)
        best = max(statistics.median(rates) for recall, rates in results.values() if recall >= RECALL)
        for name, (recall, rates) in results.items():
            rate = statistics.median(rates)
            asked = RECALL if name in ("chosen", "walk", "bridge") else 0
            print(f"{kind},{share},{name},{asked},{recall:.4f},{rate:.0f},{min(rates):.0f},{max(rates):.0f},"
                  f"{rate / best:.2f}", flush=True)


if __name__ == "__main__":
    main()
