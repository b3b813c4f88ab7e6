/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments too large for a graph: merges give them clusters, searches use them and find what a scan
 * finds, whatever the filter, the deletes and the damage.
 */
#include "large_segments.h"

#define NO_ROOM 1 /* byte for a graph */

static void segments_when_too_large_for_a_graph_then_searched_by_clusters(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS, NO_ROOM);
  size_t others = 0;
  const double recall = recall_of(ix, rows, CLUSTERS, NULL, "\"path\":\"clusters\"", &others);
  assert_int_equal(others, 0);
  if (recall < 0.95) fail_msg("recall %.3f", recall);
  magpie_close(&ix);
  ix = NULL;
  assert_ok(open_index(f, true, 0, &ix, err));
  assert_true(recall_of(ix, rows, CLUSTERS, NULL, "\"path\":\"clusters\"", &others) >= 0.95);
  assert_int_equal(others, 0);
  magpie_close(&ix);
  char *json = NULL;
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  assert_ok(magpie_check(f->index, &options, &json, err));
  if (!strstr(json, "\"ok\":true")) fail_msg("%s", json);
  magpie_free(json);
  free(rows);
}

/* A merge of segments with clusters, and of one with a graph: what is too large for a graph gets
 * clusters, and the next merge, with room, a graph. */
static void segments_when_the_room_changes_then_what_fits(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(2 * ROWS);
  magpie *ix = open_with(f, rows, ROWS, NO_ROOM);
  static const char *const paths[] = {"\"path\":\"graph\"", "\"path\":\"clusters\""};
  for (size_t round = 0; round < 2; round++) {
    *mgp_engine_graph_bytes() = round == 0 ? UINT64_MAX : 1;
    add_rows(ix, rows, ROWS + round * 100, 100, NULL);
    merge_all(ix);
    magpie_result *found = ask(ix, rows, (asked){0});
    assert_true(says(found, paths[round]));
    magpie_result_destroy(found);
    magpie_merge_report report;
    assert_ok(magpie_merge(ix, NULL, &report, err));
    assert_int_equal(report.merges, 0);
  }
  magpie_close(&ix);
  free(rows);
}

static void filters_when_near_far_or_free_of_the_query_then_found_as_by_a_scan(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_kinds(f, rows, NO_ROOM);
  const struct {
    const char *kinds;
    size_t cluster;
    const char *path;
  } cases[] = {
      {"near", 3, "\"path\":\"survivors\""},
      {"half", CLUSTERS, "\"path\":\"clusters"},
      {"far", 3, "\"path\":\"clusters"},
      {"far", 30, "\"path\":\"clusters"},
      {"far,half,rest", 3, "\"path\":\"clusters"},
      {"half,rest,near,few", 25, "\"path\":\"clusters"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t others = 0;
    const double recall =
        recall_of(ix, rows, cases[i].cluster, cases[i].kinds, cases[i].path, &others);
    if (recall < 0.95 || others > 0)
      fail_msg("kinds %s near cluster %zu: recall %.3f, %zu another way", cases[i].kinds,
               cases[i].cluster, recall, others);
  }
  magpie_close(&ix);
  free(rows);
}

static void filters_when_few_items_are_left_then_all_of_them_are_found(void **state) {
  check_few_items(*state, NO_ROOM);
}

static void items_when_removed_then_never_found_before_and_after_a_merge(void **state) {
  check_removed_items(*state, NO_ROOM);
}

static void clusters_when_damaged_then_slower_told_and_repaired(void **state) {
  check_damage(*state, NO_ROOM, "\"clusters\"", "\"path\":\"clusters\"");
}

static void merges_when_cancelled_in_the_clusters_then_as_before(void **state) {
  check_cancelled_merge(*state, NO_ROOM, "\"path\":\"clusters\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(segments_when_too_large_for_a_graph_then_searched_by_clusters),
      store_test(segments_when_the_room_changes_then_what_fits),
      store_test(filters_when_near_far_or_free_of_the_query_then_found_as_by_a_scan),
      store_test(filters_when_few_items_are_left_then_all_of_them_are_found),
      store_test(items_when_removed_then_never_found_before_and_after_a_merge),
      store_test(clusters_when_damaged_then_slower_told_and_repaired),
      store_test(merges_when_cancelled_in_the_clusters_then_as_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
