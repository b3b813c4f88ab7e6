/* SPDX-License-Identifier: Apache-2.0
 *
 * What the builder was told is what the sections give back, and misuse is refused.
 */
#include "index/lexical_file.h"
#include "index_fixture.h"

static void sections_when_read_back_then_hold_every_posting(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 127, 128, 129, 256, 257, 2000};
  for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
    corpus c = corpus_make(n, sizes[n], 90);
    built_segment s = segment_build(&c, 0, c.item_count);
    assert_int_equal(mgp_lexical_view_count(s.view), c.item_count);
    assert_int_equal(mgp_lexical_view_tokens(s.view), c.starts[c.item_count]);
    for (unsigned word = 0; word < 95; word++) {
      char text[32];
      const size_t size = word_text(word, text);
      mgp_lexical_term term;
      mgp_posting_cursor cursor;
      assert_int_equal(mgp_lexical_find(s.view, text, size, &term, NULL), MAGPIE_OK);
      assert_int_equal(mgp_posting_cursor_init(&cursor, s.view, &term, NULL), MAGPIE_OK);
      size_t df = 0;
      for (size_t i = 0; i < c.item_count; i++) {
        const size_t tf = tf_in_item(&c, i, word);
        if (tf == 0) continue;
        df++;
        assert_int_equal(cursor.item, i);
        assert_int_equal(cursor.tf, tf);
        const mgp_posting_block most = mgp_posting_cursor_block(&cursor, cursor.block);
        assert_true(most.tf_max >= tf && most.tf_max <= term.tf_max);
        assert_true(most.length_min <= s.view->lengths[i] && most.length_min >= term.length_min);
        assert_int_equal(mgp_posting_cursor_next(&cursor, NULL), MAGPIE_OK);
      }
      assert_int_equal(cursor.item, MGP_LEXICAL_END);
      assert_int_equal(term.df, df);
    }
    segment_free(&s);
    corpus_free(&c);
  }
}

static void find_when_words_are_near_misses_then_nothing(void **state) {
  (void)state;
  corpus c = corpus_make(1, 500, 200);
  built_segment s = segment_build(&c, 0, c.item_count);
  static const char *const texts[] = {"",  "a",   "prefix", "prefix1x", "pref",
                                      "w", "w0x", "zzz",    "\xff"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    mgp_lexical_term term;
    assert_int_equal(mgp_lexical_find(s.view, texts[i], strlen(texts[i]), &term, NULL), MAGPIE_OK);
    assert_int_equal(term.df, 0);
  }
  segment_free(&s);
  corpus_free(&c);
}

static void seek_when_target_jumps_then_first_at_or_after(void **state) {
  (void)state;
  corpus c = corpus_make(8, 3000, 50);
  built_segment s = segment_build(&c, 0, c.item_count);
  uint64_t seed = 1;
  for (unsigned word = 0; word < 50; word += 7) {
    char text[32];
    mgp_lexical_term term;
    mgp_posting_cursor cursor;
    assert_int_equal(mgp_lexical_find(s.view, text, word_text(word, text), &term, NULL), MAGPIE_OK);
    assert_int_equal(mgp_posting_cursor_init(&cursor, s.view, &term, NULL), MAGPIE_OK);
    for (size_t target = 0; target < c.item_count + 300;) {
      assert_int_equal(mgp_posting_cursor_seek(&cursor, (uint32_t)target, NULL), MAGPIE_OK);
      size_t wanted = target;
      while (wanted < c.item_count && tf_in_item(&c, wanted, word) == 0) wanted++;
      assert_int_equal(cursor.item, wanted < c.item_count ? wanted : MGP_LEXICAL_END);
      target += random_below(&seed, random_below(&seed, 2) ? 4 : 500);
      if (cursor.item != MGP_LEXICAL_END && cursor.item > target) target = cursor.item;
    }
  }
  segment_free(&s);
  corpus_free(&c);
}

