# SPDX-License-Identifier: Apache-2.0
"""`magpie export` and `import --archive`: an index as one file, there and back; broken and lying archives are refused
and leave nothing."""

import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tarfile
import time

import media_files
import pytest
import zstd_frames
from conftest import BUILD, Magpie

DIM = 24
MANIFEST = "manifest.jsonl"


def records(numbers, word="heron"):
    return [
        {
            "id": f"r{i}",
            "text": f"{word} number {i} by the water",
            "vector": [(i * 7 + j * 3) % 11 - 5.2 for j in range(DIM)],
        }
        for i in numbers
    ]


def fill(magpie, folder):
    magpie.env["MAGPIE_PACKS"] = "/nonexistent"
    features = json.loads(magpie.run("version", "--features", "--json", index=False).stdout)["features"]
    if not features["archives"]["enabled"]:
        pytest.skip("NOT CHECKED: this build has no libarchive or libzstd")
    for i in range(3):
        magpie.imports(records(range(i * 400, i * 400 + 400)))
    for i in range(3):
        (folder / f"red_{i}.jpg").write_bytes(media_files.jpeg(60 + i, 40))
    magpie.add(folder)
    return magpie


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """One index for all tests, which they copy."""
    place = tmp_path_factory.mktemp("archive")
    (place / "media").mkdir()
    (place / "home").mkdir()
    return fill(Magpie(place / "test.mgp", place / "home"), place / "media")


@pytest.fixture
def filled(template, magpie, tmp_path):
    shutil.copytree(template.index, magpie.index)
    (tmp_path / "media").mkdir()
    magpie.env["MAGPIE_PACKS"] = "/nonexistent"
    return magpie


def other(magpie, path, home=None):
    """The same command on another index."""
    it = Magpie(path, home or pathlib.Path(magpie.env["HOME"]))
    it.env = dict(it.env, MAGPIE_PACKS="/nonexistent")
    return it


def export(magpie, path, *args, code=0):
    done = magpie.run("export", path, "--json", *args, code=code)
    return json.loads(done.stdout.splitlines()[-1]) if code == 0 else done.stderr.decode()


def take(magpie, path, *args, code=0):
    done = magpie.run("import", "--archive", path, "--json", *args, code=code)
    return json.loads(done.stdout.splitlines()[-1]) if code == 0 else done.stderr.decode()


def answers(magpie):
    questions = (["heron 77"], ["red 1"], ["--like", "r31#1"])
    return [[(h["id"], h["score"], h["text"]) for h in magpie.hits(*q)] for q in questions]


def whole(magpie):
    return json.loads(magpie.run("check", "--deep", "--json").stdout)["ok"]


def pictures(magpie, tmp_path):
    """The thumbnail of each picture that is found."""
    found = {}
    for hit in magpie.hits("red", "--kind", "image", "-k", "10"):
        file = tmp_path / "preview.jpg"
        magpie.run("get", hit["id"], "--preview", file)
        found[hit["id"]] = file.read_bytes()
    return found


