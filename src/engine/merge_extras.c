/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph of a merged segment, or its clusters. Both are built over the vectors as they lie in
 * the new file, mapped, on threads of their own: searches of this process keep theirs. What the
 * inputs' graphs know is taken over: rows that one of them has are linked by its edges. Clusters
 * are made anew, which costs a small part of a graph.
 */
#include "engine/merge_extras.h"

#include <unistd.h>

#include "index/cluster_index.h"

#define BUILD_SHARE 0.9 /* of what is left of the memory budget */

size_t *mgp_engine_extras_rows(void) {
  static size_t rows = MGP_EXTRAS_ROWS;
  return &rows;
}

uint64_t *mgp_engine_graph_bytes(void) {
  static uint64_t bytes; /* two threads come to the same */
  if (bytes == 0) bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
  return &bytes;
}

bool mgp_engine_extras_fit(const mgp_space *space) {
  return space->is_active && space->dim > 0 && space->dim <= MGP_GRAPH_DIM_MAX &&
         mgp_text_equal(space->metric, "cosine");
}

/* ---- graphs of the inputs -----------------------------------------------------------------------
 */

typedef struct old_graphs {
  mgp_graph_part *parts;
  size_t count;
} old_graphs;

static void close_graphs(mgp_alloc *a, old_graphs *g) {
  for (size_t i = 0; i < g->count; i++) {
    mgp_graph_close((mgp_graph *)(uintptr_t)g->parts[i].graph);
    mgp_free(a, (void *)(uintptr_t)g->parts[i].map);
  }
  mgp_free(a, g->parts);
}

/* Where each row of an input went; both lists ascend. */
static void map_rows(const mgp_dense_view *from, const uint64_t *ids, size_t count, uint32_t *map) {
  size_t at = 0;
  for (size_t i = 0; i < from->count; i++) {
    while (at < count && ids[at] < from->ids[i]) at++;
    map[i] = at < count && ids[at] == from->ids[i] ? (uint32_t)at : UINT32_MAX;
  }
}

/* A graph that cannot be read, for whatever reason, is done without. */
static magpie_status open_graphs(const mgp_extras *e, const uint64_t *ids, size_t count,
                                 old_graphs *out, magpie_error *err) {
  mgp_alloc *a = e->ix->alloc;
  out->parts = mgp_calloc(a, e->count + 1, sizeof *out->parts);
  MGP_RETURN_IF(!out->parts, err, MAGPIE_NO_MEMORY, "no memory to merge %zu graphs", e->count);
  for (size_t i = 0; i < e->count; i++) {
    const mgp_section *section = mgp_segment_set_section(e->inputs, i, MGP_SECTION_GRAPH);
    const mgp_graph_rows rows = {.rows = e->views[i].rows,
                                 .count = e->views[i].count,
                                 .dim = e->views[i].dim,
                                 .stride = e->views[i].stride};
    mgp_graph *graph = NULL;
    if (!section || mgp_graph_open(section->data, section->size, &rows, a, &graph, NULL)) continue;
    uint32_t *map = mgp_calloc(a, rows.count + 1, sizeof *map);
    if (!map) {
      mgp_graph_close(graph);
      return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to merge %zu graphs", e->count);
    }
    map_rows(&e->views[i], ids, count, map);
    out->parts[out->count++] = (mgp_graph_part){.graph = graph, .map = map};
  }
  return MAGPIE_OK;
}

/* ---- the new one --------------------------------------------------------------------------------
 */

static magpie_status write_graph(const mgp_extras *e, const mgp_graph *graph, magpie_error *err) {
  const void *data = NULL;
  size_t size = 0;
  mgp_graph_bytes(graph, &data, &size);
  MGP_FORWARD(mgp_segment_stream_section(e->stream, MGP_SECTION_GRAPH, err));
  return mgp_segment_stream_write(e->stream, data, size, err);
}

static magpie_status build_graph(const mgp_extras *e, const mgp_graph_rows *rows,
                                 const uint64_t *ids, mgp_graph **out, magpie_error *err) {
  const mgp_graph_options options = {
      .metric = MGP_GRAPH_DOT, .go_on = e->go_on, .context = e->context};
  mgp_pool *pool = NULL;
  old_graphs old = {0};
  magpie_status status = mgp_pool_create(e->ix->threads, &pool, err);
  if (status == MAGPIE_OK) status = open_graphs(e, ids, rows->count, &old, err);
  if (status == MAGPIE_OK)
    status = mgp_graph_merge(old.parts, old.count, rows, &options, pool, e->ix->alloc, out, err);
  close_graphs(e->ix->alloc, &old);
  mgp_pool_destroy(pool);
  return status;
}

