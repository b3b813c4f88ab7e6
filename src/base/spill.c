/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks for what grows with a collection. A small one lies in memory; a large one in a file
 * without a name, mapped: its pages belong to the file and not to the process, so the system writes
 * them out when it needs room. The space is taken beforehand, since a page that finds no room on
 * the disk later would be a signal and not an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

#define SHARE 8 /* in memory up to this part of the budget */

static bool may_stay(const mgp_spill *s, size_t size) {
  const uint64_t limit = mgp_alloc_limit(s->alloc);
  return !s->folder || limit == 0 || size <= limit / SHARE;
}

static magpie_status no_memory(const mgp_spill *s, size_t size, magpie_error *err) {
  return mgp_alloc_fail(s->alloc, size, err, "a table of %zu bytes", size);
}

/* Where the file system knows no nameless files, the name goes as soon as it is made. */
static int open_nameless(const mgp_spill *s) {
  static atomic_uint number;
#ifdef O_TMPFILE
  const int fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
#endif
  mgp_buffer b;
  mgp_buffer_init(&b, s->alloc);
  mgp_buffer_printf(&b, "%s/spill-%lld-%u.tmp", s->folder, (long long)getpid(),
                    atomic_fetch_add(&number, 1));
  const int named = b.failed ? -1 : open(b.data, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (named >= 0) unlink(b.data);
  mgp_buffer_fini(&b);
  return named;
}

static magpie_status take_space(const mgp_spill *s, int fd, size_t size, magpie_error *err) {
  int failed = 0;
  do {
    failed = posix_fallocate(fd, 0, (off_t)size);
  } while (failed == EINTR);
  return failed ? mgp_fail_errno(err, failed, "%zu bytes for a table below %s", size, s->folder)
                : MAGPIE_OK;
}

/* To a file; what the block held goes with it. */
static magpie_status move_out(mgp_spill *s, size_t size, magpie_error *err) {
  const int fd = open_nameless(s);
  if (fd < 0) return mgp_fail_errno(err, errno, "a file for a table below %s", s->folder);
  magpie_status status = take_space(s, fd, size, err);
  void *data = MAP_FAILED;
  if (status == MAGPIE_OK) {
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
      status = mgp_fail_errno(err, errno, "mapping %zu bytes of a table below %s", size, s->folder);
  }
  if (status != MAGPIE_OK) {
    close(fd);
    return status;
  }
  if (s->size > 0) memcpy(data, s->data, s->size);
  mgp_free(s->alloc, s->data);
  s->data = data;
  s->size = size;
  s->fd = fd;
  s->is_file = true;
  return MAGPIE_OK;
}

static magpie_status grow_file(mgp_spill *s, size_t size, magpie_error *err) {
  MGP_FORWARD(take_space(s, s->fd, size, err));
  void *data = mremap(s->data, s->size, size, MREMAP_MAYMOVE);
  if (data == MAP_FAILED)
    return mgp_fail_errno(err, errno, "mapping %zu bytes of a table below %s", size, s->folder);
  s->data = data;
  s->size = size;
  return MAGPIE_OK;
}

static magpie_status grow_memory(mgp_spill *s, size_t size, magpie_error *err) {
  void *data = mgp_realloc(s->alloc, s->data, size);
  if (!data) return s->folder ? move_out(s, size, err) : no_memory(s, size, err);
  memset((char *)data + s->size, 0, size - s->size);
  s->data = data;
  s->size = size;
  return MAGPIE_OK;
}

void mgp_spill_init(mgp_spill *s, mgp_alloc *a, const char *folder) {
  *s = (mgp_spill){.alloc = a, .folder = folder};
}

magpie_status mgp_spill_need(mgp_spill *s, size_t size, magpie_error *err) {
  if (size <= s->size) return MAGPIE_OK;
  if (size > SIZE_MAX / 2) return no_memory(s, size, err);
  /* doubled: one that grows step by step is not copied at each step */
  const size_t wanted = size < 2 * s->size ? 2 * s->size : size;
  if (s->is_file) return grow_file(s, wanted, err);
  return may_stay(s, wanted) ? grow_memory(s, wanted, err) : move_out(s, wanted, err);
}

void mgp_spill_fini(mgp_spill *s) {
  if (s->is_file) {
    munmap(s->data, s->size);
    close(s->fd);
  } else {
    mgp_free(s->alloc, s->data);
  }
  *s = (mgp_spill){0};
}

/* ---- sorting in place: qsort takes as much memory again ----------------------------------------
 */

static void swap(char *a, char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const char kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

static void sift_down(char *items, size_t at, size_t count, size_t size,
                      int (*compare)(const void *, const void *)) {
  for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
    if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0) child++;
    if (compare(items + at * size, items + child * size) >= 0) return;
    swap(items + at * size, items + child * size, size);
  }
}

void mgp_sort_in_place(void *data, size_t count, size_t size,
                       int (*compare)(const void *a, const void *b)) {
  char *items = data;
  size_t sorted = 1; /* what the catalog hands over mostly is */
  while (sorted < count && compare(items + (sorted - 1) * size, items + sorted * size) <= 0)
    sorted++;
  if (sorted >= count) return;
  for (size_t i = count / 2; i-- > 0;) sift_down(items, i, count, size, compare);
  for (size_t last = count - 1; last > 0; last--) {
    swap(items, items + last * size, size);
    sift_down(items, 0, last, size, compare);
  }
}
