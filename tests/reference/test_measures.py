# SPDX-License-Identifier: Apache-2.0
"""Measures of rankings against pytrec_eval (trec_eval itself), ir_measures and NumPy, to 1e-9.

Random runs with ties, graded and negative gains, missing and unjudged queries; libmagpie is called
through ctypes, once by adding pair by pair and once through files. What no package computes to that
precision (nDCG with exponential gains, ERR: gdeval prints five digits; RBP, R(all)) is written out
here in NumPy from its paper, and gdeval is compared to its five digits. MAGPIE_BUILD names the build
folder (default: build).
"""

import ctypes as c
import os
import random
import shutil
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
ir_measures = pytest.importorskip("ir_measures")
pytrec_eval = pytest.importorskip("pytrec_eval")

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
PRECISION = 1e-9
TREC_MEASURES = """P_1 P_5 P_30 recall_5 recall_100 ndcg ndcg_cut_1 ndcg_cut_10 ndcg_cut_1000 map map_cut_5
    recip_rank Rprec bpref success_1 success_5 num_ret num_rel_ret""".split()


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("message", c.c_char * 768), ("place", c.c_char * 256)]


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("level", c.c_int64), ("only_answered", c.c_bool)]


class Magpie:
    """The part of eval.h that is needed here."""

    def __init__(self):
        self.lib = c.CDLL(str(BUILD / "libmagpie.so"))
        self.lib.magpie_scores_mean.restype = c.c_double
        self.lib.magpie_scores_values.restype = c.POINTER(c.c_double)
        self.lib.magpie_scores_query.restype = c.c_char_p
        for name in ("query_count", "missing", "unjudged"):
            getattr(self.lib, f"magpie_scores_{name}").restype = c.c_size_t
        self.error = Error()

    def call(self, name, *args):
        status = getattr(self.lib, name)(*args, c.byref(self.error))
        assert status == 0, f"{name}: {self.error.message.decode()}"

    def qrels(self, judged):
        handle = c.c_void_p()
        self.call("magpie_qrels_create", c.byref(handle))
        for query, gains in judged.items():
            for document, gain in gains.items():
                self.call("magpie_qrels_add", handle, query.encode(), document.encode(), c.c_int64(gain))
        return handle

    def run(self, found):
        handle = c.c_void_p()
        self.call("magpie_run_create", c.byref(handle))
        for query, scores in found.items():
            self.call("magpie_run_asked", handle, query.encode(), c.c_double(-1))
            for document, score in scores.items():
                self.call("magpie_run_add", handle, query.encode(), document.encode(), c.c_double(score))
        return handle

    def read(self, kind, path):
        handle = c.c_void_p()
        self.call(f"magpie_{kind}_read", str(path).encode(), c.byref(handle))
        return handle

    def evaluate(self, qrels, run, measures, level=0, only_answered=False):
        """{measure: {query: value}}, and the means; frees both handles."""
        scores = c.c_void_p()
        names = (c.c_char_p * len(measures))(*[m.encode() for m in measures])
        options = Options(c.sizeof(Options), level, only_answered)
        self.call("magpie_evaluate", qrels, run, names, c.c_size_t(len(measures)), c.byref(options),
                  c.byref(scores))
        count = self.lib.magpie_scores_query_count(scores)
        queries = [self.lib.magpie_scores_query(scores, c.c_size_t(i)).decode() for i in range(count)]
        values, means = {}, {}
        for i, measure in enumerate(measures):
            row = self.lib.magpie_scores_values(scores, c.c_size_t(i))
            values[measure] = {query: row[j] for j, query in enumerate(queries)}
            means[measure] = self.lib.magpie_scores_mean(scores, c.c_size_t(i))
        for kind, handle in (("scores", scores), ("run", run), ("qrels", qrels)):
            getattr(self.lib, f"magpie_{kind}_destroy")(handle)
        return values, means


@pytest.fixture(scope="module")
def magpie():
    assert (BUILD / "libmagpie.so").exists(), "build libmagpie first (ninja libmagpie.so)"
    return Magpie()


