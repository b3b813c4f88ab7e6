/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a graph: read in place they search alike; cut or damaged they are refused or, behind
 * a forged checksum, searched without leaving them.
 */
#include "graph_fixture.h"

enum { COUNT = 900, DIM = 20, HEADER = 384 };

typedef struct world {
  cloud rows, queries;
  mgp_graph *graph;
  unsigned char *bytes; /* a copy */
  size_t size;
} world;

static int world_create(void **state) {
  world *w = calloc(1, sizeof *w);
  w->rows = cloud_make(31, COUNT, DIM, 9, true);
  w->queries = cloud_make(32, 20, DIM, 9, true);
  w->graph = graph_of(&w->rows.rows, MGP_GRAPH_DOT, NULL);
  const void *data;
  mgp_graph_bytes(w->graph, &data, &w->size);
  w->bytes = malloc(w->size);
  memcpy(w->bytes, data, w->size);
  *state = w;
  return 0;
}

static int world_destroy(void **state) {
  world *w = *state;
  mgp_graph_close(w->graph);
  cloud_free(&w->rows);
  cloud_free(&w->queries);
  free(w->bytes);
  free(w);
  return 0;
}

static magpie_status open_copy(const world *w, size_t size, mgp_graph **g, magpie_error *err) {
  return mgp_graph_open(w->bytes, size, &w->rows.rows, NULL, g, err);
}

static void forge(world *w) {
  const uint64_t hash = mgp_hash64(w->bytes, HEADER - 8);
  memcpy(w->bytes + HEADER - 8, &hash, sizeof hash);
}

static void search_all(const world *w, const mgp_graph *g) {
  mgp_graph_searcher *s = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  for (size_t q = 0; q < 20; q++) {
    mgp_scored hits[50];
    size_t count;
    const mgp_graph_search_options o = {.k = 50, .width = 100};
    assert_int_equal(mgp_graph_search(s, w->queries.values + q * DIM, &o, hits, &count, NULL, NULL),
                     MAGPIE_OK);
    assert_int_equal(count, 50);
    for (size_t i = 0; i < count; i++) assert_true(hits[i].id < COUNT);
  }
  mgp_graph_searcher_destroy(s);
}

