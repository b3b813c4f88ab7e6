/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiered policy of Lucene
 * (lucene/core/src/java/org/apache/lucene/index/TieredMergePolicy.java): segments of about one size
 * go together, `fan_in` at a time, and the share of dead rows pulls a merge forward. Why these
 * numbers, and what they cost: docs/decisions/0010-merges.md.
 */
#include "store/merge_policy.h"

#include <math.h>

const mgp_merge_policy mgp_merge_policy_default = {.floor_bytes = 2u << 20,
                                                   .max_bytes = UINT64_C(5) << 30,
                                                   .per_tier = 10,
                                                   .fan_in = 12,
                                                   .deletes_allowed = 0.20,
                                                   .growth_min = 1.5};

/* Bytes that would be left after a merge. */
static double live_bytes(const mgp_merge_row *row) {
  return row->total ? (double)row->bytes * (double)row->live / (double)row->total : 0;
}

static double dead_share(const mgp_merge_row *row) {
  return row->total ? (double)(row->total - row->live) / (double)row->total : 1;
}

static double floored(const mgp_merge_policy *p, double bytes) {
  return bytes > (double)p->floor_bytes ? bytes : (double)p->floor_bytes;
}

/* Is a less than b in the order: more live bytes first, then the lower index. */
static bool goes_after(const mgp_merge_row *rows, size_t a, size_t b) {
  const double x = live_bytes(&rows[a]), y = live_bytes(&rows[b]);
  return x != y ? x < y : a > b;
}

static void sift_down(const mgp_merge_row *rows, size_t *order, size_t at, size_t count) {
  for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
    if (child + 1 < count && goes_after(rows, order[child + 1], order[child])) child++;
    if (!goes_after(rows, order[child], order[at])) return;
    const size_t moved = order[at];
    order[at] = order[child];
    order[child] = moved;
  }
}

/* Heap sort, largest first: no memory, no recursion. */
static void sort_rows(const mgp_merge_row *rows, size_t *order, size_t count) {
  for (size_t i = count / 2; i-- > 0;) sift_down(rows, order, i, count);
  for (size_t end = count; end > 1; end--) {
    const size_t last = order[0];
    order[0] = order[end - 1];
    order[end - 1] = last;
    sift_down(rows, order, 0, end - 1);
  }
}

/* Segments that may take part, largest first, in `order`. Those beyond half of the largest size are
 * settled, unless too much of everything and of them is dead. */
static size_t collect_rows(const mgp_merge_policy *p, const mgp_merge_row *rows, size_t count,
                           bool too_many_dead, size_t *order) {
  size_t taken = 0;
  for (size_t i = 0; i < count; i++) {
    const bool is_settled = live_bytes(&rows[i]) > (double)p->max_bytes / 2;
    if (!is_settled || (too_many_dead && dead_share(&rows[i]) > p->deletes_allowed))
      order[taken++] = i;
  }
  sort_rows(rows, order, taken);
  return taken;
}

/* How many segments the tiers hold when nothing needs to be done. */
static double allowed_count(const mgp_merge_policy *p, const mgp_merge_row *rows,
                            const size_t *order, size_t count) {
  double left = 0, allowed = 0;
  for (size_t i = 0; i < count; i++) left += live_bytes(&rows[order[i]]);
  double level = floored(p, live_bytes(&rows[order[count - 1]]));
  for (;;) {
    const double segments = left / level;
    if (segments < p->per_tier || level >= (double)p->max_bytes) {
      allowed += ceil(segments);
      break;
    }
    allowed += p->per_tier;
    left -= p->per_tier * level;
    level = fmin((double)p->max_bytes, level * p->fan_in);
  }
  return fmax(allowed, p->per_tier);
}

typedef struct candidate {
  size_t count;
  double score;
} candidate;

/* Packs from order[start] on what fits; with `picked`, writes it down. */
static candidate pack(const mgp_merge_policy *p, const mgp_merge_row *rows, const size_t *order,
                      size_t count, size_t start, size_t *picked) {
  candidate c = {.score = INFINITY};
  double sum = 0, floored_sum = 0, before = 0;
  bool is_full = false;
  const mgp_merge_row *largest = &rows[order[start]];
  for (size_t i = start; i < count && c.count < p->fan_in; i++) {
    const mgp_merge_row *row = &rows[order[i]];
    const double bytes = live_bytes(row);
    if (c.count > 0 && sum + bytes > (double)p->max_bytes) {
      is_full = true; /* a smaller one may still fit */
      continue;
    }
    sum += bytes;
    floored_sum += floored(p, bytes);
    before += (double)row->bytes;
    if (picked) picked[c.count] = order[i]; /* never beyond what was read */
    c.count++;
  }
  const bool is_heavy = dead_share(largest) > p->deletes_allowed;
  if (!is_full && sum < p->growth_min * live_bytes(largest) && !is_heavy) return c;
  if (c.count == 1 && !is_heavy) return c;
  const double skew = is_full ? 1.0 / p->fan_in : floored(p, live_bytes(largest)) / floored_sum;
  const double kept = before > 0 ? sum / before : 0;
  c.score = skew * pow(fmax(sum, 1), 0.05) * kept * kept;
  return c;
}

size_t mgp_merge_pick(const mgp_merge_policy *p, const mgp_merge_row *rows, size_t count,
                      size_t *picked) {
  uint64_t live = 0, total = 0;
  for (size_t i = 0; i < count; i++) {
    live += rows[i].live;
    total += rows[i].total;
  }
  const bool too_many_dead =
      total > 0 && (double)(total - live) > p->deletes_allowed * (double)total;
  const size_t taken = collect_rows(p, rows, count, too_many_dead, picked);
  if (taken == 0) return 0;
  if (!too_many_dead && (double)taken <= allowed_count(p, rows, picked, taken)) return 0;
  size_t best_start = 0;
  candidate best = {.score = INFINITY};
  for (size_t start = 0; start < taken; start++) {
    const candidate c = pack(p, rows, picked, taken, start, NULL);
    if (c.score < best.score) {
      best = c;
      best_start = start;
    }
  }
  return best.count ? pack(p, rows, picked, taken, best_start, picked).count : 0;
}
