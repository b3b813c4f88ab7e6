/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a stored evaluation (docs/format/mgeval.md) and believes nothing: types, lengths, names,
 * ranges. Unknown members are passed over; mgeval_parts.c reads hits, confusion, sweeps and
 * comparisons.
 */
#include <math.h>

#include "eval/report.h"

#define MEASURES_MAX 64
#define VERDICT_MAX 10000
#define WHERE 160

/* ---- what all parts use ------------------------------------------------------------------ */

magpie_status mgp_mgeval_bad(const mgp_mgeval_reader *r, const char *where, const char *what) {
  mgp_fail(r->err, MAGPIE_FORMAT, "%s: %s %s", r->name, where, what);
  mgp_fail_place(r->err, "%s: %s", r->name, where);
  return MAGPIE_FORMAT;
}

static magpie_status no_memory(const mgp_mgeval_reader *r) {
  return mgp_fail(r->err, MAGPIE_NO_MEMORY, "no memory to read the evaluation %s", r->name);
}

magpie_status mgp_mgeval_number(const mgp_mgeval_reader *r, const json_t *value, bool or_null,
                                const char *where, double *out) {
  if (or_null && json_is_null(value)) {
    *out = NAN;
    return MAGPIE_OK;
  }
  if (!json_is_number(value)) return mgp_mgeval_bad(r, where, "is not a number");
  *out = json_number_value(value);
  if (!(fabs(*out) <= MGP_NUMBER_MAX)) return mgp_mgeval_bad(r, where, "is too large a number");
  return MAGPIE_OK;
}

magpie_status mgp_mgeval_count(const mgp_mgeval_reader *r, const json_t *value, const char *where,
                               size_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0 ||
      (double)json_integer_value(value) > MGP_NUMBER_MAX)
    return mgp_mgeval_bad(r, where, "is not a count");
  *out = (size_t)json_integer_value(value);
  return MAGPIE_OK;
}

magpie_status mgp_mgeval_text(const mgp_mgeval_reader *r, const json_t *value, const char *where,
                              const char **out) {
  if (!json_is_string(value) || json_string_length(value) == 0)
    return mgp_mgeval_bad(r, where, "is not a text");
  *out = json_string_value(value);
  return MAGPIE_OK;
}

/* ---- head -------------------------------------------------------------------------------- */

static magpie_status check_version(const mgp_mgeval_reader *r) {
  const json_t *root = r->m->root;
  if (!json_is_object(root)) return mgp_mgeval_bad(r, "the whole", "is not a JSON object");
  const char *format = mgp_json_text(root, "format", "");
  if (strcmp(format, "mgeval") != 0)
    return mgp_mgeval_bad(r, "format", "is not \"mgeval\": no stored evaluation of magpie");
  const json_t *version = json_object_get(root, "version");
  if (!json_is_integer(version) || json_integer_value(version) < 1)
    return mgp_mgeval_bad(r, "version", "is not a version number");
  MGP_RETURN_IF(json_integer_value(version) > MGP_MGEVAL_VERSION, r->err, MAGPIE_VERSION,
                "%s has version %lld of the .mgeval format, written by a newer magpie; this one "
                "(%s) reads up to version %d",
                r->name, (long long)json_integer_value(version), magpie_version(),
                MGP_MGEVAL_VERSION);
  return MAGPIE_OK;
}

static magpie_status read_share(const mgp_mgeval_reader *r, const json_t *settings,
                                const char *member, double fallback, double *out) {
  char where[WHERE];
  const json_t *value = json_object_get(settings, member);
  *out = fallback;
  if (!value) return MAGPIE_OK;
  snprintf(where, sizeof where, "settings.%s", member);
  MGP_FORWARD(mgp_mgeval_number(r, value, false, where, out));
  return *out > 0 && *out < 1 ? MAGPIE_OK : mgp_mgeval_bad(r, where, "is not between 0 and 1");
}

