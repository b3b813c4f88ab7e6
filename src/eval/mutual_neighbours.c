/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutual-kNN alignment (Huh et al., ICML 2024; F8): do two spaces agree on who is near whom?
 * Cosines of all pairs come from the float kernels, BLOCK rows at a time; those near the border of
 * the k best, by more than the kernels' error, are worked out again in double. So the neighbours
 * are those of exact arithmetic at the kernels' speed. Memory: the rows and a block's scores.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"
#include "kernels/kernels.h"

#define BLOCK 16
#define ROWS_MAX 200000
/* Unit rows: kernels err by at most 1e-5 (kernels.h), rounding to float by 1e-7; twice for two. */
#define MARGIN 4e-5f
/* Rows of a strip that stays in the second-level cache while a block passes over it. */
#define STRIP_BYTES (256u << 10)

typedef struct space {
  const float *rows;
  float *unit;   /* n x dim, normalised */
  double *norms; /* n */
  size_t dim;
} space;

typedef struct neighbour {
  double score;
  size_t row;
} neighbour;

typedef struct neighbour_work {
  space spaces[2];
  size_t n, k;
  size_t *shared; /* by row: how many neighbours are common */
  atomic_bool has_failed;
} neighbour_work;

typedef struct block_scratch {
  float *scores;         /* BLOCK x n */
  mgp_scored *heap;      /* k */
  neighbour *candidates; /* n */
  size_t *best[2];       /* BLOCK x k, by space */
} block_scratch;

static magpie_status open_space(space *s, const float *rows, size_t n, size_t dim,
                                magpie_error *err) {
  *s = (space){.rows = rows, .dim = dim};
  s->unit = mgp_calloc(NULL, n * dim, sizeof *s->unit);
  s->norms = mgp_calloc(NULL, n, sizeof *s->norms);
  MGP_RETURN_IF(!s->unit || !s->norms, err, MAGPIE_NO_MEMORY, "no memory for %zu rows", n);
  for (size_t i = 0; i < n; i++) {
    const float *row = rows + i * dim;
    double squares = 0;
    for (size_t j = 0; j < dim; j++) squares += (double)row[j] * (double)row[j];
    s->norms[i] = sqrt(squares);
    for (size_t j = 0; j < dim; j++) s->unit[i * dim + j] = (float)((double)row[j] / s->norms[i]);
  }
  return MAGPIE_OK;
}

static void close_space(space *s) {
  mgp_free(NULL, s->unit);
  mgp_free(NULL, s->norms);
}

