#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# configure.sh FOLDER [CMAKE OPTION...]: makes a build folder, once for each set of options.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
options="$PWD $*"
if [ -e "$folder/build.ninja" ] && [ "$(cat "$folder/.options" 2>/dev/null)" = "$options" ]; then
  exit 0 # ninja runs cmake again by itself when a CMake file or a glob changes
fi
rm -rf "$folder"
mkdir -p "$folder"
if ! cmake -G Ninja -S . -B "$folder" "$@" >"$folder/configure.log" 2>&1; then
  grep -v '^--' "$folder/configure.log" | tail -30
  echo "cmake failed; the whole log is $folder/configure.log"
  exit 1
fi
printf '%s\n' "$options" >"$folder/.options"
