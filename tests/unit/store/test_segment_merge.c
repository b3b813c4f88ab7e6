/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's side of a merge: files in pieces, putting one in the place of others, what a reader
 * and the next writer see, and what is left when it is not finished.
 */
#include <dirent.h>
#include <sys/file.h>

#include "store/merge_store.h"
#include "store/segment.h"
#include "store_fixture.h"

static int count_named(const fixture *f, const char *ending) {
  char path[160];
  snprintf(path, sizeof path, "%s/segments", f->index);
  DIR *open = opendir(path);
  assert_non_null(open);
  int count = 0;
  for (const struct dirent *e = readdir(open); e; e = readdir(open))
    count += mgp_text_ends(e->d_name, ending);
  closedir(open);
  return count;
}

/* Items 1 .. count with one segment each. */
static void fill(fixture *f, int count) {
  mgp_store *s = open_writer(f);
  for (int i = 1; i <= count; i++) {
    char path[32], id[16];
    snprintf(path, sizeof path, "/f%d", i);
    snprintf(id, sizeof id, "i%d", i);
    assert_ok(mgp_store_begin(s, err));
    const uint64_t number = add_item(s, add_source(s, path), id, "passage");
    assert_int_equal(number, i);
    assert_ok(add_segment_of(s, number, err));
    assert_ok(mgp_store_commit(s, NULL, err));
  }
}

static mgp_segment_stream *stream_of(mgp_store *s, const uint64_t *ids, size_t count) {
  mgp_segment_stream *stream = NULL;
  assert_ok(mgp_segment_stream_create(s, "text", &stream, err));
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_IDS, err));
  for (size_t i = 0; i < count; i++)
    assert_ok(mgp_segment_stream_write(stream, &ids[i], sizeof ids[i], err));
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_VECTORS_F32, err));
  for (size_t i = 0; i < count; i++) {
    const float row[4] = {(float)ids[i], 2, 3, 4};
    assert_ok(mgp_segment_stream_write(stream, row, sizeof row, err));
  }
  assert_ok(mgp_segment_stream_finish(stream, count, err));
  return stream;
}

static void replace_of_two_segments_then_one_is_named_and_their_files_go(void **state) {
  fixture *f = *state;
  fill(f, 3);
  mgp_snapshot *before = NULL, *after = NULL;
  assert_ok(mgp_snapshot_get(f->store, &before, err));
  const uint64_t ids[] = {1, 2};
  const int64_t inputs[] = {1, 2};
  mgp_segment_stream *stream = stream_of(f->store, ids, 2);
  assert_int_equal(count_named(f, ".part"), 1);
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, stream, inputs, 2, err));
  assert_int_equal(count_named(f, ".seg"), 4); /* the inputs stay until it is true */
  assert_ok(mgp_store_commit(f->store, NULL, err));
  mgp_segment_stream_destroy(stream);
  assert_int_equal(count_named(f, ".seg"), 2);
  assert_int_equal(count_named(f, ".part"), 0);
  assert_ok(mgp_snapshot_get(f->store, &after, err));
  assert_int_equal(mgp_snapshot_segment_count(after), 2);
  assert_null(mgp_snapshot_damage(after, 0));
  const mgp_segment_view *merged = mgp_snapshot_segment(after, 1);
  assert_int_equal(merged->count, 2);
  assert_int_equal(((const uint64_t *)merged->sections[0].data)[1], 2);
  assert_int_equal(merged->sections[1].size, 2 * 4 * sizeof(float));
  /* the pinned generation still reads its deleted files */
  assert_int_equal(mgp_snapshot_segment_count(before), 3);
  assert_int_equal(*(const uint64_t *)mgp_snapshot_segment(before, 1)->sections[0].data, 2);
  mgp_snapshot_release(before);
  mgp_snapshot_release(after);
}

static void replace_rolled_back_then_the_old_set_stands(void **state) {
  fixture *f = *state;
  fill(f, 2);
  const uint64_t ids[] = {1, 2};
  const int64_t inputs[] = {1, 2};
  mgp_segment_stream *stream = stream_of(f->store, ids, 2);
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, stream, inputs, 2, err));
  mgp_store_rollback(f->store);
  mgp_segment_stream_destroy(stream);
  assert_int_equal(count_named(f, ".seg"), 2);
  /* nothing of it is deleted by the next commit either */
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  assert_int_equal(count_named(f, ".seg"), 2);
  reopen(f);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 2);
  mgp_snapshot_release(snap);
}

static void replace_of_an_input_that_another_merge_took_then_not_found(void **state) {
  fixture *f = *state;
  fill(f, 2);
  const int64_t inputs[] = {1, 2};
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, NULL, inputs, 1, err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  assert_ok(mgp_store_begin(f->store, err));
  assert_fails(MAGPIE_NOT_FOUND, "merged by another",
               mgp_store_segments_replace(f->store, NULL, inputs, 2, err));
  mgp_store_rollback(f->store);
  mgp_segment_set *set = NULL;
  size_t bad = 0;
  assert_fails(MAGPIE_NOT_FOUND, "merged by another",
               mgp_segment_set_open(f->store, inputs, 2, &set, &bad, err));
  assert_int_equal(bad, 0);
}

