/* SPDX-License-Identifier: Apache-2.0
 *
 * Fusion against a plain loop over all items, and its corners: ties, guests, negative weights.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rank/rank.h"

#define ITEMS 60
#define LISTS 6

static int medium_of_id(void *context, uint64_t id) {
  return (int)(id % *(const uint64_t *)context);
}

/* The weight that an item of `medium` is measured by: its home's, else its hosts' homes'. */
static double plain_level(const mgp_ranked_list *lists, size_t count, uint64_t id, int medium) {
  double home = 0, hosts = 0;
  for (size_t i = 0; i < count; i++)
    if (lists[i].medium == medium) home += fabs(lists[i].weight);
  if (home > 0) return home;
  for (int m = 0; m < 4; m++) {
    double sum = 0;
    bool hosts_it = false;
    for (size_t i = 0; i < count; i++) {
      if (lists[i].medium != m) continue;
      sum += fabs(lists[i].weight);
      for (size_t j = 0; j < lists[i].count; j++) hosts_it |= lists[i].hits[j].id == id;
    }
    if (hosts_it) hosts += sum;
  }
  return hosts > 0 ? hosts : 1;
}

static size_t plain_fuse(const mgp_ranked_list *lists, size_t count, double k, uint64_t media,
                         mgp_scored out[ITEMS]) {
  size_t found = 0;
  for (uint64_t id = 0; id < ITEMS; id++) {
    double sum = 0;
    bool named = false;
    for (size_t i = 0; i < count; i++) {
      for (size_t j = 0; j < lists[i].count; j++) {
        if (lists[i].hits[j].id != id) continue;
        sum += lists[i].weight / (k + (double)(j + 1));
        named = true;
        break;
      }
    }
    if (media) sum /= plain_level(lists, count, id, (int)(id % media));
    if (named) out[found++] = (mgp_scored){.score = (float)sum, .id = id};
  }
  qsort(out, found, sizeof *out, mgp_scored_compare);
  return found;
}

static unsigned next_random(unsigned *state) {
  return *state = *state * 1103515245u + 12345u;
}
static unsigned below(unsigned *state, unsigned limit) {
  return (next_random(state) >> 8) % limit;
}

static void fuse_when_random_lists_then_equals_a_plain_loop(void **state) {
  (void)state;
  static const double weights[] = {1, 1, 0.4, 2, -1, 0};
  unsigned seed = 5;
  for (int round = 0; round < 2000; round++) {
    mgp_scored hits[LISTS][ITEMS];
    mgp_ranked_list lists[LISTS];
    const size_t count = below(&seed, LISTS + 1);
    for (size_t i = 0; i < count; i++) {
      const size_t size = below(&seed, 30);
      /* Scores play no part: NaN says so. Ids may repeat within a list. */
      for (size_t j = 0; j < size; j++)
        hits[i][j] = (mgp_scored){.score = NAN, .id = below(&seed, ITEMS)};
      lists[i] = (mgp_ranked_list){.hits = size ? hits[i] : NULL,
                                   .count = size,
                                   .weight = weights[below(&seed, 6)],
                                   .medium = (int)below(&seed, 3)};
    }
    uint64_t media = below(&seed, 5);
    const size_t capacity = below(&seed, 2) ? ITEMS : below(&seed, 8);
    mgp_scored wanted[ITEMS], got[ITEMS];
    size_t wanted_count = plain_fuse(lists, count, 60, media, wanted), got_count = 99;
    if (wanted_count > capacity) wanted_count = capacity;
    assert_int_equal(mgp_fuse_rrf(NULL, lists, count, 60, media ? medium_of_id : NULL, &media, got,
                                  capacity, &got_count, NULL),
                     MAGPIE_OK);
    assert_int_equal(got_count, wanted_count);
    for (size_t i = 0; i < got_count; i++) {
      assert_true(got[i].id == wanted[i].id);
      assert_true(fabs(got[i].score - wanted[i].score) <= 1e-6 * fabs(wanted[i].score));
    }
  }
}

static int first_is_picture(void *context, uint64_t id) {
  (void)context;
  return id == 1;
}

static void fuse_when_media_have_unequal_lists_then_their_best_start_level(void **state) {
  (void)state;
  const mgp_scored picture[] = {{9, 1}}, words[] = {{3, 2}}, text[] = {{0.9f, 2}};
  const mgp_ranked_list lists[] = {
      {.hits = picture, .count = 1, .weight = 1, .medium = 1},
      {.hits = words, .count = 1, .weight = 1, .medium = 0},
      {.hits = text, .count = 1, .weight = 1, .medium = 0},
  };
  mgp_scored out[4];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 3, 60, first_is_picture, NULL, out, 4, &count, NULL),
                   MAGPIE_OK);
  assert_int_equal(count, 2);
  assert_true(out[0].score == out[1].score);
  assert_float_equal(out[0].score, 1.0 / 61, 1e-9);
  assert_int_equal(out[0].id, 1);
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 3, 60, NULL, NULL, out, 4, &count, NULL), MAGPIE_OK);
  assert_int_equal(out[0].id, 2);
  assert_float_equal(out[0].score, 2.0 / 61, 1e-9);
}

