/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

typedef struct cuts {
  mgp_passage *passages;
  size_t count;
} cuts;

static cuts cut(const char *text, size_t size, size_t target) {
  cuts c = {NULL, 0};
  magpie_error err = {0};
  assert_int_equal(mgp_passages_cut(NULL, text, size, target, &c.passages, &c.count, &err),
                   MAGPIE_OK);
  return c;
}

static bool is_space(const char *text, size_t size, size_t *i) {
  const uint32_t c = mgp_utf8_next(text, size, i);
  return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x3000 || c == 0x2028;
}

/* The promises of the header, for any text. */
static void check(const char *text, size_t size, size_t target) {
  const cuts c = cut(text, size, target);
  size_t at = 0;
  int64_t line = 1;
  for (size_t p = 0; p <= c.count; p++) {
    const size_t start = p < c.count ? c.passages[p].start : size;
    assert_true(start >= at);
    while (at < start) {
      line += text[at] == '\n';
      assert_true(is_space(text, size, &at));
    }
    if (p == c.count) break;
    const mgp_passage *q = &c.passages[p];
    assert_true(q->size > 0 && q->start + q->size <= size);
    assert_true(mgp_utf8_valid(text + q->start, q->size));
    assert_true(mgp_token_estimate(text + q->start, q->size) * 2 <= (target ? target : 200) * 3);
    assert_int_equal(q->first_line, line);
    for (size_t i = 0; i < q->size; i++) line += text[q->start + i] == '\n';
    assert_int_equal(q->last_line, line);
    at = q->start + q->size;
  }
  mgp_free(NULL, c.passages);
}

static void cut_when_empty_or_blank_then_nothing(void **s) {
  (void)s;
  cuts c = cut("", 0, 0);
  assert_int_equal(c.count, 0);
  mgp_free(NULL, c.passages);
  c = cut(" \n\t \xC2\xA0\n", 7, 0);
  assert_int_equal(c.count, 0);
  mgp_free(NULL, c.passages);
}

static void cut_when_short_then_one_without_outer_space(void **s) {
  (void)s;
  const char text[] = "\n  Hello world.\n";
  const cuts c = cut(text, strlen(text), 0);
  assert_int_equal(c.count, 1);
  assert_int_equal(c.passages[0].start, 3);
  assert_int_equal(c.passages[0].size, 12);
  assert_int_equal(c.passages[0].first_line, 2);
  assert_int_equal(c.passages[0].last_line, 2);
  mgp_free(NULL, c.passages);
}

static void cut_when_long_then_at_sentence_ends(void **s) {
  (void)s;
  char text[8192] = "";
  for (int i = 0; i < 60; i++) strcat(text, "One two three four five six seven. ");
  const cuts c = cut(text, strlen(text), 50);
  assert_true(c.count >= 8 && c.count <= 15);
  for (size_t i = 0; i < c.count; i++)
    assert_int_equal(text[c.passages[i].start + c.passages[i].size - 1], '.');
  mgp_free(NULL, c.passages);
}

static void cut_when_lines_are_wrapped_then_still_at_sentence_ends(void **s) {
  (void)s;
  char text[8192] = "";
  for (int i = 0; i < 60; i++) strcat(text, "one two three\nfour five six\nseven eight.\n");
  const cuts c = cut(text, strlen(text), 50);
  for (size_t i = 0; i < c.count; i++)
    assert_int_equal(text[c.passages[i].start + c.passages[i].size - 1], '.');
  mgp_free(NULL, c.passages);
}

static void cut_when_blank_line_in_last_third_then_there(void **s) {
  (void)s;
  char text[4096] = "";
  for (int i = 0; i < 4; i++) strcat(text, "One two three four five six seven. ");
  strcat(text, "End here.\n\nNext begins. ");
  for (int i = 0; i < 8; i++) strcat(text, "One two three four five six seven. ");
  const cuts c = cut(text, strlen(text), 50);
  assert_memory_equal(text + c.passages[1].start, "Next begins.", 12);
  mgp_free(NULL, c.passages);
}

