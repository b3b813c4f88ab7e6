/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes one large dense segment of a view faster than reading its rows: its graph, or clusters
 * where that would be too large, and the kinds of its items, row by row. Opened with the view,
 * shared by its searches.
 */
#ifndef MGP_ENGINE_DENSE_EXTRA_H
#define MGP_ENGINE_DENSE_EXTRA_H

#include <pthread.h>

#include "engine/engine.h"
#include "index/cluster_index.h"

#define MGP_IDLE_SEARCHERS 8
#define MGP_KIND_NUMBERS 256

/* One search's memory, of the one that the segment has. */
typedef struct mgp_dense_searcher {
  mgp_graph_searcher *graph;
  mgp_cluster_searcher *clusters;
} mgp_dense_searcher;

typedef struct mgp_dense_extra {
  mgp_alloc *alloc;
  mgp_graph *graph; /* or */
  mgp_clusters *clusters;
  unsigned char *kinds; /* of each row's item; 0: dead */
  size_t counts[MGP_KIND_NUMBERS];
  pthread_mutex_t lock; /* of what follows: memory for searches that nobody uses now */
  mgp_dense_searcher idle[MGP_IDLE_SEARCHERS];
  size_t idle_count;
} mgp_dense_extra;

/* *out is NULL for a segment that has no such sections. CORRUPT: they are damaged. */
magpie_status mgp_dense_extra_open(mgp_alloc *a, const mgp_snapshot *snapshot, size_t segment,
                                   const mgp_dense_view *rows, mgp_dense_extra **out,
                                   magpie_error *err);
void mgp_dense_extra_close(mgp_dense_extra *x);
magpie_status mgp_dense_extra_take(mgp_dense_extra *x, mgp_dense_searcher *out, magpie_error *err);
void mgp_dense_extra_give(mgp_dense_extra *x, mgp_dense_searcher searcher);

#endif
