/* SPDX-License-Identifier: Apache-2.0
 *
 * The coder around a codec: options, memory, checks of numbers, Matryoshka truncation, blocks.
 */
#include <math.h>

#include "index/codec_private.h"

static const mgp_codec *const codecs[MGP_CODEC_COUNT] = {
    [MGP_CODEC_INT8] = &mgp_codec_int8,       [MGP_CODEC_INT8DIM] = &mgp_codec_int8dim,
    [MGP_CODEC_INT4] = &mgp_codec_int4,       [MGP_CODEC_RABITQ] = &mgp_codec_rabitq,
    [MGP_CODEC_RABITQ1] = &mgp_codec_rabitq1, [MGP_CODEC_PQ] = &mgp_codec_pq,
    [MGP_CODEC_BF16] = &mgp_codec_bf16,       [MGP_CODEC_F16] = &mgp_codec_f16,
};

magpie_status mgp_coder_create(mgp_alloc *a, const mgp_codec_options *options, mgp_coder **out,
                               magpie_error *err) {
  *out = NULL;
  MGP_RETURN_IF((unsigned)options->kind >= MGP_CODEC_COUNT, err, MAGPIE_INVALID,
                "there is no codec number %d", (int)options->kind);
  MGP_RETURN_IF(options->dim == 0 || options->dim > MGP_CODEC_DIM_MAX, err, MAGPIE_INVALID,
                "a codec takes vectors of 1 to %d numbers, not of %zu", MGP_CODEC_DIM_MAX,
                options->dim);
  MGP_RETURN_IF(options->keep > options->dim, err, MAGPIE_INVALID,
                "a codec cannot keep the first %zu of %zu numbers", options->keep, options->dim);
  mgp_coder *c = mgp_calloc(a, 1, sizeof *c);
  MGP_RETURN_IF(!c, err, MAGPIE_NO_MEMORY, "no memory for a codec");
  c->codec = codecs[options->kind];
  c->alloc = a;
  c->options = *options;
  c->dim = options->keep ? options->keep : options->dim;
  c->padded = c->dim;
  magpie_status status = c->codec->init(c, err);
  if (status == MAGPIE_OK) {
    c->state = mgp_calloc(a, c->state_count + 1, sizeof *c->state);
    if (!c->state)
      status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a codec of %zu numbers", c->dim);
  }
  if (status == MAGPIE_OK) *out = c;
  else mgp_coder_destroy(c);
  return status;
}

void mgp_coder_destroy(mgp_coder *c) {
  if (!c) return;
  mgp_rotation_fini(&c->rotation, c->alloc);
  mgp_free(c->alloc, c->state);
  mgp_free(c->alloc, c);
}

const char *mgp_coder_name(const mgp_coder *c) {
  return c->codec->name;
}

size_t mgp_coder_block_rows(const mgp_coder *c) {
  return c->codec->block_rows;
}

static size_t block_size(const mgp_coder *c) {
  if (c->codec->block_rows == 1) return mgp_code_stride(c);
  return (16 * c->groups + c->factors * MGP_FAST_SCAN_ROWS * sizeof(float) + 63) / 64 * 64;
}

size_t mgp_coder_size(const mgp_coder *c, size_t count) {
  const size_t rows = c->codec->block_rows;
  return (count / rows + (count % rows != 0)) * block_size(c);
}

double mgp_coder_row_size(const mgp_coder *c) {
  return (double)block_size(c) / (double)c->codec->block_rows;
}

/* ---- working vectors ---- */

/* The first c->dim numbers; after truncation of length 1 again. Zeros up to `padded`. */
static bool take_vector(const mgp_coder *c, const float *from, float *work) {
  memcpy(work, from, c->dim * sizeof *work);
  for (size_t i = c->dim; i < c->padded; i++) work[i] = 0;
  if (c->dim < c->options.dim) mgp_normalise_f32(work, c->dim);
  /* NaN and infinity fail the comparison; so does what the factors could not hold */
  return mgp_dot_double(work, work, c->dim) <= 1e30;
}

