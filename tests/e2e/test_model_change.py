# SPDX-License-Identifier: Apache-2.0
"""magpie models use: another model for an index in use, ended early and gone on with, undone, beside a writer."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import BUILD, ROOT, needs_pack
import media_files

OLD, NEW = "multilingual-e5-small", "e5-first-token"
PACKS = ROOT / ".deps" / "packs"
THINGS = "heron kettle glacier violin harbour lantern orchard compass anvil tapestry".split()
DEEDS = ["rests beside", "is older than", "was painted near", "fell behind", "belongs to"]
TEXTS = [
    {"id": f"r{i}", "text": f"The {a} {DEEDS[i % 5]} the {b}, as the story of chapter {i} says."}
    for i, (a, b) in enumerate((a, b) for a in THINGS for b in THINGS if a != b)
]
LONG = [dict(t, id=f"m{i}", text=t["text"] + f" Page {i}." * 20) for i, t in enumerate(TEXTS * 4)]
QUESTION = "what stands next to the old kettle?"


def make_pack(place, like, name, change):
    """A pack of the same files that gives other vectors, or the same ones under another hash."""
    shutil.copytree(PACKS / like, place / name, symlinks=True, copy_function=os.link)
    pack = json.loads((place / name / "pack.json").read_text())
    pack["name"] = name
    change(pack)
    (place / name / "pack.json").unlink()
    (place / name / "pack.json").write_text(json.dumps(pack))


@pytest.fixture(autouse=True)
def packs(magpie, tmp_path):
    """NEW takes the first token's vector where OLD takes the mean of all."""
    needs_pack(OLD)
    (tmp_path / "packs").mkdir()
    make_pack(tmp_path / "packs", OLD, NEW, lambda pack: pack["text"].update(pooling="cls"))
    magpie.env["MAGPIE_PACKS"] = f"{tmp_path / 'packs'}:{PACKS}"


def answers(magpie, *args):
    return [(h["id"], round(h["score"], 6)) for h in magpie.hits(*(args or (QUESTION,)))]


def cosines(magpie):
    """Of all items with QUESTION, by id. Not their ranks: what is encoded in one batch moves the last digits."""
    hits = magpie.hits(QUESTION, "-w", "words=0", "-k", str(len(TEXTS)))
    ids = sorted(hit["id"] for hit in hits)
    assert len(ids) == len(TEXTS)
    values = {hit["id"]: hit["scores"]["text"] for hit in hits}
    return np.array([values[name] for name in ids])


def text_rows(magpie):
    """pack -> (vectors, in use)"""
    return {s["pack"]: (s["vectors"], s["active"]) for s in magpie.status()["spaces"] if s["name"] == "text"}


def use(magpie, *args, code=0, **more):
    done = magpie.run("models", "use", *args, "--json", code=code, **more)
    return json.loads(done.stdout.splitlines()[-1]) if code == 0 else done


def start(magpie, *args):
    argv = [str(BUILD / "magpie"), "models", "use", *args, "--json", "-x", magpie.index]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=magpie.env)


def wait_for_event(process, name, least=0):
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == name and event["files_done"] >= least:
            return event
    raise AssertionError(f"no event {name}: {process.stderr.read().decode()}")


def test_answers_are_those_of_an_index_made_with_the_model(magpie, tmp_path):
    magpie.imports(TEXTS)
    before = cosines(magpie)
    report = use(magpie, NEW)
    assert (report["pack"], report["items"], report["encoded"]) == (NEW, len(TEXTS), len(TEXTS))
    assert text_rows(magpie) == {OLD: (len(TEXTS), False), NEW: (len(TEXTS), True)}
    assert magpie.status()["text_pack"] == NEW
    after = cosines(magpie)
    magpie.run("check", "--deep")
    magpie.index = str(tmp_path / "fresh.mgp")
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, TEXTS)))
    magpie.run("import", tmp_path / "texts.jsonl", "--text-pack", NEW, "-q")
    fresh = cosines(magpie)
    print("to the fresh index", np.abs(after - fresh).max(), "to the model before", np.abs(after - before).mean())
    assert np.abs(after - fresh).max() < np.abs(after - before).mean() / 4


def test_a_model_in_use_is_nothing_to_do(magpie):
    magpie.imports(TEXTS[:5])
    assert use(magpie, OLD)["encoded"] == 0
    done = magpie.run("models", "use", OLD)
    assert b"nothing to do" in done.stdout
    assert len(magpie.status()["spaces"]) == 2


