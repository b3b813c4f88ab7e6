/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum in each page of the catalog, so that no changed byte of it is ever taken for data.
 */
#ifndef MGP_STORE_CATALOG_CHECKSUM_H
#define MGP_STORE_CATALOG_CHECKSUM_H

#include <sqlite3.h>

#include "base/base.h"

#define PAGE_CHECKSUM_SIZE 8 /* reserved bytes at the end of each page; byte 20 of the header */

/* The VFS under which all connections to a catalog are opened: SQLite's own with checksums, or NULL
 * for want of memory. */
const char *mgp_checksum_vfs(void);
/* The next CREATE of an empty database, or VACUUM, leaves room for checksums. */
int mgp_checksum_reserve(sqlite3 *db);
/* Does the catalog have them? */
int mgp_checksum_is_on(sqlite3 *db, bool *out);
/* VACUUM INTO writes page 1, which says whether there are checksums, last, and others before it
 * when they do not fit SQLite's cache: what holds for those that this thread writes, until told
 * anew. */
void mgp_checksum_assume(bool is_on);
/* The page that this thread last found to be wrong (SQLITE_IOERR_DATA), from 1. */
uint64_t mgp_checksum_bad_page(void);
/* Of the first `size` bytes (a multiple of 8): what SQLite's own cksumvfs writes. */
void mgp_checksum_compute(const unsigned char *bytes, size_t size,
                          unsigned char out[PAGE_CHECKSUM_SIZE]);

#endif
