# SPDX-License-Identifier: Apache-2.0
"""The clustered index on vectors larger than memory, within a ceiling that the system holds (a memory cgroup, v1).

  bench_large.py BENCH_LARGE SENTENCES.npy QUERIES.npy FOLDER [--rows 4000000] [--ceiling 1073741824] > large.csv

BENCH_LARGE is bench_large.c, compiled with libmgp_index.a, libmgp_kernels.a and libmgp_base.a. The first 100,000
rows are the real ones, the others a + t b + noise of random real a and b, t even in 0 .. 0.6, the noise about a
third as long as a row, scaled to length 1 (seed 4000000). FOLDER keeps what is made; what it holds is not made
again. Needs root, and 1.1 times the bytes of the rows on the disk. `warm` are queries that were asked just before,
`fresh` others with whatever the pages hold, `rows cold` drops the pages of the vectors before each query, `cold` those
of the index too.
cpu_qps is by processor time, qps by the clock."""

import argparse
import os
import pathlib
import subprocess
import sys

DIM = 384
GROUP = pathlib.Path("/sys/fs/cgroup/memory/magpie_bench_large")


def enter_group():
    (GROUP / "cgroup.procs").write_text(str(os.getpid()))


def run(program, *args, within=False):
    done = subprocess.run(
        [program, *map(str, args)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        preexec_fn=enter_group if within else None,
    )
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("sentences")
    parser.add_argument("queries")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=4000000)
    parser.add_argument("--ceiling", type=int, default=1 << 30)
    o = parser.parse_args()
    GROUP.mkdir(exist_ok=True)
    (GROUP / "memory.limit_in_bytes").write_text(str(o.ceiling))
    rows, truth, index = (o.folder / name for name in ("rows.f32", "truth", "clusters"))
    if not rows.exists():
        run(o.program, "make", o.sentences, o.rows, rows)
    if not truth.exists():
        run(o.program, "truth", rows, DIM, o.queries, 1000, truth)
    if not index.exists():
        print(run(o.program, "build", rows, DIM, index, 600, within=True), file=sys.stderr)
    print("pages,recall_asked,queries,recall10,qps,cpu_qps,lists,codes,rows_read,major_faults,peak_rss_mib")
    for recall in (0.95, 0.9, 0.98):
        # cold first: it drops the pages that others were charged for
        for first, count, mode, name in (
            (0, 100, "cold", "cold"),
            (0, 100, "rows", "rows cold"),
            (0, 200, "warm", None),
            (0, 200, "warm", "warm"),
            (200, 800, "warm", "fresh"),
        ):
            line = run(o.program, "search", rows, DIM, index, o.queries, truth, first, count, recall, mode, within=True)
            if name:
                print(name + line[len(mode):], flush=True)
    GROUP.rmdir()


if __name__ == "__main__":
    main()
