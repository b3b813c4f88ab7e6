/* SPDX-License-Identifier: Apache-2.0
 *
 * Two stored evaluations of the same queries: every system that both have, measure by measure, with
 * Holm over all comparisons. Made for a user's CI: did anything fall?
 */
#include <math.h>

#include "eval/report.h"

/* Of the tests here; the settings of stored files do not choose how long a comparison takes. */
#define ROUNDS 10000
#define SEED 1

/* A system and measure of both. */
typedef struct pair {
  size_t before_system, after_system, before_measure, after_measure;
  mgp_comparison c;
} pair;

typedef struct diff {
  const mgp_mgeval *before, *after;
  mgp_test_settings test;
  size_t *order; /* place in `before` of each query of `after` */
  double *row;   /* a row of `before` in the order of `after` */
  pair *pairs;
  size_t count;
  magpie_error *err;
} diff;

static magpie_status no_memory(const diff *d) {
  return mgp_fail(d->err, MAGPIE_NO_MEMORY, "no memory to compare two evaluations");
}

/* ---- what is paired ---------------------------------------------------------------------- */

static magpie_status pair_queries(diff *d) {
  const mgp_mgeval *before = d->before, *after = d->after;
  for (size_t q = 0; q < after->query_count; q++) {
    const char *id = after->queries[q].id;
    const mgp_id *found = mgp_id_table_find(&before->query_ids, id, strlen(id));
    MGP_RETURN_IF(!found, d->err, MAGPIE_INVALID,
                  "the evaluations have other queries: %.80s is only in the second one; compare "
                  "two evaluations of the same judgements",
                  id);
    d->order[q] = found->number;
  }
  for (size_t q = 0; q < before->query_count; q++) {
    const char *id = before->queries[q].id;
    MGP_RETURN_IF(!mgp_id_table_find(&after->query_ids, id, strlen(id)), d->err, MAGPIE_INVALID,
                  "the evaluations have other queries: %.80s is only in the first one; compare two "
                  "evaluations of the same judgements",
                  id);
  }
  return MAGPIE_OK;
}

static size_t find_system(const mgp_mgeval *m, const char *name) {
  size_t i = 0;
  while (i < m->system_count && strcmp(m->systems[i].name, name) != 0) i++;
  return i;
}

static size_t find_measure(const mgp_mgeval *m, const char *name) {
  size_t i = 0;
  while (i < m->measure_count && strcmp(m->measures[i].name, name) != 0) i++;
  return i;
}

static magpie_status pair_systems(diff *d) {
  const mgp_mgeval *before = d->before, *after = d->after;
  for (size_t m = 0; m < after->measure_count; m++) {
    const mgp_mgeval_measure *measure = &after->measures[m];
    const size_t old_measure = find_measure(before, measure->name);
    if (old_measure == before->measure_count) continue;
    MGP_RETURN_IF(before->measures[old_measure].higher_is_better != measure->higher_is_better,
                  d->err, MAGPIE_INVALID,
                  "the evaluations do not agree whether more %.60s is better", measure->name);
    for (size_t s = 0; s < after->system_count; s++) {
      const size_t old = find_system(before, after->systems[s].name);
      if (old == before->system_count) continue;
      d->pairs[d->count++] = (pair){.before_system = old,
                                    .after_system = s,
                                    .before_measure = old_measure,
                                    .after_measure = m};
    }
  }
  MGP_RETURN_IF(d->count == 0, d->err, MAGPIE_INVALID,
                "the evaluations have no system of the same name with a measure in common");
  return MAGPIE_OK;
}

static magpie_status compare_pairs(diff *d) {
  mgp_comparison **together = mgp_calloc(NULL, d->count, sizeof *together);
  if (!together) return no_memory(d);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < d->count && status == MAGPIE_OK; i++) {
    pair *p = &d->pairs[i];
    const double *old = d->before->systems[p->before_system].scores[p->before_measure].values;
    const double *new = d->after->systems[p->after_system].scores[p->after_measure].values;
    for (size_t q = 0; q < d->after->query_count; q++) d->row[q] = old[d->order[q]];
    status =
        mgp_compare(new, d->row, d->after->query_count,
                    d->after->measures[p->after_measure].higher_is_better, &d->test, &p->c, d->err);
    together[i] = &p->c;
  }
  if (status == MAGPIE_OK) status = mgp_comparisons_holm(together, d->count, d->test.alpha, d->err);
  mgp_free(NULL, together);
  return status;
}

