/* SPDX-License-Identifier: Apache-2.0
 *
 * The n-th allocation, open, read, write, fsync, rename or mapping of an export and of an import of
 * its archive fails, for every n (of allocations each seventh). After each: the call failed with a
 * sentence or succeeded, there is a whole archive or index or none, nothing else is left beside
 * them (but where taking it away was what failed), the index that was exported is as it was, and
 * the same call then succeeds.
 *
 * links: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_calls.h"
#include "magpie/archive.h"
#include "small_index.h"
#include "store/segment.h"

#define HANG_SECONDS 60

typedef struct scene {
  small_index index, copy;
  char archive[128], good[128]; /* what is tried, and one that is whole */
  char *content;
} scene;

static const char *const class_names[CALL_CLASSES] = {
    "allocation", "open", "read", "write", "fsync", "rename", "mapping", "thread start"};
static long totals[CALL_CLASSES];
static long stride = 7; /* of allocations: there are some ten thousand */

static magpie_status run_export(const scene *s, magpie_error *err) {
  magpie *ix = NULL;
  magpie_status status = small_open(&s->index, true, &ix, err);
  if (status == MAGPIE_OK) status = magpie_export(ix, s->archive, NULL, NULL, err);
  magpie_close(&ix);
  return status;
}

static magpie_status run_import(const scene *s, magpie_error *err) {
  return magpie_import_archive(s->good, s->copy.index, NULL, NULL, err);
}

/* Names in the scene's folder that are none of ours. */
static int count_leftovers(const scene *s) {
  static const char *const known[] = {"t.mgp", "copy.mgp", "new.tar.zst", "good.tar.zst",
                                      "first.jsonl"};
  int count = 0;
  DIR *folder = opendir(s->index.folder);
  assert_non_null(folder);
  for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
    bool is_known = e->d_name[0] == '.';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (strcmp(e->d_name, known[i]) == 0) is_known = true;
    count += !is_known;
  }
  closedir(folder);
  return count;
}

static void remove_leftovers(const scene *s) {
  char command[256];
  snprintf(command, sizeof command, "cd '%s' && rm -rf t.mgp.* copy.mgp* new.tar.zst*",
           s->index.folder);
  assert_int_equal(system(command), 0);
}

static void assert_same(const scene *s, const small_index *index, const char *where) {
  char *damage = small_damage(index), *now = small_content(index, 8);
  if (damage[0]) fail_msg("%s: %s", where, damage);
  if (strcmp(now, s->content) != 0) fail_msg("%s: the index holds something else", where);
  mgp_free(NULL, damage);
  mgp_free(NULL, now);
}

/* An import of what the export made, where it made something. */
static void check_archive(const scene *s, bool is_done, const char *where) {
  magpie_error err = {0};
  if (!mgp_file_exists(s->archive)) {
    if (is_done) fail_msg("%s: acknowledged, and there is no archive", where);
    return;
  }
  const magpie_status status = magpie_import_archive(s->archive, s->copy.index, NULL, NULL, &err);
  if (status != MAGPIE_OK) fail_msg("%s: half an archive: %s", where, err.message);
  assert_same(s, &s->copy, where);
}

static bool try_one(const scene *s, bool is_export, call_class class, long n) {
  char where[96];
  magpie_error err = {0};
  snprintf(where, sizeof where, "%s %ld of %s", class_names[class], n,
           is_export ? "export" : "import");
  alarm(HANG_SECONDS);
  failing_arm(class, n, false);
  const magpie_status status = is_export ? run_export(s, &err) : run_import(s, &err);
  failing_disarm();
  alarm(0);
  const bool has_failed = atomic_load(&failing.failed) > 0;
  if (status != MAGPIE_OK && (err.code != status || !err.message[0]))
    fail_msg("%s: status %d with the message \"%s\"", where, (int)status, err.message);
  if (status != MAGPIE_OK && !has_failed) fail_msg("%s: %s", where, err.message);
  /* taking something away takes names, and so memory */
  if (count_leftovers(s) > 0 && class != CALL_RENAME && class != CALL_ALLOCATE)
    fail_msg("%s: something was left (status %d: %s)", where, (int)status, err.message);
  if (is_export) check_archive(s, status == MAGPIE_OK, where);
  else if (mgp_file_exists(s->copy.index)) assert_same(s, &s->copy, where);
  else if (status == MAGPIE_OK) fail_msg("%s: acknowledged, and there is no index", where);
  remove_leftovers(s);
  if (has_failed && n % 16 == 0) {
    const magpie_status again = is_export ? run_export(s, &err) : run_import(s, &err);
    if (again != MAGPIE_OK) fail_msg("%s: once more without a fault: %s", where, err.message);
    remove_leftovers(s);
  }
  return has_failed;
}

