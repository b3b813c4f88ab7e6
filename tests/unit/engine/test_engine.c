/* SPDX-License-Identifier: Apache-2.0
 *
 * Open, add, search, close: through the public API, on words alone.
 */
#include "engine_fixture.h"

static void search_when_a_folder_was_added_then_finds_its_words(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  magpie_report report = {0};
  write_birds(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", &report, err));
  assert_int_equal(report.files_added, 3);
  assert_int_equal(report.items_added, 3);
  magpie_result *result = NULL;
  assert_ok(search_text(ix, "heron", &result, err));
  assert_int_equal(magpie_result_count(result), 1);
  const magpie_hit *hit = magpie_result_hit(result, 0);
  assert_string_equal(hit->title, "heron.txt");
  assert_string_equal(hit->text, "A heron waits by the water.");
  assert_string_equal(hit->source, path_in(f, "files/heron.txt"));
  magpie_result_destroy(result);
  assert_int_equal(count_hits(ix, "boats"), 2);
  assert_int_equal(count_hits(ix, "submarine"), 0);
  magpie_close(&ix);
  assert_null(ix);
  assert_ok(open_index(f, true, 0, &ix, err));
  assert_int_equal(count_hits(ix, "boats"), 2);
  assert_fails(MAGPIE_INVALID, "reading only", add_folder(f, ix, "files", NULL, err));
  magpie_close(&ix);
}

static void add_when_files_changed_then_takes_only_these(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  magpie_report report = {0};
  write_birds(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", NULL, err));
  assert_ok(add_folder(f, ix, "files", &report, err));
  assert_int_equal(report.files_unchanged, 3);
  assert_int_equal(report.generation, 0);
  write_text(f, "files/gull.txt", "A gull eats chips.");
  assert_int_equal(rename(path_in(f, "files/heron.txt"), path_in(f, "files/stork.txt")), 0);
  assert_int_equal(remove(path_in(f, "files/harbour.txt")), 0);
  assert_ok(add_folder(f, ix, "files", &report, err));
  assert_int_equal(report.files_changed, 1);
  assert_int_equal(report.files_moved, 1);
  assert_int_equal(report.files_removed, 1);
  assert_int_equal(report.items_added, 1);
  assert_int_equal(count_hits(ix, "boats"), 0);
  assert_int_equal(count_hits(ix, "chips"), 1);
  assert_int_equal(count_hits(ix, "stork"), 1);
  magpie_close(&ix);
}

static void remove_when_a_folder_is_named_then_its_items_go(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  magpie_report report = {0};
  write_birds(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", NULL, err));
  assert_ok(magpie_remove(ix, path_in(f, "files"), &report, err));
  assert_int_equal(report.files_removed, 3);
  assert_int_equal(report.items_removed, 3);
  assert_int_equal(count_hits(ix, "boats"), 0);
  assert_fails(MAGPIE_NOT_FOUND, "neither", magpie_remove(ix, path_in(f, "files"), NULL, err));
  magpie_close(&ix);
}

/* The whole life under one budget; what it came to. */
static magpie_status live_within(fixture *f, uint64_t budget) {
  magpie *ix = NULL;
  magpie_result *result = NULL;
  magpie_report report = {0};
  magpie_error err = {0};
  mgp_directory_remove(f->index, NULL);
  magpie_status status = open_index(f, false, budget, &ix, &err);
  if (status == MAGPIE_OK) status = add_folder(f, ix, "files", &report, &err);
  if (status == MAGPIE_OK && report.files_failed > 0) status = MAGPIE_NO_MEMORY;
  if (status == MAGPIE_OK) status = search_text(ix, "boats", &result, &err);
  if (status == MAGPIE_OK) assert_int_equal(magpie_result_count(result), 2);
  if (status != MAGPIE_OK && err.code != MAGPIE_OK) {
    assert_int_equal(err.code, status);
    assert_true(err.message[0] != '\0');
  }
  magpie_result_destroy(result);
  magpie_close(&ix);
  return status;
}

static void memory_limit_when_too_small_then_says_no_memory(void **state) {
  fixture *f = *state;
  write_birds(f);
  size_t refused = 0, held = 0;
  for (uint64_t budget = 512; budget <= (64u << 20); budget += budget / 2) {
    const magpie_status status = live_within(f, budget);
    assert_true(status == MAGPIE_OK || status == MAGPIE_NO_MEMORY);
    refused += status != MAGPIE_OK;
    held += status == MAGPIE_OK;
  }
  assert_true(refused > 5);
  assert_true(held > 0);
  assert_int_equal(live_within(f, 64u << 20), MAGPIE_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(search_when_a_folder_was_added_then_finds_its_words),
      store_test(add_when_files_changed_then_takes_only_these),
      store_test(remove_when_a_folder_is_named_then_its_items_go),
      store_test(memory_limit_when_too_small_then_says_no_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
