/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

/* ids:                       0      1      2      3      4  5    6    7     8      9  10   11 */
static const char vocab[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\nab\n##bc\ncafe\n!\n\xE4\xB8\xAD\nA\n";
static const char json[] =
    "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":1,\"a\":4,\"##b\":5,\"ab\":6}}}";

static mgp_tokenizer *open_vocab(bool lowercase) {
  const temp_file f = temp_create(vocab, sizeof vocab - 1);
  mgp_tokenizer *t = tokenizer_of("wordpiece", f.path, NULL, lowercase);
  unlink(f.path);
  return t;
}

static void encode_when_word_then_longest_piece_first(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  ASSERT_IDS(t, "ab abb abbc a", 6, 6, 5, 6, 7, 4);
  ASSERT_IDS(t, "abz", 1);
  mgp_tokenizer_close(t);
}

static void encode_when_uncased_then_folded(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  ASSERT_IDS(t, "CAF\xC3\x89 cafe\xCC\x81!", 8, 8, 9);
  mgp_tokenizer_close(t);
}

static void encode_when_cased_then_kept(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(false);
  ASSERT_IDS(t, "A a caf\xC3\xA9", 11, 4, 1);
  mgp_tokenizer_close(t);
}

static void encode_when_han_or_controls_then_split_or_dropped(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  ASSERT_IDS(t,
             "a\xE4\xB8\xAD"
             "a",
             4, 10, 4);
  assert_ids_of(t, "a\0b\x01", 4, (const int32_t[]){6}, 1);
  ASSERT_IDS(t, "a\t\xE3\x80\x80\na", 4, 4);
  ASSERT_IDS(t, "");
  ASSERT_IDS(t, " \n ");
  mgp_tokenizer_close(t);
}

static void encode_when_word_has_over_100_characters_then_unknown(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  char text[101];
  memset(text, 'b', sizeof text);
  text[0] = 'a';
  int32_t want[100] = {6};
  for (size_t i = 1; i < 99; i++) want[i] = 5;
  assert_ids_of(t, text, 100, want, 99);
  want[0] = 1;
  assert_ids_of(t, text, 101, want, 1);
  mgp_tokenizer_close(t);
}

static void encode_when_room_is_short_then_cut(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  int32_t ids[2];
  size_t count = 0;
  bool cut = false;
  assert_int_equal(mgp_tokenizer_encode(t, "a ab a", 6, ids, 2, &count, &cut, NULL), MAGPIE_OK);
  assert_int_equal(count, 2);
  assert_true(cut);
  assert_int_equal(ids[1], 6);
  mgp_tokenizer_close(t);
}

static void encode_when_marks_are_endless_then_no_harm(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  const size_t size = 200001;
  char *text = malloc(size);
  int32_t ids[4];
  size_t count;
  text[0] = 'a';
  for (size_t i = 1; i < size; i += 2) memcpy(text + i, "\xCC\x81", 2);
  assert_int_equal(mgp_tokenizer_encode(t, text, size, ids, 4, &count, NULL, NULL), MAGPIE_OK);
  assert_int_equal(count, 1);
  assert_int_equal(ids[0], 4);
  memset(text, 0xF0, size);
  assert_int_equal(mgp_tokenizer_encode(t, text, size, ids, 4, &count, NULL, NULL), MAGPIE_OK);
  free(text);
  mgp_tokenizer_close(t);
}

static void open_when_vocabulary_is_read_then_specials_known(void **s) {
  (void)s;
  mgp_tokenizer *t = open_vocab(true);
  assert_int_equal(mgp_tokenizer_special(t, "cls"), 2);
  assert_int_equal(mgp_tokenizer_special(t, "eos"), 3);
  assert_int_equal(mgp_tokenizer_special(t, "pad"), 0);
  assert_int_equal(mgp_tokenizer_special(t, "unk"), 1);
  assert_int_equal(mgp_tokenizer_special(t, "mask"), -1);
  assert_int_equal(mgp_tokenizer_vocabulary(t), 12);
  mgp_tokenizer_close(t);
}

static void open_when_json_then_same_rules(void **s) {
  (void)s;
  const temp_file f = temp_create(json, sizeof json - 1);
  mgp_tokenizer *t = tokenizer_of("wordpiece", f.path, NULL, true);
  ASSERT_IDS(t, "ab abb x", 6, 6, 5, 1);
  mgp_tokenizer_close(t);
  fail_each_allocation("wordpiece", f.path, NULL);
  unlink(f.path);
}

static void open_when_truncated_then_fails_or_opens_smaller(void **s) {
  (void)s;
  assert_int_equal(open_truncations("wordpiece", json, sizeof json - 1, NULL), 0);
  /* A list of lines has no end mark: with [UNK] in it, it is a vocabulary. */
  assert_int_equal(open_truncations("wordpiece", vocab, sizeof vocab - 1, NULL),
                   sizeof vocab - 1 - 11);
}

static void open_when_allocation_fails_then_no_memory(void **s) {
  (void)s;
  const temp_file f = temp_create(vocab, sizeof vocab - 1);
  fail_each_allocation("wordpiece", f.path, NULL);
  unlink(f.path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encode_when_word_then_longest_piece_first),
      cmocka_unit_test(encode_when_uncased_then_folded),
      cmocka_unit_test(encode_when_cased_then_kept),
      cmocka_unit_test(encode_when_han_or_controls_then_split_or_dropped),
      cmocka_unit_test(encode_when_word_has_over_100_characters_then_unknown),
      cmocka_unit_test(encode_when_room_is_short_then_cut),
      cmocka_unit_test(encode_when_marks_are_endless_then_no_harm),
      cmocka_unit_test(open_when_vocabulary_is_read_then_specials_known),
      cmocka_unit_test(open_when_json_then_same_rules),
      cmocka_unit_test(open_when_truncated_then_fails_or_opens_smaller),
      cmocka_unit_test(open_when_allocation_fails_then_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
