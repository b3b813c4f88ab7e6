/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures that weigh how relevant a hit is. Gains below 1 count as 0, as in trec_eval.
 */
#include <math.h>

#include "eval/ranking_measures.h"

/* 2^gain - 1 as Burges et al. 2005, or the gain itself as Jarvelin and Kekalainen 2002. */
static double discounted(const mgp_measure *m, int64_t gain, size_t index) {
  if (gain <= 0) return 0;
  const double worth = m->is_exponential ? ldexp(1, (int)gain) - 1 : (double)gain;
  return worth / log2((double)index + 2);
}

double mgp_measure_ndcg(const mgp_measure *m, const mgp_ranking *r) {
  double sum = 0, best = 0;
  for (size_t i = 0; i < r->count && !(m->cutoff && i >= m->cutoff); i++)
    sum += discounted(m, r->gains[i], i);
  for (size_t i = 0; i < r->ideal_count && !(m->cutoff && i >= m->cutoff); i++)
    best += discounted(m, r->ideal[i], i);
  return best > 0 ? sum / best : 0;
}

/* Chapelle et al., CIKM 2009, with gdeval's divisor: the best gain satisfies with 1 - 2^-max. */
double mgp_measure_err(const mgp_measure *m, const mgp_ranking *r) {
  double sum = 0, going_on = 1;
  for (size_t i = 0; i < r->count && !(m->cutoff && i >= m->cutoff); i++) {
    if (r->gains[i] <= 0) continue;
    const double stops = (ldexp(1, (int)r->gains[i]) - 1) / ldexp(1, (int)m->max);
    sum += going_on * stops / (double)(i + 1);
    going_on *= 1 - stops;
  }
  return sum;
}
