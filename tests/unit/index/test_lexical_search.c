/* SPDX-License-Identifier: Apache-2.0
 *
 * BM25 against counting words the slow way, and against itself over other segment borders.
 */
#include "index_fixture.h"

static const mgp_bm25 usual = {.k1 = 1.2, .b = 0.75};

/* The same terms as text. */
typedef struct query_texts {
  mgp_query_term terms[16];
  const char *forms[16][FORMS_OF_A_TERM];
  size_t sizes[16][FORMS_OF_A_TERM];
  char texts[16][FORMS_OF_A_TERM][32];
} query_texts;

static void query_write(query_texts *q, const slow_term *terms, size_t count) {
  for (size_t t = 0; t < count; t++) {
    for (size_t f = 0; f < terms[t].form_count; f++) {
      q->sizes[t][f] = word_text(terms[t].words[f], q->texts[t][f]);
      q->forms[t][f] = q->texts[t][f];
    }
    q->terms[t] = (mgp_query_term){.forms = q->forms[t],
                                   .sizes = q->sizes[t],
                                   .form_count = terms[t].form_count,
                                   .weight = terms[t].weight};
  }
}

/* Terms of one to three forms, distinct within a term; words beyond the vocabulary are unknown. */
static size_t query_make(uint64_t *seed, size_t word_count, slow_term terms[16]) {
  static const double weights[] = {1, 1, 1, 2, 0.5, 0, -1};
  const size_t count = 1 + random_below(seed, random_below(seed, 2) ? 3 : 16);
  for (size_t t = 0; t < count; t++) {
    terms[t] = (slow_term){.weight = weights[random_below(seed, 7)]};
    terms[t].form_count = random_below(seed, 4) ? 1 : 1 + random_below(seed, FORMS_OF_A_TERM);
    const unsigned step = (unsigned)(1 + random_below(seed, 3));
    const double skew = random_below(seed, 2) ? 3 : 1;
    const unsigned word =
        (unsigned)(pow(random_unit(seed), skew) * (double)(word_count + word_count / 8));
    for (size_t f = 0; f < terms[t].form_count; f++) terms[t].words[f] = word + (unsigned)f * step;
  }
  return count;
}

static bool allow_odd(const void *context, uint64_t id) {
  (void)context;
  return id % 2 == 1;
}

static size_t search(const built_segment *segments, size_t segment_count, const slow_term *terms,
                     size_t term_count, const mgp_bm25 *p, const mgp_filter *filter, size_t k,
                     mgp_scored *out) {
  mgp_lexical_view *views[16];
  for (size_t s = 0; s < segment_count; s++) views[s] = segments[s].view;
  query_texts *q = calloc(1, sizeof *q);
  query_write(q, terms, term_count);
  mgp_topk top;
  mgp_topk_init(&top, out, k);
  magpie_error err = {0};
  const magpie_status status =
      mgp_lexical_search(views, segment_count, q->terms, term_count, p, filter, NULL, &top, &err);
  free(q);
  if (status != MAGPIE_OK) fail_msg("search failed: %s", err.message);
  mgp_topk_sort(&top);
  return top.count;
}

/* Rank by rank; where two items are so near that rounding may swap them, only scores must agree. */
static void check_hits(const mgp_scored *got, size_t got_count, const mgp_scored *wanted,
                       size_t wanted_count, size_t k) {
  if (wanted_count > k) wanted_count = k;
  assert_int_equal(got_count, wanted_count);
  for (size_t i = 0; i < got_count; i++) {
    if (fabs(got[i].score - wanted[i].score) > 1e-6 * fabs(wanted[i].score))
      fail_msg("rank %zu: score %.9g, wanted %.9g", i + 1, got[i].score, wanted[i].score);
    const bool near_next = i + 1 < got_count && fabs(wanted[i + 1].score - wanted[i].score) <
                                                    1e-6 * fabs(wanted[i].score);
    const bool near_last =
        i > 0 && fabs(wanted[i - 1].score - wanted[i].score) < 1e-6 * fabs(wanted[i].score);
    const bool at_end = i + 1 == got_count;
    if (!near_next && !near_last && !at_end) assert_int_equal(got[i].id, wanted[i].id);
  }
}

