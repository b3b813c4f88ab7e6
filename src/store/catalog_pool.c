/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to the catalog. The writer has one of its own. A reader borrows one of a pool for the
 * time of one call, so that threads never wait for each other and a callback may read as well; the
 * pool keeps the few that a busy moment needed.
 *
 * Read-only media, full disks: WAL needs a shared-memory file beside the catalog. Where none can be
 * made, and no WAL holds newer pages, the catalog is opened as immutable (no locks at all). Such a
 * connection is thrown away as soon as the catalog's size or time changes, since nothing else would
 * tell it.
 */
#include "store/catalog.h"
#include "store/catalog_checksum.h"
#include "store/catalog_memory.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDLE_MAX 16

void mgp_catalog_close(mgp_store *s, mgp_connection *c) {
  if (!c) return;
  for (int i = 0; i < SQL_COUNT; i++) sqlite3_finalize(c->statements[i]);
  sqlite3_close(c->db);
  mgp_free(s->alloc, c);
}

/* A file URI: SQLite takes the path as bytes, with '%', '?' and '#' as %XX. */
static char *catalog_uri(const mgp_store *s, const char *options) {
  mgp_buffer b;
  mgp_buffer_init(&b, s->alloc);
  /* A relative path has no place in "file://": it follows "file:" as it is. */
  mgp_buffer_add_text(&b, s->catalog_path[0] == '/' ? "file://" : "file:");
  for (const char *p = s->catalog_path; *p; p++) {
    if (*p == '%' || *p == '?' || *p == '#') mgp_buffer_printf(&b, "%%%02X", (unsigned char)*p);
    else mgp_buffer_add_char(&b, *p);
  }
  mgp_buffer_add_text(&b, options);
  return mgp_buffer_take(&b);
}

static int set_up(mgp_store *s, sqlite3 *db, bool is_writer) {
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, BUSY_MS);
  /* A catalog may come from anyone: its schema must not run anything. */
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  const int code = mgp_catalog_forbid_checkpoints(s, db, is_writer);
  if (code != SQLITE_OK) return code;
  return sqlite3_exec(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", NULL, NULL,
                      NULL);
}

