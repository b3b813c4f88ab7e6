/* SPDX-License-Identifier: Apache-2.0
 *
 * NEON (AArch64): 4 floats at a time.
 */
#if defined(__aarch64__)

#include <arm_neon.h>

#include "kernels/tiers.h"

#define WIDTH 4

static float sum_lanes(float32x4_t s0, float32x4_t s1, float32x4_t s2, float32x4_t s3) {
  return vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
}

/* The first `left` floats, zeros behind them. */
static float32x4_t load_tail(const float *p, size_t left) {
  if (left >= WIDTH) return vld1q_f32(p);
  float lanes[WIDTH] = {0};
  for (size_t i = 0; i < left; i++) lanes[i] = p[i];
  return vld1q_f32(lanes);
}

/* Four accumulators hide the latency of the fused multiply-add; the tail is masked. */
static float dot_neon(const float *a, const float *b, size_t dim) {
  float32x4_t s0 = vdupq_n_f32(0), s1 = vdupq_n_f32(0), s2 = vdupq_n_f32(0), s3 = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    s0 = vfmaq_f32(s0, vld1q_f32(a + i), vld1q_f32(b + i));
    s1 = vfmaq_f32(s1, vld1q_f32(a + i + WIDTH), vld1q_f32(b + i + WIDTH));
    s2 = vfmaq_f32(s2, vld1q_f32(a + i + 2 * WIDTH), vld1q_f32(b + i + 2 * WIDTH));
    s3 = vfmaq_f32(s3, vld1q_f32(a + i + 3 * WIDTH), vld1q_f32(b + i + 3 * WIDTH));
  }
  for (; i + WIDTH <= dim; i += WIDTH) s0 = vfmaq_f32(s0, vld1q_f32(a + i), vld1q_f32(b + i));
  if (i < dim) s1 = vfmaq_f32(s1, load_tail(a + i, dim - i), load_tail(b + i, dim - i));
  return sum_lanes(s0, s1, s2, s3);
}

static float l2_squared_neon(const float *a, const float *b, size_t dim) {
  float32x4_t s0 = vdupq_n_f32(0), s1 = vdupq_n_f32(0), s2 = vdupq_n_f32(0), s3 = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    const float32x4_t d0 = vsubq_f32(vld1q_f32(a + i), vld1q_f32(b + i));
    const float32x4_t d1 = vsubq_f32(vld1q_f32(a + i + WIDTH), vld1q_f32(b + i + WIDTH));
    const float32x4_t d2 = vsubq_f32(vld1q_f32(a + i + 2 * WIDTH), vld1q_f32(b + i + 2 * WIDTH));
    const float32x4_t d3 = vsubq_f32(vld1q_f32(a + i + 3 * WIDTH), vld1q_f32(b + i + 3 * WIDTH));
    s0 = vfmaq_f32(s0, d0, d0);
    s1 = vfmaq_f32(s1, d1, d1);
    s2 = vfmaq_f32(s2, d2, d2);
    s3 = vfmaq_f32(s3, d3, d3);
  }
  for (; i < dim; i += WIDTH) {
    const size_t left = dim - i;
    const float32x4_t d = vsubq_f32(load_tail(a + i, left), load_tail(b + i, left));
    s0 = vfmaq_f32(s0, d, d);
  }
  return sum_lanes(s0, s1, s2, s3);
}

static float cosine_neon(const float *a, const float *b, size_t dim) {
  float32x4_t dot = vdupq_n_f32(0), norm_a = vdupq_n_f32(0), norm_b = vdupq_n_f32(0);
  for (size_t i = 0; i < dim; i += WIDTH) {
    const float32x4_t x = load_tail(a + i, dim - i), y = load_tail(b + i, dim - i);
    dot = vfmaq_f32(dot, x, y);
    norm_a = vfmaq_f32(norm_a, x, x);
    norm_b = vfmaq_f32(norm_b, y, y);
  }
  const float32x4_t none = vdupq_n_f32(0);
  return mgp_cosine_of_sums(sum_lanes(dot, none, none, none), sum_lanes(norm_a, none, none, none),
                            sum_lanes(norm_b, none, none, none));
}

/* A scan is bound by memory: the row after next is fetched while this one is summed. */
static void dot_rows_neon(const float *query, const float *rows, size_t dim, size_t stride,
                          size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = dot_neon(query, row, dim);
  }
}

static void l2_squared_rows_neon(const float *query, const float *rows, size_t dim, size_t stride,
                                 size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = l2_squared_neon(query, row, dim);
  }
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
