/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

#define META "\xE2\x96\x81"

static void add_field(mgp_buffer *b, int number, int type) {
  const int tag = number << 3 | type;
  if (tag >= 0x80) mgp_buffer_add_char(b, (char)(tag | 0x80));
  mgp_buffer_add_char(b, (char)(tag >= 0x80 ? tag >> 7 : tag));
}

static void add_text(mgp_buffer *b, int number, const void *text, size_t size) {
  add_field(b, number, 2);
  assert_true(size < 128);
  mgp_buffer_add_char(b, (char)size);
  mgp_buffer_add(b, text, size);
}

static void add_piece(mgp_buffer *b, const char *text, float score, int type) {
  mgp_buffer piece = {0};
  add_text(&piece, 1, text, strlen(text));
  add_field(&piece, 2, 5);
  mgp_buffer_add(&piece, &score, 4);
  add_field(&piece, 3, 0);
  mgp_buffer_add_char(&piece, (char)type);
  add_text(b, 1, piece.data, piece.size);
  mgp_buffer_fini(&piece);
}

/* A Darts array with the one rule "Z" -> "zz": root, node of 'Z' (with a leaf), leaf. */
static void add_charsmap(mgp_buffer *normalizer) {
  unsigned char map[4 + 4 * 256 + 3] = {0};
  uint32_t units[256] = {0};
  units[0] = 1U << 10;                       /* children of the root at 1 ^ label */
  units[1 ^ 'Z'] = 'Z' | 0x100 | (2U << 10); /* its leaf lies at (1 ^ 'Z') ^ 2 */
  units[(1 ^ 'Z') ^ 2] = 0x80000000U;        /* replacement at place 0 */
  map[0] = 0x80, map[1] = 1;                 /* 384 bytes: 96 units */
  for (size_t i = 0; i < 96; i++)
    for (size_t k = 0; k < 4; k++) map[4 + 4 * i + k] = (unsigned char)(units[i] >> (8 * k));
  memcpy(map + 4 + 384, "zz", 3);
  add_field(normalizer, 2, 2);
  mgp_buffer_add(normalizer, "\x87\x03", 2); /* 391 */
  mgp_buffer_add(normalizer, map, 391);
}

typedef struct shape {
  bool byte_fallback, user_piece, suffix, no_dummy, no_normalizer;
  int model_type;
} shape;

/* ids: 0 <unk>, 1 <s>, 2 </s>, 3 META, 4 META a, 5 ab, 6 z, 7 "#!" or unused, 8.. bytes */
static mgp_buffer tiny_model(shape how) {
  mgp_buffer b = {0}, part = {0};
  add_piece(&b, "<unk>", 0, 2);
  add_piece(&b, "<s>", 0, 3);
  add_piece(&b, "</s>", 0, 3);
  add_piece(&b, META, -3, 1);
  add_piece(&b, META "a", -2, 1);
  add_piece(&b, "ab", -1, 1);
  add_piece(&b, "z", -4, 1);
  add_piece(&b, "#!", 0, how.user_piece ? 4 : 5);
  for (int i = 0; how.byte_fallback && i < 256; i++) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)i);
    add_piece(&b, name, 0, 6);
  }
  add_field(&part, 3, 0);
  mgp_buffer_add_char(&part, (char)how.model_type);
  add_field(&part, 24, 0);
  mgp_buffer_add_char(&part, (char)how.suffix);
  add_field(&part, 35, 0);
  mgp_buffer_add_char(&part, (char)how.byte_fallback);
  add_text(&b, 2, part.data, part.size);
  mgp_buffer_clear(&part);
  add_charsmap(&part);
  add_field(&part, 3, 0);
  mgp_buffer_add_char(&part, (char)!how.no_dummy);
  if (!how.no_normalizer) {
    add_field(&b, 3, 2);
    assert_in_range(part.size, 384, 511);
    mgp_buffer_add_char(&b, (char)(part.size | 0x80));
    mgp_buffer_add_char(&b, (char)(part.size >> 7));
    mgp_buffer_add(&b, part.data, part.size);
  }
  mgp_buffer_fini(&part);
  return b;
}

static mgp_tokenizer *open_tiny(shape how) {
  how.model_type = 1;
  mgp_buffer b = tiny_model(how);
  const temp_file f = temp_create(b.data, b.size);
  mgp_tokenizer *t = tokenizer_of("unigram", f.path, NULL, false);
  unlink(f.path);
  mgp_buffer_fini(&b);
  return t;
}

static void encode_when_known_then_best_pieces(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){0});
  ASSERT_IDS(t, "a ab", 4, 3, 5);
  ASSERT_IDS(t, "  a   a  ", 4, 4);
  ASSERT_IDS(t, "");
  ASSERT_IDS(t, "   ");
  mgp_tokenizer_close(t);
}

static void encode_when_rule_matches_then_replaced(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){0});
  ASSERT_IDS(t, "aZ", 4, 6, 6);
  mgp_tokenizer_close(t);
}

