# SPDX-License-Identifier: Apache-2.0
"""`magpie check` and `repair`: every flipped byte and every cut is named, nothing crashes, and what can be
rebuilt answers as before. Words and given vectors only: no pack is needed."""

import json
import os
import random
import shutil
import struct

import catalog_pages
import media_files
import pytest

HEADER, ENTRY = 64, 32
SEED = int(os.environ.get("MAGPIE_SEED", "20240501"))
NO_PACKS = {"MAGPIE_PACKS": "/nonexistent"}


def vector(seed, dim=12):
    draw = random.Random(seed)
    return [draw.gauss(0, 1) for _ in range(dim)]


@pytest.fixture
def whole(magpie, folder):
    """40 texts, 10 vectors, 5 of both in one commit; three files with thumbnails of pictures in another."""
    magpie.env.update(NO_PACKS)
    words = "heron water reed bank stone owl night wing".split()
    records = [
        {"id": f"t{i}", "text": f"{words[i % 8]} {words[i * 3 % 8]} number{i}"} for i in range(40)
    ]
    records += [{"id": f"v{i}", "vector": vector(i)} for i in range(10)]
    records += [
        {"id": f"b{i}", "vector": vector(100 + i), "text": f"both owl {i}"} for i in range(5)
    ]
    magpie.imports(records)
    for i in range(3):
        (folder / f"red_{i}.jpg").write_bytes(media_files.jpeg(60 + i, 40))
    (folder / "note.md").write_text("# Herons\n\nThe heron waits by the water.\n")
    magpie.add(folder)
    return magpie


def check(magpie, *args, code=None):
    done = magpie.run("check", "--json", *args, code=code, timeout=60)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)


def segments(magpie):
    magpie.small_segments_to_files()
    place = os.path.join(magpie.index, "segments")
    return sorted(os.path.join(place, name) for name in os.listdir(place))


def answers(magpie):
    questions = ["heron water", "owl", "number7 bank", "red 1"]
    return [[(h["id"], h["score"], h["text"]) for h in magpie.hits(q)] for q in questions]


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def borders(data):
    """Where each section of a segment begins and ends."""
    count = struct.unpack_from("<I", data, 20)[0]
    places = {HEADER, HEADER + count * ENTRY}
    for i in range(count):
        offset, size = struct.unpack_from("<QQ", data, HEADER + i * ENTRY + 8)
        places |= {offset, offset + size}
    return sorted(p for p in places if p < len(data))


def test_whole_index_is_fine(whole):
    for args in [(), ("--deep",)]:
        report = check(whole, *args, code=0)
        assert report["ok"] and report["problems"] == [] and report["leftovers"] == []
        assert report["segments"] == len(segments(whole)) and report["items"] == 59


