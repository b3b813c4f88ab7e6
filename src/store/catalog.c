/* SPDX-License-Identifier: Apache-2.0
 *
 * Running statements on a connection, and what SQLite's codes mean to a user.
 */
#include "store/catalog.h"
#include "store/catalog_checksum.h"

#include <errno.h>

#define REPAIR_HINT                                                                                \
  "put a copy of the index in its place, or delete it and run `magpie index` on its folders again"

magpie_status mgp_catalog_fail(const mgp_store *s, sqlite3 *db, int code, const char *doing,
                               magpie_error *err) {
  const char *path = s->catalog_path;
  const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  const int system = db ? sqlite3_system_errno(db) : 0;
  switch (code & 0xFF) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return mgp_fail(err, MAGPIE_CORRUPT, "%s: the catalog %s is damaged: %s; " REPAIR_HINT, doing,
                    path, why);
  case SQLITE_FULL:
    return mgp_fail_errno(err, ENOSPC, "%s: writing %s", doing, path);
  case SQLITE_NOMEM:
    return mgp_fail(err, MAGPIE_NO_MEMORY, "%s: no memory for the catalog %s", doing, path);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return mgp_fail(err, MAGPIE_LOCKED, "%s: another process holds the catalog %s; try again",
                    doing, path);
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
    if (code == SQLITE_IOERR_DATA)
      return mgp_fail(err, MAGPIE_CORRUPT,
                      "%s: the catalog %s is damaged: page %llu is not what was written "
                      "(checksum); " REPAIR_HINT,
                      doing, path, (unsigned long long)mgp_checksum_bad_page());
    if (system) { /* NOT_FOUND would say that there is no index */
      const magpie_status status = mgp_fail_errno(err, system, "%s: the catalog %s", doing, path);
      if (err && status == MAGPIE_NOT_FOUND) err->code = MAGPIE_IO;
      return status == MAGPIE_NOT_FOUND ? MAGPIE_IO : status;
    }
    return mgp_fail(err, MAGPIE_IO, "%s: the catalog %s: %s", doing, path, why);
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return mgp_fail(err, MAGPIE_IO, "%s: the catalog %s: %s; check the permissions of %s", doing,
                    path, why, s->path);
  case SQLITE_CONSTRAINT:
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY) /* our own counters gave a number twice */
      return mgp_fail(err, MAGPIE_CORRUPT, "%s: the catalog %s is damaged: %s; " REPAIR_HINT, doing,
                      path, why);
    return mgp_fail(err, MAGPIE_INVALID, "%s: %s", doing, why);
  case SQLITE_TOOBIG:
    return mgp_fail(err, MAGPIE_LIMIT, "%s: a text or a blob is too long for the catalog", doing);
  default:
    /* "no such table" is SQLITE_ERROR: the schema is not what the version promises. */
    return mgp_fail(err, MAGPIE_CORRUPT, "%s: the catalog %s: %s (SQLite code %d); " REPAIR_HINT,
                    doing, path, why, code);
  }
}

magpie_status mgp_catalog_statement(const mgp_store *s, mgp_connection *c, mgp_sql which,
                                    sqlite3_stmt **out, magpie_error *err) {
  if (!c->statements[which]) {
    const int code = sqlite3_prepare_v3(c->db, mgp_catalog_sql(which), -1,
                                        SQLITE_PREPARE_PERSISTENT, &c->statements[which], NULL);
    if (code != SQLITE_OK) return mgp_catalog_fail(s, c->db, code, "reading the catalog", err);
  }
  *out = c->statements[which];
  sqlite3_reset(*out);
  sqlite3_clear_bindings(*out);
  return MAGPIE_OK;
}

magpie_status mgp_catalog_step(const mgp_store *s, mgp_connection *c, sqlite3_stmt *statement,
                               bool *row, magpie_error *err) {
  const int code = sqlite3_step(statement);
  if (row) *row = code == SQLITE_ROW;
  if (code == SQLITE_ROW) return MAGPIE_OK;
  magpie_status status = MAGPIE_OK;
  if (code != SQLITE_DONE)
    status = mgp_catalog_fail(
        s, c->db, sqlite3_extended_errcode(c->db),
        sqlite3_stmt_readonly(statement) ? "reading the catalog" : "writing the catalog", err);
  sqlite3_reset(statement);
  return status;
}

magpie_status mgp_catalog_run(const mgp_store *s, mgp_connection *c, mgp_sql which,
                              magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, c, which, &statement, err));
  return mgp_catalog_step(s, c, statement, NULL, err);
}

magpie_status mgp_catalog_head(const mgp_store *s, mgp_connection *c, mgp_head *out,
                               magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_HEAD_READ, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  MGP_RETURN_IF(!row, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: its head row is missing; " REPAIR_HINT,
                s->catalog_path);
  *out = (mgp_head){.generation = (uint64_t)sqlite3_column_int64(statement, 0),
                    .next_source = sqlite3_column_int64(statement, 1),
                    .next_item = sqlite3_column_int64(statement, 2),
                    .next_segment = sqlite3_column_int64(statement, 3)};
  sqlite3_reset(statement);
  MGP_RETURN_IF(out->next_source < 1 || out->next_item < 1 || out->next_segment < 1, err,
                MAGPIE_CORRUPT,
                "the catalog %s is damaged: its counters are %lld, %lld and %lld; " REPAIR_HINT,
                s->catalog_path, (long long)out->next_source, (long long)out->next_item,
                (long long)out->next_segment);
  return MAGPIE_OK;
}

void mgp_bind_text(sqlite3_stmt *statement, int index, const char *text) {
  if (text) sqlite3_bind_text64(statement, index, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
}

void mgp_bind_path(sqlite3_stmt *statement, int index, const char *path) {
  if (path) sqlite3_bind_blob64(statement, index, path, strlen(path), SQLITE_STATIC);
}

char *mgp_column_text(sqlite3_stmt *statement, int column, mgp_arena *arena, bool *failed) {
  /* blob, not text: no conversion touches bytes that are not UTF-8 */
  const char *bytes = sqlite3_column_blob(statement, column);
  const int type = sqlite3_column_type(statement, column);
  if (type == SQLITE_NULL) return NULL;
  const size_t size = (size_t)sqlite3_column_bytes(statement, column);
  if (!bytes && size > 0) {
    *failed = true;
    return NULL;
  }
  char *copy = mgp_arena_strndup(arena, bytes ? bytes : "", size);
  if (!copy) *failed = true;
  return copy;
}

magpie_status mgp_numbers_add(mgp_store *s, mgp_numbers *numbers, int64_t number,
                              magpie_error *err) {
  MGP_RETURN_IF(!MGP_GROW(s->alloc, numbers->items, numbers->capacity, numbers->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  numbers->items[numbers->count++] = number;
  return MAGPIE_OK;
}
