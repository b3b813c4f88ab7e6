/* SPDX-License-Identifier: Apache-2.0
 *
 * Spaces and settings: one pack a space, and the last text of a setting.
 */
#include "store_fixture.h"

static void space_declare_when_another_pack_then_names_both_hashes(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  mgp_space space = test_space("text"), other = space, wider = space;
  snprintf(other.pack_hash, sizeof other.pack_hash, "bbbb");
  wider.dim = 8;
  assert_ok(mgp_store_space_declare(s, &space, err));
  assert_ok(mgp_store_space_declare(s, &space, err));
  assert_fails(MAGPIE_INVALID, "(aaaa)", mgp_store_space_declare(s, &other, err));
  assert_fails(MAGPIE_INVALID, "(bbbb)", mgp_store_space_declare(s, &other, err));
  assert_fails(MAGPIE_INVALID, "8", mgp_store_space_declare(s, &wider, err));
  const mgp_space words = {.name = "words", .metric = "bm25"};
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, &words, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_space *all = NULL;
  size_t count = 0;
  assert_ok(mgp_store_spaces(s, NULL, &all, &count, err));
  assert_int_equal(count, 2);
  assert_string_equal(all[0].name, "text");
  assert_string_equal(all[0].pack_hash, "aaaa");
  assert_int_equal(all[0].dim, 4);
  assert_string_equal(all[1].name, "words");
  assert_int_equal(all[1].dim, 0);
  mgp_free(NULL, all);
}

static void setting_get_when_set_then_gives_the_last_text(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  char *value = NULL;
  assert_ok(mgp_store_setting_get(s, "languages", &value, err));
  assert_null(value);
  assert_ok(mgp_store_setting_set(s, "languages", "de", err));
  assert_ok(mgp_store_setting_set(s, "languages", "de fr", err));
  reopen(f);
  assert_ok(mgp_store_setting_get(f->store, "languages", &value, err));
  assert_string_equal(value, "de fr");
  mgp_free(NULL, value);
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_setting_set(f->store, "languages", "x", err));
  mgp_store_rollback(f->store);
  assert_ok(mgp_store_setting_get(f->store, "languages", &value, err));
  assert_string_equal(value, "de fr");
  mgp_free(NULL, value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(space_declare_when_another_pack_then_names_both_hashes),
      store_test(setting_get_when_set_then_gives_the_last_text)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
