/* SPDX-License-Identifier: Apache-2.0
 *
 * The few changes of the catalog that only a repair makes. They belong to a transaction: what was
 * rebuilt is named by the same commit that takes the damaged files' names away.
 */
#include "store/catalog.h"
#include "store/check_store.h"
#include "store/live_items.h"

static magpie_status run_on(mgp_store *s, const char *sql, int64_t number, const char *what,
                            magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "repairing", err));
  sqlite3_stmt *statement = NULL;
  const int code = sqlite3_prepare_v2(s->writer->db, sql, -1, &statement, NULL);
  if (code != SQLITE_OK) return mgp_catalog_fail(s, s->writer->db, code, "repairing", err);
  sqlite3_bind_int64(statement, 1, number);
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  sqlite3_finalize(statement);
  if (status != MAGPIE_OK) return status;
  MGP_RETURN_IF(sqlite3_changes(s->writer->db) == 0, err, MAGPIE_NOT_FOUND,
                "no %s number %lld in %s", what, (long long)number, s->path);
  return MAGPIE_OK;
}

magpie_status mgp_store_thumb_forget(mgp_store *s, uint64_t item, magpie_error *err) {
  return run_on(s, "UPDATE item SET thumb_size = 0, thumb_hash = NULL WHERE number = ?1",
                (int64_t)item, "item", err);
}

magpie_status mgp_store_source_doubt(mgp_store *s, int64_t number, magpie_error *err) {
  return run_on(s, "UPDATE source SET mtime_ns = -1 WHERE number = ?1", number, "source", err);
}

magpie_status mgp_store_live_rebuild(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "repairing", err));
  return mgp_live_rebuild(s, err);
}

magpie_status mgp_store_tidy(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "tidying", err));
  return mgp_store_sweep(s, true, err);
}
