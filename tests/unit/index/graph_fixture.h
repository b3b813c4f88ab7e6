/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of the graph: seeded rows in clusters, exact answers the slow way, recall.
 */
#ifndef TEST_GRAPH_FIXTURE_H
#define TEST_GRAPH_FIXTURE_H

#include <math.h>

#include "index/graph_index.h"
#include "index_fixture.h"

typedef struct cloud {
  mgp_graph_rows rows;
  float *values;
  size_t *clusters; /* of each row */
} cloud;

static inline float random_normal(uint64_t *state) {
  const double u = random_unit(state) + 1e-12, v = random_unit(state);
  return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

/* Rows around cluster centres that all seeds share; unit length if wanted. */
static inline cloud cloud_make(uint64_t seed, size_t count, size_t dim, size_t clusters,
                               bool is_unit) {
  cloud c = {.values = calloc(count * dim + 1, sizeof(float)),
             .clusters = calloc(count + 1, sizeof(size_t))};
  float *centres = calloc(clusters * dim, sizeof(float));
  uint64_t centre_state = 99, state = seed;
  for (size_t i = 0; i < clusters * dim; i++) centres[i] = random_normal(&centre_state);
  for (size_t i = 0; i < count; i++) {
    c.clusters[i] = random_below(&state, clusters);
    double sum = 0;
    for (size_t j = 0; j < dim; j++) {
      const float x = centres[c.clusters[i] * dim + j] + random_normal(&state);
      c.values[i * dim + j] = x;
      sum += (double)x * x;
    }
    for (size_t j = 0; is_unit && j < dim; j++) c.values[i * dim + j] /= (float)sqrt(sum);
  }
  free(centres);
  c.rows = (mgp_graph_rows){.rows = c.values, .count = count, .dim = dim, .stride = dim};
  return c;
}

static inline void cloud_free(cloud *c) {
  free(c->values);
  free(c->clusters);
}

static inline float slow_score(mgp_graph_metric metric, const float *a, const float *b,
                               size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; j++) {
    const double gap = (double)a[j] - b[j];
    sum += metric == MGP_GRAPH_DOT ? (double)a[j] * b[j] : -gap * gap;
  }
  return (float)sum;
}

static inline bool bit_of(const uint64_t *words, size_t i) {
  return words[i / 64] >> i % 64 & 1;
}

/* The exact best k of what is allowed (NULL: all). */
static inline size_t slow_best(const mgp_graph_rows *r, mgp_graph_metric metric, const float *query,
                               const uint64_t *allow, size_t k, mgp_scored *out) {
  mgp_topk top;
  mgp_topk_init(&top, out, k);
  for (size_t i = 0; i < r->count; i++)
    if (!allow || bit_of(allow, i))
      mgp_topk_push(&top, slow_score(metric, query, r->rows + i * r->stride, r->dim), i);
  mgp_topk_sort(&top);
  return top.count;
}

/* The mean share of the exact hits that searches find; each is checked against the filter and for
 * its count, order and score. */
static inline double graph_recall(const mgp_graph *g, const mgp_graph_rows *r,
                                  mgp_graph_metric metric, const cloud *queries,
                                  const uint64_t *allow, const mgp_graph_search_options *o,
                                  mgp_graph_stats *stats) {
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  mgp_scored *wanted = calloc(o->k + 1, sizeof *wanted), *found = calloc(o->k + 1, sizeof *found);
  size_t hits = 0, all = 0;
  for (size_t q = 0; q < queries->rows.count; q++) {
    const float *query = queries->values + q * r->dim;
    const size_t count = slow_best(r, metric, query, allow, o->k, wanted);
    size_t found_count = 0;
    assert_int_equal(mgp_graph_search(s, query, o, found, &found_count, stats, NULL), MAGPIE_OK);
    assert_int_equal(found_count, count);
    for (size_t i = 0; i < count; i++) {
      if (allow) assert_true(bit_of(allow, found[i].id));
      if (i > 0) assert_true(mgp_scored_compare(&found[i - 1], &found[i]) < 0);
      const float exact = slow_score(metric, query, r->rows + found[i].id * r->stride, r->dim);
      assert_true(fabsf(exact - found[i].score) <= 1e-4f * (1 + fabsf(exact)));
      for (size_t j = 0; j < count; j++) hits += found[i].id == wanted[j].id;
    }
    all += count;
  }
  mgp_graph_searcher_destroy(s);
  free(wanted);
  free(found);
  return all ? (double)hits / (double)all : 1;
}

static inline mgp_graph *graph_of(const mgp_graph_rows *rows, mgp_graph_metric metric,
                                  mgp_pool *pool) {
  mgp_graph *g = NULL;
  magpie_error err = {0};
  const mgp_graph_options o = {.metric = metric, .width = 100};
  if (mgp_graph_build(rows, &o, pool, NULL, &g, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return g;
}

/* Every node can be reached from node to node by the edges, from any that the graph begins at: a
 * walk as wide as the graph must visit all. */
static inline void check_reach(const mgp_graph *g, const float *query) {
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  const size_t count = mgp_graph_count(g);
  assert_true(count <= MGP_GRAPH_WIDTH_MAX);
  mgp_scored *found = calloc(count, sizeof *found);
  mgp_graph_stats stats;
  size_t found_count;
  const mgp_graph_search_options o = {.k = 1, .width = count};
  assert_int_equal(mgp_graph_search(s, query, &o, found, &found_count, &stats, NULL), MAGPIE_OK);
  assert_int_equal(stats.path, MGP_GRAPH_PATH_WALK);
  assert_int_equal(stats.expanded, count);
  mgp_graph_searcher_destroy(s);
  free(found);
}

#endif
