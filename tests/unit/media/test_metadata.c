/* SPDX-License-Identifier: Apache-2.0 */
#include "media/media_job.h"
#include "media_fixture.h"

static void assert_date(const char *text, const char *iso) {
  char out[32] = "";
  const bool ok = mgp_date_iso(text, out);
  if (ok != (iso != NULL) || (iso && strcmp(out, iso) != 0))
    print_error("\"%s\" gave \"%s\"\n", text, ok ? out : "nothing");
  assert_int_equal(ok, iso != NULL);
  if (iso) assert_string_equal(out, iso);
}

static void date_when_readable_then_iso(void **state) {
  (void)state;
  assert_date("2019:07:20 15:44:01", "2019-07-20T15:44:01");
  assert_date("2019:07:20 15:44:01+02:00", "2019-07-20T15:44:01+02:00");
  assert_date("2023-05-06T07:08:09Z", "2023-05-06T07:08:09Z");
  assert_date("2023-05-06T07:08:09.123456Z", "2023-05-06T07:08:09Z");
  assert_date("2021/05/01", "2021-05-01");
  assert_date("20210501", "2021-05-01");
  assert_date("2021-05", "2021-05");
  assert_date("1999", "1999");
  assert_date("2021-05-01 junk", "2021-05-01");
}

static void date_when_not_one_then_refused(void **state) {
  (void)state;
  assert_date("0000:00:00 00:00:00", NULL);
  assert_date("    :  :     :  :  ", NULL);
  assert_date("yesterday", NULL);
  assert_date("", NULL);
  assert_date("2021-13-01", NULL);
  assert_date("2021-02-45", NULL);
  assert_date("May 2021", NULL);
}

static void clean_when_padded_or_broken_then_tidy(void **state) {
  (void)state;
  char *text = mgp_clean_text(NULL, "  a\t\n b\xFF\x01 c  \0hidden", 20, 100);
  assert_string_equal(text, "a b\xEF\xBF\xBD c");
  mgp_free(NULL, text);
  assert_null(mgp_clean_text(NULL, " \n\t ", 4, 100));
  text = mgp_clean_text(NULL, "\xC3\xA4\xC3\xA4\xC3\xA4", 6, 3);
  assert_true(mgp_utf8_valid(text, strlen(text)));
  mgp_free(NULL, text);
}

static void headings_when_set_then_path_follows(void **state) {
  (void)state;
  mgp_headings h = {0};
  mgp_headings_set(&h, 1, "A", 1);
  mgp_headings_set(&h, 3, "C", 1);
  assert_string_equal(h.path, "A > C");
  mgp_headings_set(&h, 2, "B", 1);
  assert_string_equal(h.path, "A > B");
  mgp_headings_set(&h, 9, "X", 1);
  assert_string_equal(h.path, "A > B");
  char longest[1000];
  memset(longest, 'x', sizeof longest);
  for (int level = 1; level <= 6; level++) mgp_headings_set(&h, level, longest, sizeof longest);
  assert_int_equal(strlen(h.path), 6 * (MGP_HEADING_SIZE - 1) + 5 * 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(date_when_readable_then_iso),
      cmocka_unit_test(date_when_not_one_then_refused),
      cmocka_unit_test(clean_when_padded_or_broken_then_tidy),
      cmocka_unit_test(headings_when_set_then_path_follows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
