/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

typedef struct gathered {
  char terms[4096]; /* with one space behind each */
  size_t size, count;
  uint32_t position;
  const char *text;
  size_t text_size;
} gathered;

static void gather(void *context, const mgp_term *t) {
  gathered *g = context;
  assert_true(t->size > 0 && t->size <= 64);
  assert_true(mgp_utf8_valid(t->text, t->size));
  assert_true(t->length > 0 && t->start + t->length <= g->text_size);
  if (g->count > 0) assert_int_equal(t->position, g->position + 1);
  g->position = t->position;
  g->count++;
  if (g->size + t->size + 2 > sizeof g->terms) return;
  memcpy(g->terms + g->size, t->text, t->size);
  g->size += t->size;
  g->terms[g->size++] = ' ';
}

static gathered analyze(const char *text, size_t size, const char *language) {
  gathered g = {.text = text, .text_size = size};
  mgp_analyzer *an = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_analyzer_create(NULL, &an, &err), MAGPIE_OK);
  assert_int_equal(mgp_analyzer_run(an, text, size, language, gather, &g, &err), MAGPIE_OK);
  mgp_analyzer_destroy(an);
  return g;
}

#define ASSERT_TERMS(text, language, want)                                                         \
  do {                                                                                             \
    const gathered g_ = analyze((text), strlen(text), (language));                                 \
    assert_string_equal(g_.terms, (want));                                                         \
  } while (0)

static void analyze_when_english_then_stemmed(void **s) {
  (void)s;
  ASSERT_TERMS("The running DOGS, Mary's house!", "en", "the run dog mari hous ");
  ASSERT_TERMS("Mary\xE2\x80\x99s", "en", "mari ");
}

static void analyze_when_no_language_then_words_as_they_are(void **s) {
  (void)s;
  ASSERT_TERMS("The running DOGS", "", "the running dogs ");
  ASSERT_TERMS("running", NULL, "running ");
  ASSERT_TERMS("running", "xx", "running ");
}

static void analyze_when_accents_then_folded(void **s) {
  (void)s;
  ASSERT_TERMS("Z\xC3\xBCrich Zu\xCC\x88rich Zurich", "", "zurich zurich zurich ");
  ASSERT_TERMS("\xC3\x86gir \xC5\x81\xC3\xB3"
               "d\xC5\xBA \xC3\x98re",
               "", "aegir lodz ore ");
  ASSERT_TERMS("\xCE\xAC\xCE\xBB\xCF\x86\xCE\xB1", "", "\xCE\xB1\xCE\xBB\xCF\x86\xCE\xB1 ");
  /* Devanagari vowel signs are no accents */
  ASSERT_TERMS("\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80", "",
               "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80 ");
}

static void analyze_when_compatibility_forms_then_plain(void **s) {
  (void)s;
  ASSERT_TERMS("\xEF\xBC\xA1\xEF\xBC\xA2 \xEF\xAC\x81n", "", "ab fin ");
  ASSERT_TERMS("Stra\xC3\x9F"
               "e STRASSE",
               "de", "strass strass ");
}

static void analyze_when_french_then_elided(void **s) {
  (void)s;
  ASSERT_TERMS("l'eau qu\xE2\x80\x99il aujourd'hui", "fr", "eau il aujourd'hui ");
  ASSERT_TERMS("l'eau", "", "l'eau ");
}

static void analyze_when_cjk_then_bigrams(void **s) {
  (void)s;
  ASSERT_TERMS("\xE4\xB8\x96\xE7\x95\x8C\xE4\xBA\xBA", "zh",
               "\xE4\xB8\x96\xE7\x95\x8C \xE7\x95\x8C\xE4\xBA\xBA ");
  ASSERT_TERMS("\xE6\xBC\xA2 a\xE5\xAD\x97", "", "\xE6\xBC\xA2 a \xE5\xAD\x97 ");
  /* half-width katakana with its voiced sign is one character */
  ASSERT_TERMS("\xEF\xBD\xB6\xEF\xBE\x9E\xEF\xBD\xB7", "", "\xE3\x82\xAC\xE3\x82\xAD ");
  ASSERT_TERMS("\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4", "ko",
               "\xED\x95\x9C\xEA\xB5\xAD \xEA\xB5\xAD\xEC\x96\xB4 ");
}