static void cut_when_tail_is_small_then_joined(void **s) {
  (void)s;
  char text[4096] = "";
  for (int i = 0; i < 5; i++) strcat(text, "One two three four five six seven. ");
  strcat(text, "Tail.");
  const cuts c = cut(text, strlen(text), 49);
  assert_int_equal(c.count, 1);
  mgp_free(NULL, c.passages);
}

static void cut_when_word_is_endless_then_at_code_points(void **s) {
  (void)s;
  const size_t size = 3 * 20000;
  char *text = malloc(size);
  for (size_t i = 0; i < size; i += 3) memcpy(text + i, "\xE0\xB8\x81", 3);
  check(text, size, 0);
  for (size_t i = 0; i < size; i += 2) memcpy(text + i, "\xC3\xA9", 2);
  check(text, size, 10);
  free(text);
}

static void cut_when_text_is_large_then_promises_hold(void **s) {
  (void)s;
  const size_t size = (3 << 20) + 17;
  char *text = malloc(size);
  for (size_t i = 0; i < size; i++) text[i] = "abcde fgh"[i % 9];
  check(text, size, 0);
  memset(text, 'x', size);
  check(text, size, 0);
  memset(text, '\n', size);
  check(text, size, 0);
  free(text);
}

static void cut_when_random_then_promises_hold(void **s) {
  (void)s;
  static const char *const bits[] = {"a",
                                     "word ",
                                     "\n",
                                     "\n\n",
                                     ". ",
                                     "! ",
                                     "\xE6\xBC\xA2",
                                     "\xE3\x80\x82",
                                     "\xC3\xA9",
                                     "supercalifragilistic",
                                     "  ",
                                     "\t",
                                     "\xF0\x9F\x98\x80",
                                     "\xC2\xA0",
                                     "\"",
                                     "Mr. ",
                                     ":\n",
                                     "\xE2\x80\xA8"};
  srand(11);
  for (int round = 0; round < 1500; round++) {
    char text[4096] = "";
    size_t size = 0;
    const int n = rand() % 300;
    for (int i = 0; i < n && size < 3900; i++) {
      const char *bit = bits[(size_t)rand() % (sizeof bits / sizeof *bits)];
      memcpy(text + size, bit, strlen(bit));
      size += strlen(bit);
    }
    check(text, size, (size_t)(rand() % 40) + 1);
  }
}

static void cut_when_memory_fails_then_no_memory(void **s) {
  (void)s;
  char text[8192] = "";
  for (int i = 0; i < 60; i++) strcat(text, "One two three four five six seven. ");
  for (uint64_t n = 1;; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_passage *out = NULL;
    size_t count;
    mgp_alloc_fail_at(a, n);
    const magpie_status status = mgp_passages_cut(a, text, strlen(text), 50, &out, &count, NULL);
    mgp_alloc_fail_at(a, 0);
    mgp_free(a, out);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
    if (status == MAGPIE_OK) break;
    assert_int_equal(status, MAGPIE_NO_MEMORY);
    assert_true(n < 100);
  }
}

static void estimate_when_counted_then_words_and_characters(void **s) {
  (void)s;
  assert_int_equal(mgp_token_estimate("", 0), 0);
  assert_int_equal(mgp_token_estimate("a", 1), 1);
  assert_int_equal(mgp_token_estimate("one two three four five", 23), 7);
  assert_int_equal(mgp_token_estimate("\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2", 9), 3);
  char word[400];
  memset(word, 'x', sizeof word);
  assert_in_range(mgp_token_estimate(word, sizeof word), 90, 110);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_when_empty_or_blank_then_nothing),
      cmocka_unit_test(cut_when_short_then_one_without_outer_space),
      cmocka_unit_test(cut_when_long_then_at_sentence_ends),
      cmocka_unit_test(cut_when_lines_are_wrapped_then_still_at_sentence_ends),
      cmocka_unit_test(cut_when_blank_line_in_last_third_then_there),
      cmocka_unit_test(cut_when_tail_is_small_then_joined),
      cmocka_unit_test(cut_when_word_is_endless_then_at_code_points),
      cmocka_unit_test(cut_when_text_is_large_then_promises_hold),
      cmocka_unit_test(cut_when_random_then_promises_hold),
      cmocka_unit_test(cut_when_memory_fails_then_no_memory),
      cmocka_unit_test(estimate_when_counted_then_words_and_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
