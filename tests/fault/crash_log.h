/* SPDX-License-Identifier: Apache-2.0
 *
 * A log of every call of this process that changes what lies below one folder: writes with their
 * bytes, truncations, fsyncs, and what happens to names. As in failing_calls.h, a symbol that the
 * program defines goes before that of libc, for magpie's table of calls and for SQLite's shared
 * library alike, so that nothing escapes. Include it in one file of a program.
 *
 * Not logged: SQLite's shared memory (-shm), which no recovery reads, and the lock file, whose text
 * decides nothing but how much is swept. After the shim of ALICE (Pillai et al., OSDI 2014).
 */
#ifndef CRASH_LOG_H
#define CRASH_LOG_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum crash_kind {
  CRASH_WRITE,
  CRASH_TRUNCATE,
  CRASH_SYNC,
  CRASH_CREATE, /* a new file gets a name */
  CRASH_FOLDER, /* mkdir */
  CRASH_RENAME,
  CRASH_LINK,
  CRASH_UNLINK,
  CRASH_SYNC_FOLDER,
  CRASH_MARK /* of the workload: something was acknowledged */
} crash_kind;

/* Paths are relative to the folder that is watched; "" is that folder. */
typedef struct crash_op {
  crash_kind kind;
  int node; /* the file: of WRITE, TRUNCATE, SYNC, CREATE; the number of a MARK */
  long long at;
  size_t size; /* new size of TRUNCATE */
  unsigned char *bytes;
  char path[96], to[96];
} crash_op;

#define CRASH_OPS_MAX 20000
#define CRASH_NODES_MAX 2000

static struct {
  bool is_on;
  char root[128];
  crash_op *ops;
  int count, nodes;
  ino_t inodes[CRASH_NODES_MAX];   /* of each node */
  char names[CRASH_NODES_MAX][96]; /* that it was created with */
} crash_log;

static inline void crash_log_begin(const char *root) {
  for (int i = 0; i < crash_log.count; i++) free(crash_log.ops[i].bytes);
  if (!crash_log.ops) crash_log.ops = calloc(CRASH_OPS_MAX, sizeof *crash_log.ops);
  if (!crash_log.ops) abort();
  crash_log.count = crash_log.nodes = 0;
  snprintf(crash_log.root, sizeof crash_log.root, "%s", root);
  crash_log.is_on = true;
}

static inline crash_op *crash_add(crash_kind kind) {
  if (crash_log.count == CRASH_OPS_MAX) abort(); /* the workload is too long for the test */
  crash_op *op = &crash_log.ops[crash_log.count++];
  *op = (crash_op){.kind = kind, .node = -1};
  return op;
}

static inline void crash_mark(int number) {
  crash_add(CRASH_MARK)->node = number;
}

/* The path below the root, or NULL for one that is not logged. */
static inline const char *crash_path(const char *path) {
  const size_t root = strlen(crash_log.root), size = strlen(path);
  if (!crash_log.is_on || strncmp(path, crash_log.root, root) != 0) return NULL;
  if (path[root] != '/' && path[root] != '\0') return NULL;
  if (size > 4 && strcmp(path + size - 4, "-shm") == 0) return NULL;
  if (size > 5 && strcmp(path + size - 5, "/lock") == 0) return NULL;
  return path[root] == '/' ? path + root + 1 : path + root;
}

/* The newest file of an inode; -1: not one of ours. */
static inline int crash_node(int fd) {
  struct stat st;
  if (!crash_log.is_on || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return -1;
  for (int i = crash_log.nodes - 1; i >= 0; i--)
    if (crash_log.inodes[i] == st.st_ino) return i;
  return -1;
}

static inline void crash_created(int fd, const char *path) {
  struct stat st;
  if (fstat(fd, &st) != 0 || crash_log.nodes == CRASH_NODES_MAX) abort();
  crash_log.inodes[crash_log.nodes] = st.st_ino;
  snprintf(crash_log.names[crash_log.nodes], sizeof crash_log.names[0], "%s", path);
  crash_op *op = crash_add(CRASH_CREATE);
  op->node = crash_log.nodes++;
  snprintf(op->path, sizeof op->path, "%s", path);
}

static inline void crash_wrote(int fd, const void *bytes, ssize_t size, long long at) {
  const int node = size > 0 ? crash_node(fd) : -1;
  if (node < 0) return;
  crash_op *op = crash_add(CRASH_WRITE);
  op->node = node;
  op->at = at;
  op->size = (size_t)size;
  op->bytes = malloc(op->size);
  if (!op->bytes) abort();
  memcpy(op->bytes, bytes, op->size);
}

static inline void crash_truncated(int fd, long long size) {
  const int node = crash_node(fd);
  if (node < 0) return;
  crash_op *op = crash_add(CRASH_TRUNCATE);
  op->node = node;
  op->size = (size_t)size;
}

static inline void crash_synced(int fd) {
  char link[64], path[256];
  const int node = crash_node(fd);
  if (node >= 0) {
    crash_add(CRASH_SYNC)->node = node;
    return;
  }
  struct stat st;
  if (!crash_log.is_on || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode)) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) abort();
  path[size] = '\0';
  const char *below = crash_path(path);
  if (below) snprintf(crash_add(CRASH_SYNC_FOLDER)->path, 96, "%s", below);
}

