/* SPDX-License-Identifier: Apache-2.0
 *
 * Large segments for tests: clustered rows, merged so that they have a graph, or clusters where
 * graphs have no room, and what must hold of both.
 */
#ifndef MGP_LARGE_SEGMENTS_H
#define MGP_LARGE_SEGMENTS_H

#include "engine_fixture.h"

#include "engine/merge_extras.h"
#include "magpie/vectors.h"

#define DIM 32
#define CLUSTERS 40
#define ROWS 6000
#define LEAST_ROWS 2000
#define QUERIES 60

static uint64_t chance = 20261123;

static inline float gauss(void) {
  double sum = 0;
  for (int i = 0; i < 8; i++) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    sum += (double)(chance >> 33) / 2147483648.0 - 0.5;
  }
  return (float)sum;
}

/* Row i lies around centre i % CLUSTERS. */
static inline float *make_rows(size_t count) {
  static float centres[CLUSTERS][DIM];
  chance = 20261123;
  for (size_t c = 0; c < CLUSTERS; c++)
    for (size_t j = 0; j < DIM; j++) centres[c][j] = gauss();
  float *rows = malloc(count * DIM * sizeof *rows);
  assert_non_null(rows);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < DIM; j++) rows[i * DIM + j] = centres[i % CLUSTERS][j] + 0.5F * gauss();
  return rows;
}

/* Rows first..first + count - 1 with their number as id. */
static inline void add_rows(magpie *ix, const float *rows, size_t first, size_t count,
                            const char *kind) {
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.first = first;
  options.kind = kind;
  assert_ok(magpie_space_add_vectors(ix, NULL, NULL, rows + first * DIM, count, DIM, &options, NULL,
                                     err));
}

static inline void merge_all(magpie *ix) {
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  assert_ok(magpie_merge(ix, &options, NULL, err));
}

/* `room` for a graph: UINT64_MAX, or less for clusters. */
static inline magpie *open_with(const fixture *f, const float *rows, size_t count, uint64_t room) {
  magpie *ix = NULL;
  *mgp_engine_graph_bytes() = room;
  *mgp_engine_extras_rows() = LEAST_ROWS;
  assert_ok(open_index(f, false, 0, &ix, err));
  for (size_t at = 0; at < count; at += 1500)
    add_rows(ix, rows, at, count - at < 1500 ? count - at : 1500, NULL);
  merge_all(ix);
  return ix;
}

typedef struct asked {
  const char *kinds;
  size_t k;
  bool exact;
} asked;

