# SPDX-License-Identifier: Apache-2.0
"""The main job: a folder of mixed media in, answers out; then changes of the folder."""

import json
import os
import shutil
import time

import media_files
import pytest
from conftest import needs_pack

ALPS = (
    "The glacier above the village has lost half of its ice since 1980. "
    "Guides now lead hikers around the lake that formed below it."
)
BREAD = (
    "Sourdough bread needs flour, water, salt and patience. "
    "Let the dough rest overnight before baking it in a hot oven."
)
GERMAN = (
    "Der Gletscher über dem Dorf hat seit 1980 die Hälfte seines Eises verloren. "
    "Bergführer leiten die Wanderer nun um den neuen See herum."
)


@pytest.fixture
def collection(folder):
    (folder / "alps.txt").write_text(ALPS)
    (folder / "bread.md").write_text(f"# Baking\n\n## Sourdough\n\n{BREAD}\n")
    (folder / "gletscher.html").write_text(
        f"<html lang=de><head><title>Gletscher</title></head><body><nav>Start Impressum</nav>"
        f"<main><h1>Eis</h1><p>{GERMAN}</p><img src=a.png alt='Luftbild des Gletschers'></main></body></html>"
    )
    (folder / "stock.csv").write_text("name,price,colour\nanvil,19.50,black\nbucket,4.20,yellow\n")
    (folder / "notes.jsonl").write_text(
        '{"note":"the plumber comes on Tuesday","room":"kitchen"}\n'
    )
    (folder / "report.pdf").write_bytes(
        media_files.pdf(
            [
                ["Annual report of the harbour.", "Ferries carried two million passengers."],
                ["Appendix: the lighthouse was repainted in white and red."],
            ]
        )
    )
    (folder / "sun.jpg").write_bytes(media_files.jpeg())
    (folder / "red.png").write_bytes(media_files.png(64, 48))
    media_files.tone(folder / "tone.wav", 3.0, 440)
    media_files.tone(folder / "long_tone.wav", 14.0, 880)
    return folder


def test_a_mixed_folder_is_indexed_and_every_kind_is_found(magpie, collection):
    report = magpie.add(collection)
    assert report["files_added"] == 10 and report["files_failed"] == 0
    kinds = magpie.status()["items"]
    assert kinds["passage"] >= 4 and kinds["row"] == 3 and kinds["image"] == 2
    assert kinds["page"] == 2 and kinds["sound"] == 1 + 3  # 14 s: spans at 0, 4 and 8 s
    for question, source in [
        ("sourdough dough", "bread.md"),
        ("lighthouse", "report.pdf"),
        ("yellow bucket", "stock.csv"),
        ("plumber", "notes.jsonl"),
        ("Bergführer", "gletscher.html"),
        ("glacier hikers", "alps.txt"),
    ]:
        best = magpie.hits(question)[0]
        assert best["source"].endswith(source), (question, best)


def test_the_json_of_a_search_has_the_promised_shape(magpie, collection):
    magpie.add(collection)
    answer = magpie.search("lighthouse repainted", "--kind", "passage")
    assert set(answer) >= {"query", "took_ms", "generation", "hits"}
    hit = answer["hits"][0]
    assert set(hit) >= {
        "rank",
        "id",
        "score",
        "scores",
        "kind",
        "source",
        "title",
        "text",
        "locator",
        "metadata",
    }
    assert hit["rank"] == 1 and hit["kind"] == "passage" and hit["scores"]["words"] > 0
    assert hit["locator"]["page"] == 2
    x, y, width, height = hit["locator"]["bbox"]
    assert 60 < x < 90 and 40 < y < 90 and width > 100 and height > 5
    start, size = hit["highlights"][0]
    assert hit["text"].encode()[start : start + size].decode().lower() in (
        "lighthouse",
        "repainted",
    )


def test_the_same_question_gives_the_same_bytes(magpie, collection):
    magpie.add(collection)
    first, second = (magpie.search("glacier") for _ in range(2))
    assert first["hits"] == second["hits"]


def test_kinds_filter_and_an_unknown_kind_is_refused(magpie, collection):
    magpie.add(collection)
    assert {h["kind"] for h in magpie.hits("glacier", "--kind", "row,image", "-k", "50")} <= {
        "row",
        "image",
    }
    done = magpie.run("search", "glacier", "--kind", "hologram", code=2)
    assert b"hologram" in done.stderr and b"passage" in done.stderr


def test_nothing_found_exits_with_1(magpie, folder):
    (folder / "a.txt").write_text("apples")
    magpie.add(folder)
    magpie.run("search", "zebra", "-w", "text=0", code=1)


