/* SPDX-License-Identifier: Apache-2.0 */
#include "text_fixture.h"

static const char *detect(const char *text) {
  return mgp_language_detect(text, strlen(text));
}

static void detect_when_script_is_unique_then_known(void **s) {
  (void)s;
  assert_string_equal(detect("\xEC\x95\x88\xEB\x85\x95\xED\x95\x98\xEC\x84\xB8\xEC\x9A\x94"), "ko");
  assert_string_equal(detect("\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF"), "ja");
  assert_string_equal(detect("\xCE\xBA\xCE\xB1\xCE\xBB\xCE\xB7\xCE\xBC\xCE\xAD\xCF\x81\xCE\xB1"),
                      "el");
  assert_string_equal(
      detect("\xE0\xB8\xAA\xE0\xB8\xA7\xE0\xB8\xB1\xE0\xB8\xAA\xE0\xB8\x94\xE0\xB8\xB5"), "th");
  assert_string_equal(detect("\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D"), "he");
}

static void detect_when_too_short_then_not_sure(void **s) {
  (void)s;
  assert_string_equal(detect(""), "");
  assert_string_equal(detect("42 -- !?"), "");
  assert_string_equal(detect("red bus"), "");
  assert_string_equal(detect("Sacks im Team?"), "");
  assert_string_equal(detect("\xE6\x9D\xB1\xE4\xBA\xAC\xE9\x83\xBD"), ""); /* Tokyo, without Kana */
}

static void detect_when_paragraph_then_right(void **s) {
  (void)s;
  if (detect("The quick brown fox jumps over the lazy dog and runs into the dark forest.")[0] == 0)
    skip(); /* built without CLD2 */
  assert_string_equal(
      detect("The quick brown fox jumps over the lazy dog and runs into the dark forest."), "en");
  assert_string_equal(detect("Der schnelle braune Fuchs springt \xC3\xBC"
                             "ber den faulen Hund und "
                             "l\xC3\xA4uft in den dunklen Wald."),
                      "de");
  assert_string_equal(
      detect("El zorro marr\xC3\xB3n salta sobre el perro perezoso y corre hacia el "
             "bosque oscuro de la monta\xC3\xB1"
             "a."),
      "es");
}

static void detect_when_broken_or_huge_then_no_harm(void **s) {
  (void)s;
  char text[20000];
  srand(5);
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(rand() % 256);
  assert_non_null(mgp_language_detect(text, sizeof text));
  memset(text, 0x80, sizeof text);
  assert_non_null(mgp_language_detect(text, sizeof text));
  for (size_t i = 0; i + 3 <= sizeof text; i += 3) memcpy(text + i, "\xE4\xB8\xAD", 3);
  assert_non_null(mgp_language_detect(text, sizeof text));
}

static void has_stemmer_when_asked_then_as_snowball(void **s) {
  (void)s;
  assert_true(mgp_language_has_stemmer("en"));
  assert_true(mgp_language_has_stemmer("ar"));
  assert_false(mgp_language_has_stemmer("zh"));
  assert_false(mgp_language_has_stemmer(""));
  assert_false(mgp_language_has_stemmer(NULL));
  assert_false(mgp_language_has_stemmer("porter"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(detect_when_script_is_unique_then_known),
      cmocka_unit_test(detect_when_too_short_then_not_sure),
      cmocka_unit_test(detect_when_paragraph_then_right),
      cmocka_unit_test(detect_when_broken_or_huge_then_no_harm),
      cmocka_unit_test(has_stemmer_when_asked_then_as_snowball),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
