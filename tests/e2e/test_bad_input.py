# SPDX-License-Identifier: Apache-2.0
"""Bad input: each ends in a clear message or a ledger entry; none stops the batch or hurts the index."""

import json
import os
import subprocess
import time

import media_files
import pytest
from conftest import BUILD, ROOT, needs_pack

GOOD = "The heron waits by the water."


@pytest.fixture
def good(folder):
    (folder / "good.txt").write_text(GOOD)
    return folder


def expect_failure(magpie, folder, name, *words, failed=1):
    """Indexes the folder: the good file is in, the bad one is in the ledger with these words."""
    report = magpie.add(folder, code=1)
    assert report["files_failed"] == failed
    ledger = {os.path.basename(f["path"]): f for f in magpie.failures()}
    reason = ledger[name]["reason"]
    for word in words:
        assert word.lower() in reason.lower(), reason
    assert magpie.hits("heron")[0]["text"] == GOOD
    return reason


def test_empty_file(magpie, good):
    (good / "empty.pdf").write_bytes(b"")
    expect_failure(magpie, good, "empty.pdf", "empty")


def test_picture_of_0_by_0_pixels(magpie, good):
    (good / "zero.png").write_bytes(
        media_files.png_of_stream(0, 0, b"x\x9c\x03\x00\x00\x00\x00\x01")
    )
    expect_failure(magpie, good, "zero.png")


