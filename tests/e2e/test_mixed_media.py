# SPDX-License-Identifier: Apache-2.0
"""Texts beside pictures and sounds that fit no question: what hardly fits comes after the texts."""

import json

import numpy as np
import pytest

from conftest import needs_pack
import media_files

TEXTS = [
    "An axolotl is a salamander that keeps its gills.",
    "Purple dyes were made from snails in Tyre.",
    "The dog slept under the table all afternoon.",
    "A velvet curtain hung before the stage.",
    "The bus to the harbour leaves at noon.",
]


@pytest.fixture
def mixed(magpie, tmp_path):
    needs_pack("efficientnet-lite0")
    needs_pack("multilingual-e5-small")
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"t{number}.txt").write_text(text)
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    (folder / "zz1.png").write_bytes(media_files.png(200, 200, lambda x, y: tuple(map(int, noise[y, x]))))
    media_files.tone(folder / "zz2.wav")
    magpie.run("index", folder, "-q")
    return magpie


def names(magpie, question):
    hits = json.loads(magpie.run("search", question, "--json").stdout)["hits"]
    return [hit["source"].rsplit("/", 1)[1] for hit in hits]


@pytest.mark.parametrize("question", ["purple axolotl", "dog", "axolotl", "a red bus"])
def test_noise_comes_after_the_texts(mixed, question):
    found = names(mixed, question)
    assert found[0].startswith("t")
    assert not [name for name in found[:3] if name.startswith("zz")]


def test_the_only_picture_is_still_an_answer(mixed):
    hits = json.loads(mixed.run("search", "jigsaw puzzle", "--kind", "image", "--json").stdout)["hits"]
    assert [hit["kind"] for hit in hits] == ["image"]
