/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

static void assert_converts(const void *in, size_t size, const char *hint, const char *want,
                            const char *want_charset, size_t want_replaced) {
  char *out = NULL;
  const char *charset = NULL;
  size_t out_size = 0, replaced = 99;
  magpie_error err = {0};
  assert_int_equal(
      mgp_text_to_utf8(NULL, in, size, hint, &out, &out_size, &charset, &replaced, &err),
      MAGPIE_OK);
  assert_string_equal(out, want);
  assert_int_equal(out_size, strlen(want));
  assert_string_equal(charset, want_charset);
  assert_int_equal(replaced, want_replaced);
  assert_true(mgp_utf8_valid(out, out_size));
  mgp_free(NULL, out);
}

#define CONVERTS(bytes, ...) assert_converts((bytes), sizeof(bytes) - 1, __VA_ARGS__)

static void charset_when_empty_is_empty_utf8(void **s) {
  (void)s;
  CONVERTS("", NULL, "", "UTF-8", 0);
  assert_converts(NULL, 0, NULL, "", "UTF-8", 0);
}

static void charset_when_utf8_then_kept(void **s) {
  (void)s;
  CONVERTS("a\xC3\xA4\xF0\x9F\x98\x80", NULL, "a\xC3\xA4\xF0\x9F\x98\x80", "UTF-8", 0);
  CONVERTS("\xEF\xBB\xBFhi", NULL, "hi", "UTF-8", 0);
  CONVERTS("\xEF\xBB\xBF", NULL, "", "UTF-8", 0);
}

static void charset_when_controls_then_spaces(void **s) {
  (void)s;
  CONVERTS("a\0b\x01"
           "c\td\r\ne\rf\n\x7F",
           NULL, "a b c\td\ne\nf\n ", "UTF-8", 0);
  CONVERTS("a\r\r\nb\r", NULL, "a\n\nb\n", "UTF-8", 0);
}

static void charset_when_utf8_is_broken_then_replaced_and_counted(void **s) {
  (void)s;
  CONVERTS("caf\xC3\xA9 \xFF\xFE!", NULL, "caf\xC3\xA9 \xEF\xBF\xBD\xEF\xBF\xBD!", "UTF-8", 2);
  CONVERTS("\xC3\xA9\xE2\x82", NULL, "\xC3\xA9\xEF\xBF\xBD", "UTF-8", 1);
  CONVERTS("\xC3\xA9\xED\xA0\x80", NULL, "\xC3\xA9\xEF\xBF\xBD", "UTF-8", 1);
  CONVERTS("\xC3\xA9\xC0\x80", NULL, "\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD", "UTF-8", 2);
}

static void charset_when_no_sequence_is_whole_then_windows_1252(void **s) {
  (void)s;
  CONVERTS("Stra\xDF"
           "e \x80 5",
           NULL,
           "Stra\xC3\x9F"
           "e \xE2\x82\xAC 5",
           "windows-1252", 0);
  CONVERTS("x\x81y", NULL, "x\xEF\xBF\xBDy", "windows-1252", 1);
}

static void charset_when_utf16_then_decoded(void **s) {
  (void)s;
  CONVERTS("\xFF\xFEh\0i\0", NULL, "hi", "UTF-16LE", 0);
  CONVERTS("\xFE\xFF\0h\0i", NULL, "hi", "UTF-16BE", 0);
  CONVERTS("h\0i\0!\0\xE4\0", NULL, "hi!\xC3\xA4", "UTF-16LE", 0);
  CONVERTS("\0h\0i\0!\0\xE4", NULL, "hi!\xC3\xA4", "UTF-16BE", 0);
  CONVERTS("\xFF\xFE\x3D\xD8\x00\xDE", NULL, "\xF0\x9F\x98\x80", "UTF-16LE", 0);
  CONVERTS("\xFF\xFE\x3D\xD8"
           "a\0b",
           NULL,
           "\xEF\xBF\xBD"
           "a\xEF\xBF\xBD",
           "UTF-16LE", 2);
  CONVERTS("\xFF\xFE\0\0h\0\0\0", NULL, "h", "UTF-32LE", 0);
}

