/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of queries as percentiles by nearest rank (the smallest time that at least that share of
 * the queries did not exceed) and as queries a second of one client: count / sum of the times.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/evaluation.h"

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* percent of count, rounded up, in whole numbers: 0.95 * 20 would be 19 and a bit. */
static double nearest_rank(const double *sorted, size_t count, size_t percent) {
  const size_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
  return sorted[rank > 0 ? rank - 1 : 0];
}

json_t *mgp_latency_json(const double *ms, size_t count) {
  double *sorted = mgp_calloc(NULL, count ? count : 1, sizeof *sorted);
  json_t *values = json_array();
  if (!sorted || !values) {
    mgp_free(NULL, sorted);
    json_decref(values);
    return NULL;
  }
  size_t known = 0;
  double sum = 0;
  int failed = 0;
  for (size_t i = 0; i < count; i++) {
    const bool is_known = isfinite(ms[i]) && ms[i] >= 0;
    failed |= json_array_append_new(values, is_known ? json_real(ms[i]) : json_null());
    if (is_known) sum += sorted[known++] = ms[i];
  }
  json_t *out = NULL;
  if (known == 0) {
    json_decref(values);
    out = json_null();
  } else if (failed) {
    json_decref(values);
  } else {
    qsort(sorted, known, sizeof *sorted, compare_doubles);
    out = json_pack("{s:f,s:f,s:f,s:o,s:o}", "p50_ms", nearest_rank(sorted, known, 50), "p95_ms",
                    nearest_rank(sorted, known, 95), "p99_ms", nearest_rank(sorted, known, 99),
                    "queries_per_s", mgp_json_real(sum > 0 ? 1000 * (double)known / sum : NAN),
                    "values_ms", values);
  }
  mgp_free(NULL, sorted);
  return out;
}
