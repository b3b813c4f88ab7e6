/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rows of each segment live, remembered from one look to the next. Every ingest asks at
 * its end, for the merge policy, and counting reads each segment's ids: without this a commit of
 * one item would cost as much as the index is large.
 *
 * What was counted at a generation holds for the next one too if the commit between was ours and
 * let no item die.
 */
#include "store/live_items.h"
#include "store/merge_store.h"

struct mgp_counted {
  mgp_segment_info info;
  uint64_t checksum;
};

static const struct mgp_counted *find(const mgp_store *s, int64_t number) {
  size_t low = 0, high = s->counted_count; /* by number, as the list of segments is */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (s->counted[middle].info.number < number) low = middle + 1;
    else high = middle;
  }
  return low < s->counted_count && s->counted[low].info.number == number ? &s->counted[low] : NULL;
}

bool mgp_counts_find(mgp_store *s, uint64_t generation, uint64_t checksum, mgp_segment_info *info) {
  pthread_mutex_lock(&s->pool_lock);
  const struct mgp_counted *c = s->counted_at == generation ? find(s, info->number) : NULL;
  const bool is_known = c && c->checksum == checksum && c->info.count == info->count;
  if (is_known) *info = c->info;
  pthread_mutex_unlock(&s->pool_lock);
  return is_known;
}

/* For want of memory they are counted again. */
void mgp_counts_keep(mgp_store *s, uint64_t generation, const mgp_segment_info *infos,
                     const uint64_t *checksums, size_t count) {
  struct mgp_counted *kept = mgp_calloc(s->alloc, count + 1, sizeof *kept);
  for (size_t i = 0; kept && i < count; i++)
    kept[i] = (struct mgp_counted){.info = infos[i], .checksum = checksums[i]};
  pthread_mutex_lock(&s->pool_lock);
  struct mgp_counted *old = s->counted;
  s->counted = kept;
  s->counted_count = kept ? count : 0;
  s->counted_at = generation;
  pthread_mutex_unlock(&s->pool_lock);
  mgp_free(s->alloc, old);
}

void mgp_counts_committed(mgp_store *s) {
  pthread_mutex_lock(&s->pool_lock);
  if (!s->has_deaths && s->counted_at + 1 == s->head.generation) s->counted_at++;
  pthread_mutex_unlock(&s->pool_lock);
}

void mgp_counts_free(mgp_store *s) {
  mgp_free(s->alloc, s->counted);
}
