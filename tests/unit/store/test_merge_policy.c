/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge policy by itself: what it picks, and what it costs over a long life of an index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/merge_policy.h"

#define MB (UINT64_C(1) << 20)
#define ROWS_MAX 4096

static const mgp_merge_policy *const policy = &mgp_merge_policy_default;

static size_t pick(const mgp_merge_row *rows, size_t count, size_t *picked) {
  return mgp_merge_pick(policy, rows, count, picked);
}

static void pick_of_few_segments_then_none(void **state) {
  (void)state;
  mgp_merge_row rows[10];
  size_t picked[10];
  for (size_t i = 0; i < 10; i++) rows[i] = (mgp_merge_row){MB, 100, 100};
  assert_int_equal(pick(rows, policy->per_tier, picked), 0);
  assert_int_equal(pick(rows, 0, picked), 0);
}

static void pick_of_one_small_segment_too_many_then_the_smallest(void **state) {
  (void)state;
  /* A large one allows some more small ones; put them in until a merge is due. */
  mgp_merge_row rows[64] = {{900 * MB, 90000, 90000}};
  size_t picked[64], count = 1, found = 0;
  while (found == 0 && count < 64) {
    rows[count++] = (mgp_merge_row){MB, 100, 100};
    found = pick(rows, count, picked);
  }
  assert_int_equal(found, policy->fan_in);
  for (size_t i = 0; i < found; i++) assert_int_not_equal(picked[i], 0); /* it rests */
}

static void pick_with_a_dead_heavy_segment_then_it_alone(void **state) {
  (void)state;
  const mgp_merge_row rows[1] = {{100 * MB, 700, 1000}};
  size_t picked[1];
  assert_int_equal(pick(rows, 1, picked), 1);
  const mgp_merge_row fine[1] = {{100 * MB, 810, 1000}};
  assert_int_equal(pick(fine, 1, picked), 0);
}

static void pick_of_a_settled_segment_then_only_when_it_is_dead_heavy(void **state) {
  (void)state;
  size_t picked[1];
  const mgp_merge_row settled[1] = {{policy->max_bytes, 1000, 1000}};
  assert_int_equal(pick(settled, 1, picked), 0);
  const mgp_merge_row dead[1] = {{policy->max_bytes, 700, 1000}};
  assert_int_equal(pick(dead, 1, picked), 1);
}

static void pick_never_gives_more_than_the_largest_size(void **state) {
  (void)state;
  mgp_merge_row rows[40];
  size_t picked[40];
  for (size_t i = 0; i < 40; i++) rows[i] = (mgp_merge_row){2000 * MB, 1000, 1000};
  const size_t found = pick(rows, 40, picked);
  assert_int_equal(found, 2);
}

static void pick_of_a_dead_segment_without_rows_then_it_is_taken(void **state) {
  (void)state;
  const mgp_merge_row rows[2] = {{MB, 0, 500}, {MB, 500, 500}};
  size_t picked[2];
  assert_true(pick(rows, 2, picked) >= 1);
}

static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

typedef struct life {
  mgp_merge_row rows[ROWS_MAX];
  size_t count, count_max, merges;
  uint64_t flushed, written, live, state;
} life;

static void delete_one(life *l) {
  uint64_t nth = next_random(&l->state) % l->live;
  for (size_t i = 0; i < l->count; i++) {
    if (nth < l->rows[i].live) {
      l->rows[i].live--;
      l->live--;
      return;
    }
    nth -= l->rows[i].live;
  }
}

static bool merge_once(life *l, uint64_t row_bytes) {
  size_t picked[ROWS_MAX];
  const size_t found = pick(l->rows, l->count, picked);
  if (found == 0) return false;
  mgp_merge_row merged = {0};
  for (size_t i = 0; i < found; i++) {
    merged.live += l->rows[picked[i]].live;
    l->rows[picked[i]].total = 0; /* marks it */
  }
  merged.total = merged.live;
  merged.bytes = merged.live * row_bytes;
  l->written += merged.bytes;
  l->merges++;
  size_t kept = 0;
  for (size_t i = 0; i < l->count; i++)
    if (l->rows[i].total) l->rows[kept++] = l->rows[i];
  if (merged.total) l->rows[kept++] = merged;
  assert_true(kept < l->count + (found == 1)); /* ends: fewer segments, or fewer dead rows */
  l->count = kept;
  return true;
}

/* A million rows in batches of 192; `deletes` random ones die with each batch. */
static life live_through(uint64_t row_bytes, unsigned deletes) {
  static life l;
  l = (life){.state = 42};
  for (uint64_t added = 0; added < 1000000; added += 192) {
    assert_true(l.count < ROWS_MAX);
    l.rows[l.count++] = (mgp_merge_row){192 * row_bytes, 192, 192};
    l.live += 192;
    l.flushed += 192 * row_bytes;
    l.written += 192 * row_bytes;
    for (unsigned i = 0; i < deletes; i++) delete_one(&l);
    while (merge_once(&l, row_bytes)) {
    }
    if (l.count > l.count_max) l.count_max = l.count;
  }
  uint64_t total = 0;
  for (size_t i = 0; i < l.count; i++) total += l.rows[i].total;
  const double dead = (double)(total - l.live) / (double)total;
  const double amplification = (double)l.written / (double)l.flushed;
  print_message("%llu bytes a row, %u of 192 deleted: write amplification %.2f, at most %zu "
                "segments, %zu merges, %.0f %% dead at the end\n",
                (unsigned long long)row_bytes, deletes, amplification, l.count_max, l.merges,
                dead * 100);
  assert_true(amplification <= 6);
  assert_true(l.count_max <= 64);
  assert_true(dead <= policy->deletes_allowed + 0.01);
  return l;
}

static void million_rows_without_deletes_then_amplification_is_bounded(void **state) {
  (void)state;
  live_through(1544, 0); /* 384 numbers and an id */
  live_through(420, 0);  /* a passage in the words space */
  live_through(8200, 0); /* 2048 numbers */
}

static void million_rows_with_deletes_then_amplification_is_bounded(void **state) {
  (void)state;
  live_through(1544, 19);
  live_through(1544, 64);
  live_through(1544, 96);
  live_through(420, 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pick_of_few_segments_then_none),
      cmocka_unit_test(pick_of_one_small_segment_too_many_then_the_smallest),
      cmocka_unit_test(pick_with_a_dead_heavy_segment_then_it_alone),
      cmocka_unit_test(pick_of_a_settled_segment_then_only_when_it_is_dead_heavy),
      cmocka_unit_test(pick_never_gives_more_than_the_largest_size),
      cmocka_unit_test(pick_of_a_dead_segment_without_rows_then_it_is_taken),
      cmocka_unit_test(million_rows_without_deletes_then_amplification_is_bounded),
      cmocka_unit_test(million_rows_with_deletes_then_amplification_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
