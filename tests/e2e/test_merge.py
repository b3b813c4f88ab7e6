# SPDX-License-Identifier: Apache-2.0
"""Merging through the command: the same answers from fewer files, space that comes back, and kills at any moment."""

import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest
from conftest import BUILD

WORDS = "harbour glacier bread lantern marmot engine river copper violin meadow storm paper".split()
QUESTIONS = ["harbour lantern", "glacier", "copper violin storm", "w17", "--like"]
DIM = 48


@pytest.fixture
def words_only(magpie, tmp_path):
    """No packs: records bring their vectors, so that a thousand commits cost no encoding."""
    (tmp_path / "no_packs").mkdir()
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no_packs")
    return magpie


def record(number, dim=DIM):
    rng = random.Random(number)
    text = " ".join(rng.choices(WORDS, k=rng.randint(3, 30)) + [f"w{number % 50}", f"only{number}"])
    return {"id": f"r{number}", "text": text}, {"id": f"v{number}", "vector": [rng.gauss(0, 1) for _ in range(dim)]}


def add(magpie, numbers):
    magpie.imports([r for n in numbers for r in record(n)])


def answers(magpie):
    out = []
    for question in QUESTIONS:
        args = ("--like", "v5") if question == "--like" else (question,)
        hits = magpie.search(*args, "-k", "40", code=None)["hits"]
        assert hits, question
        out.append([(h["id"], h["score"], json.dumps(h["scores"])) for h in hits])
    return out


def merge(magpie, *args, code=0):
    return json.loads(magpie.run("merge", "--json", *args, code=code).stdout.splitlines()[-1])


def files_of(magpie):
    return {p.name for p in pathlib.Path(magpie.index, "segments").iterdir()}


def named_by(magpie):
    """The files; small segments lie in the catalog."""
    files = [s["file"] for s in magpie.status()["segments"]]
    return {os.path.basename(f) for f in files if f.startswith("segments/")}


def size_on_disk(magpie):
    return sum(p.stat().st_size for p in pathlib.Path(magpie.index).rglob("*") if p.is_file())


def test_many_small_commits_merge_by_themselves_and_all_at_once_with_the_same_answers(words_only):
    for i in range(30):
        add(words_only, range(i * 20, i * 20 + 20))
    status = words_only.status()
    assert max(s["segments"] for s in status["spaces"]) <= 11  # 30 commits: the policy was at work
    assert status["dead"] == {"rows": 0, "bytes": 0}
    before = answers(words_only)
    report = merge(words_only, "--all")
    spaces = words_only.status()["spaces"]
    assert report["segments_after"] == len(spaces) == 2 and all(s["segments"] == 1 for s in spaces)
    assert report["rows_dropped"] == 0 and report["bytes_written"] >= report["bytes_after"] > 0
    assert answers(words_only) == before
    assert files_of(words_only) == named_by(words_only)
    assert merge(words_only, "--all")["merges"] == 0  # nothing left to do


def test_half_deleted_and_merged_is_as_small_as_a_fresh_index_of_the_rest(words_only, tmp_path):
    for i in range(8):
        add(words_only, range(i * 250, i * 250 + 250))
    gone = [f"{kind}{n}" for n in range(0, 2000, 2) for kind in "rv"]
    words_only.run("remove", *gone, "--quiet")
    dead = words_only.status()["dead"]
    assert dead["rows"] == 3000 and dead["bytes"] > 0  # 2,000 in words, 1,000 in vectors
    assert b"magpie merge --all" in words_only.run("status").stdout
    report = merge(words_only, "--all")
    assert report["rows_dropped"] == 3000 and report["bytes_after"] < report["bytes_before"]
    assert words_only.status()["dead"] == {"rows": 0, "bytes": 0}
    used = size_on_disk(words_only)
    merged = answers(words_only)
    words_only.index = str(tmp_path / "fresh.mgp")
    for i in range(8):
        add(words_only, range(i * 250 + 1, i * 250 + 250, 2))
    merge(words_only, "--all")
    fresh = size_on_disk(words_only)
    print(f"{used} bytes after the merge, {fresh} fresh: {used / fresh:.3f}")
    assert used <= 1.1 * fresh
    # Dead documents left the statistics too: the scores are those of the fresh index.
    assert [[h[0:2] for h in a] for a in answers(words_only)] == [[h[0:2] for h in a] for a in merged]


