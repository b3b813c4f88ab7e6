/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight processes read while one writes: each answer is compared, hit by hit and score by score,
 * with what the generation that it claims must hold. One reader pins a generation at the start and
 * reads it to the end, when its files have long been merged away. A ninth process asks for the
 * writer's lock again and again, and is told who has it. MAGPIE_SECONDS (120) and MAGPIE_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generations.h"
#include "small_index.h"
#include "store/segment.h"

#define SEED 20261123
#define SECONDS 120
#define READERS 8
#define REOPENING 1 /* this reader opens the index anew, again and again */
#define PINNING 0   /* this one keeps what it saw first */
#define EPOCHS_MAX 4000000
#define FIRST_EPOCHS 60
#define HITS 10
#define BLOCKED_MS 20000.0 /* longer than the wait for a core of a busy machine */

typedef struct reader {
  uint64_t results, generations;
  double longest_ms;
  char why[1024]; /* "": all is well */
} reader;

/* Lies in memory that all processes see. */
typedef struct shared {
  atomic_int stop;
  reader readers[READERS];
  uint64_t merges, last_generation, refused, named, taken;
  char writer_why[1024], rival_why[1024];
  pid_t writer;
  atomic_ullong changed_at[EPOCHS_MAX]; /* by epoch: the generation that brings it; 0: none yet */
} shared;

typedef struct scene {
  small_index index;
  shared *all;
  uint64_t seed;
} scene;

/* ---- the writer ---- */

static magpie_status merge_some(scene *s, magpie *ix, unsigned epoch, magpie_error *err) {
  if (epoch % 16 != 0) return MAGPIE_OK;
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = epoch % 256 == 0;
  magpie_merge_report report = {0};
  MGP_FORWARD(magpie_merge(ix, &options, &report, err));
  s->all->merges += report.merges;
  if (report.generation > 0) s->all->last_generation = report.generation;
  return MAGPIE_OK;
}

/* Says which generation will bring the change, then makes it; only merges give others. */
static magpie_status write_one(scene *s, magpie *ix, content *c, magpie_error *err) {
  mgp_snapshot *now = NULL;
  MGP_FORWARD(mgp_snapshot_get(ix->store, &now, err));
  const uint64_t before = mgp_snapshot_generation(now);
  mgp_snapshot_release(now);
  const change next = next_change(c);
  atomic_store(&s->all->changed_at[c->epoch + 1], before + 1);
  make_change(c);
  MGP_FORWARD(do_change(ix, &next, &s->all->last_generation, err));
  return merge_some(s, ix, c->epoch, err);
}

static magpie_status open_writer(const scene *s, magpie **out, magpie_error *err) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.threads = 1;
  options.lock_wait_ms = 10000; /* the rival takes the lock for moments */
  options.pack_path = "/nonexistent/packs";
  return magpie_open(s->index.index, &options, out, err);
}

static void write_epochs(scene *s, content *c, unsigned end) {
  magpie *ix = NULL;
  magpie_error err = {0};
  *mgp_segment_small_limit() = 1024; /* some segments lie in the catalog, others in files */
  magpie_status status = open_writer(s, &ix, &err);
  while (status == MAGPIE_OK && c->epoch + 1 < end && !atomic_load(&s->all->stop))
    status = write_one(s, ix, c, &err);
  if (status != MAGPIE_OK)
    snprintf(s->all->writer_why, sizeof s->all->writer_why, "change %u: %s", c->epoch, err.message);
  magpie_close(&ix);
}

/* ---- readers ---- */

typedef struct reading {
  scene *scene;
  reader *own;
  magpie *ix;
  content content; /* of the last generation that was seen */
  uint64_t random, generation;
} reading;

static bool differ(reading *r, const char *format, ...) MGP_PRINTF(2, 3);
static bool differ(reading *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int size =
      snprintf(r->own->why, sizeof r->own->why,
               "generation %llu, change %u: ", (unsigned long long)r->generation, r->content.epoch);
  vsnprintf(r->own->why + size, sizeof r->own->why - (size_t)size, format, arguments);
  va_end(arguments);
  return false;
}

