/* SPDX-License-Identifier: Apache-2.0
 *
 * What the codecs share: the coder, the table of a codec, and FastScan's blocks (codec_fast.c).
 *
 * A code is a body of bytes and some factors (floats). Codecs of single rows store both behind each
 * other. Blocked ones store the 4-bit groups of 32 rows as the fast_scan kernel wants them, then
 * each factor of the 32 rows.
 */
#ifndef MGP_INDEX_CODEC_PRIVATE_H
#define MGP_INDEX_CODEC_PRIVATE_H

#include "index/codec.h"
#include "kernels/kernels.h"

#define MGP_FACTORS_MAX 5
#define MGP_SCORE_CHUNK ((size_t)512) /* rows whose integer scores fit the stack */

/* Rows of a query's scores: `at` is NULL for rows that follow each other. */
typedef struct mgp_code_rows {
  const unsigned char *codes;
  const uint32_t *at;
  size_t count;
} mgp_code_rows;

/* Prepared queries, `size` bytes apart. */
typedef struct mgp_code_queries {
  const char *prepared;
  size_t size, count;
} mgp_code_queries;

typedef struct mgp_codec {
  const char *name;
  size_t block_rows;
  /* Checks the options and fills in the sizes of the coder. */
  magpie_status (*init)(mgp_coder *c, magpie_error *err);
  /* `rows` are whole working vectors, c->dim floats each. */
  magpie_status (*train)(mgp_coder *c, const float *rows, size_t count, magpie_error *err);
  /* `work` is the vector, with room for `padded`; may be overwritten. Scratch: see init. */
  void (*encode)(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                 float *scratch);
  void (*decode)(const mgp_coder *c, const unsigned char *body, const float *factors, float *work);
  void (*prepare)(const mgp_coder *c, float *work, void *prepared);
  /* Single rows, or (blocked) the rows of one block from codes, its factors behind the body. */
  void (*score)(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows, float *scores,
                float *bounds);
  /* Many queries by at most MGP_SCORE_CHUNK rows; NULL: one after the other. */
  void (*score_many)(const mgp_coder *c, const mgp_code_queries *queries, const mgp_code_rows *rows,
                     float *scores, size_t pitch);
} mgp_codec;

struct mgp_coder {
  const mgp_codec *codec;
  mgp_alloc *alloc;
  mgp_codec_options options;
  size_t dim, padded;           /* numbers of a working vector; with the rotation's padding */
  size_t body, factors, groups; /* bytes, floats, 4-bit groups of a code */
  size_t query_size, scratch;   /* bytes; floats */
  float *state;                 /* what training leaves; the mean first where there is one */
  size_t state_count;
  bool trained;
  mgp_rotation rotation; /* rabitq */
};

extern const mgp_codec mgp_codec_int8, mgp_codec_int8dim, mgp_codec_int4;
extern const mgp_codec mgp_codec_rabitq, mgp_codec_rabitq1, mgp_codec_pq;
extern const mgp_codec mgp_codec_bf16, mgp_codec_f16;

static inline size_t mgp_code_stride(const mgp_coder *c) {
  return c->body + c->factors * sizeof(float);
}

static inline const unsigned char *mgp_code_row(const mgp_coder *c, const mgp_code_rows *rows,
                                                size_t i) {
  return rows->codes + (rows->at ? rows->at[i] : i) * mgp_code_stride(c);
}

static inline void mgp_code_factors(const mgp_coder *c, const unsigned char *row, float *factors) {
  memcpy(factors, row + c->body, c->factors * sizeof(float));
}

/* The integer scores of rows by one kernel; `skip` bytes into each body. */
void mgp_code_ints(const mgp_coder *c, const mgp_int_kernel *kernel, const void *query, size_t dim,
                   size_t skip, const mgp_code_rows *rows, int32_t *out);

/* The factors of rows, each in a column of its own, so that scores are finished side by side. */
typedef struct mgp_code_columns {
  float of[MGP_FACTORS_MAX][MGP_SCORE_CHUNK];
} mgp_code_columns;
void mgp_code_take_columns(const mgp_coder *c, const mgp_code_rows *rows, mgp_code_columns *out);

/* Signed bytes of `v`: the step, of which each is a multiple; 0 for an all-zero one. */
float mgp_quantise_s8(const float *v, size_t dim, int8_t *out);

double mgp_dot_double(const float *a, const float *b, size_t dim);
void mgp_mean_of(const float *rows, size_t dim, size_t count, float *mean);

/* ---- FastScan blocks (codec_fast.c) ---- */

/* A table of bytes for float entries table[16 g + code]: entry = step * byte + least of the group;
 * `least` is their sum over all groups. */
typedef struct mgp_fast_query {
  float step, least;
} mgp_fast_query;
mgp_fast_query mgp_fast_table(const float *entries, size_t groups, uint8_t *table);
/* Rows of nibbles, `stride` bytes apart, into a block; missing rows are zeros. */
void mgp_fast_pack(const unsigned char *bodies, size_t stride, size_t rows, size_t groups,
                   unsigned char *block);
uint8_t mgp_fast_code(const unsigned char *block, size_t group, size_t row);

#endif