def test_an_update_leaves_dead_rows_that_the_next_merge_drops(words_only):
    add(words_only, range(100))
    words_only.imports([{"id": f"r{n}", "text": f"changed r{n}"} for n in range(60)])
    status = words_only.status()
    assert status["dead"]["rows"] in (0, 60)  # 0: so much was dead that the import merged by itself
    merge(words_only)
    assert words_only.status()["dead"]["rows"] <= 0.2 * 260
    merge(words_only, "--all")
    assert words_only.status()["dead"]["rows"] == 0
    assert words_only.hits("changed", "-k", "100")[0]["text"].startswith("changed")
    assert len(words_only.hits("changed", "-k", "100")) == 60


def test_everything_deleted_then_no_segment_is_left(words_only):
    add(words_only, range(10))
    words_only.run("remove", *[f"{kind}{n}" for n in range(10) for kind in "rv"], "--quiet")
    assert merge(words_only, "--all")["segments_after"] == 0
    assert files_of(words_only) == set()
    add(words_only, range(10, 20))
    assert words_only.hits("only12")[0]["id"] == "r12#1"


def test_a_damaged_segment_is_left_alone_and_the_others_are_merged(words_only):
    for i in range(4):
        add(words_only, range(i * 20, i * 20 + 20))
    words_only.small_segments_to_files()
    victim = sorted(pathlib.Path(words_only.index, "segments").iterdir())[0]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.write_bytes(data)
    done = words_only.run("merge", "--all", "--json")
    warnings = [json.loads(line) for line in done.stdout.splitlines() if b'"warning"' in line]
    assert any(victim.name in w["message"] for w in warnings)
    assert victim.name in files_of(words_only) and len(words_only.status()["segments"]) == 3


def test_a_missing_index_is_not_made_by_merging(words_only):
    words_only.run("merge", code=1)
    assert not os.path.exists(words_only.index)
    words_only.run("merge", "now", code=2)


def test_a_merge_waits_for_no_writer_it_meets_at_the_start(words_only):
    add(words_only, range(20))
    writer = subprocess.Popen(
        [str(BUILD / "magpie"), "import", "-", "-x", words_only.index, "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=words_only.env,
    )
    lock = pathlib.Path(words_only.index, "lock")
    deadline = time.time() + 20
    while not lock.read_text() and time.time() < deadline:
        time.sleep(0.02)
    done = words_only.run("merge", "--all", code=1)
    assert str(writer.pid).encode() in done.stderr
    writer.communicate(b"")
    assert writer.returncode == 0
    merge(words_only, "--all")


def start_merge(magpie):
    return subprocess.Popen(
        [str(BUILD / "magpie"), "merge", "--all", "--quiet", "-x", magpie.index],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=magpie.env,
    )


def test_killed_or_stopped_at_random_points_the_answers_stay_and_nothing_is_left_over(words_only):
    seed = int(os.environ.get("MAGPIE_SEED", time.time_ns() % 1000000))
    print(f"seed {seed}")
    rng = random.Random(seed)
    add(words_only, range(3000))
    next_number = 3000
    began = time.time()
    assert start_merge(words_only).wait(60) == 0
    lasts = time.time() - began
    finished = 0
    for round_number in range(20):
        add(words_only, range(next_number, next_number + 20))
        next_number += 20
        before = answers(words_only)
        running = start_merge(words_only)
        time.sleep(rng.random() * lasts * 1.2)
        running.send_signal(signal.SIGKILL if round_number % 4 else signal.SIGINT)
        finished += running.wait(60) == 0
        assert answers(words_only) == before, f"seed {seed}, round {round_number}"
        assert words_only.status()["dead"]["rows"] == 0
        add(words_only, [next_number])  # the next writer tidies up
        next_number += 1
        assert files_of(words_only) == named_by(words_only), f"seed {seed}, round {round_number}"
    print(f"{finished} of 20 merges were done before their signal; one lasts {lasts:.3f} s")
    before = answers(words_only)
    merge(words_only, "--all")
    assert answers(words_only) == before
