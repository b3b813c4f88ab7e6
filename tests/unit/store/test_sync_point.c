/* SPDX-License-Identifier: Apache-2.0
 *
 * Who takes the WAL into the catalog (only the holder of the writer's lock), how large it may grow,
 * and what the modes of durability fsync and delete when.
 */
#include <signal.h>
#include <sqlite3.h>
#include <time.h>

#include "store/merge_store.h"
#include "store/store_io.h"
#include "store_fixture.h"

/* ---- only the holder of the lock writes to the catalog's file ---------------------------------
 */

static struct {
  char lock[128];
  int writes, forbidden;
} watched;

/* The kernel's own list: "1: FLOCK  ADVISORY  WRITE 4711 00:1b:123 0 EOF". */
static bool lock_is_ours(void) {
  struct stat st = {0};
  if (stat(watched.lock, &st) != 0) return false;
  FILE *locks = fopen("/proc/locks", "r");
  if (!locks) return false;
  char line[256];
  bool found = false;
  while (!found && fgets(line, sizeof line, locks)) {
    long pid = 0;
    unsigned long inode = 0;
    found = sscanf(line, "%*d: FLOCK %*s WRITE %ld %*x:%*x:%lu", &pid, &inode) == 2 &&
            pid == (long)getpid() && inode == (unsigned long)st.st_ino;
  }
  fclose(locks);
  return found;
}

static sqlite3_vfs watched_vfs, *real_vfs;
static const sqlite3_io_methods *real_methods;
static sqlite3_io_methods watched_methods;

static int watched_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
  watched.writes++;
  watched.forbidden += !lock_is_ours();
  return real_methods->xWrite(file, bytes, size, at);
}

static int watched_truncate(sqlite3_file *file, sqlite3_int64 size) {
  watched.writes++;
  watched.forbidden += !lock_is_ours();
  return real_methods->xTruncate(file, size);
}

static int watched_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *out) {
  (void)vfs;
  const int code = real_vfs->xOpen(real_vfs, name, file, flags, out);
  if (!file->pMethods || !(flags & SQLITE_OPEN_MAIN_DB)) return code;
  real_methods = file->pMethods;
  watched_methods = *real_methods;
  watched_methods.xWrite = watched_write;
  watched_methods.xTruncate = watched_truncate;
  file->pMethods = &watched_methods;
  return code;
}

static void watch(const fixture *f) {
  real_vfs = sqlite3_vfs_find("unix");
  watched_vfs = *real_vfs;
  watched_vfs.zName = "watched";
  watched_vfs.xOpen = watched_open;
  assert_int_equal(sqlite3_vfs_register(&watched_vfs, 1), SQLITE_OK);
  watched.writes = watched.forbidden = 0;
  snprintf(watched.lock, sizeof watched.lock, "%s/lock", f->index);
}

static void unwatch(void) {
  sqlite3_vfs_unregister(&watched_vfs);
  sqlite3_vfs_register(real_vfs, 1);
}

/* Reads, opens and closes beside the writer, by handles of both sorts, until it is killed. */
static void read_for_ever(const char *index) {
  for (unsigned turn = 0;; turn++) {
    mgp_store *s = NULL;
    uint64_t found = 0;
    magpie_error err = {0};
    if (mgp_store_open(NULL, index, turn % 2 == 0, &s, &err) != MAGPIE_OK) _exit(2);
    if (mgp_store_item_find(s, "x", &found, &err) != MAGPIE_OK) _exit(3);
    mgp_store_close(&s);
    if (watched.forbidden > 0) _exit(4);
  }
}

