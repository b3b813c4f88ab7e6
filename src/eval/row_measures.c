/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures over the rows of a JSON Lines file. Each row is parsed once and offered to every
 * measure, which keeps numbers only; so memory does not grow with the texts.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/row_measures.h"

#define MEASURES_MAX 64
#define PARAMETER_MAX 1000000

/* ---- means over rows --------------------------------------------------------------------- */

static magpie_status finish_mean(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  return mgp_tally_put_mean(entry, m->values, m->value_count, err);
}

/* What a measure says of a row's texts is the row's fault. */
static magpie_status keep_if(mgp_tally_measure *m, const mgp_json_lines *at, magpie_status status,
                             double value, const magpie_error *why, magpie_error *err) {
  if (status == MAGPIE_INVALID || status == MAGPIE_LIMIT)
    return mgp_json_lines_fail(at, err, "%s: %s", m->name, why->message);
  MGP_RETURN_IF(status != MAGPIE_OK, err, status, "%s: %.600s", m->name, why->message);
  return mgp_tally_keep_value(m, value, err);
}

static magpie_status add_answer(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                                magpie_error *err) {
  const char *prediction = NULL, **right = NULL;
  size_t count = 0;
  double value = 0;
  magpie_error why = {0};
  MGP_FORWARD(mgp_tally_text(at, row, "prediction", &prediction, err));
  MGP_FORWARD(mgp_tally_texts(at, row, "answers", 1, &right, &count, err));
  magpie_status status = m->kind->answer(prediction, right, count, &value, &why);
  status = keep_if(m, at, status, value, &why, err);
  mgp_free(NULL, (void *)right);
  return status;
}

static magpie_status add_pseudo_recall(mgp_tally_measure *m, const mgp_json_lines *at,
                                       const json_t *row, magpie_error *err) {
  const char **passages = NULL, **right = NULL;
  size_t k = 0, count = 0;
  double value = 0;
  magpie_error why = {0};
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_tally_texts(at, row, "passages", 0, &passages, &k, err));
  MGP_TRY(mgp_tally_texts(at, row, "answers", 1, &right, &count, err));
  if (k > m->parameter) k = m->parameter;
  status = magpie_pseudo_recall(passages, k, right, count, &value, &why);
  status = keep_if(m, at, status, value, &why, err);
done:
  mgp_free(NULL, (void *)passages);
  mgp_free(NULL, (void *)right);
  return status;
}

static magpie_status add_kept_recall(mgp_tally_measure *m, const mgp_json_lines *at,
                                     const json_t *row, magpie_error *err) {
  const char **kept = NULL, **needed = NULL;
  size_t kept_count = 0, needed_count = 0;
  double value = 0;
  magpie_error why = {0};
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_tally_texts(at, row, "kept", 0, &kept, &kept_count, err));
  MGP_TRY(mgp_tally_texts(at, row, "needed", 0, &needed, &needed_count, err));
  status = magpie_kept_recall(kept, kept_count, needed, needed_count, &value, &why);
  status = keep_if(m, at, status, value, &why, err);
done:
  mgp_free(NULL, (void *)kept);
  mgp_free(NULL, (void *)needed);
  return status;
}

static magpie_status add_interference(mgp_tally_measure *m, const mgp_json_lines *at,
                                      const json_t *row, magpie_error *err) {
  double clean = 0, perturbed = 0;
  MGP_FORWARD(mgp_tally_number(at, row, "clean", &clean, err));
  MGP_FORWARD(mgp_tally_number(at, row, "perturbed", &perturbed, err));
  return mgp_tally_keep_value(m, clean - perturbed, err);
}

static magpie_status add_mrv(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                             magpie_error *err) {
  const json_t *ranks = json_object_get(row, "ranks");
  const size_t k = json_array_size(ranks);
  if (m->width == 0) m->width = k;
  if (k == 0 || k != m->width)
    return mgp_json_lines_fail(at, err,
                               "\"ranks\" is expected to be a list of as many numbers in each row");
  double *values = mgp_calloc(NULL, k, sizeof *values), value = 0;
  MGP_RETURN_IF(!values, err, MAGPIE_NO_MEMORY, "no memory for %zu ranks", k);
  bool are_ranks = true;
  for (size_t i = 0; i < k; i++) {
    values[i] = json_number_value(json_array_get(ranks, i));
    are_ranks &= values[i] >= 1 && values[i] <= MGP_VALUE_MAX;
  }
  magpie_error why = {0};
  magpie_status status = are_ranks
                             ? magpie_mrv(values, 1, k, &value, &why)
                             : mgp_json_lines_fail(at, err, "\"ranks\" are numbers from 1 on");
  if (are_ranks) status = keep_if(m, at, status, value, &why, err);
  mgp_free(NULL, values);
  return status;
}

