/* SPDX-License-Identifier: Apache-2.0
 *
 * One handle searched from four threads: alone, over a graph, and while another handle adds,
 * removes and merges. To be run under the thread sanitizer, too.
 */
#include "engine_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "engine/merge_extras.h"
#include "magpie/vectors.h"

#define THREADS 4
#define ROUNDS 12

typedef struct searcher {
  pthread_t thread;
  magpie *ix;
  const atomic_int *stop; /* NULL: 50 searches */
  size_t searches, fewest, most;
  bool went_back; /* a later answer was of an earlier generation */
  magpie_error err;
} searcher;

static void *keep_searching(void *context) {
  searcher *s = context;
  uint64_t last = 0;
  s->fewest = SIZE_MAX;
  while (s->err.code == MAGPIE_OK && (s->stop ? !atomic_load(s->stop) : s->searches < 50)) {
    magpie_result *result = NULL;
    if (search_text(s->ix, "boats", &result, &s->err) != MAGPIE_OK) break;
    const size_t count = magpie_result_count(result);
    if (count < s->fewest) s->fewest = count;
    if (count > s->most) s->most = count;
    if (magpie_result_generation(result) < last) s->went_back = true;
    last = magpie_result_generation(result);
    magpie_result_destroy(result);
    s->searches++;
  }
  return NULL;
}

static void start(searcher *searchers, magpie *ix, const atomic_int *stop) {
  for (size_t i = 0; i < THREADS; i++) {
    searchers[i] = (searcher){.ix = ix, .stop = stop};
    assert_int_equal(pthread_create(&searchers[i].thread, NULL, keep_searching, &searchers[i]), 0);
  }
}

static void join(searcher *searchers) {
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(searchers[i].thread, NULL), 0);
    if (searchers[i].err.code) fail_msg("thread %zu: %s", i, searchers[i].err.message);
    assert_false(searchers[i].went_back);
    assert_true(searchers[i].searches > 0);
  }
}

static void search_when_four_threads_ask_then_all_get_the_same(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  searcher searchers[THREADS];
  write_birds(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", NULL, err));
  start(searchers, ix, NULL);
  join(searchers);
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(searchers[i].fewest, 2);
    assert_int_equal(searchers[i].most, 2);
  }
  magpie_close(&ix);
}

/* Each round adds a file and renames one; the last removes them all again. */
static void write_rounds(fixture *f, magpie *writer) {
  char name[64], other[64];
  for (int i = 0; i < ROUNDS; i++) {
    snprintf(name, sizeof name, "files/boats%d.txt", i);
    snprintf(other, sizeof other, "files/ships%d.txt", i - 1);
    write_text(f, name, "More boats.");
    if (i > 0) {
      char before[64];
      snprintf(before, sizeof before, "files/boats%d.txt", i - 1);
      assert_int_equal(rename(path_in(f, before), path_in(f, other)), 0);
    }
    assert_ok(add_folder(f, writer, "files", NULL, err));
  }
  assert_ok(magpie_remove(writer, path_in(f, "files"), NULL, err));
}

static void search_when_another_handle_writes_then_answers_go_on(void **state) {
  fixture *f = *state;
  magpie *reader = NULL, *writer = NULL;
  searcher searchers[THREADS];
  atomic_int stop = 0;
  write_birds(f);
  assert_ok(open_index(f, false, 0, &writer, err));
  assert_ok(add_folder(f, writer, "files", NULL, err));
  assert_ok(open_index(f, true, 0, &reader, err));
  start(searchers, reader, &stop);
  write_rounds(f, writer);
  atomic_store(&stop, 1);
  join(searchers);
  size_t most = 0;
  for (size_t i = 0; i < THREADS; i++) {
    if (searchers[i].most > most) most = searchers[i].most;
  }
  assert_true(most > 2 && most <= 2 + ROUNDS);
  assert_int_equal(count_hits(reader, "boats"), 0);
  magpie_close(&writer);
  magpie_close(&reader);
}

/* ---- records that are replaced, removed and merged ---- */

#define RECORDS 40
#define GROUPS 4 /* the records of a group are replaced in one commit */
#define REPLACEMENTS 60

typedef struct watcher {
  pthread_t thread;
  magpie *ix;
  const atomic_int *stop;
  size_t answers;
  char why[256]; /* "": all is well */
} watcher;

