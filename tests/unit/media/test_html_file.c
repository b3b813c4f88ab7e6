/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static const char page[] =
    "<!DOCTYPE html>\n<html lang=\"de-AT\">\n<head><title>Der Vogel &amp; sein Nest</title>\n"
    "<meta name=\"author\" content=\"Ada Fink\"><meta charset=\"utf-8\">\n"
    "<meta property=\"article:published_time\" content=\"2023-05-06T07:08:09Z\"></head>\n"
    "<body><nav><a href=\"/\">Start</a> <a href=\"/b\">Blog</a></nav>\n"
    "<script>var secret = 1;</script><style>p { color: red }</style>\n"
    "<h1>Elstern</h1>\n<p>Die Elster baut ein gro\xC3\x9F"
    "es Nest aus "
    "<a href=\"https://example.org/zweige\">Zweigen</a>.</p>\n"
    "<h2>Nahrung</h2>\n<p>Sie frisst gern K\xC3\xA4"
    "fer.</p>\n"
    "<img src=\"bird.jpg\" alt=\"eine Elster im Baum\">\n"
    "<ul><li><a href=\"1\">Eins</a></li><li><a href=\"2\">Zwei</a></li>\n"
    "<li><a href=\"3\">Drei</a></li></ul>\n"
    "<footer>Impressum und so weiter</footer></body></html>\n";

static bool has_text(const decoded *d, const char *words) {
  for (size_t i = 0; i < d->count; i++)
    if (strstr(d->items[i].text, words)) return true;
  return false;
}

static void html_when_page_then_main_text_by_heading(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(write_text("page.html", page));
  assert_string_equal(d->info.format, "html");
  assert_string_equal(d->info.title, "Der Vogel & sein Nest");
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[0].text, "Die Elster baut ein großes Nest aus Zweigen.");
  assert_string_equal(d->items[0].context, "Elstern");
  assert_string_equal(d->items[0].language, "de");
  assert_int_equal(d->items[0].locator.lines[0], 9);
  assert_string_equal(d->items[1].context, "Elstern > Nahrung");
  assert_non_null(strstr(d->items[1].text, "Käfer"));
  forget(d);
}

static void html_when_page_has_boilerplate_then_dropped(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(write_text("page.html", page));
  assert_false(has_text(d, "secret"));
  assert_false(has_text(d, "color"));
  assert_false(has_text(d, "Blog"));
  assert_false(has_text(d, "Impressum"));
  assert_false(has_text(d, "Drei")); /* a list of nothing but links */
  forget(d);
}

static void html_when_page_has_metadata_then_noted(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(write_text("page.html", page));
  assert_string_equal(meta(d, "author"), "Ada Fink");
  assert_string_equal(meta(d, "date"), "2023-05-06T07:08:09Z");
  const json_t *links = json_object_get(d->info.metadata, "links");
  assert_string_equal(mgp_json_text(json_array_get(links, 0), "href", ""),
                      "https://example.org/zweige");
  const json_t *images = json_object_get(d->info.metadata, "images");
  assert_string_equal(mgp_json_text(json_array_get(images, 0), "alt", ""), "eine Elster im Baum");
  assert_true(has_text(d, "eine Elster im Baum"));
  forget(d);
}

static void html_when_main_then_the_rest_is_dropped(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(write_text(
      "m", "<html><body><div>Sign up for our newsletter today.</div><main><header><h1>Owls</h1>"
           "</header><p>Owls hunt mice at night, in silence, with very good ears.</p></main>"
           "<div>Other stories that you may like.</div></body></html>"));
  assert_int_equal(d->count, 1);
  assert_string_equal(d->items[0].context, "Owls");
  forget(d);
}

static void html_when_only_links_then_kept(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(write_text("i.html", "<html><body><ul><li><a href=a>Alpha manual</a>"
                                                "<li><a href=b>Beta manual</a><li><a href=c>Gamma "
                                                "manual</a></ul></body></html>"));
  assert_true(has_text(d, "Beta manual"));
  forget(d);
}

static void html_when_latin1_by_meta_then_decoded(void **state) {
  (void)state;
  NEEDS("html");
  decoded *d = decode_well(
      write_text("l.html", "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; "
                           "charset=ISO-8859-2\"><title>x</title></head><body><p>\xB3\xF3"
                           "d\xBC i "
                           "rzeka</p></body></html>"));
  assert_string_equal(d->items[0].text, "łódź i rzeka");
  forget(d);
}

static void html_when_nested_deeply_then_ends(void **state) {
  (void)state;
  NEEDS("html");
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add_text(&b, "<html><body>");
  for (int i = 0; i < 200000; i++) mgp_buffer_add_text(&b, "<div>");
  mgp_buffer_add_text(&b, "deep");
  decoded *d = decode(write_bytes("deep.html", b.data, b.size));
  assert_true(d->status == MAGPIE_OK || d->status == MAGPIE_FORMAT);
  forget(d);
  mgp_buffer_fini(&b);
}

static void html_when_too_large_then_limit(void **state) {
  (void)state;
  NEEDS("html");
  const char *path = write_text("big.html", "<html><body>");
  assert_int_equal(truncate(path, 17 << 20), 0);
  assert_fails(path, MAGPIE_LIMIT, "at most 16777216");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(html_when_page_then_main_text_by_heading),
      cmocka_unit_test(html_when_page_has_boilerplate_then_dropped),
      cmocka_unit_test(html_when_page_has_metadata_then_noted),
      cmocka_unit_test(html_when_main_then_the_rest_is_dropped),
      cmocka_unit_test(html_when_only_links_then_kept),
      cmocka_unit_test(html_when_latin1_by_meta_then_decoded),
      cmocka_unit_test(html_when_nested_deeply_then_ends),
      cmocka_unit_test(html_when_too_large_then_limit),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
