/* SPDX-License-Identifier: Apache-2.0
 *
 * Half-size floats: bf16 keeps float's range and 8 bits, f16 range to 65,504 and 11 bits. Nothing
 * is trained, the query is rounded alike, and a score is the kernel's.
 */
#include <math.h>

#include "index/codec_private.h"

static magpie_status init_half(mgp_coder *c, magpie_error *err) {
  (void)err;
  c->body = 2 * c->dim;
  c->query_size = 2 * c->dim;
  return MAGPIE_OK;
}

static magpie_status train_half(mgp_coder *c, const float *rows, size_t count, magpie_error *err) {
  (void)c;
  (void)rows;
  (void)count;
  (void)err;
  return MAGPIE_OK;
}

static bool is_bf16(const mgp_coder *c) {
  return c->options.kind == MGP_CODEC_BF16;
}

/* Beyond f16's range the largest number stands for the rest: a code must not be infinite. */
static void round_half(const mgp_coder *c, float *work, void *to) {
  const mgp_kernels *k = mgp_kernels_get();
  uint16_t part[64];
  for (size_t i = 0; i < c->dim; i += 64) {
    const size_t n = c->dim - i < 64 ? c->dim - i : 64;
    for (size_t j = 0; j < n && !is_bf16(c); j++)
      work[i + j] = fmaxf(-65504, fminf(65504, work[i + j]));
    if (is_bf16(c)) k->f32_to_bf16(work + i, part, n);
    else k->f32_to_f16(work + i, part, n);
    memcpy((unsigned char *)to + 2 * i, part, 2 * n);
  }
}

static void encode_half(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                        float *scratch) {
  (void)factors;
  (void)scratch;
  round_half(c, work, body);
}

static void decode_half(const mgp_coder *c, const unsigned char *body, const float *factors,
                        float *work) {
  (void)factors;
  const mgp_kernels *k = mgp_kernels_get();
  for (size_t i = 0; i < c->dim; i++) {
    uint16_t bits;
    memcpy(&bits, body + 2 * i, sizeof bits);
    if (is_bf16(c)) k->bf16_to_f32(&bits, work + i, 1);
    else k->f16_to_f32(&bits, work + i, 1);
  }
}

static void prepare_half(const mgp_coder *c, float *work, void *prepared) {
  round_half(c, work, prepared);
}

static const mgp_float_kernel *kernel_of(const mgp_coder *c) {
  const mgp_kernels *k = mgp_kernels_get();
  if (is_bf16(c)) return c->options.l2 ? &k->bf16_l2 : &k->bf16_dot;
  return c->options.l2 ? &k->f16_l2 : &k->f16_dot;
}

static void turn_sign(const mgp_coder *c, float *scores, size_t count) {
  for (size_t i = 0; i < count && c->options.l2; i++) scores[i] = -scores[i];
}

static void score_half(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows,
                       float *scores, float *bounds) {
  const mgp_float_kernel *k = kernel_of(c);
  if (rows->at) k->gather(prepared, rows->codes, c->dim, c->body, rows->at, rows->count, scores);
  else k->rows(prepared, rows->codes, c->dim, c->body, rows->count, scores);
  turn_sign(c, scores, rows->count);
  for (size_t i = 0; bounds && i < rows->count; i++) bounds[i] = INFINITY;
}

static void score_many_half(const mgp_coder *c, const mgp_code_queries *queries,
                            const mgp_code_rows *rows, float *scores, size_t pitch) {
  kernel_of(c)->block(queries->prepared, queries->size, queries->count, rows->codes, c->dim,
                      c->body, rows->count, scores, pitch);
  for (size_t q = 0; q < queries->count; q++) turn_sign(c, scores + q * pitch, rows->count);
}

const mgp_codec mgp_codec_bf16 = {.name = "bf16",
                                  .block_rows = 1,
                                  .init = init_half,
                                  .train = train_half,
                                  .encode = encode_half,
                                  .decode = decode_half,
                                  .prepare = prepare_half,
                                  .score = score_half,
                                  .score_many = score_many_half};

const mgp_codec mgp_codec_f16 = {.name = "f16",
                                 .block_rows = 1,
                                 .init = init_half,
                                 .train = train_half,
                                 .encode = encode_half,
                                 .decode = decode_half,
                                 .prepare = prepare_half,
                                 .score = score_half,
                                 .score_many = score_many_half};