/* Goes on to the content of a generation. */
static bool follow(reading *r, uint64_t generation) {
  if (generation < r->generation)
    return differ(r, "generation %llu came after it", (unsigned long long)generation);
  r->own->generations += generation > r->generation;
  r->generation = generation;
  for (;;) {
    const uint64_t next = atomic_load(&r->scene->all->changed_at[r->content.epoch + 1]);
    if (next == 0 || next > generation) return true;
    make_change(&r->content);
  }
}

static bool compare_hit(reading *r, const magpie_hit *h, const ranked *expected) {
  char record[24], text[64];
  snprintf(record, sizeof record, "r%u", expected->key);
  record_text(expected->key, r->content.versions[expected->key], text);
  if (!mgp_text_equal(h->record, record) || !mgp_text_equal(h->text, text))
    return differ(r, "rank %zu is %s (\"%s\"), expected %s (\"%s\")", h->rank, h->record, h->text,
                  record, text);
  if (h->score_count != 1 || h->scores[0].score != (double)expected->score)
    return differ(r, "%s scores %g, expected %g", record, h->scores[0].score,
                  (double)expected->score);
  return true;
}

static bool compare_nearest(reading *r, const magpie_result *result,
                            const float query[VECTOR_DIM]) {
  ranked expected[KEYS];
  const size_t count = rank_all(&r->content, query, expected);
  const size_t wanted = count < HITS ? count : HITS;
  if (magpie_result_count(result) != wanted)
    return differ(r, "%zu hits, expected %zu", magpie_result_count(result), wanted);
  for (size_t i = 0; i < wanted; i++)
    if (!compare_hit(r, magpie_result_hit(result, i), &expected[i])) return false;
  return true;
}

/* The word names one record. */
static bool compare_word(reading *r, const magpie_result *result, unsigned key) {
  const unsigned version = r->content.versions[key];
  if (magpie_result_count(result) != (version > 0))
    return differ(r, "%zu hits for the word key%u, expected %d", magpie_result_count(result), key,
                  version > 0);
  if (version == 0) return true;
  char text[64];
  record_text(key, version, text);
  const magpie_hit *h = magpie_result_hit(result, 0);
  return mgp_text_equal(h->text, text) ||
         differ(r, "the word key%u finds \"%s\", expected \"%s\"", key, h->text, text);
}

static bool search_once(reading *r) {
  const unsigned key = random_below(&r->random, KEYS);
  const bool is_word = random_below(&r->random, 4) == 0;
  float query[VECTOR_DIM];
  char word[24];
  record_vector(key, random_below(&r->random, 1000), query);
  snprintf(word, sizeof word, "key%u", key);
  const magpie_part near = {
      .vector = query, .vector_dim = VECTOR_DIM, .space = "vectors", .weight = 1};
  const magpie_part named = {.text = word, .weight = 1};
  magpie_result *result = NULL;
  magpie_error err = {0};
  const double start = mgp_clock_seconds();
  const magpie_status status = small_search(r->ix, is_word ? &named : &near, &result, &err);
  const double took_ms = (mgp_clock_seconds() - start) * 1000;
  if (took_ms > r->own->longest_ms) r->own->longest_ms = took_ms;
  if (status != MAGPIE_OK) return differ(r, "search: %s", err.message);
  const char *warning = magpie_result_warning(result, 0);
  bool is_same = follow(r, magpie_result_generation(result));
  if (is_same && warning && !is_word) is_same = differ(r, "warning: %s", warning);
  if (is_same) is_same = is_word ? compare_word(r, result, key) : compare_nearest(r, result, query);
  r->own->results++;
  magpie_result_destroy(result);
  return is_same;
}

static bool open_reader(reading *r) {
  magpie_error err = {0};
  magpie_close(&r->ix);
  return small_open(&r->scene->index, true, &r->ix, &err) == MAGPIE_OK ||
         differ(r, "open: %s", err.message);
}

/* ---- the reader that keeps its generation ---- */

typedef struct kept {
  mgp_snapshot *snapshot;
  content content;
} kept;

/* Whose vector is this? Numbers of items are not known here. */
static bool is_expected_row(const content *c, const float *row, bool taken[KEYS]) {
  for (unsigned key = 0; key < KEYS; key++) {
    float v[VECTOR_DIM];
    if (c->versions[key] == 0 || taken[key]) continue;
    record_vector(key, c->versions[key], v);
    if (memcmp(row, v, sizeof v) != 0) continue;
    taken[key] = true;
    return true;
  }
  return false;
}

