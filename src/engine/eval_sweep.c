/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_sweep_index: grids of settings. A query's lists are recalled once, with every swept space
 * at weight 1 and at the largest depth; each point of the grid only weighs, cuts and fuses them
 * again, so a grid of a thousand points costs little more than one pass. The choice is made on
 * queries that do not judge it.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/index_evaluation.h"
#include "store/item_batch.h"

#define AXES_MAX 8
#define POINTS_MAX 10000
#define FOLDS_DEFAULT 5
#define WEIGHTS_MAX (MGP_ENGINE_SPACES + AXES_MAX)

/* A point of the grid as a query: base with this point's settings. */
typedef struct sweep_point {
  magpie_query query;
  double weights[WEIGHTS_MAX];
} sweep_point;

typedef struct sweep {
  mgp_index_evaluation base;
  const magpie_sweep_axis *axes;
  size_t axis_count;
  const char *weight_names[WEIGHTS_MAX];
  size_t weight_count;
  sweep_point *points;
  size_t point_count;
  const char *measure;
  double *values;  /* query x point; of judged queries only */
  size_t *queries; /* numbers of the judged queries in the benchmark */
  size_t *folds;   /* fold of each judged query */
  size_t *chosen;  /* point of each fold */
  size_t judged, fold_count;
} sweep;

/* ---- the grid ------------------------------------------------------------------------------- */

static size_t weight_slot(sweep *w, const char *name) {
  for (size_t i = 0; i < w->weight_count; i++)
    if (mgp_text_equal(w->weight_names[i], name)) return i;
  w->weight_names[w->weight_count] = name;
  return w->weight_count++;
}

static bool is_count_axis(const char *name) {
  return mgp_text_equal(name, "k") || mgp_text_equal(name, "depth");
}

static magpie_status check_axis(const sweep *w, const magpie_sweep_axis *axis, magpie_error *err) {
  MGP_RETURN_IF(!axis->name || axis->count == 0 || !axis->values, err, MAGPIE_INVALID,
                "a swept setting has no values");
  const bool is_weight = mgp_text_starts(axis->name, "weights.");
  MGP_RETURN_IF(!is_weight && !is_count_axis(axis->name) && !mgp_text_equal(axis->name, "rrf_k"),
                err, MAGPIE_INVALID, "%s cannot be swept; what can: weights.SPACE, k, depth, rrf_k",
                axis->name);
  for (size_t i = 0; i < axis->count; i++) {
    const double v = axis->values[i];
    const bool is_fine = is_weight                   ? isfinite(v)
                         : is_count_axis(axis->name) ? v >= 1 && v <= 1e6 && v == floor(v)
                                                     : v > 0 && isfinite(v);
    MGP_RETURN_IF(!is_fine, err, MAGPIE_INVALID, "%g is no value of %s", v, axis->name);
  }
  for (const magpie_sweep_axis *other = w->axes; other < axis; other++)
    MGP_RETURN_IF(mgp_text_equal(other->name, axis->name), err, MAGPIE_INVALID, "%s is swept twice",
                  axis->name);
  return MAGPIE_OK;
}

static magpie_status check_space(const sweep *w, const char *name, magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(w->base.ix->store, w->base.ix->alloc, &rows, &count, err));
  bool is_known = mgp_text_equal(name, MGP_WORDS_SPACE);
  for (size_t i = 0; i < count && !is_known; i++) is_known = mgp_text_equal(rows[i].name, name);
  mgp_free(w->base.ix->alloc, rows);
  MGP_RETURN_IF(!is_known, err, MAGPIE_INVALID,
                "the index has no space \"%s\"; `magpie status` lists its spaces", name);
  return MAGPIE_OK;
}

static void set_point(sweep_point *point, const magpie_sweep_axis *axis, size_t slot,
                      double value) {
  if (mgp_text_equal(axis->name, "k")) point->query.k = (size_t)value;
  else if (mgp_text_equal(axis->name, "depth")) point->query.depth = (size_t)value;
  else if (mgp_text_equal(axis->name, "rrf_k")) point->query.rrf_k = value;
  else point->weights[slot] = value;
}

/* The last axis moves fastest. */
static double axis_value(const sweep *w, size_t point, size_t axis) {
  size_t step = 1;
  for (size_t i = axis + 1; i < w->axis_count; i++) step *= w->axes[i].count;
  return w->axes[axis].values[point / step % w->axes[axis].count];
}

