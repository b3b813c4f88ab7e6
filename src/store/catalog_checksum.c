/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer below SQLite that keeps a checksum in the last 8 bytes of each page of catalog.sqlite:
 * written with the page, compared when the page is read, SQLITE_IOERR_DATA where it differs. The
 * format (8 reserved bytes, the sum) is that of SQLite's cksumvfs extension (public domain,
 * sqlite.org/cksumvfs.html), so that the sqlite3 shell can verify a catalog with it.
 *
 * Pages in the WAL have checksums of SQLite's own there (check_wal.c) and get theirs when a
 * checkpoint writes them into the catalog. Files that are not the catalog pass through.
 */
#include "store/catalog_checksum.h"

#include <pthread.h>

#define VFS_NAME "magpie"
#define PAGE_MIN 512
#define PAGE_MAX 65536
#define HEADER_RESERVED 20 /* offset of the number of reserved bytes */

typedef enum sealing { SEALING_UNKNOWN, SEALING_OFF, SEALING_ON } sealing;

typedef struct checked_file {
  sqlite3_file base;  /* first: what SQLite sees */
  sqlite3_file *real; /* of the VFS below; our block */
  bool is_catalog;
  sealing sealing; /* does page 1 reserve the bytes? */
} checked_file;

static _Thread_local uint64_t bad_page;
static _Thread_local bool is_assumed_on; /* of a file that has no page 1 yet */

uint64_t mgp_checksum_bad_page(void) {
  return bad_page;
}

void mgp_checksum_assume(bool is_on) {
  is_assumed_on = is_on;
}

void mgp_checksum_compute(const unsigned char *bytes, size_t size,
                          unsigned char out[PAGE_CHECKSUM_SIZE]) {
  uint32_t sums[2] = {0, 0};
  for (size_t at = 0; at < size; at += 8) {
    uint32_t words[2];
    memcpy(words, bytes + at, sizeof words);
    sums[0] += words[0] + sums[1];
    sums[1] += words[1] + sums[0];
  }
  memcpy(out, sums, sizeof sums); /* little-endian, as segments are (segment.h) */
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void look_at_header(checked_file *f, const unsigned char *header) {
  const bool is_ours = memcmp(header, "SQLite format 3", 16) == 0;
  f->sealing = is_ours && header[HEADER_RESERVED] == PAGE_CHECKSUM_SIZE ? SEALING_ON : SEALING_OFF;
}

static bool is_page(const checked_file *f, int size, sqlite3_int64 at) {
  return f->is_catalog && size >= PAGE_MIN && size <= PAGE_MAX && (size & (size - 1)) == 0 &&
         at % size == 0;
}

/* Whole, another connection may have written page 1 since this file was opened; where it is not
 * there, or a hole before pages that are, nothing is known yet. */
static bool is_sealed(checked_file *f) {
  unsigned char header[HEADER_RESERVED + 1];
  if (f->sealing == SEALING_UNKNOWN &&
      f->real->pMethods->xRead(f->real, header, sizeof header, 0) == SQLITE_OK && header[0] != 0)
    look_at_header(f, header);
  return f->sealing == SEALING_UNKNOWN ? is_assumed_on : f->sealing == SEALING_ON;
}

static int checked_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at) {
  checked_file *f = (checked_file *)file;
  const int code = f->real->pMethods->xRead(f->real, bytes, size, at);
  if (code != SQLITE_OK || !f->is_catalog) return code;
  if (at == 0 && size > HEADER_RESERVED && *(const char *)bytes) look_at_header(f, bytes);
  if (!is_page(f, size, at) || !is_sealed(f)) return SQLITE_OK;
  unsigned char found[PAGE_CHECKSUM_SIZE];
  const size_t covered = (size_t)size - PAGE_CHECKSUM_SIZE;
  mgp_checksum_compute(bytes, covered, found);
  if (memcmp(found, (const unsigned char *)bytes + covered, sizeof found) == 0) return SQLITE_OK;
  bad_page = (uint64_t)(at / size) + 1;
  return SQLITE_IOERR_DATA;
}

static int checked_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
  checked_file *f = (checked_file *)file;
  if (is_page(f, size, at)) {
    if (at == 0) look_at_header(f, bytes);
    /* In place: the bytes are SQLite's own page, whose reserved end it does not look at. */
    if (is_sealed(f)) {
      unsigned char *page = (unsigned char *)(uintptr_t)bytes;
      const size_t covered = (size_t)size - PAGE_CHECKSUM_SIZE;
      mgp_checksum_compute(page, covered, page + covered);
    }
  }
  return f->real->pMethods->xWrite(f->real, bytes, size, at);
}

/* ---- what passes through --------------------------------------------------------------------- */