static void analyze_when_thai_then_words_by_dictionary(void **s) {
  (void)s;
  const char *text = "\xE0\xB8\xAA\xE0\xB8\xA7\xE0\xB8\xB1\xE0\xB8\xAA\xE0\xB8\x94\xE0\xB8\xB5"
                     "\xE0\xB8\x8A\xE0\xB8\xB2\xE0\xB8\xA7\xE0\xB9\x82\xE0\xB8\xA5\xE0\xB8\x81";
  assert_true(analyze(text, strlen(text), "th").count >= 2);
}

static void analyze_when_empty_or_signs_then_no_terms(void **s) {
  (void)s;
  ASSERT_TERMS("", "en", "");
  ASSERT_TERMS(" \n\t", "en", "");
  ASSERT_TERMS("... !? -- \xE2\x80\x94", "en", "");
}

static void analyze_when_word_is_long_then_cut_at_code_point(void **s) {
  (void)s;
  char text[3 * 200];
  for (size_t i = 0; i < 200; i++) memcpy(text + 3 * i, "\xE1\xBC\x80", 3);
  const gathered g = analyze(text, sizeof text, "");
  assert_int_equal(g.count, 1);
  assert_int_equal(g.size, 65); /* 32 alphas of two bytes and the space */
}

static void last_term(void *context, const mgp_term *t) {
  *(mgp_term *)context = *t;
}

static void analyze_when_offsets_then_point_at_source(void **s) {
  (void)s;
  const char text[] = "\xF0\x9F\x98\x80 \xC3\x89t\xC3\xA9!";
  mgp_term t = {0};
  mgp_analyzer *an = NULL;
  assert_int_equal(mgp_analyzer_create(NULL, &an, NULL), MAGPIE_OK);
  assert_int_equal(mgp_analyzer_run(an, text, strlen(text), "", last_term, &t, NULL), MAGPIE_OK);
  assert_int_equal(t.start, 5);
  assert_int_equal(t.length, 5);
  mgp_analyzer_destroy(an);
}

static void analyze_when_many_blocks_then_no_word_is_cut(void **s) {
  (void)s;
  const size_t words = 60000;
  char *text = malloc(words * 7);
  for (size_t i = 0; i < words; i++) memcpy(text + 7 * i, "z\xC3\xBCric ", 7);
  const gathered g = analyze(text, words * 7, "");
  assert_int_equal(g.count, words);
  free(text);
}

static void analyze_when_bytes_are_broken_then_no_harm(void **s) {
  (void)s;
  srand(3);
  for (int round = 0; round < 500; round++) {
    char text[300];
    const size_t n = (size_t)rand() % sizeof text;
    for (size_t i = 0; i < n; i++) text[i] = (char)(rand() % 256);
    analyze(text, n, round % 2 ? "en" : "ar");
  }
  char *huge = malloc(1 << 20);
  memset(huge, 'x', 1 << 20);
  assert_true(analyze(huge, 1 << 20, "en").count > 0);
  memset(huge, 0xE6, 1 << 20);
  analyze(huge, 1 << 20, "zh");
  free(huge);
}

/* ---- words beside ICU's ------------------------------------------------------------------------
 */

typedef struct borders {
  const char *text;
  size_t starts[512], ends[512], count;
} borders;

/* What ICU says of signs with joiners depends on what stood before them: they are left out. */
static bool has_letter_or_digit(const char *text, size_t from, size_t to) {
  int32_t at = (int32_t)from;
  while (at < (int32_t)to) {
    UChar32 c = 0;
    U8_NEXT(text, at, (int32_t)to, c);
    if (c == '_' || u_isalnum(c)) return true;
  }
  return false;
}

static void add_borders(borders *b, size_t start, size_t end) {
  if (!has_letter_or_digit(b->text, start, end)) return;
  assert_true(b->count < 512);
  b->starts[b->count] = start;
  b->ends[b->count++] = end;
}

