/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: vectors as few bits as a first look needs. A coder learns what its codec needs from a
 * sample, turns vectors into codes, and estimates the scores of many codes for one query; the best
 * are then scored again on the full vectors (scan_codes.c). Plain memory in and out, no store.
 *
 *   int8     signed bytes, one scale a vector, centred by the mean
 *   int8dim  bytes, one range a dimension (the sample's, less 0.1 % at each end)
 *   int4     4 bits, least and step of each vector (LVQ, arXiv 2304.04759), centred
 *   rabitq   1, 2, 3, 4 or 8 bits a dimension of the centred, randomly rotated vector, with an
 *            unbiased estimate and a bound on its error (arXiv 2405.12497, 2409.09913)
 *   rabitq1  rabitq of one bit in blocks of 32 rows for FastScan
 *   bf16, f16  half-size floats: no training, the query rounded alike
 *   pq       product quantisation, 16 centroids a part, in blocks of 32 for FastScan (1704.07355)
 *
 * A score is an estimate of the dot product or, with `l2`, of the squared distance's negative:
 * higher is better. Equal options, sample and seed give equal codes on every processor of one
 * build; the integer part of a score is equal on all tiers.
 */
#ifndef MGP_INDEX_CODEC_H
#define MGP_INDEX_CODEC_H

#include "base/base.h"

typedef enum mgp_codec_kind {
  MGP_CODEC_INT8,
  MGP_CODEC_INT8DIM,
  MGP_CODEC_INT4,
  MGP_CODEC_RABITQ,
  MGP_CODEC_RABITQ1,
  MGP_CODEC_PQ,
  MGP_CODEC_BF16,
  MGP_CODEC_F16,
  MGP_CODEC_COUNT,
} mgp_codec_kind;

#define MGP_CODEC_DIM_MAX 65536
/* The bound of rabitq is this many standard deviations of its error: at least 99.9 % of all pairs
 * of a vector and a query keep it (the paper's 1.9 keeps 94 %). */
#define MGP_RABITQ_SIGMAS 3.5f

typedef struct mgp_codec_options {
  mgp_codec_kind kind;
  size_t dim;
  size_t keep;   /* Matryoshka: only the first so many numbers, scaled to length 1; 0: all */
  unsigned bits; /* rabitq: 1 (0 too), 2, 3, 4 or 8 */
  size_t parts;  /* pq: sub-vectors; 0: one for each 4 numbers */
  bool l2;       /* squared distance instead of the dot product */
  bool exact;    /* rabitq of 2 bits and more: the best code of each vector, ten times slower */
  uint64_t seed; /* of the rotation and of k-means */
} mgp_codec_options;

typedef struct mgp_coder mgp_coder;
magpie_status mgp_coder_create(mgp_alloc *a, const mgp_codec_options *options, mgp_coder **out,
                               magpie_error *err);
void mgp_coder_destroy(mgp_coder *c);
const char *mgp_coder_name(const mgp_coder *c);
/* Learns from `count` rows, `stride` floats apart; at least one. INVALID if one is not finite. */
magpie_status mgp_coder_train(mgp_coder *c, const float *rows, size_t stride, size_t count,
                              magpie_error *err);
/* What training left, to be stored beside the codes and given to a coder of the same options. */
const float *mgp_coder_state(const mgp_coder *c, size_t *count);
magpie_status mgp_coder_restore(mgp_coder *c, const float *state, size_t count, magpie_error *err);

/* Codes come in blocks of so many rows (1 or 32); the last block may hold fewer. */
size_t mgp_coder_block_rows(const mgp_coder *c);
size_t mgp_coder_size(const mgp_coder *c, size_t count); /* bytes of `count` codes */
/* Bytes a vector, factors included: what a scan reads. */
double mgp_coder_row_size(const mgp_coder *c);
/* INVALID, naming the row, if a number is not finite or a length leaves the range of float. */
magpie_status mgp_coder_encode(const mgp_coder *c, const float *rows, size_t stride, size_t count,
                               void *codes, magpie_error *err);
/* The vector that a code stands for, of `keep` or `dim` numbers. */
magpie_status mgp_coder_decode(const mgp_coder *c, const void *codes, size_t row, float *out,
                               magpie_error *err);

/* A query made ready: so many bytes, aligned as malloc aligns. */
size_t mgp_coder_query_size(const mgp_coder *c);
magpie_status mgp_coder_prepare(const mgp_coder *c, const float *query, void *prepared,
                                magpie_error *err);
/* Estimates for rows first..first + count - 1; `first` is a multiple of the block's rows. `bounds`
 * may be NULL: the error of each estimate, INFINITY where a codec knows none (all but rabitq). */
void mgp_coder_score(const mgp_coder *c, const void *prepared, const void *codes, size_t first,
                     size_t count, float *scores, float *bounds);
/* The same for listed rows; codecs of single rows only (block_rows is 1). */
void mgp_coder_score_at(const mgp_coder *c, const void *prepared, const void *codes,
                        const uint32_t *at, size_t count, float *scores, float *bounds);

/* Many queries, `size` bytes apart, by rows that follow each other: scores[q * pitch + i]. */
void mgp_coder_score_many(const mgp_coder *c, const void *prepared, size_t size, size_t queries,
                          const void *codes, size_t first, size_t count, float *scores,
                          size_t pitch);

/* The random rotation (codec_rotate.c), for tests: four rounds of random signs, a fast Hadamard
 * transform of a power of two at the front or the back, and a Givens turn of the halves. */
typedef struct mgp_rotation {
  size_t dim, block; /* dim: a multiple of 64; block: the largest power of two in it */
  uint64_t *signs;   /* 4 * dim bits */
} mgp_rotation;
size_t mgp_rotation_pad(size_t dim);
magpie_status mgp_rotation_init(mgp_rotation *r, mgp_alloc *a, size_t dim, uint64_t seed,
                                magpie_error *err);
void mgp_rotation_fini(mgp_rotation *r, mgp_alloc *a);
void mgp_rotation_apply(const mgp_rotation *r, float *v);
void mgp_rotation_undo(const mgp_rotation *r, float *v);

#endif
