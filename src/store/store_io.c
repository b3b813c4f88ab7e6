/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of store_io.h, and writing with it: short writes and EINTR are gone on with.
 */
#include "store/store_io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define WRITE_MAX ((size_t)64 << 20) /* one call; Linux stops at 2 GiB, others earlier */

static mgp_store_io table = {.write = write, .sync = fsync, .rename = rename};

mgp_store_io *mgp_store_io_table(void) {
  return &table;
}

bool mgp_store_write_all(int fd, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  while (size > 0) {
    const ssize_t wrote = table.write(fd, at, size < WRITE_MAX ? size : WRITE_MAX);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote == 0) errno = EIO; /* no progress and no reason: not worth a loop */
    if (wrote <= 0) return false;
    at += wrote;
    size -= (size_t)wrote;
  }
  return true;
}

magpie_status mgp_store_sync_folder(const char *path, magpie_error *err) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return mgp_fail_errno(err, errno, "opening the folder %s", path);
  const int failed = table.sync(fd) != 0 ? errno : 0;
  close(fd);
  if (failed) return mgp_fail_errno(err, failed, "fsync of the folder %s", path);
  return MAGPIE_OK;
}
