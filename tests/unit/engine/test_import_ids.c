/* SPDX-License-Identifier: Apache-2.0
 *
 * The ids of an import: which line wins, and that the table does not grow with the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/import_ids.h"

static char folder[64];
static magpie *ix;
static mgp_ingest *in;
static mgp_import_ids *ids;

static int setup(void **state) {
  (void)state;
  char path[96];
  magpie_error err = {0};
  snprintf(folder, sizeof folder, "/tmp/magpie-ids-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  setenv("MAGPIE_PACKS", folder, 1); /* none */
  snprintf(path, sizeof path, "%s/t.mgp", folder);
  if (magpie_open(path, NULL, &ix, &err) != MAGPIE_OK) return -1;
  if (mgp_ingest_open(ix, NULL, NULL, &in, &err) != MAGPIE_OK) return -1;
  return mgp_import_ids_create(in, &ids, &err) == MAGPIE_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  mgp_import_ids_destroy(ids);
  mgp_ingest_close(in, NULL);
  magpie_close(&ix);
  return mgp_directory_remove(folder, NULL) == MAGPIE_OK ? 0 : -1;
}

static uint64_t take(const char *id, uint64_t line, bool *is_late) {
  uint64_t earlier = 0;
  assert_int_equal(mgp_import_ids_take(ids, id, line, &earlier, is_late, NULL), MAGPIE_OK);
  return earlier;
}

static void ids_of_two_lines_when_the_later_is_faster_then_the_earlier_is_late(void **state) {
  (void)state;
  bool is_late = false;
  assert_true(mgp_import_ids_enter(ids, 1));
  assert_true(mgp_import_ids_enter(ids, 2));
  assert_int_equal(take("a", 2, &is_late), 0);
  assert_false(is_late);
  mgp_import_ids_leave(ids, 2);
  take("a", 1, &is_late);
  assert_true(is_late);
  mgp_import_ids_leave(ids, 1);
  assert_true(mgp_import_ids_enter(ids, 3));
  assert_int_equal(take("a", 3, &is_late), 2); /* it may lie in the queue still */
  assert_false(is_late);
  mgp_import_ids_leave(ids, 3);
}

/* One line stays in hand for a while, as a slow file does: what came after it is kept till then. */
static void ids_of_a_long_file_are_forgotten_when_they_are_committed(void **state) {
  (void)state;
  enum { LINES = 400000, SLOW = 100000, SLOW_END = 160000 };
  char id[32];
  bool is_late = false;
  size_t most = 0;
  for (uint64_t line = 10; line < LINES; line++) {
    assert_true(mgp_import_ids_enter(ids, line));
    snprintf(id, sizeof id, "%llu", (unsigned long long)line);
    assert_int_equal(take(id, line, &is_late), 0);
    assert_false(is_late);
    if (line != SLOW) mgp_import_ids_leave(ids, line);
    if (line == SLOW_END) {
      assert_true(mgp_import_ids_enter(ids, LINES + 1));
      snprintf(id, sizeof id, "%d", SLOW + 1);
      assert_int_equal(take(id, LINES + 1, &is_late), SLOW + 1);
      mgp_import_ids_leave(ids, LINES + 1);
      mgp_import_ids_leave(ids, SLOW);
    }
    if (line < SLOW && mgp_import_ids_count(ids) > most) most = mgp_import_ids_count(ids);
  }
  print_message("at most %zu ids at once\n", most);
  assert_true(most <= 2 * 32768 + 1);
  assert_true(mgp_import_ids_count(ids) <= 2 * 32768 + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_of_two_lines_when_the_later_is_faster_then_the_earlier_is_late),
      cmocka_unit_test(ids_of_a_long_file_are_forgotten_when_they_are_committed),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
