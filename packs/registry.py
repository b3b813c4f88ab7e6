# SPDX-License-Identifier: Apache-2.0
"""Fetches package files from registries through their own clients into a cache named by sha256.

A file is in the cache only under the sum it has; a cached file that no longer has it is thrown away
and fetched again. Each client is asked up to three times."""
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

TRIES = 3
CHUNK = 1 << 20
MAVEN_COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'


class FetchError(Exception):
    """A file could not be had; the message says which, why, and what to do."""


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def default_cache():
    home = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(home) / 'magpie'


def fetch(download, cache, python, say):
    """The path of the cached file of one "downloads" entry of a pack.in.json."""
    folder = Path(cache) / 'downloads'
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / download['sha256']
    if target.exists():
        if sha256_of(target) == download['sha256']:
            return target
        say(f'{target} does not have the sum in its name: fetching it again')
        target.unlink()
    say(f'fetching {download["package"]} {download["version"]}'
        f' ({download["size"] / 1e6:.1f} MB, {download["registry"]})')
    reason = ''
    for attempt in range(TRIES):
        if attempt:
            time.sleep(2 ** attempt)
        with tempfile.TemporaryDirectory(dir=folder, prefix='.part-') as part:
            reason = _ask(download, part, python)
            got = next((p for p in Path(part).iterdir() if p.name == download['file']), None)
            if got and (reason := _wrong(got, download)) is None:
                got.replace(target)
                return target
    raise FetchError(f'{download["package"]} {download["version"]} could not be fetched from'
                     f' {download["registry"]} in {TRIES} tries: {reason}')


def _wrong(path, download):
    found = sha256_of(path)
    if found == download['sha256']:
        return None
    return (f'{path.name} has {path.stat().st_size} bytes and sha256 {found}, expected'
            f' {download["size"]} and {download["sha256"]}; the package was changed')


def _ask(download, folder, python):
    """Runs the registry's client; returns the first and last line of what it complained about."""
    client = {'pypi': _pip, 'maven': _maven}[download['registry']]
    command = client(download, folder, python)
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK='1', PYTHONDONTWRITEBYTECODE='1')
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.strip()[:200] for line in done.stdout.splitlines() if line.strip()]
    if not done.returncode or not lines:
        return f'its client ended with {done.returncode} and left no {download["file"]}'
    return ' ... '.join(dict.fromkeys([lines[0], lines[-1]]))


def _pip(download, folder, python):
    command = [python, '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:',
               '--retries', '1', '--python-version', '3.11', '--dest', folder]
    if not download.get('also_in_venv'):
        command.append('--no-cache-dir')  # pip would keep a second copy of what we keep
    for platform in download.get('platforms', []):
        command += ['--platform', platform]
    return command + [f'{download["package"]}=={download["version"]}']


def _maven(download, folder, _python):
    if not shutil.which('mvn'):
        raise FetchError(f'{download["package"]} lies in the Maven registry and its client mvn is'
                         ' not installed; on Debian: apt-get install maven')
    artifact = f'{download["package"]}:{download["version"]}'
    return ['mvn', '-q', '-B', MAVEN_COPY, f'-Dartifact={artifact}', f'-DoutputDirectory={folder}']
