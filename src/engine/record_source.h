/* SPDX-License-Identifier: Apache-2.0
 *
 * A record on its way in, from a line of JSON or from memory: what is a record, whether the index
 * has it already, and its text or vector as items.
 */
#ifndef MGP_RECORD_SOURCE_H
#define MGP_RECORD_SOURCE_H

#include "engine/engine.h"

#define MGP_RECORD_ID_MAX 512
#define MGP_RECORD_KIND_MAX 32
#define MGP_RECORD_VECTOR_MAX 65536

typedef struct mgp_record {
  const char *id, *text, *title, *kind, *space;
  const float *vector;
  size_t dim;
  json_t *metadata; /* an object, or NULL */
} mgp_record;

/* Are id, kind and space names that may stand there? FORMAT says which is not, and why. */
magpie_status mgp_record_check_names(const mgp_record *r, magpie_error *err);
/* Names the source after the record. */
magpie_status mgp_record_name_source(mgp_alloc *a, mgp_ingest_source *source, const mgp_record *r,
                                     magpie_error *err);
/* Queues its vector, or its text: whole, or cut into passages where it is long. */
magpie_status mgp_record_add(mgp_ingest *in, mgp_ingest_source *source, const mgp_record *r,
                             magpie_error *err);

#endif
