/* SPDX-License-Identifier: Apache-2.0
 *
 * NEON (AArch64): 4 floats at a time. One function sums one row or four at once, for dot and for
 * squared L2: as it is inlined with constants, no test of them is left. Both ways add in the same
 * order, so a score does not depend on the row's place.
 */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/tiers.h"

#define WIDTH 4
#define FOLDED static inline __attribute__((always_inline))

FOLDED float sum_lanes(const float32x4_t s[4]) {
  return vaddvq_f32(vaddq_f32(vaddq_f32(s[0], s[1]), vaddq_f32(s[2], s[3])));
}

/* The first `left` floats (at least one), zeros behind them; without a loop, which would keep the
 * sums of the callers in memory. */
FOLDED float32x4_t load_tail(const float *p, size_t left) {
  if (left >= WIDTH) return vld1q_f32(p);
  float32x4_t lanes = vsetq_lane_f32(p[0], vdupq_n_f32(0), 0);
  if (left > 1) lanes = vsetq_lane_f32(p[1], lanes, 1);
  return left > 2 ? vsetq_lane_f32(p[2], lanes, 2) : lanes;
}

FOLDED float32x4_t add_term(float32x4_t sum, float32x4_t x, float32x4_t y, bool is_l2) {
  if (!is_l2) return vfmaq_f32(sum, x, y);
  const float32x4_t d = vsubq_f32(x, y);
  return vfmaq_f32(sum, d, d);
}

/* Rows `apart` floats from each other. Four accumulators a row hide the latency of the fused
 * multiply-add; the tail is padded. */
FOLDED void sum_rows(const float *query, const float *row, size_t apart, size_t rows, size_t dim,
                     size_t ahead, bool is_l2, float sums[MGP_KERNELS_STREAMS]) {
  float32x4_t s[MGP_KERNELS_STREAMS][4];
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < 4; j++) s[r][j] = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH)
    for (size_t j = 0; j < 4; j++) {
      const float32x4_t q = vld1q_f32(query + i + j * WIDTH);
      for (size_t r = 0; r < rows; r++) {
        const float *at = row + r * apart + i + j * WIDTH;
        /* one line of 64 bytes holds all four loads */
        if (rows > 1 && j == 0) __builtin_prefetch((const void *)((uintptr_t)at + ahead));
        s[r][j] = add_term(s[r][j], q, vld1q_f32(at), is_l2);
      }
    }
  for (; i < dim; i += WIDTH) {
    const float32x4_t q = load_tail(query + i, dim - i);
    for (size_t r = 0; r < rows; r++)
      s[r][0] = add_term(s[r][0], q, load_tail(row + r * apart + i, dim - i), is_l2);
  }
  for (size_t r = 0; r < rows; r++) sums[r] = sum_lanes(s[r]);
}

static float dot_neon(const float *a, const float *b, size_t dim) {
  float sums[MGP_KERNELS_STREAMS];
  sum_rows(a, b, 0, 1, dim, 0, false, sums);
  return sums[0];
}

static float l2_squared_neon(const float *a, const float *b, size_t dim) {
  float sums[MGP_KERNELS_STREAMS];
  sum_rows(a, b, 0, 1, dim, 0, true, sums);
  return sums[0];
}

static float cosine_neon(const float *a, const float *b, size_t dim) {
  float32x4_t dot[4], norm_a[4], norm_b[4];
  for (size_t j = 0; j < 4; j++) dot[j] = norm_a[j] = norm_b[j] = vdupq_n_f32(0);
  for (size_t i = 0; i < dim; i += 2 * WIDTH)
    for (size_t j = 0; j < 2 && i + j * WIDTH < dim; j++) {
      const size_t at = i + j * WIDTH;
      const float32x4_t x = load_tail(a + at, dim - at), y = load_tail(b + at, dim - at);
      dot[j] = vfmaq_f32(dot[j], x, y);
      norm_a[j] = vfmaq_f32(norm_a[j], x, x);
      norm_b[j] = vfmaq_f32(norm_b[j], y, y);
    }
  return mgp_cosine_of_sums(a, b, dim, sum_lanes(dot), sum_lanes(norm_a), sum_lanes(norm_b));
}

/* Four rows at once, one of each quarter: see tiers.h. */
FOLDED void scan(const float *query, const float *rows, size_t dim, size_t stride, size_t count,
                 bool is_l2, float *out) {
  const size_t part = count / MGP_KERNELS_STREAMS;
  float sums[MGP_KERNELS_STREAMS];
  for (size_t i = 0; i < part; i++) {
    const size_t ahead = i + 1 < part ? mgp_kernels_ahead(stride) : 0;
    sum_rows(query, rows + i * stride, part * stride, MGP_KERNELS_STREAMS, dim, ahead, is_l2, sums);
    for (size_t s = 0; s < MGP_KERNELS_STREAMS; s++) out[s * part + i] = sums[s];
  }
  for (size_t i = MGP_KERNELS_STREAMS * part; i < count; i++) {
    sum_rows(query, rows + i * stride, 0, 1, dim, 0, is_l2, sums);
    out[i] = sums[0];
  }
}

static void dot_rows_neon(const float *query, const float *rows, size_t dim, size_t stride,
                          size_t count, float *out) {
  scan(query, rows, dim, stride, count, false, out);
}

static void l2_squared_rows_neon(const float *query, const float *rows, size_t dim, size_t stride,
                                 size_t count, float *out) {
  scan(query, rows, dim, stride, count, true, out);
}

void mgp_kernels_fill_neon(mgp_kernels *table) {
  *table = (mgp_kernels){.tier = "neon",
                         .dot_f32 = dot_neon,
                         .l2_squared_f32 = l2_squared_neon,
                         .cosine_f32 = cosine_neon,
                         .dot_rows_f32 = dot_rows_neon,
                         .l2_squared_rows_f32 = l2_squared_rows_neon};
}

#else
typedef int mgp_kernels_neon_not_here;
#endif
