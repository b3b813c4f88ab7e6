/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors in bulk: found, replaced and removed by id, refused when wrong, sound to `check`.
 */
#include <math.h>

#include "engine_fixture.h"

#include "magpie/vectors.h"

static magpie *open_here(const fixture *f) {
  magpie *ix = NULL;
  assert_ok(open_index(f, false, 0, &ix, err));
  return ix;
}

static magpie_result *ask(magpie *ix, const char *space, const float *vector, size_t dim,
                          bool by_record) {
  const magpie_part part = {.vector = vector, .vector_dim = dim, .weight = 1, .space = space};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  query.by_record = by_record;
  magpie_result *result = NULL;
  assert_ok(magpie_search(ix, &query, &result, err));
  return result;
}

static const char *first_in(magpie *ix, const char *space, const float *vector, size_t dim) {
  static char id[600];
  magpie_result *result = ask(ix, space, vector, dim, false);
  snprintf(id, sizeof id, "%s",
           magpie_result_count(result) ? magpie_result_hit(result, 0)->id : "");
  magpie_result_destroy(result);
  return id;
}

static void assert_sound(const fixture *f) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  assert_ok(magpie_check(f->index, &options, &json, err));
  if (!strstr(json, "\"ok\":true")) fail_msg("%s", json);
  magpie_free(json);
}

static const float corners[4][3] = {{0, 2, 0}, {3, 0, 0}, {0, 0, 1}, {1, 1, 1}};
static const char *const names[4] = {"north", "east", "up", "between"};

static void vectors_when_added_then_found_got_and_removed_by_id(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  magpie_report report;
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.title = "corners.npy";
  assert_ok(magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, &options, &report, err));
  assert_int_equal(report.items_added, 4);
  assert_int_equal(report.generation, 1);
  assert_string_equal(first_in(ix, NULL, corners[1], 3), "east");
  magpie_result *result = ask(ix, NULL, corners[0], 3, true);
  assert_int_equal(magpie_result_count(result), 4); /* each is a record of its own */
  const magpie_hit *hit = magpie_result_hit(result, 0);
  assert_string_equal(hit->record, "north");
  assert_string_equal(hit->source, "corners.npy");
  assert_string_equal(hit->kind, "vector");
  assert_true(fabs(hit->scores[0].score - 1) < 1e-6);
  magpie_result_destroy(result);
  char *json = NULL;
  assert_ok(magpie_get(ix, "up", &json, err));
  assert_non_null(strstr(json, "\"record\":\"up\""));
  magpie_free(json);
  assert_ok(magpie_remove(ix, "north", &report, err));
  assert_int_equal(report.items_removed, 1);
  assert_string_equal(first_in(ix, NULL, corners[0], 3), "between");
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_an_id_comes_again_then_the_latest_counts(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  magpie_report report;
  assert_ok(magpie_space_add_vectors(ix, "a", names, corners[0], 4, 3, NULL, NULL, err));
  const char *const again[] = {"up", "north", "up"};
  assert_ok(magpie_space_add_vectors(ix, "a", again, corners[0], 3, 3, NULL, &report, err));
  assert_int_equal(report.items_added, 2);
  assert_int_equal(report.items_removed, 2);
  assert_string_equal(first_in(ix, "a", corners[1], 3), "east"); /* the older of two alike */
  assert_string_equal(first_in(ix, "a", corners[2], 3), "up");
  magpie_result *result = ask(ix, "a", corners[0], 3, false);
  assert_int_equal(magpie_result_count(result), 4);
  magpie_result_destroy(result);
  /* In another space: the id is one of the index. */
  assert_ok(magpie_space_add_vectors(ix, "b", names, corners[0], 4, 3, NULL, &report, err));
  assert_int_equal(report.items_removed, 4);
  assert_string_equal(first_in(ix, "a", corners[0], 3), "");
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_ids_are_numbers_then_decimal(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  const uint64_t numbers[] = {7, UINT64_MAX, 0, 12};
  options.numbers = numbers;
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, corners[0], 4, 3, &options, NULL, err));
  assert_string_equal(first_in(ix, NULL, corners[1], 3), "18446744073709551615");
  options.numbers = NULL;
  options.first = 12;
  magpie_report report;
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, corners[0], 4, 3, &options, &report, err));
  assert_int_equal(report.items_removed, 1);
  assert_string_equal(first_in(ix, NULL, corners[3], 3), "15");
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_wrong_then_named_and_none_is_added(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  float rows[4][3];
  const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  for (size_t i = 0; i < 4; i++) {
    memcpy(rows, corners, sizeof rows);
    rows[2][1] = bad[i];
    assert_fails(MAGPIE_INVALID, "vector 3 of 4",
                 magpie_space_add_vectors(ix, NULL, names, rows[0], 4, 3, NULL, NULL, err));
  }
  memset(rows, 0, sizeof rows);
  assert_fails(MAGPIE_INVALID, "vector 1 of 4: it has no direction",
               magpie_space_add_vectors(ix, NULL, names, rows[0], 4, 3, NULL, NULL, err));
  static const char *const wrong[] = {"", "@x", "a\nb", "a#12", NULL};
  for (size_t i = 0; i < 5; i++) {
    const char *const ids[] = {"fine#", "x", wrong[i]};
    assert_fails(MAGPIE_INVALID, "vector 3 of 3",
                 magpie_space_add_vectors(ix, NULL, ids, corners[0], 3, 3, NULL, NULL, err));
  }
  assert_fails(MAGPIE_INVALID, "0 numbers",
               magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 0, NULL, NULL, err));
  assert_fails(MAGPIE_INVALID, "without ~",
               magpie_space_add_vectors(ix, "a~1", names, corners[0], 4, 3, NULL, NULL, err));
  assert_fails(
      MAGPIE_INVALID, "fit in no memory",
      magpie_space_add_vectors(ix, NULL, names, corners[0], SIZE_MAX / 4, 3, NULL, NULL, err));
  magpie_report report = {.items_added = 9};
  assert_ok(magpie_space_add_vectors(ix, NULL, names, NULL, 0, 3, NULL, &report, err));
  assert_int_equal(report.items_added, 0);
  char *json = NULL;
  assert_ok(magpie_describe(ix, &json, err));
  assert_non_null(strstr(json, "\"generation\":0"));
  magpie_free(json);
  assert_ok(magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, NULL, NULL, err));
  assert_fails(MAGPIE_INVALID, "vectors of 3",
               magpie_space_add_vectors(ix, NULL, names, corners[3], 1, 2, NULL, NULL, err));
  assert_fails(MAGPIE_INVALID, "holds what",
               magpie_space_add_vectors(ix, "words", names, corners[0], 4, 3, NULL, NULL, err));
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_of_any_length_or_all_equal_then_found(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  static const size_t dims[] = {1, 15, 16, 17, 8192, MAGPIE_VECTOR_DIM_MAX};
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
    float *rows = calloc(5 * dims[d], sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < 5 * dims[d]; i++) rows[i] = 1e-18f; /* a square of 1e-36: small, fine */
    char space[32];
    snprintf(space, sizeof space, "d%zu", dims[d]);
    magpie_vectors_options options;
    magpie_vectors_options_defaults(&options);
    options.first = d * 10;
    assert_ok(magpie_space_add_vectors(ix, space, NULL, rows, 5, dims[d], &options, NULL, err));
    magpie_result *result = ask(ix, space, rows, dims[d], false);
    assert_int_equal(magpie_result_count(result), 5);
    for (size_t i = 0; i < 5; i++) { /* ties break by age */
      char id[24];
      snprintf(id, sizeof id, "%zu", d * 10 + i);
      assert_string_equal(magpie_result_hit(result, i)->id, id);
      assert_true(fabs(magpie_result_hit(result, i)->scores[0].score - 1) < 1e-4);
    }
    magpie_result_destroy(result);
    free(rows);
  }
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_beside_records_then_both_stay(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const magpie_record record = {.id = "north", .text = "a heron", .vector = corners[3], .dim = 3};
  assert_ok(magpie_add_records(ix, &record, 1, NULL, NULL, err));
  assert_ok(magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, NULL, NULL, err));
  assert_string_equal(first_in(ix, NULL, corners[0], 3), "north");
  assert_string_equal(first_in(ix, NULL, corners[3], 3), "north#1");
  assert_int_equal(count_hits(ix, "heron"), 1);
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  assert_ok(magpie_merge(ix, &options, NULL, err));
  assert_string_equal(first_in(ix, NULL, corners[0], 3), "north");
  magpie_close(&ix);
  assert_sound(f);
}