static magpie_status fail_number(const char *what, size_t row, magpie_error *err) {
  return mgp_fail(err, MAGPIE_INVALID,
                  "%s %zu holds a number that is not finite, or is longer than 1e15: vectors to be "
                  "coded must be finite",
                  what, row);
}

double mgp_dot_double(const float *a, const float *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (double)a[i] * b[i];
  return sum;
}

void mgp_mean_of(const float *rows, size_t dim, size_t count, float *mean) {
  for (size_t i = 0; i < dim; i++) {
    double sum = 0;
    for (size_t r = 0; r < count; r++) sum += rows[r * dim + i];
    mean[i] = (float)(sum / (double)count);
  }
}

magpie_status mgp_coder_train(mgp_coder *c, const float *rows, size_t stride, size_t count,
                              magpie_error *err) {
  MGP_RETURN_IF(!rows || count == 0 || stride < c->options.dim, err, MAGPIE_INVALID,
                "training %s needs at least one vector of %zu numbers", c->codec->name,
                c->options.dim);
  float *work = count <= SIZE_MAX / sizeof(float) / c->padded - 1
                    ? mgp_malloc(c->alloc, (count * c->dim + c->padded) * sizeof *work)
                    : NULL;
  MGP_RETURN_IF(!work, err, MAGPIE_NO_MEMORY, "no memory for a sample of %zu vectors of %zu", count,
                c->dim);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++)
    if (!take_vector(c, rows + i * stride, work + i * c->dim))
      status = fail_number("the sample's vector", i, err);
  if (status == MAGPIE_OK) status = c->codec->train(c, work, count, err);
  mgp_free(c->alloc, work);
  c->trained = status == MAGPIE_OK;
  return status;
}

const float *mgp_coder_state(const mgp_coder *c, size_t *count) {
  *count = c->state_count;
  return c->state;
}

magpie_status mgp_coder_restore(mgp_coder *c, const float *state, size_t count, magpie_error *err) {
  MGP_RETURN_IF(count != c->state_count, err, MAGPIE_INVALID,
                "the state of a codec holds %zu numbers; %s of %zu numbers a vector has %zu", count,
                c->codec->name, c->dim, c->state_count);
  for (size_t i = 0; i < count; i++)
    MGP_RETURN_IF(!isfinite(state[i]), err, MAGPIE_INVALID,
                  "number %zu of a codec's state is not finite: train it anew", i);
  memcpy(c->state, state, count * sizeof *state);
  c->trained = true;
  return MAGPIE_OK;
}

/* ---- encode, decode ---- */

static magpie_status check_trained(const mgp_coder *c, magpie_error *err) {
  MGP_RETURN_IF(!c->trained, err, MAGPIE_INVALID, "codec %s: train it or restore its state first",
                c->codec->name);
  return MAGPIE_OK;
}

/* Rows in the layout of single ones; `scratch` is the working vector, then the codec's. */
static magpie_status encode_rows(const mgp_coder *c, const float *rows, size_t stride, size_t first,
                                 size_t count, unsigned char *codes, float *scratch,
                                 magpie_error *err) {
  float factors[MGP_FACTORS_MAX];
  for (size_t i = 0; i < count; i++) {
    unsigned char *code = codes + i * mgp_code_stride(c);
    if (!take_vector(c, rows + (first + i) * stride, scratch))
      return fail_number("vector", first + i, err);
    c->codec->encode(c, scratch, code, factors, scratch + c->padded);
    memcpy(code + c->body, factors, c->factors * sizeof *factors);
  }
  return MAGPIE_OK;
}

static void put_block(const mgp_coder *c, const unsigned char *codes, size_t count,
                      unsigned char *block) {
  const size_t rows = c->codec->block_rows, stride = mgp_code_stride(c);
  memset(block, 0, block_size(c));
  mgp_fast_pack(codes, stride, count, c->groups, block);
  unsigned char *factors = block + 16 * c->groups;
  for (size_t i = 0; i < count; i++)
    for (size_t f = 0; f < c->factors; f++)
      memcpy(factors + (f * rows + i) * sizeof(float), codes + i * stride + c->body + 4 * f, 4);
}

