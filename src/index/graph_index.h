/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: approximate nearest neighbours among f32 rows. A flat graph, walked on four-bit codes, the
 * best re-scored on the rows themselves (docs/decisions/0017-graph.md says why). Nodes are numbered
 * as the rows. The rows stay the caller's: the graph borrows them, in memory and when read again.
 */
#ifndef MGP_GRAPH_INDEX_H
#define MGP_GRAPH_INDEX_H

#include "base/base.h"

typedef enum mgp_graph_metric {
  MGP_GRAPH_DOT = 0, /* score: dot product; for cosine give unit rows */
  MGP_GRAPH_L2 = 1   /* score: the squared distance, negative, so that more is better */
} mgp_graph_metric;

#define MGP_GRAPH_DIM_MAX 16384
#define MGP_GRAPH_DEGREE_MAX 64
#define MGP_GRAPH_WIDTH_MAX 4096
#define MGP_GRAPH_COUNT_MAX (UINT32_MAX / 2)

typedef struct mgp_graph_rows {
  const float *rows;
  size_t count, dim, stride; /* stride in floats >= dim */
} mgp_graph_rows;

typedef struct mgp_graph_options {
  mgp_graph_metric metric;
  size_t degree; /* 0: 32; most 64 */
  size_t width;  /* of the walks that find a new node's neighbours; 0: 200 */
  /* Asked between batches with the share that is done, 0..1; what is not OK ends the build. May be
   * NULL. On the thread that builds. */
  magpie_status (*go_on)(void *context, double share, magpie_error *err);
  void *context;
} mgp_graph_options;

typedef struct mgp_graph mgp_graph;

/* ---- build, insert, merge (graph_build.c) ---------------------------------------------------- */

/* Same bytes for any number of threads (`pool` may be NULL) and on every processor. Refuses NaN and
 * Inf (INVALID); LIMIT where `a` has too little memory. No rows make an empty graph. */
magpie_status mgp_graph_build(const mgp_graph_rows *rows, const mgp_graph_options *options,
                              mgp_pool *pool, mgp_alloc *a, mgp_graph **out, magpie_error *err);

/* A graph that goes into a new one: map[i] is the row its node i becomes, or UINT32_MAX if it is
 * deleted; the ways through deleted nodes are bridged. */
typedef struct mgp_graph_part {
  const mgp_graph *graph;
  const uint32_t *map;
} mgp_graph_part;
/* A graph over `rows`, from graphs over some of them. The part with most nodes left is kept as it
 * is, the others are linked to it with the help of their own edges, rows that no part has as new
 * ones: so one call merges segments, adds rows and drops deleted ones. Parts may differ in all but
 * metric and dimension. Repeatable like a build. */
magpie_status mgp_graph_merge(const mgp_graph_part *parts, size_t part_count,
                              const mgp_graph_rows *rows, const mgp_graph_options *options,
                              mgp_pool *pool, mgp_alloc *a, mgp_graph **out, magpie_error *err);
/* The most memory that a build or merge over so many rows asks of its allocator. */
uint64_t mgp_graph_build_memory(size_t count, size_t dim, const mgp_graph_options *options,
                                int threads);
void mgp_graph_close(mgp_graph *g);

/* ---- the file (graph_file.c, docs/format/graph.md) --------------------------------------------
 */

/* The graph as bytes, which live as long as it. */
void mgp_graph_bytes(const mgp_graph *g, const void **data, size_t *size);
/* Reads those bytes in place, at any address that is a multiple of 8. They are not trusted: no
 * search leaves them, whatever they hold. `rows` must be those it was built on; bytes and rows are
 * borrowed. CORRUPT, VERSION, INVALID (rows that do not fit). */
magpie_status mgp_graph_open(const void *data, size_t size, const mgp_graph_rows *rows,
                             mgp_alloc *a, mgp_graph **out, magpie_error *err);
/* Compares the checksum of all bytes; opening compares that of the header. */
magpie_status mgp_graph_verify(const mgp_graph *g, magpie_error *err);

