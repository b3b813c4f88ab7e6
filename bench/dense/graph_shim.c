/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph for bench_graph.py: plain C functions over float arrays. bench_graph.py compiles it.
 */
#include <stdlib.h>

#include "index/graph_index.h"

void *shim_build(const float *rows, size_t count, size_t dim, int metric);
void *shim_merge(void *first, void *second, const float *rows, size_t dim, int metric);
size_t shim_size(void *graph);
size_t shim_width(void *graph, double recall, size_t k);
int shim_search(void *graph, const float *queries, size_t query_count, size_t dim, size_t k,
                size_t width, const uint64_t *allow, uint32_t *ids);

void *shim_build(const float *rows, size_t count, size_t dim, int metric) {
  const mgp_graph_rows r = {rows, count, dim, dim};
  const mgp_graph_options o = {.metric = (mgp_graph_metric)metric};
  mgp_graph *g = NULL;
  return mgp_graph_build(&r, &o, NULL, NULL, &g, NULL) == MAGPIE_OK ? g : NULL;
}

/* The rows of the first graph, then those of the second. */
void *shim_merge(void *first, void *second, const float *rows, size_t dim, int metric) {
  const size_t a = mgp_graph_count(first), b = mgp_graph_count(second);
  uint32_t *map = malloc((a + b) * sizeof *map);
  for (size_t i = 0; map && i < a + b; i++) map[i] = (uint32_t)i;
  const mgp_graph_part parts[2] = {{first, map}, {second, map + a}};
  const mgp_graph_rows r = {rows, a + b, dim, dim};
  const mgp_graph_options o = {.metric = (mgp_graph_metric)metric};
  mgp_graph *g = NULL;
  if (map) (void)mgp_graph_merge(parts, 2, &r, &o, NULL, NULL, &g, NULL);
  free(map);
  return g;
}

size_t shim_size(void *graph) {
  const void *data;
  size_t size;
  mgp_graph_bytes(graph, &data, &size);
  return size;
}

size_t shim_width(void *graph, double recall, size_t k) {
  return mgp_graph_width_for(graph, recall, k);
}

/* ids: k a query, 2^32 - 1 where there are fewer. `allow` may be NULL. */
int shim_search(void *graph, const float *queries, size_t query_count, size_t dim, size_t k,
                size_t width, const uint64_t *allow, uint32_t *ids) {
  const mgp_graph_bits bits = {allow, mgp_graph_count(graph)};
  const mgp_graph_search_options o = {.k = k, .width = width, .allow = allow ? &bits : NULL};
  mgp_graph_searcher *s = NULL;
  mgp_scored *hits = malloc((k + 1) * sizeof *hits);
  int status = hits ? (int)mgp_graph_searcher_create(graph, NULL, &s, NULL) : MAGPIE_LIMIT;
  for (size_t q = 0; status == MAGPIE_OK && q < query_count; q++) {
    size_t count = 0;
    status = (int)mgp_graph_search(s, queries + q * dim, &o, hits, &count, NULL, NULL);
    for (size_t i = 0; i < k; i++) ids[q * k + i] = i < count ? (uint32_t)hits[i].id : UINT32_MAX;
  }
  mgp_graph_searcher_destroy(s);
  free(hits);
  return status;
}
