# SPDX-License-Identifier: Apache-2.0
"""BM25 of src/index against NumPy on counts, and against the bm25s package (method "lucene").

Scores agree to 1e-6 relative; the split into segments changes nothing. MAGPIE_BUILD names the build
folder (default: build). SciFact is read from ../shared where it is.
"""

import json
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
SCIFACT = ROOT.parent / "shared" / "data" / "scifact"
RELATIVE = 1e-6


class Counts:
    """Term counts of a corpus as a dense matrix a word: slow, plain, independent."""

    def __init__(self, docs):
        self.size = len(docs)
        self.lengths = np.array([len(d) for d in docs], dtype=np.float64)
        self.rows = {}
        for number, doc in enumerate(docs):
            for word, tf in Counter(doc).items():
                self.rows.setdefault(word, []).append((number, tf))

    def tf(self, word):
        out = np.zeros(self.size)
        for number, tf in self.rows.get(word, []):
            out[number] = tf
        return out

    def scores(self, terms, k1, b):
        """terms: [(forms, weight)]"""
        norm = k1 * (1 - b + b * self.lengths / self.lengths.mean())
        total = np.zeros(self.size)
        for forms, weight in terms:
            tfs = [self.tf(form) for form in forms]
            df = max(int((tf > 0).sum()) for tf in tfs)
            tf = sum(tfs)
            idf = np.log(1 + (self.size - df + 0.5) / (df + 0.5))
            part = np.divide(tf, tf + norm, out=np.zeros(self.size), where=tf > 0)
            if df:
                total += weight * idf * part
        return total


def term_text(forms, weight):
    return "|".join(forms) + ("" if weight == 1 else f"^{weight}")


def run_tool(docs, borders, queries, k, k1, b):
    tool = BUILD / "lexical_tool"
    if not tool.is_file():
        pytest.skip(f"{tool} is missing: build the target lexical_tool")
    lines = []
    for number, doc in enumerate(docs):
        lines.append(f"D\t{number}\t{' '.join(doc)}")
        if number + 1 in borders or number + 1 == len(docs):
            lines.append("S")
    for terms in queries:
        lines.append(f"Q\t{k}\t{k1!r}\t{b!r}\t" + " ".join(term_text(*t) for t in terms))
    data = "\n".join(lines).encode() + b"\n"
    done = subprocess.run([str(tool)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answers = []
    for line in done.stdout.decode().splitlines():
        pairs = [pair.split(":") for pair in line.split()]
        answers.append([(int(number), float(score)) for number, score in pairs])
    assert len(answers) == len(queries)
    return answers, done.stderr.decode()


def assert_best(hits, scores, k):
    """The hits are the k best of these scores (of all items, in order)."""
    expected = np.sort(scores[scores > 0])[::-1][:k]
    assert len(hits) == len(expected)
    for (number, score), want in zip(hits, expected):
        assert score == pytest.approx(want, rel=RELATIVE)
        assert score == pytest.approx(scores[number], rel=RELATIVE)
    assert len({number for number, _ in hits}) == len(hits)


def random_corpus(rng, size, words):
    def word():
        return f"w{int(rng.random() ** 4 * words)}"

    docs = [[word() for _ in range(rng.randrange(0, 60))] for _ in range(size)]
    queries = []
    for _ in range(60):
        terms = []
        for _ in range(rng.randrange(1, 9)):
            forms = sorted({word() for _ in range(rng.choice([1, 1, 1, 2, 3]))})
            terms.append((forms, rng.choice([1, 1, 1, 2, 0.5])))
        queries.append(terms)
    return docs, queries


@pytest.mark.parametrize("size,words,k1,b", [
    (1, 5, 1.2, 0.75), (50, 30, 1.2, 0.75), (700, 200, 1.2, 0.75), (3000, 2000, 1.2, 0.75),
    (700, 200, 0.9, 0.4), (700, 200, 2.0, 1.0), (700, 200, 1.2, 0.0), (700, 200, 0.0, 0.75),
])
def test_scores_when_random_corpus_then_numpy_agrees(size, words, k1, b):
    rng = random.Random(size * 31 + words)
    docs, queries = random_corpus(rng, size, words)
    docs[0].append("w0")
    counts = Counts(docs)
    whole, _ = run_tool(docs, set(), queries, 10, k1, b)
    for terms, hits in zip(queries, whole):
        assert_best(hits, counts.scores(terms, k1, b), 10)
    borders = {rng.randrange(1, size + 1) for _ in range(4)}
    split, _ = run_tool(docs, borders, queries, 10, k1, b)
    assert split == whole


def test_scores_when_random_corpus_then_bm25s_agrees():
    bm25s = pytest.importorskip("bm25s")
    rng = random.Random(9)
    docs, _ = random_corpus(rng, 800, 300)
    docs = [doc or ["w0"] for doc in docs]
    queries = [[f"w{int(rng.random() ** 3 * 300)}" for _ in range(rng.randrange(1, 8))]
               for _ in range(50)]
    known = {word for doc in docs for word in doc}
    queries = [[word for word in query if word in known] or ["w0"] for query in queries]
    model = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    model.index(docs, show_progress=False)
    answers, _ = run_tool(docs, {123, 500}, [[([w], 1) for w in q] for q in queries], 10, 1.2, 0.75)
    for query, hits in zip(queries, answers):
        assert_best(hits, np.asarray(model.get_scores(query), dtype=np.float64), 10)


def test_scores_when_scifact_then_numpy_agrees_within_a_millisecond_a_query():
    if not SCIFACT.is_dir():
        pytest.skip(f"{SCIFACT} is missing: real text is not tested")

    def rows(name):
        with (SCIFACT / name).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def words(text):
        return re.findall(r"[a-z0-9]+", text.lower())

    docs = [words(row["title"] + " " + row["text"]) for row in rows("corpus.jsonl")]
    queries = [[([w], 1) for w in words(row["text"])] for row in rows("queries.dev.jsonl")]
    counts = Counts(docs)
    answers, notes = run_tool(docs, {1000, 1200, 4000}, queries, 100, 1.2, 0.75)
    for terms, hits in zip(queries, answers):
        assert_best(hits, counts.scores(terms, 1.2, 0.75), 100)
    print(f"SciFact, {len(docs)} items, {len(queries)} queries, k 100: {notes.strip()}")
    assert float(notes.split()[-1]) < 1.0
