/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system that fail on request, for the whole process: a symbol that the program
 * defines goes before that of libc, for libmagpie and for SQLite's shared library alike. Memory of
 * magpie is taken by way of -Wl,--wrap (see `links:`), that of SQLite and jansson by their own
 * hooks. Include it in one file of a program.
 *
 * The n-th call of a class fails once, or it and all after it fail. What is counted is what passes
 * while `failing.is_armed`. After the method of sqlite.org/testing.html (§3).
 *
 * links: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 */
#ifndef FAILING_CALLS_H
#define FAILING_CALLS_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef enum call_class {
  CALL_ALLOCATE,
  CALL_OPEN,
  CALL_READ,
  CALL_WRITE,
  CALL_SYNC,
  CALL_RENAME, /* and unlink, truncate: what changes a name or a size */
  CALL_MAP,
  CALL_THREAD,
  CALL_CLASSES
} call_class;

static struct {
  atomic_bool is_armed;
  call_class which;
  long at;         /* 0: none fails */
  bool is_lasting; /* all from the n-th on */
  int error;       /* errno of a write that fails */
  atomic_long counts[CALL_CLASSES];
  atomic_long failed;
  atomic_bool has_room; /* a disk that takes `room` more bytes */
  atomic_long room;
} failing = {.error = ENOSPC};

static inline bool call_fails(call_class which) {
  if (!atomic_load_explicit(&failing.is_armed, memory_order_relaxed)) return false;
  const long n = atomic_fetch_add(&failing.counts[which], 1) + 1;
  if (failing.at == 0 || which != failing.which) return false;
  const bool is_hit = failing.is_lasting ? n >= failing.at : n == failing.at;
  if (is_hit) atomic_fetch_add(&failing.failed, 1);
  return is_hit;
}

static inline void failing_arm(call_class which, long at, bool is_lasting) {
  for (int i = 0; i < CALL_CLASSES; i++) atomic_store(&failing.counts[i], 0);
  atomic_store(&failing.failed, 0);
  failing.which = which;
  failing.at = at;
  failing.is_lasting = is_lasting;
  atomic_store(&failing.is_armed, true);
}

static inline void failing_disarm(void) {
  atomic_store(&failing.is_armed, false);
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size) {
  return call_fails(CALL_ALLOCATE) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return call_fails(CALL_ALLOCATE) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
  return call_fails(CALL_ALLOCATE) ? NULL : __real_realloc(block, size);
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int size) {
  return call_fails(CALL_ALLOCATE) ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *block, int size) {
  return call_fails(CALL_ALLOCATE) ? NULL : sqlite_memory.xRealloc(block, size);
}

/* Before the first use of SQLite. */
static inline bool failing_install(void) {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK) return false;
  sqlite3_mem_methods mine = sqlite_memory;
  mine.xMalloc = sqlite_malloc;
  mine.xRealloc = sqlite_realloc;
  json_set_alloc_funcs(__wrap_malloc, free);
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK;
}

/* ---- files and threads ---- */

#define REAL(name)                                                                                 \
  static __typeof__(&name) real;                                                                   \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL_WITH(which, code, result)                                                             \
  if (call_fails(which)) {                                                                         \
    errno = (code);                                                                                \
    return (result);                                                                               \
  }
#define SHOWN __attribute__((visibility("default")))

