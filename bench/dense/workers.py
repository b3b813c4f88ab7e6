# SPDX-License-Identifier: Apache-2.0
"""One process for each system that is compared, asked in turn.

Some peers disturb others in one process, and a shared machine changes from minute to minute. So each system builds its
index in a process of its own and waits; the bench then goes round them (A B C, A B C, ...), so that what is compared
was measured within seconds, and takes medians over the rounds. One thread: seconds of processor time, pinned to a
core; two threads: seconds of the clock. A process speaks JSON lines on its standard streams.
"""
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
K = 10
CORE = int(os.environ.get("BENCH_CORE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
THREADS = [int(part) for part in os.environ.get("BENCH_THREADS", "1 2").split()]
POOLS = ["OMP", "OPENBLAS", "MKL", "RAYON", "TOKIO_WORKER", "NUMBA"]


def pin(threads):
    os.sched_setaffinity(0, {CORE} if threads == 1 else set(range(os.cpu_count())))


def memory_mb(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


# ---- within a worker ----

def seconds_of(work, threads, least):
    """Seconds of one call: of the processor for one thread, of the clock for more."""
    clock = time.process_time if threads == 1 else time.perf_counter
    calls, start = 0, clock()
    while True:
        work()
        calls += 1
        used = clock() - start
        if used >= least:
            return used / calls


def serve(make):
    """Builds what `make(name, arguments)` gives, then answers {"call", ...} until the stream ends. The system has
    `do(request)`, which returns an answer to be sent."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    pin(request["threads"])
    try:
        system = make(request["name"], request)
        answer = system.about
    except Exception as error:
        answer, system = {"error": f"{type(error).__name__}: {error}"[:200]}, None
    while True:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        line = sys.stdin.readline()
        if not line or system is None:
            return
        request = json.loads(line)
        pin(request["threads"])
        try:
            answer = system.do(request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}


# ---- the bench ----

class Worker:
    def __init__(self, script, name, **request):
        threads = request.setdefault("threads", 1)
        environment = dict(os.environ, **{f"{pool}_NUM_THREADS": str(threads) for pool in POOLS},
                           TOKENIZERS_PARALLELISM="false", TOKIO_WORKER_THREADS=str(threads))
        environment.update(request.pop("environment", {}))
        self.name, self.about = name, {}
        self.process = subprocess.Popen([sys.executable, "-B", script, "--worker"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        self.send(name=name, **request)

    def send(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"ended with status {self.process.wait()}"}
        if "error" in answer:
            print(f"{self.name}: {answer['error']}", file=sys.stderr, flush=True)
        return answer

    def ask(self, **request):
        try:
            self.send(**request)
        except BrokenPipeError:
            return {"error": "it has ended"}
        return self.receive()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def started(script, names, **request):
    """Workers that have built, one after the other; those that failed are named on stderr and left out."""
    workers = []
    for name in names:
        worker = Worker(script, name, **request)
        worker.about = worker.receive()
        print(f"{name}: {worker.about}", file=sys.stderr, flush=True)
        if "error" in worker.about:
            worker.close()
        else:
            workers.append(worker)
    return workers


def median(values):
    return statistics.median(values) if values else float("nan")


def load():
    """How many processes want a core: others' too."""
    return os.getloadavg()[0]


class Table:
    """A CSV that is written row by row, so that a stopped run keeps what it had."""

    def __init__(self, path, fields, append=False):
        append = append and Path(path).exists()
        self.file = open(path, "a" if append else "w", newline="")
        self.writer = csv.DictWriter(self.file, fields, lineterminator="\n")
        if not append:
            self.writer.writeheader()

    def row(self, **values):
        self.writer.writerow({key: f"{value:.5g}" if isinstance(value, float) else value
                              for key, value in values.items()})
        self.file.flush()


def machine():
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{model} x {os.cpu_count()}"


def recall(found, truth):
    return sum(len(set(map(int, f)) & set(map(int, t))) for f, t in zip(found, truth)) / truth.size
