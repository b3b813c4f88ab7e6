/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk fills up while records are imported: after any number of bytes by calls that fail, and
 * on a real file system of a few hundred KB (a tmpfs in a mount namespace of the test's own; where
 * the machine allows none, a limit of file sizes instead). Each time: an error that names the disk,
 * an index that still answers and is clean for a deep check, and the same import succeeds when
 * there is room again. MAGPIE_NO_MOUNT=1 takes the limit where both are possible.
 *
 * links: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "failing_calls.h"
#include "small_index.h"

#define FIRST_RECORDS 5
#define RECORDS 300 /* enough for segments in files of their own */
#define SHIM_STEP 3001
#define PAGE 4096

typedef struct scene {
  small_index index;
  char state[96]; /* a copy of the index before the import */
  char *before, *after;
} scene;

static int import_commits;

static void count_commits(void *context, const magpie_event *event) {
  (void)context;
  if (event->type == MAGPIE_EVENT_COMMIT) import_commits++;
}

static magpie_status import_from(const scene *s, const char *folder, magpie_error *err) {
  char path[128];
  snprintf(path, sizeof path, "%s/many.jsonl", folder);
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  options.progress = count_commits;
  import_commits = 0;
  magpie *ix = NULL;
  magpie_status status = small_open(&s->index, false, &ix, err);
  if (status == MAGPIE_OK) status = magpie_import(ix, path, &options, NULL, err);
  magpie_close(&ix);
  return status;
}

static char *content(const scene *s) {
  char *text = small_content(&s->index, FIRST_RECORDS + 3);
  assert_non_null(text);
  return text;
}

static void assert_content(const scene *s, const char *expected, const char *where) {
  char *now = content(s);
  if (strcmp(now, expected) != 0) {
    tell_difference(now, expected);
    fail_msg("%s: the index holds something else", where);
  }
  mgp_free(NULL, now);
}

static void assert_clean(const scene *s, const char *where) {
  char *damage = small_damage(&s->index);
  assert_non_null(damage);
  if (damage[0]) fail_msg("%s: %s", where, damage);
  mgp_free(NULL, damage);
}

/* An error that says what is wrong with the disk, and where. */
static void assert_names_the_disk(const scene *s, magpie_status status, const magpie_error *err,
                                  const char *where) {
  const bool is_named = strstr(err->message, "disk is full") ||
                        strstr(err->message, "No space left") ||
                        strstr(err->message, "File too large") || /* EFBIG, in SQLite's words: */
                        strstr(err->message, "disk I/O error");
  if (status != MAGPIE_IO || !is_named || !strstr(err->message, s->index.index))
    fail_msg("%s: status %d, \"%s\"", where, (int)status, err->message);
}

static void restore(const scene *s) {
  remove_tree(s->index.index);
  if (!copy_tree(s->state, s->index.index)) fail_msg("cannot copy %s", s->state);
}

static int setup(void **state) {
  static scene s;
  char path[128];
  magpie_error err = {0};
  *state = &s;
  if (!failing_install() || !small_setup(&s.index, 1)) return -1;
  snprintf(s.state, sizeof s.state, "%s/state", s.index.folder);
  snprintf(path, sizeof path, "%s/many.jsonl", s.index.folder);
  if (!write_records(path, 0, FIRST_RECORDS, 0)) return -1;
  if (import_from(&s, s.index.folder, &err) != MAGPIE_OK) {
    fprintf(stderr, "%s\n", err.message);
    return -1;
  }
  if (!copy_tree(s.index.index, s.state)) return -1;
  s.before = content(&s);
  if (!write_records(path, 2, RECORDS, 1)) return -1;
  if (import_from(&s, s.index.folder, &err) != MAGPIE_OK) return -1;
  s.after = content(&s);
  return 0;
}

static int teardown(void **state) {
  scene *s = *state;
  mgp_free(NULL, s->before);
  mgp_free(NULL, s->after);
  remove_tree(s->index.folder);
  return 0;
}

/* ---- by calls that fail ---- */

static void test_import_when_the_disk_takes_n_more_bytes_then_is_whole(void **state) {
  const scene *s = *state;
  long tries = 0, refused = 0;
  bool has_failed = true;
  for (long room = 0; has_failed; room += SHIM_STEP, tries++) {
    char where[64];
    snprintf(where, sizeof where, "room for %ld bytes", room);
    magpie_error err = {0};
    restore(s);
    failing_fill_disk(room);
    const magpie_status status = import_from(s, s->index.folder, &err);
    failing_disarm();
    has_failed = atomic_load(&failing.failed) > 0;
    if (status != MAGPIE_OK) assert_names_the_disk(s, status, &err, where);
    refused += status != MAGPIE_OK;
    assert_clean(s, where);
    if (status == MAGPIE_OK || import_commits == 0)
      assert_content(s, status == MAGPIE_OK ? s->after : s->before, where);
    if (import_from(s, s->index.folder, &err) != MAGPIE_OK)
      fail_msg("%s: the same import with room again: %s", where, err.message);
    assert_clean(s, where);
    assert_content(s, s->after, where);
  }
  failing_fill_disk(-1);
  failing_disarm();
  assert_true(refused > 10);
  printf("fault: disk full: %ld sizes of a disk by failing calls, %ld imports refused\n", tries,
         refused);
}