#define DEFINE_OPEN(name)                                                                          \
  SHOWN int name(const char *path, int flags, ...) {                                               \
    REAL(name);                                                                                    \
    va_list args;                                                                                  \
    va_start(args, flags);                                                                         \
    const bool has_mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;                   \
    const mode_t mode = has_mode ? va_arg(args, mode_t) : 0;                                       \
    va_end(args);                                                                                  \
    FAIL_WITH(CALL_OPEN, EMFILE, -1)                                                               \
    return real(path, flags, mode);                                                                \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

SHOWN ssize_t read(int fd, void *bytes, size_t size) {
  REAL(read);
  FAIL_WITH(CALL_READ, EIO, -1)
  return real(fd, bytes, size);
}

#define DEFINE_PREAD(name, offset)                                                                 \
  SHOWN ssize_t name(int fd, void *bytes, size_t size, offset at) {                                \
    REAL(name);                                                                                    \
    FAIL_WITH(CALL_READ, EIO, -1)                                                                  \
    return real(fd, bytes, size, at);                                                              \
  }
DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

static inline void failing_fill_disk(long room) {
  failing_arm(CALL_WRITE, 0, false);
  atomic_store(&failing.room, room);
  atomic_store(&failing.has_room, room >= 0);
}

/* A disk that fills up takes the first part before it says so. 0: it is full. */
static inline size_t short_size(size_t size) {
  if (atomic_load(&failing.has_room) && atomic_load(&failing.is_armed)) {
    const long left = atomic_load(&failing.room);
    const size_t taken = left <= 0 ? 0 : (size_t)left < size ? (size_t)left : size;
    atomic_fetch_sub(&failing.room, (long)taken);
    if (taken < size) atomic_fetch_add(&failing.failed, 1);
    return taken;
  }
  const bool is_next = failing.which == CALL_WRITE && failing.at > 0 && size > 1 &&
                       atomic_load(&failing.is_armed) &&
                       atomic_load(&failing.counts[CALL_WRITE]) == failing.at - 1;
  return is_next ? size / 2 : size;
}

SHOWN ssize_t write(int fd, const void *bytes, size_t size) {
  REAL(write);
  FAIL_WITH(CALL_WRITE, failing.error, -1)
  const size_t taken = short_size(size);
  if (taken > 0 || size == 0) return real(fd, bytes, taken);
  errno = failing.error;
  return -1;
}

#define DEFINE_PWRITE(name, offset)                                                                \
  SHOWN ssize_t name(int fd, const void *bytes, size_t size, offset at) {                          \
    REAL(name);                                                                                    \
    FAIL_WITH(CALL_WRITE, failing.error, -1)                                                       \
    const size_t taken = short_size(size);                                                         \
    if (taken > 0 || size == 0) return real(fd, bytes, taken, at);                                 \
    errno = failing.error;                                                                         \
    return -1;                                                                                     \
  }
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

#define DEFINE_SYNC(name)                                                                          \
  SHOWN int name(int fd) {                                                                         \
    REAL(name);                                                                                    \
    FAIL_WITH(CALL_SYNC, EIO, -1)                                                                  \
    return real(fd);                                                                               \
  }
DEFINE_SYNC(fsync)
DEFINE_SYNC(fdatasync)

#define DEFINE_TRUNCATE(name, offset)                                                              \
  SHOWN int name(int fd, offset size) {                                                            \
    REAL(name);                                                                                    \
    FAIL_WITH(CALL_RENAME, EIO, -1)                                                                \
    return real(fd, size);                                                                         \
  }
DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

SHOWN int rename(const char *from, const char *to) {
  REAL(rename);
  FAIL_WITH(CALL_RENAME, EIO, -1)
  return real(from, to);
}

SHOWN int unlink(const char *path) {
  REAL(unlink);
  FAIL_WITH(CALL_RENAME, EIO, -1)
  return real(path);
}

/* Only of files: memory without one is taken by allocators and thread stacks. */
#define DEFINE_MAP(name, offset)                                                                   \
  SHOWN void *name(void *place, size_t size, int access, int flags, int fd, offset at) {           \
    REAL(name);                                                                                    \
    if (fd >= 0) FAIL_WITH(CALL_MAP, ENOMEM, MAP_FAILED)                                           \
    return real(place, size, access, flags, fd, at);                                               \
  }
DEFINE_MAP(mmap, off_t)
DEFINE_MAP(mmap64, off64_t)

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *argument) {
  REAL(pthread_create);
  if (call_fails(CALL_THREAD)) return EAGAIN;
  return real(thread, attributes, run, argument);
}

#endif
