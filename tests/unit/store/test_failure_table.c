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

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(failure_add_when_it_fails_again_then_tries_count_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
