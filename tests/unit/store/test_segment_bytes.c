/* SPDX-License-Identifier: Apache-2.0
 *
 * Small segments lie in the catalog: one fsync a commit, the same answers, and damage in them is
 * found as in a file.
 */
#include "store/catalog.h"
#include "store/check_store.h"
#include "store/merge_store.h"
#include "store_fixture.h"

#include "store/store_io.h"

static int syncs;

static int count_sync(int fd) {
  syncs++;
  return fsync(fd);
}

static int count_sync_folder(const char *path) {
  (void)path;
  syncs++;
  return 0;
}

static int default_limit(void **state) {
  const int code = fixture_setup(state);
  *mgp_segment_small_limit() = SEGMENT_SMALL_MAX;
  return code;
}

#define small_test(function)                                                                       \
  cmocka_unit_test_setup_teardown(function, default_limit, fixture_teardown)

static void commit_one(mgp_store *s, uint64_t expected) {
  char path[32], id[16];
  snprintf(path, sizeof path, "/f%llu", (unsigned long long)expected);
  snprintf(id, sizeof id, "i%llu", (unsigned long long)expected);
  assert_ok(mgp_store_begin(s, err));
  assert_int_equal(add_item(s, add_source(s, path), id, "passage"), expected);
  assert_ok(add_segment_of(s, expected, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static void assert_first_number(const mgp_segment_view *view, uint64_t id) {
  assert_int_equal(view->section_count, 2);
  uint64_t first = 0;
  memcpy(&first, view->sections[0].data, sizeof first);
  assert_int_equal(first, id);
  assert_int_equal((uintptr_t)view->sections[1].data % SEGMENT_ALIGN, 0);
  assert_true(((const float *)view->sections[1].data)[0] == (float)id);
}

static void commit_when_small_then_no_file_is_written_or_synced(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  int (*const kept)(int) = mgp_store_io_table()->sync;
  int (*const kept_folder)(const char *) = mgp_store_io_table()->sync_folder;
  mgp_store_io_table()->sync = count_sync;
  mgp_store_io_table()->sync_folder = count_sync_folder;
  syncs = 0;
  for (uint64_t i = 1; i <= 3; i++) commit_one(s, i);
  mgp_store_io_table()->sync = kept;
  mgp_store_io_table()->sync_folder = kept_folder;
  assert_int_equal(syncs, 0);
  assert_int_equal(count_files(f->index, "segments"), 0);
  for (int turn = 0; turn < 2; turn++) {
    mgp_snapshot *snap = NULL;
    assert_ok(mgp_snapshot_get(f->store, &snap, err));
    assert_int_equal(mgp_snapshot_segment_count(snap), 3);
    for (size_t i = 0; i < 3; i++) {
      assert_ok(mgp_snapshot_segment_verify(snap, i, err));
      assert_first_number(mgp_snapshot_segment(snap, i), i + 1);
    }
    assert_string_equal(mgp_snapshot_segment(snap, 1)->file, "catalog.sqlite: segment 2");
    mgp_snapshot_release(snap);
    reopen(f);
  }
}

static void commit_when_rolled_back_then_nothing_stays(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_item(s, add_source(s, "/f"), "i", "passage");
  assert_ok(add_segment_of(s, 1, err));
  mgp_store_rollback(s);
  mgp_segment_bytes bytes;
  assert_fails(MAGPIE_NOT_FOUND, "000000000001.seg",
               mgp_segment_bytes_open(s, 1, 100, &bytes, err));
}

static mgp_segment_stream *stream_of(mgp_store *s, size_t count) {
  mgp_segment_stream *stream = NULL;
  assert_ok(mgp_segment_stream_create(s, "text", &stream, err));
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_IDS, err));
  for (uint64_t i = 1; i <= count; i++)
    assert_ok(mgp_segment_stream_write(stream, &i, sizeof i, err));
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_VECTORS_F32, err));
  for (size_t i = 1; i <= count; i++) {
    const float row[4] = {(float)i, 2, 3, 4};
    assert_ok(mgp_segment_stream_write(stream, row, sizeof row, err));
  }
  assert_ok(mgp_segment_stream_finish(stream, count, err));
  return stream;
}

