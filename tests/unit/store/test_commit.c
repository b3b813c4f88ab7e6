/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit protocol: what is committed survives every failure and every death of the process,
 * what is not leaves nothing behind, and no failure in between is silent.
 */
#include "fault_vfs.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* ---- two states of an index, and nothing between
 * ------------------------------------------------- */

static magpie_status add_thumbed(mgp_store *s, int64_t source, const char *id, magpie_error *err) {
  mgp_item item = {.source = source,
                   .id = id,
                   .kind = "image",
                   .text = id,
                   .thumb = id,
                   .thumb_size = strlen(id)};
  return mgp_store_item_add(s, &item, err);
}

static magpie_status write_old(mgp_store *s, magpie_error *err) {
  mgp_source source = {.path = "/old", .format = "text"};
  MGP_FORWARD(mgp_store_begin(s, err));
  MGP_FORWARD(mgp_store_source_add(s, &source, err));
  MGP_FORWARD(add_thumbed(s, source.number, "stays", err));
  MGP_FORWARD(add_thumbed(s, source.number, "goes", err));
  MGP_FORWARD(add_segment_of(s, 1, err));
  return mgp_store_commit(s, NULL, err);
}

/* Adds one source, item, thumbnail, segment, failure; removes the item "goes". */
static magpie_status write_new(mgp_store *s, magpie_error *err) {
  mgp_source source = {.path = "/new", .format = "text"};
  MGP_FORWARD(mgp_store_begin(s, err));
  MGP_FORWARD(mgp_store_source_add(s, &source, err));
  MGP_FORWARD(add_thumbed(s, source.number, "new", err));
  MGP_FORWARD(mgp_store_item_remove(s, "goes", err));
  MGP_FORWARD(add_segment_of(s, 3, err));
  MGP_FORWARD(mgp_store_failure_add(s, "/bad", "read", MAGPIE_IO, "no", err));
  MGP_FORWARD(mgp_store_commit(s, NULL, err));
  fault.is_acknowledged = true;
  return MAGPIE_OK;
}

static void make_old(fixture *f) {
  fault_set(FAULT_NONE, 0);
  mgp_directory_remove(f->index, NULL);
  mgp_store *s = open_writer(f);
  assert_ok(write_old(s, err));
  mgp_store_close(&f->store);
}

static void check_catalog(const fixture *f) {
  char path[128];
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), 0);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

static void check_thumb(mgp_store *s, const char *id, bool is_there) {
  void *bytes = NULL;
  size_t size = 0;
  const magpie_status status = mgp_store_thumb_read(s, id, &bytes, &size, NULL);
  assert_int_equal(status, is_there ? MAGPIE_OK : MAGPIE_NOT_FOUND);
  mgp_free(NULL, bytes);
}

static magpie_status count_failure(void *context, const char *path, const char *stage, int code,
                                   const char *reason, int64_t when_ms, int tries) {
  (void)path, (void)stage, (void)code, (void)reason, (void)when_ms, (void)tries;
  (*(int *)context)++;
  return MAGPIE_OK;
}

/* Wholly old (false) or wholly new (true); anything else fails the test. Takes the lock, so what
 * the dead left behind must be gone. */
static bool is_new_state(fixture *f) {
  fault_set(FAULT_NONE, 0);
  if (!f->store) open_writer(f);
  mgp_store *s = f->store;
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(s, &snap, err));
  const uint64_t generation = mgp_snapshot_generation(snap);
  const bool is_new = generation == 2;
  if (mgp_snapshot_damage(snap, 0)) fail_msg("%s", mgp_snapshot_damage(snap, 0));
  assert_in_range(generation, 1, 2);
  assert_int_equal(mgp_snapshot_item_count(snap), 2);
  assert_int_equal(mgp_snapshot_segment_count(snap), is_new ? 2 : 1);
  for (uint64_t i = 1; i <= 3; i++)
    assert_int_equal(mgp_snapshot_kind(snap, i) != 0, i == 1 || i == (is_new ? 3 : 2));
  mgp_snapshot_release(snap);
  int failures = 0;
  assert_ok(mgp_store_failures(s, count_failure, &failures, err));
  assert_int_equal(failures, is_new);
  check_thumb(s, "stays", true);
  check_thumb(s, "goes", !is_new);
  check_thumb(s, "new", is_new);
  assert_int_equal(count_files(f->index, "segments"), is_new ? 2 : 1);
  assert_int_equal(count_files(f->index, "thumbs"), 2);
  mgp_store_close(&f->store);
  check_catalog(f);
  return is_new;
}