def test_every_97th_byte_of_segments_is_named(whole):
    tried = 0
    for path in segments(whole):
        data = read(path)
        for at in range(0, len(data), 97):
            bit = 1 << (at // 97 % 8)
            write(path, data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
            report = check(whole, "--deep", code=3)
            assert not report["ok"]
            named = [p for p in report["problems"] if path.endswith(p["file"])]
            assert named and named[0]["what"], (path, at)
            assert whole.run("search", "heron", code=None, timeout=60).returncode in (0, 1)
            tried += 1
        write(path, data)
    assert tried > 30
    assert check(whole, "--deep", code=0)["ok"]


def test_truncation_at_every_section_border_is_named(whole):
    for path in segments(whole):
        data = read(path)
        for size in [0, 1, 63, *borders(data), len(data) - 1]:
            write(path, data[:size])
            report = check(whole, code=3)
            assert any(path.endswith(p["file"]) for p in report["problems"]), (path, size)
        write(path, data)


def test_thumbnail_flips_are_named(whole):
    draw = random.Random(SEED)
    place = os.path.join(whole.index, "thumbs")
    files = [os.path.join(at, name) for at, _, names in os.walk(place) for name in names]
    assert len(files) == 3
    for _ in range(40):
        path = draw.choice(files)
        data = read(path)
        at = draw.randrange(len(data))
        write(path, data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :])
        problems = check(whole, "--deep", code=3)["problems"]
        assert [p["items"] for p in problems if path.endswith(p["file"])] == [1], (SEED, path, at)
        write(path, data)


# Bytes of SQLite's header that may hold anything: schema cookie, and the version that wrote last.
FREE = set(range(40, 44)) | set(range(96, 100))


def test_catalog_header_flips_are_named(whole):
    path = os.path.join(whole.index, "catalog.sqlite")
    whole.run("status")
    data = read(path)
    for at in range(100):
        bit = 1 << (at % 8)
        write(path, data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        done = whole.run("check", "--deep", "--json", code=None, timeout=60)
        assert done.returncode == 3 or (at in FREE and done.returncode == 0), (at, done)
        if done.returncode == 3 and done.stdout:
            files = [p["file"] for p in json.loads(done.stdout)["problems"]]
            assert "catalog.sqlite" in files, at
        for name in ("-wal", "-shm"):
            if os.path.exists(path + name):
                os.remove(path + name)
        write(path, data)
    assert check(whole, "--deep", code=0)["ok"]


def test_catalog_pages_flipped_never_crash(whole):
    draw = random.Random(SEED)
    path = os.path.join(whole.index, "catalog.sqlite")
    data = read(path)
    for _ in range(100):
        at = draw.randrange(100, len(data))
        write(path, data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :])
        assert whole.run("check", "--deep", code=None, timeout=60).returncode in (0, 3), (SEED, at)
    write(path, data)


def test_catalog_that_is_no_database_is_named_with_advice(whole):
    path = os.path.join(whole.index, "catalog.sqlite")
    write(path, b"x" * 8192)
    done = whole.run("check", code=3)
    assert b"catalog.sqlite" in done.stdout and b"index" in done.stdout
    done = whole.run("repair", code=3)
    assert b"put a copy of the index in its place" in done.stderr


def damage(path, at):
    data = bytearray(read(path))
    data[at] ^= 0x40
    write(path, bytes(data))


def kind_of(path):
    return struct.unpack_from("<I", read(path), 20)[0]  # sections: 4 are words, 2 vectors


def test_repair_of_words_gives_the_same_answers(whole, tmp_path):
    before = answers(whole)
    copy = tmp_path / "copy.mgp"
    shutil.copytree(whole.index, copy)
    words = [i for i, path in enumerate(segments(whole)) if kind_of(path) == 4]
    assert len(words) == 2
    for places in [[200], [20], [-300], [400]]:
        shutil.rmtree(whole.index)
        shutil.copytree(copy, whole.index)
        for i in words:
            for at in places:
                damage(segments(whole)[i], at)
        assert len(check(whole, "--deep", code=3)["problems"]) >= 2
        report = json.loads(whole.run("repair", "--json").stdout)
        assert report["ok"] and report["lost"] == [] and report["remaining"] == 0
        assert check(whole, "--deep", code=0)["ok"]
        assert answers(whole) == before


def test_repair_of_missing_files_gives_the_same_answers(whole):
    before = answers(whole)
    for path in segments(whole):
        if kind_of(path) == 4:
            os.remove(path)
    problems = check(whole, code=3)["problems"]
    assert {p["what"] for p in problems} == {"the file is missing"}
    assert sum(p["items"] for p in problems) >= 59
    whole.run("repair")
    assert check(whole, "--deep", code=0)["ok"]
    assert answers(whole) == before


def test_repair_keeps_vectors_when_only_padding_or_magic_is_damaged(whole):
    path = next(p for p in segments(whole) if kind_of(p) == 2)
    for at in (3, 10, HEADER + 2 * ENTRY + 1 if (HEADER + 2 * ENTRY) % 64 else -1):
        path = next(p for p in segments(whole) if kind_of(p) == 2)
        if at == -1:
            write(path, read(path)[:-1])
        else:
            damage(path, at)
        check(whole, "--deep", code=3)
        report = json.loads(whole.run("repair", "--json").stdout)
        assert report["lost"] == [] and report["segments_rebuilt"] == 1
        assert check(whole, "--deep", code=0)["ok"]
    assert whole.hits("--like", "v3#1")


@pytest.mark.parametrize("at", [200, 700, 40])  # ids, vectors, header
def test_lost_vectors_are_listed_and_come_back_with_their_records(whole, at):
    path = next(p for p in segments(whole) if kind_of(p) == 2)
    damage(path, at)
    problem = check(whole, "--deep", code=3)["problems"][0]
    assert problem["items"] == 15 and problem["examples"][0] == "v0#1"
    done = whole.run("repair", "--json", code=1)
    lost = {row["id"] for row in json.loads(done.stdout)["lost"]}
    assert lost == {f"v{i}#1" for i in range(10)} | {f"b{i}#1" for i in range(5)}
    assert check(whole, "--deep", code=0)["ok"]
    assert whole.hits("both owl 3")[0]["id"] == "b3#1"
    records = [{"id": f"v{i}", "vector": vector(i)} for i in range(10)]
    records += [
        {"id": f"b{i}", "vector": vector(100 + i), "text": f"both owl {i}"} for i in range(5)
    ]
    report = whole.imports(records)
    assert report["files_added"] == 10 and report["files_changed"] == 5
    assert check(whole, "--deep", code=0)["ok"]


def test_thumbnails_are_made_again_or_listed(whole, folder):
    place = os.path.join(whole.index, "thumbs")
    files = [os.path.join(at, name) for at, _, names in os.walk(place) for name in names]
    for path in files:
        os.remove(path)
    (folder / "red_2.jpg").unlink()
    report = json.loads(whole.run("repair", "--json", code=1).stdout)
    assert report["files_read"] == 2
    assert [(os.path.basename(r["source"]), r["what"]) for r in report["lost"]] == [
        ("red_2.jpg", "its thumbnail")
    ]
    assert check(whole, "--deep", code=0)["ok"]
    assert whole.status()["items"]["image"] == 3


def test_leftovers_are_told_and_removed(whole):
    left = os.path.join(whole.index, "segments", "000000099999.seg")
    write(left, b"half a segment")
    report = check(whole, "--deep", code=0)
    assert [x["file"] for x in report["leftovers"]] == ["segments/000000099999.seg"]
    whole.run("repair")
    assert not os.path.exists(left)


def test_damage_of_small_segments_in_the_catalog_is_named_and_repaired(whole):
    before = answers(whole)
    with catalog_pages.edited(whole.index) as catalog:
        rows = catalog.execute("SELECT number, bytes FROM segment_bytes").fetchall()
        assert len(rows) == 3 and os.listdir(f"{whole.index}/segments") == []
        for number, data in rows:
            if struct.unpack_from("<I", data, 20)[0] == 4:
                broken = data[:-300] + bytes([data[-300] ^ 4]) + data[-299:]
                catalog.execute("UPDATE segment_bytes SET bytes = ? WHERE number = ?", (broken, number))
    problems = check(whole, "--deep", code=3)["problems"]
    assert {p["file"] for p in problems} == {"catalog.sqlite: segment 2", "catalog.sqlite: segment 3"}
    assert "left out" in " ".join(whole.search("heron", code=None)["warnings"])
    assert json.loads(whole.run("repair", "--json").stdout)["ok"]
    assert check(whole, "--deep", code=0)["ok"]
    assert answers(whole) == before


def test_text_output_says_what_to_do(whole):
    damage(segments(whole)[0], 700)
    out = whole.run("check", "--deep", code=3).stdout.decode()
    assert "segments/" in out and "touches" in out and "magpie repair" in out
    assert whole.run("check", "--deep", "extra", code=2)


def test_repair_needs_an_index(magpie):
    magpie.run("repair", code=1)
    magpie.run("check", code=1)
    assert not os.path.exists(magpie.index)
