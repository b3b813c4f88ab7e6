/* SPDX-License-Identifier: Apache-2.0
 *
 * Many items that are nothing but an id and a vector, in one transaction: one source for all of
 * them instead of one each, and rows without text, title and place. What a row costs is then the
 * row itself and its two index entries; docs/format/catalog.md.
 */
#ifndef MGP_STORE_ITEM_BATCH_H
#define MGP_STORE_ITEM_BATCH_H

#include "store/store.h"

typedef struct mgp_item_batch mgp_item_batch;

/* Of a source that many items share, whose ids are names of their own: they are not parts of one
 * record. Its record name is "@batch-N". */
static inline bool mgp_source_is_batch(const mgp_source *source) {
  return source->record && !source->path && source->record[0] == '@';
}

/* Begins a transaction with a batch of `count` items in it, numbered from *first on. Needs the
 * lock. `kind` is that of all items, `title` of the source: shown, or NULL. */
magpie_status mgp_item_batch_begin(mgp_store *s, const char *kind, const char *title,
                                   uint64_t count, mgp_item_batch **out, uint64_t *first,
                                   magpie_error *err);
/* The item of one number. An item of a batch that has the id already goes; that of a record or file
 * is INVALID. A number for which this is not called has no item. */
magpie_status mgp_item_batch_add(mgp_item_batch *b, uint64_t number, const char *id, size_t size,
                                 magpie_error *err);
/* Items of before that went for those that came, and of the batch itself: ids it has twice. */
uint64_t mgp_item_batch_replaced(const mgp_item_batch *b);
uint64_t mgp_item_batch_repeated(const mgp_item_batch *b);
/* Ends the transaction: on failure nothing of it is seen. */
magpie_status mgp_item_batch_commit(mgp_item_batch *b, uint64_t *generation, magpie_error *err);
/* Rolls back what was not committed. NULL is fine. */
void mgp_item_batch_end(mgp_item_batch *b);

#endif
