/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

static const char vocab[] =
    "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"!</w>\":4,\"'\":5,\"s</w>\":6,\"1</w>\":7,"
    "\"ab\":8,\"ab</w>\":9,\"abab</w>\":10,\"\\u00c3\":11,\"\\u00a9</w>\":12,\"model\":13,"
    "\"<|startoftext|>\":14,\"<|endoftext|>\":15,\"aba\":16,\"'s</w>\":17}";
static const char merges[] = "#version: 0.2\na b\na b</w>\nab ab</w>\nab a\n' s</w>\n";

static mgp_tokenizer *open_tiny(void) {
  const temp_file v = temp_create(vocab, sizeof vocab - 1),
                  m = temp_create(merges, sizeof merges - 1);
  mgp_tokenizer *t = tokenizer_of("clip-bpe", v.path, m.path, false);
  unlink(v.path);
  unlink(m.path);
  return t;
}

static void encode_when_words_then_merged_by_rank(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  ASSERT_IDS(t, "a ab abab", 2, 9, 10);
  ASSERT_IDS(t, "aba", 8, 2);
  ASSERT_IDS(t, "AB's 11!", 9, 17, 7, 7, 4);
  mgp_tokenizer_close(t);
}

static void encode_when_not_ascii_then_composed_bytes(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  ASSERT_IDS(t, "\xC3\xA9 e\xCC\x81 \xC3\x89", 11, 12, 11, 12, 11, 12);
  mgp_tokenizer_close(t);
}

static void encode_when_empty_or_space_then_nothing(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  ASSERT_IDS(t, "");
  ASSERT_IDS(t, " \n\xC2\xA0 ");
  mgp_tokenizer_close(t);
}

static void encode_when_text_spells_the_end_then_it_is_text(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  int32_t ids[64];
  size_t count;
  assert_int_equal(mgp_tokenizer_encode(t, "<|a", 3, ids, 64, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 3); /* two signs that this vocabulary lacks, then a */
  assert_int_equal(ids[2], 2);
  mgp_tokenizer_close(t);
}

static void encode_when_word_is_a_megabyte_then_fast_enough(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  const size_t size = 1 << 20;
  char *text = malloc(size);
  int32_t *ids = malloc(size * sizeof *ids);
  size_t count = 0;
  for (size_t i = 0; i < size; i++) text[i] = "ab"[i % 2];
  assert_int_equal(mgp_tokenizer_encode(t, text, size, ids, size, &count, NULL, NULL), MAGPIE_OK);
  assert_in_range(count, size / 4, size / 2);
  free(ids);
  free(text);
  mgp_tokenizer_close(t);
}

static void open_when_merge_is_no_pair_then_names_the_line(void **s) {
  (void)s;
  const char bad[] = "#version: 0.2\na b\nq zzz\n";
  const temp_file v = temp_create(vocab, sizeof vocab - 1), m = temp_create(bad, sizeof bad - 1);
  const mgp_tokenizer_options options = {.kind = "clip-bpe", .file = v.path, .file2 = m.path};
  mgp_tokenizer *t = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, &err), MAGPIE_MODEL);
  assert_non_null(strstr(err.message, ":3 "));
  unlink(v.path);
  unlink(m.path);
}

static void open_when_merges_are_not_named_then_asks_for_them(void **s) {
  (void)s;
  const temp_file v = temp_create(vocab, sizeof vocab - 1);
  const mgp_tokenizer_options options = {.kind = "clip-bpe", .file = v.path};
  mgp_tokenizer *t = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, &err), MAGPIE_MODEL);
  assert_non_null(strstr(err.message, "merges.txt"));
  unlink(v.path);
}

static void open_when_truncated_then_fails_cleanly(void **s) {
  (void)s;
  const temp_file v = temp_create(vocab, sizeof vocab - 1),
                  m = temp_create(merges, sizeof merges - 1);
  assert_int_equal(open_truncations("clip-bpe", vocab, sizeof vocab - 1, m.path), 0);
  fail_each_allocation("clip-bpe", v.path, m.path);
  unlink(v.path);
  unlink(m.path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encode_when_words_then_merged_by_rank),
      cmocka_unit_test(encode_when_not_ascii_then_composed_bytes),
      cmocka_unit_test(encode_when_empty_or_space_then_nothing),
      cmocka_unit_test(encode_when_text_spells_the_end_then_it_is_text),
      cmocka_unit_test(encode_when_word_is_a_megabyte_then_fast_enough),
      cmocka_unit_test(open_when_merge_is_no_pair_then_names_the_line),
      cmocka_unit_test(open_when_merges_are_not_named_then_asks_for_them),
      cmocka_unit_test(open_when_truncated_then_fails_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
