/* SPDX-License-Identifier: Apache-2.0
 *
 * Large segments: merges give them a graph, searches use it and find what a scan finds, whatever
 * the filter, the deletes and the damage.
 */
#include "engine_fixture.h"

#include "engine/merge_extras.h"
#include "magpie/vectors.h"

#define DIM 32
#define CLUSTERS 40
#define ROWS 6000
#define LEAST_ROWS 2000
#define QUERIES 60

static uint64_t chance = 20261123;

static float gauss(void) {
  double sum = 0;
  for (int i = 0; i < 8; i++) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    sum += (double)(chance >> 33) / 2147483648.0 - 0.5;
  }
  return (float)sum;
}

/* Row i lies around centre i % CLUSTERS. */
static float *make_rows(size_t count) {
  static float centres[CLUSTERS][DIM];
  chance = 20261123;
  for (size_t c = 0; c < CLUSTERS; c++)
    for (size_t j = 0; j < DIM; j++) centres[c][j] = gauss();
  float *rows = malloc(count * DIM * sizeof *rows);
  assert_non_null(rows);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < DIM; j++) rows[i * DIM + j] = centres[i % CLUSTERS][j] + 0.5F * gauss();
  return rows;
}

/* Rows first..first + count - 1 with their number as id. */
static void add_rows(magpie *ix, const float *rows, size_t first, size_t count, const char *kind) {
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.first = first;
  options.kind = kind;
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, rows + first * DIM, count, DIM, &options, NULL,
                                     err));
}

static void merge_all(magpie *ix) {
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  assert_ok(magpie_merge(ix, &options, NULL, err));
}

static magpie *open_with(const fixture *f, const float *rows, size_t count) {
  magpie *ix = NULL;
  *mgp_engine_extras_rows() = LEAST_ROWS;
  assert_ok(open_index(f, false, 0, &ix, err));
  for (size_t at = 0; at < count; at += 1500)
    add_rows(ix, rows, at, count - at < 1500 ? count - at : 1500, NULL);
  merge_all(ix);
  return ix;
}

typedef struct asked {
  const char *kinds;
  size_t k;
  bool exact;
} asked;

static magpie_result *ask(magpie *ix, const float *vector, asked how) {
  const magpie_part part = {.vector = vector, .vector_dim = DIM, .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  query.k = how.k ? how.k : 10;
  query.kinds = how.kinds;
  query.exact = how.exact;
  query.explain = true;
  magpie_result *result = NULL;
  assert_ok(magpie_search(ix, &query, &result, err));
  return result;
}

static bool says(const magpie_result *result, const char *what) {
  char *json = NULL;
  assert_ok(magpie_result_json(result, &json, err));
  const bool found = strstr(json, what) != NULL;
  magpie_free(json);
  return found;
}

static size_t common(const magpie_result *a, const magpie_result *b) {
  size_t count = 0;
  for (size_t i = 0; i < magpie_result_count(a); i++)
    for (size_t j = 0; j < magpie_result_count(b); j++)
      count += strcmp(magpie_result_hit(a, i)->id, magpie_result_hit(b, j)->id) == 0;
  return count;
}

/* The share of the true nearest that is found, over queries near rows of one cluster (CLUSTERS: of
 * any); counts answers by another path than `path`. */
static double recall_of(magpie *ix, const float *rows, size_t cluster, const char *kinds,
                        const char *path, size_t *others) {
  size_t hits = 0, wanted = 0;
  *others = 0;
  for (size_t q = 0; q < QUERIES; q++) {
    float query[DIM];
    const size_t row = cluster < CLUSTERS ? q * CLUSTERS + cluster : q * 97;
    for (size_t j = 0; j < DIM; j++) query[j] = rows[row * DIM + j] + 0.3F * gauss();
    magpie_result *truth = ask(ix, query, (asked){.kinds = kinds, .exact = true});
    magpie_result *found = ask(ix, query, (asked){.kinds = kinds});
    assert_true(says(truth, "\"path\":\"rows\""));
    *others += !says(found, path);
    assert_int_equal(magpie_result_count(found), magpie_result_count(truth));
    hits += common(truth, found);
    wanted += magpie_result_count(truth);
    magpie_result_destroy(truth);
    magpie_result_destroy(found);
  }
  return wanted ? (double)hits / (double)wanted : 1;
}

static void segments_when_large_and_merged_then_searched_by_a_graph(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS);
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
  magpie *ix = open_with(f, rows, LEAST_ROWS - 1);
  magpie_result *result = ask(ix, rows, (asked){0});
  assert_true(says(result, "\"path\":\"rows\""));
  assert_string_equal(magpie_result_hit(result, 0)->id, "0");
  magpie_result_destroy(result);
  magpie_close(&ix);
  free(rows);
}

