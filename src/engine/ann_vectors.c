/* SPDX-License-Identifier: Apache-2.0
 *
 * The vectors of bench-ann, and their true neighbours.
 */
#include <math.h>

#include "engine/ann_bench.h"
#include "index/index.h"
#include "kernels/kernels.h"

#define BLOCK ((size_t)512) /* rows scored at once */

/* ---- reading ------------------------------------------------------------------------------------
 */

void mgp_ann_rows_fini(mgp_ann_rows *rows) {
  mgp_free(NULL, rows->rows);
  *rows = (mgp_ann_rows){0};
}

static magpie_status check_row(const mgp_ann_bench *b, const char *file, const mgp_matrix *m,
                               size_t row, const float *values, magpie_error *err) {
  const float square = mgp_kernels_get()->f32_dot.pair(values, values, m->dim);
  if (isfinite(square) && (square > 0 || !b->is_cosine)) return MAGPIE_OK;
  const magpie_status status =
      mgp_fail(err, MAGPIE_INVALID, "%s, byte %zu: vector %zu of %zu %s", file,
               m->offset + row * m->pitch, row + 1, m->n,
               isfinite(square) ? "is zero: it has no cosine"
                                : "is too long, or holds a number that is not finite");
  mgp_fail_place(err, "%s", file);
  return status;
}

static magpie_status copy_rows(const mgp_ann_bench *b, const char *file, const mgp_matrix *m,
                               mgp_ann_rows *out, magpie_error *err) {
  *out = (mgp_ann_rows){.n = m->n, .dim = m->dim, .stride = mgp_dense_stride(m->dim)};
  MGP_RETURN_IF(m->n > MGP_GRAPH_COUNT_MAX || m->dim > MGP_GRAPH_DIM_MAX, err, MAGPIE_LIMIT,
                "%s: %zu x %zu is more than %u x %d", file, m->n, m->dim,
                (unsigned)MGP_GRAPH_COUNT_MAX, MGP_GRAPH_DIM_MAX);
  out->rows = mgp_calloc(NULL, m->n, out->stride * sizeof(float));
  MGP_RETURN_IF(!out->rows, err, MAGPIE_NO_MEMORY, "no memory for %zu vectors of %zu numbers", m->n,
                m->dim);
  for (size_t i = 0; i < m->n; i++) {
    float *row = out->rows + i * out->stride;
    mgp_matrix_row(m, i, row);
    MGP_FORWARD(check_row(b, file, m, i, row, err));
    if (b->is_cosine) mgp_normalise_f32(row, m->dim);
  }
  return MAGPIE_OK;
}

static magpie_status read_rows(const mgp_ann_bench *b, const char *file, mgp_ann_rows *out,
                               magpie_error *err) {
  mgp_matrix_file f;
  MGP_FORWARD(mgp_matrix_file_open(file, &f, err));
  const magpie_status status = copy_rows(b, file, &f.matrix, out, err);
  mgp_matrix_file_close(&f);
  return status;
}

magpie_status mgp_ann_read(mgp_ann_bench *b, magpie_error *err) {
  MGP_FORWARD(read_rows(b, b->options.base, &b->base, err));
  MGP_FORWARD(read_rows(b, b->options.queries, &b->queries, err));
  MGP_RETURN_IF(b->base.dim != b->queries.dim, err, MAGPIE_INVALID,
                "%s has %zu dimensions and %s %zu", b->options.base, b->base.dim,
                b->options.queries, b->queries.dim);
  MGP_RETURN_IF(b->options.k > b->base.n, err, MAGPIE_INVALID,
                "k is %zu, but %s has %zu vectors only", b->options.k, b->options.base, b->base.n);
  b->ids = mgp_malloc(NULL, b->base.n * sizeof *b->ids);
  b->floor = mgp_malloc(NULL, b->queries.n * sizeof *b->floor);
  MGP_RETURN_IF(!b->ids || !b->floor, err, MAGPIE_NO_MEMORY, "no memory for %zu vectors",
                b->base.n);
  for (size_t i = 0; i < b->base.n; i++) b->ids[i] = i;
  return MAGPIE_OK;
}

