/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_evaluate_index: every judged query of a benchmark in every system, the systems taking
 * turns, so that all of them meet the same machine; the answers become runs, the runs an
 * evaluation.
 */
#include <ctype.h>
#include <math.h>

#include "engine/index_evaluation.h"

#define CANDIDATE_DEPTH 10000 /* hits asked for when a query names its candidates */
#define TITLE_BYTES 120

/* ---- shared with the sweep and the diagnosis ------------------------------------------------ */

magpie_status mgp_index_evaluation_open(mgp_index_evaluation *e, magpie *ix,
                                        const magpie_benchmark *benchmark,
                                        const magpie_index_evaluation_options *options,
                                        magpie_error *err) {
  MGP_RETURN_IF(!ix || !benchmark, err, MAGPIE_INVALID,
                "an evaluation needs an index and a benchmark");
  *e = (mgp_index_evaluation){.ix = ix,
                              .benchmark = benchmark,
                              .qrels = magpie_benchmark_qrels(benchmark),
                              .options = options,
                              .count = magpie_benchmark_query_count(benchmark),
                              .started = mgp_clock_seconds()};
  size_t judged = 0;
  for (size_t i = 0; i < e->count; i++)
    judged += mgp_evaluation_is_judged(e, magpie_benchmark_query_at(benchmark, i));
  MGP_RETURN_IF(judged == 0, err, MAGPIE_INVALID,
                "no query of the benchmark is judged: its %zu queries and the judgements of %zu "
                "queries have no id in common",
                e->count, magpie_qrels_query_count(e->qrels));
  return MAGPIE_OK;
}

static void tell(mgp_index_evaluation *e, magpie_event_type type, const char *query,
                 const char *message) {
  if (!e->options || !e->options->progress) return;
  e->event.type = type;
  e->event.path = query;
  e->event.message = message;
  e->event.elapsed_s = mgp_clock_seconds() - e->started;
  e->options->progress(e->options->progress_context, &e->event);
}

magpie_status mgp_index_evaluation_step(mgp_index_evaluation *e, uint64_t done, uint64_t total,
                                        magpie_error *err) {
  e->event.files_done = done;
  e->event.files_total = total;
  tell(e, done == total ? MAGPIE_EVENT_DONE : MAGPIE_EVENT_FILE, NULL, NULL);
  MGP_RETURN_IF(e->options && e->options->cancel && *e->options->cancel, err, MAGPIE_CANCELLED,
                "stopped on request after %llu of %llu queries", (unsigned long long)done,
                (unsigned long long)total);
  return MAGPIE_OK;
}

magpie_query mgp_evaluation_query(const magpie_benchmark_query *asked, const magpie_query *system) {
  magpie_query query = *system;
  query.parts = asked->parts;
  query.part_count = asked->part_count;
  query.by_record = true;
  if (asked->candidates) query.k = CANDIDATE_DEPTH;
  return query;
}

magpie_query mgp_evaluation_question(const mgp_index_evaluation *e, const magpie_system *systems,
                                     size_t system, size_t query) {
  const magpie_query *picked = e->pick ? e->pick(e->pick_context, system, query) : NULL;
  return mgp_evaluation_query(magpie_benchmark_query_at(e->benchmark, query),
                              picked ? picked : &systems[system].query);
}

bool mgp_evaluation_is_judged(const mgp_index_evaluation *e, const magpie_benchmark_query *query) {
  const char *const *documents = NULL;
  return magpie_qrels_documents(e->qrels, query->id, &documents, NULL) > 0;
}

static char *without_spaces(const char *text) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (; *text; text++) {
    if (isspace((unsigned char)*text)) mgp_buffer_printf(&b, "%%%02X", (unsigned char)*text);
    else mgp_buffer_add_char(&b, *text);
  }
  return mgp_buffer_take(&b);
}

char *mgp_evaluation_document(const magpie_qrels *qrels, const char *query, const char *record,
                              const char *source, bool is_file) {
  const char *names[] = {record, source, mgp_path_name(source)};
  for (size_t i = 1; is_file && i < sizeof names / sizeof *names; i++) {
    char *name = without_spaces(names[i]);
    if (name && magpie_qrels_gain(qrels, query, name, NULL)) return name;
    mgp_free(NULL, name);
  }
  return without_spaces(record);
}

static bool is_candidate(const magpie_benchmark_query *query, const char *document) {
  if (!query->candidates) return true;
  for (size_t i = 0; i < query->candidate_count; i++)
    if (strcmp(query->candidates[i], document) == 0) return true;
  return false;
}

