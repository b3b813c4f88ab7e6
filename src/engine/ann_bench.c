/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_bench_ann: recall and queries a second of each index at each width, in the manner of
 * ann-benchmarks (arXiv 1807.05614): recall counts the neighbours that are as near as the k-th true
 * one, and the rate is that of the median of several runs.
 */
#include "engine/ann_bench.h"

#include <math.h>
#include <stdlib.h>

#define RUNS_MAX 99
#define FIRST_QUERIES ((size_t)16) /* how long one takes */
#define LEAST_QUERIES ((size_t)50)
#define TOLERANCE 1e-5f /* of scores: kernels differ in the order of their sums */

void magpie_ann_options_defaults(magpie_ann_options *options) {
  *options =
      (magpie_ann_options){.size = sizeof *options, .k = 10, .threads = 1, .runs = 3, .seconds = 1};
}

/* ---- one pass -----------------------------------------------------------------------------------
 */

typedef struct pass {
  const mgp_ann_bench *b;
  const mgp_ann_system *system;
  size_t width, queries, slices;
  double *found;         /* [slices] neighbours, NULL: they are not counted */
  magpie_status *status; /* [slices] */
  magpie_error *errors;
} pass;

static size_t count_found(const mgp_ann_bench *b, size_t query, const mgp_scored *hits,
                          size_t count) {
  const float floor = b->floor[query], least = floor - TOLERANCE * fmaxf(1, fabsf(floor));
  const float *values = b->queries.rows + query * b->queries.stride;
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += mgp_ann_score(b, values, (size_t)hits[i].id) >= least;
  return found;
}

static magpie_status ask_slice(pass *p, size_t slice, magpie_error *err) {
  const mgp_ann_bench *b = p->b;
  mgp_scored hits[MGP_ANN_K_MAX];
  mgp_ann_worker worker;
  MGP_FORWARD(mgp_ann_worker_init(p->system, &worker, err));
  magpie_status status = MAGPIE_OK;
  for (size_t q = slice; q < p->queries && status == MAGPIE_OK; q += p->slices) {
    const size_t query = q % b->queries.n;
    size_t count = 0;
    status = mgp_ann_ask(b, p->system, &worker, p->width,
                         b->queries.rows + query * b->queries.stride, hits, &count, err);
    if (p->found && status == MAGPIE_OK)
      p->found[slice] += (double)count_found(b, query, hits, count);
  }
  mgp_ann_worker_fini(&worker);
  return status;
}

static void run_slice(void *context, size_t slice) {
  pass *p = context;
  p->status[slice] = ask_slice(p, slice, &p->errors[slice]);
}

/* Asks so many queries; *seconds, and *recall where it is wanted. */
static magpie_status run_pass(const mgp_ann_bench *b, const mgp_ann_system *system, size_t width,
                              size_t queries, double *seconds, double *recall, magpie_error *err) {
  const size_t slices = (size_t)b->options.threads;
  pass p = {.b = b, .system = system, .width = width, .queries = queries, .slices = slices};
  p.status = mgp_calloc(NULL, slices, sizeof *p.status);
  p.errors = mgp_calloc(NULL, slices, sizeof *p.errors);
  double *found = mgp_calloc(NULL, slices, sizeof *found);
  magpie_status status = p.status && p.errors && found
                             ? MAGPIE_OK
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu threads", slices);
  if (status == MAGPIE_OK) {
    p.found = recall ? found : NULL;
    const double start = mgp_clock_seconds();
    mgp_pool_run(b->pool, slices, run_slice, &p);
    *seconds = mgp_clock_seconds() - start;
    double sum = 0;
    for (size_t i = 0; i < slices; i++) {
      sum += found[i];
      if (p.status[i] != MAGPIE_OK && status == MAGPIE_OK) {
        status = p.status[i];
        if (err) *err = p.errors[i];
      }
    }
    if (recall) *recall = sum / (double)queries / (double)b->options.k;
  }
  mgp_free(NULL, p.status);
  mgp_free(NULL, p.errors);
  mgp_free(NULL, found);
  return status;
}

/* ---- one point ----------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static size_t queries_for(const mgp_ann_bench *b, double one, double seconds, size_t most) {
  const double wanted = seconds / (one > 1e-9 ? one : 1e-9);
  size_t count = wanted < (double)most ? (size_t)wanted : most;
  if (count < LEAST_QUERIES) count = LEAST_QUERIES;
  return count < b->queries.n || most > b->queries.n ? count : b->queries.n;
}

/* Rates go over the queries again where these are few; recall is that of each once. */
static magpie_status measure(const mgp_ann_bench *b, const mgp_ann_system *s, size_t width,
                             double *recall, double *rate, magpie_error *err) {
  double seconds = 0, rates[RUNS_MAX];
  MGP_RETURN_IF(b->options.cancel && *b->options.cancel, err, MAGPIE_CANCELLED,
                "stopped on request");
  MGP_FORWARD(run_pass(b, s, width, FIRST_QUERIES, &seconds, NULL, err));
  const double one = seconds / (double)FIRST_QUERIES;
  size_t asked = queries_for(b, one, 4 * b->options.seconds, b->queries.n);
  if (asked > b->queries.n) asked = b->queries.n;
  MGP_FORWARD(run_pass(b, s, width, asked, &seconds, recall, err));
  asked = queries_for(b, one, b->options.seconds, 100 * b->queries.n);
  for (int i = 0; i < b->options.runs; i++) {
    MGP_FORWARD(run_pass(b, s, width, asked, &seconds, NULL, err));
    rates[i] = (double)asked / seconds;
  }
  qsort(rates, (size_t)b->options.runs, sizeof *rates, by_value);
  *rate = rates[b->options.runs / 2];
  return MAGPIE_OK;
}

