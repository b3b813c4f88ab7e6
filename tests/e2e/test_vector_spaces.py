# SPDX-License-Identifier: Apache-2.0
"""Own spaces by their metric, ranges, sums and batches of vectors: each against NumPy."""

import json

import numpy
import pytest

from conftest import Magpie

METRICS = ["cosine", "dot", "l2"]
draw = numpy.random.default_rng(11)
rows = (draw.normal(size=(500, 20)) * draw.uniform(0.2, 3, size=(500, 1))).astype("float32")
query = draw.normal(size=20).astype("float32")


@pytest.fixture
def magpie(tmp_path):
    (tmp_path / "home").mkdir()
    magpie = Magpie(tmp_path / "i.mgp", tmp_path / "home")
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no-packs")
    return magpie


def npy(path, matrix):
    numpy.save(path, numpy.asarray(matrix, dtype="float32"))
    return path


def unit(matrix):
    return matrix / numpy.linalg.norm(matrix, axis=-1, keepdims=True)


def true_scores(metric, matrix, vector):
    a, b = matrix.astype("float64"), vector.astype("float64")
    if metric == "cosine":
        return unit(a) @ unit(b)
    return a @ b if metric == "dot" else -((a - b) ** 2).sum(axis=1)


def ask(magpie, *args):
    """Searches, and gives (id, the space's own score) in the order of the hits, and the whole answer."""
    answer = json.loads(magpie.run("search", "--json", *args).stdout)
    return [(h["id"], h["scores"]["vectors"]) for h in answer["hits"]], answer


