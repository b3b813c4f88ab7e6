/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered of counting, and when it is counted again. A segment whose file is gone counts
 * as alive, so a count that survives its file was remembered.
 */
#include "store/merge_store.h"
#include "store_fixture.h"

static void add_one(mgp_store *s, const char *id) {
  assert_ok(mgp_store_begin(s, err));
  const uint64_t number = add_item(s, add_source(s, id), id, "passage");
  assert_ok(add_segment_of(s, number, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static void remove_one(mgp_store *s, const char *id) {
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_item_remove(s, id, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

/* Rows that live, in the first segment and in all. */
static void count_rows(mgp_store *s, uint64_t *first, uint64_t *all) {
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  assert_ok(mgp_store_segments(s, NULL, true, &infos, &count, err));
  assert_true(count > 0);
  *first = infos[0].live;
  *all = 0;
  for (size_t i = 0; i < count; i++) *all += infos[i].live;
  mgp_free(NULL, infos);
}

static void lose_first_file(const fixture *f) {
  char path[160];
  snprintf(path, sizeof path, "%s/segments/000000000001.seg", f->index);
  assert_int_equal(unlink(path), 0);
}

static void make_one_dead_of_two(fixture *f) {
  mgp_store *s = open_writer(f);
  add_one(s, "a");
  add_one(s, "b");
  remove_one(s, "a");
}

static void counts_when_only_new_items_came_then_the_old_are_remembered(void **state) {
  fixture *f = *state;
  uint64_t first = 9, all = 0;
  make_one_dead_of_two(f);
  count_rows(f->store, &first, &all);
  assert_true(first == 0 && all == 1);
  lose_first_file(f);
  add_one(f->store, "c");
  count_rows(f->store, &first, &all);
  assert_true(first == 0 && all == 2);
}

static void counts_when_an_item_died_then_all_are_counted_again(void **state) {
  fixture *f = *state;
  uint64_t first = 9, all = 0;
  make_one_dead_of_two(f);
  count_rows(f->store, &first, &all);
  lose_first_file(f);
  remove_one(f->store, "b");
  count_rows(f->store, &first, &all);
  assert_true(first == 1 && all == 1);
}

static void counts_when_another_handle_wrote_then_all_are_counted_again(void **state) {
  fixture *f = *state;
  uint64_t first = 9, all = 0;
  make_one_dead_of_two(f);
  count_rows(f->store, &first, &all);
  lose_first_file(f);
  mgp_store_unlock(f->store);
  mgp_store *other = NULL;
  assert_ok(mgp_store_open(NULL, f->index, false, &other, err));
  assert_ok(mgp_store_lock(other, 0, err));
  remove_one(other, "b");
  mgp_store_close(&other);
  count_rows(f->store, &first, &all);
  assert_true(first == 1 && all == 1);
  /* and the handle's own next commit starts from there */
  assert_ok(mgp_store_lock(f->store, 0, err));
  add_one(f->store, "c");
  count_rows(f->store, &first, &all);
  assert_true(first == 1 && all == 2);
}

static void counts_when_a_removal_was_rolled_back_then_they_hold(void **state) {
  fixture *f = *state;
  uint64_t first = 9, all = 0;
  make_one_dead_of_two(f);
  count_rows(f->store, &first, &all);
  lose_first_file(f);
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_item_remove(f->store, "b", err));
  mgp_store_rollback(f->store);
  add_one(f->store, "c");
  count_rows(f->store, &first, &all);
  assert_true(first == 0 && all == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(counts_when_only_new_items_came_then_the_old_are_remembered),
      store_test(counts_when_an_item_died_then_all_are_counted_again),
      store_test(counts_when_another_handle_wrote_then_all_are_counted_again),
      store_test(counts_when_a_removal_was_rolled_back_then_they_hold)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
