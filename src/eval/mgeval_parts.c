/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a stored evaluation that may be absent: hits, confusion, comparisons, sweeps.
 */
#include <math.h>

#include "eval/report.h"

#define HITS_MAX 1000
#define CLASSES_MAX 64
#define COMPARISONS_MAX 64000 /* as many as systems x measures can be */
#define CHANGED_MAX 100
#define AXES_MAX 16
#define AXIS_VALUES_MAX 10000
#define GRID_MAX 100000
#define WHERE 200

static magpie_status no_memory(const mgp_mgeval_reader *r) {
  return mgp_fail(r->err, MAGPIE_NO_MEMORY, "no memory to read the evaluation %s", r->name);
}

static bool is_absent(const json_t *value) {
  return !value || json_is_null(value);
}

static bool is_list(const json_t *value, size_t most) {
  return json_is_array(value) && json_array_size(value) <= most;
}

/* ---- hits -------------------------------------------------------------------------------- */

static magpie_status read_hit(const mgp_mgeval_reader *r, const json_t *value, const char *where,
                              mgp_mgeval_hit *out) {
  double gain = NAN;
  if (!json_is_array(value) || json_array_size(value) != 3)
    return mgp_mgeval_bad(r, where, "is not [document, score, gain]");
  MGP_FORWARD(mgp_mgeval_text(r, json_array_get(value, 0), where, &out->document));
  /* a score may be a float's infinity, which JSON cannot hold, or beyond what values may be */
  out->score =
      json_is_number(json_array_get(value, 1)) ? json_number_value(json_array_get(value, 1)) : NAN;
  if (isnan(out->score) && !json_is_null(json_array_get(value, 1)))
    return mgp_mgeval_bad(r, where, "has no number as its score");
  MGP_FORWARD(mgp_mgeval_number(r, json_array_get(value, 2), true, where, &gain));
  out->is_judged = !isnan(gain);
  out->gain = out->is_judged ? (int64_t)gain : 0;
  return MAGPIE_OK;
}

magpie_status mgp_mgeval_read_hits(const mgp_mgeval_reader *r, const json_t *value,
                                   const char *where, mgp_mgeval_hits **out) {
  if (is_absent(value)) return MAGPIE_OK;
  const size_t queries = r->m->query_count;
  if (!json_is_array(value) || json_array_size(value) != queries)
    return mgp_mgeval_bad(r, where, "is not a list of one list a query");
  *out = mgp_arena_calloc(r->m->arena, queries, sizeof **out);
  if (!*out) return no_memory(r);
  for (size_t q = 0; q < queries; q++) {
    char at[WHERE];
    const json_t *list = json_array_get(value, q);
    snprintf(at, sizeof at, "%.80s[%zu]", where, q);
    if (!is_list(list, HITS_MAX)) return mgp_mgeval_bad(r, at, "is not a list of hits");
    mgp_mgeval_hits *hits = &(*out)[q];
    hits->hits = mgp_arena_calloc(r->m->arena, json_array_size(list), sizeof *hits->hits);
    if (!hits->hits) return no_memory(r);
    hits->count = json_array_size(list);
    for (size_t i = 0; i < hits->count; i++) {
      snprintf(at, sizeof at, "%.80s[%zu][%zu]", where, q, i);
      MGP_FORWARD(read_hit(r, json_array_get(list, i), at, &hits->hits[i]));
    }
  }
  return MAGPIE_OK;
}

/* ---- confusion --------------------------------------------------------------------------- */

static magpie_status read_names(const mgp_mgeval_reader *r, const json_t *list, const char *where,
                                const char ***out, size_t *count) {
  if (!is_list(list, CLASSES_MAX)) return mgp_mgeval_bad(r, where, "is not a short list of names");
  *count = json_array_size(list);
  *out = mgp_arena_calloc(r->m->arena, *count, sizeof **out);
  if (!*out) return no_memory(r);
  for (size_t i = 0; i < *count; i++)
    MGP_FORWARD(mgp_mgeval_text(r, json_array_get(list, i), where, &(*out)[i]));
  return MAGPIE_OK;
}

