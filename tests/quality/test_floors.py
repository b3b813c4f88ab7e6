# SPDX-License-Identifier: Apache-2.0
"""Quality floors on real data, through the command alone: import or index, then a batch of queries.

Figures of the packs are in docs/models.md; the floors are the issue's. Metrics are computed here, with
the textbook formulas, so that magpie does not judge itself.
"""

import csv
import json
import math
from collections import defaultdict

import pytest

from conftest import Magpie, needs_pack, shared


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("quality")


def make(place, name):
    home = place / "home"
    home.mkdir(exist_ok=True)
    return Magpie(place / f"{name}.mgp", home)


def write_jsonl(path, rows):
    path.write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
    )
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def batch(magpie, place, queries, *options, k=100):
    """Runs queries [(id, parts)]; gives {query: [record, …]}."""
    source = write_jsonl(place / "queries.jsonl", [{"id": i, "parts": p} for i, p in queries])
    run = place / "run.trec"
    magpie.run(
        "search", "--queries", source, "--run", run, "-k", str(k), "-q", *options, timeout=1500
    )
    ranked = defaultdict(list)
    for line in run.read_text().splitlines():
        query, _, record, *_ = line.split(" ")
        ranked[query].append(record)
    return ranked


def text_queries(rows):
    return [(r["id"], [{"text": r["text"]}]) for r in rows]


def ndcg(ranked, relevant, k=10):
    total = 0.0
    for query, wanted in relevant.items():
        gain = sum(1 / math.log2(i + 2) for i, d in enumerate(ranked[query][:k]) if d in wanted)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(k, len(wanted))))
        total += gain / ideal
    return total / len(relevant)


def recall(ranked, relevant, k=10):
    return sum(len(set(ranked[q][:k]) & w) / len(w) for q, w in relevant.items()) / len(relevant)


# ---- SciFact: words, vectors, both ------------------------------------------------------------------


def scifact_index(place, name, *options):
    data = shared("scifact")
    rows = [
        {"id": r["id"], "title": r["title"], "text": r["text"]}
        for r in read_jsonl(data / "corpus.jsonl")
    ]
    magpie = make(place, name)
    magpie.run("import", write_jsonl(place / "scifact.jsonl", rows), "-q", *options, timeout=1500)
    relevant = defaultdict(set)
    for query, document, grade in csv.reader((data / "qrels.dev.tsv").open(), delimiter="\t"):
        if int(grade) > 0:
            relevant[query].add(document)
    return magpie, text_queries(read_jsonl(data / "queries.dev.jsonl")), relevant


@pytest.fixture(scope="module")
def scifact(place):
    needs_pack("multilingual-e5-small")
    return scifact_index(place, "scifact")


def test_scifact_words_reach_the_floor(scifact, place):
    magpie, queries, relevant = scifact
    value = ndcg(batch(magpie, place, queries, "-w", "text=0"), relevant)
    print(f"SciFact BM25 nDCG@10 {value:.4f}")
    assert value >= 0.66


def test_scifact_vectors_reach_the_figure_of_the_pack(scifact, place):
    magpie, queries, relevant = scifact
    value = ndcg(batch(magpie, place, queries, "-w", "words=0"), relevant)
    print(f"SciFact dense nDCG@10 {value:.4f}")
    assert value >= 0.664 - 0.01


def test_scifact_fusion_beats_both(scifact, place):
    magpie, queries, relevant = scifact
    words = ndcg(batch(magpie, place, queries, "-w", "text=0"), relevant)
    vectors = ndcg(batch(magpie, place, queries, "-w", "words=0"), relevant)
    fused = ndcg(batch(magpie, place, queries), relevant)
    print(f"SciFact fused nDCG@10 {fused:.4f}")
    assert fused >= max(words, vectors)


def test_scifact_eval_says_the_same_with_intervals_and_a_verdict(scifact, place):
    magpie, queries, relevant = scifact
    data = shared("scifact")
    done = magpie.run("eval", "--data", data, "--split", "dev", "--json", timeout=600)
    whole = json.loads(done.stdout)
    options = {"lexical": ["-w", "text=0"], "dense": ["-w", "words=0"], "fused": []}
    assert [s["name"] for s in whole["systems"]] == list(options)
    for system in whole["systems"]:
        own = ndcg(batch(magpie, place, queries, *options[system["name"]]), relevant)
        score = system["scores"]["nDCG@10"]
        assert score["mean"] == pytest.approx(own, abs=1e-9)
        assert score["low"] < score["mean"] < score["high"]
    fused = [c for c in whole["comparisons"] if (c["system"], c["measure"]) == ("fused", "nDCG@10")]
    assert fused[0]["baseline"] == "lexical" and fused[0]["p"] < 0.1
    assert whole["verdict"]


