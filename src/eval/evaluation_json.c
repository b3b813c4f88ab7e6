/* SPDX-License-Identifier: Apache-2.0
 *
 * The systems of an evaluation put together as .mgeval (docs/format/mgeval.md): means with
 * intervals, all against the baseline with Holm over the comparisons of one measure, a verdict.
 */
#include <math.h>
#include <time.h>

#include "eval/evaluation.h"

#define VERSION 1
#define RIVALS_NAMED 3 /* above, what is not significant is one sentence for all */

/* What is being written. Comparisons are kept by measure, then system without the baseline. */
typedef struct writer {
  const magpie_evaluation *e;
  size_t queries, baseline, rivals; /* rivals: systems but the baseline */
  mgp_comparison *comparisons;
  magpie_error *err;
} writer;

static magpie_status no_memory(const writer *w) {
  return mgp_fail(w->err, MAGPIE_NO_MEMORY, "no memory to write an evaluation of %zu queries",
                  w->queries);
}

/* Takes the value; a NULL one is a failed allocation. */
static magpie_status put(const writer *w, json_t *object, const char *name, json_t *value) {
  return json_object_set_new(object, name, value) == 0 ? MAGPIE_OK : no_memory(w);
}

static magpie_status append(const writer *w, json_t *array, json_t *value) {
  return json_array_append_new(array, value) == 0 ? MAGPIE_OK : no_memory(w);
}

static json_t *text_or_null(const char *text) {
  return text ? json_string(text) : json_null();
}

/* A new member of `object`, empty; NULL without memory. It belongs to the object. */
static json_t *open_member(json_t *object, const char *name, json_t *value) {
  return json_object_set_new(object, name, value) == 0 ? value : NULL;
}

/* ---- head -------------------------------------------------------------------------------- */

