/* SPDX-License-Identifier: Apache-2.0
 *
 * From rows to codes: less the mean, rotated by signs and Hadamard transforms (no matrix), then
 * four bits a dimension with the two factors that make the estimate of a distance unbiased:
 * "RaBitQ" (arXiv 2405.12497) and its extension to more bits (arXiv 2409.09913), with one constant
 * step for all, since rotated coordinates are nearly normal. The sums are in a fixed order and
 * nothing here is contracted to FMA: every machine makes the same codes.
 */
#include <math.h>

#include "index/graph_private.h"

#define ROTATION_ROUNDS 4
#define ROTATION_SEED UINT64_C(0x6d61677069653031) /* part of the format */
#define NIBBLE_STEP 0.335f /* standard deviations: least square error of 16 even steps */
#define BUILD_REACH 4.0f   /* standard deviations that a build code spans */
#define LIFT_TOLERANCE 1e-3f
#define ROWS_A_TASK 256

size_t mgp_graph_code_dim(size_t dim, bool is_lifted) {
  const size_t wide = dim + (is_lifted ? 1 : 0);
  return (wide + MGP_GRAPH_BLOCK - 1) / MGP_GRAPH_BLOCK * MGP_GRAPH_BLOCK;
}

size_t mgp_graph_code_stride(size_t code_dim) {
  return code_dim / 2 + 2 * sizeof(float);
}

/* ---- rotation ----------------------------------------------------------------------------------
 */

