/* SPDX-License-Identifier: Apache-2.0
 *
 * The n-th allocation, open, read, write, fsync, rename, mapping or thread start of a call fails,
 * for every n of a small workload (import, an import that changes records, remove, merge, search
 * and check), engine, store, SQLite and jansson together. After each: the call failed with a clear
 * status or succeeded, nothing crashed or hung, the index opened anew is clean for a deep check and
 * holds exactly the last acknowledged commit, and the same call then succeeds.
 *
 * links: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_calls.h"
#include "small_index.h"

#define FIRST_RECORDS 5
#define LAST_RECORD 7
#define HANG_SECONDS 60
#define AGAIN                                                                                      \
  16 /* of so many failed allocations one is followed by the same call without a fault */

typedef enum step { STEP_IMPORT, STEP_UPDATE, STEP_REMOVE, STEP_MERGE, STEP_READ, STEPS } step;
static const char *const step_names[STEPS] = {"import", "update", "remove", "merge", "read"};
static const char *const class_names[CALL_CLASSES] = {
    "allocation", "open", "read", "write", "fsync", "rename", "mapping", "thread start"};

typedef struct scene {
  small_index index;
  char states[STEPS + 1][96]; /* a copy of the index before each step */
  char *contents[STEPS + 1];
} scene;

/* What one try came to. */
typedef struct outcome {
  magpie_status status;
  magpie_error err;
  int commits; /* that the caller was told of */
  uint64_t failed_records;
} outcome;

/* ---- the steps ---- */

static void count_commits(void *context, const magpie_event *event) {
  if (event->type == MAGPIE_EVENT_COMMIT) ++*(int *)context;
}

static magpie_status import_file(const scene *s, magpie *ix, const char *name, outcome *out) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", s->index.folder, name);
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  options.progress = count_commits;
  options.progress_context = &out->commits;
  options.retry_failed = true;
  magpie_report report = {0};
  const magpie_status status = magpie_import(ix, path, &options, &report, &out->err);
  out->failed_records = report.files_failed;
  return status;
}

/* Words and a vector are looked for, and every byte is read; nothing is changed. */
static magpie_status read_all(const scene *s, magpie *ix, magpie_error *err) {
  float v[SMALL_DIM];
  small_vector(3, 0, v);
  const magpie_part parts[] = {
      {.text = "heron river", .weight = 1},
      {.vector = v, .vector_dim = SMALL_DIM, .space = "vectors", .weight = 1}};
  for (size_t i = 0; i < 2; i++) {
    magpie_result *result = NULL;
    MGP_FORWARD(small_search(ix, &parts[i], &result, err));
    char *json = NULL;
    const magpie_status status = magpie_result_json(result, &json, err);
    magpie_free(json);
    magpie_result_destroy(result);
    MGP_FORWARD(status);
  }
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  MGP_FORWARD(magpie_check(s->index.index, &options, &json, err));
  magpie_free(json);
  MGP_FORWARD(magpie_get(ix, "n2#1", &json, err));
  magpie_free(json);
  MGP_FORWARD(magpie_describe(ix, &json, err));
  magpie_free(json);
  return MAGPIE_OK;
}

static magpie_status run_open(const scene *s, step which, magpie *ix, outcome *out) {
  magpie_merge_options merge;
  switch (which) {
  case STEP_IMPORT:
    return import_file(s, ix, "first.jsonl", out);
  case STEP_UPDATE:
    return import_file(s, ix, "second.jsonl", out);
  case STEP_REMOVE:
    return magpie_remove(ix, "n1", NULL, &out->err);
  case STEP_MERGE:
    magpie_merge_options_defaults(&merge);
    merge.all = true;
    return magpie_merge(ix, &merge, NULL, &out->err);
  default:
    return read_all(s, ix, &out->err);
  }
}