static magpie_status read_head(const mgp_mgeval_reader *r) {
  mgp_mgeval *m = r->m;
  const json_t *data = json_object_get(m->root, "data");
  const json_t *settings = json_object_get(m->root, "settings");
  m->name = mgp_json_text(data, "name", "evaluation");
  m->judgements = mgp_json_integer(data, "judgements", -1);
  m->created = mgp_json_text(m->root, "created", "");
  m->magpie = mgp_json_text(m->root, "magpie", "");
  m->leaves_out = strcmp(mgp_json_text(settings, "missing", ""), "left out") == 0;
  m->documents = json_object_get(m->root, "documents");
  if (!json_is_object(m->documents)) m->documents = NULL;
  MGP_FORWARD(read_share(r, settings, "alpha", 0.05, &m->alpha));
  return read_share(r, settings, "confidence", 0.95, &m->confidence);
}

static magpie_status read_measures(const mgp_mgeval_reader *r) {
  mgp_mgeval *m = r->m;
  const json_t *list = json_object_get(m->root, "measures");
  if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > MEASURES_MAX)
    return mgp_mgeval_bad(r, "measures", "is not a list of 1 to 64 measures");
  m->measures = mgp_arena_calloc(m->arena, json_array_size(list), sizeof *m->measures);
  if (!m->measures) return no_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    char where[WHERE];
    const json_t *one = json_array_get(list, i);
    mgp_mgeval_measure *measure = &m->measures[i];
    snprintf(where, sizeof where, "measures[%zu].name", i);
    MGP_FORWARD(mgp_mgeval_text(r, json_object_get(one, "name"), where, &measure->name));
    measure->higher_is_better = mgp_json_bool(one, "higher_is_better", true);
    for (size_t j = 0; j < i; j++)
      if (strcmp(m->measures[j].name, measure->name) == 0)
        return mgp_mgeval_bad(r, where, "is there twice");
    m->measure_count++;
  }
  return MAGPIE_OK;
}

static magpie_status read_query(const mgp_mgeval_reader *r, const json_t *one, size_t i) {
  mgp_mgeval *m = r->m;
  char where[WHERE];
  const mgp_id *id = NULL;
  mgp_mgeval_query *query = &m->queries[i];
  snprintf(where, sizeof where, "queries[%zu].id", i);
  MGP_FORWARD(mgp_mgeval_text(r, json_object_get(one, "id"), where, &query->id));
  const size_t size = strlen(query->id);
  if (size > MGP_ID_SIZE_MAX) return mgp_mgeval_bad(r, where, "is too long");
  MGP_FORWARD(mgp_id_table_intern(&m->query_ids, query->id, size, &id, r->err));
  if (id->number != i) return mgp_mgeval_bad(r, where, "is there twice");
  query->text = mgp_json_text(one, "text", NULL);
  query->modality = mgp_json_text(one, "modality", NULL);
  query->relevant = mgp_json_integer(one, "relevant", -1);
  return MAGPIE_OK;
}

static magpie_status read_queries(const mgp_mgeval_reader *r) {
  mgp_mgeval *m = r->m;
  const json_t *list = json_object_get(m->root, "queries");
  if (!json_is_array(list) || json_array_size(list) == 0)
    return mgp_mgeval_bad(r, "queries", "is not a list of queries");
  const size_t count = json_array_size(list);
  m->queries = mgp_arena_calloc(m->arena, count, sizeof *m->queries);
  if (!m->queries) return no_memory(r);
  for (size_t i = 0; i < count; i++) MGP_FORWARD(read_query(r, json_array_get(list, i), i));
  m->query_count = count;
  return MAGPIE_OK;
}

/* ---- systems ----------------------------------------------------------------------------- */

