/* SPDX-License-Identifier: Apache-2.0
 *
 * The clustered index for bench_ann.py and bench_build.py: plain C functions over float arrays,
 * linked with the archives of a build by ours.py.
 */
#include <stdlib.h>

#include "index/cluster_index.h"

int shim_clusters_threads(int threads);
void *shim_clusters_build(const float *rows, size_t count, size_t dim, int metric);
size_t shim_clusters_size(void *clusters);
int shim_clusters_search(void *clusters, const float *queries, size_t query_count, size_t dim,
                         size_t k, double recall, uint32_t *ids);

static mgp_pool *pool; /* of builds; NULL: one thread */

int shim_clusters_threads(int threads) {
  mgp_pool_destroy(pool);
  pool = NULL;
  return threads > 1 ? (int)mgp_pool_create(threads, &pool, NULL) : 0;
}

void *shim_clusters_build(const float *rows, size_t count, size_t dim, int metric) {
  const mgp_graph_rows r = {rows, count, dim, dim};
  const mgp_cluster_options o = {.metric = (mgp_graph_metric)metric};
  mgp_clusters *c = NULL;
  return mgp_clusters_build(&r, &o, pool, NULL, &c, NULL) == MAGPIE_OK ? c : NULL;
}

size_t shim_clusters_size(void *clusters) {
  const void *data;
  size_t size;
  mgp_clusters_bytes(clusters, &data, &size);
  return size;
}

/* ids: k a query, 2^32 - 1 where there are fewer. The index chooses lists and margin by `recall`.
 */
int shim_clusters_search(void *clusters, const float *queries, size_t query_count, size_t dim,
                         size_t k, double recall, uint32_t *ids) {
  const mgp_cluster_search_options o = {.k = k, .recall = recall};
  mgp_cluster_searcher *s = NULL;
  mgp_scored *hits = malloc((k + 1) * sizeof *hits);
  int status =
      hits ? (int)mgp_cluster_searcher_create(clusters, NULL, &s, NULL) : (int)MAGPIE_NO_MEMORY;
  for (size_t q = 0; status == MAGPIE_OK && q < query_count; q++) {
    size_t count = 0;
    status = (int)mgp_clusters_search(s, queries + q * dim, &o, hits, &count, NULL, NULL);
    for (size_t i = 0; i < k; i++) ids[q * k + i] = i < count ? (uint32_t)hits[i].id : UINT32_MAX;
  }
  mgp_cluster_searcher_destroy(s);
  free(hits);
  return status;
}
