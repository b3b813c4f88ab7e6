/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that imports, adds, removes and merges is killed by SIGKILL at a random moment, again
 * and again, on one index. After each kill: the index opens, a check finds nothing, what was
 * acknowledged is there with its vector, what was under way is there as a whole or not at all, and
 * the next writer gets the lock at once. MAGPIE_SEED, MAGPIE_ROUNDS, and MAGPIE_SOAK_SECONDS (so
 * many rounds as fit) change the run; `make soak` is for hours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "operation_list.h"
#include "small_index.h"

#define SEED 20261123
#define ROUNDS 200
#define FRESH_EVERY 25 /* rounds; then the index is made anew, under fire */
#define DEEP_EVERY 10
#define KEYS 600
#define ADD_MAX 24
#define IMPORT_MAX 400
#define LOCK_MS_MAX 2000.0          /* "at once", on a machine that does other work, too */
#define MEMORY (UINT64_C(16) << 20) /* so little that an import commits some hundred records */
#define PADDING 3000                /* bytes of an imported text */
#define OPERATIONS_MAX 4096

typedef enum change_verb { CHANGE_ADD, CHANGE_IMPORT, CHANGE_REMOVE, CHANGE_MERGE } change_verb;

/* Records first, first + 1, ... modulo KEYS get this version. */
typedef struct change {
  change_verb verb;
  unsigned first, count, version;
} change;

/* What the killed process says before it dies; lies in memory that outlives it. */
typedef struct said {
  volatile unsigned started, finished; /* changes */
  volatile uint64_t items;             /* of the import under way: durable so far */
  volatile int failed;
  char why[sizeof((magpie_error *)0)->message];
} said;

typedef struct scene {
  small_index index;
  char records[128]; /* the file that is imported */
  uint64_t seed;
  unsigned versions[KEYS]; /* 0: there is no such record */
  said *said;
  unsigned round, kills_in[4], kills_between, commits;
  double longest_lock_ms;
} scene;

/* ---- what is done ---- */

static change draw_change(uint64_t seed, unsigned round, unsigned at) {
  uint64_t random = seed ^ (uint64_t)round << 32 ^ at;
  const unsigned die = random_below(&random, 100);
  change c = {.first = random_below(&random, KEYS), .version = round * OPERATIONS_MAX + at + 1};
  c.verb = die < 40   ? CHANGE_ADD
           : die < 65 ? CHANGE_IMPORT
           : die < 80 ? CHANGE_REMOVE
                      : CHANGE_MERGE;
  c.count = c.verb == CHANGE_ADD      ? 1 + random_below(&random, ADD_MAX)
            : c.verb == CHANGE_IMPORT ? 1 + random_below(&random, IMPORT_MAX)
                                      : 1;
  if (c.verb == CHANGE_MERGE) c.version = random_below(&random, 2);
  return c;
}

/* Length 1, in numbers that floats hold. */
static void record_vector(unsigned key, unsigned version, float out[SMALL_DIM]) {
  uint64_t random = (uint64_t)key << 40 ^ version;
  memset(out, 0, SMALL_DIM * sizeof *out);
  for (int placed = 0; placed < 4;) {
    const uint64_t x = next_random(&random);
    if (out[x % SMALL_DIM] != 0) continue;
    out[x % SMALL_DIM] = x >> 63 ? 0.5F : -0.5F;
    placed++;
  }
}

static void record_text(unsigned key, unsigned version, char out[64]) {
  snprintf(out, 64, "Record %u as of version %u.", key, version);
}

static magpie_status add_records(const scene *s, magpie *ix, const change *c, magpie_error *err) {
  (void)s;
  magpie_record records[ADD_MAX];
  char ids[ADD_MAX][24], texts[ADD_MAX][64];
  float vectors[ADD_MAX][SMALL_DIM];
  for (unsigned i = 0; i < c->count; i++) {
    const unsigned key = (c->first + i) % KEYS;
    snprintf(ids[i], sizeof ids[i], "r%u", key);
    record_text(key, c->version, texts[i]);
    record_vector(key, c->version, vectors[i]);
    records[i] =
        (magpie_record){.id = ids[i], .text = texts[i], .vector = vectors[i], .dim = SMALL_DIM};
  }
  return magpie_add_records(ix, records, c->count, NULL, NULL, err);
}

