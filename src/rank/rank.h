/* SPDX-License-Identifier: Apache-2.0
 *
 * rank: what happens to ranked lists after recall. No index, no store.
 */
#ifndef MGP_RANK_H
#define MGP_RANK_H

#include "base/base.h"

/* One ranked list, best first, of one space for one part. */
typedef struct mgp_ranked_list {
  const mgp_scored *hits;
  size_t count;
  double weight; /* part weight x space weight; negative lowers */
  int medium;    /* the medium this list ranks at home (see medium_of) */
  /* How much of the list to believe beside other media, above 0 to 1; 0 stands for 1. Unlike the
   * weight it is not divided out again. */
  double confidence;
  const float *beliefs; /* the same for each hit, above 0 to 1; NULL: all 1 */
} mgp_ranked_list;

/* Reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009): score = sum w / (k + rank), k =
 * 60, divided, for each item, by the summed |w| of the lists whose home is the item's medium, so
 * that the best picture (in one list) and the best passage (in two) start level; within one medium
 * this is plain weighted RRF. medium_of may be NULL: then nothing is divided. Gives at most
 * `capacity` fused items, best first, ties by id. */
magpie_status mgp_fuse_rrf(mgp_alloc *a, const mgp_ranked_list *lists, size_t count, double k,
                           int (*medium_of)(void *context, uint64_t id), void *context,
                           mgp_scored *out, size_t capacity, size_t *out_count, magpie_error *err);

#endif
