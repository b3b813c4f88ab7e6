/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of file_calls.h, filled with the system's own calls.
 */
#include "base/file_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}

static int sync_folder(const char *path) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  errno = failed;
  return failed ? -1 : 0;
}

static void *map_file(int fd, size_t size) {
  return mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
}

static int make_folder(const char *path) {
  return mkdir(path, 0777);
}

static mgp_file_calls table = {.open = open_file,
                               .read_at = pread,
                               .write = write,
                               .truncate = ftruncate,
                               .sync = fsync,
                               .sync_folder = sync_folder,
                               .map = map_file,
                               .rename = rename,
                               .link = link,
                               .unlink = unlink,
                               .make_folder = make_folder};

mgp_file_calls *mgp_file_calls_table(void) {
  return &table;
}
