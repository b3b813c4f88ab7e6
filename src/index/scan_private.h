/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop under all scans: workers take blocks of rows from one counter, score them for a group of
 * queries, and keep a selection a worker and query. The order of mgp_scored is total, so what comes
 * out does not depend on who scanned what.
 */
#ifndef MGP_INDEX_SCAN_PRIVATE_H
#define MGP_INDEX_SCAN_PRIVATE_H

#include "index/scan.h"

#define MGP_SCAN_BLOCK ((size_t)512)  /* rows; those of a block stay in the second-level cache */
#define MGP_SCAN_QUERIES ((size_t)64) /* queries that share a read of the rows */

typedef struct mgp_scan_job {
  const void *context;
  size_t rows, queries;
  size_t k; /* of each selection */
  /* out[q * MGP_SCAN_BLOCK + i] for rows first + i, i < count <= MGP_SCAN_BLOCK; `first` is a
   * multiple of MGP_SCAN_BLOCK */
  void (*score)(const void *context, size_t first, size_t count, float *out);
  /* Of rows first + i, or NULL: their numbers themselves. */
  const uint64_t *(*ids)(const void *context, size_t first);
  const mgp_filter *filter; /* on ids */
} mgp_scan_job;

/* Afterwards *out holds queries selections, each cut; free it by mgp_free. */
magpie_status mgp_scan_run(const mgp_scan_job *job, mgp_pool *pool, mgp_alloc *a, mgp_select **out,
                           magpie_error *err);

#endif
