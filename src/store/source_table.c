/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: files and records that were added. Paths are BLOBs, compared byte by byte, so that every
 * name a file system can hold is kept as it is, and "below a folder" is a range of one index.
 */
#include "store/live_items.h"
#include "store/rows.h"

/* ---- writing ------------------------------------------------------------------------------------
 */

static void bind_source(sqlite3_stmt *statement, const mgp_source *source) {
  sqlite3_bind_int64(statement, 1, source->number);
  mgp_bind_path(statement, 2, source->path);
  mgp_bind_text(statement, 3, source->record);
  sqlite3_bind_int64(statement, 4, (int64_t)source->size);
  sqlite3_bind_int64(statement, 5, source->mtime_ns);
  sqlite3_bind_int64(statement, 6, (int64_t)source->inode);
  sqlite3_bind_int64(statement, 7, (int64_t)source->device);
  sqlite3_bind_blob(statement, 8, &source->hash, sizeof source->hash, SQLITE_STATIC);
  mgp_bind_text(statement, 9, source->format);
  mgp_bind_text(statement, 10, source->title);
  mgp_bind_text(statement, 11, source->metadata);
}

/* A second source of one name is the caller's mistake: say which. */
static magpie_status run_named(mgp_store *s, sqlite3_stmt *statement, const mgp_source *source,
                               magpie_error *err) {
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  if (status != MAGPIE_INVALID) return status;
  return mgp_fail(err, MAGPIE_INVALID, "%s %s is already in the index %s",
                  source->record ? "the record" : "the file",
                  source->record ? source->record : source->path, s->path);
}

magpie_status mgp_store_source_add(mgp_store *s, mgp_source *source, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "adding a source", err));
  MGP_RETURN_IF(!source->path && !source->record, err, MAGPIE_INVALID,
                "a source needs a path or a record id");
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SOURCE_ADD, &statement, err));
  const int64_t old = source->number;
  source->number = s->head.next_source;
  bind_source(statement, source);
  const magpie_status status = run_named(s, statement, source, err);
  if (status == MAGPIE_OK) s->head.next_source++;
  else source->number = old;
  return status;
}

magpie_status mgp_store_source_update(mgp_store *s, const mgp_source *source, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "changing a source", err));
  MGP_RETURN_IF(!source->path && !source->record, err, MAGPIE_INVALID,
                "a source needs a path or a record id");
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SOURCE_UPDATE, &statement, err));
  bind_source(statement, source);
  MGP_FORWARD(run_named(s, statement, source, err));
  MGP_RETURN_IF(sqlite3_changes(s->writer->db) == 0, err, MAGPIE_NOT_FOUND,
                "no source number %lld in %s", (long long)source->number, s->path);
  return MAGPIE_OK;
}

/* Its items are dead, and their thumbnails go at the commit. */
static magpie_status note_items(mgp_store *s, int64_t source, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SOURCE_ITEMS, &statement, err));
  sqlite3_bind_int64(statement, 1, source);
  magpie_status status = mgp_catalog_step(s, s->writer, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    const int64_t number = sqlite3_column_int64(statement, 0);
    const bool has_thumb = sqlite3_column_int64(statement, 1) > 0;
    status = mgp_live_set(s, number, 0, err);
    if (status == MAGPIE_OK && has_thumb) status = mgp_numbers_add(s, &s->dead_thumbs, number, err);
    if (status == MAGPIE_OK) status = mgp_catalog_step(s, s->writer, statement, &row, err);
  }
  sqlite3_reset(statement);
  return status;
}

static magpie_status run_numbered(mgp_store *s, mgp_sql which, int64_t number, uint64_t *changes,
                                  magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, which, &statement, err));
  sqlite3_bind_int64(statement, 1, number);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, NULL, err));
  *changes = (uint64_t)sqlite3_changes64(s->writer->db);
  return MAGPIE_OK;
}