static json_t *now_json(void) {
  char text[32];
  const time_t now = (time_t)(mgp_clock_unix_ms() / 1000);
  struct tm utc;
  if (!gmtime_r(&now, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
    return json_null();
  return json_string(text);
}

static magpie_status put_head(const writer *w, json_t *root) {
  const magpie_evaluation *e = w->e;
  MGP_FORWARD(put(w, root, "format", json_string("mgeval")));
  MGP_FORWARD(put(w, root, "version", json_integer(VERSION)));
  MGP_FORWARD(put(w, root, "magpie", json_string(magpie_version())));
  MGP_FORWARD(put(w, root, "created", now_json()));
  MGP_FORWARD(put(w, root, "data",
                  json_pack("{s:o,s:I,s:I}", "name", text_or_null(e->name), "queries",
                            (json_int_t)w->queries, "judgements",
                            (json_int_t)magpie_qrels_judgement_count(e->qrels))));
  return put(w, root, "settings",
             json_pack("{s:s,s:f,s:f,s:I,s:I,s:I,s:I,s:s}", "baseline",
                       e->systems[w->baseline].name, "alpha", e->test.alpha, "confidence",
                       e->test.confidence, "rounds", (json_int_t)e->test.rounds, "seed",
                       (json_int_t)e->test.seed, "level", (json_int_t)e->level, "hits",
                       (json_int_t)e->kept, "missing", e->only_answered ? "left out" : "zero"));
}

static magpie_status put_measures(const writer *w, json_t *root) {
  json_t *measures = open_member(root, "measures", json_array());
  if (!measures) return no_memory(w);
  for (size_t m = 0; m < w->e->measure_count; m++)
    MGP_FORWARD(append(w, measures,
                       json_pack("{s:s,s:b}", "name", w->e->measures[m], "higher_is_better",
                                 w->e->higher_is_better[m])));
  return MAGPIE_OK;
}

static magpie_status put_queries(const writer *w, json_t *root) {
  json_t *queries = open_member(root, "queries", json_array());
  if (!queries) return no_memory(w);
  for (size_t q = 0; q < w->queries; q++) {
    const char *id = magpie_qrels_query(w->e->qrels, q);
    const char *const *documents = NULL;
    const int64_t *gains = NULL;
    const size_t count = magpie_qrels_documents(w->e->qrels, id, &documents, &gains);
    json_int_t relevant = 0;
    for (size_t i = 0; i < count; i++) relevant += gains[i] >= w->e->level;
    json_t *query = json_pack("{s:s,s:I}", "id", id, "relevant", relevant);
    MGP_FORWARD(append(w, queries, query));
    const mgp_described *d = &w->e->queries[q];
    if (d->text) MGP_FORWARD(put(w, query, "text", json_string(d->text)));
    if (d->kind) MGP_FORWARD(put(w, query, "modality", json_string(d->kind)));
  }
  return MAGPIE_OK;
}

/* Descriptions of the documents among the kept hits, in the order of their first mention. */
static magpie_status put_documents(const writer *w, json_t *root) {
  const magpie_evaluation *e = w->e;
  json_t *documents = open_member(root, "documents", json_object());
  if (!documents) return no_memory(w);
  for (size_t s = 0; s < e->system_count; s++)
    for (size_t q = 0; q < w->queries; q++)
      for (size_t i = 0; i < e->systems[s].hit_counts[q]; i++) {
        const mgp_id *id = e->systems[s].hits[q * e->kept + i].document;
        const mgp_described *d = &e->described[id->number];
        if ((!d->text && !d->kind) || json_object_get(documents, id->text)) continue;
        json_t *document = json_object();
        MGP_FORWARD(put(w, documents, id->text, document));
        if (d->text) MGP_FORWARD(put(w, document, "title", json_string(d->text)));
        if (d->kind) MGP_FORWARD(put(w, document, "kind", json_string(d->kind)));
      }
  return MAGPIE_OK;
}

/* ---- systems ----------------------------------------------------------------------------- */

/* Mean and interval of the values that are there; null without any. */
static magpie_status put_mean(const writer *w, json_t *score, const double *values) {
  double *there = mgp_calloc(NULL, w->queries, sizeof *there);
  if (!there) return no_memory(w);
  size_t n = 0;
  double sum = 0, low = NAN, high = NAN;
  for (size_t q = 0; q < w->queries; q++)
    if (!isnan(values[q])) sum += there[n++] = values[q];
  const mgp_test_settings *t = &w->e->test;
  magpie_status status = MAGPIE_OK;
  if (n > 0)
    status =
        magpie_bootstrap_mean(there, n, t->confidence, t->rounds, t->seed, &low, &high, w->err);
  mgp_free(NULL, there);
  MGP_FORWARD(status);
  MGP_FORWARD(put(w, score, "mean", mgp_json_real(n > 0 ? sum / (double)n : NAN)));
  MGP_FORWARD(put(w, score, "low", mgp_json_real(low)));
  MGP_FORWARD(put(w, score, "high", mgp_json_real(high)));
  return put(w, score, "n", json_integer((json_int_t)n));
}

static magpie_status put_scores(const writer *w, json_t *system, const mgp_evaluated_system *s) {
  json_t *scores = open_member(system, "scores", json_object());
  if (!scores) return no_memory(w);
  for (size_t m = 0; m < w->e->measure_count; m++) {
    const double *row = s->values + m * w->queries;
    json_t *score = open_member(scores, w->e->measures[m], json_object());
    if (!score) return no_memory(w);
    MGP_FORWARD(put_mean(w, score, row));
    json_t *values = open_member(score, "values", json_array());
    if (!values) return no_memory(w);
    for (size_t q = 0; q < w->queries; q++) MGP_FORWARD(append(w, values, mgp_json_real(row[q])));
  }
  return MAGPIE_OK;
}

static magpie_status put_hits(const writer *w, json_t *system, const mgp_evaluated_system *s) {
  json_t *all = open_member(system, "hits", json_array());
  if (!all) return no_memory(w);
  for (size_t q = 0; q < w->queries; q++) {
    json_t *hits = json_array();
    MGP_FORWARD(append(w, all, hits));
    for (size_t i = 0; i < s->hit_counts[q]; i++) {
      const mgp_kept_hit *hit = &s->hits[q * w->e->kept + i];
      json_t *gain = hit->is_judged ? json_integer(hit->gain) : json_null();
      MGP_FORWARD(append(
          w, hits,
          json_pack("[s,o,o]", hit->document->text, mgp_json_real((double)hit->score), gain)));
    }
  }
  return MAGPIE_OK;
}

static magpie_status put_extra(const writer *w, json_t *system, const mgp_evaluated_system *s) {
  const char *name;
  json_t *value;
  json_object_foreach(s->extra, name, value) {
    MGP_RETURN_IF(json_object_get(system, name), w->err, MAGPIE_INVALID,
                  "the member \"%.60s\" added to the system %.60s is there already", name, s->name);
    if (json_object_set(system, name, value) != 0) return no_memory(w);
  }
  return MAGPIE_OK;
}

static magpie_status put_systems(const writer *w, json_t *root) {
  json_t *systems = open_member(root, "systems", json_array());
  if (!systems) return no_memory(w);
  for (size_t i = 0; i < w->e->system_count; i++) {
    const mgp_evaluated_system *s = &w->e->systems[i];
    json_t *system = json_object();
    MGP_FORWARD(append(w, systems, system));
    MGP_FORWARD(put(w, system, "name", json_string(s->name)));
    MGP_FORWARD(put(w, system, "settings", s->settings ? json_incref(s->settings) : json_null()));
    MGP_FORWARD(put_scores(w, system, s));
    MGP_FORWARD(put(w, system, "latency", mgp_latency_json(s->ms, w->queries)));
    MGP_FORWARD(put_hits(w, system, s));
    MGP_FORWARD(put(w, system, "confusion", mgp_confusion_json(w->e, s)));
    MGP_FORWARD(put(w, system, "missing", json_integer((json_int_t)s->missing)));
    MGP_FORWARD(put(w, system, "unjudged", json_integer((json_int_t)s->unjudged)));
    MGP_FORWARD(put_extra(w, system, s));
  }
  return MAGPIE_OK;
}

/* ---- comparisons ------------------------------------------------------------------------- */

/* The system that is the rival'th beside the baseline. */
static size_t rival_system(const writer *w, size_t rival) {
  return rival < w->baseline ? rival : rival + 1;
}

static magpie_status compare_all(const writer *w) {
  const magpie_evaluation *e = w->e;
  if (w->rivals == 0) return MAGPIE_OK;
  mgp_comparison **together = mgp_calloc(NULL, w->rivals, sizeof *together);
  if (!together) return no_memory(w);
  magpie_status status = MAGPIE_OK;
  for (size_t m = 0; m < e->measure_count && status == MAGPIE_OK; m++) {
    const double *baseline = e->systems[w->baseline].values + m * w->queries;
    for (size_t r = 0; r < w->rivals && status == MAGPIE_OK; r++) {
      together[r] = &w->comparisons[m * w->rivals + r];
      status = mgp_compare(e->systems[rival_system(w, r)].values + m * w->queries, baseline,
                           w->queries, e->higher_is_better[m], &e->test, together[r], w->err);
    }
    if (status == MAGPIE_OK)
      status = mgp_comparisons_holm(together, w->rivals, e->test.alpha, w->err);
  }
  mgp_free(NULL, together);
  return status;
}

static magpie_status put_comparison(const writer *w, json_t *all, size_t m, size_t r) {
  const magpie_evaluation *e = w->e;
  const mgp_comparison *c = &w->comparisons[m * w->rivals + r];
  const mgp_evaluated_system *system = &e->systems[rival_system(w, r)];
  const mgp_evaluated_system *baseline = &e->systems[w->baseline];
  json_t *out = json_pack("{s:s,s:s,s:s}", "measure", e->measures[m], "system", system->name,
                          "baseline", baseline->name);
  MGP_FORWARD(append(w, all, out));
  json_t *figures = mgp_comparison_json(c);
  const int failed = figures ? json_object_update(out, figures) : -1;
  json_decref(figures);
  if (failed) return no_memory(w);
  json_t *changed = open_member(out, "changed", json_array());
  if (!changed) return no_memory(w);
  for (size_t i = 0; i < c->changed_count; i++) {
    const size_t q = c->changed[i], at = m * w->queries + q;
    MGP_FORWARD(append(w, changed,
                       json_pack("{s:s,s:f,s:f}", "query", magpie_qrels_query(e->qrels, q),
                                 "system", system->values[at], "baseline", baseline->values[at])));
  }
  return MAGPIE_OK;
}

static magpie_status put_comparisons(const writer *w, json_t *root) {
  json_t *all = open_member(root, "comparisons", json_array());
  if (!all) return no_memory(w);
  for (size_t m = 0; m < w->e->measure_count; m++)
    for (size_t r = 0; r < w->rivals; r++) MGP_FORWARD(put_comparison(w, all, m, r));
  return MAGPIE_OK;
}

/* ---- verdict ----------------------------------------------------------------------------- */

static magpie_status put_sentence(const writer *w, json_t *verdict, mgp_buffer *b) {
  if (b->failed) return no_memory(w);
  if (b->size == 0) return MAGPIE_OK;
  json_t *text = json_stringn(b->data, b->size);
  mgp_buffer_clear(b);
  return append(w, verdict, text);
}

/* Measures in which a rival does not differ significantly, in one sentence. */
static void add_undecided(const writer *w, mgp_buffer *b, size_t r) {
  const magpie_evaluation *e = w->e;
  size_t count = 0, seen = 0;
  for (size_t m = 1; m < e->measure_count; m++)
    count += !w->comparisons[m * w->rivals + r].is_significant;
  if (count == 0) return;
  mgp_buffer_printf(b, "No significant difference between %s and %s in ",
                    e->systems[rival_system(w, r)].name, e->systems[w->baseline].name);
  for (size_t m = 1; m < e->measure_count; m++) {
    if (w->comparisons[m * w->rivals + r].is_significant) continue;
    if (seen++ > 0) mgp_buffer_add_text(b, seen == count ? " and " : ", ");
    mgp_buffer_add_text(b, e->measures[m]);
  }
  mgp_buffer_add_char(b, '.');
}

/* The deciding measure first, for every rival; of the others only what is significant. */
static magpie_status put_pair_sentences(const writer *w, json_t *verdict, mgp_buffer *b) {
  const magpie_evaluation *e = w->e;
  for (size_t m = 0; m < e->measure_count; m++)
    for (size_t r = 0; r < w->rivals; r++) {
      const mgp_comparison *c = &w->comparisons[m * w->rivals + r];
      if (m > 0 && !c->is_significant) continue;
      const mgp_verdict_pair pair = {e->measures[m], e->systems[rival_system(w, r)].name,
                                     e->systems[w->baseline].name, e->higher_is_better[m]};
      mgp_verdict_sentence(b, &pair, c);
      MGP_FORWARD(put_sentence(w, verdict, b));
    }
  if (w->rivals > RIVALS_NAMED && e->measure_count > 1) {
    mgp_buffer_printf(b, "No other difference to %s is significant.", e->systems[w->baseline].name);
    return put_sentence(w, verdict, b);
  }
  for (size_t r = 0; r < w->rivals; r++) {
    add_undecided(w, b, r);
    MGP_FORWARD(put_sentence(w, verdict, b));
  }
  return MAGPIE_OK;
}

static magpie_status put_missing_sentences(const writer *w, json_t *verdict, mgp_buffer *b) {
  const magpie_evaluation *e = w->e;
  for (size_t i = 0; i < e->system_count; i++) {
    const mgp_evaluated_system *s = &e->systems[i];
    if (s->missing == 0) continue;
    mgp_buffer_printf(b, "%s did not answer %zu of %zu judged queries; they %s.", s->name,
                      s->missing, w->queries, e->only_answered ? "are left out" : "count as 0");
    MGP_FORWARD(put_sentence(w, verdict, b));
  }
  return MAGPIE_OK;
}

static void add_lone_system(const writer *w, const json_t *root, mgp_buffer *b) {
  const json_t *system = json_array_get(json_object_get(root, "systems"), 0);
  const json_t *score = json_object_get(json_object_get(system, "scores"), w->e->measures[0]);
  char mean[32], low[32], high[32];
  if (!json_is_number(json_object_get(score, "mean"))) return; /* no query was answered */
  mgp_verdict_number(mgp_json_number(score, "mean", 0), mean);
  mgp_verdict_number(mgp_json_number(score, "low", 0), low);
  mgp_verdict_number(mgp_json_number(score, "high", 0), high);
  mgp_buffer_printf(b, "%s reaches %s %s [%s, %s]; there is no other system to compare it with.",
                    w->e->systems[0].name, w->e->measures[0], mean, low, high);
}

static magpie_status put_verdict(const writer *w, json_t *root) {
  json_t *verdict = open_member(root, "verdict", json_array());
  if (!verdict) return no_memory(w);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  magpie_status status = MAGPIE_OK;
  if (w->rivals == 0) add_lone_system(w, root, &b);
  MGP_TRY(put_sentence(w, verdict, &b));
  MGP_TRY(put_pair_sentences(w, verdict, &b));
  MGP_TRY(put_missing_sentences(w, verdict, &b));
  mgp_verdict_small_sample(&b, w->queries, w->rivals ? w->rivals : 1, w->e->test.alpha);
  MGP_TRY(put_sentence(w, verdict, &b));
done:
  mgp_buffer_fini(&b);
  return status;
}

/* ---- all --------------------------------------------------------------------------------- */

static magpie_status put_all(const writer *w, json_t *root) {
  MGP_FORWARD(compare_all(w));
  MGP_FORWARD(put_head(w, root));
  MGP_FORWARD(put_measures(w, root));
  MGP_FORWARD(put_queries(w, root));
  MGP_FORWARD(put_documents(w, root));
  MGP_FORWARD(put_systems(w, root));
  MGP_FORWARD(put_comparisons(w, root));
  return put_verdict(w, root);
}

magpie_status magpie_evaluation_json(const magpie_evaluation *evaluation, char **json,
                                     magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "evaluation: json is NULL");
  *json = NULL;
  MGP_RETURN_IF(!evaluation, err, MAGPIE_INVALID, "evaluation is NULL");
  writer w = {.e = evaluation, .err = err};
  MGP_FORWARD(mgp_evaluation_baseline(evaluation, &w.baseline, err));
  w.queries = magpie_qrels_query_count(evaluation->qrels);
  w.rivals = evaluation->system_count - 1;
  const size_t comparisons = w.rivals * evaluation->measure_count;
  w.comparisons = mgp_calloc(NULL, comparisons ? comparisons : 1, sizeof *w.comparisons);
  json_t *root = json_object();
  magpie_status status = w.comparisons && root ? put_all(&w, root) : no_memory(&w);
  if (status == MAGPIE_OK) status = mgp_json_write(root, json, err);
  json_decref(root);
  mgp_free(NULL, w.comparisons);
  return status;
}
