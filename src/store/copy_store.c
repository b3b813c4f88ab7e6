/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_store_copy. The order keeps it consistent beside writers and merges:
 *
 *   link every file of segments/ --> VACUUM INTO: one generation's rows --> are its files there?
 *        ^                                                                    |no: a merge came
 *        +--------------------------------------------------------------------+ between; again
 *   yes --> unlink what it does not name --> thumbnails --> fsync --> rename
 *
 * A merge deletes files only after the commit that names their heirs, so the files that a catalog
 * names were there before or are there after.
 */
#include "store/copy_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/catalog_checksum.h"
#include "store/segment.h"
#include "store/store_io.h"

#define COPY_TRIES 16
#define COPY_BLOCK ((size_t)1 << 20)

typedef struct copying {
  mgp_store *s;
  char *target, *part; /* part: the folder until it is whole */
  mgp_store *copy;     /* the new catalog, opened for reading */
  const volatile int *cancel;
  mgp_copy_report *report;
} copying;

static magpie_status no_memory(const copying *c, magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to copy %s", c->s->path);
}

static magpie_status check_cancel(const copying *c, magpie_error *err) {
  MGP_RETURN_IF(c->cancel && *c->cancel, err, MAGPIE_CANCELLED,
                "stopped on request; nothing was left at %s", c->target);
  return MAGPIE_OK;
}

/* ---- one file -----------------------------------------------------------------------------------
 */

static magpie_status pump(copying *c, int from, int to, const char *path, magpie_error *err) {
  char *block = mgp_malloc(c->s->alloc, COPY_BLOCK);
  if (!block) return no_memory(c, err);
  int failed = 0;
  for (off_t at = 0;;) {
    const ssize_t got = mgp_store_io_table()->read_at(from, block, COPY_BLOCK, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || (got > 0 && !mgp_store_write_all(to, block, (size_t)got))) failed = errno;
    if (failed || got == 0) break;
    at += got;
    c->report->bytes_copied += (uint64_t)got;
  }
  mgp_free(c->s->alloc, block);
  return failed ? mgp_fail_errno(err, failed, "copying to %s", path) : MAGPIE_OK;
}

static magpie_status copy_file(copying *c, const char *from, const char *to, magpie_error *err) {
  const int in = mgp_store_io_table()->open(from, O_RDONLY | O_CLOEXEC, 0);
  if (in < 0) return mgp_fail_errno(err, errno, "opening %s", from);
  const int out = mgp_store_create(to);
  magpie_status status =
      out < 0 ? mgp_fail_errno(err, errno, "creating %s", to) : pump(c, in, out, to, err);
  if (out >= 0 && close(out) != 0 && status == MAGPIE_OK)
    status = mgp_fail_errno(err, errno, "writing %s", to);
  close(in);
  if (status == MAGPIE_OK) c->report->copied++;
  return status;
}

/* NOT_FOUND when it is gone; what is there already stays. */
static magpie_status take_file(copying *c, const char *name, magpie_error *err) {
  char *from = mgp_path_join(c->s->alloc, c->s->path, name);
  char *to = mgp_path_join(c->s->alloc, c->part, name);
  magpie_status status = MAGPIE_OK;
  if (!from || !to) {
    status = no_memory(c, err);
  } else if (mgp_store_io_table()->link(from, to) == 0) {
    c->report->linked++;
  } else if (errno == ENOENT) {
    status = mgp_fail_errno(err, ENOENT, "linking %s", from);
  } else if (errno != EEXIST) { /* another device, or a file system without links */
    status = copy_file(c, from, to, err);
  }
  mgp_free(c->s->alloc, from);
  mgp_free(c->s->alloc, to);
  return status;
}

/* ---- segments -----------------------------------------------------------------------------------
 */

/* 0 for a name that is no segment's. */
static int64_t segment_number(const char *name) {
  if (name[0] < '0' || name[0] > '9') return 0;
  char *end = NULL;
  const long long number = strtoll(name, &end, 10);
  return strcmp(end, ".seg") == 0 ? (int64_t)number : 0;
}