magpie_status mgp_store_source_remove(mgp_store *s, int64_t number, uint64_t *items,
                                      magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "removing a source", err));
  uint64_t removed = 0, sources = 0;
  MGP_FORWARD(note_items(s, number, err));
  MGP_FORWARD(run_numbered(s, SQL_SOURCE_ITEMS_REMOVE, number, &removed, err));
  MGP_FORWARD(run_numbered(s, SQL_SOURCE_REMOVE, number, &sources, err));
  MGP_RETURN_IF(sources == 0, err, MAGPIE_NOT_FOUND, "no source number %lld in %s",
                (long long)number, s->path);
  if (items) *items = removed;
  return MAGPIE_OK;
}

magpie_status mgp_store_source_clear(mgp_store *s, int64_t number, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "renaming a source", err));
  uint64_t removed = 0;
  MGP_FORWARD(note_items(s, number, err));
  return run_numbered(s, SQL_SOURCE_ITEMS_REMOVE, number, &removed, err);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

magpie_status mgp_source_columns(const mgp_store *s, sqlite3_stmt *statement, mgp_arena *arena,
                                 mgp_source *out, magpie_error *err) {
  bool failed = false;
  *out = (mgp_source){.number = sqlite3_column_int64(statement, 0),
                      .path = mgp_column_text(statement, 1, arena, &failed),
                      .record = mgp_column_text(statement, 2, arena, &failed),
                      .size = (uint64_t)sqlite3_column_int64(statement, 3),
                      .mtime_ns = sqlite3_column_int64(statement, 4),
                      .inode = (uint64_t)sqlite3_column_int64(statement, 5),
                      .device = (uint64_t)sqlite3_column_int64(statement, 6),
                      .format = mgp_column_text(statement, 8, arena, &failed),
                      .title = mgp_column_text(statement, 9, arena, &failed),
                      .metadata = mgp_column_text(statement, 10, arena, &failed)};
  const void *hash = sqlite3_column_blob(statement, 7);
  if (hash && sqlite3_column_bytes(statement, 7) == (int)sizeof out->hash)
    memcpy(&out->hash, hash, sizeof out->hash);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for a source of %s", s->path);
  return MAGPIE_OK;
}

typedef magpie_status (*source_visitor)(void *context, const mgp_source *source);

/* Calls fn for every row. A visitor that fails ends the walk; it has said why elsewhere. `scratch`
 * arenas are emptied after each row. */
static magpie_status visit_rows(mgp_store *s, mgp_connection *c, sqlite3_stmt *statement,
                                mgp_arena *arena, bool is_scratch, source_visitor fn, void *context,
                                magpie_error *err) {
  bool row = false;
  magpie_status status = mgp_catalog_step(s, c, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    mgp_source source;
    status = mgp_source_columns(s, statement, arena, &source, err);
    if (status == MAGPIE_OK) {
      status = fn(context, &source);
      if (status != MAGPIE_OK)
        mgp_fail(err, status, "reading the sources of %s: %s", s->path, magpie_status_text(status));
    }
    if (is_scratch) mgp_arena_reset(arena);
    if (status == MAGPIE_OK) status = mgp_catalog_step(s, c, statement, &row, err);
  }
  sqlite3_reset(statement);
  return status;
}

static magpie_status take_one(void *context, const mgp_source *source) {
  *(mgp_source *)context = *source;
  return MAGPIE_OK;
}

magpie_status mgp_store_record_find(mgp_store *s, const char *record, mgp_arena *arena,
                                    mgp_source *out, magpie_error *err) {
  *out = (mgp_source){0};
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SOURCE_RECORD, &statement, err);
  if (status == MAGPIE_OK) {
    mgp_bind_text(statement, 1, record);
    status = visit_rows(s, c, statement, arena, false, take_one, out, err);
  }
  mgp_catalog_release(s, c);
  return status;
}

static magpie_status read_state(mgp_store *s, mgp_connection *c, mgp_record_state *state,
                                magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  state->number = 0;
  state->is_same = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SOURCE_RECORD_STATE, &statement, err));
  mgp_bind_text(statement, 1, state->record);
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  if (!row) return MAGPIE_OK;
  const void *bytes = sqlite3_column_blob(statement, 2);
  state->number = sqlite3_column_int64(statement, 0);
  state->is_same = sqlite3_column_int64(statement, 1) >= 0 && bytes &&
                   sqlite3_column_bytes(statement, 2) == (int)sizeof state->hash &&
                   memcmp(bytes, &state->hash, sizeof state->hash) == 0;
  return MAGPIE_OK;
}

