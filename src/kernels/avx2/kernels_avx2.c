/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 with FMA: 8 floats at a time.
 */
#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#include "kernels/tiers.h"

#define WIDTH 8

static float sum_lanes(__m256 s0, __m256 s1, __m256 s2, __m256 s3) {
  const __m256 s = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

/* The first `left` floats, zeros behind them. */
static __m256 load_tail(const float *p, size_t left) {
  static const int masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  if (left >= WIDTH) return _mm256_loadu_ps(p);
  const __m256i mask = _mm256_loadu_si256((const __m256i *)(const void *)(masks + WIDTH - left));
  return _mm256_maskload_ps(p, mask);
}

/* Four accumulators hide the latency of the fused multiply-add; the tail is masked. */
static float dot_avx2(const float *a, const float *b, size_t dim) {
  __m256 s0 = _mm256_setzero_ps(), s1 = _mm256_setzero_ps(), s2 = _mm256_setzero_ps(),
         s3 = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + WIDTH), _mm256_loadu_ps(b + i + WIDTH), s1);
    s2 =
        _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 2 * WIDTH), _mm256_loadu_ps(b + i + 2 * WIDTH), s2);
    s3 =
        _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 3 * WIDTH), _mm256_loadu_ps(b + i + 3 * WIDTH), s3);
  }
  for (; i + WIDTH <= dim; i += WIDTH)
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  if (i < dim) s1 = _mm256_fmadd_ps(load_tail(a + i, dim - i), load_tail(b + i, dim - i), s1);
  return sum_lanes(s0, s1, s2, s3);
}

static float l2_squared_avx2(const float *a, const float *b, size_t dim) {
  __m256 s0 = _mm256_setzero_ps(), s1 = _mm256_setzero_ps(), s2 = _mm256_setzero_ps(),
         s3 = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH) {
    const __m256 d0 = _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
    const __m256 d1 = _mm256_sub_ps(_mm256_loadu_ps(a + i + WIDTH), _mm256_loadu_ps(b + i + WIDTH));
    const __m256 d2 =
        _mm256_sub_ps(_mm256_loadu_ps(a + i + 2 * WIDTH), _mm256_loadu_ps(b + i + 2 * WIDTH));
    const __m256 d3 =
        _mm256_sub_ps(_mm256_loadu_ps(a + i + 3 * WIDTH), _mm256_loadu_ps(b + i + 3 * WIDTH));
    s0 = _mm256_fmadd_ps(d0, d0, s0);
    s1 = _mm256_fmadd_ps(d1, d1, s1);
    s2 = _mm256_fmadd_ps(d2, d2, s2);
    s3 = _mm256_fmadd_ps(d3, d3, s3);
  }
  for (; i < dim; i += WIDTH) {
    const size_t left = dim - i;
    const __m256 d = _mm256_sub_ps(load_tail(a + i, left), load_tail(b + i, left));
    s0 = _mm256_fmadd_ps(d, d, s0);
  }
  return sum_lanes(s0, s1, s2, s3);
}

static float cosine_avx2(const float *a, const float *b, size_t dim) {
  __m256 dot = _mm256_setzero_ps(), norm_a = _mm256_setzero_ps(), norm_b = _mm256_setzero_ps();
  for (size_t i = 0; i < dim; i += WIDTH) {
    const __m256 x = load_tail(a + i, dim - i), y = load_tail(b + i, dim - i);
    dot = _mm256_fmadd_ps(x, y, dot);
    norm_a = _mm256_fmadd_ps(x, x, norm_a);
    norm_b = _mm256_fmadd_ps(y, y, norm_b);
  }
  const __m256 none = _mm256_setzero_ps();
  return mgp_cosine_of_sums(sum_lanes(dot, none, none, none), sum_lanes(norm_a, none, none, none),
                            sum_lanes(norm_b, none, none, none));
}

/* A scan is bound by memory: the row after next is fetched while this one is summed. */
static void dot_rows_avx2(const float *query, const float *rows, size_t dim, size_t stride,
                          size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = dot_avx2(query, row, dim);
  }
}

static void l2_squared_rows_avx2(const float *query, const float *rows, size_t dim, size_t stride,
                                 size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    if (i + 2 < count)
      for (size_t j = 0; j < dim; j += 16) __builtin_prefetch(row + 2 * stride + j);
    out[i] = l2_squared_avx2(query, row, dim);
  }
}

void mgp_kernels_fill_avx2(mgp_kernels *table) {
  *table = (mgp_kernels){.tier = "avx2",
                         .dot_f32 = dot_avx2,
                         .l2_squared_f32 = l2_squared_avx2,
                         .cosine_f32 = cosine_avx2,
                         .dot_rows_f32 = dot_rows_avx2,
                         .l2_squared_rows_f32 = l2_squared_rows_avx2};
}

#else
typedef int mgp_kernels_avx2_not_here;
#endif
