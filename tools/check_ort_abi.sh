#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares src/encode/ort_api.h (slots and signatures of the ONNX Runtime functions that we call,
# declared in our own words) with the real header. The header comes from an npm package of 150 MB,
# which is fetched once and of which three headers are kept in the cache. Without npm the check is
# skipped, loudly. MAGPIE_ORT_HEADERS names a folder with the headers instead.
set -euo pipefail
cd "$(dirname "$0")/.."
package=com.github.asus4.onnxruntime
version=0.4.9
cache=${XDG_CACHE_HOME:-$HOME/.cache}/magpie/onnxruntime-headers-$version
headers=${MAGPIE_ORT_HEADERS:-$cache}
inside=package/Plugins/iOS~/onnxruntime.xcframework/ios-arm64/onnxruntime.framework/Headers

sums() {
  cat <<'SUMS'
acc0cf4b3f28d39339c76770d76164bb7a0637dc89f5fde764b4017b632f6743  onnxruntime_c_api.h
e6c986c9e98583f8113b2c6bc3864814883b806d501cf24da4d239c45753e235  onnxruntime_ep_c_api.h
5ce3b054e798eced8d14f5b86e98692fd33470463f96194ce0700a2d53dd8721  onnxruntime_error_code.h
SUMS
}

skip() {
  echo "check_ort_abi: SKIPPED: $1" >&2
  exit 0
}

fetch() {
  command -v npm >/dev/null || skip "npm is not installed, so the real header cannot be fetched"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  echo "check_ort_abi: fetching $package@$version (150 MB, once)" >&2
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null) ||
    skip "npm could not fetch $package@$version"
  names=$(sums | awk -v inside="$inside" '{ print inside "/" $2 }')
  # shellcheck disable=SC2086
  tar -xzf "$work"/*.tgz -C "$work" --strip-components=7 $names
  (cd "$work" && sums | sha256sum --quiet -c -)
  mkdir -p "$cache"
  (cd "$work" && sums | awk '{ print $2 }' | xargs -I{} mv {} "$cache"/)
}

if [ -z "${MAGPIE_ORT_HEADERS:-}" ] && ! (cd "$cache" 2>/dev/null && sums | sha256sum --quiet -c - 2>/dev/null); then
  fetch
fi

program=$(mktemp --suffix=.c)
trap 'rm -rf "$program" "${work:-}"' EXIT
cat >"$program" <<'C'
#include <onnxruntime_c_api.h>
#include "encode/ort_api.h"
#define CHECK(slot, name, returns, parameters)                                                     \
  _Static_assert(offsetof(OrtApi, name) == (slot) * sizeof(void (*)(void)), #name ": wrong slot"); \
  _Static_assert(__builtin_types_compatible_p(returns(*) parameters,                               \
                                              __typeof__(((OrtApi *)0)->name)),                    \
                 #name ": wrong signature");
MGP_ORT_SLOTS(CHECK)
_Static_assert(ORT_LOGGING_LEVEL_FATAL == MGP_ORT_LOG_FATAL, "log level");
_Static_assert(ORT_ENABLE_ALL == MGP_ORT_OPTIMISE_ALL, "optimisation level");
_Static_assert(offsetof(OrtAllocator, Alloc) == offsetof(mgp_ort_allocator_table, take), "Alloc");
_Static_assert(offsetof(OrtAllocator, Free) == offsetof(mgp_ort_allocator_table, give), "Free");
_Static_assert(offsetof(OrtAllocator, Info) == offsetof(mgp_ort_allocator_table, describe), "Info");
_Static_assert(offsetof(OrtAllocator, Reserve) == offsetof(mgp_ort_allocator_table, take_for_session), "Reserve");
_Static_assert(OrtDeviceAllocator == MGP_ORT_ALLOCATOR_DEVICE, "allocator");
_Static_assert(OrtMemTypeDefault == MGP_ORT_MEMORY_DEFAULT, "memory type");
_Static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == MGP_ORT_FLOAT, "float");
_Static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 == MGP_ORT_INT32, "int32");
_Static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 == MGP_ORT_INT64, "int64");
_Static_assert(ORT_API_VERSION >= MGP_ORT_API_VERSION, "header is older than the API we ask for");
_Static_assert(offsetof(OrtApiBase, GetApi) == 0, "OrtApiBase.GetApi");
_Static_assert(offsetof(OrtApiBase, GetVersionString) == sizeof(void *), "OrtApiBase.GetVersionString");
C
"${CC:-cc}" -std=gnu17 -fsyntax-only -isystem "$headers" -Isrc "$program"
echo "check_ort_abi: $(grep -c '^  X(' src/encode/ort_api.h) slots agree with the header"
