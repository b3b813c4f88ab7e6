# SPDX-License-Identifier: Apache-2.0
"""A space too large for a graph within --memory: clusters find what --exact finds, under filters, after deletes,
and when they are damaged."""

import json
import pathlib
import random
import struct

import pytest

ROWS, CLUSTERS, DIM = 100000, 200, 16
QUERIES = 12
MEMORY = ("--memory", "64M")


def write_npy(path, rows):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {DIM}), }}"
    head += " " * (63 - (len(head) + 10) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in rows:
            file.write(struct.pack(f"<{DIM}f", *row))


@pytest.fixture
def large(magpie, tmp_path):
    (tmp_path / "no_packs").mkdir()
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no_packs")
    rng = random.Random(20261123)
    centres = [[rng.gauss(0, 1) for _ in range(DIM)] for _ in range(CLUSTERS)]
    rows = [[c + 0.5 * (rng.random() + rng.random() - 1) for c in centres[i % CLUSTERS]] for i in range(ROWS)]
    write_npy(tmp_path / "rows.npy", rows)
    magpie.run("import", str(tmp_path / "rows.npy"), *MEMORY)
    magpie.imports([{"id": f"rare{i}", "kind": "rare", "vector": rows[i * 7]} for i in range(12000)])
    magpie.run("merge", "--all", *MEMORY)
    return magpie


def ask(magpie, item, *more):
    """The hits and the ways that were taken."""
    answer = magpie.search("--like", item, "-k", "10", "--explain", *more, code=None)
    return [h["id"] for h in answer["hits"]], {step["path"] for step in answer["plan"]}, answer["warnings"]


def recall(magpie, items, *more):
    found = wanted = 0
    ways = set()
    for item in items:
        truth, by_rows, _ = ask(magpie, item, "--exact", *more)
        hits, paths, warnings = ask(magpie, item, *more)
        assert by_rows == {"rows"} and not warnings
        assert len(hits) == len(truth) == 10
        found += len(set(truth) & set(hits))
        wanted += len(truth)
        ways |= paths
    return found / wanted, ways


def test_clusters_when_filtered_deleted_damaged_and_repaired_then_as_exact(large):
    items = [str(CLUSTERS * 40 * q + 3 + 7 * q) for q in range(QUERIES)]
    share, ways = recall(large, items)
    assert share >= 0.95 and ways == {"clusters"}, (share, ways)
    share, ways = recall(large, items, "--kind", "rare")
    assert share >= 0.95 and all(way.startswith("clusters") for way in ways), (share, ways)
    gone = {str(CLUSTERS * 40 + 9 + CLUSTERS * i) for i in range(20)}
    for item in sorted(gone):
        large.run("remove", item)
    share, ways = recall(large, items)
    assert share >= 0.95 and all(way.startswith("clusters") for way in ways), (share, ways)
    assert not gone & set(ask(large, str(CLUSTERS * 90 + 9), "-k", "100")[0])
    assert json.loads(large.run("check", "--deep", "--json").stdout)["ok"]
    damage(large)
    truth, _, _ = ask(large, items[0], "--exact")
    hits, ways, warnings = ask(large, items[0])
    assert hits == truth and ways == {"rows"}
    assert any("clusters are damaged" in warning for warning in warnings), warnings
    checked = json.loads(large.run("check", "--deep", "--json", code=None).stdout)
    assert not checked["ok"]
    assert "clusters" in json.dumps(checked) and "only speed" in json.dumps(checked), checked
    large.run("repair", *MEMORY)
    assert json.loads(large.run("check", "--deep", "--json").stdout)["ok"]
    share, ways = recall(large, items)
    assert share >= 0.95 and ways == {"clusters"}, (share, ways)


def damage(magpie):
    largest = max(pathlib.Path(magpie.index).glob("segments/*.seg"), key=lambda path: path.stat().st_size)
    with open(largest, "r+b") as file:
        file.seek(-5000, 2)
        byte = file.read(1)
        file.seek(-5000, 2)
        file.write(bytes([byte[0] ^ 1]))
