# SPDX-License-Identifier: Apache-2.0
"""What `magpie import` takes and refuses, what its failures look like, and how they are retried."""

import json

import pytest

from conftest import Magpie, needs_pack


@pytest.fixture
def magpie(tmp_path):
    (tmp_path / "home").mkdir()
    magpie = Magpie(tmp_path / "i.mgp", tmp_path / "home")
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no-packs")
    return magpie


def lines(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def failures(magpie):
    return json.loads(magpie.run("failures", "--json").stdout)


def ids(magpie, *question):
    return [h["id"] for h in json.loads(magpie.run("search", *question, "--json", code=None).stdout)["hits"]]


def test_a_missing_file_leaves_no_index(magpie, tmp_path):
    error = magpie.run("import", tmp_path / "nowhere.jsonl", code=1).stderr.decode()
    assert "nowhere.jsonl" in error
    assert not (tmp_path / "i.mgp").exists()


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 50, b"id,text\na,hello\nb,world\n" * 99])
def test_a_file_of_another_kind_is_refused_whole(magpie, tmp_path, content):
    (tmp_path / "x.jsonl").write_bytes(content)
    error = magpie.run("import", tmp_path / "x.jsonl", code=1).stderr.decode()
    assert "x.jsonl is not JSON Lines" in error and '"id"' in error
    assert failures(magpie) == []


def test_one_bad_line_first_stops_nothing(magpie, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text('# a comment\n{"id":"a","text":"hello"}\n')
    magpie.run("import", file, "-q", code=1)
    assert ids(magpie, "hello") == ["a#1"]


def test_failed_lines_are_retried_by_importing_their_file_again(magpie, tmp_path):
    picture = tmp_path / "later.txt"
    file = lines(tmp_path / "x.jsonl", [{"id": "a", "text": "hello"}, {"id": "b", "path": "later.txt"}])
    magpie.run("import", file, "-q", code=1)
    entry = failures(magpie)[0]
    assert entry["path"] == f"{file}:2" and str(file) not in entry["reason"]
    magpie.run("failures", "--retry", "-q", code=1)
    assert failures(magpie)[0]["tries"] == 2
    picture.write_text("a heron")
    magpie.run("failures", "--retry", "-q")
    assert failures(magpie) == []
    assert ids(magpie, "heron") == ["b#1"]


def test_lines_of_standard_input_cannot_be_retried_and_are_named_so(magpie):
    magpie.run("import", "-", "-q", code=1, stdin=b'{"id":"a","text":"x"}\n{"id":"b"}\n')
    done = magpie.run("failures", "--retry", code=1)
    assert "stdin:2: came from standard input" in done.stderr.decode()


def test_relative_names_are_absolute_in_the_ledger(magpie, tmp_path, monkeypatch):
    lines(tmp_path / "x.jsonl", [{"id": "a", "text": "hello"}, {"id": "b"}])
    monkeypatch.chdir(tmp_path)
    magpie.run("import", "x.jsonl", "-q", code=1)
    assert failures(magpie)[0]["path"] == f"{tmp_path}/x.jsonl:2"


def test_a_caption_of_a_file_is_its_text(magpie, tmp_path):
    (tmp_path / "note.txt").write_text("the body")
    file = lines(
        tmp_path / "x.jsonl",
        [{"id": "n", "path": "note.txt", "text": "a caption about herons", "title": "A title of my own"}],
    )
    magpie.run("import", file, "-q")
    item = json.loads(magpie.run("get", "n", "--json").stdout)
    assert item["text"] == "a caption about herons\n\nthe body"
    assert item["title"] == "A title of my own"
    assert ids(magpie, "herons") == ["n#1"] and ids(magpie, "body") == ["n#1"]


def test_a_caption_of_a_picture_is_found_by_its_meaning(magpie, tmp_path):
    needs_pack("multilingual-e5-small")
    from PIL import Image

    del magpie.env["MAGPIE_PACKS"]
    Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / "p.png")
    rows = [
        {"id": "p", "path": "p.png", "text": "A dog runs across the beach with a stick in its mouth."},
        {"id": "t", "text": "Interest rates rose again in the third quarter."},
    ]
    magpie.run("import", lines(tmp_path / "x.jsonl", rows), "-q")
    hits = json.loads(magpie.run("search", "un perro corre por la playa", "--json").stdout)["hits"]
    assert hits[0]["id"] == "p#1" and hits[0]["kind"] == "image"
    assert hits[0]["scores"]["text"] > 0.8