/* Splits the corpus at random borders; segments may be empty. */
static size_t split(uint64_t *seed, const corpus *c, size_t segment_count, built_segment *out) {
  size_t first = 0;
  for (size_t s = 0; s < segment_count; s++) {
    size_t end = first + random_below(seed, c->item_count - first + 1);
    if (s + 1 == segment_count) end = c->item_count;
    out[s] = segment_build(c, first, end);
    first = end;
  }
  return segment_count;
}

static void check_queries(uint64_t *seed, const corpus *c, const built_segment *whole,
                          const built_segment *parts, size_t part_count, int queries) {
  static const mgp_bm25 other[] = {{1.2, 0.75}, {0, 0.5}, {0.9, 0}, {2, 1}};
  mgp_scored *got = calloc(c->item_count + 1, sizeof *got),
             *again = calloc(c->item_count + 1, sizeof *got);
  for (int i = 0; i < queries; i++) {
    slow_term terms[16];
    const size_t count = query_make(seed, c->word_count, terms);
    const mgp_filter odd = {.allow = allow_odd};
    const mgp_filter *filter = random_below(seed, 3) ? NULL : &odd;
    const mgp_bm25 *p = &other[random_below(seed, 2) ? 0 : random_below(seed, 4)];
    const size_t k = random_below(seed, 2) ? 1 + random_below(seed, 10) : c->item_count + 1;
    size_t wanted_count = 0;
    mgp_scored *wanted = slow_search(c, terms, count, p, filter, &wanted_count);
    const size_t got_count = search(whole, 1, terms, count, p, filter, k, got);
    check_hits(got, got_count, wanted, wanted_count, k);
    const size_t again_count = search(parts, part_count, terms, count, p, filter, k, again);
    assert_int_equal(again_count, got_count);
    for (size_t j = 0; j < got_count; j++) {
      assert_true(again[j].id == got[j].id);
      assert_memory_equal(&again[j].score, &got[j].score, sizeof(float));
    }
    free(wanted);
  }
  free(got);
  free(again);
}

static void search_when_random_corpora_then_equals_counting(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 2, 100, 127, 128, 129, 300, 700};
  uint64_t seed = 11;
  for (size_t round = 0; round < 24; round++) {
    corpus c = corpus_make(seed, sizes[round % 8], round % 3 ? 60 : 600);
    built_segment whole = segment_build(&c, 0, c.item_count), parts[5] = {0};
    const size_t part_count = split(&seed, &c, 1 + random_below(&seed, 5), parts);
    check_queries(&seed, &c, &whole, parts, part_count, 20);
    for (size_t s = 0; s < part_count; s++) segment_free(&parts[s]);
    segment_free(&whole);
    corpus_free(&c);
  }
}

/* Enough postings that whole blocks are skipped: pruned answers must be those without pruning. */
static void search_when_pruned_then_equals_the_head_of_all(void **state) {
  (void)state;
  uint64_t seed = 5;
  corpus c = corpus_make(99, 20000, 3000);
  built_segment whole = segment_build(&c, 0, c.item_count);
  mgp_scored *all = calloc(c.item_count, sizeof *all), *head = calloc(c.item_count, sizeof *head);
  for (int i = 0; i < 300; i++) {
    slow_term terms[16];
    const size_t count = query_make(&seed, c.word_count, terms), k = 1 + random_below(&seed, 20);
    size_t wanted = search(&whole, 1, terms, count, &usual, NULL, c.item_count, all);
    if (wanted > k) wanted = k;
    assert_int_equal(search(&whole, 1, terms, count, &usual, NULL, k, head), wanted);
    for (size_t j = 0; j < wanted; j++) {
      assert_true(all[j].id == head[j].id);
      assert_memory_equal(&all[j].score, &head[j].score, sizeof(float));
    }
  }
  free(all);
  free(head);
  segment_free(&whole);
  corpus_free(&c);
}

