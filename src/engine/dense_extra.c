/* SPDX-License-Identifier: Apache-2.0
 *
 * The extra sections of one dense segment, opened for searching.
 */
#include "engine/dense_extra.h"

/* The section of this kind; *is_bad when its bytes are not those that were written. */
static const mgp_section *find_extra(const mgp_snapshot *snapshot, size_t segment, uint32_t kind,
                                     bool *is_bad) {
  const mgp_segment_view *view = mgp_snapshot_segment(snapshot, segment);
  for (size_t i = 0; i < view->section_count; i++) {
    if (view->sections[i].kind != kind) continue;
    *is_bad = mgp_snapshot_section_is_bad(snapshot, segment, i);
    return &view->sections[i];
  }
  return NULL;
}

static magpie_status note_kinds(mgp_dense_extra *x, const mgp_snapshot *snapshot,
                                const mgp_dense_view *rows, magpie_error *err) {
  x->kinds = mgp_malloc(x->alloc, rows->count + 1);
  MGP_RETURN_IF(!x->kinds, err, MAGPIE_NO_MEMORY, "no memory for the kinds of %zu items",
                rows->count);
  for (size_t i = 0; i < rows->count; i++) {
    const int kind = mgp_snapshot_kind(snapshot, rows->ids[i]);
    x->kinds[i] = (unsigned char)(kind > 0 && kind < MGP_KIND_NUMBERS ? kind : 0);
    x->counts[x->kinds[i]]++;
  }
  return MAGPIE_OK;
}

magpie_status mgp_dense_extra_open(mgp_alloc *a, const mgp_snapshot *snapshot, size_t segment,
                                   const mgp_dense_view *rows, mgp_dense_extra **out,
                                   magpie_error *err) {
  bool is_bad = false;
  const mgp_section *section = find_extra(snapshot, segment, MGP_SECTION_GRAPH, &is_bad);
  if (!section) section = find_extra(snapshot, segment, MGP_SECTION_CLUSTERS, &is_bad);
  *out = NULL;
  if (!section || rows->count == 0) return MAGPIE_OK;
  const bool is_graph = section->kind == MGP_SECTION_GRAPH;
  MGP_RETURN_IF(is_bad, err, MAGPIE_CORRUPT, "the %s damaged (checksum)",
                is_graph ? "graph is" : "clusters are");
  mgp_dense_extra *x = mgp_calloc(a, 1, sizeof *x);
  MGP_RETURN_IF(!x, err, MAGPIE_NO_MEMORY, "no memory to open a segment's graph");
  x->alloc = a;
  pthread_mutex_init(&x->lock, NULL);
  const mgp_graph_rows graph_rows = {
      .rows = rows->rows, .count = rows->count, .dim = rows->dim, .stride = rows->stride};
  magpie_status status =
      is_graph ? mgp_graph_open(section->data, section->size, &graph_rows, a, &x->graph, err)
               : mgp_clusters_open(section->data, section->size, &graph_rows, a, &x->clusters, err);
  if (status == MAGPIE_OK) status = note_kinds(x, snapshot, rows, err);
  if (status == MAGPIE_OK) *out = x;
  else mgp_dense_extra_close(x);
  return status;
}

static void destroy_searcher(mgp_dense_searcher searcher) {
  mgp_graph_searcher_destroy(searcher.graph);
  mgp_cluster_searcher_destroy(searcher.clusters);
}

void mgp_dense_extra_close(mgp_dense_extra *x) {
  if (!x) return;
  for (size_t i = 0; i < x->idle_count; i++) destroy_searcher(x->idle[i]);
  mgp_graph_close(x->graph);
  mgp_clusters_close(x->clusters);
  mgp_free(x->alloc, x->kinds);
  pthread_mutex_destroy(&x->lock);
  mgp_free(x->alloc, x);
}

magpie_status mgp_dense_extra_take(mgp_dense_extra *x, mgp_dense_searcher *out, magpie_error *err) {
  pthread_mutex_lock(&x->lock);
  *out = x->idle_count ? x->idle[--x->idle_count] : (mgp_dense_searcher){0};
  pthread_mutex_unlock(&x->lock);
  if (out->graph || out->clusters) return MAGPIE_OK;
  return x->graph ? mgp_graph_searcher_create(x->graph, x->alloc, &out->graph, err)
                  : mgp_cluster_searcher_create(x->clusters, x->alloc, &out->clusters, err);
}

void mgp_dense_extra_give(mgp_dense_extra *x, mgp_dense_searcher searcher) {
  pthread_mutex_lock(&x->lock);
  const bool has_room = x->idle_count < MGP_IDLE_SEARCHERS;
  if (has_room) x->idle[x->idle_count++] = searcher;
  pthread_mutex_unlock(&x->lock);
  if (!has_room) destroy_searcher(searcher);
}