static bool write_import(const scene *s, const change *c) {
  FILE *out = fopen(s->records, "wb");
  if (!out) return false;
  char padding[PADDING + 1];
  memset(padding, 'x', PADDING);
  padding[PADDING] = 0;
  for (unsigned i = 0; i < c->count; i++) {
    const unsigned key = (c->first + i) % KEYS;
    char text[64];
    float v[SMALL_DIM];
    record_text(key, c->version, text);
    record_vector(key, c->version, v);
    fprintf(out, "{\"id\":\"r%u\",\"text\":\"%s %s\",\"vector\":[", key, text, padding);
    for (int j = 0; j < SMALL_DIM; j++) fprintf(out, "%s%.1f", j ? "," : "", (double)v[j]);
    fputs("]}\n", out);
  }
  return fclose(out) == 0;
}

static void hear_import(void *context, const magpie_event *event) {
  said *say = context;
  if (event->type == MAGPIE_EVENT_COMMIT) say->items = event->items;
}

static magpie_status import_records(const scene *s, magpie *ix, const change *c,
                                    magpie_error *err) {
  if (!write_import(s, c)) return mgp_fail(err, MAGPIE_IO, "%s cannot be written", s->records);
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  options.progress = hear_import;
  options.progress_context = s->said;
  return magpie_import(ix, s->records, &options, NULL, err);
}

static magpie_status do_change(const scene *s, magpie *ix, const change *c, magpie_error *err) {
  magpie_merge_options merge;
  char id[24];
  switch (c->verb) {
  case CHANGE_ADD:
    return add_records(s, ix, c, err);
  case CHANGE_IMPORT:
    return import_records(s, ix, c, err);
  case CHANGE_REMOVE:
    snprintf(id, sizeof id, "r%u", c->first);
    if (magpie_remove(ix, id, NULL, err) == MAGPIE_OK || err->code == MAGPIE_NOT_FOUND)
      return MAGPIE_OK;
    return err->code;
  default:
    magpie_merge_options_defaults(&merge);
    merge.all = c->version == 1;
    return magpie_merge(ix, &merge, NULL, err);
  }
}

/* The process that is to be killed. */
static void run_writer(const scene *s) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.threads = 1; /* an import commits its lines in their order */
  options.memory_limit = MEMORY;
  options.pack_path = "/nonexistent/packs";
  magpie *ix = NULL;
  magpie_error err = {0};
  magpie_status status = magpie_open(s->index.index, &options, &ix, &err);
  for (unsigned at = 0; status == MAGPIE_OK && at < OPERATIONS_MAX; at++) {
    const change c = draw_change(s->seed, s->round, at);
    err = (magpie_error){0};
    s->said->items = 0;
    s->said->started = at + 1;
    status = do_change(s, ix, &c, &err);
    if (status == MAGPIE_OK) s->said->finished = at + 1;
  }
  if (status != MAGPIE_OK) {
    snprintf(s->said->why, sizeof s->said->why, "%s", err.message);
    s->said->failed = 1;
  }
  _exit(0);
}

/* ---- what should be there ---- */

static void expect_change(scene *s, const change *c, unsigned count) {
  for (unsigned i = 0; i < count && c->verb != CHANGE_MERGE; i++)
    s->versions[(c->first + i) % KEYS] = c->verb == CHANGE_REMOVE ? 0 : c->version;
}

/* How many records of a change that was cut short are new? They are the first ones. */
static unsigned count_new(const scene *s, const change *c, const unsigned *found) {
  unsigned count = 0;
  if (c->verb == CHANGE_MERGE) return 0;
  const unsigned version = c->verb == CHANGE_REMOVE ? 0 : c->version;
  while (count < c->count && found[(c->first + count) % KEYS] == version) count++;
  for (unsigned i = count; i < c->count; i++) {
    const unsigned key = (c->first + i) % KEYS;
    if (found[key] != s->versions[key])
      fail_msg("round %u: r%u is in version %u, expected %u: of %u records %u were new before it",
               s->round, key, found[key], s->versions[key], c->count, count);
  }
  return count;
}

