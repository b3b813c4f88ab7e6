/* SPDX-License-Identifier: Apache-2.0
 *
 * A word-vector table read in place: see embeddings_table.c.
 */
#ifndef MGP_EMBEDDINGS_TABLE_H
#define MGP_EMBEDDINGS_TABLE_H

#include "base/base.h"

typedef struct mgp_embeddings {
  mgp_map map;
  const unsigned char *rows; /* inside the map */
  size_t count, dim, row_size;
} mgp_embeddings;

/* `tensor` is a Q4_0 table of the E5S1 file. Thread-safe once open. */
magpie_status mgp_embeddings_open(const char *path, const char *tensor, mgp_embeddings *out,
                                  magpie_error *err);
void mgp_embeddings_close(mgp_embeddings *t);
/* out[dim]; false if there is no such row. */
bool mgp_embeddings_row(const mgp_embeddings *t, int64_t row, float *out);

#endif
