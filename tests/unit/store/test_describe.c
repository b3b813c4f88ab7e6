/* SPDX-License-Identifier: Apache-2.0
 *
 * The index in numbers.
 */
#include "store_fixture.h"

static void describe_when_filled_then_counts_all(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_with_thumb(s, source, "p", "picture");
  add_item(s, source, "one", "passage");
  add_item(s, source, "two", "passage");
  assert_ok(add_segment_of(s, 1, err));
  assert_ok(add_segment_of(s, 2, err));
  assert_ok(mgp_store_failure_add(s, "/bad", "read", MAGPIE_IO, "no", err));
  assert_ok(mgp_store_commit(s, NULL, err));
  json_t *json = NULL;
  assert_ok(mgp_store_describe(s, &json, err));
  assert_int_equal(mgp_json_integer(json, "generation", -1), 1);
  assert_int_equal(mgp_json_integer(json, "sources", -1), 1);
  assert_int_equal(mgp_json_integer(json, "failures", -1), 1);
  const json_t *items = json_object_get(json, "items");
  assert_int_equal(json_object_size(items), 2);
  assert_int_equal(mgp_json_integer(items, "passage", -1), 2);
  assert_int_equal(mgp_json_integer(items, "image", -1), 1);
  const json_t *segments = json_object_get(json, "segments");
  assert_int_equal(json_array_size(segments), 2);
  const json_t *first = json_array_get(segments, 0);
  char path[192];
  snprintf(path, sizeof path, "%s/%s", f->index, mgp_json_text(first, "file", "?"));
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(mgp_json_integer(first, "bytes", -1), st.st_size);
  assert_string_equal(mgp_json_text(first, "space", ""), "text");
  const json_t *space = json_array_get(json_object_get(json, "spaces"), 0);
  assert_int_equal(mgp_json_integer(space, "vectors", -1), 2);
  assert_int_equal(mgp_json_integer(space, "segments", -1), 2);
  assert_true(mgp_json_integer(json, "bytes", -1) > 2 * st.st_size + 7);
  json_decref(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {store_test(describe_when_filled_then_counts_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
