# SPDX-License-Identifier: Apache-2.0
"""Recall@10 against queries a second of the graph, SymphonyQG and hnswlib on the same vectors.

usage: bench_graph.py BUILD FOLDER [magpie|symphonyqg|hnswlib ...] > graph.csv
BUILD is a build folder with libmgp_*.a; FOLDER holds sentences.npy and queries.npy (f32, unit rows) as the recipe
of the peers' bench makes them. Needs numpy, hnswlib, rabitqlib. One thread; seconds are the process's own, so that a
busy machine disturbs less; each figure is the best of 3. The peers' graphs: degree 32, construction width 200.
"""
import ctypes
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
K, WIDTHS = 10, [32, 48, 64, 80, 96, 128, 192, 256, 400]


def library(build):
    out = Path(tempfile.mkdtemp()) / "graph_shim.so"
    archives = [f"{build}/libmgp_{name}.a" for name in ("index", "kernels", "base")]
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-std=c17", "-D_GNU_SOURCE", f"-I{ROOT}/src", f"-I{ROOT}/include",
                    "-o", out, Path(__file__).with_name("graph_shim.c"), *archives, "-ljansson", "-lxxhash", "-lm",
                    "-lpthread"], check=True)
    shim = ctypes.CDLL(str(out))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    shim.shim_build.restype, shim.shim_build.argtypes = pointer, [pointer, size, size, ctypes.c_int]
    shim.shim_search.argtypes = [pointer, pointer, size, size, size, ctypes.c_double, pointer, ctypes.c_int, pointer]
    shim.shim_size.restype, shim.shim_size.argtypes = size, [pointer]
    return shim


def magpie(base, build):
    shim = library(build)
    graph = shim.shim_build(base.ctypes.data, len(base), base.shape[1], 0)

    def search(queries, width):
        ids = np.empty((len(queries), K), np.uint32)
        if shim.shim_search(graph, queries.ctypes.data, len(queries), base.shape[1], K, width, None, 0,
                            ids.ctypes.data):
            sys.exit("bench_graph: a search failed")
        return ids
    return search, shim.shim_size(graph) + base.nbytes


def symphonyqg(base, _):
    import rabitqlib
    index = rabitqlib.SymqgIndex(base.shape[1], 32)
    index.build(base, 200, 1)
    return lambda queries, width: np.asarray(index.search_batch(queries, K, width, 1)[0]), 0


def hnswlib(base, _):
    import hnswlib as peer
    index = peer.Index(space="ip", dim=base.shape[1])
    index.init_index(max_elements=len(base), M=16, ef_construction=200, random_seed=100)
    index.add_items(base, num_threads=1)

    def search(queries, width):
        index.set_ef(width)
        return index.knn_query(queries, K, num_threads=1)[0]
    return search, 0


def best_seconds(work, repeats=3):
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        out = work()
        best = min(best, time.process_time() - start)
    return out, best


def main():
    build, folder, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] or ["magpie", "symphonyqg", "hnswlib"]
    base, queries = np.load(folder / "sentences.npy"), np.load(folder / "queries.npy")[:500].copy()
    truth = np.argpartition(-(queries @ base.T), K, axis=1)[:, :K]
    print("peer,width,recall10,qps,build_cpu_s,bytes")
    for name in names:
        start = time.process_time()
        search, size = {"magpie": magpie, "symphonyqg": symphonyqg, "hnswlib": hnswlib}[name](base, build)
        seconds = time.process_time() - start
        for width in WIDTHS:
            found, used = best_seconds(lambda: search(queries, width))
            hits = np.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist())]) / K
            print(f"{name},{width},{hits:.4f},{len(queries) / used:.0f},{seconds:.1f},{size}", flush=True)


if __name__ == "__main__":
    main()
