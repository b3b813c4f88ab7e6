/* SPDX-License-Identifier: Apache-2.0
 *
 * Selection without a heap: a threshold and a buffer that is cut to the k best when it is full.
 * A cut is a quickselect, so k candidates more cost O(k) on average.
 */
#include <math.h>

#include "index/scan.h"

#define GROUP ((size_t)16) /* scores that one comparison of vectors rejects */

size_t mgp_select_capacity(size_t k) {
  return 2 * k + 256;
}

void mgp_select_init(mgp_select *s, mgp_scored *storage, size_t k) {
  *s = (mgp_select){
      .items = storage, .k = k, .capacity = mgp_select_capacity(k), .floor = -INFINITY};
}

static bool is_better(const mgp_scored *a, const mgp_scored *b) {
  return a->score > b->score || (a->score == b->score && a->id < b->id);
}

static void swap(mgp_scored *a, mgp_scored *b) {
  const mgp_scored kept = *a;
  *a = *b;
  *b = kept;
}

/* Hoare's partition around the median of three: all before the returned place are not worse than
 * all from it on, and neither side is empty. */
static size_t partition(mgp_scored *items, size_t count) {
  mgp_scored *a = &items[0], *b = &items[count / 2], *c = &items[count - 1];
  if (is_better(b, a)) swap(a, b);
  if (is_better(c, b)) swap(b, c);
  if (is_better(b, a)) swap(a, b);
  const mgp_scored pivot = *b;
  size_t i = 0, j = count - 1;
  for (;;) {
    while (is_better(&items[i], &pivot)) i++;
    while (is_better(&pivot, &items[j])) j--;
    if (i >= j) return j + 1;
    swap(&items[i++], &items[j--]);
  }
}

void mgp_select_cut(mgp_select *s) {
  if (s->count <= s->k) return;
  size_t low = 0, high = s->count; /* the k-th place lies in between */
  while (high - low > 1 && s->k > low && s->k < high) {
    const size_t middle = low + partition(s->items + low, high - low);
    if (middle >= high) break; /* all equal */
    if (s->k < middle) high = middle;
    else low = middle;
  }
  s->count = s->k;
  if (s->k == 0) return;
  const mgp_scored *worst = &s->items[0];
  for (size_t i = 1; i < s->k; i++)
    if (is_better(worst, &s->items[i])) worst = &s->items[i];
  s->floor = worst->score;
}

/* A score at the floor may still enter by its lower id; NaN fails the comparison. */
static void offer_few(mgp_select *s, const float *scores, const uint64_t *ids, uint64_t first,
                      size_t count, const mgp_filter *filter) {
  for (size_t i = 0; i < count; i++) {
    if (!(scores[i] >= s->floor)) continue;
    const uint64_t id = ids ? ids[i] : first + i;
    if (filter && !filter->allow(filter->context, id)) continue;
    s->items[s->count++] = (mgp_scored){.score = scores[i], .id = id};
    if (s->count == s->capacity) mgp_select_cut(s);
  }
}

static bool any_reaches(const float *scores, float floor) {
  int any = 0;
  for (size_t i = 0; i < GROUP; i++) any |= scores[i] >= floor;
  return any != 0;
}

void mgp_select_offer(mgp_select *s, const float *scores, const uint64_t *ids, uint64_t first,
                      size_t count, const mgp_filter *filter) {
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP)
    if (any_reaches(scores + i, s->floor))
      offer_few(s, scores + i, ids ? ids + i : NULL, first + i, GROUP, filter);
  offer_few(s, scores + i, ids ? ids + i : NULL, first + i, count - i, filter);
}
