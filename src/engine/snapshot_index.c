/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_snapshot and magpie_restore. A snapshot is an index, so restoring copies the other way:
 * checked byte by byte first, beside the index that it replaces, and then put in its place at once.
 */
#include <unistd.h>

#include "engine/engine.h"
#include "engine/replace_index.h"
#include "store/copy_store.h"

static void give_report(const mgp_copy_report *from, magpie_snapshot_report *to) {
  if (!to) return;
  *to = (magpie_snapshot_report){.generation = from->generation,
                                 .segments = from->segments,
                                 .thumbnails = from->thumbs,
                                 .files_linked = from->linked,
                                 .files_copied = from->copied,
                                 .bytes_copied = from->bytes_copied};
}

magpie_status magpie_snapshot(magpie *ix, const char *target, const volatile int *cancel,
                              magpie_snapshot_report *report, magpie_error *err) {
  MGP_RETURN_IF(!ix || !target || !*target, err, MAGPIE_INVALID,
                "magpie_snapshot: name the folder to make");
  mgp_copy_report copied = {0};
  const magpie_status status = mgp_store_copy(ix->store, target, cancel, &copied, err);
  give_report(&copied, report);
  return status;
}

/* ---- restoring ----------------------------------------------------------------------------------
 */

static magpie_status check_source(mgp_store *source, const volatile int *cancel,
                                  magpie_error *err) {
  mgp_check k = {.store = source, .cancel = cancel};
  return mgp_index_verify(&k, mgp_store_path(source), "restored", MGP_REPAIR_ADVICE, err);
}

static magpie_status replace(mgp_store *source, const char *index, const volatile int *cancel,
                             mgp_copy_report *report, magpie_error *err) {
  mgp_store *old = NULL;
  mgp_buffer fresh;
  mgp_buffer_init(&fresh, NULL);
  mgp_buffer_printf(&fresh, "%s.restored-%ld", index, (long)getpid());
  magpie_status status = fresh.failed
                             ? mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to restore %s", index)
                             : mgp_index_lock_old(index, &old, err);
  if (status == MAGPIE_OK) status = mgp_store_copy(source, fresh.data, cancel, report, err);
  if (status == MAGPIE_OK) status = mgp_index_exchange(fresh.data, index, err);
  mgp_store_close(&old);
  if (!fresh.failed)
    mgp_directory_remove(fresh.data, NULL); /* what was replaced, or was not used */
  mgp_buffer_fini(&fresh);
  return status;
}

void magpie_restore_options_defaults(magpie_restore_options *options) {
  *options = (magpie_restore_options){.size = sizeof *options};
}

magpie_status magpie_restore(const char *snapshot, const char *index,
                             const magpie_restore_options *options, magpie_snapshot_report *report,
                             magpie_error *err) {
  magpie_restore_options defaults;
  magpie_restore_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!snapshot || !*snapshot || !index || !*index, err, MAGPIE_INVALID,
                "magpie_restore: name a snapshot and the index to make");
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_restore_options_defaults",
                options->size, sizeof defaults);
  MGP_RETURN_IF(!options->replace && mgp_file_exists(index), err, MAGPIE_INVALID,
                "%s exists already: it is replaced only when that is asked for (--force)", index);
  mgp_store *source = NULL;
  mgp_copy_report copied = {0};
  MGP_FORWARD(mgp_store_open(NULL, snapshot, true, &source, err));
  magpie_status status = check_source(source, options->cancel, err);
  if (status == MAGPIE_OK)
    status = mgp_file_exists(index) ? replace(source, index, options->cancel, &copied, err)
                                    : mgp_store_copy(source, index, options->cancel, &copied, err);
  mgp_store_close(&source);
  give_report(&copied, report);
  return status;
}
