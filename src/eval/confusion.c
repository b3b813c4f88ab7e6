/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kinds of hits queries of each modality get: the counts behind the heat map. Rows and
 * columns are the same for all systems of an evaluation, so that their maps compare.
 */
#include "eval/evaluation.h"

#define CLASSES_MAX 32
#define UNKNOWN "unknown"
#define OTHER "other"

typedef struct classes {
  const char *names[CLASSES_MAX + 1];
  size_t count;
} classes;

/* The class's number; what comes after CLASSES_MAX of them is "other". */
static size_t class_of(classes *c, const char *name) {
  if (!name || !*name) name = UNKNOWN;
  for (size_t i = 0; i < c->count; i++)
    if (strcmp(c->names[i], name) == 0) return i;
  if (c->count == CLASSES_MAX) c->names[c->count++] = OTHER;
  if (c->count > CLASSES_MAX) return CLASSES_MAX;
  c->names[c->count] = name;
  return c->count++;
}

static const char *kind_of(const magpie_evaluation *e, const mgp_kept_hit *hit) {
  return e->described[hit->document->number].kind;
}

/* False: no hit of any system has a known kind. */
static bool list_classes(const magpie_evaluation *e, classes *modalities, classes *kinds) {
  bool is_known = false;
  for (size_t q = 0; q < magpie_qrels_query_count(e->qrels); q++)
    class_of(modalities, e->queries[q].kind);
  for (size_t s = 0; s < e->system_count; s++)
    for (size_t q = 0; q < magpie_qrels_query_count(e->qrels); q++)
      for (size_t i = 0; i < e->systems[s].hit_counts[q]; i++) {
        const char *kind = kind_of(e, &e->systems[s].hits[q * e->kept + i]);
        is_known = is_known || kind;
        class_of(kinds, kind);
      }
  return is_known;
}

static json_t *names_json(const classes *c) {
  json_t *names = json_array();
  for (size_t i = 0; i < c->count; i++) json_array_append_new(names, json_string(c->names[i]));
  return names;
}

json_t *mgp_confusion_json(const magpie_evaluation *e, const mgp_evaluated_system *system) {
  classes modalities = {.count = 0}, kinds = {.count = 0};
  if (!list_classes(e, &modalities, &kinds)) return json_null();
  size_t counts[CLASSES_MAX + 1][CLASSES_MAX + 1] = {{0}};
  for (size_t q = 0; q < magpie_qrels_query_count(e->qrels); q++)
    for (size_t i = 0; i < system->hit_counts[q]; i++)
      counts[class_of(&modalities, e->queries[q].kind)]
            [class_of(&kinds, kind_of(e, &system->hits[q * e->kept + i]))]++;
  json_t *rows = json_array();
  int failed = rows ? 0 : -1;
  for (size_t i = 0; i < modalities.count && !failed; i++) {
    json_t *row = json_array();
    for (size_t j = 0; j < kinds.count; j++)
      failed |= json_array_append_new(row, json_integer((json_int_t)counts[i][j]));
    failed |= json_array_append_new(rows, row);
  }
  if (failed) {
    json_decref(rows);
    return NULL;
  }
  return json_pack("{s:o,s:o,s:o}", "rows", names_json(&modalities), "columns", names_json(&kinds),
                   "counts", rows);
}