static void charset_when_hinted_then_by_icu(void **s) {
  (void)s;
  CONVERTS("\xCF\xF0\xE8\xE2\xE5\xF2", "windows-1251",
           "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82", "windows-1251", 0);
  CONVERTS("\x93\xFA\x96\x7B", "Shift_JIS", "\xE6\x97\xA5\xE6\x9C\xAC", "Shift_JIS", 0);
  CONVERTS("\x1B$B$\"\x1B(B", "iso-2022-jp", "\xE3\x81\x82", "ISO-2022-JP", 0);
}

static void charset_when_hint_is_wrong_then_bytes_decide(void **s) {
  (void)s;
  CONVERTS("caf\xC3\xA9", "iso-8859-1", "caf\xC3\xA9", "UTF-8", 0);
  CONVERTS("caf\xE9", "no-such-charset", "caf\xC3\xA9", "windows-1252", 0);
}

static void charset_when_memory_is_short_then_fails_cleanly(void **s) {
  (void)s;
  mgp_alloc *a = mgp_alloc_create(64);
  char text[256], *out = NULL;
  size_t size;
  magpie_error err = {0};
  memset(text, 'x', sizeof text);
  assert_int_equal(mgp_text_to_utf8(a, text, sizeof text, NULL, &out, &size, NULL, NULL, &err),
                   MAGPIE_NO_MEMORY);
  assert_null(out);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
}

static void charset_when_random_then_always_valid_utf8(void **s) {
  (void)s;
  static const char *const hints[] = {NULL, "utf-16le", "Shift_JIS", "gb18030", "utf-7"};
  srand(7);
  for (int round = 0; round < 3000; round++) {
    unsigned char bytes[64];
    const size_t n = (size_t)rand() % sizeof bytes;
    for (size_t i = 0; i < n; i++)
      bytes[i] = (unsigned char)(rand() % 3 == 0 ? rand() % 4 : rand() % 256);
    char *out = NULL;
    size_t size = 0;
    assert_int_equal(
        mgp_text_to_utf8(NULL, bytes, n, hints[round % 5], &out, &size, NULL, NULL, NULL),
        MAGPIE_OK);
    assert_true(mgp_utf8_valid(out, size));
    for (size_t i = 0; i < size; i++)
      assert_true((unsigned char)out[i] >= 0x20 || out[i] == '\n' || out[i] == '\t');
    mgp_free(NULL, out);
  }
}

#define PLAUSIBLE(bytes) mgp_text_plausible((bytes), sizeof(bytes) - 1)

static void plausible_when_text_then_true(void **s) {
  (void)s;
  assert_true(PLAUSIBLE(""));
  assert_true(PLAUSIBLE("hello\tworld\r\n"));
  assert_true(PLAUSIBLE("Stra\xDF"
                        "e"));
  assert_true(PLAUSIBLE("h\0i\0!\0\n\0"));
  assert_true(PLAUSIBLE("\xE4\xB8\xAD\xE6\x96\x87"));
}

static void plausible_when_binary_then_false(void **s) {
  (void)s;
  assert_false(PLAUSIBLE("\x89PNG\r\n\x1A\n\0\0\0\rIHDR"));
  assert_false(PLAUSIBLE("\x7F"
                         "ELF\x02\x01\x01\0\0\0\0\0"));
  assert_false(PLAUSIBLE("\x01\x02\x03\x04\x05\x06"));
  assert_false(PLAUSIBLE("text with\0one zero"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(charset_when_empty_is_empty_utf8),
      cmocka_unit_test(charset_when_utf8_then_kept),
      cmocka_unit_test(charset_when_controls_then_spaces),
      cmocka_unit_test(charset_when_utf8_is_broken_then_replaced_and_counted),
      cmocka_unit_test(charset_when_no_sequence_is_whole_then_windows_1252),
      cmocka_unit_test(charset_when_utf16_then_decoded),
      cmocka_unit_test(charset_when_hinted_then_by_icu),
      cmocka_unit_test(charset_when_hint_is_wrong_then_bytes_decide),
      cmocka_unit_test(charset_when_memory_is_short_then_fails_cleanly),
      cmocka_unit_test(charset_when_random_then_always_valid_utf8),
      cmocka_unit_test(plausible_when_text_then_true),
      cmocka_unit_test(plausible_when_binary_then_false),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