static sqlite3_file *real_of(sqlite3_file *file) {
  return ((checked_file *)file)->real;
}

static int checked_close(sqlite3_file *file) {
  checked_file *f = (checked_file *)file;
  const int code = f->real->pMethods->xClose(f->real);
  sqlite3_free(f->real);
  f->real = NULL;
  return code;
}

static int checked_truncate(sqlite3_file *file, sqlite3_int64 size) {
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int checked_sync(sqlite3_file *file, int flags) {
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int checked_size(sqlite3_file *file, sqlite3_int64 *size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int checked_lock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int checked_unlock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int checked_reserved_lock(sqlite3_file *file, int *is_held) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), is_held);
}

static int checked_control(sqlite3_file *file, int what, void *argument) {
  return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int checked_sector(sqlite3_file *file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int checked_traits(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int checked_shm_map(sqlite3_file *file, int region, int size, int extend,
                           void volatile **out) {
  return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int checked_shm_lock(sqlite3_file *file, int from, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), from, count, flags);
}

static void checked_shm_barrier(sqlite3_file *file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int checked_shm_unmap(sqlite3_file *file, int is_deleted) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), is_deleted);
}

/* Version 2 has no xFetch: pages that SQLite maps would not be compared. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = checked_close,
                                           .xRead = checked_read,
                                           .xWrite = checked_write,
                                           .xTruncate = checked_truncate,
                                           .xSync = checked_sync,
                                           .xFileSize = checked_size,
                                           .xLock = checked_lock,
                                           .xUnlock = checked_unlock,
                                           .xCheckReservedLock = checked_reserved_lock,
                                           .xFileControl = checked_control,
                                           .xSectorSize = checked_sector,
                                           .xDeviceCharacteristics = checked_traits,
                                           .xShmMap = checked_shm_map,
                                           .xShmLock = checked_shm_lock,
                                           .xShmBarrier = checked_shm_barrier,
                                           .xShmUnmap = checked_shm_unmap};

/* ---- the VFS ----------------------------------------------------------------------------------
 */

/* Looked up each time: a test puts its own below ours. */
static sqlite3_vfs *below(void) {
  return sqlite3_vfs_find(NULL);
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  checked_file *f = (checked_file *)file;
  sqlite3_vfs *real = below();
  *f = (checked_file){.is_catalog = (flags & SQLITE_OPEN_MAIN_DB) != 0};
  f->real = sqlite3_malloc(real->szOsFile);
  if (!f->real) return SQLITE_NOMEM;
  memset(f->real, 0, (size_t)real->szOsFile);
  const int code = real->xOpen(real, name, f->real, flags, out);
  if (code == SQLITE_OK) {
    f->base.pMethods = &methods;
    return SQLITE_OK;
  }
  if (f->real->pMethods) f->real->pMethods->xClose(f->real);
  sqlite3_free(f->real);
  f->real = NULL;
  return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  return below()->xDelete(below(), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  (void)vfs;
  return below()->xAccess(below(), name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
  (void)vfs;
  return below()->xFullPathname(below(), name, size, out);
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out) {
  (void)vfs;
  return below()->xRandomness(below(), size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return below()->xSleep(below(), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *out) {
  (void)vfs;
  return below()->xCurrentTime(below(), out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out) {
  (void)vfs;
  return below()->xGetLastError(below(), size, out);
}

static sqlite3_vfs checked_vfs = {.iVersion = 1,
                                  .szOsFile = (int)sizeof(checked_file),
                                  .zName = VFS_NAME,
                                  .xOpen = vfs_open,
                                  .xDelete = vfs_delete,
                                  .xAccess = vfs_access,
                                  .xFullPathname = vfs_full_path,
                                  .xRandomness = vfs_random,
                                  .xSleep = vfs_sleep,
                                  .xCurrentTime = vfs_time,
                                  .xGetLastError = vfs_last_error};

static pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;

const char *mgp_checksum_vfs(void) {
  static bool is_registered; /* guarded by register_lock; want of memory is tried again */
  pthread_mutex_lock(&register_lock);
  if (!is_registered && sqlite3_initialize() == SQLITE_OK && below()) {
    checked_vfs.mxPathname = below()->mxPathname;
    is_registered = sqlite3_vfs_register(&checked_vfs, 0) == SQLITE_OK;
  }
  const char *name = is_registered ? VFS_NAME : NULL;
  pthread_mutex_unlock(&register_lock);
  return name;
}

int mgp_checksum_reserve(sqlite3 *db) {
  int size = PAGE_CHECKSUM_SIZE;
  return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &size);
}

int mgp_checksum_is_on(sqlite3 *db, bool *out) {
  int size = -1; /* asks */
  const int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &size);
  *out = size == PAGE_CHECKSUM_SIZE;
  return code;
}