static magpie_status measure_system(const mgp_ann_bench *b, const mgp_ann_system *s, json_t *list,
                                    magpie_error *err) {
  json_t *points = json_array();
  magpie_status status = MAGPIE_OK;
  int failed = points == NULL;
  for (size_t i = 0; i < s->width_count && status == MAGPIE_OK; i++) {
    double recall = 0, rate = 0;
    status = measure(b, s, s->widths[i], &recall, &rate, err);
    failed |=
        json_array_append_new(points, json_pack("{s:I,s:f,s:f}", "width", (json_int_t)s->widths[i],
                                                "recall", recall, "qps", rate));
    if (recall >= 1) break; /* wider is only slower */
  }
  failed |= json_array_append_new(list, json_pack("{s:s,s:f,s:I,s:o}", "name", s->name, "build_s",
                                                  s->build_s, "bytes", (json_int_t)s->bytes,
                                                  "points", points));
  MGP_RETURN_IF(status == MAGPIE_OK && failed, err, MAGPIE_NO_MEMORY, "no memory for the figures");
  return status;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

static void tell(const mgp_ann_bench *b, magpie_event_type type, size_t done, double started) {
  if (!b->options.progress) return;
  const magpie_event event = {.type = type,
                              .files_done = done,
                              .files_total = MGP_ANN_SYSTEMS,
                              .elapsed_s = mgp_clock_seconds() - started};
  b->options.progress(b->options.progress_context, &event);
}

static magpie_status measure_all(const mgp_ann_bench *b, json_t *list, magpie_error *err) {
  const double started = mgp_clock_seconds();
  for (size_t i = 0; i < MGP_ANN_SYSTEMS; i++) {
    mgp_ann_system s;
    tell(b, MAGPIE_EVENT_FILE, i, started);
    MGP_FORWARD(mgp_ann_system_build(b, i, &s, err));
    const magpie_status status = measure_system(b, &s, list, err);
    mgp_ann_system_fini(&s);
    MGP_FORWARD(status);
  }
  tell(b, MAGPIE_EVENT_DONE, MGP_ANN_SYSTEMS, started);
  return MAGPIE_OK;
}

static magpie_status take_options(const magpie_ann_options *options, mgp_ann_bench *b,
                                  magpie_error *err) {
  magpie_ann_options *o = &b->options;
  MGP_RETURN_IF(!options || options->size < sizeof *o, err, MAGPIE_INVALID,
                "options.size is wrong; use magpie_ann_options_defaults");
  *o = *options;
  MGP_RETURN_IF(!o->base || !o->queries, err, MAGPIE_INVALID,
                "bench-ann needs a file of vectors and one of queries");
  if (o->k == 0) o->k = 10;
  if (o->threads <= 0) o->threads = 1;
  if (o->runs <= 0) o->runs = 3;
  if (!(o->seconds > 0)) o->seconds = 1;
  if (!o->space) o->space = "cosine";
  b->is_l2 = strcmp(o->space, "l2") == 0;
  b->is_cosine = strcmp(o->space, "cosine") == 0;
  MGP_RETURN_IF(!b->is_l2 && !b->is_cosine && strcmp(o->space, "dot") != 0, err, MAGPIE_INVALID,
                "the space %.40s is none of cosine, dot and l2", o->space);
  MGP_RETURN_IF(
      o->k > MGP_ANN_K_MAX || o->runs > RUNS_MAX || o->threads > 1024 || !isfinite(o->seconds), err,
      MAGPIE_INVALID, "k is at most %d, runs %d, threads 1024", MGP_ANN_K_MAX, RUNS_MAX);
  return MAGPIE_OK;
}

static json_t *give(const mgp_ann_bench *b, json_t *systems) {
  const magpie_ann_options *o = &b->options;
  return json_pack("{s:{s:I,s:I},s:I,s:I,s:s,s:i,s:i,s:s,s:O}", "base", "rows",
                   (json_int_t)b->base.n, "dim", (json_int_t)b->base.dim, "queries",
                   (json_int_t)b->queries.n, "k", (json_int_t)o->k, "space", o->space, "threads",
                   o->threads, "runs", o->runs, "truth", b->has_truth ? "given" : "computed",
                   "systems", systems);
}

magpie_status magpie_bench_ann(const magpie_ann_options *options, char **json, magpie_error *err) {
  mgp_ann_bench b = {0};
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "magpie_bench_ann: json is NULL");
  *json = NULL;
  MGP_FORWARD(take_options(options, &b, err));
  json_t *systems = json_array(), *all = NULL;
  magpie_status status = MAGPIE_OK;
  if (!systems) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the figures");
  MGP_TRY(status);
  MGP_TRY(mgp_pool_create(b.options.threads, &b.pool, err));
  MGP_TRY(mgp_pool_create(0, &b.cores, err));
  MGP_TRY(mgp_ann_read(&b, err));
  MGP_TRY(mgp_ann_truth(&b, err));
  MGP_TRY(measure_all(&b, systems, err));
  all = give(&b, systems);
  status = all ? mgp_json_write(all, json, err)
               : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the figures");
done:
  json_decref(all);
  json_decref(systems);
  mgp_pool_destroy(b.pool);
  mgp_pool_destroy(b.cores);
  mgp_ann_rows_fini(&b.base);
  mgp_ann_rows_fini(&b.queries);
  mgp_free(NULL, b.ids);
  mgp_free(NULL, b.floor);
  return status;
}