static void search_when_word_is_said_twice_then_counts_twice(void **state) {
  (void)state;
  corpus c = corpus_make(4, 200, 40);
  built_segment whole = segment_build(&c, 0, c.item_count);
  const slow_term twice[2] = {{.words = {3}, .form_count = 1, .weight = 1},
                              {.words = {3}, .form_count = 1, .weight = 1}};
  const slow_term heavy = {.words = {3}, .form_count = 1, .weight = 2};
  mgp_scored a[200], b[200];
  const size_t count = search(&whole, 1, twice, 2, &usual, NULL, 200, a);
  assert_int_equal(search(&whole, 1, &heavy, 1, &usual, NULL, 200, b), count);
  assert_true(count > 10);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(a[i].id, b[i].id);
    assert_true(a[i].score == b[i].score);
  }
  segment_free(&whole);
  corpus_free(&c);
}

static void search_when_forms_repeat_then_they_count_once(void **state) {
  (void)state;
  corpus c = corpus_make(4, 200, 40);
  built_segment whole = segment_build(&c, 0, c.item_count);
  const slow_term repeated = {.words = {3, 5, 3}, .form_count = 3, .weight = 1};
  const slow_term once = {.words = {3, 5}, .form_count = 2, .weight = 1};
  mgp_scored a[200], b[200];
  const size_t count = search(&whole, 1, &repeated, 1, &usual, NULL, 200, a);
  assert_int_equal(search(&whole, 1, &once, 1, &usual, NULL, 200, b), count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(a[i].id, b[i].id);
    assert_true(a[i].score == b[i].score);
  }
  segment_free(&whole);
  corpus_free(&c);
}

/* N = 2, n = 1, tf = 2, length = 2, average = 1.5. */
static void search_when_done_by_hand_then_the_same_score(void **state) {
  (void)state;
  const unsigned tokens[] = {0, 0, 1};
  uint64_t ids[] = {7, 9};
  size_t starts[] = {0, 2, 3};
  const corpus c = {
      .item_count = 2, .word_count = 2, .ids = ids, .starts = starts, .tokens = (unsigned *)tokens};
  built_segment s = segment_build(&c, 0, 2);
  const slow_term term = {.words = {0}, .form_count = 1, .weight = 1};
  mgp_scored hit[2];
  assert_int_equal(search(&s, 1, &term, 1, &usual, NULL, 2, hit), 1);
  assert_int_equal(hit[0].id, 7);
  /* ln(2) * 2 / (2 + 1.2 * (0.25 + 0.75 * 2 / 1.5)) = 0.693147 * 2 / 3.5 */
  assert_float_equal(hit[0].score, 0.396084, 1e-6);
  segment_free(&s);
}

/* Twenty equal items, the higher ids in the first segment: the lower ones must still push them out.
 */
static void search_when_scores_tie_then_lowest_ids_win(void **state) {
  (void)state;
  uint64_t ids[20];
  size_t starts[21] = {0};
  unsigned tokens[40];
  for (size_t i = 0; i < 20; i++) {
    ids[i] = i;
    starts[i + 1] = 2 * (i + 1);
    tokens[2 * i] = tokens[2 * i + 1] = 5;
  }
  const corpus c = {
      .item_count = 20, .word_count = 9, .ids = ids, .starts = starts, .tokens = tokens};
  built_segment s[2] = {segment_build(&c, 12, 20), segment_build(&c, 0, 12)};
  const slow_term terms[2] = {{.words = {5}, .form_count = 1, .weight = 1},
                              {.words = {6}, .form_count = 1, .weight = 1}};
  mgp_scored got[6];
  assert_int_equal(search(s, 2, terms, 2, &usual, NULL, 6, got), 6);
  for (size_t i = 0; i < 6; i++) assert_int_equal(got[i].id, i);
  segment_free(&s[0]);
  segment_free(&s[1]);
}