def test_stopped_it_goes_on_where_it_was(magpie):
    magpie.imports(LONG)
    before = answers(magpie)
    process = start(magpie, NEW)
    wait_for_event(process, "file", 100)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1 and b"--rollback" in errors
    rows = text_rows(magpie)
    total = len(LONG)
    assert 0 < rows[NEW][0] < total and rows[OLD] == (total, True) and not rows[NEW][1]
    assert magpie.status()["model_change"] == NEW
    assert answers(magpie) == before  # of the old model alone
    magpie.run("check", "--deep")
    report = use(magpie, NEW)
    assert report["encoded"] == total - rows[NEW][0]
    assert text_rows(magpie)[NEW] == (total, True) and not magpie.status().get("model_change")
    magpie.run("check", "--deep")


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
def test_killed_the_index_has_one_model_or_the_other(magpie, seconds):
    magpie.imports(TEXTS)
    before = answers(magpie)
    process = start(magpie, NEW)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    rows = text_rows(magpie)
    assert [pack for pack, (_, active) in rows.items() if active] in ([OLD], [NEW])
    if rows[OLD][1]:
        assert answers(magpie) == before
    use(magpie, NEW)
    assert text_rows(magpie)[NEW] == (len(TEXTS), True)
    magpie.run("check", "--deep")


def test_a_writer_beside_it_loses_nothing_and_no_answer_mixes_models(magpie):
    magpie.imports(TEXTS)
    process = start(magpie, NEW)
    wait_for_event(process, "walk")
    late = [{"id": f"late{i}", "text": f"The submarine number {i} waits."} for i in range(3)]
    seen = set()
    magpie.imports(late[:1])
    while process.poll() is None:
        seen.add(tuple(answers(magpie)))
    assert process.wait() == 0, process.stderr.read()
    magpie.imports(late[1:])
    assert text_rows(magpie)[NEW] == (len(TEXTS) + 3, True)
    assert {h["id"] for h in magpie.hits("submarine", "-w", "words=0", "-k", "3")} == {f"late{i}#1" for i in range(3)}
    assert len(seen) <= 2  # all of one model or all of the other
    magpie.run("check", "--deep")


def test_rollback_drops_what_is_unfinished(magpie):
    magpie.imports(LONG)
    before = answers(magpie)
    process = start(magpie, NEW)
    wait_for_event(process, "walk")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert not text_rows(magpie)[NEW][1]
    assert use(magpie, "--rollback")["spaces_dropped"] == 1
    assert text_rows(magpie) == {OLD: (len(LONG), True)} and answers(magpie) == before
    done = use(magpie, "--rollback", code=1)
    assert b"nothing to go back to" in done.stderr


def test_rollback_puts_the_old_vectors_back_and_encodes_what_came_since(magpie):
    magpie.imports(TEXTS)
    use(magpie, NEW)
    magpie.imports([{"id": "late", "text": "The submarine waits."}])
    report = use(magpie, "--rollback")
    assert (report["pack"], report["encoded"]) == (OLD, 1)
    assert text_rows(magpie) == {OLD: (len(TEXTS) + 1, True), NEW: (len(TEXTS) + 1, False)}
    assert magpie.hits("submarine", "-k", "1")[0]["id"] == "late#1"
    assert use(magpie, "--rollback")["pack"] == NEW  # and forth again
    magpie.run("check", "--deep")


def test_forget_frees_the_vectors_that_are_not_in_use(magpie):
    magpie.imports(TEXTS)
    use(magpie, NEW)
    after, size = answers(magpie), magpie.status()["bytes"]
    assert use(magpie, "--forget")["spaces_dropped"] == 1
    assert text_rows(magpie) == {NEW: (len(TEXTS), True)}
    assert magpie.status()["bytes"] < size and answers(magpie) == after
    assert b"nothing to go back to" in use(magpie, "--rollback", code=1).stderr


def test_a_damaged_segment_of_the_model_before_is_dropped_by_repair(magpie):
    magpie.imports(TEXTS)
    use(magpie, NEW)
    magpie.small_segments_to_files()
    after = answers(magpie)
    segments = pathlib.Path(magpie.index, "segments")
    of_old = [s["file"] for s in magpie.status()["segments"] if s["space"] == "text"]
    assert of_old
    for name in of_old:
        path = segments / os.path.basename(name)
        path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8)
    magpie.run("check", "--deep", code=3)
    magpie.run("repair")
    magpie.run("check", "--deep")
    assert answers(magpie) == after
    assert use(magpie, "--rollback")["encoded"] == len(TEXTS)


# ---- pictures and sounds ----------------------------------------------------------------------------------


def another_version(tmp_path, name):
    """The same model under another hash; the first folder of the path wins."""
    note = {"file": "note.txt", "size": 2, "sha256": hashlib.sha256(b"2\n").hexdigest()}
    make_pack(tmp_path / "packs", name, name, lambda pack: pack["files"].append(note))
    (tmp_path / "packs" / name / "note.txt").write_bytes(b"2\n")