static int compare_neighbours(const void *a, const void *b) {
  const neighbour *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* The cosine times the norm of row i, which all candidates of i share. */
static double exact_score(const space *s, size_t i, size_t j) {
  const float *a = s->rows + i * s->dim, *b = s->rows + j * s->dim;
  double sums[4] = {0};
  size_t d = 0;
  for (; d + 4 <= s->dim; d += 4)
    for (size_t c = 0; c < 4; c++) sums[c] += (double)a[d + c] * (double)b[d + c];
  for (; d < s->dim; d++) sums[0] += (double)a[d] * (double)b[d];
  return (sums[0] + sums[1] + sums[2] + sums[3]) / s->norms[j];
}

/* The k nearest of row i by its scores: candidates by the kernels, order by exact arithmetic. */
static void nearest(const space *s, size_t n, size_t k, size_t i, float *scores,
                    block_scratch *scratch, size_t *best) {
  mgp_topk top;
  mgp_topk_init(&top, scratch->heap, k);
  scores[i] = -INFINITY;
  for (size_t j = 0; j < n; j++)
    if (scores[j] > mgp_topk_floor(&top)) mgp_topk_push(&top, scores[j], j);
  const float floor = mgp_topk_floor(&top) - MARGIN;
  size_t count = 0;
  for (size_t j = 0; j < n; j++)
    if (scores[j] >= floor)
      scratch->candidates[count++] = (neighbour){.score = exact_score(s, i, j), .row = j};
  qsort(scratch->candidates, count, sizeof *scratch->candidates, compare_neighbours);
  for (size_t r = 0; r < k; r++) best[r] = scratch->candidates[r].row;
}

static void score_block(const space *s, size_t n, size_t first, size_t count, float *scores) {
  const mgp_kernels *kernels = mgp_kernels_get();
  size_t strip = STRIP_BYTES / (s->dim * sizeof(float));
  if (strip == 0) strip = 1;
  for (size_t at = 0; at < n; at += strip) {
    const size_t rows = n - at < strip ? n - at : strip;
    for (size_t b = 0; b < count; b++)
      kernels->dot_rows_f32(s->unit + (first + b) * s->dim, s->unit + at * s->dim, s->dim, s->dim,
                            rows, scores + b * n + at);
  }
}

static int compare_rows(const void *a, const void *b) {
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

static size_t count_shared(size_t *a, size_t *b, size_t k) {
  qsort(a, k, sizeof *a, compare_rows);
  qsort(b, k, sizeof *b, compare_rows);
  size_t shared = 0;
  for (size_t i = 0, j = 0; i < k && j < k;) {
    shared += a[i] == b[j];
    if (a[i] < b[j]) i++;
    else if (b[j] < a[i]) j++;
    else i++, j++;
  }
  return shared;
}

static bool open_scratch(block_scratch *s, size_t n, size_t k) {
  s->scores = mgp_calloc(NULL, BLOCK * n, sizeof *s->scores);
  s->heap = mgp_calloc(NULL, k, sizeof *s->heap);
  s->candidates = mgp_calloc(NULL, n, sizeof *s->candidates);
  s->best[0] = mgp_calloc(NULL, BLOCK * k, sizeof *s->best[0]);
  s->best[1] = mgp_calloc(NULL, BLOCK * k, sizeof *s->best[1]);
  return s->scores && s->heap && s->candidates && s->best[0] && s->best[1];
}

static void close_scratch(block_scratch *s) {
  mgp_free(NULL, s->scores);
  mgp_free(NULL, s->heap);
  mgp_free(NULL, s->candidates);
  mgp_free(NULL, s->best[0]);
  mgp_free(NULL, s->best[1]);
}

static void compare_block(void *context, size_t block) {
  neighbour_work *w = context;
  const size_t first = block * BLOCK, count = w->n - first < BLOCK ? w->n - first : BLOCK;
  block_scratch scratch = {0};
  if (!open_scratch(&scratch, w->n, w->k)) atomic_store(&w->has_failed, true);
  for (size_t side = 0; side < 2 && !atomic_load(&w->has_failed); side++) {
    const space *s = &w->spaces[side];
    score_block(s, w->n, first, count, scratch.scores);
    for (size_t b = 0; b < count; b++)
      nearest(s, w->n, w->k, first + b, scratch.scores + b * w->n, &scratch,
              scratch.best[side] + b * w->k);
  }
  for (size_t b = 0; b < count && !atomic_load(&w->has_failed); b++)
    w->shared[first + b] =
        count_shared(scratch.best[0] + b * w->k, scratch.best[1] + b * w->k, w->k);
  close_scratch(&scratch);
}

magpie_status magpie_mutual_knn(const float *x, size_t dx, const float *y, size_t dy, size_t n,
                                size_t k, double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the alignment has nowhere to go");
  MGP_FORWARD(mgp_check_vectors("x", x, n, dx, true, err));
  MGP_FORWARD(mgp_check_vectors("y", y, n, dy, true, err));
  MGP_RETURN_IF(k == 0 || k >= n, err, MAGPIE_INVALID,
                "%zu neighbours of %zu rows: k must be at least 1 and less than the rows", k, n);
  MGP_RETURN_IF(n > ROWS_MAX, err, MAGPIE_LIMIT, "%zu rows are more than %d: take a sample", n,
                ROWS_MAX);
  neighbour_work work = {.n = n, .k = k};
  mgp_pool *pool = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(open_space(&work.spaces[0], x, n, dx, err));
  MGP_TRY(open_space(&work.spaces[1], y, n, dy, err));
  work.shared = mgp_calloc(NULL, n, sizeof *work.shared);
  if (!work.shared) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu rows", n));
  MGP_TRY(mgp_pool_create(0, &pool, err));
  mgp_pool_run(pool, (n + BLOCK - 1) / BLOCK, compare_block, &work);
  if (atomic_load(&work.has_failed))
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the neighbours of %zu rows", n));
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)work.shared[i];
  *out = sum / ((double)n * (double)k);
done:
  mgp_pool_destroy(pool);
  mgp_free(NULL, work.shared);
  close_space(&work.spaces[0]);
  close_space(&work.spaces[1]);
  return status;
}