def test_scifact_with_the_english_pack_reaches_its_figure(place):
    needs_pack("bge-small-en-v1.5")
    magpie, queries, relevant = scifact_index(
        place, "scifact-bge", "--text-pack", "bge-small-en-v1.5"
    )
    value = ndcg(batch(magpie, place, queries, "-w", "words=0"), relevant)
    print(f"SciFact dense (bge-small) nDCG@10 {value:.4f}")
    assert value >= 0.698 - 0.01


# ---- XQuAD: a question in another language finds the English paragraph ------------------------------


@pytest.fixture(scope="module")
def xquad(place):
    needs_pack("multilingual-e5-small")
    data = shared("xquad")
    magpie = make(place, "xquad")
    rows = [
        {"id": r["id"], "text": r["text"], "title": r.get("title", "").replace("_", " ")}
        for r in read_jsonl(data / "corpus.en.jsonl")
    ]
    magpie.run("import", write_jsonl(place / "xquad.jsonl", rows), "-q", timeout=600)
    return magpie


@pytest.mark.parametrize(
    "language,figure", [("en", 0.995), ("de", 0.984), ("es", 0.988), ("zh", 0.939), ("ar", 0.931)]
)
def test_xquad_question_finds_the_english_paragraph(xquad, place, language, figure):
    rows = read_jsonl(shared("xquad") / f"queries.{language}.jsonl")
    relevant = {r["id"]: {r["doc"]} for r in rows}
    value = recall(batch(xquad, place, text_queries(rows), k=20), relevant)
    print(f"XQuAD {language} -> en recall@10 {value:.4f}")
    assert value >= figure - 0.01


# ---- ESC-10: sounds --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def esc10(place):
    needs_pack("yamnet")
    data = shared("esc10")
    rows = [r for r in read_jsonl(data / "manifest.jsonl") if int(r["fold"]) <= 4]
    magpie = make(place, "esc10")
    magpie.run(
        "import",
        write_jsonl(
            place / "esc10.jsonl", [{"id": r["id"], "path": str(data / r["path"])} for r in rows]
        ),
        "-q",
        timeout=600,
    )
    return magpie, rows


def test_sound_finds_sounds_of_its_class(esc10, place):
    magpie, rows = esc10
    label = {r["id"]: r["label"] for r in rows}
    fold = {r["id"]: r["fold"] for r in rows}
    data = shared("esc10")
    ranked = batch(
        magpie, place, [(r["id"], [{"audio": str(data / r["path"])}]) for r in rows], k=320
    )
    total = 0.0
    for query, found in ranked.items():
        others = [d for d in found if fold[d] != fold[query]][:5]
        total += sum(label[d] == label[query] for d in others) / 5
    value = total / len(rows)
    print(f"ESC-10 sound -> sound P@5 {value:.4f}")
    assert value >= 0.93


@pytest.mark.parametrize("column", ["label", "caption"])
def test_text_finds_sounds(esc10, place, column):
    magpie, rows = esc10
    label = {r["id"]: r["label"] for r in rows}
    table = csv.reader((shared("esc10") / "labels.tsv").open(), delimiter="\t")
    classes = [{"label": row[1], "caption": row[2]} for row in table if row[0].isdigit()]
    ranked = batch(
        magpie, place, [(str(i), [{"text": c[column]}]) for i, c in enumerate(classes)], k=10
    )
    value = sum(
        label[d] == c["label"] for i, c in enumerate(classes) for d in ranked[str(i)][:10]
    ) / (10 * len(classes))
    print(f"ESC-10 {column} -> sound P@10 {value:.4f}")
    assert value >= 0.96


# ---- Flickr8k: a caption finds its photo ------------------------------------------------------------


def test_caption_finds_its_photo(place):
    needs_pack("efficientnet-lite0")
    data = shared("flickr8k-1k")
    rows = [r for r in read_jsonl(data / "manifest.jsonl") if (data / r["path"]).exists()]
    magpie = make(place, "flickr")
    magpie.run(
        "import",
        write_jsonl(
            place / "flickr.jsonl", [{"id": r["id"], "path": str(data / r["path"])} for r in rows]
        ),
        "-q",
        timeout=600,
    )
    queries, relevant = [], {}
    for r in rows:
        for n, caption in enumerate(r["captions"]):
            queries.append((f"{r['id']}-{n}", [{"text": caption}]))
            relevant[f"{r['id']}-{n}"] = {r["id"]}
    value = recall(batch(magpie, place, queries, k=10), relevant)
    print(f"Flickr8k caption -> photo R@10 {value:.4f}")
    assert value >= 0.24
