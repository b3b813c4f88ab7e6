/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of an index whose catalog is larger than SQLite's cache: pages are written before the one
 * that says that they have checksums.
 */
#include "store_fixture.h"

#include "store/check_store.h"
#include "store/copy_store.h"

static magpie_status count_damage(void *context, const mgp_damage *damage) {
  (void)damage;
  ++*(size_t *)context;
  return MAGPIE_OK;
}

static void copy_when_the_catalog_is_large_then_every_page_has_its_checksum(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  char *text = malloc(20001);
  assert_non_null(text);
  memset(text, 'w', 20000);
  text[20000] = '\0';
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  for (int i = 0; i < 500; i++) { /* 10 MB */
    char id[32];
    snprintf(id, sizeof id, "item-%d", i);
    mgp_item item = {.source = source, .id = id, .kind = "passage", .text = text};
    assert_ok(mgp_store_item_add(s, &item, err));
  }
  free(text);
  assert_ok(mgp_store_commit(s, NULL, err));
  char target[160];
  snprintf(target, sizeof target, "%s/copy.mgp", f->folder);
  mgp_copy_report report;
  assert_ok(mgp_store_copy(s, target, NULL, &report, err));
  assert_true(report.bytes_copied > 8000000);
  mgp_store *copy = NULL;
  size_t damages = 0;
  assert_ok(mgp_store_open(NULL, target, true, &copy, err));
  assert_ok(mgp_check_catalog(copy, true, count_damage, &damages, err));
  assert_int_equal(damages, 0);
  mgp_store_close(&copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(copy_when_the_catalog_is_large_then_every_page_has_its_checksum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
