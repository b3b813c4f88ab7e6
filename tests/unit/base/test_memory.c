/* SPDX-License-Identifier: Apache-2.0
 *
 * The counted allocator, arenas and growing strings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "base/base.h"

static void allocator_over_its_ceiling_gives_null_and_keeps_its_count(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(4096);
  void *small = mgp_malloc(a, 1000);
  assert_non_null(small);
  const uint64_t used = mgp_alloc_used(a);
  assert_null(mgp_malloc(a, 4000));
  assert_int_equal(mgp_alloc_used(a), used);
  assert_null(mgp_realloc(a, small, 8000));
  memset(small, 1, 1000); /* still ours */
  mgp_free(a, small);
  assert_int_equal(mgp_alloc_used(a), 0);
  assert_true(mgp_alloc_peak(a) >= 1000 && mgp_alloc_peak(a) <= 4096);
  mgp_alloc_destroy(a);
}

static void allocator_refuses_sizes_that_overflow(void **state) {
  (void)state;
  assert_null(mgp_malloc(NULL, SIZE_MAX));
  assert_null(mgp_calloc(NULL, SIZE_MAX / 2, 4));
  void *block = mgp_malloc(NULL, 0);
  assert_non_null(block);
  mgp_free(NULL, block);
  mgp_free(NULL, NULL);
}

/* A size near the end of the address space must not wrap the count round to below the ceiling. */
static void allocator_refusing_a_giant_leaves_count_and_peak(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(4096), *open = mgp_alloc_create(0);
  void *block = mgp_malloc(a, 2000), *other = mgp_malloc(open, 2000);
  const uint64_t used = mgp_alloc_used(a), peak = mgp_alloc_peak(a);
  for (size_t less = 0; less < 1900; less += 7) {
    assert_null(mgp_malloc(a, SIZE_MAX - less));
    assert_null(mgp_realloc(a, block, SIZE_MAX - less));
    assert_null(mgp_malloc(open, SIZE_MAX - less));
  }
  assert_int_equal(mgp_alloc_used(a), used);
  assert_int_equal(mgp_alloc_peak(a), peak);
  assert_int_equal(mgp_alloc_used(open), used);
  mgp_free(a, block);
  mgp_free(open, other);
  mgp_alloc_destroy(a);
  mgp_alloc_destroy(open);
}

typedef struct shared_alloc {
  mgp_alloc *alloc;
  atomic_int failures;
} shared_alloc;

/* Four threads of two blocks each fit below the ceiling, so none may ever be refused. */
static void *churn(void *context) {
  shared_alloc *s = context;
  for (int i = 0; i < 2000; i++) {
    void *p = mgp_malloc(s->alloc, 100), *q = mgp_malloc(s->alloc, 100);
    if (!p || !q) atomic_fetch_add(&s->failures, 1);
    /* over the ceiling, and nobody else's trouble */
    if (mgp_malloc(s->alloc, 1 << 20)) atomic_fetch_add(&s->failures, 1);
    mgp_free(s->alloc, p);
    mgp_free(s->alloc, q);
  }
  return NULL;
}

static void allocator_shared_by_threads_counts_exactly(void **state) {
  (void)state;
  shared_alloc s = {.alloc = mgp_alloc_create(8 * 116)};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, churn, &s);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(s.failures, 0);
  assert_int_equal(mgp_alloc_used(s.alloc), 0);
  assert_true(mgp_alloc_peak(s.alloc) <= 8 * 116);
  mgp_alloc_destroy(s.alloc);
}