/* Kinds by cluster and by chance: "far" are all rows of clusters 20..39, "near" those of cluster 3,
 * "half" and "few" any half and any 30th of the rest. */
static magpie *open_kinds(const fixture *f, const float *rows) {
  magpie *ix = NULL;
  *mgp_engine_extras_rows() = LEAST_ROWS;
  assert_ok(open_index(f, false, 0, &ix, err));
  const char *const kinds[] = {"far", "near", "half", "few", "rest"};
  float *some = malloc(ROWS * DIM * sizeof *some);
  uint64_t *numbers = malloc(ROWS * sizeof *numbers);
  assert_true(some && numbers);
  for (size_t kind = 0; kind < 5; kind++) {
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
      const size_t cluster = i % CLUSTERS, draw = i * 2654435761u >> 7;
      const size_t is = cluster >= 20    ? 0
                        : cluster == 3   ? 1
                        : draw % 2 == 0  ? 2
                        : draw % 60 == 1 ? 3
                                         : 4;
      if (is != kind) continue;
      memcpy(some + count * DIM, rows + i * DIM, DIM * sizeof *some);
      numbers[count++] = i;
    }
    magpie_vectors_options options;
    magpie_vectors_options_defaults(&options);
    options.kind = kinds[kind];
    options.numbers = numbers;
    assert_ok(magpie_space_add_vectors(ix, NULL, NULL, some, count, DIM, &options, NULL, err));
  }
  free(some);
  free(numbers);
  merge_all(ix);
  return ix;
}

static void filters_when_near_far_or_free_of_the_query_then_found_as_by_a_scan(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_kinds(f, rows);
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
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_kinds(f, rows);
  magpie_result *all = ask(ix, rows, (asked){.kinds = "few", .k = 10000, .exact = true});
  magpie_result *found = ask(ix, rows, (asked){.kinds = "few", .k = 10000});
  assert_true(magpie_result_count(all) > 20);
  assert_int_equal(magpie_result_count(found), magpie_result_count(all));
  assert_int_equal(common(found, all), magpie_result_count(all));
  magpie_result_destroy(all);
  magpie_result_destroy(found);
  found = ask(ix, rows, (asked){.kinds = "no-such-kind"});
  assert_int_equal(magpie_result_count(found), 0);
  magpie_result_destroy(found);
  for (size_t k = 1; k <= 4000; k = k * 5 + 1) {
    found = ask(ix, rows, (asked){.kinds = "far", .k = k});
    assert_int_equal(magpie_result_count(found), k < ROWS / 2 ? k : ROWS / 2);
    magpie_result_destroy(found);
  }
  magpie_close(&ix);
  free(rows);
}