/* ---- a real one ---- */

static bool write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* In a namespace of this process alone; without root by way of a user namespace. */
static bool mount_small(const char *place, long size) {
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    char map[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)user);
    if (!write_text("/proc/self/uid_map", map) || !write_text("/proc/self/setgroups", "deny"))
      return false;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)group);
    if (!write_text("/proc/self/gid_map", map)) return false;
  }
  char options[64];
  snprintf(options, sizeof options, "size=%ld", size);
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mkdir(place, 0777) == 0 &&
         mount("small", place, "tmpfs", 0, options) == 0;
}

static bool resize(const char *place, long size) {
  char options[64];
  snprintf(options, sizeof options, "size=%ld", size);
  return mount(NULL, place, NULL, MS_REMOUNT, options) == 0;
}

static long used_bytes(const char *place) {
  struct statvfs st;
  assert_int_equal(statvfs(place, &st), 0);
  return (long)((st.f_blocks - st.f_bfree) * st.f_frsize);
}

static void fill_small_disk(scene *s, const char *place, const char *folder) {
  long sizes = 0, refused = 0;
  bool is_done = false;
  for (long room = 0; !is_done; room += 3 * PAGE, sizes++) {
    char where[64];
    snprintf(where, sizeof where, "a disk with %ld bytes left", room);
    magpie_error err = {0};
    assert_true(resize(place, 64L << 20));
    restore(s);
    assert_true(resize(place, used_bytes(place) + room + PAGE));
    const magpie_status status = import_from(s, folder, &err);
    is_done = status == MAGPIE_OK;
    refused += !is_done;
    if (!is_done) assert_names_the_disk(s, status, &err, where);
    if (!is_done && import_commits == 0) assert_content(s, s->before, where); /* still full */
    assert_clean(s, where);
    assert_true(resize(place, 64L << 20));
    if (import_from(s, folder, &err) != MAGPIE_OK)
      fail_msg("%s: the same import with room again: %s", where, err.message);
    assert_clean(s, where);
    assert_content(s, s->after, where);
  }
  assert_true(refused > 5);
  printf("fault: disk full: %ld sizes of a tmpfs, %ld imports refused\n", sizes, refused);
}

static void limit_file_sizes(const scene *s) {
  long refused = 0, sizes = 0;
  bool is_done = false;
  signal(SIGXFSZ, SIG_IGN);
  for (rlim_t most = 16 * PAGE; !is_done; most += 2 * PAGE, sizes++) {
    struct rlimit whole, limit;
    magpie_error err = {0};
    restore(s);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    limit = (struct rlimit){.rlim_cur = most, .rlim_max = whole.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const magpie_status status = import_from(s, s->index.folder, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    is_done = status == MAGPIE_OK;
    refused += !is_done;
    if (!is_done) assert_names_the_disk(s, status, &err, "files of a limited size");
    assert_clean(s, "files of a limited size");
    if (import_from(s, s->index.folder, &err) != MAGPIE_OK) fail_msg("%s", err.message);
    assert_content(s, s->after, "files of a limited size");
  }
  printf("fault: disk full: NOT on a real small file system (no mount namespace here); %ld limits "
         "of file sizes (EFBIG), %ld imports refused\n",
         sizes, refused);
}

static void test_import_when_a_small_file_system_is_full_then_is_whole(void **state) {
  scene *s = *state;
  char place[96], folder[64];
  snprintf(place, sizeof place, "%s/disk", s->index.folder);
  snprintf(folder, sizeof folder, "%s", s->index.folder);
  if (getenv("MAGPIE_NO_MOUNT") || !mount_small(place, 64L << 20)) {
    limit_file_sizes(s);
    return;
  }
  snprintf(s->index.index, sizeof s->index.index, "%.64s/disk/t.mgp", folder);
  fill_small_disk(s, place, folder);
  assert_int_equal(umount2(place, MNT_DETACH), 0);
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_import_when_the_disk_takes_n_more_bytes_then_is_whole),
      cmocka_unit_test(test_import_when_a_small_file_system_is_full_then_is_whole)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