/* ---- scores and labels ------------------------------------------------------------------- */

static magpie_status add_probability(mgp_tally_measure *m, const mgp_json_lines *at,
                                     const json_t *row, magpie_error *err) {
  double probability = 0;
  unsigned char label = 0;
  MGP_FORWARD(mgp_tally_number(at, row, "probability", &probability, err));
  if (probability < 0 || probability > 1)
    return mgp_json_lines_fail(at, err, "\"probability\" is %g, not in 0..1", probability);
  MGP_FORWARD(mgp_tally_label(at, row, "label", &label, err));
  MGP_FORWARD(mgp_tally_keep_label(m, label, err));
  return mgp_tally_keep_value(m, probability, err);
}

static magpie_status finish_ece(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  double value = 0;
  MGP_FORWARD(magpie_ece(m->values, m->labels, m->value_count, m->parameter, &value, err));
  return mgp_tally_put_value(entry, value, m->value_count, err);
}

static magpie_status add_score(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                               magpie_error *err) {
  double score = 0;
  unsigned char label = 0;
  MGP_FORWARD(mgp_tally_number(at, row, "score", &score, err));
  MGP_FORWARD(mgp_tally_label(at, row, "label", &label, err));
  MGP_FORWARD(mgp_tally_keep_label(m, label, err));
  return mgp_tally_keep_value(m, score, err);
}

static magpie_status finish_auc(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  double value = 0;
  MGP_FORWARD(magpie_auc(m->values, m->labels, m->value_count, &value, err));
  return mgp_tally_put_value(entry, value, m->value_count, err);
}

static magpie_status keep_id(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                             const char *field, uint32_t *number, magpie_error *err) {
  MGP_FORWARD(mgp_tally_id(&m->ids, at, json_object_get(row, field), field, number, err));
  return mgp_tally_keep_group(m, *number, err);
}

static magpie_status add_grouped_score(mgp_tally_measure *m, const mgp_json_lines *at,
                                       const json_t *row, magpie_error *err) {
  uint32_t number = 0;
  MGP_FORWARD(keep_id(m, at, row, "group", &number, err));
  return add_score(m, at, row, err);
}

static magpie_status finish_gauc(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  double value = 0;
  size_t left_out = 0;
  MGP_FORWARD(
      magpie_group_auc(m->values, m->labels, m->groups, m->value_count, &value, &left_out, err));
  MGP_RETURN_IF(json_object_set_new(entry, "groups_left_out", json_integer((json_int_t)left_out)),
                err, MAGPIE_NO_MEMORY, "no memory for a value");
  return mgp_tally_put_value(entry, value, m->value_count, err);
}

/* ---- pairs and choices ------------------------------------------------------------------- */

/* values: by pair, 1 while every member so far is right; labels: by pair, members so far. */
static magpie_status add_pair(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                              magpie_error *err) {
  uint32_t number = 0;
  unsigned char right = 0;
  MGP_FORWARD(mgp_tally_id(&m->ids, at, json_object_get(row, "pair"), "pair", &number, err));
  MGP_FORWARD(mgp_tally_label(at, row, "right", &right, err));
  if (number == m->value_count) {
    MGP_FORWARD(mgp_tally_keep_value(m, 1, err));
    MGP_FORWARD(mgp_tally_keep_label(m, 0, err));
  }
  if (++m->labels[number] > 2)
    return mgp_json_lines_fail(at, err, "pair \"%.200s\" comes a third time",
                               m->ids.ids[number]->text);
  if (!right) m->values[number] = 0;
  return MAGPIE_OK;
}

static magpie_status finish_pairs(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  for (size_t i = 0; i < m->value_count; i++)
    MGP_RETURN_IF(m->labels[i] != 2, err, MAGPIE_FORMAT, "%s: pair \"%.200s\" comes only once",
                  m->file, m->ids.ids[i]->text);
  return finish_mean(m, entry, err);
}

static magpie_status add_choice(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                                magpie_error *err) {
  uint32_t number = 0;
  return keep_id(m, at, row, "choice", &number, err);
}

