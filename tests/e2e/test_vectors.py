# SPDX-License-Identifier: Apache-2.0
"""Files of vectors: every format in, found by what is like them, replaced and removed by id."""

import json
import struct

import numpy
import pytest

from conftest import Magpie

rows = numpy.random.default_rng(7).normal(size=(300, 24)).astype("float32")


@pytest.fixture
def magpie(tmp_path):
    (tmp_path / "home").mkdir()
    magpie = Magpie(tmp_path / "i.mgp", tmp_path / "home")
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no-packs")
    return magpie


def vecs(path, matrix, code):
    path.write_bytes(b"".join(struct.pack("<i", len(r)) + struct.pack(f"<{len(r)}{code}", *r) for r in matrix))
    return path


def npy(path, matrix):
    numpy.save(path, matrix)
    return path


def like(magpie, item):
    hits = json.loads(magpie.run("search", "--like", item, "-k", "5", "--json").stdout)["hits"]
    return [h["id"] for h in hits]


def nearest(matrix, row, ids=None):
    """As like() should answer: the item itself is left out."""
    unit = matrix.astype("float64") / numpy.linalg.norm(matrix.astype("float64"), axis=1, keepdims=True)
    order = numpy.argsort(-(unit @ unit[row]), kind="stable")
    return [ids[i] if ids else str(i) for i in order if i != row][:5]


whole = numpy.round(rows * 40)
cases = {
    "f4.npy": (npy, rows),
    "f8.npy": (npy, rows.astype("float64")),
    "f2.npy": (npy, rows.astype("float16")),
    "i1.npy": (npy, whole.clip(-127, 127).astype("int8")),
    "x.fvecs": (lambda p, m: vecs(p, m, "f"), rows),
    "x.bvecs": (lambda p, m: vecs(p, m, "B"), whole.clip(0, 255).astype("uint8")),
    "x.ivecs": (lambda p, m: vecs(p, m, "i"), whole.astype("int32")),
}


@pytest.mark.parametrize("name", cases)
def test_every_format_is_found_as_numpy_finds_it(magpie, tmp_path, name):
    write, matrix = cases[name]
    done = magpie.run("import", write(tmp_path / name, matrix), "--json").stdout.decode().splitlines()[-1]
    report = json.loads(done)
    assert (report["vectors"], report["items_added"], report["items_removed"]) == (300, 300, 0)
    for row in (0, 17, 299):
        assert like(magpie, str(row)) == nearest(matrix, row)
    magpie.run("check", "--deep")


def test_ids_and_spaces_and_replacing_and_removing(magpie, tmp_path):
    names = [f"näme {i}" for i in range(300)]
    (tmp_path / "ids.txt").write_text("\r\n".join(names), encoding="utf-8")
    file = npy(tmp_path / "x.npy", rows)
    magpie.run("import", file, "--space", "mine", "--ids", tmp_path / "ids.txt", "-q")
    assert like(magpie, "näme 4") == nearest(rows, 4, names)
    item = json.loads(magpie.run("get", "näme 4", "--json").stdout)
    assert (item["id"], item["kind"], item["source"]) == ("näme 4", "vector", "x.npy")
    changed = rows.copy()
    changed[4] = rows[9]
    magpie.run("import", npy(tmp_path / "y.npy", changed), "--space", "mine", "--ids", tmp_path / "ids.txt", "-q")
    assert like(magpie, "näme 9")[0] == "näme 4"
    magpie.run("remove", "näme 4")
    assert "näme 4" not in like(magpie, "näme 9")
    magpie.run("merge", "--all")
    magpie.run("check", "--deep")
    status = json.loads(magpie.run("status", "--json").stdout)
    assert status["items"] == {"vector": 299}


def test_a_row_of_a_file_is_a_question(magpie, tmp_path):
    magpie.run("import", npy(tmp_path / "x.npy", rows), "--space", "mine", "-q")
    question = npy(tmp_path / "q.npy", rows[41:43] * 3)
    done = json.loads(magpie.run("search", "--vector", question, "--space", "mine", "-k", "6", "--json").stdout)
    assert [h["id"] for h in done["hits"]] == ["41", *nearest(rows, 41)]
    assert abs(done["hits"][0]["scores"]["mine"] - 1) < 1e-5
    assert b"41" in magpie.run("search", "--vector", question, "--space", "mine").stdout
    assert "--space goes with" in magpie.run("search", "x", "--space", "mine", code=2).stderr.decode()
    assert "nowhere.npy" in magpie.run("search", "--vector", tmp_path / "nowhere.npy", code=1).stderr.decode()


def broken(tmp_path):
    holed = rows.copy()
    holed[7, 3] = numpy.nan
    yield npy(tmp_path / "nan.npy", holed), "byte 800: vector 8 of 300"
    holed[7] = 0
    yield npy(tmp_path / "zero.npy", holed), "byte 800: vector 8 of 300"
    yield npy(tmp_path / "flat.npy", rows[0]), "shape"
    cut = tmp_path / "cut.fvecs"
    cut.write_bytes(vecs(tmp_path / "x.fvecs", rows, "f").read_bytes()[:-3])
    yield cut, "299 rows of 100 bytes are followed by 97 bytes from byte 29900 on, 100 are expected"
    (tmp_path / "empty.npy").write_bytes(b"")
    yield tmp_path / "empty.npy", "not a .npy file"
    yield tmp_path / "nowhere.npy", "nowhere.npy"


def test_what_is_broken_is_named_and_leaves_no_item(magpie, tmp_path):
    for file, said in broken(tmp_path):
        assert said in magpie.run("import", file, code=1).stderr.decode()
    (tmp_path / "ids.txt").write_text("a\nb\n")
    file = npy(tmp_path / "x.npy", rows)
    assert "2 ids for 300 vectors" in magpie.run("import", file, "--ids", tmp_path / "ids.txt", code=1).stderr.decode()
    (tmp_path / "ids.txt").write_text("a\n" * 299 + "@b\n")
    assert "vector 300 of 300" in magpie.run("import", file, "--ids", tmp_path / "ids.txt", code=1).stderr.decode()
    magpie.run("import", file, "-q")
    other = npy(tmp_path / "other.npy", rows[:, :9].copy())
    assert "vectors of 24" in magpie.run("import", other, code=2).stderr.decode()
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"id":"a","text":"x"}\n')
    assert "--space, --ids and --metric" in magpie.run("import", lines, "--space", "a", code=2).stderr.decode()
    assert json.loads(magpie.run("status", "--json").stdout)["items"] == {"vector": 300}
