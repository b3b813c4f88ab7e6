/* SPDX-License-Identifier: Apache-2.0
 *
 * Which items live, and of what kind: the table `live`, a row for each 4,096 numbers, so that a
 * generation is opened without reading a row for each item. Kept beside the rows of `item` in the
 * same transaction; `check` compares the two.
 */
#ifndef MGP_STORE_LIVE_ITEMS_H
#define MGP_STORE_LIVE_ITEMS_H

#include "store/catalog.h"

#define LIVE_BLOCK 4096 /* numbers a row */
#define LIVE_SLOTS 64   /* blocks that a transaction holds at once */

typedef struct mgp_live_block {
  int64_t block;
  bool is_changed;
  unsigned char kinds[LIVE_BLOCK]; /* 0: dead */
} mgp_live_block;

/* Notes in the transaction that an item lives (its kind, 1 .. KINDS_MAX) or is dead (0). */
magpie_status mgp_live_set(mgp_store *s, int64_t number, int kind, magpie_error *err);
/* Writes what was noted; the last step before COMMIT. */
magpie_status mgp_live_write(mgp_store *s, magpie_error *err);
/* Forgets what was noted, at the end of a transaction. */
void mgp_live_clear(mgp_store *s);
/* Writes the table anew from the rows of `item`, in a transaction. */
magpie_status mgp_live_rebuild(mgp_store *s, magpie_error *err);

/* ---- rows that live, by segment (live_counts.c) -------------------------------------------------
 */

struct mgp_segment_info;
/* Fills what was counted of this segment at this generation; false: nothing. */
bool mgp_counts_find(mgp_store *s, uint64_t generation, uint64_t checksum,
                     struct mgp_segment_info *info);
/* Remembers what was counted, of all segments, by number. */
void mgp_counts_keep(mgp_store *s, uint64_t generation, const struct mgp_segment_info *infos,
                     const uint64_t *checksums, size_t count);
/* After a commit of this handle, which head.generation counts already. */
void mgp_counts_committed(mgp_store *s);
void mgp_counts_free(mgp_store *s);

/* ---- reading ------------------------------------------------------------------------------------
 */

/* Calls fn for runs of living items of one kind, ascending, of the numbers in [first, end), in the
 * read transaction of `c`. CORRUPT for a row that is not what mgp_live_write writes. Reads a
 * catalog of format 1 too, item by item. */
typedef magpie_status (*mgp_live_fn)(void *context, int64_t number, int64_t count, int kind,
                                     magpie_error *err);
magpie_status mgp_live_read(const mgp_store *s, mgp_connection *c, int64_t first, int64_t end,
                            mgp_live_fn fn, void *context, magpie_error *err);

#endif