static inline magpie_result *ask(magpie *ix, const float *vector, asked how) {
  const magpie_part part = {.vector = vector, .vector_dim = DIM, .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  query.k = how.k ? how.k : 10;
  query.kinds = how.kinds;
  query.exact = how.exact;
  query.explain = true;
  magpie_result *result = NULL;
  assert_ok(magpie_search(ix, &query, &result, err));
  return result;
}

static inline bool says(const magpie_result *result, const char *what) {
  char *json = NULL;
  assert_ok(magpie_result_json(result, &json, err));
  const bool found = strstr(json, what) != NULL;
  magpie_free(json);
  return found;
}

static inline size_t common(const magpie_result *a, const magpie_result *b) {
  size_t count = 0;
  for (size_t i = 0; i < magpie_result_count(a); i++)
    for (size_t j = 0; j < magpie_result_count(b); j++)
      count += strcmp(magpie_result_hit(a, i)->id, magpie_result_hit(b, j)->id) == 0;
  return count;
}

/* The share of the true nearest that is found, over queries near rows of one cluster (CLUSTERS: of
 * any); counts answers by another path than `path`. */
static inline double recall_of(magpie *ix, const float *rows, size_t cluster, const char *kinds,
                               const char *path, size_t *others) {
  size_t hits = 0, wanted = 0;
  *others = 0;
  for (size_t q = 0; q < QUERIES; q++) {
    float query[DIM];
    const size_t row = cluster < CLUSTERS ? q * CLUSTERS + cluster : q * 97;
    for (size_t j = 0; j < DIM; j++) query[j] = rows[row * DIM + j] + 0.3F * gauss();
    magpie_result *truth = ask(ix, query, (asked){.kinds = kinds, .exact = true});
    magpie_result *found = ask(ix, query, (asked){.kinds = kinds});
    assert_true(says(truth, "\"path\":\"rows\""));
    *others += !says(found, path);
    assert_int_equal(magpie_result_count(found), magpie_result_count(truth));
    hits += common(truth, found);
    wanted += magpie_result_count(truth);
    magpie_result_destroy(truth);
    magpie_result_destroy(found);
  }
  return wanted ? (double)hits / (double)wanted : 1;
}

/* Kinds by cluster and by chance: "far" are all rows of clusters 20..39, "near" those of cluster 3,
 * "half" and "few" any half and any 30th of the rest. */
static inline magpie *open_kinds(const fixture *f, const float *rows, uint64_t room) {
  magpie *ix = NULL;
  *mgp_engine_graph_bytes() = room;
  *mgp_engine_extras_rows() = LEAST_ROWS;
  assert_ok(open_index(f, false, 0, &ix, err));
  const char *const kinds[] = {"far", "near", "half", "few", "rest"};
  float *some = malloc(ROWS * DIM * sizeof *some);
  uint64_t *numbers = malloc(ROWS * sizeof *numbers);
  assert_true(some && numbers);
  for (size_t kind = 0; kind < 5; kind++) {
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
      const size_t cluster = i % CLUSTERS, draw = i * 2654435761u >> 7;
      const size_t is = cluster >= 20    ? 0
                        : cluster == 3   ? 1
                        : draw % 2 == 0  ? 2
                        : draw % 60 == 1 ? 3
                                         : 4;
      if (is != kind) continue;
      memcpy(some + count * DIM, rows + i * DIM, DIM * sizeof *some);
      numbers[count++] = i;
    }
    magpie_vectors_options options;
    magpie_vectors_options_defaults(&options);
    options.kind = kinds[kind];
    options.numbers = numbers;
    assert_ok(magpie_space_add_vectors(ix, NULL, NULL, some, count, DIM, &options, NULL, err));
  }
  free(some);
  free(numbers);
  merge_all(ix);
  return ix;
}

/* Filters that leave few items find all of them. */
static inline void check_few_items(const fixture *f, uint64_t room) {
  float *rows = make_rows(ROWS);
  magpie *ix = open_kinds(f, rows, room);
  magpie_result *all = ask(ix, rows, (asked){.kinds = "few", .k = 10000, .exact = true});
  magpie_result *found = ask(ix, rows, (asked){.kinds = "few", .k = 10000});
  assert_true(magpie_result_count(all) > 20);
  assert_int_equal(magpie_result_count(found), magpie_result_count(all));
  assert_int_equal(common(found, all), magpie_result_count(all));
  magpie_result_destroy(all);
  magpie_result_destroy(found);
  found = ask(ix, rows, (asked){.kinds = "no-such-kind"});
  assert_int_equal(magpie_result_count(found), 0);
  magpie_result_destroy(found);
  for (size_t k = 1; k <= 4000; k = k * 5 + 1) {
    found = ask(ix, rows, (asked){.kinds = "far", .k = k});
    assert_int_equal(magpie_result_count(found), k < ROWS / 2 ? k : ROWS / 2);
    magpie_result_destroy(found);
  }
  magpie_close(&ix);
  free(rows);
}

