/* SPDX-License-Identifier: Apache-2.0
 *
 * The codes of the clustered index: signs of what a list's centre leaves of a row, rotated (RaBitQ,
 * arXiv 2405.12497), in FastScan's blocks. See cluster_private.h for the estimate.
 */
#include <math.h>

#include "index/cluster_private.h"

void mgp_cluster_turn(const mgp_clusters *c, const float *vector, float *turned) {
  memcpy(turned, vector, c->shape.dim * sizeof *turned);
  for (size_t i = c->shape.dim; i < c->shape.padded; i++) turned[i] = 0;
  mgp_rotation_apply(&c->rotation, turned);
}

double mgp_cluster_encode(const mgp_clusters *c, const float *row, const float *centre,
                          const float *turned, float *work, unsigned char *bits, float factors[2]) {
  const size_t dim = c->shape.dim, padded = c->shape.padded;
  const bool is_l2 = c->metric == MGP_GRAPH_L2;
  for (size_t i = 0; i < dim; i++) work[i] = row[i] - centre[i];
  for (size_t i = dim; i < padded; i++) work[i] = 0;
  const double length2 = mgp_dot_double(work, work, dim);
  const double along_centre = is_l2 ? 0 : mgp_dot_double(centre, work, dim);
  mgp_rotation_apply(&c->rotation, work);
  double along = 0, centre_along = 0; /* of the signs, times 2 */
  memset(bits, 0, padded / 8);
  for (size_t i = 0; i < padded; i++) {
    const bool is_up = work[i] > 0;
    bits[i / 8] |= (unsigned char)(is_up << i % 8);
    along += is_up ? (double)work[i] : -(double)work[i];
    centre_along += is_up ? (double)turned[i] : -(double)turned[i];
  }
  const double scale = along > 0 ? 2 * length2 / along : 0;
  const double centre_part = scale * centre_along / 2;
  factors[0] = (float)(is_l2 ? -length2 - 2 * centre_part : along_centre - centre_part);
  factors[1] = (float)(is_l2 ? 2 * scale : scale);
  return length2;
}

static unsigned char *factors_at(const mgp_clusters *c, unsigned char *block, size_t column) {
  return block + 16 * c->shape.groups + column * MGP_CLUSTER_ROWS * sizeof(float);
}

void mgp_cluster_put(const mgp_clusters *c, unsigned char *block, size_t at,
                     const unsigned char *bits, const float factors[2], uint32_t row) {
  const unsigned shift = at < 16 ? 0 : 4;
  unsigned char *to = block + at % 16;
  for (size_t g = 0; g < c->shape.groups; g++)
    to[16 * g] |= (unsigned char)((bits[g / 2] >> 4 * (g % 2) & 15) << shift);
  memcpy(factors_at(c, block, 0) + at * sizeof(float), &factors[0], sizeof(float));
  memcpy(factors_at(c, block, 1) + at * sizeof(float), &factors[1], sizeof(float));
  memcpy(factors_at(c, block, 2) + at * sizeof(uint32_t), &row, sizeof row);
}

void mgp_cluster_block_rows(const mgp_clusters *c, const unsigned char *block,
                            uint32_t rows[MGP_FAST_SCAN_ROWS]) {
  memcpy(rows, factors_at(c, (unsigned char *)(uintptr_t)block, 2),
         MGP_CLUSTER_ROWS * sizeof *rows);
}

void mgp_cluster_block_factors(const mgp_clusters *c, const unsigned char *block, size_t at,
                               float factors[2]) {
  for (size_t i = 0; i < 2; i++)
    memcpy(&factors[i], factors_at(c, (unsigned char *)(uintptr_t)block, i) + at * sizeof(float),
           sizeof(float));
}

void mgp_cluster_prepare(const mgp_clusters *c, const float *query, mgp_cluster_query *out) {
  double sum = 0;
  mgp_cluster_turn(c, query, out->turned);
  for (size_t g = 0; g < c->shape.groups; g++) {
    const float *r = out->turned + 4 * g;
    for (unsigned code = 0; code < 16; code++)
      out->entries[16 * g + code] = (float)(code & 1) * r[0] + (float)(code >> 1 & 1) * r[1] +
                                    (float)(code >> 2 & 1) * r[2] + (float)(code >> 3 & 1) * r[3];
    sum += (double)r[0] + r[1] + r[2] + r[3];
  }
  const mgp_fast_query table = mgp_fast_table(out->entries, c->shape.groups, out->table);
  out->step = table.step;
  out->least = table.least - (float)(sum / 2);
}

void mgp_cluster_estimate(const mgp_clusters *c, const mgp_cluster_query *q,
                          const unsigned char *block, float base, float out[MGP_FAST_SCAN_ROWS]) {
  uint32_t sums[MGP_FAST_SCAN_ROWS];
  float factors[2 * MGP_FAST_SCAN_ROWS];
  mgp_kernels_get()->fast_scan(block, q->table, c->shape.groups, sums);
  memcpy(factors, block + 16 * c->shape.groups, sizeof factors);
  for (size_t i = 0; i < MGP_FAST_SCAN_ROWS; i++)
    out[i] = base + factors[i] +
             factors[MGP_FAST_SCAN_ROWS + i] * (q->step * (float)(int32_t)sums[i] + q->least);
}
