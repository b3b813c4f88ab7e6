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
#define NOISE 1.2f
#define CAUTION 0.3 /* the part of the misses that is kept for queries harder than these */
/* Queries unlike any row lose more than the sample tells: for a recall of 0.95 and more, at least
 * so many candidates a hit, up to 10 hits. */
#define LEAST_A_HIT 8
#define RECALL_HIGH 0.95
#define RECALL_ENOUGH 0.998f

static const uint32_t widths[MGP_GRAPH_LADDER] = {16,  24,  32,  40,  48,  64,  80,  96,
                                                  128, 160, 200, 256, 384, 512, 768, 1024};

typedef struct calibration {
  const mgp_graph *graph;
  mgp_graph_searcher **searchers;
  float *queries;
  mgp_scored *truth; /* SAMPLE * DEEP */
  size_t depth;
  uint32_t width;
  _Atomic size_t next;
  _Atomic size_t hits10, hits100, scored;
  _Atomic int status;
} calibration;

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
    mgp_graph_search_options o = {.k = shallow, .width = c->width};
    if (mgp_graph_search(s, query, &o, hits, &count, &stats, NULL) != MAGPIE_OK)
      atomic_store(&c->status, MAGPIE_LIMIT);
    atomic_fetch_add(&c->hits10, count_common(hits, truth, count));
    atomic_fetch_add(&c->scored, stats.scored);
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
    c->width = widths[count];
    atomic_store(&c->hits10, 0);
    atomic_store(&c->hits100, 0);
    atomic_store(&c->scored, 0);
    run_phase(c, pool, try_width);
    ladder[count] = (mgp_graph_step){
        .width = c->width,
        .recall10 = (float)((double)atomic_load(&c->hits10) / (shallow * SAMPLE)),
        .recall100 = (float)((double)atomic_load(&c->hits100) / ((double)c->depth * SAMPLE)),
        .scored = (float)((double)atomic_load(&c->scored) / SAMPLE)};
    if (ladder[count].recall100 >= RECALL_ENOUGH && ladder[count].recall10 >= RECALL_ENOUGH)
      return count + 1;
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

/* Between the depths measured the width grows evenly, and beyond with k. */
size_t mgp_graph_width_for(const mgp_graph *g, double recall, size_t k) {
  size_t shallow = 0, deep = 0;
  const size_t least = recall >= RECALL_HIGH ? LEAST_A_HIT * (k < SHALLOW ? k : SHALLOW) : 0;
  recall += CAUTION * (1 - recall);
  for (size_t i = 0; i < g->ladder_count; i++) {
    if (!shallow && g->ladder[i].recall10 >= recall) shallow = g->ladder[i].width;
    if (!deep && g->ladder[i].recall100 >= recall) deep = g->ladder[i].width;
  }
  const size_t most = g->ladder_count ? g->ladder[g->ladder_count - 1].width : widths[5];
  if (!shallow) shallow = most;
  if (deep < shallow) deep = most;
  size_t width = shallow;
  if (k > DEEP) width = deep * k / DEEP;
  else if (k > SHALLOW) width = shallow + (deep - shallow) * (k - SHALLOW) / (DEEP - SHALLOW);
  if (width < least) width = least;
  return width < MGP_GRAPH_WIDTH_MAX ? width : MGP_GRAPH_WIDTH_MAX;
}
