/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of evaluations, their differences and their pages share: systems made from one
 * value a query, and stored evaluations with one member changed.
 */
#ifndef EVALUATION_FIXTURE_H
#define EVALUATION_FIXTURE_H

#include "ranked_fixture.h"

/* `queries` queries q0, q1, … with the relevant document r. */
static inline magpie_qrels *made_qrels(size_t queries) {
  magpie_qrels *qrels = NULL;
  char query[24];
  assert_ok(magpie_qrels_create(&qrels, NULL));
  for (size_t i = 0; i < queries; i++) {
    snprintf(query, sizeof query, "q%zu", i);
    assert_ok(magpie_qrels_add(qrels, query, "r", 1, NULL));
  }
  return qrels;
}

/* A run that finds r at the rank given for each query (0: not at all); ms counts from 1. */
static inline magpie_run *made_run(const int *ranks, size_t queries, bool is_timed) {
  magpie_run *run = NULL;
  char query[24], document[24];
  assert_ok(magpie_run_create(&run, NULL));
  for (size_t i = 0; i < queries; i++) {
    snprintf(query, sizeof query, "q%zu", i);
    assert_ok(magpie_run_asked(run, query, is_timed ? (double)(i + 1) : -1, NULL));
    for (int rank = 1; rank <= 4; rank++) {
      snprintf(document, sizeof document, "d%d", rank);
      const char *id = rank == ranks[i] ? "r" : document;
      assert_ok(magpie_run_add(run, query, id, 1.0 / rank, NULL));
    }
  }
  return run;
}

typedef struct made_system {
  const char *name;
  const int *ranks;
} made_system;

static const char *const made_measures[] = {"RR@10", "R@2"};

static inline magpie_evaluation *made_evaluation(size_t queries, const made_system *systems,
                                                 size_t count, bool is_timed) {
  magpie_evaluation *evaluation = NULL;
  magpie_error err = {0};
  magpie_qrels *qrels = made_qrels(queries);
  const magpie_evaluation_options options = {
      .size = sizeof options, .measures = made_measures, .measure_count = 2, .name = "made"};
  if (magpie_evaluation_create(qrels, &options, &evaluation, &err)) fail_msg("%s", err.message);
  magpie_qrels_destroy(qrels);
  for (size_t i = 0; i < count; i++) {
    magpie_run *run = made_run(systems[i].ranks, queries, is_timed);
    if (magpie_evaluation_add(evaluation, systems[i].name, run, NULL, NULL, &err))
      fail_msg("%s", err.message);
    magpie_run_destroy(run);
  }
  return evaluation;
}

static inline char *json_of(const magpie_evaluation *evaluation) {
  char *text = NULL;
  magpie_error err = {0};
  if (magpie_evaluation_json(evaluation, &text, &err)) fail_msg("%s", err.message);
  return text;
}

/* magpie_free it. */
static inline char *made_json(size_t queries, const made_system *systems, size_t count,
                              bool is_timed) {
  magpie_evaluation *evaluation = made_evaluation(queries, systems, count, is_timed);
  char *text = json_of(evaluation);
  magpie_evaluation_destroy(evaluation);
  return text;
}

static inline json_t *parsed(const char *text) {
  json_t *root = NULL;
  magpie_error err = {0};
  if (mgp_json_parse("test", text, strlen(text), &root, &err)) fail_msg("%s", err.message);
  return root;
}

/* The text with `from` (which must be there) replaced once by `to`; free() it. */
static inline char *replaced(const char *text, const char *from, const char *to) {
  size_t before = 0;
  while (text[before] && strncmp(text + before, from, strlen(from)) != 0) before++;
  if (!text[before]) fail_msg("\"%s\" is not there", from);
  const size_t size = strlen(text) + strlen(to) + 1;
  char *out = malloc(size);
  assert_non_null(out);
  snprintf(out, size, "%.*s%s%s", (int)before, text, to, text + before + strlen(from));
  return out;
}

#endif
