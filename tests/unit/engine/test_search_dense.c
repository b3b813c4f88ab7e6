/* SPDX-License-Identifier: Apache-2.0
 *
 * Large segments: merges give them a graph, searches use it and find what a scan finds, whatever
 * the filter, the deletes and the damage.
 */
#include "large_segments.h"

static void segments_when_large_and_merged_then_searched_by_a_graph(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS, UINT64_MAX);
  size_t others = 0;
  const double recall = recall_of(ix, rows, CLUSTERS, NULL, "\"path\":\"graph\"", &others);
  assert_int_equal(others, 0);
  if (recall < 0.95) fail_msg("recall %.3f", recall);
  magpie_close(&ix);
  ix = NULL;
  assert_ok(open_index(f, true, 0, &ix, err));
  assert_true(recall_of(ix, rows, CLUSTERS, NULL, "\"path\":\"graph\"", &others) >= 0.95);
  assert_int_equal(others, 0);
  magpie_close(&ix);
  free(rows);
}

static void segments_when_large_together_then_the_next_merge_makes_a_graph(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = NULL;
  *mgp_engine_extras_rows() = SIZE_MAX;
  assert_ok(open_index(f, false, 0, &ix, err));
  add_rows(ix, rows, 0, LEAST_ROWS / 2, NULL);
  *mgp_engine_extras_rows() = LEAST_ROWS;
  magpie_result *result = ask(ix, rows, (asked){0});
  assert_true(says(result, "\"path\":\"rows\""));
  magpie_result_destroy(result);
  magpie_merge_report report;
  assert_ok(magpie_merge(ix, NULL, &report, err));
  assert_int_equal(report.merges, 0);
  add_rows(ix, rows, LEAST_ROWS / 2, LEAST_ROWS, NULL);
  assert_ok(magpie_merge(ix, NULL, &report, err));
  assert_int_equal(report.merges, 1);
  result = ask(ix, rows, (asked){0});
  assert_true(says(result, "\"path\":\"graph\""));
  magpie_result_destroy(result);
  assert_ok(magpie_merge(ix, NULL, &report, err));
  assert_int_equal(report.merges, 0);
  magpie_close(&ix);
  free(rows);
}

static void segments_when_small_then_every_row_is_compared(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(LEAST_ROWS - 1);
  magpie *ix = open_with(f, rows, LEAST_ROWS - 1, UINT64_MAX);
  magpie_result *result = ask(ix, rows, (asked){0});
  assert_true(says(result, "\"path\":\"rows\""));
  assert_string_equal(magpie_result_hit(result, 0)->id, "0");
  magpie_result_destroy(result);
  magpie_close(&ix);
  free(rows);
}

static void filters_when_near_far_or_free_of_the_query_then_found_as_by_a_scan(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_kinds(f, rows, UINT64_MAX);
  const struct {
    const char *kinds;
    size_t cluster;
    const char *path;
  } cases[] = {
      {"half", CLUSTERS, "\"path\":\"survivors\""},
      {"few", CLUSTERS, "\"path\":\"survivors\""},
      {"near", 3, "\"path\":\"survivors\""},
      {"near", 30, "\"path\":\"survivors\""},
      {"far", 3, "\"path\":\"graph-codes\""},
      {"far", 30, "\"path\":\"graph\""},
      /* The codes or the allowed nodes alone, as costs less: no plain walk. */
      {"far,half,rest", 3, "\"path\":\"graph-"},
      {"half,rest,near,few", 25, "\"path\":\"graph-"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t others = 0;
    const double recall =
        recall_of(ix, rows, cases[i].cluster, cases[i].kinds, cases[i].path, &others);
    if (recall < 0.95)
      fail_msg("kinds %s near cluster %zu: recall %.3f", cases[i].kinds, cases[i].cluster, recall);
    if (others > QUERIES / 2)
      fail_msg("kinds %s near cluster %zu: %zu of %d went another way than %s", cases[i].kinds,
               cases[i].cluster, others, QUERIES, cases[i].path);
  }
  magpie_close(&ix);
  free(rows);
}

/* Every fourth row, wherever it lies: too many to be read one by one, too few among the nearest.
 */
static void
filters_when_thin_and_everywhere_then_the_graph_of_allowed_rows_is_walked(void **state) {
  const fixture *f = *state;
  const size_t count = 5 * ROWS;
  float *rows = make_rows(count);
  float *some = malloc(count * DIM * sizeof *some);
  uint64_t *numbers = malloc(count * sizeof *numbers);
  assert_true(some && numbers);
  magpie *ix = NULL;
  *mgp_engine_extras_rows() = LEAST_ROWS;
  assert_ok(open_index(f, false, 0, &ix, err));
  for (size_t thin = 0; thin < 2; thin++) {
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
      if ((i / CLUSTERS % 4 == 0) != (thin == 0)) continue;
      memcpy(some + taken * DIM, rows + i * DIM, DIM * sizeof *some);
      numbers[taken++] = i;
    }
    magpie_vectors_options options;
    magpie_vectors_options_defaults(&options);
    options.kind = thin == 0 ? "thin" : "rest";
    options.numbers = numbers;
    assert_ok(magpie_space_add_vectors(ix, NULL, NULL, some, taken, DIM, &options, NULL, err));
  }
  merge_all(ix);
  size_t others = 0;
  const double recall =
      recall_of(ix, rows, CLUSTERS, "thin", "\"path\":\"graph-filtered\"", &others);
  if (recall < 0.95 || others > QUERIES / 4)
    fail_msg("recall %.3f, %zu of %d another way", recall, others, QUERIES);
  magpie_close(&ix);
  free(numbers);
  free(some);
  free(rows);
}

static void filters_when_few_items_are_left_then_all_of_them_are_found(void **state) {
  check_few_items(*state, UINT64_MAX);
}

static void items_when_removed_then_never_found_before_and_after_a_merge(void **state) {
  check_removed_items(*state, UINT64_MAX);
}

static void graph_when_damaged_then_slower_told_and_repaired(void **state) {
  check_damage(*state, UINT64_MAX, "\"graph\"", "\"path\":\"graph\"");
}

static void merges_when_cancelled_in_the_graph_then_as_before(void **state) {
  check_cancelled_merge(*state, UINT64_MAX, "\"path\":\"graph\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(segments_when_large_and_merged_then_searched_by_a_graph),
      store_test(segments_when_large_together_then_the_next_merge_makes_a_graph),
      store_test(segments_when_small_then_every_row_is_compared),
      store_test(filters_when_near_far_or_free_of_the_query_then_found_as_by_a_scan),
      store_test(filters_when_thin_and_everywhere_then_the_graph_of_allowed_rows_is_walked),
      store_test(filters_when_few_items_are_left_then_all_of_them_are_found),
      store_test(items_when_removed_then_never_found_before_and_after_a_merge),
      store_test(graph_when_damaged_then_slower_told_and_repaired),
      store_test(merges_when_cancelled_in_the_graph_then_as_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
