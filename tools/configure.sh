#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# configure.sh FOLDER [CMAKE OPTION...]: makes a build folder, once for each set of options.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
options="$PWD $*"
# What may come later than the build folder: `make demo` needs no cmocka, `make test` installs it.
libraries=$(pkg-config --list-all 2>/dev/null | LC_ALL=C sort | sha256sum)
if [ -e "$folder/build.ninja" ] && [ "$(cat "$folder/.options" 2>/dev/null)" = "$options" ]; then
  if [ "$(cat "$folder/.libraries" 2>/dev/null)" = "$libraries" ]; then
    # cmake runs again when a CMake file or a glob changed, so that lint sees the commands of today
    ninja -C "$folder" build.ninja >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log"; exit 1; }
    exit 0
  fi
else
  rm -rf "$folder"
  mkdir -p "$folder"
fi
if ! cmake -G Ninja -S . -B "$folder" "$@" >"$folder/configure.log" 2>&1; then
  grep -v '^--' "$folder/configure.log" | tail -30
  echo "cmake failed; the whole log is $folder/configure.log"
  exit 1
fi
printf '%s\n' "$options" >"$folder/.options"
printf '%s\n' "$libraries" >"$folder/.libraries"
