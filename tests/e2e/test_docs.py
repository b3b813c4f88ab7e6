# SPDX-License-Identifier: Apache-2.0
"""The documentation names what there is: links, commands, options, functions, formats, the manual."""

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT

HEADERS = sorted((ROOT / "include" / "magpie").glob("*.h"))
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.S | re.M)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
OPTION_LINE = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)", re.M)


def pages():
    """All Markdown of the tree; what set-up, build and demo made is not ours."""
    folders = "docs src apps packs tests fuzz bench examples tools".split()
    found = list(ROOT.glob("*.md"))
    for folder in folders:
        found += (ROOT / folder).rglob("*.md")
    assert len(found) > 25
    return sorted(found)


def run(*args):
    if not (BUILD / "magpie").exists():
        pytest.fail(f"{BUILD}/magpie is not built; run `make build`")
    return subprocess.run(
        [BUILD / "magpie", *args], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def commands():
    """{command: its options as typed}, read from the help."""
    overview = run("help").split("Commands:")[1].split("First steps:")[0]
    names = re.findall(r"^  ([\w-]+) ", overview, re.M)
    assert len(names) >= 10
    options = {}
    for name in names:
        found = OPTION_LINE.findall(run("help", name))
        options[name] = {f"--{long}" for _, long in found} | {f"-{short}" for short, _ in found if short}
        assert {"--index", "-x", "--json", "--help"} <= options[name], name
    return options


def command_lines(text):
    """What a reader would type: shell blocks, indented blocks and code spans that call magpie."""
    blocks = [body for language, body in FENCE.findall(text) if language in ("", "sh", "console")]
    rest = FENCE.sub("", text)
    lines = [line for body in blocks for line in body.splitlines()]
    lines += [line for line in rest.splitlines() if line.startswith("    ")]
    lines += [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", rest)]
    for line in lines:
        for piece in re.split(r"\s[|;]\s|&&|\s#", line):
            found = re.match(r"\s*\$?\s*(?:sudo )?(?:build/)?magpie\s+([A-Za-z-].*)", piece)
            if found:
                yield found.group(1).strip()


def words_of(line):
    try:
        return shlex.split(line.replace("…", ""))
    except ValueError:
        return line.split()


def test_relative_links_lead_somewhere():
    broken = []
    for page in pages():
        for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (page.parent / target.split("#")[0]).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)


def test_commands_and_options_in_the_docs_exist(commands):
    wrong, seen = [], 0
    for page in pages():
        for line in command_lines(page.read_text(encoding="utf-8")):
            name, *rest = words_of(line)
            if name in ("COMMAND", "--version", "--help"):
                continue
            seen += 1
            if name not in commands:
                wrong.append(f"{page.relative_to(ROOT)}: magpie {line}: no command {name}")
                continue
            for word in rest:
                option = re.match(r"--[a-z][a-z-]*|-[a-z](?=$|\d)", word)
                if option and option.group() not in commands[name]:
                    wrong.append(f"{page.relative_to(ROOT)}: magpie {line}: no {option.group()}")
    assert seen > 40, f"only {seen} command lines were found: the pattern must be wrong"
    assert not wrong, "\n".join(wrong)


def test_every_command_has_help_with_an_example(commands):
    for name in commands:
        text = run("help", name)
        assert text.startswith(f"magpie {name} "), text[:80]
        assert re.search(rf"^Example: magpie {name}\b", text, re.M), text


def all_headers():
    return "".join(h.read_text(encoding="utf-8") for h in HEADERS)


def test_every_public_function_is_in_the_api_page_and_no_other():
    header = all_headers()
    declared = set(re.findall(r"^MAGPIE_API [^;(]*?\b(magpie_\w+)\(", header, re.M))
    assert len(declared) > 30
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = sorted(f for f in declared if not re.search(rf"`{f}[`(]", page))
    assert not missing, f"docs/api.md does not name {missing}"
    invented = sorted(w for w in set(re.findall(r"\bmagpie_\w+", page)) if w not in header)
    assert not invented, f"docs/api.md names what the header does not have: {invented}"


def test_every_status_is_explained():
    header = all_headers()
    codes = set(re.findall(r"^  X\(([A-Z_]+), -\d+,", header, re.M))
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert len(codes) >= 14
    assert not [c for c in sorted(codes) if not re.search(rf"\b{c}\b", page)]


def test_every_feature_is_in_the_formats_page():
    names = json.loads(run("version", "--features", "--json"))["features"]
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    missing = sorted(n for n in names if f"`{n}`" not in page)
    assert not missing, f"docs/formats.md does not name {missing}"


def members(value, names):
    """Names of all members, but those below objects whose names are data."""
    if isinstance(value, list):
        for one in value:
            members(one, names)
    elif isinstance(value, dict):
        for name, below in value.items():
            names.add(name)
            if name not in ("metadata", "source_metadata", "items", "scores", "features"):
                members(below, names)
    return names


def test_every_member_of_the_json_is_in_the_json_page(magpie, folder):
    (folder / "a.txt").write_text("The ferry leaves at noon.\n")
    (folder / "b.csv").write_text("name,price\nanvil,19\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 cut")
    lines = magpie.run("index", folder, "--json", code=1).stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    assert {"file", "failed", "done", "report"} <= {a["event"] for a in answers}
    answers.append(magpie.search("ferry", "--kind", "passage"))
    answers += [magpie.status(), magpie.failures()]
    answers.append(json.loads(magpie.run("get", answers[-3]["hits"][0]["id"], "--json").stdout))
    for args in (["models", "list"], ["models", "verify"], ["version"]):
        answers.append(json.loads(magpie.run(*args, "--json", index=False).stdout))
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    spans = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", page))))
    missing = sorted(members(answers, set()) - spans)
    assert not missing, f"docs/json.md does not name {missing}"


def test_every_decision_has_its_own_number():
    numbers = [p.name[:4] for p in (ROOT / "docs" / "decisions").glob("*.md")]
    assert all(n.isdigit() for n in numbers)
    assert len(numbers) == len(set(numbers)), sorted(numbers)


def test_the_manual_names_everything_that_help_does(commands):
    manual = run("help", "--man").replace("\\-", "-")
    for name, options in commands.items():
        assert f".SS magpie {name} " in manual, name
        missing = sorted(o for o in options if o.startswith("--") and o not in manual)
        assert not missing, f"the manual lacks {missing} of {name}"


def test_the_manual_has_no_faults_that_groff_sees(tmp_path):
    if not shutil.which("groff"):
        pytest.skip("groff is not installed: the manual page was NOT checked")
    page = tmp_path / "magpie.1"
    page.write_text(run("help", "--man"), encoding="utf-8")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", page],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_man_shows_the_manual_of_the_build():
    page = BUILD / "magpie.1"
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("man is not installed: the manual page was NOT shown")
    assert page.exists(), f"the build left no {page}"
    assert page.read_text(encoding="utf-8") == run("help", "--man")
    shown = subprocess.run(
        ["man", "-l", page],
        capture_output=True,
        timeout=60,
        env=dict(os.environ, LC_ALL="C.UTF-8", MANPAGER="cat", MANWIDTH="100"),
    )
    assert shown.returncode == 0, shown.stderr.decode()
    assert b"EXIT STATUS" in shown.stdout