def members(path):
    with tarfile.open(fileobj=io.BytesIO(zstd_frames.unpack(path.read_bytes()))) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def forge(path, content, kinds=None):
    """An archive of these members in this order; kinds gives some another type of tar member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in content:
            info = tarfile.TarInfo(name)
            info.type = (kinds or {}).get(name, tarfile.REGTYPE)
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            info.linkname = "catalog.sqlite" if info.type != tarfile.REGTYPE else ""
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(zstd_frames.pack(out.getvalue()))


def manifest(files, **head):
    first = {"format": 1, "magpie": "0.1.0", "created": "2026-11-23T11:42:11Z", "generation": 1, "items": 1}
    first.update({"files": len(files), "bytes": sum(len(data) for _, data in files)}, **head)
    lines = [first] + [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def refused(magpie, tmp_path, archive, code, *words):
    """The error names the archive and what was expected, and nothing is left."""
    before = sorted(p.name for p in tmp_path.iterdir())
    message = take(other(magpie, tmp_path / "refused.mgp"), archive, code=code)
    for word in (archive.name, *words):
        assert word in message, message
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    return message


# ---- there and back


def test_an_archive_gives_the_same_answers_on_another_machine(magpie, folder, tmp_path):
    filled = fill(magpie, folder)
    before, thumbs = answers(filled), pictures(filled, tmp_path)
    archive = tmp_path / "a.tar.zst"
    report = export(filled, archive)
    state = filled.status()
    assert report["generation"] == state["generation"] and report["items"] == sum(state["items"].values())
    assert report["archive_bytes"] == archive.stat().st_size < report["bytes"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.zst", "home", "media", "preview.jpg", "test.mgp"]
    far = tmp_path / "another" / "place"
    far.mkdir(parents=True)
    shutil.move(archive, far / "b.tar.zst")
    shutil.rmtree(filled.index)
    shutil.rmtree(tmp_path / "media")
    there = other(filled, far / "new" / "deep" / "there.mgp", far)
    back = take(there, far / "b.tar.zst")
    assert back["generation"] == report["generation"] and back["created"] == report["created"]
    assert back["items"] == report["items"] and back["files"] == report["files"]
    assert answers(there) == before and whole(there)
    assert len(thumbs) == 3 and pictures(there, tmp_path) == thumbs
    there.imports(records(range(9000, 9010)))  # and it can be written to
    assert whole(there) and len(there.hits("9005")) > 0
    assert sorted(p.name for p in (far / "new" / "deep").iterdir()) == ["there.mgp"]


def test_any_tar_and_sha256sum_agree_with_the_manifest(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    report = export(filled, archive)
    content = members(archive)
    assert next(iter(content)) == MANIFEST
    head, *lines = map(json.loads, content.pop(MANIFEST).splitlines())
    assert head["format"] == 1 and head["generation"] == report["generation"] and head["items"] == report["items"]
    assert [line["name"] for line in lines] == list(content)
    for line in lines:
        assert len(content[line["name"]]) == line["size"]
        assert hashlib.sha256(content[line["name"]]).hexdigest() == line["sha256"]
    assert head["files"] == len(lines) and head["bytes"] == sum(line["size"] for line in lines)
    assert sum(name.startswith("thumbs/") for name in content) == 3


def test_a_large_catalog_goes_there_and_back(filled, tmp_path):
    filled.imports([{"id": f"long{i}", "text": random.Random(i).randbytes(3000).hex()} for i in range(1500)])
    export(filled, tmp_path / "a.tar.zst")
    copy = other(filled, tmp_path / "copy.mgp")
    assert take(copy, tmp_path / "a.tar.zst")["bytes"] > 9_000_000
    assert whole(copy) and answers(copy) == answers(filled)


def test_force_replaces_a_file_and_an_index_in_one_step(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    export(filled, archive)
    before, size = answers(filled), archive.stat().st_size
    filled.imports(records(range(300), word="owl"))
    assert "--force" in export(filled, archive, code=2) and archive.stat().st_size == size
    assert "--force" in take(filled, archive, code=2)
    assert answers(filled) != before
    take(filled, archive, "--force")
    assert answers(filled) == before and whole(filled)
    filled.imports(records(range(300), word="owl"))
    export(filled, archive, "--force")
    take(other(filled, tmp_path / "copy.mgp"), archive)
    assert answers(other(filled, tmp_path / "copy.mgp")) == answers(filled) != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.zst", "copy.mgp", "home", "media", "test.mgp"]


def test_an_index_that_is_written_to_is_not_replaced(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    export(filled, archive)
    before = answers(filled)
    writer = subprocess.Popen(
        [str(BUILD / "magpie"), "import", "-", "-x", filled.index, "-q"], stdin=subprocess.PIPE, env=filled.env
    )
    lock = pathlib.Path(filled.index, "lock")
    end = time.time() + 20
    while not (lock.exists() and lock.read_text()) and time.time() < end:
        time.sleep(0.02)
    message = take(filled, archive, "--force", code=1)
    writer.communicate(b"")
    assert str(writer.pid) in message and answers(filled) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.zst", "home", "media", "test.mgp"]


def test_exports_beside_a_writer_and_merges_are_each_of_one_generation(filled, tmp_path):
    """Each import is one commit of 20 records with a word of its own: all of them or none are there."""
    source = tmp_path / "records"
    source.mkdir()
    for n in range(25):
        rows = [
            {"id": f"w{n}-{i}", "text": f"word{n} {i}", "vector": [n + 1.0, i] + [2.0] * (DIM - 2)} for i in range(20)
        ]
        (source / f"{n}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = f"for n in $(seq 0 24); do '{BUILD}/magpie' import {source}/$n.jsonl -x {filled.index} -q; "
    script += f"[ $((n % 5)) -ne 4 ] || '{BUILD}/magpie' merge --all -x {filled.index} -q; done"
    writer = subprocess.Popen(["sh", "-c", script], env=filled.env, stdout=subprocess.DEVNULL)
    made = 0
    while writer.poll() is None or made < 2:
        archive, place = tmp_path / f"s{made}.tar.zst", tmp_path / f"s{made}.mgp"
        report = export(filled, archive)
        copy = other(filled, place)
        take(copy, archive)
        assert whole(copy), made
        assert copy.status()["generation"] == report["generation"]
        counts = [len(copy.hits(f"word{n}", "-k", "50")) for n in (0, 7, 15, 24)]
        assert set(counts) <= {0, 20}, counts
        shutil.rmtree(place)
        made += 1
    assert writer.returncode == 0 and made >= 2
    assert not list(tmp_path.glob("*export-*")) and not list(tmp_path.glob("*.part-*"))


def test_progress_tells_counts_bytes_and_the_end(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    copy = other(filled, tmp_path / "c.mgp")
    for args, index in ((["export", archive], filled), (["import", "--archive", archive], copy)):
        events = [json.loads(line) for line in index.run(*args, "--json").stdout.splitlines()]
        assert [e["event"] for e in events[-2:]] == ["done", "report"]
        done = events[-2]
        assert done["files_done"] == done["files_total"] == events[-1]["files"] > 4
        assert done["bytes_done"] == done["bytes_total"] > events[-1]["bytes"] > 0
        assert {e["event"] for e in events} <= {"walk", "file", "done", "report"}
        assert [e["files_done"] for e in events if e["event"] == "file"] == list(range(1, done["files_total"] + 1))


# ---- what cannot be exported


def test_a_damaged_index_is_not_exported(filled, tmp_path):
    filled.small_segments_to_files()
    victim = max(pathlib.Path(filled.index, "segments").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    message = export(filled, tmp_path / "a.tar.zst", code=3)
    assert victim.name in message and "magpie repair" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "media", "test.mgp"]


def test_bad_targets_are_named_and_left_alone(filled, tmp_path):
    assert "no regular file" in export(filled, tmp_path / "media", code=2)
    assert "no regular file" in export(filled, tmp_path / "media", "--force", code=2)
    assert "none" in export(filled, tmp_path / "none" / "a.tar.zst", code=1)
    filled.run("export", code=2)
    filled.run("export", "a", "b", code=2)
    filled.run("import", "--archive", code=2)
    filled.run("import", tmp_path / "x.jsonl", "--force", code=2)
    missing = other(filled, tmp_path / "missing.mgp")
    assert "no index" in export(missing, tmp_path / "x.tar.zst", code=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "media", "test.mgp"]


def test_a_killed_export_or_import_leaves_no_half(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    copy = other(filled, tmp_path / "copy.mgp")
    before = answers(filled)
    for delay in (0.0, 0.01, 0.02, 0.04, 0.08):
        for args in (["export", archive, "-x", filled.index], ["import", "--archive", archive, "-x", copy.index]):
            run = subprocess.Popen(
                [str(BUILD / "magpie"), *args], env=filled.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(delay)
            run.send_signal(signal.SIGKILL)
            run.wait()
            if "export" in args and archive.exists():
                take(other(filled, tmp_path / "seen.mgp"), archive)
                assert answers(other(filled, tmp_path / "seen.mgp")) == before
                shutil.rmtree(tmp_path / "seen.mgp")
            if pathlib.Path(copy.index).exists():
                assert whole(copy) and answers(copy) == before
                shutil.rmtree(copy.index)
        archive.unlink(missing_ok=True)
        if delay:
            export(filled, archive)
    assert whole(filled) and answers(filled) == before


def test_an_interrupted_import_leaves_nothing(filled, tmp_path):
    filled.imports([{"id": f"long{i}", "text": random.Random(i).randbytes(3000).hex()} for i in range(1500)])
    archive = tmp_path / "a.tar.zst"
    export(filled, archive)
    before = sorted(p.name for p in tmp_path.iterdir())
    run = subprocess.Popen(
        [str(BUILD / "magpie"), "import", "--archive", archive, "-x", tmp_path / "c.mgp", "--json"],
        env=filled.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    run.stdout.readline()
    run.send_signal(signal.SIGINT)
    run.communicate()
    if run.returncode != 0:  # else it was done before the signal came
        assert run.returncode == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == before


# ---- broken archives


def test_archives_that_are_cut_off_or_changed_are_refused(filled, tmp_path):
    archive, broken = tmp_path / "a.tar.zst", tmp_path / "broken.tar.zst"
    export(filled, archive)
    data = archive.read_bytes()
    for size in (len(data) // 3, len(data) - 200, len(data) - 1):
        broken.write_bytes(data[:size])
        refused(filled, tmp_path, broken, 3, "cut off", f"{size} bytes")
    broken.write_bytes(data + b"more")
    refused(filled, tmp_path, broken, 1, "behind its end")
    chance = random.Random(5)
    for _ in range(40):
        at = chance.randrange(6, len(data))
        changed = bytearray(data)
        changed[at] ^= 1 << chance.randrange(8)
        broken.write_bytes(changed)
        before = sorted(p.name for p in tmp_path.iterdir())
        done = filled.run("import", "--archive", broken, "-x", tmp_path / "c.mgp", index=False, code=None)
        assert done.returncode in (1, 3) and b"broken.tar.zst" in done.stderr, at
        assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_changed_member_is_named_with_what_was_expected(filled, tmp_path):
    archive, broken = tmp_path / "a.tar.zst", tmp_path / "broken.tar.zst"
    export(filled, archive)
    content = members(archive)
    for victim in (name for name in content if name != MANIFEST):
        changed = dict(content)
        changed[victim] = changed[victim][:-1] + bytes([changed[victim][-1] ^ 1])
        forge(broken, changed.items())
        expected = hashlib.sha256(content[victim]).hexdigest()
        refused(filled, tmp_path, broken, 3, victim, "SHA-256", expected)
    lost = [item for item in content.items() if not item[0].startswith("thumbs/")]
    forge(broken, lost)
    refused(filled, tmp_path, broken, 3, "ends before its member thumbs/")


def test_files_that_are_no_archive_say_so(filled, tmp_path):
    def made(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    refused(filled, tmp_path, made("empty.tar.zst", b""), 1, "no archive of magpie")
    refused(filled, tmp_path, made("text.tar.zst", b"hello, world\n"), 1, "no archive of magpie")
    refused(filled, tmp_path, made("records.jsonl", b'{"id":"a"}\n'), 1, "no archive of magpie")
    refused(filled, tmp_path, made("plain.zst", zstd_frames.pack(b"hello" * 500)), 1, "no archive of magpie")
    forge(tmp_path / "other.tar.zst", [("readme.txt", b"hello")])
    refused(filled, tmp_path, tmp_path / "other.tar.zst", 1, "readme.txt", MANIFEST)
    (tmp_path / "folder").mkdir()
    refused(filled, tmp_path, tmp_path / "folder", 2, "is a folder")
    refused(filled, tmp_path, tmp_path / "none.tar.zst", 1)
    os.mkfifo(tmp_path / "pipe")
    refused(filled, tmp_path, tmp_path / "pipe", 1, "not a regular file")


def test_an_archive_of_a_newer_magpie_is_refused_with_a_sentence(filled, tmp_path):
    newer = tmp_path / "newer.tar.zst"
    forge(newer, [(MANIFEST, manifest([], format=2, magpie="7.1.0"))])
    refused(filled, tmp_path, newer, 3, "archive format 2", "magpie 7.1.0", "use a newer one")


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "segments/../../escaped", "lock", "thumbs/00/42.jpg"])
def test_names_outside_of_the_layout_are_refused(filled, tmp_path, name):
    lying = tmp_path / "lying.tar.zst"
    files = [(name, b"payload")]
    forge(lying, [(MANIFEST, manifest(files)), *files])
    refused(filled, tmp_path, lying, 1, name, "no file of an index")
    forge(lying, [(MANIFEST, manifest([])), *files])  # not announced at all
    refused(filled, tmp_path, lying, 1, name)
    assert not (tmp_path / "escaped").exists() and not pathlib.Path("/tmp/escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_folders_and_pipes_are_refused(filled, tmp_path, kind):
    lying = tmp_path / "lying.tar.zst"
    name = "segments/000000000001.seg"
    files = [("catalog.sqlite", b"x"), (name, b"")]
    forge(lying, [(MANIFEST, manifest(files)), *files], {name: kind})
    refused(filled, tmp_path, lying, 1, name, "regular files only")


def test_a_member_that_comes_twice_is_refused(filled, tmp_path):
    lying = tmp_path / "lying.tar.zst"
    files = [("catalog.sqlite", b"x"), ("catalog.sqlite", b"y")]
    forge(lying, [(MANIFEST, manifest(files)), *files])
    refused(filled, tmp_path, lying, 1, "catalog.sqlite", "twice")
    forge(lying, [(MANIFEST, manifest(files[:1])), *files])
    refused(filled, tmp_path, lying, 1, "does not list its member 'catalog.sqlite'")


def test_bombs_are_refused_before_they_unpack(filled, tmp_path):
    bomb = tmp_path / "bomb.tar.zst"
    zeros = bytes(64 << 20)
    files = [("catalog.sqlite", zeros)]
    forge(bomb, [(MANIFEST, manifest(files, bytes=0)), *files])
    refused(filled, tmp_path, bomb, 1, "larger than")
    forge(bomb, [(MANIFEST, manifest([("catalog.sqlite", b"")])), *files])
    refused(filled, tmp_path, bomb, 1, "67108864 bytes, its manifest expects 0")
    forge(bomb, [(MANIFEST, zeros)])
    refused(filled, tmp_path, bomb, 1, "does not end within")
    huge = manifest([("catalog.sqlite", b"")], bytes=1 << 49).replace(b'"size": 0', b'"size": %d' % (1 << 49))
    forge(bomb, [(MANIFEST, huge)])
    refused(filled, tmp_path, bomb, 1, "562949953421312 bytes, and the disk")
    export(filled, tmp_path / "a.tar.zst")
    before = sorted(p.name for p in tmp_path.iterdir())
    message = take(other(filled, tmp_path / "c.mgp"), tmp_path / "a.tar.zst", "--max-size", "1K", code=1)
    assert "at most 1024 were allowed" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_whole_archive_of_a_broken_index_is_refused(filled, tmp_path):
    """All checksums are right: only the deep check can tell."""
    archive, broken = tmp_path / "a.tar.zst", tmp_path / "broken.tar.zst"
    export(filled, archive)
    content = members(archive)
    content.pop(MANIFEST)
    noise = [(name, data) for name, data in content.items()]
    noise[0] = (noise[0][0], b"not a database at all" * 400)
    forge(broken, [(MANIFEST, manifest(noise)), *noise])
    refused(filled, tmp_path, broken, 3)
    catalog = bytearray(content["catalog.sqlite"])
    catalog[len(catalog) // 2] ^= 1
    bad = [("catalog.sqlite", bytes(catalog)), *list(content.items())[1:]]
    forge(broken, [(MANIFEST, manifest(bad)), *bad])
    refused(filled, tmp_path, broken, 3)
    forge(broken, [(MANIFEST, manifest([]))])
    refused(filled, tmp_path, broken, 1, "holds no index")


# ---- around it


def test_searching_an_archive_says_what_to_do(filled, tmp_path):
    archive = tmp_path / "a.tar.zst"
    export(filled, archive)
    done = other(filled, archive).run("search", "heron", code=2)
    assert f"magpie import --archive {archive}".encode() in done.stderr


def test_the_module_is_loaded_by_archives_alone_and_missed_by_name(filled, tmp_path):
    done = filled.run("search", "heron", env={"LD_DEBUG": "files"})
    assert b"libmagpie.so" in done.stderr and b"libmagpie-archive" not in done.stderr
    assert b"libarchive" not in done.stderr
    place = tmp_path / "library"
    place.mkdir()
    for pattern in ("libmagpie.so*", "libmagpie-media.so"):
        for name in BUILD.glob(pattern):
            shutil.copy(name, place, follow_symlinks=False)
    filled.env["LD_LIBRARY_PATH"] = str(place)
    message = export(filled, tmp_path / "a.tar.zst", code=1)
    assert "archives cannot be written or read" in message and "libmagpie-archive.so" in message
    features = json.loads(filled.run("version", "--features", "--json", index=False).stdout)["features"]
    assert features["archives"]["enabled"] is False
    del filled.env["LD_LIBRARY_PATH"]
    export(filled, tmp_path / "a.tar.zst")


def test_memory_stays_within_the_budget(filled, tmp_path):
    export(filled, tmp_path / "a.tar.zst", "--memory", "64M")
    copy = other(filled, tmp_path / "copy.mgp")
    take(copy, tmp_path / "a.tar.zst", "--memory", "64M")
    assert whole(copy)