/* A mean of its own in "parts". */
static magpie_status put_part(json_t *parts, const char *name, const double *values, size_t n,
                              magpie_error *err) {
  json_t *part = json_object();
  MGP_RETURN_IF(json_object_set_new(parts, name, part), err, MAGPIE_NO_MEMORY,
                "no memory for a value");
  return mgp_tally_put_mean(part, values, n, err);
}

static magpie_status finish_preference(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  json_t *parts = json_object();
  MGP_RETURN_IF(json_object_set_new(entry, "parts", parts), err, MAGPIE_NO_MEMORY,
                "no memory for the choices");
  MGP_RETURN_IF(m->ids.count > 1000, err, MAGPIE_LIMIT, "%s: %zu different choices are too many",
                m->file, m->ids.count);
  double *chosen = mgp_calloc(NULL, m->group_count + 1, sizeof *chosen);
  MGP_RETURN_IF(!chosen, err, MAGPIE_NO_MEMORY, "no memory for %zu choices", m->group_count);
  magpie_status status = MAGPIE_OK;
  for (size_t j = 0; status == MAGPIE_OK && j < m->ids.count; j++) {
    for (size_t i = 0; i < m->group_count; i++) chosen[i] = m->groups[i] == j;
    status = put_part(parts, m->ids.ids[j]->text, chosen, m->group_count, err);
  }
  mgp_free(NULL, chosen);
  return status;
}

/* ---- modality importance ----------------------------------------------------------------- */

/* "text+image" as a set of modalities; new names may come in the first row only. */
static magpie_status parse_subset(mgp_tally_measure *m, const mgp_json_lines *at, const char *key,
                                  size_t *subset, magpie_error *err) {
  *subset = 0;
  for (const char *name = key;; name++) {
    const size_t size = strcspn(name, "+");
    const mgp_id *id = mgp_id_table_find(&m->ids, name, size);
    if (size == 0 || size > MGP_ID_SIZE_MAX)
      return mgp_json_lines_fail(at, err,
                                 "\"performance\" has the key \"%.200s\": names joined by "
                                 "+ are expected",
                                 key);
    if (!id) {
      if (m->value_count > 0 || m->ids.count == MGP_TALLY_MODALITIES_MAX)
        return mgp_json_lines_fail(at, err,
                                   "\"performance\" has the key \"%.200s\" with a name that "
                                   "the first row lacks, or more than %d names",
                                   key, MGP_TALLY_MODALITIES_MAX);
      MGP_FORWARD(mgp_id_table_intern(&m->ids, name, size, &id, err));
    }
    if (*subset >> id->number & 1)
      return mgp_json_lines_fail(at, err,
                                 "\"performance\" has the key \"%.200s\" with a name twice", key);
    *subset |= (size_t)1 << id->number;
    name += size;
    if (!*name) return MAGPIE_OK;
  }
}

static magpie_status add_importance(mgp_tally_measure *m, const mgp_json_lines *at,
                                    const json_t *row, magpie_error *err) {
  double cells[MGP_TALLY_SUBSETS_MAX] = {0};
  bool seen[MGP_TALLY_SUBSETS_MAX] = {false};
  json_t *performance = json_object_get(row, "performance");
  if (!json_is_object(performance) || json_object_size(performance) >= MGP_TALLY_SUBSETS_MAX)
    return mgp_json_lines_fail(at, err,
                               "\"performance\" is expected to be an object with a number "
                               "for each set of modalities: \"text\", \"text+image\", …");
  for (void *it = json_object_iter(performance); it; it = json_object_iter_next(performance, it)) {
    size_t subset = 0;
    const char *key = json_object_iter_key(it);
    MGP_FORWARD(parse_subset(m, at, key, &subset, err));
    if (seen[subset])
      return mgp_json_lines_fail(at, err, "\"performance\" has the set of \"%.200s\" twice", key);
    seen[subset] = true;
    MGP_FORWARD(mgp_tally_number(at, performance, key, &cells[subset], err));
  }
  m->width = (size_t)1 << m->ids.count;
  for (size_t s = 1; s < m->width; s++)
    if (!seen[s])
      return mgp_json_lines_fail(at, err,
                                 "\"performance\" has %zu of the %zu sets that can be made "
                                 "of %zu modalities",
                                 json_object_size(performance), m->width - 1, m->ids.count);
  if (m->width < 2) return mgp_json_lines_fail(at, err, "\"performance\" is empty");
  for (size_t s = 0; s < m->width; s++) MGP_FORWARD(mgp_tally_keep_value(m, cells[s], err));
  return MAGPIE_OK;
}

