/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: what is made, what is refused and with which words.
 */
#include "store_fixture.h"

#include <pthread.h>
#include <sqlite3.h>

#include "store/catalog_checksum.h"

static void run_sql(const char *index, const char *sql) {
  char path[160];
  snprintf(path, sizeof path, "%s/catalog.sqlite", index);
  sqlite3 *db = NULL;
  assert_int_equal(
      sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, mgp_checksum_vfs()),
      SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void make_index(fixture *f) {
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_item(s, add_source(s, "/a"), "one", "passage");
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_store_close(&f->store);
}

static void store_open_when_missing_and_read_only_then_says_what_to_run(void **state) {
  fixture *f = *state;
  assert_fails(MAGPIE_NOT_FOUND, "run `magpie index`",
               mgp_store_open(NULL, f->index, true, &f->store, err));
  assert_null(f->store);
  assert_false(mgp_file_exists(f->index));
}

static void store_open_when_missing_then_makes_folders_and_catalog(void **state) {
  fixture *f = *state;
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  char path[160];
  const char *const names[] = {"catalog.sqlite", "segments", "thumbs"};
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", f->index, names[i]);
    assert_true(mgp_file_exists(path));
  }
  assert_string_equal(mgp_store_path(f->store), f->index);
}

static void store_open_when_path_ends_with_stroke_then_is_the_same_index(void **state) {
  fixture *f = *state;
  make_index(f);
  char path[128];
  snprintf(path, sizeof path, "%s//", f->index);
  assert_ok(mgp_store_open(NULL, path, true, &f->store, err));
  assert_string_equal(mgp_store_path(f->store), f->index);
}

static void store_open_when_name_has_uri_signs_then_opens_that_name(void **state) {
  fixture *f = *state;
  snprintf(f->index, sizeof f->index, "%s/a%%41?mode=ro#x \xff.mgp", f->folder);
  make_index(f);
  char path[160];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  assert_true(mgp_file_exists(path));
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
}

static void store_open_when_path_is_relative_then_opens(void **state) {
  fixture *f = *state;
  char old[512];
  assert_non_null(getcwd(old, sizeof old));
  assert_int_equal(chdir(f->folder), 0);
  assert_ok(mgp_store_open(NULL, "t.mgp", false, &f->store, err));
  mgp_store_close(&f->store);
  assert_ok(mgp_store_open(NULL, "t.mgp", true, &f->store, err));
  mgp_store_close(&f->store);
  assert_int_equal(chdir(old), 0);
  assert_true(mgp_file_exists(f->index));
}

static void store_open_when_folder_holds_other_things_then_refuses(void **state) {
  fixture *f = *state;
  char path[160];
  assert_int_equal(mkdir(f->index, 0777), 0);
  snprintf(path, sizeof path, "%s/holiday.jpg", f->index);
  write_file(path, "x", 1);
  assert_fails(MAGPIE_INVALID, "holiday.jpg",
               mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_fails(MAGPIE_NOT_FOUND, "no index", mgp_store_open(NULL, f->index, true, &f->store, err));
  assert_fails(MAGPIE_INVALID, "is a file", mgp_store_open(NULL, path, false, &f->store, err));
  assert_fails(MAGPIE_INVALID, "is a file", mgp_store_open(NULL, path, true, &f->store, err));
}

static void store_open_when_creation_was_cut_short_then_writer_finishes_it(void **state) {
  fixture *f = *state;
  char path[160];
  assert_int_equal(mkdir(f->index, 0777), 0);
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  write_file(path, "", 0);
  assert_fails(MAGPIE_NOT_FOUND, "cut short", mgp_store_open(NULL, f->index, true, &f->store, err));
  make_index(f);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
}

static void store_open_when_newer_then_names_the_writer(void **state) {
  fixture *f = *state;
  make_index(f);
  run_sql(f->index, "PRAGMA user_version = 3; UPDATE head SET writer = '7.8.9'");
  for (int read_only = 0; read_only < 2; read_only++) {
    assert_fails(MAGPIE_VERSION, "magpie 7.8.9",
                 mgp_store_open(NULL, f->index, read_only, &f->store, err));
    assert_fails(MAGPIE_VERSION, "format 3",
                 mgp_store_open(NULL, f->index, read_only, &f->store, err));
  }
}

static void store_open_when_another_database_then_is_format_with_path(void **state) {
  fixture *f = *state;
  assert_int_equal(mkdir(f->index, 0777), 0);
  run_sql(f->index, "CREATE TABLE t (x); PRAGMA user_version = 1; PRAGMA application_id = 99");
  assert_fails(MAGPIE_FORMAT, f->index, mgp_store_open(NULL, f->index, true, &f->store, err));
  assert_fails(MAGPIE_FORMAT, f->index, mgp_store_open(NULL, f->index, false, &f->store, err));
}

static void store_open_when_catalog_is_no_database_then_is_corrupt(void **state) {
  fixture *f = *state;
  make_index(f);
  char path[160], noise[8192];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  memset(noise, 'x', sizeof noise);
  write_file(path, noise, sizeof noise);
  assert_fails(MAGPIE_CORRUPT, path, mgp_store_open(NULL, f->index, true, &f->store, err));
  assert_fails(MAGPIE_CORRUPT, "magpie index",
               mgp_store_open(NULL, f->index, false, &f->store, err));
}

static void store_open_when_tables_are_missing_then_is_corrupt(void **state) {
  fixture *f = *state;
  make_index(f);
  run_sql(f->index, "DROP TABLE head");
  assert_fails(MAGPIE_CORRUPT, "head", mgp_store_open(NULL, f->index, true, &f->store, err));
}

static void store_open_when_head_row_is_gone_then_is_corrupt(void **state) {
  fixture *f = *state;
  make_index(f);
  run_sql(f->index, "DELETE FROM head");
  assert_fails(MAGPIE_CORRUPT, "head row", mgp_store_open(NULL, f->index, true, &f->store, err));
}

/* Every byte of the first page and a stripe of the others: an answer or an error, never a crash. */
static void store_open_when_any_byte_is_wrong_then_never_crashes(void **state) {
  fixture *f = *state;
  make_index(f);
  char path[160];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->index);
  char *good = NULL;
  size_t size = 0;
  assert_ok(mgp_file_read(NULL, path, 1 << 24, &good, &size, err));
  size_t refused = 0, tried = 0;
  for (size_t at = 0; at < size; at += at < 100 ? 3 : 211) {
    const char old = good[at];
    good[at] = (char)(old ^ 0x5A);
    write_file(path, good, size);
    good[at] = old;
    magpie_error err = {0};
    mgp_snapshot *snap = NULL;
    tried++;
    magpie_status status = mgp_store_open(NULL, f->index, true, &f->store, &err);
    if (status == MAGPIE_OK) status = mgp_snapshot_get(f->store, &snap, &err);
    if (status != MAGPIE_OK) {
      refused++;
      assert_true(err.message[0] != '\0');
    }
    mgp_snapshot_release(snap);
    mgp_store_close(&f->store);
  }
  mgp_free(NULL, good);
  assert_true(refused > 0 && refused < tried);
}