static void note_borders(void *context, const mgp_term *t) {
  add_borders(context, t->start, t->start + t->length);
}

/* What ICU makes of the whole text. */
static void icu_borders(borders *out) {
  UErrorCode status = U_ZERO_ERROR;
  UText *bytes = utext_openUTF8(NULL, out->text, -1, &status);
  UBreakIterator *words = ubrk_open(UBRK_WORD, "en", NULL, 0, &status);
  ubrk_setUText(words, bytes, &status);
  assert_true(U_SUCCESS(status));
  int32_t start = ubrk_first(words);
  for (int32_t end = ubrk_next(words); end != UBRK_DONE; start = end, end = ubrk_next(words)) {
    if (ubrk_getRuleStatus(words) >= UBRK_WORD_NUMBER) add_borders(out, (size_t)start, (size_t)end);
  }
  ubrk_close(words);
  utext_close(bytes);
}

static void analyze_when_ascii_is_mixed_with_marks_then_words_are_those_of_icu(void **s) {
  (void)s;
  /* letters, digits, signs that join and that part, spaces, a mark, joiners, an emoji, e acute */
  static const char *const pieces[] = {"a",
                                       "B",
                                       "z9",
                                       "7",
                                       "_",
                                       "'",
                                       ".",
                                       ",",
                                       ":",
                                       ";",
                                       "-",
                                       "\"",
                                       "(",
                                       ")",
                                       "$",
                                       "@",
                                       " ",
                                       " ",
                                       "  ",
                                       "\n",
                                       "\r\n",
                                       "\t",
                                       "\x0b",
                                       "\x1f",
                                       "3.5",
                                       "don't",
                                       "a.b",
                                       "\xCC\x88",
                                       "\xC3\xA9",
                                       "word",
                                       "\xC2\xAD",
                                       "x",
                                       "\xE2\x80\x8D",
                                       "\xF0\x9F\x98\x80",
                                       "\xD7\x90"};
  srand(20261123);
  mgp_analyzer *an = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_analyzer_create(NULL, &an, &err), MAGPIE_OK);
  for (int round = 0; round < 20000; round++) {
    char text[256] = "";
    for (int i = rand() % 24; i >= 0; i--)
      strcat(text, pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)]);
    borders got = {.text = text}, want = {.text = text};
    assert_int_equal(mgp_analyzer_run(an, text, strlen(text), "", note_borders, &got, &err),
                     MAGPIE_OK);
    icu_borders(&want);
    size_t same = 0;
    while (same < got.count && same < want.count && got.starts[same] == want.starts[same] &&
           got.ends[same] == want.ends[same])
      same++;
    if (same < got.count || same < want.count)
      fail_msg("round %d: \"%s\": word %zu is %zu to %zu, in ICU %zu to %zu", round, text, same,
               got.starts[same], got.ends[same], want.starts[same], want.ends[same]);
  }
  mgp_analyzer_destroy(an);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(analyze_when_english_then_stemmed),
      cmocka_unit_test(analyze_when_no_language_then_words_as_they_are),
      cmocka_unit_test(analyze_when_accents_then_folded),
      cmocka_unit_test(analyze_when_compatibility_forms_then_plain),
      cmocka_unit_test(analyze_when_french_then_elided),
      cmocka_unit_test(analyze_when_cjk_then_bigrams),
      cmocka_unit_test(analyze_when_thai_then_words_by_dictionary),
      cmocka_unit_test(analyze_when_empty_or_signs_then_no_terms),
      cmocka_unit_test(analyze_when_word_is_long_then_cut_at_code_point),
      cmocka_unit_test(analyze_when_offsets_then_point_at_source),
      cmocka_unit_test(analyze_when_many_blocks_then_no_word_is_cut),
      cmocka_unit_test(analyze_when_bytes_are_broken_then_no_harm),
      cmocka_unit_test(analyze_when_ascii_is_mixed_with_marks_then_words_are_those_of_icu),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