/* In one transaction: one by one, each would lock and unlock the wal-index. */
magpie_status mgp_store_record_states(mgp_store *s, mgp_record_state *states, size_t count,
                                      magpie_error *err) {
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_run(s, c, SQL_READ_BEGIN, err);
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++)
    status = read_state(s, c, &states[i], err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_source_find(mgp_store *s, const char *path, mgp_arena *arena,
                                    mgp_source *out, magpie_error *err) {
  *out = (mgp_source){0};
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SOURCE_FIND, &statement, err);
  if (status == MAGPIE_OK) {
    mgp_bind_path(statement, 1, path);
    status = visit_rows(s, c, statement, arena, false, take_one, out, err);
  }
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_sources_by_hash(mgp_store *s, mgp_hash128 hash, mgp_arena *arena,
                                        source_visitor fn, void *context, magpie_error *err) {
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SOURCE_HASH, &statement, err);
  if (status == MAGPIE_OK) {
    sqlite3_bind_blob(statement, 1, &hash, sizeof hash, SQLITE_STATIC);
    status = visit_rows(s, c, statement, arena, false, fn, context, err);
  }
  mgp_catalog_release(s, c);
  return status;
}

void mgp_path_range_fini(mgp_path_range *range) {
  mgp_buffer_fini(&range->first);
  mgp_buffer_fini(&range->end);
}

magpie_status mgp_path_range_bind(const mgp_store *s, sqlite3_stmt *statement, const char *path,
                                  bool is_folder, mgp_path_range *range, magpie_error *err) {
  size_t size = strlen(path);
  while (size > 0 && path[size - 1] == '/') size--; /* "/" becomes the empty base of "/..." */
  mgp_buffer_init(&range->first, s->alloc);
  mgp_buffer_init(&range->end, s->alloc);
  mgp_buffer_add(&range->first, path, size);
  mgp_buffer_add(&range->end, path, size);
  if (is_folder) mgp_buffer_add_char(&range->first, '/');
  mgp_buffer_add_char(&range->end, is_folder ? '0' : '\0');
  if (range->first.failed || range->end.failed) {
    mgp_path_range_fini(range);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to look below a folder in %s", s->path);
  }
  sqlite3_bind_blob64(statement, 1, range->first.data, range->first.size, SQLITE_STATIC);
  sqlite3_bind_blob64(statement, 2, range->end.data, range->end.size, SQLITE_STATIC);
  return MAGPIE_OK;
}

static magpie_status visit_range(mgp_store *s, mgp_connection *c, mgp_sql which, mgp_arena *arena,
                                 const char *path, bool is_folder, source_visitor fn, void *context,
                                 magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  mgp_path_range range;
  MGP_FORWARD(mgp_catalog_statement(s, c, which, &statement, err));
  MGP_FORWARD(mgp_path_range_bind(s, statement, path, is_folder, &range, err));
  const magpie_status status = visit_rows(s, c, statement, arena, true, fn, context, err);
  mgp_path_range_fini(&range);
  return status;
}

static magpie_status visit_below(mgp_store *s, mgp_sql which, const char *path, source_visitor fn,
                                 void *context, magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(s->alloc);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to list the sources of %s", s->path);
  mgp_connection *c = NULL;
  magpie_status status = mgp_catalog_acquire(s, &c, err);
  if (status == MAGPIE_OK) status = visit_range(s, c, which, arena, path, false, fn, context, err);
  if (status == MAGPIE_OK) status = visit_range(s, c, which, arena, path, true, fn, context, err);
  mgp_catalog_release(s, c);
  mgp_arena_destroy(arena);
  return status;
}

magpie_status mgp_store_sources_below(mgp_store *s, const char *path, source_visitor fn,
                                      void *context, magpie_error *err) {
  return visit_below(s, SQL_SOURCE_BELOW, path, fn, context, err);
}

magpie_status mgp_store_records_below(mgp_store *s, const char *path, source_visitor fn,
                                      void *context, magpie_error *err) {
  return visit_below(s, SQL_SOURCE_RECORDS_BELOW, path, fn, context, err);
}
