/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void pdf_when_pages_then_page_items_and_passages(void **state) {
  (void)state;
  NEEDS("pdf");
  decoded *d = decode_well(write_pdf("birds.pdf"));
  assert_string_equal(d->info.format, "pdf");
  assert_int_equal(d->count, 4);
  assert_string_equal(d->items[0].kind, "page");
  assert_string_equal(d->items[0].title, "page 1");
  assert_int_equal(d->items[0].locator.page, 1);
  assert_non_null(strstr(d->items[0].text, "The magpie collects"));
  assert_int_equal(d->items[0].width, 495);
  assert_int_equal(d->items[0].height, 640);
  assert_string_equal(d->items[1].kind, "passage");
  assert_string_equal(d->items[2].kind, "page");
  assert_string_equal(d->items[2].title, "page 2");
  assert_string_equal(d->items[3].text, "Owls hunt at night.");
  assert_int_equal(d->items[3].locator.page, 2);
  assert_null(d->items[3].rgb);
  forget(d);
}

static void pdf_when_lines_then_joined_and_hyphens_healed(void **state) {
  (void)state;
  NEEDS("pdf");
  decoded *d = decode_well(write_pdf("birds.pdf"));
  assert_string_equal(d->items[1].text,
                      "The magpie collects shiny things for its nest. It is among the most "
                      "intelligent of all birds.\n\nA second paragraph stands below.");
  forget(d);
}

/* The text of page 2 stands at (100, 400) from the lower left: 792 - 400 = 392 from the top is its
 * base line, so a 12 point line reaches from a little above 383 to a little below 392. */
static void pdf_when_passage_then_box_from_upper_left(void **state) {
  (void)state;
  NEEDS("pdf");
  decoded *d = decode_well(write_pdf("birds.pdf"));
  const magpie_locator *l = &d->items[3].locator;
  assert_true(l->has_bbox);
  assert_float_equal(l->bbox[0], 100, 1.5);
  assert_in_range((int)l->bbox[1], 376, 386);
  assert_in_range((int)l->bbox[2], 95, 115);
  assert_in_range((int)(l->bbox[1] + l->bbox[3]), 391, 398);
  forget(d);
}

static void pdf_when_drawn_then_page_picture_shows_it(void **state) {
  (void)state;
  NEEDS("pdf");
  decoded *d = decode_well(write_pdf("birds.pdf"));
  const kept_item *k = &d->items[2];
  const unsigned char *left = k->rgb + 3 * (600 * (size_t)k->width + 100);
  const unsigned char *right = k->rgb + 3 * (600 * (size_t)k->width + 400);
  assert_true(left[0] == 255 && left[1] == 0 && left[2] == 0);
  assert_true(right[0] == 255 && right[1] == 255 && right[2] == 255);
  forget(d);
}

static void pdf_when_bookmarks_and_info_then_context_and_metadata(void **state) {
  (void)state;
  NEEDS("pdf");
  decoded *d = decode_well(write_pdf("birds.pdf"));
  assert_string_equal(d->info.title, "On Birds");
  assert_string_equal(meta(d, "author"), "Ada Finch");
  assert_string_equal(meta(d, "date"), "2023-04-05T06:07:08+00:00");
  assert_int_equal(mgp_json_integer(d->info.metadata, "pages", 0), 2);
  assert_string_equal(d->items[1].context, "Magpies");
  assert_string_equal(d->items[3].context, "Owls");
  assert_string_equal(d->items[1].title, "On Birds");
  forget(d);
}

/* The standard handler, version 1 (ISO 32000-1, 7.6.3). The keys are not those of any password that
 * Poppler tries, so the user's password is needed. */
static void pdf_when_password_then_unsupported(void **state) {
  (void)state;
  NEEDS("pdf");
  const char *const objects[] = {
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
      "<< /Filter /Standard /V 1 /R 2 /P -4 "
      "/O <0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20> "
      "/U <F102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20> >>"};
  const char *path = write_pdf_objects("locked.pdf", objects, 4,
                                       "/Encrypt 4 0 R /ID [<00112233445566778899AABBCCDDEEFF> "
                                       "<00112233445566778899AABBCCDDEEFF>]");
  assert_fails(path, MAGPIE_UNSUPPORTED, "is protected by a password");
}

static void pdf_when_truncated_then_format(void **state) {
  (void)state;
  NEEDS("pdf");
  size_t size = 0;
  unsigned char *data = read_bytes(write_pdf("birds.pdf"), &size);
  for (size_t part = 1; part < 20; part++) {
    decoded *d = decode(write_bytes("part.pdf", data, size * part / 20));
    assert_int_equal(d->status, MAGPIE_FORMAT);
    assert_non_null(strstr(d->err.message, "ends early"));
    forget(d);
  }
  mgp_free(NULL, data);
}

static void pdf_when_page_has_no_text_then_page_item_alone(void **state) {
  (void)state;
  NEEDS("pdf");
  const char *const objects[] = {"<< /Type /Catalog /Pages 2 0 R >>",
                                 "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                                 "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] >>"};
  decoded *d = decode_well(write_pdf_objects("blank.pdf", objects, 3, ""));
  assert_int_equal(d->count, 1);
  assert_false(d->items[0].has_text);
  assert_int_equal(d->items[0].width, 640);
  forget(d);
}

static void decode_one(void *context, size_t index) {
  decoded **results = context;
  results[index] = calloc(1, sizeof(decoded));
  const mgp_media_sink sink = {.context = results[index], .item = keep_item};
  results[index]->status = mgp_media_decode(NULL, at("birds.pdf"), NULL, &sink,
                                            &results[index]->info, &results[index]->err);
}

static void pdf_when_many_threads_then_all_are_right(void **state) {
  (void)state;
  NEEDS("pdf");
  enum { RUNS = 48 };
  decoded *results[RUNS];
  mgp_pool *pool = NULL;
  write_pdf("birds.pdf");
  assert_int_equal(mgp_pool_create(4, &pool, NULL), MAGPIE_OK);
  mgp_pool_run(pool, RUNS, decode_one, results);
  mgp_pool_destroy(pool);
  for (size_t i = 0; i < RUNS; i++) {
    assert_int_equal(results[i]->status, MAGPIE_OK);
    assert_int_equal(results[i]->count, 4);
    assert_string_equal(results[i]->items[3].text, "Owls hunt at night.");
    assert_memory_equal(results[i]->items[0].rgb, results[0]->items[0].rgb, 495 * 640 * 3);
  }
  for (size_t i = 0; i < RUNS; i++) forget(results[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pdf_when_pages_then_page_items_and_passages),
      cmocka_unit_test(pdf_when_lines_then_joined_and_hyphens_healed),
      cmocka_unit_test(pdf_when_passage_then_box_from_upper_left),
      cmocka_unit_test(pdf_when_drawn_then_page_picture_shows_it),
      cmocka_unit_test(pdf_when_bookmarks_and_info_then_context_and_metadata),
      cmocka_unit_test(pdf_when_password_then_unsupported),
      cmocka_unit_test(pdf_when_truncated_then_format),
      cmocka_unit_test(pdf_when_page_has_no_text_then_page_item_alone),
      cmocka_unit_test(pdf_when_many_threads_then_all_are_right),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