static magpie_status read_score(const mgp_mgeval_reader *r, const json_t *value, size_t system,
                                size_t measure, mgp_mgeval_score *out) {
  char where[WHERE];
  const char *name = r->m->measures[measure].name;
  const json_t *values = json_object_get(value, "values");
  snprintf(where, sizeof where, "systems[%zu].scores.%.60s.mean", system, name);
  MGP_FORWARD(mgp_mgeval_number(r, json_object_get(value, "mean"), true, where, &out->mean));
  snprintf(where, sizeof where, "systems[%zu].scores.%.60s.low", system, name);
  MGP_FORWARD(mgp_mgeval_number(r, json_object_get(value, "low"), true, where, &out->low));
  snprintf(where, sizeof where, "systems[%zu].scores.%.60s.high", system, name);
  MGP_FORWARD(mgp_mgeval_number(r, json_object_get(value, "high"), true, where, &out->high));
  if (!isnan(out->mean) && !(out->low <= out->high))
    return mgp_mgeval_bad(r, where, "and low are not an interval");
  snprintf(where, sizeof where, "systems[%zu].scores.%.60s.values", system, name);
  if (!json_is_array(values) || json_array_size(values) != r->m->query_count)
    return mgp_mgeval_bad(r, where, "is not a list of one value a query");
  out->values = mgp_arena_calloc(r->m->arena, r->m->query_count, sizeof *out->values);
  if (!out->values) return no_memory(r);
  for (size_t q = 0; q < r->m->query_count; q++)
    MGP_FORWARD(mgp_mgeval_number(r, json_array_get(values, q), true, where, &out->values[q]));
  return MAGPIE_OK;
}

static magpie_status read_latency(const mgp_mgeval_reader *r, const json_t *value, size_t i,
                                  mgp_mgeval_system *s) {
  char where[WHERE];
  const char *const names[] = {"p50_ms", "p95_ms", "p99_ms", "queries_per_s"};
  double *const out[] = {&s->p50, &s->p95, &s->p99, &s->per_second};
  s->per_second = NAN;
  if (!value || json_is_null(value)) return MAGPIE_OK;
  for (size_t j = 0; j < 4; j++) {
    snprintf(where, sizeof where, "systems[%zu].latency.%s", i, names[j]);
    MGP_FORWARD(mgp_mgeval_number(r, json_object_get(value, names[j]), j == 3, where, out[j]));
    if (*out[j] < 0) return mgp_mgeval_bad(r, where, "is negative");
  }
  s->has_latency = true;
  return MAGPIE_OK;
}

static magpie_status read_causes(const mgp_mgeval_reader *r, const json_t *diagnosis, size_t i,
                                 mgp_mgeval_system *s) {
  char where[WHERE];
  const char *name;
  const json_t *value;
  const json_t *counts = json_object_get(diagnosis, "counts");
  size_t count;
  if (!json_is_object(counts)) return MAGPIE_OK;
  json_object_foreach((json_t *)(uintptr_t)counts, name, value) {
    snprintf(where, sizeof where, "systems[%zu].diagnosis.counts.%.60s", i, name);
    MGP_FORWARD(mgp_mgeval_count(r, value, where, &count));
  }
  s->causes = counts;
  return MAGPIE_OK;
}

static magpie_status read_system(const mgp_mgeval_reader *r, const json_t *one, size_t i) {
  mgp_mgeval *m = r->m;
  mgp_mgeval_system *s = &m->systems[i];
  char where[WHERE];
  snprintf(where, sizeof where, "systems[%zu].name", i);
  MGP_FORWARD(mgp_mgeval_text(r, json_object_get(one, "name"), where, &s->name));
  for (size_t j = 0; j < i; j++)
    if (strcmp(m->systems[j].name, s->name) == 0) return mgp_mgeval_bad(r, where, "is there twice");
  s->settings = json_object_get(one, "settings");
  if (!json_is_object(s->settings)) s->settings = NULL;
  s->scores = mgp_arena_calloc(m->arena, m->measure_count, sizeof *s->scores);
  if (!s->scores) return no_memory(r);
  const json_t *scores = json_object_get(one, "scores");
  for (size_t j = 0; j < m->measure_count; j++)
    MGP_FORWARD(read_score(r, json_object_get(scores, m->measures[j].name), i, j, &s->scores[j]));
  MGP_FORWARD(read_latency(r, json_object_get(one, "latency"), i, s));
  MGP_FORWARD(read_causes(r, json_object_get(one, "diagnosis"), i, s));
  snprintf(where, sizeof where, "systems[%zu].hits", i);
  MGP_FORWARD(mgp_mgeval_read_hits(r, json_object_get(one, "hits"), where, &s->hits));
  snprintf(where, sizeof where, "systems[%zu].confusion", i);
  return mgp_mgeval_read_confusion(r, json_object_get(one, "confusion"), where, &s->confusion);
}

