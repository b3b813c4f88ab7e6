/* SPDX-License-Identifier: Apache-2.0
 *
 * The transaction of a writer.
 *
 *   locked --begin--> open --segment_add: file written, renamed--> open
 *   open --commit: files and folder fsynced, head bumped, COMMIT (WAL, synchronous=FULL)--> locked
 * (that is durability FULL; sync_point.c for the others)
 *   open --rollback: ROLLBACK, its files deleted--> locked
 *
 * COMMIT is the moment of truth. When it fails, the segment files stay: their names may already lie
 * in the WAL, so only the next holder of the lock deletes them (sweep.c), and numbers of files are
 * never used twice by one store.
 */
#include "store/catalog.h"
#include "store/live_items.h"
#include "store/segment.h"
#include "store/store_io.h"

magpie_status mgp_store_writable(const mgp_store *s, bool needs_transaction, const char *doing,
                                 magpie_error *err) {
  MGP_RETURN_IF(s->read_only, err, MAGPIE_INVALID, "%s: %s was opened for reading only", doing,
                s->path);
  MGP_RETURN_IF(s->lock_fd < 0, err, MAGPIE_INVALID, "%s: the writer's lock of %s is not held",
                doing, s->path);
  MGP_RETURN_IF(needs_transaction && !s->in_transaction, err, MAGPIE_INVALID,
                "%s: no transaction is open on %s", doing, s->path);
  return MAGPIE_OK;
}

magpie_status mgp_store_begin(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "beginning a transaction", err));
  if (s->is_lost) return mgp_store_sync(s, err);
  MGP_RETURN_IF(s->in_transaction, err, MAGPIE_INVALID, "a transaction is already open on %s",
                s->path);
  MGP_FORWARD(mgp_catalog_run(s, s->writer, SQL_BEGIN, err));
  const int64_t next_segment = s->head.next_segment;
  const magpie_status status = mgp_catalog_head(s, s->writer, &s->head, err);
  if (status != MAGPIE_OK) {
    mgp_catalog_run(s, s->writer, SQL_ROLLBACK, NULL);
    return status;
  }
  if (s->head.next_segment < next_segment) s->head.next_segment = next_segment;
  s->in_transaction = true;
  s->is_spoilt = s->has_deaths = false;
  s->segments.count = s->thumbs.count = s->dead_thumbs.count = s->dead_segments.count = 0;
  return MAGPIE_OK;
}

static void end_transaction(mgp_store *s) {
  if (!sqlite3_get_autocommit(s->writer->db)) mgp_catalog_run(s, s->writer, SQL_ROLLBACK, NULL);
  s->in_transaction = false;
  mgp_written_drop(s);
  s->segments.count = s->dead_segments.count = 0;
  mgp_store_kinds_clear(s);
  mgp_live_clear(s);
}

void mgp_store_rollback(mgp_store *s) {
  if (!s->in_transaction) return;
  if (!sqlite3_get_autocommit(s->writer->db)) mgp_catalog_run(s, s->writer, SQL_ROLLBACK, NULL);
  mgp_segments_delete(s, &s->segments);
  mgp_thumbs_remove(s, &s->thumbs);
  s->dead_thumbs.count = 0;
  end_transaction(s);
  /* What it wrote to the WAL is given back to the disk, which may be full because of it. */
  mgp_catalog_checkpoint(s, true);
}

static magpie_status write_head(mgp_store *s, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_HEAD_WRITE, &statement, err));
  sqlite3_bind_int64(statement, 1, (int64_t)s->head.generation + 1);
  sqlite3_bind_int64(statement, 2, s->head.next_source);
  sqlite3_bind_int64(statement, 3, s->head.next_item);
  sqlite3_bind_int64(statement, 4, s->head.next_segment);
  mgp_bind_text(statement, 5, MGP_VERSION_TEXT);
  sqlite3_bind_int64(statement, 6, mgp_clock_unix_ms());
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

/* On failure the transaction is over and nothing of it is seen. */
magpie_status mgp_store_commit(mgp_store *s, uint64_t *generation, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "committing", err));
  magpie_status status = s->is_spoilt
                             ? mgp_fail(err, MAGPIE_IO,
                                        "committing to %s: a segment of this transaction could "
                                        "not be written; begin it again",
                                        s->path)
                             : mgp_written_sync(s, err);
  if (status == MAGPIE_OK) status = mgp_live_write(s, err);
  if (status == MAGPIE_OK) status = write_head(s, err);
  if (status != MAGPIE_OK) {
    mgp_store_rollback(s);
    return status;
  }
  status = mgp_catalog_run(s, s->writer, SQL_COMMIT, err);
  if (status != MAGPIE_OK) {
    end_transaction(s);
    mgp_catalog_checkpoint(s, true);
    return status;
  }
  s->head.generation++;
  mgp_counts_committed(s);
  if (generation) *generation = s->head.generation;
  s->thumbs.count = 0;
  mgp_store_committed(s);
  end_transaction(s);
  return MAGPIE_OK;
}