@pytest.mark.parametrize(
    "name,content",
    [
        ("cut.jpg", lambda: media_files.jpeg(400, 300)),
        ("cut.png", lambda: media_files.png(200, 200, lambda x, y: (x * y % 251, x, y))),
        ("cut.pdf", lambda: media_files.pdf([["one"], ["two"]])),
    ],
)
def test_truncated_file(magpie, good, name, content):
    whole = content()
    (good / name).write_bytes(whole[: len(whole) // 2])
    expect_failure(magpie, good, name)


def test_truncated_ogg(magpie, good, tmp_path):
    media_files.tone(tmp_path / "t.wav", 8)
    done = (
        subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-i",
                tmp_path / "t.wav",
                "-c:a",
                "libvorbis",
                tmp_path / "t.ogg",
            ]
        )
        if _has("ffmpeg")
        else None
    )
    if done is None:
        source = ROOT.parent / "shared" / "data" / "esc10" / "audio"
        if not source.exists():
            pytest.skip(
                "neither the ffmpeg command nor ../shared is here: a cut OGG was NOT tested"
            )
        whole = next(source.glob("*.ogg")).read_bytes()
    else:
        whole = (tmp_path / "t.ogg").read_bytes()
    (good / "cut.ogg").write_bytes(whole[: len(whole) // 2])
    expect_failure(magpie, good, "cut.ogg")


def _has(command):
    import shutil

    return shutil.which(command) is not None


def test_png_bomb_is_refused_from_its_header(magpie, good):
    (good / "bomb.png").write_bytes(media_files.png_bomb())
    started = time.time()
    expect_failure(magpie, good, "bomb.png", "30000", "pixels")
    assert time.time() - started < 30


def test_pdf_with_a_password(magpie, good):
    (good / "secret.pdf").write_bytes(media_files.pdf([["secret"]], encrypt=True))
    expect_failure(magpie, good, "secret.pdf", "password")


def test_broken_utf8_is_read_with_replacements(magpie, good):
    (good / "broken.txt").write_bytes(
        b"The wagtail \xff\xfe\xfa runs \xc3 along the bank of the river."
    )
    assert magpie.add(good)["files_failed"] == 0
    assert magpie.hits("wagtail")[0]["source"].endswith("broken.txt")


def test_symlink_loop_is_not_followed(magpie, good):
    (good / "sub").mkdir()
    (good / "sub" / "loop").symlink_to(good)
    (good / "outside").symlink_to("/etc")
    report = magpie.add(good)
    assert report["files_added"] == 1 and report["files_skipped"] == 2


def test_fifo_does_not_hang(magpie, good):
    os.mkfifo(good / "pipe")
    report = magpie.add(good)
    assert report["files_added"] == 1 and report["files_skipped"] == 1


def test_unreadable_file_and_folder(magpie, good):
    (good / "locked.txt").write_text("x y z")
    (good / "closed").mkdir()
    (good / "closed" / "in.txt").write_text("inside")
    os.chmod(good / "locked.txt", 0)
    os.chmod(good / "closed", 0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything: unreadable files were NOT tested")
    expect_failure(magpie, good, "locked.txt", "permission", failed=2)
    os.chmod(good / "closed", 0o755)
    os.chmod(good / "locked.txt", 0o644)
    assert magpie.add(good)["files_added"] == 2
    assert magpie.failures() == []


def test_file_that_vanishes_during_the_run(magpie, good):
    for n in range(300):
        (good / f"{n:04}.txt").write_text(f"Text number {n} about herons. " * 60)
    process = subprocess.Popen(
        [BUILD / "magpie", "index", good, "-x", magpie.index, "--json"],
        env=magpie.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "file":
            (good / "0299.txt").unlink()
            break
    process.communicate(timeout=300)
    assert process.returncode == 1
    [failure] = magpie.failures()
    assert failure["path"].endswith("0299.txt") and "No such file" in failure["reason"]
    assert magpie.status()["sources"] == 300
    magpie.add(good)
    assert magpie.failures() == []  # gone from the folder: gone from the ledger


def test_names_with_newlines_and_invalid_utf8(magpie, good):
    raw = os.fsencode(good)
    with open(raw + b"/line\nbreak.txt", "w") as out:
        out.write("A dipper bobs on a stone.")
    with open(raw + b"/caf\xe9.txt", "w") as out:
        out.write("A nightjar churrs at dusk.")
    assert magpie.add(good)["files_failed"] == 0
    assert magpie.hits("dipper")[0]["source"].endswith("line%0Abreak.txt")
    hit = magpie.hits("nightjar")[0]
    assert hit["source"].endswith("caf%E9.txt")
    magpie.run("remove", hit["source"])
    assert not any("nightjar" in h["text"] for h in magpie.hits("nightjar", "-k", "50"))


def test_unknown_binary_goes_to_the_ledger(magpie, good):
    (good / "thing.bin").write_bytes(bytes(range(256)) * 40)
    expect_failure(magpie, good, "thing.bin", "format")


def test_failures_are_not_tried_again_until_asked_or_changed(magpie, good):
    (good / "cut.jpg").write_bytes(media_files.jpeg()[:900])
    magpie.add(good, code=1)
    time.sleep(0.05)
    again = magpie.add(good)
    assert again["files_failed"] == 0 and again["files_unchanged"] == 2
    magpie.run("failures", "--retry", code=1)
    assert magpie.failures()[0]["tries"] == 2
    (good / "cut.jpg").write_bytes(media_files.jpeg())
    assert magpie.add(good)["files_added"] == 1
    assert magpie.failures() == []


# ---- imports ---------------------------------------------------------------------------------------


def reasons(magpie):
    return {f["path"].rsplit(":", 1)[-1]: f["reason"] for f in magpie.failures()}


def test_bad_records_are_named_by_line(magpie):
    report = magpie.imports(
        [
            {"id": "a", "text": "A dunlin on the mud flat."},
            b"{broken",
            b"[1, 2]",
            {"text": "no id"},
            {"id": "b"},
            {"id": "a", "text": "again"},
            {"id": "@x", "text": "reserved"},
            {"id": "c", "path": "no-such-file.txt"},
            {"id": "d", "text": 5},
            {"id": "e", "text": "A curlew calls."},
        ],
        code=1,
    )
    assert report["files_added"] == 2 and report["files_failed"] == 7
    why = reasons(magpie)
    assert set(why) == {"2", "3", "4", "5", "7", "8", "9"}
    assert "JSON" in why["2"] and "id" in why["4"]
    assert magpie.hits("again")[0]["id"] == "a#1"
    assert magpie.hits("curlew")[0]["id"] == "e#1"


def test_a_line_of_100_mb_is_passed_over_without_being_held(magpie):
    def lines():
        yield b'{"id":"before","text":"A stork on the roof."}\n'
        yield b'{"id":"huge","text":"'
        for _ in range(100):
            yield b"x" * (1 << 20)
        yield b'"}\n{"id":"after","text":"A crane in the meadow."}\n'

    argv = [
        "/usr/bin/env",
        str(BUILD / "magpie"),
        "import",
        "-",
        "-x",
        magpie.index,
        "--json",
        "-q",
    ]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=magpie.env)
    for block in lines():
        process.stdin.write(block)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["files_added"] == 2
    assert "bytes" in reasons(magpie)["2"]
    assert magpie.hits("crane")[0]["id"] == "after#1"


def test_vectors_with_nan_infinity_or_the_wrong_dimension(magpie):
    magpie.imports(
        [
            {"id": "v1", "vector": [1, 0, 0]},
            {"id": "v2", "vector": [0, 1, 0], "text": "two"},
            b'{"id":"nan","vector":[NaN,0,0]}',
            b'{"id":"inf","vector":[1e999,0,0]}',
            {"id": "short", "vector": [1, 0]},
            {"id": "zero", "vector": [0, 0, 0]},
            {"id": "word", "vector": [1, "x", 0]},
            {"id": "none", "vector": []},
        ],
        code=1,
    )
    why = reasons(magpie)
    assert set(why) == {"3", "4", "5", "6", "7", "8"}
    assert "2 numbers" in why["5"] and "3" in why["5"]
    assert magpie.hits("--like", "v1")[0]["id"] == "v2#1"


# ---- models ------------------------------------------------------------------------------------------


def copy_pack(tmp_path, name):
    import shutil

    place = tmp_path / "packs"
    shutil.copytree(ROOT / ".deps" / "packs" / name, place / name, symlinks=True)
    return place


def test_a_corrupted_model_is_named_and_the_rest_works(magpie, good, tmp_path):
    needs_pack("efficientnet-lite0")
    place = copy_pack(tmp_path, "efficientnet-lite0")
    model = next((place / "efficientnet-lite0").glob("*.onnx"))
    data = bytearray(model.read_bytes())
    data[1000:2000] = b"\0" * 1000
    model.write_bytes(data)
    packs = f"{place}:{ROOT / '.deps' / 'packs'}"
    done = magpie.run(
        "models", "verify", "efficientnet-lite0", "--packs", packs, code=1, index=False
    )
    assert (
        b"sha256" in done.stdout + done.stderr and model.name.encode() in done.stdout + done.stderr
    )
    model.write_bytes(b"not a model")
    (good / "sun.jpg").write_bytes(media_files.jpeg())
    done = magpie.run("index", good, "--packs", packs, code=None)
    assert model.name.encode() in done.stderr
    assert magpie.hits("heron")[0]["text"] == GOOD


def test_without_any_pack_words_still_work(magpie, good, tmp_path):
    (tmp_path / "none").mkdir()
    done = magpie.run("index", good, "--packs", tmp_path / "none")
    assert b"multilingual-e5-small" in done.stderr and b"magpie models" in done.stderr
    done = magpie.run("search", "heron", "--json", "--packs", tmp_path / "none")
    assert json.loads(done.stdout)["hits"][0]["text"] == GOOD


# ---- two writers, a full disk, a damaged index -----------------------------------------------------------


def start_long_run(magpie, folder):
    for n in range(600):
        (folder / f"{n:04}.txt").write_text(f"Text number {n} about geese. " * 80)
    process = subprocess.Popen(
        [BUILD / "magpie", "index", folder, "-x", magpie.index, "--json"],
        env=magpie.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if json.loads(line)["event"] in ("file", "commit"):
            return process
    raise AssertionError("the first run ended too early")


def test_a_second_writer_says_who_holds_the_lock_or_waits(magpie, good):
    process = start_long_run(magpie, good)
    done = magpie.run("index", good, code=1)
    assert str(process.pid).encode() in done.stderr
    process.terminate()
    process.communicate(timeout=60)
    magpie.run("index", good / "good.txt", "--wait", "60", "-q")
    assert magpie.hits("heron")


def test_a_reader_works_while_a_writer_writes(magpie, good):
    magpie.run("index", good / "good.txt", "-q")
    process = start_long_run(magpie, good)
    assert magpie.hits("heron")[0]["text"] == GOOD
    process.terminate()
    process.communicate(timeout=60)


def test_a_full_disk_is_a_clear_error_and_the_index_lives(magpie, good, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True
        ).returncode
    ):
        pytest.skip("a small file system cannot be mounted here: a full disk was NOT tested")
    try:
        magpie.index = str(place / "full.mgp")
        magpie.run("index", good / "good.txt", "-q")
        for n in range(200):
            (good / f"{n:04}.txt").write_text(
                f"Text number {n} about geese {os.urandom(3000).hex()}. " * 4
            )
        done = magpie.run("index", good, "-q", code=1)
        assert b"space" in done.stderr.lower()
        assert magpie.hits("heron", "-w", "text=0")[0]["text"] == GOOD
    finally:
        subprocess.run(["umount", "-l", place])


def test_a_damaged_catalog_exits_with_3(magpie, good):
    magpie.add(good)
    for name in os.listdir(magpie.index):
        if name.startswith("catalog.sqlite-"):
            os.unlink(os.path.join(magpie.index, name))
    path = os.path.join(magpie.index, "catalog.sqlite")
    data = bytearray(open(path, "rb").read())
    data[:200] = b"\xaa" * 200
    open(path, "wb").write(data)
    done = magpie.run("search", "heron", code=3)
    assert b"catalog.sqlite" in done.stderr


def test_a_damaged_segment_is_left_out_with_a_warning(magpie, good):
    magpie.add(good)
    magpie.small_segments_to_files()
    segments = os.path.join(magpie.index, "segments")
    names = os.listdir(segments)
    assert names
    for name in names:
        path = os.path.join(segments, name)
        data = bytearray(open(path, "rb").read())
        data[-8:] = bytes(b ^ 0xFF for b in data[-8:])
        open(path, "wb").write(data)
    done = magpie.run("search", "heron", code=None)
    assert done.returncode in (0, 1) and b"warning" in done.stderr


def test_wrong_usage_exits_with_2(magpie, good):
    for args in (
        ["index"],
        ["search"],
        ["search", "--no-such-option"],
        ["fly"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-w", "t"],
        ["import"],
        ["search", "--queries", "q.jsonl"],
        ["index", good, "--memory", "1x"],
    ):
        done = magpie.run(*args, code=2)
        assert b"magpie" in done.stderr


def test_a_missing_index_or_folder_says_what_to_do(magpie, folder):
    done = magpie.run("search", "x", code=1)
    assert b"magpie index" in done.stderr
    done = magpie.run("index", folder / "nowhere", code=1)
    assert b"nowhere" in done.stderr
