/* SPDX-License-Identifier: Apache-2.0
 *
 * Items: what goes in comes out, ids are single, numbers never come back.
 */
#include "store_fixture.h"

static void item_add_when_all_fields_are_set_then_get_gives_them(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  mgp_item in = {.source = add_source(s, "/a"),
                 .id = "X#1",
                 .kind = "page",
                 .title = "Title",
                 .text = "Text \xc3\xa9",
                 .context = "A > B",
                 .language = "fr",
                 .metadata = "{}",
                 .locator = {.page = 3,
                             .has_bbox = true,
                             .bbox = {1.5, 2, -3, 1e9},
                             .has_span = true,
                             .span = {0.25, 7},
                             .has_lines = true,
                             .lines = {10, 1LL << 40}}};
  assert_ok(mgp_store_item_add(s, &in, err));
  const uint64_t plain = add_item(s, in.source, "plain", "page");
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_item out;
  mgp_source source;
  assert_ok(mgp_store_item_get(s, in.number, arena, &out, &source, err));
  assert_int_equal(out.number, in.number);
  assert_int_equal(out.source, source.number);
  assert_string_equal(out.id, in.id);
  assert_string_equal(out.kind, in.kind);
  assert_string_equal(out.title, in.title);
  assert_string_equal(out.text, in.text);
  assert_string_equal(out.context, in.context);
  assert_string_equal(out.language, in.language);
  assert_string_equal(out.metadata, in.metadata);
  assert_string_equal(source.path, "/a");
  assert_true(out.locator.has_bbox && out.locator.has_span && out.locator.has_lines);
  assert_int_equal(out.locator.page, 3);
  assert_memory_equal(out.locator.bbox, in.locator.bbox, sizeof in.locator.bbox);
  assert_memory_equal(out.locator.span, in.locator.span, sizeof in.locator.span);
  assert_memory_equal(out.locator.lines, in.locator.lines, sizeof in.locator.lines);
  assert_ok(mgp_store_item_get(s, plain, arena, &out, NULL, err));
  assert_false(out.locator.has_bbox || out.locator.has_span || out.locator.has_lines);
  assert_null(out.title);
  mgp_arena_destroy(arena);
}

static void item_add_when_id_is_known_then_is_invalid_and_named(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_item(s, source, "dup", "passage");
  mgp_item again = {.source = source, .id = "dup", .kind = "passage"};
  assert_fails(MAGPIE_INVALID, "dup", mgp_store_item_add(s, &again, err));
  mgp_item orphan = {.source = 77, .id = "o", .kind = "passage"};
  assert_fails(MAGPIE_INVALID, "77", mgp_store_item_add(s, &orphan, err));
  mgp_item nameless = {.source = source, .kind = "passage"};
  mgp_item kindless = {.source = source, .id = "k"};
  assert_fails(MAGPIE_INVALID, "id", mgp_store_item_add(s, &nameless, err));
  assert_fails(MAGPIE_INVALID, "kind", mgp_store_item_add(s, &kindless, err));
  const uint64_t next = add_item(s, source, "next", "passage"); /* the transaction goes on */
  assert_ok(mgp_store_commit(s, NULL, err));
  uint64_t found = 0;
  assert_ok(mgp_store_item_find(s, "next", &found, err));
  assert_int_equal(found, next);
  assert_ok(mgp_store_item_find(s, "o", &found, err));
  assert_int_equal(found, 0);
}

static void item_add_when_others_were_removed_then_numbers_are_new(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  const uint64_t first = add_item(s, source, "one", "passage");
  const uint64_t second = add_item(s, source, "two", "passage");
  assert_true(second > first && first > 0);
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_item_remove(s, "two", err));
  assert_fails(MAGPIE_NOT_FOUND, "two", mgp_store_item_remove(s, "two", err));
  assert_ok(mgp_store_source_remove(s, source, NULL, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  reopen(f);
  s = f->store;
  assert_ok(mgp_store_begin(s, err));
  const int64_t again = add_source(s, "/a");
  assert_true(again > source);
  assert_true(add_item(s, again, "two", "passage") > second);
  assert_ok(mgp_store_commit(s, NULL, err));
}

static void item_add_when_kinds_run_out_then_is_limit(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  char name[16];
  for (int i = 1; i <= 255; i++) {
    snprintf(name, sizeof name, "k%d", i);
    add_item(s, source, name, name);
  }
  mgp_item item = {.source = source, .id = "x", .kind = "k256"};
  assert_fails(MAGPIE_LIMIT, "k256", mgp_store_item_add(s, &item, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  assert_int_equal(mgp_snapshot_kind_number(snap, "k255"), 255);
  assert_string_equal(mgp_snapshot_kind_name(snap, 255), "k255");
  assert_null(mgp_snapshot_kind_name(snap, 0));
  assert_null(mgp_snapshot_kind_name(snap, 256));
  mgp_snapshot_release(snap);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(item_add_when_all_fields_are_set_then_get_gives_them),
      store_test(item_add_when_id_is_known_then_is_invalid_and_named),
      store_test(item_add_when_others_were_removed_then_numbers_are_new),
      store_test(item_add_when_kinds_run_out_then_is_limit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