def random_case(seed, gains=(-2, -1, 0, 0, 1, 2, 3, 40), size=None):
    """Queries 0-5 are in the run, 2-8 judged; scores tie often, also only as floats."""
    rng = random.Random(seed)
    size = size or rng.choice([1, 3, 20, 300])
    documents = [f"d{i}" for i in range(2 * size)]
    kinds = [rng.random, lambda: rng.randint(-2, 4), lambda: 1e9 * rng.random(), lambda: 1 + 1e-9 * rng.random()]
    score = lambda: rng.choice(kinds)()  # noqa: E731
    run = {f"{q}": {d: score() for d in rng.sample(documents, size)} for q in range(6)}
    judged = {f"{q}": {d: rng.choice(gains) for d in rng.sample(documents, max(1, size // 3))}
              for q in range(2, 9)}
    for gains_of_query in judged.values():  # trec_eval reads beyond its table when all gains are below the level
        if max(gains_of_query.values()) < 2:
            gains_of_query["elsewhere"] = 2
    return run, judged


def assert_same(ours, theirs, what):
    assert abs(ours - theirs) <= PRECISION, f"{what}: magpie {ours!r}, reference {theirs!r}"


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("seed", range(25))
def test_trec_measures(magpie, seed, level):
    run, judged = random_case(seed)
    wanted = {"ndcg", "map", "recip_rank", "Rprec", "bpref", "num_ret", "num_rel_ret", "P.1,5,30", "recall.5,100",
              "ndcg_cut.1,10,1000", "map_cut.5", "success.1,5"}
    theirs = pytrec_eval.RelevanceEvaluator(judged, wanted, relevance_level=level).evaluate(run)
    names = [f"NumRet(rel={level})" if m == "num_rel_ret" else m for m in TREC_MEASURES]
    ours, _ = magpie.evaluate(magpie.qrels(judged), magpie.run(run), names, level)
    compared = 0
    for query, values in theirs.items():
        for name, measure in zip(names, TREC_MEASURES):
            assert_same(ours[name][query], values[measure], f"seed {seed}, query {query}, {measure}")
            compared += 1
    assert compared == 4 * len(TREC_MEASURES)


@pytest.mark.parametrize("only_answered", [False, True])
def test_means_and_files_equal_ir_measures(magpie, tmp_path, only_answered):
    from ir_measures import AP, P, R, RR, Bpref, Judged, Rprec, Success, nDCG
    measures = [nDCG @ 10, nDCG, P @ 5, R @ 20, RR, AP, AP @ 10, Rprec, Bpref, Success @ 30, AP(rel=2), P(rel=2) @ 7]
    if only_answered:
        measures += [Judged @ 10, RR @ 10]  # their providers leave missing queries out of the mean
    rng = random.Random(4)
    run, judged = random_case(38, size=300)
    # no ties here: these providers rank a tie by the smaller id
    run = {q: {d: s + rng.random() for d, s in found.items()} for q, found in run.items()}
    judged = {q: gains for q, gains in judged.items() if not only_answered or q in run}
    (tmp_path / "qrels").write_text("".join(f"{q} 0 {d} {g}\n" for q, ds in judged.items() for d, g in ds.items()))
    (tmp_path / "run").write_text("".join(f"{q} Q0 {d} 1 {s} t\n" for q, ds in run.items() for d, s in ds.items()))
    theirs = ir_measures.calc_aggregate(measures, ir_measures.read_trec_qrels(str(tmp_path / "qrels")),
                                        ir_measures.read_trec_run(str(tmp_path / "run")))
    _, means = magpie.evaluate(magpie.read("qrels", tmp_path / "qrels"), magpie.read("run", tmp_path / "run"),
                               [str(m) for m in measures], only_answered=only_answered)
    for measure in measures:
        assert_same(means[str(measure)], theirs[measure], str(measure))
        assert means[str(measure)] > 0


def ranked_gains(found, gains):
    """Gains best first, as trec_eval ranks: the score as a float, then the greater id."""
    order = sorted(found, key=lambda d: (np.float32(found[d]), d), reverse=True)
    return np.array([gains.get(d, 0) for d in order], float)


def plain_values(found, gains, cut, p, most):
    """What the packages lack, from the definitions."""
    ranked = np.maximum(ranked_gains(found, gains), 0)
    best = np.maximum(np.sort(np.array(list(gains.values()), float))[::-1], 0)
    discount = lambda n: 1 / np.log2(np.arange(n) + 2)  # noqa: E731
    dcg = lambda g: float(((2.0 ** g - 1) * discount(len(g))).sum())  # noqa: E731
    relevant = np.flatnonzero(ranked >= 1)
    stop = (2.0 ** ranked[:cut] - 1) / 2.0 ** most
    going = np.concatenate([[1], np.cumprod(1 - stop)[:-1]]) if len(stop) else np.array([])
    total = int((best >= 1).sum())
    return {
        f"nDCG(gain=exp)@{cut}": dcg(ranked[:cut]) / dcg(best[:cut]) if total else 0,
        "nDCG(gain=exp)": dcg(ranked) / dcg(best) if total else 0,
        f"RBP(p={p})": float(((1 - p) * p ** relevant).sum()),
        f"RBP(p={p})@{cut}": float(((1 - p) * p ** relevant[relevant < cut]).sum()),
        f"ERR(max={most})@{cut}": float((going * stop / (np.arange(len(stop)) + 1)).sum()),
        f"R(all)@{cut}": float(total > 0 and (relevant < cut).sum() == total),
        f"RR@{cut}": 1 / (relevant[0] + 1) if len(relevant) and relevant[0] < cut else 0,
        f"Judged@{cut}": float(np.mean([d in gains for d in sorted(
            found, key=lambda d: (np.float32(found[d]), d), reverse=True)[:cut]])),
    }


@pytest.mark.parametrize("seed", range(25))
def test_measures_that_packages_lack(magpie, seed):
    run, judged = random_case(seed, gains=(-2, -1, 0, 0, 1, 2, 3, 4))
    for cut, p, most in ((1, 0.5, 4), (10, 0.8, 5), (50, 0.95, 9)):
        names = list(plain_values({"d": 1}, {"d": 0}, cut, p, most))
        ours, _ = magpie.evaluate(magpie.qrels(judged), magpie.run(run), names)
        for query in set(run) & set(judged):
            theirs = plain_values(run[query], judged[query], cut, p, most)
            for name in names:
                assert_same(ours[name][query], theirs[name], f"seed {seed}, query {query}, {name}")


@pytest.mark.skipif(not shutil.which("perl"), reason="gdeval needs perl")
def test_gdeval_to_its_five_digits(magpie):
    from ir_measures import ERR, nDCG
    run, judged = random_case(14, gains=(-1, 0, 1, 2, 3, 4))
    measures = [ERR @ 20, nDCG(dcg="exp-log2") @ 20]
    names = ["ERR@20", "nDCG(gain=exp)@20"]
    ours, _ = magpie.evaluate(magpie.qrels(judged), magpie.run(run), names)
    compared = 0
    for found in ir_measures.iter_calc(measures, judged, run):
        if found.query_id in run:
            value = ours[names[measures.index(found.measure)]][found.query_id]
            assert abs(value - found.value) <= 5.1e-6, f"{found}: magpie {value}"
            compared += 1
    assert compared == 8


def test_large_gains_as_trec_eval(magpie):
    judged = {"1": {"a": 5_000, "b": -1_000_000, "c": 7, "d": 0}}  # its time grows with the square of a gain
    run = {"1": {"d": 4, "c": 3, "b": 2, "x": 1, "a": 0}}
    theirs = pytrec_eval.RelevanceEvaluator(judged, {"ndcg", "bpref", "map"}).evaluate(run)["1"]
    ours, _ = magpie.evaluate(magpie.qrels(judged), magpie.run(run), ["ndcg", "bpref", "map"])
    for measure, value in theirs.items():
        assert_same(ours[measure]["1"], value, measure)


def test_fusion_equals_plain_python(magpie):
    rng = random.Random(6)
    documents = [f"d{i}" for i in range(400)]
    runs = [{f"q{q}": {d: rng.random() for d in rng.sample(documents, 120)} for q in range(r, 6 + r)} for r in range(2)]
    handles = (c.c_void_p * 2)(*[magpie.run(r).value for r in runs])
    weights, fused = (c.c_double * 2)(1.0, 0.5), c.c_void_p()
    magpie.call("magpie_run_fuse", handles, weights, c.c_size_t(2), c.c_double(60), c.c_size_t(50), c.byref(fused))

    class Hit(c.Structure):
        _fields_ = [("document", c.c_char_p), ("score", c.c_float)]

    magpie.lib.magpie_run_hits.restype = c.c_size_t
    for query in {q for r in runs for q in r}:
        score = {}
        for run, weight in zip(runs, weights):
            ranked = sorted(run.get(query, {}), key=lambda d: (np.float32(run[query][d]), d), reverse=True)
            for rank, document in enumerate(ranked, 1):
                score[document] = score.get(document, 0.0) + weight / (60 + rank)
        expected = sorted(score, key=lambda d: (np.float32(score[d]), d), reverse=True)[:50]
        hits = c.POINTER(Hit)()
        count = magpie.lib.magpie_run_hits(fused, query.encode(), c.byref(hits))
        assert [hits[i].document.decode() for i in range(count)] == expected
    for handle in (*handles, fused):
        magpie.lib.magpie_run_destroy(c.c_void_p(handle) if isinstance(handle, int) else handle)
