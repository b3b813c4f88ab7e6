/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's way to the table of system calls (base/file_calls.h): all that it does to files other
 * than the catalog goes through it, but for the writer's lock. SQLite's calls are faulted by a VFS
 * of the test.
 */
#ifndef MGP_STORE_IO_H
#define MGP_STORE_IO_H

#include "base/file_calls.h"

typedef mgp_file_calls mgp_store_io;

/* Never NULL. Only tests write to it, before any store is open. */
mgp_store_io *mgp_store_io_table(void);
/* Opens a file that is written anew; -1 with errno. */
int mgp_store_create(const char *path);
/* Writes all of it; false with errno. */
bool mgp_store_write_all(int fd, const void *bytes, size_t size);
/* Lets the disk begin with what was written; says nothing of its durability. */
void mgp_store_start_writeback(int fd);
/* fsyncs a folder through the table. */
magpie_status mgp_store_sync_folder(const char *path, magpie_error *err);

#endif