magpie_status mgp_evaluation_note(magpie_run *run, const magpie_benchmark_query *query,
                                  char *const *documents, const double *scores, size_t count,
                                  magpie_error *err) {
  float last = INFINITY;
  for (size_t i = 0; i < count; i++) {
    if (!is_candidate(query, documents[i])) continue;
    const float score = (float)scores[i];
    last = score < last ? score : nextafterf(last, -INFINITY);
    MGP_FORWARD(magpie_run_add(run, query->id, documents[i], last, err));
  }
  return MAGPIE_OK;
}

json_t *mgp_system_settings(const magpie_query *query) {
  json_t *settings = json_pack("{s:I}", "k", (json_int_t)query->k);
  if (query->depth) json_object_set_new(settings, "depth", json_integer((json_int_t)query->depth));
  if (query->rrf_k > 0) json_object_set_new(settings, "rrf_k", json_real(query->rrf_k));
  if (query->kinds) json_object_set_new(settings, "kinds", json_string(query->kinds));
  json_t *weights = json_object();
  for (size_t i = 0; i < query->space_weight_count; i++)
    json_object_set_new(weights, query->space_names[i], json_real(query->space_weights[i]));
  if (json_object_size(weights) > 0) json_object_set(settings, "weights", weights);
  json_decref(weights);
  return settings;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* What one system answers, as it comes in. */
typedef struct asked_system {
  const magpie_system *system;
  magpie_run *run;
  json_t *warnings, *failed;
} asked_system;

typedef struct evaluation_run {
  mgp_index_evaluation base;
  json_t *sweep;                 /* or NULL */
  const magpie_system *settings; /* of each system */
  asked_system *systems;
  size_t system_count;
  magpie_evaluation *evaluation;
  json_t *described; /* documents that have a title already */
  size_t hits;       /* described per query */
  uint64_t generation;
} evaluation_run;

static const char *query_text(const magpie_benchmark_query *query, mgp_buffer *b) {
  mgp_buffer_clear(b);
  for (size_t i = 0; i < query->part_count; i++) {
    const magpie_part *p = &query->parts[i];
    const char *file = p->image ? p->image : p->audio;
    const char *text = p->text ? p->text : p->item ? p->item : file ? mgp_path_name(file) : "";
    mgp_buffer_printf(b, "%s%s", i > 0 ? " + " : "", text);
  }
  return b->failed || !b->data ? "" : b->data;
}

static magpie_status describe_queries(evaluation_run *r, magpie_error *err) {
  mgp_buffer text;
  mgp_buffer_init(&text, NULL);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < r->base.count && status == MAGPIE_OK; i++) {
    const magpie_benchmark_query *q = magpie_benchmark_query_at(r->base.benchmark, i);
    if (!mgp_evaluation_is_judged(&r->base, q)) continue;
    status = magpie_evaluation_describe_query(r->evaluation, q->id, query_text(q, &text),
                                              q->modality, err);
  }
  mgp_buffer_fini(&text);
  return status;
}

/* The title, or how the text begins. */
static magpie_status describe_hit(evaluation_run *r, const char *document, const magpie_hit *hit,
                                  magpie_error *err) {
  if (json_object_get(r->described, document)) return MAGPIE_OK;
  MGP_RETURN_IF(json_object_set_new(r->described, document, json_true()) != 0, err,
                MAGPIE_NO_MEMORY, "no memory for the titles");
  char title[TITLE_BYTES + 1];
  const char *text = hit->title[0] ? hit->title : hit->text;
  const size_t size = strnlen(text, TITLE_BYTES + 1);
  const size_t cut = size > TITLE_BYTES ? mgp_utf8_cut(text, TITLE_BYTES) : size;
  memcpy(title, text, cut);
  title[cut] = '\0';
  return magpie_evaluation_describe_document(r->evaluation, document, title, hit->kind, err);
}

static magpie_status note_result(evaluation_run *r, asked_system *s,
                                 const magpie_benchmark_query *asked, const magpie_result *result,
                                 magpie_error *err) {
  const size_t count = magpie_result_count(result);
  char **documents = mgp_calloc(NULL, count + 1, sizeof *documents);
  double *scores = mgp_calloc(NULL, count + 1, sizeof *scores);
  magpie_status status =
      documents && scores ? MAGPIE_OK : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the hits");
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    const magpie_hit *hit = magpie_result_hit(result, i);
    documents[i] = mgp_evaluation_document(r->base.qrels, asked->id, hit->record, hit->source,
                                           hit->source[0] == '/');
    scores[i] = hit->score;
    if (!documents[i]) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the hits");
    else if (i < r->hits) status = describe_hit(r, documents[i], hit, err);
  }
  if (status == MAGPIE_OK)
    status = mgp_evaluation_note(s->run, asked, documents, scores, count, err);
  for (size_t i = 0; documents && i < count; i++) mgp_free(NULL, documents[i]);
  mgp_free(NULL, documents);
  mgp_free(NULL, scores);
  return status;
}

