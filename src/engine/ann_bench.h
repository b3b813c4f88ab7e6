/* SPDX-License-Identifier: Apache-2.0
 *
 * bench-ann: vectors in memory (ann_vectors.c), our indexes on them (ann_systems.c), how they are
 * measured (ann_bench.c), the picture (ann_plot.c).
 */
#ifndef MGP_ENGINE_ANN_BENCH_H
#define MGP_ENGINE_ANN_BENCH_H

#include "eval/matrix_file.h"
#include "index/graph_index.h"
#include "index/scan.h"
#include "magpie/vectors.h"

#define MGP_ANN_K_MAX 1000
#define MGP_ANN_SYSTEMS 6

/* Rows as the indexes read them. */
typedef struct mgp_ann_rows {
  float *rows;
  size_t n, dim, stride;
} mgp_ann_rows;

typedef struct mgp_ann_bench {
  magpie_ann_options options;
  bool is_l2, is_cosine;
  mgp_ann_rows base, queries;
  uint64_t *ids;   /* [base.n]: 0, 1, ... */
  float *floor;    /* [queries.n] score of the k-th true neighbour */
  bool has_truth;  /* it came from a file */
  mgp_pool *pool;  /* of options.threads */
  mgp_pool *cores; /* of all, for what is not measured */
} mgp_ann_bench;

/* ---- vectors (ann_vectors.c) --------------------------------------------------------------------
 */

magpie_status mgp_ann_read(mgp_ann_bench *b, magpie_error *err);
void mgp_ann_rows_fini(mgp_ann_rows *rows);
/* Exact: the dot product, or the squared distance, negative. */
float mgp_ann_score(const mgp_ann_bench *b, const float *query, size_t row);
/* The k best of all rows, best first; room for k. Returns how many there are. */
size_t mgp_ann_exact(const mgp_ann_bench *b, const float *query, mgp_scored *out);
/* Fills b->floor, from the file of the true neighbours or by looking at every row. */
magpie_status mgp_ann_truth(mgp_ann_bench *b, magpie_error *err);

/* ---- indexes (ann_systems.c) --------------------------------------------------------------------
 */

typedef struct mgp_ann_system {
  const char *name;
  bool is_graph;
  size_t widths[16], width_count; /* to measure; 0 of one: it has none */
  mgp_coder *coder;
  void *codes;
  mgp_graph *graph;
  size_t bytes;
  double build_s;
} mgp_ann_system;

/* What one thread needs beside. */
typedef struct mgp_ann_worker {
  mgp_graph_searcher *searcher;
} mgp_ann_worker;

/* The index of this number, below MGP_ANN_SYSTEMS, built. */
magpie_status mgp_ann_system_build(const mgp_ann_bench *b, size_t which, mgp_ann_system *out,
                                   magpie_error *err);
void mgp_ann_system_fini(mgp_ann_system *s);
magpie_status mgp_ann_worker_init(const mgp_ann_system *s, mgp_ann_worker *w, magpie_error *err);
void mgp_ann_worker_fini(mgp_ann_worker *w);
/* At most k into `out`; *count of them. */
magpie_status mgp_ann_ask(const mgp_ann_bench *b, const mgp_ann_system *s, mgp_ann_worker *w,
                          size_t width, const float *query, mgp_scored *out, size_t *count,
                          magpie_error *err);

#endif
