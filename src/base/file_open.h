/* SPDX-License-Identifier: Apache-2.0
 *
 * How this folder opens what it reads, for its own files alone: one place that decides what counts
 * as a file.
 */
#ifndef MGP_BASE_FILE_OPEN_H
#define MGP_BASE_FILE_OPEN_H

#include "base/base.h"

/* Opens for reading and tells the size. Regular files only, as a pipe or a device would wait or
 * never end: anything else is UNSUPPORTED. The descriptor is yours to close. */
magpie_status mgp_file_open(const char *path, int *fd, uint64_t *size, magpie_error *err);
/* Reads until `size` bytes or the end; *got says how many. */
magpie_status mgp_file_fill(int fd, const char *path, void *data, size_t size, size_t *got,
                            magpie_error *err);

#endif