/* ---- what is told ------------------------------------------------------------------------ */

static int side_of(const diff *d, const pair *p) {
  if (!p->c.is_significant) return 0;
  return mgp_comparison_side(&p->c, d->after->measures[p->after_measure].higher_is_better);
}

static void add_verdict(const diff *d, mgp_buffer *b, const pair *p) {
  char before[32], after[32];
  const int side = side_of(d, p);
  const char *system = d->after->systems[p->after_system].name;
  const char *measure = d->after->measures[p->after_measure].name;
  if (p->c.n == 0) {
    mgp_buffer_printf(b, "%s: no query was answered both times.", system);
    return;
  }
  mgp_verdict_number(p->c.baseline_mean, before);
  mgp_verdict_number(p->c.system_mean, after);
  if (p->c.wins + p->c.losses == 0) {
    mgp_buffer_printf(b, "%s did not change in %s: %s on %zu quer%s.", system, measure, after,
                      p->c.n, p->c.n == 1 ? "y" : "ies");
    return;
  }
  if (side == 0) mgp_buffer_printf(b, "No significant change of %s in %s", system, measure);
  else mgp_buffer_printf(b, "%s got %s in %s", system, side > 0 ? "better" : "worse", measure);
  mgp_buffer_printf(b, ": %s to %s, ", before, after);
  mgp_verdict_figures(b, &p->c);
  mgp_buffer_add_char(b, '.');
}

static json_t *verdict_json(const diff *d, const pair *p) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  add_verdict(d, &b, p);
  json_t *text = b.failed ? NULL : json_stringn(b.data, b.size);
  mgp_buffer_fini(&b);
  return text;
}

static json_t *changed_json(const diff *d, const pair *p) {
  json_t *changed = json_array();
  const double *old = d->before->systems[p->before_system].scores[p->before_measure].values;
  const double *new = d->after->systems[p->after_system].scores[p->after_measure].values;
  for (size_t i = 0; i < p->c.changed_count; i++) {
    const size_t q = p->c.changed[i];
    json_array_append_new(changed, json_pack("{s:s,s:f,s:f}", "query", d->after->queries[q].id,
                                             "before", old[d->order[q]], "after", new[q]));
  }
  return changed;
}

static json_t *pair_json(const diff *d, const pair *p) {
  json_t *out =
      json_pack("{s:s,s:s,s:o,s:o}", "measure", d->after->measures[p->after_measure].name, "system",
                d->after->systems[p->after_system].name, "before",
                mgp_json_real(p->c.baseline_mean), "after", mgp_json_real(p->c.system_mean));
  json_t *figures = mgp_comparison_json(&p->c);
  const int failed = !out || !figures || json_object_update(out, figures) != 0 ||
                     json_object_set_new(out, "changed", changed_json(d, p)) != 0 ||
                     json_object_set_new(out, "verdict", verdict_json(d, p)) != 0;
  json_decref(figures);
  if (!failed) return out;
  json_decref(out);
  return NULL;
}

/* The pairs that went to one side, as {"measure","system"}. */
static json_t *sides_json(const diff *d, int side) {
  json_t *list = json_array();
  for (size_t i = 0; i < d->count; i++)
    if (side_of(d, &d->pairs[i]) == side)
      json_array_append_new(list,
                            json_pack("{s:s,s:s}", "measure",
                                      d->after->measures[d->pairs[i].after_measure].name, "system",
                                      d->after->systems[d->pairs[i].after_system].name));
  return list;
}

static json_t *only_systems(const mgp_mgeval *here, const mgp_mgeval *there) {
  json_t *list = json_array();
  for (size_t i = 0; i < here->system_count; i++)
    if (find_system(there, here->systems[i].name) == there->system_count)
      json_array_append_new(list, json_string(here->systems[i].name));
  return list;
}

