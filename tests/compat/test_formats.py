# SPDX-License-Identifier: Apache-2.0
"""One small index of every released format: each build opens them all, reads them as they are, and writes to them."""

import hashlib
import json
import pathlib
import shutil
import sqlite3

import catalog_pages
import pytest

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = sorted(HERE.glob("format-*.mgp"))


def current_format():
    header = (HERE.parent.parent / "src/store/store.h").read_text()
    line = next(x for x in header.splitlines() if x.startswith("#define MGP_STORE_FORMAT"))
    return int(line.split()[-1])


def format_of(index):
    with sqlite3.connect(f"file:{index}/catalog.sqlite?immutable=1", uri=True) as catalog:
        return catalog.execute("PRAGMA user_version").fetchone()[0]


def tree_hash(folder):
    whole = hashlib.sha256()
    for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file()):
        if not path.name.startswith("catalog.sqlite-"):
            whole.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(params=FIXTURES, ids=lambda p: p.stem)
def old(request, magpie):
    """A copy of the fixture as the index of `magpie`, and what the version that wrote it said of it."""
    shutil.copytree(request.param, magpie.index)
    magpie.env["MAGPIE_PACKS"] = str(pathlib.Path(magpie.index).parent / "no-packs")
    magpie.expected = json.loads(request.param.with_suffix(".json").read_text())
    return magpie


def assert_as_written(index, expected):
    status = index.status()
    for name in ("items", "sources", "failures", "generation"):
        assert status[name] == expected[name], name
    for search in expected["searches"]:
        hits = [[h["id"], round(h["score"], 6)] for h in index.hits(*search["arguments"], "-k", "8")]
        assert hits == search["hits"], search["arguments"]
    assert json.loads(index.run("get", "n3#1", "--json").stdout)["text"] == expected["text_of_n3"]


def test_there_is_a_fixture_of_every_format():
    assert [format_of(p) for p in FIXTURES] == list(range(1, current_format() + 1))


def test_reading_gives_what_the_writer_gave_and_changes_nothing(old):
    before = tree_hash(old.index)
    assert_as_written(old, old.expected)
    report = json.loads(old.run("check", "--deep", "--json").stdout)
    assert report["ok"], report["problems"]
    assert tree_hash(old.index) == before


def test_writing_makes_it_this_format_and_keeps_everything(old):
    assert old.imports([{"id": "new", "text": "a heron again"}])["items_added"] == 1
    assert format_of(old.index) == current_format()
    old.run("remove", "new")
    old.run("merge", "--all")
    expected = dict(old.expected, generation=old.status()["generation"])
    assert_as_written(old, expected)
    assert json.loads(old.run("check", "--deep", "--json").stdout)["ok"]


def test_a_newer_format_is_refused_with_a_sentence(old):
    with catalog_pages.edited(old.index) as catalog:
        catalog.execute(f"PRAGMA user_version = {current_format() + 1}")
        catalog.execute("UPDATE head SET writer = '99.0'")
    done = old.run("search", "heron", code=None)
    assert done.returncode not in (0, 1)
    message = done.stderr.decode()
    assert "99.0" in message and "use the newer magpie" in message
    assert old.run("import", "-", stdin=b'{"id":"x","text":"y"}\n', code=None).returncode not in (0, 1)
