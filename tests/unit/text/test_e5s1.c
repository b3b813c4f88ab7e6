/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

#define META "\xE2\x96\x81"

static void add_number(mgp_buffer *b, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) mgp_buffer_add_char(b, (char)(value >> (8 * i)));
}

/* A whole E5S1 file: seven pieces, 'A' mapped to 'a', U+00A0 to a space, U+0301 to nothing. */
static mgp_buffer tiny_file(uint32_t pieces) {
  static const char *const texts[] = {"<s>", "<pad>", "</s>", "<unk>", META, META "a", "ab"};
  static const float scores[] = {0, 0, 0, 0, -3, -2, -1};
  mgp_buffer b = {0};
  mgp_buffer_add_text(&b, "E5S1");
  for (int i = 0; i < 10; i++) add_number(&b, 1, 4);
  add_number(&b, pieces, 4);
  for (uint64_t id = 0; id < 4; id++) add_number(&b, id == 1 ? 2 : id == 2 ? 1 : id, 4);
  size_t total = 0;
  for (int i = 0; i < 7; i++) total += strlen(texts[i]);
  add_number(&b, total, 8);
  total = 0;
  for (int i = 0; i <= 7; i++) {
    add_number(&b, total, 4);
    if (i < 7) total += strlen(texts[i]);
  }
  mgp_buffer_add(&b, scores, sizeof scores);
  for (int i = 0; i < 7; i++) mgp_buffer_add_text(&b, texts[i]);
  static const unsigned char maps[] = {'A', 0, 0,   0, 1, 'a', 0, 0, 0, 0xA0, 0, 0,
                                       0,   1, ' ', 0, 0, 0,   1, 3, 0, 0,    0};
  add_number(&b, 3, 4);
  add_number(&b, sizeof maps, 4);
  mgp_buffer_add(&b, maps, sizeof maps);
  add_number(&b, 1, 4); /* one tensor of four bytes at the end */
  add_number(&b, 1, 2);
  mgp_buffer_add_char(&b, 't');
  add_number(&b, 0, 1);
  add_number(&b, 1, 4);
  add_number(&b, b.size + 16, 8);
  add_number(&b, 4, 8);
  add_number(&b, 0, 4);
  return b;
}

static mgp_tokenizer *open_tiny(void) {
  mgp_buffer b = tiny_file(7);
  const temp_file f = temp_create(b.data, b.size);
  mgp_tokenizer *t = tokenizer_of("e5s1", f.path, NULL, false);
  unlink(f.path);
  mgp_buffer_fini(&b);
  return t;
}

static void encode_when_known_then_best_pieces(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  ASSERT_IDS(t, "a", 5);
  ASSERT_IDS(t, "ab", 4, 6);
  ASSERT_IDS(t, "a ab", 5, 4, 6);
  ASSERT_IDS(t, "A\xC2\xA0 a\xCC\x81", 5, 5);
  mgp_tokenizer_close(t);
}

static void encode_when_unknown_then_one_token_each(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  ASSERT_IDS(t, "xy\xE4\xB8\xAD", 4, 3, 3, 3);
  ASSERT_IDS(t, "", 4);
  ASSERT_IDS(t, "<unk>", 4, 3, 3, 3, 3, 3);
  assert_ids_of(t, "\0\xFF", 2, (const int32_t[]){4, 3, 3}, 3);
  mgp_tokenizer_close(t);
}

static void encode_when_text_is_huge_then_linear(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  const size_t size = 4 << 20;
  char *text = malloc(size);
  int32_t *ids = malloc(size * sizeof *ids);
  size_t count = 0;
  bool cut = true;
  memset(text, 'x', size);
  assert_int_equal(mgp_tokenizer_encode(t, text, size, ids, size, &count, &cut, NULL), MAGPIE_OK);
  assert_int_equal(count, size);
  assert_true(cut); /* the space before it has no room */
  free(ids);
  free(text);
  mgp_tokenizer_close(t);
}

static void open_when_read_then_specials_known(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny();
  assert_int_equal(mgp_tokenizer_special(t, "bos"), 0);
  assert_int_equal(mgp_tokenizer_special(t, "eos"), 2);
  assert_int_equal(mgp_tokenizer_special(t, "pad"), 1);
  assert_int_equal(mgp_tokenizer_special(t, "unk"), 3);
  assert_int_equal(mgp_tokenizer_vocabulary(t), 7);
  mgp_tokenizer_close(t);
}

static void open_when_truncated_anywhere_then_fails(void **s) {
  (void)s;
  mgp_buffer b = tiny_file(7);
  assert_int_equal(open_truncations("e5s1", b.data, b.size, NULL), 0);
  mgp_buffer_fini(&b);
}

static void open_when_any_byte_is_changed_then_no_harm(void **s) {
  (void)s;
  mgp_buffer b = tiny_file(7);
  const temp_file f = temp_create(b.data, b.size);
  for (size_t i = 0; i < b.size; i++) {
    for (int k = 0; k < 3; k++) {
      const char before = b.data[i];
      b.data[i] = (char)(k == 0 ? 0xFF : k == 1 ? before + 1 : 0x7F);
      temp_write(&f, b.data, b.size);
      b.data[i] = before;
      const mgp_tokenizer_options options = {.kind = "e5s1", .file = f.path};
      mgp_tokenizer *t = NULL;
      int32_t ids[64];
      size_t count;
      if (mgp_tokenizer_open(NULL, &options, &t, NULL) != MAGPIE_OK) continue;
      mgp_tokenizer_encode(t, "ab A <s> x", 10, ids, 64, &count, NULL, NULL);
      mgp_tokenizer_close(t);
    }
  }
  unlink(f.path);
  mgp_buffer_fini(&b);
}

static void open_when_count_is_forged_then_fails(void **s) {
  (void)s;
  static const uint32_t counts[] = {0, 1000, 0x7FFFFFFF, 0xFFFFFFFF};
  for (size_t i = 0; i < 4; i++) {
    mgp_buffer b = tiny_file(counts[i]);
    const temp_file f = temp_create(b.data, b.size);
    const mgp_tokenizer_options options = {.kind = "e5s1", .file = f.path};
    mgp_tokenizer *t = NULL;
    magpie_error err = {0};
    assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, &err), MAGPIE_MODEL);
    unlink(f.path);
    mgp_buffer_fini(&b);
  }
}

static void open_when_allocation_fails_then_no_memory(void **s) {
  (void)s;
  mgp_buffer b = tiny_file(7);
  const temp_file f = temp_create(b.data, b.size);
  fail_each_allocation("e5s1", f.path, NULL);
  unlink(f.path);
  mgp_buffer_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encode_when_known_then_best_pieces),
      cmocka_unit_test(encode_when_unknown_then_one_token_each),
      cmocka_unit_test(encode_when_text_is_huge_then_linear),
      cmocka_unit_test(open_when_read_then_specials_known),
      cmocka_unit_test(open_when_truncated_anywhere_then_fails),
      cmocka_unit_test(open_when_any_byte_is_changed_then_no_harm),
      cmocka_unit_test(open_when_count_is_forged_then_fails),
      cmocka_unit_test(open_when_allocation_fails_then_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
