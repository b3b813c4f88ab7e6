/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures that know relevant and not: a gain of m->rel and more is relevant. As in trec_eval a
 * missing rank counts as not relevant, and a query without relevant documents scores 0.
 */
#include "eval/ranking_measures.h"

static size_t depth_of(const mgp_measure *m, const mgp_ranking *r) {
  return m->cutoff && m->cutoff < r->count ? m->cutoff : r->count;
}

static bool is_relevant(const mgp_measure *m, int64_t gain) {
  return gain >= m->rel; /* MGP_UNJUDGED is below all */
}

static size_t relevant_found(const mgp_measure *m, const mgp_ranking *r, size_t depth) {
  size_t found = 0;
  for (size_t i = 0; i < depth; i++) found += is_relevant(m, r->gains[i]);
  return found;
}

static size_t relevant_judged(const mgp_measure *m, const mgp_ranking *r) {
  size_t count = 0;
  for (size_t i = 0; i < r->judged_count; i++) count += is_relevant(m, r->judged[i]);
  return count;
}

double mgp_measure_precision(const mgp_measure *m, const mgp_ranking *r) {
  return (double)relevant_found(m, r, depth_of(m, r)) / (double)m->cutoff;
}

double mgp_measure_recall(const mgp_measure *m, const mgp_ranking *r) {
  const size_t relevant = relevant_judged(m, r);
  return relevant ? (double)relevant_found(m, r, depth_of(m, r)) / (double)relevant : 0;
}

double mgp_measure_recall_all(const mgp_measure *m, const mgp_ranking *r) {
  const size_t relevant = relevant_judged(m, r);
  return relevant > 0 && relevant_found(m, r, depth_of(m, r)) == relevant;
}

double mgp_measure_success(const mgp_measure *m, const mgp_ranking *r) {
  return relevant_found(m, r, depth_of(m, r)) > 0;
}

double mgp_measure_r_precision(const mgp_measure *m, const mgp_ranking *r) {
  const size_t relevant = relevant_judged(m, r);
  const size_t depth = relevant < r->count ? relevant : r->count;
  return relevant ? (double)relevant_found(m, r, depth) / (double)relevant : 0;
}

double mgp_measure_reciprocal_rank(const mgp_measure *m, const mgp_ranking *r) {
  const size_t depth = depth_of(m, r);
  for (size_t i = 0; i < depth; i++)
    if (is_relevant(m, r->gains[i])) return 1 / (double)(i + 1);
  return 0;
}

double mgp_measure_average_precision(const mgp_measure *m, const mgp_ranking *r) {
  const size_t relevant = relevant_judged(m, r), depth = depth_of(m, r);
  if (relevant == 0) return 0;
  double sum = 0;
  size_t found = 0;
  for (size_t i = 0; i < depth; i++)
    if (is_relevant(m, r->gains[i])) sum += (double)++found / (double)(i + 1);
  return sum / (double)relevant;
}

/* Moffat and Zobel, TOIS 2008; what lies beyond the last rank counts as not relevant. */
double mgp_measure_rbp(const mgp_measure *m, const mgp_ranking *r) {
  const size_t depth = depth_of(m, r);
  double sum = 0, weight = 1 - m->p;
  for (size_t i = 0; i < depth; i++, weight *= m->p)
    if (is_relevant(m, r->gains[i])) sum += weight;
  return sum;
}

/* Buckley and Voorhees, SIGIR 2004. trec_eval takes a negative gain for "in the pool, not judged",
 * and so do we: it is neither relevant nor a judged non-relevant document. */
double mgp_measure_bpref(const mgp_measure *m, const mgp_ranking *r) {
  const size_t relevant = relevant_judged(m, r);
  size_t others = 0, seen = 0;
  for (size_t i = 0; i < r->judged_count; i++)
    others += r->judged[i] >= 0 && !is_relevant(m, r->judged[i]);
  const size_t most = others < relevant ? others : relevant;
  double sum = 0;
  for (size_t i = 0; i < r->count; i++) {
    if (r->gains[i] < 0) continue;
    if (!is_relevant(m, r->gains[i])) seen++;
    else sum += seen ? 1 - (double)(seen < relevant ? seen : relevant) / (double)most : 1;
  }
  return relevant ? sum / (double)relevant : 0;
}

double mgp_measure_judged(const mgp_measure *m, const mgp_ranking *r) {
  const size_t depth = depth_of(m, r);
  size_t judged = 0;
  for (size_t i = 0; i < depth; i++) judged += r->gains[i] != MGP_UNJUDGED;
  return depth ? (double)judged / (double)depth : 0;
}

double mgp_measure_retrieved(const mgp_measure *m, const mgp_ranking *r) {
  return (double)(m->rel ? relevant_found(m, r, r->count) : r->retrieved);
}