/* ---- exactly ------------------------------------------------------------------------------------
 */

float mgp_ann_score(const mgp_ann_bench *b, const float *query, size_t row) {
  const mgp_kernels *k = mgp_kernels_get();
  const float *values = b->base.rows + row * b->base.stride;
  return b->is_l2 ? -k->f32_l2.pair(query, values, b->base.dim)
                  : k->f32_dot.pair(query, values, b->base.dim);
}

size_t mgp_ann_exact(const mgp_ann_bench *b, const float *query, mgp_scored *out) {
  const mgp_kernels *kernels = mgp_kernels_get();
  const mgp_float_kernel *kernel = b->is_l2 ? &kernels->f32_l2 : &kernels->f32_dot;
  float scores[BLOCK];
  mgp_topk top;
  mgp_topk_init(&top, out, b->options.k);
  for (size_t at = 0; at < b->base.n; at += BLOCK) {
    const size_t count = b->base.n - at < BLOCK ? b->base.n - at : BLOCK;
    kernel->rows(query, b->base.rows + at * b->base.stride, b->base.dim,
                 b->base.stride * sizeof(float), count, scores);
    for (size_t i = 0; i < count; i++) {
      const float score = b->is_l2 ? -scores[i] : scores[i];
      if (score > mgp_topk_floor(&top)) mgp_topk_push(&top, score, at + i);
    }
  }
  mgp_topk_sort(&top);
  return top.count;
}

/* ---- truth --------------------------------------------------------------------------------------
 */

static void find_floor(void *context, size_t query) {
  mgp_ann_bench *b = context;
  mgp_scored best[MGP_ANN_K_MAX];
  if (b->options.cancel && *b->options.cancel) return;
  const size_t count = mgp_ann_exact(b, b->queries.rows + query * b->queries.stride, best);
  b->floor[query] = count > 0 ? best[count - 1].score : -INFINITY; /* distances over a float */
}

static magpie_status read_floor(mgp_ann_bench *b, const mgp_matrix *m, magpie_error *err) {
  const char *file = b->options.truth;
  MGP_RETURN_IF(m->type != MGP_S32, err, MAGPIE_FORMAT,
                "%s: the numbers of neighbours are int32: .ivecs, or a .npy of '<i4'", file);
  MGP_RETURN_IF(m->n != b->queries.n || m->dim < b->options.k, err, MAGPIE_INVALID,
                "%s has %zu rows of %zu neighbours; %zu of at least %zu are expected", file, m->n,
                m->dim, b->queries.n, b->options.k);
  for (size_t q = 0; q < m->n; q++) {
    float floor = INFINITY;
    for (size_t i = 0; i < b->options.k; i++) {
      int32_t number = 0;
      memcpy(&number, m->data + q * m->pitch + i * sizeof number, sizeof number);
      MGP_RETURN_IF(number < 0 || (size_t)number >= b->base.n, err, MAGPIE_FORMAT,
                    "%s, byte %zu: neighbour %d of %zu vectors", file,
                    m->offset + q * m->pitch + i * sizeof number, number, b->base.n);
      floor =
          fminf(floor, mgp_ann_score(b, b->queries.rows + q * b->queries.stride, (size_t)number));
    }
    b->floor[q] = floor;
  }
  b->has_truth = true;
  return MAGPIE_OK;
}

magpie_status mgp_ann_truth(mgp_ann_bench *b, magpie_error *err) {
  if (!b->options.truth) {
    mgp_pool_run(b->cores, b->queries.n, find_floor, b);
    return MAGPIE_OK;
  }
  mgp_matrix_file f;
  MGP_FORWARD(mgp_matrix_file_open(b->options.truth, &f, err));
  const magpie_status status = read_floor(b, &f.matrix, err);
  mgp_matrix_file_close(&f);
  return status;
}