static void note_warnings(asked_system *s, const magpie_result *result) {
  const char *warning = NULL;
  for (size_t i = 0; (warning = magpie_result_warning(result, i)) != NULL; i++) {
    size_t at;
    json_t *known;
    bool seen = false;
    json_array_foreach(s->warnings, at, known) seen |=
        mgp_text_equal(json_string_value(known), warning);
    if (!seen) json_array_append_new(s->warnings, json_string(warning));
  }
}

/* A query that cannot be asked (its picture is gone) is a failure of that query: it scores 0, and
 * the evaluation says so. */
static magpie_status ask(evaluation_run *r, size_t system, size_t index, magpie_error *err) {
  asked_system *s = &r->systems[system];
  const magpie_benchmark_query *asked = magpie_benchmark_query_at(r->base.benchmark, index);
  const magpie_query query = mgp_evaluation_question(&r->base, r->settings, system, index);
  magpie_result *result = NULL;
  magpie_error why = {0};
  if (magpie_search(r->base.ix, &query, &result, &why) != MAGPIE_OK) {
    json_array_append_new(s->failed,
                          json_pack("{s:s,s:s}", "query", asked->id, "reason", why.message));
    r->base.event.files_failed++;
    tell(&r->base, MAGPIE_EVENT_FAILED, asked->id, why.message);
    return magpie_run_asked(s->run, asked->id, -1, err);
  }
  r->generation = magpie_result_generation(result);
  note_warnings(s, result);
  magpie_status status = magpie_run_asked(s->run, asked->id, magpie_result_took_ms(result), err);
  if (status == MAGPIE_OK) status = note_result(r, s, asked, result, err);
  magpie_result_destroy(result);
  return status;
}

/* Loads models and pages in, so that the first query is timed like the others. */
static void warm_up(evaluation_run *r, const magpie_benchmark_query *asked) {
  for (size_t s = 0; s < r->system_count; s++) {
    const magpie_query query = mgp_evaluation_query(asked, &r->systems[s].system->query);
    magpie_result *result = NULL;
    if (magpie_search(r->base.ix, &query, &result, NULL) == MAGPIE_OK)
      magpie_result_destroy(result);
  }
}

static magpie_status ask_all(evaluation_run *r, magpie_error *err) {
  bool is_warm = false;
  for (size_t i = 0; i < r->base.count; i++) {
    const magpie_benchmark_query *asked = magpie_benchmark_query_at(r->base.benchmark, i);
    if (mgp_evaluation_is_judged(&r->base, asked)) {
      if (!is_warm) warm_up(r, asked);
      is_warm = true;
      for (size_t s = 0; s < r->system_count; s++)
        MGP_FORWARD(ask(r, (i + s) % r->system_count, i, err));
    }
    MGP_FORWARD(mgp_index_evaluation_step(&r->base, i + 1, r->base.count, err));
  }
  for (size_t s = 0; s < r->system_count; s++)
    MGP_RETURN_IF(
        json_array_size(r->systems[s].failed) > 0 &&
            json_array_size(r->systems[s].failed) == magpie_run_query_count(r->systems[s].run),
        err, MAGPIE_INVALID, "every query failed in the system %s: %s", r->systems[s].system->name,
        json_string_value(json_object_get(json_array_get(r->systems[s].failed, 0), "reason")));
  return MAGPIE_OK;
}

/* ---- putting together ----------------------------------------------------------------------- */

static magpie_status write_run(const evaluation_run *r, const asked_system *s, magpie_error *err) {
  const char *folder = r->base.options ? r->base.options->run_folder : NULL;
  if (!folder) return MAGPIE_OK;
  MGP_FORWARD(mgp_directory_make(folder, err));
  char *name = mgp_strdup(NULL, s->system->name);
  for (char *c = name; c && *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) *c = '_';
  mgp_buffer path;
  mgp_buffer_init(&path, NULL);
  mgp_buffer_printf(&path, "%s/%s.run", folder, name ? name : "");
  const magpie_status status = name && !path.failed
                                   ? magpie_run_write(s->run, path.data, name, err)
                                   : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a name");
  mgp_buffer_fini(&path);
  mgp_free(NULL, name);
  return status;
}