static void note_answer(watcher *w, const magpie_result *result) {
  const size_t count = magpie_result_count(result);
  int versions[GROUPS] = {0};
  if (count != RECORDS && count != RECORDS - 1)
    snprintf(w->why, sizeof w->why, "%zu hits in generation %llu", count,
             (unsigned long long)magpie_result_generation(result));
  for (size_t i = 0; i < count; i++) {
    const magpie_hit *h = magpie_result_hit(result, i);
    int key = 0, version = 0;
    if (sscanf(h->text, "Boats %d in version %d", &key, &version) != 2)
      snprintf(w->why, sizeof w->why, "a hit is \"%s\"", h->text);
    int *seen = &versions[key % GROUPS];
    if (*seen && *seen != version)
      snprintf(w->why, sizeof w->why, "versions %d and %d of one commit in generation %llu", *seen,
               version, (unsigned long long)magpie_result_generation(result));
    *seen = version;
  }
  w->answers++;
}

static void *watch(void *context) {
  watcher *w = context;
  while (!w->why[0] && !atomic_load(w->stop)) {
    magpie_result *result = NULL;
    magpie_error err = {0};
    if (search_text(w->ix, "boats", &result, &err) != MAGPIE_OK)
      snprintf(w->why, sizeof w->why, "%.200s", err.message);
    else note_answer(w, result);
    magpie_result_destroy(result);
  }
  return NULL;
}

static void replace_group(magpie *ix, int group, int version) {
  magpie_record records[RECORDS / GROUPS];
  char ids[RECORDS / GROUPS][16], texts[RECORDS / GROUPS][48];
  for (int i = 0; i < RECORDS / GROUPS; i++) {
    const int key = i * GROUPS + group;
    snprintf(ids[i], sizeof ids[i], "b%d", key);
    snprintf(texts[i], sizeof texts[i], "Boats %d in version %d", key, version);
    records[i] = (magpie_record){.id = ids[i], .text = texts[i]};
  }
  assert_ok(magpie_add_records(ix, records, RECORDS / GROUPS, NULL, NULL, err));
}

static void replace_and_merge(magpie *ix) {
  magpie_merge_options all;
  magpie_merge_options_defaults(&all);
  all.all = true;
  for (int i = 0; i < REPLACEMENTS; i++) {
    if (i % 5 == 0) { /* one is away for a moment */
      char id[16];
      snprintf(id, sizeof id, "b%d", i % GROUPS);
      assert_ok(magpie_remove(ix, id, NULL, err));
    }
    replace_group(ix, i % GROUPS, i + 2);
    if (i % 7 == 0) assert_ok(magpie_merge(ix, &all, NULL, err));
  }
}

static void
search_when_records_are_replaced_and_merged_then_no_commit_is_seen_in_half(void **state) {
  fixture *f = *state;
  magpie *reader = NULL, *writer = NULL;
  watcher watchers[THREADS];
  atomic_int stop = 0;
  assert_ok(open_index(f, false, 0, &writer, err));
  for (int group = 0; group < GROUPS; group++) replace_group(writer, group, 1);
  assert_ok(open_index(f, true, 0, &reader, err));
  for (size_t i = 0; i < THREADS; i++) {
    watchers[i] = (watcher){.ix = reader, .stop = &stop};
    assert_int_equal(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
  }
  replace_and_merge(writer);
  atomic_store(&stop, 1);
  for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(watchers[i].thread, NULL), 0);
  for (size_t i = 0; i < THREADS; i++) {
    if (watchers[i].why[0]) fail_msg("thread %zu: %s", i, watchers[i].why);
    assert_true(watchers[i].answers > 0);
  }
  magpie_close(&writer);
  magpie_close(&reader);
}