static void fail_all(void **state, call_class class) {
  const scene *s = *state;
  for (int is_export = 1; is_export >= 0; is_export--)
    for (long n = 1; try_one(s, is_export, class, n); n += class == CALL_ALLOCATE ? stride : 1)
      totals[class]++;
  assert_same(s, &s->index, "in the end");
}

static void archive_when_an_open_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_OPEN);
}

static void archive_when_a_read_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_READ);
}

static void archive_when_a_write_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_WRITE);
}

static void archive_when_an_fsync_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_SYNC);
}

static void archive_when_a_rename_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_RENAME);
}

static void archive_when_a_mapping_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_MAP);
}

static void archive_when_an_allocation_fails_then_is_whole_or_not_there(void **state) {
  fail_all(state, CALL_ALLOCATE);
}

static int setup(void **state) {
  static scene s;
  char path[128];
  magpie_error err = {0};
  magpie *ix = NULL;
  if (!failing_install() || !small_setup(&s.index, 1)) return -1;
  /* Not jansson's: when memory is refused for the closing quote of a string (as that of a name of
   * 14 letters, "catalog.sqlite"), the lexer of 2.14 leaves it out and copies past the end of its
   * block. Only a string that comes to such a length meets it, in any JSON. */
  json_set_alloc_funcs(__real_malloc, free);
  *mgp_segment_small_limit() = 0; /* files, however small */
  s.copy = s.index;
  snprintf(s.copy.index, sizeof s.copy.index, "%s/copy.mgp", s.index.folder);
  snprintf(path, sizeof path, "%s/first.jsonl", s.index.folder);
  snprintf(s.good, sizeof s.good, "%s/good.tar.zst", s.index.folder);
  snprintf(s.archive, sizeof s.archive, "%s/new.tar.zst", s.index.folder);
  if (!write_records(path, 0, 6, 0)) return -1;
  magpie_status status = small_open(&s.index, false, &ix, &err);
  if (status == MAGPIE_OK) status = magpie_import(ix, path, NULL, NULL, &err);
  if (status == MAGPIE_OK) status = magpie_export(ix, s.good, NULL, NULL, &err);
  magpie_close(&ix);
  if (status != MAGPIE_OK) fprintf(stderr, "%s\n", err.message);
  s.content = small_content(&s.index, 8);
  *state = &s;
  return status == MAGPIE_OK && s.content ? 0 : -1;
}

static int teardown(void **state) {
  scene *s = *state;
  mgp_free(NULL, s->content);
  remove_tree(s->index.folder);
  return 0;
}

/* MAGPIE_NTH_EVERY=1 makes each allocation fail instead of each seventh. */
int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  if (getenv("MAGPIE_NTH_EVERY")) stride = atol(getenv("MAGPIE_NTH_EVERY"));
  if (stride < 1) stride = 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(archive_when_a_mapping_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_an_fsync_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_a_rename_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_a_write_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_a_read_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_an_open_fails_then_is_whole_or_not_there),
      cmocka_unit_test(archive_when_an_allocation_fails_then_is_whole_or_not_there)};
  const int failed = cmocka_run_group_tests(tests, setup, teardown);
  printf("fault: archives: %ld points (%ld allocations, %ld opens, %ld reads, %ld writes, %ld "
         "syncs, %ld renames, %ld mappings)\n",
         totals[CALL_ALLOCATE] + totals[CALL_OPEN] + totals[CALL_READ] + totals[CALL_WRITE] +
             totals[CALL_SYNC] + totals[CALL_RENAME] + totals[CALL_MAP],
         totals[CALL_ALLOCATE], totals[CALL_OPEN], totals[CALL_READ], totals[CALL_WRITE],
         totals[CALL_SYNC], totals[CALL_RENAME], totals[CALL_MAP]);
  return failed;
}
