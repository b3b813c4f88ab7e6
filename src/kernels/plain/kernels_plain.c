/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference: one element after another, summed in double and rounded once, compiled without
 * auto-vectorising.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/tiers.h"

/* Squared lengths between these lose nothing that matters to products that under- or overflow. */
#define SAFE_LOW 1e-20f
#define SAFE_HIGH 1e30f

static float dot_plain(const float *a, const float *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (double)a[i] * b[i];
  return (float)sum;
}

static float l2_squared_plain(const float *a, const float *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) {
    const double d = (double)a[i] - b[i];
    sum += d * d;
  }
  return (float)sum;
}

/* No square of a float under- or overflows in double. */
static float cosine_plain(const float *a, const float *b, size_t dim) {
  double dot = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < dim; i++) {
    dot += (double)a[i] * b[i];
    norm_a += (double)a[i] * a[i];
    norm_b += (double)b[i] * b[i];
  }
  if (isnan(dot)) return NAN;
  if (norm_a == 0 || norm_b == 0) return 0;
  return (float)(dot / (sqrt(norm_a) * sqrt(norm_b)));
}

static bool is_safe(float norm) {
  return norm >= SAFE_LOW && norm <= SAFE_HIGH;
}

float mgp_cosine_of_sums(const float *a, const float *b, size_t dim, float dot, float norm_a,
                         float norm_b) {
  if (is_safe(norm_a) && is_safe(norm_b)) return dot / (sqrtf(norm_a) * sqrtf(norm_b));
  return cosine_plain(a, b, dim);
}

static void dot_rows_plain(const float *query, const float *rows, size_t dim, size_t stride,
                           size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = dot_plain(query, rows + i * stride, dim);
}

static void l2_squared_rows_plain(const float *query, const float *rows, size_t dim, size_t stride,
                                  size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = l2_squared_plain(query, rows + i * stride, dim);
}

void mgp_kernels_fill_plain(mgp_kernels *table) {
  *table = (mgp_kernels){.tier = "plain",
                         .dot_f32 = dot_plain,
                         .l2_squared_f32 = l2_squared_plain,
                         .cosine_f32 = cosine_plain,
                         .dot_rows_f32 = dot_rows_plain,
                         .l2_squared_rows_f32 = l2_squared_rows_plain};
}

float mgp_normalise_f32(float *v, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (double)v[i] * v[i];
  const double length = sqrt(sum);
  if (!(length > 0) || !isfinite(length)) return (float)length;
  for (size_t i = 0; i < dim; i++) v[i] = (float)(v[i] / length);
  return length < FLT_MAX ? (float)length : FLT_MAX; /* a finite vector has a finite length */
}
