/* SPDX-License-Identifier: Apache-2.0
 *
 * Two rows of values compared query by query: the randomisation test decides, the t-test stands
 * beside it, the bootstrap gives the interval of the difference. Holm (1979) over what belongs
 * together comes after.
 */
#include <math.h>

#include "eval/evaluation.h"

/* Differences below are rounding: sums of gains are added in another order. */
#define TIE 1e-12

typedef struct pairs {
  double *a, *b, *difference; /* of the queries that both have */
  size_t *query;
  size_t n;
} pairs;

static magpie_status gather(const double *system, const double *baseline, size_t queries,
                            pairs *out, magpie_error *err) {
  const size_t room = queries ? queries : 1;
  out->a = mgp_calloc(NULL, room, sizeof *out->a);
  out->b = mgp_calloc(NULL, room, sizeof *out->b);
  out->difference = mgp_calloc(NULL, room, sizeof *out->difference);
  out->query = mgp_calloc(NULL, room, sizeof *out->query);
  MGP_RETURN_IF(!out->a || !out->b || !out->difference || !out->query, err, MAGPIE_NO_MEMORY,
                "no memory to compare %zu queries", queries);
  for (size_t q = 0; q < queries; q++) {
    if (isnan(system[q]) || isnan(baseline[q])) continue;
    const double difference = system[q] - baseline[q];
    out->a[out->n] = system[q];
    out->b[out->n] = baseline[q];
    out->difference[out->n] = fabs(difference) <= TIE ? 0 : difference;
    out->query[out->n++] = q;
  }
  return MAGPIE_OK;
}

static void pairs_fini(pairs *p) {
  mgp_free(NULL, p->a);
  mgp_free(NULL, p->b);
  mgp_free(NULL, p->difference);
  mgp_free(NULL, p->query);
}

/* Keeps the list sorted by size of the difference; of equal ones the earlier query. */
static void note_change(mgp_comparison *c, const pairs *p, size_t *places, size_t i) {
  const double size = fabs(p->difference[i]);
  size_t at = c->changed_count;
  while (at > 0 && fabs(p->difference[places[at - 1]]) < size) at--;
  if (at >= MGP_CHANGED_MAX) return;
  if (c->changed_count < MGP_CHANGED_MAX) c->changed_count++;
  for (size_t j = c->changed_count - 1; j > at; j--) places[j] = places[j - 1];
  places[at] = i;
}

static void count_sides(mgp_comparison *c, const pairs *p, bool higher_is_better) {
  size_t places[MGP_CHANGED_MAX] = {0};
  double a = 0, b = 0;
  for (size_t i = 0; i < p->n; i++) {
    a += p->a[i];
    b += p->b[i];
    const double gain = higher_is_better ? p->difference[i] : -p->difference[i];
    if (gain > 0) c->wins++;
    else if (gain < 0) c->losses++;
    else c->ties++;
    if (gain != 0) note_change(c, p, places, i);
  }
  for (size_t i = 0; i < c->changed_count; i++) c->changed[i] = p->query[places[i]];
  if (p->n == 0) return;
  c->system_mean = a / (double)p->n;
  c->baseline_mean = b / (double)p->n;
  c->difference = c->system_mean - c->baseline_mean;
}

static magpie_status test_pairs(mgp_comparison *c, const pairs *p, const mgp_test_settings *s,
                                magpie_error *err) {
  if (c->wins + c->losses == 0) return MAGPIE_OK;
  double t = 0;
  MGP_FORWARD(magpie_bootstrap_mean(p->difference, p->n, s->confidence, s->rounds, s->seed, &c->low,
                                    &c->high, err));
  MGP_FORWARD(magpie_randomisation_test(p->a, p->b, p->n, s->rounds, s->seed, &c->p, err));
  if (p->n < 2) return MAGPIE_OK;
  MGP_FORWARD(magpie_paired_t_test(p->a, p->b, p->n, &t, &c->p_t, err));
  c->effect = magpie_effect_size(p->a, p->b, p->n);
  return MAGPIE_OK;
}

magpie_status mgp_compare(const double *system, const double *baseline, size_t queries,
                          bool higher_is_better, const mgp_test_settings *settings,
                          mgp_comparison *out, magpie_error *err) {
  pairs p = {0};
  *out = (mgp_comparison){.p = 1, .p_t = NAN, .effect = NAN};
  magpie_status status = MAGPIE_OK;
  MGP_TRY(gather(system, baseline, queries, &p, err));
  out->n = p.n;
  count_sides(out, &p, higher_is_better);
  if (out->wins + out->losses == 0) out->difference = 0;
  MGP_TRY(test_pairs(out, &p, settings, err));
  out->p_holm = out->p;
done:
  pairs_fini(&p);
  return status;
}

magpie_status mgp_comparisons_holm(mgp_comparison *const *comparisons, size_t count, double alpha,
                                   magpie_error *err) {
  if (count == 0) return MAGPIE_OK;
  double *p = mgp_calloc(NULL, count, sizeof *p);
  MGP_RETURN_IF(!p, err, MAGPIE_NO_MEMORY, "no memory for %zu comparisons", count);
  for (size_t i = 0; i < count; i++) p[i] = comparisons[i]->p;
  const magpie_status status = magpie_holm(p, count, p, err);
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    comparisons[i]->p_holm = p[i];
    comparisons[i]->is_significant = p[i] <= alpha;
  }
  mgp_free(NULL, p);
  return status;
}

int mgp_comparison_side(const mgp_comparison *c, bool higher_is_better) {
  const double gain = higher_is_better ? c->difference : -c->difference;
  return gain > 0 ? 1 : gain < 0 ? -1 : 0;
}

json_t *mgp_json_real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *mgp_comparison_json(const mgp_comparison *c) {
  return json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:b}", "n", (json_int_t)c->n,
                   "difference", mgp_json_real(c->difference), "low", mgp_json_real(c->low), "high",
                   mgp_json_real(c->high), "p", mgp_json_real(c->p), "p_t", mgp_json_real(c->p_t),
                   "p_holm", mgp_json_real(c->p_holm), "effect", mgp_json_real(c->effect), "wins",
                   (json_int_t)c->wins, "losses", (json_int_t)c->losses, "ties",
                   (json_int_t)c->ties, "significant", c->is_significant);
}