def same(hits, truth, count):
    order = numpy.argsort(-truth, kind="stable")[:count]
    assert [name for name, _ in hits] == [str(i) for i in order]
    assert [score for _, score in hits] == pytest.approx(list(truth[order]), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_space_scores_by_its_metric(magpie, tmp_path, metric):
    for part in range(5):  # five segments
        (tmp_path / "ids.txt").write_text("\n".join(str(i) for i in range(part * 100, part * 100 + 100)))
        file = npy(tmp_path / "x.npy", rows[part * 100 : part * 100 + 100])
        again = ["--metric", metric] if part != 1 else []  # said once is enough
        magpie.run("import", file, "--ids", tmp_path / "ids.txt", *again, "-q")
    question = npy(tmp_path / "q.npy", query[None])
    truth = true_scores(metric, rows, query)
    same(ask(magpie, "--vector", question)[0], truth, 10)
    assert next(s for s in magpie.status()["spaces"] if s["name"] == "vectors")["metric"] == metric
    magpie.run("merge", "--all", "-q")
    same(ask(magpie, "--vector", question, "--explain")[0], truth, 10)
    magpie.run("check", "--deep")
    like = ask(magpie, "--like", "7", "-k", "5")[0]
    others = true_scores(metric, rows, rows[7])
    others[7] = -numpy.inf
    same(like, others, 5)


def test_a_space_keeps_its_metric(magpie, tmp_path):
    file = npy(tmp_path / "x.npy", rows)
    magpie.run("import", file, "--metric", "l2", "-q")
    wrong = magpie.run("import", file, "--metric", "dot", code=2).stderr
    assert b"made with the metric l2" in wrong and b"another space" in wrong
    assert b"none of cosine, dot and l2" in magpie.run("import", file, "--metric", "hamming", code=2).stderr
    (tmp_path / "r.jsonl").write_text(json.dumps({"id": "r", "vector": [3.0] * 20}))
    magpie.run("import", tmp_path / "r.jsonl", "-q")  # a record's vector is compared as its space does
    hits = ask(magpie, "--vector", npy(tmp_path / "q.npy", numpy.full((1, 20), 2)), "-k", "500")[0]
    assert dict(hits)["r#1"] == -20
    magpie.run("import", file, "--metric", "dot", "--space", "other", "-q")
    assert b"go with .npy" in magpie.run("import", tmp_path / "r.jsonl", "--metric", "l2", code=2).stderr


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("merged", [False, True])
def test_a_range_has_all_and_only_what_scores_so(magpie, tmp_path, metric, merged):
    for start in (0, 250):
        (tmp_path / "ids.txt").write_text("\n".join(str(i) for i in range(start, start + 250)))
        part = npy(tmp_path / "x.npy", rows[start : start + 250])
        magpie.run("import", part, "--ids", tmp_path / "ids.txt", "--metric", metric, "-q")
    if merged:
        magpie.run("merge", "--all", "-q")
    question = npy(tmp_path / "q.npy", query[None])
    truth = true_scores(metric, rows, query)
    for share in (0.0, 0.3, 0.97):
        bound = (numpy.sort(truth)[int(share * 500)] + numpy.sort(truth)[int(share * 500) + 1]) / 2
        hits, answer = ask(magpie, "--vector", question, f"--min-score={float(bound)!r}")
        same(hits, truth, int((truth >= bound).sum()))
        assert answer["matches"] == len(hits) == (truth >= bound).sum()
    hits, answer = ask(magpie, "--vector", question, f"--min-score={float(truth.min()) - 1}", "-k", "3")
    assert (len(hits), answer["matches"]) == (3, 500)
    none = magpie.run("search", "--vector", question, f"--min-score={float(truth.max()) + 1}", "--json", code=1)
    assert json.loads(none.stdout)["matches"] == 0


def test_a_range_is_of_one_list(magpie, tmp_path):
    question = npy(tmp_path / "q.npy", query[None])
    magpie.run("import", npy(tmp_path / "x.npy", rows), "-q")
    two = magpie.run("search", "--vector", question, "--vector", question, "--min-score", "0", code=2).stderr
    assert b"not comparable" in two
    assert b"not comparable" in magpie.run("search", "words", "--min-score", "0", code=2).stderr
    assert b"expected a number" in magpie.run("search", "--vector", question, "--min-score", "x", code=2).stderr
    hits = ask(magpie, "--like", "3", "--space", "vectors", "--min-score", "0.3")[0]
    truth = true_scores("cosine", rows, rows[3])
    truth[3] = -1
    same(hits, truth, int((truth >= 0.3).sum()))


@pytest.mark.parametrize("metric", METRICS)
def test_a_sum_is_one_weighted_vector(magpie, tmp_path, metric):
    magpie.run("import", npy(tmp_path / "x.npy", rows), "--metric", metric, "-q")
    a, b = rows[3].astype("float64"), draw.normal(size=20).astype("float32").astype("float64")
    files = ["--vector", npy(tmp_path / "a.npy", a[None]), "--vector", npy(tmp_path / "b.npy", b[None])]
    hits = ask(magpie, *files, "-w", "v1=0.7,v2=-0.4", "--sum")[0]
    whole = 0.7 * (unit(a) if metric == "cosine" else a) - 0.4 * (unit(b) if metric == "cosine" else b)
    same(hits, true_scores(metric, rows, whole), 10)
    hits = ask(magpie, "--like", "3", *files[2:], "-w", "like=0.7,v=-0.4", "--sum")[0]
    truth = true_scores(metric, rows, whole)
    truth[3] = -numpy.inf  # what the query names is no answer
    same(hits, truth, 10)


def test_sums_that_are_no_vector(magpie, tmp_path):
    magpie.run("import", npy(tmp_path / "x.npy", rows), "-q")
    magpie.run("import", npy(tmp_path / "y.npy", rows), "--space", "other", "--ids", ids(tmp_path, "o", 500), "-q")
    a = npy(tmp_path / "a.npy", query[None])
    nothing = magpie.run("search", "--vector", a, "--vector", a, "-w", "v1=1,v2=-1", "--sum", code=2).stderr
    assert b"cancel out" in nothing
    assert b"only vectors and items" in magpie.run("search", "words", "--vector", a, "--sum", code=2).stderr
    assert b"fewer such parts" in magpie.run("search", "--vector", a, "-w", "v2=1", "--sum", code=2).stderr
    missing = magpie.run("search", "--like", "7", "--space", "other", "--sum", code=1).stderr
    assert b'"7" has no vector in the space other' in missing


def ids(tmp_path, stem, count):
    (tmp_path / "names.txt").write_text("\n".join(f"{stem}{i}" for i in range(count)))
    return tmp_path / "names.txt"


@pytest.mark.parametrize("metric", METRICS)
def test_a_file_of_questions_is_answered_as_one_by_one(magpie, tmp_path, metric):
    magpie.run("import", npy(tmp_path / "x.npy", rows), "--metric", metric, "--space", "mine", "-q")
    questions = draw.normal(size=(130, 20)).astype("float32")
    file = npy(tmp_path / "q.npy", questions)
    run = magpie.run("search", "--queries", file, "--space", "mine", "--run", "-", "-k", "7", "-q").stdout.decode()
    lines = [line.split() for line in run.splitlines()]
    assert len(lines) == 130 * 7
    for number in (0, 63, 64, 129):
        mine = [(line[2], float(line[4])) for line in lines if line[0] == str(number)]
        same(mine, true_scores(metric, rows, questions[number]), 7)
    one = npy(tmp_path / "one.npy", questions[64:65])
    hits = json.loads(magpie.run("search", "--vector", one, "--space", "mine", "-k", "7", "--json").stdout)["hits"]
    alone = [(h["id"], f"{h['scores']['mine']:.9g}") for h in hits]
    assert alone == [(line[2], line[4]) for line in lines if line[0] == "64"]


def test_a_question_that_cannot_be_asked_fails_alone(magpie, tmp_path):
    magpie.run("import", npy(tmp_path / "x.npy", rows), "-q")
    questions = draw.normal(size=(3, 20)).astype("float32")
    questions[1] = 0
    file = npy(tmp_path / "q.npy", questions)
    done = magpie.run("search", "--queries", file, "--run", tmp_path / "out.trec", "-k", "2", "--json", code=1)
    assert b"the query vector is zero" in done.stdout
    assert {line.split()[0] for line in (tmp_path / "out.trec").read_text().splitlines()} == {"0", "2"}


# ---- what is odd is defined, for each metric ---------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf, -numpy.inf, 3e38])
def test_numbers_that_are_none_are_refused_with_their_row(magpie, tmp_path, metric, bad):
    matrix = rows[:9].copy()
    matrix[4, 2] = bad
    done = magpie.run("import", npy(tmp_path / "x.npy", matrix), "--metric", metric, code=1)
    assert b"vector 5 of 9" in done.stderr and b"not finite" in done.stderr
    question = rows[:1].copy()
    magpie.run("import", npy(tmp_path / "x.npy", rows[:9]), "--metric", metric, "-q")
    question[0, 2] = bad
    assert b"not finite" in magpie.run("search", "--vector", npy(tmp_path / "q.npy", question), code=2).stderr


@pytest.mark.parametrize("metric", METRICS)
def test_zero_vectors(magpie, tmp_path, metric):
    matrix = rows[:9].copy()
    matrix[4] = 0
    file, question = npy(tmp_path / "x.npy", matrix), npy(tmp_path / "q.npy", numpy.zeros((1, 20)))
    if metric == "cosine":
        assert b"vector 5 of 9" in magpie.run("import", file, code=1).stderr
        return
    magpie.run("import", file, "--metric", metric, "-q")
    hits = ask(magpie, "--vector", question)[0]
    assert len(hits) == 9 and hits[0] == (("4", 0.0) if metric == "l2" else ("0", 0.0))
    magpie.run("check", "--deep")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", [1, 8192])
def test_few_vectors_of_few_and_of_many_numbers(magpie, tmp_path, metric, dim):
    one = numpy.full((1, dim), 0.5)
    magpie.run("import", npy(tmp_path / "x.npy", one), "--metric", metric, "-q")
    assert [name for name, _ in ask(magpie, "--vector", tmp_path / "x.npy", "-k", "100")[0]] == ["0"]
    equal = npy(tmp_path / "y.npy", numpy.repeat(one, 40, axis=0))
    magpie.run("import", equal, "--ids", ids(tmp_path, "e", 40), "-q")
    magpie.run("merge", "--all", "-q")
    hits = ask(magpie, "--vector", tmp_path / "x.npy", "-k", "100")[0]
    assert [name for name, _ in hits] == ["0"] + [f"e{i}" for i in range(40)]  # by age
    assert len({score for _, score in hits}) == 1
    wrong = npy(tmp_path / "z.npy", numpy.ones((1, dim + 1)))
    assert b"holds vectors of" in magpie.run("search", "--vector", wrong, code=2).stderr
    assert b"holds vectors of" in magpie.run("import", wrong, code=2).stderr
    assert b"no item is of this kind" in magpie.run("search", "--vector", equal, "--kind", "nothing", code=2).stderr
    assert magpie.run("search", "--vector", equal, "--kind", "image", "--json", code=1).stdout
