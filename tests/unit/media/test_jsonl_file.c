/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void jsonl_when_records_then_items(void **state) {
  (void)state;
  decoded *d = decode_well(write_text(
      "r.jsonl", "{\"id\": \"a\", \"title\": \"Owls\", \"text\": \"Owls hunt.\", \"year\": 2020}\n"
                 "\n{\"id\": \"b\", \"text\": \"Cats sleep.\", \"mood\": \"lazy\", "
                 "\"tags\": [\"pet\", \"fur\"], \"ok\": true}\n"));
  assert_string_equal(d->info.format, "jsonl");
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[0].kind, "row");
  assert_string_equal(d->items[0].title, "Owls");
  assert_string_equal(d->items[0].text, "Owls hunt.");
  assert_int_equal(mgp_json_integer(d->items[0].metadata, "year", 0), 2020);
  assert_string_equal(mgp_json_text(d->items[0].metadata, "id", ""), "a");
  assert_string_equal(d->items[1].text, "Cats sleep.\nmood: lazy\ntags: pet\ntags: fur");
  assert_true(mgp_json_bool(d->items[1].metadata, "ok", false));
  assert_int_equal(d->items[1].locator.lines[0], 3);
  assert_int_equal(d->items[1].locator.lines[1], 3);
  forget(d);
}

static void jsonl_when_name_tells_nothing_then_found_by_content(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("dump", "{\"text\":\"one\"}\n{\"text\":\"two\"}\n"));
  assert_string_equal(d->info.format, "jsonl");
  assert_int_equal(d->count, 2);
  forget(d);
}

static void jsonl_when_a_line_is_bad_then_the_rest_is_read_and_it_is_named(void **state) {
  (void)state;
  decoded *d = decode(write_text("b.jsonl", "{\"text\":\"one\"}\n{\"text\": oops}\n[1,2]\n"
                                            "{\"text\":\"four\"}"));
  assert_int_equal(d->status, MAGPIE_FORMAT);
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[1].text, "four");
  assert_non_null(strstr(d->err.message, "b.jsonl:2"));
  assert_non_null(strstr(d->err.message, "2 of 4 lines"));
  assert_non_null(strstr(d->err.place, "b.jsonl:2"));
  forget(d);
}

/* A line of 100 MB is refused with its size and never held. */
static void jsonl_when_line_of_100_mb_then_limit_without_holding_it(void **state) {
  (void)state;
  const char *path = write_text("long.jsonl", "{\"text\":\"first\"}\n{\"text\":\"");
  FILE *f = fopen(path, "ab");
  static char block[1 << 20];
  memset(block, 'x', sizeof block);
  for (int i = 0; i < 100; i++) assert_int_equal(fwrite(block, 1, sizeof block, f), sizeof block);
  fputs("\"}\n{\"text\":\"third\"}\n", f);
  assert_int_equal(fclose(f), 0);

  decoded *d = calloc(1, sizeof *d);
  const mgp_media_sink sink = {.context = d, .item = keep_item};
  mgp_alloc *a = mgp_alloc_create(0);
  d->status = mgp_media_decode(a, path, NULL, &sink, &d->info, &d->err);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_non_null(strstr(d->err.message, "long.jsonl:2"));
  assert_non_null(strstr(d->err.message, "104857611"));
  assert_non_null(strstr(d->err.message, "16777216"));
  assert_int_equal(d->count, 2);
  assert_string_equal(d->items[1].text, "third");
  assert_true(mgp_alloc_peak(a) < (48U << 20)); /* 16 MiB kept, doubled as the buffer grows */
  mgp_alloc_destroy(a);
  forget(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(jsonl_when_records_then_items),
      cmocka_unit_test(jsonl_when_name_tells_nothing_then_found_by_content),
      cmocka_unit_test(jsonl_when_a_line_is_bad_then_the_rest_is_read_and_it_is_named),
      cmocka_unit_test(jsonl_when_line_of_100_mb_then_limit_without_holding_it),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
