/* SPDX-License-Identifier: Apache-2.0
 *
 * Several sets of vectors or postings become one, without their dead items: read in place, written
 * out in pieces, so that size is no limit. The bytes are those that building the living items from
 * nothing would give.
 */
#ifndef MGP_INDEX_MERGE_H
#define MGP_INDEX_MERGE_H

#include "index/index.h"

typedef enum mgp_merge_part {
  MGP_MERGE_IDS,
  MGP_MERGE_VECTORS,
  MGP_MERGE_LENGTHS,
  MGP_MERGE_DICTIONARY,
  MGP_MERGE_POSTINGS
} mgp_merge_part;

/* Where the sections go. Any of these may end the merge by not giving OK, as a cancel does. */
typedef struct mgp_merge_sink {
  void *context;
  magpie_status (*section)(void *context, mgp_merge_part part, magpie_error *err);
  magpie_status (*write)(void *context, const void *bytes, size_t size, magpie_error *err);
  /* Bytes kept for later, outside of memory; `back` adds them all to the section that is open. */
  magpie_status (*aside)(void *context, const void *bytes, size_t size, magpie_error *err);
  magpie_status (*back)(void *context, magpie_error *err);
  /* Where tables go that are too large for the budget; NULL: they stay in memory. */
  const char *spill_folder;
} mgp_merge_sink;

/* ---- rows in order of their ids (merge_rows.c) ------------------------------------------------
 */

typedef struct mgp_merge_rows mgp_merge_rows;
typedef struct mgp_id_list {
  const uint64_t *ids; /* ascending */
  size_t count;
} mgp_id_list;
/* Walks the living rows of all lists by id; holds 24 bytes a list. CORRUPT where ids of a list do
 * not ascend or an id comes twice. `live` NULL: all. */
magpie_status mgp_merge_rows_create(mgp_alloc *a, const mgp_id_list *lists, size_t count,
                                    const mgp_filter *live, mgp_merge_rows **out,
                                    magpie_error *err);
/* False in *more at the end. */
magpie_status mgp_merge_rows_next(mgp_merge_rows *m, bool *more, size_t *list, size_t *row,
                                  magpie_error *err);
void mgp_merge_rows_destroy(mgp_merge_rows *m);

/* ---- merging ----------------------------------------------------------------------------------
 */

/* Sections: ids, vectors. Memory: 24 bytes a view. *count: rows written; nothing is written, not
 * even a section, when none lives. (merge_dense.c) */
magpie_status mgp_dense_merge(mgp_alloc *a, const mgp_dense_view *views, size_t view_count,
                              const mgp_filter *live, const mgp_merge_sink *sink, uint64_t *count,
                              magpie_error *err);

/* Sections: ids, lengths, postings, dictionary, in this order. Memory, all of it taken from `a`:
 *   4 bytes an item of the inputs (where it goes)
 * + 12 bytes a living item (its length, and a posting of one word); each of these three tables lies
 *   in a file instead, as soon as it is larger than an eighth of the budget
 * + the packed postings of the most common word, and 1 byte a distinct word (the index of the
 *   dictionary); both grow by doubling
 * + 200 bytes a view, and its longest word.
 * 1,000,000 items of 1,000,000 words: about 20 MB. (merge_lexical.c) */
magpie_status mgp_lexical_merge(mgp_alloc *a, mgp_lexical_view *const *views, size_t view_count,
                                const mgp_filter *live, const mgp_merge_sink *sink, uint64_t *count,
                                magpie_error *err);

#endif