static void sections_when_terms_come_in_any_order_then_the_same_bytes(void **state) {
  (void)state;
  corpus c = corpus_make(6, 400, 80);
  built_segment a = segment_build(&c, 0, c.item_count);
  for (size_t i = 0; i < c.item_count; i++) {
    unsigned *first = c.tokens + c.starts[i], *last = c.tokens + c.starts[i + 1];
    while (first < last) {
      const unsigned swap = *first;
      *first++ = *--last;
      *last = swap;
    }
  }
  built_segment b = segment_build(&c, 0, c.item_count);
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    assert_int_equal(a.sections[i].size, b.sections[i].size);
    assert_memory_equal(a.sections[i].data, b.sections[i].data, a.sections[i].size);
  }
  segment_free(&a);
  segment_free(&b);
  corpus_free(&c);
}

static void builder_when_misused_then_invalid(void **state) {
  (void)state;
  mgp_lexical_builder *b = NULL;
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  assert_int_equal(mgp_lexical_builder_create(NULL, &b, NULL), MAGPIE_OK);
  assert_int_equal(mgp_lexical_builder_term(b, "x", 1, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_begin(b, 5, NULL), MAGPIE_OK);
  assert_int_equal(mgp_lexical_builder_begin(b, 5, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_begin(b, 4, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_term(b, "", 0, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_count(b), 1);
  assert_int_equal(mgp_lexical_builder_finish(b, sections, NULL), MAGPIE_OK);
  assert_int_equal(mgp_lexical_builder_begin(b, 6, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_term(b, "x", 1, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_lexical_builder_finish(b, sections, NULL), MAGPIE_INVALID);
  mgp_lexical_builder_destroy(b);
  mgp_lexical_builder_destroy(NULL);
}

/* The size that the builder reports is what budgets are kept by: near what it really took. */
static void size_when_terms_come_then_follows_the_allocator(void **state) {
  (void)state;
  mgp_alloc *a = mgp_alloc_create(0);
  mgp_lexical_builder *b = NULL;
  assert_int_equal(mgp_lexical_builder_create(a, &b, NULL), MAGPIE_OK);
  uint64_t seed = 1;
  for (uint64_t id = 0; id < 3000; id++) {
    assert_int_equal(mgp_lexical_builder_begin(b, id, NULL), MAGPIE_OK);
    for (int t = 0; t < 60; t++) {
      char text[32];
      const size_t size = word_text((unsigned)random_below(&seed, 20000), text);
      assert_int_equal(mgp_lexical_builder_term(b, text, size, NULL), MAGPIE_OK);
    }
  }
  const double used = (double)mgp_alloc_used(a), told = (double)mgp_lexical_builder_size(b);
  assert_true(told > 0.8 * used && told < 1.2 * used);
  mgp_lexical_builder_destroy(b);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static magpie_status build_under(mgp_alloc *a) {
  mgp_lexical_builder *b = NULL;
  mgp_lexical_view *v = NULL;
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  magpie_status status = mgp_lexical_builder_create(a, &b, NULL);
  for (uint64_t id = 0; status == MAGPIE_OK && id < 200; id++) {
    status = mgp_lexical_builder_begin(b, id, NULL);
    for (unsigned t = 0; status == MAGPIE_OK && t < 8; t++) {
      char text[32];
      const size_t size = word_text((unsigned)id * 4 + t, text);
      status = mgp_lexical_builder_term(b, text, size, NULL);
    }
  }
  if (status == MAGPIE_OK) status = mgp_lexical_builder_finish(b, sections, NULL);
  if (status == MAGPIE_OK) status = mgp_lexical_view_open(a, sections, &v, NULL);
  mgp_lexical_view_close(v);
  mgp_lexical_builder_destroy(b);
  return status;
}

static void build_when_any_allocation_fails_then_no_memory_and_no_leak(void **state) {
  (void)state;
  magpie_status status = MAGPIE_NO_MEMORY;
  uint64_t n = 0;
  while (status == MAGPIE_NO_MEMORY && n < 10000) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_alloc_fail_at(a, ++n);
    status = build_under(a);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
  }
  assert_int_equal(status, MAGPIE_OK);
  assert_true(n > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sections_when_read_back_then_hold_every_posting),
      cmocka_unit_test(find_when_words_are_near_misses_then_nothing),
      cmocka_unit_test(seek_when_target_jumps_then_first_at_or_after),
      cmocka_unit_test(sections_when_terms_come_in_any_order_then_the_same_bytes),
      cmocka_unit_test(builder_when_misused_then_invalid),
      cmocka_unit_test(size_when_terms_come_then_follows_the_allocator),
      cmocka_unit_test(build_when_any_allocation_fails_then_no_memory_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
