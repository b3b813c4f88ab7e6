/* SPDX-License-Identifier: Apache-2.0
 *
 * Merges: parts of all sizes, new rows, deleted ones; as good as a build, the same for any threads.
 */
#include "graph_fixture.h"

enum { COUNT = 3000, DIM = 32, CLUSTERS = 40, QUERIES = 50 };

/* The rows [first, end) of a cloud as a graph of their own, and where they go. */
typedef struct piece {
  mgp_graph *graph;
  uint32_t *map;
  size_t count;
} piece;

static piece piece_make(const cloud *c, size_t first, size_t end) {
  const mgp_graph_rows rows = {c->values + first * DIM, end - first, DIM, DIM};
  piece p = {.graph = graph_of(&rows, MGP_GRAPH_DOT, NULL),
             .map = calloc(end - first + 1, sizeof(uint32_t)),
             .count = end - first};
  for (size_t i = 0; i < p.count; i++) p.map[i] = (uint32_t)(first + i);
  return p;
}

static void piece_free(piece *p) {
  mgp_graph_close(p->graph);
  free(p->map);
}

static mgp_graph *merge_of(const piece *pieces, size_t count, const mgp_graph_rows *rows,
                           mgp_pool *pool) {
  mgp_graph_part parts[4];
  for (size_t i = 0; i < count; i++) parts[i] = (mgp_graph_part){pieces[i].graph, pieces[i].map};
  const mgp_graph_options o = {.metric = MGP_GRAPH_DOT, .width = 100};
  mgp_graph *g = NULL;
  magpie_error err = {0};
  if (mgp_graph_merge(parts, count, rows, &o, pool, NULL, &g, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  return g;
}

static void check_graph(const mgp_graph *g, const mgp_graph_rows *rows) {
  cloud q = cloud_make(42, QUERIES, DIM, CLUSTERS, true);
  const mgp_graph_search_options o = {.k = 10, .width = 96};
  const double recall = graph_recall(g, rows, MGP_GRAPH_DOT, &q, NULL, &o, NULL);
  if (recall < 0.97) fail_msg("recall %.3f", recall);
  check_reach(g, q.values);
  cloud_free(&q);
}

static void merge_of_parts_is_as_good_as_a_build(void **state) {
  (void)state;
  cloud c = cloud_make(41, COUNT, DIM, CLUSTERS, true);
  static const size_t cuts[][4] = {
      {0, 1500, 3000, 3000}, {0, 1000, 2000, 3000}, {0, 2900, 3000, 3000}, {0, 1, 2999, 3000}};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    piece pieces[3];
    for (size_t p = 0; p < 3; p++) pieces[p] = piece_make(&c, cuts[i][p], cuts[i][p + 1]);
    mgp_graph *g = merge_of(pieces, 3, &c.rows, NULL);
    check_graph(g, &c.rows);
    mgp_graph_close(g);
    for (size_t p = 0; p < 3; p++) piece_free(&pieces[p]);
  }
  cloud_free(&c);
}

static void merge_with_rows_of_no_part_adds_them(void **state) {
  (void)state;
  cloud c = cloud_make(43, COUNT, DIM, CLUSTERS, true);
  piece old = piece_make(&c, 0, 2200);
  mgp_graph *g = merge_of(&old, 1, &c.rows, NULL);
  check_graph(g, &c.rows);
  mgp_graph_close(g);
  piece_free(&old);
  cloud_free(&c);
}

/* The rows of `c` that live, in another order, and the maps to them. */
static mgp_graph_rows drop_rows(const cloud *c, const bool *is_dead, piece *pieces, size_t count,
                                float *values) {
  uint32_t *places = calloc(COUNT, sizeof *places);
  uint32_t next = 0;
  for (size_t i = COUNT; i-- > 0;) {
    places[i] = UINT32_MAX;
    if (is_dead[i]) continue;
    memcpy(values + (size_t)next * DIM, c->values + i * DIM, DIM * sizeof *values);
    places[i] = next++;
  }
  for (size_t p = 0; p < count; p++)
    for (size_t i = 0; i < pieces[p].count; i++) pieces[p].map[i] = places[pieces[p].map[i]];
  free(places);
  return (mgp_graph_rows){values, next, DIM, DIM};
}

static void merge_without_deleted_rows_bridges_them(void **state) {
  (void)state;
  cloud c = cloud_make(44, COUNT, DIM, CLUSTERS, true);
  static const size_t kept_of_ten[] = {9, 5, 1, 0};
  for (size_t i = 0; i < sizeof kept_of_ten / sizeof *kept_of_ten; i++) {
    bool is_dead[COUNT];
    uint64_t random = 45;
    for (size_t r = 0; r < COUNT; r++)
      is_dead[r] = c.clusters[r] < 8 || random_below(&random, 10) >= kept_of_ten[i];
    piece pieces[2] = {piece_make(&c, 0, 2000), piece_make(&c, 2000, COUNT)};
    float *values = calloc(COUNT * DIM, sizeof *values);
    const mgp_graph_rows rows = drop_rows(&c, is_dead, pieces, 2, values);
    mgp_graph *g = merge_of(pieces, 2, &rows, NULL);
    assert_int_equal(mgp_graph_count(g), rows.count);
    if (rows.count) check_graph(g, &rows);
    mgp_graph_close(g);
    free(values);
    piece_free(&pieces[0]);
    piece_free(&pieces[1]);
  }
  cloud_free(&c);
}

/* Delete half, add as many, again and again: each living row must find itself. */
static void merges_in_a_row_lose_nobody(void **state) {
  (void)state;
  cloud c = cloud_make(46, COUNT, DIM, CLUSTERS, true);
  mgp_graph *g = graph_of(&c.rows, MGP_GRAPH_DOT, NULL);
  for (uint64_t round = 0; round < 4; round++) {
    cloud fresh = cloud_make(50 + round, COUNT, DIM, CLUSTERS, true);
    piece old = {.graph = g, .map = calloc(COUNT, sizeof(uint32_t)), .count = COUNT};
    for (size_t i = 0; i < COUNT; i++) {
      old.map[i] = i % 2 ? (uint32_t)i : UINT32_MAX;
      if (i % 2) memcpy(fresh.values + i * DIM, c.values + i * DIM, DIM * sizeof(float));
    }
    mgp_graph *next = merge_of(&old, 1, &fresh.rows, NULL);
    piece_free(&old);
    cloud_free(&c);
    g = next;
    c = fresh;
    check_graph(g, &c.rows);
    mgp_graph_searcher *s = NULL;
    assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
    for (size_t i = 0; i < COUNT; i++) {
      mgp_scored hit;
      size_t count;
      const mgp_graph_search_options o = {.k = 1, .width = 64};
      assert_int_equal(mgp_graph_search(s, c.values + i * DIM, &o, &hit, &count, NULL, NULL),
                       MAGPIE_OK);
      assert_int_equal(count, 1);
      assert_int_equal(hit.id, i);
    }
    mgp_graph_searcher_destroy(s);
  }
  mgp_graph_close(g);
  cloud_free(&c);
}

static void merge_with_more_threads_gives_the_same_bytes(void **state) {
  (void)state;
  cloud c = cloud_make(47, COUNT, DIM, CLUSTERS, true);
  piece pieces[2] = {piece_make(&c, 0, 1800), piece_make(&c, 1800, 2700)};
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(3, &pool, NULL), MAGPIE_OK);
  mgp_graph *a = merge_of(pieces, 2, &c.rows, NULL), *b = merge_of(pieces, 2, &c.rows, pool);
  const void *x, *y;
  size_t x_size, y_size;
  mgp_graph_bytes(a, &x, &x_size);
  mgp_graph_bytes(b, &y, &y_size);
  assert_int_equal(x_size, y_size);
  assert_memory_equal(x, y, x_size);
  mgp_graph_close(a);
  mgp_graph_close(b);
  mgp_pool_destroy(pool);
  piece_free(&pieces[0]);
  piece_free(&pieces[1]);
  cloud_free(&c);
}

