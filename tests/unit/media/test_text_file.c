/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void text_when_utf8_then_passage_with_lines(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("a.txt", "The first line.\nDas Mädchen lächelt.\n"));
  assert_string_equal(d->info.format, "text");
  assert_int_equal(d->count, 1);
  assert_string_equal(d->items[0].kind, "passage");
  assert_non_null(strstr(d->items[0].text, "Mädchen"));
  assert_true(d->items[0].locator.has_lines);
  assert_int_equal(d->items[0].locator.lines[0], 1);
  assert_int_equal(d->items[0].locator.lines[1], 2);
  forget(d);
}

static void text_when_utf16_then_read(void **state) {
  (void)state;
  const char le[] = "\xFF\xFEH\0e\0l\0l\0o\0 \0\x16\x04\x43\x04\x3A\x04!\0\n\0";
  const char be[] = "\xFE\xFF\0H\0e\0l\0l\0o\0 \x04\x16\x04\x43\x04\x3A\0!\0\n";
  decoded *d = decode_well(write_bytes("le.txt", le, sizeof le - 1));
  assert_non_null(strstr(d->items[0].text, "Hello Жук!"));
  forget(d);
  d = decode_well(write_bytes("be.txt", be, sizeof be - 1));
  assert_non_null(strstr(d->items[0].text, "Hello Жук!"));
  forget(d);
}

static void text_when_latin1_then_read_and_named(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("l1.txt", "Le caf\xE9 est tr\xE8s bon \xE0 No\xEBl.\n"));
  assert_non_null(strstr(d->items[0].text, "Le café est très bon à Noël."));
  assert_true(strlen(meta(d, "charset")) > 0);
  forget(d);
}

static void text_when_utf8_is_broken_then_still_valid_text(void **state) {
  (void)state;
  const char broken[] = "Gr\xC3\xBC\xC3\x9F"
                        "e aus K\xC3\xB6ln \xC3( und \xE2\x82 mehr, "
                        "sch\xC3\xB6n gr\xC3\xBC\xC3\x9F"
                        "en wir alle V\xC3\xB6gel.\n";
  decoded *d = decode_well(write_text("broken.txt", broken));
  assert_int_equal(d->count, 1);
  assert_true(d->items[0].text_size > 20);
  forget(d);
}

static void text_when_source_code_then_text(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("main.c", "#include <stdio.h>\nint main(void) {\n"
                                                "  puts(\"hi\");\n  return 0;\n}\n"));
  assert_string_equal(d->info.format, "text");
  assert_int_equal(d->items[0].locator.lines[1], 5);
  forget(d);
}

static void text_when_long_then_passages_cover_all_lines(void **state) {
  (void)state;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (int i = 1; i <= 400; i++)
    mgp_buffer_printf(&b, "Sentence number %d talks about birds and their nests.\n", i);
  decoded *d = decode_well(write_bytes("long.txt", b.data, b.size));
  mgp_buffer_fini(&b);
  assert_in_range(d->count, 10, 60);
  for (size_t i = 0; i < d->count; i++) {
    char first[32];
    snprintf(first, sizeof first, "number %lld ", (long long)d->items[i].locator.lines[0]);
    assert_non_null(strstr(d->items[i].text, first)); /* the line named is the line of the text */
  }
  assert_int_equal(d->items[0].locator.lines[0], 1);
  assert_int_equal(d->items[d->count - 1].locator.lines[1], 400);
  forget(d);
}

static void text_when_over_64_mib_then_limit(void **state) {
  (void)state;
  const char *path = write_text("huge.txt", "Words at the beginning of a very long file.\n");
  const int fd = open(path, O_WRONLY | O_APPEND);
  static char words[1 << 20];
  for (size_t i = 0; i < sizeof words; i++) words[i] = "some words "[i % 11];
  for (int i = 0; i < 65; i++) assert_int_equal(write(fd, words, sizeof words), sizeof words);
  close(fd);
  assert_fails(path, MAGPIE_LIMIT, "67108864");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_when_utf8_then_passage_with_lines),
      cmocka_unit_test(text_when_utf16_then_read),
      cmocka_unit_test(text_when_latin1_then_read_and_named),
      cmocka_unit_test(text_when_utf8_is_broken_then_still_valid_text),
      cmocka_unit_test(text_when_source_code_then_text),
      cmocka_unit_test(text_when_long_then_passages_cover_all_lines),
      cmocka_unit_test(text_when_over_64_mib_then_limit),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