/* ---- plain --------------------------------------------------------------------------------------
 */

static void commit_when_it_returns_then_readers_see_it_and_not_before(void **state) {
  fixture *f = *state;
  make_old(f);
  mgp_store *s = open_writer(f), *reader = NULL;
  mgp_snapshot *before = NULL, *after = NULL;
  assert_ok(mgp_store_open(NULL, f->index, true, &reader, err));
  assert_ok(mgp_store_begin(s, err));
  const uint64_t number = add_item(s, add_source(s, "/x"), "x", "passage");
  assert_ok(add_segment_of(s, number, err));
  uint64_t found = 0, generation = 0;
  assert_ok(mgp_store_item_find(reader, "x", &found, err));
  assert_int_equal(found, 0);
  assert_ok(mgp_snapshot_get(reader, &before, err));
  assert_int_equal(mgp_snapshot_kind(before, number), 0);
  assert_ok(mgp_store_commit(s, &generation, err));
  assert_int_equal(generation, 2);
  assert_ok(mgp_snapshot_get(reader, &after, err));
  assert_int_equal(mgp_snapshot_generation(after), 2);
  assert_int_not_equal(mgp_snapshot_kind(after, number), 0);
  assert_int_equal(mgp_snapshot_kind(before, number), 0);
  assert_int_equal(mgp_snapshot_segment_count(before), 1);
  assert_int_equal(mgp_snapshot_segment_count(after), 2);
  mgp_snapshot_release(before);
  mgp_store_close(&reader); /* a snapshot outlives its store */
  assert_int_equal(mgp_snapshot_segment(after, 1)->count, 1);
  mgp_snapshot_release(after);
}

static void rollback_when_files_were_written_then_they_are_gone(void **state) {
  fixture *f = *state;
  make_old(f);
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  assert_fails(MAGPIE_INVALID, "already open", mgp_store_begin(s, err));
  assert_ok(add_thumbed(s, 1, "y", err));
  assert_ok(add_segment_of(s, 9, err));
  mgp_store_rollback(s);
  mgp_store_rollback(s);
  assert_false(is_new_state(f));
}

/* ---- death of the process
 * ------------------------------------------------------------------------ */

typedef struct script {
  fixture *f;
  int stop_after; /* calls of the store; the process ends there without a word */
} script;

static void stop(const script *t, int *calls, magpie_status status) {
  if (status != MAGPIE_OK) _exit(1);
  if (++*calls == t->stop_after)
    _exit(fault.is_acknowledged ? EXIT_ACKNOWLEDGED : EXIT_UNACKNOWLEDGED);
}

static void run_and_die(void *context) {
  const script *t = context;
  mgp_store *s = NULL;
  mgp_source source = {.path = "/new"};
  int calls = 0;
  stop(t, &calls, mgp_store_open(NULL, t->f->index, false, &s, NULL));
  stop(t, &calls, mgp_store_lock(s, 0, NULL));
  stop(t, &calls, mgp_store_begin(s, NULL));
  stop(t, &calls, mgp_store_source_add(s, &source, NULL));
  stop(t, &calls, add_thumbed(s, source.number, "new", NULL));
  stop(t, &calls, mgp_store_item_remove(s, "goes", NULL));
  stop(t, &calls, add_segment_of(s, 3, NULL));
  stop(t, &calls, mgp_store_failure_add(s, "/bad", "read", MAGPIE_IO, "no", NULL));
  const magpie_status status = mgp_store_commit(s, NULL, NULL);
  fault.is_acknowledged = true;
  stop(t, &calls, status);
  mgp_store_unlock(s);
  stop(t, &calls, MAGPIE_OK);
  _exit(2);
}

static void commit_when_process_dies_between_calls_then_all_or_nothing(void **state) {
  fixture *f = *state;
  for (int n = 1; n <= 10; n++) {
    make_old(f);
    script t = {.f = f, .stop_after = n};
    const int code = run_child(run_and_die, &t);
    assert_int_equal(code, n <= 8 ? EXIT_UNACKNOWLEDGED : EXIT_ACKNOWLEDGED);
    assert_int_equal(is_new_state(f), n > 8);
  }
}

static magpie_status write_once(fixture *f, magpie_error *err) {
  mgp_store *s = NULL;
  MGP_FORWARD(mgp_store_open(NULL, f->index, false, &s, err));
  magpie_status status = mgp_store_lock(s, 0, err);
  if (status == MAGPIE_OK) status = write_new(s, err);
  mgp_store_close(&s);
  return status;
}

