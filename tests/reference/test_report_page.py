# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation against its JSON, read with Python's own parsers; the JSON against NumPy.

Evaluations are made through ctypes from random runs. Every <svg> must be well-formed XML of finite numbers, every
cell of the tables the value of the JSON, every text of a stranger only text. MAGPIE_BUILD names the build folder.
"""

import ctypes as c
import html.parser
import json
import math
import os
import random
import re
import statistics
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
HOSTILE = "</title><script>alert('x')</script>\"'&\x01\x1b[31m" + "\u202ekcab"


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("message", c.c_char * 768), ("place", c.c_char * 256)]


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("measures", c.POINTER(c.c_char_p)), ("measure_count", c.c_size_t),
                ("baseline", c.c_char_p), ("alpha", c.c_double), ("confidence", c.c_double),
                ("rounds", c.c_uint64), ("seed", c.c_uint64), ("hits", c.c_size_t), ("level", c.c_int64),
                ("only_answered", c.c_bool), ("name", c.c_char_p)]


class Magpie:
    """The part of eval.h that is needed here."""

    def __init__(self):
        self.lib = c.CDLL(str(BUILD / "libmagpie.so"))
        self.error = Error()

    def call(self, name, *args):
        status = getattr(self.lib, name)(*args, c.byref(self.error))
        assert status == 0, f"{name}: {self.error.message.decode()}"

    def evaluate(self, judged, systems, described=None, **options):
        """{query: {document: gain}}, {system: ({query: {document: score}}, {query: ms}, settings, extra)}."""
        qrels, evaluation, text = c.c_void_p(), c.c_void_p(), c.c_char_p()
        self.call("magpie_qrels_create", c.byref(qrels))
        for query, gains in judged.items():
            for document, gain in gains.items():
                self.call("magpie_qrels_add", qrels, query.encode(), document.encode(), c.c_int64(gain))
        made = Options(size=c.sizeof(Options), **options)
        self.call("magpie_evaluation_create", qrels, c.byref(made), c.byref(evaluation))
        self.lib.magpie_qrels_destroy(qrels)
        for kind, texts in (described or {}).items():
            for name, (one, other) in texts.items():
                self.call(f"magpie_evaluation_describe_{kind}", evaluation, name.encode(), one.encode(),
                          other.encode())
        for name, (found, times, settings, extra) in systems.items():
            run = c.c_void_p()
            self.call("magpie_run_create", c.byref(run))
            for query, scores in found.items():
                self.call("magpie_run_asked", run, query.encode(), c.c_double(times.get(query, -1)))
                for document, score in scores.items():
                    self.call("magpie_run_add", run, query.encode(), document.encode(), c.c_double(score))
            self.call("magpie_evaluation_add", evaluation, name.encode(), run, json.dumps(settings).encode(),
                      json.dumps(extra).encode())
            self.lib.magpie_run_destroy(run)
        self.call("magpie_evaluation_json", evaluation, c.byref(text))
        out = json.loads(text.value)
        self.lib.magpie_free(text)
        self.lib.magpie_evaluation_destroy(evaluation)
        return out

    def made_of(self, name, stored, *args):
        text = c.c_char_p()
        self.call(f"magpie_evaluation_{name}", json.dumps(stored).encode(), *args, c.byref(text))
        out = text.value.decode()
        self.lib.magpie_free(text)
        return out

    def page(self, stored):
        return self.made_of("html", stored)

    def table(self, stored, width=0):
        return self.made_of("table", stored, c.c_int(width), c.c_bool(False))


def random_case(systems=3, queries=60, seed=1, names=None, timed=True):
    """Systems that get better with their number; two query modalities, three kinds of documents."""
    rng = random.Random(seed)
    names = names or [f"system{i}" for i in range(systems)]
    documents = [f"d{i}" for i in range(300)]
    judged = {f"q{i}": {d: rng.randint(1, 2) for d in rng.sample(documents, 3)} for i in range(queries)}
    runs = {}
    for number, name in enumerate(names):
        found, times = {}, {}
        for query, gains in judged.items():
            scores = {d: rng.random() for d in rng.sample(documents, 40)}
            scores.update({d: rng.random() + 0.25 * number / len(names) for d in gains if rng.random() < 0.9})
            found[query] = scores
            times[query] = rng.lognormvariate(0.5 + 2.5 * number / len(names), 0.4)
        diagnosis = {"counts": {"found": 100 - number, "not_indexed": 1, "not_recalled": 7, "lost_in_fusion": number,
                                "lost_in_rerank": 0, "filtered": 2}, "queries": []}
        runs[name] = (found, times if timed else {}, {"k": 100, "weights": {"text": number / 10}},
                      {"diagnosis": diagnosis})
    described = {
        "query": {f"q{i}": (f"what does query {i} ask for?", "text" if i % 3 else "image") for i in range(queries)},
        "document": {d: (f"The title of document {d}", ("page", "image", "sound")[i % 3])
                     for i, d in enumerate(documents)}}
    return judged, runs, described


class Tables(html.parser.HTMLParser):
    """Tables by id as rows of (text, data-v), texts outside scripts and styles, tags and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.tags, self.text, self.inside = {}, [], [], []
        self.table = self.cell = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        self.inside = [tag] if tag in ("script", "style") else []
        if tag == "table":
            self.table = self.tables.setdefault(given.get("id", f"table{len(self.tables)}"), [])
        elif tag == "tr" and self.table is not None:
            self.table.append([])
        elif tag in ("td", "th") and self.table:
            self.cell = ["", given.get("data-v")]
            self.table[-1].append(self.cell)

    def handle_endtag(self, tag):
        self.inside = []
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if not self.inside:
            self.text.append(data)
        if self.cell is not None:
            self.cell[0] += data


