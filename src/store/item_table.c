/* SPDX-License-Identifier: Apache-2.0
 *
 * Items and their kinds. Numbers ascend and are never given twice (head.next_item), so a segment
 * may keep the number of an item that is gone: no row, no hit.
 */
#include "store/live_items.h"
#include "store/rows.h"

/* ---- kinds --------------------------------------------------------------------------------------
 */

void mgp_store_kinds_clear(mgp_store *s) {
  for (size_t i = 0; i < s->kind_count; i++) mgp_free(s->alloc, s->kinds[i].name);
  s->kind_count = 0;
}

static magpie_status keep_kind(mgp_store *s, int number, const char *name, magpie_error *err) {
  char *copy = mgp_strdup(s->alloc, name);
  if (!copy || !MGP_GROW(s->alloc, s->kinds, s->kind_capacity, s->kind_count + 1)) {
    mgp_free(s->alloc, copy);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  }
  s->kinds[s->kind_count++] = (mgp_kind){.number = number, .name = copy};
  return MAGPIE_OK;
}

static magpie_status load_kinds(mgp_store *s, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_KINDS, &statement, err));
  magpie_status status = mgp_catalog_step(s, s->writer, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    status = keep_kind(s, sqlite3_column_int(statement, 0), name ? name : "", err);
    if (status == MAGPIE_OK) status = mgp_catalog_step(s, s->writer, statement, &row, err);
  }
  sqlite3_reset(statement);
  return status;
}

/* The number of a kind, which is new to the index if need be. */
static magpie_status kind_number(mgp_store *s, const char *name, int *number, magpie_error *err) {
  if (s->kind_count == 0) MGP_FORWARD(load_kinds(s, err));
  int last = 0;
  for (size_t i = 0; i < s->kind_count; i++) {
    *number = s->kinds[i].number;
    if (strcmp(s->kinds[i].name, name) == 0) return MAGPIE_OK;
    if (*number > last) last = *number;
  }
  MGP_RETURN_IF(last >= KINDS_MAX, err, MAGPIE_LIMIT,
                "the index %s has %d kinds of items already: no room for the kind \"%s\"", s->path,
                last, name);
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_KIND_ADD, &statement, err));
  *number = last + 1;
  sqlite3_bind_int(statement, 1, *number);
  mgp_bind_text(statement, 2, name);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, NULL, err));
  return keep_kind(s, *number, name, err);
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void bind_locator(sqlite3_stmt *statement, const magpie_locator *l) {
  sqlite3_bind_int(statement, 8, l->page);
  for (int i = 0; l->has_bbox && i < 4; i++) sqlite3_bind_double(statement, 9 + i, l->bbox[i]);
  for (int i = 0; l->has_span && i < 2; i++) sqlite3_bind_double(statement, 13 + i, l->span[i]);
  for (int i = 0; l->has_lines && i < 2; i++) sqlite3_bind_int64(statement, 15 + i, l->lines[i]);
}

static void bind_item(sqlite3_stmt *statement, const mgp_item *item, int64_t number, int kind) {
  const bool has_thumb = item->thumb && item->thumb_size > 0;
  sqlite3_bind_int64(statement, 1, number);
  sqlite3_bind_int64(statement, 2, item->source);
  sqlite3_bind_int(statement, 3, kind);
  sqlite3_bind_int64(statement, 4, has_thumb ? (int64_t)item->thumb_size : 0);
  if (has_thumb)
    sqlite3_bind_int64(statement, 5, (int64_t)mgp_hash64(item->thumb, item->thumb_size));
  mgp_bind_text(statement, 6, item->id);
  mgp_bind_text(statement, 7, item->language);
  bind_locator(statement, &item->locator);
  mgp_bind_text(statement, 17, item->title);
  mgp_bind_text(statement, 18, item->context);
  mgp_bind_text(statement, 19, item->metadata);
  mgp_bind_text(statement, 20, item->text);
}

static magpie_status name_conflict(const mgp_store *s, const mgp_item *item, magpie_error *err) {
  if (sqlite3_extended_errcode(s->writer->db) == SQLITE_CONSTRAINT_FOREIGNKEY)
    return mgp_fail(err, MAGPIE_INVALID, "item %s names source number %lld, which %s has not",
                    item->id, (long long)item->source, s->path);
  return mgp_fail(err, MAGPIE_INVALID, "an item with the id %s is already in the index %s",
                  item->id, s->path);
}

uint64_t mgp_store_next_item(const mgp_store *s) {
  return (uint64_t)s->head.next_item;
}

magpie_status mgp_store_item_add(mgp_store *s, mgp_item *item, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "adding an item", err));
  MGP_RETURN_IF(!item->id || !item->id[0], err, MAGPIE_INVALID, "an item needs an id");
  MGP_RETURN_IF(!item->kind || !item->kind[0], err, MAGPIE_INVALID, "item %s needs a kind",
                item->id);
  const int64_t number = s->head.next_item;
  MGP_RETURN_IF(number >= ITEM_NUMBER_MAX, err, MAGPIE_LIMIT,
                "the index %s has numbered %lld items, its limit: start a new index", s->path,
                (long long)number);
  int kind = 0;
  MGP_FORWARD(kind_number(s, item->kind, &kind, err));
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_ITEM_ADD, &statement, err));
  bind_item(statement, item, number, kind);
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  if (status == MAGPIE_INVALID) return name_conflict(s, item, err);
  if (status != MAGPIE_OK) return status;
  s->head.next_item++;
  item->number = (uint64_t)number;
  MGP_FORWARD(mgp_live_set(s, number, kind, err));
  if (!item->thumb || item->thumb_size == 0) return MAGPIE_OK;
  return mgp_thumb_write(s, number, item->thumb, item->thumb_size, err);
}

