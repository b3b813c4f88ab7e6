/* SPDX-License-Identifier: Apache-2.0
 *
 * Many queries by f32 rows: each block of rows meets all queries of a group while it is in the
 * cache, four queries by four rows in registers. The block kernel adds as the single one does, so
 * the scores are the same to the bit.
 */
#include "index/scan_private.h"

typedef struct batch {
  const mgp_dense_view *view;
  const float *queries;
  size_t query_stride, query_count;
} batch;

static void score_block(const void *context, size_t first, size_t count, float *out) {
  const batch *b = context;
  const mgp_kernels *k = mgp_kernels_get();
  const float *rows = b->view->rows + first * b->view->stride;
  if (b->query_count == 1) /* streams the rows */
    k->dot_rows_f32(b->queries, rows, b->view->dim, b->view->stride, count, out);
  else
    k->f32_dot.block(b->queries, b->query_stride * sizeof(float), b->query_count, rows,
                     b->view->dim, b->view->stride * sizeof(float), count, out, MGP_SCAN_BLOCK);
}

static const uint64_t *ids_of(const void *context, size_t first) {
  return ((const batch *)context)->view->ids + first;
}

static size_t largest_k(const mgp_topk *outs, size_t count) {
  size_t k = 0;
  for (size_t i = 0; i < count; i++) k = outs[i].k > k ? outs[i].k : k;
  return k;
}

static magpie_status search_view(const batch *b, const mgp_filter *filter, mgp_pool *pool,
                                 mgp_alloc *a, mgp_topk *outs, magpie_error *err) {
  const mgp_scan_job job = {.context = b,
                            .rows = b->view->count,
                            .queries = b->query_count,
                            .k = largest_k(outs, b->query_count),
                            .score = score_block,
                            .ids = ids_of,
                            .filter = filter};
  mgp_select *selects = NULL;
  MGP_FORWARD(mgp_scan_run(&job, pool, a, &selects, err));
  for (size_t q = 0; q < b->query_count; q++)
    for (size_t i = 0; i < selects[q].count; i++)
      mgp_topk_push(&outs[q], selects[q].items[i].score, selects[q].items[i].id);
  mgp_free(a, selects);
  return MAGPIE_OK;
}

static magpie_status check_view(const mgp_dense_view *view, size_t number, size_t dim,
                                magpie_error *err) {
  MGP_RETURN_IF(view->dim != dim || view->stride < dim, err, MAGPIE_INVALID,
                "segment %zu of a space holds vectors of %zu numbers (stride %zu), the first one "
                "of %zu",
                number, view->dim, view->stride, dim);
  MGP_RETURN_IF(view->count > 0 && (!view->rows || !view->ids), err, MAGPIE_INVALID,
                "segment %zu of a space has %zu rows but no data", number, view->count);
  return MAGPIE_OK;
}

magpie_status mgp_dense_search_batch(const mgp_dense_view *views, size_t view_count,
                                     const float *queries, size_t query_stride, size_t query_count,
                                     const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                                     mgp_topk *outs, magpie_error *err) {
  if (view_count == 0 || query_count == 0) return MAGPIE_OK;
  MGP_RETURN_IF(!views || !queries || !outs || query_stride < views[0].dim, err, MAGPIE_INVALID,
                "dense search of %zu queries: views, queries or outs is NULL, or queries stand "
                "closer than their %zu numbers",
                query_count, views ? views[0].dim : 0);
  for (size_t v = 0; v < view_count; v++) MGP_FORWARD(check_view(&views[v], v, views[0].dim, err));
  const mgp_filter *used = filter && filter->allow ? filter : NULL;
  for (size_t q = 0; q < query_count; q += MGP_SCAN_QUERIES) {
    const size_t left = query_count - q;
    batch b = {.queries = queries + q * query_stride,
               .query_stride = query_stride,
               .query_count = left < MGP_SCAN_QUERIES ? left : MGP_SCAN_QUERIES};
    if (largest_k(outs + q, b.query_count) == 0) continue;
    for (size_t v = 0; v < view_count; v++) {
      b.view = &views[v];
      if (b.view->count) MGP_FORWARD(search_view(&b, used, pool, a, outs + q, err));
    }
  }
  return MAGPIE_OK;
}
