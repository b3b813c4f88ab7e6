/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog of a new index. It is made under another name without any fsync, then made durable
 * with one, then given its name: who finds it finds it whole, and making it costs one fsync instead
 * of the eight with which SQLite turns an empty file into a WAL database with tables.
 *
 *   nothing --schema, fsync--> catalog.sqlite.new --rename--> catalog.sqlite
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/catalog_checksum.h"
#include "store/store_io.h"

/* Nobody else opens it: no locks, no shared memory, and its own checkpoint. */
static const char private_settings[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF;"
                                       "PRAGMA journal_mode = MEMORY";

static magpie_status fill(mgp_store *s, mgp_connection *c, magpie_error *err) {
  int code = sqlite3_exec(c->db, private_settings, NULL, NULL, NULL);
  if (code == SQLITE_OK) code = mgp_checksum_reserve(c->db);
  if (code != SQLITE_OK) return mgp_catalog_fail(s, c->db, code, "creating the catalog", err);
  MGP_FORWARD(mgp_catalog_create(s, c, err));
  code = sqlite3_exec(c->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL); /* kept in the file */
  return code == SQLITE_OK ? MAGPIE_OK
                           : mgp_catalog_fail(s, c->db, code, "creating the catalog", err);
}

static magpie_status make_at(mgp_store *s, const char *path, magpie_error *err) {
  mgp_connection *c = mgp_calloc(s->alloc, 1, sizeof *c);
  const char *vfs = mgp_checksum_vfs();
  if (!c || !vfs) {
    mgp_free(s->alloc, c);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to create %s", s->path);
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path, &c->db, flags, vfs);
  if (code == SQLITE_OK) sqlite3_extended_result_codes(c->db, 1);
  const magpie_status status = code == SQLITE_OK
                                   ? fill(s, c, err)
                                   : mgp_catalog_fail(s, c->db, code, "creating the catalog", err);
  mgp_catalog_close(s, c); /* its pages are in the file now, and its WAL is gone */
  return status;
}

static magpie_status sync_file(const char *path, magpie_error *err) {
  const mgp_store_io *io = mgp_store_io_table();
  const int fd = io->open(path, O_RDWR | O_CLOEXEC, 0);
  const int failed = fd < 0 ? errno : io->sync(fd) != 0 ? errno : 0;
  if (fd >= 0) close(fd);
  return failed ? mgp_fail_errno(err, failed, "fsync of %s", path) : MAGPIE_OK;
}

/* What was left by one who died at it. */
static magpie_status clear(const mgp_store *s, const char *path, magpie_error *err) {
  mgp_buffer wal;
  mgp_buffer_init(&wal, s->alloc);
  mgp_buffer_printf(&wal, "%s-wal", path);
  const mgp_store_io *io = mgp_store_io_table();
  magpie_status status =
      wal.failed ? mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to create %s", s->path) : MAGPIE_OK;
  if (status == MAGPIE_OK && io->unlink(path) != 0 && errno != ENOENT)
    status = mgp_fail_errno(err, errno, "removing %s", path);
  if (status == MAGPIE_OK && io->unlink(wal.data) != 0 && errno != ENOENT)
    status = mgp_fail_errno(err, errno, "removing %s", wal.data);
  mgp_buffer_fini(&wal);
  return status;
}

static magpie_status make_named(mgp_store *s, const char *path, magpie_error *err) {
  const mgp_store_io *io = mgp_store_io_table();
  MGP_FORWARD(clear(s, path, err));
  magpie_status status = make_at(s, path, err);
  if (status == MAGPIE_OK) status = sync_file(path, err);
  if (status == MAGPIE_OK && io->rename(path, s->catalog_path) != 0)
    status = mgp_fail_errno(err, errno, "renaming %s", path);
  if (status != MAGPIE_OK) clear(s, path, NULL);
  return status;
}

static magpie_status make_locked(mgp_store *s, magpie_error *err) {
  int held = -1;
  MGP_FORWARD(mgp_store_hold(s, &held, err)); /* all that writes has the lock */
  magpie_status status = MAGPIE_OK;
  if (!mgp_file_exists(s->catalog_path)) { /* else another made it meanwhile */
    char *path = mgp_path_join(s->alloc, s->path, CATALOG_NEW);
    status = path ? make_named(s, path, err)
                  : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to create %s", s->path);
    mgp_free(s->alloc, path);
  }
  close(held);
  return status;
}

magpie_status mgp_catalog_make(mgp_store *s, magpie_error *err) {
  const double end = mgp_clock_seconds() + BUSY_MS / 1000.0;
  magpie_status status = make_locked(s, err);
  while (status == MAGPIE_LOCKED && mgp_clock_seconds() < end) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    status = make_locked(s, err);
  }
  return status;
}
