/* SPDX-License-Identifier: Apache-2.0
 *
 * The clustered index against the slow way: recall as asked, filters of every kind, the same bytes
 * for any number of threads, memory within its word, bad input, and bytes that are damaged.
 */
#include "graph_fixture.h"
#include "index/cluster_index.h"

#define DIM 48

static mgp_clusters *clusters_of(const mgp_graph_rows *rows, mgp_graph_metric metric,
                                 mgp_pool *pool) {
  mgp_clusters *c = NULL;
  magpie_error err = {0};
  const mgp_cluster_options o = {.metric = metric};
  if (mgp_clusters_build(rows, &o, pool, NULL, &c, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return c;
}

/* The mean share of the exact hits that searches find; each is checked for filter, count, order and
 * score. */
static double recall_of(const mgp_clusters *c, const mgp_graph_rows *r, mgp_graph_metric metric,
                        const cloud *queries, const mgp_cluster_search_options *o,
                        mgp_cluster_stats *last) {
  mgp_cluster_searcher *s = NULL;
  assert_int_equal(mgp_cluster_searcher_create(c, NULL, &s, NULL), MAGPIE_OK);
  const uint64_t *allow = o->allow ? o->allow->words : NULL;
  mgp_scored *wanted = calloc(o->k + 1, sizeof *wanted), *found = calloc(o->k + 1, sizeof *found);
  size_t hits = 0, all = 0;
  for (size_t q = 0; q < queries->rows.count; q++) {
    const float *query = queries->values + q * r->dim;
    const size_t count = slow_best(r, metric, query, allow, o->k, wanted);
    size_t found_count = 0;
    assert_int_equal(mgp_clusters_search(s, query, o, found, &found_count, last, NULL), MAGPIE_OK);
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
  mgp_cluster_searcher_destroy(s);
  free(wanted);
  free(found);
  return all ? (double)hits / (double)all : 1;
}

static void search_when_recall_is_asked_then_found(void **state) {
  (void)state;
  for (int metric = MGP_GRAPH_DOT; metric <= MGP_GRAPH_L2; metric++) {
    cloud rows = cloud_make(1, 20000, DIM, 40, metric == MGP_GRAPH_DOT);
    cloud queries = cloud_make(2, 100, DIM, 40, metric == MGP_GRAPH_DOT);
    mgp_clusters *c = clusters_of(&rows.rows, metric, NULL);
    mgp_cluster_stats stats = {0};
    static const double asked[] = {0.8, 0.95, 0.99};
    static const size_t depths[] = {1, 10, 50, 300};
    for (size_t r = 0; r < 3; r++)
      for (size_t k = 0; k < 4; k++) {
        const mgp_cluster_search_options o = {.k = depths[k], .recall = asked[r]};
        const double recall = recall_of(c, &rows.rows, metric, &queries, &o, &stats);
        if (recall < asked[r]) fail_msg("metric %d, k %zu: %g", metric, depths[k], recall);
        if (depths[k] <= 10) assert_true(stats.scored < 10000 && stats.rescored < 1000);
      }
    mgp_clusters_close(c);
    cloud_free(&rows);
    cloud_free(&queries);
  }
}

static void search_when_all_is_probed_then_exact(void **state) {
  (void)state;
  cloud rows = cloud_make(3, 900, 20, 5, false), queries = cloud_make(4, 20, 20, 5, false);
  for (int metric = MGP_GRAPH_DOT; metric <= MGP_GRAPH_L2; metric++) {
    mgp_clusters *c = clusters_of(&rows.rows, metric, NULL);
    mgp_cluster_stats stats;
    const mgp_cluster_search_options o = {.k = 10, .probes = 900, .margin = 1e6f};
    assert_true(recall_of(c, &rows.rows, metric, &queries, &o, &stats) == 1);
    assert_int_equal(stats.probed, mgp_clusters_lists(c));
    assert_int_equal(stats.scored, 900);
    mgp_clusters_close(c);
  }
  cloud_free(&rows);
  cloud_free(&queries);
}

/* ---- filters ----------------------------------------------------------------------------------
 */

typedef enum filter_kind { FREE, NEAR, FAR } filter_kind;

/* Rows of any cluster, of those of the queries, or of the others; one of `every` of these. */
static void make_filter(const cloud *rows, size_t queried, filter_kind kind, size_t every,
                        uint64_t *words) {
  uint64_t state = 7;
  memset(words, 0, (rows->rows.count / 64 + 1) * sizeof *words);
  for (size_t i = 0; i < rows->rows.count; i++) {
    const bool is_near = rows->clusters[i] < queried;
    if ((kind == NEAR && !is_near) || (kind == FAR && is_near)) continue;
    if (random_below(&state, every) == 0) words[i / 64] |= UINT64_C(1) << i % 64;
  }
}

static void search_when_filtered_then_recall_and_as_many_as_exist(void **state) {
  (void)state;
  const size_t count = 20000, clusters = 40, queried = 10;
  cloud rows = cloud_make(5, count, DIM, clusters, true);
  cloud all = cloud_make(6, 400, DIM, clusters, true), queries = {.rows = all.rows};
  size_t kept = 0;
  for (size_t i = 0; i < 400 && kept < 60; i++)
    if (all.clusters[i] < queried) {
      memmove(all.values + kept * DIM, all.values + i * DIM, DIM * sizeof(float));
      kept++;
    }
  queries = (cloud){.values = all.values, .rows = all.rows};
  queries.rows.count = kept;
  mgp_clusters *c = clusters_of(&rows.rows, MGP_GRAPH_DOT, NULL);
  uint64_t *words = calloc(count / 64 + 1, sizeof *words);
  const mgp_graph_bits bits = {words, count};
  size_t ways[MGP_CLUSTER_PATH_SCAN + 1] = {0};
  static const size_t every[] = {1, 2, 10, 100, 1000, 100000};
  for (int kind = FREE; kind <= FAR; kind++)
    for (size_t e = 0; e < 6; e++) {
      make_filter(&rows, queried, (filter_kind)kind, every[e], words);
      const mgp_cluster_search_options o = {.k = 10, .allow = &bits};
      mgp_cluster_stats stats;
      const double recall = recall_of(c, &rows.rows, MGP_GRAPH_DOT, &queries, &o, &stats);
      if (recall < 0.95) fail_msg("filter %d, one of %zu: %g", kind, every[e], recall);
      ways[stats.path]++;
    }
  for (int path = MGP_CLUSTER_PATH_PROBE; path <= MGP_CLUSTER_PATH_SCAN; path++)
    assert_true(ways[path] > 0);
  memset(words, 0, (count / 64 + 1) * sizeof *words);
  const mgp_cluster_search_options none = {.k = 10, .allow = &bits};
  mgp_cluster_stats stats;
  assert_true(recall_of(c, &rows.rows, MGP_GRAPH_DOT, &queries, &none, &stats) == 1);
  assert_int_equal(stats.path, MGP_CLUSTER_PATH_NONE);
  mgp_clusters_close(c);
  free(words);
  cloud_free(&rows);
  cloud_free(&all);
}

/* ---- builds -----------------------------------------------------------------------------------
 */

static void build_when_threads_differ_then_same_bytes(void **state) {
  (void)state;
  cloud rows = cloud_make(8, 9000, 30, 12, true);
  mgp_clusters *one = clusters_of(&rows.rows, MGP_GRAPH_DOT, NULL);
  const void *expected, *found;
  size_t expected_size, found_size;
  mgp_clusters_bytes(one, &expected, &expected_size);
  for (int threads = 1; threads <= 3; threads++) {
    mgp_pool *pool = NULL;
    assert_int_equal(mgp_pool_create(threads, &pool, NULL), MAGPIE_OK);
    mgp_clusters *many = clusters_of(&rows.rows, MGP_GRAPH_DOT, pool);
    mgp_clusters_bytes(many, &found, &found_size);
    assert_int_equal(found_size, expected_size);
    assert_memory_equal(found, expected, expected_size);
    mgp_clusters_close(many);
    mgp_pool_destroy(pool);
  }
  assert_int_equal(mgp_clusters_check(expected, expected_size, &rows.rows, NULL, NULL), MAGPIE_OK);
  mgp_clusters_close(one);
  cloud_free(&rows);
}

static void build_when_odd_sizes_then_all_are_found(void **state) {
  (void)state;
  static const struct {
    size_t count, dim, lists;
  } cases[] = {{0, 5, 0},  {1, 5, 0},     {2, 1, 0},    {31, 7, 0},     {32, 7, 0},
               {33, 7, 9}, {200, 3, 200}, {500, 65, 0}, {300, 1000, 0}, {40, 8192, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cloud rows = cloud_make(9 + i, cases[i].count, cases[i].dim, 3, false);
    cloud queries = cloud_make(30 + i, 3, cases[i].dim, 3, false);
    mgp_clusters *c = NULL;
    const mgp_cluster_options options = {.metric = MGP_GRAPH_L2, .lists = cases[i].lists};
    assert_int_equal(mgp_clusters_build(&rows.rows, &options, NULL, NULL, &c, NULL), MAGPIE_OK);
    assert_int_equal(mgp_clusters_count(c), cases[i].count);
    const mgp_cluster_search_options o = {.k = 600}; /* more than there are */
    mgp_cluster_stats stats;
    assert_true(recall_of(c, &rows.rows, MGP_GRAPH_L2, &queries, &o, &stats) == 1);
    const void *data;
    size_t size;
    mgp_clusters_bytes(c, &data, &size);
    assert_int_equal(mgp_clusters_check(data, size, &rows.rows, NULL, NULL), MAGPIE_OK);
    mgp_clusters_close(c);
    cloud_free(&rows);
    cloud_free(&queries);
  }
}

static void build_when_all_rows_are_equal_then_as_many_as_wanted(void **state) {
  (void)state;
  cloud rows = cloud_make(11, 5000, 16, 1, true);
  for (size_t i = 1; i < 5000; i++) memcpy(rows.values + i * 16, rows.values, 16 * sizeof(float));
  mgp_clusters *c = clusters_of(&rows.rows, MGP_GRAPH_DOT, NULL);
  mgp_cluster_searcher *s = NULL;
  assert_int_equal(mgp_cluster_searcher_create(c, NULL, &s, NULL), MAGPIE_OK);
  mgp_scored hits[100];
  size_t count = 0;
  const mgp_cluster_search_options o = {.k = 100};
  assert_int_equal(mgp_clusters_search(s, rows.values, &o, hits, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 100);
  mgp_cluster_searcher_destroy(s);
  mgp_clusters_close(c);
  cloud_free(&rows);
}

static void build_when_a_row_is_not_finite_then_invalid(void **state) {
  (void)state;
  cloud rows = cloud_make(12, 3000, 16, 4, true);
  static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  const mgp_cluster_options o = {.metric = MGP_GRAPH_DOT};
  for (size_t i = 0; i < 4; i++) {
    mgp_clusters *c = NULL;
    magpie_error err = {0};
    rows.values[2001 * 16 + 5] = bad[i];
    assert_int_equal(mgp_clusters_build(&rows.rows, &o, NULL, NULL, &c, &err), MAGPIE_INVALID);
    assert_non_null(strstr(err.message, "row 2001"));
  }
  cloud_free(&rows);
}

typedef struct patience {
  size_t asked, most;
  double last;
} patience;

static magpie_status ask_patience(void *context, double share, magpie_error *err) {
  patience *p = context;
  assert_true(share >= p->last && share <= 1);
  p->last = share;
  MGP_RETURN_IF(++p->asked > p->most, err, MAGPIE_CANCELLED, "enough");
  return MAGPIE_OK;
}

static void build_when_cancelled_then_stops_at_once(void **state) {
  (void)state;
  cloud rows = cloud_make(13, 20000, 16, 4, true);
  patience all = {.most = SIZE_MAX};
  mgp_cluster_options o = {.metric = MGP_GRAPH_DOT, .go_on = ask_patience, .context = &all};
  mgp_clusters *c = NULL;
  assert_int_equal(mgp_clusters_build(&rows.rows, &o, NULL, NULL, &c, NULL), MAGPIE_OK);
  mgp_clusters_close(c);
  assert_true(all.asked > 20);
  for (size_t most = 0; most < all.asked; most += 3) {
    patience p = {.most = most};
    o.context = &p;
    assert_int_equal(mgp_clusters_build(&rows.rows, &o, NULL, NULL, &c, NULL), MAGPIE_CANCELLED);
    assert_int_equal(p.asked, most + 1);
    assert_null(c);
  }
  cloud_free(&rows);
}

/* With a folder to spill to, what is asked for stays within what was announced. */
static void build_when_memory_is_short_then_within_it_or_limit(void **state) {
  (void)state;
  cloud rows = cloud_make(14, 30000, 64, 10, true);
  const mgp_cluster_options o = {.metric = MGP_GRAPH_DOT, .spill_folder = "/tmp"};
  mgp_clusters *c = NULL;
  mgp_alloc *roomy = mgp_alloc_create(UINT64_C(16) << 20);
  const uint64_t need = mgp_clusters_build_memory(30000, 64, &o, 1, roomy);
  assert_true(need < UINT64_C(16) << 20);
  assert_int_equal(mgp_clusters_build(&rows.rows, &o, NULL, roomy, &c, NULL), MAGPIE_OK);
  assert_true(mgp_alloc_peak(roomy) <= need);
  mgp_clusters_close(c);
  assert_int_equal(mgp_alloc_used(roomy), 0);
  mgp_alloc_destroy(roomy);
  for (uint64_t limit = 1 << 10; limit < need; limit *= 2) {
    mgp_alloc *tight = mgp_alloc_create(limit);
    const magpie_status status = mgp_clusters_build(&rows.rows, &o, NULL, tight, &c, NULL);
    assert_true(status == MAGPIE_OK || status == MAGPIE_LIMIT || status == MAGPIE_NO_MEMORY);
    mgp_clusters_close(c);
    assert_int_equal(mgp_alloc_used(tight), 0);
    mgp_alloc_destroy(tight);
  }
  cloud_free(&rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(search_when_recall_is_asked_then_found),
      cmocka_unit_test(search_when_all_is_probed_then_exact),
      cmocka_unit_test(search_when_filtered_then_recall_and_as_many_as_exist),
      cmocka_unit_test(build_when_threads_differ_then_same_bytes),
      cmocka_unit_test(build_when_odd_sizes_then_all_are_found),
      cmocka_unit_test(build_when_all_rows_are_equal_then_as_many_as_wanted),
      cmocka_unit_test(build_when_a_row_is_not_finite_then_invalid),
      cmocka_unit_test(build_when_cancelled_then_stops_at_once),
      cmocka_unit_test(build_when_memory_is_short_then_within_it_or_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
