/* SPDX-License-Identifier: Apache-2.0
 *
 * Weighted reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009): sum of w / (k + rank).
 * Media differ in how many lists can rank them at all, so an item's sum is divided by what it could
 * have won at home. An item of a medium that has no list here competes as a guest and is divided by
 * the homes of the lists that rank it.
 */
#include <math.h>
#include <stdlib.h>

#include "rank/rank.h"

typedef struct mention {
  uint64_t id;
  size_t list, rank; /* 1-based */
} mention;

typedef struct fusion {
  const mgp_ranked_list *lists;
  size_t list_count;
  double k;
} fusion;

/* By item, then list, then rank. */
static int compare_mentions(const void *a, const void *b) {
  const mention *left = a, *right = b;
  if (left->id != right->id) return left->id < right->id ? -1 : 1;
  if (left->list != right->list) return left->list < right->list ? -1 : 1;
  return (left->rank > right->rank) - (left->rank < right->rank);
}

/* rank: 1-based. */
static double believed_weight(const mgp_ranked_list *list, size_t rank) {
  const double belief = list->beliefs ? (double)list->beliefs[rank - 1] : 1;
  return list->weight * (list->confidence > 0 ? list->confidence : 1) * belief;
}

static double home_weight(const fusion *f, int medium) {
  double sum = 0;
  for (size_t i = 0; i < f->list_count; i++)
    if (f->lists[i].medium == medium) sum += fabs(f->lists[i].weight);
  return sum;
}

/* Each medium once, by its first list that ranks the item. */
static double guest_weight(const fusion *f, const mention *mentions, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const int medium = f->lists[mentions[i].list].medium;
    bool seen = false;
    for (size_t j = 0; j < i && !seen; j++) seen = f->lists[mentions[j].list].medium == medium;
    if (!seen) sum += home_weight(f, medium);
  }
  return sum;
}

/* The mentions of one item, at most one a list. */
static float fused_score(const fusion *f, const mention *mentions, size_t count,
                         const int *medium) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += believed_weight(&f->lists[mentions[i].list], mentions[i].rank) /
           (f->k + (double)mentions[i].rank);
  if (!medium) return (float)sum;
  double level = home_weight(f, *medium);
  if (!(level > 0)) level = guest_weight(f, mentions, count);
  return (float)(level > 0 ? sum / level : sum);
}

static magpie_status check_lists(const mgp_ranked_list *lists, size_t count, size_t *total,
                                 magpie_error *err) {
  *total = 0;
  for (size_t i = 0; i < count; i++) {
    MGP_RETURN_IF(!isfinite(lists[i].weight), err, MAGPIE_INVALID,
                  "the weight of ranked list %zu is not a finite number", i);
    MGP_RETURN_IF(!(lists[i].confidence >= 0 && lists[i].confidence <= 1), err, MAGPIE_INVALID,
                  "the confidence of ranked list %zu is not 0 to 1", i);
    MGP_RETURN_IF(!lists[i].hits && lists[i].count > 0, err, MAGPIE_INVALID,
                  "ranked list %zu has %zu hits but no data", i, lists[i].count);
    MGP_RETURN_IF(lists[i].count > SIZE_MAX / sizeof(mention) - *total, err, MAGPIE_INVALID,
                  "the ranked lists hold too many hits");
    *total += lists[i].count;
  }
  return MAGPIE_OK;
}

/* All mentions, by item; a second one in the same list is dropped. Yields how many are left. */
static size_t gather_mentions(const mgp_ranked_list *lists, size_t count, mention *out) {
  size_t total = 0, kept = 0;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < lists[i].count; j++)
      out[total++] = (mention){.id = lists[i].hits[j].id, .list = i, .rank = j + 1};
  qsort(out, total, sizeof *out, compare_mentions);
  for (size_t i = 0; i < total; i++)
    if (kept == 0 || out[kept - 1].id != out[i].id || out[kept - 1].list != out[i].list)
      out[kept++] = out[i];
  return kept;
}

magpie_status mgp_fuse_rrf(mgp_alloc *a, const mgp_ranked_list *lists, size_t count, double k,
                           int (*medium_of)(void *context, uint64_t id), void *context,
                           mgp_scored *out, size_t capacity, size_t *out_count, magpie_error *err) {
  MGP_RETURN_IF((!lists && count > 0) || (!out && capacity > 0) || !out_count, err, MAGPIE_INVALID,
                "fusion: lists, out or out_count is NULL");
  MGP_RETURN_IF(!(k >= 0) || isinf(k), err, MAGPIE_INVALID, "fusion: k = %g, wanted 0 or more", k);
  size_t total = 0;
  MGP_FORWARD(check_lists(lists, count, &total, err));
  *out_count = 0;
  if (total == 0 || capacity == 0) return MAGPIE_OK;
  mention *mentions = mgp_malloc(a, total * sizeof *mentions);
  MGP_RETURN_IF(!mentions, err, MAGPIE_NO_MEMORY, "no memory to fuse %zu hits", total);
  total = gather_mentions(lists, count, mentions);
  const fusion f = {.lists = lists, .list_count = count, .k = k};
  mgp_topk top;
  mgp_topk_init(&top, out, capacity);
  for (size_t i = 0, next = 0; i < total; i = next) {
    for (next = i + 1; next < total && mentions[next].id == mentions[i].id;) next++;
    int medium = 0;
    if (medium_of) medium = medium_of(context, mentions[i].id);
    mgp_topk_push(&top, fused_score(&f, mentions + i, next - i, medium_of ? &medium : NULL),
                  mentions[i].id);
  }
  mgp_topk_sort(&top);
  mgp_free(a, mentions);
  *out_count = top.count;
  return MAGPIE_OK;
}