static void search_when_nothing_is_asked_or_held_then_no_hits(void **state) {
  (void)state;
  corpus c = corpus_make(4, 20, 40);
  built_segment s[2] = {segment_build(&c, 0, 20), segment_build(&c, 0, 0)};
  const slow_term unknown = {.words = {4000}, .form_count = 1, .weight = 1};
  const slow_term formless = {.form_count = 0, .weight = 1};
  mgp_scored out[4];
  assert_int_equal(search(s, 1, &unknown, 1, &usual, NULL, 4, out), 0);
  assert_int_equal(search(s, 1, &formless, 1, &usual, NULL, 4, out), 0);
  assert_int_equal(search(s, 1, NULL, 0, &usual, NULL, 4, out), 0);
  assert_int_equal(search(s, 0, &unknown, 1, &usual, NULL, 4, out), 0);
  assert_int_equal(search(s + 1, 1, &unknown, 1, &usual, NULL, 4, out), 0);
  assert_int_equal(mgp_lexical_view_count(s[1].view), 0);
  segment_free(&s[0]);
  segment_free(&s[1]);
  corpus_free(&c);
}

static void search_when_parameters_are_unsound_then_invalid(void **state) {
  (void)state;
  static const mgp_bm25 bad[] = {{-1, 0.5}, {NAN, 0.5}, {1, 1.5}, {1, NAN}, {INFINITY, 0}};
  corpus c = corpus_make(4, 20, 40);
  built_segment s = segment_build(&c, 0, 20);
  const char *form = "w0";
  const size_t size = 2;
  mgp_query_term term = {.forms = &form, .sizes = &size, .form_count = 1, .weight = 1};
  mgp_scored storage[4];
  mgp_topk top;
  mgp_topk_init(&top, storage, 4);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(mgp_lexical_search(&s.view, 1, &term, 1, &bad[i], NULL, NULL, &top, NULL),
                     MAGPIE_INVALID);
  term.weight = NAN;
  assert_int_equal(mgp_lexical_search(&s.view, 1, &term, 1, &usual, NULL, NULL, &top, NULL),
                   MAGPIE_INVALID);
  segment_free(&s);
  corpus_free(&c);
}

static void search_when_any_allocation_fails_then_says_so(void **state) {
  (void)state;
  corpus c = corpus_make(4, 200, 40);
  built_segment s = segment_build(&c, 0, 200);
  const char *form = "w0";
  const size_t size = 2;
  const mgp_query_term term = {.forms = &form, .sizes = &size, .form_count = 1, .weight = 1};
  mgp_scored storage[4];
  magpie_status status = MAGPIE_NO_MEMORY;
  uint64_t failures = 0;
  for (; status == MAGPIE_NO_MEMORY && failures < 100; failures++) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_alloc_fail_at(a, failures + 1);
    mgp_topk top;
    mgp_topk_init(&top, storage, 4);
    status = mgp_lexical_search(&s.view, 1, &term, 1, &usual, NULL, a, &top, NULL);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
  }
  assert_int_equal(status, MAGPIE_OK);
  assert_true(failures > 1);
  segment_free(&s);
  corpus_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(search_when_random_corpora_then_equals_counting),
      cmocka_unit_test(search_when_pruned_then_equals_the_head_of_all),
      cmocka_unit_test(search_when_word_is_said_twice_then_counts_twice),
      cmocka_unit_test(search_when_forms_repeat_then_they_count_once),
      cmocka_unit_test(search_when_done_by_hand_then_the_same_score),
      cmocka_unit_test(search_when_scores_tie_then_lowest_ids_win),
      cmocka_unit_test(search_when_nothing_is_asked_or_held_then_no_hits),
      cmocka_unit_test(search_when_parameters_are_unsound_then_invalid),
      cmocka_unit_test(search_when_any_allocation_fails_then_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
