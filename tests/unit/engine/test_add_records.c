/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from memory: found by word and by vector, replaced by id, all or none when one is wrong.
 */
#include "engine_fixture.h"

static magpie *open_here(const fixture *f) {
  magpie *ix = NULL;
  assert_ok(open_index(f, false, 0, &ix, err));
  return ix;
}

static const char *first_by_vector(magpie *ix, const float *vector, size_t dim) {
  static char id[600];
  const magpie_part part = {.vector = vector, .vector_dim = dim, .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  magpie_result *result = NULL;
  assert_ok(magpie_search(ix, &query, &result, err));
  snprintf(id, sizeof id, "%s",
           magpie_result_count(result) ? magpie_result_hit(result, 0)->id : "");
  magpie_result_destroy(result);
  return id;
}

static void records_when_added_then_found_by_word_and_vector(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const float north[] = {0, 2, 0}, east[] = {3, 0, 0};
  const magpie_record records[] = {
      {.id = "a", .text = "a heron waits", .vector = north, .dim = 3},
      {.id = "b", .text = "a gull cries", .vector = east, .dim = 3, .kind = "bird"},
      {.id = "c", .text = "boats rest", .title = "Harbour", .metadata = "{\"year\":1990}"}};
  magpie_report report;
  assert_ok(magpie_add_records(ix, records, 3, NULL, &report, err));
  assert_int_equal(report.files_added, 3);
  assert_int_equal(report.items_added, 3);
  assert_int_equal(report.generation, 1);
  assert_int_equal(count_hits(ix, "heron"), 1);
  assert_int_equal(count_hits(ix, "harbour"), 1);
  assert_string_equal(first_by_vector(ix, north, 3), "a#1");
  assert_string_equal(first_by_vector(ix, east, 3), "b#1");
  char *json = NULL;
  assert_ok(magpie_get(ix, "c#1", &json, err));
  assert_non_null(strstr(json, "1990"));
  magpie_free(json);
  magpie_close(&ix);
  ix = open_here(f);
  assert_string_equal(first_by_vector(ix, east, 3), "b#1");
  magpie_close(&ix);
}

static void
records_when_known_then_unchanged_or_replaced_and_the_last_of_an_id_counts(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const magpie_record first[] = {{.id = "a", .text = "heron"}, {.id = "b", .text = "gull"}};
  const magpie_record second[] = {{.id = "b", .text = "gull"},
                                  {.id = "a", .text = "owl"},
                                  {.id = "c", .text = "tern"},
                                  {.id = "a", .text = "kestrel"}};
  magpie_report report;
  assert_ok(magpie_add_records(ix, first, 2, NULL, NULL, err));
  assert_ok(magpie_add_records(ix, second, 4, NULL, &report, err));
  assert_int_equal(report.files_unchanged, 1);
  assert_int_equal(report.files_changed, 1);
  assert_int_equal(report.files_added, 1);
  assert_int_equal(count_hits(ix, "heron"), 0);
  assert_int_equal(count_hits(ix, "owl"), 0);
  assert_int_equal(count_hits(ix, "kestrel"), 1);
  assert_int_equal(count_hits(ix, "gull"), 1);
  magpie_close(&ix);
}

static void records_when_one_is_wrong_then_named_and_none_is_added(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const float zeros[3] = {0}, vector[] = {1, 2, 3};
  static char long_id[600];
  memset(long_id, 'x', sizeof long_id - 1);
  const struct {
    magpie_record record;
    const char *part;
  } wrong[] = {
      {{.text = "x"}, "record 2 of 2 (without id)"},
      {{.id = "", .text = "x"}, "1 to 512 bytes"},
      {{.id = long_id, .text = "x"}, "1 to 512 bytes"},
      {{.id = "@x", .text = "x"}, "no @"},
      {{.id = "x"}, "neither a text nor a vector"},
      {{.id = "x", .vector = zeros, .dim = 3}, "no direction"},
      {{.id = "x", .vector = vector, .dim = 0}, "0 numbers"},
      {{.id = "x", .text = "x", .metadata = "[1]"}, "JSON object"},
      {{.id = "x", .text = "x", .metadata = "{\"a\":"}, "record 2 of 2 (x)"},
      {{.id = "x", .text = "x", .kind = "a,b"}, "no comma"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const magpie_record records[] = {{.id = "good", .text = "heron"}, wrong[i].record};
    assert_fails(MAGPIE_INVALID, wrong[i].part,
                 magpie_add_records(ix, records, 2, NULL, NULL, err));
  }
  assert_int_equal(count_hits(ix, "heron"), 0);
  magpie_report report;
  assert_ok(magpie_add_records(ix, NULL, 0, NULL, &report, err));
  assert_int_equal(report.files_added, 0);
  magpie_close(&ix);
}

/* What only the index can know goes to the ledger, and the others are added. */
static void records_when_a_vector_does_not_fit_its_space_then_in_the_ledger(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  const float three[] = {1, 2, 3}, two[] = {1, 2};
  const magpie_record records[] = {{.id = "a", .vector = three, .dim = 3},
                                   {.id = "b", .vector = two, .dim = 2},
                                   {.id = "c", .vector = two, .dim = 2, .space = "plane"}};
  magpie_report report;
  assert_ok(magpie_add_records(ix, records, 3, NULL, &report, err));
  assert_int_equal(report.files_added, 2);
  assert_int_equal(report.files_failed, 1);
  char *json = NULL;
  assert_ok(magpie_failures(ix, &json, err));
  assert_non_null(strstr(json, "vectors of 3"));
  magpie_free(json);
  magpie_close(&ix);
}

static void records_when_long_then_cut_into_passages(void **state) {
  const fixture *f = *state;
  magpie *ix = open_here(f);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (int i = 0; i < 800; i++) mgp_buffer_printf(&b, "The heron number %d stands still. ", i);
  char *text = mgp_buffer_take(&b);
  const magpie_record record = {.id = "long", .text = text};
  magpie_report report;
  assert_ok(magpie_add_records(ix, &record, 1, NULL, &report, err));
  assert_true(report.items_added > 10);
  mgp_free(NULL, text);
  magpie_close(&ix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(records_when_added_then_found_by_word_and_vector),
      store_test(records_when_known_then_unchanged_or_replaced_and_the_last_of_an_id_counts),
      store_test(records_when_one_is_wrong_then_named_and_none_is_added),
      store_test(records_when_a_vector_does_not_fit_its_space_then_in_the_ledger),
      store_test(records_when_long_then_cut_into_passages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
