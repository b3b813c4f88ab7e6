/* SPDX-License-Identifier: Apache-2.0
 *
 * An index as one file, NAME.tar.zst, to keep or to carry to another machine. Its format is in
 * docs/format/archive.md.
 */
#ifndef MAGPIE_ARCHIVE_H
#define MAGPIE_ARCHIVE_H

#include "magpie/magpie.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct magpie_archive_options {
  size_t size;
  bool replace;       /* a file, or on import an index, that is there; else INVALID */
  uint64_t max_bytes; /* import: refuse what unpacks to more; 0: to more than the disk has free */
  uint64_t memory_limit;    /* import: bytes that it may hold at once; 0: 512 MiB */
  magpie_progress progress; /* bytes count each time that they are read: for checks, to pack */
  void *progress_context;
  const volatile int *cancel; /* becomes non-zero: CANCELLED, and nothing is left */
} magpie_archive_options;

MAGPIE_API void magpie_archive_options_defaults(magpie_archive_options *options);

typedef struct magpie_archive_report {
  uint64_t generation;    /* that was packed */
  uint64_t items;         /* in it */
  uint64_t files, bytes;  /* of the index */
  uint64_t archive_bytes; /* of the archive */
  char version[32];       /* of the magpie that wrote it */
  char created[32];       /* "2026-11-23T11:42:11Z" */
} magpie_archive_report;

/* Writes the last commit's content into the archive `file`, while writers and readers go on. It is
 * checked deeply first (CORRUPT: a damaged index is no backup), and the file appears whole, durable
 * and by a rename, or not at all. A snapshot of hard links lies beside the index meanwhile.
 * UNSUPPORTED: built or installed without libarchive and libzstd. Thread-safe. `options` and
 * `report` may be NULL. */
MAGPIE_API magpie_status magpie_export(magpie *ix, const char *file,
                                       const magpie_archive_options *options,
                                       magpie_archive_report *report, magpie_error *err);

/* Makes an index from an archive, which is not trusted: every size, name and checksum is compared
 * with its manifest, and the whole index is checked deeply before it gets its name. FORMAT: no
 * archive of magpie, or not as its manifest tells; CORRUPT: cut off or damaged; VERSION: of a newer
 * magpie; LIMIT: it does not fit. Nothing is left then. An index that is replaced goes in one step;
 * LOCKED while somebody writes to it. */
MAGPIE_API magpie_status magpie_import_archive(const char *file, const char *index,
                                               const magpie_archive_options *options,
                                               magpie_archive_report *report, magpie_error *err);

#ifdef __cplusplus
}
#endif
#endif
