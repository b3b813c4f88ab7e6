/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the clustered index share.
 *
 * Centres are found in two levels: supers, about the root of the lists, and below each its lists. A
 * search compares with all lists: with those below the nearest supers alone it would miss a tenth
 * of the rows. The code of a row x of the list of centre c is RaBitQ's (arXiv 2405.12497) of what
 * is left, o = x - c, rotated: the signs u of P o. With s = |o|^2 / <P o, u>, <q, x> is estimated
 * by
 *
 *   <q, c> + s <u, P (q - c)> + <c, o>  =  <q, c> + [<c, o> - s <u, P c>] + s <u, P q>
 *
 * where the bracket belongs to the row, so that one table of the query, of P q, serves all lists.
 * The squared distance is estimated alike: -|q - c|^2 + [-|o|^2 - 2 s <u, P c>] + 2 s <u, P q>.
 *
 * A margin says what is re-scored: all whose estimate is at most margin * reach below the k-th best
 * exact score so far. The reach, which the error grows with, is the distance of the query to the
 * nearest centre or, if that is more, to the k-th best row.
 */
#ifndef MGP_INDEX_CLUSTER_PRIVATE_H
#define MGP_INDEX_CLUSTER_PRIVATE_H

#include "index/cluster_index.h"
#include "index/codec_private.h"
#include "index/scan.h"

#define MGP_CLUSTER_ROWS ((size_t)MGP_FAST_SCAN_ROWS) /* of a block */
#define MGP_CLUSTER_NO_ROW UINT32_MAX                 /* fills the last block of a list */
#define MGP_CLUSTER_LADDER ((size_t)12)
#define MGP_CLUSTER_BATCH ((size_t)512) /* rows that are assigned or coded together */
#define MGP_CLUSTER_SHALLOW ((size_t)10)
#define MGP_CLUSTER_DEEP ((size_t)100)

/* What a recall needs for the best 10 and the best 100. */
typedef struct mgp_cluster_step {
  float recall;
  uint32_t probes10, probes100;
  float margin10, margin100;
  float reserved;
} mgp_cluster_step;

/* A block: fast_scan's codes of 32 rows, their `add`s, their `scale`s, their numbers. */
typedef struct mgp_cluster_shape {
  size_t dim, padded, stride; /* of rows; rotated; of centres, in floats */
  size_t groups, block_size;
  size_t lists, blocks;
} mgp_cluster_shape;

struct mgp_clusters {
  mgp_graph_rows rows;
  mgp_graph_metric metric;
  mgp_cluster_shape shape;
  const unsigned char *data;
  size_t size;
  const float *centres;
  const float *spreads;        /* root of the mean squared distance of a list's rows to it */
  const uint32_t *first_block; /* lists + 1 */
  const unsigned char *blocks;
  mgp_rotation rotation;
  mgp_cluster_step ladder[MGP_CLUSTER_LADDER];
  size_t ladder_count;
  mgp_spill owned; /* of a build */
  mgp_alloc *alloc;
};

static inline uint64_t mgp_cluster_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static inline const float *mgp_cluster_row(const mgp_graph_rows *r, size_t i) {
  return r->rows + i * r->stride;
}

static inline unsigned char *mgp_cluster_block(const mgp_clusters *c, size_t block) {
  return (unsigned char *)(uintptr_t)c->blocks + block * c->shape.block_size;
}

/* Asks the caller of a build whether to go on. */
static inline magpie_status mgp_cluster_tell(const mgp_cluster_options *o, double share,
                                             magpie_error *err) {
  return o->go_on ? o->go_on(o->context, share, err) : MAGPIE_OK;
}

/* On the pool's threads, or on this one. */
void mgp_cluster_run(mgp_pool *pool, size_t count, void (*fn)(void *context, size_t index),
                     void *context);

/* ---- centres (cluster_train.c) ---- */

typedef struct mgp_cluster_tree {
  size_t supers, lists, dim, stride;
  float *super_centres, *centres;
  uint32_t *first_list;
  float *half; /* |centre|^2 / 2 of lists, then of supers */
} mgp_cluster_tree;
size_t mgp_cluster_list_count(size_t rows, const mgp_cluster_options *o);
size_t mgp_cluster_sample_count(size_t rows, size_t stride, size_t lists, const mgp_alloc *a);
/* At most `lists` of them. */
magpie_status mgp_cluster_train(const mgp_graph_rows *rows, size_t lists,
                                const mgp_cluster_options *o, mgp_pool *pool, mgp_alloc *a,
                                mgp_cluster_tree *out, magpie_error *err);