static inline void crash_named(crash_kind kind, const char *path, const char *to) {
  const char *below = crash_path(path), *new = to ? crash_path(to) : "";
  if (!below || !new) return;
  crash_op *op = crash_add(kind);
  snprintf(op->path, sizeof op->path, "%s", below);
  snprintf(op->to, sizeof op->to, "%s", new);
}

/* ---- the calls ---- */

#define REAL(name)                                                                                 \
  static __typeof__(&name) real;                                                                   \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define SHOWN __attribute__((visibility("default")))

#define DEFINE_OPEN(name)                                                                          \
  SHOWN int name(const char *path, int flags, ...) {                                               \
    REAL(name);                                                                                    \
    va_list args;                                                                                  \
    va_start(args, flags);                                                                         \
    const bool has_mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;                   \
    const mode_t mode = has_mode ? va_arg(args, mode_t) : 0;                                       \
    va_end(args);                                                                                  \
    const char *below = (flags & O_CREAT) ? crash_path(path) : NULL;                               \
    const bool is_new = below && access(path, F_OK) != 0;                                          \
    const int fd = real(path, flags, mode);                                                        \
    if (fd >= 0 && is_new) crash_created(fd, below);                                               \
    else if (fd >= 0 && below && (flags & O_TRUNC)) crash_truncated(fd, 0);                        \
    return fd;                                                                                     \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

SHOWN ssize_t write(int fd, const void *bytes, size_t size) {
  REAL(write);
  const long long at = crash_log.is_on ? (long long)lseek(fd, 0, SEEK_CUR) : 0;
  const ssize_t wrote = real(fd, bytes, size);
  if (crash_log.is_on) crash_wrote(fd, bytes, wrote, at);
  return wrote;
}

#define DEFINE_PWRITE(name, offset)                                                                \
  SHOWN ssize_t name(int fd, const void *bytes, size_t size, offset at) {                          \
    REAL(name);                                                                                    \
    const ssize_t wrote = real(fd, bytes, size, at);                                               \
    crash_wrote(fd, bytes, wrote, (long long)at);                                                  \
    return wrote;                                                                                  \
  }
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

#define DEFINE_TRUNCATE(name, offset)                                                              \
  SHOWN int name(int fd, offset size) {                                                            \
    REAL(name);                                                                                    \
    const int result = real(fd, size);                                                             \
    if (result == 0) crash_truncated(fd, (long long)size);                                         \
    return result;                                                                                 \
  }
DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

#define DEFINE_SYNC(name)                                                                          \
  SHOWN int name(int fd) {                                                                         \
    REAL(name);                                                                                    \
    const int result = real(fd);                                                                   \
    if (result == 0) crash_synced(fd);                                                             \
    return result;                                                                                 \
  }
DEFINE_SYNC(fsync)
DEFINE_SYNC(fdatasync)

SHOWN int rename(const char *from, const char *to) {
  REAL(rename);
  const int result = real(from, to);
  if (result == 0) crash_named(CRASH_RENAME, from, to);
  return result;
}

SHOWN int link(const char *from, const char *to) {
  REAL(link);
  const int result = real(from, to);
  if (result == 0) crash_named(CRASH_LINK, from, to);
  return result;
}

SHOWN int unlink(const char *path) {
  REAL(unlink);
  const int result = real(path);
  if (result == 0) crash_named(CRASH_UNLINK, path, NULL);
  return result;
}

SHOWN int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  const int result = real(path, mode);
  if (result == 0) crash_named(CRASH_FOLDER, path, NULL);
  return result;
}

#endif
