# SPDX-License-Identifier: Apache-2.0
"""Options of `magpie search` that name something which is not there are errors that say what is."""

import json

import pytest

from conftest import Magpie


@pytest.fixture(scope="module")
def magpie(tmp_path_factory):
    place = tmp_path_factory.mktemp("options")
    magpie = Magpie(place / "i.mgp", place)
    magpie.env["MAGPIE_PACKS"] = str(place / "no-packs")
    rows = [
        {"id": "a", "text": "red bus at night"},
        {"id": "b", "text": "blue boat", "kind": "note"},
    ]
    (place / "r.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    magpie.run("import", place / "r.jsonl", "-q")
    return magpie


@pytest.mark.parametrize(
    "args, words",
    [
        (["bus", "--kind", "passag"], "passag"),
        (["bus", "--kind", "note,passag"], "note"),
        (["bus", "-w", "i=2"], "no picture part"),
        (["bus", "-w", "like=0.5"], "no item part"),
        (["bus", "-w", "wrods=0"], "words"),
        (["bus", "--rrf-k", "0"], "above 0"),
    ],
)
def test_a_name_that_is_not_there_is_a_usage_error(magpie, args, words):
    assert words in magpie.run("search", *args, code=2).stderr.decode()


@pytest.mark.parametrize(
    "args, ids",
    [
        (["boat", "--kind", "note"], ["b#1"]),
        (["bus boat", "--kind", "note,passage"], ["a#1", "b#1"]),
        (["bus", "-w", "t=0.5,words=2"], ["a#1"]),
        (["bus", "--rrf-k", "9"], ["a#1"]),
    ],
)
def test_names_that_are_there_are_taken(magpie, args, ids):
    hits = json.loads(magpie.run("search", *args, "--json").stdout)["hits"]
    assert sorted(h["id"] for h in hits) == ids


def test_a_kind_of_magpies_own_may_be_absent(magpie):
    done = magpie.run("search", "bus", "--kind", "image", code=1)
    assert "no item is of the kind" in done.stderr.decode()


def test_the_constant_of_rank_fusion_is_used(magpie):
    hit = json.loads(magpie.run("search", "bus", "--rrf-k", "9", "--json").stdout)["hits"][0]
    assert hit["score"] == pytest.approx(1 / 10)