def test_a_question_in_german_finds_the_english_text(magpie, collection):
    needs_pack("multilingual-e5-small")
    magpie.add(collection)
    sources = [
        os.path.basename(h["source"])
        for h in magpie.hits("Wie backe ich ein Brot?", "-k", "3", "--kind", "passage")
    ]
    assert "bread.md" in sources[:1]


def test_a_picture_finds_itself_first_and_an_item_finds_others(magpie, collection):
    needs_pack("efficientnet-lite0")
    magpie.add(collection)
    hits = magpie.hits("-i", collection / "sun.jpg")
    assert hits[0]["source"].endswith("sun.jpg") and hits[0]["scores"]["picture"] > 0.99
    like = magpie.hits("--like", hits[0]["id"])
    assert like and all(h["id"] != hits[0]["id"] for h in like)
    assert like[0]["source"].endswith("red.png")


def test_a_sound_finds_itself_first(magpie, collection):
    needs_pack("yamnet")
    magpie.add(collection)
    hits = magpie.hits("-a", collection / "tone.wav")
    assert hits[0]["source"].endswith("tone.wav") and hits[0]["scores"]["sound"] > 0.99
    assert hits[0]["locator"]["span"][0] == 0


def test_parts_are_weighed(magpie, collection):
    needs_pack("efficientnet-lite0")
    magpie.add(collection)
    with_picture = magpie.hits("-t", "harbour", "-i", collection / "red.png", "-w", "t=0,i=1")
    assert with_picture[0]["source"].endswith("red.png")
    with_text = magpie.hits("-t", "harbour", "-i", collection / "red.png", "-w", "t=1,i=0")
    assert with_text[0]["source"].endswith("report.pdf")


def test_a_second_run_touches_nothing(magpie, collection):
    first = magpie.add(collection)
    again = magpie.add(collection)
    assert again["files_unchanged"] == first["files_added"]
    assert again["items_added"] == 0 and again["files_added"] == 0


def test_changed_new_and_vanished_files_are_followed(magpie, collection):
    magpie.add(collection)
    (collection / "alps.txt").write_text("The marmots whistle in the morning.")
    (collection / "new.txt").write_text("A kingfisher dives into the river.")
    (collection / "bread.md").unlink()
    report = magpie.add(collection)
    assert (report["files_changed"], report["files_added"], report["files_removed"]) == (1, 1, 1)
    assert magpie.hits("marmots")[0]["source"].endswith("alps.txt")
    assert magpie.hits("kingfisher")[0]["source"].endswith("new.txt")
    assert not any(h["source"].endswith("bread.md") for h in magpie.hits("sourdough", "-k", "50"))
    assert not any(
        "1980" in h["text"]
        for h in magpie.hits("glacier", "-k", "50")
        if h["source"].endswith("alps.txt")
    )


def test_a_moved_file_keeps_its_items(magpie, collection):
    magpie.add(collection)
    before = magpie.hits("sourdough")[0]
    (collection / "sub").mkdir()
    (collection / "bread.md").rename(collection / "sub" / "brot.md")
    report = magpie.add(collection)
    assert (
        report["files_moved"] == 1 and report["items_added"] == 0 and report["files_removed"] == 0
    )
    after = magpie.hits("sourdough")[0]
    assert after["id"] == before["id"] and after["source"].endswith("sub/brot.md")


def test_a_touched_file_is_not_read_again(magpie, collection):
    magpie.add(collection)
    before = magpie.hits("sourdough")[0]["id"]
    later = time.time() + 10
    os.utime(collection / "bread.md", (later, later))
    assert magpie.add(collection)["items_added"] == 0
    assert magpie.hits("sourdough")[0]["id"] == before


def test_remove_takes_items_files_and_folders_out(magpie, collection):
    magpie.add(collection)
    item = magpie.hits("anvil")[0]["id"]
    magpie.run("remove", item)
    assert not any(h["id"] == item for h in magpie.hits("anvil", "-k", "50"))
    magpie.run("remove", collection / "alps.txt")
    assert not any(h["source"].endswith("alps.txt") for h in magpie.hits("glacier", "-k", "50"))
    magpie.run("remove", collection)
    assert magpie.status()["items"] == {}
    done = magpie.run("remove", "no-such-thing", code=1)
    assert b"no-such-thing" in done.stderr


def test_get_shows_an_item_and_writes_its_preview(magpie, collection, tmp_path):
    magpie.add(collection)
    picture = magpie.hits("-t", "sun", "--kind", "image")[0]["id"]
    item = json.loads(magpie.run("get", picture, "--json", "--preview", tmp_path / "p.jpg").stdout)
    assert item["kind"] == "image" and item["id"] == picture
    assert (tmp_path / "p.jpg").read_bytes()[:2] == b"\xff\xd8"
    sound = magpie.hits("-t", "tone", "--kind", "sound")[0]["id"]
    magpie.run("get", sound, "--preview", tmp_path / "s.wav")
    assert (tmp_path / "s.wav").read_bytes()[:4] == b"RIFF"
    magpie.run("get", "@999#1", code=1)


