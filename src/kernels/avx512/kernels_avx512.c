/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512F: 16 floats at a time.
 */
#if defined(__AVX512F__)

#include <immintrin.h>

#include "kernels/tiers.h"

#define WIDTH 16

static float sum_lanes(__m512 s0, __m512 s1, __m512 s2, __m512 s3) {
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

/* The first `left` floats, zeros behind them. */
static __m512 load_tail(const float *p, size_t left) {
  if (left >= WIDTH) return _mm512_loadu_ps(p);
  return _mm512_maskz_loadu_ps((__mmask16)((1u << left) - 1), p);
}

/* Four accumulators hide the latency of the fused multiply-add; the tail is masked. */
static float dot_avx512(const float *a, const float *b, size_t dim) {
  __m512 s0 = _mm512_setzero_ps(), s1 = _mm512_setzero_ps(), s2 = _mm512_setzero_ps(),
         s3 = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + WIDTH), _mm512_loadu_ps(b + i + WIDTH), s1);
    s2 =
        _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 2 * WIDTH), _mm512_loadu_ps(b + i + 2 * WIDTH), s2);
    s3 =
        _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 3 * WIDTH), _mm512_loadu_ps(b + i + 3 * WIDTH), s3);
  }
  for (; i + WIDTH <= dim; i += WIDTH)
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  if (i < dim) s1 = _mm512_fmadd_ps(load_tail(a + i, dim - i), load_tail(b + i, dim - i), s1);
  return sum_lanes(s0, s1, s2, s3);
}

static float l2_squared_avx512(const float *a, const float *b, size_t dim) {
  __m512 s0 = _mm512_setzero_ps(), s1 = _mm512_setzero_ps(), s2 = _mm512_setzero_ps(),
         s3 = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    const __m512 d0 = _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
    const __m512 d1 = _mm512_sub_ps(_mm512_loadu_ps(a + i + WIDTH), _mm512_loadu_ps(b + i + WIDTH));
    const __m512 d2 =
        _mm512_sub_ps(_mm512_loadu_ps(a + i + 2 * WIDTH), _mm512_loadu_ps(b + i + 2 * WIDTH));
    const __m512 d3 =
        _mm512_sub_ps(_mm512_loadu_ps(a + i + 3 * WIDTH), _mm512_loadu_ps(b + i + 3 * WIDTH));
    s0 = _mm512_fmadd_ps(d0, d0, s0);
    s1 = _mm512_fmadd_ps(d1, d1, s1);
    s2 = _mm512_fmadd_ps(d2, d2, s2);
    s3 = _mm512_fmadd_ps(d3, d3, s3);
  }
  for (; i < dim; i += WIDTH) {
    const size_t left = dim - i;
    const __m512 d = _mm512_sub_ps(load_tail(a + i, left), load_tail(b + i, left));
    s0 = _mm512_fmadd_ps(d, d, s0);
  }
  return sum_lanes(s0, s1, s2, s3);
}

static float cosine_avx512(const float *a, const float *b, size_t dim) {
  __m512 dot = _mm512_setzero_ps(), norm_a = _mm512_setzero_ps(), norm_b = _mm512_setzero_ps();
  for (size_t i = 0; i < dim; i += WIDTH) {
    const __m512 x = load_tail(a + i, dim - i), y = load_tail(b + i, dim - i);
    dot = _mm512_fmadd_ps(x, y, dot);
    norm_a = _mm512_fmadd_ps(x, x, norm_a);
    norm_b = _mm512_fmadd_ps(y, y, norm_b);
  }
  const __m512 none = _mm512_setzero_ps();
  return mgp_cosine_of_sums(sum_lanes(dot, none, none, none), sum_lanes(norm_a, none, none, none),
                            sum_lanes(norm_b, none, none, none));
}

/* A scan is bound by memory: the row after next is fetched while this one is summed. */
static void dot_rows_avx512(const float *query, const float *rows, size_t dim, size_t stride,
                            size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = dot_avx512(query, row, dim);
  }
}

static void l2_squared_rows_avx512(const float *query, const float *rows, size_t dim, size_t stride,
                                   size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = l2_squared_avx512(query, row, dim);
  }
}

void mgp_kernels_fill_avx512(mgp_kernels *table) {
  *table = (mgp_kernels){.tier = "avx512",
                         .dot_f32 = dot_avx512,
                         .l2_squared_f32 = l2_squared_avx512,
                         .cosine_f32 = cosine_avx512,
                         .dot_rows_f32 = dot_rows_avx512,
                         .l2_squared_rows_f32 = l2_squared_rows_avx512};
}

#else
typedef int mgp_kernels_avx512_not_here;
#endif
