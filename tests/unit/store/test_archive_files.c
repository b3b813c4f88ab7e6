/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of an index, by name and in their order.
 */
#include "store_fixture.h"

#include "store/archive_files.h"

static void place_when_a_name_is_of_the_layout_then_tells_kind_and_number(void **state) {
  (void)state;
  int64_t number = -1;
  assert_int_equal(mgp_store_file_place("catalog.sqlite", &number), MGP_FILE_CATALOG);
  assert_int_equal(mgp_store_file_place("segments/000000000012.seg", &number), MGP_FILE_SEGMENT);
  assert_int_equal(number, 12);
  assert_int_equal(mgp_store_file_place("segments/1234567890123.seg", &number), MGP_FILE_SEGMENT);
  assert_int_equal(number, 1234567890123);
  assert_int_equal(mgp_store_file_place("thumbs/2a/42.jpg", &number), MGP_FILE_THUMB);
  assert_int_equal(number, 42);
}

static void place_when_a_name_is_anything_else_then_is_zero(void **state) {
  (void)state;
  static const char *const names[] = {"",
                                      "/",
                                      "lock",
                                      "catalog.sqlite-wal",
                                      "/catalog.sqlite",
                                      "./catalog.sqlite",
                                      "catalog.sqlite/",
                                      "../catalog.sqlite",
                                      "segments",
                                      "segments/",
                                      "segments/12.seg",
                                      "segments/000000000000.seg",
                                      "segments/-00000000012.seg",
                                      "segments/0000000000012.seg",
                                      "segments/000000000012.seg.tmp",
                                      "segments//000000000012.seg",
                                      "segments/../segments/000000000012.seg",
                                      "segments/99999999999999999999999999.seg",
                                      "thumbs/2b/42.jpg",
                                      "thumbs/2A/42.jpg",
                                      "thumbs/2a/042.jpg",
                                      "thumbs/2a/../2a/42.jpg",
                                      "thumbs/00/18446744073709551616.jpg",
                                      "thumbs/00/99999999872.jpg",
                                      "etc/passwd"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int64_t number = 0;
    if (mgp_store_file_place(names[i], &number) != 0) fail_msg("'%s' was taken", names[i]);
  }
}

static void files_when_walked_then_come_in_order_and_again(void **state) {
  fixture *f = *state;
  static const char *const expected[] = {"catalog.sqlite", "segments/000000000001.seg",
                                         "segments/000000000002.seg", "thumbs/01/1.jpg",
                                         "thumbs/02/2.jpg"};
  mgp_store *s = open_writer(f);
  for (uint64_t i = 1; i <= 2; i++) {
    assert_ok(mgp_store_begin(s, err));
    add_with_thumb(s, add_source(s, i == 1 ? "/a" : "/b"), i == 1 ? "one" : "two", "picture");
    assert_ok(add_segment_of(s, i, err));
    assert_ok(mgp_store_commit(s, NULL, err));
  }
  mgp_store_files *files = NULL;
  assert_ok(mgp_store_files_open(s, &files, err));
  for (int round = 0; round < 2; round++) {
    const char *name = NULL;
    mgp_store_files_restart(files);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
      assert_ok(mgp_store_files_next(files, &name, err));
      assert_string_equal(name, expected[i]);
    }
    assert_ok(mgp_store_files_next(files, &name, err));
    assert_null(name);
  }
  mgp_store_files_close(&files);
  assert_null(files);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(place_when_a_name_is_of_the_layout_then_tells_kind_and_number),
      cmocka_unit_test(place_when_a_name_is_anything_else_then_is_zero),
      store_test(files_when_walked_then_come_in_order_and_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
