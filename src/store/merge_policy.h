/* SPDX-License-Identifier: Apache-2.0
 *
 * Which segments of one space to merge next: a pure function over (bytes, live, total) rows, with
 * every constant in one table. After Lucene's TieredMergePolicy (index/TieredMergePolicy.java).
 */
#ifndef MGP_STORE_MERGE_POLICY_H
#define MGP_STORE_MERGE_POLICY_H

#include "base/base.h"

typedef struct mgp_merge_policy {
  uint64_t floor_bytes;   /* smaller segments count as this large: they are merged eagerly */
  uint64_t max_bytes;     /* no merge gives a segment of more live bytes than this */
  unsigned per_tier;      /* segments that may stand in a tier before a merge is due */
  unsigned fan_in;        /* segments that go into one merge, and the ratio of two tiers */
  double deletes_allowed; /* share of dead rows, of all and of a segment, that is left alone */
  double growth_min;      /* a merge is at least so many times its largest input: no O(n^2) */
} mgp_merge_policy;
extern const mgp_merge_policy mgp_merge_policy_default;

typedef struct mgp_merge_row {
  uint64_t bytes, live, total; /* file size; rows with a living item; rows */
} mgp_merge_row;

/* The best merge, as indexes of `rows` in picked[0 .. result), largest first; 0: none is due.
 * `picked` has room for `count`. Equal rows give equal picks. */
size_t mgp_merge_pick(const mgp_merge_policy *policy, const mgp_merge_row *rows, size_t count,
                      size_t *picked);

#endif
