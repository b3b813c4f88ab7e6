# SPDX-License-Identifier: Apache-2.0
"""make_labels.py SOURCES TABLE: the 521 class names of AudioSet in YAMNet's order, one a line."""

import csv
import pathlib
import sys


def main():
    folder, table = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with (folder / 'yamnet_class_map.csv').open(encoding='utf-8', newline='') as source:
        rows = sorted(csv.DictReader(source), key=lambda row: int(row['index']))
    assert [int(row['index']) for row in rows] == list(range(521)), len(rows)
    with table.open('w', encoding='utf-8') as out:
        for row in rows:
            out.write(' '.join(row['display_name'].split()) + '\n')


if __name__ == '__main__':
    main()
