/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls by which files of an index come to be, change and go, in one table: a test puts
 * its own in and makes the n-th call fail, records them, or ends the process there. SQLite makes
 * its own calls, through its VFS.
 */
#ifndef MGP_BASE_FILE_CALLS_H
#define MGP_BASE_FILE_CALLS_H

#include <sys/types.h>

#include "base/base.h"

/* As the calls of the same names: -1, or MAP_FAILED, with errno. */
typedef struct mgp_file_calls {
  int (*open)(const char *path, int flags, mode_t mode);
  ssize_t (*read_at)(int fd, void *bytes, size_t size, off_t at); /* pread */
  ssize_t (*write)(int fd, const void *bytes, size_t size);
  int (*truncate)(int fd, off_t size);
  int (*sync)(int fd);                  /* of a file */
  int (*sync_folder)(const char *path); /* of a folder: its names; opens and closes it */
  void *(*map)(int fd, size_t size);    /* shared, for reading */
  int (*rename)(const char *from, const char *to);
  int (*link)(const char *from, const char *to);
  int (*unlink)(const char *path);
  int (*make_folder)(const char *path);
} mgp_file_calls;

/* Never NULL. Only tests write to it, before any store is open. */
mgp_file_calls *mgp_file_calls_table(void);

#endif
