# SPDX-License-Identifier: Apache-2.0
"""A large space through the command: the graph finds what --exact finds, under filters, after deletes and merges."""

import json
import random

import pytest

ROWS, CLUSTERS, DIM = 32000, 64, 24
QUERIES = 12


def kind_of(number, rng):
    if number % CLUSTERS >= CLUSTERS // 2:
        return "far"
    draw = rng.random()
    return "rare" if draw < 0.01 else "tenth" if draw < 0.2 else "rest"


@pytest.fixture
def large(magpie, tmp_path):
    (tmp_path / "no_packs").mkdir()
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no_packs")
    rng = random.Random(20261123)
    centres = [[rng.gauss(0, 1) for _ in range(DIM)] for _ in range(CLUSTERS)]
    magpie.imports(
        [
            {
                "id": f"v{i}",
                "kind": kind_of(i, rng),
                "vector": [round(c + rng.gauss(0, 0.5), 4) for c in centres[i % CLUSTERS]],
            }
            for i in range(ROWS)
        ]
    )
    return magpie


def ask(magpie, item, *more):
    """The hits and the ways that were taken."""
    answer = magpie.search("--like", item, "-k", "10", "--explain", *more, code=None)
    assert not answer["warnings"], answer["warnings"]
    return [h["id"] for h in answer["hits"]], [step["path"] for step in answer["plan"]]


def recall(magpie, items, *more):
    found = wanted = 0
    ways = set()
    for item in items:
        truth, by_rows = ask(magpie, item, "--exact", *more)
        hits, paths = ask(magpie, item, *more)
        assert set(by_rows) == {"rows"}
        assert len(hits) == len(truth) == 10
        found += len(set(truth) & set(hits))
        wanted += len(truth)
        ways |= set(paths)
    return found / wanted, ways


def test_large_space_when_filtered_deleted_and_merged_then_as_exact(large):
    vectors = next(s for s in large.status()["spaces"] if s["name"] == "vectors")
    assert vectors["vectors"] == ROWS
    near = [f"v{CLUSTERS * 40 * q + 3 + q}" for q in range(QUERIES)]  # clusters of the first half
    away = [f"v{CLUSTERS * 40 * q + CLUSTERS - 1 - q}" for q in range(QUERIES)]
    share, ways = recall(large, near)
    assert share >= 0.95 and "rows" not in ways, (share, ways)
    for kinds in ("rare", "tenth", "rest", "far", "far,rest,tenth"):
        for items in (near, away):
            share, ways = recall(large, items, "--kind", kinds)
            assert share >= 0.95, (kinds, items is near, share, ways)
    share, ways = recall(large, near, "--kind", "rare")
    assert ways == {"survivors"}
    gone = {f"v{CLUSTERS * i + 5}" for i in range(60)}
    for item in sorted(gone):
        large.run("remove", item)
    for step in ("with dead rows", "merged"):
        for items in (near, away):
            share, ways = recall(large, items)
            assert share >= 0.95 and "rows" not in ways, (step, share, ways)
        hits, _ = ask(large, f"v{CLUSTERS * 100 + 5}", "-k", "100")
        assert not gone & set(hits)
        if step == "with dead rows":
            report = json.loads(large.run("merge", "--all", "--json").stdout.splitlines()[-1])
            assert report["rows_dropped"] >= len(gone), report
    checked = json.loads(large.run("check", "--deep", "--json").stdout)
    assert checked["ok"], checked


def test_large_space_when_the_recall_is_wrong_then_usage(magpie):
    answer = magpie.run("search", "--recall", "1.5", "x", code=2)
    assert b"--exact" in answer.stderr
