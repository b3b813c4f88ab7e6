# SPDX-License-Identifier: Apache-2.0
"""Files that are moved, removed or passed over: what becomes of their items and ledger entries."""

import os
import time

import media_files
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