void mgp_cluster_tree_fini(mgp_alloc *a, mgp_cluster_tree *t);

/* ---- the nearest list of each row (cluster_assign.c) ---- */

/* labels[i] for all rows. */
magpie_status mgp_cluster_assign(const mgp_cluster_tree *t, const mgp_graph_rows *rows,
                                 const mgp_cluster_options *o, mgp_pool *pool, mgp_alloc *a,
                                 uint32_t *labels, magpie_error *err);
uint64_t mgp_cluster_assign_memory(size_t supers, size_t stride, int threads);

/* ---- codes (cluster_codes.c) ---- */

/* `work` has room for `padded`, `bits` for padded / 8; `turned` is the rotated centre. Returns the
 * squared distance to the centre. */
double mgp_cluster_encode(const mgp_clusters *c, const float *row, const float *centre,
                          const float *turned, float *work, unsigned char *bits, float factors[2]);
void mgp_cluster_turn(const mgp_clusters *c, const float *vector, float *turned);
void mgp_cluster_put(const mgp_clusters *c, unsigned char *block, size_t at,
                     const unsigned char *bits, const float factors[2], uint32_t row);
typedef struct mgp_cluster_query {
  float step, least; /* <u, P q> = step * sum + least */
  uint8_t *table;    /* 16 * groups */
  float *entries;    /* as many: scratch */
  float *turned;     /* padded: scratch */
} mgp_cluster_query;
void mgp_cluster_prepare(const mgp_clusters *c, const float *query, mgp_cluster_query *out);
/* Estimates of a block's rows; `base` is the score of the list's centre. */
void mgp_cluster_estimate(const mgp_clusters *c, const mgp_cluster_query *q,
                          const unsigned char *block, float base, float out[MGP_FAST_SCAN_ROWS]);
void mgp_cluster_block_rows(const mgp_clusters *c, const unsigned char *block,
                            uint32_t rows[MGP_FAST_SCAN_ROWS]);
void mgp_cluster_block_factors(const mgp_clusters *c, const unsigned char *block, size_t at,
                               float factors[2]);

/* ---- the file (cluster_file.c) ---- */

mgp_cluster_shape mgp_cluster_shape_of(size_t dim);
uint64_t mgp_cluster_file_size(const mgp_cluster_shape *s);
/* Zeroed bytes with their tables, `c->shape` filled in: blocks are to be written. */
magpie_status mgp_cluster_create(mgp_clusters *c, const mgp_cluster_tree *t,
                                 const uint32_t *first_block, const char *spill_folder,
                                 magpie_error *err);
void mgp_cluster_seal(mgp_clusters *c);

/* ---- search (cluster_search.c) ---- */

struct mgp_cluster_searcher {
  const mgp_clusters *clusters;
  mgp_alloc *alloc;
  mgp_cluster_query query;
  float *scores; /* of centres */
  float query_length;
  mgp_scored *lists;   /* ranked */
  mgp_scored *storage; /* of the selection */
  size_t storage_count;
  mgp_scored *first; /* the best estimates, re-scored first */
  size_t first_count;
};
/* Ranks lists, best first; returns how many: `wanted`, or all. */
size_t mgp_cluster_rank(mgp_cluster_searcher *s, const float *query, size_t wanted);
/* The best estimates of all rows: items of (estimate, list << 32 | row), lists ranked. */
magpie_status mgp_cluster_select_all(mgp_cluster_searcher *s, const float *query, size_t k,
                                     mgp_select *out, magpie_error *err);
float mgp_cluster_exact(const mgp_clusters *c, const float *query, size_t row);
/* Tells the system that these rows are wanted soon, where they may be on a disk. */
void mgp_cluster_want_rows(const mgp_clusters *c, const mgp_scored *items, size_t count);
float mgp_cluster_reach(const mgp_clusters *c, const float *query, size_t nearest_list, size_t row);
/* Estimates that a search for k keeps. */
size_t mgp_cluster_kept(size_t k);

/* ---- what a recall needs (cluster_calibrate.c) ---- */

magpie_status mgp_cluster_calibrate(mgp_clusters *c, const mgp_cluster_options *o, mgp_pool *pool,
                                    mgp_alloc *a, magpie_error *err);
void mgp_cluster_needs(const mgp_clusters *c, double recall, double depth, size_t *probes,
                       float *margin);
uint64_t mgp_cluster_calibrate_memory(size_t lists, size_t dim, int threads);

#endif
