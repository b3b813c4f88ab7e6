/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that make data durable, in one table: a test puts its own in and makes the n-th
 * call fail, or ends the process there. SQLite's calls are faulted by a VFS of the test.
 */
#ifndef MGP_STORE_IO_H
#define MGP_STORE_IO_H

#include <sys/types.h>

#include "base/base.h"

typedef struct mgp_store_io {
  ssize_t (*write)(int fd, const void *bytes, size_t size);
  int (*sync)(int fd);
  int (*rename)(const char *from, const char *to);
} mgp_store_io;

/* Never NULL. Only tests write to it, before any store is open. */
mgp_store_io *mgp_store_io_table(void);
/* Writes all of it; false with errno. */
bool mgp_store_write_all(int fd, const void *bytes, size_t size);
/* fsyncs a folder through the table. */
magpie_status mgp_store_sync_folder(const char *path, magpie_error *err);

#endif
