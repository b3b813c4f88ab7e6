/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers rounded one by one: int8 with a scale a vector, int8 with a range a dimension, and int4
 * with least and step of each vector (LVQ, arXiv 2304.04759). Queries are rounded to signed bytes,
 * so a score is one integer dot product and a few factors.
 */
#include <math.h>
#include <stdlib.h>

#include "index/codec_private.h"

/* What a prepared query holds before its bytes: score = mult * (base + ...) - norms (l2). */
typedef struct scalar_query {
  float step; /* of the query's bytes */
  float base; /* what does not depend on the row */
  float sum;  /* int4: of the rounded query's numbers */
  float norm; /* l2: the query's squared length */
} scalar_query;

enum { NORM = 0, SCALE = 1, LEAST = 2 }; /* factors; NORM is the vector's squared length */

static const int8_t *bytes_of(const scalar_query *q) {
  return (const int8_t *)(q + 1);
}

static int8_t *bytes_to(scalar_query *q) {
  return (int8_t *)(q + 1);
}

static void centre(const mgp_coder *c, float *work) {
  for (size_t i = 0; i < c->dim; i++) work[i] -= c->state[i];
}

static magpie_status train_mean(mgp_coder *c, const float *rows, size_t count, magpie_error *err) {
  (void)err;
  mgp_mean_of(rows, c->dim, count, c->state);
  return MAGPIE_OK;
}

/* ---- int8, a scale a vector ---- */

static magpie_status init_int8(mgp_coder *c, magpie_error *err) {
  (void)err;
  c->body = c->dim;
  c->factors = 2;
  c->state_count = c->dim;
  c->query_size = sizeof(scalar_query) + c->dim;
  return MAGPIE_OK;
}

static void encode_int8(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                        float *scratch) {
  (void)scratch;
  factors[NORM] = (float)mgp_dot_double(work, work, c->dim);
  centre(c, work);
  factors[SCALE] = mgp_quantise_s8(work, c->dim, (int8_t *)body);
}

static void decode_int8(const mgp_coder *c, const unsigned char *body, const float *factors,
                        float *work) {
  for (size_t i = 0; i < c->dim; i++)
    work[i] = c->state[i] + factors[SCALE] * (float)(int8_t)body[i];
}

static void prepare_int8(const mgp_coder *c, float *work, void *prepared) {
  scalar_query *q = prepared;
  *q = (scalar_query){.base = (float)mgp_dot_double(work, c->state, c->dim),
                      .norm = (float)mgp_dot_double(work, work, c->dim)};
  q->step = mgp_quantise_s8(work, c->dim, bytes_to(q));
}

/* ---- int8, a range a dimension: state is the least of each, then the step of each ---- */

static magpie_status init_int8dim(mgp_coder *c, magpie_error *err) {
  (void)err;
  c->body = c->dim;
  c->factors = 1;
  c->state_count = 2 * c->dim;
  c->scratch = c->dim;
  c->query_size = sizeof(scalar_query) + c->dim;
  return MAGPIE_OK;
}

