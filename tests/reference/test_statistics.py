# SPDX-License-Identifier: Apache-2.0
"""Statistics and measures of answers, scores and spaces against SciPy and plain NumPy.

libmagpie.so of MAGPIE_BUILD is called through ctypes. BLEU and ROUGE are compared with nltk and rouge-score
where they are installed, and always with a transcription of their definitions.
"""

import ctypes
import json
import math
import os
import random
import re
import string
from collections import Counter
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
D, F = ctypes.c_double, ctypes.c_float
Z, U64 = ctypes.c_size_t, ctypes.c_uint64


class Failure(Exception):
    pass


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 768), ("place", ctypes.c_char * 256)]


class Library:
    def __init__(self):
        path = BUILD / "libmagpie.so"
        if not path.exists():
            pytest.skip(f"{path} is missing: build the target magpie")
        self.c = ctypes.CDLL(str(path))
        self.c.magpie_effect_size.restype = D
        self.c.magpie_free.restype = None

    def call(self, name, *args):
        error = Error()
        if getattr(self.c, name)(*args, ctypes.byref(error)) != 0:
            raise Failure(error.message.decode())

    def value(self, name, *args):
        out = D()
        self.call(name, *args, ctypes.byref(out))
        return out.value


@pytest.fixture(scope="module")
def lib():
    return Library()


def ptr(array, kind=D):
    assert array.flags["C_CONTIGUOUS"]
    return array.ctypes.data_as(ctypes.POINTER(kind))


def doubles(values):
    return np.ascontiguousarray(values, dtype=np.float64)


def texts(items):
    return (ctypes.c_char_p * max(len(items), 1))(*[item.encode() for item in items])


# ---- statistics ------------------------------------------------------------------------------


def randomisation(lib, a, b, rounds=0, seed=1):
    a, b = doubles(a), doubles(b)
    return lib.value("magpie_randomisation_test", ptr(a), ptr(b), Z(len(a)), U64(rounds), U64(seed))


def scipy_permutation(a, b, resamples):
    return stats.permutation_test((a, b), lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
                                  permutation_type="samples", n_resamples=resamples,
                                  rng=np.random.default_rng(3)).pvalue


@pytest.mark.parametrize("n,step", [(2, 0), (7, 0), (10, 0.25), (12, 0), (12, 0.5)])
def test_randomisation_when_few_pairs_then_exactly_scipy(lib, n, step):
    rng = np.random.default_rng(n)
    a, b = rng.random(n) + 0.2, rng.random(n)
    if step:  # many ties and zero differences
        a, b = np.round(a / step) * step, np.round(b / step) * step
    assert randomisation(lib, a, b) == pytest.approx(scipy_permutation(a, b, np.inf), abs=1e-12)


@pytest.mark.parametrize("n,shift", [(40, 0.0), (60, 0.08), (300, 0.02), (301, 0.04)])
def test_randomisation_when_many_pairs_then_scipy_within_monte_carlo_error(lib, n, shift):
    rng = np.random.default_rng(n)
    b = rng.beta(0.6, 0.6, n)
    a = np.clip(b + rng.normal(shift, 0.2, n), 0, 1)
    rounds = 100000
    ours, theirs = randomisation(lib, a, b, rounds), scipy_permutation(a, b, rounds // 4)
    error = math.sqrt(theirs * (1 - theirs) * (1 / rounds + 4 / rounds)) + 2 / rounds
    assert abs(ours - theirs) < 4.5 * error


def test_randomisation_when_null_is_true_then_p_is_uniform(lib):
    rng = np.random.default_rng(5)
    found = [randomisation(lib, rng.normal(size=30), rng.normal(size=30), 2000, i) for i in range(800)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_randomisation_when_same_seed_then_same_p(lib):
    rng = np.random.default_rng(6)
    a, b = rng.random(50), rng.random(50)
    assert randomisation(lib, a, b, seed=4) == randomisation(lib, a, b, seed=4)
    assert len({randomisation(lib, a, b, seed=seed) for seed in range(8)}) > 1


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50, 101, 500, 5000, 100000])
def test_t_test_when_random_then_scipy(lib, n):
    rng = np.random.default_rng(n)
    for shift in (0, 0.01, 0.3, 3):
        a, b = doubles(rng.normal(shift, 1, n)), doubles(rng.normal(0, 1, n))
        t, p = D(), D()
        lib.call("magpie_paired_t_test", ptr(a), ptr(b), Z(n), ctypes.byref(t), ctypes.byref(p))
        want = stats.ttest_rel(a, b)
        assert t.value == pytest.approx(want.statistic, rel=1e-9, abs=1e-9)
        assert p.value == pytest.approx(want.pvalue, rel=1e-9, abs=1e-300)
        d = lib.c.magpie_effect_size(ptr(a), ptr(b), Z(n))
        assert d == pytest.approx((a - b).mean() / (a - b).std(ddof=1), rel=1e-9)