/* So many items that other threads commit between a file's items and its end. */
static void add_when_many_files_are_renamed_then_all_items_stay(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  magpie_report report = {0}, moved = {0};
  char name[64], other[64], text[32 * 1024];
  assert_ok(mgp_directory_make(path_in(f, "files"), err));
  for (int i = 0; i < 120; i++) {
    size_t size = (size_t)snprintf(text, sizeof text, "# File %d\n", i);
    for (int j = 0; j < 45; j++)
      size +=
          (size_t)snprintf(text + size, sizeof text - size, "\n## Part %d\n\nBoats %d.\n", j, i);
    snprintf(name, sizeof name, "files/before%d.md", i);
    write_text(f, name, text);
  }
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", &report, err));
  assert_true(report.items_added > 4096);
  for (int i = 0; i < 120; i++) {
    snprintf(name, sizeof name, "files/before%d.md", i);
    snprintf(other, sizeof other, "files/after%d.md", i);
    assert_int_equal(rename(path_in(f, name), path_in(f, other)), 0);
  }
  assert_ok(add_folder(f, ix, "files", &moved, err));
  assert_int_equal(moved.files_moved, 120);
  assert_int_equal(moved.files_added + moved.files_removed + moved.items_added, 0);
  assert_true(moved.generation > report.generation + 1); /* it took two commits or more */
  char *json = NULL, expected[64];
  assert_ok(magpie_describe(ix, &json, err));
  snprintf(expected, sizeof expected, "{\"passage\":%llu}", (unsigned long long)report.items_added);
  assert_non_null(strstr(json, expected));
  magpie_free(json);
  magpie_close(&ix);
}

/* ---- a graph ---- */

#define GRAPH_ROWS 600
#define GRAPH_DIM 16

typedef struct walker {
  pthread_t thread;
  magpie *ix;
  const float *rows;
  size_t strangers; /* rows that are not their own nearest */
  bool is_walked;   /* the graph was used */
  magpie_error err;
} walker;

static void *walk_to_each_row(void *context) {
  walker *w = context;
  for (size_t row = 0; row < GRAPH_ROWS && w->err.code == MAGPIE_OK; row += 7) {
    const magpie_part part = {
        .vector = w->rows + row * GRAPH_DIM, .vector_dim = GRAPH_DIM, .weight = 1};
    magpie_query query;
    magpie_query_defaults(&query);
    query.parts = &part;
    query.part_count = 1;
    query.k = 3;
    query.explain = true;
    magpie_result *result = NULL;
    char name[24], *json = NULL;
    if (magpie_search(w->ix, &query, &result, &w->err) != MAGPIE_OK) break;
    snprintf(name, sizeof name, "%zu", row);
    w->strangers += strcmp(magpie_result_hit(result, 0)->id, name) != 0;
    if (magpie_result_json(result, &json, &w->err) == MAGPIE_OK)
      w->is_walked = strstr(json, "\"path\":\"graph\"") != NULL;
    magpie_free(json);
    magpie_result_destroy(result);
  }
  return NULL;
}

static void search_when_four_threads_walk_a_graph_then_each_finds_its_rows(void **state) {
  fixture *f = *state;
  magpie *ix = NULL;
  walker walkers[THREADS];
  static float rows[GRAPH_ROWS * GRAPH_DIM];
  uint64_t chance = 7;
  for (size_t i = 0; i < GRAPH_ROWS * GRAPH_DIM; i++) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    rows[i] = (float)(chance >> 40) / 8388608.0F - 1;
  }
  const size_t usual = *mgp_engine_extras_rows();
  *mgp_engine_extras_rows() = GRAPH_ROWS / 2;
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, rows, GRAPH_ROWS, GRAPH_DIM, NULL, NULL, err));
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  assert_ok(magpie_merge(ix, &options, NULL, err));
  for (size_t i = 0; i < THREADS; i++) {
    walkers[i] = (walker){.ix = ix, .rows = rows};
    assert_int_equal(pthread_create(&walkers[i].thread, NULL, walk_to_each_row, &walkers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(walkers[i].thread, NULL), 0);
    if (walkers[i].err.code) fail_msg("thread %zu: %s", i, walkers[i].err.message);
    assert_true(walkers[i].is_walked);
    assert_int_equal(walkers[i].strangers, 0);
  }
  magpie_close(&ix);
  *mgp_engine_extras_rows() = usual;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(add_when_many_files_are_renamed_then_all_items_stay),
      store_test(search_when_four_threads_ask_then_all_get_the_same),
      store_test(search_when_another_handle_writes_then_answers_go_on),
      store_test(search_when_four_threads_walk_a_graph_then_each_finds_its_rows),
      store_test(search_when_records_are_replaced_and_merged_then_no_commit_is_seen_in_half)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