static void *open_new(void *context) {
  mgp_store *s = NULL;
  magpie_error err = {0};
  const magpie_status status = mgp_store_open(NULL, context, false, &s, &err);
  if (status != MAGPIE_OK) print_error("%s\n", err.message);
  mgp_store_close(&s);
  return (void *)(intptr_t)status;
}

static void store_open_when_two_create_at_once_then_both_open(void **state) {
  fixture *f = *state;
  for (int round = 0; round < 20; round++) {
    snprintf(f->index, sizeof f->index, "%s/%d.mgp", f->folder, round);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, open_new, f->index), 0);
    for (int i = 0; i < 4; i++) {
      void *status = NULL;
      pthread_join(threads[i], &status);
      assert_int_equal((int)(intptr_t)status, MAGPIE_OK);
    }
  }
}

/* In a child that is nobody, since root may write everywhere. */
static void read_as_nobody(void *context) {
  const fixture *f = context;
  mgp_store *s = NULL;
  mgp_snapshot *snap = NULL;
  if (setgid(65534) != 0 || setuid(65534) != 0) _exit(77);
  if (access(f->index, W_OK) == 0) _exit(2);
  magpie_error err = {0};
  if (mgp_store_open(NULL, f->index, true, &s, &err) != MAGPIE_OK) {
    fprintf(stderr, "%s\n", err.message);
    _exit(3);
  }
  if (mgp_snapshot_get(s, &snap, &err) != MAGPIE_OK) _exit(4);
  if (mgp_snapshot_item_count(snap) != 1) _exit(5);
  mgp_snapshot_release(snap);
  mgp_store_close(&s);
  if (mgp_store_open(NULL, f->index, false, &s, &err) != MAGPIE_IO) _exit(6);
  if (!strstr(err.message, f->index)) _exit(7);
}

static void store_open_when_media_is_read_only_then_reads(void **state) {
  fixture *f = *state;
  if (geteuid() != 0) {
    print_message("SKIPPED: needs root to become nobody\n");
    skip();
  }
  make_index(f);
  assert_int_equal(chmod(f->folder, 0555), 0);
  assert_int_equal(chmod(f->index, 0555), 0);
  const int code = run_child(read_as_nobody, f);
  assert_int_equal(chmod(f->folder, 0755), 0);
  assert_int_equal(chmod(f->index, 0755), 0);
  assert_int_equal(code, 0);
}

