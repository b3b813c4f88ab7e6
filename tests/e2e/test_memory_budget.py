# SPDX-License-Identifier: Apache-2.0
"""--memory is a ceiling on anonymous memory for index, merge and search, or a clear error and a whole index.

What no counted allocator sees (code's own data, stacks, what malloc keeps of freed blocks, a model's graph while it
is read) has an allowance: LIBRARIES beside models, MODELS with them.
"""

import json
import random
import subprocess
import time

import pytest
from conftest import BUILD

LIBRARIES = 16 << 10  # kB
MODELS = 32 << 10


@pytest.fixture
def words_only(magpie, tmp_path):
    (tmp_path / "no_packs").mkdir()
    magpie.env["MAGPIE_PACKS"] = str(tmp_path / "no_packs")
    return magpie


def anonymous_kb(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("RssAnon:")), 0)
    except OSError:
        return 0


def run_watched(magpie, *args):
    """(exit status, standard error, peak of anonymous memory in kB)"""
    command = [str(BUILD / "magpie"), *map(str, args), "-x", str(magpie.index)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=magpie.env, text=True
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_kb(process.pid))
            time.sleep(0.0005)
        return process.returncode, process.stderr.read(), peak


def write_records(path, count, dim):
    rng = random.Random(5)
    numbers = [round(rng.uniform(-1, 1), 3) for _ in range(2 * dim)]
    with open(path, "w") as out:
        for i in range(count):
            at = rng.randrange(dim)
            record = {"id": f"r{i}", "title": f"only{i} w{i % 50}", "vector": numbers[at : at + dim]}
            out.write(json.dumps(record) + "\n")


def test_import_merge_and_search_stay_below_64_megabytes(words_only, tmp_path):
    write_records(tmp_path / "records.jsonl", 20000, 384)
    for args in (["import", tmp_path / "records.jsonl"], ["merge", "--all"], ["search", "only777"]):
        code, told, peak = run_watched(words_only, *args, "--memory", "64M")
        assert code == 0, told
        assert peak <= (64 << 10) + LIBRARIES, f"{args[0]}: {peak} kB"
    assert words_only.status()["items"] == {"vector": 20000}
    assert words_only.search("only777")["hits"][0]["id"] == "r777#1"
    words_only.run("check", "--deep")


def test_a_budget_changes_no_answer(words_only, tmp_path):
    write_records(tmp_path / "records.jsonl", 3000, 64)
    answers = []
    for budget in ("64M", "512M"):
        words_only.index = str(tmp_path / f"{budget}.mgp")
        words_only.run("import", tmp_path / "records.jsonl", "--memory", budget)
        words_only.run("merge", "--all", "--memory", budget)
        answers.append(words_only.search("w7", "-k", "20", "--memory", budget)["hits"])
    assert [(h["id"], h["score"]) for h in answers[0]] == [(h["id"], h["score"]) for h in answers[1]]


def test_one_record_too_large_is_a_failure_and_the_others_are_imported(words_only, tmp_path):
    with open(tmp_path / "records.jsonl", "w") as out:
        out.write('{"id":"before","text":"a heron"}\n')
        out.write('{"id":"large","text":"x","metadata":{"n":[' + "1," * 2_000_000 + "1]}}\n")
        out.write('{"id":"after","text":"a gull"}\n')
    words_only.run("import", tmp_path / "records.jsonl", "--memory", "64M", code=None)
    assert {h["id"] for h in words_only.search("heron gull")["hits"]} == {"before#1", "after#1"}
    failures = words_only.run("failures").stdout.decode()
    assert "--memory is 64M" in failures and "raise it to at least" in failures, failures
    words_only.run("check", "--deep")
    words_only.run("import", tmp_path / "records.jsonl", "--memory", "1G")
    assert sum(words_only.status()["items"].values()) == 3


def test_a_page_too_large_is_a_failure_and_the_others_are_indexed(words_only, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.txt").write_text("A heron waits by the water.")
    (folder / "large.html").write_text("<html><body>" + "<i>x</i>" * 400_000)
    (folder / "z.txt").write_text("A gull follows the boats.")
    code, told, peak = run_watched(words_only, "index", folder, "--memory", "64M")
    assert peak <= (64 << 10) + LIBRARIES
    assert len(words_only.search("heron gull")["hits"]) == 2, told
    failures = words_only.run("failures").stdout.decode()
    assert "large.html" in failures and "--memory is 64M" in failures, failures
    words_only.run("check", "--deep")


def test_models_that_do_not_fit_are_refused_with_the_size_and_nothing_is_lost(magpie, tmp_path):
    (tmp_path / "a.txt").write_text("A heron waits by the water.")
    code, told, peak = run_watched(magpie, "index", tmp_path / "a.txt", "--memory", "64M")
    if "is not installed" in told or "was not found" in told:
        pytest.skip("no packs: run `make setup`")
    assert code == 1
    assert "the pack " in told and "--memory is 64M" in told and "raise it to at least" in told, told
    assert peak <= (64 << 10) + LIBRARIES
    code, told, peak = run_watched(magpie, "index", tmp_path / "a.txt", "--memory", "192M")
    assert code == 0, told
    assert peak <= (192 << 10) + MODELS, peak
    magpie.run("check", "--deep")