static magpie_status make_points(sweep *w, const magpie_query *base, magpie_error *err) {
  size_t slots[AXES_MAX] = {0};
  for (size_t i = 0; i < base->space_weight_count; i++) weight_slot(w, base->space_names[i]);
  w->point_count = 1;
  for (size_t a = 0; a < w->axis_count; a++) {
    const magpie_sweep_axis *axis = &w->axes[a];
    MGP_FORWARD(check_axis(w, axis, err));
    MGP_RETURN_IF(axis->count > POINTS_MAX / w->point_count, err, MAGPIE_LIMIT,
                  "the grid has more than %d points; name fewer values", POINTS_MAX);
    w->point_count *= axis->count;
    if (!mgp_text_starts(axis->name, "weights.")) continue;
    MGP_FORWARD(check_space(w, axis->name + strlen("weights."), err));
    slots[a] = weight_slot(w, axis->name + strlen("weights."));
  }
  w->points = mgp_calloc(NULL, w->point_count, sizeof *w->points);
  MGP_RETURN_IF(!w->points, err, MAGPIE_NO_MEMORY, "no memory for %zu points", w->point_count);
  for (size_t p = 0; p < w->point_count; p++) {
    sweep_point *point = &w->points[p];
    point->query = *base;
    for (size_t i = 0; i < w->weight_count; i++)
      point->weights[i] = i < base->space_weight_count ? base->space_weights[i] : 1;
    for (size_t a = 0; a < w->axis_count; a++)
      set_point(point, &w->axes[a], slots[a], axis_value(w, p, a));
    point->query.space_names = w->weight_names;
    point->query.space_weights = point->weights;
    point->query.space_weight_count = w->weight_count;
  }
  return MAGPIE_OK;
}

/* ---- one query on the whole grid ------------------------------------------------------------ */

typedef struct asked_query {
  const magpie_benchmark_query *asked;
  mgp_arena *arena;
  mgp_search *search;
  magpie_query query; /* what `search` reads; k and rrf_k move with the point */
  size_t counts[SEARCH_LISTS];
  double weights[SEARCH_LISTS];
  double ones[WEIGHTS_MAX];
  magpie_qrels *qrels; /* of this query alone */
} asked_query;

/* "text@2" -> the weight of "text" at this point. */
static double list_weight(const sweep *w, const sweep_point *point, const char *label) {
  const size_t size = strcspn(label, "@");
  for (size_t i = 0; i < w->weight_count; i++)
    if (strlen(w->weight_names[i]) == size && strncmp(w->weight_names[i], label, size) == 0)
      return point->weights[i];
  return 1;
}

static magpie_status note_fused(const sweep *w, asked_query *q, const mgp_scored *fused,
                                size_t count, magpie_run *run, magpie_error *err) {
  char **documents = mgp_arena_calloc(q->arena, count + 1, sizeof *documents);
  double *scores = mgp_arena_calloc(q->arena, count + 1, sizeof *scores);
  MGP_RETURN_IF(!documents || !scores, err, MAGPIE_NO_MEMORY, "no memory for the hits");
  magpie_status status = MAGPIE_OK;
  size_t made = 0;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    mgp_item item = {0};
    mgp_source source = {0};
    status = mgp_store_item_get(w->base.ix->store, fused[i].id, q->arena, &item, &source, err);
    if (status != MAGPIE_OK) break;
    const char *record = mgp_source_is_batch(&source) ? item.id
                         : source.record
                             ? source.record
                             : mgp_arena_printf(q->arena, "@%lld", (long long)source.number);
    char *shown = source.path ? mgp_path_escape(NULL, source.path) : NULL;
    if (record)
      documents[made] = mgp_evaluation_document(w->base.qrels, q->asked->id, record,
                                                shown ? shown : record, shown != NULL);
    mgp_free(NULL, shown);
    if (!documents[made]) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the hits");
    else scores[made++] = fused[i].score;
  }
  if (status == MAGPIE_OK)
    status = mgp_evaluation_note(run, q->asked, documents, scores, made, err);
  for (size_t i = 0; i < made; i++) mgp_free(NULL, documents[i]);
  return status;
}