static void sweep_of_a_part_file_then_only_an_abandoned_one_goes(void **state) {
  fixture *f = *state;
  fill(f, 1);
  const uint64_t ids[] = {1};
  mgp_segment_stream *held = stream_of(f->store, ids, 1);
  char path[160];
  snprintf(path, sizeof path, "%s/segments/merge-999999999-0.part", f->index);
  close(open(path, O_CREAT | O_WRONLY, 0666));
  assert_int_equal(count_named(f, ".part"), 2);
  mgp_store_unlock(f->store);
  assert_ok(mgp_store_lock(f->store, 0, err));
  assert_int_equal(count_named(f, ".part"), 1);
  mgp_segment_stream_destroy(held);
  assert_int_equal(count_named(f, ".part"), 0);
}

static void stream_with_bytes_put_aside_then_they_come_back_in_order(void **state) {
  fixture *f = *state;
  fill(f, 1);
  mgp_segment_stream *stream = NULL;
  assert_ok(mgp_segment_stream_create(f->store, "text", &stream, err));
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_IDS, err));
  const size_t count = 300000; /* several buffers */
  for (uint64_t i = 0; i < count; i++) {
    assert_ok(mgp_segment_stream_write(stream, &i, sizeof i, err));
    const uint64_t twice = 2 * i;
    assert_ok(mgp_segment_stream_aside(stream, &twice, sizeof twice, err));
  }
  assert_ok(mgp_segment_stream_section(stream, MGP_SECTION_LENGTHS, err));
  assert_ok(mgp_segment_stream_write(stream, "x", 1, err));
  assert_ok(mgp_segment_stream_back(stream, err));
  assert_ok(mgp_segment_stream_finish(stream, count, err));
  const int64_t inputs[] = {1};
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, stream, inputs, 1, err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  mgp_segment_stream_destroy(stream);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_null(mgp_snapshot_damage(snap, 0)); /* header and checksums are right */
  const mgp_segment_view *v = mgp_snapshot_segment(snap, 0);
  const unsigned char *aside = v->sections[1].data;
  assert_int_equal(v->sections[1].size, 1 + count * 8);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t twice = 0;
    memcpy(&twice, aside + 1 + 8 * i, 8);
    assert_int_equal(((const uint64_t *)v->sections[0].data)[i], i);
    assert_int_equal(twice, 2 * i);
  }
  mgp_snapshot_release(snap);
}

static void list_after_removals_then_live_rows_are_counted(void **state) {
  fixture *f = *state;
  fill(f, 40); /* enough that a set of one segment is a small range of the numbers */
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_item_remove(f->store, "i2", err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  assert_ok(mgp_store_segments(f->store, NULL, true, &infos, &count, err));
  assert_int_equal(count, 40);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(infos[i].number, i + 1);
    assert_int_equal(infos[i].live, i == 1 ? 0 : 1);
    assert_string_equal(infos[i].space, "text");
  }
  mgp_free(NULL, infos);
  mgp_segment_set *set = NULL;
  size_t bad = 0;
  const int64_t all[] = {1, 2, 3};
  assert_ok(mgp_segment_set_open(f->store, all, 3, &set, &bad, err));
  assert_true(mgp_segment_set_is_live(set, 1) && mgp_segment_set_is_live(set, 3));
  assert_false(mgp_segment_set_is_live(set, 2) || mgp_segment_set_is_live(set, 4));
  assert_int_equal(mgp_segment_set_view(set, 2)->count, 1);
  mgp_segment_set_close(set);
  const int64_t one[] = {2};
  assert_ok(mgp_segment_set_open(f->store, one, 1, &set, &bad, err));
  assert_false(mgp_segment_set_is_live(set, 2));
  mgp_segment_set_close(set);
}

static void set_with_a_damaged_segment_then_corrupt_and_which(void **state) {
  fixture *f = *state;
  fill(f, 2);
  char path[160];
  snprintf(path, sizeof path, "%s/segments/000000000002.seg", f->index);
  assert_int_equal(truncate(path, 100), 0);
  mgp_segment_set *set = NULL;
  size_t bad = 0;
  const int64_t all[] = {1, 2};
  assert_fails(MAGPIE_CORRUPT, "000000000002.seg",
               mgp_segment_set_open(f->store, all, 2, &set, &bad, err));
  assert_int_equal(bad, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(replace_of_two_segments_then_one_is_named_and_their_files_go),
      store_test(replace_rolled_back_then_the_old_set_stands),
      store_test(replace_of_an_input_that_another_merge_took_then_not_found),
      store_test(sweep_of_a_part_file_then_only_an_abandoned_one_goes),
      store_test(stream_with_bytes_put_aside_then_they_come_back_in_order),
      store_test(list_after_removals_then_live_rows_are_counted),
      store_test(set_with_a_damaged_segment_then_corrupt_and_which),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
