/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches: deleted nodes, batches, odd queries, and filters that keep few or many, at random, near
 * the query or far from it.
 */
#include "graph_fixture.h"

enum { COUNT = 12000, DIM = 32, CLUSTERS = 60, QUERIES = 30, WORDS = (COUNT + 63) / 64 };

typedef struct world {
  cloud rows, queries;
  mgp_graph *graph;
} world;

static int world_create(void **state) {
  world *w = calloc(1, sizeof *w);
  w->rows = cloud_make(21, COUNT, DIM, CLUSTERS, true);
  w->queries = cloud_make(22, QUERIES, DIM, CLUSTERS, true);
  w->graph = graph_of(&w->rows.rows, MGP_GRAPH_DOT, NULL);
  *state = w;
  return 0;
}

static int world_destroy(void **state) {
  world *w = *state;
  mgp_graph_close(w->graph);
  cloud_free(&w->rows);
  cloud_free(&w->queries);
  free(w);
  return 0;
}

/* The share of rows, of those most or least like the query, or of any. */
typedef enum kind { RANDOM, NEAR, FAR } kind;

static void make_filter(const world *w, const float *query, kind how, double share,
                        uint64_t *words) {
  mgp_scored *order = calloc(COUNT, sizeof *order);
  uint64_t random = 23;
  for (size_t i = 0; i < COUNT; i++) {
    float score = slow_score(MGP_GRAPH_DOT, query, w->rows.values + i * DIM, DIM);
    if (how == RANDOM) score = (float)random_unit(&random);
    order[i] = (mgp_scored){.score = how == FAR ? -score : score, .id = i};
  }
  qsort(order, COUNT, sizeof *order, mgp_scored_compare);
  memset(words, 0, WORDS * sizeof *words);
  const size_t keep = (size_t)(share * COUNT) ? (size_t)(share * COUNT) : 1;
  for (size_t i = 0; i < keep; i++) words[order[i].id / 64] |= UINT64_C(1) << order[i].id % 64;
  free(order);
}

/* By the calibration where `width` is 0. */
static void check_filters_at(const world *w, kind how, size_t width) {
  static const double shares[] = {1, 0.95, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 0.001, 0};
  size_t walked = 0;
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
    double sum = 0;
    for (size_t q = 0; q < QUERIES; q++) {
      uint64_t words[WORDS];
      const mgp_graph_bits allow = {words, COUNT};
      const float *query = w->queries.values + q * DIM;
      make_filter(w, query, how, shares[i], words);
      const cloud one = {.rows = {query, 1, DIM, DIM}, .values = (float *)(uintptr_t)query};
      const mgp_graph_search_options o = {.k = 10, .width = width, .allow = &allow};
      mgp_graph_stats stats;
      sum += graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &one, words, &o, &stats);
      walked += stats.path == MGP_GRAPH_PATH_WALK;
    }
    if (sum / QUERIES < 0.95) fail_msg("recall %.3f at %g", sum / QUERIES, shares[i]);
  }
  /* Not all by the scan. */
  if (how != FAR) assert_true(walked > 0);
}

static void check_filters(const world *w, kind how) {
  check_filters_at(w, how, 48);
  check_filters_at(w, how, 0);
}

static void search_with_a_random_filter_finds_what_it_keeps(void **state) {
  check_filters(*state, RANDOM);
}

static void search_with_a_filter_near_the_query_finds_what_it_keeps(void **state) {
  check_filters(*state, NEAR);
}

static void search_with_a_filter_far_from_the_query_finds_what_it_keeps(void **state) {
  check_filters(*state, FAR);
}

/* The nine cells of the peers' bench: a part of the rows at random, or those most or least like the
 * topic of the query, whose filter is not made for this query alone. By every way there is:
 * graph_recall also fails where a way finds fewer hits than exist, or one that is not allowed. */
