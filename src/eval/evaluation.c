/* SPDX-License-Identifier: Apache-2.0
 *
 * The object that systems are added to. A run is evaluated when it comes; of it stay one value a
 * query and measure, the times and the first hits, so that runs need not live side by side.
 */
#include <math.h>

#include "eval/evaluation.h"
#include "eval/measures.h"
#include "eval/ranking_measures.h"

#define MEASURES_MAX 64
#define KEPT_DEFAULT 10
#define KEPT_MAX 1000
#define NAME_SIZE_MAX 200

static const char *const default_measures[] = {"nDCG@10", "RR@10", "R@100"};

/* ---- making ------------------------------------------------------------------------------ */

static magpie_status check_options(const magpie_evaluation_options *o, magpie_error *err) {
  MGP_RETURN_IF(o->size < sizeof *o, err, MAGPIE_INVALID, "options.size is %zu, expected %zu",
                o->size, sizeof *o);
  MGP_RETURN_IF(o->measure_count > 0 && !o->measures, err, MAGPIE_INVALID,
                "an evaluation of %zu measures without their names", o->measure_count);
  MGP_RETURN_IF(o->measure_count > MEASURES_MAX, err, MAGPIE_INVALID, "%zu measures, more than %d",
                o->measure_count, MEASURES_MAX);
  MGP_RETURN_IF(!(o->alpha >= 0 && o->alpha < 1), err, MAGPIE_INVALID,
                "a significance level of %g is not between 0 and 1", o->alpha);
  MGP_RETURN_IF(!(o->confidence >= 0 && o->confidence < 1), err, MAGPIE_INVALID,
                "a confidence of %g is not between 0 and 1", o->confidence);
  MGP_RETURN_IF(o->rounds != 0 && (o->rounds < 100 || o->rounds > MGP_ROUNDS_MAX), err,
                MAGPIE_INVALID, "%llu rounds are not 100 to %d", (unsigned long long)o->rounds,
                MGP_ROUNDS_MAX);
  MGP_RETURN_IF(o->hits > KEPT_MAX, err, MAGPIE_INVALID, "%zu hits a query, more than %d", o->hits,
                KEPT_MAX);
  MGP_RETURN_IF(o->level < 0 || o->level > MGP_GAIN_MAX, err, MAGPIE_INVALID,
                "the level %lld is not 1 to %d", (long long)o->level, MGP_GAIN_MAX);
  MGP_RETURN_IF(o->name && !mgp_utf8_valid(o->name, strlen(o->name)), err, MAGPIE_INVALID,
                "the name of the data is not UTF-8");
  return MAGPIE_OK;
}

static magpie_status no_memory(magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to compare systems");
}

static magpie_status copy_text(mgp_arena *arena, const char *text, const char **out,
                               magpie_error *err) {
  *out = text ? mgp_arena_strdup(arena, text) : NULL;
  return text && !*out ? no_memory(err) : MAGPIE_OK;
}

static magpie_status add_measure(magpie_evaluation *e, const char *name, magpie_error *err) {
  mgp_measure parsed;
  char *canonical = NULL;
  MGP_FORWARD(mgp_measure_parse(name, &parsed, err));
  MGP_FORWARD(magpie_measure_name(name, &canonical, err));
  const magpie_status status = copy_text(e->arena, canonical, &e->measures[e->measure_count], err);
  magpie_free(canonical);
  MGP_FORWARD(status);
  for (size_t i = 0; i < e->measure_count; i++)
    MGP_RETURN_IF(strcmp(e->measures[i], e->measures[e->measure_count]) == 0, err, MAGPIE_INVALID,
                  "the measure %s comes twice", e->measures[i]);
  e->higher_is_better[e->measure_count++] = parsed.kind->face.higher_is_better;
  return MAGPIE_OK;
}

static magpie_status copy_measures(magpie_evaluation *e, const magpie_evaluation_options *o,
                                   magpie_error *err) {
  const bool is_default = o->measure_count == 0;
  const char *const *names = is_default ? default_measures : o->measures;
  const size_t count =
      is_default ? sizeof default_measures / sizeof *default_measures : o->measure_count;
  e->measures = mgp_arena_calloc(e->arena, count, sizeof *e->measures);
  e->higher_is_better = mgp_arena_calloc(e->arena, count, sizeof *e->higher_is_better);
  if (!e->measures || !e->higher_is_better) return no_memory(err);
  for (size_t i = 0; i < count; i++) MGP_FORWARD(add_measure(e, names[i], err));
  return MAGPIE_OK;
}