def interval(lib, values, confidence=0.0, rounds=0, seed=1):
    values, low, high = doubles(values), D(), D()
    lib.call("magpie_bootstrap_mean", ptr(values), Z(len(values)), D(confidence), U64(rounds), U64(seed),
             ctypes.byref(low), ctypes.byref(high))
    return low.value, high.value


@pytest.mark.parametrize("name,n,confidence", [
    ("normal", 40, 0.95), ("lognormal", 60, 0.95), ("beta", 100, 0.9), ("bits", 50, 0.95), ("lognormal", 9, 0.99),
])
def test_bootstrap_when_random_then_scipy_bca_within_monte_carlo_error(lib, name, n, confidence):
    rng = np.random.default_rng(n)
    values = {"normal": rng.normal(size=n), "lognormal": rng.lognormal(size=n), "beta": rng.beta(0.3, 0.5, n),
              "bits": (rng.random(n) < 0.2).astype(float)}[name]
    ours = np.array([interval(lib, values, confidence, 20000, seed) for seed in range(12)])
    theirs = np.array([stats.bootstrap((values,), np.mean, n_resamples=20000, confidence_level=confidence,
                                       method="BCa", rng=np.random.default_rng(seed)).confidence_interval
                       for seed in range(12)])
    error = np.sqrt((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / 12)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 4.5 * error + 1e-12).all()
    assert (error < 0.1 * values.std(ddof=1) / math.sqrt(n)).all()  # so that the comparison says something


def ndcg_like(rng, n):
    """Many zeros and ones, the rest skewed between: as nDCG@10 over queries."""
    values = rng.beta(1.2, 2.0, n)
    kind = rng.random(n)
    values[kind < 0.3] = 0
    values[kind > 0.85] = 1
    return values


NDCG_LIKE_MEAN = 0.55 * 1.2 / 3.2 + 0.15


@pytest.mark.parametrize("name,n", [("normal", 50), ("normal", 100), ("ndcg", 60), ("ndcg", 100)])
def test_bootstrap_when_repeated_then_95_percent_of_intervals_hold_the_mean(lib, name, n):
    rng = np.random.default_rng(n)
    trials, held = 3000, 0
    for trial in range(trials):
        values = rng.normal(2, 3, n) if name == "normal" else ndcg_like(rng, n)
        low, high = interval(lib, values, rounds=2000, seed=trial)
        held += low <= (2 if name == "normal" else NDCG_LIKE_MEAN) <= high
    assert 0.93 <= held / trials <= 0.97


def plain_holm(p):
    """By the definition: p_(i) is adjusted to the greatest (m - j + 1) p_(j), j <= i."""
    order = sorted(p)
    m = len(p)
    return [min(1, max((m - j) * order[j] for j in range(m) if order[j] <= x)) for x in p]