static void write_in_child(void *context) {
  script *t = context;
  magpie_error err = {0};
  fault_set(fault.kind, t->stop_after);
  if (write_once(t->f, &err) != MAGPIE_OK) _exit(1);
}

static void die_at_each_step(fixture *f, fault_kind kind) {
  int old = 0, new = 0, code = -1;
  for (int n = 1; code != 0; n++) {
    assert_true(n < 1000);
    make_old(f);
    script t = {.f = f, .stop_after = n};
    fault.kind = kind;
    code = run_child(write_in_child, &t);
    assert_true(code == 0 || code == EXIT_ACKNOWLEDGED || code == EXIT_UNACKNOWLEDGED);
    const bool is_new = is_new_state(f);
    if (code != EXIT_UNACKNOWLEDGED) assert_true(is_new);
    old += !is_new;
    new += is_new;
  }
  print_message("%d steps: %d times the old state, %d times the new one\n", old + new - 1, old,
                new);
  assert_true(old >= 8 && new >= 2);
}

static void commit_when_process_dies_before_the_nth_step_then_all_or_nothing(void **state) {
  die_at_each_step(*state, FAULT_EXIT_BEFORE);
}

static void commit_when_process_dies_after_the_nth_step_then_all_or_nothing(void **state) {
  die_at_each_step(*state, FAULT_EXIT_AFTER);
}

/* ---- failing calls
 * --------------------------------------------------------------------------------- */

/* The script fails, its handle rolls back, and the same handle writes all of it a moment later. */
static magpie_status write_with_retry(fixture *f, fault_kind kind, int n, magpie_error *why) {
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_ok(mgp_store_lock(f->store, 0, err));
  fault_set(kind, n);
  const magpie_status status = write_new(f->store, why);
  if (status != MAGPIE_OK) mgp_store_rollback(f->store);
  return status;
}

static void fail_at_each_step(fixture *f, fault_kind kind) {
  int failures = 0;
  for (int n = 1;; n++) {
    assert_true(n < 1000);
    make_old(f);
    magpie_error first = {0};
    const magpie_status status = write_with_retry(f, kind, n, &first);
    const int steps = fault.steps;
    fault_set(FAULT_NONE, 0);
    if (status != MAGPIE_OK) {
      failures++;
      assert_int_equal(status, MAGPIE_IO);
      assert_non_null(strstr(first.message, f->index));
      mgp_snapshot *snap = NULL;
      assert_ok(mgp_snapshot_get(f->store, &snap, err));
      assert_int_equal(mgp_snapshot_generation(snap), 1);
      assert_null(mgp_snapshot_damage(snap, 0));
      mgp_snapshot_release(snap);
      magpie_error second = {0};
      if (write_new(f->store, &second) != MAGPIE_OK) fail_msg("again: %s", second.message);
    }
    mgp_store_close(&f->store);
    assert_true(is_new_state(f));
    if (steps < n) break;
  }
  print_message("%d failures\n", failures);
  assert_true(failures >= 8);
}

static void commit_when_the_nth_step_fails_once_then_rolls_back_and_can_go_on(void **state) {
  fail_at_each_step(*state, FAULT_ONCE);
}

static void commit_when_all_fails_from_the_nth_step_then_rolls_back_and_can_go_on(void **state) {
  fail_at_each_step(*state, FAULT_FROM);
}

/* After a failed commit the process dies; or another writer takes the lock first, and then dies. */
static void fail_and_die(void *context) {
  script *t = context;
  magpie_error err = {0};
  const magpie_status status = write_with_retry(t->f, fault.kind, t->stop_after, &err);
  fault_set(FAULT_NONE, 0);
  _exit(status == MAGPIE_OK ? 0 : EXIT_UNACKNOWLEDGED);
}

static void fail_and_relock_and_die(void *context) {
  script *t = context;
  magpie_error err = {0};
  const magpie_status status = write_with_retry(t->f, fault.kind, t->stop_after, &err);
  fault_set(FAULT_NONE, 0);
  if (status == MAGPIE_OK) _exit(0);
  mgp_store_unlock(t->f->store);
  if (mgp_store_lock(t->f->store, 0, &err) != MAGPIE_OK) _exit(2);
  _exit(EXIT_UNACKNOWLEDGED);
}

