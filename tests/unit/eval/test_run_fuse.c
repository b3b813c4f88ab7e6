/* SPDX-License-Identifier: Apache-2.0
 *
 * Fusion of runs: values by hand, weights, depth, queries of one run only, failing allocations.
 */
#include "ranked_fixture.h"

static float score_of(const magpie_run *run, const char *query, const char *document) {
  const magpie_run_hit *hits = NULL;
  const size_t count = magpie_run_hits(run, query, &hits);
  for (size_t i = 0; i < count; i++)
    if (strcmp(hits[i].document, document) == 0) return hits[i].score;
  fail_msg("%s is not among the hits of %s", document, query);
  return 0;
}

static void fuse_when_two_runs_then_ranks_are_summed(void **state) {
  (void)state;
  magpie_run *runs[] = {run_of("q a 3\nq b 2\nq c 1\nonly a 1\n"), run_of("q d 9\nq b 8\nz y 1\n")};
  magpie_run *fused = NULL;
  assert_ok(magpie_run_fuse((const magpie_run *const *)runs, NULL, 2, 60, 0, &fused, NULL));
  assert_hits(fused, "q", "b d a c ");
  assert_true(score_of(fused, "q", "b") == (float)(2. / 62));
  assert_true(score_of(fused, "q", "d") == (float)(1. / 61));
  assert_true(score_of(fused, "q", "c") == (float)(1. / 63));
  assert_hits(fused, "only", "a ");
  assert_hits(fused, "z", "y ");
  assert_string_equal(magpie_run_query(fused, 2), "z");
  assert_int_equal(magpie_run_query_count(fused), 3);
  /* the fused run goes on as any other */
  assert_int_equal(magpie_run_add(fused, "q", "c", 1, NULL), MAGPIE_INVALID);
  assert_ok(magpie_run_add(fused, "q", "new", 1, NULL));
  assert_hits(fused, "q", "new b d a c ");
  magpie_run_destroy(fused);
  for (size_t i = 0; i < 2; i++) magpie_run_destroy(runs[i]);
}

static void fuse_when_weights_and_depth_then_both_count(void **state) {
  (void)state;
  magpie_run *runs[] = {run_of("q a 3\nq b 2\n"), run_of("q c 9\nq b 8\n")};
  const double weights[] = {2, -1};
  magpie_run *fused = NULL;
  assert_ok(magpie_run_fuse((const magpie_run *const *)runs, weights, 2, 1, 2, &fused, NULL));
  assert_hits(fused, "q", "a b ");
  assert_true(score_of(fused, "q", "a") == 1.0f);
  assert_true(score_of(fused, "q", "b") == (float)(2. / 3 - 1. / 3));
  magpie_run_destroy(fused);
  for (size_t i = 0; i < 2; i++) magpie_run_destroy(runs[i]);
}

static void fuse_when_times_are_known_then_are_summed(void **state) {
  (void)state;
  magpie_run *runs[] = {run_of("q a 3\nr a 1\n"), run_of("q a 3\nr a 1\n")};
  assert_ok(magpie_run_asked(runs[0], "q", 2, NULL));
  assert_ok(magpie_run_asked(runs[1], "q", 3, NULL));
  assert_ok(magpie_run_asked(runs[0], "r", 2, NULL));
  assert_ok(magpie_run_asked(runs[0], "nothing", 1, NULL));
  magpie_run *fused = NULL;
  assert_ok(magpie_run_fuse((const magpie_run *const *)runs, NULL, 2, 60, 0, &fused, NULL));
  assert_true(magpie_run_ms(fused, "q") == 5);
  assert_true(magpie_run_ms(fused, "r") == -1);
  assert_int_equal(magpie_run_query_count(fused), 3);
  assert_hits(fused, "nothing", "");
  magpie_run_destroy(fused);
  for (size_t i = 0; i < 2; i++) magpie_run_destroy(runs[i]);
}