typedef magpie_status (*on_segment)(copying *c, int64_t number, magpie_error *err);

static magpie_status each_segment_file(copying *c, const char *index, on_segment fn,
                                       magpie_error *err) {
  char *folder = mgp_path_join(c->s->alloc, index, SEGMENTS_FOLDER);
  DIR *open = folder ? opendir(folder) : NULL;
  magpie_status status = MAGPIE_OK;
  if (!open) status = folder ? mgp_fail_errno(err, errno, "reading %s", folder) : no_memory(c, err);
  for (const struct dirent *e = open ? readdir(open) : NULL; e && status == MAGPIE_OK;
       e = readdir(open)) {
    const int64_t number = segment_number(e->d_name);
    status = check_cancel(c, err);
    if (status == MAGPIE_OK && number > 0) status = fn(c, number, err);
  }
  if (open) closedir(open);
  mgp_free(c->s->alloc, folder);
  return status;
}

static magpie_status link_segment(copying *c, int64_t number, magpie_error *err) {
  char name[SEGMENT_NAME_SIZE];
  magpie_error why = {0};
  mgp_segment_name(number, name);
  const magpie_status status = take_file(c, name, &why);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK; /* merged meanwhile */
  if (status != MAGPIE_OK && err) *err = why;
  return status;
}

/* Is the file of every large segment in the copy, and what the catalog says it is? */
static magpie_status segments_are_there(copying *c, bool *out, magpie_error *err) {
  mgp_snapshot *snap = NULL;
  MGP_FORWARD(mgp_snapshot_get(c->copy, &snap, err));
  *out = mgp_snapshot_damage(snap, 0) == NULL;
  c->report->generation = mgp_snapshot_generation(snap);
  c->report->segments = mgp_snapshot_segment_count(snap);
  mgp_snapshot_release(snap);
  return MAGPIE_OK;
}

static magpie_status drop_unnamed(copying *c, int64_t number, magpie_error *err) {
  bool is_named = false;
  char name[SEGMENT_NAME_SIZE];
  mgp_snapshot *snap = NULL;
  MGP_FORWARD(mgp_snapshot_get(c->copy, &snap, err));
  mgp_segment_name(number, name);
  for (size_t i = 0; !is_named && i < mgp_snapshot_segment_count(snap); i++)
    is_named = mgp_text_equal(mgp_snapshot_segment(snap, i)->file, name);
  for (size_t i = 0; !is_named && mgp_snapshot_damage(snap, i); i++)
    is_named = strstr(mgp_snapshot_damage(snap, i), name) != NULL;
  mgp_snapshot_release(snap);
  if (is_named) return MAGPIE_OK;
  char *path = mgp_path_join(c->s->alloc, c->part, name);
  if (!path) return no_memory(c, err);
  mgp_store_io_table()->unlink(path);
  mgp_free(c->s->alloc, path);
  return MAGPIE_OK;
}

/* ---- the catalog --------------------------------------------------------------------------------
 */

static magpie_status run_vacuum(copying *c, mgp_connection *connection, const char *path,
                                magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool has_checksums = false;
  int code = mgp_checksum_is_on(connection->db, &has_checksums);
  if (code == SQLITE_OK)
    code = sqlite3_prepare_v2(connection->db, "VACUUM INTO ?1", -1, &statement, NULL);
  if (code == SQLITE_OK) code = sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
  mgp_checksum_assume(has_checksums);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  mgp_checksum_assume(false);
  sqlite3_finalize(statement);
  if (code == SQLITE_DONE) return MAGPIE_OK;
  return mgp_catalog_fail(c->s, connection->db, code, "copying the catalog", err);
}

