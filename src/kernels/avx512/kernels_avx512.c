/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512F: 16 floats at a time. One function sums one row or four at once, for dot and for
 * squared L2: as it is inlined with constants, no test of them is left. Both ways add in the same
 * order, so a score does not depend on the row's place.
 */
#if defined(__AVX512F__)

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/tiers.h"

#define WIDTH 16
#define FOLDED static inline __attribute__((always_inline))

FOLDED float sum_lanes(const __m512 s[4]) {
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

/* The first `left` floats, zeros behind them. */
FOLDED __m512 load_tail(const float *p, size_t left) {
  if (left >= WIDTH) return _mm512_loadu_ps(p);
  return _mm512_maskz_loadu_ps((__mmask16)((1u << left) - 1), p);
}

FOLDED __m512 add_term(__m512 sum, __m512 x, __m512 y, bool is_l2) {
  if (!is_l2) return _mm512_fmadd_ps(x, y, sum);
  const __m512 d = _mm512_sub_ps(x, y);
  return _mm512_fmadd_ps(d, d, sum);
}

/* Rows `apart` floats from each other. Four accumulators a row hide the latency of the fused
 * multiply-add; the tail is masked. */
FOLDED void sum_rows(const float *query, const float *row, size_t apart, size_t rows, size_t dim,
                     size_t ahead, bool is_l2, float sums[MGP_KERNELS_STREAMS]) {
  __m512 s[MGP_KERNELS_STREAMS][4];
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < 4; j++) s[r][j] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH)
    for (size_t j = 0; j < 4; j++) {
      const __m512 q = _mm512_loadu_ps(query + i + j * WIDTH);
      for (size_t r = 0; r < rows; r++) {
        const float *at = row + r * apart + i + j * WIDTH;
        if (rows > 1) __builtin_prefetch((const void *)((uintptr_t)at + ahead));
        s[r][j] = add_term(s[r][j], q, _mm512_loadu_ps(at), is_l2);
      }
    }
  for (; i < dim; i += WIDTH) {
    const __m512 q = load_tail(query + i, dim - i);
    for (size_t r = 0; r < rows; r++)
      s[r][0] = add_term(s[r][0], q, load_tail(row + r * apart + i, dim - i), is_l2);
  }
  for (size_t r = 0; r < rows; r++) sums[r] = sum_lanes(s[r]);
}

static float dot_avx512(const float *a, const float *b, size_t dim) {
  float sums[MGP_KERNELS_STREAMS];
  sum_rows(a, b, 0, 1, dim, 0, false, sums);
  return sums[0];
}

static float l2_squared_avx512(const float *a, const float *b, size_t dim) {
  float sums[MGP_KERNELS_STREAMS];
  sum_rows(a, b, 0, 1, dim, 0, true, sums);
  return sums[0];
}

static float cosine_avx512(const float *a, const float *b, size_t dim) {
  __m512 dot[4], norm_a[4], norm_b[4];
  for (size_t j = 0; j < 4; j++) dot[j] = norm_a[j] = norm_b[j] = _mm512_setzero_ps();
  for (size_t i = 0; i < dim; i += 2 * WIDTH)
    for (size_t j = 0; j < 2 && i + j * WIDTH < dim; j++) {
      const size_t at = i + j * WIDTH;
      const __m512 x = load_tail(a + at, dim - at), y = load_tail(b + at, dim - at);
      dot[j] = _mm512_fmadd_ps(x, y, dot[j]);
      norm_a[j] = _mm512_fmadd_ps(x, x, norm_a[j]);
      norm_b[j] = _mm512_fmadd_ps(y, y, norm_b[j]);
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

static void dot_rows_avx512(const float *query, const float *rows, size_t dim, size_t stride,
                            size_t count, float *out) {
  scan(query, rows, dim, stride, count, false, out);
}

static void l2_squared_rows_avx512(const float *query, const float *rows, size_t dim, size_t stride,
                                   size_t count, float *out) {
  scan(query, rows, dim, stride, count, true, out);
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