static magpie_status finish_importance(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  const size_t n = m->value_count / m->width, modalities = m->ids.count;
  json_t *parts = json_object();
  MGP_RETURN_IF(json_object_set_new(entry, "parts", parts), err, MAGPIE_NO_MEMORY,
                "no memory for the modalities");
  double *importance = mgp_calloc(NULL, n * (modalities + 1), sizeof *importance);
  MGP_RETURN_IF(!importance, err, MAGPIE_NO_MEMORY, "no memory for %zu rows", n);
  double *column = importance + n * modalities;
  magpie_status status = magpie_modality_importance(m->values, n, modalities, importance, err);
  for (size_t j = 0; status == MAGPIE_OK && j < modalities; j++) {
    for (size_t i = 0; i < n; i++) column[i] = importance[i * modalities + j];
    status = put_part(parts, m->ids.ids[j]->text, column, n, err);
  }
  mgp_free(NULL, importance);
  return status;
}

/* ---- the measures of a file -------------------------------------------------------------- */

static const mgp_tally_kind kinds[] = {
    {"em", NULL, add_answer, finish_mean, magpie_answer_exact},
    {"f1", NULL, add_answer, finish_mean, magpie_answer_f1},
    {"answer_recall", NULL, add_answer, finish_mean, magpie_answer_recall},
    {"bleu1", NULL, add_answer, finish_mean, magpie_answer_bleu1},
    {"rouge_l", NULL, add_answer, finish_mean, magpie_answer_rouge_l},
    {"pseudo_recall", "K", add_pseudo_recall, finish_mean, NULL},
    {"kept_recall", NULL, add_kept_recall, finish_mean, NULL},
    {"ece", "BINS", add_probability, finish_ece, NULL},
    {"auc", NULL, add_score, finish_auc, NULL},
    {"gauc", NULL, add_grouped_score, finish_gauc, NULL},
    {"pair_accuracy", NULL, add_pair, finish_pairs, NULL},
    {"mrv", NULL, add_mrv, finish_mean, NULL},
    {"modality_importance", NULL, add_importance, finish_importance, NULL},
    {"interference", NULL, add_interference, finish_mean, NULL},
    {"preference", NULL, add_choice, finish_preference, NULL},
    {"pmrp", NULL, mgp_tally_pmrp_add, mgp_tally_pmrp_finish, NULL},
};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static magpie_status unknown(const char *name, magpie_error *err) {
  char all[500] = "";
  size_t size = 0;
  for (size_t i = 0; i < KIND_COUNT; i++)
    size += (size_t)snprintf(all + size, sizeof all - size, " %s%s%s", kinds[i].name,
                             kinds[i].parameter ? "@" : "",
                             kinds[i].parameter ? kinds[i].parameter : "");
  return mgp_fail(err, MAGPIE_INVALID, "\"%.60s\" is not a measure of rows; there are%s", name,
                  all);
}

static magpie_status parse_measure(const char *name, mgp_tally_measure *m, magpie_error *err) {
  MGP_RETURN_IF(!name, err, MAGPIE_INVALID, "a measure is not named");
  const size_t size = strcspn(name, "@");
  m->name = name;
  for (size_t i = 0; i < KIND_COUNT; i++)
    if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, name, size) == 0)
      m->kind = &kinds[i];
  if (!m->kind || (name[size] == '@') != (m->kind->parameter != NULL)) return unknown(name, err);
  if (name[size] != '@') return MAGPIE_OK;
  const char *digit = name + size + 1;
  for (; *digit >= '0' && *digit <= '9' && m->parameter <= PARAMETER_MAX; digit++)
    m->parameter = m->parameter * 10 + (size_t)(*digit - '0');
  MGP_RETURN_IF(*digit || m->parameter == 0 || m->parameter > PARAMETER_MAX, err, MAGPIE_INVALID,
                "\"%.60s\": behind @ a number in 1..%d is expected", name, PARAMETER_MAX);
  return MAGPIE_OK;
}