/* As an index has it: WAL is a mark in the file. */
static magpie_status make_wal(copying *c, const char *path, magpie_error *err) {
  sqlite3 *db = NULL;
  const char *vfs = mgp_checksum_vfs();
  int code = vfs ? sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, vfs) : SQLITE_NOMEM;
  if (code == SQLITE_OK) code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
  const magpie_status status =
      code == SQLITE_OK ? MAGPIE_OK : mgp_catalog_fail(c->s, db, code, "copying the catalog", err);
  sqlite3_close(db);
  return status;
}

static magpie_status copy_catalog(copying *c, magpie_error *err) {
  char *path = mgp_path_join(c->s->alloc, c->part, CATALOG_FILE);
  if (!path) return no_memory(c, err);
  mgp_store_close(&c->copy);
  unlink(path); /* of the try before */
  mgp_connection *connection = NULL;
  magpie_status status = mgp_catalog_acquire(c->s, &connection, err);
  if (status == MAGPIE_OK) status = run_vacuum(c, connection, path, err);
  mgp_catalog_release(c->s, connection);
  if (status == MAGPIE_OK) status = make_wal(c, path, err);
  struct stat st = {0};
  if (status == MAGPIE_OK && stat(path, &st) == 0) c->report->bytes_copied += (uint64_t)st.st_size;
  mgp_free(c->s->alloc, path);
  if (status != MAGPIE_OK) return status;
  return mgp_store_open(c->s->alloc, c->part, true, &c->copy, err);
}

/* ---- thumbnails ---------------------------------------------------------------------------------
 */

static magpie_status make_folder_of(copying *c, const char *name, magpie_error *err) {
  char *path = mgp_path_join(c->s->alloc, c->part, name);
  if (!path) return no_memory(c, err);
  *strrchr(path, '/') = '\0';
  const magpie_status status = mgp_directory_make(path, err);
  mgp_free(c->s->alloc, path);
  return status;
}

/* One that is gone counts as absent in the copy, as it does in the original. */
static magpie_status take_thumb(copying *c, int64_t item, magpie_error *err) {
  char name[THUMB_NAME_SIZE];
  magpie_error why = {0};
  mgp_thumb_name(item, name);
  MGP_FORWARD(check_cancel(c, err));
  MGP_FORWARD(make_folder_of(c, name, err));
  const magpie_status status = take_file(c, name, &why);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK;
  if (status == MAGPIE_OK) c->report->thumbs++;
  else if (err) *err = why;
  return status;
}

static magpie_status take_thumbs(copying *c, magpie_error *err) {
  mgp_connection *connection = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_acquire(c->copy, &connection, err));
  magpie_status status = mgp_catalog_statement(c->copy, connection, SQL_THUMBS, &statement, err);
  if (status == MAGPIE_OK) status = mgp_catalog_step(c->copy, connection, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    status = take_thumb(c, sqlite3_column_int64(statement, 0), err);
    if (status == MAGPIE_OK) status = mgp_catalog_step(c->copy, connection, statement, &row, err);
  }
  mgp_catalog_release(c->copy, connection);
  return status;
}

/* ---- making it durable --------------------------------------------------------------------------
 */

static magpie_status sync_file(copying *c, const char *name, magpie_error *err) {
  char *path = mgp_path_join(c->s->alloc, c->part, name);
  if (!path) return no_memory(c, err);
  const int fd = mgp_store_io_table()->open(path, O_RDONLY | O_CLOEXEC, 0);
  const bool is_done = fd >= 0 && mgp_store_io_table()->sync(fd) == 0;
  const int failed = is_done ? 0 : errno;
  if (fd >= 0) close(fd);
  mgp_free(c->s->alloc, path);
  return failed ? mgp_fail_errno(err, failed, "fsync of %s", name) : MAGPIE_OK;
}

/* Those of a writer that does not sync each commit are not on the disk yet. */
static magpie_status sync_segment(copying *c, int64_t number, magpie_error *err) {
  char name[SEGMENT_NAME_SIZE];
  mgp_segment_name(number, name);
  return sync_file(c, name, err);
}

