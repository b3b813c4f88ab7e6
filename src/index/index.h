/* SPDX-License-Identifier: Apache-2.0
 *
 * index: build and search of one immutable set of vectors or postings, in plain memory. No store: a
 * builder gives sections of bytes, a view reads them in place. Ids are the catalog's item numbers.
 */
#ifndef MGP_INDEX_H
#define MGP_INDEX_H

#include "base/base.h"
#include "kernels/kernels.h"

/* Which items may be hits: NULL allows all. */
typedef bool (*mgp_allow)(const void *context, uint64_t id);
typedef struct mgp_filter {
  mgp_allow allow;
  const void *context;
} mgp_filter;

/* ---- dense, exact (dense_scan.c) ------------------------------------------------------------- */

/* Row-major vectors, each padded to a stride of 16 floats (64 bytes); cosine spaces hold unit
 * vectors, so their score is the dot product. */
typedef struct mgp_dense_view {
  const float *rows;
  const uint64_t *ids;
  size_t count, dim, stride;
  bool is_l2; /* the score is minus the squared Euclidean distance, not the dot product */
} mgp_dense_view;
size_t mgp_dense_stride(size_t dim);

/* Exact top k over several views (the segments of one space), scanned in blocks by the pool (NULL:
 * this thread). Scores: as the views say. `filter` may be NULL. `out` must be initialised with k.
 */
magpie_status mgp_dense_search(const mgp_dense_view *views, size_t view_count, const float *query,
                               const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                               mgp_topk *out, magpie_error *err);
/* The same for a range: every row that scores `least` or more. `out` takes the best of them, up to
 * its k; `matches` says how many there are, those that did not fit too. Exact; NaN is no match. */
magpie_status mgp_dense_range(const mgp_dense_view *views, size_t view_count, const float *query,
                              float least, const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                              mgp_topk *out, size_t *matches, magpie_error *err);
/* The vector of one item, or NULL. Linear in the views, logarithmic in rows (ids ascend). */
const float *mgp_dense_find(const mgp_dense_view *views, size_t view_count, uint64_t id);

/* ---- lexical (lexical_build.c, lexical_file.c, lexical_search.c) --------------------------- */

/* Collects terms of items, then gives the sections of a segment (docs/format/lexical.md). */
typedef struct mgp_lexical_builder mgp_lexical_builder;
magpie_status mgp_lexical_builder_create(mgp_alloc *a, mgp_lexical_builder **out,
                                         magpie_error *err);
/* Items must come with ascending ids; terms of one item in any order. `length` is counted here. */
magpie_status mgp_lexical_builder_begin(mgp_lexical_builder *b, uint64_t id, magpie_error *err);
magpie_status mgp_lexical_builder_term(mgp_lexical_builder *b, const char *term, size_t size,
                                       magpie_error *err);
size_t mgp_lexical_builder_count(const mgp_lexical_builder *b);
/* Bytes held by the builder, for memory budgets. */
size_t mgp_lexical_builder_size(const mgp_lexical_builder *b);

/* The sections, in this order: ids u64[n], lengths u32[n], dictionary, postings. */
#define MGP_LEXICAL_SECTIONS 4
typedef struct mgp_bytes {
  const void *data;
  size_t size;
} mgp_bytes;
/* The sections live until the builder is destroyed. */
magpie_status mgp_lexical_builder_finish(mgp_lexical_builder *b,
                                         mgp_bytes sections[MGP_LEXICAL_SECTIONS],
                                         magpie_error *err);
void mgp_lexical_builder_destroy(mgp_lexical_builder *b);

typedef struct mgp_lexical_view mgp_lexical_view;
/* Checks the structure of the sections so that no later read leaves them. Borrows the bytes. */
magpie_status mgp_lexical_view_open(mgp_alloc *a, const mgp_bytes sections[MGP_LEXICAL_SECTIONS],
                                    mgp_lexical_view **out, magpie_error *err);
void mgp_lexical_view_close(mgp_lexical_view *v);
size_t mgp_lexical_view_count(const mgp_lexical_view *v);
uint64_t mgp_lexical_view_tokens(const mgp_lexical_view *v); /* sum of lengths */

/* BM25 with Lucene's idf: ln(1 + (N - n + 0.5) / (n + 0.5)), tf / (tf + k1 (1 - b + b len/avg)). */
typedef struct mgp_bm25 {
  double k1, b; /* 1.2, 0.75 */
} mgp_bm25;
/* A query word: alternatives (the same word as stemmed by several languages) count as one term: tf
 * is their sum, n the size of their union's upper bound max(df). */
typedef struct mgp_query_term {
  const char *const *forms;
  const size_t *sizes;
  size_t form_count;
  double weight;
} mgp_query_term;
/* Exact top k over all views with statistics summed over them; score > 0 only. */
magpie_status mgp_lexical_search(mgp_lexical_view *const *views, size_t view_count,
                                 const mgp_query_term *terms, size_t term_count,
                                 const mgp_bm25 *bm25, const mgp_filter *filter, mgp_alloc *a,
                                 mgp_topk *out, magpie_error *err);

/* The share, 0..1, of the query's idf mass that lies on terms the views hold, and that mass: the
 * score an item with every term would reach if no term frequency damped it (lexical_coverage.c). */
magpie_status mgp_lexical_coverage(mgp_lexical_view *const *views, size_t view_count,
                                   const mgp_query_term *terms, size_t term_count, double *out,
                                   double *mass, magpie_error *err);

#endif
