# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: the built command, a fresh place to work in, and files to index."""

import json
import os
import pathlib
import subprocess

import catalog_pages
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
SHARED = ROOT.parent / "shared" / "data"


class Magpie:
    """Runs the command on one index and checks the exit code."""

    def __init__(self, index, home):
        self.index = str(index)
        self.env = dict(os.environ, HOME=str(home), XDG_DATA_HOME=str(home / "data"), NO_COLOR="1")
        self.env.pop("MAGPIE_INDEX", None)

    def run(self, *args, code=0, stdin=None, timeout=300, index=True, env=None):
        argv = [str(BUILD / "magpie"), *map(os.fspath, args)]
        if index:
            argv += ["-x", self.index]
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=dict(self.env, **(env or {})),
        )
        if code is not None:
            assert done.returncode == code, (
                f"{argv} gave {done.returncode}, expected {code}\n"
                f"{done.stdout.decode(errors='replace')[-3000:]}\n"
                f"{done.stderr.decode(errors='replace')[-3000:]}"
            )
        return done

    def add(self, *paths, code=0, **more):
        """index; gives the report."""
        done = self.run("index", *paths, "--json", code=code, **more)
        return json.loads(done.stdout.splitlines()[-1])

    def imports(self, records, code=0, tmp=None):
        """import of a list of records (or raw lines) through standard input; gives the report."""
        lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
        done = self.run("import", "-", "--json", stdin=b"\n".join(lines) + b"\n", code=code)
        return json.loads(done.stdout.splitlines()[-1])

    def search(self, *args, code=0, **more):
        done = self.run("search", *args, "--json", code=code, **more)
        return json.loads(done.stdout)

    def hits(self, *args, code=None, **more):
        return self.search(*args, code=code, **more)["hits"]

    def failures(self):
        return json.loads(self.run("failures", "--json").stdout)

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def small_segments_to_files(self):
        """Small segments lie in the catalog; a file of the same bytes is as good, and easier to damage."""
        with catalog_pages.edited(self.index) as catalog:
            for number, data in catalog.execute("SELECT number, bytes FROM segment_bytes").fetchall():
                pathlib.Path(self.index, "segments", f"{number:012}.seg").write_bytes(data)
            catalog.execute("DELETE FROM segment_bytes")


@pytest.fixture
def magpie(tmp_path):
    if not (BUILD / "magpie").exists():
        pytest.fail(f"{BUILD}/magpie is not built; run `make build`")
    home = tmp_path / "home"
    home.mkdir()
    return Magpie(tmp_path / "test.mgp", home)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "media"
    place.mkdir()
    return place


def shared(name):
    """A folder of ../shared/data, or a loud skip."""
    place = SHARED / name
    if not place.exists():
        pytest.skip(f"../shared/data/{name} is absent: this floor was NOT checked")
    return place


def needs_pack(name):
    if not (ROOT / ".deps" / "packs" / name / "pack.json").exists():
        pytest.skip(f"the pack {name} is not installed: this was NOT checked")
