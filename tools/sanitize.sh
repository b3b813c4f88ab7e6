#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sanitize.sh address|thread BUILD JOBS [MODULE...]: unit tests (of these modules, or all) under a
# sanitizer; with address, also tests of the whole command. tools/*.supp say what is excused.
set -eu
cd "$(dirname "$0")/.."
kind=$1
build=$2
jobs=$3
shift 3
here=$PWD
faults="test_bit_flips test_disk_full test_nth_failure"
export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export LSAN_OPTIONS="suppressions=$here/tools/leaks.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$here/tools/threads.supp:halt_on_error=1:second_deadlock_stack=1"
export G_SLICE=always-malloc

programs() { # test programs of the modules named
  for module in "$@"; do
    if [ -d "tests/unit/$module" ]; then
      find "tests/unit/$module" -name 'test_*.c' -exec basename {} .c \;
    fi
  done | sort
}

skip='^$'
# arithmetic that takes minutes there
[ "$kind" != thread ] || skip='^(test_codec|test_graph_build|test_graph_merge|test_search_dense)$'
if [ $# -gt 0 ]; then
  targets=$(programs "$@")
  pattern="^($(echo "$targets" | paste -sd'|'))\$"
else
  targets="all unit_tests"
  pattern=.
fi
# shellcheck disable=SC2086  # a list of names
NINJA_STATUS='[%f/%t] ' ninja -C "$build" -j "$jobs" $targets
ctest --test-dir "$build" -j "$jobs" -R "$pattern" -E "$skip" -LE fault --output-on-failure --no-tests=error </dev/null
if [ "$kind" = address ] && [ $# -eq 0 ]; then # fewer tries than in make fault: all is slower here
  # shellcheck disable=SC2086  # a list of names
  NINJA_STATUS='[%f/%t] ' ninja -C "$build" -j "$jobs" $faults
  MAGPIE_FLIPS=3000 MAGPIE_NTH_EVERY=5 ctest --test-dir "$build" -R "^($(echo "$faults" | tr ' ' '|'))\$" \
    --output-on-failure --no-tests=error </dev/null
  grep -h '^fault: ' "$build/Testing/Temporary/LastTest.log"
fi
if [ "$kind" = address ]; then
  MAGPIE_BUILD=$here/$build .deps/venv/bin/python -B -m pytest -q -p no:cacheprovider \
    tests/e2e/test_index_and_search.py tests/e2e/test_eval.py tests/e2e/test_renamed_files.py \
    tests/e2e/test_vector_spaces.py </dev/null
fi
