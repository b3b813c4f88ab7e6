/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking segments, thumbnails and leftovers, and getting sections out of a damaged file.
 */
#include "store/check_store.h"
#include "store/merge_store.h"
#include "store_fixture.h"

static void damage_byte(const fixture *f, const char *name, long at) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", f->index, name);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
  const int c = fgetc(file);
  fseek(file, -1, SEEK_CUR);
  fputc(c ^ 4, file);
  fclose(file);
}

static void one_segment(fixture *f) {
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_item(s, source, "a#1", "passage");
  assert_ok(add_segment_of(s, 1, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static bool is_damaged(fixture *f, const mgp_claim *claim, bool deep) {
  mgp_checked checked;
  mgp_check_segment(f->store, claim, deep, &checked);
  const bool found = checked.is_damaged;
  assert_int_equal(found, checked.why.code != MAGPIE_OK);
  mgp_checked_fini(f->store, &checked);
  return found;
}

static void every_byte_of_a_segment_when_flipped_is_found(void **state) {
  fixture *f = *state;
  one_segment(f);
  mgp_account account;
  assert_ok(mgp_account_read(f->store, NULL, &account, err));
  assert_int_equal(account.claim_count, 1);
  assert_int_equal(account.item_count, 1);
  const mgp_claim *claim = &account.claims[0];
  assert_false(is_damaged(f, claim, true));
  for (long at = 0; at < (long)claim->size; at++) {
    damage_byte(f, claim->file, at);
    assert_true(is_damaged(f, claim, true));
    damage_byte(f, claim->file, at);
  }
  assert_false(is_damaged(f, claim, true));
  mgp_account_fini(&account);
}

static void a_quick_check_leaves_the_vectors_alone(void **state) {
  fixture *f = *state;
  one_segment(f);
  mgp_account account;
  assert_ok(mgp_account_read(f->store, NULL, &account, err));
  damage_byte(f, account.claims[0].file, 192); /* header 64, table 64, ids 64 */
  assert_false(is_damaged(f, &account.claims[0], false));
  assert_true(is_damaged(f, &account.claims[0], true));
  mgp_account_fini(&account);
}

static void a_salvage_keeps_sections_when_only_magic_or_padding_is_bad(void **state) {
  fixture *f = *state;
  one_segment(f);
  mgp_account account;
  assert_ok(mgp_account_read(f->store, NULL, &account, err));
  const mgp_claim *claim = &account.claims[0];
  const long places[] = {0, 12, 150, -1}; /* magic, checksum, behind the ids, the end */
  char *block = NULL;
  mgp_segment_parsed parsed;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    damage_byte(f, claim->file, places[i]);
    assert_true(is_damaged(f, claim, true));
    assert_true(mgp_segment_salvage(f->store, NULL, claim, &block, &parsed));
    assert_int_equal(*(const uint64_t *)parsed.sections[0].data, 1);
    mgp_free(NULL, block);
    damage_byte(f, claim->file, places[i]);
  }
  damage_byte(f, claim->file, 192);
  assert_false(mgp_segment_salvage(f->store, NULL, claim, &block, &parsed));
  assert_null(block);
  mgp_account_fini(&account);
}

/* ---- the other files ---------------------------------------------------------------------------
 */

typedef struct notes {
  int count;
  char file[64], what[128];
  uint64_t item;
} notes;

static magpie_status note(void *context, const mgp_damage *damage) {
  notes *n = context;
  n->count++;
  snprintf(n->file, sizeof n->file, "%s", damage->file);
  snprintf(n->what, sizeof n->what, "%s", damage->what);
  n->item = damage->count ? damage->items[0] : 0;
  return MAGPIE_OK;
}

static void a_damaged_thumbnail_names_its_item(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_with_thumb(s, source, "a#1", "\xFF\xD8\xFF thumb");
  add_with_thumb(s, source, "a#2", "no JPEG");
  assert_ok(mgp_store_commit(s, NULL, err));
  notes n = {0};
  uint64_t bytes = 0;
  assert_ok(mgp_check_thumbs(s, NULL, note, &n, &bytes, err));
  assert_int_equal(n.count, 1);
  assert_int_equal(n.item, 2);
  assert_non_null(strstr(n.what, "no JPEG"));
  damage_byte(f, "thumbs/01/1.jpg", 5);
  n = (notes){0};
  assert_ok(mgp_check_thumbs(s, NULL, note, &n, &bytes, err));
  assert_int_equal(n.count, 2);
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_thumb_forget(s, 1, err));
  assert_ok(mgp_store_thumb_forget(s, 2, err));
  assert_fails(MAGPIE_NOT_FOUND, "no item", mgp_store_thumb_forget(s, 9, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  n = (notes){0};
  assert_ok(mgp_check_thumbs(s, NULL, note, &n, &bytes, err));
  assert_int_equal(n.count, 0);
}

static void a_leftover_is_named_and_tidied(void **state) {
  fixture *f = *state;
  one_segment(f);
  char path[200];
  snprintf(path, sizeof path, "%s/segments/000000000077.seg", f->index);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  notes n = {0};
  assert_ok(mgp_check_leftovers(f->store, NULL, note, &n, err));
  assert_int_equal(n.count, 1);
  assert_string_equal(n.file, "segments/000000000077.seg");
  assert_ok(mgp_store_tidy(f->store, err));
  n = (notes){0};
  assert_ok(mgp_check_leftovers(f->store, NULL, note, &n, err));
  assert_int_equal(n.count, 0);
  assert_int_equal(count_files(f->index, "segments"), 1);
}

static void a_whole_catalog_has_no_complaints(void **state) {
  fixture *f = *state;
  one_segment(f);
  notes n = {0};
  assert_ok(mgp_check_catalog(f->store, true, note, &n, err));
  if (n.count) fail_msg("%s: %s", n.file, n.what);
}

static void a_changed_byte_of_the_catalog_is_refused_with_its_page(void **state) {
  fixture *f = *state;
  one_segment(f);
  mgp_store_close(&f->store); /* takes the WAL back */
  damage_byte(f, "catalog.sqlite", 75);
  assert_fails(MAGPIE_CORRUPT, "page 1 is not what was written",
               mgp_store_open(NULL, f->index, true, &f->store, err));
}

static void a_catalog_that_says_it_has_no_checksums_is_named(void **state) {
  fixture *f = *state;
  one_segment(f);
  mgp_store_close(&f->store);
  char path[160];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  FILE *file = fopen(path, "rb+");
  assert_non_null(file);
  assert_int_equal(fseek(file, 20, SEEK_SET), 0);
  assert_int_equal(fputc(0, file), 0); /* no page is compared any more */
  assert_int_equal(fclose(file), 0);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  notes n = {0};
  assert_ok(mgp_check_catalog(f->store, false, note, &n, err));
  assert_true(n.count >= 1);
  assert_string_equal(n.file, "catalog.sqlite");
}

static void a_named_segment_is_known_until_it_is_replaced(void **state) {
  fixture *f = *state;
  one_segment(f);
  bool is_named = false;
  const int64_t number = 1;
  assert_ok(mgp_check_is_named(f->store, number, &is_named, err));
  assert_true(is_named);
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, NULL, &number, 1, err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  assert_ok(mgp_check_is_named(f->store, number, &is_named, err));
  assert_false(is_named);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(every_byte_of_a_segment_when_flipped_is_found),
      store_test(a_quick_check_leaves_the_vectors_alone),
      store_test(a_salvage_keeps_sections_when_only_magic_or_padding_is_bad),
      store_test(a_damaged_thumbnail_names_its_item),
      store_test(a_leftover_is_named_and_tidied),
      store_test(a_whole_catalog_has_no_complaints),
      store_test(a_changed_byte_of_the_catalog_is_refused_with_its_page),
      store_test(a_catalog_that_says_it_has_no_checksums_is_named),
      store_test(a_named_segment_is_known_until_it_is_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