static int compare_floats(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Of 1,000 values one at each end is left out: an outlier must not stretch the range. */
static magpie_status train_int8dim(mgp_coder *c, const float *rows, size_t count,
                                   magpie_error *err) {
  float *column = mgp_malloc(c->alloc, count * sizeof *column);
  MGP_RETURN_IF(!column, err, MAGPIE_NO_MEMORY, "no memory for a column of %zu numbers", count);
  const size_t out = count / 1000;
  for (size_t i = 0; i < c->dim; i++) {
    for (size_t r = 0; r < count; r++) column[r] = rows[r * c->dim + i];
    qsort(column, count, sizeof *column, compare_floats);
    c->state[i] = column[out];
    c->state[c->dim + i] = (column[count - 1 - out] - column[out]) / 255;
  }
  mgp_free(c->alloc, column);
  return MAGPIE_OK;
}

static void encode_int8dim(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                           float *scratch) {
  (void)scratch;
  factors[NORM] = (float)mgp_dot_double(work, work, c->dim);
  for (size_t i = 0; i < c->dim; i++) {
    const float step = c->state[c->dim + i], value = step > 0 ? (work[i] - c->state[i]) / step : 0;
    body[i] = (unsigned char)fmaxf(0, fminf(255, rintf(value)));
  }
}

static void decode_int8dim(const mgp_coder *c, const unsigned char *body, const float *factors,
                           float *work) {
  (void)factors;
  for (size_t i = 0; i < c->dim; i++) work[i] = c->state[i] + c->state[c->dim + i] * (float)body[i];
}

static void prepare_int8dim(const mgp_coder *c, float *work, void *prepared) {
  scalar_query *q = prepared;
  *q = (scalar_query){.base = (float)mgp_dot_double(work, c->state, c->dim),
                      .norm = (float)mgp_dot_double(work, work, c->dim)};
  for (size_t i = 0; i < c->dim; i++) work[i] *= c->state[c->dim + i];
  q->step = mgp_quantise_s8(work, c->dim, bytes_to(q));
}

/* ---- int4 ---- */

static magpie_status init_int4(mgp_coder *c, magpie_error *err) {
  (void)err;
  c->body = c->dim / 2 + c->dim % 2;
  c->factors = 3;
  c->state_count = c->dim;
  c->query_size = sizeof(scalar_query) + 2 * c->body + c->dim;
  return MAGPIE_OK;
}

static void encode_int4(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                        float *scratch) {
  (void)scratch;
  factors[NORM] = (float)mgp_dot_double(work, work, c->dim);
  centre(c, work);
  float least = work[0], most = work[0];
  for (size_t i = 1; i < c->dim; i++) {
    least = fminf(least, work[i]);
    most = fmaxf(most, work[i]);
  }
  const float step = (most - least) / 15;
  factors[SCALE] = step;
  factors[LEAST] = least;
  memset(body, 0, c->body);
  for (size_t i = 0; i < c->dim; i++) {
    const float value = step > 0 ? rintf((work[i] - least) / step) : 0;
    body[i / 2] |= (unsigned char)((unsigned)fminf(15, value) << 4 * (i % 2));
  }
}

static void decode_int4(const mgp_coder *c, const unsigned char *body, const float *factors,
                        float *work) {
  for (size_t i = 0; i < c->dim; i++)
    work[i] =
        c->state[i] + factors[LEAST] + factors[SCALE] * (float)(body[i / 2] >> 4 * (i % 2) & 15);
}

static void prepare_int4(const mgp_coder *c, float *work, void *prepared) {
  scalar_query *q = prepared;
  int8_t *bytes = bytes_to(q) + 2 * c->body;
  *q = (scalar_query){.base = (float)mgp_dot_double(work, c->state, c->dim),
                      .norm = (float)mgp_dot_double(work, work, c->dim)};
  q->step = mgp_quantise_s8(work, c->dim, bytes);
  int32_t sum = 0;
  for (size_t i = 0; i < c->dim; i++) sum += bytes[i];
  q->sum = q->step * (float)sum; /* of the rounded query, as the dot product is */
  mgp_split_s8(bytes, c->dim, bytes_to(q));
}

/* ---- scores of all three ---- */

static const mgp_int_kernel *kernel_of(const mgp_coder *c) {
  const mgp_kernels *k = mgp_kernels_get();
  if (c->options.kind == MGP_CODEC_INT8) return &k->s8_dot;
  return c->options.kind == MGP_CODEC_INT8DIM ? &k->u8s8_dot : &k->u4s8_dot;
}

/* The dots of rows from integers, then distances if asked. Loops without branches. */
static void finish(const mgp_coder *c, const scalar_query *q, const mgp_code_columns *f,
                   const int32_t *restrict ints, size_t count, float *restrict scores) {
  const float base = q->base, step = q->step, sum = q->sum, norm = q->norm;
  const float *restrict scale = f->of[SCALE], *restrict least = f->of[LEAST];
  const float *restrict norms = f->of[NORM];
  if (c->options.kind == MGP_CODEC_INT8)
    for (size_t i = 0; i < count; i++) scores[i] = base + step * scale[i] * (float)ints[i];
  else if (c->options.kind == MGP_CODEC_INT8DIM)
    for (size_t i = 0; i < count; i++) scores[i] = base + step * (float)ints[i];
  else
    for (size_t i = 0; i < count; i++)
      scores[i] = base + least[i] * sum + step * scale[i] * (float)ints[i];
  if (!c->options.l2) return;
  for (size_t i = 0; i < count; i++) scores[i] = 2 * scores[i] - norms[i] - norm;
}

static void score_scalar(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows,
                         float *scores, float *bounds) {
  const scalar_query *q = prepared;
  mgp_code_columns columns;
  int32_t ints[MGP_SCORE_CHUNK];
  mgp_code_ints(c, kernel_of(c), bytes_of(q), c->dim, 0, rows, ints);
  mgp_code_take_columns(c, rows, &columns);
  finish(c, q, &columns, ints, rows->count, scores);
  for (size_t i = 0; bounds && i < rows->count; i++) bounds[i] = INFINITY;
}

/* A few queries at a time, whose integers stay in the first-level cache. */
static void score_many(const mgp_coder *c, const mgp_code_queries *queries,
                       const mgp_code_rows *rows, float *scores, size_t pitch) {
  int32_t ints[8 * MGP_SCORE_CHUNK];
  mgp_code_columns columns;
  mgp_code_take_columns(c, rows, &columns);
  for (size_t first = 0; first < queries->count; first += 8) {
    const size_t n = queries->count - first < 8 ? queries->count - first : 8;
    const char *some = queries->prepared + first * queries->size;
    kernel_of(c)->block(some + sizeof(scalar_query), queries->size, n, rows->codes, c->dim,
                        mgp_code_stride(c), rows->count, ints, MGP_SCORE_CHUNK);
    for (size_t q = 0; q < n; q++)
      finish(c, (const scalar_query *)(const void *)(some + q * queries->size), &columns,
             ints + q * MGP_SCORE_CHUNK, rows->count, scores + (first + q) * pitch);
  }
}

const mgp_codec mgp_codec_int8 = {.name = "int8",
                                  .block_rows = 1,
                                  .init = init_int8,
                                  .train = train_mean,
                                  .encode = encode_int8,
                                  .decode = decode_int8,
                                  .prepare = prepare_int8,
                                  .score = score_scalar,
                                  .score_many = score_many};

const mgp_codec mgp_codec_int8dim = {.name = "int8dim",
                                     .block_rows = 1,
                                     .init = init_int8dim,
                                     .train = train_int8dim,
                                     .encode = encode_int8dim,
                                     .decode = decode_int8dim,
                                     .prepare = prepare_int8dim,
                                     .score = score_scalar,
                                     .score_many = score_many};

const mgp_codec mgp_codec_int4 = {.name = "int4",
                                  .block_rows = 1,
                                  .init = init_int4,
                                  .train = train_mean,
                                  .encode = encode_int4,
                                  .decode = decode_int4,
                                  .prepare = prepare_int4,
                                  .score = score_scalar,
                                  .score_many = score_many};