static magpie_status measure_point(const sweep *w, asked_query *q, const sweep_point *point,
                                   double *value, magpie_error *err) {
  q->query.k = q->asked->candidates ? q->query.k : point->query.k;
  q->query.rrf_k = point->query.rrf_k;
  const size_t depth = mgp_search_depth(&point->query);
  for (size_t i = 0; i < q->search->list_count; i++) {
    mgp_search_list *list = &q->search->lists[i];
    const double weight = list_weight(w, point, list->label);
    list->weight = q->weights[i] * weight;
    list->count = weight == 0 ? 0 : q->counts[i] < depth ? q->counts[i] : depth;
  }
  mgp_scored *fused = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_search_fuse(q->search, &fused, &count, err));
  magpie_run *run = NULL;
  magpie_scores *scores = NULL;
  const magpie_evaluate_options judge = {
      .size = sizeof judge, .level = w->base.options ? w->base.options->evaluation.level : 0};
  magpie_status status = MAGPIE_OK;
  MGP_TRY(magpie_run_create(&run, err));
  MGP_TRY(note_fused(w, q, fused, count < q->query.k ? count : q->query.k, run, err));
  MGP_TRY(magpie_run_asked(run, q->asked->id, -1, err));
  MGP_TRY(magpie_evaluate(q->qrels, run, &w->measure, 1, &judge, &scores, err));
  *value = magpie_scores_mean(scores, 0);
done:
  magpie_scores_destroy(scores);
  magpie_run_destroy(run);
  return status;
}

static magpie_status own_qrels(const sweep *w, asked_query *q, magpie_error *err) {
  const char *const *documents = NULL;
  const int64_t *gains = NULL;
  MGP_FORWARD(magpie_qrels_create(&q->qrels, err));
  const size_t count = magpie_qrels_documents(w->base.qrels, q->asked->id, &documents, &gains);
  for (size_t i = 0; i < count; i++)
    MGP_FORWARD(magpie_qrels_add(q->qrels, q->asked->id, documents[i], gains[i], err));
  return MAGPIE_OK;
}

/* Everything that any point may need, recalled once. */
static magpie_status recall_all(const sweep *w, asked_query *q, magpie_error *err) {
  for (size_t i = 0; i < WEIGHTS_MAX; i++) q->ones[i] = 1;
  q->query = mgp_evaluation_query(q->asked, &w->points[0].query);
  q->query.space_weights = q->ones;
  q->query.depth = 0;
  for (size_t p = 0; p < w->point_count; p++)
    if (mgp_search_depth(&w->points[p].query) > q->query.depth)
      q->query.depth = mgp_search_depth(&w->points[p].query);
  MGP_FORWARD(mgp_search_open(w->base.ix, &q->query, w->base.ix->pool, q->arena, &q->search, err));
  for (size_t i = 0; i < q->search->list_count; i++) {
    q->counts[i] = q->search->lists[i].count;
    q->weights[i] = q->search->lists[i].weight;
  }
  return MAGPIE_OK;
}

/* One row of values. A query that cannot be asked scores 0 everywhere and so chooses nothing. */
static magpie_status measure_query(const sweep *w, size_t judged, magpie_error *err) {
  asked_query *q = mgp_calloc(NULL, 1, sizeof *q);
  MGP_RETURN_IF(!q, err, MAGPIE_NO_MEMORY, "no memory for a query");
  q->asked = magpie_benchmark_query_at(w->base.benchmark, w->queries[judged]);
  q->arena = mgp_arena_create(NULL);
  magpie_error why = {0};
  magpie_status status = q->arena ? own_qrels(w, q, err) : MAGPIE_NO_MEMORY;
  if (status == MAGPIE_OK && recall_all(w, q, &why) == MAGPIE_OK)
    for (size_t p = 0; p < w->point_count && status == MAGPIE_OK; p++)
      status = measure_point(w, q, &w->points[p], &w->values[judged * w->point_count + p], err);
  mgp_search_close(q->search);
  magpie_qrels_destroy(q->qrels);
  mgp_arena_destroy(q->arena);
  mgp_free(NULL, q);
  return status;
}

static magpie_status measure_all(sweep *w, magpie_error *err) {
  w->queries = mgp_calloc(NULL, w->base.count, sizeof *w->queries);
  w->values = NULL;
  MGP_RETURN_IF(!w->queries, err, MAGPIE_NO_MEMORY, "no memory for the queries");
  for (size_t i = 0; i < w->base.count; i++)
    if (mgp_evaluation_is_judged(&w->base, magpie_benchmark_query_at(w->base.benchmark, i)))
      w->queries[w->judged++] = i;
  w->values = mgp_calloc(NULL, w->judged, w->point_count * sizeof *w->values);
  MGP_RETURN_IF(!w->values, err, MAGPIE_NO_MEMORY, "no memory for %zu queries at %zu points",
                w->judged, w->point_count);
  for (size_t i = 0; i < w->judged; i++) {
    MGP_FORWARD(measure_query(w, i, err));
    MGP_FORWARD(mgp_index_evaluation_step(&w->base, i + 1, w->judged, err));
  }
  return MAGPIE_OK;
}

/* ---- choosing ------------------------------------------------------------------------------- */

