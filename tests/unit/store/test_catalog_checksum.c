/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksums of the catalog's pages: the sum itself, and a letter of a text that was changed on
 * disk.
 */
#include "store_fixture.h"

#include "store/catalog_checksum.h"

static void checksum_when_computed_then_is_that_of_the_definition(void **state) {
  (void)state;
  /* by hand: s1 += x0 + s2, s2 += x1 + s1, with words 1, 2 and 3, 4 */
  const uint32_t words[] = {1, 2, 3, 4};
  const uint32_t expected[] = {1 + 3 + 3, 3 + 4 + 7};
  unsigned char sum[PAGE_CHECKSUM_SIZE];
  mgp_checksum_compute((const unsigned char *)words, sizeof words, sum);
  assert_memory_equal(sum, expected, sizeof expected);
}

static void checksum_when_any_byte_changes_then_differs(void **state) {
  (void)state;
  unsigned char page[512], sum[PAGE_CHECKSUM_SIZE], other[PAGE_CHECKSUM_SIZE];
  for (size_t i = 0; i < sizeof page; i++) page[i] = (unsigned char)(i * 31 + 7);
  mgp_checksum_compute(page, sizeof page, sum);
  for (size_t i = 0; i < sizeof page; i++)
    for (int bit = 0; bit < 8; bit++) {
      page[i] ^= (unsigned char)(1 << bit);
      mgp_checksum_compute(page, sizeof page, other);
      page[i] ^= (unsigned char)(1 << bit);
      assert_memory_not_equal(sum, other, sizeof sum);
    }
}

/* Where `text` stands in the catalog, in a page that a reader needs for the item. */
static long find_text(const char *path, const char *text) {
  char *bytes = NULL;
  size_t size = 0;
  assert_ok(mgp_file_read(NULL, path, 1u << 24, &bytes, &size, err));
  const char *at = memmem(bytes, size, text, strlen(text));
  const long found = at ? (long)(at - bytes) : -1;
  mgp_free(NULL, bytes);
  return found;
}

static void item_when_a_letter_of_it_changed_on_disk_then_is_refused_with_the_page(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_item(s, add_source(s, "/a"), "a-very-special-name", "passage");
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_store_close(&f->store); /* takes the WAL back */
  char path[160];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  const long at = find_text(path, "a-very-special-name");
  assert_true(at > 0);
  FILE *file = fopen(path, "rb+");
  assert_non_null(file);
  assert_int_equal(fseek(file, at + 2, SEEK_SET), 0);
  assert_int_equal(fputc('V', file), 'V');
  assert_int_equal(fclose(file), 0);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_item item = {0};
  uint64_t number = 0;
  char expected[64];
  snprintf(expected, sizeof expected, "page %ld is not what was written", at / 4096 + 1);
  magpie_error why = {0};
  magpie_status status = mgp_store_item_find(f->store, "a-very-special-name", &number, &why);
  if (status == MAGPIE_OK) status = mgp_store_item_get(f->store, 1, arena, &item, NULL, &why);
  assert_int_equal(status, MAGPIE_CORRUPT);
  assert_non_null(strstr(why.message, expected));
  mgp_arena_destroy(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checksum_when_computed_then_is_that_of_the_definition),
      cmocka_unit_test(checksum_when_any_byte_changes_then_differs),
      store_test(item_when_a_letter_of_it_changed_on_disk_then_is_refused_with_the_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
