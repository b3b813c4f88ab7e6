/* SPDX-License-Identifier: Apache-2.0
 *
 * The failure ledger: one row a path, and tries that count up.
 */
#include "store_fixture.h"

static magpie_status note_failure(void *context, const char *path, const char *stage, int code,
                                  const char *reason, int64_t when_ms, int tries) {
  char *text = context;
  assert_true(when_ms > 1600000000000);
  sprintf(text + strlen(text), "%s,%s,%d,%s,%d|", path, stage, code, reason, tries);
  return MAGPIE_OK;
}

static void failure_add_when_it_fails_again_then_tries_count_up(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_failure_add(s, "/b\xff\n", "read", MAGPIE_FORMAT, "cut short", err));
  assert_ok(mgp_store_failure_add(s, "/a", "walk", MAGPIE_IO, "gone", err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_failure_add(s, "/b\xff\n", "decode", MAGPIE_LIMIT, "too large", err));
  assert_ok(mgp_store_commit(s, NULL, err));
  char text[256] = "";
  assert_ok(mgp_store_failures(s, note_failure, text, err));
  assert_string_equal(text, "/a,walk,-3,gone,1|/b\xff\n,decode,-7,too large,2|");
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_failure_clear(s, "/b\xff\n", err));
  assert_ok(mgp_store_failure_clear(s, "/unknown", err));
  assert_ok(mgp_store_commit(s, NULL, err));
  text[0] = '\0';
  assert_ok(mgp_store_failures(s, note_failure, text, err));
  assert_string_equal(text, "/a,walk,-3,gone,1|");
}

static void failures_clear_below_when_names_share_a_prefix_then_only_the_folder_goes(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  static const char *const paths[] = {"/a/b", "/a/b/c", "/a/b/\xff", "/a/b-x", "/a/b0", "/z"};
  assert_ok(mgp_store_begin(s, err));
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    assert_ok(mgp_store_failure_add(s, paths[i], "read", MAGPIE_IO, "x", err));
  uint64_t count = 99;
  assert_ok(mgp_store_failures_clear_below(s, "/a/b/", &count, err));
  assert_int_equal(count, 3);
  char text[256] = "";
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_failures(s, note_failure, text, err));
  assert_string_equal(text, "/a/b-x,read,-3,x,1|/a/b0,read,-3,x,1|/z,read,-3,x,1|");
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_failures_clear_below(s, "/", &count, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_int_equal(count, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(failure_add_when_it_fails_again_then_tries_count_up),
      store_test(failures_clear_below_when_names_share_a_prefix_then_only_the_folder_goes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
