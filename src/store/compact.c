/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving the room of deleted rows in the catalog back to the disk. SQLite keeps it for later rows,
 * as free pages and inside of pages; VACUUM writes the rest anew, in one transaction of its own,
 * through a temporary file.
 */
#include "store/catalog.h"
#include "store/merge_store.h"

#define FREE_SHARE_MIN 16 /* less than a 16th of the pages is not worth writing all of them */

static magpie_status read_pragma(const mgp_store *s, const char *sql, int64_t *out,
                                 magpie_error *err) {
  sqlite3 *db = s->writer->db;
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW) return mgp_catalog_fail(s, db, code, "measuring the catalog", err);
  return MAGPIE_OK;
}

magpie_status mgp_store_compact(mgp_store *s, bool always, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "compacting the catalog", err));
  int64_t pages = 0, unused = 0;
  MGP_FORWARD(read_pragma(s, "PRAGMA page_count", &pages, err));
  MGP_FORWARD(read_pragma(s, "PRAGMA freelist_count", &unused, err));
  if (!always && unused <= pages / FREE_SHARE_MIN) return MAGPIE_OK;
  const int code = sqlite3_exec(s->writer->db, "VACUUM", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return mgp_catalog_fail(s, s->writer->db, code, "compacting the catalog", err);
  /* Where a reader is in the way, a later checkpoint shortens the files. */
  mgp_catalog_checkpoint(s, true);
  return MAGPIE_OK;
}