static void die_after_failing(fixture *f, fault_kind kind, void (*child)(void *)) {
  int code = -1;
  for (int n = 1; code != 0; n++) {
    assert_true(n < 1000);
    make_old(f);
    script t = {.f = f, .stop_after = n};
    fault.kind = kind;
    code = run_child(child, &t);
    assert_true(code == 0 || code == EXIT_UNACKNOWLEDGED);
    const bool is_new =
        is_new_state(f); /* a failed fsync may have reached the disk: both are right */
    if (code == 0) assert_true(is_new);
  }
}

static void commit_when_it_failed_and_process_dies_then_state_is_whole(void **state) {
  die_after_failing(*state, FAULT_ONCE, fail_and_die);
  die_after_failing(*state, FAULT_FROM, fail_and_die);
}

static void commit_when_it_failed_and_files_were_swept_then_state_is_whole(void **state) {
  die_after_failing(*state, FAULT_ONCE, fail_and_relock_and_die);
  die_after_failing(*state, FAULT_FROM, fail_and_relock_and_die);
}

/* ---- full disks
 * -------------------------------------------------------------------------------------- */

#define BIG ((size_t)3 << 20)

static magpie_status add_big_segment(mgp_store *s, const char *bytes, magpie_error *err) {
  const mgp_space space = test_space("text");
  const mgp_section section = {MGP_SECTION_POSTINGS, bytes, BIG};
  MGP_FORWARD(mgp_store_space_declare(s, &space, err));
  return mgp_store_segment_add(s, "text", 1, &section, 1, err);
}

static magpie_status add_big_item(mgp_store *s, const char *text, magpie_error *err) {
  mgp_item item = {.source = 1, .id = "big", .kind = "passage", .text = text};
  MGP_FORWARD(mgp_store_item_add(s, &item, err));
  return mgp_store_commit(s, NULL, err);
}

/* In a folder that takes `less` than BIG: both must fail with IO, and the old state stays. */
static void check_full(fixture *f, const char *hint) {
  char *text = malloc(BIG + 1);
  memset(text, 'x', BIG);
  text[BIG] = '\0';
  mgp_store *s = f->store;
  assert_ok(mgp_store_begin(s, err));
  assert_fails(MAGPIE_IO, hint, add_big_segment(s, text, err));
  assert_fails(MAGPIE_IO, "segment", mgp_store_commit(s, NULL, err));
  mgp_store_rollback(s);
  assert_ok(mgp_store_begin(s, err));
  assert_fails(MAGPIE_IO, "catalog", add_big_item(s, text, err));
  mgp_store_rollback(s);
  free(text);
}

static void commit_when_file_size_is_limited_then_is_io_and_old_state_stays(void **state) {
  fixture *f = *state;
  make_old(f);
  open_writer(f);
  struct rlimit old, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 1 << 20;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  check_full(f, "too large");
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  mgp_store_close(&f->store);
  assert_false(is_new_state(f));
}

static void commit_when_disk_is_full_then_says_so_and_old_state_stays(void **state) {
  fixture *f = *state;
  char disk[80];
  snprintf(disk, sizeof disk, "%s/disk", f->folder);
  assert_int_equal(mkdir(disk, 0777), 0);
  if (mount("tmpfs", disk, "tmpfs", 0, "size=2m") != 0) {
    print_message("SKIPPED: mounting a small tmpfs is not permitted here: %s\n", strerror(errno));
    skip();
  }
  snprintf(f->index, sizeof f->index, "%s/t.mgp", disk);
  make_old(f);
  open_writer(f);
  check_full(f, "free some space");
  assert_ok(write_new(f->store, err));
  mgp_store_close(&f->store);
  const bool is_new = is_new_state(f);
  assert_int_equal(umount(disk), 0);
  assert_true(is_new);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(commit_when_it_returns_then_readers_see_it_and_not_before),
      store_test(rollback_when_files_were_written_then_they_are_gone),
      store_test(commit_when_process_dies_between_calls_then_all_or_nothing),
      store_test(commit_when_process_dies_before_the_nth_step_then_all_or_nothing),
      store_test(commit_when_process_dies_after_the_nth_step_then_all_or_nothing),
      store_test(commit_when_the_nth_step_fails_once_then_rolls_back_and_can_go_on),
      store_test(commit_when_all_fails_from_the_nth_step_then_rolls_back_and_can_go_on),
      store_test(commit_when_it_failed_and_process_dies_then_state_is_whole),
      store_test(commit_when_it_failed_and_files_were_swept_then_state_is_whole),
      store_test(commit_when_file_size_is_limited_then_is_io_and_old_state_stays),
      store_test(commit_when_disk_is_full_then_says_so_and_old_state_stays)};
  return cmocka_run_group_tests(tests, faults_install, NULL);
}
