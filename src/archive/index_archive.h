/* SPDX-License-Identifier: Apache-2.0
 *
 * archive: an index as one file, a tar of its files behind a manifest, packed with Zstandard
 * (docs/format/archive.md). Nothing here knows a file system: bytes come and go through functions
 * of the caller. What is read is not trusted: nothing is taken that the manifest does not announce.
 */
#ifndef MGP_INDEX_ARCHIVE_H
#define MGP_INDEX_ARCHIVE_H

#include "base/base.h"

#define ARCHIVE_FORMAT 1
#define ARCHIVE_MANIFEST "manifest.jsonl"
#define ARCHIVE_NAME_SIZE 64    /* of a member, with its NUL */
#define ARCHIVE_VERSION_SIZE 32 /* of the texts in the manifest's first line */
#define ARCHIVE_MANIFEST_MAX ((uint64_t)1 << 30)
#define ARCHIVE_BYTES_MAX ((uint64_t)1 << 50) /* of all files; keeps sums far from overflow */

/* The manifest's first line. */
typedef struct mgp_archive_head {
  char magpie[ARCHIVE_VERSION_SIZE];  /* version that wrote it */
  char created[ARCHIVE_VERSION_SIZE]; /* "2026-11-23T11:42:11Z" */
  uint64_t generation, items;
  uint64_t files, bytes; /* of the members behind it */
} mgp_archive_head;

/* One of its further lines. */
typedef struct mgp_archive_file {
  char name[ARCHIVE_NAME_SIZE];
  uint64_t size;
  char sha256[65];
} mgp_archive_file;

/* What a name is in the layout of an index: a kind above 0 and a number, by which members are
 * ordered; 0: no file of an index. */
typedef int (*mgp_archive_place)(const char *name, int64_t *number);

/* Gives up to `size` bytes; *got 0: the end. */
typedef magpie_status (*mgp_archive_read)(void *context, void *bytes, size_t size, size_t *got,
                                          magpie_error *err);
typedef magpie_status (*mgp_archive_write)(void *context, const void *bytes, size_t size,
                                           magpie_error *err);

/* ---- packing (archive_pack.c)
 * --------------------------------------------------------------------- */

typedef struct mgp_archive_packing {
  mgp_alloc *alloc;
  const char *folder;      /* for a list of files that does not fit the memory budget */
  const char *name;        /* of the archive, for messages */
  mgp_archive_place place; /* of the names that `next` gives: ascending */
  void *context;
  /* The next file, from the first one on after `restart`; *name NULL behind the last. All are read
   * twice: for their checksums, which come first in the archive, and to be packed. */
  magpie_status (*next)(void *context, bool restart, const char **name, magpie_error *err);
  mgp_archive_read read; /* of the file that `next` named */
  mgp_archive_write write;
} mgp_archive_packing;

/* Writes a whole archive. `head` comes with version, time, generation and items, and gets the rest.
 */
magpie_status mgp_archive_pack(const mgp_archive_packing *packing, mgp_archive_head *head,
                               magpie_error *err);

/* ---- unpacking (archive_unpack.c)
 * ----------------------------------------------------------------- */

typedef struct mgp_archive_unpacking {
  mgp_alloc *alloc;
  const char *folder; /* as above */
  const char *name;   /* of the archive, for messages */
  mgp_archive_place place;
  void *context;
  mgp_archive_read read;
  /* Once, before the first file: may refuse. */
  magpie_status (*head)(void *context, const mgp_archive_head *head, magpie_error *err);
  /* Then for each file: begin, its bytes, and end, when its checksum is right. Calls end with the
   * first error; a file may then be open. */
  magpie_status (*begin)(void *context, const mgp_archive_file *file, magpie_error *err);
  mgp_archive_write write;
  magpie_status (*end)(void *context, const mgp_archive_file *file, magpie_error *err);
} mgp_archive_unpacking;

/* Reads a whole archive: what it gave is only good when it returns OK. FORMAT: no archive of ours;
 * VERSION: of a newer magpie; CORRUPT: cut off or changed; each names archive, member and what was
 * expected. Gives no more bytes than the head told. */
magpie_status mgp_archive_unpack(const mgp_archive_unpacking *unpacking, magpie_error *err);

/* "libarchive 3.6.2, zstd 1.5.4"; static. In libmagpie NULL when the module is missing. */
const char *mgp_archive_library(void);

#endif