static const uint64_t no_fold = UINT64_MAX;

/* Mean of a point over the queries whose fold is (not) `fold`; no_fold: over all. */
static double point_mean(const sweep *w, size_t point, uint64_t fold, bool inside) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < w->judged; i++) {
    if (fold != no_fold && (w->folds[i] == fold) != inside) continue;
    sum += w->values[i * w->point_count + point];
    count++;
  }
  return count ? sum / (double)count : 0;
}

/* The best point outside of a fold; of equals the first. */
static size_t choose(const sweep *w, uint64_t fold) {
  size_t best = 0;
  double value = -INFINITY;
  for (size_t p = 0; p < w->point_count; p++) {
    const double mean = point_mean(w, p, fold, false);
    if (mean <= value) continue;
    value = mean;
    best = p;
  }
  return best;
}

typedef struct shuffled {
  uint64_t hash;
  size_t index;
} shuffled;

static int compare_shuffled(const void *a, const void *b) {
  const shuffled *left = a, *right = b;
  if (left->hash != right->hash) return left->hash < right->hash ? -1 : 1;
  return (left->index > right->index) - (left->index < right->index);
}

/* Dealt out in the order of their ids' hashes: folds of equal size, the same at every run. */
static magpie_status deal_folds(sweep *w, magpie_error *err) {
  shuffled *order = mgp_calloc(NULL, w->judged, sizeof *order);
  w->folds = mgp_calloc(NULL, w->judged, sizeof *w->folds);
  w->chosen = mgp_calloc(NULL, w->fold_count, sizeof *w->chosen);
  if (!order || !w->folds || !w->chosen) {
    mgp_free(NULL, order);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the folds");
  }
  const uint64_t seed = w->base.options ? w->base.options->evaluation.seed : 0;
  for (size_t i = 0; i < w->judged; i++) {
    const char *id = magpie_benchmark_query_at(w->base.benchmark, w->queries[i])->id;
    order[i] =
        (shuffled){.hash = mgp_hash64(id, strlen(id)) ^ (seed * 0x9e3779b97f4a7c15u), .index = i};
  }
  qsort(order, w->judged, sizeof *order, compare_shuffled);
  for (size_t i = 0; i < w->judged; i++) w->folds[order[i].index] = i % w->fold_count;
  mgp_free(NULL, order);
  return MAGPIE_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static json_t *point_json(const sweep *w, size_t point) {
  json_t *values = json_array();
  for (size_t a = 0; a < w->axis_count; a++)
    json_array_append_new(values, json_real(axis_value(w, point, a)));
  return values;
}

static json_t *axes_json(const sweep *w) {
  json_t *axes = json_array();
  for (size_t a = 0; a < w->axis_count; a++) {
    json_t *values = json_array();
    for (size_t i = 0; i < w->axes[a].count; i++)
      json_array_append_new(values, json_real(w->axes[a].values[i]));
    json_array_append_new(axes, json_pack("{s:s,s:o}", "name", w->axes[a].name, "values", values));
  }
  return axes;
}

static json_t *sweep_json(const sweep *w) {
  json_t *grid = json_array();
  for (size_t p = 0; p < w->point_count; p++)
    json_array_append_new(grid, json_pack("{s:o,s:f}", "values", point_json(w, p), "mean",
                                          point_mean(w, p, no_fold, true)));
  const size_t best = choose(w, no_fold);
  return json_pack("{s:s,s:o,s:o,s:{s:o,s:f}}", "measure", w->measure, "axes", axes_json(w), "grid",
                   grid, "best", "values", point_json(w, best), "mean",
                   point_mean(w, best, no_fold, true));
}

/* The folds, and what the choices are worth on queries that did not make them. */
static magpie_status add_folds(const sweep *w, json_t *out, magpie_error *err) {
  json_t *folds = json_array();
  for (size_t f = 0; f < w->fold_count; f++) {
    size_t queries = 0;
    for (size_t i = 0; i < w->judged; i++) queries += w->folds[i] == f;
    const size_t p = w->chosen[f];
    json_array_append_new(folds,
                          json_pack("{s:o,s:f,s:f,s:I}", "chosen", point_json(w, p), "train",
                                    point_mean(w, p, f, false), "held_out",
                                    point_mean(w, p, f, true), "queries", (json_int_t)queries));
  }
  json_object_set_new(out, "folds", folds);
  double *held = mgp_calloc(NULL, w->judged, sizeof *held), low = 0, high = 0, sum = 0;
  MGP_RETURN_IF(!held, err, MAGPIE_NO_MEMORY, "no memory for the folds");
  for (size_t i = 0; i < w->judged; i++) {
    held[i] = w->values[i * w->point_count + w->chosen[w->folds[i]]];
    sum += held[i];
  }
  const magpie_evaluation_options *o = w->base.options ? &w->base.options->evaluation : NULL;
  const magpie_status status = magpie_bootstrap_mean(
      held, w->judged, o ? o->confidence : 0, o ? o->rounds : 0, o ? o->seed : 0, &low, &high, err);
  mgp_free(NULL, held);
  json_object_set_new(
      out, "held_out",
      json_pack("{s:f,s:f,s:f}", "mean", sum / (double)w->judged, "low", low, "high", high));
  return status;
}

/* What evaluate_index.c asks for each query: the tuned system follows the query's fold. */
typedef struct tuned {
  const sweep *grid;
  size_t *fold_of; /* by number of the query in the benchmark; NULL: one point for all */
  size_t point;
} tuned;

static const magpie_query *pick_settings(const void *context, size_t system, size_t query) {
  const tuned *t = context;
  if (system == 0) return NULL;
  const size_t point = t->fold_of ? t->grid->chosen[t->fold_of[query]] : t->point;
  return &t->grid->points[point].query;
}

static magpie_status compare(const sweep *w, mgp_index_evaluation *e, const magpie_query *base,
                             json_t *json, char **out, magpie_error *err) {
  tuned t = {.grid = w, .point = choose(w, no_fold)};
  const magpie_system systems[] = {{.name = "base", .query = *base},
                                   {.name = "tuned", .query = w->points[t.point].query}};
  if (w->folds) {
    t.fold_of = mgp_calloc(NULL, e->count, sizeof *t.fold_of);
    if (!t.fold_of) {
      json_decref(json);
      return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the folds");
    }
    for (size_t i = 0; i < w->judged; i++) t.fold_of[w->queries[i]] = w->folds[i];
  }
  e->pick = pick_settings;
  e->pick_context = &t;
  const magpie_status status = mgp_evaluate_systems(e, systems, 2, json, out, err);
  mgp_free(NULL, t.fold_of);
  return status;
}

static void sweep_fini(sweep *w) {
  mgp_free(NULL, w->points);
  mgp_free(NULL, w->queries);
  mgp_free(NULL, w->values);
  mgp_free(NULL, w->folds);
  mgp_free(NULL, w->chosen);
}

static magpie_status choose_folds(sweep *w, size_t folds, json_t *json, magpie_error *err) {
  w->fold_count = folds ? folds : FOLDS_DEFAULT;
  MGP_RETURN_IF(w->fold_count < 2 || w->judged < 2 * w->fold_count, err, MAGPIE_INVALID,
                "%zu judged queries are too few for %zu folds of at least two; judge more queries, "
                "ask for fewer folds (at least 2) or name a training split",
                w->judged, w->fold_count);
  MGP_FORWARD(deal_folds(w, err));
  for (size_t f = 0; f < w->fold_count; f++) w->chosen[f] = choose(w, f);
  return add_folds(w, json, err);
}

magpie_status magpie_sweep_index(magpie *ix, const magpie_benchmark *benchmark,
                                 const magpie_benchmark *train, const magpie_query *base,
                                 const magpie_sweep_axis *axes, size_t axis_count, size_t folds,
                                 const magpie_index_evaluation_options *options, char **json,
                                 magpie_error *err) {
  MGP_RETURN_IF(!base || !json || axis_count == 0 || axis_count > AXES_MAX || !axes, err,
                MAGPIE_INVALID, "a sweep needs 1 to %d settings", AXES_MAX);
  mgp_index_evaluation e;
  MGP_FORWARD(mgp_index_evaluation_open(&e, ix, benchmark, options, err));
  sweep w = {.axes = axes, .axis_count = axis_count};
  MGP_FORWARD(mgp_index_evaluation_open(&w.base, ix, train ? train : benchmark, options, err));
  const bool has_measure = options && options->evaluation.measure_count > 0;
  w.measure = has_measure ? options->evaluation.measures[0] : "nDCG@10";
  json_t *chosen = NULL;
  magpie_status status = make_points(&w, base, err);
  if (status == MAGPIE_OK) status = measure_all(&w, err);
  if (status == MAGPIE_OK) {
    chosen = sweep_json(&w);
    if (!chosen) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the grid");
    else if (!train) status = choose_folds(&w, folds, chosen, err);
  }
  if (status == MAGPIE_OK) status = compare(&w, &e, base, chosen, json, err);
  else json_decref(chosen);
  sweep_fini(&w);
  return status;
}
