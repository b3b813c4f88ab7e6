# SPDX-License-Identifier: Apache-2.0
"""The command itself, killed at random moments: what it said was committed is there, the rest is whole or absent.

tests/fault/test_killed.c does the same two hundred times with the library; this is the command as people start it.
"""

import json
import math
import os
import random
import subprocess
import time

import pytest
from conftest import BUILD

RECORDS = 300
DIM = 4
LASTS = {"import": 0.8, "remove": 0.02, "merge": 0.03}  # seconds that a command is left alone, at most


@pytest.fixture
def words_only(magpie, tmp_path):
    """No packs: records bring their vectors."""
    (tmp_path / "no_packs").mkdir()
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no_packs")
    return magpie


def record(number, version):
    rng = random.Random(number * 100000 + version)
    padding = "x" * 20000  # so that a small --memory makes an import commit some hundred records
    return {
        "id": f"r{number}",
        "title": f"record {number}",
        "text": f"version {version} of all {padding}",
        "vector": [rng.gauss(0, 1) for _ in range(DIM)],
    }


def start_and_kill(magpie, rng, *args):
    """Gives exit code (negative: killed) and the lines that it had printed."""
    with subprocess.Popen(
        [str(BUILD / "magpie"), *args, "--json", "--threads", "1", "-x", magpie.index],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=magpie.env,
    ) as running:
        time.sleep(rng.random() * LASTS[args[0]])
        running.kill()
        lines = running.stdout.read().decode().splitlines(keepends=True)
    assert running.returncode in (0, -9), lines
    return running.returncode, [json.loads(line) for line in lines if line.endswith("\n")]


def found(magpie):
    """Version by record, of all that a search finds."""
    hits = magpie.search("all", "-k", str(RECORDS * 2), code=None)["hits"]
    versions = {int(h["title"].split()[1]): int(h["text"].split()[1]) for h in hits}
    assert len(versions) == len(hits)
    return versions


def unit(number, version):
    vector = record(number, version)["vector"]
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def assert_vectors(magpie, versions, rng):
    """The neighbours of some records are those that their vectors have."""
    vectors = {n: unit(n, v) for n, v in versions.items()}
    for number in rng.sample(sorted(versions), min(2, len(versions))):
        hits = magpie.search("--like", f"r{number}#1", "-w", "words=0", "-k", "5")["hits"]
        scores = [h["scores"]["vectors"] for h in hits]
        own = vectors[number]
        others = (sum(x * y for x, y in zip(own, v)) for n, v in vectors.items() if n != number)
        assert scores == pytest.approx(sorted(others, reverse=True)[: len(scores)], abs=1e-5)
        assert len(scores) == min(5, len(versions) - 1)


def expect_import(before, now, numbers, version, committed, code, where):
    """New ones are the first of the file, at least as many as were reported."""
    new = 0
    while new < len(numbers) and now.get(numbers[new]) == version:
        new += 1
    assert new >= committed, where
    assert code != 0 or new == len(numbers), where
    for number in numbers[new:]:
        assert now.get(number) == before.get(number), where


def run_round(magpie, rng, version, before, tmp_path):
    verb = rng.choice(["import", "import", "import", "remove", "merge"])
    where = f"{verb}, version {version}"
    touched = []
    if verb == "import":
        touched = rng.sample(range(RECORDS), rng.randint(1, RECORDS))
        path = tmp_path / "records.jsonl"
        path.write_text("".join(json.dumps(record(n, version)) + "\n" for n in touched))
        code, events = start_and_kill(magpie, rng, "import", str(path), "--memory", "64M")
    elif verb == "remove":
        touched = [rng.choice(sorted(before))]
        code, events = start_and_kill(magpie, rng, "remove", f"r{touched[0]}")
    else:
        code, events = start_and_kill(magpie, rng, "merge", "--all")
    now = found(magpie)
    committed = max([e["items"] for e in events if e.get("event") == "commit" and "items" in e], default=0)
    if verb == "import":
        expect_import(before, now, touched, version, committed, code, where)
    elif verb == "remove":
        assert now.get(touched[0]) in (None, before.get(touched[0])), where
        assert code != 0 or touched[0] not in now, where
    others = set(range(RECORDS)) - set(touched)
    assert {n: now.get(n) for n in others} == {n: before.get(n) for n in others}, where
    return now, committed, code


def test_killed_at_random_moments_what_was_committed_is_there(words_only, tmp_path):
    seed = int(os.environ.get("MAGPIE_SEED", time.time_ns() % 1000000))
    rounds = int(os.environ.get("MAGPIE_ROUNDS", 24))
    print(f"seed {seed}")
    rng = random.Random(seed)
    words_only.imports([record(n, 1) for n in range(0, RECORDS, 2)])
    versions = found(words_only)
    killed = commits = 0
    for number in range(rounds):
        versions, committed, code = run_round(words_only, rng, number + 2, versions, tmp_path)
        killed += code == -9
        commits += committed > 0
        assert_vectors(words_only, versions, rng)
        deep = ["--deep"] if number % 10 == 0 else []
        report = json.loads(words_only.run("check", "--json", *deep).stdout)
        assert report["ok"], f"seed {seed}, round {number}: {report}"
        words_only.imports([record(0, 1000 + number)])  # the next writer gets the lock at once
        versions[0] = 1000 + number
    print(f"{killed} of {rounds} commands were killed, {commits} imports after a commit")
    assert killed > 0