static void graph_read_back_searches_as_the_one_that_was_built(void **state) {
  world *w = *state;
  mgp_graph *g = NULL;
  assert_int_equal(open_copy(w, w->size, &g, NULL), MAGPIE_OK);
  assert_int_equal(mgp_graph_verify(g, NULL), MAGPIE_OK);
  assert_int_equal(mgp_graph_count(g), COUNT);
  assert_true(mgp_graph_reach_for(g, 0.95, 10) > 1);
  assert_true(mgp_graph_reach_for(g, 0.95, 10) == mgp_graph_reach_for(w->graph, 0.95, 10));
  uint32_t a[MGP_GRAPH_DEGREE_MAX], b[MGP_GRAPH_DEGREE_MAX];
  for (uint32_t i = 0; i < COUNT; i++) {
    const size_t count = mgp_graph_neighbours(g, i, a);
    assert_int_equal(count, mgp_graph_neighbours(w->graph, i, b));
    assert_true(count > 0 && count <= mgp_graph_degree(g));
    assert_memory_equal(a, b, count * sizeof *a);
  }
  mgp_scored x[10], y[10];
  size_t count;
  mgp_graph_searcher *s = NULL, *t = NULL;
  assert_int_equal(mgp_graph_searcher_create(g, NULL, &s, NULL), MAGPIE_OK);
  assert_int_equal(mgp_graph_searcher_create(w->graph, NULL, &t, NULL), MAGPIE_OK);
  const mgp_graph_search_options o = {.k = 10};
  assert_int_equal(mgp_graph_search(s, w->queries.values, &o, x, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(mgp_graph_search(t, w->queries.values, &o, y, &count, NULL, NULL), MAGPIE_OK);
  for (size_t i = 0; i < 10; i++) assert_true(x[i].id == y[i].id && x[i].score == y[i].score);
  mgp_graph_searcher_destroy(s);
  mgp_graph_searcher_destroy(t);
  mgp_graph_close(g);
}

static void graph_cut_anywhere_is_refused(void **state) {
  world *w = *state;
  mgp_graph *g = NULL;
  for (size_t size = 0; size < w->size; size += size < 400 ? 1 : 997)
    assert_int_equal(open_copy(w, size, &g, NULL), MAGPIE_CORRUPT);
}

static void graph_with_any_damaged_header_byte_is_refused(void **state) {
  world *w = *state;
  mgp_graph *g = NULL;
  for (size_t i = 0; i < HEADER; i++) {
    w->bytes[i] ^= 0x41;
    const magpie_status status = open_copy(w, w->size, &g, NULL);
    assert_int_equal(status, i >= 4 && i < 8 ? MAGPIE_VERSION : MAGPIE_CORRUPT);
    w->bytes[i] ^= 0x41;
  }
}

static void graph_with_a_damaged_body_is_refused_or_fails_verification(void **state) {
  world *w = *state;
  uint64_t random = 33;
  for (size_t round = 0; round < 300; round++) {
    const size_t at = HEADER + random_below(&random, w->size - HEADER);
    const unsigned char before = w->bytes[at];
    w->bytes[at] ^= (unsigned char)(1 + random_below(&random, 255));
    mgp_graph *g = NULL;
    magpie_error err;
    if (open_copy(w, w->size, &g, &err) == MAGPIE_OK) {
      assert_int_equal(mgp_graph_verify(g, &err), MAGPIE_CORRUPT);
      search_all(w, g);
      mgp_graph_close(g);
    }
    w->bytes[at] = before;
  }
}

static void graph_with_a_forged_header_is_refused_or_searched_within_its_bytes(void **state) {
  world *w = *state;
  unsigned char before[HEADER];
  memcpy(before, w->bytes, HEADER);
  uint64_t random = 34;
  for (size_t round = 0; round < 2000; round++) {
    w->bytes[8 + random_below(&random, HEADER - 16)] ^=
        (unsigned char)(1 << random_below(&random, 8));
    forge(w);
    mgp_graph *g = NULL;
    const magpie_status status = open_copy(w, w->size, &g, NULL);
    if (status == MAGPIE_OK) search_all(w, g);
    mgp_graph_close(g);
    memcpy(w->bytes, before, HEADER);
  }
}

static void graph_with_an_edge_to_nowhere_is_refused(void **state) {
  world *w = *state;
  mgp_graph *g = NULL;
  uint64_t edges_at;
  memcpy(&edges_at, w->bytes + 88, sizeof edges_at);
  uint32_t before;
  const uint32_t beyond = COUNT;
  memcpy(&before, w->bytes + edges_at + 4 * 32 * 5, sizeof before);
  memcpy(w->bytes + edges_at + 4 * 32 * 5, &beyond, sizeof beyond);
  magpie_error err = {0};
  assert_int_equal(open_copy(w, w->size, &g, &err), MAGPIE_CORRUPT);
  assert_non_null(strstr(err.message, "node 5 leads to 900"));
  memcpy(w->bytes + edges_at + 4 * 32 * 5, &before, sizeof before);
}

static void graph_with_other_rows_is_refused(void **state) {
  world *w = *state;
  mgp_graph *g = NULL;
  mgp_graph_rows rows = w->rows.rows;
  rows.count--;
  assert_int_equal(mgp_graph_open(w->bytes, w->size, &rows, NULL, &g, NULL), MAGPIE_INVALID);
  rows = w->rows.rows;
  rows.dim--;
  assert_int_equal(mgp_graph_open(w->bytes, w->size, &rows, NULL, &g, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_graph_open(w->bytes + 4, w->size, &w->rows.rows, NULL, &g, NULL),
                   MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(graph_read_back_searches_as_the_one_that_was_built),
      cmocka_unit_test(graph_cut_anywhere_is_refused),
      cmocka_unit_test(graph_with_any_damaged_header_byte_is_refused),
      cmocka_unit_test(graph_with_a_damaged_body_is_refused_or_fails_verification),
      cmocka_unit_test(graph_with_a_forged_header_is_refused_or_searched_within_its_bytes),
      cmocka_unit_test(graph_with_an_edge_to_nowhere_is_refused),
      cmocka_unit_test(graph_with_other_rows_is_refused),
  };
  return cmocka_run_group_tests(tests, world_create, world_destroy);
}
