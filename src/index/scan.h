/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: exact search beyond one query in f32 (dense_scan.c): many queries at once, and codes with
 * the best re-scored on the full vectors. Answers are those of one query at a time, to the bit.
 */
#ifndef MGP_INDEX_SCAN_H
#define MGP_INDEX_SCAN_H

#include "index/codec.h"
#include "index/index.h"

/* Top k of each of `query_count` queries (`query_stride` floats apart) over several views: rows are
 * read once for all queries of a group. outs[q] must be initialised with its k; ids and scores are
 * bitwise those of mgp_dense_search. */
magpie_status mgp_dense_search_batch(const mgp_dense_view *views, size_t view_count,
                                     const float *queries, size_t query_stride, size_t query_count,
                                     const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                                     mgp_topk *outs, magpie_error *err);

/* Codes of one set of vectors. `rows` are the full vectors for re-scoring, `stride` floats apart;
 * NULL when they were dropped: then the estimates are the scores. At most 2^32 - 1 rows. */
typedef struct mgp_code_view {
  const mgp_coder *coder;
  const void *codes;
  const uint64_t *ids;
  size_t count;
  const float *rows;
  size_t dim, stride;
  bool l2; /* as the coder's: re-scores are negative squared distances */
} mgp_code_view;

#define MGP_RERANK_DEFAULT 10 /* times k */

/* Top k by codes: the best `rerank` of the estimates (0: ten times k) are scored again by the full
 * vectors, and the best k of those are the answer. `rerank` below k means k. */
magpie_status mgp_code_search(const mgp_code_view *view, const float *queries, size_t query_stride,
                              size_t query_count, size_t rerank, const mgp_filter *filter,
                              mgp_pool *pool, mgp_alloc *a, mgp_topk *outs, magpie_error *err);

/* Top k by a codec with bounds (rabitq): every row whose upper bound reaches the k-th best lower
 * bound is scored again, so no neighbour is lost but by a broken bound (see
 * MGP_RABITQ_SIGMAS). `rescored`, if not NULL, counts them over all queries. */
magpie_status mgp_code_search_bounded(const mgp_code_view *view, const float *queries,
                                      size_t query_stride, size_t query_count,
                                      const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                                      mgp_topk *outs, size_t *rescored, magpie_error *err);

/* ---- selection without a heap (scan_select.c) ---- */

/* The k best of a stream: candidates above the floor go to a buffer; a full one is cut to the k
 * best, whose worst is the new floor. Nearly every candidate costs one comparison. */
typedef struct mgp_select {
  mgp_scored *items; /* room for `capacity` */
  size_t count, k, capacity;
  float floor;
} mgp_select;
size_t mgp_select_capacity(size_t k);
void mgp_select_init(mgp_select *s, mgp_scored *storage, size_t k);
/* Offers scores[i] for ids[i], or first + i where ids is NULL. */
void mgp_select_offer(mgp_select *s, const float *scores, const uint64_t *ids, uint64_t first,
                      size_t count, const mgp_filter *filter);
void mgp_select_cut(mgp_select *s); /* to the k best at most, in no order */

#endif
