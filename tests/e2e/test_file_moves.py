# SPDX-License-Identifier: Apache-2.0
"""Files that are moved, removed or passed over: what becomes of their items and ledger entries."""

import json
import os
import socket

import pytest


@pytest.fixture
def words(magpie, tmp_path):
    """A magpie without packs: words alone, and nothing could be encoded."""
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no-packs")
    return magpie


def chapters(count):
    return "\n\n".join(f"chapter{n} " + "lorem ipsum dolor sit amet " * 60 for n in range(count))


def test_renamed_file_keeps_all_items_when_one_of_them_was_removed(words, folder):
    (folder / "walrus.txt").write_text(chapters(20))
    words.add(folder)
    ids = sorted(h["id"] for h in words.hits("lorem", "-k", "100"))
    gone = words.hits("chapter3", "-k", "1")[0]["id"]
    words.run("remove", gone)
    (folder / "walrus.txt").rename(folder / "giraffe.txt")
    report = words.add(folder)
    assert (report["files_moved"], report["files_added"], report["files_removed"]) == (1, 0, 0)
    kept = sorted(h["id"] for h in words.hits("giraffe", "-k", "100"))
    assert kept == [i for i in ids if i != gone]
    assert words.hits("walrus") == []


def test_many_renamed_files_at_once_are_all_found_under_their_new_names(words, folder):
    for n in range(300):
        (folder / f"old{n}.txt").write_text(f"A text about number{n}.\n\n" + chapters(n % 20))
    words.add(folder)
    items = words.status()["items"]
    ids = {n: words.hits(f"number{n}", "-k", "1")[0]["id"] for n in range(0, 300, 50)}
    for n in range(300):
        (folder / f"old{n}.txt").rename(folder / f"new{n}.txt")
    report = words.add(folder, "--threads", "4")
    assert (report["files_moved"], report["items_added"]) == (300, 0)
    assert words.status()["items"] == items
    for n, item in ids.items():
        assert words.hits(f"new{n}", "-k", "1")[0]["id"] == item
        assert words.hits(f"old{n}") == []


def import_paths(magpie, tmp_path, *paths):
    lines = "".join(f'{{"id": "r{n}", "path": "{path}"}}\n' for n, path in enumerate(paths))
    (tmp_path / "records.jsonl").write_text(lines)
    magpie.run("import", tmp_path / "records.jsonl", code=None)


def test_remove_of_a_file_takes_the_records_that_name_it(words, folder, tmp_path):
    (folder / "walrus.txt").write_text("a walrus")
    (folder / "walrus.txt.bak").write_text("a walrus in reserve")
    names = ["media/walrus.txt", "./media/../media/walrus.txt", folder / "walrus.txt.bak"]
    import_paths(words, tmp_path, *names)
    words.add(folder / "walrus.txt")
    assert len(words.hits("walrus")) == 4
    words.run("remove", folder / "walrus.txt")
    assert [h["id"] for h in words.hits("walrus")] == ["r2#1"]


def test_remove_of_a_folder_takes_the_records_below_it(words, folder, tmp_path):
    (folder / "walrus.txt").write_text("a walrus")
    (tmp_path / "media-too").mkdir()
    (tmp_path / "media-too" / "walrus.txt").write_text("a walrus")
    import_paths(words, tmp_path, "media/walrus.txt", "media-too/walrus.txt")
    words.run("remove", folder)
    assert [h["id"] for h in words.hits("walrus")] == ["r1#1"]
    words.run("remove", folder, code=1)  # nothing is left there


def test_remove_of_a_folder_takes_its_ledger_entries(words, folder, tmp_path):
    (folder / "good.txt").write_text("a walrus")
    (folder / "thing.bin").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "thing.bin").write_bytes(bytes(range(256)) * 41)
    words.add(folder, code=1)
    words.add(tmp_path / "thing.bin", code=1)
    words.run("remove", folder)
    assert [f["path"] for f in words.failures()] == [str(tmp_path / "thing.bin")]
    done = words.run("remove", tmp_path / "thing.bin")  # it has no item, but an entry
    assert b"1 removed" in done.stdout
    assert words.failures() == []


def test_vanished_files_leave_the_ledger(words, folder):
    (folder / "good.txt").write_text("a walrus")
    (folder / "deep").mkdir()
    (folder / "deep" / "thing.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "table.csv").write_text('name,what\nwalrus,"never closed\n')
    words.add(folder, code=None)
    assert words.failures()
    (folder / "deep" / "thing.bin").unlink()
    (folder / "deep").rmdir()
    (folder / "table.csv").unlink()
    words.add(folder)
    assert words.failures() == []


def test_index_of_a_folder_keeps_the_failures_of_imports_there(words, folder):
    (folder / "records.jsonl").write_text('{"id": "a", "text": "a walrus"}\n{broken\n')
    words.run("import", folder / "records.jsonl", code=1)
    before = words.failures()
    words.add(folder, code=None)
    assert [f for f in words.failures() if f["path"] == before[0]["path"]] == before
    (folder / "records.jsonl").unlink()
    words.add(folder)
    assert words.failures() == []


def test_special_files_are_named_and_passed_over_without_a_failure(words, folder):
    (folder / "good.txt").write_text("a walrus")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "sock"))
        for _ in range(2):
            done = words.run("index", folder, "--json")
            events = [json.loads(line) for line in done.stdout.splitlines()]
            said = {e["path"]: e["message"] for e in events if e["event"] == "warning" and "path" in e}
            assert set(said) == {str(folder / "pipe"), str(folder / "sock")}
            assert "FIFO" in said[str(folder / "pipe")] and "socket" in said[str(folder / "sock")]
            assert (events[-1]["files_skipped"], events[-1]["files_failed"]) == (2, 0)
    assert words.failures() == []
    assert words.add(folder / "pipe")["files_skipped"] == 1


def test_what_the_walk_stumbled_over_leaves_the_ledger_when_it_is_mended(words, folder):
    deep = folder
    for _ in range(260):
        deep = deep / "d"
    deep.mkdir(parents=True)
    words.add(folder, code=1)
    [failure] = words.failures()
    assert "deeper" in failure["reason"]
    words.add(folder, code=1)  # it is still too deep
    assert len(words.failures()) == 1
    words.add(folder / "d/d/d/d/d/d")  # depth is counted from the named folder
    assert words.failures() == []


def test_files_that_still_fail_are_counted_until_they_are_mended(words, folder):
    (folder / "good.txt").write_text("a walrus")
    for n in range(3):
        (folder / f"thing{n}.bin").write_bytes(bytes(range(256)) * (40 + n))
    first = words.add(folder, code=1)
    assert (first["files_failed"], first["files_still_failed"]) == (3, 0)
    done = words.run("index", folder, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[-1]["files_failed"], events[-1]["files_still_failed"]) == (0, 3)
    assert events[-2]["event"] == "done" and events[-2]["files_still_failed"] == 3
    said = words.run("index", folder).stdout.decode()
    assert "3 files still fail" in said and "magpie failures --retry" in said
    (folder / "thing0.bin").write_text("now a text")
    (folder / "thing1.bin").unlink()
    last = words.add(folder)
    assert (last["files_added"], last["files_still_failed"]) == (1, 1)
    assert b"1 file still fails" in words.run("index", folder).stdout
