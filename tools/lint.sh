#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh BUILD: a narrow clang-tidy list over src/ and apps/ (.clang-tidy says which and why).
# A file is looked at again only when it, a header or the list changed: the sums lie in BUILD/lint.
set -eu
cd "$(dirname "$0")/.."
build=$1
mkdir -p "$build/lint"
common=$(git ls-files -co --exclude-standard -- '*.h' .clang-tidy | LC_ALL=C sort | xargs cat |
  sha256sum | cut -c1-16)

lint_one() {
  sum=$(cat "$1" | sha256sum | cut -c1-16)
  done_mark="$build/lint/$common-$sum"
  [ -e "$done_mark" ] && return 0
  clang-tidy-14 --quiet --warnings-as-errors='*' -p "$build" "$1" 2>"$build/lint/stderr.$$" ||
    { cat "$build/lint/stderr.$$"; rm -f "$build/lint/stderr.$$"; return 1; }
  rm -f "$build/lint/stderr.$$"
  : >"$done_mark"
}

if [ $# -eq 2 ]; then # one file: how xargs calls this script below
  lint_one "$2"
  exit
fi
find "$build/lint" -type f ! -name "$common-*" -delete
git ls-files -co --exclude-standard -- 'src/*.c' 'apps/*.c' |
  xargs -r -P "$(nproc)" -n 1 "$0" "$build"
echo "lint: clean"