static void merge_of_what_does_not_fit_is_refused(void **state) {
  (void)state;
  cloud c = cloud_make(48, 200, DIM, 5, true);
  piece p = piece_make(&c, 0, 200);
  mgp_graph_part parts[2] = {{p.graph, p.map}, {p.graph, p.map}};
  mgp_graph_options o = {.metric = MGP_GRAPH_DOT};
  mgp_graph *g = NULL;
  assert_int_equal(mgp_graph_merge(parts, 2, &c.rows, &o, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  p.map[7] = 200; /* beyond the rows */
  assert_int_equal(mgp_graph_merge(parts, 1, &c.rows, &o, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  p.map[7] = 8; /* twice */
  assert_int_equal(mgp_graph_merge(parts, 1, &c.rows, &o, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  p.map[7] = 7;
  o.metric = MGP_GRAPH_L2;
  assert_int_equal(mgp_graph_merge(parts, 1, &c.rows, &o, NULL, NULL, &g, NULL), MAGPIE_INVALID);
  assert_null(g);
  piece_free(&p);
  cloud_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(merge_of_parts_is_as_good_as_a_build),
      cmocka_unit_test(merge_with_rows_of_no_part_adds_them),
      cmocka_unit_test(merge_without_deleted_rows_bridges_them),
      cmocka_unit_test(merges_in_a_row_lose_nobody),
      cmocka_unit_test(merge_with_more_threads_gives_the_same_bytes),
      cmocka_unit_test(merge_of_what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
