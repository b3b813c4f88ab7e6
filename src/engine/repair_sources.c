/* SPDX-License-Identifier: Apache-2.0
 *
 * Files read again for what the catalog does not keep: vectors of pictures and sounds, thumbnails.
 * A source is replaced as a whole, as when its file had changed: its items get new numbers.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/repair.h"

typedef struct wanted {
  int64_t source;
  uint64_t item; /* any of the source */
} wanted;

typedef struct wanted_list {
  wanted *items;
  size_t count, capacity;
} wanted_list;

static int by_source(const void *a, const void *b) {
  const wanted *x = a, *y = b;
  return (x->source > y->source) - (x->source < y->source);
}

static bool needs_file(const mgp_repair *r, const mgp_finding *f) {
  if (f->is_thumb) return true;
  if (f->claim == SIZE_MAX || r->check.states[f->claim].is_kept) return false;
  const size_t space = r->check.states[f->claim].space;
  return space != SIZE_MAX && r->check.account.spaces[space].pack[0] &&
         r->check.account.spaces[space].is_active;
}

static magpie_status want_item(mgp_repair *r, const mgp_finding *f, uint64_t number,
                               wanted_list *list, magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(r->arena);
  const magpie_status status =
      mgp_store_item_get(r->ix->store, number, r->arena, &item, &source, err);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK;
  MGP_FORWARD(status);
  if (!source.path || !(f->is_thumb || mgp_engine_is_media(&item)) ||
      access(source.path, R_OK) != 0)
    return MAGPIE_OK;
  MGP_RETURN_IF(!MGP_GROW(r->ix->alloc, list->items, list->capacity, list->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for the files to read again");
  list->items[list->count++] = (wanted){.source = source.number, .item = number};
  return MAGPIE_OK;
}

/* Each source once. */
static magpie_status find_wanted(mgp_repair *r, wanted_list *list, magpie_error *err) {
  for (size_t i = 0; i < r->check.findings.count; i++) {
    const mgp_finding *f = &r->check.findings.items[i];
    size_t count = 0;
    const uint64_t *items = mgp_finding_items(&r->check, f, &count);
    for (size_t j = 0; needs_file(r, f) && j < count; j++)
      MGP_FORWARD(want_item(r, f, items[j], list, err));
  }
  if (list->count > 1) qsort(list->items, list->count, sizeof *list->items, by_source);
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++)
    if (kept == 0 || list->items[kept - 1].source != list->items[i].source)
      list->items[kept++] = list->items[i];
  list->count = kept;
  return MAGPIE_OK;
}

/* A kind that decoders give; any other one came with the record. */
static bool is_natural(const char *kind) {
  static const char *const kinds[] = {"passage", "page", "row", "image", "sound"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (mgp_text_equal(kinds[i], kind)) return true;
  return false;
}

/* What a source is made of again: a record keeps its id, title, kind and the hash of its line. */
static magpie_status fill_source(mgp_repair *r, const wanted *w, size_t index,
                                 mgp_ingest_source *out, magpie_error *err) {
  mgp_alloc *a = r->ix->alloc;
  mgp_item item = {0};
  mgp_source old = {0};
  struct stat st;
  mgp_arena_reset(r->arena);
  MGP_FORWARD(mgp_store_item_get(r->ix->store, w->item, r->arena, &item, &old, err));
  if (stat(old.path, &st) != 0) return mgp_fail_errno(err, errno, "reading %s", old.path);
  out->path = mgp_strdup(a, old.path);
  out->ledger_name = mgp_strdup(a, old.path);
  out->replaces = old.number;
  out->sequence = index;
  out->bytes = (uint64_t)st.st_size;
  if (old.record) {
    out->row = (mgp_source){.mtime_ns = old.mtime_ns, .hash = old.hash};
    out->record = mgp_strdup(a, old.record);
    out->title = old.title ? mgp_strdup(a, old.title) : NULL;
    out->metadata = old.metadata ? mgp_strdup(a, old.metadata) : NULL;
    if (!is_natural(item.kind)) out->forced_kind = mgp_strdup(a, item.kind);
  } else {
    out->row =
        (mgp_source){.size = (uint64_t)st.st_size,
                     .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                     .inode = st.st_ino,
                     .device = st.st_dev};
    MGP_FORWARD(mgp_hash128_file(old.path, &out->row.hash, err));
  }
  MGP_RETURN_IF(!out->path || !out->ledger_name || (old.record && !out->record), err,
                MAGPIE_NO_MEMORY, "no memory to read %s again", old.path);
  return MAGPIE_OK;
}

static magpie_status read_again(mgp_repair *r, mgp_ingest *in, const wanted *w, size_t index,
                                magpie_error *err) {
  mgp_ingest_source *source = mgp_ingest_source_create(in);
  MGP_RETURN_IF(!source, err, MAGPIE_NO_MEMORY, "no memory to read a file again");
  magpie_error why = {0};
  magpie_status status = fill_source(r, w, index, source, &why);
  if (status != MAGPIE_OK) { /* it stays as it is, and what it lost is listed later */
    mgp_ingest_source_discard(in, source);
    if (status == MAGPIE_NO_MEMORY) return mgp_fail(err, status, "%s", why.message);
    return MAGPIE_OK;
  }
  status = mgp_ingest_decode(in, source, source->path, &why);
  if (status != MAGPIE_OK && status != MAGPIE_CANCELLED) {
    const mgp_item item = {.id = source->path};
    const mgp_source row = {.path = source->path};
    char what[sizeof why.message + 64];
    snprintf(what, sizeof what, "its items: %s", why.message);
    MGP_FORWARD(mgp_repair_lose(r, &item, &row, what, err));
  }
  r->files++;
  return mgp_ingest_source_done(in, source, status, &why, err);
}

magpie_status mgp_repair_sources(mgp_repair *r, magpie_error *err) {
  wanted_list list = {0};
  mgp_ingest *in = NULL;
  magpie_status status = find_wanted(r, &list, err);
  if (status == MAGPIE_OK && list.count > 0)
    status = mgp_ingest_open(r->ix, r->options, NULL, &in, err);
  for (size_t i = 0; status == MAGPIE_OK && i < list.count && !mgp_ingest_stopped(in); i++)
    status = read_again(r, in, &list.items[i], i, err);
  magpie_error why = {0};
  const magpie_status closed = mgp_ingest_close(in, &why);
  if (status == MAGPIE_OK && closed != MAGPIE_OK) {
    status = closed;
    if (err) *err = why;
  }
  mgp_free(r->ix->alloc, list.items);
  return status;
}
