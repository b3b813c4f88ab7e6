# SPDX-License-Identifier: Apache-2.0
"""magpie eval, end to end, on a small index of words: no pack is needed."""

import json
import math
import random
import re

import pytest

from conftest import Magpie

TOPICS = ["harbour", "glacier", "orchard", "violin", "compass", "lantern", "meadow", "quarry"]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("eval")


@pytest.fixture(scope="module")
def magpie(place):
    """64 short records; the query "t0 t1" has those as answers that hold both words."""
    home = place / "home"
    home.mkdir()
    magpie = Magpie(place / "i.mgp", home)
    magpie.env["MAGPIE_PACKS"] = str(place / "no-packs")
    rng = random.Random(7)
    rows = []
    for i in range(64):
        words = [TOPICS[i % 8], TOPICS[(i // 8) % 8]] + rng.choices(["stone", "light", "water", "road"], k=6)
        rows.append({"id": f"d{i}", "text": " ".join(words)})
    magpie.run("import", write_lines(place / "corpus.jsonl", rows), "-q")
    return magpie


@pytest.fixture(scope="module")
def queries(place):
    rows = []
    for i in range(24):
        a, b = i % 8, (i * 3 + 1) % 8
        found = [f"d{n}" for n in range(64) if {n % 8, n // 8 % 8} == {a, b}]
        rows.append({"id": f"q{i}", "parts": [{"text": f"{TOPICS[a]} {TOPICS[b]}"}], "positives": found})
    return write_lines(place / "queries.jsonl", rows)


def evaluate(magpie, *args, **options):
    return json.loads(magpie.run("eval", "--json", *args, **options).stdout)


def test_three_presets_give_a_table_with_intervals_and_a_verdict(magpie, queries):
    done = magpie.run("eval", "--queries", queries, "-q")
    assert done.stdout == b""
    text = magpie.run("eval", "--queries", queries).stdout.decode()
    for name in ("lexical", "dense", "fused", "nDCG@10"):
        assert name in text
    assert re.search(r"0\.\d+ \[\d\.\d+, \d\.\d+\]", text) or re.search(r"1\.\d+ \[\d\.\d+, \d\.\d+\]", text)


def test_values_are_those_of_the_run_it_writes(magpie, queries, place):
    runs = place / "runs"
    whole = evaluate(magpie, "--queries", queries, "--system", "lexical", "--trec", runs, "-k", "20")
    ranked = {}
    for line in (runs / "lexical.run").read_text().splitlines():
        query, _, record, rank, score, _ = line.split()
        ranked.setdefault(query, []).append((float(score), record))
    wanted = {r["id"]: set(r["positives"]) for r in map(json.loads, queries.read_text().splitlines())}
    for query, value in zip(whole["queries"], whole["systems"][0]["scores"]["nDCG@10"]["values"]):
        hits = [r for _, r in sorted(ranked.get(query["id"], []), reverse=True)][:10]
        relevant = wanted[query["id"]]
        gain = sum(1 / math.log2(i + 2) for i, r in enumerate(hits) if r in relevant)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(relevant))))
        assert value == pytest.approx(gain / ideal, abs=1e-9)


def test_order_of_the_run_is_the_order_of_search(magpie, queries, place):
    runs = place / "order"
    magpie.run("eval", "--queries", queries, "--system", "fused", "--trec", runs, "-k", "50", "-q")
    first = json.loads(queries.read_text().splitlines()[0])
    hits = json.loads(magpie.run("search", first["parts"][0]["text"], "-k", "50", "--records", "--json").stdout)
    lines = [line.split() for line in (runs / "fused.run").read_text().splitlines()]
    assert [line[2] for line in lines if line[0] == "q0"] == [h["record"] for h in hits["hits"]]
    scores = [float(line[4]) for line in lines if line[0] == "q0"]
    assert all(a > b for a, b in zip(scores, scores[1:]))


def test_latency_stands_beside_quality(magpie, queries):
    whole = evaluate(magpie, "--queries", queries)
    for system in whole["systems"]:
        latency = system["latency"]
        assert 0 < latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"]
        assert latency["queries_per_s"] > 0
        assert len(latency["values_ms"]) == 24


def causes_of(whole):
    return {(m["query"], m["document"]): m for m in whole["systems"][0]["diagnosis"]["queries"]}


def test_explain_names_where_documents_were_lost(magpie, place):
    rows = [
        {"id": "a", "text": "harbour glacier", "positives": ["d7", "no-such-record"]},
        {"id": "b", "text": "zeppelin", "positives": ["d2"]},
    ]
    file = write_lines(place / "lost.jsonl", rows)
    whole = evaluate(magpie, "--queries", file, "--system", "lexical", "--explain", "-m", "R@1")
    causes = causes_of(whole)
    assert causes["a", "no-such-record"]["cause"] == "not_indexed"
    assert causes["b", "d2"]["cause"] == "not_recalled" and causes["b", "d2"]["best_rank"] is None
    assert causes["a", "d7"]["cause"] == "not_recalled"
    assert causes["a", "d7"]["best_rank"] > 1 and causes["a", "d7"]["space"] == "words"
    kinds = evaluate(
        magpie, "--queries", file, "--system", "lexical", "--explain", "-m", "R@1", "--kind", "image"
    )
    assert causes_of(kinds)["a", "d7"]["cause"] == "filtered"
    assert sum(whole["systems"][0]["diagnosis"]["counts"].values()) == 3


def test_explain_tells_what_fusion_lost(magpie, place):
    """c is the first of the vectors; the words, which do not know it, carry a and b past it."""
    rows = [
        {"id": "probe", "vector": [1.0, 0.0], "text": "nothing"},
        {"id": "c", "vector": [1.0, 0.01], "text": "nothing either"},
        {"id": "a", "vector": [0.9, 0.1], "text": "velvet anchor"},
        {"id": "b", "vector": [0.8, 0.2], "text": "velvet anchor"},
    ]
    home = place / "lost-in-fusion"
    home.mkdir()
    index = Magpie(home / "i.mgp", home)
    index.env["MAGPIE_PACKS"] = str(home / "no-packs")
    index.run("import", write_lines(home / "r.jsonl", rows), "-q")
    parts = [{"text": "velvet anchor"}, {"item": "probe"}]
    file = write_lines(home / "q.jsonl", [{"id": "q", "parts": parts, "positives": ["c"]}])
    whole = evaluate(index, "--queries", file, "--system", "fused", "--explain", "-m", "R@1")
    miss = causes_of(whole)["q", "c"]
    assert (miss["cause"], miss["best_rank"], miss["space"]) == ("lost_in_fusion", 1, "vectors")


def test_explain_counts_every_relevant_document(magpie, queries):
    whole = evaluate(magpie, "--queries", queries, "--system", "lexical", "--explain")
    counts = whole["systems"][0]["diagnosis"]["counts"]
    relevant = sum(len(json.loads(r)["positives"]) for r in queries.read_text().splitlines())
    assert sum(counts.values()) == relevant


def test_sweep_is_held_out(magpie, queries):
    whole = evaluate(
        magpie, "--queries", queries, "--sweep", "weights.words=0..1:0.5", "--sweep", "k=5,20", "--folds", "4"
    )
    sweep = whole["sweep"]
    assert [a["name"] for a in sweep["axes"]] == ["weights.words", "k"]
    assert sweep["axes"][0]["values"] == [0.0, 0.5, 1.0]
    assert len(sweep["grid"]) == 6 and len(sweep["folds"]) == 4
    assert sum(f["queries"] for f in sweep["folds"]) == 24
    # weight 0 asks nothing in an index of words alone: it must lose, in every fold
    zero = [g["mean"] for g in sweep["grid"] if g["values"][0] == 0]
    assert zero == [0, 0]
    assert all(f["chosen"][0] > 0 for f in sweep["folds"])
    assert [s["name"] for s in whole["systems"]] == ["base", "tuned"]
    held = sum(f["held_out"] * f["queries"] for f in sweep["folds"]) / 24
    assert sweep["held_out"]["mean"] == pytest.approx(held, abs=1e-9)
    # what the second pass really asked is what the grid had measured
    tuned = whole["systems"][1]["scores"]["nDCG@10"]["mean"]
    assert tuned == pytest.approx(held, abs=1e-9)


def test_grid_points_equal_separate_evaluations(magpie, queries):
    sweep = evaluate(magpie, "--queries", queries, "--sweep", "k=3,30", "-m", "R@20")["sweep"]
    for point in sweep["grid"]:
        alone = evaluate(
            magpie, "--queries", queries, "--system", f"x=fused,k={int(point['values'][0])}", "-m", "R@20"
        )
        assert point["mean"] == pytest.approx(alone["systems"][0]["scores"]["R@20"]["mean"], abs=1e-12)


def test_stored_evaluations_are_compared(magpie, queries, place):
    good, bad = place / "good.mgeval", place / "bad.mgeval"
    magpie.run("eval", "--queries", queries, "--system", "s=lexical", "--out", good, "-q")
    magpie.run("eval", "--queries", queries, "--system", "s=lexical,kind=image", "--out", bad, "-q")
    fell = json.loads(magpie.run("eval", "diff", good, bad, "--json", code=1, index=False).stdout)
    assert fell["fell"]
    rose = json.loads(magpie.run("eval", "diff", bad, good, "--json", index=False).stdout)
    assert not rose["fell"]
    magpie.run("eval", "diff", good, good, index=False)
    text = magpie.run("eval", "diff", good, bad, code=1, index=False).stdout.decode()
    assert "nDCG@10" in text


def test_page_is_self_contained(magpie, queries, place):
    page = place / "page.html"
    magpie.run("eval", "--queries", queries, "--html", page, "-q")
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text and "lexical" in text
    assert not re.search(r'(src|href)="(https?:)?//', text)


def test_runs_without_an_index(place, magpie):
    qrels = place / "t.qrels"
    qrels.write_text("q1 0 a 1\nq1 0 b 0\nq2 0 c 2\n")
    (place / "one.run").write_text("q1 Q0 a 1 2.0 t\nq1 Q0 b 2 1.0 t\nq2 Q0 x 1 1.0 t\n")
    (place / "two.run").write_text("q1 Q0 b 1 2.0 t\nq1 Q0 a 2 1.0 t\nq2 Q0 c 1 1.0 t\n")
    fused = place / "fused.run"
    whole = evaluate(
        magpie, "--qrels", qrels, "--run", place / "one.run", "--run", place / "two.run", "--fuse",
        "--trec", fused, "--exact", place / "one.run", "-k", "2", "-m", "RR,P@1", index=False,
    )
    names = [s["name"] for s in whole["systems"]]
    assert names == ["one", "two", "rrf"]
    assert whole["systems"][0]["scores"]["RR"]["values"] == [1.0, 0.0]
    assert whole["systems"][1]["scores"]["RR"]["values"] == [0.5, 1.0]
    assert whole["systems"][0]["exact_recall"] == 1.0
    assert whole["systems"][1]["exact_recall"] == 0.5
    assert len(fused.read_text().splitlines()) == 4


def test_a_bad_line_is_named(place, magpie):
    qrels = place / "bad.qrels"
    qrels.write_text("q1 0 a 1\nq1 0 b\n")
    run = place / "fine.run"
    run.write_text("q1 Q0 a 1 2.0 t\n")
    error = magpie.run("eval", "--qrels", qrels, "--run", run, code=1, index=False).stderr.decode()
    assert "bad.qrels:2" in error
    qrels.write_text("q1 0 a 1\n")
    run.write_text("q1 Q0 a 1 2.0 t\nq1 Q0 a 2 1.0 t\n")
    error = magpie.run("eval", "--qrels", qrels, "--run", run, code=1, index=False).stderr.decode()
    assert "fine.run:2" in error


@pytest.mark.parametrize(
    "args, words",
    [
        ([], "--run FILE"),
        (["--run", "x"], "--qrels"),
        (["nonsense"], "nonsense"),
        (["diff", "one"], "two stored evaluations"),
        (["--queries", "q", "--sweep", "k"], "--sweep"),
        (["--queries", "q", "--alpha", "2"], "--alpha"),
    ],
)
def test_usage_errors_say_what_was_expected(magpie, args, words):
    error = magpie.run("eval", *args, code=2).stderr.decode()
    assert words in error


def test_unknown_systems_and_spaces_are_named(magpie, queries):
    error = magpie.run("eval", "--queries", queries, "--system", "lexcal", code=2).stderr.decode()
    assert "lexical" in error
    error = magpie.run("eval", "--queries", queries, "--system", "x=wrods=1", code=2).stderr.decode()
    assert "words" in error
    error = magpie.run("eval", "--queries", queries, "--sweep", "weights.pictures=0,1", code=2).stderr.decode()
    assert "pictures" in error


def test_a_query_that_fails_scores_nothing_and_is_named(magpie, place):
    rows = [
        {"id": "fine", "text": "harbour", "positives": ["d0"]},
        {"id": "gone", "parts": [{"item": "no-such-item"}], "positives": ["d1"]},
    ]
    file = write_lines(place / "gone.jsonl", rows)
    done = magpie.run("eval", "--queries", file, "--system", "lexical", "--json", code=1)
    system = json.loads(done.stdout)["systems"][0]
    assert [f["query"] for f in system["failed"]] == ["gone"]
    assert "no-such-item" in system["failed"][0]["reason"]


def test_rows_and_vectors_of_files(magpie, place):
    file = write_lines(
        place / "answers.jsonl",
        [
            {"prediction": "The Eiffel Tower", "answers": ["eiffel tower"]},
            {"prediction": "in 1889", "answers": ["1889"]},
        ],
    )
    values = evaluate(magpie, "rows", file, "-m", "em,f1", index=False)["measures"]
    assert values["em"]["value"] == 0.5
    assert values["f1"]["value"] == pytest.approx((1 + 2 / 3) / 2)
    same = write_lines(place / "v.jsonl", [{"vector": [1, 0]}, {"vector": [0, 1]}, {"vector": [1, 1]}])
    text = magpie.run("eval", "vectors", same, same, "-k", "1", index=False).stdout.decode()
    assert re.search(r"gap +0\.0", text)


def test_measures_are_listed(magpie):
    rows = evaluate(magpie, "measures", index=False)
    assert {"nDCG", "AP", "RR", "P", "R"} <= {r["name"] for r in rows}
