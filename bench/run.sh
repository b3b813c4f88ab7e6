#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All benchmarks, one after another; each writes a CSV into bench/results/. The machine should be quiet:
# compare ratios within one run, not figures of different days.
set -eu
cd "$(dirname "$0")/.."
results=bench/results
mkdir -p $results
{ grep -m1 'model name' /proc/cpuinfo || uname -m; date -u +%F; git rev-parse --short HEAD; } >$results/machine.txt
run() { # NAME COMMAND…
  name=$1; shift
  echo "== $name"
  "$@" | tee "$results/$name.csv.new"
  mv "$results/$name.csv.new" "$results/$name.csv"
}
ninja -C build bench_programs reference_tools >/dev/null
for program in build/bench_*; do
  [ "$program" != build/bench_eval ] || continue # bench_eval.py below runs it beside its peers
  [ -x "$program" ] && [ ! -d "$program" ] && run "$(basename "$program" | sed 's/^bench_//')" "$program"
done
python=.deps/venv/bin/python
run first_answer $python bench/system/bench_first_answer.py
run encode $python bench/system/bench_encode.py
run memory $python bench/system/bench_memory.py
run eval $python bench/system/bench_eval.py
