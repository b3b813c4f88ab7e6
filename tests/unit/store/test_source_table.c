/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: paths are bytes, names are single, and "below a folder" means just that.
 */
#include "store_fixture.h"

static void source_add_when_all_fields_are_set_then_find_gives_them(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  const char *path = "/caf\xc3\xa9/\xff\xfe\n\"x\".txt";
  mgp_source in = {.path = path,
                   .size = UINT64_MAX,
                   .mtime_ns = -3,
                   .inode = UINT64_MAX - 1,
                   .device = 9,
                   .hash = {.low = 1, .high = UINT64_MAX},
                   .format = "text",
                   .title = "A title",
                   .metadata = "{\"a\":1}"};
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_add(s, &in, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_source out;
  assert_ok(mgp_store_source_find(s, path, arena, &out, err));
  assert_int_equal(out.number, in.number);
  assert_string_equal(out.path, path);
  assert_null(out.record);
  assert_true(out.size == UINT64_MAX && out.mtime_ns == -3 && out.inode == UINT64_MAX - 1);
  assert_true(out.device == 9 && out.hash.low == 1 && out.hash.high == UINT64_MAX);
  assert_string_equal(out.format, "text");
  assert_string_equal(out.title, "A title");
  assert_string_equal(out.metadata, "{\"a\":1}");
  assert_ok(mgp_store_source_find(s, "/caf\xc3\xa9", arena, &out, err));
  assert_int_equal(out.number, 0);
  mgp_arena_destroy(arena);
}

static void source_add_when_name_is_taken_then_is_invalid_and_named(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_source(s, "/a");
  mgp_source file = {.path = "/a"}, record = {.record = "R1", .path = "/a"}, none = {.size = 1};
  assert_fails(MAGPIE_INVALID, "file /a", mgp_store_source_add(s, &file, err));
  assert_int_equal(file.number, 0);
  assert_ok(mgp_store_source_add(s, &record, err)); /* a record may name an indexed file */
  assert_fails(MAGPIE_INVALID, "record R1", mgp_store_source_add(s, &record, err));
  assert_fails(MAGPIE_INVALID, "path or a record", mgp_store_source_add(s, &none, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_source out;
  assert_ok(mgp_store_record_find(s, "R1", arena, &out, err));
  mgp_record_state states[] = {{.record = "R1", .hash = out.hash},
                               {.record = "R1", .hash = {1, 2}},
                               {.record = "R9", .hash = out.hash}};
  assert_ok(mgp_store_record_states(s, states, 3, err));
  assert_true(states[0].number == out.number && states[0].is_same);
  assert_true(states[1].number == out.number && !states[1].is_same);
  assert_true(states[2].number == 0 && !states[2].is_same);
  assert_int_equal(out.number, record.number);
  assert_string_equal(out.record, "R1");
  assert_ok(mgp_store_record_find(s, "R2", arena, &out, err));
  assert_int_equal(out.number, 0);
  assert_ok(mgp_store_source_find(s, "/a", arena, &out, err));
  assert_null(out.record);
  mgp_arena_destroy(arena);
}

static void source_update_when_file_moved_then_items_stay(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  mgp_source moved = {.number = add_source(s, "/a"), .path = "/b", .size = 8};
  const uint64_t number = add_item(s, moved.number, "one", "passage");
  assert_ok(mgp_store_source_update(s, &moved, err));
  mgp_source unknown = {.number = 99, .path = "/c"};
  assert_fails(MAGPIE_NOT_FOUND, "99", mgp_store_source_update(s, &unknown, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_item item;
  mgp_source source;
  assert_ok(mgp_store_item_get(s, number, arena, &item, &source, err));
  assert_string_equal(source.path, "/b");
  assert_int_equal(source.size, 8);
  mgp_arena_destroy(arena);
}

static void source_remove_when_it_has_items_then_they_go(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t a = add_source(s, "/a"), b = add_source(s, "/b");
  const uint64_t one = add_item(s, a, "one", "passage");
  add_item(s, a, "two", "passage");
  const uint64_t three = add_item(s, b, "three", "image");
  assert_ok(mgp_store_commit(s, NULL, err));
  uint64_t items = 0;
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_remove(s, a, &items, err));
  assert_int_equal(items, 2);
  assert_fails(MAGPIE_NOT_FOUND, "no source", mgp_store_source_remove(s, a, &items, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  assert_int_equal(mgp_snapshot_kind(snap, one), 0);
  assert_int_not_equal(mgp_snapshot_kind(snap, three), 0);
  assert_int_equal(mgp_snapshot_kind_number(snap, "passage"), 0);
  assert_int_equal(mgp_snapshot_item_count(snap), 1);
  mgp_snapshot_release(snap);
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_item item;
  assert_fails(MAGPIE_NOT_FOUND, "no item", mgp_store_item_get(s, one, arena, &item, NULL, err));
  mgp_arena_destroy(arena);
}

static void source_clear_when_it_has_items_then_the_row_stays(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t a = add_source(s, "/a"), b = add_source(s, "/b");
  const uint64_t one = add_item(s, a, "a1", "passage");
  const uint64_t other = add_item(s, b, "b1", "passage");
  const uint64_t two = add_item(s, a, "a2", "image");
  assert_ok(mgp_store_commit(s, NULL, err));
  uint64_t *items = NULL;
  size_t count = 0;
  assert_ok(mgp_store_source_items(s, a, NULL, &items, &count, err));
  assert_int_equal(count, 2);
  assert_int_equal(items[0], one);
  assert_int_equal(items[1], two);
  mgp_free(NULL, items);
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_clear(s, a, err));
  const uint64_t again = add_item(s, a, "a1", "passage"); /* the id is free again */
  assert_true(again > two);
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_source_items(s, a, NULL, &items, &count, err));
  assert_int_equal(count, 1);
  assert_int_equal(items[0], again);
  mgp_free(NULL, items);
  assert_ok(mgp_store_source_items(s, b, NULL, &items, &count, err));
  assert_int_equal(items[0], other);
  mgp_free(NULL, items);
  assert_ok(mgp_store_source_items(s, 99, NULL, &items, &count, err));
  assert_int_equal(count, 0);
  assert_null(items);
}

typedef struct names {
  char text[512];
  size_t limit, count;
  mgp_store *store;
} names;

static magpie_status note_name(void *context, const mgp_source *source) {
  names *n = context;
  strcat(n->text, source->path ? source->path : source->record);
  strcat(n->text, "|");
  if (n->store) { /* a callback may read the store */
    uint64_t number = 0;
    if (mgp_store_item_find(n->store, "x", &number, NULL) != MAGPIE_OK) return MAGPIE_INTERNAL;
  }
  return ++n->count == n->limit ? MAGPIE_CANCELLED : MAGPIE_OK;
}

static void check_below(mgp_store *s, const char *path, const char *expected) {
  names n = {.store = s};
  assert_ok(mgp_store_sources_below(s, path, note_name, &n, err));
  assert_string_equal(n.text, expected);
}

static void sources_below_when_names_share_a_prefix_then_only_the_folder_counts(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  static const char *const paths[] = {"/a/bc",     "/a/b/z", "/a/b",     "/a/b/a/q", "/a/b-x",
                                      "/a/b/\xff", "/a/b0",  "/a/b.txt", "/z",       "/a/b/ "};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) add_source(s, paths[i]);
  mgp_source record = {.record = "R", .path = "/a/b/record"};
  assert_ok(mgp_store_source_add(s, &record, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  check_below(s, "/a/b", "/a/b|/a/b/ |/a/b/a/q|/a/b/z|/a/b/\xff|");
  check_below(s, "/a/b/", "/a/b|/a/b/ |/a/b/a/q|/a/b/z|/a/b/\xff|");
  check_below(s, "/a/bc", "/a/bc|");
  check_below(s, "/z", "/z|");
  check_below(s, "/nothing", "");
  check_below(s, "/", "/a/b|/a/b-x|/a/b.txt|/a/b/ |/a/b/a/q|/a/b/z|/a/b/\xff|/a/b0|/a/bc|/z|");
  names records = {.store = s};
  assert_ok(mgp_store_records_below(s, "/a/b", note_name, &records, err));
  assert_ok(mgp_store_records_below(s, "/a/b/record", note_name, &records, err));
  assert_ok(mgp_store_records_below(s, "/a/b/rec", note_name, &records, err));
  assert_string_equal(records.text, "/a/b/record|/a/b/record|");
  names n = {.limit = 2};
  assert_fails(MAGPIE_CANCELLED, "", mgp_store_sources_below(s, "/", note_name, &n, err));
  assert_int_equal(n.count, 2);
}

static void sources_by_hash_when_content_is_shared_then_gives_each(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  mgp_source a = {.path = "/1", .hash = {5, 6}}, b = {.path = "/2", .hash = {5, 6}};
  mgp_source c = {.path = "/3", .hash = {6, 5}};
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_add(s, &a, err));
  assert_ok(mgp_store_source_add(s, &b, err));
  assert_ok(mgp_store_source_add(s, &c, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  names n = {0};
  mgp_arena *arena = mgp_arena_create(NULL);
  assert_ok(mgp_store_sources_by_hash(s, a.hash, arena, note_name, &n, err));
  assert_string_equal(n.text, "/1|/2|");
  mgp_arena_destroy(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(source_add_when_all_fields_are_set_then_find_gives_them),
      store_test(source_add_when_name_is_taken_then_is_invalid_and_named),
      store_test(source_update_when_file_moved_then_items_stay),
      store_test(source_remove_when_it_has_items_then_they_go),
      store_test(source_clear_when_it_has_items_then_the_row_stays),
      store_test(sources_below_when_names_share_a_prefix_then_only_the_folder_counts),
      store_test(sources_by_hash_when_content_is_shared_then_gives_each)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
