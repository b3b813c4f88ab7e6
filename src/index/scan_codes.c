/* SPDX-License-Identifier: Apache-2.0
 *
 * Codes first, full vectors last. Estimates of all rows, a group of queries at a time; the best, or
 * those that the bounds cannot exclude, are scored again on the full vectors.
 */
#include <math.h>
#include <stdlib.h>

#include "index/scan_private.h"

typedef struct code_scan {
  const mgp_code_view *view;
  const char *prepared; /* queries made ready, `query_size` apart */
  size_t query_size, query_count;
  bool upper, lower; /* scores plus, or less, their bounds */
} code_scan;

static void shift_by_bounds(float *scores, const float *bounds, size_t count, float sign) {
  for (size_t i = 0; i < count; i++) scores[i] += sign * bounds[i];
}

static void score_block(const void *context, size_t first, size_t count, float *out) {
  const code_scan *s = context;
  float bounds[MGP_SCAN_BLOCK];
  const bool bounded = s->upper || s->lower;
  if (!bounded) {
    mgp_coder_score_many(s->view->coder, s->prepared, s->query_size, s->query_count, s->view->codes,
                         first, count, out, MGP_SCAN_BLOCK);
    return;
  }
  for (size_t q = 0; q < s->query_count; q++) {
    float *scores = out + q * MGP_SCAN_BLOCK;
    mgp_coder_score(s->view->coder, s->prepared + q * s->query_size, s->view->codes, first, count,
                    scores, bounds);
    shift_by_bounds(scores, bounds, count, s->upper ? 1.0f : -1.0f);
  }
}

/* The selection works on row numbers; a filter on ids stands behind this. */
typedef struct row_filter {
  const mgp_filter *filter;
  const uint64_t *ids;
} row_filter;

static bool allow_row(const void *context, uint64_t row) {
  const row_filter *f = context;
  return f->filter->allow(f->filter->context, f->ids[row]);
}

/* ---- scoring again ---- */

static void push_exact(const mgp_code_view *v, const float *query, const mgp_scored *items,
                       size_t count, mgp_topk *out) {
  const mgp_kernels *k = mgp_kernels_get();
  const mgp_float_kernel *kernel = v->l2 ? &k->f32_l2 : &k->f32_dot;
  uint32_t at[MGP_SCAN_BLOCK];
  float scores[MGP_SCAN_BLOCK];
  for (size_t i = 0; i < count; i += MGP_SCAN_BLOCK) {
    const size_t n = count - i < MGP_SCAN_BLOCK ? count - i : MGP_SCAN_BLOCK;
    for (size_t j = 0; j < n; j++) at[j] = (uint32_t)items[i + j].id;
    kernel->gather(query, v->rows, v->dim, v->stride * sizeof(float), at, n, scores);
    for (size_t j = 0; j < n; j++)
      mgp_topk_push(out, v->l2 ? -scores[j] : scores[j], v->ids[at[j]]);
  }
}

