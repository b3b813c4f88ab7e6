/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer's lock between processes and between handles of one process.
 */
#include "store_fixture.h"

#include "store/catalog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

/* A child that takes the lock, says so, and holds it until it is told to go on or killed. */
typedef struct holder {
  pid_t pid;
  int said, told;
} holder;

static holder start_holder(const fixture *f) {
  int said[2], told[2];
  assert_int_equal(pipe(said), 0);
  assert_int_equal(pipe(told), 0);
  fflush(NULL);
  const pid_t pid = fork();
  if (pid == 0) {
    mgp_store *s = NULL;
    char byte = 0;
    close(told[1]);
    if (mgp_store_open(NULL, f->index, false, &s, NULL) != MAGPIE_OK) _exit(1);
    if (mgp_store_lock(s, 0, NULL) != MAGPIE_OK) _exit(2);
    if (write(said[1], "l", 1) != 1) _exit(3);
    const ssize_t got = read(told[0], &byte, 1);
    mgp_store_close(&s);
    _exit(got == 1 ? 0 : 4);
  }
  char byte = 0;
  close(said[1]);
  close(told[0]);
  assert_int_equal(read(said[0], &byte, 1), 1);
  return (holder){.pid = pid, .said = said[0], .told = told[1]};
}

static void end_holder(holder h) {
  int status = 0;
  waitpid(h.pid, &status, 0);
  close(h.said);
  close(h.told);
}

static void lock_when_held_by_another_process_then_names_it(void **state) {
  fixture *f = *state;
  const holder h = start_holder(f);
  char pid[32];
  snprintf(pid, sizeof pid, "pid %d", (int)h.pid);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_fails(MAGPIE_LOCKED, pid, mgp_store_lock(f->store, 0, err));
  assert_fails(MAGPIE_LOCKED, f->index, mgp_store_lock(f->store, 0, err));
  assert_fails(MAGPIE_LOCKED, "test_lock", mgp_store_lock(f->store, 0, err));
  assert_int_equal(write(h.told, "x", 1), 1);
  end_holder(h);
  assert_ok(mgp_store_lock(f->store, 0, err));
}

/* Between taking the lock and naming itself a holder is nameless. */
static void lock_when_holder_has_just_come_then_waits_for_its_name(void **state) {
  fixture *f = *state;
  char path[128];
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  snprintf(path, sizeof path, "%s/lock", f->index);
  const int fd = open(path, O_RDWR | O_CREAT, 0666);
  assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    usleep(5000);
    _exit(write(fd, "pid 4711\nstarted noon\n", 22) == 22 ? 0 : 1);
  }
  assert_fails(MAGPIE_LOCKED, "pid 4711", mgp_store_lock(f->store, 0, err));
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  assert_int_equal(ftruncate(fd, 0), 0);
  assert_fails(MAGPIE_LOCKED, "pid unknown", mgp_store_lock(f->store, 0, err));
  close(fd);
}

static void lock_when_waiting_too_short_then_says_how_long(void **state) {
  fixture *f = *state;
  const holder h = start_holder(f);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  const double start = mgp_clock_seconds();
  magpie_error err = {0};
  assert_int_equal(mgp_store_lock(f->store, 130, &err), MAGPIE_LOCKED);
  const double took = mgp_clock_seconds() - start;
  assert_true(took >= 0.125 && took < 5);
  int waited = 0;
  const char *at = strstr(err.message, "waited ");
  assert_non_null(at);
  assert_int_equal(sscanf(at, "waited %d ms", &waited), 1);
  assert_in_range(waited, 125, 5000);
  assert_int_equal(write(h.told, "x", 1), 1);
  end_holder(h);
}

static void lock_when_holder_lets_go_in_time_then_is_taken(void **state) {
  fixture *f = *state;
  const holder h = start_holder(f);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  const pid_t teller = fork();
  if (teller == 0) {
    usleep(120000);
    _exit(write(h.told, "x", 1) == 1 ? 0 : 1);
  }
  assert_ok(mgp_store_lock(f->store, 20000, err));
  waitpid(teller, NULL, 0);
  end_holder(h);
}

