/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void markdown_when_headings_then_path_is_context(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("g.md", "# Guide\n\nWelcome to [the guide](http://x/y).\n\n"
                                              "## Install ##\n\nType make.\n\n"
                                              "### Debian\n\nType apt.\n\n## Use\n\nType go.\n"));
  assert_string_equal(d->info.format, "markdown");
  assert_string_equal(d->info.title, "Guide");
  assert_int_equal(d->count, 4);
  assert_string_equal(d->items[0].context, "Guide");
  assert_non_null(strstr(d->items[0].text, "Welcome to the guide."));
  assert_string_equal(d->items[1].context, "Guide > Install");
  assert_string_equal(d->items[2].context, "Guide > Install > Debian");
  assert_string_equal(d->items[3].context, "Guide > Use");
  assert_int_equal(d->items[2].locator.lines[1], 11);
  forget(d);
}

static void markdown_when_fenced_code_then_hashes_are_no_headings(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("c.md", "Top\n===\n\n```sh\n# not a heading\nmake\n```\n\n"
                                              "Under\n-----\n\nText ![a red bird](b.png) here.\n"));
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[0].context, "Top");
  assert_non_null(strstr(d->items[0].text, "# not a heading"));
  assert_string_equal(d->items[1].context, "Top > Under");
  assert_non_null(strstr(d->items[1].text, "Text a red bird here."));
  forget(d);
}

static void markdown_when_front_matter_then_metadata(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("f.md", "---\ntitle: \"My page\"\nauthor: Ada\n"
                                              "date: 2024-02-03\nlang: de\n---\n\nHallo Welt.\n"));
  assert_string_equal(d->info.title, "My page");
  assert_string_equal(meta(d, "author"), "Ada");
  assert_string_equal(meta(d, "date"), "2024-02-03");
  assert_string_equal(d->items[0].language, "de");
  assert_null(strstr(d->items[0].text, "author"));
  forget(d);
}

static void markdown_when_front_matter_never_closes_then_it_is_text(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("n.md", "---\nJust a rule above: some words.\n"));
  assert_int_equal(d->count, 1);
  assert_non_null(strstr(d->items[0].text, "Just a rule above"));
  forget(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(markdown_when_headings_then_path_is_context),
      cmocka_unit_test(markdown_when_fenced_code_then_hashes_are_no_headings),
      cmocka_unit_test(markdown_when_front_matter_then_metadata),
      cmocka_unit_test(markdown_when_front_matter_never_closes_then_it_is_text),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
