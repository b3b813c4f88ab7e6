/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels: arithmetic on vectors, one table a processor tier, filled once.
 * Every kernel takes any length (0 too) and any alignment. `plain` is the reference; the others
 * agree with it within 1e-5 * sum(|a_i b_i|) for dot (forward error of a reordered sum), 1e-5 of
 * the value for squared L2 and 1e-5 for the cosine, of vectors of any size. NaN in gives NaN out.
 * Only sums that leave float's range may differ: they are infinite, or NaN where signs are mixed.
 * Within a tier the row kernels give bitwise what single calls give, wherever a row stands.
 *
 * Narrow elements: f16 and bf16 sum in float; dot and squared L2 of the *stored* values keep the
 * bounds above (1e-5 relative), plus 1e-30 a term where bf16 instructions take denormals for zero.
 * Integer kernels are exact while the result fits int32 (dim <= 65,536), and equal in every tier.
 * Conversions round to nearest, ties to even, keep NaN and infinity, and are equal in every tier.
 */
#ifndef MGP_KERNELS_H
#define MGP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* One kind of score in all its shapes. Strides are bytes, of any alignment. The query of an
 * asymmetric kind has a layout of its own (below), `query_stride` bytes from one to the next.
 *   pair    one query, one row
 *   rows    out[i] = score(query, rows + i * stride), i < count; streams the rows once
 *   gather  out[i] = score(query, rows + at[i] * stride); the next rows are prefetched
 *   block   out[q * out_stride + i]: many queries by many rows, tiles held in registers */
typedef struct mgp_float_kernel {
  float (*pair)(const void *query, const void *row, size_t dim);
  void (*rows)(const void *query, const void *rows, size_t dim, size_t stride, size_t count,
               float *out);
  void (*gather)(const void *query, const void *rows, size_t dim, size_t stride, const uint32_t *at,
                 size_t count, float *out);
  void (*block)(const void *queries, size_t query_stride, size_t query_count, const void *rows,
                size_t dim, size_t stride, size_t count, float *out, size_t out_stride);
} mgp_float_kernel;

typedef struct mgp_int_kernel {
  int32_t (*pair)(const void *query, const void *row, size_t dim);
  void (*rows)(const void *query, const void *rows, size_t dim, size_t stride, size_t count,
               int32_t *out);
  void (*gather)(const void *query, const void *rows, size_t dim, size_t stride, const uint32_t *at,
                 size_t count, int32_t *out);
  void (*block)(const void *queries, size_t query_stride, size_t query_count, const void *rows,
                size_t dim, size_t stride, size_t count, int32_t *out, size_t out_stride);
} mgp_int_kernel;

#define MGP_FAST_SCAN_ROWS 32

typedef struct mgp_kernels {
  const char *tier; /* "plain", "avx2", "avx512", "avx512base", "neon", "neonbase" */
  float (*dot_f32)(const float *a, const float *b, size_t dim);
  float (*l2_squared_f32)(const float *a, const float *b, size_t dim);
  float (*cosine_f32)(const float *a, const float *b, size_t dim); /* 0 when either is all zero */
  /* out[i] = dot(query, rows + i * stride), i < count; stride in floats >= dim. Streams rows once.
   */
  void (*dot_rows_f32)(const float *query, const float *rows, size_t dim, size_t stride,
                       size_t count, float *out);
  void (*l2_squared_rows_f32)(const float *query, const float *rows, size_t dim, size_t stride,
                              size_t count, float *out);

  /* ---- every stored precision ---- */
  mgp_float_kernel f32_dot, f32_l2;
  mgp_float_kernel f16_dot, f16_l2;
  mgp_float_kernel bf16_dot, bf16_l2;
  mgp_int_kernel s8_dot, s8_l2;
  mgp_int_kernel u8s8_dot; /* rows of u8, query of s8 */
  /* 4 bits: byte j holds number 2j (low) and 2j + 1 (high); of an odd last one the rest is 0 */
  mgp_int_kernel u4_dot, u4_l2;
  mgp_int_kernel u4s8_dot; /* query of s8: all even numbers, then all odd ones (mgp_split_s8) */
  /* 1 bit: bit i of byte j is number 8j + i; bits behind the last are 0 */
  mgp_int_kernel b1_dot;   /* bits that both have */
  mgp_int_kernel b1_l2;    /* Hamming distance */
  mgp_int_kernel b1q4_dot; /* query of 4-bit numbers as four planes of bits (mgp_planes_u4) */

  void (*f32_to_f16)(const float *from, uint16_t *to, size_t count);
  void (*f16_to_f32)(const uint16_t *from, float *to, size_t count);
  void (*f32_to_bf16)(const float *from, uint16_t *to, size_t count);
  void (*bf16_to_f32)(const uint16_t *from, float *to, size_t count);

  /* FastScan (arXiv 1704.07355; docs of faiss): one block of 32 rows of 4-bit codes, `groups` codes
   * a row, 16 bytes a group: byte j holds the code of row j (low) and of row j + 16 (high).
   * out[r] = sum over groups g of table[16 g + code(r, g)], exact for groups <= 2^24. */
  void (*fast_scan)(const uint8_t *codes, const uint8_t *table, size_t groups,
                    uint32_t out[MGP_FAST_SCAN_ROWS]);
} mgp_kernels;

/* The best tier that this machine has and MAGPIE_CPU allows
 * (MAGPIE_CPU=plain|avx2|avx512base|avx512, or plain|neonbase|neon, names the highest tier allowed;
 * a name that this build does not know allows plain only). avx512 adds those of VNNI, BF16 and
 * VPOPCNTDQ that the processor has to avx512base, each by its own check; neon adds dotprod to
 * neonbase. Decided once; thread-safe. */
const mgp_kernels *mgp_kernels_get(void);
/* One tier by name, whatever MAGPIE_CPU says; NULL if this machine or build lacks it. */
const mgp_kernels *mgp_kernels_tier(const char *name);
/* The names of all tiers, plain first, NULL-ended. */
const char *const *mgp_kernels_tiers(void);
/* Scales to length 1 in place; returns the former length; leaves an all-zero or non-finite vector.
 */
float mgp_normalise_f32(float *v, size_t dim);
/* The cosine from three dots: 0 when a length is 0. */
float mgp_cosine_of_dots(double dot, double length_a_squared, double length_b_squared);
/* The query of u4s8_dot: `to` takes 2 * ((dim + 1) / 2) bytes. */
void mgp_split_s8(const int8_t *from, size_t dim, int8_t *to);
/* The query of b1q4_dot: numbers 0..15 into four planes of (dim + 7) / 8 bytes, lowest bit first.
 */
void mgp_planes_u4(const uint8_t *from, size_t dim, uint8_t *to);

#endif