static void search_in_nine_cells_finds_what_the_filter_keeps(void **state) {
  const world *w = *state;
  static const double shares[] = {0.01, 0.1, 0.5};
  static const mgp_graph_path ways[] = {MGP_GRAPH_PATH_NONE, MGP_GRAPH_PATH_WALK,
                                        MGP_GRAPH_PATH_BRIDGE, MGP_GRAPH_PATH_SCAN};
  cloud topics = cloud_make(25, QUERIES, DIM, CLUSTERS, true);
  double sums[4][9] = {0};
  for (size_t q = 0; q < QUERIES; q++) {
    const float *query = w->queries.values + q * DIM;
    const cloud one = {.rows = {query, 1, DIM, DIM}, .values = (float *)(uintptr_t)query};
    size_t topic = 0; /* of ten, the one most like the query */
    for (size_t t = 1; t < 10; t++)
      if (slow_score(MGP_GRAPH_DOT, query, topics.values + t * DIM, DIM) >
          slow_score(MGP_GRAPH_DOT, query, topics.values + topic * DIM, DIM))
        topic = t;
    for (size_t cell = 0; cell < 9; cell++) {
      uint64_t words[WORDS];
      const mgp_graph_bits allow = {words, COUNT};
      make_filter(w, topics.values + topic * DIM, (kind)(cell / 3), shares[cell % 3], words);
      for (size_t way = 0; way < 4; way++) {
        const mgp_graph_search_options o = {.k = 10, .allow = &allow, .path = ways[way]};
        sums[way][cell] +=
            graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &one, words, &o, NULL);
      }
    }
  }
  for (size_t cell = 0; cell < 9; cell++) {
    if (sums[0][cell] / QUERIES < 0.95)
      fail_msg("recall %.3f in cell %zu", sums[0][cell] / QUERIES, cell);
    assert_true(sums[3][cell] / QUERIES >= 0.98); /* reading all codes misses hardly any */
  }
  cloud_free(&topics);
}

static void search_with_an_empty_filter_finds_nothing(void **state) {
  const world *w = *state;
  const uint64_t words[WORDS] = {0};
  const mgp_graph_bits none = {words, COUNT};
  const mgp_graph_search_options o = {.k = 10, .allow = &none};
  mgp_graph_stats stats;
  assert_true(
      graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &w->queries, words, &o, &stats) == 1);
  assert_int_equal(stats.path, MGP_GRAPH_PATH_NONE);
}

static void search_over_deleted_nodes_returns_the_living(void **state) {
  const world *w = *state;
  uint64_t dead[WORDS] = {0}, alive[WORDS];
  /* Whole clusters and every third of the rest. */
  for (size_t i = 0; i < COUNT; i++)
    if (w->rows.clusters[i] < 12 || i % 3 == 0) dead[i / 64] |= UINT64_C(1) << i % 64;
  for (size_t i = 0; i < WORDS; i++) alive[i] = ~dead[i];
  const mgp_graph_bits deleted = {dead, COUNT};
  const mgp_graph_search_options o = {.k = 10, .width = 64, .dead = &deleted};
  assert_true(graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &w->queries, alive, &o, NULL) >=
              0.95);
}

static void search_over_nearly_all_deleted_returns_the_rest(void **state) {
  const world *w = *state;
  uint64_t dead[WORDS], alive[WORDS] = {0};
  memset(dead, 0xff, sizeof dead);
  for (size_t i = 5; i < COUNT; i += COUNT / 4) {
    dead[i / 64] &= ~(UINT64_C(1) << i % 64);
    alive[i / 64] |= UINT64_C(1) << i % 64;
  }
  const mgp_graph_bits deleted = {dead, COUNT};
  const mgp_graph_search_options o = {.k = 10, .dead = &deleted};
  assert_true(graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &w->queries, alive, &o, NULL) ==
              1);
}

