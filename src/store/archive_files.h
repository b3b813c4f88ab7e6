/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that make up an index, one after the other: what an archive of it holds.
 */
#ifndef MGP_STORE_ARCHIVE_FILES_H
#define MGP_STORE_ARCHIVE_FILES_H

#include "store/store.h"

/* What a name below an index is: a kind (MGP_FILE_*) and the number of its segment or item; 0 for
 * anything else. Only the exact spelling counts: no other path leads to the same file. */
#define MGP_FILE_CATALOG 1
#define MGP_FILE_SEGMENT 2
#define MGP_FILE_THUMB 3
int mgp_store_file_place(const char *name, int64_t *number);

/* Walks the catalog, all segment files, and the thumbnails of all items, by kind and number. For a
 * snapshot, which nobody writes to: its catalog must have no WAL with anything in it. */
typedef struct mgp_store_files mgp_store_files;
magpie_status mgp_store_files_open(mgp_store *s, mgp_store_files **out, magpie_error *err);
void mgp_store_files_restart(mgp_store_files *files);
/* "segments/…seg", which lives until the next call; NULL at the end. */
magpie_status mgp_store_files_next(mgp_store_files *files, const char **name, magpie_error *err);
void mgp_store_files_close(mgp_store_files **files);

#endif