def check_drawings(page):
    """Well-formed, finite, all inside; no two texts of a drawing on top of each other. Returns their number."""
    drawings = re.findall(r"<svg.*?</svg>", page, re.S)
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        width, height = (float(x) for x in root.get("viewBox").split()[2:])
        boxes = []
        for node in root.iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "d", "fill-opacity"):
                for number in re.findall(r"[-+]?[\w.]+", re.sub(r"[MLHVZAmlhvza]", " ", node.get(name) or "")):
                    assert math.isfinite(float(number)), (name, node.attrib)
            if node.tag.endswith("text"):
                x, y, columns = float(node.get("x")), float(node.get("y")), len(node.text or "")
                size = 7.6 * columns
                left = x - {"start": 0, "middle": size / 2, "end": size}[node.get("text-anchor")]
                assert left >= -1 and left + size <= width + 8 and 0 < y <= height, node.text
                boxes.append((left, y, left + size, node.text))
        for i, (left, y, right, text) in enumerate(boxes):
            for other_left, other_y, other_right, other in boxes[:i]:
                apart = abs(y - other_y) >= 12 or right <= other_left or other_right <= left
                assert apart, f"{text!r} lies on {other!r}"
    return len(drawings)


@pytest.fixture(scope="module")
def magpie():
    assert (BUILD / "libmagpie.so").exists(), "build libmagpie first (ninja libmagpie.so)"
    return Magpie()


@pytest.mark.parametrize("systems", [1, 3, 12])
def test_page_when_random_systems_then_its_tables_are_the_json(magpie, systems):
    names = [f"system {i} with a name that is long enough to be cut" for i in range(systems)]
    stored = magpie.evaluate(*random_case(systems, names=names), name=b"random")
    page = magpie.page(stored)
    tables = Tables(page).tables
    head, *rows = tables["systems"]
    assert [cell[0] for cell in head][1:4] == [m["name"] for m in stored["measures"]]
    assert len(rows) == systems
    for row, system in zip(rows, stored["systems"]):
        assert row[0][0].startswith(system["name"][:31])
        for cell, measure in zip(row[1:], stored["measures"]):
            score = system["scores"][measure["name"]]
            assert float(cell[1]) == pytest.approx(score["mean"], rel=1e-9)
            shown = [float(x) for x in re.match(r"(\S+) \[(\S+), (\S+)\]", cell[0]).groups()]
            assert shown == pytest.approx([score["mean"], score["low"], score["high"]], abs=0.00051)
        times = system["latency"]
        assert [float(cell[1]) for cell in row[4:]] == pytest.approx(
            [times["p50_ms"], times["p95_ms"], times["p99_ms"], times["queries_per_s"]], rel=1e-9)
    for row, query, place in zip(tables["query-values"][1:], stored["queries"], range(60)):
        assert row[0][0] == query["id"] and int(row[3][1]) == query["relevant"] == 3
        values = [s["scores"][stored["measures"][0]["name"]]["values"][place] for s in stored["systems"]]
        assert [float(cell[1]) for cell in row[4:4 + systems]] == pytest.approx(values, rel=1e-9)
    assert check_drawings(page) == 3 + 2 + (systems - 1)
    for sentence in stored["verdict"]:
        assert sentence in "".join(Tables(page).text)