/* `n` 0: nothing fails. Opening an index that is there is a part of the last step alone. */
static outcome run_step(const scene *s, step which, call_class class, long n) {
  const bool has_open = which == STEP_IMPORT || which == STEP_READ;
  outcome out = {0};
  magpie *ix = NULL;
  if (n > 0 && has_open) failing_arm(class, n, false);
  out.status = small_open(&s->index, which == STEP_READ, &ix, &out.err);
  if (n > 0 && !has_open) failing_arm(class, n, false);
  if (out.status == MAGPIE_OK) out.status = run_open(s, which, ix, &out);
  magpie_close(&ix);
  failing_disarm();
  return out;
}

/* ---- one try ---- */

static void restore(const scene *s, step which) {
  remove_tree(s->index.index);
  if (which != STEP_IMPORT && !copy_tree(s->states[which], s->index.index))
    fail_msg("cannot copy %s", s->states[which]);
}

static char *content(const scene *s) {
  char *text = small_content(&s->index, LAST_RECORD + 1);
  assert_non_null(text);
  return text;
}

static void assert_clean(const scene *s, const char *where) {
  struct stat st;
  if (stat(s->index.index, &st) != 0) return; /* not even made */
  char *damage = small_damage(&s->index);
  assert_non_null(damage);
  /* an index whose making was cut short is empty, and says so */
  if (damage[0] && !strstr(damage, "check failed: -4 ")) fail_msg("%s: %s", where, damage);
  mgp_free(NULL, damage);
}

/* Before a first commit there is no index, or one without items. */
static bool is_same(const scene *s, int state, const char *text) {
  if (state == STEP_IMPORT) return strstr(text, "get n") == NULL;
  return strcmp(s->contents[state], text) == 0;
}

/* Records are committed one beside the other: each is as it was before or as it should be. */
static void assert_mixed(const scene *s, step which, char *now, const char *where) {
  char *save = NULL;
  for (char *line = strtok_r(now, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
    if (strncmp(line, "get ", 4) == 0 && !strstr(s->contents[which], line) &&
        !strstr(s->contents[which + 1], line))
      fail_msg("%s: a record is neither the old nor the new one: %s", where, line);
}

static void check_outcome(const scene *s, step which, const outcome *out, const char *where) {
  if (out->status != MAGPIE_OK && (out->err.code != out->status || !out->err.message[0]))
    fail_msg("%s: status %d with the message \"%s\"", where, (int)out->status, out->err.message);
  if (out->status == MAGPIE_INTERNAL || out->status == MAGPIE_INVALID)
    fail_msg("%s: a failing call is not %d: %s", where, (int)out->status, out->err.message);
  assert_clean(s, where);
  const bool is_done = which == STEP_READ || out->status == MAGPIE_OK || out->commits > 0;
  char *now = content(s);
  const bool is_partial = out->commits > 0 && (out->failed_records > 0 || out->status != MAGPIE_OK);
  const int expected = is_done ? (int)which + 1 : (int)which;
  if (is_partial) {
    assert_mixed(s, which, now, where);
  } else if (!is_same(s, expected, now)) {
    tell_difference(now, s->contents[expected]);
    fail_msg("%s: %s (status %d, %d commits: %s), but the index holds something else", where,
             is_done ? "acknowledged" : "refused", (int)out->status, out->commits,
             out->err.message);
  }
  mgp_free(NULL, now);
}

static bool try_one(const scene *s, step which, call_class class, long n) {
  char where[96];
  snprintf(where, sizeof where, "%s %ld of the step %s", class_names[class], n, step_names[which]);
  restore(s, which);
  alarm(HANG_SECONDS);
  const outcome out = run_step(s, which, class, n);
  alarm(0);
  check_outcome(s, which, &out, where);
  const bool has_failed = atomic_load(&failing.failed) > 0;
  if (!has_failed) return false;
  if (class == CALL_ALLOCATE && n % AGAIN != 0) return true;
  const outcome again = run_step(s, which, class, 0);
  const bool was_removed = which == STEP_REMOVE && again.status == MAGPIE_NOT_FOUND;
  if (again.status != MAGPIE_OK && !was_removed)
    fail_msg("%s: the same call without a fault failed: %s", where, again.err.message);
  assert_clean(s, where);
  return true;
}

/* ---- cases ---- */

static int setup(void **state) {
  static scene s;
  char path[128];
  if (!failing_install() || !small_setup(&s.index, 1)) return -1;
  snprintf(path, sizeof path, "%s/first.jsonl", s.index.folder);
  if (!write_records(path, 0, FIRST_RECORDS, 0)) return -1;
  snprintf(path, sizeof path, "%s/second.jsonl", s.index.folder);
  if (!write_records(path, 2, LAST_RECORD, 1)) return -1;
  for (int i = 0; i <= STEPS; i++) {
    snprintf(s.states[i], sizeof s.states[i], "%s/state%d", s.index.folder, i);
    if (i > 0) {
      const outcome out = run_step(&s, (step)(i - 1), CALL_ALLOCATE, 0);
      if (out.status != MAGPIE_OK) {
        fprintf(stderr, "%s: %s\n", step_names[i - 1], out.err.message);
        return -1;
      }
      if (!copy_tree(s.index.index, s.states[i])) return -1;
    }
    s.contents[i] = content(&s);
  }
  *state = &s;
  return 0;
}

static int teardown(void **state) {
  scene *s = *state;
  for (int i = 0; i <= STEPS; i++) mgp_free(NULL, s->contents[i]);
  remove_tree(s->index.folder);
  return 0;
}

static long totals[CALL_CLASSES];
static int first_step; /* of the command line: to look at one failure again */
static long first_call = 1;
static long stride = 1; /* of allocations; sanitizers are slow */

/* Points are tried until a run meets no failure: it has come to its end. */
static void fail_all(void **state, call_class class) {
  const scene *s = *state;
  for (int which = first_step; which < STEPS; which++) {
    long n = which == first_step ? first_call : 1;
    for (; try_one(s, (step)which, class, n); n += class == CALL_ALLOCATE ? stride : 1)
      totals[class]++;
  }
}

static void test_workload_when_an_allocation_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_ALLOCATE);
}

