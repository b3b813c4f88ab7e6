/* SPDX-License-Identifier: Apache-2.0
 *
 * The k best of a stream: a binary heap with the worst on top.
 */
#include <math.h>
#include <stdlib.h>

#include "base/base.h"

/* Is a worse than b? A lower score, or the same score and a higher id. */
static bool is_worse(mgp_scored a, mgp_scored b) {
  return a.score < b.score || (a.score == b.score && a.id > b.id);
}

void mgp_topk_init(mgp_topk *t, mgp_scored *storage, size_t k) {
  *t = (mgp_topk){.heap = storage, .k = k};
}

float mgp_topk_floor(const mgp_topk *t) {
  if (t->k == 0) return INFINITY; /* nothing enters, and there is no heap to look into */
  return t->count < t->k ? -INFINITY : t->heap[0].score;
}

static void sift_up(mgp_scored *heap, size_t at) {
  while (at > 0) {
    const size_t parent = (at - 1) / 2;
    if (!is_worse(heap[at], heap[parent])) return;
    const mgp_scored swap = heap[at];
    heap[at] = heap[parent];
    heap[parent] = swap;
    at = parent;
  }
}

static void sift_down(mgp_scored *heap, size_t count, size_t at) {
  for (;;) {
    size_t worst = 2 * at + 1;
    if (worst >= count) return;
    if (worst + 1 < count && is_worse(heap[worst + 1], heap[worst])) worst++;
    if (!is_worse(heap[worst], heap[at])) return;
    const mgp_scored swap = heap[at];
    heap[at] = heap[worst];
    heap[worst] = swap;
    at = worst;
  }
}

void mgp_topk_push(mgp_topk *t, float score, uint64_t id) {
  if (isnan(score) || t->k == 0) return;
  const mgp_scored fresh = {.score = score, .id = id};
  if (t->count < t->k) {
    t->heap[t->count++] = fresh;
    sift_up(t->heap, t->count - 1);
  } else if (is_worse(t->heap[0], fresh)) {
    t->heap[0] = fresh;
    sift_down(t->heap, t->count, 0);
  }
}

int mgp_scored_compare(const void *a, const void *b) {
  const mgp_scored x = *(const mgp_scored *)a, y = *(const mgp_scored *)b;
  /* NaN last, by id: a sort needs a total order */
  if (isnan(x.score) || isnan(y.score)) {
    const int nan_order = (isnan(x.score) != 0) - (isnan(y.score) != 0);
    return nan_order ? nan_order : (x.id > y.id) - (x.id < y.id);
  }
  return is_worse(x, y) - is_worse(y, x);
}

void mgp_topk_sort(mgp_topk *t) {
  if (t->count > 1) qsort(t->heap, t->count, sizeof *t->heap, mgp_scored_compare);
}