/* Each living row is that of a record, each record has one. */
static bool compare_kept(reading *r, const kept *k) {
  bool taken[KEYS] = {false};
  uint64_t living = 0, expected = 0;
  for (unsigned key = 0; key < KEYS; key++) expected += k->content.versions[key] > 0;
  for (size_t i = 0; i < mgp_snapshot_segment_count(k->snapshot); i++) {
    const mgp_segment_view *v = mgp_snapshot_segment(k->snapshot, i);
    const uint64_t *ids = NULL;
    const float *rows = NULL;
    for (size_t j = 0; j < v->section_count; j++) {
      if (v->sections[j].kind == MGP_SECTION_IDS) ids = v->sections[j].data;
      if (v->sections[j].kind == MGP_SECTION_VECTORS_F32) rows = v->sections[j].data;
    }
    for (uint64_t row = 0; rows && row < v->count; row++) {
      if (mgp_snapshot_kind(k->snapshot, ids[row]) == 0) continue;
      living++;
      if (!is_expected_row(&k->content, rows + row * mgp_dense_stride(VECTOR_DIM), taken))
        return differ(r, "kept generation %llu: a row of %s is of no record",
                      (unsigned long long)mgp_snapshot_generation(k->snapshot), v->file);
    }
  }
  return (living == expected && mgp_snapshot_item_count(k->snapshot) == expected) ||
         differ(r, "the kept generation has %llu rows, expected %llu", (unsigned long long)living,
                (unsigned long long)expected);
}

/* First of all files, later none: they are merged away. */
static size_t count_files(const reading *r, const kept *k) {
  size_t count = 0;
  for (size_t i = 0; i < mgp_snapshot_segment_count(k->snapshot); i++) {
    char *path =
        mgp_path_join(NULL, r->scene->index.index, mgp_snapshot_segment(k->snapshot, i)->file);
    count += path && mgp_file_exists(path);
    mgp_free(NULL, path);
  }
  return count;
}

static bool run_pinning(reading *r) {
  kept k = {0};
  magpie_error err = {0};
  if (!search_once(r)) return false;
  if (mgp_snapshot_get(r->ix->store, &k.snapshot, &err) != MAGPIE_OK)
    return differ(r, "pin: %s", err.message);
  bool is_same = follow(r, mgp_snapshot_generation(k.snapshot));
  k.content = r->content;
  const size_t files = count_files(r, &k);
  while (is_same && !atomic_load(&r->scene->all->stop)) {
    is_same = compare_kept(r, &k);
    for (int i = 0; is_same && i < 50; i++) is_same = search_once(r);
  }
  is_same = is_same && compare_kept(r, &k);
  if (is_same && files > 0 && count_files(r, &k) > 0)
    is_same =
        differ(r, "%zu files of the kept generation were never merged away", count_files(r, &k));
  mgp_snapshot_release(k.snapshot);
  return is_same;
}

static void run_reader(scene *s, int which) {
  reading r = {.scene = s, .own = &s->all->readers[which], .random = s->seed + (unsigned)which};
  r.content.seed = s->seed;
  bool is_same = open_reader(&r);
  if (which == PINNING) is_same = is_same && run_pinning(&r);
  for (int i = 1; is_same && which != PINNING && !atomic_load(&s->all->stop); i++) {
    if (which == REOPENING && i % 20 == 0) is_same = open_reader(&r);
    is_same = is_same && search_once(&r);
  }
  if (!is_same) atomic_store(&s->all->stop, 1);
  magpie_close(&r.ix);
}

/* ---- a second writer ---- */

