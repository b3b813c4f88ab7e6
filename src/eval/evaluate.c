/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures x judged queries. A query's hits are looked up once, as deep as the deepest measure
 * looks, and every measure then works on the gains. Where all measures have a cutoff, the best few
 * are selected and the run is not sorted.
 */
#include <stdlib.h>

#include "eval/ranking_measures.h"

#define MEASURES_MAX 1000

struct magpie_scores {
  mgp_alloc *alloc;
  mgp_arena *arena; /* the queries' ids */
  const char **queries;
  double *values; /* by measure, then query */
  double *means;
  size_t measure_count, query_count, missing, unjudged;
};

typedef struct evaluator {
  const magpie_qrels *qrels;
  magpie_run *run; /* reading changes the order of its hits, under its lock */
  const mgp_measure *measures;
  size_t measure_count;
  size_t depth; /* of the deepest measure; SIZE_MAX: all hits */
  magpie_run_hit *best;
  int64_t *gains, *ideal;
} evaluator;

/* ---- one query --------------------------------------------------------------------------- */

/* The first `count` hits, best first. Full rankings stay in the run. */
static const magpie_run_hit *best_hits(const evaluator *e, mgp_run_query *query, size_t count) {
  pthread_mutex_lock(&e->run->lock);
  const bool is_few = !query->is_ranked && count < query->count / 4;
  if (is_few) {
    mgp_select_hits(query->hits, query->count, count, e->best);
  } else if (!query->is_ranked) {
    mgp_rank_hits(query->hits, query->count, &e->run->scratch);
    query->is_ranked = true;
  }
  pthread_mutex_unlock(&e->run->lock);
  return is_few ? e->best : query->hits;
}

