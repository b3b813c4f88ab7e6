# SPDX-License-Identifier: Apache-2.0
"""The module that reads files: loaded when a file is read, not before; without it the rest works and says what is
missing."""

import shutil

import media_files
from conftest import BUILD


def test_searching_words_and_vectors_loads_no_media_library(magpie):
    magpie.env["MAGPIE_PACKS"] = "/nonexistent"
    magpie.imports([{"id": "a", "text": "a heron waits"}])
    done = magpie.run("search", "heron", "--json", env={"LD_DEBUG": "files"})
    loaded = done.stderr.decode()
    assert "libmagpie.so" in loaded and "libmagpie-media" not in loaded and "libvips" not in loaded


def test_without_the_module_an_index_answers_and_reading_files_says_why_not(magpie, folder, tmp_path):
    magpie.env["MAGPIE_PACKS"] = "/nonexistent"
    magpie.imports([{"id": "a", "text": "a heron waits"}])
    (folder / "red.jpg").write_bytes(media_files.jpeg(60, 40))
    place = tmp_path / "library"
    place.mkdir()
    for name in BUILD.glob("libmagpie.so*"):
        shutil.copy(name, place, follow_symlinks=False)
    magpie.env["LD_LIBRARY_PATH"] = str(place)
    assert [h["id"] for h in magpie.hits("heron")] == ["a#1"]
    done = magpie.run("index", folder, code=1)
    assert b"files cannot be read" in done.stderr and b"libmagpie-media.so" in done.stderr
    del magpie.env["LD_LIBRARY_PATH"]
    assert magpie.add(folder)["files_added"] == 1
