/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds: recall on seeded clusters, the same bytes for any threads, what cannot be built.
 */
#include "graph_fixture.h"

static void check_recall(uint64_t seed, size_t count, size_t dim, bool is_unit,
                         mgp_graph_metric metric, double floor) {
  cloud c = cloud_make(seed, count, dim, 40, is_unit);
  cloud q = cloud_make(seed + 1, 60, dim, 40, is_unit);
  mgp_graph *g = graph_of(&c.rows, metric, NULL);
  const mgp_graph_search_options o = {.k = 10, .width = 96};
  const double recall = graph_recall(g, &c.rows, metric, &q, NULL, &o, NULL);
  if (recall < floor) fail_msg("recall %.3f at %zu x %zu", recall, count, dim);
  if (count <= MGP_GRAPH_WIDTH_MAX) check_reach(g, q.values);
  mgp_graph_close(g);
  cloud_free(&c);
  cloud_free(&q);
}

static void build_on_unit_rows_finds_their_neighbours(void **state) {
  (void)state;
  check_recall(1, 4000, 48, true, MGP_GRAPH_DOT, 0.97);
  check_recall(2, 1500, 384, true, MGP_GRAPH_DOT, 0.97);
}

static void build_on_squared_distances_finds_their_neighbours(void **state) {
  (void)state;
  check_recall(3, 3000, 100, false, MGP_GRAPH_L2, 0.97);
  check_recall(4, 2000, 7, false, MGP_GRAPH_L2, 0.97);
}

static void build_on_rows_of_unequal_length_finds_the_largest_products(void **state) {
  (void)state;
  check_recall(5, 3000, 32, false, MGP_GRAPH_DOT, 0.95);
}

static void build_with_more_threads_gives_the_same_bytes(void **state) {
  (void)state;
  cloud c = cloud_make(6, 3000, 40, 30, true);
  const void *first = NULL, *data;
  size_t first_size = 0, size;
  mgp_graph *graphs[4];
  for (int threads = 0; threads < 4; threads++) {
    mgp_pool *pool = NULL;
    if (threads) assert_int_equal(mgp_pool_create(threads * 2 - 1, &pool, NULL), MAGPIE_OK);
    graphs[threads] = graph_of(&c.rows, MGP_GRAPH_DOT, pool);
    mgp_graph_bytes(graphs[threads], &data, &size);
    if (!first) first = data;
    if (!first_size) first_size = size;
    assert_int_equal(size, first_size);
    assert_memory_equal(data, first, size);
    mgp_pool_destroy(pool);
  }
  for (size_t i = 0; i < 4; i++) mgp_graph_close(graphs[i]);
  cloud_free(&c);
}

/* ---- the odd ones
 * ---------------------------------------------------------------------------------- */

