# SPDX-License-Identifier: Apache-2.0
"""magpie's scans, graph and clusters by ctypes, and the limits of the processor: compiles scan_shim.c, graph_shim.c,
cluster_shim.c and limits_shim.c against the archives libmgp_*.a of a build folder (MAGPIE_BUILD, else build/)."""
import ctypes
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
CODECS = {"f32": -1, "int8": 0, "int8dim": 1, "int4": 2, "rabitq": 3, "rabitq1": 4, "pq": 5, "bf16": 6, "f16": 7}
POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t


def compiled(name, *flags):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{name}.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-std=gnu17", f"-I{ROOT}/src", f"-I{ROOT}/include", "-o", out,
                        HERE / f"{name}.c", *flags], check=True)
        return ctypes.CDLL(str(out))


def linked(name):
    archives = [f"{BUILD}/libmgp_{part}.a" for part in ("index", "kernels", "base")]
    return compiled(name, "-O2", *archives, "-ljansson", "-lxxhash", "-lm", "-lpthread")


def aligned(rows):
    """A copy on a cache line, as the rows of a segment lie."""
    room = np.empty(rows.size + 16, np.float32)
    skip = -room.ctypes.data % 64 // 4
    out = room[skip:skip + rows.size].reshape(rows.shape)
    out[:] = rows
    return out


class Scan:
    def __init__(self, rows, codec, bits=0, threads=1):
        self.shim, self.rows, self.dim = linked("scan_shim"), aligned(rows), rows.shape[1]
        self.shim.shim_scan_create.restype = POINTER
        self.shim.shim_scan_create.argtypes = [POINTER, SIZE, SIZE, ctypes.c_int, ctypes.c_uint, ctypes.c_int]
        self.shim.shim_scan_size.restype, self.shim.shim_scan_size.argtypes = SIZE, [POINTER]
        self.shim.shim_scan_search.argtypes = [POINTER, POINTER, SIZE, SIZE, SIZE, POINTER]
        self.scan = self.shim.shim_scan_create(self.rows.ctypes.data, *rows.shape, CODECS[codec], bits, threads)
        if not self.scan:
            raise RuntimeError(f"no scan of {codec}")
        self.size = self.shim.shim_scan_size(self.scan)

    def search(self, queries, k, rerank=0):
        ids = np.empty((len(queries), k), np.uint64)
        if self.shim.shim_scan_search(self.scan, queries.ctypes.data, len(queries), k, rerank, ids.ctypes.data):
            raise RuntimeError("a scan failed")
        return ids


class Graph:
    """metric: 0 the dot product, 1 the distance. `rows` must be aligned and stay alive."""

    def __init__(self, rows, metric, threads=1, parts=None):
        self.shim, self.rows, self.dim = linked("graph_shim"), rows, rows.shape[1]
        shim = self.shim
        shim.shim_threads.argtypes = [ctypes.c_int]
        shim.shim_build.restype, shim.shim_build.argtypes = POINTER, [POINTER, SIZE, SIZE, ctypes.c_int]
        shim.shim_merge.restype = POINTER
        shim.shim_merge.argtypes = [POINTER, POINTER, POINTER, SIZE, ctypes.c_int]
        shim.shim_search.argtypes = [POINTER, POINTER, SIZE, SIZE, SIZE, ctypes.c_double, POINTER, ctypes.c_int,
                                     POINTER]
        shim.shim_size.restype, shim.shim_size.argtypes = SIZE, [POINTER]
        shim.shim_reach.restype, shim.shim_reach.argtypes = ctypes.c_double, [POINTER, ctypes.c_double, SIZE]
        shim.shim_threads(threads)
        self.threads = threads
        if parts:
            self.graph = shim.shim_merge(parts[0].graph, parts[1].graph, rows.ctypes.data, self.dim, metric)
        else:
            self.graph = shim.shim_build(rows.ctypes.data, len(rows), self.dim, metric)
        if not self.graph:
            raise RuntimeError("no graph")
        self.size = shim.shim_size(self.graph)

    def search(self, queries, k, knob, threads=1, allow=None, path=0):
        """knob: below 1 a recall, below 8 a reach, else a width. allow: packed bits, little end first."""
        ids = np.empty((len(queries), k), np.uint32)
        if threads != self.threads:
            self.shim.shim_threads(threads)
            self.threads = threads
        if self.shim.shim_search(self.graph, queries.ctypes.data, len(queries), self.dim, k, knob,
                                 None if allow is None else allow.ctypes.data, path, ids.ctypes.data):
            raise RuntimeError("a walk failed")
        return ids


class Clusters:
    def __init__(self, rows, metric, threads=1):
        self.shim, self.rows, self.dim = linked("cluster_shim"), rows, rows.shape[1]
        shim = self.shim
        shim.shim_clusters_threads.argtypes = [ctypes.c_int]
        shim.shim_clusters_build.restype = POINTER
        shim.shim_clusters_build.argtypes = [POINTER, SIZE, SIZE, ctypes.c_int]
        shim.shim_clusters_search.argtypes = [POINTER, POINTER, SIZE, SIZE, SIZE, ctypes.c_double, POINTER]
        shim.shim_clusters_size.restype, shim.shim_clusters_size.argtypes = SIZE, [POINTER]
        shim.shim_clusters_threads(threads)
        self.clusters = shim.shim_clusters_build(rows.ctypes.data, len(rows), self.dim, metric)
        if not self.clusters:
            raise RuntimeError("no clusters")
        self.size = shim.shim_clusters_size(self.clusters)

    def search(self, queries, k, recall):
        """By the recall that is asked for, on one thread."""
        ids = np.empty((len(queries), k), np.uint32)
        if self.shim.shim_clusters_search(self.clusters, queries.ctypes.data, len(queries), self.dim, k, recall,
                                          ids.ctypes.data):
            raise RuntimeError("a search of lists failed")
        return ids


class Limits:
    """Rates of this moment: bytes read a second by one run and by four, multiply-adds a second."""

    def __init__(self):
        self.shim = compiled("limits_shim", "-O3", "-march=native")
        self.shim.limits_read.argtypes = [POINTER, SIZE, SIZE]
        self.shim.limits_scan.argtypes = [POINTER, SIZE, SIZE, POINTER, POINTER]
        for name in ("fma", "vnni", "bf16"):
            step = getattr(self.shim, f"limits_{name}")
            step.restype, step.argtypes = ctypes.c_double, [SIZE]

    def read(self, memory, streams):
        passes = max(1, int(3e8 / memory.nbytes))
        start = time.process_time()
        for _ in range(passes):
            self.shim.limits_read(memory.ctypes.data, memory.nbytes, streams)
        return passes * memory.nbytes / (time.process_time() - start)

    def scan(self, rows):
        """Bytes a second of the plainest scan of f32 rows."""
        best, start = ctypes.c_float(), time.process_time()
        for row in range(2):
            self.shim.limits_scan(rows.ctypes.data, *rows.shape, rows[row].ctypes.data, ctypes.byref(best))
        return 2 * rows.nbytes / (time.process_time() - start)

    def peak(self, name, steps=3_000_000):
        start = time.process_time()
        done = getattr(self.shim, f"limits_{name}")(steps)
        return done / (time.process_time() - start)
