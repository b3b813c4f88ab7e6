/* SPDX-License-Identifier: Apache-2.0
 *
 * A read-only trie over the pieces of a vocabulary: "which pieces begin here, shortest first?".
 *
 * Children of a node lie side by side, their labels in one byte array that memchr searches. A
 * branch that holds one piece alone is not spelled out: its node points at the piece, and the rest
 * is compared at once. That makes a quarter of a million pieces a third of a million nodes of 12
 * bytes.
 */
#ifndef MGP_PIECE_TRIE_H
#define MGP_PIECE_TRIE_H

#include "text/text.h"

typedef struct mgp_piece {
  const char *text;
  uint32_t size;
  int32_t id;
} mgp_piece;

typedef struct mgp_trie_node {
  uint32_t first; /* index of the first child */
  uint32_t count; /* of children; MGP_TRIE_TAIL: the piece's remaining bytes follow instead */
  int32_t piece;  /* that ends here (or, for a tail, that runs through here); -1: none */
} mgp_trie_node;

#define MGP_TRIE_TAIL UINT32_MAX

typedef struct mgp_trie {
  mgp_alloc *alloc;
  const mgp_piece *pieces; /* lent by the owner */
  mgp_trie_node *nodes;
  unsigned char *labels;
} mgp_trie;

/* Empty pieces are left out; of equal ones the first counts. The pieces and their texts must live
 * as long as the trie. False: no memory, and *out is empty. */
bool mgp_trie_build(mgp_alloc *a, const mgp_piece *pieces, size_t count, mgp_trie *out);
void mgp_trie_fini(mgp_trie *trie);

typedef struct mgp_trie_walk {
  const mgp_trie *trie;
  const char *text;
  size_t size, depth;
  uint32_t node;
  bool done;
} mgp_trie_walk;

static inline mgp_trie_walk mgp_trie_start(const mgp_trie *trie, const char *text, size_t size) {
  return (mgp_trie_walk){
      .trie = trie, .text = text, .size = size, .done = size == 0 || !trie->nodes};
}

/* The next longer piece at the start of the text: its index, or -1 when there is no more. */
static inline int32_t mgp_trie_next(mgp_trie_walk *w) {
  while (!w->done) {
    const mgp_trie_node *n = &w->trie->nodes[w->node];
    if (n->count == MGP_TRIE_TAIL) {
      const mgp_piece *p = &w->trie->pieces[n->piece];
      w->done = true;
      if (p->size > w->size || p->size < w->depth) return -1;
      return memcmp(p->text + w->depth, w->text + w->depth, p->size - w->depth) == 0 ? n->piece
                                                                                     : -1;
    }
    const unsigned char *labels = w->trie->labels + n->first;
    const unsigned char *hit = w->depth < w->size && n->count
                                   ? memchr(labels, (unsigned char)w->text[w->depth], n->count)
                                   : NULL;
    const int32_t found = n->piece;
    if (hit) {
      w->node = n->first + (uint32_t)(hit - labels);
      w->depth++;
    } else {
      w->done = true;
    }
    if (found >= 0) return found;
  }
  return -1;
}

#endif
