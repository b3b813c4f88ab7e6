/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the clustered index as a build leaves it? What opening and checksums cannot tell: a file
 * written wrongly is whole, and searches of it stay inside of it, but they find too little.
 */
#include <math.h>

#include "index/cluster_private.h"

#define TOLERANCE 1e-3 /* of factors: another processor adds in another order */
#define CODE_STEP 61   /* every so many rows are coded again */

typedef struct checker {
  const mgp_clusters *clusters;
  unsigned char *is_met; /* a bit a row */
  float *turned, *work;
  unsigned char *bits;
} checker;

static bool is_near(float a, float b) {
  return fabs((double)a - b) <= TOLERANCE * (1 + fabs((double)a) + fabs((double)b));
}

/* The code that the row has by this centre. Signs of numbers near 0 may differ. */
static magpie_status check_code(const checker *k, size_t list, const unsigned char *block,
                                size_t at, uint32_t row, magpie_error *err) {
  const mgp_clusters *c = k->clusters;
  float expected[2], found[2];
  size_t wrong = 0;
  mgp_cluster_encode(c, mgp_cluster_row(&c->rows, row), c->centres + list * c->shape.stride,
                     k->turned, k->work, k->bits, expected);
  mgp_cluster_block_factors(c, block, at, found);
  for (size_t g = 0; g < c->shape.groups; g++) {
    const unsigned code = k->bits[g / 2] >> 4 * (g % 2) & 15;
    wrong += code != mgp_fast_code(block, g, at);
  }
  MGP_RETURN_IF(wrong > c->shape.groups / 32 || !is_near(expected[0], found[0]) ||
                    !is_near(expected[1], found[1]),
                err, MAGPIE_CORRUPT, "the clusters' code of row %u is not that of the row", row);
  return MAGPIE_OK;
}

static magpie_status check_list(const checker *k, size_t list, magpie_error *err) {
  const mgp_clusters *c = k->clusters;
  const size_t end = c->first_block[list + 1];
  uint32_t rows[MGP_FAST_SCAN_ROWS];
  bool is_ended = false;
  mgp_cluster_turn(c, c->centres + list * c->shape.stride, k->turned);
  for (size_t b = c->first_block[list]; b < end; b++) {
    const unsigned char *block = mgp_cluster_block(c, b);
    mgp_cluster_block_rows(c, block, rows);
    for (size_t i = 0; i < MGP_FAST_SCAN_ROWS; i++) {
      is_ended = is_ended || rows[i] == MGP_CLUSTER_NO_ROW;
      if (is_ended && rows[i] == MGP_CLUSTER_NO_ROW) continue;
      MGP_RETURN_IF(is_ended || rows[i] >= c->rows.count, err, MAGPIE_CORRUPT,
                    "the clusters' list %zu names row %u of %zu", list, rows[i], c->rows.count);
      MGP_RETURN_IF(mgp_bit_get(k->is_met, rows[i]), err, MAGPIE_CORRUPT,
                    "the clusters name row %u twice", rows[i]);
      mgp_bit_set(k->is_met, rows[i]);
      if (rows[i] % CODE_STEP == 0) MGP_FORWARD(check_code(k, list, block, i, rows[i], err));
    }
  }
  return MAGPIE_OK;
}

static magpie_status check_lists(const checker *k, magpie_error *err) {
  const mgp_clusters *c = k->clusters;
  for (size_t i = 0; i < c->shape.lists; i++) {
    const float *centre = c->centres + i * c->shape.stride;
    MGP_RETURN_IF(!isfinite(mgp_dot_double(centre, centre, c->shape.dim)), err, MAGPIE_CORRUPT,
                  "the clusters' centre %zu is not finite", i);
    MGP_FORWARD(check_list(k, i, err));
  }
  for (size_t i = 0; i < c->rows.count; i++)
    MGP_RETURN_IF(!mgp_bit_get(k->is_met, i), err, MAGPIE_CORRUPT,
                  "the clusters do not name row %zu", i);
  return MAGPIE_OK;
}

magpie_status mgp_clusters_check(const void *data, size_t size, const mgp_graph_rows *rows,
                                 mgp_alloc *a, magpie_error *err) {
  mgp_clusters *c = NULL;
  MGP_FORWARD(mgp_clusters_open(data, size, rows, a, &c, err));
  checker k = {.clusters = c,
               .is_met = mgp_calloc(a, rows->count / 8 + 1, 1),
               .turned = mgp_malloc(a, c->shape.padded * sizeof(float)),
               .work = mgp_malloc(a, c->shape.padded * sizeof(float)),
               .bits = mgp_malloc(a, c->shape.padded / 8)};
  magpie_status status =
      k.is_met && k.turned && k.work && k.bits
          ? mgp_clusters_verify(c, err)
          : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to check clusters of %zu rows", rows->count);
  if (status == MAGPIE_OK) status = check_lists(&k, err);
  mgp_free(a, k.is_met);
  mgp_free(a, k.turned);
  mgp_free(a, k.work);
  mgp_free(a, k.bits);
  mgp_clusters_close(c);
  return status;
}