static magpie_status connect(mgp_store *s, int flags, const char *options, mgp_connection **out,
                             magpie_error *err) {
  mgp_connection *c = mgp_calloc(s->alloc, 1, sizeof *c);
  char *uri = catalog_uri(s, options);
  if (!c || !uri) {
    mgp_free(s->alloc, c);
    mgp_free(s->alloc, uri);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", s->path);
  }
  const char *vfs = mgp_checksum_vfs();
  int code = vfs ? sqlite3_open_v2(uri, &c->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, vfs)
                 : SQLITE_NOMEM;
  mgp_free(s->alloc, uri);
  if (code == SQLITE_OK) code = set_up(s, c->db, (flags & SQLITE_OPEN_CREATE) != 0);
  magpie_status status = MAGPIE_OK;
  if (code != SQLITE_OK) {
    status = mgp_catalog_fail(s, c->db, code, "opening the index", err);
    mgp_catalog_close(s, c);
    c = NULL;
  }
  *out = c;
  return status;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static void stat_catalog(const mgp_store *s, int64_t *size, int64_t *time_ns) {
  struct stat st = {0};
  *size = *time_ns = -1;
  if (stat(s->catalog_path, &st) != 0) return;
  *size = st.st_size;
  *time_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* Pages that only the WAL holds would be missed by an immutable connection. */
static bool wal_is_empty(const mgp_store *s) {
  mgp_buffer b;
  mgp_buffer_init(&b, s->alloc);
  mgp_buffer_printf(&b, "%s-wal", s->catalog_path);
  struct stat st = {0};
  const bool is_empty = !b.failed && (stat(b.data, &st) != 0 || st.st_size == 0);
  mgp_buffer_fini(&b);
  return is_empty;
}

static magpie_status connect_immutable(mgp_store *s, mgp_connection **out, magpie_error *err) {
  int64_t size = 0, time_ns = 0;
  stat_catalog(s, &size, &time_ns);
  MGP_FORWARD(connect(s, SQLITE_OPEN_READONLY, "?immutable=1", out, err));
  (*out)->is_immutable = true;
  (*out)->seen_size = size;
  (*out)->seen_time_ns = time_ns;
  return MAGPIE_OK;
}

/* SQLite opens lazily: only a first read tells whether the connection works. */
static int first_read(mgp_connection *c) {
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &statement, NULL);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  sqlite3_finalize(statement);
  return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* A disk so full that the shared-memory file finds no place: no writer is at work there. */
static bool is_without_room(int code) {
  return code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMOPEN || code == SQLITE_FULL;
}

/* Whoever made the catalog died before it was a WAL database: its journal lies beside it, and a
 * connection that may write rolls it back by reading. */
static magpie_status roll_back_making(mgp_store *s, mgp_connection **out, magpie_error *err) {
  mgp_catalog_close(s, *out);
  *out = NULL;
  MGP_FORWARD(connect(s, SQLITE_OPEN_READWRITE, "", out, err));
  first_read(*out);
  mgp_catalog_close(s, *out);
  return connect(s, SQLITE_OPEN_READONLY, "", out, err);
}

static magpie_status connect_reader(mgp_store *s, mgp_connection **out, magpie_error *err) {
  mgp_connection *c = NULL;
  MGP_FORWARD(connect(s, SQLITE_OPEN_READONLY, "", &c, err));
  int code = first_read(c);
  if (code == SQLITE_READONLY_ROLLBACK && access(s->path, W_OK) == 0) {
    MGP_FORWARD(roll_back_making(s, &c, err));
    code = first_read(c);
  }
  if (code == SQLITE_OK) {
    *out = c;
    return MAGPIE_OK;
  }
  const int kind = code & 0xFF;
  const bool cannot_share = kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY;
  const bool may_freeze =
      (is_without_room(code) || (cannot_share && access(s->path, W_OK) != 0)) && wal_is_empty(s);
  magpie_status status = MAGPIE_OK;
  if (cannot_share && !may_freeze && access(s->path, W_OK) != 0)
    status = mgp_fail(err, MAGPIE_IO,
                      "%s cannot be read in a folder without write permission while its catalog "
                      "has changes in %s-wal: copy the index to a folder of yours, or let its "
                      "owner run `magpie merge` once",
                      s->path, CATALOG_FILE);
  else if (!may_freeze) status = mgp_catalog_fail(s, c->db, code, "opening the index", err);
  mgp_catalog_close(s, c);
  if (!may_freeze) return status;
  MGP_FORWARD(connect_immutable(s, &c, err));
  const int second = first_read(c);
  if (second != SQLITE_OK) {
    status = mgp_catalog_fail(s, c->db, second, "opening the index", err);
    mgp_catalog_close(s, c);
    return status;
  }
  *out = c;
  return MAGPIE_OK;
}

static bool is_stale(const mgp_store *s, const mgp_connection *c) {
  if (!c->is_immutable) return false;
  int64_t size = 0, time_ns = 0;
  stat_catalog(s, &size, &time_ns);
  return size != c->seen_size || time_ns != c->seen_time_ns || !wal_is_empty(s);
}

magpie_status mgp_catalog_acquire(mgp_store *s, mgp_connection **out, magpie_error *err) {
  pthread_mutex_lock(&s->pool_lock);
  mgp_connection *c = s->idle;
  if (c) {
    s->idle = c->next;
    s->idle_count--;
  }
  pthread_mutex_unlock(&s->pool_lock);
  if (c && is_stale(s, c)) {
    mgp_catalog_close(s, c);
    c = NULL;
  }
  if (!c) {
    MGP_FORWARD(connect_reader(s, &c, err));
    const int code = mgp_catalog_cache(s, c->db, false); /* reads the schema: not before here */
    if (code != SQLITE_OK) {
      const magpie_status status = mgp_catalog_fail(s, c->db, code, "opening the index", err);
      mgp_catalog_close(s, c);
      return status;
    }
  }
  c->next = NULL;
  *out = c;
  return MAGPIE_OK;
}

void mgp_catalog_release(mgp_store *s, mgp_connection *c) {
  if (!c) return;
  /* A statement that is still open would hold back the WAL's reset. */
  for (int i = 0; i < SQL_COUNT; i++)
    if (c->statements[i] && sqlite3_stmt_busy(c->statements[i])) sqlite3_reset(c->statements[i]);
  if (!sqlite3_get_autocommit(c->db)) mgp_catalog_run(s, c, SQL_ROLLBACK, NULL);
  pthread_mutex_lock(&s->pool_lock);
  const bool keep = s->idle_count < IDLE_MAX;
  if (keep) {
    c->next = s->idle;
    s->idle = c;
    s->idle_count++;
  }
  pthread_mutex_unlock(&s->pool_lock);
  if (!keep) mgp_catalog_close(s, c);
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static magpie_status configure_writer(mgp_store *s, mgp_connection *c, magpie_error *err) {
  static const char settings[] = "PRAGMA synchronous = FULL;"
                                 "PRAGMA foreign_keys = ON;"
                                 "PRAGMA journal_size_limit = 67108864;"
                                 "PRAGMA temp_store = FILE;"; /* a large sort spills */
  int code = sqlite3_exec(c->db, settings, NULL, NULL, NULL);
  if (code == SQLITE_OK) code = mgp_catalog_cache(s, c->db, true);
  if (code != SQLITE_OK) return mgp_catalog_fail(s, c->db, code, "opening the index", err);
  return MAGPIE_OK;
}

/* Only our own new file becomes a WAL database; the mode is stored in it. */
static magpie_status create_catalog(mgp_store *s, mgp_connection *c, magpie_error *err) {
  int code = mgp_checksum_reserve(c->db);
  if (code == SQLITE_OK) code = sqlite3_exec(c->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
  if (code != SQLITE_OK) return mgp_catalog_fail(s, c->db, code, "creating the catalog", err);
  MGP_FORWARD(configure_writer(s, c, err));
  MGP_FORWARD(mgp_catalog_create(s, c, err));
  return mgp_catalog_check(s, c, err);
}

static magpie_status open_writer(mgp_store *s, mgp_connection *c, magpie_error *err) {
  /* SQLite falls back to reading where it may not write. */
  MGP_RETURN_IF(sqlite3_db_readonly(c->db, "main") == 1, err, MAGPIE_IO,
                "%s cannot be written to: check the permissions of the folder and its files",
                s->path);
  magpie_error why = {0};
  magpie_status status = mgp_catalog_check(s, c, &why);
  if (status == MAGPIE_NOT_FOUND) {
    int held = -1;
    MGP_FORWARD(mgp_store_hold(s, &held, err)); /* all that writes has the lock */
    status = create_catalog(s, c, err);
    close(held);
    return status;
  }
  if (status != MAGPIE_OK) {
    if (err) *err = why;
    return status;
  }
  return configure_writer(s, c, err);
}

/* Where two create one index at once, SQLite does not always wait: to turn a new file into a WAL
 * database it may have to give way at once, or neither would get on. */
static magpie_status open_writer_in_turn(mgp_store *s, mgp_connection *c, magpie_error *err) {
  const double end = mgp_clock_seconds() + BUSY_MS / 1000.0;
  magpie_status status = open_writer(s, c, err);
  while (status == MAGPIE_LOCKED && mgp_clock_seconds() < end) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    status = open_writer(s, c, err);
  }
  return status;
}

magpie_status mgp_catalog_open_writer(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(connect(s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "", &s->writer, err));
  const magpie_status status = open_writer_in_turn(s, s->writer, err);
  if (status != MAGPIE_OK) {
    mgp_catalog_close(s, s->writer);
    s->writer = NULL;
  }
  return status;
}