/* Removed items are never found, before and after a merge. */
static inline void check_removed_items(const fixture *f, uint64_t room) {
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS, room);
  for (size_t i = 0; i < 400; i++) { /* all of cluster 5, and others */
    char id[24];
    snprintf(id, sizeof id, "%zu", i < 150 ? 5 + i * CLUSTERS : (i - 150) * 23 + 1);
    const magpie_status status = magpie_remove(ix, id, NULL, NULL);
    assert_true(status == MAGPIE_OK || status == MAGPIE_NOT_FOUND);
  }
  for (int round = 0; round < 3; round++) {
    size_t others = 0;
    const double recall = recall_of(ix, rows, round == 0 ? 5 : CLUSTERS, NULL, "\"path\"", &others);
    if (recall < 0.95) fail_msg("recall %.3f in round %d", recall, round);
    magpie_result *found = ask(ix, rows + 5 * DIM, (asked){.k = 100});
    assert_int_equal(magpie_result_count(found), 100);
    for (size_t i = 0; i < 100; i++)
      assert_int_not_equal(atoi(magpie_result_hit(found, i)->id) % CLUSTERS, 5);
    magpie_result_destroy(found);
    if (round == 1) add_rows(ix, rows, 0, 500, NULL); /* cluster 5 is back in part: take it out */
    for (size_t i = 5; round == 1 && i < 500; i += CLUSTERS) {
      char id[24];
      snprintf(id, sizeof id, "%zu", i);
      assert_ok(magpie_remove(ix, id, NULL, err));
    }
    merge_all(ix);
  }
  magpie_close(&ix);
  free(rows);
}

/* Overwrites a byte near the end of the largest file. */
static inline void damage_largest(const fixture *f) {
  char command[600];
  snprintf(command, sizeof command,
           "p=$(ls -S %s/segments/*.seg | head -1); s=$(stat -c %%s $p); "
           "printf 'X' | dd of=$p bs=1 seek=$((s - 5000)) conv=notrunc 2>/dev/null",
           f->index);
  assert_int_equal(system(command), 0);
}

/* What is damaged behind the rows (`section`) costs speed, is told and is repaired; then `path` is
 * used again. */
static inline void check_damage(const fixture *f, uint64_t room, const char *section,
                                const char *path) {
  float *rows = make_rows(ROWS);
  magpie *ix = open_with(f, rows, ROWS, room);
  magpie_close(&ix);
  damage_largest(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  magpie_result *found = ask(ix, rows, (asked){0}), *truth = ask(ix, rows, (asked){.exact = true});
  assert_true(says(found, "\"path\":\"rows\""));
  assert_int_equal(common(found, truth), 10);
  assert_non_null(strstr(magpie_result_warning(found, 0), "compared one by one"));
  magpie_result_destroy(found);
  magpie_result_destroy(truth);
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  assert_ok(magpie_check(f->index, &options, &json, err));
  if (!strstr(json, section) || !strstr(json, "only speed")) fail_msg("%s", json);
  magpie_free(json);
  assert_ok(magpie_repair(ix, NULL, &json, err));
  if (!strstr(json, "\"ok\":true") || !strstr(json, "\"lost\":[]")) fail_msg("%s", json);
  magpie_free(json);
  found = ask(ix, rows, (asked){0});
  assert_true(says(found, path));
  assert_null(magpie_result_warning(found, 0));
  magpie_result_destroy(found);
  magpie_close(&ix);
  free(rows);
}

static volatile int stop;

static inline void stop_while_building(void *context, const magpie_event *event) {
  const uint64_t *vectors = context;
  if (event->bytes_done > *vectors + *vectors / 8) stop = 1;
}

/* A merge that is cancelled behind the rows leaves all as before; the next one makes `path`. */
static inline void check_cancelled_merge(const fixture *f, uint64_t room, const char *path) {
  float *rows = make_rows(4 * ROWS);
  magpie *ix = NULL;
  *mgp_engine_graph_bytes() = room;
  *mgp_engine_extras_rows() = SIZE_MAX;
  assert_ok(open_index(f, false, 0, &ix, err));
  add_rows(ix, rows, 0, 4 * ROWS, NULL);
  *mgp_engine_extras_rows() = LEAST_ROWS;
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  options.cancel = &stop;
  options.progress = stop_while_building;
  uint64_t vectors = 4 * ROWS * DIM * sizeof *rows;
  options.progress_context = &vectors;
  stop = 0;
  assert_int_equal(magpie_merge(ix, &options, NULL, NULL), MAGPIE_CANCELLED);
  magpie_result *found = ask(ix, rows, (asked){0});
  assert_true(says(found, "\"path\":\"rows\""));
  magpie_result_destroy(found);
  merge_all(ix);
  found = ask(ix, rows, (asked){0});
  assert_true(says(found, path));
  magpie_result_destroy(found);
  magpie_close(&ix);
  free(rows);
}

#endif