static void realloc_keeps_content_and_count(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(0);
  char *p = mgp_malloc(a, 10);
  memcpy(p, "123456789", 10);
  p = mgp_realloc(a, p, 100000);
  assert_string_equal(p, "123456789");
  p = mgp_realloc(a, p, 4);
  assert_memory_equal(p, "1234", 4);
  assert_true(mgp_alloc_used(a) < 64);
  mgp_free(a, p);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

/* Each allocation fails once in turn; nothing leaks and the failure is seen. */
static void every_nth_allocation_may_fail(void **state) {
  (void)state;
  for (uint64_t n = 1;; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_alloc_fail_at(a, n);
    mgp_arena *arena = mgp_arena_create(a);
    mgp_buffer b;
    mgp_buffer_init(&b, a);
    bool failed = arena == NULL;
    for (int i = 0; i < 200 && !failed; i++) {
      mgp_buffer_printf(&b, "line %d\n", i);
      failed = mgp_arena_alloc(arena, 1000) == NULL;
    }
    failed = failed || b.failed;
    char *text = mgp_buffer_take(&b);
    if (text && !failed) assert_true(mgp_text_starts(text, "line 0\nline 1\n"));
    mgp_free(a, text);
    mgp_arena_destroy(arena);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
    if (!failed) {
      assert_true(n > 5);
      return;
    }
  }
}

static void arena_blocks_are_aligned_and_survive_growth(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(0);
  mgp_arena *arena = mgp_arena_create(a);
  char *first = mgp_arena_printf(arena, "%s-%d", "magpie", 7);
  for (size_t i = 1; i < 3000; i++) {
    char *p = mgp_arena_alloc(arena, i);
    assert_int_equal((uintptr_t)p % 16, 0);
    memset(p, 0xEE, i);
  }
  assert_string_equal(first, "magpie-7");
  const int *zeros = mgp_arena_calloc(arena, 100, sizeof(int));
  for (int i = 0; i < 100; i++) assert_int_equal(zeros[i], 0);
  const uint64_t full = mgp_alloc_used(a);
  mgp_arena_reset(arena);
  assert_true(mgp_alloc_used(a) < full / 4);
  mgp_arena_destroy(arena);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static void grow_keeps_the_array_when_it_fails(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(1000);
  int *items = NULL;
  size_t capacity = 0;
  assert_true(MGP_GROW(a, items, capacity, 10));
  items[9] = 42;
  const size_t before = capacity;
  assert_false(MGP_GROW(a, items, capacity, 100000));
  assert_false(MGP_GROW(a, items, capacity, SIZE_MAX));
  assert_int_equal(capacity, before);
  assert_int_equal(items[9], 42);
  mgp_free(a, items);
  mgp_alloc_destroy(a);
}

/* ---- reservations: what other libraries take ---- */

static void reservation_over_the_ceiling_is_refused_and_counts_nothing(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(4096);
  assert_true(mgp_alloc_reserve(a, 3000));
  assert_int_equal(mgp_alloc_left(a), 1096);
  assert_false(mgp_alloc_reserve(a, 1097));
  assert_null(mgp_malloc(a, 1097)); /* blocks and reservations share one ceiling */
  assert_int_equal(mgp_alloc_used(a), 3000);
  mgp_alloc_release(a, 3000);
  assert_false(mgp_alloc_reserve_wait(a, 4097)); /* never fits: no waiting */
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static void *release_soon(void *context) {
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  mgp_alloc_release_wait(context, 3000);
  return NULL;
}

static void reservation_when_another_thread_holds_one_waits_for_it(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(4096);
  pthread_t other;
  assert_true(mgp_alloc_reserve_wait(a, 3000));
  assert_int_equal(pthread_create(&other, NULL, release_soon, a), 0);
  assert_true(mgp_alloc_reserve_wait(a, 2000));
  pthread_join(other, NULL);
  assert_int_equal(mgp_alloc_used(a), 2000);
  mgp_alloc_release_wait(a, 2000);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static void errors_of_the_budget_name_it_what_was_wanted_and_what_to_do(void **state) {
  (void)state;
  magpie_error err = {0};
  mgp_alloc *a = mgp_alloc_create(UINT64_C(128) << 20);
  assert_int_equal(mgp_alloc_fail(a, UINT64_C(310) << 20, &err, "the pack %s", "clip"),
                   MAGPIE_NO_MEMORY);
  assert_string_equal(err.message,
                      "the pack clip needs about 310M of memory; --memory is 128M, of which 0M are "
                      "in use: raise it to at least 352M");
  assert_null(mgp_malloc(a, UINT64_C(200) << 20));
  mgp_fail(&err, MAGPIE_NO_MEMORY, "no memory for a page");
  mgp_alloc_explain(a, &err);
  assert_non_null(strstr(err.message, "no memory for a page; --memory is 128M and 209715216 more"));
  char once[sizeof err.message];
  memcpy(once, err.message, sizeof once);
  mgp_alloc_explain(a, &err);
  assert_string_equal(err.message, once);
  mgp_alloc_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reservation_over_the_ceiling_is_refused_and_counts_nothing),
      cmocka_unit_test(reservation_when_another_thread_holds_one_waits_for_it),
      cmocka_unit_test(errors_of_the_budget_name_it_what_was_wanted_and_what_to_do),
      cmocka_unit_test(allocator_over_its_ceiling_gives_null_and_keeps_its_count),
      cmocka_unit_test(allocator_refuses_sizes_that_overflow),
      cmocka_unit_test(allocator_refusing_a_giant_leaves_count_and_peak),
      cmocka_unit_test(allocator_shared_by_threads_counts_exactly),
      cmocka_unit_test(realloc_keeps_content_and_count),
      cmocka_unit_test(every_nth_allocation_may_fail),
      cmocka_unit_test(arena_blocks_are_aligned_and_survive_growth),
      cmocka_unit_test(grow_keeps_the_array_when_it_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
