/* SPDX-License-Identifier: Apache-2.0
 *
 * A tar as a row of members, through Zstandard, and back: libarchive and libzstd are called behind
 * this header only. Reading takes regular files alone and ends at a limit of bytes.
 */
#ifndef MGP_ARCHIVE_TAR_STREAM_H
#define MGP_ARCHIVE_TAR_STREAM_H

#include "archive/index_archive.h"

/* ---- writing (tar_write.c) --------------------------------------------------------------------
 */

typedef struct mgp_tar_writer mgp_tar_writer;

magpie_status mgp_tar_writer_open(mgp_alloc *a, const char *name, mgp_archive_write write,
                                  void *context, mgp_tar_writer **out, magpie_error *err);
/* A member of `size` bytes, all of which must follow. */
magpie_status mgp_tar_writer_begin(mgp_tar_writer *w, const char *member, uint64_t size,
                                   magpie_error *err);
magpie_status mgp_tar_writer_add(mgp_tar_writer *w, const void *bytes, size_t size,
                                 magpie_error *err);
magpie_status mgp_tar_writer_end(mgp_tar_writer *w, magpie_error *err); /* of the archive */
void mgp_tar_writer_close(mgp_tar_writer **w);

/* ---- reading (tar_read.c) ---------------------------------------------------------------------
 */

typedef struct mgp_tar_reader mgp_tar_reader;

magpie_status mgp_tar_reader_open(mgp_alloc *a, const char *name, mgp_archive_read read,
                                  void *context, mgp_tar_reader **out, magpie_error *err);
/* The archive may unpack to so many more bytes of members than it was allowed until now. */
void mgp_tar_reader_allow(mgp_tar_reader *r, uint64_t files, uint64_t bytes);
/* The next member, which must be a regular file; *member NULL at the end. It lives until the next
 * call. */
magpie_status mgp_tar_reader_next(mgp_tar_reader *r, const char **member, uint64_t *size,
                                  magpie_error *err);
/* Bytes of the member; *got 0: its end. */
magpie_status mgp_tar_reader_get(mgp_tar_reader *r, void *bytes, size_t size, size_t *got,
                                 magpie_error *err);
/* Behind the last member: nothing may follow, and the checksum over all must be right. */
magpie_status mgp_tar_reader_end(mgp_tar_reader *r, magpie_error *err);
void mgp_tar_reader_close(mgp_tar_reader **r);

#endif