magpie_status mgp_mgeval_read_confusion(const mgp_mgeval_reader *r, const json_t *value,
                                        const char *where, mgp_mgeval_confusion **out) {
  if (is_absent(value)) return MAGPIE_OK;
  char at[WHERE];
  mgp_mgeval_confusion *c = mgp_arena_calloc(r->m->arena, 1, sizeof *c);
  if (!c) return no_memory(r);
  snprintf(at, sizeof at, "%.80s.rows", where);
  MGP_FORWARD(read_names(r, json_object_get(value, "rows"), at, &c->rows, &c->row_count));
  snprintf(at, sizeof at, "%.80s.columns", where);
  MGP_FORWARD(read_names(r, json_object_get(value, "columns"), at, &c->columns, &c->column_count));
  const json_t *counts = json_object_get(value, "counts");
  snprintf(at, sizeof at, "%.80s.counts", where);
  if (!json_is_array(counts) || json_array_size(counts) != c->row_count)
    return mgp_mgeval_bad(r, at, "is not a list of one list a row");
  c->counts = mgp_arena_calloc(r->m->arena, c->row_count * c->column_count + 1, sizeof *c->counts);
  if (!c->counts) return no_memory(r);
  for (size_t i = 0; i < c->row_count; i++) {
    const json_t *row = json_array_get(counts, i);
    if (!json_is_array(row) || json_array_size(row) != c->column_count)
      return mgp_mgeval_bad(r, at, "is not a list of one count a column");
    for (size_t j = 0; j < c->column_count; j++) {
      size_t count = 0;
      MGP_FORWARD(mgp_mgeval_count(r, json_array_get(row, j), at, &count));
      c->counts[i * c->column_count + j] = (double)count;
    }
  }
  *out = c;
  return MAGPIE_OK;
}

/* ---- comparisons ------------------------------------------------------------------------- */

static magpie_status find_names(const mgp_mgeval_reader *r, const json_t *value, size_t i,
                                mgp_mgeval_comparison *c) {
  char at[WHERE];
  const mgp_mgeval *m = r->m;
  const char *measure = mgp_json_text(value, "measure", ""),
             *system = mgp_json_text(value, "system", ""),
             *baseline = mgp_json_text(value, "baseline", "");
  while (c->measure < m->measure_count && strcmp(m->measures[c->measure].name, measure) != 0)
    c->measure++;
  while (c->system < m->system_count && strcmp(m->systems[c->system].name, system) != 0)
    c->system++;
  while (c->baseline < m->system_count && strcmp(m->systems[c->baseline].name, baseline) != 0)
    c->baseline++;
  snprintf(at, sizeof at, "comparisons[%zu]", i);
  if (c->measure == m->measure_count) return mgp_mgeval_bad(r, at, "names no measure");
  if (c->system == m->system_count || c->baseline == m->system_count)
    return mgp_mgeval_bad(r, at, "names no system");
  return MAGPIE_OK;
}

static magpie_status read_changed(const mgp_mgeval_reader *r, const json_t *list, size_t i,
                                  mgp_mgeval_comparison *c) {
  char at[WHERE];
  if (is_absent(list)) return MAGPIE_OK;
  snprintf(at, sizeof at, "comparisons[%zu].changed", i);
  if (!is_list(list, CHANGED_MAX)) return mgp_mgeval_bad(r, at, "is not a short list");
  c->changed = mgp_arena_calloc(r->m->arena, json_array_size(list), sizeof *c->changed);
  if (!c->changed) return no_memory(r);
  for (size_t j = 0; j < json_array_size(list); j++) {
    const json_t *one = json_array_get(list, j);
    const char *query = mgp_json_text(one, "query", "");
    mgp_mgeval_change *change = &c->changed[j];
    snprintf(at, sizeof at, "comparisons[%zu].changed[%zu]", i, j);
    const mgp_id *id = mgp_id_table_find(&r->m->query_ids, query, strlen(query));
    if (!id) return mgp_mgeval_bad(r, at, "names no query");
    change->query = id->number;
    MGP_FORWARD(mgp_mgeval_number(r, json_object_get(one, "system"), false, at, &change->system));
    MGP_FORWARD(
        mgp_mgeval_number(r, json_object_get(one, "baseline"), false, at, &change->baseline));
    c->changed_count++;
  }
  return MAGPIE_OK;
}

