/* SPDX-License-Identifier: Apache-2.0
 *
 * What width does a recall need? Asked of the graph itself when it is built: queries made of its
 * own rows, each with noise that has the rows' own directions, so that it lies where no row is, as
 * real queries do; the truth from a scan of all codes, re-scored on the rows. (A row moved towards
 * one other row is no such query: its nearest lie in two places, and a walk finds one of them.)
 */
#include <math.h>

#include "index/graph_private.h"

#define SAMPLE 512
#define DEEP 100 /* the truth's depth; 10 of it are the usual case */
#define SHALLOW 10
/* Noise: so many random rows with random signs, together so many times as long as a row. */
#define NOISE_ROWS 16
#define NOISE 2.4f
#define CAUTION 0.2        /* the part of the misses that is kept for queries harder than these */
#define MISSED_LEAST 0.001 /* nothing less can be told by so few queries */
#define RECALL_ENOUGH 0.996f
#define FIRST_STEPS 3 /* the nearest are walked on from in any case: these may cost the same */
#define GAIN_LEAST                                                                                 \
  1.05F /* nodes scored, from step to step: fewer, and the walks are at their end */
/* Version 1 had a ladder of widths, made by easier queries. */
#define CAUTION_WIDTH 0.3
#define LEAST_A_HIT 8
#define RECALL_HIGH 0.95
#define WIDTH_UNKNOWN 64

/* Knobs (of MGP_GRAPH_REACH_ONE): 0.01 to 4 times the squared distance beyond. */
static const uint32_t knobs[MGP_GRAPH_LADDER] = {655,   1966,  3277,   4588,  5898,  7209,
                                                 8520,  9830,  11796,  14418, 18350, 24904,
                                                 39322, 65536, 131072, 262144};

typedef struct calibration {
  const mgp_graph *graph;
  mgp_graph_searcher **searchers;
  float *queries;
  mgp_scored *truth; /* SAMPLE * DEEP */
  size_t depth;
  uint32_t knob;
  bool is_deep_done; /* the best 100 are found by less */
  _Atomic size_t next;
  _Atomic size_t hits10, hits100, scored;
  _Atomic int status;
} calibration;

static double reach_of(uint32_t knob) {
  return 1 + knob / MGP_GRAPH_REACH_ONE;
}

static void make_queries(calibration *c) {
  const mgp_graph_rows *r = &c->graph->rows;
  uint64_t state = r->count;
  for (size_t i = 0; i < SAMPLE; i++) {
    float *query = c->queries + i * r->dim;
    memcpy(query, r->rows + mgp_graph_random(&state) % r->count * r->stride,
           r->dim * sizeof *query);
    for (size_t n = 0; n < NOISE_ROWS; n++) {
      const float *row = r->rows + mgp_graph_random(&state) % r->count * r->stride;
      const float length = NOISE / sqrtf(NOISE_ROWS);
      const float factor = mgp_graph_random(&state) >> 63 ? length : -length;
      for (size_t j = 0; j < r->dim; j++) query[j] += factor * row[j];
    }
  }
}

static void find_truth(void *context, size_t index) {
  calibration *c = context;
  const mgp_graph *g = c->graph;
  mgp_graph_searcher *s = c->searchers[index];
  for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < SAMPLE;) {
    const float *query = c->queries + i * g->rows.dim;
    if (mgp_graph_scan(s, query, c->depth, c->truth + i * DEEP) != c->depth)
      atomic_store(&c->status, MAGPIE_LIMIT);
  }
}

static size_t count_common(const mgp_scored *a, const mgp_scored *b, size_t count) {
  size_t common = 0;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++) common += a[i].id == b[j].id;
  return common;
}

static void try_width(void *context, size_t index) {
  calibration *c = context;
  const mgp_graph *g = c->graph;
  mgp_graph_searcher *s = c->searchers[index];
  mgp_scored hits[DEEP];
  const size_t shallow = c->depth < SHALLOW ? c->depth : SHALLOW;
  for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < SAMPLE;) {
    const float *query = c->queries + i * g->rows.dim;
    const mgp_scored *truth = c->truth + i * DEEP;
    size_t count;
    mgp_graph_stats stats;
    mgp_graph_search_options o = {.k = shallow, .reach = reach_of(c->knob)};
    if (mgp_graph_search(s, query, &o, hits, &count, &stats, NULL) != MAGPIE_OK)
      atomic_store(&c->status, MAGPIE_LIMIT);
    atomic_fetch_add(&c->hits10, count_common(hits, truth, count));
    atomic_fetch_add(&c->scored, stats.scored);
    if (c->is_deep_done) continue;
    o.k = c->depth;
    if (mgp_graph_search(s, query, &o, hits, &count, &stats, NULL) != MAGPIE_OK)
      atomic_store(&c->status, MAGPIE_LIMIT);
    atomic_fetch_add(&c->hits100, count_common(hits, truth, count));
  }
}

static void run_phase(calibration *c, mgp_pool *pool, void (*phase)(void *, size_t)) {
  atomic_store(&c->next, 0);
  if (pool) mgp_pool_run(pool, (size_t)mgp_pool_threads(pool), phase, c);
  else phase(c, 0);
}

