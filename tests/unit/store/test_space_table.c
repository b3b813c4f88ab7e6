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

/* Key of the active space of a name, as the last commit has it. */
static void assert_active(mgp_store *s, const char *key, size_t all_count) {
  mgp_space *rows = NULL;
  size_t count = 0;
  assert_ok(mgp_store_spaces_all(s, NULL, &rows, &count, err));
  assert_int_equal(count, all_count);
  mgp_free(NULL, rows);
  assert_ok(mgp_store_spaces(s, NULL, &rows, &count, err));
  assert_int_equal(count, 1);
  assert_string_equal(rows[0].key, key);
  assert_string_equal(rows[0].name, "text");
  assert_true(rows[0].is_active);
  mgp_free(NULL, rows);
}

static void space_activate_when_committed_then_the_other_model_is_the_space(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  const mgp_space first = test_space("text");
  mgp_space second = first, found;
  snprintf(second.pack_hash, sizeof second.pack_hash, "bbbb");
  second.dim = 8;
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, &first, err));
  assert_ok(mgp_store_space_add(s, &second, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_string_equal(second.key, "text~1");
  assert_active(s, "text", 2);
  assert_fails(MAGPIE_INVALID, "models use", mgp_store_space_declare(s, &second, err));

  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_activate(s, &second, err));
  mgp_store_rollback(s);
  assert_active(s, "text", 2);
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_activate(s, &second, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  reopen(f);
  assert_active(f->store, "text~1", 2);
  assert_ok(mgp_store_space_declare(f->store, &second, err));
  assert_fails(MAGPIE_INVALID, "(aaaa)", mgp_store_space_declare(f->store, &first, err));
  assert_ok(mgp_store_space_find(f->store, "text", &found, err));
  assert_string_equal(found.key, "text~1");
}

static void space_drop_when_not_active_then_it_goes_with_its_segments(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  const mgp_space first = test_space("text");
  mgp_space second = first, third = first;
  const uint64_t ids[1] = {1};
  const float rows[16] = {1};
  const mgp_section sections[] = {{MGP_SECTION_IDS, ids, sizeof ids},
                                  {MGP_SECTION_VECTORS_F32, rows, sizeof rows}};
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, &first, err));
  assert_ok(mgp_store_space_add(s, &second, err));
  assert_ok(mgp_store_segment_add(s, "text", 1, sections, 2, err));
  assert_ok(mgp_store_segment_add(s, second.key, 1, sections, 2, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_begin(s, err));
  assert_fails(MAGPIE_INVALID, "in use",
               mgp_store_space_drop(s, &(mgp_space){.name = "text", .key = "text"}, err));
  assert_ok(mgp_store_space_drop(s, &second, err));
  assert_ok(mgp_store_space_add(s, &third, err)); /* sees the transaction it is in */
  assert_string_equal(third.key, "text~1");
  assert_ok(mgp_store_space_drop(s, &third, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_active(s, "text", 1);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 1);
  assert_string_equal(mgp_snapshot_segment(snap, 0)->space, "text");
  mgp_snapshot_release(snap);
}

static void space_put_aside_when_declared_again_then_another_row_is_active(void **state) {
  mgp_store *s = open_writer(*state);
  mgp_space first = test_space("text"), found;
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, &first, err));
  assert_ok(mgp_store_space_put_aside(s, "text", err));
  assert_ok(mgp_store_space_find(s, "text", &found, err));
  assert_string_equal(found.key, "");
  snprintf(first.pack_hash, sizeof first.pack_hash, "bbbb");
  assert_ok(mgp_store_space_declare(s, &first, err));
  assert_ok(mgp_store_space_find(s, "text", &found, err));
  assert_string_equal(found.key, "text~1");
  assert_string_equal(found.pack_hash, "bbbb");
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_active(s, "text~1", 2);
}

static void space_declare_when_the_name_has_a_tilde_then_is_refused(void **state) {
  mgp_store *s = open_writer(*state);
  const mgp_space space = test_space("a~b");
  assert_fails(MAGPIE_INVALID, "a~b", mgp_store_space_declare(s, &space, err));
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
      store_test(space_activate_when_committed_then_the_other_model_is_the_space),
      store_test(space_drop_when_not_active_then_it_goes_with_its_segments),
      store_test(space_put_aside_when_declared_again_then_another_row_is_active),
      store_test(space_declare_when_the_name_has_a_tilde_then_is_refused),
      store_test(setting_get_when_set_then_gives_the_last_text)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