def test_html_page_is_self_contained(magpie, collection, tmp_path):
    magpie.add(collection)
    page = tmp_path / "page.html"
    magpie.run("search", "sun", "--kind", "image", "--html", page)
    magpie.run("search", "tone <b>", "--kind", "sound", "--html-add", page)
    text = page.read_text()
    assert text.count("<h2>") == 2 and "data:image/jpeg;base64," in text
    assert "data:audio/wav;base64," in text and "<b>" not in text and "&lt;b&gt;" in text
    assert "http://" not in text and "https://" not in text and "<script" not in text


def test_interrupt_leaves_a_consistent_index_and_the_next_run_goes_on(magpie, folder):
    import signal
    import subprocess
    from conftest import BUILD

    for n in range(400):
        (folder / f"{n:04}.txt").write_text(f"Document number {n} speaks of item{n}. " * 40)
    process = subprocess.Popen(
        [BUILD / "magpie", "index", folder, "-x", magpie.index, "--json"],
        env=magpie.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "commit":
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    done = magpie.status()["sources"]
    assert 0 < done < 400
    report = magpie.add(folder)
    # a file that was cut between two commits is read again, as a changed one
    assert report["files_unchanged"] + report["files_changed"] == done
    assert report["files_added"] == 400 - done and report["files_changed"] <= 2
    assert magpie.status()["sources"] == 400
    assert magpie.hits("item137")[0]["source"].endswith("0137.txt")


def test_interrupt_before_the_first_commit_keeps_what_was_read(magpie, folder):
    import signal
    import subprocess
    from conftest import BUILD

    for n in range(120):
        (folder / f"{n:04}.txt").write_text(f"Document number {n} speaks of item{n}. " * 40)
    process = subprocess.Popen(
        [BUILD / "magpie", "index", folder, "-x", magpie.index, "--json"],
        env=magpie.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "file":
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode in (0, 1)  # 0: it was done before the signal came
    assert magpie.status()["sources"] > 0
    magpie.add(folder)
    assert magpie.status()["sources"] == 120


def test_a_killed_run_leaves_a_consistent_index(magpie, folder):
    import subprocess
    from conftest import BUILD

    for n in range(300):
        (folder / f"{n:04}.txt").write_text(f"Document number {n} speaks of item{n}. " * 40)
    process = subprocess.Popen(
        [BUILD / "magpie", "index", folder, "-x", magpie.index, "--json"],
        env=magpie.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "commit":
            break
    process.kill()
    process.wait()
    report = magpie.add(folder)
    assert report["files_failed"] == 0
    assert magpie.status()["sources"] == 300


def test_an_index_can_be_copied(magpie, collection, tmp_path):
    magpie.add(collection)
    shutil.copytree(magpie.index, tmp_path / "copy.mgp")
    before = magpie.hits("sourdough")
    magpie.index = str(tmp_path / "copy.mgp")
    assert magpie.hits("sourdough") == before


def test_progress_on_a_pipe_is_one_json_event_a_line(magpie, collection):
    done = magpie.run("index", collection, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [e["event"] for e in events]
    assert names[-1] == "report" and "commit" in names and names.count("file") == 10
    assert all(e["files_done"] <= e["files_total"] for e in events if e["event"] == "file")


def test_the_default_index_lies_in_the_data_home(magpie, collection):
    magpie.run("index", collection, "-q", index=False)
    place = os.path.join(magpie.env["XDG_DATA_HOME"], "magpie", "default.mgp")
    assert os.path.exists(os.path.join(place, "catalog.sqlite"))
    done = magpie.run("search", "sourdough", "--json", index=False)
    assert json.loads(done.stdout)["hits"]


def test_utf16_latin1_and_extensionless_text_are_read(magpie, folder):
    (folder / "utf16.txt").write_bytes("Grüße aus Köln, sagte die Elster.".encode("utf-16"))
    (folder / "latin1").write_bytes("Le café était fermé à midi.".encode("latin-1"))
    (folder / "picture.txt").write_bytes(media_files.jpeg())
    assert magpie.add(folder)["files_failed"] == 0
    assert magpie.hits("Elster")[0]["text"].startswith("Grüße")
    assert magpie.hits("café")[0]["text"] == "Le café était fermé à midi."
    assert magpie.status()["items"]["image"] == 1
