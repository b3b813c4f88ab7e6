/* SPDX-License-Identifier: Apache-2.0
 *
 * clusters: approximate nearest neighbours among f32 rows that are larger than memory. Lists of
 * rows around centres, whose 1-bit codes lie in the order of the lists, so that a probe reads
 * contiguous bytes; the best are re-scored on the rows themselves, a few pages of them
 * (docs/decisions/0022-clustered-index.md says why). About 4 % of the bytes of rows of 384 numbers.
 * Rows, metrics, bits and hits are those of graph_index.h. The rows stay the caller's.
 */
#ifndef MGP_CLUSTER_INDEX_H
#define MGP_CLUSTER_INDEX_H

#include "index/graph_index.h"

#define MGP_CLUSTER_LISTS_MAX 65536

typedef struct mgp_cluster_options {
  mgp_graph_metric metric;
  size_t lists; /* about so many; 0: 4 times the root of the rows, of at least 64 rows each */
  /* Where bytes go meanwhile that are more than an eighth of the memory budget; NULL: nowhere. */
  const char *spill_folder;
  /* As of a graph's build. */
  magpie_status (*go_on)(void *context, double share, magpie_error *err);
  void *context;
} mgp_cluster_options;

typedef struct mgp_clusters mgp_clusters;

/* ---- build (cluster_build.c) ------------------------------------------------------------------
 */

/* Same bytes for any number of threads (`pool` may be NULL). Reads all rows twice, in order; holds
 * a sample, the centres and 4 bytes a row. Refuses NaN and Inf (INVALID); LIMIT where `a` has too
 * little memory. No rows make no lists. */
magpie_status mgp_clusters_build(const mgp_graph_rows *rows, const mgp_cluster_options *options,
                                 mgp_pool *pool, mgp_alloc *a, mgp_clusters **out,
                                 magpie_error *err);
/* The most memory that a build over so many rows asks of its allocator, of which so much is left.
 */
uint64_t mgp_clusters_build_memory(size_t count, size_t dim, const mgp_cluster_options *options,
                                   int threads, const mgp_alloc *a);
void mgp_clusters_close(mgp_clusters *c);

/* ---- the file (cluster_file.c, docs/format/clusters.md) ----------------------------------------
 */

/* As bytes, which live as long as it. */
void mgp_clusters_bytes(const mgp_clusters *c, const void **data, size_t *size);
/* Reads those bytes in place, at any address that is a multiple of 8. They are not trusted: no
 * search leaves them, whatever they hold. `rows` must be those it was built on; bytes and rows are
 * borrowed. Reads centres and tables, not the codes. CORRUPT, VERSION, INVALID (rows that do not
 * fit). */
magpie_status mgp_clusters_open(const void *data, size_t size, const mgp_graph_rows *rows,
                                mgp_alloc *a, mgp_clusters **out, magpie_error *err);
/* Compares the checksum of all bytes; opening compares that of the header. */
magpie_status mgp_clusters_verify(const mgp_clusters *c, magpie_error *err);
/* All of that on the bytes, and that every row stands in one list, once, with the code that it has
 * by its centre. (cluster_check.c) */
magpie_status mgp_clusters_check(const void *data, size_t size, const mgp_graph_rows *rows,
                                 mgp_alloc *a, magpie_error *err);

size_t mgp_clusters_count(const mgp_clusters *c);
size_t mgp_clusters_lists(const mgp_clusters *c);

/* ---- search (cluster_search.c) ----------------------------------------------------------------
 */

typedef struct mgp_cluster_search_options {
  size_t k;
  size_t shown; /* 0: k; of so many of the k the recall is wanted, the others are what comes next */
  double recall; /* 0: 0.95; what calibration found to be needed for it */
  size_t probes; /* lists; 0: by recall */
  float margin;  /* how far below the k-th best an estimate may lie, see cluster_private.h; 0: by
                    recall */
  const mgp_graph_bits *allow; /* NULL: all */
} mgp_cluster_search_options;

/* How a search was answered. */
typedef enum mgp_cluster_path {
  MGP_CLUSTER_PATH_NONE,     /* nothing is allowed */
  MGP_CLUSTER_PATH_PROBE,    /* the nearest lists */
  MGP_CLUSTER_PATH_FILTERED, /* more of them, as few of their rows are allowed */
  MGP_CLUSTER_PATH_SCAN      /* the codes of all allowed rows */
} mgp_cluster_path;

typedef struct mgp_cluster_stats {
  mgp_cluster_path path;
  size_t probed, scored, rescored; /* lists, codes of allowed rows, rows read */
} mgp_cluster_stats;

/* One thread's memory for searches. */
typedef struct mgp_cluster_searcher mgp_cluster_searcher;
magpie_status mgp_cluster_searcher_create(const mgp_clusters *c, mgp_alloc *a,
                                          mgp_cluster_searcher **out, magpie_error *err);
void mgp_cluster_searcher_destroy(mgp_cluster_searcher *s);
/* Best first into `out` (room for k): exact scores, ids are rows; ties go to the lower row. As many
 * as k, or as all allowed: never fewer. The query holds dim finite floats. */
magpie_status mgp_clusters_search(mgp_cluster_searcher *s, const float *query,
                                  const mgp_cluster_search_options *options, mgp_scored *out,
                                  size_t *count, mgp_cluster_stats *stats, magpie_error *err);

#endif