static magpie_status copy_qrels(magpie_evaluation *e, const magpie_qrels *qrels,
                                magpie_error *err) {
  MGP_FORWARD(magpie_qrels_create(&e->qrels, err));
  const size_t count = magpie_qrels_query_count(qrels);
  MGP_RETURN_IF(count == 0, err, MAGPIE_INVALID, "there is no judged query to compare systems on");
  for (size_t q = 0; q < count; q++) {
    const char *query = magpie_qrels_query(qrels, q);
    const char *const *documents = NULL;
    const int64_t *gains = NULL;
    const size_t judged = magpie_qrels_documents(qrels, query, &documents, &gains);
    for (size_t i = 0; i < judged; i++)
      MGP_FORWARD(magpie_qrels_add(e->qrels, query, documents[i], gains[i], err));
  }
  e->queries = mgp_arena_calloc(e->arena, count, sizeof *e->queries);
  return e->queries ? MAGPIE_OK : no_memory(err);
}

static magpie_status fill(magpie_evaluation *e, const magpie_qrels *qrels,
                          const magpie_evaluation_options *o, magpie_error *err) {
  e->arena = mgp_arena_create(NULL);
  if (!e->arena) return no_memory(err);
  e->kept = o->hits ? o->hits : KEPT_DEFAULT;
  e->test = (mgp_test_settings){.alpha = o->alpha > 0 ? o->alpha : 0.05,
                                .confidence = o->confidence > 0 ? o->confidence : 0.95,
                                .rounds = o->rounds ? o->rounds : 10000,
                                .seed = o->seed};
  e->level = o->level ? o->level : 1;
  e->only_answered = o->only_answered;
  MGP_FORWARD(copy_text(e->arena, o->baseline, &e->baseline, err));
  MGP_FORWARD(copy_text(e->arena, o->name, &e->name, err));
  MGP_FORWARD(copy_measures(e, o, err));
  MGP_FORWARD(mgp_id_table_init(&e->documents, NULL, err));
  return copy_qrels(e, qrels, err);
}

magpie_status magpie_evaluation_create(const magpie_qrels *qrels,
                                       const magpie_evaluation_options *options,
                                       magpie_evaluation **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "evaluation: out is NULL");
  *out = NULL;
  MGP_RETURN_IF(!qrels, err, MAGPIE_INVALID, "evaluation: qrels is NULL");
  const magpie_evaluation_options defaults = {.size = sizeof defaults};
  if (!options) options = &defaults;
  MGP_FORWARD(check_options(options, err));
  magpie_evaluation *e = mgp_calloc(NULL, 1, sizeof *e);
  if (!e) return no_memory(err);
  const magpie_status status = fill(e, qrels, options, err);
  if (status == MAGPIE_OK) *out = e;
  else magpie_evaluation_destroy(e);
  return status;
}

void magpie_evaluation_destroy(magpie_evaluation *evaluation) {
  if (!evaluation) return;
  for (size_t i = 0; i < evaluation->system_count; i++) {
    json_decref(evaluation->systems[i].settings);
    json_decref(evaluation->systems[i].extra);
  }
  mgp_free(NULL, evaluation->systems);
  mgp_free(NULL, evaluation->described);
  mgp_id_table_fini(&evaluation->documents);
  magpie_qrels_destroy(evaluation->qrels);
  mgp_arena_destroy(evaluation->arena);
  mgp_free(NULL, evaluation);
}

/* ---- describing -------------------------------------------------------------------------- */

static magpie_status describe(magpie_evaluation *e, mgp_described *d, const char *id,
                              const char *text, const char *kind, magpie_error *err) {
  MGP_RETURN_IF(d->is_described, err, MAGPIE_INVALID, "%.80s is described twice", id);
  MGP_RETURN_IF((text && !mgp_utf8_valid(text, strlen(text))) ||
                    (kind && !mgp_utf8_valid(kind, strlen(kind))),
                err, MAGPIE_INVALID, "the description of %.80s is not UTF-8", id);
  MGP_FORWARD(copy_text(e->arena, text, &d->text, err));
  MGP_FORWARD(copy_text(e->arena, kind, &d->kind, err));
  d->is_described = true;
  return MAGPIE_OK;
}

