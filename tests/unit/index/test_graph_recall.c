/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a graph find the part of the nearest that it was asked for? Of queries that are like its
 * rows and of queries that are like none, when it is new and after it grew by merges.
 */
#include "graph_fixture.h"
#include "index/graph_private.h"

enum { COUNT = 6000, HALF = COUNT / 2, DIM = 48, CLUSTERS = 100, QUERIES = 150 };

typedef struct world {
  cloud rows, like, unlike;
  mgp_graph *built, *grown;
} world;

/* Rows of 0..count as a graph; the first `known` of them from `g`, which is closed. */
static mgp_graph *grow(const world *w, mgp_graph *g, size_t known, size_t count) {
  static uint32_t map[COUNT];
  for (size_t i = 0; i < known; i++) map[i] = (uint32_t)i;
  const mgp_graph_part part = {.graph = g, .map = map};
  mgp_graph_rows rows = w->rows.rows;
  rows.count = count;
  const mgp_graph_options o = {.width = 100};
  mgp_graph *out = NULL;
  assert_int_equal(mgp_graph_merge(&part, g ? 1 : 0, &rows, &o, NULL, NULL, &out, NULL), MAGPIE_OK);
  mgp_graph_close(g);
  return out;
}

static int world_create(void **state) {
  world *w = calloc(1, sizeof *w);
  w->rows = cloud_make(31, COUNT, DIM, CLUSTERS, true);
  w->like = cloud_make(32, QUERIES, DIM, CLUSTERS, true);
  w->unlike = cloud_make(33, QUERIES, DIM, CLUSTERS, false);
  /* Any direction, whatever the clusters. */
  uint64_t random = 34;
  for (size_t i = 0; i < QUERIES * DIM; i++) w->unlike.values[i] = random_normal(&random);
  w->built = grow(w, NULL, 0, COUNT);
  w->grown = grow(w, grow(w, grow(w, NULL, 0, 1500), 1500, HALF), HALF, COUNT);
  *state = w;
  return 0;
}

static int world_destroy(void **state) {
  world *w = *state;
  mgp_graph_close(w->built);
  mgp_graph_close(w->grown);
  cloud_free(&w->rows);
  cloud_free(&w->like);
  cloud_free(&w->unlike);
  free(w);
  return 0;
}

/* Two standard errors of a mean over these queries, whose recalls lie as far apart as 0.1 at the
 * recalls asked. */
#define CHANCE 0.014

static void check_recalls(const world *w, const mgp_graph *g, const cloud *queries) {
  static const double asked[] = {0.9, 0.95, 0.99};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    const mgp_graph_search_options o = {.k = 10, .recall = asked[i]};
    const double found = graph_recall(g, &w->rows.rows, MGP_GRAPH_DOT, queries, NULL, &o, NULL);
    if (found < asked[i] - CHANCE * (asked[i] < 0.99))
      fail_msg("recall %.4f, asked %.2f", found, asked[i]);
  }
}

static void search_like_the_rows_finds_what_was_asked(void **state) {
  const world *w = *state;
  check_recalls(w, w->built, &w->like);
}

static void search_unlike_the_rows_finds_what_was_asked(void **state) {
  const world *w = *state;
  check_recalls(w, w->built, &w->unlike);
}

static void search_after_merges_finds_what_was_asked(void **state) {
  const world *w = *state;
  check_recalls(w, w->grown, &w->like);
  check_recalls(w, w->grown, &w->unlike);
}

static void search_for_less_recall_scores_fewer_nodes(void **state) {
  const world *w = *state;
  mgp_graph_stats little, much;
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(w->built, NULL, &s, NULL), MAGPIE_OK);
  size_t sum[2] = {0}, count;
  mgp_scored hits[10];
  for (size_t q = 0; q < QUERIES; q++) {
    mgp_graph_search_options o = {.k = 10, .recall = 0.8};
    const float *query = w->like.values + q * DIM;
    assert_int_equal(mgp_graph_search(s, query, &o, hits, &count, &little, NULL), MAGPIE_OK);
    o.recall = 0.99;
    assert_int_equal(mgp_graph_search(s, query, &o, hits, &count, &much, NULL), MAGPIE_OK);
    sum[0] += little.scored;
    sum[1] += much.scored;
  }
  mgp_graph_searcher_destroy(s);
  assert_true(sum[0] < sum[1]);
  assert_true(sum[1] < (size_t)QUERIES * COUNT / 2); /* and not by reading all */
}

/* The same bytes as version 1 had them: a ladder of widths. */
static void search_of_version_one_walks_by_widths(void **state) {
  const world *w = *state;
  enum { VERSION_AT = 4, STEPS_AT = 48, LADDER_AT = 104, HASH_AT = 376 };
  static const mgp_graph_step ladder[3] = {
      {16, 0.8F, 0.7F, 300}, {64, 0.98F, 0.97F, 900}, {256, 0.999F, 0.999F, 2000}};
  const void *data;
  size_t size;
  mgp_graph_bytes(w->built, &data, &size);
  unsigned char *old = aligned_alloc(64, (size + 63) / 64 * 64);
  memcpy(old, data, size);
  const uint32_t version = 1, steps = 3;
  memcpy(old + VERSION_AT, &version, sizeof version);
  memcpy(old + STEPS_AT, &steps, sizeof steps);
  memcpy(old + LADDER_AT, ladder, sizeof ladder);
  const uint64_t hash = mgp_hash64(old, HASH_AT);
  memcpy(old + HASH_AT, &hash, sizeof hash);
  mgp_graph *g = NULL;
  assert_int_equal(mgp_graph_open(old, size, &w->rows.rows, NULL, &g, NULL), MAGPIE_OK);
  assert_true(mgp_graph_reach_for(g, 0.95, 10) == 0);
  assert_int_equal(mgp_graph_width_for(g, 0.999, 10), 256);
  const mgp_graph_search_options usual = {.k = 10};
  assert_true(graph_recall(g, &w->rows.rows, MGP_GRAPH_DOT, &w->like, NULL, &usual, NULL) >= 0.95);
  mgp_graph_close(g);
  free(old);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(search_like_the_rows_finds_what_was_asked),
      cmocka_unit_test(search_unlike_the_rows_finds_what_was_asked),
      cmocka_unit_test(search_after_merges_finds_what_was_asked),
      cmocka_unit_test(search_for_less_recall_scores_fewer_nodes),
      cmocka_unit_test(search_of_version_one_walks_by_widths),
  };
  return cmocka_run_group_tests(tests, world_create, world_destroy);
}