static magpie_status add_system(evaluation_run *r, asked_system *s, magpie_error *err) {
  MGP_FORWARD(write_run(r, s, err));
  json_t *extra = json_object(), *diagnosis = NULL;
  json_object_set(extra, "warnings", s->warnings);
  json_object_set(extra, "failed", s->failed);
  json_t *settings = mgp_system_settings(&s->system->query);
  char *settings_text = NULL, *extra_text = NULL;
  magpie_status status = MAGPIE_OK;
  if (r->base.options && r->base.options->explain) {
    MGP_TRY(mgp_evaluation_diagnose(&r->base, r->settings, (size_t)(s - r->systems), s->run,
                                    &diagnosis, err));
    json_object_set_new(extra, "diagnosis", diagnosis);
  }
  MGP_TRY(mgp_json_write(settings, &settings_text, err));
  MGP_TRY(mgp_json_write(extra, &extra_text, err));
  MGP_TRY(magpie_evaluation_add(r->evaluation, s->system->name, s->run, settings_text, extra_text,
                                err));
done:
  magpie_free(settings_text);
  magpie_free(extra_text);
  json_decref(settings);
  json_decref(extra);
  return status;
}

/* The evaluation's JSON with what only the engine knows. */
static magpie_status finish(evaluation_run *r, char **json, magpie_error *err) {
  for (size_t s = 0; s < r->system_count; s++) MGP_FORWARD(add_system(r, &r->systems[s], err));
  char *text = NULL;
  json_t *whole = NULL;
  MGP_FORWARD(magpie_evaluation_json(r->evaluation, &text, err));
  magpie_status status = mgp_json_parse("evaluation", text, strlen(text), &whole, err);
  magpie_free(text);
  if (status != MAGPIE_OK) return status;
  json_t *data = json_object_get(whole, "data");
  char *shown = mgp_path_escape(NULL, mgp_store_path(r->base.ix->store));
  json_object_set_new(data, "index", json_string(shown ? shown : ""));
  json_object_set_new(data, "generation", json_integer((json_int_t)r->generation));
  mgp_free(NULL, shown);
  if (r->sweep) json_object_set(whole, "sweep", r->sweep);
  status = mgp_json_write(whole, json, err);
  json_decref(whole);
  return status;
}

static magpie_status start(evaluation_run *r, magpie_error *err) {
  const magpie_evaluation_options *options = r->base.options ? &r->base.options->evaluation : NULL;
  r->hits = options && options->hits ? options->hits : 10;
  r->described = json_object();
  r->systems = mgp_calloc(NULL, r->system_count, sizeof *r->systems);
  MGP_RETURN_IF(!r->systems || !r->described, err, MAGPIE_NO_MEMORY, "no memory to evaluate");
  for (size_t i = 0; i < r->system_count; i++) {
    r->systems[i] =
        (asked_system){.system = &r->settings[i], .warnings = json_array(), .failed = json_array()};
    MGP_FORWARD(magpie_run_create(&r->systems[i].run, err));
  }
  MGP_FORWARD(magpie_evaluation_create(r->base.qrels, options && options->size ? options : NULL,
                                       &r->evaluation, err));
  return describe_queries(r, err);
}

static void evaluation_run_fini(evaluation_run *r) {
  for (size_t i = 0; r->systems && i < r->system_count; i++) {
    magpie_run_destroy(r->systems[i].run);
    json_decref(r->systems[i].warnings);
    json_decref(r->systems[i].failed);
  }
  mgp_free(NULL, r->systems);
  json_decref(r->described);
  json_decref(r->sweep);
  magpie_evaluation_destroy(r->evaluation);
}

magpie_status mgp_evaluate_systems(mgp_index_evaluation *e, const magpie_system *systems,
                                   size_t count, json_t *sweep, char **json, magpie_error *err) {
  e->started = mgp_clock_seconds(); /* a sweep may have passed before */
  evaluation_run r = {.base = *e, .settings = systems, .sweep = sweep, .system_count = count};
  magpie_status status = start(&r, err);
  if (status == MAGPIE_OK) status = ask_all(&r, err);
  if (status == MAGPIE_OK) status = finish(&r, json, err);
  evaluation_run_fini(&r);
  return status;
}

magpie_status magpie_evaluate_index(magpie *ix, const magpie_benchmark *benchmark,
                                    const magpie_system *systems, size_t count,
                                    const magpie_index_evaluation_options *options, char **json,
                                    magpie_error *err) {
  MGP_RETURN_IF(!systems || count == 0 || !json, err, MAGPIE_INVALID,
                "an evaluation needs at least one system");
  mgp_index_evaluation e;
  MGP_FORWARD(mgp_index_evaluation_open(&e, ix, benchmark, options, err));
  return mgp_evaluate_systems(&e, systems, count, NULL, json, err);
}
