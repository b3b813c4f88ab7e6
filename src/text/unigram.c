/* SPDX-License-Identifier: Apache-2.0
 *
 * unigram: the segmentation with the highest sum of piece scores, by Viterbi's algorithm over byte
 * positions (Kudo 2018, "Subword Regularization"; the loop is that of SentencePiece's
 * EncodeOptimized). Time is text length times the longest match, memory 12 bytes a byte of text.
 *
 * Rounding is part of the contract: ids must equal the reference's, and equal sums do occur.
 */
#include "text/unigram.h"

#include <math.h>

#define UNREACHED INT32_MIN
#define REBASE_BEYOND 100000.0F

/* The best path that ends before byte i of the text. On the way back `score` is not needed any
 * more and its place takes the end of the token that begins here. */
typedef struct step {
  union {
    float score;
    uint32_t next;
  };
  int32_t id; /* of the last token of that path; -1: unknown */
  uint32_t start;
} step;

static size_t char_length(const char *text, size_t left) {
  const unsigned char lead = (unsigned char)text[0];
  const size_t n = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return n < left ? n : left;
}

static void relax(step *steps, size_t from, size_t to, float score, int32_t id) {
  const float sum = steps[from].score + score;
  step *target = &steps[to];
  if (target->id != UNREACHED && sum <= target->score) return;
  target->score = sum;
  target->id = id;
  target->start = (uint32_t)from;
}

/* A bonus by which a user-defined piece always wins. */
static float user_score(uint32_t size) {
  return (float)(0.1 * (double)((int32_t)size - 1));
}

/* A float that has grown by thousands of pieces no longer tells two scores apart. */
static void rebase(step *steps, size_t from, size_t to) {
  const float offset = steps[from].score;
  if (fabsf(offset) <= REBASE_BEYOND) return;
  for (size_t i = from; i <= to; i++)
    if (steps[i].id != UNREACHED) steps[i].score -= offset;
}

static void walk_forward(const mgp_unigram *u, const char *text, size_t size, step *steps) {
  size_t reached = 0;
  for (size_t i = 0; i < size;) {
    const size_t one = char_length(text + i, size - i);
    bool has_single = false;
    if (u->rebase) rebase(steps, i, reached);
    mgp_trie_walk walk = mgp_trie_start(&u->trie, text + i, size - i);
    for (int32_t p = mgp_trie_next(&walk); p >= 0; p = mgp_trie_next(&walk)) {
      const mgp_piece *piece = &u->trie.pieces[p];
      const float own = u->scores[p];
      relax(steps, i, i + piece->size, isnan(own) ? user_score(piece->size) : own, piece->id);
      has_single |= piece->size == one;
      if (i + piece->size > reached) reached = i + piece->size;
    }
    if (!has_single) {
      relax(steps, i, i + one, u->unk_score, -1);
      if (i + one > reached) reached = i + one;
    }
    i += one;
  }
}

static void put_unknown(const mgp_unigram *u, const char *text, size_t size, bool after_unknown,
                        mgp_token_output *out) {
  if (u->bytes) {
    for (size_t i = 0; i < size; i++) mgp_token_put(out, u->bytes[(unsigned char)text[i]]);
  } else if (!after_unknown || !u->fuse_unknown) {
    mgp_token_put(out, u->unk);
  }
}

magpie_status mgp_unigram_encode(const mgp_unigram *u, mgp_alloc *a, const char *text, size_t size,
                                 mgp_token_output *out, magpie_error *err) {
  if (size == 0) return MAGPIE_OK;
  MGP_RETURN_IF(size >= UINT32_MAX / 2, err, MAGPIE_LIMIT, "a text of %zu bytes is too long", size);
  step *steps = mgp_malloc(a, (size + 1) * sizeof *steps);
  MGP_RETURN_IF(!steps, err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  for (size_t i = 0; i <= size; i++) steps[i].id = UNREACHED;
  steps[0] = (step){.score = 0, .id = -1};
  walk_forward(u, text, size, steps);
  for (size_t end = size; end > 0;) {
    const uint32_t start = steps[end].start;
    steps[start].next = (uint32_t)end;
    end = start;
  }
  bool unknown = false;
  for (size_t i = 0; i < size && !out->cut; i = steps[i].next) {
    const uint32_t end = steps[i].next;
    const int32_t id = steps[end].id;
    if (id < 0) put_unknown(u, text + i, end - i, unknown, out);
    else mgp_token_put(out, id);
    unknown = id < 0;
  }
  mgp_free(a, steps);
  return MAGPIE_OK;
}
