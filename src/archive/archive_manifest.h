/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of a manifest: one JSON object each, the head and then a file a line, so that neither
 * side ever holds the whole as a tree.
 */
#ifndef MGP_ARCHIVE_MANIFEST_H
#define MGP_ARCHIVE_MANIFEST_H

#include "archive/index_archive.h"

#define ARCHIVE_LINE_MAX 512 /* bytes of a line, with its end */

/* Both append a line; the buffer's `failed` tells the rest. */
void mgp_manifest_add_head(mgp_buffer *out, const mgp_archive_head *head);
void mgp_manifest_add_file(mgp_buffer *out, const mgp_archive_file *file);

/* A line without its end. `name` is the archive's. VERSION: of a newer format. */
magpie_status mgp_manifest_head(const char *name, const char *line, size_t size,
                                mgp_archive_head *out, magpie_error *err);
/* `number` of the line, from 1. */
magpie_status mgp_manifest_file(const char *name, uint64_t number, const char *line, size_t size,
                                mgp_archive_file *out, magpie_error *err);

/* Walks the files of a manifest that lies in memory or is mapped. */
typedef struct mgp_manifest_walk {
  const char *name; /* of the archive */
  mgp_archive_place place;
  const char *text;
  size_t size, at;
  uint64_t line; /* that was read last, from 1 */
  int kind;      /* of the last file, and its number */
  int64_t number;
} mgp_manifest_walk;

/* Reads the head. */
magpie_status mgp_manifest_begin(mgp_manifest_walk *walk, mgp_archive_head *head,
                                 magpie_error *err);
/* The next file, whose place must come behind the last one's. *is_end: there is none. */
magpie_status mgp_manifest_next(mgp_manifest_walk *walk, mgp_archive_file *file, bool *is_end,
                                magpie_error *err);
/* Reads all of it: do the files add up to what the head tells? */
magpie_status mgp_manifest_check(mgp_manifest_walk *walk, mgp_archive_head *head,
                                 magpie_error *err);

#endif
