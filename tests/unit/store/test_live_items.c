/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of living items: it says what the rows of `item` say, whatever is added, removed and
 * rolled back, in runs and in the raw form, and damage in it is found and mended.
 */
#include "store_fixture.h"

#include "store/check_store.h"
#include "store/live_items.h"

#define ITEMS 9000 /* three blocks */

static const char *const kinds[] = {"image", "passage", "sound"};

typedef struct oracle {
  char kind[ITEMS + 1]; /* 1 + index into kinds; 0: dead */
  int64_t next;
} oracle;

static void add_items(mgp_store *s, oracle *o, size_t count, unsigned *seed, bool is_mixed) {
  const int64_t source = add_source(s, "/folder/file");
  for (size_t i = 0; i < count; i++) {
    *seed = *seed * 1103515245u + 12345u;
    const int kind = is_mixed ? (int)(*seed >> 16) % 3 : 0;
    char id[24];
    snprintf(id, sizeof id, "i%lld", (long long)o->next);
    assert_int_equal(add_item(s, source, id, kinds[kind]), o->next);
    o->kind[o->next++] = (char)(kind + 1);
  }
}

static void remove_item(mgp_store *s, oracle *o, int64_t number) {
  char id[24];
  snprintf(id, sizeof id, "i%lld", (long long)number);
  assert_ok(mgp_store_item_remove(s, id, err));
  o->kind[number] = 0;
}

static void assert_same(mgp_store *s, const oracle *o) {
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  uint64_t living = 0;
  for (int64_t n = 1; n < o->next; n++) {
    const int kind = mgp_snapshot_kind(snap, (uint64_t)n);
    living += o->kind[n] != 0;
    if (o->kind[n] == 0) assert_int_equal(kind, 0);
    else assert_string_equal(mgp_snapshot_kind_name(snap, kind), kinds[o->kind[n] - 1]);
  }
  assert_int_equal(mgp_snapshot_item_count(snap), living);
  mgp_snapshot_release(snap);
}

static magpie_status count_damage(void *context, const mgp_damage *damage) {
  (void)damage;
  ++*(int *)context;
  return MAGPIE_OK;
}

static int damages(mgp_store *s) {
  int count = 0;
  assert_ok(mgp_check_live(s, count_damage, &count, err));
  return count;
}

