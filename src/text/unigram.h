/* SPDX-License-Identifier: Apache-2.0
 *
 * The Unigram segmentation shared by both SentencePiece file kinds.
 */
#ifndef MGP_UNIGRAM_H
#define MGP_UNIGRAM_H

#include "text/piece_trie.h"
#include "text/tokenizer.h"

typedef struct mgp_unigram {
  mgp_trie trie;
  float *scores;   /* one a piece, by index; NAN for user-defined pieces: scored by length */
  float unk_score; /* of one unknown character */
  int32_t unk;
  bool rebase;          /* path scores are brought back to 0 past 100000, as SentencePiece does */
  bool fuse_unknown;    /* a run of unknown characters is one token, as SentencePiece does */
  const int32_t *bytes; /* byte fallback: ids of the 256 bytes; NULL: none */
} mgp_unigram;

/* The best segmentation of normalised text, appended to `out`. */
magpie_status mgp_unigram_encode(const mgp_unigram *u, mgp_alloc *a, const char *text, size_t size,
                                 mgp_token_output *out, magpie_error *err);

#endif
