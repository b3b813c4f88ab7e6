#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-compiles the kernels and their tests for AArch64 and runs them under qemu-user, with and without dotprod.
# Exit 77 (skipped) where the cross compiler or the emulator is missing.   test_neon.sh BUILD_FOLDER
set -eu
cd "$(dirname "$0")/.."
cc=${CROSS_CC:-aarch64-linux-gnu-gcc}
qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if ! command -v "$cc" >/dev/null || [ -z "$qemu" ]; then
  echo "test_neon: no $cc or no qemu-aarch64; NOT checked"
  exit 77
fi
out=${1:-build}/neon
mkdir -p "$out"
flags="-std=c17 -O2 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -Iinclude -Isrc"
objects=
for source in src/kernels/*.c src/kernels/plain/*.c src/kernels/neon/*.c; do
  object=$out/$(basename "$source" .c).o
  extra=
  case $source in *dotprod_neon.c) extra=-march=armv8.2-a+dotprod ;; esac
  "$cc" $flags $extra -c "$source" -o "$object"
  objects="$objects $object"
done
for test in tests/unit/kernels/test_*.c; do
  program=$out/$(basename "$test" .c)
  "$cc" $flags -Wno-conversion -Itests/cross -static "$test" $objects -o "$program" -lm -lpthread
  "$qemu" "$program"                  # the emulator's best processor: with dotprod
  "$qemu" -cpu cortex-a53 "$program"  # armv8.0: without
done