static void commit_text(mgp_store *s, const char *text) {
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_failure_add(s, "/x", "read", MAGPIE_IO, text, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static int64_t file_size(const fixture *f, const char *name) {
  char path[160];
  struct stat st = {0};
  snprintf(path, sizeof path, "%s/%s", f->index, name);
  return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static void
checkpoint_when_others_read_and_close_then_only_the_locks_holder_makes_it(void **state) {
  fixture *f = *state;
  watch(f);
  open_writer(f);
  mgp_store_close(&f->store); /* a child must not inherit the lock */
  assert_true(watched.writes > 0);
  fflush(NULL);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) read_for_ever(f->index);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_ok(mgp_store_lock(f->store, 5000, err));
  static char text[20001];
  memset(text, 'w', sizeof text - 1);
  int64_t wal_max = 0;
  for (int i = 0; i < 1000; i++) {
    commit_text(f->store, text);
    const int64_t size = file_size(f, "catalog.sqlite-wal");
    if (size > wal_max) wal_max = size;
    if (i % 100 == 99) {
      mgp_store_unlock(f->store);
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* their close may take the lock */
      assert_ok(mgp_store_lock(f->store, 5000, err));
    }
  }
  const int writes = watched.writes;
  mgp_store_close(&f->store);
  int status = 0;
  const pid_t ended = waitpid(child, &status, WNOHANG);
  if (ended != 0) fail_msg("the reader ended with %d", status);
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  unwatch();
  assert_int_equal(watched.forbidden, 0);
  assert_true(writes > 20); /* seven checkpoints of few pages */
  /* 25 MB were committed. A reader may delay a checkpoint or two. */
  assert_true(wal_max < 12 << 20);
}

static void close_when_nobody_else_is_there_then_no_wal_stays(void **state) {
  fixture *f = *state;
  open_writer(f);
  commit_text(f->store, "words");
  mgp_store_unlock(f->store);
  assert_true(file_size(f, "catalog.sqlite-wal") > 0); /* giving up the lock is not worth one */
  mgp_store_close(&f->store);
  assert_int_equal(file_size(f, "catalog.sqlite-wal"), 0);
}

static void close_when_another_holds_the_lock_then_the_wal_is_left_to_it(void **state) {
  fixture *f = *state;
  mgp_store *other = NULL;
  open_writer(f);
  commit_text(f->store, "words");
  assert_ok(mgp_store_open(NULL, f->index, false, &other, err));
  watch(f);
  mgp_store_close(&other);
  assert_int_equal(watched.writes, 0);
  unwatch();
  assert_true(file_size(f, "catalog.sqlite-wal") > 0);
}

/* ---- modes ------------------------------------------------------------------------------------
 */

static int file_syncs, folder_syncs;
static bool sync_fails;

static int count_file_sync(int fd) {
  (void)fd;
  file_syncs++;
  errno = EIO;
  return sync_fails ? -1 : 0;
}

static int count_folder_sync(const char *path) {
  (void)path;
  folder_syncs++;
  return 0;
}

static void count_syncs(bool counting) {
  static mgp_store_io kept;
  mgp_store_io *io = mgp_store_io_table();
  if (counting) {
    kept = *io;
    io->sync = count_file_sync;
    io->sync_folder = count_folder_sync;
  } else {
    *io = kept;
  }
  file_syncs = folder_syncs = 0;
  sync_fails = false;
}

static void open_with(fixture *f, magpie_durability durability) {
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_ok(mgp_store_durability_set(f->store, durability, err));
  assert_ok(mgp_store_lock(f->store, 0, err));
}

static void commit_segment(mgp_store *s, uint64_t id) {
  assert_ok(mgp_store_begin(s, err));
  assert_ok(add_segment_of(s, id, err));
  assert_ok(mgp_store_commit(s, NULL, err));
}

static void commit_when_batched_then_files_are_synced_before_it(void **state) {
  fixture *f = *state;
  open_with(f, MAGPIE_DURABILITY_BATCHED);
  count_syncs(true);
  commit_segment(f->store, 1);
  assert_int_equal(file_syncs, 1);
  assert_int_equal(folder_syncs, 1);
  count_syncs(false);
}

static void commit_when_off_then_files_are_synced_with_the_lock_given_up(void **state) {
  fixture *f = *state;
  open_with(f, MAGPIE_DURABILITY_OFF);
  count_syncs(true);
  for (uint64_t i = 1; i <= 5; i++) commit_segment(f->store, i);
  assert_int_equal(file_syncs, 0);
  assert_int_equal(folder_syncs, 0);
  mgp_store_unlock(f->store);
  assert_int_equal(file_syncs, 5);
  assert_int_equal(folder_syncs, 1);
  count_syncs(false);
}

static void sync_when_it_fails_then_it_is_never_tried_again(void **state) {
  fixture *f = *state;
  open_with(f, MAGPIE_DURABILITY_OFF);
  count_syncs(true);
  commit_segment(f->store, 1);
  sync_fails = true;
  assert_fails(MAGPIE_IO, "segments/", mgp_store_sync(f->store, err));
  sync_fails = false;
  assert_fails(MAGPIE_IO, "could not be made durable", mgp_store_sync(f->store, err));
  assert_fails(MAGPIE_IO, "could not be made durable", mgp_store_begin(f->store, err));
  assert_int_equal(file_syncs, 1);
  count_syncs(false);
}

static void merge_when_not_durable_yet_then_its_inputs_stay_until_the_sync_point(void **state) {
  fixture *f = *state;
  open_with(f, MAGPIE_DURABILITY_OFF); /* where no clock makes a sync point */
  commit_segment(f->store, 1);
  commit_segment(f->store, 2);
  const int64_t inputs[] = {1, 2};
  assert_ok(mgp_store_begin(f->store, err));
  assert_ok(mgp_store_segments_replace(f->store, NULL, inputs, 2, err));
  assert_ok(mgp_store_commit(f->store, NULL, err));
  assert_int_equal(count_files(f->index, "segments"), 2);
  assert_ok(mgp_store_sync(f->store, err));
  assert_int_equal(count_files(f->index, "segments"), 0);
}

static void durability_when_it_cannot_be_then_says_so(void **state) {
  fixture *f = *state;
  open_with(f, MAGPIE_DURABILITY_FULL);
  assert_fails(MAGPIE_INVALID, "while its lock",
               mgp_store_durability_set(f->store, MAGPIE_DURABILITY_OFF, err));
  assert_fails(MAGPIE_INVALID, "full, batched or off",
               mgp_store_durability_set(f->store, (magpie_durability)7, err));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(checkpoint_when_others_read_and_close_then_only_the_locks_holder_makes_it),
      store_test(close_when_nobody_else_is_there_then_no_wal_stays),
      store_test(close_when_another_holds_the_lock_then_the_wal_is_left_to_it),
      store_test(commit_when_batched_then_files_are_synced_before_it),
      store_test(commit_when_off_then_files_are_synced_with_the_lock_given_up),
      store_test(sync_when_it_fails_then_it_is_never_tried_again),
      store_test(merge_when_not_durable_yet_then_its_inputs_stay_until_the_sync_point),
      store_test(durability_when_it_cannot_be_then_says_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
