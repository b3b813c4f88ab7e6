/* SPDX-License-Identifier: Apache-2.0
 *
 * A second index with the content of one generation, made while a writer may be at work.
 */
#ifndef MGP_STORE_COPY_STORE_H
#define MGP_STORE_COPY_STORE_H

#include "store/store.h"

typedef struct mgp_copy_report {
  uint64_t generation, segments, thumbs;
  uint64_t linked, copied; /* files: shared with the original, or written anew */
  uint64_t bytes_copied;   /* with the catalog */
} mgp_copy_report;

/* Makes the folder `target`, which must not exist: it appears whole, by a rename, and is durable
 * then. Segment files and thumbnails are hard links where the file system allows: they are never
 * written to. The catalog is written anew. Needs no lock and stops nobody; CANCELLED when *cancel
 * becomes non-zero. Not for two threads and one target at once. */
magpie_status mgp_store_copy(mgp_store *s, const char *target, const volatile int *cancel,
                             mgp_copy_report *report, magpie_error *err);

#endif