static magpie_status encode_blocks(const mgp_coder *c, const float *rows, size_t stride,
                                   size_t count, unsigned char *codes, unsigned char *single,
                                   float *scratch, magpie_error *err) {
  const size_t block = c->codec->block_rows;
  for (size_t i = 0; i < count; i += block) {
    const size_t n = count - i < block ? count - i : block;
    MGP_FORWARD(encode_rows(c, rows, stride, i, n, single, scratch, err));
    put_block(c, single, n, codes + i / block * block_size(c));
  }
  return MAGPIE_OK;
}

magpie_status mgp_coder_encode(const mgp_coder *c, const float *rows, size_t stride, size_t count,
                               void *codes, magpie_error *err) {
  MGP_FORWARD(check_trained(c, err));
  float *scratch = mgp_malloc(c->alloc, (c->padded + c->scratch) * sizeof *scratch);
  unsigned char *single = mgp_malloc(c->alloc, c->codec->block_rows * mgp_code_stride(c));
  magpie_status status = MAGPIE_OK;
  if (!scratch || !single) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to code a vector");
  else if (c->codec->block_rows == 1)
    status = encode_rows(c, rows, stride, 0, count, codes, scratch, err);
  else status = encode_blocks(c, rows, stride, count, codes, single, scratch, err);
  mgp_free(c->alloc, single);
  mgp_free(c->alloc, scratch);
  return status;
}

/* Row of a block back in the layout of single ones. */
static void unpack_row(const mgp_coder *c, const unsigned char *block, size_t row,
                       unsigned char *body, float *factors) {
  memset(body, 0, c->body);
  for (size_t g = 0; g < c->groups; g++)
    body[g / 2] |= (unsigned char)(mgp_fast_code(block, g, row) << 4 * (g % 2));
  for (size_t f = 0; f < c->factors; f++)
    memcpy(&factors[f], block + 16 * c->groups + (f * MGP_FAST_SCAN_ROWS + row) * sizeof(float),
           sizeof(float));
}

magpie_status mgp_coder_decode(const mgp_coder *c, const void *codes, size_t row, float *out,
                               magpie_error *err) {
  MGP_FORWARD(check_trained(c, err));
  float factors[MGP_FACTORS_MAX];
  float *work = mgp_malloc(c->alloc, c->padded * sizeof *work);
  unsigned char *body = mgp_malloc(c->alloc, c->body);
  if (work && body) {
    const unsigned char *from = codes;
    const size_t rows = c->codec->block_rows;
    if (rows > 1) {
      unpack_row(c, from + row / rows * block_size(c), row % rows, body, factors);
    } else {
      memcpy(body, from + row * mgp_code_stride(c), c->body);
      mgp_code_factors(c, from + row * mgp_code_stride(c), factors);
    }
    c->codec->decode(c, body, factors, work);
    memcpy(out, work, c->dim * sizeof *out);
  }
  const bool failed = !work || !body;
  mgp_free(c->alloc, body);
  mgp_free(c->alloc, work);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to decode a vector of %zu", c->dim);
  return MAGPIE_OK;
}

/* ---- queries ---- */

size_t mgp_coder_query_size(const mgp_coder *c) {
  return c->query_size;
}

magpie_status mgp_coder_prepare(const mgp_coder *c, const float *query, void *prepared,
                                magpie_error *err) {
  MGP_FORWARD(check_trained(c, err));
  float *work = mgp_malloc(c->alloc, c->padded * sizeof *work);
  MGP_RETURN_IF(!work, err, MAGPIE_NO_MEMORY, "no memory for a query of %zu numbers", c->dim);
  const bool good = take_vector(c, query, work);
  if (good) c->codec->prepare(c, work, prepared);
  mgp_free(c->alloc, work);
  return good ? MAGPIE_OK : fail_number("query", 0, err);
}

