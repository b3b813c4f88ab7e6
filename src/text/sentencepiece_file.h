/* SPDX-License-Identifier: Apache-2.0
 *
 * A SentencePiece .model file, read: a small protobuf.
 */
#ifndef MGP_SENTENCEPIECE_FILE_H
#define MGP_SENTENCEPIECE_FILE_H

#include "text/text.h"

typedef enum mgp_sp_type {
  MGP_SP_NORMAL = 1,
  MGP_SP_UNKNOWN = 2,
  MGP_SP_CONTROL = 3,
  MGP_SP_USER_DEFINED = 4,
  MGP_SP_UNUSED = 5,
  MGP_SP_BYTE = 6
} mgp_sp_type;

typedef struct mgp_sp_span {
  const char *text; /* within the file's bytes */
  size_t size;
} mgp_sp_span;

typedef struct mgp_sp_piece {
  mgp_sp_span text;
  float score;
  mgp_sp_type type;
} mgp_sp_piece;

typedef struct mgp_sp_file {
  mgp_sp_piece *pieces; /* the caller's to free; the rest lies in the bytes */
  size_t count, capacity;
  mgp_sp_span charsmap;
  mgp_sp_span bos_piece, eos_piece, pad_piece;
  uint64_t model_type; /* 1: unigram */
  bool has_trainer, has_normalizer;
  bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
  bool whitespace_as_suffix, byte_fallback;
} mgp_sp_file;

/* `name` for messages. On failure nothing is left to free. */
magpie_status mgp_sp_file_parse(mgp_alloc *a, const char *name, const void *bytes, size_t size,
                                mgp_sp_file *out, magpie_error *err);

#endif
