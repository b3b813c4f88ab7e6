/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void csv_when_header_then_named_columns(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("b.csv", "name,legs,note\nmagpie,2,\"likes, shiny\nthings\"\n"
                                               "\"the \"\"cat\"\"\",4,sleeps\n"));
  assert_string_equal(d->info.format, "csv");
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[0].kind, "row");
  assert_string_equal(d->items[0].text, "name: magpie; legs: 2; note: likes, shiny things");
  assert_int_equal(d->items[0].locator.lines[0], 2);
  assert_int_equal(d->items[0].locator.lines[1], 3);
  assert_string_equal(d->items[1].text, "name: the \"cat\"; legs: 4; note: sleeps");
  assert_int_equal(d->items[1].locator.lines[0], 4);
  assert_true(mgp_json_number(d->items[1].metadata, "legs", 0) == 4);
  assert_string_equal(mgp_json_text(d->items[1].metadata, "note", ""), "sleeps");
  forget(d);
}

static void csv_when_first_row_is_data_then_no_header(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("n.csv", "ada,36,1.5\nbob,40,2.5\n"));
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[0].text, "ada; 36; 1.5");
  assert_true(mgp_json_number(d->items[0].metadata, "column 2", 0) == 36);
  forget(d);
}

static void csv_when_other_delimiters_then_sniffed(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("s.csv", "name;price\ntea;1,50\nmilk;2,10\n"));
  assert_string_equal(d->items[0].text, "name: tea; price: 1,50");
  forget(d);
  d = decode_well(write_text("t.tsv", "word\tmeaning\ncat\ta small, furry one\n"));
  assert_string_equal(d->items[0].text, "word: cat; meaning: a small, furry one");
  forget(d);
}

static void csv_when_name_tells_nothing_then_found_by_content(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("table", "a;b;c\nx;y;z\np;q;r\n1;2;3\n4;5;6\n7;8;9\n"));
  assert_string_equal(d->info.format, "csv");
  assert_int_equal(d->count, 5);
  forget(d);
}

static void csv_when_quote_never_closes_then_rows_are_kept(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("q.csv", "name,size\n\"broken,1\nwhole,2\nlast,3\n"));
  assert_int_equal(d->count, 3);
  assert_string_equal(d->items[2].text, "name: last; size: 3");
  forget(d);
}

static void csv_when_row_is_too_long_then_limit_names_the_line(void **state) {
  (void)state;
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.max_line = 100;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add_text(&b, "name,text\nada,short\nbob,");
  for (int i = 0; i < 50; i++) mgp_buffer_add_text(&b, "long ");
  mgp_buffer_add_text(&b, "\n");
  decoded *d = decode_with(write_bytes("l.csv", b.data, b.size), &limits, 0);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_non_null(strstr(d->err.place, "l.csv:3"));
  assert_int_equal(d->count, 1);
  forget(d);
  mgp_buffer_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(csv_when_header_then_named_columns),
      cmocka_unit_test(csv_when_first_row_is_data_then_no_header),
      cmocka_unit_test(csv_when_other_delimiters_then_sniffed),
      cmocka_unit_test(csv_when_name_tells_nothing_then_found_by_content),
      cmocka_unit_test(csv_when_quote_never_closes_then_rows_are_kept),
      cmocka_unit_test(csv_when_row_is_too_long_then_limit_names_the_line),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