static int compare_rows(const void *a, const void *b) {
  const mgp_scored *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

static void answer(const mgp_code_view *v, const float *query, mgp_select *best, mgp_topk *out) {
  if (v->rows) { /* in the order of memory */
    qsort(best->items, best->count, sizeof *best->items, compare_rows);
    push_exact(v, query, best->items, best->count, out);
    return;
  }
  for (size_t i = 0; i < best->count; i++)
    mgp_topk_push(out, best->items[i].score, v->ids[best->items[i].id]);
}

/* ---- groups of queries ---- */

typedef struct code_search {
  const mgp_code_view *view;
  const mgp_filter *filter; /* on rows */
  mgp_pool *pool;
  mgp_alloc *alloc;
  size_t rerank;
  size_t *rescored; /* not NULL: by bounds */
} code_search;

static size_t largest_k(const mgp_topk *outs, size_t count) {
  size_t k = 0;
  for (size_t i = 0; i < count; i++) k = outs[i].k > k ? outs[i].k : k;
  return k;
}

static magpie_status run(const code_search *cs, const code_scan *s, size_t k, mgp_select **out,
                         magpie_error *err) {
  const mgp_scan_job job = {.context = s,
                            .rows = cs->view->count,
                            .queries = s->query_count,
                            .k = k,
                            .score = score_block,
                            .filter = cs->filter};
  return mgp_scan_run(&job, cs->pool, cs->alloc, out, err);
}

static magpie_status search_best(const code_search *cs, code_scan *s, const float *queries,
                                 size_t query_stride, mgp_topk *outs, magpie_error *err) {
  const size_t k = largest_k(outs, s->query_count);
  size_t rerank = cs->rerank                           ? cs->rerank
                  : k <= SIZE_MAX / MGP_RERANK_DEFAULT ? k * MGP_RERANK_DEFAULT
                                                       : k;
  if (rerank < k || !cs->view->rows) rerank = k;
  mgp_select *best = NULL;
  MGP_FORWARD(run(cs, s, rerank, &best, err));
  for (size_t q = 0; q < s->query_count; q++)
    answer(cs->view, queries + q * query_stride, &best[q], &outs[q]);
  mgp_free(cs->alloc, best);
  return MAGPIE_OK;
}

/* The rows whose upper bound reaches the k-th best lower one: a second look at the codes, in blocks
 * as the first. */
static void rescore_reaching(const code_search *cs, const code_scan *s, const float *query,
                             const char *prepared, float floor, mgp_topk *out) {
  const mgp_code_view *v = cs->view;
  mgp_scored reaching[MGP_SCAN_BLOCK];
  float scores[MGP_SCAN_BLOCK];
  code_scan one = *s;
  one.prepared = prepared;
  one.query_count = 1;
  one.lower = false;
  one.upper = true;
  for (size_t first = 0; first < v->count; first += MGP_SCAN_BLOCK) {
    const size_t left = v->count - first, n = left < MGP_SCAN_BLOCK ? left : MGP_SCAN_BLOCK;
    size_t count = 0;
    score_block(&one, first, n, scores);
    for (size_t i = 0; i < n; i++) {
      if (!(scores[i] >= floor)) continue;
      if (cs->filter && !cs->filter->allow(cs->filter->context, first + i)) continue;
      reaching[count++] = (mgp_scored){.score = scores[i], .id = first + i};
    }
    push_exact(v, query, reaching, count, out);
    *cs->rescored += count;
  }
}

static magpie_status search_bounded(const code_search *cs, code_scan *s, const float *queries,
                                    size_t query_stride, mgp_topk *outs, magpie_error *err) {
  mgp_select *lowest = NULL;
  s->lower = true;
  MGP_FORWARD(run(cs, s, largest_k(outs, s->query_count), &lowest, err));
  for (size_t q = 0; q < s->query_count; q++) {
    float floor = lowest[q].count < outs[q].k ? -INFINITY : INFINITY;
    for (size_t i = 0; i < lowest[q].count && floor > -INFINITY; i++)
      floor = fminf(floor, lowest[q].items[i].score);
    rescore_reaching(cs, s, queries + q * query_stride, s->prepared + q * s->query_size, floor,
                     &outs[q]);
  }
  mgp_free(cs->alloc, lowest);
  return MAGPIE_OK;
}

static magpie_status check(const mgp_code_view *view, const float *queries, size_t query_stride,
                           bool needs_rows, const mgp_topk *outs, magpie_error *err) {
  MGP_RETURN_IF(!view || !view->coder || !queries || !outs, err, MAGPIE_INVALID,
                "search by codes: view, queries or outs is NULL");
  MGP_RETURN_IF(view->count > 0 && (!view->codes || !view->ids), err, MAGPIE_INVALID,
                "search by codes: %zu rows but no data", view->count);
  MGP_RETURN_IF(view->count > UINT32_MAX, err, MAGPIE_INVALID,
                "search by codes: %zu rows; one set holds at most 2^32 - 1: split it", view->count);
  MGP_RETURN_IF(query_stride < view->dim || (view->rows && view->stride < view->dim), err,
                MAGPIE_INVALID, "search by codes: vectors of %zu numbers stand closer than that",
                view->dim);
  MGP_RETURN_IF(needs_rows && !view->rows, err, MAGPIE_INVALID,
                "search by bounds needs the full vectors; use the estimates (mgp_code_search)");
  return MAGPIE_OK;
}

static magpie_status search(code_search *cs, const float *queries, size_t query_stride,
                            size_t query_count, mgp_topk *outs, magpie_error *err) {
  const mgp_code_view *v = cs->view;
  if (v->count == 0 || query_count == 0) return MAGPIE_OK;
  const row_filter by_row = {.filter = cs->filter, .ids = v->ids};
  const mgp_filter rows_only = {.allow = allow_row, .context = &by_row};
  cs->filter = cs->filter && cs->filter->allow ? &rows_only : NULL;
  const size_t size = (mgp_coder_query_size(v->coder) + 63) / 64 * 64;
  const size_t group = query_count < MGP_SCAN_QUERIES ? query_count : MGP_SCAN_QUERIES;
  char *prepared = mgp_malloc(cs->alloc, group * size);
  MGP_RETURN_IF(!prepared, err, MAGPIE_NO_MEMORY, "no memory for %zu queries", group);
  magpie_status status = MAGPIE_OK;
  for (size_t q = 0; q < query_count && status == MAGPIE_OK; q += group) {
    const size_t left = query_count - q;
    code_scan s = {.view = v,
                   .prepared = prepared,
                   .query_size = size,
                   .query_count = left < group ? left : group};
    const float *some = queries + q * query_stride;
    if (largest_k(outs + q, s.query_count) == 0) continue;
    for (size_t i = 0; i < s.query_count && status == MAGPIE_OK; i++)
      status = mgp_coder_prepare(v->coder, some + i * query_stride, prepared + i * size, err);
    if (status != MAGPIE_OK) break;
    status = cs->rescored ? search_bounded(cs, &s, some, query_stride, outs + q, err)
                          : search_best(cs, &s, some, query_stride, outs + q, err);
  }
  mgp_free(cs->alloc, prepared);
  return status;
}

magpie_status mgp_code_search(const mgp_code_view *view, const float *queries, size_t query_stride,
                              size_t query_count, size_t rerank, const mgp_filter *filter,
                              mgp_pool *pool, mgp_alloc *a, mgp_topk *outs, magpie_error *err) {
  MGP_FORWARD(check(view, queries, query_stride, false, outs, err));
  code_search cs = {.view = view, .filter = filter, .pool = pool, .alloc = a, .rerank = rerank};
  return search(&cs, queries, query_stride, query_count, outs, err);
}

magpie_status mgp_code_search_bounded(const mgp_code_view *view, const float *queries,
                                      size_t query_stride, size_t query_count,
                                      const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                                      mgp_topk *outs, size_t *rescored, magpie_error *err) {
  size_t counted = 0;
  MGP_FORWARD(check(view, queries, query_stride, true, outs, err));
  if (!rescored) rescored = &counted;
  *rescored = 0;
  code_search cs = {.view = view, .filter = filter, .pool = pool, .alloc = a, .rescored = rescored};
  return search(&cs, queries, query_stride, query_count, outs, err);
}
