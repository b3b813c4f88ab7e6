#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the #include lines of include/, src/ and apps/ and fails on one that tools/layers.txt does
not allow: a rule that nobody checks erodes."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
SOURCES = {'.c', '.h', '.cpp', '.hpp'}
# C17, POSIX and Linux: open to all. sys/, linux/ and C++ headers without suffix are, too.
STANDARD = set('''
assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign
stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar
wchar wctype dirent dlfcn fcntl fnmatch ftw getopt glob grp langinfo libgen poll pthread pwd
regex sched semaphore spawn strings syslog termios unistd wordexp cpuid malloc
'''.split())


def read_rules(path):
    allowed, libraries = {}, {}
    for line in path.read_text(encoding='utf-8').splitlines():
        line = line.split('#', 1)[0].strip()
        if not line:
            continue
        name, _, rest = line.partition(':')
        if name.startswith('library '):
            libraries[name.split()[1]] = tuple(rest.split())
        else:
            allowed[name.strip()] = rest.split()
    return allowed, libraries


def folder_of(path, folders):
    """The longest folder of layers.txt that holds the file, or None."""
    holders = [f for f in folders if path.as_posix().startswith(f + '/')]
    return max(holders, key=len, default=None)


def is_standard(header):
    if header.startswith(('sys/', 'linux/', 'arpa/', 'net/', 'netinet/')) or '.' not in header:
        return True
    return header.endswith('.h') and header[:-2] in STANDARD


def target_of(path, header, folders):
    """The folder of ours that a header belongs to, or None when it is not ours."""
    for base in (path.parent, ROOT / 'src', ROOT / 'include'):
        found = (base / header).resolve()
        if found.is_file() and found.is_relative_to(ROOT):
            return folder_of(found.relative_to(ROOT), folders)
    return None


def complaint(path, header, allowed, libraries):
    """Why this include is not allowed, or None."""
    own = folder_of(path.relative_to(ROOT), allowed)
    if own is None:
        return 'its folder is not in tools/layers.txt'
    target = target_of(path, header, allowed)
    if target:
        if target == own or target in allowed[own]:
            return None
        return f'{own} may not know {target}'
    if is_standard(header):
        return None
    owners = [name for name, prefixes in libraries.items() if header.startswith(prefixes)]
    if any(name in allowed[own] for name in owners):
        return None
    return f'{own} may not use {" or ".join(owners) or "a library that layers.txt does not name"}'


def main():
    allowed, libraries = read_rules(ROOT / 'tools' / 'layers.txt')
    problems, count = [], 0
    for top in ('include', 'src', 'apps'):
        for path in sorted(p for p in (ROOT / top).rglob('*') if p.suffix in SOURCES):
            for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                count += 1
                reason = complaint(path, match.group(2), allowed, libraries)
                if reason:
                    problems.append(f'{path.relative_to(ROOT)}:{number}: {line.strip()}: {reason}')
    for problem in problems:
        print(problem)
    print(f'layers: {count} includes, {len(problems)} against tools/layers.txt')
    return 1 if problems or not count else 0


if __name__ == '__main__':
    sys.exit(main())
