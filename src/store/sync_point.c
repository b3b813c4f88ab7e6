/* SPDX-License-Identifier: Apache-2.0
 *
 * When commits reach the disk, and when the WAL goes into the catalog. The promises of the three
 * modes are in docs/durability.md.
 *
 *   commit: FULL     durable when it returns
 *           BATCHED  files are durable before the catalog names them; the WAL at the sync point
 *           OFF      files and WAL at the sync point
 *   sync point: files fsynced -> their folder -> the WAL -> files that died are deleted
 *
 * A sync point comes before each checkpoint, when the lock is given up, and in BATCHED with the
 * first commit a second after the last one. Deletion waits for it: a power cut may bring back an
 * older catalog, which names those files.
 *
 * An fsync that failed is never tried again, as the kernel may have dropped the pages and would say
 * that all is well (Rebello et al., Can Applications Recover from fsync Failures?, ATC 2020).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/segment.h"
#include "store/store_io.h"

/* ---- checkpoints ------------------------------------------------------------------------------
 */

/* After each commit, whatever it was for. */
static int count_frames(void *context, sqlite3 *db, const char *name, int frames) {
  (void)db, (void)name;
  mgp_store *s = context;
  s->wal_frames = frames;
  if (s->durability != MAGPIE_DURABILITY_FULL) s->is_behind = true;
  return SQLITE_OK;
}

int mgp_catalog_forbid_checkpoints(mgp_store *s, sqlite3 *db, bool is_writer) {
  const int code = sqlite3_wal_autocheckpoint(db, 0);
  if (is_writer) sqlite3_wal_hook(db, count_frames, s);
  return code == SQLITE_OK ? sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL)
                           : code;
}

void mgp_catalog_checkpoint(mgp_store *s, bool truncate) {
  if (s->lock_fd < 0 || mgp_store_sync(s, NULL) != MAGPIE_OK) return;
  sqlite3 *db = s->writer->db;
  sqlite3_busy_timeout(db, 0);
  sqlite3_wal_checkpoint_v2(
      db, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  sqlite3_busy_timeout(db, BUSY_MS);
}

/* ---- the files of a transaction ----------------------------------------------------------------
 */

/* On the descriptor that wrote it: a writeback that failed before is told there for certain. */
static magpie_status sync_written(mgp_store *s, magpie_error *err) {
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < s->written_count; i++) {
    const mgp_written_file *file = &s->written[i];
    char name[SEGMENT_NAME_SIZE];
    if (status == MAGPIE_OK && mgp_store_io_table()->sync(file->fd) != 0) {
      mgp_segment_name(file->number, name);
      status = mgp_fail_errno(err, errno, "fsync of %s/%s", s->path, name);
    }
    close(file->fd);
  }
  s->written_count = 0;
  return status;
}

magpie_status mgp_written_add(mgp_store *s, int64_t number, int fd, magpie_error *err) {
  const magpie_status status = s->written_count == WRITTEN_MAX ? sync_written(s, err) : MAGPIE_OK;
  s->written[s->written_count++] = (mgp_written_file){.number = number, .fd = fd};
  return status;
}

magpie_status mgp_written_sync(mgp_store *s, magpie_error *err) {
  MGP_FORWARD(sync_written(s, err));
  if (s->segments.count == 0 || s->durability == MAGPIE_DURABILITY_OFF) return MAGPIE_OK;
  char *folder = mgp_path_join(s->alloc, s->path, SEGMENTS_FOLDER);
  MGP_RETURN_IF(!folder, err, MAGPIE_NO_MEMORY, "no memory to commit to %s", s->path);
  const magpie_status status = mgp_store_sync_folder(folder, err);
  mgp_free(s->alloc, folder);
  return status;
}

void mgp_written_drop(mgp_store *s) {
  for (size_t i = 0; i < s->written_count; i++) close(s->written[i].fd);
  s->written_count = 0;
}

/* ---- sync points ------------------------------------------------------------------------------
 */

