/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void assert_sniffs(const char *name, const void *bytes, size_t size, const char *format) {
  const char *got = mgp_media_sniff(name, bytes, size);
  if (!mgp_text_equal(got, format))
    print_error("%s: %s, wanted %s\n", name, got ? got : "none", format ? format : "none");
  assert_true(mgp_text_equal(got, format));
}

#define SNIFFS(name, bytes, format) assert_sniffs(name, bytes, sizeof(bytes) - 1, format)

static void sniff_when_signature_then_name_does_not_matter(void **state) {
  (void)state;
  SNIFFS("a.txt", "\xFF\xD8\xFF\xE0\0\x10JFIF\0", "jpeg");
  SNIFFS("a.jpg", "\x89PNG\r\n\x1A\n\0\0\0\x0D", "png");
  SNIFFS("a", "RIFF\x10\0\0\0WEBPVP8 ", "webp");
  SNIFFS("a", "RIFF\x10\0\0\0WAVEfmt ", "wav");
  SNIFFS("a", "RIFF\x10\0\0\0AVI LIST", NULL);
  SNIFFS("a", "GIF89a\1\0\1\0", "gif");
  SNIFFS("a", "II*\0\x08\0\0\0", "tiff");
  SNIFFS("a", "MM\0*\0\0\0\x08", "tiff");
  SNIFFS("a.txt", "%PDF-1.7\n", "pdf");
  SNIFFS("a", "OggS\0\2", "ogg");
  SNIFFS("a", "fLaC\0\0\0\x22", "flac");
  SNIFFS("a", "ID3\4\0\0\0\0\0\0", "mp3");
  SNIFFS("a",
         "\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         "heic");
  SNIFFS("a",
         "\0\0\0\x1C"
         "ftypmif1\0\0\0\0mif1avif",
         "avif");
  SNIFFS("a",
         "\0\0\0\x18"
         "ftypM4A \0\0\0\0M4A ",
         "mp4");
}

static void sniff_when_markup_then_what_it_begins_with(void **state) {
  (void)state;
  SNIFFS("a", "\n<!-- hi -->\n<!DOCTYPE html>\n<html>", "html");
  SNIFFS("a.txt", "<HTML><HEAD><TITLE>x</TITLE>", "html");
  SNIFFS("a", "<?xml version='1.0'?><html xmlns='x'>", "html");
  SNIFFS("a.html", "<p>A fragment of a page</p>", "html");
  SNIFFS("a", "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b>'>]>\n<svg>", "svg");
  SNIFFS("a.xml", "<?xml version='1.0'?><book><title>T</title></book>", "text");
}

static void sniff_when_text_then_name_tells_kinds_apart(void **state) {
  (void)state;
  SNIFFS("a.md", "# Title\n", "markdown");
  SNIFFS("A.MD", "# Title\n", "markdown");
  SNIFFS("a.txt", "# Title\n", "text");
  SNIFFS("a.py", "# Title\nprint(1)\n", "text");
  SNIFFS("a.csv", "a,b\n1,2\n", "csv");
  SNIFFS("a.tsv", "a\tb\n1\t2\n", "csv");
  SNIFFS("a.jsonl", "{\"a\": 1}\n", "jsonl");
  SNIFFS("a.json", "{\"a\": 1,\n \"b\": 2}\n", "text");
  SNIFFS(".md", "A file whose whole name is an ending\n", "text");
}

static void sniff_when_prose_has_commas_then_no_table(void **state) {
  (void)state;
  SNIFFS("a.txt",
         "Yes, no, well.\nRed, green, blue.\nCats sleep, dogs do not.\nOne, two.\nEnd.\nEnd.\n",
         "text");
  SNIFFS("code.c", "f(a, b, c);\nf(a, b, c);\nf(a, b, c);\nf(a, b, c);\nf(a, b, c);\n", "text");
}

static void sniff_when_binary_then_none(void **state) {
  (void)state;
  SNIFFS("a.txt",
         "\x7F"
         "ELF\2\1\1\0\0\0\0\0",
         NULL);
  SNIFFS("a.md", "PK\3\4\x14\0\6\0\x08\0\0\0!\0\xDF\xA4", NULL);
  assert_null(mgp_media_sniff("a.txt", "", 0));
}

/* Each head cut anywhere must end in an answer, whatever it is, and read no byte beyond. */
static void sniff_when_head_is_cut_then_stays_inside(void **state) {
  (void)state;
  static const char *const heads[] = {"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b>'>]><svg>",
                                      "RIFF\1\1\1\1WEBPVP8 ",
                                      "\1\1\1\x18"
                                      "ftypmif1\1\1\1\1mif1avif",
                                      "\xFF\xFB\x90\x64 and then more text here",
                                      "ID3\4\1",
                                      "\xFF\xF1\x50\x80\x02\x1F\xFC\xFF\xF1",
                                      "{\"a\":1}\n{\"b\":2}\n",
                                      "<!-- never",
                                      "\xEF\xBB\xBF{\"a\":1}\n{"};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    const size_t size = strlen(heads[i]);
    for (size_t cut = 0; cut <= size; cut++) {
      char *part = malloc(cut + 1); /* a block of its own, so that ASan sees a read beyond */
      memcpy(part, heads[i], cut);
      char *exact = realloc(part, cut > 0 ? cut : 1);
      (void)mgp_media_sniff("a", exact, cut);
      (void)mgp_media_sniff("a.html", exact, cut);
      free(exact);
    }
  }
}

static void formats_when_listed_then_each_is_named_once(void **state) {
  (void)state;
  size_t count = 0;
  for (const mgp_media_format *f = mgp_media_formats(); f->name; f++, count++) {
    assert_non_null(f->what);
    for (const mgp_media_format *g = mgp_media_formats(); g < f; g++)
      assert_string_not_equal(f->name, g->name);
  }
  assert_in_range(count, 25, 60);
  assert_true(is_enabled("text") && is_enabled("csv") && is_enabled("jsonl"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sniff_when_signature_then_name_does_not_matter),
      cmocka_unit_test(sniff_when_markup_then_what_it_begins_with),
      cmocka_unit_test(sniff_when_text_then_name_tells_kinds_apart),
      cmocka_unit_test(sniff_when_prose_has_commas_then_no_table),
      cmocka_unit_test(sniff_when_binary_then_none),
      cmocka_unit_test(sniff_when_head_is_cut_then_stays_inside),
      cmocka_unit_test(formats_when_listed_then_each_is_named_once),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
