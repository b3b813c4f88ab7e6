/* SPDX-License-Identifier: Apache-2.0
 *
 * The recall of an approximate search against the exact one on the same generation: what the
 * literature on nearest neighbours calls recall@k.
 */
#include "base/base.h"
#include "magpie/eval.h"

static bool holds(const magpie_run_hit *hits, size_t count, const char *document) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(hits[i].document, document) == 0) return true;
  return false;
}

magpie_status magpie_run_recall(const magpie_run *run, const magpie_run *exact, size_t k,
                                double *out, magpie_error *err) {
  MGP_RETURN_IF(!run || !exact || !out || k == 0, err, MAGPIE_INVALID,
                "the recall of a run needs the exact run and k of at least 1");
  double sum = 0;
  size_t queries = 0;
  for (size_t i = 0; i < magpie_run_query_count(exact); i++) {
    const char *query = magpie_run_query(exact, i);
    const magpie_run_hit *wanted = NULL, *hits = NULL;
    size_t wanted_count = magpie_run_hits(exact, query, &wanted);
    size_t count = magpie_run_hits(run, query, &hits);
    if (wanted_count == 0) continue;
    if (wanted_count > k) wanted_count = k;
    if (count > k) count = k;
    size_t found = 0;
    for (size_t j = 0; j < wanted_count; j++) found += holds(hits, count, wanted[j].document);
    sum += (double)found / (double)wanted_count;
    queries++;
  }
  MGP_RETURN_IF(queries == 0, err, MAGPIE_INVALID, "the exact run has no hits");
  *out = sum / (double)queries;
  return MAGPIE_OK;
}
