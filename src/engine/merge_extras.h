/* SPDX-License-Identifier: Apache-2.0
 *
 * What a merge writes beside the vectors of a large segment so that it is searched faster: a graph,
 * or clusters where a graph is too much for the memory budget or the vectors for the machine's
 * memory. docs/decisions/0021-dense-plan.md and 0022-clustered-index.md have the figures.
 */
#ifndef MGP_ENGINE_MERGE_EXTRAS_H
#define MGP_ENGINE_MERGE_EXTRAS_H

#include "engine/engine.h"
#include "store/merge_store.h"

/* Segments of fewer rows are scanned: that takes a few milliseconds. */
#define MGP_EXTRAS_ROWS 20000
/* The limit at work: MGP_EXTRAS_ROWS, or less where a test wants graphs. */
size_t *mgp_engine_extras_rows(void);
/* Segments with more bytes of vectors get clusters: half of the machine's memory, or less where a
 * test wants clusters. */
uint64_t *mgp_engine_graph_bytes(void);
/* Does a segment of this space get them, when it is large enough? */
bool mgp_engine_extras_fit(const mgp_space *space);

/* Does the memory budget allow them for so many rows, from inputs of so many? */
bool mgp_engine_extras_have_memory(const magpie *ix, uint64_t rows, uint64_t inputs, size_t dim);

typedef struct mgp_extras {
  magpie *ix;
  mgp_segment_stream *stream; /* ids and vectors have been written */
  const mgp_segment_set *inputs;
  const mgp_dense_view *views; /* of the inputs */
  size_t count;
  size_t dim;
  /* Asked now and then with the share of the work that is done; what is not OK ends it. */
  magpie_status (*go_on)(void *context, double share, magpie_error *err);
  void *context;
} mgp_extras;
/* Adds a section to the stream, if memory allows. Graphs of the inputs are used for the new one. */
magpie_status mgp_engine_write_extras(const mgp_extras *e, bool *is_written, magpie_error *err);

#endif
