/* SPDX-License-Identifier: Apache-2.0
 *
 * The failure ledger: what could not be read, why, and how often it was tried. One row a path; for
 * a line of an import the path is FILE:LINE.
 */
#include "store/rows.h"

magpie_status mgp_store_failure_add(mgp_store *s, const char *path, const char *stage,
                                    magpie_status code, const char *reason, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "noting a failure", err));
  MGP_RETURN_IF(!path, err, MAGPIE_INVALID, "a failure needs a path");
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_FAILURE_ADD, &statement, err));
  mgp_bind_path(statement, 1, path);
  mgp_bind_text(statement, 2, stage ? stage : "");
  sqlite3_bind_int(statement, 3, (int)code);
  mgp_bind_text(statement, 4, reason ? reason : "");
  sqlite3_bind_int64(statement, 5, mgp_clock_unix_ms());
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

magpie_status mgp_store_failure_clear(mgp_store *s, const char *path, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "clearing a failure", err));
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_FAILURE_CLEAR, &statement, err));
  mgp_bind_path(statement, 1, path);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

static magpie_status clear_range(mgp_store *s, const char *path, bool is_folder, uint64_t *count,
                                 magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  mgp_path_range range;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_FAILURE_CLEAR_BELOW, &statement, err));
  MGP_FORWARD(mgp_path_range_bind(s, statement, path, is_folder, &range, err));
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  if (status == MAGPIE_OK) *count += (uint64_t)sqlite3_changes64(s->writer->db);
  mgp_path_range_fini(&range);
  return status;
}

magpie_status mgp_store_failures_clear_below(mgp_store *s, const char *path, uint64_t *count,
                                             magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "clearing failures", err));
  *count = 0;
  MGP_FORWARD(clear_range(s, path, false, count, err));
  return clear_range(s, path, true, count, err);
}

typedef magpie_status (*failure_visitor)(void *context, const char *path, const char *stage,
                                         int code, const char *reason, int64_t when_ms, int tries);

static magpie_status visit_row(mgp_store *s, sqlite3_stmt *statement, mgp_arena *arena,
                               failure_visitor fn, void *context, magpie_error *err) {
  bool failed = false;
  const char *path = mgp_column_text(statement, 0, arena, &failed);
  const char *stage = mgp_column_text(statement, 1, arena, &failed);
  const char *reason = mgp_column_text(statement, 3, arena, &failed);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to list the failures of %s", s->path);
  const magpie_status status = fn(
      context, path ? path : "", stage ? stage : "", sqlite3_column_int(statement, 2),
      reason ? reason : "", sqlite3_column_int64(statement, 4), sqlite3_column_int(statement, 5));
  MGP_RETURN_IF(status != MAGPIE_OK, err, status, "reading the failures of %s: %s", s->path,
                magpie_status_text(status));
  return MAGPIE_OK;
}

magpie_status mgp_store_failures(mgp_store *s, failure_visitor fn, void *context,
                                 magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(s->alloc);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to list the failures of %s", s->path);
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  magpie_status status = mgp_catalog_acquire(s, &c, err);
  if (status == MAGPIE_OK) status = mgp_catalog_statement(s, c, SQL_FAILURES, &statement, err);
  if (status == MAGPIE_OK) status = mgp_catalog_step(s, c, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    status = visit_row(s, statement, arena, fn, context, err);
    mgp_arena_reset(arena);
    if (status == MAGPIE_OK) status = mgp_catalog_step(s, c, statement, &row, err);
  }
  mgp_catalog_release(s, c);
  mgp_arena_destroy(arena);
  return status;
}