def test_holm_when_random_then_definition(lib):
    rng = np.random.default_rng(2)
    for m in (1, 2, 3, 10, 57):
        p = doubles(np.round(rng.random(m) ** 3, 2 if m == 57 else 9))
        out = np.zeros(m)
        lib.call("magpie_holm", ptr(p), Z(m), ptr(out))
        assert out == pytest.approx(plain_holm(p.tolist()), abs=1e-12)


# ---- answers ---------------------------------------------------------------------------------


def squad(text):
    """normalize_answer of SQuAD's evaluate-v1.1.py."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def is_ideograph(c):
    return bool(re.match("[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d"
                         "\U00020000-\U0003ffff]", c))


def tokens(text):
    return "".join(f" {c} " if is_ideograph(c) else c for c in squad(text)).split()


def plain_f1(answer, right):
    a, b = tokens(answer), tokens(right)
    return 2 * sum((Counter(a) & Counter(b)).values()) / (len(a) + len(b)) if a or b else 1


def plain_recall(answer, right):
    a, b = tokens(answer), tokens(right)
    return sum((Counter(a) & Counter(b)).values()) / len(b) if b else float(not a)


def plain_bleu1(answer, rights):
    a, b = tokens(answer), [tokens(right) for right in rights]
    most = Counter()
    for right in b:
        most |= Counter(right)
    hits = sum((Counter(a) & most).values())
    if hits == 0:
        return 0
    closest = min((abs(len(right) - len(a)), len(right)) for right in b)[1]
    return (1 if len(a) > closest else math.exp(1 - closest / len(a))) * hits / len(a)


def lcs(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def plain_rouge(answer, right):
    a, b = tokens(answer), tokens(right)
    return 2 * lcs(a, b) / (len(a) + len(b)) if lcs(a, b) else 0


WORDS = ["the", "a", "An", "red", "Bus", "bus,", "at", "night.", "théâtre", "THE", "a-b", "it's", "ΣΑΣ", "İz", "ß",
         "1,000", "東京", "タワー", "3kg", "naïve", "\u00a0", "e\u0301", "a\u0301b", "x_the_y", "…",
         "🙂", "«the»", "\u2028", "²", "½"]


def random_text(rng):
    return rng.choice([" ", "  ", "\t"]).join(rng.choice(WORDS) for _ in range(rng.randrange(0, 14)))


def answer_cases():
    rng = random.Random(4)
    return [(random_text(rng), [random_text(rng) for _ in range(rng.randrange(1, 4))]) for _ in range(1500)]


def answer(lib, name, prediction, rights):
    return lib.value(f"magpie_answer_{name}", prediction.encode(), texts(rights), Z(len(rights)))


def test_answers_when_random_then_definitions(lib):
    for prediction, rights in answer_cases():
        def best(fn):
            return pytest.approx(max(fn(prediction, right) for right in rights), abs=1e-12)

        case = (prediction, rights)
        assert answer(lib, "exact", *case) == best(lambda a, b: float(squad(a) == squad(b))), case
        assert answer(lib, "f1", *case) == best(plain_f1), case
        assert answer(lib, "recall", *case) == best(plain_recall), case
        assert answer(lib, "bleu1", *case) == pytest.approx(plain_bleu1(*case), abs=1e-12), case
        assert answer(lib, "rouge_l", *case) == best(plain_rouge), case


def test_bleu_when_nltk_is_there_then_equal(lib):
    bleu = pytest.importorskip("nltk.translate.bleu_score")
    smooth = bleu.SmoothingFunction().method1
    for prediction, rights in answer_cases():
        want = bleu.sentence_bleu([tokens(r) for r in rights], tokens(prediction), (1, 0, 0, 0), smooth)
        assert answer(lib, "bleu1", prediction, rights) == pytest.approx(want, abs=1e-9), (prediction, rights)


def test_rouge_when_rouge_score_is_there_then_equal(lib):
    scorer = pytest.importorskip("rouge_score.rouge_scorer")

    class Tokens:
        def tokenize(self, text):
            return tokens(text)

    rouge = scorer.RougeScorer(["rougeL"], tokenizer=Tokens())
    for prediction, rights in answer_cases():
        want = max(rouge.score(right, prediction)["rougeL"].fmeasure for right in rights)
        assert answer(lib, "rouge_l", prediction, rights) == pytest.approx(want, abs=1e-12)


def test_pseudo_recall_when_random_then_normalised_substring(lib):
    rng = random.Random(7)
    seen = set()
    for _ in range(1500):
        passages = [random_text(rng) for _ in range(rng.randrange(0, 4))]
        rights = [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(0, 3))) for _ in range(2)]
        want = any(squad(right) and squad(right) in squad(passage) for right in rights for passage in passages)
        got = lib.value("magpie_pseudo_recall", texts(passages), Z(len(passages)), texts(rights), Z(2))
        assert got == want, (passages, rights)
        seen.add(got)
    assert seen == {0, 1}


# ---- scores and choices ----------------------------------------------------------------------


def byte_array(values):
    return np.ascontiguousarray(values, dtype=np.uint8)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_when_random_then_numpy(lib, bins):
    rng = np.random.default_rng(bins)
    p = np.concatenate([rng.random(997), [0.0, 1.0, 0.5]])
    label = byte_array(rng.random(1000) < p ** 2)
    where = np.minimum((p * bins).astype(int), bins - 1)
    want = sum((where == b).mean() * abs(label[where == b].mean() - p[where == b].mean())
               for b in range(bins) if (where == b).any())
    got = lib.value("magpie_ece", ptr(p), ptr(label, ctypes.c_ubyte), Z(1000), Z(bins))
    assert got == pytest.approx(want, abs=1e-12)


def plain_auc(score, label):
    positive, negative = score[label == 1], score[label == 0]
    over = positive[:, None] - negative[None, :]
    return ((over > 0) + 0.5 * (over == 0)).mean()


def test_auc_when_ties_then_all_pairs(lib):
    rng = np.random.default_rng(1)
    score, label = np.round(rng.normal(size=700), 1), byte_array(rng.random(700) < 0.3)
    group = np.ascontiguousarray(rng.integers(0, 60, 700), dtype=np.uint64)
    group[:3] = (1 << 63) + np.arange(3, dtype=np.uint64)
    got = lib.value("magpie_auc", ptr(score), ptr(label, ctypes.c_ubyte), Z(700))
    assert got == pytest.approx(plain_auc(score, label), abs=1e-12)
    out, left_out = D(), Z()
    lib.call("magpie_group_auc", ptr(score), ptr(label, ctypes.c_ubyte), ptr(group, ctypes.c_uint64), Z(700),
             ctypes.byref(out), ctypes.byref(left_out))
    parts = [group == g for g in np.unique(group)]
    whole = [part for part in parts if 0 < label[part].mean() < 1]
    want = sum(part.sum() * plain_auc(score[part], label[part]) for part in whole) / sum(p.sum() for p in whole)
    assert out.value == pytest.approx(want, abs=1e-12)
    assert left_out.value == len(parts) - len(whole) >= 3


def test_pmrp_when_random_then_brute_force(lib):
    rng = np.random.default_rng(3)
    n, m, bits = 23, 31, 70
    queries, documents = byte_array(rng.random((n, bits)) < 0.02), byte_array(rng.random((m, bits)) < 0.02)
    ranking = np.ascontiguousarray([rng.permutation(m) for _ in range(n)], dtype=np.uint32)
    per_zeta = []
    for zeta in range(3):
        found = []
        for q in range(n):
            relevant = {d for d in range(m) if (queries[q] != documents[d]).sum() <= zeta}
            if relevant:
                found.append(len(relevant & set(ranking[q][: len(relevant)].tolist())) / len(relevant))
        per_zeta.append(np.mean(found))
    got = lib.value("magpie_pmrp", ptr(ranking, ctypes.c_uint32), Z(n), Z(m), ptr(queries, ctypes.c_ubyte),
                    ptr(documents, ctypes.c_ubyte), Z(bits))
    assert got == pytest.approx(np.mean(per_zeta), abs=1e-12)


def test_modalities_when_random_then_numpy(lib):
    rng = np.random.default_rng(4)
    n, m = 50, 3
    performance = doubles(rng.random((n, 8)))
    performance[:, 0] = np.nan  # the empty set is not read
    importance = np.zeros((n, m))
    lib.call("magpie_modality_importance", ptr(performance), Z(n), Z(m), ptr(importance))
    sets = np.arange(1, 8)
    for j in range(m):
        has = (sets >> j & 1) == 1
        want = performance[:, sets[has]].mean(axis=1) - performance[:, sets[~has]].mean(axis=1)
        assert importance[:, j] == pytest.approx(want, abs=1e-12)
    ranks = doubles(rng.integers(1, 99, (n, 4)))
    assert lib.value("magpie_mrv", ptr(ranks), Z(n), Z(4)) == pytest.approx(ranks.var(axis=1).mean(), abs=1e-9)


# ---- spaces ----------------------------------------------------------------------------------


def vectors(seed, n, dim, kind="normal"):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, dim)) + (3 if kind == "cone" else 0)
    if kind == "clusters":
        rows = rng.normal(size=(7, dim))[rng.integers(0, 7, n)] + 0.003 * rows
    return np.ascontiguousarray(rows * rng.lognormal(0, 2, (n, 1)), dtype=np.float32)


def unit(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain_knn(rows, k):
    cosines = unit(rows) @ unit(rows).T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("n,dx,dy,k,kind", [(300, 64, 33, 10, "normal"), (500, 768, 384, 1, "cone"),
                                            (400, 17, 17, 50, "clusters"), (3, 4, 5, 2, "normal")])
def test_mutual_knn_when_random_then_numpy(lib, n, dx, dy, k, kind):
    x = vectors(1, n, dx, kind)
    y = np.ascontiguousarray(x[:, :1] * 0.5 + vectors(2, n, dy, kind))
    a, b = plain_knn(x, k), plain_knn(y, k)
    want = np.mean([len(set(p) & set(q)) / k for p, q in zip(a.tolist(), b.tolist())])
    got = lib.value("magpie_mutual_knn", ptr(x, F), Z(dx), ptr(y, F), Z(dy), Z(n), Z(k))
    assert got == pytest.approx(want, abs=1e-9)
    assert lib.value("magpie_mutual_knn", ptr(x, F), Z(dx), ptr(x, F), Z(dx), Z(n), Z(k)) == 1


@pytest.mark.parametrize("n,dx,dy", [(2, 1, 3), (100, 16, 17), (1300, 40, 90), (60, 300, 200)])
def test_linear_cka_when_random_then_numpy(lib, n, dx, dy):
    x = vectors(1, n, dx)
    y = np.ascontiguousarray((x[:, :1] + vectors(2, n, dy, "cone")).astype(np.float32))
    a, b = x.astype(np.float64), y.astype(np.float64)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    want = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    got = lib.value("magpie_linear_cka", ptr(x, F), Z(dx), ptr(y, F), Z(dy), Z(n))
    assert got == pytest.approx(want, abs=1e-9)


def test_gap_alignment_uniformity_when_random_then_numpy(lib):
    for n, dim, kind in [(2, 1, "cone"), (37, 5, "normal"), (700, 70, "cone"), (256, 512, "clusters")]:
        x, y = vectors(3, n, dim, kind), vectors(4, n, dim)
        a, b = unit(x), unit(y)
        gap = np.linalg.norm(a.mean(axis=0) - b[: n // 2 + 1].mean(axis=0))
        got = lib.value("magpie_modality_gap", ptr(x, F), Z(n), ptr(y, F), Z(n // 2 + 1), Z(dim))
        assert got == pytest.approx(gap, abs=1e-9)
        for alpha in (0, 1, 3):
            want = (np.linalg.norm(a - b, axis=1) ** (alpha or 2)).mean()
            got = lib.value("magpie_alignment", ptr(x, F), ptr(y, F), Z(n), Z(dim), D(alpha))
            assert got == pytest.approx(want, abs=1e-9)
        for t in (0, 0.5):
            i, j = np.triu_indices(n, 1)
            square = ((a[i] - a[j]) ** 2).sum(axis=1)
            want = math.log(np.exp(-(t or 2) * square).mean())
            got = lib.value("magpie_uniformity", ptr(x, F), Z(n), Z(dim), D(t))
            assert got == pytest.approx(want, abs=1e-9)


# ---- files -----------------------------------------------------------------------------------


def take_json(lib, name, *args):
    out = ctypes.c_char_p()
    lib.call(name, *args, ctypes.byref(out))
    value = json.loads(out.value)
    lib.c.magpie_free(out)
    return value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vectors_when_numpy_saved_them_then_same_as_json_lines(lib, tmp_path, dtype):
    x, y = vectors(5, 60, 12), vectors(6, 60, 12)
    np.save(tmp_path / "x.npy", x.astype(dtype))
    with (tmp_path / "x.jsonl").open("w") as out:
        for row in x:
            out.write(json.dumps({"vector": row.tolist()}) + "\n")
    np.save(tmp_path / "y.npy", y)
    y_file = str(tmp_path / "y.npy").encode()
    a, b = (take_json(lib, "magpie_measure_vectors", str(tmp_path / name).encode(), y_file, Z(5))
            for name in ("x.npy", "x.jsonl"))
    assert a == b
    assert a["x"] == {"rows": 60, "dimensions": 12}
    assert a["measures"]["gap"]["value"] == pytest.approx(
        np.linalg.norm(unit(x).mean(axis=0) - unit(y).mean(axis=0)), abs=1e-9)
    assert set(a["measures"]) == {"gap", "alignment", "uniformity_x", "uniformity_y", "mutual_knn@5", "linear_cka"}


@pytest.mark.parametrize("array,said", [
    (np.zeros((3, 2), dtype="int64"), "<f4"), (np.ones((3, 2), order="F"), "C order"),
    (np.ones(3), "shape"), (np.ones((3, 2, 1)), "shape"), (np.full((3, 2), np.nan), "row 0"),
    (np.ones((0, 2)), "no vectors"), (np.full((1, 2), 1e300), "row 0"), (np.ones((3, 2), dtype=">f4"), "<f4"),
])
def test_vectors_when_array_is_not_usable_then_refused(lib, tmp_path, array, said):
    np.save(tmp_path / "x.npy", array)
    name = str(tmp_path / "x.npy").encode()
    with pytest.raises(Failure, match=said):
        take_json(lib, "magpie_measure_vectors", name, name, Z(1))


def test_rows_when_answers_then_means_and_intervals(lib, tmp_path):
    cases = answer_cases()[:200]
    with (tmp_path / "rows.jsonl").open("w") as out:
        for prediction, rights in cases:
            out.write(json.dumps({"prediction": prediction, "answers": rights}) + "\n")
    names = ["em", "f1", "bleu1", "rouge_l", "answer_recall"]
    got = take_json(lib, "magpie_measure_rows", str(tmp_path / "rows.jsonl").encode(), texts(names), Z(len(names)))
    assert got["rows"] == 200
    values = [max(plain_f1(p, r) for r in rights) for p, rights in cases]
    f1 = got["measures"]["f1"]
    assert f1["value"] == pytest.approx(np.mean(values), abs=1e-12)
    assert (f1["low"], f1["high"]) == pytest.approx(interval(lib, values), abs=1e-12)
    assert f1["n"] == 200
