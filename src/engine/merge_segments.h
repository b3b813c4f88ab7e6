/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging inside of the engine: the part of it that an ingest does as it goes.
 */
#ifndef MGP_ENGINE_MERGE_SEGMENTS_H
#define MGP_ENGINE_MERGE_SEGMENTS_H

#include "engine/engine.h"

/* After a commit, with the lock held: merges of at most 64 MB that are due by their number alone.
 */
magpie_status mgp_engine_merge_small(magpie *ix, const volatile int *cancel, magpie_error *err);
/* At the end of a run, with the lock held: every merge that is due. */
magpie_status mgp_engine_merge_due(magpie *ix, const volatile int *cancel, magpie_error *err);
/* With the lock held: one segment is written anew, with what belongs beside its vectors. */
magpie_status mgp_engine_merge_anew(magpie *ix, const mgp_space *space, int64_t number,
                                    const volatile int *cancel, magpie_error *err);
/* Adds "dead":{"rows","bytes"}: what a merge of all would free. */
magpie_status mgp_engine_describe_dead(magpie *ix, json_t *object, magpie_error *err);

#endif
