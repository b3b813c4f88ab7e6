/* SPDX-License-Identifier: Apache-2.0
 *
 * A model test: random operations on a store, and on an index through its public functions, against
 * an oracle in memory. Every answer of the store is compared: what lives, of which kind, with which
 * vector, which neighbours, which refusals. A list that fails is made short, printed, and left in a
 * file. MAGPIE_SEED and MAGPIE_OPERATIONS draw others, MAGPIE_SOAK_SECONDS as many as fit;
 * MAGPIE_REPLAY=FILE tries the list in a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_model.h"

#define SEED 20261123
#define STORE_OPERATIONS 200000
#define LIST_OPERATIONS 20000 /* an index lives so long */
#define SHORTEN_SECONDS 150

static uint64_t first_seed(void) {
  return number_from_env("MAGPIE_SEED", SEED);
}

static void store_when_changed_at_random_then_does_as_the_oracle(void **state) {
  (void)state;
  const uint64_t seed = first_seed();
  const double seconds = (double)number_from_env("MAGPIE_SOAK_SECONDS", 0);
  const uint64_t total =
      number_from_env("MAGPIE_OPERATIONS", seconds > 0 ? UINT64_MAX : STORE_OPERATIONS);
  uint64_t tallies[TALLY_COUNT] = {0}, done = 0;
  const double start = mgp_clock_seconds();
  for (uint64_t i = 0; done < total; i++) {
    if (seconds > 0 && mgp_clock_seconds() - start > seconds) break;
    const uint64_t left = total - done;
    operation_list list =
        draw_store_list(seed + i, (size_t)(left < LIST_OPERATIONS ? left : LIST_OPERATIONS));
    trial t;
    if (!try_list(&store_model, &list, PLANT_NONE, &t)) {
      explain_failure(&store_model, &list, &t, seed + i, SHORTEN_SECONDS);
      fail_msg("operation %zu: %s", t.at + 1, t.why);
    }
    done += list.count;
    for (int j = 0; j < TALLY_COUNT; j++) tallies[j] += t.tallies[j];
    free(list.items);
  }
  printf("fault: random operations: %llu on the store, seed %llu: %llu commits, %llu merges, %llu "
         "searches, %llu whole reads, %llu reopens, %llu snapshots, %llu restores, all as the "
         "oracle says\n",
         (unsigned long long)done, (unsigned long long)seed,
         (unsigned long long)tallies[TALLY_COMMITS], (unsigned long long)tallies[TALLY_MERGES],
         (unsigned long long)tallies[TALLY_SEARCHES], (unsigned long long)tallies[TALLY_READS],
         (unsigned long long)tallies[TALLY_REOPENS], (unsigned long long)tallies[TALLY_SNAPSHOTS],
         (unsigned long long)tallies[TALLY_RESTORES]);
  assert_true(done < 1000 || (tallies[TALLY_COMMITS] > 0 && tallies[TALLY_MERGES] > 0));
}

/* ---- does shortening work? ---- */

/* A long list fails because of a planted mistake; few operations are left, and read back from a
 * file they fail in the same way. */
static void assert_shortens(int plant, const char *why, size_t most) {
  operation_list list = draw_store_list(first_seed() + 7, 1500), again = {0};
  trial t;
  assert_false(try_list(&store_model, &list, plant, &t));
  shorten(&store_model, &list, plant, SHORTEN_SECONDS, &t);
  if (list.count > most || !strstr(t.why, why)) {
    write_list(&store_model, &list, stderr);
    fail_msg("%zu operations are left, expected at most %zu; %s", list.count, most, t.why);
  }
  char path[] = "/tmp/magpie-operations-XXXXXX";
  FILE *out = fdopen(mkstemp(path), "w");
  assert_non_null(out);
  write_list(&store_model, &list, out);
  assert_int_equal(fclose(out), 0);
  assert_true(read_list(&store_model, path, &again));
  remove(path);
  assert_int_equal(again.count, list.count);
  assert_memory_equal(again.items, list.items, list.count * sizeof *list.items);
  trial replayed;
  assert_false(try_list(&store_model, &again, plant, &replayed));
  assert_int_equal(replayed.at, t.at);
  assert_true(
      try_list(&store_model, &again, PLANT_NONE, &replayed)); /* the store is not at fault */
  printf("fault: random operations: 1500 with a planted mistake come down to %zu: %s\n", list.count,
         t.why);
  free(list.items);
  free(again.items);
}

static void shorten_when_the_oracle_forgets_a_removal_then_few_are_left(void **state) {
  (void)state;
  assert_shortens(PLANT_FORGET_REMOVE, "", 7);
}

static void shorten_when_the_oracle_forgets_an_update_then_few_are_left(void **state) {
  (void)state;
  assert_shortens(PLANT_OLD_VERSION, "", 7);
}

static void shorten_when_the_process_dies_then_few_are_left(void **state) {
  (void)state;
  assert_shortens(PLANT_CRASH, "signal 6", 4);
}

int main(void) {
  if (getenv("MAGPIE_REPLAY")) return replay_list(&store_model, getenv("MAGPIE_REPLAY"));
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shorten_when_the_oracle_forgets_a_removal_then_few_are_left),
      cmocka_unit_test(shorten_when_the_oracle_forgets_an_update_then_few_are_left),
      cmocka_unit_test(shorten_when_the_process_dies_then_few_are_left),
      cmocka_unit_test(store_when_changed_at_random_then_does_as_the_oracle)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
