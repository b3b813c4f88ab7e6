# SPDX-License-Identifier: Apache-2.0
"""Exact and compressed scans of 100,000 x 384 beside the peers: queries a second for one query and for 64 at once,
recall@10 against f32, and the share of what the processor can read or multiply in the same seconds.

usage: bench_exact.py FOLDER [GROUP ...] > exact.csv
FOLDER holds sentences.npy and queries.npy. MAGPIE_BUILD, BENCH_ROUNDS (5), BENCH_CORE (1), BENCH_THREADS ("1 2").
read_gb_s: a plain read of as many bytes (the best of one run and of four side by side, and for f32 of the plainest
scan), in turn with the systems; share_of_peak: of the multiply-adds of f32 in registers.
"""
import sys
import time
from pathlib import Path

import numpy as np

import workers
from workers import K, ROUNDS, Table, load, median, recall, seconds_of

BATCH, LEAST, WHOLE = 64, 0.25, 100_000 * 384 * 4
FIELDS = ["group", "system", "threads", "batch", "qps", "qps_low", "qps_high", "recall10", "bytes", "gb_s",
          "read_gb_s", "share_of_read", "share_of_peak", "rounds", "load", "machine"]


class System:
    """One scan. Requests: {"batch"}."""

    def __init__(self, name, request):
        import flat_peers
        folder = Path(request["folder"])
        base = np.load(folder / "sentences.npy")
        self.queries = np.load(folder / "queries.npy")[:256].copy()
        made = {key: make for group in flat_peers.GROUPS.values() for key, make in group.items()}
        size, self.search = made[name](base, request["threads"])
        truth = np.argpartition(-(self.queries @ base.T), K, axis=1)[:, :K]
        found = np.concatenate([np.asarray(self.search(self.queries[at:at + 64])) for at in range(0, 256, 64)])
        self.about = {"bytes": size, "recall": recall(found, truth)}

    def do(self, request):
        batch, at = request["batch"], [0]

        def work():
            at[0] = (at[0] + batch) % (len(self.queries) - batch)
            self.search(self.queries[at[0]:at[0] + batch])
        work()
        return {"seconds": seconds_of(work, request["threads"], LEAST) / batch}


class Limits:
    """What can be read and multiplied. Requests: {"size"}."""

    def __init__(self, _, request):
        import ours
        self.base = ours.aligned(np.load(Path(request["folder"]) / "sentences.npy"))
        self.limits, self.about = ours.Limits(), {}

    def do(self, request):
        memory = self.base.reshape(-1)[:request["size"] // 4]
        rates = [self.limits.read(memory, 1), self.limits.read(memory, 4)]
        if request["size"] == self.base.nbytes:
            rates.append(self.limits.scan(self.base))
        return {"read": max(rates), "fma": self.limits.peak("fma", 1_000_000)}


def make(name, request):
    return Limits(name, request) if name == "limits" else System(name, request)


def measure(table, group, names, threads, folder, environments):
    systems = []
    for name in names:
        systems += workers.started(__file__, [name], threads=threads, folder=folder,
                                   environment=environments.get(name, {}))
    limits = workers.started(__file__, ["limits"], threads=1, folder=folder)[0]
    seconds, reads, peaks = {}, {}, []
    for _ in range(ROUNDS):
        for batch in (1, BATCH):
            for system in systems:
                size = min(system.about["bytes"], WHOLE) // 512 * 512
                now = limits.ask(threads=1, size=size)
                reads.setdefault((system.name, batch), []).append(now["read"])
                peaks.append(now["fma"])
                answer = system.ask(threads=threads, batch=batch)
                seconds.setdefault((system.name, batch), []).append(answer.get("seconds", float("nan")))
    for system in systems:
        for batch in (1, BATCH):
            taken, read = seconds[system.name, batch], reads[system.name, batch]
            size = system.about["bytes"]
            rate = size / median(taken) if batch == 1 else float("nan")
            share = median([size / s / r for s, r in zip(taken, read)]) if batch == 1 else float("nan")
            flops = 2 * WHOLE / 4 / median(taken) / median(peaks)
            table.row(group=group, system=system.name, threads=threads, batch=batch, qps=1 / median(taken),
                      qps_low=1 / max(taken), qps_high=1 / min(taken), recall10=system.about["recall"], bytes=size,
                      gb_s=rate / 1e9, read_gb_s=median(read) / 1e9, share_of_read=share,
                      share_of_peak=flops if batch > 1 and group == "f32" else float("nan"), rounds=ROUNDS,
                      load=load(), machine=workers.machine())
    for worker in (*systems, limits):
        worker.close()


def main():
    import flat_peers
    folder, wanted = sys.argv[1], sys.argv[2:] or list(flat_peers.GROUPS)
    table = Table("/dev/stdout", FIELDS)
    environments = {"turbovec 4 bit, no planes": flat_peers.NO_PLANES}
    for threads in workers.THREADS:
        for group in wanted:
            started = time.time()
            measure(table, group, list(flat_peers.GROUPS[group]), threads, folder, environments)
            print(f"{group}, threads {threads}: {time.time() - started:.0f} s, load {load():.1f}", file=sys.stderr)


if __name__ == "__main__":
    workers.serve(make) if sys.argv[1:] == ["--worker"] else main()