magpie_status magpie_evaluation_describe_query(magpie_evaluation *evaluation, const char *query,
                                               const char *text, const char *modality,
                                               magpie_error *err) {
  MGP_RETURN_IF(!evaluation, err, MAGPIE_INVALID, "evaluation is NULL");
  size_t size = 0;
  MGP_FORWARD(mgp_id_check("query", query, &size, err));
  const mgp_id *id = mgp_id_table_find(&evaluation->qrels->queries, query, size);
  if (!id) return MAGPIE_OK; /* nobody judged it, so nobody will see it */
  return describe(evaluation, &evaluation->queries[id->number], query, text, modality, err);
}

/* The document's number, with room for its description. */
static magpie_status intern_document(magpie_evaluation *e, const char *text, size_t size,
                                     const mgp_id **out, magpie_error *err) {
  MGP_FORWARD(mgp_id_table_intern(&e->documents, text, size, out, err));
  const size_t before = e->described_capacity;
  if (!MGP_GROW(NULL, e->described, e->described_capacity, e->documents.count))
    return no_memory(err);
  for (size_t i = before; i < e->described_capacity; i++) e->described[i] = (mgp_described){0};
  return MAGPIE_OK;
}

magpie_status magpie_evaluation_describe_document(magpie_evaluation *evaluation,
                                                  const char *document, const char *title,
                                                  const char *kind, magpie_error *err) {
  MGP_RETURN_IF(!evaluation, err, MAGPIE_INVALID, "evaluation is NULL");
  size_t size = 0;
  MGP_FORWARD(mgp_id_check("document", document, &size, err));
  const mgp_id *id = NULL;
  MGP_FORWARD(intern_document(evaluation, document, size, &id, err));
  return describe(evaluation, &evaluation->described[id->number], document, title, kind, err);
}

/* ---- adding ------------------------------------------------------------------------------ */

static magpie_status check_name(const magpie_evaluation *e, const char *name, magpie_error *err) {
  MGP_RETURN_IF(!name || !*name, err, MAGPIE_INVALID, "a system has no name");
  MGP_RETURN_IF(strlen(name) > NAME_SIZE_MAX || !mgp_utf8_valid(name, strlen(name)), err,
                MAGPIE_INVALID, "the name of a system is not UTF-8 of at most %d bytes: %.60s",
                NAME_SIZE_MAX, name);
  for (const char *c = name; *c; c++)
    MGP_RETURN_IF((unsigned char)*c < ' ' || *c == 0x7f, err, MAGPIE_INVALID,
                  "the name of a system holds a control character");
  for (size_t i = 0; i < e->system_count; i++)
    MGP_RETURN_IF(strcmp(e->systems[i].name, name) == 0, err, MAGPIE_INVALID,
                  "there is a system %s already", name);
  MGP_RETURN_IF(e->system_count >= MGP_SYSTEMS_MAX, err, MAGPIE_LIMIT, "more than %d systems",
                MGP_SYSTEMS_MAX);
  return MAGPIE_OK;
}

static magpie_status parse_object(const char *what, const char *text, json_t **out,
                                  magpie_error *err) {
  if (!text) return MAGPIE_OK;
  MGP_FORWARD(mgp_json_parse(what, text, strlen(text), out, err));
  MGP_RETURN_IF(!json_is_object(*out), err, MAGPIE_INVALID, "%s is not a JSON object", what);
  return MAGPIE_OK;
}

static magpie_status keep_hits(magpie_evaluation *e, mgp_evaluated_system *s, size_t q,
                               const magpie_run *run, magpie_error *err) {
  const magpie_run_hit *hits = NULL;
  const char *query = magpie_qrels_query(e->qrels, q);
  size_t count = magpie_run_hits(run, query, &hits);
  if (count > e->kept) count = e->kept;
  s->hit_counts[q] = count;
  for (size_t i = 0; i < count; i++) {
    mgp_kept_hit *kept = &s->hits[q * e->kept + i];
    const mgp_id *id = mgp_id_of(hits[i].document);
    MGP_FORWARD(intern_document(e, id->text, id->size, &kept->document, err));
    kept->score = hits[i].score;
    kept->is_judged = magpie_qrels_gain(e->qrels, query, id->text, &kept->gain);
  }
  s->ms[q] = magpie_run_ms(run, query);
  return MAGPIE_OK;
}