static size_t measure(calibration *c, mgp_pool *pool, mgp_graph_step *ladder) {
  const double shallow = c->depth < SHALLOW ? (double)c->depth : SHALLOW;
  size_t count = 0;
  for (; count < MGP_GRAPH_LADDER; count++) {
    c->knob = knobs[count];
    atomic_store(&c->hits10, 0);
    atomic_store(&c->hits100, 0);
    atomic_store(&c->scored, 0);
    run_phase(c, pool, try_width);
    mgp_graph_step *step = &ladder[count];
    *step = (mgp_graph_step){
        .knob = c->knob,
        .recall10 = (float)((double)atomic_load(&c->hits10) / (shallow * SAMPLE)),
        .recall100 = (float)((double)atomic_load(&c->hits100) / ((double)c->depth * SAMPLE)),
        .scored = (float)((double)atomic_load(&c->scored) / SAMPLE)};
    if (c->is_deep_done) step->recall100 = step[-1].recall100;
    c->is_deep_done = step->recall100 >= RECALL_ENOUGH;
    const bool is_spent = count > FIRST_STEPS && step->scored < step[-1].scored * GAIN_LEAST;
    if ((c->is_deep_done && step->recall10 >= RECALL_ENOUGH) || is_spent) return count + 1;
  }
  return count;
}

magpie_status mgp_graph_calibrate(const mgp_graph *g, mgp_pool *pool, mgp_alloc *a,
                                  mgp_graph_step ladder[MGP_GRAPH_LADDER], size_t *count,
                                  magpie_error *err) {
  *count = 0;
  if (g->rows.count == 0) return MAGPIE_OK;
  const size_t threads = pool ? (size_t)mgp_pool_threads(pool) : 1;
  calibration c = {.graph = g,
                   .searchers = mgp_calloc(a, threads, sizeof *c.searchers),
                   .queries = mgp_calloc(a, SAMPLE * g->rows.dim, sizeof *c.queries),
                   .truth = mgp_calloc(a, SAMPLE * DEEP, sizeof *c.truth),
                   .depth = g->rows.count < DEEP ? g->rows.count : DEEP};
  magpie_status status = MAGPIE_OK;
  if (!c.searchers || !c.queries || !c.truth) {
    status = mgp_fail(err, MAGPIE_LIMIT, "graph: no memory to calibrate");
    goto done;
  }
  for (size_t i = 0; i < threads; i++)
    MGP_TRY(mgp_graph_searcher_create(g, a, &c.searchers[i], err));
  make_queries(&c);
  run_phase(&c, pool, find_truth);
  if (atomic_load(&c.status) == MAGPIE_OK) *count = measure(&c, pool, ladder);
  if (atomic_load(&c.status) != MAGPIE_OK)
    status = mgp_fail(err, MAGPIE_LIMIT, "graph: no memory to calibrate");
done:
  for (size_t i = 0; c.searchers && i < threads; i++) mgp_graph_searcher_destroy(c.searchers[i]);
  mgp_free(a, c.searchers);
  mgp_free(a, c.queries);
  mgp_free(a, c.truth);
  return status;
}

/* The knob, between two steps where need be, that finds this recall of the best 10 or 100: misses
 * fall evenly by their logarithm. The last where none does. */
static double knob_for(const mgp_graph *g, double recall, bool is_deep) {
  double knob = 0, before = 0, missed_before = 1;
  const double missed = 1 - recall > MISSED_LEAST ? 1 - recall : MISSED_LEAST;
  for (size_t i = 0; i < g->ladder_count; i++) {
    const mgp_graph_step *step = &g->ladder[i];
    double here = 1 - (double)(is_deep ? step->recall100 : step->recall10);
    if (here < MISSED_LEAST) here = MISSED_LEAST;
    knob = step->knob;
    if (here <= missed) {
      if (i == 0 || here >= missed_before) return knob;
      return before + (knob - before) * log(missed_before / missed) / log(missed_before / here);
    }
    before = knob;
    missed_before = here;
  }
  return knob;
}

/* Between the depths measured it changes evenly. */
double mgp_graph_reach_for(const mgp_graph *g, double recall, size_t k) {
  if (g->version == 1 || g->ladder_count == 0) return 0;
  recall += CAUTION * (1 - recall);
  const double shallow = knob_for(g, recall, false), deep = knob_for(g, recall, true);
  double part = 0;
  if (k > SHALLOW) part = k < DEEP ? (double)(k - SHALLOW) / (DEEP - SHALLOW) : 1;
  return 1 + (shallow + part * (deep - shallow)) / MGP_GRAPH_REACH_ONE;
}

size_t mgp_graph_width_for(const mgp_graph *g, double recall, size_t k) {
  if (g->version != 1 || g->ladder_count == 0) return WIDTH_UNKNOWN;
  const double least =
      recall >= RECALL_HIGH ? LEAST_A_HIT * (double)(k < SHALLOW ? k : SHALLOW) : 0;
  recall += CAUTION_WIDTH * (1 - recall);
  const double shallow = knob_for(g, recall, false), deep = knob_for(g, recall, true);
  double width = shallow;
  if (k > DEEP) width = deep * (double)k / DEEP;
  else if (k > SHALLOW) width += (deep - shallow) * (double)(k - SHALLOW) / (DEEP - SHALLOW);
  if (width < least) width = least;
  return width < MGP_GRAPH_WIDTH_MAX ? (size_t)width : MGP_GRAPH_WIDTH_MAX;
}

/* A width without a reach costs its nodes and their neighbours, as far as these are new. */
double mgp_graph_scored_for(const mgp_graph *g, const mgp_graph_limit *l) {
  const double knob = l->reach > 0 ? (l->reach - 1) * MGP_GRAPH_REACH_ONE : (double)l->least;
  if ((l->reach > 0) == (g->version > 1))
    for (size_t i = 0; i < g->ladder_count; i++)
      if (g->ladder[i].knob >= knob) return g->ladder[i].scored;
  return (double)l->least * (double)g->degree / 2;
}
