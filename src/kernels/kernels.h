/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels: arithmetic on vectors, one table a processor tier, filled once.
 * Every kernel takes any length (0 too) and any alignment. `plain` is the reference; the others
 * agree with it within 1e-5 * sum(|a_i b_i|) for dot (forward error of a reordered sum), 1e-5 of
 * the value for squared L2 and 1e-5 for the cosine, of vectors of any size. NaN in gives NaN out.
 * Only sums that leave float's range may differ: they are infinite, or NaN where signs are mixed.
 * Within a tier the row kernels give bitwise what single calls give, wherever a row stands.
 */
#ifndef MGP_KERNELS_H
#define MGP_KERNELS_H

#include <stddef.h>

typedef struct mgp_kernels {
  const char *tier; /* "plain", "avx2", "avx512", "neon" */
  float (*dot_f32)(const float *a, const float *b, size_t dim);
  float (*l2_squared_f32)(const float *a, const float *b, size_t dim);
  float (*cosine_f32)(const float *a, const float *b, size_t dim); /* 0 when either is all zero */
  /* out[i] = dot(query, rows + i * stride), i < count; stride in floats >= dim. Streams rows once.
   */
  void (*dot_rows_f32)(const float *query, const float *rows, size_t dim, size_t stride,
                       size_t count, float *out);
  void (*l2_squared_rows_f32)(const float *query, const float *rows, size_t dim, size_t stride,
                              size_t count, float *out);
} mgp_kernels;

/* The best tier that this machine has and MAGPIE_CPU allows (MAGPIE_CPU=plain|avx2|avx512|neon
 * names the highest tier allowed; a name that this build does not know allows plain only). Decided
 * once; thread-safe. */
const mgp_kernels *mgp_kernels_get(void);
/* One tier by name, whatever MAGPIE_CPU says; NULL if this machine or build lacks it. */
const mgp_kernels *mgp_kernels_tier(const char *name);
/* The names of all tiers, plain first, NULL-ended. */
const char *const *mgp_kernels_tiers(void);
/* Scales to length 1 in place; returns the former length; leaves an all-zero or non-finite vector.
 */
float mgp_normalise_f32(float *v, size_t dim);

#endif
