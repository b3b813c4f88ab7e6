/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of tokenizer share: the handle, the id output, and the table each kind fills in.
 * A new kind is one new file and one line in tokenizer.c.
 */
#ifndef MGP_TOKENIZER_H
#define MGP_TOKENIZER_H

#include "text/text.h"

/* Ids as they come; what does not fit is counted out. */
typedef struct mgp_token_output {
  int32_t *ids;
  size_t count, capacity;
  bool cut;
} mgp_token_output;

static inline void mgp_token_put(mgp_token_output *out, int32_t id) {
  if (out->count < out->capacity) out->ids[out->count++] = id;
  else out->cut = true;
}

typedef struct mgp_tokenizer_kind {
  const char *name;
  /* Fills t->model and the special ids; cleans up after itself on failure. */
  magpie_status (*open)(mgp_tokenizer *t, const mgp_tokenizer_options *options, magpie_error *err);
  magpie_status (*encode)(const mgp_tokenizer *t, const char *text, size_t size,
                          mgp_token_output *out, magpie_error *err);
  void (*close)(mgp_tokenizer *t);
} mgp_tokenizer_kind;

struct mgp_tokenizer {
  mgp_alloc *alloc;
  const mgp_tokenizer_kind *kind;
  void *model;                /* of the kind */
  int32_t bos, eos, pad, unk; /* -1: none */
  size_t vocabulary;
};

extern const mgp_tokenizer_kind mgp_wordpiece_kind, mgp_sentencepiece_kind, mgp_e5s1_kind,
    mgp_clip_bpe_kind;

enum {
  MGP_TOKENIZER_FILE_MAX = 256 << 20, /* of files that are read whole */
  MGP_TOKENIZER_TEXT_MAX = 64 << 20,  /* of one text: positions are 32-bit */
  MGP_VOCABULARY_MAX = 1 << 24
};

#endif