static void vectors_when_cancelled_then_the_index_is_as_it_was(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const volatile int stop = 1;
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.cancel = &stop;
  assert_fails(MAGPIE_CANCELLED, "stopped",
               magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, &options, NULL, err));
  assert_ok(magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, NULL, NULL, err));
  magpie_close(&ix);
  assert_ok(open_index(f, true, 0, &ix, err));
  assert_fails(MAGPIE_INVALID, "reading only",
               magpie_space_add_vectors(ix, NULL, names, corners[0], 4, 3, NULL, NULL, err));
  magpie_close(&ix);
}

/* More than one piece and one block of live items, with ids in no order. */
static void vectors_when_many_then_every_one_is_its_own_nearest(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  enum { N = 20000, DIM = 20 };
  float *rows = calloc((size_t)N * DIM, sizeof *rows);
  uint64_t *ids = calloc(N, sizeof *ids);
  assert_non_null(rows);
  assert_non_null(ids);
  uint64_t random = 5;
  for (size_t i = 0; i < (size_t)N * DIM; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    rows[i] = (float)(random >> 40) / 8388608 - 1;
  }
  for (size_t i = 0; i < N; i++) ids[i] = i * 7919 % N;
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.numbers = ids;
  magpie_report report;
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, rows, N, DIM, &options, &report, err));
  assert_int_equal(report.items_added, N);
  for (size_t i = 0; i < N; i += 1237) {
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)ids[i]);
    assert_string_equal(first_in(ix, NULL, rows + i * DIM, DIM), id);
  }
  free(rows);
  free(ids);
  magpie_close(&ix);
  assert_sound(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(vectors_when_added_then_found_got_and_removed_by_id),
      store_test(vectors_when_an_id_comes_again_then_the_latest_counts),
      store_test(vectors_when_ids_are_numbers_then_decimal),
      store_test(vectors_when_wrong_then_named_and_none_is_added),
      store_test(vectors_when_of_any_length_or_all_equal_then_found),
      store_test(vectors_when_beside_records_then_both_stay),
      store_test(vectors_when_cancelled_then_the_index_is_as_it_was),
      store_test(vectors_when_many_then_every_one_is_its_own_nearest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
