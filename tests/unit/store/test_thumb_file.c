/* SPDX-License-Identifier: Apache-2.0
 *
 * Thumbnails: they come and go with their items, and a damaged one is absent.
 */
#include "store_fixture.h"

static void check_thumb(mgp_store *s, const char *id, const char *bytes) {
  void *data = NULL;
  size_t size = 0;
  assert_ok(mgp_store_thumb_read(s, id, &data, &size, err));
  assert_int_equal(size, strlen(bytes));
  assert_memory_equal(data, bytes, size);
  mgp_free(NULL, data);
}

static void run_in_index(const fixture *f, const char *command) {
  char line[256];
  snprintf(line, sizeof line, "cd %s && %s", f->index, command);
  assert_int_equal(system(line), 0);
}

static void thumb_read_when_file_is_lost_or_changed_then_is_not_found(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_with_thumb(s, source, "one", "first picture");
  add_with_thumb(s, source, "../../x", "second picture");
  add_item(s, source, "none", "image");
  assert_ok(mgp_store_commit(s, NULL, err));
  check_thumb(s, "one", "first picture");
  check_thumb(s, "../../x", "second picture");
  void *data = NULL;
  size_t size = 0;
  assert_fails(MAGPIE_NOT_FOUND, "no thumbnail",
               mgp_store_thumb_read(s, "none", &data, &size, err));
  assert_fails(MAGPIE_NOT_FOUND, "no item", mgp_store_thumb_read(s, "gone", &data, &size, err));
  run_in_index(f, "printf 'first Picture' > thumbs/01/1.jpg");
  assert_fails(MAGPIE_NOT_FOUND, "damaged", mgp_store_thumb_read(s, "one", &data, &size, err));
  run_in_index(f, "rm thumbs/01/1.jpg");
  assert_fails(MAGPIE_NOT_FOUND, "lost", mgp_store_thumb_read(s, "one", &data, &size, err));
  assert_null(data);
}

static void thumb_when_item_goes_or_is_rolled_back_then_file_goes(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t a = add_source(s, "/a"), b = add_source(s, "/b");
  add_with_thumb(s, a, "one", "1");
  add_with_thumb(s, a, "two", "22");
  add_with_thumb(s, b, "three", "333");
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_begin(s, err));
  add_with_thumb(s, b, "four", "4444");
  assert_int_equal(count_files(f->index, "thumbs"), 4);
  assert_ok(mgp_store_source_remove(s, b, NULL, err));
  mgp_store_rollback(s);
  assert_int_equal(count_files(f->index, "thumbs"), 3);
  check_thumb(s, "three", "333");
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_remove(s, b, NULL, err));
  assert_ok(mgp_store_item_remove(s, "one", err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_int_equal(count_files(f->index, "thumbs"), 1);
  check_thumb(s, "two", "22");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(thumb_read_when_file_is_lost_or_changed_then_is_not_found),
      store_test(thumb_when_item_goes_or_is_rolled_back_then_file_goes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