static int compare_gains_down(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

/* query NULL: the run lacks it, or nothing was found. */
static mgp_ranking look_up(const evaluator *e, uint32_t number, mgp_run_query *query) {
  const mgp_judged_query *judged = &e->qrels->items[number];
  mgp_ranking r = {
      .gains = e->gains, .judged = judged->gains, .judged_count = judged->count, .ideal = e->ideal};
  for (size_t i = 0; i < judged->count; i++)
    if (judged->gains[i] > 0) e->ideal[r.ideal_count++] = judged->gains[i];
  qsort(e->ideal, r.ideal_count, sizeof *e->ideal, compare_gains_down);
  if (!query || query->count == 0) return r;
  r.retrieved = query->count;
  r.count = query->count < e->depth ? query->count : e->depth;
  const magpie_run_hit *hits = best_hits(e, query, r.count);
  for (size_t i = 0; i < r.count; i++)
    if (!mgp_qrels_find(e->qrels, number, mgp_id_of(hits[i].document), &e->gains[i]))
      e->gains[i] = MGP_UNJUDGED;
  return r;
}

/* ---- all queries ------------------------------------------------------------------------- */

static mgp_run_query *find_in_run(const evaluator *e, const mgp_id *query) {
  const mgp_id *id = mgp_id_table_find(&e->run->queries, query->text, query->size);
  return id ? &e->run->items[id->number] : NULL;
}

static void evaluate_all(const evaluator *e, magpie_scores *s, bool only_answered) {
  size_t answered = 0;
  for (size_t q = 0; q < s->query_count; q++) {
    mgp_run_query *query = find_in_run(e, e->qrels->queries.ids[q]);
    answered += query != NULL;
    const mgp_ranking r = look_up(e, (uint32_t)q, query);
    for (size_t m = 0; m < s->measure_count; m++) {
      const double value = e->measures[m].kind->value(&e->measures[m], &r);
      s->values[m * s->query_count + q] = value;
      s->means[m] += value; /* a missing query adds 0: it has no hits */
    }
  }
  s->missing = s->query_count - answered;
  s->unjudged = e->run->queries.count - answered;
  const size_t over = only_answered ? answered : s->query_count;
  for (size_t m = 0; m < s->measure_count && over > 0; m++) s->means[m] /= (double)over;
}

/* ---- preparing --------------------------------------------------------------------------- */

/* Exponents are bounded, and ERR has a scale: a gain beyond is an error, not a nonsense value. */
static magpie_status check_gains(const magpie_qrels *qrels, const mgp_measure *m, const char *name,
                                 magpie_error *err) {
  const bool is_err = (m->kind->takes & MGP_TAKES_MAX) != 0;
  if (!is_err && !m->is_exponential) return MAGPIE_OK;
  const int64_t most = is_err ? m->max : MGP_EXPONENT_MAX;
  for (size_t q = 0; q < qrels->queries.count; q++)
    for (size_t i = 0; i < qrels->items[q].count; i++)
      MGP_RETURN_IF(qrels->items[q].gains[i] > most, err, MAGPIE_INVALID,
                    "%.40s: document %.80s of query %.80s has the gain %lld, more than %lld%s",
                    name, qrels->items[q].documents[i], qrels->queries.ids[q]->text,
                    (long long)qrels->items[q].gains[i], (long long)most,
                    is_err ? "; say the greatest gain as in ERR(max=7)@20" : "");
  return MAGPIE_OK;
}

/* A measure that looks at all hits, or as deep as R is, has no depth of its own. */
static size_t depth_needed(const mgp_measure *m) {
  if (m->cutoff) return m->cutoff;
  return strcmp(m->kind->face.name, "NumRet") == 0 && m->rel == 0 ? 0 : SIZE_MAX;
}

static magpie_status parse_measures(evaluator *e, const char *const *names, mgp_measure *measures,
                                    int64_t level, magpie_error *err) {
  for (size_t i = 0; i < e->measure_count; i++) {
    MGP_FORWARD(mgp_measure_parse(names[i], &measures[i], err));
    MGP_FORWARD(check_gains(e->qrels, &measures[i], names[i], err));
    const size_t depth = depth_needed(&measures[i]);
    if (depth > e->depth) e->depth = depth;
    if (measures[i].kind->value != mgp_measure_retrieved && measures[i].rel == 0)
      measures[i].rel = level;
  }
  e->measures = measures;
  return MAGPIE_OK;
}

static magpie_status reserve_scratch(evaluator *e, mgp_alloc *a, magpie_error *err) {
  size_t hits = 1, judged = 1;
  for (size_t i = 0; i < e->run->queries.count; i++)
    if (e->run->items[i].count > hits) hits = e->run->items[i].count;
  for (size_t i = 0; i < e->qrels->queries.count; i++)
    if (e->qrels->items[i].count > judged) judged = e->qrels->items[i].count;
  if (hits > e->depth && e->depth > 0) hits = e->depth;
  e->best = mgp_calloc(a, hits, sizeof *e->best);
  e->gains = mgp_calloc(a, hits, sizeof *e->gains);
  e->ideal = mgp_calloc(a, judged, sizeof *e->ideal);
  MGP_RETURN_IF(!e->best || !e->gains || !e->ideal, err, MAGPIE_NO_MEMORY,
                "no memory to evaluate %zu hits of a query", hits);
  return MAGPIE_OK;
}

static magpie_status make_scores(mgp_alloc *a, const magpie_qrels *qrels, size_t measure_count,
                                 magpie_scores **out, magpie_error *err) {
  magpie_scores *s = mgp_calloc(a, 1, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_NO_MEMORY, "no memory for scores");
  *out = s;
  const size_t queries = qrels->queries.count;
  *s = (magpie_scores){.alloc = a, .measure_count = measure_count, .query_count = queries};
  s->arena = mgp_arena_create(a);
  s->queries = mgp_calloc(a, queries, sizeof *s->queries);
  s->means = mgp_calloc(a, measure_count, sizeof *s->means);
  if (queries <= SIZE_MAX / MEASURES_MAX)
    s->values = mgp_calloc(a, queries * measure_count, sizeof *s->values);
  bool is_whole = s->arena && s->queries && s->means && s->values;
  for (size_t i = 0; i < queries && is_whole; i++) {
    s->queries[i] = mgp_arena_strdup(s->arena, qrels->queries.ids[i]->text);
    is_whole = s->queries[i] != NULL;
  }
  MGP_RETURN_IF(!is_whole, err, MAGPIE_NO_MEMORY, "no memory for %zu measures of %zu queries",
                measure_count, queries);
  return MAGPIE_OK;
}

magpie_status mgp_evaluate_in(mgp_alloc *a, const magpie_qrels *qrels, const magpie_run *run,
                              const char *const *names, size_t count,
                              const magpie_evaluate_options *options, magpie_scores **out,
                              magpie_error *err) {
  const int64_t level = options && options->level ? options->level : 1;
  evaluator e = {
      .qrels = qrels, .run = (magpie_run *)(uintptr_t)run, .measure_count = count, .depth = 0};
  magpie_scores *scores = NULL;
  magpie_status status = MAGPIE_OK;
  mgp_measure *measures = mgp_calloc(a, count, sizeof *measures);
  if (!measures) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu measures", count);
  if (status != MAGPIE_OK) goto done;
  MGP_TRY(parse_measures(&e, names, measures, level, err));
  MGP_TRY(reserve_scratch(&e, a, err));
  MGP_TRY(make_scores(a, qrels, count, &scores, err));
  evaluate_all(&e, scores, options && options->only_answered);
  *out = scores;
done:
  if (status != MAGPIE_OK) magpie_scores_destroy(scores);
  mgp_free(a, e.best);
  mgp_free(a, e.gains);
  mgp_free(a, e.ideal);
  mgp_free(a, measures);
  return status;
}

magpie_status magpie_evaluate(const magpie_qrels *qrels, const magpie_run *run,
                              const char *const *measures, size_t count,
                              const magpie_evaluate_options *options, magpie_scores **out,
                              magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "evaluate: out is NULL");
  *out = NULL;
  MGP_RETURN_IF(!qrels || !run || (!measures && count > 0), err, MAGPIE_INVALID,
                "evaluate: qrels, run or measures is NULL");
  MGP_RETURN_IF(count > MEASURES_MAX, err, MAGPIE_INVALID, "%zu measures, more than %d", count,
                MEASURES_MAX);
  MGP_RETURN_IF(options && options->size < sizeof *options, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu", options->size, sizeof *options);
  MGP_RETURN_IF(options && (options->level < 0 || options->level > MGP_GAIN_MAX), err,
                MAGPIE_INVALID, "the level %lld is not 1 to %d", (long long)options->level,
                MGP_GAIN_MAX);
  return mgp_evaluate_in(NULL, qrels, run, measures, count, options, out, err);
}

/* ---- asking ------------------------------------------------------------------------------ */

size_t magpie_scores_query_count(const magpie_scores *scores) {
  return scores ? scores->query_count : 0;
}

const char *magpie_scores_query(const magpie_scores *scores, size_t index) {
  return scores && index < scores->query_count ? scores->queries[index] : NULL;
}

const double *magpie_scores_values(const magpie_scores *scores, size_t measure) {
  if (!scores || measure >= scores->measure_count) return NULL;
  return scores->values + measure * scores->query_count;
}

double magpie_scores_mean(const magpie_scores *scores, size_t measure) {
  return scores && measure < scores->measure_count ? scores->means[measure] : 0;
}

size_t magpie_scores_missing(const magpie_scores *scores) {
  return scores ? scores->missing : 0;
}

size_t magpie_scores_unjudged(const magpie_scores *scores) {
  return scores ? scores->unjudged : 0;
}

void magpie_scores_destroy(magpie_scores *scores) {
  if (!scores) return;
  mgp_alloc *a = scores->alloc;
  mgp_arena_destroy(scores->arena);
  mgp_free(a, scores->queries);
  mgp_free(a, scores->values);
  mgp_free(a, scores->means);
  mgp_free(a, scores);
}
