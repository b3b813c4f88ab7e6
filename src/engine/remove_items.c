/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_remove: by item id, record id, file, or folder, in this order. A file or folder takes with
 * it the records that name a file there, and what the failure ledger says of it.
 */
#include <stdlib.h>

#include "engine/engine.h"

typedef struct removal {
  magpie *ix;
  const char *name;
  char *path; /* resolved */
  magpie_report *report;
  int64_t *sources;
  size_t count, capacity;
  magpie_error *err; /* of the call, for the callback */
} removal;

static magpie_status note_source(void *context, const mgp_source *source) {
  removal *r = context;
  MGP_RETURN_IF(!MGP_GROW(r->ix->alloc, r->sources, r->capacity, r->count + 1), r->err,
                MAGPIE_NO_MEMORY, "no memory to remove %s", r->name);
  r->sources[r->count++] = source->number;
  return MAGPIE_OK;
}

/* A path as typed, or as shown in results (escaped); it need not exist any more. */
static magpie_status resolve_path(removal *r, magpie_error *err) {
  char *real = realpath(r->name, NULL);
  char *typed = real ? mgp_strdup(r->ix->alloc, real) : mgp_path_unescape(r->ix->alloc, r->name);
  free(real); /* realpath's own block */
  MGP_RETURN_IF(!typed, err, MAGPIE_NO_MEMORY, "no memory for a path");
  size_t size = strlen(typed);
  while (size > 1 && typed[size - 1] == '/') typed[--size] = '\0';
  if (typed[0] == '/') {
    r->path = typed;
    return MAGPIE_OK;
  }
  char *here = realpath(".", NULL);
  r->path = here ? mgp_path_join(r->ix->alloc, here, typed) : NULL;
  free(here); /* realpath's own block */
  mgp_free(r->ix->alloc, typed);
  MGP_RETURN_IF(!r->path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

static magpie_status remove_sources(removal *r, magpie_error *err) {
  for (size_t i = 0; i < r->count; i++) {
    uint64_t removed = 0;
    MGP_FORWARD(mgp_store_source_remove(r->ix->store, r->sources[i], &removed, err));
    r->report->files_removed++;
    r->report->items_removed += removed;
  }
  return MAGPIE_OK;
}

static magpie_status find_record(removal *r, magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(r->ix->alloc);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to remove %s", r->name);
  mgp_source source = {0};
  magpie_status status = mgp_store_record_find(r->ix->store, r->name, arena, &source, err);
  if (status == MAGPIE_OK && source.number) status = note_source(r, &source);
  mgp_arena_destroy(arena);
  return status;
}

static magpie_status remove_in_transaction(removal *r, magpie_error *err) {
  uint64_t item = 0, failures = 0;
  MGP_FORWARD(mgp_store_item_find(r->ix->store, r->name, &item, err));
  if (item) {
    r->report->items_removed = 1;
    return mgp_store_item_remove(r->ix->store, r->name, err);
  }
  MGP_FORWARD(find_record(r, err));
  if (r->count == 0) {
    MGP_FORWARD(resolve_path(r, err));
    MGP_FORWARD(mgp_store_sources_below(r->ix->store, r->path, note_source, r, err));
    MGP_FORWARD(mgp_store_records_below(r->ix->store, r->path, note_source, r, err));
    MGP_FORWARD(mgp_store_failures_clear_below(r->ix->store, r->path, &failures, err));
  }
  MGP_RETURN_IF(r->count == 0 && failures == 0, err, MAGPIE_NOT_FOUND,
                "%s is neither an item, a record nor a path in this index", r->name);
  if (r->count == 0) r->report->files_removed = failures; /* known by their failure alone */
  return remove_sources(r, err);
}

magpie_status magpie_remove(magpie *ix, const char *path_or_id, magpie_report *report,
                            magpie_error *err) {
  MGP_RETURN_IF(!ix || !path_or_id || !*path_or_id, err, MAGPIE_INVALID,
                "magpie_remove: name an item, a record, a file or a folder");
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  magpie_report own = {0};
  removal r = {.ix = ix, .name = path_or_id, .report = report ? report : &own, .err = err};
  *r.report = (magpie_report){0};
  MGP_FORWARD(mgp_store_lock(ix->store, ix->lock_wait_ms, err));
  magpie_status status = mgp_store_begin(ix->store, err);
  if (status == MAGPIE_OK) {
    status = remove_in_transaction(&r, err);
    if (status == MAGPIE_OK) status = mgp_store_commit(ix->store, &r.report->generation, err);
    else mgp_store_rollback(ix->store);
  }
  if (status == MAGPIE_OK) status = mgp_store_sync(ix->store, err);
  mgp_store_unlock(ix->store);
  mgp_free(ix->alloc, r.sources);
  mgp_free(ix->alloc, r.path);
  return status;
}