static void fuse_when_list_is_negative_then_it_lowers(void **state) {
  (void)state;
  const mgp_scored wanted[] = {{1, 10}, {1, 20}}, unwanted[] = {{1, 10}, {1, 30}};
  const mgp_ranked_list lists[] = {{.hits = wanted, .count = 2, .weight = 1},
                                   {.hits = unwanted, .count = 2, .weight = -1}};
  mgp_scored out[4];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, NULL, NULL, out, 4, &count, NULL), MAGPIE_OK);
  assert_int_equal(count, 3);
  assert_int_equal(out[0].id, 20);
  assert_int_equal(out[1].id, 10);
  assert_int_equal(out[2].id, 30);
  assert_true(out[2].score < 0);
}

static void fuse_when_arguments_are_unsound_then_invalid(void **state) {
  (void)state;
  const mgp_scored hit = {1, 1};
  mgp_ranked_list list = {.hits = &hit, .count = 1, .weight = NAN};
  mgp_scored out[1];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(NULL, &list, 1, 60, NULL, NULL, out, 1, &count, NULL),
                   MAGPIE_INVALID);
  list.weight = 1;
  assert_int_equal(mgp_fuse_rrf(NULL, &list, 1, NAN, NULL, NULL, out, 1, &count, NULL),
                   MAGPIE_INVALID);
  assert_int_equal(mgp_fuse_rrf(NULL, &list, 1, -1, NULL, NULL, out, 1, &count, NULL),
                   MAGPIE_INVALID);
  list.hits = NULL;
  assert_int_equal(mgp_fuse_rrf(NULL, &list, 1, 60, NULL, NULL, out, 1, &count, NULL),
                   MAGPIE_INVALID);
}

static void fuse_when_memory_is_short_then_says_so(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(16);
  const mgp_scored hits[] = {{1, 1}, {1, 2}};
  const mgp_ranked_list list = {.hits = hits, .count = 2, .weight = 1};
  mgp_scored out[2];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(a, &list, 1, 60, NULL, NULL, out, 2, &count, NULL),
                   MAGPIE_NO_MEMORY);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static int by_parity(void *context, uint64_t id) {
  (void)context;
  return (int)(id % 2);
}

/* An unsure list of pictures stands behind the passages, and keeps its own order. */
static void an_unsure_list_falls_behind_other_media(void **state) {
  (void)state;
  const mgp_scored passages[] = {{.score = 9, .id = 2}, {.score = 8, .id = 4}};
  const mgp_scored pictures[] = {{.score = 9, .id = 1}, {.score = 8, .id = 3}};
  mgp_ranked_list lists[] = {{.hits = passages, .count = 2, .weight = 1, .medium = 0},
                             {.hits = pictures, .count = 2, .weight = 1, .medium = 1}};
  mgp_scored out[4];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, by_parity, NULL, out, 4, &count, NULL),
                   MAGPIE_OK);
  assert_int_equal(out[0].id, 1); /* level: the lower id */
  lists[1].confidence = 0.5;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, by_parity, NULL, out, 4, &count, NULL),
                   MAGPIE_OK);
  static const uint64_t want[] = {2, 4, 1, 3};
  for (size_t i = 0; i < 4; i++) assert_int_equal(out[i].id, want[i]);
  assert_true(fabs(out[2].score - 0.5 / 61) < 1e-7);
  lists[1].confidence = 1.5;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, by_parity, NULL, out, 4, &count, NULL),
                   MAGPIE_INVALID);
}

/* Two media; the second hit of the pictures is hardly believed, so that it follows all texts. */
static void fuse_when_a_hit_is_hardly_believed_then_it_alone_falls(void **state) {
  (void)state;
  const mgp_scored texts[] = {{.score = 3, .id = 2}, {.score = 2, .id = 4}, {.score = 1, .id = 6}};
  const mgp_scored pictures[] = {{.score = 3, .id = 1}, {.score = 2, .id = 3}};
  const float beliefs[] = {1, 0.05F};
  uint64_t media = 2;
  mgp_ranked_list lists[] = {{.hits = texts, .count = 3, .weight = 1, .medium = 0},
                             {.hits = pictures, .count = 2, .weight = 1, .medium = 1}};
  mgp_scored out[8];
  size_t count = 0;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, medium_of_id, &media, out, 8, &count, NULL),
                   MAGPIE_OK);
  assert_int_equal(out[2].id, 3); /* beside the second text */
  lists[1].beliefs = beliefs;
  assert_int_equal(mgp_fuse_rrf(NULL, lists, 2, 60, medium_of_id, &media, out, 8, &count, NULL),
                   MAGPIE_OK);
  assert_int_equal(count, 5);
  assert_int_equal(out[0].id, 1);
  assert_int_equal(out[4].id, 3);
  assert_float_equal(out[4].score, 0.05 / 62, 1e-7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_unsure_list_falls_behind_other_media),
      cmocka_unit_test(fuse_when_a_hit_is_hardly_believed_then_it_alone_falls),
      cmocka_unit_test(fuse_when_random_lists_then_equals_a_plain_loop),
      cmocka_unit_test(fuse_when_media_have_unequal_lists_then_their_best_start_level),
      cmocka_unit_test(fuse_when_list_is_negative_then_it_lowers),
      cmocka_unit_test(fuse_when_arguments_are_unsound_then_invalid),
      cmocka_unit_test(fuse_when_memory_is_short_then_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
