/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge table of byte-pair encoding: which two symbols join, how early, into what; and the
 * merging of one word.
 */
#ifndef MGP_MERGES_H
#define MGP_MERGES_H

#include "text/text.h"

typedef struct mgp_merge {
  uint64_t pair; /* left id << 32 | right id; UINT64_MAX: an empty place */
  uint32_t rank;
  int32_t id;
} mgp_merge;

typedef struct mgp_merges {
  mgp_alloc *alloc;
  mgp_merge *slots; /* open addressing, a power of two, at most half full */
  size_t slot_count;
} mgp_merges;

bool mgp_merges_init(mgp_merges *m, mgp_alloc *a, size_t count);
/* At most `count` of init; the first of equal pairs counts. */
void mgp_merges_add(mgp_merges *m, int32_t left, int32_t right, uint32_t rank, int32_t id);
void mgp_merges_fini(mgp_merges *m);

/* Room for one word at a time; grows as needed. Zero-init with the allocator set. */
typedef struct mgp_merger {
  mgp_alloc *alloc;
  struct mgp_symbol *symbols;
  struct mgp_join *heap;
  size_t symbol_capacity, heap_capacity, heap_count;
} mgp_merger;
/* Merges the word in place: the pair of lowest rank first, leftmost of equals; *count shrinks.
 * False: no memory. */
bool mgp_merger_run(mgp_merger *w, const mgp_merges *m, int32_t *ids, size_t *count);
void mgp_merger_fini(mgp_merger *w);

#endif