magpie_status mgp_store_durability_set(mgp_store *s, magpie_durability durability,
                                       magpie_error *err) {
  MGP_RETURN_IF(durability < MAGPIE_DURABILITY_FULL || durability > MAGPIE_DURABILITY_OFF, err,
                MAGPIE_INVALID, "%d is no durability: full, batched or off", (int)durability);
  MGP_RETURN_IF(s->lock_fd >= 0, err, MAGPIE_INVALID,
                "the durability of %s cannot change while its lock is held", s->path);
  if (!s->writer) return MAGPIE_OK;
  const bool is_full = durability == MAGPIE_DURABILITY_FULL;
  /* NORMAL, and not OFF: SQLite then syncs around checkpoints, so that the catalog is never torn.
   */
  const char *sql = is_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
  const int code = sqlite3_exec(s->writer->db, sql, NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return mgp_catalog_fail(s, s->writer->db, code, "setting the durability", err);
  s->durability = durability;
  return MAGPIE_OK;
}

static magpie_status sync_file(const mgp_store *s, int64_t number, magpie_error *err) {
  char name[SEGMENT_NAME_SIZE];
  mgp_segment_name(number, name);
  char *path = mgp_path_join(s->alloc, s->path, name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to commit to %s", s->path);
  const mgp_store_io *io = mgp_store_io_table();
  const int fd = io->open(path, O_RDONLY | O_CLOEXEC, 0);
  /* One that is not there is damage that `check` names; or its bytes lie in the catalog. */
  const int failed = fd < 0 ? (errno == ENOENT ? 0 : errno) : io->sync(fd) != 0 ? errno : 0;
  if (fd >= 0) close(fd);
  const magpie_status status =
      failed ? mgp_fail_errno(err, failed, "fsync of %s", path) : MAGPIE_OK;
  mgp_free(s->alloc, path);
  return status;
}

static magpie_status sync_files(mgp_store *s, magpie_error *err) {
  if (s->unsynced.count == 0) return MAGPIE_OK;
  for (size_t i = 0; i < s->unsynced.count; i++)
    MGP_FORWARD(sync_file(s, s->unsynced.items[i], err));
  s->unsynced.count = 0;
  char *folder = mgp_path_join(s->alloc, s->path, SEGMENTS_FOLDER);
  MGP_RETURN_IF(!folder, err, MAGPIE_NO_MEMORY, "no memory to commit to %s", s->path);
  const magpie_status status = mgp_store_sync_folder(folder, err);
  mgp_free(s->alloc, folder);
  return status;
}

static magpie_status sync_wal(const mgp_store *s, magpie_error *err) {
  sqlite3_file *wal = NULL;
  sqlite3 *db = s->writer->db;
  int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (code == SQLITE_OK && wal && wal->pMethods)
    code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  return code == SQLITE_OK ? MAGPIE_OK : mgp_catalog_fail(s, db, code, "fsync of the WAL", err);
}

magpie_status mgp_store_sync(mgp_store *s, magpie_error *err) {
  if (s->lock_fd < 0 || !s->is_behind) return MAGPIE_OK;
  MGP_RETURN_IF(s->is_lost, err, MAGPIE_IO,
                "commits to %s could not be made durable: close it, look at the disk, then run "
                "`magpie check`",
                s->path);
  magpie_status status = sync_files(s, err);
  if (status == MAGPIE_OK) status = sync_wal(s, err);
  if (status != MAGPIE_OK) {
    s->is_lost = true;
    return status;
  }
  s->is_behind = false;
  s->synced_at = mgp_clock_seconds();
  mgp_segments_delete(s, &s->doomed_segments);
  mgp_thumbs_remove(s, &s->doomed_thumbs);
  return MAGPIE_OK;
}

/* ---- after a commit ---------------------------------------------------------------------------
 */

void mgp_segments_delete(mgp_store *s, mgp_numbers *numbers) {
  for (size_t i = 0; i < numbers->count; i++) {
    char name[SEGMENT_NAME_SIZE];
    mgp_segment_name(numbers->items[i], name);
    char *path = mgp_path_join(s->alloc, s->path, name);
    if (path) mgp_store_io_table()->unlink(path); /* else the next sweep does it */
    mgp_free(s->alloc, path);
  }
  numbers->count = 0;
}

/* For want of memory a file stays until the next sweep. */
static void move_all(mgp_store *s, mgp_numbers *from, mgp_numbers *to) {
  for (size_t i = 0; i < from->count; i++)
    if (mgp_numbers_add(s, to, from->items[i], NULL) != MAGPIE_OK) break;
  from->count = 0;
}

void mgp_store_committed(mgp_store *s) {
  const bool is_full = s->durability == MAGPIE_DURABILITY_FULL;
  move_all(s, &s->dead_segments, &s->doomed_segments);
  move_all(s, &s->dead_thumbs, &s->doomed_thumbs);
  if (is_full) {
    mgp_segments_delete(s, &s->doomed_segments); /* readers keep what they have mapped */
    mgp_thumbs_remove(s, &s->doomed_thumbs);
  }
  const bool is_off = s->durability == MAGPIE_DURABILITY_OFF;
  if (s->wal_frames >= (is_off ? WAL_FRAMES_MAX_OFF : WAL_FRAMES_MAX))
    mgp_catalog_checkpoint(s, false);
  else if (!is_off && mgp_clock_seconds() - s->synced_at >= BATCH_SECONDS)
    mgp_store_sync(s, NULL); /* what fails is told by the next begin or sync */
}

magpie_status mgp_store_adopt(mgp_store *s, const mgp_numbers *segments, magpie_error *err) {
  for (size_t i = 0; i < segments->count; i++)
    MGP_FORWARD(mgp_numbers_add(s, &s->unsynced, segments->items[i], err));
  s->is_behind = true;
  return mgp_store_sync(s, err);
}
