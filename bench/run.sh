#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All benchmarks, one after another; each writes a CSV into bench/results/. The machine should be quiet:
# compare ratios within one run, not figures of different days.
# BENCH_PEERS: a Python with the packages of bench/dense/requirements.txt; BENCH_VECTORS: a folder with sentences.npy
# and queries.npy (bench/README.md). Without them the comparisons with the peers of dense search are left out, loudly.
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

skip() { echo "== $1 SKIPPED: $2" >&2; }
peers=${BENCH_PEERS:-} vectors=${BENCH_VECTORS:-}
dense="exact, ann_real, ann_synth, build"
if [ -z "$peers" ] || [ -z "$vectors" ]; then
  skip "$dense" "BENCH_PEERS and BENCH_VECTORS are not set (bench/README.md)"
elif ! "$peers" -c 'import faiss, hnswlib, numkong, rabitqlib, scann, svs, turbovec, usearch'; then
  skip "$dense" "$peers lacks packages of bench/dense/requirements.txt"
elif [ ! -e "$vectors/sentences.npy" ] || [ ! -e "$vectors/queries.npy" ]; then
  skip "$dense" "no sentences.npy and queries.npy in $vectors"
else
  run exact "$peers" -B bench/dense/bench_exact.py "$vectors"
  run ann_real "$peers" -B bench/dense/bench_ann.py "$vectors" real
  run build "$peers" -B bench/dense/bench_build.py "$vectors"
  if [ -e "$vectors/synth.npy" ]; then
    run ann_synth "$peers" -B bench/dense/bench_ann.py "$vectors" synth
  else
    skip ann_synth "no synth.npy in $vectors; bench/dense/make_sets.py makes it"
  fi
  "$peers" -B bench/dense/plot_dense.py $results docs/benchmarks
fi