static magpie_status keep_values(const magpie_evaluation *e, mgp_evaluated_system *s,
                                 const magpie_run *run, const magpie_scores *scores) {
  const size_t queries = magpie_qrels_query_count(e->qrels);
  for (size_t m = 0; m < e->measure_count; m++)
    memcpy(s->values + m * queries, magpie_scores_values(scores, m), queries * sizeof *s->values);
  s->missing = magpie_scores_missing(scores);
  s->unjudged = magpie_scores_unjudged(scores);
  if (!e->only_answered) return MAGPIE_OK;
  for (size_t q = 0; q < queries; q++) {
    const mgp_id *id = e->qrels->queries.ids[q];
    if (mgp_id_table_find(&run->queries, id->text, id->size)) continue;
    for (size_t m = 0; m < e->measure_count; m++) s->values[m * queries + q] = NAN;
  }
  return MAGPIE_OK;
}

static magpie_status evaluate_run(magpie_evaluation *e, mgp_evaluated_system *s,
                                  const magpie_run *run, magpie_error *err) {
  const size_t queries = magpie_qrels_query_count(e->qrels);
  MGP_RETURN_IF(queries > SIZE_MAX / sizeof *s->hits / e->kept ||
                    queries > SIZE_MAX / sizeof *s->values / MEASURES_MAX,
                err, MAGPIE_LIMIT, "%zu queries are too many", queries);
  s->values = mgp_arena_calloc(e->arena, queries * e->measure_count, sizeof *s->values);
  s->ms = mgp_arena_calloc(e->arena, queries, sizeof *s->ms);
  s->hits = mgp_arena_calloc(e->arena, queries * e->kept, sizeof *s->hits);
  s->hit_counts = mgp_arena_calloc(e->arena, queries, sizeof *s->hit_counts);
  if (!s->values || !s->ms || !s->hits || !s->hit_counts) return no_memory(err);
  const magpie_evaluate_options options = {
      .size = sizeof options, .level = e->level, .only_answered = e->only_answered};
  magpie_scores *scores = NULL;
  magpie_status status =
      magpie_evaluate(e->qrels, run, e->measures, e->measure_count, &options, &scores, err);
  if (status == MAGPIE_OK) status = keep_values(e, s, run, scores);
  for (size_t q = 0; q < queries && status == MAGPIE_OK; q++) status = keep_hits(e, s, q, run, err);
  magpie_scores_destroy(scores);
  return status;
}

magpie_status magpie_evaluation_add(magpie_evaluation *evaluation, const char *system,
                                    const magpie_run *run, const char *settings_json,
                                    const char *extra_json, magpie_error *err) {
  MGP_RETURN_IF(!evaluation || !run, err, MAGPIE_INVALID, "evaluation or run is NULL");
  MGP_FORWARD(check_name(evaluation, system, err));
  mgp_evaluated_system s = {0};
  magpie_status status = MAGPIE_OK;
  MGP_TRY(copy_text(evaluation->arena, system, &s.name, err));
  MGP_TRY(parse_object("the settings of a system", settings_json, &s.settings, err));
  MGP_TRY(parse_object("what is added to a system", extra_json, &s.extra, err));
  MGP_TRY(evaluate_run(evaluation, &s, run, err));
  if (!MGP_GROW(NULL, evaluation->systems, evaluation->system_capacity,
                evaluation->system_count + 1))
    MGP_TRY(no_memory(err));
  evaluation->systems[evaluation->system_count++] = s;
  return MAGPIE_OK;
done:
  json_decref(s.settings);
  json_decref(s.extra);
  return status;
}

magpie_status mgp_evaluation_baseline(const magpie_evaluation *e, size_t *out, magpie_error *err) {
  MGP_RETURN_IF(e->system_count == 0, err, MAGPIE_INVALID, "an evaluation without any system");
  *out = 0;
  if (!e->baseline) return MAGPIE_OK;
  for (size_t i = 0; i < e->system_count; i++)
    if (strcmp(e->systems[i].name, e->baseline) == 0) {
      *out = i;
      return MAGPIE_OK;
    }
  return mgp_fail(err, MAGPIE_INVALID,
                  "no system is called %.80s, the baseline; the first is %.80s", e->baseline,
                  e->systems[0].name);
}