static void items_when_removed_then_never_found_before_and_after_a_merge(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS);
  for (size_t i = 0; i < 400; i++) { /* all of cluster 5, and others */
    char id[24];
    snprintf(id, sizeof id, "%zu", i < 150 ? 5 + i * CLUSTERS : (i - 150) * 23 + 1);
    const magpie_status status = magpie_remove(ix, id, NULL, NULL);
    assert_true(status == MAGPIE_OK || status == MAGPIE_NOT_FOUND);
  }
  for (int round = 0; round < 3; round++) {
    size_t others = 0;
    const double recall = recall_of(ix, rows, round == 0 ? 5 : CLUSTERS, NULL, "\"path\"", &others);
    if (recall < 0.95) fail_msg("recall %.3f in round %d", recall, round);
    magpie_result *found = ask(ix, rows + 5 * DIM, (asked){.k = 100});
    assert_int_equal(magpie_result_count(found), 100);
    for (size_t i = 0; i < 100; i++)
      assert_int_not_equal(atoi(magpie_result_hit(found, i)->id) % CLUSTERS, 5);
    magpie_result_destroy(found);
    if (round == 1) add_rows(ix, rows, 0, 500, NULL); /* cluster 5 is back in part: take it out */
    for (size_t i = 5; round == 1 && i < 500; i += CLUSTERS) {
      char id[24];
      snprintf(id, sizeof id, "%zu", i);
      assert_ok(magpie_remove(ix, id, NULL, err));
    }
    merge_all(ix);
  }
  magpie_close(&ix);
  free(rows);
}

/* Flips a byte of the graph of the only file of vectors. */
static void damage_graph(const fixture *f) {
  char command[600];
  snprintf(command, sizeof command,
           "p=$(ls -S %s/segments/*.seg | head -1); s=$(stat -c %%s $p); "
           "printf 'X' | dd of=$p bs=1 seek=$((s - 5000)) conv=notrunc 2>/dev/null",
           f->index);
  assert_int_equal(system(command), 0);
}

static void graph_when_damaged_then_slower_told_and_repaired(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS);
  magpie_close(&ix);
  damage_graph(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  magpie_result *found = ask(ix, rows, (asked){0}), *truth = ask(ix, rows, (asked){.exact = true});
  assert_true(says(found, "\"path\":\"rows\""));
  assert_int_equal(common(found, truth), 10);
  assert_non_null(strstr(magpie_result_warning(found, 0), "compared one by one"));
  magpie_result_destroy(found);
  magpie_result_destroy(truth);
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  assert_ok(magpie_check(f->index, &options, &json, err));
  if (!strstr(json, "\"graph\"") || !strstr(json, "only speed")) fail_msg("%s", json);
  magpie_free(json);
  assert_ok(magpie_repair(ix, NULL, &json, err));
  if (!strstr(json, "\"ok\":true") || !strstr(json, "\"lost\":[]")) fail_msg("%s", json);
  magpie_free(json);
  found = ask(ix, rows, (asked){0});
  assert_true(says(found, "\"path\":\"graph\""));
  assert_null(magpie_result_warning(found, 0));
  magpie_result_destroy(found);
  magpie_close(&ix);
  free(rows);
}

static volatile int stop;

static void stop_while_building(void *context, const magpie_event *event) {
  const uint64_t *vectors = context;
  if (event->bytes_done > *vectors + *vectors / 8) stop = 1;
}

static void merges_when_cancelled_in_the_graph_then_as_before(void **state) {
  const fixture *f = *state;
  float *rows = make_rows(4 * ROWS);
  magpie *ix = NULL;
  *mgp_engine_extras_rows() = SIZE_MAX;
  assert_ok(open_index(f, false, 0, &ix, err));
  add_rows(ix, rows, 0, 4 * ROWS, NULL);
  *mgp_engine_extras_rows() = LEAST_ROWS;
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  options.cancel = &stop;
  options.progress = stop_while_building;
  uint64_t vectors = 4 * ROWS * DIM * sizeof *rows;
  options.progress_context = &vectors;
  stop = 0;
  assert_int_equal(magpie_merge(ix, &options, NULL, NULL), MAGPIE_CANCELLED);
  magpie_result *found = ask(ix, rows, (asked){0});
  assert_true(says(found, "\"path\":\"rows\""));
  magpie_result_destroy(found);
  merge_all(ix);
  found = ask(ix, rows, (asked){0});
  assert_true(says(found, "\"path\":\"graph\""));
  magpie_result_destroy(found);
  magpie_close(&ix);
  free(rows);
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