static json_t *only_measures(const mgp_mgeval *here, const mgp_mgeval *there) {
  json_t *list = json_array();
  for (size_t i = 0; i < here->measure_count; i++)
    if (find_measure(there, here->measures[i].name) == there->measure_count)
      json_array_append_new(list, json_string(here->measures[i].name));
  return list;
}

/* What weakens the comparison, in sentences. */
static json_t *notes_json(const diff *d) {
  json_t *notes = json_array();
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  if (d->before->judgements >= 0 && d->after->judgements >= 0 &&
      d->before->judgements != d->after->judgements) {
    mgp_buffer_printf(&b, "The judgements differ: %lld before, %lld after.",
                      (long long)d->before->judgements, (long long)d->after->judgements);
    json_array_append_new(notes, json_string(b.data));
    mgp_buffer_clear(&b);
  }
  mgp_verdict_small_sample(&b, d->after->query_count, d->count, d->test.alpha);
  if (b.size > 0) json_array_append_new(notes, json_stringn(b.data, b.size));
  mgp_buffer_fini(&b);
  return notes;
}

static magpie_status write_diff(const diff *d, char **json) {
  json_t *comparisons = json_array();
  magpie_status status = comparisons ? MAGPIE_OK : no_memory(d);
  for (size_t i = 0; i < d->count && status == MAGPIE_OK; i++)
    if (json_array_append_new(comparisons, pair_json(d, &d->pairs[i])) != 0) status = no_memory(d);
  json_t *root = json_pack(
      "{s:f,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "alpha", d->test.alpha, "queries",
      (json_int_t)d->after->query_count, "comparisons", comparisons, "fell", sides_json(d, -1),
      "rose", sides_json(d, 1), "only_before", only_systems(d->before, d->after), "only_after",
      only_systems(d->after, d->before), "measures_only_before", only_measures(d->before, d->after),
      "measures_only_after", only_measures(d->after, d->before), "notes", notes_json(d));
  if (status == MAGPIE_OK && !root) status = no_memory(d);
  if (status == MAGPIE_OK) status = mgp_json_write(root, json, d->err);
  json_decref(root);
  return status;
}

static magpie_status run_diff(diff *d, char **json, bool *fell) {
  const size_t queries = d->after->query_count;
  const size_t pairs = d->after->system_count * d->after->measure_count;
  magpie_status status = MAGPIE_OK;
  d->order = mgp_calloc(NULL, queries, sizeof *d->order);
  d->row = mgp_calloc(NULL, queries, sizeof *d->row);
  d->pairs = mgp_calloc(NULL, pairs, sizeof *d->pairs);
  if (!d->order || !d->row || !d->pairs) MGP_TRY(no_memory(d));
  MGP_TRY(pair_queries(d));
  MGP_TRY(pair_systems(d));
  MGP_TRY(compare_pairs(d));
  MGP_TRY(write_diff(d, json));
  for (size_t i = 0; i < d->count; i++) *fell = *fell || side_of(d, &d->pairs[i]) < 0;
done:
  mgp_free(NULL, d->order);
  mgp_free(NULL, d->row);
  mgp_free(NULL, d->pairs);
  return status;
}

magpie_status magpie_evaluation_diff(const char *before, const char *after, double alpha,
                                     char **json, bool *fell, magpie_error *err) {
  MGP_RETURN_IF(!json || !fell, err, MAGPIE_INVALID, "diff: json or fell is NULL");
  *json = NULL;
  *fell = false;
  MGP_RETURN_IF(!(alpha >= 0 && alpha < 1), err, MAGPIE_INVALID,
                "a significance level of %g is not between 0 and 1", alpha);
  mgp_mgeval old = {0}, new = {0};
  diff d = {.before = &old, .after = &new, .err = err};
  magpie_status status = mgp_mgeval_read("before", before, &old, err);
  if (status == MAGPIE_OK) status = mgp_mgeval_read("after", after, &new, err);
  d.test = (mgp_test_settings){.alpha = alpha > 0 ? alpha : 0.05,
                               .confidence = new.confidence,
                               .rounds = ROUNDS,
                               .seed = SEED};
  if (status == MAGPIE_OK) status = run_diff(&d, json, fell);
  mgp_mgeval_fini(&old);
  mgp_mgeval_fini(&new);
  return status;
}