static void hadamard(float *x, size_t size) {
  for (size_t half = 1; half < size; half *= 2)
    for (size_t block = 0; block < size; block += 2 * half)
      for (size_t i = block; i < block + half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
  const float scale = 1 / sqrtf((float)size);
  for (size_t i = 0; i < size; i++) x[i] *= scale;
}

static void flip_signs(float *x, size_t size, uint64_t *state) {
  for (size_t at = 0; at < size; at += 64) {
    const uint64_t bits = mgp_graph_random(state);
    uint32_t words[64];
    memcpy(words, x + at, sizeof words);
    for (size_t i = 0; i < 64; i++) words[i] ^= (uint32_t)(bits >> i & 1) << 31;
    memcpy(x + at, words, sizeof words);
  }
}

/* Keeps lengths. size: a multiple of MGP_GRAPH_BLOCK. */
static void rotate(float *x, size_t size) {
  size_t power = MGP_GRAPH_BLOCK;
  while (power * 2 <= size) power *= 2;
  uint64_t state = ROTATION_SEED;
  const float root_half = sqrtf(0.5f);
  for (int round = 0; round < ROTATION_ROUNDS; round++) {
    flip_signs(x, size, &state);
    hadamard(round % 2 ? x + size - power : x, power);
    if (power == size) continue;
    for (size_t i = 0; i < size / 2; i++) {
      const float a = x[i], b = x[i + size / 2];
      x[i] = (a + b) * root_half;
      x[i + size / 2] = (a - b) * root_half;
    }
  }
}

/* ---- the space ---------------------------------------------------------------------------------
 */

static float squared_length(const float *x, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (double)x[i] * x[i];
  return (float)sum;
}

static float lift_of(const mgp_graph_space *s, const float *row) {
  const float rest = s->longest - squared_length(row, s->dim);
  return rest > 0 ? sqrtf(rest) : 0;
}

/* The columns of one block, summed over all rows in order: the same sum for any pool. */
typedef struct mean_job {
  const mgp_graph_rows *rows;
  double *sums;
} mean_job;

#define MEAN_COLUMNS 64

static void sum_columns(void *context, size_t index) {
  mean_job *job = context;
  const size_t first = index * MEAN_COLUMNS;
  const size_t end = first + MEAN_COLUMNS < job->rows->dim ? first + MEAN_COLUMNS : job->rows->dim;
  for (size_t i = 0; i < job->rows->count; i++)
    for (size_t j = first; j < end; j++) job->sums[j] += job->rows->rows[i * job->rows->stride + j];
}

typedef struct length_job {
  const mgp_graph_rows *rows;
  float *lengths;
} length_job;

static void measure_rows(void *context, size_t index) {
  length_job *job = context;
  const size_t first = index * ROWS_A_TASK;
  for (size_t i = first; i < first + ROWS_A_TASK && i < job->rows->count; i++)
    job->lengths[i] = squared_length(job->rows->rows + i * job->rows->stride, job->rows->dim);
}

static void run(mgp_pool *pool, size_t count, void (*fn)(void *, size_t), void *context) {
  if (pool) {
    mgp_pool_run(pool, count, fn, context);
    return;
  }
  for (size_t i = 0; i < count; i++) fn(context, i);
}

static magpie_status fit_lengths(const mgp_graph_rows *rows, const float *lengths,
                                 mgp_graph_space *s, double *total, magpie_error *err) {
  float shortest = INFINITY;
  for (size_t i = 0; i < rows->count; i++) {
    MGP_RETURN_IF(!isfinite(lengths[i]), err, MAGPIE_INVALID,
                  "graph: row %zu holds NaN, Inf or a number whose square is too large", i);
    if (lengths[i] > s->longest) s->longest = lengths[i];
    if (lengths[i] < shortest) shortest = lengths[i];
    *total += lengths[i];
  }
  s->is_lifted = s->metric == MGP_GRAPH_DOT && s->longest - shortest > LIFT_TOLERANCE * s->longest;
  s->query_length = sqrtf((float)(*total / (double)(rows->count ? rows->count : 1)));
  return MAGPIE_OK;
}

static void fit_mean(const mgp_graph_rows *rows, const double *sums, const float *lengths,
                     const mgp_graph_space *s, float *mean) {
  const double count = (double)(rows->count ? rows->count : 1);
  memset(mean, 0, s->code_dim * sizeof *mean);
  for (size_t j = 0; j < rows->dim; j++) mean[j] = (float)(sums[j] / count);
  double lift = 0;
  for (size_t i = 0; s->is_lifted && i < rows->count; i++) {
    const float rest = s->longest - lengths[i];
    lift += rest > 0 ? sqrtf(rest) : 0;
  }
  if (s->is_lifted) mean[rows->dim] = (float)(lift / count);
}

magpie_status mgp_graph_space_fit(const mgp_graph_rows *rows, mgp_graph_metric metric, float *mean,
                                  mgp_pool *pool, mgp_alloc *a, mgp_graph_space *out,
                                  magpie_error *err) {
  *out = (mgp_graph_space){.metric = metric, .dim = rows->dim, .mean = mean};
  float *lengths = mgp_calloc(a, rows->count + 1, sizeof *lengths);
  double *sums = mgp_calloc(a, rows->dim, sizeof *sums);
  magpie_status status = MAGPIE_OK;
  if (!lengths || !sums) {
    status =
        mgp_fail(err, MAGPIE_LIMIT, "graph: no memory for the lengths of %zu rows", rows->count);
    goto done;
  }
  length_job measure = {rows, lengths};
  run(pool, (rows->count + ROWS_A_TASK - 1) / ROWS_A_TASK, measure_rows, &measure);
  double total = 0;
  MGP_TRY(fit_lengths(rows, lengths, out, &total, err));
  out->code_dim = mgp_graph_code_dim(rows->dim, out->is_lifted);
  mean_job columns = {rows, sums};
  run(pool, (rows->dim + MEAN_COLUMNS - 1) / MEAN_COLUMNS, sum_columns, &columns);
  fit_mean(rows, sums, lengths, out, mean);
  /* The spread about the mean, for the step of build codes. */
  double spread =
      out->is_lifted ? (double)out->longest : total / (double)(rows->count + !rows->count);
  spread -= (double)squared_length(mean, out->code_dim);
  const float deviation = spread > 0 ? sqrtf((float)(spread / (double)out->code_dim)) : 0;
  out->step = deviation > 0 ? BUILD_REACH * deviation / (MGP_GRAPH_BIAS - 1) : 1;
done:
  mgp_free(a, lengths);
  mgp_free(a, sums);
  return status;
}

void mgp_graph_project_row(const mgp_graph_space *s, const float *row, float *out) {
  for (size_t i = 0; i < s->dim; i++) out[i] = row[i] - s->mean[i];
  memset(out + s->dim, 0, (s->code_dim - s->dim) * sizeof *out);
  if (s->is_lifted) out[s->dim] = lift_of(s, row) - s->mean[s->dim];
  rotate(out, s->code_dim);
}

void mgp_graph_project_query(const mgp_graph_space *s, const float *query, float *out) {
  float scale = 1;
  if (s->metric == MGP_GRAPH_DOT) {
    const float length = sqrtf(squared_length(query, s->dim));
    scale = length > 0 ? s->query_length / length : 0;
  }
  for (size_t i = 0; i < s->dim; i++) out[i] = query[i] * scale - s->mean[i];
  memset(out + s->dim, 0, (s->code_dim - s->dim) * sizeof *out);
  if (s->is_lifted) out[s->dim] = -s->mean[s->dim];
  rotate(out, s->code_dim);
}

/* ---- codes
 * --------------------------------------------------------------------------------------- */

static int clamp(int value, int low, int high) {
  return value < low ? low : value > high ? high : value;
}

void mgp_graph_encode(const float *projected, size_t code_dim, uint8_t *out) {
  const float norm = squared_length(projected, code_dim);
  const float step = NIBBLE_STEP * sqrtf(norm / (float)code_dim);
  const float per_step = step > 0 ? 1 / step : 0;
  memset(out, 0, code_dim / 2);
  double dot = 0;
  for (size_t i = 0; i < code_dim; i++) {
    const float place = projected[i] * per_step;
    const int code = clamp((int)floorf(place < -9 ? -9 : place > 9 ? 9 : place) + 8, 0, 15);
    out[i / 2] |= (uint8_t)(i % 2 ? code << 4 : code);
    dot += (double)projected[i] * ((double)code - 7.5);
  }
  const float factors[2] = {norm, dot > 0 ? (float)(2 * (double)norm / dot) : 0};
  memcpy(out + code_dim / 2, factors, sizeof factors);
}

uint32_t mgp_graph_encode_build(const float *projected, size_t code_dim, float step, uint8_t *out) {
  const float per_step = 1 / step, most = MGP_GRAPH_BIAS - 1;
  uint32_t norm = 0;
  for (size_t i = 0; i < code_dim; i++) {
    float place = rintf(projected[i] * per_step);
    place = place < -most ? -most : place > most ? most : place;
    const int code = (int)place;
    out[i] = (uint8_t)(code + MGP_GRAPH_BIAS);
    norm += (uint32_t)(code * code);
  }
  return norm;
}

void mgp_graph_quantise_query(const float *projected, size_t code_dim, mgp_graph_query *out) {
  float most = 0;
  for (size_t i = 0; i < code_dim; i++) {
    const float size = fabsf(projected[i]);
    if (size > most) most = size;
  }
  const float per_step = most > 0 ? 127 / most : 0;
  int32_t sum = 0;
  for (size_t i = 0; i < code_dim; i++) {
    const float place = rintf(projected[i] * per_step);
    /* Only damaged bytes lead to what is no number here. */
    const int8_t byte = place >= -127 && place <= 127 ? (int8_t)place : 0;
    out->bytes[i / 2 + i % 2 * (code_dim / 2)] = byte;
    sum += byte;
  }
  out->scale = most / 127;
  out->offset = -7.5f * (float)sum;
}