static magpie_status read_comparison(const mgp_mgeval_reader *r, const json_t *value, size_t i,
                                     mgp_mgeval_comparison *c) {
  char at[WHERE];
  const char *const reals[] = {"difference", "low", "high", "p", "p_holm"};
  double *const real[] = {&c->difference, &c->low, &c->high, &c->p, &c->p_holm};
  const char *const counts[] = {"wins", "losses", "ties"};
  size_t *const count[] = {&c->wins, &c->losses, &c->ties};
  MGP_FORWARD(find_names(r, value, i, c));
  for (size_t j = 0; j < 5; j++) {
    snprintf(at, sizeof at, "comparisons[%zu].%s", i, reals[j]);
    MGP_FORWARD(mgp_mgeval_number(r, json_object_get(value, reals[j]), false, at, real[j]));
    if (j >= 3 && (*real[j] < 0 || *real[j] > 1))
      return mgp_mgeval_bad(r, at, "is not a probability");
  }
  for (size_t j = 0; j < 3; j++) {
    snprintf(at, sizeof at, "comparisons[%zu].%s", i, counts[j]);
    MGP_FORWARD(mgp_mgeval_count(r, json_object_get(value, counts[j]), at, count[j]));
  }
  c->is_significant = mgp_json_bool(value, "significant", false);
  return read_changed(r, json_object_get(value, "changed"), i, c);
}

magpie_status mgp_mgeval_read_comparisons(const mgp_mgeval_reader *r, const json_t *value) {
  mgp_mgeval *m = r->m;
  m->compared = mgp_arena_calloc(m->arena, m->measure_count * m->system_count, sizeof *m->compared);
  if (!m->compared) return no_memory(r);
  if (is_absent(value)) return MAGPIE_OK;
  if (!is_list(value, COMPARISONS_MAX))
    return mgp_mgeval_bad(r, "comparisons", "is not a list of comparisons");
  m->comparisons = mgp_arena_calloc(m->arena, json_array_size(value), sizeof *m->comparisons);
  if (!m->comparisons) return no_memory(r);
  for (size_t i = 0; i < json_array_size(value); i++) {
    mgp_mgeval_comparison *c = &m->comparisons[i];
    MGP_FORWARD(read_comparison(r, json_array_get(value, i), i, c));
    const mgp_mgeval_comparison **place = &m->compared[c->measure * m->system_count + c->system];
    if (*place) return mgp_mgeval_bad(r, "comparisons", "compares a system twice in one measure");
    *place = c;
    m->comparison_count++;
  }
  return MAGPIE_OK;
}

/* ---- sweeps ------------------------------------------------------------------------------ */

static magpie_status read_numbers(const mgp_mgeval_reader *r, const json_t *list, size_t most,
                                  const char *where, double **out) {
  if (!is_list(list, most) || json_array_size(list) == 0)
    return mgp_mgeval_bad(r, where, "is not a list of numbers of the right length");
  const size_t count = json_array_size(list);
  *out = mgp_arena_calloc(r->m->arena, count, sizeof **out);
  if (!*out) return no_memory(r);
  for (size_t i = 0; i < count; i++)
    MGP_FORWARD(mgp_mgeval_number(r, json_array_get(list, i), false, where, &(*out)[i]));
  return MAGPIE_OK;
}

static magpie_status read_axes(const mgp_mgeval_reader *r, const json_t *list,
                               mgp_mgeval_sweep *s) {
  if (!is_list(list, AXES_MAX) || json_array_size(list) == 0)
    return mgp_mgeval_bad(r, "sweep.axes", "is not a list of 1 to 16 axes");
  s->axes = mgp_arena_calloc(r->m->arena, json_array_size(list), sizeof *s->axes);
  if (!s->axes) return no_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    char at[WHERE];
    const json_t *one = json_array_get(list, i), *values = json_object_get(one, "values");
    snprintf(at, sizeof at, "sweep.axes[%zu].name", i);
    MGP_FORWARD(mgp_mgeval_text(r, json_object_get(one, "name"), at, &s->axes[i].name));
    snprintf(at, sizeof at, "sweep.axes[%zu].values", i);
    MGP_FORWARD(read_numbers(r, values, AXIS_VALUES_MAX, at, &s->axes[i].values));
    s->axes[i].count = json_array_size(values);
    s->axis_count++;
  }
  return MAGPIE_OK;
}

