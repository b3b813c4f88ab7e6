# SPDX-License-Identifier: Apache-2.0
"""`magpie snapshot` and `restore`: a copy is an index, made beside a writer, whole or not there."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import media_files
import pytest
from conftest import BUILD, Magpie

DIM = 24


def records(numbers, word="heron"):
    return [
        {
            "id": f"r{i}",
            "text": f"{word} number {i} by the water",
            "vector": [(i * 7 + j * 3) % 11 - 5.2 for j in range(DIM)],
        }
        for i in numbers
    ]


@pytest.fixture
def filled(magpie, folder):
    magpie.env["MAGPIE_PACKS"] = "/nonexistent"
    for i in range(3):
        magpie.imports(records(range(i * 400, i * 400 + 400)))
    for i in range(3):
        (folder / f"red_{i}.jpg").write_bytes(media_files.jpeg(60 + i, 40))
    magpie.add(folder)
    return magpie


def other(magpie, path):
    """The same command on another index."""
    it = Magpie(path, pathlib.Path(magpie.env["HOME"]))
    it.env = magpie.env
    return it


def snapshot(magpie, path, code=0):
    done = magpie.run("snapshot", path, "--json", code=code)
    return json.loads(done.stdout) if code == 0 else done.stderr.decode()


def answers(magpie):
    questions = (["heron 77"], ["red 1"], ["--like", "r31#1"])
    return [[(h["id"], h["score"], h["text"]) for h in magpie.hits(*q)] for q in questions]


def whole(magpie):
    return json.loads(magpie.run("check", "--deep", "--json").stdout)["ok"]


def files(folder):
    return {p.name: p.stat() for p in pathlib.Path(folder).rglob("*") if p.is_file() and p.suffix in (".seg", ".jpg")}


def test_a_snapshot_is_an_index_and_shares_the_files(filled, tmp_path):
    place = tmp_path / "copy.mgp"
    report = snapshot(filled, place)
    assert report["generation"] == filled.status()["generation"] and report["thumbnails"] == 3
    copy = other(filled, place)
    assert whole(copy) and answers(copy) == answers(filled)
    assert copy.status()["items"] == filled.status()["items"]
    ours, theirs = files(filled.index), files(place)
    assert ours.keys() == theirs.keys() and len(ours) >= 4
    assert all(theirs[name].st_ino == ours[name].st_ino for name in ours)
    catalog = os.path.getsize(place / "catalog.sqlite")
    assert report["files_copied"] == 0 and report["bytes_copied"] == catalog


def test_a_second_snapshot_of_the_same_takes_the_catalogs_size_alone(filled, tmp_path):
    snapshot(filled, tmp_path / "a.mgp")
    filled.imports(records(range(5000, 5010)))
    report = snapshot(filled, tmp_path / "b.mgp")
    assert report["files_copied"] == 0
    shared = [name for name, st in files(tmp_path / "b.mgp").items() if st.st_nlink == 3]
    assert len(shared) >= 4


def test_what_happens_later_touches_no_snapshot(filled, tmp_path):
    before = answers(filled)
    place = tmp_path / "copy.mgp"
    snapshot(filled, place)
    filled.imports(records(range(300), word="owl"))
    filled.run("remove", "r31")
    filled.run("merge", "--all")
    copy = other(filled, place)
    assert answers(copy) == before and whole(copy) and whole(filled)
    copy.imports(records(range(9000, 9010)))  # and it can be written to
    assert whole(copy) and filled.search("9005", code=None)["hits"] != copy.hits("9005")


def test_snapshots_beside_a_writer_and_merges_are_each_of_one_generation(filled, tmp_path):
    """Each import is one commit of 20 records with a word of its own: all of them or none are there."""
    source = tmp_path / "records"
    source.mkdir()
    for n in range(40):
        rows = [
            {"id": f"w{n}-{i}", "text": f"word{n} {i}", "vector": [n + 1.0, i] + [2.0] * (DIM - 2)}
            for i in range(20)
        ]
        lines = [json.dumps(row) for row in rows]
        (source / f"{n}.jsonl").write_text("\n".join(lines) + "\n")
    script = f"for n in $(seq 0 39); do '{BUILD}/magpie' import {source}/$n.jsonl -x {filled.index} -q; "
    script += f"[ $((n % 5)) -ne 4 ] || '{BUILD}/magpie' merge --all -x {filled.index} -q; done"
    writer = subprocess.Popen(["sh", "-c", script], env=filled.env, stdout=subprocess.DEVNULL)
    made = 0
    while writer.poll() is None or made < 3:
        place = tmp_path / f"s{made}.mgp"
        report = snapshot(filled, place)
        copy = other(filled, place)
        assert whole(copy), made
        state = copy.status()
        assert state["generation"] == report["generation"]
        counts = [len(copy.hits(f"word{n}", "-k", "50")) for n in (0, 7, 20, 39)]
        assert set(counts) <= {0, 20}, counts
        shutil.rmtree(place)
        made += 1
    assert writer.returncode == 0 and made >= 3


def test_restore_makes_the_index_that_was(filled, tmp_path):
    before = answers(filled)
    snapshot(filled, tmp_path / "copy.mgp")
    filled.imports(records(range(300), word="owl"))
    back = other(filled, tmp_path / "back.mgp")
    report = json.loads(back.run("restore", tmp_path / "copy.mgp", "--json").stdout)
    assert report["segments"] > 0 and answers(back) == before and whole(back)
    message = filled.run("restore", tmp_path / "copy.mgp", code=2).stderr.decode()
    assert "--force" in message and answers(filled) != before
    filled.run("restore", tmp_path / "copy.mgp", "--force")
    assert answers(filled) == before and whole(filled)
    assert sorted(p.name for p in tmp_path.glob("*.mgp*")) == ["back.mgp", "copy.mgp", "test.mgp"]


def test_restore_replaces_a_damaged_index_and_no_locked_one(filled, tmp_path):
    before = answers(filled)
    snapshot(filled, tmp_path / "copy.mgp")
    pathlib.Path(filled.index, "catalog.sqlite").write_bytes(b"x" * 8192)
    for name in ("-wal", "-shm"):
        pathlib.Path(filled.index, f"catalog.sqlite{name}").unlink(missing_ok=True)
    filled.run("restore", tmp_path / "copy.mgp", "--force")
    assert answers(filled) == before
    writer = subprocess.Popen(
        [str(BUILD / "magpie"), "import", "-", "-x", filled.index, "-q"], stdin=subprocess.PIPE, env=filled.env
    )
    lock = pathlib.Path(filled.index, "lock")
    end = time.time() + 20
    while not (lock.exists() and lock.read_text()) and time.time() < end:
        time.sleep(0.02)
    done = filled.run("restore", tmp_path / "copy.mgp", "--force", code=1)
    assert str(writer.pid).encode() in done.stderr
    writer.communicate(b"")
    assert answers(filled) == before


def test_a_damaged_snapshot_is_not_restored(filled, tmp_path):
    before = answers(filled)
    place = tmp_path / "copy.mgp"
    snapshot(filled, place)
    shutil.copytree(place, tmp_path / "own.mgp")  # files of its own
    victim = max((tmp_path / "own.mgp/segments").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    done = filled.run("restore", tmp_path / "own.mgp", "--force", code=3)
    assert victim.name.encode() in done.stderr and answers(filled) == before
    filled.run("restore", tmp_path / "none.mgp", "--force", code=1)
    assert answers(filled) == before
    assert not list(tmp_path.glob("*.restored-*"))


def test_bad_targets_are_named_and_left_alone(filled, tmp_path):
    assert "exists already" in snapshot(filled, filled.index, code=2)
    (tmp_path / "file").write_text("mine")
    assert "exists already" in snapshot(filled, tmp_path / "file", code=2)
    assert (tmp_path / "file").read_text() == "mine"
    assert "file" in snapshot(filled, tmp_path / "file/copy.mgp", code=1)
    filled.run("snapshot", code=2)
    filled.run("restore", code=2)
    missing = other(filled, tmp_path / "missing.mgp")
    assert "no index" in snapshot(missing, tmp_path / "x.mgp", code=1)
    assert not (tmp_path / "x.mgp").exists()


def test_a_killed_snapshot_leaves_nothing_that_looks_like_one(filled, tmp_path):
    place = tmp_path / "copy.mgp"
    for delay in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        command = [str(BUILD / "magpie"), "snapshot", place, "-x", filled.index]
        run = subprocess.Popen(command, env=filled.env, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.wait()
        if place.exists():
            assert whole(other(filled, place))
            shutil.rmtree(place)
    assert whole(filled)
    snapshot(filled, place)


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="NOT CHECKED: no second file system here")
def test_a_snapshot_on_another_disk_is_a_full_copy(filled, tmp_path):
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("NOT CHECKED: /dev/shm is the same file system")
    place = pathlib.Path(f"/dev/shm/magpie-test-{os.getpid()}.mgp")
    try:
        report = snapshot(filled, place)
        assert report["files_linked"] == 0 and report["files_copied"] >= 4
        shutil.move(place, tmp_path / "moved.mgp")
        copy = other(filled, tmp_path / "moved.mgp")
        assert whole(copy) and answers(copy) == answers(filled)
    finally:
        shutil.rmtree(place, ignore_errors=True)
