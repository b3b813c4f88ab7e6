/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of format 2, and who may open them. Described column by column in
 * docs/format/catalog.md: change both together, and MGP_STORE_FORMAT with them.
 *
 *   empty file --mgp_catalog_create--> format 2 --mgp_catalog_check--> open
 *              format 1 --mgp_catalog_upgrade--> format 2
 *                                      format 3 --mgp_catalog_check--> VERSION
 *                          another database --mgp_catalog_check--> FORMAT
 *
 * Readers read format 1 as it is: nothing is written before a writer holds the lock.
 */
#include <inttypes.h>

#include "store/catalog_checksum.h"
#include "store/live_items.h"

#define CREATE_LIVE "CREATE TABLE live (block INTEGER PRIMARY KEY, kinds BLOB NOT NULL);"
/* Only files move. Hashes come in no order, so that each would touch a page of its own: for
 * records, which may be millions, that is more to write than they are. */
#define CREATE_SOURCE_HASH "CREATE INDEX source_hash ON source (hash) WHERE record IS NULL;"
#define CREATE_SEGMENT_BYTES                                                                       \
  "CREATE TABLE segment_bytes (number INTEGER PRIMARY KEY REFERENCES segment, bytes BLOB NOT "     \
  "NULL);"

static const char schema[] =
    "CREATE TABLE head (only INTEGER PRIMARY KEY CHECK (only = 1), generation INTEGER NOT NULL,"
    " next_source INTEGER NOT NULL, next_item INTEGER NOT NULL, next_segment INTEGER NOT NULL,"
    " writer TEXT NOT NULL, committed_ms INTEGER NOT NULL, sweeps INTEGER NOT NULL);"
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kind (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE source (number INTEGER PRIMARY KEY, path BLOB, record TEXT UNIQUE,"
    " size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " device INTEGER NOT NULL, hash BLOB NOT NULL, format TEXT, title TEXT, metadata TEXT);"
    /* A record may name a file that is indexed on its own account too. */
    "CREATE UNIQUE INDEX source_path ON source (path) WHERE record IS NULL;" CREATE_SOURCE_HASH
    /* Short columns first: what stands before `title` is read without overflow pages. */
    "CREATE TABLE item (number INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES source,"
    " kind INTEGER NOT NULL REFERENCES kind, thumb_size INTEGER NOT NULL, thumb_hash INTEGER,"
    " id TEXT NOT NULL UNIQUE, language TEXT, page INTEGER NOT NULL, box_x REAL, box_y REAL,"
    " box_width REAL, box_height REAL, span_start REAL, span_end REAL, first_line INTEGER,"
    " last_line INTEGER, title TEXT, context TEXT, metadata TEXT, text TEXT);"
    "CREATE INDEX item_source ON item (source);" CREATE_LIVE
    "CREATE INDEX item_thumb ON item (thumb_size) WHERE thumb_size > 0;"
    "CREATE TABLE failure (path BLOB PRIMARY KEY, stage TEXT NOT NULL, code INTEGER NOT NULL,"
    " reason TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " tries INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE space (name TEXT PRIMARY KEY, pack TEXT NOT NULL, pack_hash TEXT NOT NULL,"
    " metric TEXT NOT NULL, dim INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE segment (number INTEGER PRIMARY KEY, space TEXT NOT NULL REFERENCES space,"
    " count INTEGER NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL,"
    " generation INTEGER NOT NULL);"
    "CREATE INDEX segment_space ON segment (space);" CREATE_SEGMENT_BYTES
    "INSERT INTO head VALUES (1, 0, 1, 1, 1, '" MGP_VERSION_TEXT "', 0, 0);";

static magpie_status run_text(const mgp_store *s, mgp_connection *c, const char *sql,
                              const char *doing, magpie_error *err) {
  const int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
  if (code != SQLITE_OK) return mgp_catalog_fail(s, c->db, code, doing, err);
  return MAGPIE_OK;
}

static magpie_status read_number(const mgp_store *s, mgp_connection *c, const char *sql,
                                 int64_t *out, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2(c->db, sql, -1, &statement, NULL);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW) return mgp_catalog_fail(s, c->db, code, "reading the catalog", err);
  return MAGPIE_OK;
}

magpie_status mgp_catalog_format(const mgp_store *s, mgp_connection *c, int64_t *format,
                                 magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_FORMAT, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  *format = row ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_reset(statement);
  return MAGPIE_OK;
}

/* A newer magpie keeps head.writer where it is, whatever else it changes. */
static magpie_status refuse_newer(const mgp_store *s, mgp_connection *c, int64_t format,
                                  magpie_error *err) {
  char writer[64] = "an unknown version";
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(c->db, "SELECT writer FROM head", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
    snprintf(writer, sizeof writer, "magpie %s", (const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  return mgp_fail(err, MAGPIE_VERSION,
                  "%s was written by %s in format %" PRId64
                  "; this is magpie %s, which reads up to "
                  "format %d: use the newer magpie",
                  s->path, writer, format, MGP_VERSION_TEXT, MGP_STORE_FORMAT);
}

static magpie_status check_marks(const mgp_store *s, mgp_connection *c, magpie_error *err) {
  int64_t application = 0, format = 0, tables = 0;
  MGP_FORWARD(read_number(s, c, "PRAGMA application_id", &application, err));
  MGP_FORWARD(read_number(s, c, "PRAGMA user_version", &format, err));
  MGP_FORWARD(read_number(s, c, "SELECT count(*) FROM sqlite_schema", &tables, err));
  MGP_RETURN_IF(application == 0 && format == 0 && tables == 0, err, MAGPIE_NOT_FOUND,
                "the index %s is empty: its creation was cut short; run `magpie index` on a folder "
                "to fill it",
                s->path);
  MGP_RETURN_IF(
      application != CATALOG_APPLICATION_ID || format < 1, err, MAGPIE_FORMAT,
      "%s is a database, but not the catalog of a magpie index (application id 0x%08" PRIX64
      ", format %" PRId64 "): give the path of an index, NAME.mgp",
      s->catalog_path, (uint64_t)application & 0xFFFFFFFFu, format);
  if (format > MGP_STORE_FORMAT) return refuse_newer(s, c, format, err);
  mgp_head head;
  return mgp_catalog_head(s, c, &head, err);
}

/* In one read transaction: another process may be creating the tables right now. */
magpie_status mgp_catalog_check(const mgp_store *s, mgp_connection *c, magpie_error *err) {
  MGP_FORWARD(mgp_catalog_run(s, c, SQL_READ_BEGIN, err));
  const magpie_status status = check_marks(s, c, err);
  mgp_catalog_run(s, c, SQL_ROLLBACK, NULL);
  return status;
}

magpie_status mgp_catalog_create(mgp_store *s, mgp_connection *c, magpie_error *err) {
  MGP_FORWARD(mgp_catalog_run(s, c, SQL_BEGIN, err));
  int64_t tables = 0, application = 0;
  magpie_status status = read_number(s, c, "SELECT count(*) FROM sqlite_schema", &tables, err);
  if (status == MAGPIE_OK) status = read_number(s, c, "PRAGMA application_id", &application, err);
  /* Looked at again under the lock: two may open a new index at once. */
  if (status == MAGPIE_OK && tables == 0 && application == 0) {
    char marks[96];
    snprintf(marks, sizeof marks, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             CATALOG_APPLICATION_ID, MGP_STORE_FORMAT);
    status = run_text(s, c, schema, "creating the catalog", err);
    if (status == MAGPIE_OK) status = run_text(s, c, marks, "creating the catalog", err);
  }
  if (status == MAGPIE_OK) status = mgp_catalog_run(s, c, SQL_COMMIT, err);
  if (status != MAGPIE_OK && !sqlite3_get_autocommit(c->db)) {
    mgp_catalog_run(s, c, SQL_ROLLBACK, NULL);
  }
  return status;
}

/* ---- from older formats -------------------------------------------------------------------------
 */

static magpie_status upgrade_1(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(
      run_text(s, s->writer, CREATE_LIVE CREATE_SEGMENT_BYTES, "upgrading the catalog", err));
  MGP_FORWARD(mgp_live_rebuild(s, err));
  return run_text(s, s->writer,
                  "DROP INDEX item_kind; DROP INDEX source_hash;" CREATE_SOURCE_HASH
                  "PRAGMA user_version = 2",
                  "upgrading the catalog", err);
}

/* Every page is written anew with its checksum. Outside of a transaction, so before it: of a cut
 * nothing is seen but format 1, with or without them. */
static magpie_status make_room_for_checksums(mgp_store *s, magpie_error *err) {
  bool is_on = false;
  int code = mgp_checksum_is_on(s->writer->db, &is_on);
  if (code == SQLITE_OK && is_on) return MAGPIE_OK;
  if (code == SQLITE_OK) code = mgp_checksum_reserve(s->writer->db);
  if (code == SQLITE_OK) code = sqlite3_exec(s->writer->db, "VACUUM", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return mgp_catalog_fail(s, s->writer->db, code, "upgrading the catalog", err);
  return MAGPIE_OK;
}

magpie_status mgp_catalog_upgrade(mgp_store *s, magpie_error *err) {
  int64_t format = 0;
  MGP_FORWARD(mgp_catalog_format(s, s->writer, &format, err));
  if (format >= MGP_STORE_FORMAT) return MAGPIE_OK;
  MGP_FORWARD(make_room_for_checksums(s, err));
  MGP_FORWARD(mgp_catalog_run(s, s->writer, SQL_BEGIN, err));
  magpie_status status = upgrade_1(s, err);
  if (status == MAGPIE_OK) status = mgp_catalog_run(s, s->writer, SQL_COMMIT, err);
  if (status != MAGPIE_OK && !sqlite3_get_autocommit(s->writer->db))
    mgp_catalog_run(s, s->writer, SQL_ROLLBACK, NULL);
  return status;
}