/* 20 rows stay small, 2,000 become a file; a reader of before keeps what it has. */
static void merge_when_small_or_large_then_in_the_catalog_or_a_file(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  for (uint64_t i = 1; i <= 2; i++) commit_one(s, i);
  mgp_snapshot *before = NULL, *after = NULL;
  assert_ok(mgp_snapshot_get(s, &before, err));
  static const size_t counts[] = {20, 2000};
  int64_t inputs[] = {1, 2};
  for (size_t i = 0; i < 2; i++) {
    mgp_segment_stream *stream = stream_of(s, counts[i]);
    assert_ok(mgp_store_begin(s, err));
    assert_ok(mgp_store_segments_replace(s, stream, inputs, i == 0 ? 2 : 1, err));
    assert_ok(mgp_store_commit(s, NULL, err));
    mgp_segment_stream_destroy(stream);
    assert_int_equal(count_files(f->index, "segments"), i);
    assert_ok(mgp_snapshot_get(s, &after, err));
    assert_int_equal(mgp_snapshot_segment_count(after), 1);
    assert_ok(mgp_snapshot_segment_verify(after, 0, err));
    assert_int_equal(mgp_snapshot_segment(after, 0)->count, counts[i]);
    assert_first_number(mgp_snapshot_segment(after, 0), 1);
    mgp_snapshot_release(after);
    inputs[0] = 3;
  }
  assert_first_number(mgp_snapshot_segment(before, 1), 2);
  mgp_snapshot_release(before);
  bool found = true;
  sqlite3_stmt *statement = NULL;
  for (int64_t n = 1; n <= 3; n++) { /* the bytes of what was merged are gone */
    assert_ok(mgp_segment_find_bytes(s, s->writer, n, &statement, &found, err));
    assert_false(found);
  }
}

static void damage_when_in_the_catalog_then_named_and_left_out(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  for (uint64_t i = 1; i <= 2; i++) commit_one(s, i);
  /* a byte of the vector: header 64, table 64, ids 64 */
  assert_int_equal(sqlite3_exec(s->writer->db,
                                "UPDATE segment_bytes SET bytes = CAST(substr(bytes, 1, 194) || "
                                "x'55' || substr(bytes, 196) AS BLOB) WHERE number = 2",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  assert_ok(mgp_snapshot_segment_verify(snap, 0, err));
  assert_fails(MAGPIE_CORRUPT, "catalog.sqlite: segment 2: section 1 (vectors",
               mgp_snapshot_segment_verify(snap, 1, err));
  mgp_snapshot_release(snap);
  mgp_account account;
  assert_ok(mgp_account_read(s, NULL, &account, err));
  assert_string_equal(account.claims[1].file, "catalog.sqlite: segment 2");
  mgp_checked checked;
  mgp_check_segment(s, &account.claims[1], true, &checked);
  assert_true(checked.is_damaged);
  assert_non_null(mgp_checked_section(&checked, MGP_SECTION_IDS));
  assert_null(mgp_checked_section(&checked, MGP_SECTION_VECTORS_F32));
  mgp_checked_fini(s, &checked);
  mgp_account_fini(&account);
  assert_int_equal(
      sqlite3_exec(s->writer->db, "DELETE FROM segment_bytes WHERE number = 1", NULL, NULL, NULL),
      SQLITE_OK);
  reopen(f);
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_non_null(strstr(mgp_snapshot_damage(snap, 0), "000000000001.seg"));
  mgp_snapshot_release(snap);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      small_test(commit_when_small_then_no_file_is_written_or_synced),
      small_test(commit_when_rolled_back_then_nothing_stays),
      small_test(merge_when_small_or_large_then_in_the_catalog_or_a_file),
      small_test(damage_when_in_the_catalog_then_named_and_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
