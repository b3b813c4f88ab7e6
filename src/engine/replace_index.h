/* SPDX-License-Identifier: Apache-2.0
 *
 * Putting a new index in the place of another: for restore and for the import of archives.
 */
#ifndef MGP_ENGINE_REPLACE_INDEX_H
#define MGP_ENGINE_REPLACE_INDEX_H

#include "engine/check.h"
#include "store/store.h"

/* Deep: CORRUPT names the first damage of the index `shown`, which "was not DONE", and what to do.
 * The check comes with progress and cancel, and is finished in any case. */
magpie_status mgp_index_verify(mgp_check *check, const char *shown, const char *done,
                               const char *advice, magpie_error *err);
#define MGP_REPAIR_ADVICE                                                                          \
  "`magpie check --deep -x` it for the rest, `magpie repair -x` it to rebuild what can be rebuilt"

/* The lock of what is to be replaced, as no writer may be at work on it: *out holds it until it is
 * closed. NULL where it cannot be opened, for then nobody writes. LOCKED. */
magpie_status mgp_index_lock_old(const char *index, mgp_store **out, magpie_error *err);
/* Both change places, in one step where the file system can, and the new one is durable there. */
magpie_status mgp_index_exchange(const char *fresh, const char *index, magpie_error *err);
/* fsyncs the folder that holds a path. */
magpie_status mgp_index_sync_parent(const char *path, magpie_error *err);

#endif
