/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that move out of memory: when they do, what they hold, and that nothing stays behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>

#include "base/base.h"

static char folder[64];

static int setup(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/magpie-spill-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  return mgp_directory_remove(folder, NULL) == MAGPIE_OK ? 0 : -1;
}

static int file_count(void) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) count += e->d_name[0] != '.';
  closedir(dir);
  return count;
}

static void spill_below_its_share_stays_in_memory(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(80000);
  mgp_spill s;
  mgp_spill_init(&s, a, folder);
  assert_int_equal(mgp_spill_need(&s, 10000, NULL), MAGPIE_OK);
  assert_false(s.is_file);
  assert_true(mgp_alloc_used(a) >= 10000);
  mgp_spill_fini(&s);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static void spill_when_it_outgrows_its_share_keeps_its_bytes_in_a_file(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(80000);
  mgp_spill s;
  mgp_spill_init(&s, a, folder);
  const size_t count = 100000;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(mgp_spill_need(&s, (i + 1) * sizeof(uint64_t), NULL), MAGPIE_OK);
    uint64_t *numbers = s.data;
    assert_int_equal(numbers[i], 0);
    numbers[i] = i * i;
  }
  assert_true(s.is_file);
  assert_int_equal(mgp_alloc_used(a), 0);
  assert_int_equal(file_count(), 0); /* it has no name */
  const uint64_t *numbers = s.data;
  for (size_t i = 0; i < count; i++) assert_int_equal(numbers[i], i * i);
  mgp_spill_fini(&s);
  mgp_alloc_destroy(a);
}

static void spill_without_folder_over_the_budget_is_no_memory(void **state) {
  (void)state;
  magpie_error err = {0};
  mgp_alloc *a = mgp_alloc_create(1 << 20);
  mgp_spill s;
  mgp_spill_init(&s, a, NULL);
  assert_int_equal(mgp_spill_need(&s, 2 << 20, &err), MAGPIE_NO_MEMORY);
  assert_non_null(strstr(err.message, "--memory is 1M"));
  mgp_spill_fini(&s);
  mgp_alloc_destroy(a);
}

static void spill_when_the_folder_is_gone_names_it(void **state) {
  (void)state;
  magpie_error err = {0};
  mgp_alloc *a = mgp_alloc_create(80000);
  mgp_spill s;
  mgp_spill_init(&s, a, "/nowhere/at-all");
  assert_int_equal(mgp_spill_need(&s, 20000, &err), MAGPIE_NOT_FOUND);
  assert_non_null(strstr(err.message, "/nowhere/at-all"));
  mgp_spill_fini(&s);
  mgp_alloc_destroy(a);
}

static int compare_numbers(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void sort_in_place_equals_qsort(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  static uint64_t ours[COUNT], theirs[COUNT];
  for (uint64_t size = 0; size < COUNT; size = size * 2 + 1) {
    for (uint64_t i = 0; i < size; i++)
      ours[i] = theirs[i] = (i * UINT64_C(0x9e3779b97f4a7c15) >> 40) % (size + 1);
    mgp_sort_in_place(ours, size, sizeof *ours, compare_numbers);
    qsort(theirs, size, sizeof *theirs, compare_numbers);
    assert_memory_equal(ours, theirs, size * sizeof *ours);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spill_below_its_share_stays_in_memory),
      cmocka_unit_test(spill_when_it_outgrows_its_share_keeps_its_bytes_in_a_file),
      cmocka_unit_test(spill_without_folder_over_the_budget_is_no_memory),
      cmocka_unit_test(spill_when_the_folder_is_gone_names_it),
      cmocka_unit_test(sort_in_place_equals_qsort),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