static void lock_when_holder_was_killed_then_is_taken_at_once(void **state) {
  fixture *f = *state;
  const holder h = start_holder(f);
  assert_int_equal(kill(h.pid, SIGKILL), 0);
  end_holder(h);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_ok(mgp_store_lock(f->store, 0, err));
}

static void lock_when_held_by_a_second_handle_then_is_locked(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f), *second = NULL;
  assert_fails(MAGPIE_INVALID, "already holds", mgp_store_lock(s, 0, err));
  assert_ok(mgp_store_open(NULL, f->index, false, &second, err));
  assert_fails(MAGPIE_LOCKED, "writing to", mgp_store_lock(second, 0, err));
  mgp_store_unlock(s);
  assert_ok(mgp_store_lock(second, 0, err));
  mgp_store_close(&second);
}

static void unlock_when_a_transaction_is_open_then_rolls_it_back(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  const int64_t source = add_source(s, "/a");
  add_item(s, source, "one", "passage");
  assert_ok(add_segment_of(s, 1, err));
  mgp_store_unlock(s);
  assert_int_equal(count_files(f->index, "segments"), 0);
  assert_ok(mgp_store_lock(s, 0, err));
  uint64_t number = 1;
  assert_ok(mgp_store_item_find(s, "one", &number, err));
  assert_int_equal(number, 0);
}

static void commit_source(mgp_store *s, const char *path) {
  mgp_source source = {.path = path, .format = "text"};
  assert_ok(mgp_store_lock(s, 0, err));
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_source_add(s, &source, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

/* As a restore with --force does it. A handle of before must hurt nothing of the new index. */
static void lock_when_the_index_was_replaced_then_is_refused_and_nothing_is_touched(void **state) {
  fixture *f = *state;
  char other[sizeof f->index + 8], wal[sizeof f->index + 24];
  snprintf(other, sizeof other, "%s-2", f->index);
  snprintf(wal, sizeof wal, "%s/" CATALOG_FILE "-wal", f->index);
  mgp_store *fresh = NULL;
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  commit_source(f->store, "/old");
  mgp_store_unlock(f->store);
  assert_ok(mgp_store_open(NULL, other, false, &fresh, err));
  commit_source(fresh, "/new");
  mgp_store_close(&fresh);
  assert_int_equal(renameat2(AT_FDCWD, other, AT_FDCWD, f->index, RENAME_EXCHANGE), 0);

  assert_fails(MAGPIE_INVALID, "open it again", mgp_store_lock(f->store, 0, err));
  assert_ok(mgp_store_open(NULL, f->index, false, &fresh, err));
  commit_source(fresh, "/newer");
  mgp_store_unlock(fresh);
  assert_int_equal(access(wal, F_OK), 0);
  mgp_store_close(&f->store);
  assert_int_equal(access(wal, F_OK), 0); /* it holds what was committed last */
  mgp_store_close(&fresh);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  mgp_source found = {0};
  mgp_arena *arena = mgp_arena_create(NULL);
  assert_ok(mgp_store_source_find(f->store, "/newer", arena, &found, err));
  assert_true(found.number > 0);
  mgp_arena_destroy(arena);
  mgp_directory_remove(other, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(lock_when_the_index_was_replaced_then_is_refused_and_nothing_is_touched),
      store_test(lock_when_held_by_another_process_then_names_it),
      store_test(lock_when_holder_has_just_come_then_waits_for_its_name),
      store_test(lock_when_waiting_too_short_then_says_how_long),
      store_test(lock_when_holder_lets_go_in_time_then_is_taken),
      store_test(lock_when_holder_was_killed_then_is_taken_at_once),
      store_test(lock_when_held_by_a_second_handle_then_is_locked),
      store_test(unlock_when_a_transaction_is_open_then_rolls_it_back)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