static void search_with_filter_and_deleted_nodes_obeys_both(void **state) {
  const world *w = *state;
  uint64_t dead[WORDS], allow[WORDS], both[WORDS];
  uint64_t random = 24;
  for (size_t i = 0; i < WORDS; i++) {
    dead[i] = random_next(&random) & random_next(&random);
    allow[i] = random_next(&random) | random_next(&random);
    both[i] = allow[i] & ~dead[i];
  }
  const mgp_graph_bits deleted = {dead, COUNT}, allowed = {allow, COUNT};
  const mgp_graph_search_options o = {.k = 20, .width = 64, .allow = &allowed, .dead = &deleted};
  assert_true(graph_recall(w->graph, &w->rows.rows, MGP_GRAPH_DOT, &w->queries, both, &o, NULL) >=
              0.95);
}

static void search_in_a_batch_gives_what_single_searches_give(void **state) {
  const world *w = *state;
  enum { K = 7 };
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(3, &pool, NULL), MAGPIE_OK);
  const mgp_graph_search_options o = {.k = K};
  mgp_scored out[QUERIES * K], one[K];
  size_t counts[QUERIES], count;
  assert_int_equal(mgp_graph_search_batch(w->graph, w->queries.values, QUERIES, DIM, &o, pool, NULL,
                                          out, counts, NULL),
                   MAGPIE_OK);
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(w->graph, NULL, &s, NULL), MAGPIE_OK);
  for (size_t q = 0; q < QUERIES; q++) {
    assert_int_equal(mgp_graph_search(s, w->queries.values + q * DIM, &o, one, &count, NULL, NULL),
                     MAGPIE_OK);
    assert_int_equal(count, counts[q]);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(one[i].id, out[q * K + i].id);
      assert_true(one[i].score == out[q * K + i].score);
    }
  }
  mgp_graph_searcher_destroy(s);
  mgp_pool_destroy(pool);
}

static bool allow_thirds(const void *context, uint64_t node) {
  return node % 3 == *(const uint64_t *)context;
}

static void predicate_as_a_filter_is_asked_about_every_node(void **state) {
  (void)state;
  const uint64_t rest = 2;
  uint64_t words[3];
  mgp_graph_bits_fill(words, 130, allow_thirds, &rest);
  for (size_t i = 0; i < 192; i++) assert_true(bit_of(words, i) == (i < 130 && i % 3 == 2));
}

static void search_with_an_odd_query_is_answered_or_refused(void **state) {
  const world *w = *state;
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(w->graph, NULL, &s, NULL), MAGPIE_OK);
  float query[DIM] = {0};
  mgp_scored out[10];
  size_t count;
  mgp_graph_search_options o = {.k = 10};
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 10); /* all zero: every product is 0 */
  for (size_t i = 0; i < count; i++) assert_true(out[i].score == 0);
  o.k = 0;
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 0);
  o.k = 10;
  query[3] = NAN;
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_INVALID);
  query[3] = INFINITY;
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_INVALID);
  query[3] = 1;
  o.width = MGP_GRAPH_WIDTH_MAX + 1;
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_INVALID);
  const uint64_t words[1] = {1};
  const mgp_graph_bits few = {words, 64};
  o = (mgp_graph_search_options){.k = 10, .allow = &few};
  assert_int_equal(mgp_graph_search(s, query, &o, out, &count, NULL, NULL), MAGPIE_INVALID);
  mgp_graph_searcher_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(search_with_a_random_filter_finds_what_it_keeps),
      cmocka_unit_test(search_with_a_filter_near_the_query_finds_what_it_keeps),
      cmocka_unit_test(search_with_a_filter_far_from_the_query_finds_what_it_keeps),
      cmocka_unit_test(search_in_nine_cells_finds_what_the_filter_keeps),
      cmocka_unit_test(search_with_an_empty_filter_finds_nothing),
      cmocka_unit_test(search_over_deleted_nodes_returns_the_living),
      cmocka_unit_test(search_over_nearly_all_deleted_returns_the_rest),
      cmocka_unit_test(search_with_filter_and_deleted_nodes_obeys_both),
      cmocka_unit_test(search_in_a_batch_gives_what_single_searches_give),
      cmocka_unit_test(predicate_as_a_filter_is_asked_about_every_node),
      cmocka_unit_test(search_with_an_odd_query_is_answered_or_refused),
  };
  return cmocka_run_group_tests(tests, world_create, world_destroy);
}
