/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures: values worked out by hand, cutoffs, levels, missing and unjudged queries, spellings,
 * what is refused.
 */
#include "eval/ranking_measures.h"
#include "ranked_fixture.h"

/* Ranks 1 to 6 have the gains 3, none, 0, 2, -1, 1; one document of gain 2 is not found. */
#define JUDGED "q 0 a 3\nq 0 c 0\nq 0 d 2\nq 0 e -1\nq 0 f 1\nq 0 x 2\n"
#define FOUND "q f 1\nq a 6\nq c 4\nq b 5\nq d 3\nq e 2\n"

static magpie_scores *scores_of(const magpie_qrels *qrels, const magpie_run *run,
                                const char *measure, const magpie_evaluate_options *options) {
  magpie_scores *scores = NULL;
  magpie_error err = {0};
  if (magpie_evaluate(qrels, run, &measure, 1, options, &scores, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  return scores;
}

static void assert_near(const char *what, double value, double expected) {
  if (fabs(value - expected) > 1e-12)
    fail_msg("%s is %.15g, expected %.15g", what, value, expected);
}

static double mean_of(const char *judged, const char *found, const char *measure) {
  magpie_qrels *qrels = qrels_of(judged);
  magpie_run *run = run_of(found);
  magpie_scores *scores = scores_of(qrels, run, measure, NULL);
  const double mean = magpie_scores_mean(scores, 0);
  magpie_scores_destroy(scores);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
  return mean;
}

static void measures_when_small_ranking_then_are_as_by_hand(void **state) {
  (void)state;
  const double l3 = log2(3), l5 = log2(5), l7 = log2(7);
  const double s1 = 7 / 16., s4 = 3 / 16., s6 = 1 / 16.;
  const struct {
    const char *measure;
    double value;
  } cases[] = {
      {"nDCG", (3 + 2 / l5 + 1 / l7) / (3 + 2 / l3 + 1 + 1 / l5)},
      {"nDCG@1", 1},
      {"nDCG@2", 3 / (3 + 2 / l3)},
      {"nDCG@4", (3 + 2 / l5) / (3 + 2 / l3 + 1 + 1 / l5)},
      {"nDCG(gain=exp)@4", (7 + 3 / l5) / (7 + 3 / l3 + 1.5 + 1 / l5)},
      {"P@1", 1},
      {"P@5", 0.4},
      {"P@10", 0.3},
      {"P(rel=2)@10", 0.2},
      {"R@3", 0.25},
      {"R@4", 0.5},
      {"R", 0.75},
      {"R(rel=3)@1", 1},
      {"R(all)@6", 0},
      {"R(all,rel=3)@1", 1},
      {"R(any)@1", 1},
      {"Success@1", 1},
      {"RR", 1},
      {"RR@1", 1},
      {"AP", 0.5},
      {"AP@4", 0.375},
      {"Rprec", 0.5},
      {"RBP(p=0.5)", 0.5 * (1 + 0.125 + 0.03125)},
      {"RBP@1", 0.2},
      {"RBP(p=0.5)@4", 0.5 * (1 + 0.125)},
      {"ERR", s1 + (1 - s1) * s4 / 4 + (1 - s1) * (1 - s4) * s6 / 6},
      {"ERR@4", s1 + (1 - s1) * s4 / 4},
      {"ERR(max=3)@1", 7 / 8.},
      {"Bpref", 0.25},
      {"Judged@5", 0.8},
      {"Judged", 5 / 6.},
      {"Judged@1000", 5 / 6.},
      {"NumRet", 6},
      {"NumRet(rel=2)", 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_near(cases[i].measure, mean_of(JUDGED, FOUND, cases[i].measure), cases[i].value);
}

static void measures_when_first_relevant_is_late_then_rank_counts(void **state) {
  (void)state;
  const char judged[] = "q 0 d 1\nq 0 a 0\nq 0 b 0\n", found[] = "q a 4\nq b 3\nq c 2\nq d 1\n";
  assert_near("RR", mean_of(judged, found, "RR"), 0.25);
  assert_near("RR@3", mean_of(judged, found, "RR@3"), 0);
  assert_near("Success@3", mean_of(judged, found, "Hit@3"), 0);
  assert_near("Success@4", mean_of(judged, found, "Hit@4"), 1);
  assert_near("R(all)@4", mean_of(judged, found, "R(all)@4"), 1);
  assert_near("R(all)@3", mean_of(judged, found, "R(all)@3"), 0);
  /* one relevant, so one of the two judged others counts: 1 - min(2, 1) / min(2, 1) */
  assert_near("Bpref", mean_of(judged, found, "Bpref"), 0);
}

static void measures_when_nothing_relevant_then_are_0(void **state) {
  (void)state;
  const magpie_measure *measure = NULL;
  for (size_t i = 0; (measure = magpie_measure_at(i)) != NULL; i++) {
    if (strcmp(measure->name, "Judged") == 0 || strcmp(measure->name, "NumRet") == 0) continue;
    assert_near(measure->name, mean_of("q 0 a 0\nq 0 b -5\n", "q a 2\nq b 1\n", measure->example),
                0);
  }
}

static void measures_when_run_is_empty_then_are_0(void **state) {
  (void)state;
  const magpie_measure *measure = NULL;
  for (size_t i = 0; (measure = magpie_measure_at(i)) != NULL; i++)
    assert_near(measure->name, mean_of(JUDGED, "", measure->example), 0);
}

static void evaluate_when_queries_differ_then_missing_and_unjudged_are_counted(void **state) {
  (void)state;
  magpie_qrels *qrels = qrels_of("a 0 d 1\nb 0 d 1\nc 0 d 1\nd 0 d 1\n");
  magpie_run *run = run_of("a d 1\nz d 1\nc x 1\n");
  assert_ok(magpie_run_asked(run, "d", 3, NULL));
  magpie_scores *scores = scores_of(qrels, run, "RR", NULL);
  assert_int_equal(magpie_scores_query_count(scores), 4);
  assert_string_equal(magpie_scores_query(scores, 0), "a");
  assert_string_equal(magpie_scores_query(scores, 3), "d");
  assert_null(magpie_scores_query(scores, 4));
  const double *values = magpie_scores_values(scores, 0);
  assert_true(values[0] == 1 && values[1] == 0 && values[2] == 0 && values[3] == 0);
  assert_null(magpie_scores_values(scores, 1));
  assert_int_equal(magpie_scores_missing(scores), 1);
  assert_int_equal(magpie_scores_unjudged(scores), 1);
  assert_near("mean", magpie_scores_mean(scores, 0), 0.25);
  magpie_scores_destroy(scores);
  const magpie_evaluate_options only = {.size = sizeof only, .only_answered = true};
  scores = scores_of(qrels, run, "RR", &only);
  assert_int_equal(magpie_scores_query_count(scores), 4);
  assert_near("mean of the answered", magpie_scores_mean(scores, 0), 1 / 3.);
  magpie_qrels_destroy(qrels); /* scores stand alone */
  magpie_run_destroy(run);
  assert_string_equal(magpie_scores_query(scores, 2), "c");
  magpie_scores_destroy(scores);
}

static void evaluate_when_level_then_lesser_gains_are_not_relevant(void **state) {
  (void)state;
  magpie_qrels *qrels = qrels_of(JUDGED);
  magpie_run *run = run_of(FOUND);
  const magpie_evaluate_options level = {.size = sizeof level, .level = 2};
  const char *const measures[] = {"P@10", "Bpref", "P(rel=1)@10", "nDCG@1", "NumRet"};
  magpie_scores *scores = NULL;
  assert_ok(magpie_evaluate(qrels, run, measures, 5, &level, &scores, NULL));
  assert_near("P", magpie_scores_mean(scores, 0), 0.2);
  /* R 3, N 2: c (gain 0) comes before d (2): 1 + (1 - 1/2), of 3 */
  assert_near("Bpref", magpie_scores_mean(scores, 1), 0.5);
  assert_near("P(rel=1)", magpie_scores_mean(scores, 2), 0.3);
  assert_near("nDCG", magpie_scores_mean(scores, 3), 1);
  assert_near("NumRet", magpie_scores_mean(scores, 4), 6);
  magpie_scores_destroy(scores);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
}

/* A selection of the best few gives what a full ranking gives. */
static void evaluate_when_cutoffs_only_then_equals_full_ranking(void **state) {
  (void)state;
  magpie_qrels *qrels = NULL;
  magpie_run *run = NULL;
  assert_ok(magpie_qrels_create(&qrels, NULL));
  assert_ok(magpie_run_create(&run, NULL));
  uint32_t seed = 3;
  for (int i = 0; i < 3000; i++) {
    char query[16], document[16];
    seed = seed * 1664525u + 1013904223u;
    snprintf(query, sizeof query, "q%d", i % 3);
    snprintf(document, sizeof document, "d%d", i);
    assert_ok(magpie_run_add(run, query, document, seed >> 24, NULL));
    if (seed % 9 == 0) assert_ok(magpie_qrels_add(qrels, query, document, seed % 4, NULL));
  }
  magpie_scores *few = scores_of(qrels, run, "nDCG@20", NULL);
  assert_false(run->items[0].is_ranked);
  const char *const both[] = {"nDCG@20", "AP"};
  magpie_scores *all = NULL;
  assert_ok(magpie_evaluate(qrels, run, both, 2, NULL, &all, NULL));
  assert_true(run->items[0].is_ranked);
  assert_true(magpie_scores_mean(few, 0) > 0);
  assert_memory_equal(magpie_scores_values(few, 0), magpie_scores_values(all, 0),
                      3 * sizeof(double));
  magpie_scores_destroy(few);
  magpie_scores_destroy(all);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
}

static void evaluate_when_argument_is_bad_then_is_invalid(void **state) {
  (void)state;
  magpie_qrels *qrels = qrels_of("q 0 a 5\nq 0 b 61\n");
  magpie_run *run = run_of("q a 1\n");
  magpie_scores *scores = NULL;
  magpie_error err = {0};
  const char *const p = "P@1", *const err20 = "ERR@20", *const exponential = "nDCG(gain=exp)";
  magpie_evaluate_options options = {.size = sizeof options, .level = -1};
  assert_int_equal(magpie_evaluate(qrels, run, &p, 1, &options, &scores, &err), MAGPIE_INVALID);
  options = (magpie_evaluate_options){.size = 4};
  assert_int_equal(magpie_evaluate(qrels, run, &p, 1, &options, &scores, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(NULL, run, &p, 1, NULL, &scores, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(qrels, NULL, &p, 1, NULL, &scores, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(qrels, run, NULL, 1, NULL, &scores, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(qrels, run, &p, 1001, NULL, &scores, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(qrels, run, &p, 1, NULL, NULL, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluate(qrels, run, &err20, 1, NULL, &scores, &err), MAGPIE_INVALID);
  assert_says(&err,
              "document a of query q has the gain 5, more than 4; say the greatest gain as in "
              "ERR(max=7)@20");
  assert_int_equal(magpie_evaluate(qrels, run, &exponential, 1, NULL, &scores, &err),
                   MAGPIE_INVALID);
  assert_says(&err, "has the gain 61, more than 60");
  assert_null(scores);
  assert_ok(magpie_evaluate(qrels, run, NULL, 0, NULL, &scores, &err));
  assert_null(magpie_scores_values(scores, 0));
  magpie_scores_destroy(scores);
  magpie_scores_destroy(NULL);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
}

static void measure_name_when_spelled_any_way_then_is_canonical(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"nDCG@10", "nDCG@10"},
      {"ndcg_cut_10", "nDCG@10"},
      {"ndcg_cut.10", "nDCG@10"},
      {"NDCG", "nDCG"},
      {"ndcg(GAIN=Exp)@5", "nDCG(gain=exp)@5"},
      {"nDCG(dcg='exp-log2')@5", NULL},
      {"nDCG(dcg=exp-log2)@5", "nDCG(gain=exp)@5"},
      {"nDCG(gain=linear)", "nDCG"},
      {"map", "AP"},
      {"MAP@100", "AP@100"},
      {"map_cut_5", "AP@5"},
      {"recip_rank", "RR"},
      {"MRR@10", "RR@10"},
      {"P_5", "P@5"},
      {"p.20", "P@20"},
      {"precision@3", "P@3"},
      {"recall_1000", "R@1000"},
      {"Recall@100", "R@100"},
      {"R(any)@5", "Success@5"},
      {"R(all)@5", "R(all)@5"},
      {" R ( all , rel = 2 ) @ 5 ", "R(all,rel=2)@5"},
      {"hit@1", "Success@1"},
      {"success_5", "Success@5"},
      {"hit_rate@3", "Success@3"},
      {"rprec", "Rprec"},
      {"bpref", "Bpref"},
      {"rbp", "RBP(p=0.8)"},
      {"RBP(p=.95)@10", "RBP(p=0.95)@10"},
      {"RBP(p=0.050000,rel=2)", "RBP(rel=2,p=0.05)"},
      {"err@20", "ERR@20"},
      {"ERR(max=4)@20", "ERR@20"},
      {"ERR(max=2)", "ERR(max=2)"},
      {"num_ret", "NumRet"},
      {"num_rel_ret", "NumRet(rel=1)"},
      {"Judged@10", "Judged@10"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *name = NULL;
    magpie_error err = {0};
    const magpie_status status = magpie_measure_name(cases[i][0], &name, &err);
    if (!cases[i][1]) {
      assert_int_equal(status, MAGPIE_INVALID);
      continue;
    }
    if (status != MAGPIE_OK) fail_msg("%s", err.message);
    assert_string_equal(name, cases[i][1]);
    char *again = NULL;
    assert_ok(magpie_measure_name(name, &again, &err));
    assert_string_equal(again, name);
    magpie_free(again);
    magpie_free(name);
  }
}

static void measure_name_when_wrong_then_says_what_is_expected(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"nDGC@10", "the nearest is nDCG@10"},
      {"sucess@1", "the nearest is Success@1"},
      {"recal@5", "the nearest is R@100"},
      {"mapp", "the nearest is AP"},
      {"", "it has no name"},
      {"@5", "it has no name"},
      {"nDCG@", "after @ comes a number"},
      {"nDCG@0", "after @ comes a number"},
      {"nDCG@ten", "after @ comes a number"},
      {"nDCG@1000000001", "after @ comes a number"},
      {"nDCG@99999999999999999999999", "after @ comes a number"},
      {"nDCG(gain=exp@5", "the brackets do not match"},
      {"nDCG(gain=exp)x@5", "the brackets do not match"},
      {"nDCG(gain=cubic)", "gain is linear or exp"},
      {"nDCG(rel=2)", "it has no such option"},
      {"nDCG(all)", "only R knows"},
      {"R()@5", "an option is written name=value"},
      {"P", "it needs @k"},
      {"R(any)", "it needs @k"},
      {"Rprec@5", "it takes no @k"},
      {"Bpref@5", "it takes no @k"},
      {"RBP(p=1)", "p is a number between 0 and 1"},
      {"RBP(p=1e-9)", "p is a number between 0 and 1"},
      {"RBP(p=x)", "p is a number between 0 and 1"},
      {"P(rel=0)@5", "rel is a number from 1 to 1000000"},
      {"P(rel=1000001)@5", "rel is a number from 1 to 1000000"},
      {"ERR(max=61)", "max is a number from 1 to 60"},
      {"nDCG@10@5", "after @ comes a number"},
  };
  char *name = (char *)1;
  magpie_error err = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(magpie_measure_name(cases[i][0], &name, &err), MAGPIE_INVALID);
    assert_null(name);
    assert_says(&err, cases[i][1]);
  }
  char text[300];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  assert_int_equal(magpie_measure_name(text, &name, &err), MAGPIE_INVALID);
  assert_says(&err, "it is too long");
  text[70] = '\0';
  assert_int_equal(magpie_measure_name(text, &name, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_measure_name(NULL, &name, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_measure_name("P@1", NULL, &err), MAGPIE_INVALID);
}

static void measure_at_when_all_are_listed_then_examples_are_measures(void **state) {
  (void)state;
  size_t count = 0;
  for (const magpie_measure *m = NULL; (m = magpie_measure_at(count)) != NULL; count++) {
    char *name = NULL;
    assert_ok(magpie_measure_name(m->example, &name, NULL));
    assert_string_equal(name, m->example);
    magpie_free(name);
    assert_true(m->higher_is_better && strlen(m->formula) > 10);
    assert_true(strncmp(m->example, m->name, strlen(m->name)) == 0);
  }
  assert_int_equal(count, 13);
}

typedef struct inputs {
  magpie_qrels *qrels;
  magpie_run *run;
} inputs;

static magpie_status evaluate_with(mgp_alloc *a, void *context, magpie_error *err) {
  const inputs *in = context;
  const char *const measures[] = {"nDCG@10", "AP"};
  magpie_scores *scores = NULL;
  const magpie_status status =
      mgp_evaluate_in(a, in->qrels, in->run, measures, 2, NULL, &scores, err);
  assert_true((status == MAGPIE_OK) == (scores != NULL));
  magpie_scores_destroy(scores);
  return status;
}

static void evaluate_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  inputs in = {.qrels = qrels_of(JUDGED), .run = run_of(FOUND)};
  each_allocation_fails(evaluate_with, &in);
  magpie_qrels_destroy(in.qrels);
  magpie_run_destroy(in.run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(measures_when_small_ranking_then_are_as_by_hand),
      cmocka_unit_test(measures_when_first_relevant_is_late_then_rank_counts),
      cmocka_unit_test(measures_when_nothing_relevant_then_are_0),
      cmocka_unit_test(measures_when_run_is_empty_then_are_0),
      cmocka_unit_test(evaluate_when_queries_differ_then_missing_and_unjudged_are_counted),
      cmocka_unit_test(evaluate_when_level_then_lesser_gains_are_not_relevant),
      cmocka_unit_test(evaluate_when_cutoffs_only_then_equals_full_ranking),
      cmocka_unit_test(evaluate_when_argument_is_bad_then_is_invalid),
      cmocka_unit_test(measure_name_when_spelled_any_way_then_is_canonical),
      cmocka_unit_test(measure_name_when_wrong_then_says_what_is_expected),
      cmocka_unit_test(measure_at_when_all_are_listed_then_examples_are_measures),
      cmocka_unit_test(evaluate_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