static magpie_status sync_folder(copying *c, const char *name, magpie_error *err) {
  char *path = mgp_path_join(c->s->alloc, c->part, name);
  if (!path) return no_memory(c, err);
  const magpie_status status = mgp_store_sync_folder(path, err);
  mgp_free(c->s->alloc, path);
  return status;
}

static magpie_status publish(copying *c, magpie_error *err) {
  MGP_FORWARD(each_segment_file(c, c->part, sync_segment, err));
  MGP_FORWARD(sync_folder(c, SEGMENTS_FOLDER, err));
  MGP_FORWARD(sync_file(c, CATALOG_FILE, err));
  MGP_FORWARD(mgp_store_sync_folder(c->part, err));
  /* A rename replaces an empty folder, and nothing else. */
  if (mgp_store_io_table()->rename(c->part, c->target) != 0)
    return mgp_fail_errno(err, errno, "renaming %s to %s", c->part, c->target);
  const char *name = mgp_path_name(c->target);
  char *parent = mgp_strndup(c->s->alloc, c->target, (size_t)(name - c->target));
  if (!parent) return no_memory(c, err);
  const magpie_status status = mgp_store_sync_folder(parent[0] ? parent : ".", err);
  mgp_free(c->s->alloc, parent);
  return status;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

static magpie_status make_part(copying *c, magpie_error *err) {
  static const char *const folders[] = {SEGMENTS_FOLDER, THUMBS_FOLDER};
  MGP_FORWARD(mgp_directory_make(c->part, err));
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char *path = mgp_path_join(c->s->alloc, c->part, folders[i]);
    if (!path) return no_memory(c, err);
    const magpie_status status = mgp_directory_make(path, err);
    mgp_free(c->s->alloc, path);
    MGP_FORWARD(status);
  }
  return MAGPIE_OK;
}

static magpie_status copy_parts(copying *c, magpie_error *err) {
  bool is_whole = false;
  MGP_FORWARD(make_part(c, err));
  for (int tries = 0; !is_whole && tries < COPY_TRIES; tries++) {
    MGP_FORWARD(check_cancel(c, err));
    MGP_FORWARD(each_segment_file(c, c->s->path, link_segment, err));
    MGP_FORWARD(copy_catalog(c, err));
    /* committed between the two */
    MGP_FORWARD(each_segment_file(c, c->s->path, link_segment, err));
    MGP_FORWARD(segments_are_there(c, &is_whole, err));
  }
  /* Still not: the original is damaged, and the copy has the same damage. */
  MGP_FORWARD(each_segment_file(c, c->part, drop_unnamed, err));
  MGP_FORWARD(take_thumbs(c, err));
  mgp_store_close(&c->copy);
  return publish(c, err);
}

magpie_status mgp_store_copy(mgp_store *s, const char *target, const volatile int *cancel,
                             mgp_copy_report *report, magpie_error *err) {
  *report = (mgp_copy_report){0};
  MGP_RETURN_IF(mgp_file_exists(target), err, MAGPIE_INVALID,
                "%s exists already: name a new folder, or remove it first", target);
  copying c = {.s = s, .cancel = cancel, .report = report};
  mgp_buffer b;
  mgp_buffer_init(&b, s->alloc);
  mgp_buffer_printf(&b, "%s.part-%ld", target, (long)getpid());
  c.part = mgp_buffer_take(&b);
  c.target = mgp_strdup(s->alloc, target);
  magpie_status status = MAGPIE_OK;
  if (!c.part || !c.target) status = no_memory(&c, err);
  else if (mgp_file_exists(c.part)) status = mgp_directory_remove(c.part, err); /* of a dead one */
  if (status == MAGPIE_OK) {
    status = copy_parts(&c, err);
    mgp_store_close(&c.copy);
    if (status != MAGPIE_OK) mgp_directory_remove(c.part, NULL);
  }
  mgp_free(s->alloc, c.part);
  mgp_free(s->alloc, c.target);
  return status;
}
