/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact dense search: every row is read once, in blocks whose scores stay in the first-level cache.
 * Workers take blocks from one counter and keep a top k each; the order of mgp_scored is total
 * (score, then id), so the merged answer does not depend on who scanned what.
 */
#include <math.h>

#include "index/index.h"

#define STRIDE_FLOATS ((size_t)16)
#define BLOCK_ROWS ((size_t)1024)
/* Below this many rows waking the pool costs more than it saves. */
#define POOL_MIN_ROWS ((size_t)8192)

typedef struct scan {
  const mgp_dense_view *views;
  size_t view_count;
  const float *query;
  const mgp_filter *filter;
  size_t block_count;
  atomic_size_t next_block;
  mgp_topk *tops; /* one a worker */
  /* A range: only scores of `least` and more, and how many these are. */
  bool is_range;
  float least;
  atomic_size_t matches;
} scan;

size_t mgp_dense_stride(size_t dim) {
  return (dim + STRIDE_FLOATS - 1) / STRIDE_FLOATS * STRIDE_FLOATS;
}

static size_t blocks_of(const mgp_dense_view *view) {
  return view->count / BLOCK_ROWS + (view->count % BLOCK_ROWS != 0);
}

static void take_range(scan *s, const mgp_dense_view *view, size_t first, const float *scores,
                       size_t count, mgp_topk *top) {
  size_t matches = 0;
  for (size_t i = 0; i < count; i++) {
    if (!(scores[i] >= s->least)) continue;
    const uint64_t id = view->ids[first + i];
    if (s->filter && !s->filter->allow(s->filter->context, id)) continue;
    mgp_topk_push(top, scores[i], id);
    matches++;
  }
  atomic_fetch_add_explicit(&s->matches, matches, memory_order_relaxed);
}

static void score_rows(const float *query, const mgp_dense_view *view, size_t first, size_t count,
                       float *scores) {
  const mgp_kernels *kernels = mgp_kernels_get();
  const float *rows = view->rows + first * view->stride;
  if (!view->is_l2) {
    kernels->dot_rows_f32(query, rows, view->dim, view->stride, count, scores);
    return;
  }
  kernels->l2_squared_rows_f32(query, rows, view->dim, view->stride, count, scores);
  for (size_t i = 0; i < count; i++) scores[i] = 0 - scores[i]; /* the same vector: 0, not -0 */
}

static void scan_block(scan *s, const mgp_dense_view *view, size_t first, mgp_topk *top) {
  float scores[BLOCK_ROWS];
  const size_t count = view->count - first < BLOCK_ROWS ? view->count - first : BLOCK_ROWS;
  score_rows(s->query, view, first, count, scores);
  if (s->is_range) {
    take_range(s, view, first, scores, count, top);
    return;
  }
  float floor = mgp_topk_floor(top);
  for (size_t i = 0; i < count; i++) {
    /* A score at the floor may still enter by its lower id; NaN fails the comparison. */
    if (!(scores[i] >= floor)) continue;
    const uint64_t id = view->ids[first + i];
    if (s->filter && !s->filter->allow(s->filter->context, id)) continue;
    mgp_topk_push(top, scores[i], id);
    floor = mgp_topk_floor(top);
  }
}

/* Blocks are numbered through all views. */
static void scan_worker(void *context, size_t worker) {
  scan *s = context;
  for (;;) {
    size_t block = atomic_fetch_add(&s->next_block, 1);
    if (block >= s->block_count) return;
    size_t v = 0;
    while (block >= blocks_of(&s->views[v])) block -= blocks_of(&s->views[v++]);
    scan_block(s, &s->views[v], block * BLOCK_ROWS, &s->tops[worker]);
  }
}