static void run_writer_sql(mgp_store *s, const char *sql) {
  assert_int_equal(sqlite3_exec(s->writer->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void live_when_added_and_removed_at_random_then_as_the_rows(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  oracle o = {.next = 1};
  unsigned seed = 7;
  assert_ok(mgp_store_begin(s, err));
  add_items(s, &o, 4500, &seed, false); /* one long run */
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_same(s, &o);
  for (int round = 0; round < 6; round++) {
    assert_ok(mgp_store_begin(s, err));
    char path[32];
    snprintf(path, sizeof path, "/file/%d", round);
    const int64_t source = add_source(s, path);
    for (int i = 0; i < 700; i++) { /* kinds alternate: more than RUNS_MAX runs in a block */
      char id[24];
      snprintf(id, sizeof id, "i%lld", (long long)o.next);
      const int kind = i % 3;
      assert_int_equal(add_item(s, source, id, kinds[kind]), o.next);
      o.kind[o.next++] = (char)(kind + 1);
    }
    for (int i = 0; i < 300; i++) {
      seed = seed * 1103515245u + 12345u;
      const int64_t number = 1 + (int64_t)(seed >> 8) % (o.next - 1);
      if (o.kind[number]) remove_item(s, &o, number);
    }
    assert_ok(mgp_store_commit(s, NULL, err));
    assert_same(s, &o);
    if (round % 2) reopen(f), s = f->store;
    assert_same(s, &o);
  }
  assert_int_equal(damages(s), 0);
}

static void live_when_rolled_back_then_as_before(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  oracle o = {.next = 1};
  unsigned seed = 3;
  assert_ok(mgp_store_begin(s, err));
  add_items(s, &o, 50, &seed, true);
  assert_ok(mgp_store_commit(s, NULL, err));
  oracle after = o;
  assert_ok(mgp_store_begin(s, err));
  remove_item(s, &after, 5);
  remove_item(s, &after, 6);
  mgp_store_rollback(s);
  assert_same(s, &o);
  assert_ok(mgp_store_begin(s, err));
  remove_item(s, &o, 7);
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_same(s, &o);
  assert_int_equal(damages(s), 0);
}

static void live_when_a_source_goes_then_its_items_are_dead(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t one = add_source(s, "/one"), two = add_source(s, "/two");
  add_item(s, one, "a", "image");
  add_item(s, two, "b", "image");
  add_with_thumb(s, one, "c", "JPEG");
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_ok(mgp_store_begin(s, err));
  uint64_t removed = 0;
  assert_ok(mgp_store_source_remove(s, one, &removed, err));
  assert_int_equal(removed, 2);
  assert_ok(mgp_store_source_clear(s, two, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  const oracle o = {.next = 4};
  assert_same(s, &o);
  assert_int_equal(damages(s), 0);
}

static void live_when_damaged_then_named_and_rebuilt(void **state) {
  static const char *const faults[] = {
      "UPDATE live SET kinds = x'01ffff'",      /* a run beyond the block */
      "UPDATE live SET kinds = x'0100'",        /* half a run */
      "UPDATE live SET kinds = x'000000010500'" /* fewer than there are */
  };
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  oracle o = {.next = 1};
  unsigned seed = 3;
  assert_ok(mgp_store_begin(s, err));
  add_items(s, &o, 50, &seed, false);
  assert_ok(mgp_store_commit(s, NULL, err));
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    run_writer_sql(s, faults[i]);
    assert_int_equal(damages(s), 1);
    assert_ok(mgp_store_begin(s, err));
    assert_ok(mgp_store_live_rebuild(s, err));
    assert_ok(mgp_store_commit(s, NULL, err));
    assert_int_equal(damages(s), 0);
    assert_same(s, &o);
  }
  run_writer_sql(s, "UPDATE live SET kinds = x'01ffff'; UPDATE head SET generation = 99");
  mgp_snapshot *snap = NULL;
  assert_fails(MAGPIE_CORRUPT, "magpie repair", mgp_snapshot_get(s, &snap, err));
}

/* Format 1 had an index over the kinds instead. */
static void
live_when_the_catalog_is_of_format_1_then_read_and_upgraded_under_the_lock(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  oracle o = {.next = 1};
  unsigned seed = 11;
  assert_ok(mgp_store_begin(s, err));
  add_items(s, &o, 60, &seed, true);
  remove_item(s, &o, 9);
  assert_ok(mgp_store_commit(s, NULL, err));
  run_writer_sql(
      s, "DROP TABLE live; DROP TABLE segment_bytes; CREATE INDEX item_kind ON item (kind); "
         "PRAGMA user_version = 1");
  mgp_store_close(&f->store);
  for (int read_only = 1; read_only >= 0; read_only--) { /* nobody holds the lock */
    assert_ok(mgp_store_open(NULL, f->index, read_only, &f->store, err));
    assert_same(f->store, &o);
    int64_t format = 0;
    mgp_connection *c = NULL;
    assert_ok(mgp_catalog_acquire(f->store, &c, err));
    assert_ok(mgp_catalog_format(f->store, c, &format, err));
    mgp_catalog_release(f->store, c);
    assert_int_equal(format, 1);
    mgp_store_close(&f->store);
  }
  s = open_writer(f);
  int64_t format = 0;
  assert_ok(mgp_catalog_format(s, s->writer, &format, err));
  assert_int_equal(format, MGP_STORE_FORMAT);
  assert_same(s, &o);
  assert_int_equal(damages(s), 0);
  assert_ok(mgp_store_begin(s, err));
  remove_item(s, &o, 1);
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_same(s, &o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(live_when_added_and_removed_at_random_then_as_the_rows),
      store_test(live_when_rolled_back_then_as_before),
      store_test(live_when_a_source_goes_then_its_items_are_dead),
      store_test(live_when_damaged_then_named_and_rebuilt),
      store_test(live_when_the_catalog_is_of_format_1_then_read_and_upgraded_under_the_lock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
