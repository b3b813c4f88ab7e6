/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph for the benches here: plain C functions over float arrays. ours.py compiles it.
 */
#include <stdlib.h>

#include "index/graph_index.h"
#include "kernels/kernels.h"

int shim_threads(int threads);
void *shim_build(const float *rows, size_t count, size_t dim, int metric);
void *shim_merge(void *first, void *second, const float *rows, size_t dim, int metric);
size_t shim_size(void *graph);
double shim_reach(void *graph, double recall, size_t k);
int shim_search(void *graph, const float *queries, size_t query_count, size_t dim, size_t k,
                double knob, const uint64_t *allow, int path, uint32_t *ids);
int shim_survivors(const float *rows, size_t count, size_t dim, const float *queries,
                   size_t query_count, size_t k, const uint64_t *allow, uint32_t *ids);

static mgp_pool *pool; /* of builds, merges and searches; NULL: one thread */

int shim_threads(int threads) {
  mgp_pool_destroy(pool);
  pool = NULL;
  return threads > 1 ? (int)mgp_pool_create(threads, &pool, NULL) : 0;
}

void *shim_build(const float *rows, size_t count, size_t dim, int metric) {
  const mgp_graph_rows r = {rows, count, dim, dim};
  const mgp_graph_options o = {.metric = (mgp_graph_metric)metric};
  mgp_graph *g = NULL;
  return mgp_graph_build(&r, &o, pool, NULL, &g, NULL) == MAGPIE_OK ? g : NULL;
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
  if (map) (void)mgp_graph_merge(parts, 2, &r, &o, pool, NULL, &g, NULL);
  free(map);
  return g;
}

size_t shim_size(void *graph) {
  const void *data;
  size_t size;
  mgp_graph_bytes(graph, &data, &size);
  return size;
}

double shim_reach(void *graph, double recall, size_t k) {
  return mgp_graph_reach_for(graph, recall, k);
}

/* One searcher for all: how one thread asks. */
static int search_one_by_one(mgp_graph *graph, const float *queries, size_t query_count, size_t dim,
                             const mgp_graph_search_options *o, mgp_scored *hits, size_t *counts) {
  mgp_graph_searcher *s = NULL;
  int status = (int)mgp_graph_searcher_create(graph, NULL, &s, NULL);
  for (size_t q = 0; q < query_count && status == MAGPIE_OK; q++)
    status =
        (int)mgp_graph_search(s, queries + q * dim, o, hits + q * o->k, &counts[q], NULL, NULL);
  mgp_graph_searcher_destroy(s);
  return status;
}

/* knob: below 1 the recall that is wanted, below 8 a reach, otherwise a width. ids: k a query,
 * 2^32 - 1 where there are fewer. `allow` may be NULL; `path`, under it: an mgp_graph_path, 0 for
 * the one that the graph chooses. */
int shim_search(void *graph, const float *queries, size_t query_count, size_t dim, size_t k,
                double knob, const uint64_t *allow, int path, uint32_t *ids) {
  const mgp_graph_bits bits = {allow, mgp_graph_count(graph)};
  const mgp_graph_search_options o = {.k = k,
                                      .recall = knob < 1 ? knob : 0,
                                      .reach = knob >= 1 && knob < 8 ? knob : 0,
                                      .width = knob >= 8 ? (size_t)knob : 0,
                                      .allow = allow ? &bits : NULL,
                                      .path = (mgp_graph_path)path};
  mgp_scored *hits = malloc((query_count * k + 1) * sizeof *hits);
  size_t *counts = calloc(query_count + 1, sizeof *counts);
  int status = MAGPIE_NO_MEMORY;
  if (hits && counts)
    status = pool ? (int)mgp_graph_search_batch(graph, queries, query_count, dim, &o, pool, NULL,
                                                hits, counts, NULL)
                  : search_one_by_one(graph, queries, query_count, dim, &o, hits, counts);
  for (size_t q = 0; status == MAGPIE_OK && q < query_count; q++)
    for (size_t i = 0; i < k; i++)
      ids[q * k + i] = i < counts[q] ? (uint32_t)hits[q * k + i].id : UINT32_MAX;
  free(hits);
  free(counts);
  return status;
}

/* The rows that are allowed, one by one, as the engine compares the survivors of a filter. */
int shim_survivors(const float *rows, size_t count, size_t dim, const float *queries,
                   size_t query_count, size_t k, const uint64_t *allow, uint32_t *ids) {
  const mgp_kernels *kernels = mgp_kernels_get();
  mgp_scored *hits = malloc((k + 1) * sizeof *hits);
  for (size_t q = 0; hits && q < query_count; q++) {
    mgp_topk top;
    mgp_topk_init(&top, hits, k);
    for (size_t w = 0; w * 64 < count; w++)
      for (uint64_t bits = allow[w]; bits; bits &= bits - 1) {
        const size_t row = w * 64 + (size_t)__builtin_ctzll(bits);
        float score = 0;
        kernels->dot_rows_f32(queries + q * dim, rows + row * dim, dim, dim, 1, &score);
        mgp_topk_push(&top, score, row);
      }
    mgp_topk_sort(&top);
    for (size_t i = 0; i < k; i++)
      ids[q * k + i] = i < top.count ? (uint32_t)hits[i].id : UINT32_MAX;
  }
  free(hits);
  return hits ? 0 : MAGPIE_NO_MEMORY;
}