static void settle_last(scene *s, const change *c, const unsigned *found) {
  const unsigned count = count_new(s, c, found);
  if (c->verb != CHANGE_IMPORT && count > 0 && count < c->count)
    fail_msg("round %u: %u of %u records of one commit are there", s->round, count, c->count);
  if (c->verb == CHANGE_IMPORT && count < s->said->items)
    fail_msg("round %u: %u records of an import are there, %llu were acknowledged", s->round, count,
             (unsigned long long)s->said->items);
  s->commits += c->verb == CHANGE_IMPORT && s->said->items > 0;
  expect_change(s, c, count);
}

/* ---- what is there ---- */

/* A stored vector against that of a record's version. */
static void check_vector(const scene *s, const mgp_snapshot *snap, uint64_t number, unsigned key,
                         unsigned version) {
  float expected[SMALL_DIM];
  record_vector(key, version, expected);
  for (size_t i = 0; i < mgp_snapshot_segment_count(snap); i++) {
    const mgp_segment_view *v = mgp_snapshot_segment(snap, i);
    if (!mgp_text_equal(v->space, MGP_VECTORS_SPACE)) continue;
    mgp_dense_view view = {
        .count = (size_t)v->count, .dim = SMALL_DIM, .stride = mgp_dense_stride(SMALL_DIM)};
    for (size_t j = 0; j < v->section_count; j++) {
      if (v->sections[j].kind == MGP_SECTION_IDS) view.ids = v->sections[j].data;
      if (v->sections[j].kind == MGP_SECTION_VECTORS_F32) view.rows = v->sections[j].data;
    }
    const float *row = mgp_dense_find(&view, 1, number);
    if (row && memcmp(row, expected, sizeof expected) == 0) return;
    if (row)
      fail_msg("round %u: r%u has another vector than that of version %u", s->round, key, version);
  }
  fail_msg("round %u: r%u has no vector", s->round, key);
}

/* The version of a record, from its text; 0: absent. */
static unsigned read_version(const scene *s, magpie *ix, const mgp_snapshot *snap, unsigned key,
                             mgp_arena *arena) {
  char id[24];
  uint64_t number = 0;
  magpie_error err = {0};
  snprintf(id, sizeof id, "r%u#1", key);
  if (mgp_store_item_find(ix->store, id, &number, &err) != MAGPIE_OK)
    fail_msg("round %u: %s", s->round, err.message);
  if (number == 0) return 0;
  mgp_item item;
  if (mgp_store_item_get(ix->store, number, arena, &item, NULL, &err) != MAGPIE_OK)
    fail_msg("round %u: %s", s->round, err.message);
  unsigned named = 0, version = 0;
  if (sscanf(item.text, "Record %u as of version %u.", &named, &version) != 2 || named != key)
    fail_msg("round %u: %s holds \"%s\"", s->round, id, item.text);
  if (mgp_snapshot_kind(snap, number) == 0) fail_msg("round %u: %s is dead", s->round, id);
  check_vector(s, snap, number, key, version);
  return version;
}

static void read_all(const scene *s, magpie *ix, unsigned found[KEYS]) {
  mgp_snapshot *snap = NULL;
  magpie_error err = {0};
  mgp_arena *arena = mgp_arena_create(NULL);
  if (mgp_snapshot_get(ix->store, &snap, &err) != MAGPIE_OK)
    fail_msg("round %u: %s", s->round, err.message);
  assert_null(mgp_snapshot_damage(snap, 0));
  uint64_t living = 0;
  for (unsigned key = 0; key < KEYS; key++) {
    found[key] = read_version(s, ix, snap, key, arena);
    living += found[key] > 0;
    mgp_arena_reset(arena);
  }
  assert_int_equal(mgp_snapshot_item_count(snap), living);
  mgp_arena_destroy(arena);
  mgp_snapshot_release(snap);
}

/* Takes the dead writer's lock, which deletes what it left lying. */
static void take_lock(scene *s, magpie *ix) {
  magpie_error err = {0};
  const double start = mgp_clock_seconds();
  if (mgp_store_lock(ix->store, 0, &err) != MAGPIE_OK)
    fail_msg("round %u: the lock of a killed writer: %s", s->round, err.message);
  const double took = (mgp_clock_seconds() - start) * 1000;
  mgp_store_unlock(ix->store);
  if (took > s->longest_lock_ms) s->longest_lock_ms = took;
  if (took > LOCK_MS_MAX) fail_msg("round %u: the lock took %.0f ms", s->round, took);
}