static void build_on_no_rows_finds_nothing(void **state) {
  (void)state;
  const mgp_graph_rows rows = {.rows = NULL, .count = 0, .dim = 8, .stride = 8};
  const float query[8] = {1};
  mgp_graph *g = graph_of(&rows, MGP_GRAPH_DOT, NULL);
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  mgp_scored hit;
  size_t count = 9;
  const mgp_graph_search_options o = {.k = 1};
  assert_int_equal(mgp_graph_search(s, query, &o, &hit, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 0);
  mgp_graph_searcher_destroy(s);
  mgp_graph_close(g);
}

static void build_on_few_rows_finds_them_all(void **state) {
  (void)state;
  for (size_t count = 1; count < 40; count += 6)
    for (size_t dim = 1; dim < 300; dim = dim * 3 + 1) {
      cloud c = cloud_make(count, count, dim, 3, false), q = cloud_make(8, 3, dim, 3, false);
      for (int metric = 0; metric < 2; metric++) {
        mgp_graph *g = graph_of(&c.rows, (mgp_graph_metric)metric, NULL);
        const mgp_graph_search_options o = {.k = 50}; /* more than there are */
        assert_true(graph_recall(g, &c.rows, (mgp_graph_metric)metric, &q, NULL, &o, NULL) == 1);
        check_reach(g, q.values);
        mgp_graph_close(g);
      }
      cloud_free(&c);
      cloud_free(&q);
    }
}

static void build_on_equal_rows_returns_k_of_them(void **state) {
  (void)state;
  cloud c = cloud_make(9, 2000, 16, 1, true);
  for (size_t i = 16; i < 2000 * 16; i++) c.values[i] = c.values[i % 16];
  mgp_graph *g = graph_of(&c.rows, MGP_GRAPH_DOT, NULL);
  check_reach(g, c.values);
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  mgp_scored hits[100];
  size_t count;
  const mgp_graph_search_options o = {.k = 100};
  assert_int_equal(mgp_graph_search(s, c.values, &o, hits, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 100);
  for (size_t i = 1; i < count; i++) assert_true(hits[i].id > hits[i - 1].id);
  mgp_graph_searcher_destroy(s);
  mgp_graph_close(g);
  cloud_free(&c);
}

static void build_on_zero_rows_and_duplicates_is_reached(void **state) {
  (void)state;
  cloud c = cloud_make(10, 1200, 24, 10, true), q = cloud_make(11, 20, 24, 10, true);
  for (size_t i = 0; i < 300; i++) memset(c.values + i * 4 * 24, 0, 24 * sizeof(float));
  for (size_t i = 0; i < 300; i++)
    memcpy(c.values + (i * 4 + 1) * 24, c.values + (i % 3 * 4 + 2) * 24, 24 * sizeof(float));
  for (int metric = 0; metric < 2; metric++) {
    mgp_graph *g = graph_of(&c.rows, (mgp_graph_metric)metric, NULL);
    check_reach(g, q.values);
    mgp_graph_close(g);
  }
  cloud_free(&c);
  cloud_free(&q);
}

static void build_on_what_is_no_number_is_refused(void **state) {
  (void)state;
  cloud c = cloud_make(12, 100, 8, 3, true);
  const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    c.values[77 * 8 + 3] = bad[i];
    mgp_graph *g = NULL;
    magpie_error err = {0};
    const mgp_graph_options o = {0};
    assert_int_equal(mgp_graph_build(&c.rows, &o, NULL, NULL, &g, &err), MAGPIE_INVALID);
    assert_non_null(strstr(err.message, "row 77"));
    assert_null(g);
  }
  cloud_free(&c);
}

static void build_with_impossible_sizes_is_refused(void **state) {
  (void)state;
  float row[4] = {1};
  mgp_graph *g = NULL;
  const mgp_graph_options usual = {0}, degree = {.degree = 65}, width = {.width = 16},
                          metric = {.metric = (mgp_graph_metric)2};
  const mgp_graph_rows sound = {row, 1, 4, 4}, none = {row, 1, 0, 4}, thin = {row, 1, 4, 3},
                       wide = {row, 1, MGP_GRAPH_DIM_MAX + 1, MGP_GRAPH_DIM_MAX + 1},
                       many = {row, (size_t)UINT32_MAX, 4, 4};
  assert_int_equal(mgp_graph_build(&none, &usual, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_build(&thin, &usual, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_build(&wide, &usual, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_build(&many, &usual, NULL, NULL, &g, NULL), MAGPIE_LIMIT);
  assert_int_equal(mgp_graph_build(&sound, &degree, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_build(&sound, &width, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_build(&sound, &metric, NULL, NULL, &g, NULL), MAGPIE_INVALID);
}

static void build_in_the_memory_it_names_succeeds_and_in_less_says_so(void **state) {
  (void)state;
  cloud c = cloud_make(13, 3000, 64, 10, true);
  const mgp_graph_options o = {.width = 64};
  const uint64_t need = mgp_graph_build_memory(3000, 64, &o, 1);
  mgp_alloc *a = mgp_alloc_create(need);
  mgp_graph *g = NULL;
  assert_int_equal(mgp_graph_build(&c.rows, &o, NULL, a, &g, NULL), MAGPIE_OK);
  assert_true(mgp_alloc_used(a) < 2 * 3000 * (32 + 8 + 128));
  mgp_graph_close(g);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
  /* Whatever allocation fails, nothing stays behind. */
  const mgp_graph_rows few = {c.values, 50, 64, 64};
  bool has_failed = true;
  for (uint64_t n = 1; has_failed; n++) {
    a = mgp_alloc_create(0);
    mgp_alloc_fail_at(a, n);
    const magpie_status status = mgp_graph_build(&few, &o, NULL, a, &g, NULL);
    has_failed = status != MAGPIE_OK;
    if (has_failed) assert_int_equal(status, MAGPIE_LIMIT);
    else mgp_graph_close(g);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
    assert_true(n < 500);
  }
  cloud_free(&c);
}

static void calibration_at_its_recall_keeps_it(void **state) {
  (void)state;
  cloud c = cloud_make(14, 4000, 64, 400, true), q = cloud_make(15, 100, 64, 400, true);
  mgp_graph *g = graph_of(&c.rows, MGP_GRAPH_DOT, NULL);
  const mgp_graph_search_options usual = {.k = 10}, deep = {.k = 100};
  assert_true(graph_recall(g, &c.rows, MGP_GRAPH_DOT, &q, NULL, &usual, NULL) >= 0.95);
  assert_true(graph_recall(g, &c.rows, MGP_GRAPH_DOT, &q, NULL, &deep, NULL) >= 0.95);
  assert_true(mgp_graph_reach_for(g, 0.5, 10) <= mgp_graph_reach_for(g, 0.99, 10));
  mgp_graph_close(g);
  cloud_free(&c);
  cloud_free(&q);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(build_on_unit_rows_finds_their_neighbours),
      cmocka_unit_test(build_on_squared_distances_finds_their_neighbours),
      cmocka_unit_test(build_on_rows_of_unequal_length_finds_the_largest_products),
      cmocka_unit_test(build_with_more_threads_gives_the_same_bytes),
      cmocka_unit_test(build_on_no_rows_finds_nothing),
      cmocka_unit_test(build_on_few_rows_finds_them_all),
      cmocka_unit_test(build_on_equal_rows_returns_k_of_them),
      cmocka_unit_test(build_on_zero_rows_and_duplicates_is_reached),
      cmocka_unit_test(build_on_what_is_no_number_is_refused),
      cmocka_unit_test(build_with_impossible_sizes_is_refused),
      cmocka_unit_test(build_in_the_memory_it_names_succeeds_and_in_less_says_so),
      cmocka_unit_test(calibration_at_its_recall_keeps_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
