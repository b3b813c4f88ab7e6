#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of style that a count can check: a function has at most 100 lines, a file 1,000, a
line of C 100 columns (of a script 120); file names are unique; every source names its licence in its first lines."""
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_FUNCTION_LINES, MAX_FILE_LINES, MAX_COLUMNS = 100, 1000, 100
MAX_SCRIPT_COLUMNS = 120
C_SUFFIXES = {'.c', '.h', '.cpp', '.hpp'}
CODE_SUFFIXES = C_SUFFIXES | {'.py', '.sh', '.cmake'}
CODE_NAMES = {'Makefile', 'CMakeLists.txt', 'run'}
LICENCE = 'SPDX-License-Identifier: Apache-2.0'
# names that mean the same thing in every folder
SHARED_NAMES = {'README.md', 'CMakeLists.txt', 'pack.in.json', 'bridge.json', 'convert.py',
                'make_labels.py', 'requirements.txt', '__init__.py', 'benchmarks.md'}
# folders of data, where names are given by what the data is
DATA_FOLDERS = ('fuzz/corpus/', 'tests/data/', 'tests/fixtures/', 'tests/compat/', 'bench/results/')
GENERATED = 'generated table'  # in the first lines: not bound to the length of a file


def tree_files():
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=ROOT,
                            check=True, capture_output=True).stdout.decode()
    return [name for name in sorted(set(listed.split('\0'))) if name and (ROOT / name).is_file()]


def functions(lines):
    """(first line, count of lines) of each body: from a '{' that ends a line which is not indented
    to the '}' in column one. clang-format guarantees that shape."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None:
            if line.endswith('{') and line[:1] not in ' \t#}/' and '=' not in line:
                is_body = ')' in line or (number > 1 and lines[number - 2].rstrip().endswith(')'))
                start = number if is_body else None
            elif line[:1] in ' \t' and line.endswith(') {') and _continues(lines, number):
                start = number
        elif line.startswith('}'):
            yield start, number - start + 1
            start = None


def _continues(lines, number):
    """An indented line that closes a signature: its first line is not indented and is open."""
    for before in reversed(lines[:number - 1]):
        if not before.startswith((' ', '\t')):
            return before.count('(') > before.count(')') and before[:1] not in '#}/'
    return False


def check_file(name):
    path = ROOT / name
    is_code = path.suffix in CODE_SUFFIXES or path.name in CODE_NAMES
    if not is_code:
        return
    lines = path.read_text(encoding='utf-8').splitlines()
    head = '\n'.join(lines[:5])
    if LICENCE not in head:
        yield f'{name}:1: no "{LICENCE}" in the first five lines'
    if len(lines) > MAX_FILE_LINES and GENERATED not in head:
        yield f'{name}: {len(lines)} lines, at most {MAX_FILE_LINES}'
    for number, line in enumerate(lines, 1):
        limit = MAX_COLUMNS if str(name).endswith(('.c', '.h', '.cpp')) else MAX_SCRIPT_COLUMNS
        if len(line) > limit:
            yield f'{name}:{number}: {len(line)} columns, at most {limit}'
    if path.suffix in C_SUFFIXES:
        for start, length in functions(lines):
            if length > MAX_FUNCTION_LINES:
                yield f'{name}:{start}: a function of {length} lines, at most {MAX_FUNCTION_LINES}'


def check_names(names):
    seen = defaultdict(list)
    for name in names:
        base = name.rsplit('/', 1)[-1]
        is_data = name.startswith(DATA_FOLDERS)
        if base not in SHARED_NAMES and not base.startswith('.') and not is_data:
            seen[base].append(name)
    for base, places in sorted(seen.items()):
        if len(places) > 1:
            yield f'{base}: the same file name in {", ".join(places)}'


def main():
    names = tree_files()
    problems = list(check_names(names))
    for name in names:
        problems += check_file(name)
    for problem in problems:
        print(problem)
    print(f'style: {len(names)} files, {len(problems)} against the rules of tools/check_style.py')
    return 1 if problems or not names else 0


if __name__ == '__main__':
    sys.exit(main())