static magpie_status check_views(const mgp_dense_view *views, size_t count, size_t *rows,
                                 magpie_error *err) {
  *rows = 0;
  for (size_t i = 0; i < count; i++) {
    const mgp_dense_view *view = &views[i];
    MGP_RETURN_IF(view->dim != views[0].dim || view->stride < view->dim, err, MAGPIE_INVALID,
                  "segment %zu of a space holds vectors of %zu numbers (stride %zu), the first one "
                  "of %zu",
                  i, view->dim, view->stride, views[0].dim);
    MGP_RETURN_IF(view->count > 0 && (!view->rows || !view->ids), err, MAGPIE_INVALID,
                  "segment %zu of a space has %zu rows but no data", i, view->count);
    MGP_RETURN_IF(view->count > SIZE_MAX - *rows, err, MAGPIE_INVALID,
                  "the segments of a space hold too many rows");
    *rows += view->count;
  }
  return MAGPIE_OK;
}

static magpie_status scan_with_pool(scan *s, mgp_pool *pool, size_t workers, size_t k, mgp_alloc *a,
                                    mgp_topk *out, magpie_error *err) {
  mgp_topk *tops = mgp_calloc(a, workers, sizeof *tops);
  mgp_scored *storage =
      k <= SIZE_MAX / workers ? mgp_calloc(a, workers * k, sizeof *storage) : NULL;
  const bool failed = !tops || !storage;
  if (!failed) {
    for (size_t i = 0; i < workers; i++) mgp_topk_init(&tops[i], storage + i * k, k);
    s->tops = tops;
    mgp_pool_run(pool, workers, scan_worker, s);
    for (size_t i = 0; i < workers; i++)
      for (size_t j = 0; j < tops[i].count; j++)
        mgp_topk_push(out, tops[i].heap[j].score, tops[i].heap[j].id);
  }
  mgp_free(a, storage);
  mgp_free(a, tops);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for %zu lists of %zu candidates", workers,
                k);
  return MAGPIE_OK;
}

static magpie_status scan_all(scan *s, mgp_pool *pool, mgp_alloc *a, mgp_topk *out,
                              magpie_error *err) {
  MGP_RETURN_IF((!s->views && s->view_count > 0) || !s->query || !out, err, MAGPIE_INVALID,
                "dense search: views, query or out is NULL");
  size_t rows = 0;
  MGP_FORWARD(check_views(s->views, s->view_count, &rows, err));
  if (rows == 0 || (out->k == 0 && !s->is_range)) return MAGPIE_OK;
  for (size_t i = 0; i < s->view_count; i++) s->block_count += blocks_of(&s->views[i]);
  size_t workers = pool && rows >= POOL_MIN_ROWS ? (size_t)mgp_pool_threads(pool) : 1;
  if (workers > s->block_count) workers = s->block_count;
  if (workers <= 1) {
    s->tops = out;
    scan_worker(s, 0);
    return MAGPIE_OK;
  }
  return scan_with_pool(s, pool, workers, out->k < rows ? out->k : rows, a, out, err);
}

magpie_status mgp_dense_search(const mgp_dense_view *views, size_t view_count, const float *query,
                               const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                               mgp_topk *out, magpie_error *err) {
  scan s = {.views = views,
            .view_count = view_count,
            .query = query,
            .filter = filter && filter->allow ? filter : NULL};
  return scan_all(&s, pool, a, out, err);
}

magpie_status mgp_dense_range(const mgp_dense_view *views, size_t view_count, const float *query,
                              float least, const mgp_filter *filter, mgp_pool *pool, mgp_alloc *a,
                              mgp_topk *out, size_t *matches, magpie_error *err) {
  scan s = {.views = views,
            .view_count = view_count,
            .query = query,
            .filter = filter && filter->allow ? filter : NULL,
            .is_range = true,
            .least = least};
  *matches = 0;
  MGP_RETURN_IF(isnan(least), err, MAGPIE_INVALID, "dense range: the least score is NaN");
  MGP_FORWARD(scan_all(&s, pool, a, out, err));
  *matches = atomic_load(&s.matches);
  return MAGPIE_OK;
}

const float *mgp_dense_find(const mgp_dense_view *views, size_t view_count, uint64_t id) {
  for (size_t v = 0; v < view_count; v++) {
    size_t low = 0, high = views[v].count;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (views[v].ids[middle] < id) low = middle + 1;
      else high = middle;
    }
    if (low < views[v].count && views[v].ids[low] == id)
      return views[v].rows + low * views[v].stride;
  }
  return NULL;
}