static magpie_status open_measures(mgp_tally_measure *all, const char *const *names, size_t count,
                                   const char *file, magpie_error *err) {
  for (size_t i = 0; i < count; i++) {
    all[i].file = file;
    MGP_FORWARD(parse_measure(names[i], &all[i], err));
    for (size_t j = 0; j < i; j++)
      MGP_RETURN_IF(strcmp(names[i], names[j]) == 0, err, MAGPIE_INVALID,
                    "the measure %s is asked for twice", names[i]);
    MGP_FORWARD(mgp_id_table_init(&all[i].ids, NULL, err));
    MGP_FORWARD(mgp_id_table_init(&all[i].label_ids, NULL, err));
  }
  return MAGPIE_OK;
}

static void close_measures(mgp_tally_measure *all, size_t count) {
  for (size_t i = 0; i < count; i++) {
    mgp_tally_measure *m = &all[i];
    mgp_id_table_fini(&m->ids);
    mgp_id_table_fini(&m->label_ids);
    void *blocks[] = {m->values,
                      m->labels,
                      m->groups,
                      m->ranking.items,
                      m->query_labels.items,
                      m->document_labels.items,
                      m->documents.items,
                      m->ranking_ends.items,
                      m->query_label_ends.items,
                      m->document_label_ends.items};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) mgp_free(NULL, blocks[b]);
  }
}

static magpie_status add_rows(mgp_tally_measure *all, size_t count, mgp_json_lines *lines,
                              size_t *rows, magpie_error *err) {
  json_t *row = NULL;
  magpie_status status = mgp_json_lines_next(lines, &row, err);
  while (status == MAGPIE_OK && row) {
    for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
      status = all[i].kind->add(&all[i], lines, row, err);
    json_decref(row);
    row = NULL;
    ++*rows;
    if (status == MAGPIE_OK) status = mgp_json_lines_next(lines, &row, err);
  }
  if (status == MAGPIE_OK && *rows == 0)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: there are no rows in the file", lines->file);
  return status;
}

static magpie_status say(mgp_tally_measure *all, size_t count, size_t rows, char **json,
                         magpie_error *err) {
  json_t *measures = json_object(), *whole = NULL;
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count; i++) {
    json_t *entry = json_object();
    magpie_error why = {0};
    if (json_object_set_new(measures, all[i].name, entry))
      MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the measures"));
    status = all[i].kind->finish(&all[i], entry, &why);
    if (status == MAGPIE_INVALID)
      mgp_fail(err, status, "%s: %s: %.500s", all[i].file, all[i].name, why.message);
    else if (status != MAGPIE_OK) mgp_fail(err, status, "%s", why.message);
    if (status != MAGPIE_OK) goto done;
  }
  whole = json_pack("{s:I,s:O}", "rows", (json_int_t)rows, "measures", measures);
  if (!whole) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the measures"));
  status = mgp_json_write(whole, json, err);
done:
  json_decref(whole);
  json_decref(measures);
  return status;
}

magpie_status mgp_rows_measure(const char *file, const char *data, size_t size,
                               const char *const *measures, size_t count, char **json,
                               magpie_error *err) {
  *json = NULL;
  MGP_RETURN_IF(!measures || count == 0, err, MAGPIE_INVALID, "no measure is named");
  MGP_RETURN_IF(count > MEASURES_MAX, err, MAGPIE_LIMIT, "%zu measures are more than %d", count,
                MEASURES_MAX);
  mgp_tally_measure *all = mgp_calloc(NULL, count, sizeof *all);
  MGP_RETURN_IF(!all, err, MAGPIE_NO_MEMORY, "no memory for %zu measures", count);
  mgp_json_lines lines;
  mgp_json_lines_init(&lines, file, data, size);
  size_t rows = 0;
  magpie_status status = open_measures(all, measures, count, file, err);
  if (status == MAGPIE_OK) status = add_rows(all, count, &lines, &rows, err);
  if (status == MAGPIE_OK) status = say(all, count, rows, json, err);
  close_measures(all, count);
  mgp_free(NULL, all);
  return status;
}

magpie_status magpie_measure_rows(const char *file, const char *const *measures, size_t count,
                                  char **json, magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "the measures have nowhere to go");
  *json = NULL;
  MGP_RETURN_IF(!file || !*file, err, MAGPIE_INVALID, "no file of rows is named");
  mgp_map map;
  MGP_FORWARD(mgp_map_open(file, &map, err));
  const char *data = map.size ? (const char *)map.data : "";
  const magpie_status status = mgp_rows_measure(file, data, map.size, measures, count, json, err);
  mgp_map_close(&map);
  return status;
}
