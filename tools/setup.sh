#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a bare Debian 12 able to build, test and run magpie: Debian packages, a Python environment
# in .deps/venv, ONNX Runtime and the model packs in .deps/packs. Silent and quick when nothing is
# to do. What was downloaded is kept in ~/.cache/magpie by checksum: a second clone is fast.
#
#   tools/setup.sh                everything; tries again what could not be fetched last time
#   tools/setup.sh --quick        the same, but does not try again (what the Makefile calls)
#   tools/setup.sh --quick build  without the Debian packages that only tests and checks need
#
# Exit 0: the product can be built. What could not be fetched (a pack, the test environment) is said
# and left out; the exit code is 1 only when a library or tool for building is missing.
set -eu
cd "$(dirname "$0")/.."

deps=$PWD/.deps
log=$deps/setup.log
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}"
mode=${1-}
groups=${2-all}

say() { printf 'setup: %s\n' "$*"; }
seconds() { date +%s; }

# ---- Debian packages --------------------------------------------------------------------------

wanted_packages() { # "build" is what building, running and making the packs needs
  sed -e 's/#.*//' -e '/^ *$/d' tools/apt-packages.txt | awk -v groups="$groups" '
    /^\[/ { wanted = groups == "all" || $0 != "[test]"; next }
    wanted { print }'
}

missing_packages() {
  wanted_packages | sort >"$deps/wanted"
  dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' |
    sort -u >"$deps/installed"
  comm -23 "$deps/wanted" "$deps/installed" | tr '\n' ' '
  rm -f "$deps/wanted" "$deps/installed"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_packages() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    say "these Debian packages are missing, and there is neither root nor sudo:"
    say "  apt-get install --no-install-recommends $missing"
    return 1
  fi
  started=$(seconds)
  say "Debian packages to install: $missing"
  # another source on the machine may be unreachable: only the installation decides
  apt update >>"$log" 2>&1 || say "apt-get update complained (see $log); going on"
  # shellcheck disable=SC2086  # a list of names
  apt install --assume-no --no-install-recommends $missing 2>/dev/null | sed -n \
    -e 's/^Need to get/setup: apt will fetch/p' -e 's/^After this/setup: after this/p' || true
  # shellcheck disable=SC2086
  if ! apt install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -5 "$log"
    say "apt-get could not install them; the whole log is $log"
    return 1
  fi
  say "Debian packages installed in $(($(seconds) - started)) s"
}

# ---- Python -----------------------------------------------------------------------------------

find_python() { # the pinned wheels are for CPython 3.11, Debian 12's
  for candidate in "${PYTHON-}" python3 python3.11 /usr/bin/python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' \
      2>/dev/null && echo "$candidate" && return 0
  done
  return 1
}

make_venv() {
  requirements_sum=$(cat packs/requirements.txt tests/requirements.txt | sha256sum)
  if [ "$(cat "$deps/venv/.stamp" 2>/dev/null)" = "$requirements_sum" ] &&
    "$deps/venv/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  started=$(seconds)
  python=$(find_python) || { say "no Python 3.11 with venv was found"; return 1; }
  say "making the Python environment .deps/venv (about 100 MB to fetch)"
  "$python" -m venv --clear "$deps/venv" >>"$log" 2>&1 || return 1
  try=1
  until "$deps/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --require-hashes -r packs/requirements.txt -r tests/requirements.txt >>"$log" 2>&1; do
    [ $try -lt 3 ] || { tail -3 "$log"; return 1; }
    try=$((try + 1))
    sleep $((try * 2))
  done
  printf '%s\n' "$requirements_sum" >"$deps/venv/.stamp"
  say "Python environment ready in $(($(seconds) - started)) s"
}

# ---- models -----------------------------------------------------------------------------------

make_packs() {
  [ -x "$deps/venv/bin/python" ] || { say "no Python environment: packs are left out"; return 1; }
  "$deps/venv/bin/python" packs/build_pack.py --out "$deps/packs" --reference "$deps/reference" \
    </dev/null
}

# ---- all together -----------------------------------------------------------------------------

inputs_sum() {
  { uname -m; find packs tests/requirements.txt tools/apt-packages.txt tools/setup.sh -type f \
    ! -name '*.pyc' | LC_ALL=C sort | xargs cat; } | sha256sum
}

is_complete() {
  [ "$(cat "$deps/stamp" 2>/dev/null)" = "$(inputs_sum)" ] && [ -x "$deps/venv/bin/python" ] &&
    [ -e "$deps/packs/runtime/libonnxruntime.so.1" ]
}

mkdir -p "$deps"
if command -v dpkg-query >/dev/null; then
  install_packages || exit 1
else
  say "this is not Debian: see docs/dependencies.md for what the build needs"
fi
is_complete && exit 0
if [ "$mode" = --quick ] && [ "$(cat "$deps/incomplete" 2>/dev/null)" = "$(inputs_sum)" ]; then
  say "something could not be fetched last time; 'make setup' tries again"
  exit 0
fi
begin=$(seconds)
rm -f "$deps/stamp" "$deps/incomplete"
left_out=
make_venv || left_out="the Python environment (tests and packs need it; log: $log)"
make_packs || left_out="${left_out:+$left_out and }one or more packs named above"
if [ -n "$left_out" ]; then
  inputs_sum >"$deps/incomplete"
  say "left out: $left_out. magpie builds and runs without; 'make setup' tries again."
  exit 0
fi
inputs_sum >"$deps/stamp"
say "Python environment and model packs ready in $(($(seconds) - begin)) s"
