/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: pinned generations, shared files, damage that is named and left out, and readers
 * beside a writer. Run under the thread sanitizer too.
 */
#include "store_fixture.h"

#include <pthread.h>

static void commit_item(mgp_store *s, uint64_t number) {
  char name[32];
  snprintf(name, sizeof name, "/f%d", (int)number);
  assert_ok(mgp_store_begin(s, err));
  assert_int_equal(add_item(s, add_source(s, name), name, "passage"), number);
  assert_ok(add_segment_of(s, number, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static void get_when_generation_stands_then_is_the_same_snapshot(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  mgp_snapshot *empty = NULL, *a = NULL, *b = NULL, *c = NULL;
  assert_ok(mgp_snapshot_get(s, &empty, err));
  assert_int_equal(mgp_snapshot_item_count(empty), 0);
  assert_int_equal(mgp_snapshot_segment_count(empty), 0);
  assert_int_equal(mgp_snapshot_kind(empty, 0), 0);
  assert_int_equal(mgp_snapshot_kind(empty, UINT64_MAX), 0);
  commit_item(s, 1);
  assert_ok(mgp_snapshot_get(s, &a, err));
  assert_ok(mgp_snapshot_get(s, &b, err));
  assert_ptr_equal(a, b);
  commit_item(s, 2);
  assert_ok(mgp_snapshot_get(s, &c, err));
  assert_ptr_not_equal(a, c);
  /* the file that both name is mapped once */
  assert_ptr_equal(mgp_snapshot_segment(a, 0)->sections[0].data,
                   mgp_snapshot_segment(c, 0)->sections[0].data);
  assert_int_equal(mgp_snapshot_kind(a, 2), 0);
  assert_int_equal(mgp_snapshot_kind(c, 2), mgp_snapshot_kind_number(c, "passage"));
  assert_string_equal(mgp_snapshot_kind_name(c, mgp_snapshot_kind(c, 2)), "passage");
  mgp_snapshot_release(empty);
  mgp_snapshot_release(a);
  mgp_snapshot_release(b);
  mgp_snapshot_release(c);
  mgp_snapshot_release(NULL);
}

static void damage_one_of_three(fixture *f, const char *command, const char *expected) {
  mgp_store *s = open_writer(f);
  for (uint64_t i = 1; i <= 3; i++) commit_item(s, i);
  mgp_store_close(&f->store);
  char line[512];
  snprintf(line, sizeof line, "cd %s/segments && %s", f->index, command);
  assert_int_equal(system(line), 0);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 2);
  const char *damage = mgp_snapshot_damage(snap, 0);
  assert_non_null(damage);
  if (!strstr(damage, "segments/000000000002.seg") || !strstr(damage, expected) ||
      !strstr(damage, "left out"))
    fail_msg("%s; expected \"%s\"", damage, expected);
  assert_null(mgp_snapshot_damage(snap, 1));
  assert_string_equal(mgp_snapshot_segment(snap, 1)->file, "segments/000000000003.seg");
  mgp_snapshot_release(snap);
}

static void verify_when_a_byte_of_a_vector_differs_then_names_section_and_sums(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  for (uint64_t i = 1; i <= 3; i++) commit_item(s, i);
  mgp_store_close(&f->store);
  char line[512];
  snprintf(line, sizeof line,
           "printf x | dd of=%s/segments/000000000002.seg bs=1 seek=195 conv=notrunc 2>/dev/null",
           f->index);
  assert_int_equal(system(line), 0);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 3); /* headers are good */
  assert_ok(mgp_snapshot_segment_verify(snap, 0, err));
  for (int i = 0; i < 2; i++)
    assert_fails(MAGPIE_CORRUPT, "segments/000000000002.seg: section 1 (vectors, 16 bytes) has",
                 mgp_snapshot_segment_verify(snap, 1, err));
  assert_ok(mgp_snapshot_segment_verify(snap, 2, err));
  assert_fails(MAGPIE_INVALID, "no segment 3", mgp_snapshot_segment_verify(snap, 3, err));
  mgp_snapshot_release(snap);
}

static void get_when_a_file_is_cut_short_then_names_both_sizes(void **state) {
  damage_one_of_three(*state, "truncate -s 200 000000000002.seg", "200 bytes, expected 256");
}

static void get_when_a_file_is_empty_then_is_left_out(void **state) {
  damage_one_of_three(*state, "truncate -s 0 000000000002.seg", "0 bytes");
}

static void get_when_a_file_is_missing_then_is_left_out(void **state) {
  damage_one_of_three(*state, "rm 000000000002.seg", "No such file");
}

static void get_when_a_file_is_another_one_then_is_left_out(void **state) {
  damage_one_of_three(*state, "cp 000000000001.seg 000000000002.seg", "another file");
}

static void get_when_damage_was_found_then_stays_known_in_the_next_generation(void **state) {
  fixture *f = *state;
  damage_one_of_three(f, "truncate -s 200 000000000002.seg", "200");
  mgp_store *writer = NULL;
  assert_ok(mgp_store_open(NULL, f->index, false, &writer, err));
  assert_ok(mgp_store_lock(writer, 0, err));
  commit_item(writer, 4);
  mgp_store_close(&writer);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 3);
  assert_non_null(mgp_snapshot_damage(snap, 0));
  mgp_snapshot_release(snap);
}

