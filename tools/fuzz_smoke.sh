#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz_smoke.sh BUILD [SECONDS]: runs each fuzz target over its kept corpus (fuzz/corpus/NAME for
# fuzz_NAME.c) and on from there. What it grows lies in a temporary folder; an input that breaks
# something stays in BUILD/finds, to become a named case in the tests.
set -eu
cd "$(dirname "$0")/.."
build=$1
seconds=${2-20}

run_one() { # target
  name=${1#fuzz_}
  grown=$(mktemp -d)
  log=$build/finds/$name.log
  set -- "$build/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -artifact_prefix="$build/finds/$name-" "$grown"
  [ ! -d "fuzz/corpus/$name" ] || set -- "$@" "fuzz/corpus/$name"
  code=0
  "$@" >"$log" 2>&1 </dev/null || code=$?
  rm -rf "$grown"
  if [ $code -ne 0 ]; then
    tail -40 "$log"
    echo "fuzz: $name failed; the input lies in $build/finds, the log is $log"
    return 1
  fi
  echo "fuzz: $name $(tail -1 "$log")"
}

mkdir -p "$build/finds"
if [ $# -eq 3 ]; then # one target: how xargs calls this script below
  run_one "$3"
  exit
fi
targets=$(find fuzz -maxdepth 1 -name 'fuzz_*.c' -exec basename {} .c \; | sort)
[ -n "$targets" ] || { echo "fuzz: there is no fuzz/fuzz_*.c"; exit 1; }
echo "$targets" | xargs -P "$(nproc)" -n 1 "$0" "$build" "$seconds"
echo "fuzz: $(echo "$targets" | wc -l) targets, $seconds s each, nothing found"