static void test_workload_when_an_open_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_OPEN);
}

static void test_workload_when_a_read_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_READ);
}

static void test_workload_when_a_write_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_WRITE);
}

static void test_workload_when_an_fsync_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_SYNC);
}

static void test_workload_when_a_rename_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_RENAME);
}

static void test_workload_when_a_mapping_fails_then_commits_are_exact(void **state) {
  fail_all(state, CALL_MAP);
}

static void test_workload_when_a_thread_does_not_start_then_commits_are_exact(void **state) {
  scene *s = *state;
  s->index.threads = 3;
  fail_all(state, CALL_THREAD);
  s->index.threads = 1;
}

/* test_nth_failure [CASE [STEP CALL]]: all, or the cases of a pattern, from the call on.
 * MAGPIE_NTH_EVERY=5 makes each fifth allocation fail instead of each. */
int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  if (argc > 3) {
    first_step = atoi(argv[2]);
    first_call = atol(argv[3]);
  }
  if (getenv("MAGPIE_NTH_EVERY")) stride = atol(getenv("MAGPIE_NTH_EVERY"));
  if (stride < 1) stride = 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_workload_when_a_thread_does_not_start_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_a_mapping_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_an_fsync_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_a_rename_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_a_write_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_a_read_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_an_open_fails_then_commits_are_exact),
      cmocka_unit_test(test_workload_when_an_allocation_fails_then_commits_are_exact)};
  const int failed = cmocka_run_group_tests(tests, setup, teardown);
  long points = 0;
  for (int i = 0; i < CALL_CLASSES; i++) points += totals[i];
  printf("fault: n-th failure: %ld points (%ld allocations, %ld opens, %ld reads, %ld writes, %ld "
         "syncs, %ld renames, %ld mappings, %ld threads)\n",
         points, totals[CALL_ALLOCATE], totals[CALL_OPEN], totals[CALL_READ], totals[CALL_WRITE],
         totals[CALL_SYNC], totals[CALL_RENAME], totals[CALL_MAP], totals[CALL_THREAD]);
  return failed;
}