/* ---- readers beside a writer
 * ---------------------------------------------------------------------- */

#define READERS 4
#define COMMITS 40

typedef struct watch {
  const char *index;
  mgp_store *store; /* shared by the readers */
  atomic_bool is_done;
  atomic_int problems;
  atomic_int snapshots;
} watch;

/* Item n came with generation n, and its segment with it. */
static bool is_consistent(watch *w, uint64_t *last) {
  mgp_snapshot *snap = NULL;
  if (mgp_snapshot_get(w->store, &snap, NULL) != MAGPIE_OK) return false;
  const uint64_t generation = mgp_snapshot_generation(snap);
  bool ok = generation >= *last && mgp_snapshot_item_count(snap) == generation &&
            mgp_snapshot_segment_count(snap) == generation && !mgp_snapshot_damage(snap, 0) &&
            mgp_snapshot_kind(snap, generation + 1) == 0;
  for (uint64_t i = 1; ok && i <= generation; i++) {
    const mgp_segment_view *view = mgp_snapshot_segment(snap, i - 1);
    ok = mgp_snapshot_kind(snap, i) == 1 && *(const uint64_t *)view->sections[0].data == i;
  }
  if (ok && generation > 0) {
    mgp_arena *arena = mgp_arena_create(NULL);
    mgp_item item;
    mgp_source source;
    ok = mgp_store_item_get(w->store, generation, arena, &item, &source, NULL) == MAGPIE_OK &&
         mgp_text_equal(item.id, source.path);
    mgp_arena_destroy(arena);
  }
  mgp_snapshot_release(snap);
  *last = generation;
  return ok;
}

static void *read_on(void *context) {
  watch *w = context;
  uint64_t last = 0;
  while (!atomic_load(&w->is_done)) {
    if (!is_consistent(w, &last)) atomic_fetch_add(&w->problems, 1);
    atomic_fetch_add(&w->snapshots, 1);
  }
  return NULL;
}

static void readers_when_a_writer_commits_then_each_sees_whole_generations(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  watch w = {.index = f->index, .store = s};
  pthread_t threads[READERS];
  for (int i = 0; i < READERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, read_on, &w), 0);
  while (atomic_load(&w.snapshots) == 0) usleep(100); /* a busy machine starts threads late */
  for (uint64_t i = 1; i <= COMMITS; i++) commit_item(s, i);
  atomic_store(&w.is_done, true);
  for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&w.problems), 0);
  assert_true(atomic_load(&w.snapshots) > 0);
  print_message("%d snapshots during %d commits\n", atomic_load(&w.snapshots), COMMITS);
}

static void write_some(void *context) {
  watch *w = context;
  mgp_store *s = NULL;
  for (int i = 0; i < 10; i++) {
    if (mgp_store_open(NULL, w->index, false, &s, NULL) != MAGPIE_OK) _exit(1);
    if (mgp_store_lock(s, 60000, NULL) != MAGPIE_OK) _exit(2);
    mgp_snapshot *snap = NULL;
    if (mgp_snapshot_get(s, &snap, NULL) != MAGPIE_OK) _exit(3);
    const uint64_t next = mgp_snapshot_generation(snap) + 1;
    mgp_snapshot_release(snap);
    commit_item(s, next);
    mgp_store_close(&s);
  }
}

static void writers_when_two_processes_take_turns_then_nothing_is_lost(void **state) {
  fixture *f = *state;
  mgp_store *s = NULL;
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  s = f->store;
  watch w = {.index = f->index, .store = s};
  pid_t children[3];
  fflush(NULL);
  for (int i = 0; i < 3; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      write_some(&w);
      _exit(0);
    }
  }
  uint64_t last = 0;
  while (last < 30 && is_consistent(&w, &last)) usleep(1000);
  for (int i = 0; i < 3; i++) {
    int status = 0;
    waitpid(children[i], &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  assert_true(is_consistent(&w, &last));
  assert_int_equal(last, 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(get_when_generation_stands_then_is_the_same_snapshot),
      store_test(verify_when_a_byte_of_a_vector_differs_then_names_section_and_sums),
      store_test(get_when_a_file_is_cut_short_then_names_both_sizes),
      store_test(get_when_a_file_is_empty_then_is_left_out),
      store_test(get_when_a_file_is_missing_then_is_left_out),
      store_test(get_when_a_file_is_another_one_then_is_left_out),
      store_test(get_when_damage_was_found_then_stays_known_in_the_next_generation),
      store_test(readers_when_a_writer_commits_then_each_sees_whole_generations),
      store_test(writers_when_two_processes_take_turns_then_nothing_is_lost)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