magpie_status mgp_mgeval_read_sweep(const mgp_mgeval_reader *r, const json_t *value) {
  if (is_absent(value)) return MAGPIE_OK;
  mgp_mgeval_sweep *s = mgp_arena_calloc(r->m->arena, 1, sizeof *s);
  if (!s) return no_memory(r);
  MGP_FORWARD(mgp_mgeval_text(r, json_object_get(value, "measure"), "sweep.measure", &s->measure));
  MGP_FORWARD(read_axes(r, json_object_get(value, "axes"), s));
  const json_t *grid = json_object_get(value, "grid");
  if (!is_list(grid, GRID_MAX)) return mgp_mgeval_bad(r, "sweep.grid", "is not a list of points");
  s->grid = mgp_arena_calloc(r->m->arena, json_array_size(grid), sizeof *s->grid);
  if (!s->grid) return no_memory(r);
  for (size_t i = 0; i < json_array_size(grid); i++) {
    char at[WHERE];
    double *values = NULL;
    const json_t *one = json_array_get(grid, i), *list = json_object_get(one, "values");
    snprintf(at, sizeof at, "sweep.grid[%zu].values", i);
    if (json_array_size(list) != s->axis_count)
      return mgp_mgeval_bad(r, at, "is not a list of one value an axis");
    MGP_FORWARD(read_numbers(r, list, s->axis_count, at, &values));
    s->grid[i].values = values;
    snprintf(at, sizeof at, "sweep.grid[%zu].mean", i);
    MGP_FORWARD(mgp_mgeval_number(r, json_object_get(one, "mean"), true, at, &s->grid[i].mean));
    s->grid_count++;
  }
  r->m->sweep = s;
  return MAGPIE_OK;
}

/* ---- systems that are one setting swept -------------------------------------------------- */

/* Finds the only member of `first` in which the systems' settings differ, going into objects. */
typedef struct search {
  const mgp_mgeval *m;
  const char *name; /* NULL: none yet */
  double *values;
  size_t differing;
} search;

/* The member of a system's settings, or of their member `group`. */
static const json_t *setting_of(const mgp_mgeval *m, size_t system, const char *group,
                                const char *name) {
  const json_t *settings = m->systems[system].settings;
  if (group) settings = json_object_get(settings, group);
  return json_object_get(settings, name);
}

static bool is_same_everywhere(const search *s, const char *group, const char *name) {
  for (size_t i = 1; i < s->m->system_count; i++)
    if (!json_equal(setting_of(s->m, 0, group, name), setting_of(s->m, i, group, name)))
      return false;
  return true;
}

static void note_setting(search *s, const char *group, const char *name) {
  s->differing++;
  for (size_t i = 0; i < s->m->system_count; i++) {
    const json_t *value = setting_of(s->m, i, group, name);
    if (!json_is_number(value) || !(fabs(json_number_value(value)) <= MGP_NUMBER_MAX)) {
      s->differing = SIZE_MAX / 2;
      return;
    }
    s->values[i] = json_number_value(value);
  }
  s->name = name;
}

static void look_through(search *s, const char *group, const json_t *object) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    if (is_same_everywhere(s, group, name)) continue;
    if (!group && json_is_object(value)) look_through(s, name, value);
    else note_setting(s, group, name);
  }
}

/* Every system has as many settings as the first one, in the group too: nothing is only theirs. */
static bool has_same_shape(const mgp_mgeval *m) {
  for (size_t i = 0; i < m->system_count; i++) {
    const char *name;
    const json_t *value, *settings = m->systems[i].settings;
    if (!settings || json_object_size(settings) != json_object_size(m->systems[0].settings))
      return false;
    json_object_foreach(
        (json_t *)(uintptr_t)settings, name,
        value) if (json_object_size(value) !=
                   json_object_size(json_object_get(m->systems[0].settings, name))) return false;
  }
  return true;
}

const char *mgp_mgeval_swept(const mgp_mgeval *m, double *values) {
  if (m->system_count < 3 || !has_same_shape(m)) return NULL;
  search s = {.m = m, .values = values};
  look_through(&s, NULL, m->systems[0].settings);
  return s.differing == 1 ? s.name : NULL;
}