/* A writer of another user commits while an immutable reader is open: the reader sees it. */
static void watch_as_nobody(void *context) {
  int *pipes = context;
  char index[96] = "", byte = 0;
  mgp_store *s = NULL;
  mgp_snapshot *snap = NULL;
  magpie_error err = {0};
  if (read(pipes[0], index, sizeof index) <= 0) _exit(1);
  if (setgid(65534) != 0 || setuid(65534) != 0) _exit(77);
  if (mgp_store_open(NULL, index, true, &s, &err) != MAGPIE_OK) _exit(3);
  if (mgp_snapshot_get(s, &snap, &err) != MAGPIE_OK || mgp_snapshot_item_count(snap) != 1) _exit(4);
  mgp_snapshot_release(snap);
  if (write(pipes[3], "r", 1) != 1 || read(pipes[0], &byte, 1) != 1) _exit(5);
  if (mgp_snapshot_get(s, &snap, &err) != MAGPIE_OK) _exit(6);
  if (mgp_snapshot_item_count(snap) != 2) _exit(7);
  mgp_snapshot_release(snap);
  mgp_store_close(&s);
}

static void store_open_when_immutable_and_a_writer_commits_then_sees_it(void **state) {
  fixture *f = *state;
  if (geteuid() != 0) {
    print_message("SKIPPED: needs root to become nobody\n");
    skip();
  }
  make_index(f);
  assert_int_equal(chmod(f->folder, 0755), 0);
  int pipes[4];
  assert_int_equal(pipe(pipes), 0);
  assert_int_equal(pipe(pipes + 2), 0);
  fflush(NULL);
  const pid_t pid = fork();
  if (pid == 0) { /* each side keeps its own ends: a death is seen as an end of file */
    close(pipes[1]);
    close(pipes[2]);
    watch_as_nobody(pipes);
    _exit(0);
  }
  close(pipes[0]);
  close(pipes[3]);
  char byte = 0;
  assert_int_equal(write(pipes[1], f->index, sizeof f->index), sizeof f->index);
  assert_int_equal(read(pipes[2], &byte, 1), 1);
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  add_item(s, add_source(s, "/b"), "two", "passage");
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_store_close(&f->store);
  assert_int_equal(write(pipes[1], "g", 1), 1);
  int status = 0;
  waitpid(pid, &status, 0);
  close(pipes[1]);
  close(pipes[2]);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void store_write_when_read_only_or_unlocked_then_is_invalid(void **state) {
  fixture *f = *state;
  make_index(f);
  assert_ok(mgp_store_open(NULL, f->index, true, &f->store, err));
  assert_fails(MAGPIE_INVALID, "reading only", mgp_store_lock(f->store, 0, err));
  assert_fails(MAGPIE_INVALID, "reading only", mgp_store_begin(f->store, err));
  mgp_store_close(&f->store);
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_fails(MAGPIE_INVALID, "lock", mgp_store_begin(f->store, err));
  assert_ok(mgp_store_lock(f->store, 0, err));
  mgp_source source = {.path = "/x"};
  assert_fails(MAGPIE_INVALID, "no transaction", mgp_store_source_add(f->store, &source, err));
}

static void store_open_when_the_nth_allocation_fails_then_is_no_memory(void **state) {
  fixture *f = *state;
  make_index(f);
  mgp_alloc *a = mgp_alloc_create(0);
  size_t failures = 0;
  for (uint64_t n = 1; n < 500; n++) {
    mgp_snapshot *snap = NULL;
    magpie_error err = {0};
    mgp_alloc_fail_at(a, n);
    magpie_status status = mgp_store_open(a, f->index, true, &f->store, &err);
    if (status == MAGPIE_OK) status = mgp_snapshot_get(f->store, &snap, &err);
    mgp_alloc_fail_at(a, 0);
    mgp_snapshot_release(snap);
    mgp_store_close(&f->store);
    assert_int_equal(mgp_alloc_used(a), 0);
    if (status == MAGPIE_OK) break;
    assert_int_equal(status, MAGPIE_NO_MEMORY);
    failures++;
  }
  mgp_alloc_destroy(a);
  assert_in_range(failures, 5, 400);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(store_open_when_missing_and_read_only_then_says_what_to_run),
      store_test(store_open_when_missing_then_makes_folders_and_catalog),
      store_test(store_open_when_path_ends_with_stroke_then_is_the_same_index),
      store_test(store_open_when_name_has_uri_signs_then_opens_that_name),
      store_test(store_open_when_path_is_relative_then_opens),
      store_test(store_open_when_folder_holds_other_things_then_refuses),
      store_test(store_open_when_creation_was_cut_short_then_writer_finishes_it),
      store_test(store_open_when_newer_then_names_the_writer),
      store_test(store_open_when_another_database_then_is_format_with_path),
      store_test(store_open_when_catalog_is_no_database_then_is_corrupt),
      store_test(store_open_when_tables_are_missing_then_is_corrupt),
      store_test(store_open_when_head_row_is_gone_then_is_corrupt),
      store_test(store_open_when_any_byte_is_wrong_then_never_crashes),
      store_test(store_open_when_two_create_at_once_then_both_open),
      store_test(store_open_when_media_is_read_only_then_reads),
      store_test(store_open_when_immutable_and_a_writer_commits_then_sees_it),
      store_test(store_write_when_read_only_or_unlocked_then_is_invalid),
      store_test(store_open_when_the_nth_allocation_fails_then_is_no_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
