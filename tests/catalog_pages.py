# SPDX-License-Identifier: Apache-2.0
"""Changing a catalog behind magpie's back: SQLite alone does not know the checksums of pages (decision 0015), so
they are written here, by the definition of SQLite's cksumvfs and not by magpie's code."""

import contextlib
import sqlite3
import struct

RESERVED = 8


def page_sum(page):
    words = struct.unpack(f"<{(len(page) - RESERVED) // 4}I", page[:-RESERVED])
    a = b = 0
    for i in range(0, len(words), 2):
        a = (a + words[i] + b) & 0xFFFFFFFF
        b = (b + words[i + 1] + a) & 0xFFFFFFFF
    return struct.pack("<II", a, b)


def seal(path):
    """Nothing for a catalog of format 1, which has no room for them."""
    with open(path, "r+b") as file:
        data = file.read()
        size = int.from_bytes(data[16:18], "big")
        if data[20] != RESERVED:
            return
        file.seek(0)
        for i in range(0, len(data), size):
            page = data[i:i + size]
            file.write(page[:-RESERVED] + page_sum(page))


@contextlib.contextmanager
def edited(index):
    """The catalog of an index that nobody has open; its pages are whole again afterwards."""
    path = f"{index}/catalog.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as catalog, catalog:
        yield catalog
        catalog.commit()
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    seal(path)