static magpie_status read_systems(const mgp_mgeval_reader *r) {
  mgp_mgeval *m = r->m;
  const json_t *list = json_object_get(m->root, "systems");
  if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > MGP_SYSTEMS_MAX)
    return mgp_mgeval_bad(r, "systems", "is not a list of 1 to 1000 systems");
  m->systems = mgp_arena_calloc(m->arena, json_array_size(list), sizeof *m->systems);
  if (!m->systems) return no_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    MGP_FORWARD(read_system(r, json_array_get(list, i), i));
    m->system_count++;
  }
  const char *baseline =
      mgp_json_text(json_object_get(m->root, "settings"), "baseline", m->systems[0].name);
  while (m->baseline < m->system_count && strcmp(m->systems[m->baseline].name, baseline) != 0)
    m->baseline++;
  if (m->baseline == m->system_count)
    return mgp_mgeval_bad(r, "settings.baseline", "names no system");
  return MAGPIE_OK;
}

static magpie_status read_verdict(const mgp_mgeval_reader *r) {
  mgp_mgeval *m = r->m;
  const json_t *list = json_object_get(m->root, "verdict");
  if (!list) return MAGPIE_OK;
  if (!json_is_array(list) || json_array_size(list) > VERDICT_MAX)
    return mgp_mgeval_bad(r, "verdict", "is not a list of sentences");
  m->verdict = mgp_arena_calloc(m->arena, json_array_size(list), sizeof *m->verdict);
  if (!m->verdict) return no_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    char where[WHERE];
    snprintf(where, sizeof where, "verdict[%zu]", i);
    MGP_FORWARD(mgp_mgeval_text(r, json_array_get(list, i), where, &m->verdict[i]));
    m->verdict_count++;
  }
  return MAGPIE_OK;
}

/* ---- all --------------------------------------------------------------------------------- */

magpie_status mgp_mgeval_read(const char *name, const char *text, mgp_mgeval *out,
                              magpie_error *err) {
  *out = (mgp_mgeval){0};
  const mgp_mgeval_reader reader = {.m = out, .name = name, .err = err}, *r = &reader;
  MGP_RETURN_IF(!text, err, MAGPIE_INVALID, "there is no text of the evaluation %s", name);
  out->arena = mgp_arena_create(NULL);
  if (!out->arena) return no_memory(r);
  MGP_FORWARD(mgp_json_parse(name, text, strlen(text), &out->root, err));
  MGP_FORWARD(mgp_id_table_init(&out->query_ids, NULL, err));
  MGP_FORWARD(check_version(r));
  MGP_FORWARD(read_head(r));
  MGP_FORWARD(read_measures(r));
  MGP_FORWARD(read_queries(r));
  MGP_FORWARD(read_systems(r));
  MGP_FORWARD(mgp_mgeval_read_comparisons(r, json_object_get(out->root, "comparisons")));
  MGP_FORWARD(read_verdict(r));
  return mgp_mgeval_read_sweep(r, json_object_get(out->root, "sweep"));
}

void mgp_mgeval_fini(mgp_mgeval *m) {
  if (m->query_ids.arena) mgp_id_table_fini(&m->query_ids);
  mgp_arena_destroy(m->arena);
  json_decref(m->root);
  *m = (mgp_mgeval){0};
}

const mgp_mgeval_comparison *mgp_mgeval_compared(const mgp_mgeval *m, size_t measure,
                                                 size_t system) {
  return m->compared[measure * m->system_count + system];
}

int mgp_mgeval_side(const mgp_mgeval *m, size_t measure, size_t system) {
  const mgp_mgeval_comparison *c = mgp_mgeval_compared(m, measure, system);
  if (!c || !c->is_significant || c->difference == 0) return 0;
  return (c->difference > 0) == m->measures[measure].higher_is_better ? 1 : -1;
}
