/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog's WAL: what was committed to it and is damaged is named, what was not is no damage.
 */
#include "store_fixture.h"

#include "store/check_store.h"

/* The catalog, its WAL and its wal-index, as a process that is killed leaves them. */
static void copy_catalog(const fixture *f, const char *to) {
  static const char *const ends[] = {"", "-wal", "-shm"};
  assert_ok(mgp_directory_make(to, err));
  for (size_t i = 0; i < 3; i++) {
    char path[256], *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/catalog.sqlite%s", f->index, ends[i]);
    assert_ok(mgp_file_read(NULL, path, 1u << 24, &bytes, &size, err));
    snprintf(path, sizeof path, "%s/catalog.sqlite%s", to, ends[i]);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    mgp_free(NULL, bytes);
  }
}

static void killed_index(fixture *f, char *folder, size_t size) {
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_item(s, add_source(s, "/a"), "one", "passage");
  assert_ok(mgp_store_commit(s, NULL, err));
  snprintf(folder, size, "%s/killed.mgp", f->folder);
  copy_catalog(f, folder);
}

static void change_byte(const char *folder, const char *name, long at) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb+");
  assert_non_null(file);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  const int old = fgetc(file);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  assert_int_equal(fputc(old ^ 0x10, file), old ^ 0x10);
  assert_int_equal(fclose(file), 0);
}

static void wal_when_whole_then_has_no_fault(void **state) {
  char folder[128], what[160];
  killed_index(*state, folder, sizeof folder);
  assert_ok(mgp_check_wal(folder, what, sizeof what, err));
  assert_string_equal(what, "");
}

static void wal_when_a_committed_page_changed_then_is_named(void **state) {
  char folder[128], what[160];
  killed_index(*state, folder, sizeof folder);
  change_byte(folder, "catalog.sqlite-wal", 32 + 24 + 100);
  assert_ok(mgp_check_wal(folder, what, sizeof what, err));
  assert_non_null(strstr(what, "page 1 of the "));
}

static void wal_when_its_header_changed_then_is_named(void **state) {
  char folder[128], what[160];
  killed_index(*state, folder, sizeof folder);
  change_byte(folder, "catalog.sqlite-wal", 17);
  assert_ok(mgp_check_wal(folder, what, sizeof what, err));
  assert_non_null(strstr(what, "its header is damaged"));
}

static void wal_when_its_end_is_torn_then_has_no_fault(void **state) {
  char folder[128], path[160], what[160];
  killed_index(*state, folder, sizeof folder);
  snprintf(path, sizeof path, "%s/catalog.sqlite-wal", folder);
  FILE *file = fopen(path, "ab"); /* what a commit that was cut short leaves */
  assert_non_null(file);
  for (int i = 0; i < 5000; i++) fputc(i & 0xFF, file);
  assert_int_equal(fclose(file), 0);
  assert_ok(mgp_check_wal(folder, what, sizeof what, err));
  assert_string_equal(what, "");
}

/* As after a power cut: nothing says how far the log was committed. */
static void wal_when_the_index_of_it_is_damaged_then_has_no_fault(void **state) {
  char folder[128], what[160];
  killed_index(*state, folder, sizeof folder);
  change_byte(folder, "catalog.sqlite-shm", 17);
  change_byte(folder, "catalog.sqlite-wal", 32 + 24 + 100);
  assert_ok(mgp_check_wal(folder, what, sizeof what, err));
  assert_string_equal(what, "");
}

static void wal_when_there_is_no_index_then_has_no_fault(void **state) {
  const fixture *f = *state;
  char what[160] = "x";
  assert_ok(mgp_check_wal(f->index, what, sizeof what, err));
  assert_string_equal(what, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(wal_when_whole_then_has_no_fault),
      store_test(wal_when_a_committed_page_changed_then_is_named),
      store_test(wal_when_its_header_changed_then_is_named),
      store_test(wal_when_its_end_is_torn_then_has_no_fault),
      store_test(wal_when_the_index_of_it_is_damaged_then_has_no_fault),
      store_test(wal_when_there_is_no_index_then_has_no_fault),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