/* ---- clusters ----------------------------------------------------------------------------------
 */

static mgp_cluster_options cluster_options(const magpie *ix) {
  return (mgp_cluster_options){.metric = MGP_GRAPH_DOT, .spill_folder = mgp_store_path(ix->store)};
}

static magpie_status write_clusters(const mgp_extras *e, const mgp_graph_rows *rows,
                                    magpie_error *err) {
  mgp_cluster_options options = cluster_options(e->ix);
  options.go_on = e->go_on;
  options.context = e->context;
  mgp_clusters *clusters = NULL;
  mgp_pool *pool = NULL;
  const void *data = NULL;
  size_t size = 0;
  magpie_status status = mgp_pool_create(e->ix->threads, &pool, err);
  if (status == MAGPIE_OK)
    status = mgp_clusters_build(rows, &options, pool, e->ix->alloc, &clusters, err);
  if (status == MAGPIE_OK) mgp_clusters_bytes(clusters, &data, &size);
  if (status == MAGPIE_OK)
    status = mgp_segment_stream_section(e->stream, MGP_SECTION_CLUSTERS, err);
  if (status == MAGPIE_OK) status = mgp_segment_stream_write(e->stream, data, size, err);
  mgp_clusters_close(clusters);
  mgp_pool_destroy(pool);
  return status;
}

/* ---- which ------------------------------------------------------------------------------------
 */

static bool fits_graph(const magpie *ix, uint64_t rows, uint64_t inputs, size_t dim) {
  const mgp_graph_options options = {.metric = MGP_GRAPH_DOT};
  const double left = (double)mgp_alloc_left(ix->alloc);
  if (rows > MGP_GRAPH_COUNT_MAX || inputs > UINT32_MAX) return false;
  if (rows > *mgp_engine_graph_bytes() / (mgp_dense_stride(dim) * sizeof(float))) return false;
  const uint64_t maps = inputs * sizeof(uint32_t); /* where each row of an input goes */
  return (double)(mgp_graph_build_memory((size_t)rows, dim, &options, ix->threads) + maps) <
         BUILD_SHARE * left;
}

static bool fits_clusters(const magpie *ix, uint64_t rows, size_t dim) {
  if (rows > MGP_GRAPH_COUNT_MAX) return false;
  const mgp_cluster_options options = cluster_options(ix);
  return (double)mgp_clusters_build_memory((size_t)rows, dim, &options, ix->threads, ix->alloc) <
         BUILD_SHARE * (double)mgp_alloc_left(ix->alloc);
}

bool mgp_engine_extras_have_memory(const magpie *ix, uint64_t rows, uint64_t inputs, size_t dim) {
  return fits_graph(ix, rows, inputs, dim) || fits_clusters(ix, rows, dim);
}

static magpie_status write_built_graph(const mgp_extras *e, const mgp_graph_rows *rows,
                                       const uint64_t *ids, magpie_error *err) {
  mgp_graph *graph = NULL;
  magpie_status status = build_graph(e, rows, ids, &graph, err);
  if (status == MAGPIE_OK) status = write_graph(e, graph, err);
  mgp_graph_close(graph);
  return status;
}

static bool is_short_of_memory(magpie_status status) {
  return status == MAGPIE_LIMIT || status == MAGPIE_NO_MEMORY;
}

magpie_status mgp_engine_write_extras(const mgp_extras *e, bool *is_written, magpie_error *err) {
  *is_written = false;
  const void *vectors = NULL, *ids = NULL;
  size_t size = 0, ids_size = 0;
  MGP_FORWARD(mgp_segment_stream_read(e->stream, MGP_SECTION_VECTORS_F32, &vectors, &size, err));
  MGP_FORWARD(mgp_segment_stream_read(e->stream, MGP_SECTION_IDS, &ids, &ids_size, err));
  const mgp_graph_rows rows = {.rows = vectors,
                               .count = ids_size / sizeof(uint64_t),
                               .dim = e->dim,
                               .stride = mgp_dense_stride(e->dim)};
  uint64_t inputs = 0;
  for (size_t i = 0; i < e->count; i++) inputs += e->views[i].count;
  magpie_error why = {0};
  magpie_status status = MAGPIE_LIMIT;
  if (fits_graph(e->ix, rows.count, inputs, e->dim))
    status = write_built_graph(e, &rows, ids, &why);
  if (is_short_of_memory(status) && fits_clusters(e->ix, rows.count, e->dim))
    status = write_clusters(e, &rows, &why);
  if (is_short_of_memory(status)) return MAGPIE_OK; /* it goes without */
  if (status != MAGPIE_OK && err) *err = why;
  *is_written = status == MAGPIE_OK;
  return status;
}
