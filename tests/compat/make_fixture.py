# SPDX-License-Identifier: Apache-2.0
"""make_fixture.py MAGPIE N: writes format-N.mgp and format-N.json with this magpie. Needs no model pack."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
WORDS = ("heron", "otter", "kestrel", "badger", "newt", "alder", "willow", "rowan")
SEARCHES = (["otter river"], ["north gate winter"], ["orchard"], ["--like", "n5#1"], ["--like", "n20#1"],
            ["willow", "--kind", "note"])
NOTES = "# Gates\n\nThe north gate is closed in winter.\n\n## Keys\n\nThe keys hang behind the willow.\n"


def record(i):
    word = WORDS[i % len(WORDS)]
    return {"id": f"n{i}", "title": f"{word} note {i}", "kind": "note" if i % 3 else "sighting",
            "text": f"The {word} was seen at gate {i} beside the river; count {i * 3}.", "metadata": {"gate": i},
            "vector": [((i * 7 + j * 13) % 17) / 17 - 0.4 for j in range(8)]}


def png(width, height, colour):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(c for x in range(width) for c in colour(x, y)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def make(magpie, number):
    index = HERE / f"format-{number}.mgp"
    if index.exists():
        sys.exit(f"{index} is there already: fixtures never change")
    with tempfile.TemporaryDirectory() as place:
        env = dict(os.environ, MAGPIE_PACKS=f"{place}/none", HOME=place)

        def run(*argv, stdin=None, code=0):
            done = subprocess.run([magpie, *argv, "-x", str(index)], input=stdin, capture_output=True, env=env)
            assert done.returncode == code, done.stderr.decode()
            return done.stdout

        def imports(records, code=0):
            run("import", "-", "-q", stdin="\n".join(map(json.dumps, records)).encode() + b"\n", code=code)

        media = pathlib.Path(place, "media")
        media.mkdir()
        (media / "green.png").write_bytes(png(48, 32, lambda x, y: (20, 150 + y, 40)))
        (media / "blue.png").write_bytes(png(40, 40, lambda x, y: (10, 20 + x, 200)))
        (media / "notes.md").write_text(NOTES)
        imports([record(i) for i in range(24)])
        changed = dict(record(3), text="The badger of gate 3 moved to the orchard.")
        imports([record(i) for i in range(24, 40)] + [changed])
        run("index", str(media), "-q")
        run("remove", "n7", "-q")
        imports([{"id": "ok", "text": "a last line"}, {"id": "x1", "vector": [1, 2]}], code=1)
        expected = {"searches": []}
        for arguments in SEARCHES:
            hits = json.loads(run("search", *arguments, "-k", "8", "--json"))["hits"]
            found = [[h["id"], round(h["score"], 6)] for h in hits]
            expected["searches"].append({"arguments": arguments, "hits": found})
        status = json.loads(run("status", "--json"))
        expected.update({k: status[k] for k in ("items", "sources", "failures", "generation")})
        expected["text_of_n3"] = json.loads(run("get", "n3#1", "--json"))["text"]
        index.with_suffix(".json").write_text(json.dumps(expected, indent=1) + "\n")
        for leftover in index.glob("catalog.sqlite-*"):
            assert leftover.name.endswith("-shm") or leftover.stat().st_size == 0, "the catalog's WAL is not empty"
            leftover.unlink()


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]))