magpie_status mgp_store_item_remove(mgp_store *s, const char *id, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "removing an item", err));
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_ITEM_REMOVE, &statement, err));
  mgp_bind_text(statement, 1, id);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, &row, err));
  MGP_RETURN_IF(!row, err, MAGPIE_NOT_FOUND, "no item with the id %s in %s", id, s->path);
  const int64_t number = sqlite3_column_int64(statement, 0);
  const bool has_thumb = sqlite3_column_int64(statement, 1) > 0;
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, &row, err));
  MGP_FORWARD(mgp_live_set(s, number, 0, err));
  return has_thumb ? mgp_numbers_add(s, &s->dead_thumbs, number, err) : MAGPIE_OK;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static bool read_doubles(sqlite3_stmt *statement, int column, int count, double *out) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return false;
  for (int i = 0; i < count; i++) out[i] = sqlite3_column_double(statement, column + i);
  return true;
}

static void read_locator(sqlite3_stmt *statement, int column, magpie_locator *out) {
  out->page = sqlite3_column_int(statement, column);
  out->has_bbox = read_doubles(statement, column + 1, 4, out->bbox);
  out->has_span = read_doubles(statement, column + 5, 2, out->span);
  out->has_lines = sqlite3_column_type(statement, column + 7) != SQLITE_NULL;
  for (int i = 0; out->has_lines && i < 2; i++)
    out->lines[i] = sqlite3_column_int64(statement, column + 7 + i);
}

static magpie_status read_item(const mgp_store *s, sqlite3_stmt *statement, mgp_arena *arena,
                               mgp_item *out, magpie_error *err) {
  const int at = SOURCE_COLUMN_COUNT;
  bool failed = false;
  *out = (mgp_item){.number = (uint64_t)sqlite3_column_int64(statement, at),
                    .source = sqlite3_column_int64(statement, at + 1),
                    .thumb_size = (size_t)sqlite3_column_int64(statement, at + 2),
                    .id = mgp_column_text(statement, at + 3, arena, &failed),
                    .kind = mgp_column_text(statement, at + 4, arena, &failed),
                    .language = mgp_column_text(statement, at + 5, arena, &failed),
                    .title = mgp_column_text(statement, at + 15, arena, &failed),
                    .context = mgp_column_text(statement, at + 16, arena, &failed),
                    .metadata = mgp_column_text(statement, at + 17, arena, &failed),
                    .text = mgp_column_text(statement, at + 18, arena, &failed)};
  read_locator(statement, at + 6, &out->locator);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for an item of %s", s->path);
  return MAGPIE_OK;
}

static magpie_status get_item(mgp_store *s, mgp_connection *c, uint64_t number, mgp_arena *arena,
                              mgp_item *item, mgp_source *source, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  mgp_source ignored;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_ITEM_GET, &statement, err));
  sqlite3_bind_int64(statement, 1, (int64_t)number);
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  MGP_RETURN_IF(!row, err, MAGPIE_NOT_FOUND, "no item number %llu in %s",
                (unsigned long long)number, s->path);
  MGP_FORWARD(mgp_source_columns(s, statement, arena, source ? source : &ignored, err));
  return read_item(s, statement, arena, item, err);
}

magpie_status mgp_store_item_get(mgp_store *s, uint64_t number, mgp_arena *arena, mgp_item *item,
                                 mgp_source *source, magpie_error *err) {
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = get_item(s, c, number, arena, item, source, err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_item_find(mgp_store *s, const char *id, uint64_t *number,
                                  magpie_error *err) {
  *number = 0;
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_ITEM_FIND, &statement, err);
  if (status == MAGPIE_OK) {
    mgp_bind_text(statement, 1, id);
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  if (row) *number = (uint64_t)sqlite3_column_int64(statement, 0);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_source_items(mgp_store *s, int64_t source, mgp_alloc *a, uint64_t **out,
                                     size_t *count, magpie_error *err) {
  *out = NULL;
  *count = 0;
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  size_t capacity = 0;
  bool row = false;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SOURCE_ITEMS, &statement, err);
  if (status == MAGPIE_OK) {
    sqlite3_bind_int64(statement, 1, source);
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  while (status == MAGPIE_OK && row) {
    if (!MGP_GROW(a, *out, capacity, *count + 1)) {
      status =
          mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the items of a source of %s", s->path);
      break;
    }
    (*out)[(*count)++] = (uint64_t)sqlite3_column_int64(statement, 0);
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  mgp_catalog_release(s, c);
  if (status != MAGPIE_OK) {
    mgp_free(a, *out);
    *out = NULL;
    *count = 0;
  }
  return status;
}
