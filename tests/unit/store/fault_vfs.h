/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults: every write, fsync, rename, truncate and delete of the store and of SQLite beneath it is
 * a step; the n-th step fails once, fails from then on, or ends the process before or after it.
 */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <sqlite3.h>

#include "store/store_io.h"
#include "store_fixture.h"

typedef enum fault_kind {
  FAULT_NONE,
  FAULT_ONCE,
  FAULT_FROM,
  FAULT_EXIT_BEFORE,
  FAULT_EXIT_AFTER
} fault_kind;

/* `is_acknowledged` is set by the script once commit has returned 0. */
static struct {
  fault_kind kind;
  int at, steps;
  bool is_acknowledged;
} fault;

#define EXIT_UNACKNOWLEDGED 90
#define EXIT_ACKNOWLEDGED 91

static inline void fault_exit(void) {
  _exit(fault.is_acknowledged ? EXIT_ACKNOWLEDGED : EXIT_UNACKNOWLEDGED);
}

static inline bool step_fails(void) {
  const int step = ++fault.steps;
  if (fault.kind == FAULT_EXIT_BEFORE && step == fault.at) fault_exit();
  return (fault.kind == FAULT_ONCE && step == fault.at) ||
         (fault.kind == FAULT_FROM && step >= fault.at);
}

static inline void step_done(void) {
  if (fault.kind == FAULT_EXIT_AFTER && fault.steps == fault.at) fault_exit();
}

/* ---- the store's own calls ---- */

static ssize_t fault_write(int fd, const void *bytes, size_t size) {
  if (step_fails()) {
    errno = ENOSPC;
    return -1;
  }
  /* half of it, so that the caller's loop and torn files are tested too */
  const ssize_t wrote = write(fd, bytes, size > 1 ? size / 2 : size);
  step_done();
  return wrote;
}

static int fault_sync(int fd) {
  if (step_fails()) {
    errno = EIO;
    return -1;
  }
  const int result = fsync(fd);
  step_done();
  return result;
}

static int (*real_sync_folder)(const char *path);

static int fault_sync_folder(const char *path) {
  if (step_fails()) {
    errno = EIO;
    return -1;
  }
  const int result = real_sync_folder(path);
  step_done();
  return result;
}

/* It never fails here: a file that cannot be deleted costs space only, and is counted by tests. */
static int fault_unlink(const char *path) {
  step_fails();
  const int result = unlink(path);
  step_done();
  return result;
}

static int fault_rename(const char *from, const char *to) {
  if (step_fails()) {
    errno = EIO;
    return -1;
  }
  const int result = rename(from, to);
  step_done();
  return result;
}

/* ---- SQLite's calls: the methods of the usual VFS, with four of them replaced ---- */

typedef struct fault_methods {
  sqlite3_io_methods methods; /* first: a file's pMethods leads here */
  const sqlite3_io_methods *real;
} fault_methods;

static fault_methods fault_tables[8];
static sqlite3_vfs fault_vfs, *real_vfs;

static const sqlite3_io_methods *real_methods(sqlite3_file *file) {
  return ((const fault_methods *)(const void *)file->pMethods)->real;
}

static int vfs_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
  if (step_fails()) return SQLITE_FULL;
  const int code = real_methods(file)->xWrite(file, bytes, size, at);
  step_done();
  return code;
}

static int vfs_sync(sqlite3_file *file, int flags) {
  if (step_fails()) return SQLITE_IOERR_FSYNC;
  const int code = real_methods(file)->xSync(file, flags);
  step_done();
  return code;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size) {
  if (step_fails()) return SQLITE_IOERR_TRUNCATE;
  const int code = real_methods(file)->xTruncate(file, size);
  step_done();
  return code;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  const int code = real_vfs->xOpen(real_vfs, name, file, flags, out);
  if (!file->pMethods) return code;
  for (size_t i = 0; i < sizeof fault_tables / sizeof *fault_tables; i++) {
    fault_methods *t = &fault_tables[i];
    if (t->real && t->real != file->pMethods) continue;
    t->real = file->pMethods;
    t->methods = *t->real;
    t->methods.xWrite = vfs_write;
    t->methods.xSync = vfs_sync;
    t->methods.xTruncate = vfs_truncate;
    file->pMethods = &t->methods;
    return code;
  }
  return SQLITE_INTERNAL;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  if (step_fails()) return SQLITE_IOERR_DELETE;
  const int code = real_vfs->xDelete(real_vfs, name, sync_folder);
  step_done();
  return code;
}

static inline int faults_install(void **state) {
  (void)state;
  real_vfs = sqlite3_vfs_find(NULL);
  fault_vfs = *real_vfs;
  fault_vfs.zName = "fault";
  fault_vfs.xOpen = vfs_open;
  fault_vfs.xDelete = vfs_delete;
  mgp_store_io *io = mgp_store_io_table();
  io->write = fault_write;
  io->sync = fault_sync;
  real_sync_folder = io->sync_folder;
  io->sync_folder = fault_sync_folder;
  io->unlink = fault_unlink;
  io->rename = fault_rename;
  return sqlite3_vfs_register(&fault_vfs, 1) == SQLITE_OK ? 0 : -1;
}

static inline void fault_set(fault_kind kind, int at) {
  fault.kind = kind;
  fault.at = at;
  fault.steps = 0;
  fault.is_acknowledged = false;
}

#endif
