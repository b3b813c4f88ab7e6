/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

static void open_when_kind_is_unknown_then_lists_known(void **s) {
  (void)s;
  const mgp_tokenizer_options options = {.kind = "morse", .file = "x"};
  magpie_error err = {0};
  mgp_tokenizer *t = NULL;
  assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, &err), MAGPIE_UNSUPPORTED);
  assert_non_null(strstr(err.message, "morse"));
  assert_non_null(strstr(err.message, "wordpiece"));
  assert_null(t);
}

static void open_when_file_is_missing_then_names_it(void **s) {
  (void)s;
  static const char *const kinds[] = {"wordpiece", "unigram", "e5s1", "clip-bpe"};
  for (size_t i = 0; i < 4; i++) {
    const mgp_tokenizer_options options = {
        .kind = kinds[i], .file = "/nonexistent/tokens.bin", .file2 = "/nonexistent/merges.txt"};
    magpie_error err = {0};
    mgp_tokenizer *t = NULL;
    assert_int_not_equal(mgp_tokenizer_open(NULL, &options, &t, &err), MAGPIE_OK);
    assert_non_null(strstr(err.message, "/nonexistent/tokens.bin"));
    assert_null(t);
  }
}

static void open_when_options_are_empty_then_invalid(void **s) {
  (void)s;
  const mgp_tokenizer_options options = {0};
  mgp_tokenizer *t = NULL;
  assert_int_equal(mgp_tokenizer_open(NULL, &options, &t, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_tokenizer_open(NULL, NULL, &t, NULL), MAGPIE_INVALID);
}

static void ask_when_handle_is_null_then_nothing(void **s) {
  (void)s;
  assert_int_equal(mgp_tokenizer_special(NULL, "bos"), -1);
  assert_int_equal(mgp_tokenizer_vocabulary(NULL), 0);
  mgp_tokenizer_close(NULL);
}

static void open_when_bytes_are_noise_then_fails_or_works(void **s) {
  (void)s;
  static const char *const kinds[] = {"wordpiece", "unigram", "e5s1", "clip-bpe"};
  temp_file f = temp_create("", 0);
  srand(17);
  for (int round = 0; round < 400; round++) {
    char bytes[200];
    const size_t n = (size_t)rand() % sizeof bytes;
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(rand() % (round % 2 ? 256 : 32));
    if (n > 4 && round % 4 == 2) memcpy(bytes, "E5S1", 4);
    temp_write(&f, bytes, n);
    const mgp_tokenizer_options options = {
        .kind = kinds[round % 4], .file = f.path, .file2 = f.path};
    mgp_tokenizer *t = NULL;
    if (mgp_tokenizer_open(NULL, &options, &t, NULL) == MAGPIE_OK) mgp_tokenizer_close(t);
  }
  unlink(f.path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_when_kind_is_unknown_then_lists_known),
      cmocka_unit_test(open_when_file_is_missing_then_names_it),
      cmocka_unit_test(open_when_options_are_empty_then_invalid),
      cmocka_unit_test(ask_when_handle_is_null_then_nothing),
      cmocka_unit_test(open_when_bytes_are_noise_then_fails_or_works),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