/* All of that on the bytes of a graph, and that its edges are those of one that was built: none to
 * the node itself, none twice, and every node can be reached. (graph_check.c) */
magpie_status mgp_graph_check(const void *data, size_t size, const mgp_graph_rows *rows,
                              mgp_alloc *a, magpie_error *err);

size_t mgp_graph_count(const mgp_graph *g);
size_t mgp_graph_degree(const mgp_graph *g);
/* Writes the neighbours of a node (room for degree), returns how many. */
size_t mgp_graph_neighbours(const mgp_graph *g, uint32_t node, uint32_t *out);
/* How far a walk must look for this recall of the best k, as the graph's own sample told when it
 * was built: candidates up to so many times the squared distance of the last hit. 0: a graph of
 * version 1, which only knows widths. */
double mgp_graph_reach_for(const mgp_graph *g, double recall, size_t k);

/* ---- search (graph_search.c, graph_filter.c) --------------------------------------------------
 */

/* Bit i % 64 of word i / 64 is node i. */
typedef struct mgp_graph_bits {
  const uint64_t *words;
  size_t count; /* nodes */
} mgp_graph_bits;
/* Asks a predicate about every node. `words` has (count + 63) / 64. */
void mgp_graph_bits_fill(uint64_t *words, size_t count,
                         bool (*allow)(const void *context, uint64_t node), const void *context);

/* How a search was answered. */
typedef enum mgp_graph_path {
  MGP_GRAPH_PATH_NONE,   /* nothing is allowed */
  MGP_GRAPH_PATH_WALK,   /* the graph, all nodes */
  MGP_GRAPH_PATH_BRIDGE, /* the graph of allowed nodes, two steps where one ends at another node */
  MGP_GRAPH_PATH_SCAN,   /* the codes of all allowed nodes */
  MGP_GRAPH_PATH_RESCAN, /* a walk that cost more than it should: then the scan */
  MGP_GRAPH_PATH_ROWS    /* the rows of all allowed nodes, which are few: exact */
} mgp_graph_path;

typedef struct mgp_graph_search_options {
  size_t k;
  size_t shown;                /* the best so many that `recall` is meant for; 0: k */
  double recall;               /* 0: 0.95; says how far to look, unless one of these does: */
  double reach;                /* as mgp_graph_reach_for; 0: not given */
  size_t width;                /* candidates kept while walking, however near; 0: not given */
  const mgp_graph_bits *allow; /* NULL: all. Others are walked through, never returned */
  const mgp_graph_bits *dead;  /* NULL: none */
  mgp_graph_path path;         /* under a filter the way to take, for measuring; NONE: the best */
} mgp_graph_search_options;

typedef struct mgp_graph_stats {
  mgp_graph_path path;
  size_t allowed, expanded, scored; /* nodes: that may be hits, walked on from, met as codes */
  size_t rescored;                  /* rows read */
} mgp_graph_stats;

/* One thread's memory for searches, 2 bytes a node and some. */
typedef struct mgp_graph_searcher mgp_graph_searcher;
magpie_status mgp_graph_searcher_create(const mgp_graph *g, mgp_alloc *a, mgp_graph_searcher **out,
                                        magpie_error *err);
void mgp_graph_searcher_destroy(mgp_graph_searcher *s);
/* Best first into `out` (room for k): exact scores, ids are nodes; ties go to the lower node. As
 * many as k, or as all allowed and living nodes: never fewer. The query holds dim finite floats. */
magpie_status mgp_graph_search(mgp_graph_searcher *s, const float *query,
                               const mgp_graph_search_options *options, mgp_scored *out,
                               size_t *count, mgp_graph_stats *stats, magpie_error *err);
/* Many queries, `stride` floats apart, by the pool: out has k places a query, counts one. */
magpie_status mgp_graph_search_batch(const mgp_graph *g, const float *queries, size_t query_count,
                                     size_t stride, const mgp_graph_search_options *options,
                                     mgp_pool *pool, mgp_alloc *a, mgp_scored *out, size_t *counts,
                                     magpie_error *err);

#endif
