# SPDX-License-Identifier: Apache-2.0
"""A renamed or moved file keeps its items, ids and vectors, and is found under its new name."""

import json

import pytest

from conftest import Magpie, needs_pack


@pytest.fixture
def place(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "files").mkdir()
    return tmp_path


def magpie_of(place, packs=False):
    magpie = Magpie(place / "i.mgp", place / "home")
    if not packs:
        magpie.env["MAGPIE_PACKS"] = str(place / "no-packs")
    return magpie


def hits(magpie, *question):
    done = magpie.run("search", *question, "--json", code=None)
    return json.loads(done.stdout)["hits"]


def report(magpie, folder):
    lines = magpie.run("index", folder, "--json").stdout.splitlines()
    return json.loads(lines[-1])


def test_new_name_is_title_and_word_and_the_old_one_is_gone(place):
    magpie = magpie_of(place)
    (place / "files" / "walrus_notes.txt").write_text("a paragraph about nothing in particular")
    (place / "files" / "other.txt").write_text("another paragraph")
    report(magpie, place / "files")
    before = hits(magpie, "walrus")
    assert len(before) == 1
    (place / "files" / "walrus_notes.txt").rename(place / "files" / "giraffe-report.txt")
    done = report(magpie, place / "files")
    assert (done["files_moved"], done["files_added"], done["items_added"]) == (1, 0, 0)
    after = hits(magpie, "giraffe")
    assert [h["id"] for h in after] == [before[0]["id"]]
    assert after[0]["title"] == "giraffe-report.txt"
    assert after[0]["source"].endswith("giraffe-report.txt")
    assert hits(magpie, "walrus") == []
    assert len(hits(magpie, "paragraph")) == 2
    assert json.loads(magpie.run("status", "--json").stdout)["items"] == {"passage": 2}


def test_a_file_moved_to_another_folder_keeps_its_title(place):
    magpie = magpie_of(place)
    (place / "files" / "walrus.txt").write_text("a paragraph")
    report(magpie, place / "files")
    (place / "files" / "deep").mkdir()
    (place / "files" / "walrus.txt").rename(place / "files" / "deep" / "walrus.txt")
    assert report(magpie, place / "files")["files_moved"] == 1
    assert hits(magpie, "walrus")[0]["source"].endswith("deep/walrus.txt")


def test_own_titles_stay(place):
    magpie = magpie_of(place)
    page = "<html><head><title>On herons</title></head><body><p>They stand.</p></body></html>"
    (place / "files" / "one.html").write_text(page)
    report(magpie, place / "files")
    (place / "files" / "one.html").rename(place / "files" / "two.html")
    report(magpie, place / "files")
    assert [h["title"] for h in hits(magpie, "herons")] == ["On herons"]


def test_long_files_are_carried_whole(place):
    magpie = magpie_of(place)
    text = "\n\n".join(f"chapter {i} " + "lorem ipsum dolor sit amet " * 60 for i in range(40))
    (place / "files" / "walrus.txt").write_text(text)
    report(magpie, place / "files")
    before = [h["id"] for h in hits(magpie, "walrus", "-k", "100")]
    assert len(before) > 20
    (place / "files" / "walrus.txt").rename(place / "files" / "giraffe.txt")
    report(magpie, place / "files")
    assert sorted(h["id"] for h in hits(magpie, "giraffe", "-k", "100")) == sorted(before)
    assert hits(magpie, "walrus") == []
    chapter = hits(magpie, "chapter 17", "-k", "1")[0]
    assert "chapter 17" in chapter["text"] and chapter["locator"]["lines"]


def test_vectors_and_thumbnails_are_kept_without_encoding(place):
    needs_pack("multilingual-e5-small")
    needs_pack("efficientnet-lite0")
    from PIL import Image

    magpie = magpie_of(place, packs=True)
    Image.new("RGB", (320, 240), (200, 30, 30)).save(place / "files" / "walrus.png")
    (place / "files" / "words.txt").write_text("The quick brown fox jumps over the lazy dog.")
    report(magpie, place / "files")
    picture = hits(magpie, "walrus", "--kind", "image")[0]["id"]
    meaning = hits(magpie, "a speedy animal leaps", "--kind", "passage")[0]
    (place / "files" / "walrus.png").rename(place / "files" / "giraffe.png")
    (place / "files" / "words.txt").rename(place / "files" / "other.txt")
    # the models are not needed: with packs gone nothing could be encoded
    magpie.env["MAGPIE_PACKS"] = str(place / "no-packs")
    assert report(magpie, place / "files")["files_moved"] == 2
    del magpie.env["MAGPIE_PACKS"]
    again = hits(magpie, "a speedy animal leaps", "--kind", "passage")[0]
    assert again["id"] == meaning["id"]
    assert again["scores"]["text"] == pytest.approx(meaning["scores"]["text"], abs=1e-6)
    found = hits(magpie, "giraffe", "--kind", "image")[0]
    assert found["id"] == picture
    alike = hits(magpie, "-i", place / "files" / "giraffe.png", "--kind", "image")[0]
    assert alike["id"] == picture and alike["scores"]["picture"] == pytest.approx(1, abs=1e-5)
    out = place / "thumb.jpg"
    magpie.run("get", picture, "--preview", out)
    assert out.read_bytes()[:2] == b"\xff\xd8"


def test_renamed_and_back_again(place):
    magpie = magpie_of(place)
    for turn in range(6):
        old, new = ("walrus", "giraffe") if turn % 2 == 0 else ("giraffe", "walrus")
        if turn == 0:
            (place / "files" / "walrus.txt").write_text("a paragraph")
            report(magpie, place / "files")
        (place / "files" / f"{old}.txt").rename(place / "files" / f"{new}.txt")
        report(magpie, place / "files")
        assert hits(magpie, old) == [] and len(hits(magpie, new)) == 1