def test_whole_numbers_of_a_table_stay_whole(magpie, tmp_path):
    (tmp_path / "t.csv").write_text("name,count,price\nheron,3,2.50\n")
    magpie.run("index", tmp_path / "t.csv", "-q")
    hit = json.loads(magpie.run("search", "heron", "--json").stdout)["hits"][0]
    assert hit["metadata"]["count"] == 3 and isinstance(hit["metadata"]["count"], int)
    assert isinstance(hit["metadata"]["price"], float)


def test_queries_from_standard_input(magpie, tmp_path):
    magpie.run("import", lines(tmp_path / "x.jsonl", [{"id": "a", "text": "hello"}]), "-q")
    run = magpie.run(
        "search", "--queries", "-", "--run", "-", "-q", stdin=b'{"id":"q","text":"hello"}\n'
    ).stdout.decode()
    assert run.split()[:4] == ["q", "Q0", "a", "1"]


def test_a_query_id_with_spaces_says_what_to_do(magpie, tmp_path):
    magpie.run("import", lines(tmp_path / "x.jsonl", [{"id": "a", "text": "hello"}]), "-q")
    file = lines(tmp_path / "q.jsonl", [{"id": "two words", "text": "hello"}])
    error = magpie.run("search", "--queries", file, "--run", tmp_path / "r", code=1).stderr.decode()
    assert "q.jsonl:1" in error and "has spaces" in error


@pytest.mark.parametrize("threads", ["1", "4"])
def test_of_records_with_one_id_the_last_one_counts(magpie, tmp_path, threads):
    rows = [{"id": str(i % 50), "text": f"word{i} heron"} for i in range(500)]
    file = lines(tmp_path / "x.jsonl", rows)
    for _ in range(2):
        magpie.run("import", file, "-q", "--threads", threads)
        assert failures(magpie) == []
        assert sorted(ids(magpie, "heron", "-k", "1000")) == sorted(f"{i}#1" for i in range(50))
        for i in range(50):
            assert json.loads(magpie.run("get", str(i), "--json").stdout)["text"] == f"word{450 + i} heron"


def test_a_later_record_replaces_one_of_many_items(magpie, tmp_path):
    """The first one is so large that a part of it is committed before it ends."""
    (tmp_path / "big.csv").write_text("name\n" + "".join(f"heron {i}\n" for i in range(9000)))
    file = lines(tmp_path / "x.jsonl", [{"id": "a", "path": "big.csv"}, {"id": "a", "text": "a stork"}])
    magpie.run("import", file, "-q", "--threads", "4")
    assert sum(magpie.status()["items"].values()) == 1
    assert ids(magpie, "stork") == ["a#1"] and ids(magpie, "heron") == []


def test_lines_that_are_gone_leave_the_ledger(magpie, tmp_path):
    file = lines(tmp_path / "x.jsonl", [{"id": "a", "text": "hello"}, {"id": "b"}, {"id": "c"}])
    magpie.run("import", file, "-q", code=1)
    other = lines(tmp_path / "y.jsonl", [{"id": "d", "text": "hello"}, {"id": "e"}])
    magpie.run("import", other, "-q", code=1)
    assert len(failures(magpie)) == 3
    lines(file, [{"id": "a", "text": "hello"}])
    magpie.run("failures", "--retry", "-q", code=1)
    assert [f["path"] for f in failures(magpie)] == [f"{other}:2"]


def test_objects_that_are_no_records_are_told_once(magpie, tmp_path):
    file = lines(tmp_path / "x.jsonl", [{"name": str(i)} for i in range(300)])
    error = magpie.run("import", file, "-q", code=1).stderr.decode()
    assert "x.jsonl" in error and "first 20 lines" in error and 'no "id"' in error
    assert failures(magpie) == []
    file = lines(file, [{"name": str(i)} for i in range(19)] + [{"id": "a", "text": "hello"}])
    magpie.run("import", file, "-q", code=1)
    assert len(failures(magpie)) == 19 and ids(magpie, "hello") == ["a#1"]


def test_a_reason_does_not_say_the_path_again(magpie, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 junk")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"junk" * 9)
    (folder / "rows.csv").write_text('name,note\nheron,"an open quote\n')
    done = magpie.run("index", folder, "-q", code=None)
    rows = failures(magpie)
    assert len(rows) >= 2 and all(row["reason"] for row in rows)
    assert not [row for row in rows if str(folder) in row["reason"]]
    for line in done.stderr.decode().splitlines():
        assert line.count(str(folder)) <= 1
