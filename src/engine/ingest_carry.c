/* SPDX-License-Identifier: Apache-2.0
 *
 * A renamed file: its items are written anew under their old ids, with the new name as title and
 * among the words, and with the vectors and thumbnails that they had. Segments are never changed,
 * so the items get new numbers; nothing is decoded or encoded again.
 */
#include "engine/ingest_batch.h"

/* Larger sources are read again instead: their items would not fit into one batch. */
#define CARRY_MAX 20000

typedef struct carrying {
  mgp_ingest *in;
  mgp_ingest_source *source;
  mgp_index_view *view;
  mgp_space *rows; /* spaces of the index */
  size_t row_count;
  uint64_t *items; /* numbers of the source's items */
  size_t item_count;
  char *old_name, *new_name; /* as titles show them */
} carrying;

/* ---- one item ------------------------------------------------------------------------------- */

static magpie_status carry_vectors(carrying *c, uint64_t number, mgp_queued_item *q,
                                   magpie_error *err) {
  mgp_ingest *in = c->in;
  for (size_t i = 0; i < c->row_count && q->vector_count < QUEUED_VECTORS; i++) {
    const mgp_space *row = &c->rows[i];
    const mgp_space_view *space = NULL;
    MGP_FORWARD(mgp_engine_view_space(in->ix, c->view, row->name, &space, err));
    if (!space || space->is_lexical) continue;
    const float *vector = mgp_dense_find(space->dense, space->count, number);
    if (!vector) continue;
    const size_t at =
        mgp_ingest_space_index(in, row->name, row->pack, row->pack_hash, row->metric, row->dim);
    float *copy = at == SIZE_MAX ? NULL : mgp_malloc(in->ix->alloc, row->dim * sizeof *copy);
    MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a vector");
    memcpy(copy, vector, row->dim * sizeof *copy);
    q->vectors[q->vector_count++] = (mgp_queued_vector){.space = at, .values = copy};
    in->queued_bytes += row->dim * sizeof *copy;
  }
  return MAGPIE_OK;
}

static void carry_thumb(carrying *c, const char *id, mgp_item *row) {
  void *bytes = NULL;
  size_t size = 0;
  if (row->thumb_size == 0 ||
      mgp_store_thumb_read(c->in->ix->store, id, &bytes, &size, NULL) != MAGPIE_OK) {
    row->thumb_size = 0; /* a lost thumbnail is no reason to lose the item */
    return;
  }
  void *copy = mgp_arena_alloc(c->in->arena, size);
  if (copy) memcpy(copy, bytes, size);
  row->thumb = copy;
  row->thumb_size = copy ? size : 0;
  mgp_free(c->in->ix->alloc, bytes);
}

static const char *or_empty(const char *text) {
  return text ? text : "";
}

/* Under the ingest's mutex; its arena holds what the item's row points to. */
static magpie_status carry_item(carrying *c, size_t ordinal, uint64_t number, magpie_error *err) {
  mgp_ingest *in = c->in;
  mgp_queued_item *q = mgp_arena_calloc(in->arena, 1, sizeof *q);
  MGP_RETURN_IF(!q || !MGP_GROW(in->ix->alloc, in->items, in->item_capacity, in->item_count + 1),
                err, MAGPIE_NO_MEMORY, "no memory for the items of %s", c->source->ledger_name);
  MGP_FORWARD(mgp_store_item_get(in->ix->store, number, in->arena, &q->row, NULL, err));
  q->source = c->source;
  q->ordinal = ordinal;
  carry_thumb(c, q->row.id, &q->row);
  const bool is_name = mgp_text_equal(q->row.title, c->old_name);
  if (is_name) q->row.title = mgp_arena_strdup(in->arena, c->new_name);
  const char *name =
      is_name ? mgp_ingest_name_words(in->arena, c->source->path) : or_empty(q->row.title);
  q->words = mgp_arena_printf(in->arena, "%s\n%s\n%s", or_empty(name), or_empty(q->row.context),
                              or_empty(q->row.text));
  MGP_RETURN_IF(!q->words || !q->row.title, err, MAGPIE_NO_MEMORY, "no memory for the items of %s",
                c->source->ledger_name);
  in->items[in->item_count++] = q; /* from here on a failure frees its vectors with the batch */
  in->queued_bytes += sizeof *q + q->row.thumb_size + 3 * strlen(q->words);
  return carry_vectors(c, number, q, err);
}

/* All or none: another thread may flush the queue as soon as the mutex is free. */
static magpie_status carry_all(carrying *c, magpie_error *err) {
  mgp_ingest *in = c->in;
  const size_t before = in->item_count;
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; status == MAGPIE_OK && i < c->item_count; i++)
    status = carry_item(c, i + 1, c->items[i], err);
  if (status == MAGPIE_OK) {
    c->source->is_carried = true;
    return MAGPIE_OK;
  }
  while (in->item_count > before) {
    mgp_queued_item *q = in->items[--in->item_count];
    for (size_t i = 0; i < q->vector_count; i++) mgp_free(in->ix->alloc, q->vectors[i].values);
  }
  return status;
}

/* ---- the call ------------------------------------------------------------------------------- */

magpie_status mgp_ingest_carry(mgp_ingest *in, mgp_ingest_source *source, const char *old_path,
                               magpie_error *err) {
  mgp_alloc *a = in->ix->alloc;
  carrying c = {.in = in, .source = source};
  magpie_status status = MAGPIE_OK;
  c.old_name = mgp_path_escape(a, mgp_path_name(old_path));
  c.new_name = mgp_path_escape(a, mgp_path_name(source->path));
  if (!c.old_name || !c.new_name) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a name");
  if (status == MAGPIE_OK) status = mgp_store_spaces(in->ix->store, a, &c.rows, &c.row_count, err);
  if (status == MAGPIE_OK)
    status =
        mgp_store_source_items(in->ix->store, source->row.number, a, &c.items, &c.item_count, err);
  if (status == MAGPIE_OK) status = mgp_engine_view_get(in->ix, &c.view, err);
  if (status == MAGPIE_OK) {
    pthread_mutex_lock(&in->mutex);
    status = carry_all(&c, err);
    pthread_mutex_unlock(&in->mutex);
  }
  if (c.view) mgp_engine_view_release(in->ix, c.view);
  mgp_free(a, c.rows);
  mgp_free(a, c.items);
  mgp_free(a, c.old_name);
  mgp_free(a, c.new_name);
  return status;
}