def picture(number):
    """Large plain shapes: a thumbnail shows the same."""
    colours = [(250, 250, 250), (200, 30, 30), (20, 60, 160), (240, 200, 40), (10, 120, 60)]

    def pixel(x, y):
        inside = (
            (x - 200) ** 2 + (y - 150) ** 2 < 110**2,
            x // 60 % 2 == 0,
            abs(x - 200) + abs(y - 150) < 140,
            y > 150,
            x + y > 350,
        )[number % 5]
        return colours[(number + 1) % 5] if inside else colours[number % 5]

    return media_files.png(400, 300, pixel)


def pictures_of(magpie, file):
    return {h["source"].rsplit("/", 1)[1]: round(h["scores"]["picture"], 4) for h in magpie.hits("--image", file)}


def test_pictures_come_from_their_files_or_their_thumbnails(magpie, folder, tmp_path):
    needs_pack("efficientnet-lite0")
    for i in range(4):
        (folder / f"p{i}.png").write_bytes(picture(i))
    magpie.add(folder)
    kept, gone = shutil.copy(folder / "p0.png", tmp_path), shutil.copy(folder / "p1.png", tmp_path)
    before = pictures_of(magpie, kept)
    another_version(tmp_path, "efficientnet-lite0")
    assert b"models use efficientnet-lite0" in magpie.run("search", "--image", kept, code=None).stderr
    (folder / "p1.png").unlink()
    (folder / "p2.png").write_bytes(picture(4))
    report = use(magpie, "efficientnet-lite0")
    assert (report["from_thumbnails"], report["lost_count"]) == (2, 0)
    after = pictures_of(magpie, kept)
    assert after.keys() == before.keys()
    assert after["p0.png"] == before["p0.png"] and after["p3.png"] == before["p3.png"]
    assert after["p1.png"] != before["p1.png"] and pictures_of(magpie, gone)["p1.png"] > 0.5
    assert next(iter(pictures_of(magpie, gone))) == "p1.png"
    magpie.run("check", "--deep")


def test_a_sound_whose_file_is_gone_is_listed(magpie, folder, tmp_path):
    needs_pack("yamnet")
    media_files.tone(folder / "stays.wav", hertz=300)
    media_files.tone(folder / "goes.wav", hertz=900)
    magpie.add(folder)
    (folder / "goes.wav").unlink()
    another_version(tmp_path, "yamnet")
    report = use(magpie, "yamnet")
    assert report["lost_count"] == 1 and report["lost"][0]["source"].endswith("goes.wav")
    sounds = [s for s in magpie.status()["spaces"] if s["name"] == "sound" and s["active"]]
    assert [s["vectors"] for s in sounds] == [1]
    done = magpie.run("models", "use", "yamnet")
    assert b"goes.wav" in done.stdout  # told again: it still has none


def test_a_pack_installed_later_gives_its_vectors_and_rollback_takes_them(magpie, folder, tmp_path):
    needs_pack("efficientnet-lite0")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("runtime", OLD):
        (few / name).symlink_to(PACKS / name)
    (folder / "p.png").write_bytes(picture(1))
    magpie.run("index", folder, "--packs", few, "-q")
    magpie.env["MAGPIE_PACKS"] = str(PACKS)
    assert not magpie.hits("--image", folder / "p.png")
    report = use(magpie, "efficientnet-lite0")
    assert report["encoded"] >= 1
    assert magpie.hits("--image", folder / "p.png")[0]["source"].endswith("p.png")
    use(magpie, "--rollback")
    assert not magpie.hits("--image", folder / "p.png")
    magpie.add(folder)
    magpie.run("check", "--deep")


def test_a_caption_is_encoded_and_tags_are_not(magpie, folder, tmp_path):
    (folder / "p.png").write_bytes(picture(1))
    magpie.imports([{"id": "p", "path": str(folder / "p.png"), "text": "A grey storm.\n\nOver the sea."}, *TEXTS[:3]])
    (folder / "q.png").write_bytes(picture(2))
    magpie.add(folder)
    rows = text_rows(magpie)[OLD][0]
    assert use(magpie, NEW)["lost_count"] == 0
    assert text_rows(magpie)[NEW] == (rows, True)
    assert magpie.hits("bad weather at sea", "-w", "words=0", "-k", "1")[0]["id"] == "p#1"


# ---- wrong calls --------------------------------------------------------------------------------------


def test_wrong_calls_are_refused_and_change_nothing(magpie):
    done = magpie.run("models", "use", NEW, code=1)
    assert b"magpie index" in done.stderr and not os.path.exists(magpie.index)
    magpie.imports(TEXTS[:3])
    generation = magpie.status()["generation"]
    assert b"models pull" in use(magpie, "no-such-pack", code=1).stderr
    for args in ([], [NEW, "--rollback"], ["--rollback", "--forget"]):
        use(magpie, *args, code=2)
    magpie.run("models", "list", "--forget", code=2)
    assert magpie.status()["generation"] == generation
    assert f"models use {NEW}".encode() in magpie.run("import", "-", "--text-pack", NEW, stdin=b"{}", code=2).stderr