static void run_rival(scene *s) {
  mgp_store *store = NULL;
  magpie_error err = {0};
  char pid[32];
  snprintf(pid, sizeof pid, "pid %d,", (int)s->all->writer);
  magpie_status status = mgp_store_open(NULL, s->index.index, false, &store, &err);
  while (status == MAGPIE_OK && !atomic_load(&s->all->stop)) {
    const magpie_status locked = mgp_store_lock(store, 0, &err);
    s->all->taken += locked == MAGPIE_OK;
    s->all->refused += locked == MAGPIE_LOCKED;
    s->all->named += locked == MAGPIE_LOCKED && strstr(err.message, pid) &&
                     strstr(err.message, "started ") && !strstr(err.message, "started unknown");
    if (locked != MAGPIE_OK && locked != MAGPIE_LOCKED) status = locked;
    if (locked == MAGPIE_OK) mgp_store_unlock(store);
    usleep(20000);
  }
  if (status != MAGPIE_OK) snprintf(s->all->rival_why, sizeof s->all->rival_why, "%s", err.message);
  mgp_store_close(&store);
}

/* ---- the whole ---- */

typedef enum role { ROLE_WRITER = READERS, ROLE_RIVAL, ROLES } role;

static pid_t start(scene *s, int which) {
  fflush(NULL);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid > 0) return pid;
  if (which == ROLE_WRITER) {
    content c = {.seed = s->seed};
    while (c.epoch < FIRST_EPOCHS) make_change(&c);
    s->all->writer = getpid();
    write_epochs(s, &c, EPOCHS_MAX);
  } else if (which == ROLE_RIVAL) {
    run_rival(s);
  } else {
    run_reader(s, which);
  }
  _exit(0);
}

static void wait_all(scene *s, const pid_t *pids, double seconds) {
  const double end = mgp_clock_seconds() + seconds;
  while (mgp_clock_seconds() < end && !atomic_load(&s->all->stop)) usleep(50000);
  atomic_store(&s->all->stop, 1);
  for (int i = 0; i < ROLES; i++) {
    int status = 0;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      fail_msg("process %d ended with status %#x", i, (unsigned)status);
  }
}

static void report(const scene *s) {
  uint64_t results = 0, generations = 0;
  double longest_ms = 0;
  const shared *all = s->all;
  if (all->writer_why[0]) fail_msg("the writer: %s", all->writer_why);
  if (all->rival_why[0]) fail_msg("the second writer: %s", all->rival_why);
  for (int i = 0; i < READERS; i++) {
    const reader *r = &all->readers[i];
    if (r->why[0]) fail_msg("reader %d: %s", i, r->why);
    assert_true(r->results > 0);
    results += r->results;
    generations += r->generations;
    if (r->longest_ms > longest_ms) longest_ms = r->longest_ms;
  }
  printf("fault: readers: %llu results over %llu generations, longest read %.0f ms; the "
         "readers saw a newer one %llu times; %llu merges\n",
         (unsigned long long)results, (unsigned long long)all->last_generation, longest_ms,
         (unsigned long long)generations, (unsigned long long)all->merges);
  printf("fault: readers: a second writer was refused %llu times and told the pid %llu times, and "
         "had the lock between two commits %llu times\n",
         (unsigned long long)all->refused, (unsigned long long)all->named,
         (unsigned long long)all->taken);
  assert_true(all->named > 0);
  assert_true(longest_ms < BLOCKED_MS);
  assert_true(all->merges > 0);
}

static void
search_when_eight_processes_read_and_one_writes_then_answers_are_of_their_generation(void **state) {
  (void)state;
  scene s = {.seed = number_from_env("MAGPIE_SEED", SEED)};
  const double seconds = (double)number_from_env("MAGPIE_SECONDS", SECONDS);
  printf("fault: readers: seed %llu, %.0f s\n", (unsigned long long)s.seed, seconds);
  assert_true(small_setup(&s.index, 1));
  s.all = mmap(NULL, sizeof *s.all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(s.all != MAP_FAILED);
  content first = {.seed = s.seed};
  write_epochs(&s, &first, FIRST_EPOCHS + 1);
  assert_string_equal(s.all->writer_why, "");
  assert_int_equal(first.epoch, FIRST_EPOCHS);
  pid_t pids[ROLES];
  pids[ROLE_WRITER] = start(&s, ROLE_WRITER);
  s.all->writer = pids[ROLE_WRITER];
  for (int i = 0; i < ROLES; i++)
    if (i != ROLE_WRITER) pids[i] = start(&s, i);
  wait_all(&s, pids, seconds);
  report(&s);
  munmap(s.all, sizeof *s.all);
  remove_tree(s.index.folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(
      search_when_eight_processes_read_and_one_writes_then_answers_are_of_their_generation)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