/* Against a plain loop over all documents, with more of them than the first room holds. */
static void fuse_when_many_then_equals_plain_sums(void **state) {
  (void)state;
  enum { QUERIES = 9, DOCUMENTS = 700, RUNS = 3 };
  static double sums[QUERIES][DOCUMENTS];
  memset(sums, 0, sizeof sums);
  magpie_run *runs[RUNS] = {0}, *fused = NULL;
  char query[16], document[16];
  uint32_t seed = 11;
  for (size_t r = 0; r < RUNS; r++) {
    assert_ok(magpie_run_create(&runs[r], NULL));
    for (size_t q = r; q < QUERIES; q++) {
      snprintf(query, sizeof query, "q%zu", q);
      const size_t step = 1 + (seed = seed * 1664525u + 1013904223u) % 600, start = seed >> 16;
      for (size_t i = 0; i < 300; i++) { /* 701 is prime: no document comes twice */
        const size_t d = (start + i * step) % 701;
        if (d >= DOCUMENTS) continue;
        snprintf(document, sizeof document, "d%zu", d);
        assert_ok(magpie_run_add(runs[r], query, document, -(double)i, NULL));
      }
      const magpie_run_hit *hits = NULL;
      const size_t count = magpie_run_hits(runs[r], query, &hits);
      for (size_t i = 0; i < count; i++)
        sums[q][atoi(hits[i].document + 1)] += 1 / (60 + (double)(i + 1));
    }
  }
  assert_ok(magpie_run_fuse((const magpie_run *const *)runs, NULL, RUNS, 60, 0, &fused, NULL));
  for (size_t q = 0; q < QUERIES; q++) {
    size_t expected = 0;
    snprintf(query, sizeof query, "q%zu", q);
    const magpie_run_hit *hits = NULL;
    const size_t count = magpie_run_hits(fused, query, &hits);
    for (size_t d = 0; d < DOCUMENTS; d++) expected += sums[q][d] > 0;
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
      assert_true(hits[i].score == (float)sums[q][atoi(hits[i].document + 1)]);
      if (i > 0) assert_true(mgp_hit_before(&hits[i - 1], &hits[i]));
    }
  }
  magpie_run_destroy(fused);
  for (size_t r = 0; r < RUNS; r++) magpie_run_destroy(runs[r]);
}

static void fuse_when_argument_is_bad_then_is_invalid(void **state) {
  (void)state;
  magpie_run *run = run_of("q a 1\n"), *fused = NULL;
  const magpie_run *one = run, *none = NULL;
  const double nan = NAN;
  magpie_error err = {0};
  assert_int_equal(magpie_run_fuse(NULL, NULL, 1, 60, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, NULL, 0, 60, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, NULL, 1001, 60, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&none, NULL, 1, 60, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, &nan, 1, 60, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, NULL, 1, -1, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, NULL, 1, NAN, 0, &fused, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_fuse(&one, NULL, 1, 60, 0, NULL, &err), MAGPIE_INVALID);
  assert_null(fused);
  magpie_run_destroy(run);
}

static magpie_status fuse_with(mgp_alloc *a, void *context, magpie_error *err) {
  magpie_run *fused = NULL;
  const magpie_status status = mgp_run_fuse_in(a, context, NULL, 2, 60, 0, &fused, err);
  assert_true((status == MAGPIE_OK) == (fused != NULL));
  magpie_run_destroy(fused);
  return status;
}

static void fuse_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (int i = 0; i < 300; i++) mgp_buffer_printf(&b, "q%d d%d %d\n", i % 20, i / 4, i);
  magpie_run *runs[] = {run_of(b.data), run_of("q1 d1 1\nq99 x 1\n")};
  each_allocation_fails(fuse_with, runs);
  mgp_buffer_fini(&b);
  for (size_t i = 0; i < 2; i++) magpie_run_destroy(runs[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fuse_when_two_runs_then_ranks_are_summed),
      cmocka_unit_test(fuse_when_weights_and_depth_then_both_count),
      cmocka_unit_test(fuse_when_times_are_known_then_are_summed),
      cmocka_unit_test(fuse_when_many_then_equals_plain_sums),
      cmocka_unit_test(fuse_when_argument_is_bad_then_is_invalid),
      cmocka_unit_test(fuse_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
