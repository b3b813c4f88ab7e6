/* SPDX-License-Identifier: Apache-2.0
 *
 * What export and import of archives share: the progress of work that reads the same bytes several
 * times, and its end by a cancel. (archive_work.c)
 */
#ifndef MGP_ENGINE_ARCHIVE_WORK_H
#define MGP_ENGINE_ARCHIVE_WORK_H

#include "archive/index_archive.h"
#include "engine/check.h"
#include "magpie/archive.h"

typedef struct mgp_archive_work {
  mgp_alloc *alloc;
  const char *file; /* the archive */
  const magpie_archive_options *options;
  double started;
  magpie_event event; /* as it was told last */
  uint64_t base;      /* bytes done before the deep check began */
} mgp_archive_work;

/* `event.files_total` and `bytes_total` are the caller's to set when they are known. */
void mgp_archive_work_begin(mgp_archive_work *work);
/* Counts bytes; CANCELLED when that is wanted. */
magpie_status mgp_archive_work_add(mgp_archive_work *work, uint64_t bytes, magpie_error *err);
/* One file is finished, or (NULL) the state is told as it is. */
void mgp_archive_work_tell(mgp_archive_work *work, magpie_event_type type, const char *name);
/* The deep check of an index, as part of the work: its `bytes` are added. As mgp_index_verify. */
magpie_status mgp_archive_work_check(mgp_archive_work *work, mgp_store *store, const char *shown,
                                     const char *done, const char *advice, uint64_t bytes,
                                     magpie_error *err);
void mgp_archive_work_report(const mgp_archive_head *head, uint64_t archive_bytes,
                             magpie_archive_report *report);

#endif
