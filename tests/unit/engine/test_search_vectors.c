/* SPDX-License-Identifier: Apache-2.0
 *
 * Many vectors asked at once: the answers of one by one, to the bit, or none.
 */
#include <math.h>

#include "engine_fixture.h"

#include "magpie/vectors.h"

#define ROWS ((size_t)9000)  /* enough for a single search to use the pool */
#define ASKED ((size_t)1500) /* more than are asked between two looks at `cancel` */
#define DIM ((size_t)17)

static float *random_rows(size_t n, uint32_t seed) {
  float *rows = malloc(n * DIM * sizeof *rows);
  assert_non_null(rows);
  for (size_t i = 0; i < n * DIM; i++) {
    seed = seed * 1664525u + 1013904223u;
    rows[i] = (float)(seed >> 8) / 8388608.0f - 1;
  }
  return rows;
}

/* A space of each metric, named by it. */
static magpie *open_with_spaces(const fixture *f) {
  static const char *const metrics[] = {"cosine", "dot", "l2"};
  magpie *ix = NULL;
  assert_ok(open_index(f, false, 0, &ix, err));
  float *rows = random_rows(ROWS, 1);
  for (size_t m = 0; m < 3; m++) {
    magpie_vectors_options options;
    magpie_vectors_options_defaults(&options);
    options.metric = metrics[m];
    options.first = m * ROWS;
    assert_ok(magpie_space_add_vectors(ix, metrics[m], NULL, rows, ROWS, DIM, &options, NULL, err));
  }
  free(rows);
  return ix;
}

static void assert_same(const magpie_result *one, const magpie_result *other) {
  assert_int_equal(magpie_result_count(one), magpie_result_count(other));
  assert_int_equal(magpie_result_matches(one), magpie_result_matches(other));
  for (size_t i = 0; i < magpie_result_count(one); i++) {
    const magpie_hit *a = magpie_result_hit(one, i), *b = magpie_result_hit(other, i);
    assert_string_equal(a->id, b->id);
    assert_memory_equal(&a->score, &b->score, sizeof a->score);
    assert_memory_equal(&a->scores[0].score, &b->scores[0].score, sizeof(double));
  }
}

static void assert_as_alone(magpie *ix, const char *space, const magpie_query *settings,
                            const float *asked, size_t n, magpie_result **results) {
  for (size_t i = 0; i < n; i++) {
    const magpie_part part = {
        .vector = asked + i * DIM, .vector_dim = DIM, .space = space, .weight = 1};
    magpie_query query = *settings;
    query.parts = &part;
    query.part_count = 1;
    magpie_result *alone = NULL;
    assert_ok(magpie_search(ix, &query, &alone, err));
    assert_same(results[i], alone);
    magpie_result_destroy(alone);
    magpie_result_destroy(results[i]);
  }
}

static void check_space(magpie *ix, const char *space, const magpie_query *query) {
  magpie_result **results = calloc(ASKED, sizeof(magpie_result *));
  assert_non_null(results);
  float *asked = random_rows(ASKED, 2);
  assert_ok(magpie_search_vectors(ix, space, asked, ASKED, DIM, query, NULL, results, err));
  magpie_query settings;
  magpie_query_defaults(&settings);
  assert_as_alone(ix, space, query ? query : &settings, asked, ASKED, results);
  free(asked);
  free(results);
}

static void vectors_when_asked_at_once_then_as_one_by_one(void **state) {
  magpie *ix = open_with_spaces(*state);
  check_space(ix, "cosine", NULL);
  check_space(ix, "dot", NULL);
  magpie_query query;
  magpie_query_defaults(&query);
  query.k = 3;
  query.has_min_score = true;
  query.min_score = -6;
  check_space(ix, "l2", &query);
  magpie_close(&ix);
}

static void vectors_when_one_cannot_be_asked_then_named_and_no_result(void **state) {
  magpie *ix = open_with_spaces(*state);
  float *asked = random_rows(4, 2);
  magpie_result *results[4];
  const float bad[] = {NAN, INFINITY};
  for (size_t i = 0; i < 2; i++) {
    asked[2 * DIM + 5] = bad[i];
    memset(results, 1, sizeof results);
    assert_fails(MAGPIE_INVALID, "vector 3 of 4",
                 magpie_search_vectors(ix, "l2", asked, 4, DIM, NULL, NULL, results, err));
    for (size_t j = 0; j < 4; j++) assert_null(results[j]);
  }
  memset(asked, 0, 2 * DIM * sizeof *asked);
  assert_fails(MAGPIE_INVALID, "vector 1 of 2",
               magpie_search_vectors(ix, "cosine", asked, 2, DIM, NULL, NULL, results, err));
  assert_fails(MAGPIE_INVALID, "vector 1 of 2",
               magpie_search_vectors(ix, "dot", asked, 2, DIM - 1, NULL, NULL, results, err));
  assert_fails(MAGPIE_INVALID, "0 numbers",
               magpie_search_vectors(ix, "dot", asked, 2, 0, NULL, NULL, results, err));
  assert_fails(
      MAGPIE_INVALID, "no memory",
      magpie_search_vectors(ix, "dot", asked, SIZE_MAX / 8, DIM, NULL, NULL, results, err));
  assert_fails(MAGPIE_INVALID, "NULL",
               magpie_search_vectors(ix, "dot", NULL, 2, DIM, NULL, NULL, results, err));
  assert_ok(magpie_search_vectors(ix, "dot", NULL, 0, DIM, NULL, NULL, NULL, err));
  free(asked);
  magpie_close(&ix);
}

static void vectors_when_cancelled_then_no_result(void **state) {
  magpie *ix = open_with_spaces(*state);
  float *asked = random_rows(2, 2);
  magpie_result *results[2];
  const volatile int cancel = 1;
  assert_fails(MAGPIE_CANCELLED, "after 0 of 2",
               magpie_search_vectors(ix, "dot", asked, 2, DIM, NULL, &cancel, results, err));
  assert_null(results[0]);
  free(asked);
  magpie_close(&ix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(vectors_when_asked_at_once_then_as_one_by_one),
      store_test(vectors_when_one_cannot_be_asked_then_named_and_no_result),
      store_test(vectors_when_cancelled_then_no_result),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
