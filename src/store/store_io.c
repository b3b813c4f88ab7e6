/* SPDX-License-Identifier: Apache-2.0
 *
 * Working with the table of store_io.h: short writes and EINTR are gone on with.
 */
#include "store/store_io.h"

#include <errno.h>
#include <fcntl.h>

#define WRITE_MAX ((size_t)64 << 20) /* one call; Linux stops at 2 GiB, others earlier */

mgp_store_io *mgp_store_io_table(void) {
  return mgp_file_calls_table();
}

int mgp_store_create(const char *path) {
  return mgp_store_io_table()->open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

bool mgp_store_write_all(int fd, const void *bytes, size_t size) {
  const mgp_store_io *io = mgp_store_io_table();
  const unsigned char *at = bytes;
  while (size > 0) {
    const ssize_t wrote = io->write(fd, at, size < WRITE_MAX ? size : WRITE_MAX);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote == 0) errno = EIO; /* no progress and no reason: not worth a loop */
    if (wrote <= 0) return false;
    at += wrote;
    size -= (size_t)wrote;
  }
  return true;
}

void mgp_store_start_writeback(int fd) {
#if defined(SYNC_FILE_RANGE_WRITE)
  sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint: fsync says what failed */
#else
  (void)fd;
#endif
}

magpie_status mgp_store_sync_folder(const char *path, magpie_error *err) {
  if (mgp_store_io_table()->sync_folder(path) != 0)
    return mgp_fail_errno(err, errno, "fsync of the folder %s", path);
  return MAGPIE_OK;
}