void mgp_coder_score(const mgp_coder *c, const void *prepared, const void *codes, size_t first,
                     size_t count, float *scores, float *bounds) {
  const size_t rows = c->codec->block_rows, step = rows > 1 ? rows : MGP_SCORE_CHUNK;
  for (size_t i = 0; i < count; i += step) {
    const mgp_code_rows part = {.codes = (const unsigned char *)codes +
                                         (first + i) / rows * block_size(c),
                                .count = count - i < step ? count - i : step};
    c->codec->score(c, prepared, &part, scores + i, bounds ? bounds + i : NULL);
  }
}

void mgp_coder_score_many(const mgp_coder *c, const void *prepared, size_t size, size_t queries,
                          const void *codes, size_t first, size_t count, float *scores,
                          size_t pitch) {
  const char *from = prepared;
  if (!c->codec->score_many || queries == 1) {
    for (size_t q = 0; q < queries; q++)
      mgp_coder_score(c, from + q * size, codes, first, count, scores + q * pitch, NULL);
    return;
  }
  const mgp_code_queries all = {.prepared = from, .size = size, .count = queries};
  for (size_t i = 0; i < count; i += MGP_SCORE_CHUNK) {
    const mgp_code_rows part = {.codes = (const unsigned char *)codes + (first + i) * block_size(c),
                                .count = count - i < MGP_SCORE_CHUNK ? count - i : MGP_SCORE_CHUNK};
    c->codec->score_many(c, &all, &part, scores + i, pitch);
  }
}

void mgp_coder_score_at(const mgp_coder *c, const void *prepared, const void *codes,
                        const uint32_t *at, size_t count, float *scores, float *bounds) {
  for (size_t i = 0; i < count; i += MGP_SCORE_CHUNK) {
    const mgp_code_rows part = {.codes = codes,
                                .at = at + i,
                                .count = count - i < MGP_SCORE_CHUNK ? count - i : MGP_SCORE_CHUNK};
    c->codec->score(c, prepared, &part, scores + i, bounds ? bounds + i : NULL);
  }
}

void mgp_code_ints(const mgp_coder *c, const mgp_int_kernel *kernel, const void *query, size_t dim,
                   size_t skip, const mgp_code_rows *rows, int32_t *out) {
  const size_t stride = mgp_code_stride(c);
  if (rows->at) kernel->gather(query, rows->codes + skip, dim, stride, rows->at, rows->count, out);
  else kernel->rows(query, rows->codes + skip, dim, stride, rows->count, out);
}

static inline __attribute__((always_inline)) void
take_columns(const mgp_coder *c, const mgp_code_rows *rows, size_t factors, mgp_code_columns *out) {
  for (size_t i = 0; i < rows->count; i++) {
    const unsigned char *from = mgp_code_row(c, rows, i) + c->body;
    for (size_t f = 0; f < factors; f++)
      memcpy(&out->of[f][i], from + f * sizeof(float), sizeof(float));
  }
}

/* Constants, so that the inner loop is none. */
void mgp_code_take_columns(const mgp_coder *c, const mgp_code_rows *rows, mgp_code_columns *out) {
  switch (c->factors) {
  case 1:
    take_columns(c, rows, 1, out);
    break;
  case 2:
    take_columns(c, rows, 2, out);
    break;
  case 3:
    take_columns(c, rows, 3, out);
    break;
  case 4:
    take_columns(c, rows, 4, out);
    break;
  default:
    take_columns(c, rows, c->factors, out);
    break;
  }
}

float mgp_quantise_s8(const float *v, size_t dim, int8_t *out) {
  float largest = 0;
  for (size_t i = 0; i < dim; i++) largest = fmaxf(largest, fabsf(v[i]));
  const float step = largest / 127;
  for (size_t i = 0; i < dim; i++)
    out[i] = step > 0 ? (int8_t)fmaxf(-127, fminf(127, rintf(v[i] / step))) : 0;
  return step;
}