def test_json_when_random_systems_then_its_figures_are_those_of_the_values(magpie):
    stored = magpie.evaluate(*random_case(4, seed=5), baseline=b"system1", rounds=2000)
    systems = {s["name"]: s for s in stored["systems"]}
    for system in systems.values():
        for score in system["scores"].values():
            assert score["mean"] == pytest.approx(statistics.fmean(score["values"]), abs=1e-12)
            assert score["low"] <= score["mean"] <= score["high"]
        times = sorted(system["latency"]["values_ms"])
        assert system["latency"]["p95_ms"] == times[math.ceil(0.95 * len(times)) - 1]
        assert system["latency"]["queries_per_s"] == pytest.approx(1000 / statistics.fmean(times), rel=1e-9)
        assert sum(map(sum, system["confusion"]["counts"])) == sum(map(len, system["hits"]))
    assert len(stored["comparisons"]) == 3 * 3
    for one in stored["comparisons"]:
        a, b = (systems[n]["scores"][one["measure"]]["values"] for n in (one["system"], "system1"))
        differences = [x - y for x, y in zip(a, b)]
        assert one["baseline"] == "system1" and one["n"] == 60
        assert one["difference"] == pytest.approx(statistics.fmean(differences), abs=1e-12)
        assert one["wins"] == sum(d > 1e-12 for d in differences)
        assert one["losses"] == sum(d < -1e-12 for d in differences)
        assert one["significant"] == (one["p_holm"] <= 0.05)
        sizes = [abs(x["system"] - x["baseline"]) for x in one["changed"]]
        assert sizes == pytest.approx(sorted(map(abs, differences), reverse=True)[:10], abs=1e-12)
    for measure in stored["measures"]:
        family = sorted((o for o in stored["comparisons"] if o["measure"] == measure["name"]), key=lambda o: o["p"])
        worst = 0
        for left, one in zip((3, 2, 1), family):
            worst = max(worst, min(1, left * one["p"]))
            assert one["p_holm"] == pytest.approx(worst, abs=1e-12)


def test_page_when_texts_are_hostile_then_they_stay_text(magpie):
    judged, runs, described = random_case(2, 8, names=["<script>alert(1)</script>", "a\"b'c&d"])
    described["query"]["q1"] = (HOSTILE, "<b>image")
    described["document"] = {d: (HOSTILE if i % 2 else "t" * 10000, "</table><img src=x onerror=alert(1)>")
                             for i, d in enumerate(described["document"])}
    stored = magpie.evaluate(judged, runs, described, name=HOSTILE.encode())
    stored["systems"][0]["diagnosis"]["counts"]["<img src=x>"] = 3
    page = magpie.page(stored)
    seen = Tables(page)
    assert [tag for tag, _ in seen.tags].count("script") == 1
    assert not {"img", "iframe", "object", "link"} & {tag for tag, _ in seen.tags}
    assert not [name for _, given in seen.tags for name in given if name.startswith("on") or name in ("src", "href")]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", page)
    assert "t" * 700 not in page and len(page) < 3_000_000
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert check_drawings(page) == 3 + 2 + 1


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_page_when_there_is_a_sweep_then_it_is_drawn(magpie, axes):
    stored = magpie.evaluate(*random_case(2, 20))
    values = [[i / 10 for i in range(11)], [1, 10, 60, 100], [3, 4]][:axes]
    grid = [[]]
    for axis in values:
        grid = [point + [value] for point in grid for value in axis]
    rng = random.Random(3)
    stored["sweep"] = {"measure": "nDCG@10", "axes": [{"name": f"weights.{i}", "values": v}
                                                         for i, v in enumerate(values)],
                       "grid": [{"values": p, "mean": rng.random()} for p in grid], "folds": [],
                       "held_out": {"mean": 0.5, "low": 0.4, "high": 0.6}, "best": {"weights.0": 0.5}}
    page = magpie.page(stored)
    assert check_drawings(page) == 3 + 2 + 1 + (axes < 3)
    best = max(point["mean"] for point in stored["sweep"]["grid"])
    rows = [rows for name, rows in Tables(page).tables.items() if rows[0][0][0] == "weights.0"][0]
    assert float(rows[1][-1][1]) == pytest.approx(best, rel=1e-9)


def test_page_when_systems_differ_in_one_setting_then_a_curve_joins_them(magpie):
    judged, runs, described = random_case(5, 20)
    assert "in the order of" in magpie.page(magpie.evaluate(judged, runs, described))
    runs["system2"][2]["k"] = 7
    assert "in the order of" not in magpie.page(magpie.evaluate(judged, runs, described))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200, 0])
def test_table_when_narrow_then_blocks_that_fit(magpie, width):
    stored = magpie.evaluate(*random_case(3, names=["lexical", "dense", "日本語の検索システムの長い名前です本当に長い"]))
    text = magpie.table(stored, width)
    wide = lambda line: sum(2 if ord(ch) > 0x2e80 else 1 for ch in line)  # noqa: E731
    for line in text.split("\n\n")[0].splitlines():
        assert width == 0 or wide(line) <= max(width, 12 + 2 + 24), line
    for system in stored["systems"]:
        for score in system["scores"].values():
            assert f"{score['mean']:.3f} [{score['low']:.3f}, {score['high']:.3f}]" in text
