/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a repair, shared by repair_index.c (the transaction), repair_texts.c (words and
 * text vectors out of the catalog) and repair_sources.c (files read again).
 */
#ifndef MGP_ENGINE_REPAIR_H
#define MGP_ENGINE_REPAIR_H

#include "engine/check.h"
#include "engine/engine.h"

typedef struct mgp_repair {
  magpie *ix;
  const magpie_add_options *options;
  mgp_check check;
  mgp_arena *arena;  /* of one item at a time */
  mgp_encoder *text; /* NULL unless text vectors have to be made */
  size_t text_space; /* of the account; SIZE_MAX: none */
  json_t *lost;
  uint64_t problems, segments, rows, files, generation;
} mgp_repair;

magpie_status mgp_repair_lose(mgp_repair *r, const mgp_item *item, const mgp_source *source,
                              const char *what, magpie_error *err);
/* The items that lost their rows of one space, ascending; mgp_free. */
magpie_status mgp_repair_items(mgp_repair *r, size_t space, uint64_t **out, size_t *count,
                               magpie_error *err);
/* Files of pictures, sounds and thumbnails, as `magpie index` would read them: commits of its own.
 * (repair_sources.c) */
magpie_status mgp_repair_sources(mgp_repair *r, magpie_error *err);
/* Inside the transaction. (repair_texts.c) */
magpie_status mgp_repair_text_vectors(mgp_repair *r, magpie_error *err);
magpie_status mgp_repair_words(mgp_repair *r, magpie_error *err);

#endif