static void encode_when_unknown_then_one_token_for_the_run(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){0});
  ASSERT_IDS(t, "axyq a#!", 4, 0, 4, 0);
  assert_ids_of(t, "a\0\xFF", 3, (const int32_t[]){4, 0}, 2);
  mgp_tokenizer_close(t);
}

static void encode_when_byte_fallback_then_bytes(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){.byte_fallback = true});
  ASSERT_IDS(t, "a\xC3\xA9", 4, 8 + 0xC3, 8 + 0xA9);
  mgp_tokenizer_close(t);
}

static void encode_when_user_piece_then_whole(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){.user_piece = true});
  ASSERT_IDS(t, "a#!z", 4, 7, 6);
  mgp_tokenizer_close(t);
}

static void encode_when_suffix_or_no_dummy_then_space_moves(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){.suffix = true});
  ASSERT_IDS(t, "ab", 5, 3);
  mgp_tokenizer_close(t);
  t = open_tiny((shape){.no_dummy = true});
  ASSERT_IDS(t, "ab", 5);
  mgp_tokenizer_close(t);
}

static void open_when_read_then_specials_known(void **s) {
  (void)s;
  mgp_tokenizer *t = open_tiny((shape){0});
  assert_int_equal(mgp_tokenizer_special(t, "bos"), 1);
  assert_int_equal(mgp_tokenizer_special(t, "eos"), 2);
  assert_int_equal(mgp_tokenizer_special(t, "pad"), -1);
  assert_int_equal(mgp_tokenizer_special(t, "unk"), 0);
  assert_int_equal(mgp_tokenizer_vocabulary(t), 8);
  mgp_tokenizer_close(t);
}

static void open_when_truncated_anywhere_then_fails(void **s) {
  (void)s;
  mgp_buffer b = tiny_model((shape){.model_type = 1});
  assert_int_equal(open_truncations("unigram", b.data, b.size, NULL), 0);
  mgp_buffer_fini(&b);
}

static void open_when_any_byte_is_changed_then_no_harm(void **s) {
  (void)s;
  mgp_buffer b = tiny_model((shape){.model_type = 1, .user_piece = true});
  const temp_file f = temp_create(b.data, b.size);
  for (size_t i = 0; i < b.size; i++) {
    const char before = b.data[i];
    b.data[i] = (char)(before ^ (1 << (i % 8)));
    temp_write(&f, b.data, b.size);
    b.data[i] = before;
    const mgp_tokenizer_options options = {.kind = "unigram", .file = f.path};
    mgp_tokenizer *t = NULL;
    int32_t ids[64];
    size_t count;
    if (mgp_tokenizer_open(NULL, &options, &t, NULL) != MAGPIE_OK) continue;
    mgp_tokenizer_encode(t, "ab Z #! x", 9, ids, 64, &count, NULL, NULL);
    mgp_tokenizer_close(t);
  }
  unlink(f.path);
  mgp_buffer_fini(&b);
}

static void assert_refused(shape how, magpie_status want, const char *word) {
  mgp_buffer b = tiny_model(how);
  const temp_file f = temp_create(b.data, b.size);
  const mgp_tokenizer_options options = {.kind = "unigram", .file = f.path};
  mgp_tokenizer *t = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, &err), want);
  assert_non_null(strstr(err.message, word));
  unlink(f.path);
  mgp_buffer_fini(&b);
}

static void open_when_not_unigram_or_not_whole_then_says_so(void **s) {
  (void)s;
  assert_refused((shape){.model_type = 2}, MAGPIE_UNSUPPORTED, "unigram");
  assert_refused((shape){.model_type = 1, .no_normalizer = true}, MAGPIE_MODEL, "whole");
}

static void open_when_allocation_fails_then_no_memory(void **s) {
  (void)s;
  mgp_buffer b = tiny_model((shape){.model_type = 1, .user_piece = true});
  const temp_file f = temp_create(b.data, b.size);
  fail_each_allocation("unigram", f.path, NULL);
  unlink(f.path);
  mgp_buffer_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encode_when_known_then_best_pieces),
      cmocka_unit_test(encode_when_rule_matches_then_replaced),
      cmocka_unit_test(encode_when_unknown_then_one_token_for_the_run),
      cmocka_unit_test(encode_when_byte_fallback_then_bytes),
      cmocka_unit_test(encode_when_user_piece_then_whole),
      cmocka_unit_test(encode_when_suffix_or_no_dummy_then_space_moves),
      cmocka_unit_test(open_when_read_then_specials_known),
      cmocka_unit_test(open_when_truncated_anywhere_then_fails),
      cmocka_unit_test(open_when_any_byte_is_changed_then_no_harm),
      cmocka_unit_test(open_when_not_unigram_or_not_whole_then_says_so),
      cmocka_unit_test(open_when_allocation_fails_then_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
