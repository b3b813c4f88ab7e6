/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file would take is refused before it is taken, with the budget and the need in the
 * message, and given back afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "media/media_job.h"

static void need_of_a_progressive_picture_is_its_coefficients(void **state) {
  (void)state;
  mgp_picture_header h = {
      .format = "jpeg", .width = 10000, .height = 10000, .bands = 3, .band_bytes = 1};
  const uint64_t streamed = mgp_picture_need(&h);
  h.is_interlaced = true;
  assert_true(streamed < (uint64_t)32 << 20);
  assert_true(mgp_picture_need(&h) > (uint64_t)550 << 20);
  h.format = "svg"; /* drawn at a size of ours */
  assert_true(mgp_picture_need(&h) < (uint64_t)32 << 20);
}

static void need_of_a_page_grows_with_its_tags_and_attributes(void **state) {
  (void)state;
  char tags[3000], words[3000], attributes[3000];
  memset(words, 'w', sizeof words);
  memset(attributes, ' ', sizeof attributes);
  attributes[0] = '<';
  for (size_t i = 0; i < sizeof tags; i++) tags[i] = "<a>"[i % 3];
  const uint64_t plain = mgp_html_need(words, sizeof words);
  assert_true(mgp_html_need(tags, sizeof tags) > plain + 1000 * 272);
  assert_true(mgp_html_need(attributes, sizeof attributes) > plain + 2900 * 272);
}

static magpie_status count_item(void *context, const mgp_media_item *item, magpie_error *err) {
  (void)item, (void)err;
  ++*(int *)context;
  return MAGPIE_OK;
}

static magpie_status decode_page(uint64_t limit, size_t tags, magpie_error *err, int *items) {
  char path[] = "/tmp/magpie-need-XXXXXX";
  const int fd = mkstemp(path);
  FILE *file = fdopen(fd, "w");
  fputs("<html><body><h1>Title</h1>", file);
  for (size_t i = 0; i < tags; i++) fputs("<p>some words of a page</p>", file);
  fclose(file);
  mgp_alloc *a = mgp_alloc_create(limit);
  mgp_media_info info = {0};
  const mgp_media_sink sink = {.context = items, .item = count_item};
  const magpie_status status = mgp_media_decode(a, path, NULL, &sink, &info, err);
  json_decref(info.metadata);
  assert_int_equal(mgp_alloc_used(a), 0);
  assert_true(mgp_alloc_peak(a) <= limit);
  mgp_alloc_destroy(a);
  remove(path);
  return status;
}

static void page_over_the_budget_is_refused_with_the_need(void **state) {
  (void)state;
  magpie_error err = {0};
  int items = 0;
  const magpie_status status = decode_page((uint64_t)8 << 20, 20000, &err, &items);
  if (status == MAGPIE_UNSUPPORTED) skip(); /* built without libxml2 */
  assert_int_equal(status, MAGPIE_NO_MEMORY);
  assert_int_equal(items, 0);
  assert_non_null(strstr(err.message, "needs about"));
  assert_non_null(strstr(err.message, "--memory is 8M"));
  assert_int_equal(decode_page((uint64_t)64 << 20, 20000, &err, &items), MAGPIE_OK);
  assert_true(items > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(need_of_a_progressive_picture_is_its_coefficients),
      cmocka_unit_test(need_of_a_page_grows_with_its_tags_and_attributes),
      cmocka_unit_test(page_over_the_budget_is_refused_with_the_need),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
