/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors in bulk, from memory or a mapped file (add_vectors.c).
 */
#ifndef MGP_ENGINE_ADD_VECTORS_H
#define MGP_ENGINE_ADD_VECTORS_H

#include "engine/engine.h"
#include "eval/matrix_file.h"
#include "magpie/vectors.h"

/* What magpie_space_add_vectors does, with rows of any type. `ids` or options->numbers have one for
 * each row. `name` is that of the file for messages, or NULL. */
magpie_status mgp_vectors_add(magpie *ix, const char *space, const char *const *ids,
                              const mgp_matrix *rows, const char *name,
                              const magpie_vectors_options *options, magpie_report *report,
                              magpie_error *err);

#endif