static void check_index(const scene *s, bool deep, bool is_swept) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = deep;
  char *json = NULL;
  magpie_error err = {0};
  if (magpie_check(s->index.index, &options, &json, &err) != MAGPIE_OK)
    fail_msg("round %u: check: %s", s->round, err.message);
  if (!strstr(json, "\"ok\":true")) fail_msg("round %u: check: %s", s->round, json);
  if (is_swept && !strstr(json, "\"leftovers\":[]"))
    fail_msg("round %u: after the sweep: %s", s->round, json);
  magpie_free(json);
}

/* ---- a round ---- */

static void kill_writer(scene *s, uint64_t *random) {
  memset(s->said, 0, sizeof *s->said);
  fflush(NULL);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) run_writer(s);
  /* short waits are as likely as long ones: 0.1 ms to 500 ms */
  const double wait_ms = 0.1 * pow(5000, (double)random_below(random, 1000) / 1000);
  nanosleep(&(struct timespec){.tv_nsec = (long)(wait_ms * 1e6)}, NULL);
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  if (s->said->failed) fail_msg("round %u: the writer failed: %s", s->round, s->said->why);
}

static void compare(scene *s, const unsigned found[KEYS]) {
  for (unsigned at = 0; at < s->said->finished; at++) {
    const change c = draw_change(s->seed, s->round, at);
    expect_change(s, &c, c.count);
  }
  s->commits += s->said->finished;
  if (s->said->started > s->said->finished) {
    const change c = draw_change(s->seed, s->round, s->said->finished);
    settle_last(s, &c, found);
    s->kills_in[c.verb]++;
  } else s->kills_between++;
  for (unsigned key = 0; key < KEYS; key++)
    if (found[key] != s->versions[key])
      fail_msg("round %u: r%u is in version %u, expected %u (%u changes were acknowledged)",
               s->round, key, found[key], s->versions[key], s->said->finished);
}

static void run_round(scene *s, uint64_t *random) {
  if (s->round % FRESH_EVERY == 0) {
    remove_tree(s->index.index);
    memset(s->versions, 0, sizeof s->versions);
  }
  kill_writer(s, random);
  unsigned found[KEYS];
  magpie *ix = NULL;
  magpie_error err = {0};
  if (small_open(&s->index, false, &ix, &err) != MAGPIE_OK)
    fail_msg("round %u: open: %s", s->round, err.message);
  check_index(s, s->round % DEEP_EVERY == 0, false);
  read_all(s, ix, found);
  compare(s, found);
  take_lock(s, ix);
  check_index(s, false, true);
  magpie_close(&ix);
}

static void index_when_its_writers_are_killed_then_holds_what_was_acknowledged(void **state) {
  (void)state;
  scene *s = calloc(1, sizeof *s);
  const double seconds = (double)number_from_env("MAGPIE_SOAK_SECONDS", 0);
  const uint64_t rounds = number_from_env("MAGPIE_ROUNDS", seconds > 0 ? UINT32_MAX : ROUNDS);
  s->seed = number_from_env("MAGPIE_SEED", SEED);
  printf("fault: killed: seed %llu\n", (unsigned long long)s->seed);
  assert_true(small_setup(&s->index, 1));
  snprintf(s->records, sizeof s->records, "%s/records.jsonl", s->index.folder);
  s->said = mmap(NULL, sizeof *s->said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(s->said != MAP_FAILED);
  uint64_t random = s->seed;
  const double start = mgp_clock_seconds();
  for (; s->round < rounds; s->round++) {
    if (seconds > 0 && mgp_clock_seconds() - start > seconds) break;
    run_round(s, &random);
  }
  printf("fault: killed: %u rounds, %u commits; killed in %u adds, %u imports, %u removals, %u "
         "merges, %u elsewhere; longest wait for the lock %.1f ms\n",
         s->round, s->commits, s->kills_in[CHANGE_ADD], s->kills_in[CHANGE_IMPORT],
         s->kills_in[CHANGE_REMOVE], s->kills_in[CHANGE_MERGE], s->kills_between,
         s->longest_lock_ms);
  assert_true(s->round < ROUNDS || s->commits > s->round);
  munmap(s->said, sizeof *s->said);
  remove_tree(s->index.folder);
  free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(index_when_its_writers_are_killed_then_holds_what_was_acknowledged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
