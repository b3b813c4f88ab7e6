/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference: one element after another, compiled without auto-vectorising.
 */
#include <math.h>

#include "kernels/tiers.h"

float mgp_cosine_of_sums(float dot, float norm_a, float norm_b) {
  if (norm_a == 0 || norm_b == 0) return 0;
  return dot / (sqrtf(norm_a) * sqrtf(norm_b));
}

static float dot_plain(const float *a, const float *b, size_t dim) {
  float sum = 0;
  for (size_t i = 0; i < dim; i++) sum += a[i] * b[i];
  return sum;
}

static float l2_squared_plain(const float *a, const float *b, size_t dim) {
  float sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

static float cosine_plain(const float *a, const float *b, size_t dim) {
  float dot = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < dim; i++) {
    dot += a[i] * b[i];
    norm_a += a[i] * a[i];
    norm_b += b[i] * b[i];
  }
  return mgp_cosine_of_sums(dot, norm_a, norm_b);
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
  const float length = (float)sqrt(sum);
  if (!(length > 0) || !isfinite(length)) return length;
  for (size_t i = 0; i < dim; i++) v[i] = (float)(v[i] / sqrt(sum));
  return length;
}
