/* SPDX-License-Identifier: Apache-2.0
 *
 * merges: byte-pair encoding (Sennrich et al. 2016) of one word in n log n, by a heap of possible
 * joins over a doubly linked list of symbols; a word may be a megabyte long. A join in the heap is
 * stale when its left symbol is gone or its pair has become another: it is checked when it comes
 * up.
 */
#include "text/merges.h"

typedef struct mgp_symbol {
  int32_t id; /* -1: merged into its left neighbour */
  uint32_t previous, next;
} symbol;

typedef struct mgp_join {
  uint32_t rank, left;
  int32_t id;
} join;

#define NOBODY UINT32_MAX

bool mgp_merges_init(mgp_merges *m, mgp_alloc *a, size_t count) {
  size_t slots = 16;
  while (slots < count * 2) slots *= 2;
  *m = (mgp_merges){.alloc = a, .slot_count = slots};
  m->slots = mgp_malloc(a, slots * sizeof *m->slots);
  if (!m->slots) return false;
  for (size_t i = 0; i < slots; i++) m->slots[i].pair = UINT64_MAX;
  return true;
}

static uint64_t pair_of(int32_t left, int32_t right) {
  return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* The place of this pair, or the empty one where it would go. */
static mgp_merge *find_slot(const mgp_merges *m, uint64_t pair) {
  uint64_t h = pair * UINT64_C(0x9E3779B97F4A7C15);
  size_t i = (size_t)(h >> 32) & (m->slot_count - 1);
  while (m->slots[i].pair != pair && m->slots[i].pair != UINT64_MAX)
    i = (i + 1) & (m->slot_count - 1);
  return &m->slots[i];
}

void mgp_merges_add(mgp_merges *m, int32_t left, int32_t right, uint32_t rank, int32_t id) {
  mgp_merge *slot = find_slot(m, pair_of(left, right));
  if (slot->pair == UINT64_MAX) *slot = (mgp_merge){pair_of(left, right), rank, id};
}

void mgp_merges_fini(mgp_merges *m) {
  mgp_free(m->alloc, m->slots);
  m->slots = NULL;
}

static bool earlier(const join *a, const join *b) {
  return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static bool heap_push(mgp_merger *w, join item) {
  if (!MGP_GROW(w->alloc, w->heap, w->heap_capacity, w->heap_count + 1)) return false;
  size_t i = w->heap_count++;
  for (; i > 0 && earlier(&item, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
    w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = item;
  return true;
}

static join heap_pop(mgp_merger *w) {
  const join top = w->heap[0], last = w->heap[--w->heap_count];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < w->heap_count; i = child) {
    if (child + 1 < w->heap_count && earlier(&w->heap[child + 1], &w->heap[child])) child++;
    if (!earlier(&w->heap[child], &last)) break;
    w->heap[i] = w->heap[child];
  }
  w->heap[i] = last;
  return top;
}

/* Notes that the symbol could join the next one. */
static bool propose(mgp_merger *w, const mgp_merges *m, uint32_t left) {
  const symbol *s = &w->symbols[left];
  if (s->next == NOBODY) return true;
  const mgp_merge *found = find_slot(m, pair_of(s->id, w->symbols[s->next].id));
  if (found->pair == UINT64_MAX) return true;
  return heap_push(w, (join){found->rank, left, found->id});
}

static bool apply(mgp_merger *w, const mgp_merges *m, const join *j) {
  symbol *left = &w->symbols[j->left];
  if (left->id < 0 || left->next == NOBODY) return true;
  symbol *right = &w->symbols[left->next];
  const mgp_merge *found = find_slot(m, pair_of(left->id, right->id));
  if (found->pair == UINT64_MAX || found->id != j->id) return true;
  left->id = j->id;
  left->next = right->next;
  right->id = -1;
  if (left->next != NOBODY) w->symbols[left->next].previous = j->left;
  if (left->previous != NOBODY && !propose(w, m, left->previous)) return false;
  return propose(w, m, j->left);
}

bool mgp_merger_run(mgp_merger *w, const mgp_merges *m, int32_t *ids, size_t *count) {
  const uint32_t n = (uint32_t)*count;
  if (n < 2) return true;
  if (!MGP_GROW(w->alloc, w->symbols, w->symbol_capacity, n)) return false;
  w->heap_count = 0;
  for (uint32_t i = 0; i < n; i++)
    w->symbols[i] = (symbol){ids[i], i == 0 ? NOBODY : i - 1, i + 1 == n ? NOBODY : i + 1};
  for (uint32_t i = 0; i + 1 < n; i++)
    if (!propose(w, m, i)) return false;
  while (w->heap_count > 0) {
    const join next = heap_pop(w);
    if (!apply(w, m, &next)) return false;
  }
  *count = 0;
  for (uint32_t i = 0; i != NOBODY; i = w->symbols[i].next) ids[(*count)++] = w->symbols[i].id;
  return true;
}

void mgp_merger_fini(mgp_merger *w) {
  mgp_free(w->alloc, w->symbols);
  mgp_free(w->alloc, w->heap);
}
