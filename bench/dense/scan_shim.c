/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact search and scans of codes for bench_exact.py: plain C functions over float arrays, linked
 * with the archives of a build by ours.py. `codec` is a mgp_codec_kind, or -1 for the f32 rows.
 */
#include <stdlib.h>
#include <string.h>

#include "index/scan.h"

typedef struct shim_scan {
  mgp_dense_view view;
  mgp_code_view codes;
  mgp_coder *coder;
  mgp_pool *pool; /* NULL: one thread */
  void *bytes;
  uint64_t *ids;
  size_t size; /* of what a scan reads */
} shim_scan;

shim_scan *shim_scan_create(const float *rows, size_t count, size_t dim, int codec, unsigned bits,
                            int threads);
size_t shim_scan_size(const shim_scan *s);
int shim_scan_search(shim_scan *s, const float *queries, size_t query_count, size_t k,
                     size_t rerank, uint64_t *ids);

static int encode(shim_scan *s, int codec, unsigned bits) {
  const mgp_codec_options o = {
      .kind = (mgp_codec_kind)codec, .bits = bits, .dim = s->view.dim, .seed = 1};
  const size_t count = s->view.count, sample = count < 10000 ? count : 10000;
  if (mgp_coder_create(NULL, &o, &s->coder, NULL) != MAGPIE_OK ||
      mgp_coder_train(s->coder, s->view.rows, s->view.stride, sample, NULL) != MAGPIE_OK)
    return 1;
  s->size = mgp_coder_size(s->coder, count);
  s->bytes = aligned_alloc(64, (s->size + 63) / 64 * 64);
  if (!s->bytes ||
      mgp_coder_encode(s->coder, s->view.rows, s->view.stride, count, s->bytes, NULL) != MAGPIE_OK)
    return 1;
  s->codes = (mgp_code_view){.coder = s->coder,
                             .codes = s->bytes,
                             .ids = s->ids,
                             .count = count,
                             .dim = s->view.dim,
                             .stride = s->view.stride};
  return 0;
}

shim_scan *shim_scan_create(const float *rows, size_t count, size_t dim, int codec, unsigned bits,
                            int threads) {
  shim_scan *s = calloc(1, sizeof *s);
  if (!s || !(s->ids = malloc(count * sizeof *s->ids))) return NULL;
  for (size_t i = 0; i < count; i++) s->ids[i] = i;
  s->view = (mgp_dense_view){rows, s->ids, count, dim, dim};
  s->size = count * dim * sizeof(float);
  if (threads > 1 && mgp_pool_create(threads, &s->pool, NULL) != MAGPIE_OK) return NULL;
  return codec >= 0 && encode(s, codec, bits) ? NULL : s;
}

size_t shim_scan_size(const shim_scan *s) {
  return s->size;
}

/* ids: k a query, the best of each in no order. rerank 0: the estimates are the answer. */
int shim_scan_search(shim_scan *s, const float *queries, size_t query_count, size_t k,
                     size_t rerank, uint64_t *ids) {
  mgp_topk *tops = calloc(query_count, sizeof *tops);
  mgp_scored *storage = calloc(query_count * k, sizeof *storage);
  if (!tops || !storage) return 1;
  for (size_t q = 0; q < query_count; q++) mgp_topk_init(&tops[q], storage + q * k, k);
  const size_t dim = s->view.dim;
  magpie_status status;
  s->codes.rows = rerank ? s->view.rows : NULL;
  if (s->coder)
    status = mgp_code_search(&s->codes, queries, dim, query_count, rerank, NULL, s->pool, NULL,
                             tops, NULL);
  else if (query_count == 1)
    status = mgp_dense_search(&s->view, 1, queries, NULL, s->pool, NULL, tops, NULL);
  else
    status = mgp_dense_search_batch(&s->view, 1, queries, dim, query_count, NULL, s->pool, NULL,
                                    tops, NULL);
  for (size_t q = 0; q < query_count; q++)
    for (size_t i = 0; i < k; i++) ids[q * k + i] = tops[q].heap[i].id;
  free(tops);
  free(storage);
  return (int)status;
}
