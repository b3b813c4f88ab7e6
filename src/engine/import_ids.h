/* SPDX-License-Identifier: Apache-2.0
 *
 * Which lines of an import have which id, so that of those with one id the last one counts
 * whichever thread is faster. See import_ids.c.
 */
#ifndef MGP_IMPORT_IDS_H
#define MGP_IMPORT_IDS_H

#include "engine/engine.h"

typedef struct mgp_import_ids mgp_import_ids;

magpie_status mgp_import_ids_create(mgp_ingest *in, mgp_import_ids **out, magpie_error *err);
void mgp_import_ids_destroy(mgp_import_ids *ids);
/* A thread has the line in hand: to be said in the order of the lines, before any other call for
 * it. False: no memory. */
bool mgp_import_ids_enter(mgp_import_ids *ids, uint64_t line);
/* Takes the id in hand for `line`; waits while an earlier line has it. *earlier is that line, or 0.
 * *is_late: a later line was faster, so that this one has nothing to say. */
magpie_status mgp_import_ids_take(mgp_import_ids *ids, const char *id, uint64_t line,
                                  uint64_t *earlier, bool *is_late, magpie_error *err);
/* The line is handed over or dropped, and lets the next one with its id in. */
void mgp_import_ids_leave(mgp_import_ids *ids, uint64_t line);
/* Ids that are remembered at this moment, for tests. */
size_t mgp_import_ids_count(const mgp_import_ids *ids);

#endif
