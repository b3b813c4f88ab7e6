# SPDX-License-Identifier: Apache-2.0
"""bench-ann: recall against NumPy's truth, the table, the CSV and the picture; wrong input named."""

import csv
import json
import subprocess
import xml.etree.ElementTree

import numpy
import pytest

from conftest import BUILD

random = numpy.random.default_rng(3)
base = random.normal(size=(600, 40)).astype("float32") * random.uniform(0.5, 2, size=(600, 1)).astype("float32")
queries = random.normal(size=(60, 40)).astype("float32")


def bench(folder, *args, code=0):
    numpy.save(folder / "base.npy", base)
    numpy.save(folder / "queries.npy", queries)
    argv = [BUILD / "magpie", "bench-ann", "--base", folder / "base.npy", "--queries", folder / "queries.npy"]
    argv += ["--seconds", "0.002", "--runs", "1", *args]
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=300)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def scores(space):
    b, q = base.astype("float64"), queries.astype("float64")
    if space == "cosine":
        b, q = b / numpy.linalg.norm(b, axis=1, keepdims=True), q / numpy.linalg.norm(q, axis=1, keepdims=True)
    if space == "l2":
        return -((q[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    return q @ b.T


@pytest.mark.parametrize("space", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_recall_is_that_of_numpys_truth(tmp_path, space, threads):
    truth = numpy.argsort(-scores(space), axis=1, kind="stable")[:, :12].astype("int32")
    (tmp_path / "truth.ivecs").write_bytes(numpy.insert(truth, 0, 12, axis=1).astype("<i4").tobytes())
    options = ["--space", space, "--threads", threads, "-k", "5", "--json"]
    given = json.loads(bench(tmp_path, *options, "--truth", tmp_path / "truth.ivecs"))
    computed = json.loads(bench(tmp_path, *options))
    assert (given["truth"], computed["truth"]) == ("given", "computed")
    assert (given["base"], given["queries"], given["k"]) == ({"rows": 600, "dim": 40}, 60, 5)
    for one in (given, computed):
        recalls = {s["name"]: [p["recall"] for p in s["points"]] for s in one["systems"]}
        assert recalls["exact scan"] == [1.0]
        assert set(recalls) == {"exact scan", "int8 scan", "int4 scan", "1-bit scan", "pq scan", "graph"}
        for name, values in recalls.items():
            assert values[-1] >= 0.98, (name, values)
            assert values == sorted(values) or name == "graph", (name, values)
        assert recalls["1-bit scan"][0] < 0.9  # five of 600 by one bit a number: it must be measurable
        assert all(p["qps"] > 0 for s in one["systems"] for p in s["points"])


def test_a_wrong_truth_shows(tmp_path):
    """Not every figure is 1 whatever the answers: the true neighbours of a far query are nearer."""
    truth = numpy.argsort(-scores("dot"), axis=1)[:, :5].astype("int32")
    worst = numpy.argsort(scores("dot"), axis=1)[:, :5].astype("int32")
    numpy.save(tmp_path / "truth.npy", truth)
    numpy.save(tmp_path / "worst.npy", worst)
    options = ["--space", "dot", "-k", "5", "--json"]
    good = json.loads(bench(tmp_path, *options, "--truth", tmp_path / "truth.npy"))
    loose = json.loads(bench(tmp_path, *options, "--truth", tmp_path / "worst.npy"))
    first = [s["points"][0]["recall"] for s in good["systems"]]
    assert first[0] == 1 and min(first) < 1
    assert all(s["points"][0]["recall"] == 1 for s in loose["systems"])  # all are nearer than the farthest


def test_table_csv_and_picture(tmp_path):
    table = bench(tmp_path, "--svg", tmp_path / "c.svg", "--csv", tmp_path / "c.csv", "-q")
    assert "600 vectors of 40 numbers, 60 queries, k 10, cosine" in table
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert {r["system"] for r in rows} >= {"exact scan", "graph"} and len(rows) > 10
    svg = xml.etree.ElementTree.parse(tmp_path / "c.svg").getroot()
    text = "".join(svg.itertext())
    assert svg.tag.endswith("svg") and "graph" in text and "600 × 40, cosine" in text
    assert len(svg.findall(".//{http://www.w3.org/2000/svg}path")) >= len(rows)


def test_wrong_input_is_named(tmp_path):
    assert "none of cosine, dot and l2" in bench(tmp_path, "--space", "hamming", code=2)
    assert "expected 1 to 1000" in bench(tmp_path, "-k", "0", code=2)
    assert "600 vectors only" in bench(tmp_path, "-k", "601", code=2)
    numpy.save(tmp_path / "short.npy", numpy.zeros((60, 3), "int32"))
    assert "60 of at least 10 are expected" in bench(tmp_path, "--truth", tmp_path / "short.npy", code=2)
    numpy.save(tmp_path / "far.npy", numpy.full((60, 10), 600, "int32"))
    assert "neighbour 600 of 600" in bench(tmp_path, "--truth", tmp_path / "far.npy", code=1)
    numpy.save(tmp_path / "floats.npy", numpy.zeros((60, 10), "float32"))
    assert "int32" in bench(tmp_path, "--truth", tmp_path / "floats.npy", code=1)
    zeros = tmp_path / "zeros.npy"
    numpy.save(zeros, numpy.zeros((3, 40), "float32"))
    assert "it has no cosine" in bench(tmp_path, "--base", zeros, "-k", "1", code=2)
    assert "40 dimensions" in bench(tmp_path, "--queries", tmp_path / "short.npy", "--space", "dot", code=2)
    assert "cannot be written" in bench(tmp_path, "--svg", tmp_path / "no" / "c.svg", code=1)


def test_equal_vectors_and_one_vector(tmp_path):
    numpy.save(tmp_path / "same.npy", numpy.ones((50, 40), "float32"))
    same = json.loads(bench(tmp_path, "--base", tmp_path / "same.npy", "--json"))
    assert all(p["recall"] == 1 for s in same["systems"] for p in s["points"])
    numpy.save(tmp_path / "one.npy", base[:1])
    one = json.loads(bench(tmp_path, "--base", tmp_path / "one.npy", "-k", "1", "--json"))
    assert all(p["recall"] == 1 for s in one["systems"] for p in s["points"])
