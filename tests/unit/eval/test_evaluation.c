/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluations by values that can be worked out by hand: means, comparisons, Holm, percentiles,
 * verdicts, and what is refused. tests/reference/test_report_page.py has random ones.
 */
#include "evaluation_fixture.h"

static const int first[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int second[40] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
                               2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
static const int mixed[40] = {2, 1, 1, 1, 4, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static double number(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  if (!json_is_number(value)) fail_msg("%s is not a number", name);
  return json_number_value(value);
}

static void assert_near(double value, double wanted) {
  if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%.17g is not %.17g", value, wanted);
}

static const json_t *member(const json_t *root, const char *list, size_t i) {
  const json_t *value = json_array_get(json_object_get(root, list), i);
  if (!value) fail_msg("%s has no member %zu", list, i);
  return value;
}

static void assert_sentence(const json_t *root, const char *part) {
  char *all = json_dumps(json_object_get(root, "verdict"), 0);
  if (!strstr(all, part)) fail_msg("%s does not say \"%s\"", all, part);
  free(all);
}

static void json_when_one_is_better_then_said_with_figures(void **state) {
  (void)state;
  const made_system systems[] = {{"base", second}, {"new", first}, {"same", second}};
  char *text = made_json(40, systems, 3, true);
  json_t *root = parsed(text);
  const json_t *better = member(root, "comparisons", 0), *same = member(root, "comparisons", 1);
  assert_near(number(better, "difference"), 0.5);
  assert_near(number(better, "low"), 0.5);
  assert_int_equal(json_integer_value(json_object_get(better, "wins")), 40);
  assert_int_equal(json_array_size(json_object_get(better, "changed")), 10);
  assert_near(number(better, "p_holm"), 2 * number(better, "p"));
  assert_true(json_is_true(json_object_get(better, "significant")));
  assert_near(number(same, "p_holm"), 1);
  assert_int_equal(json_integer_value(json_object_get(same, "ties")), 40);
  assert_int_equal(json_array_size(json_object_get(same, "changed")), 0);
  assert_sentence(root, "new is better than base in RR@10: +0.500 [0.500, 0.500], p < 0.0001 (Holm "
                        "0.0002).");
  assert_sentence(root, "same and base are equal in RR@10 on every query.");
  assert_sentence(root, "No significant difference between new and base in R@2.");
  json_decref(root);
  magpie_free(text);
}

static void json_when_values_known_then_means_and_changed_queries(void **state) {
  (void)state;
  const made_system systems[] = {{"base", first}, {"new", mixed}};
  char *text = made_json(40, systems, 2, false);
  json_t *root = parsed(text);
  const json_t *score =
      json_object_get(json_object_get(member(root, "systems", 1), "scores"), "RR@10");
  assert_near(number(score, "mean"), (37 + 0.5 + 0.25) / 40);
  const json_t *c = member(root, "comparisons", 0);
  assert_int_equal(json_integer_value(json_object_get(c, "losses")), 3);
  assert_near(number(c, "p"), 2.0 / 8); /* three differences of one sign */
  const json_t *changed = json_object_get(c, "changed");
  assert_int_equal(json_array_size(changed), 3);
  assert_string_equal(mgp_json_text(json_array_get(changed, 0), "query", ""), "q5");
  assert_string_equal(mgp_json_text(json_array_get(changed, 1), "query", ""), "q4");
  assert_near(number(json_array_get(changed, 1), "system"), 0.25);
  assert_sentence(root, "No significant difference between new and base in RR@10: -0.");
  assert_true(json_is_null(json_object_get(member(root, "systems", 0), "latency")));
  json_decref(root);
  magpie_free(text);
}

static void json_when_timed_then_nearest_rank_percentiles(void **state) {
  (void)state;
  const made_system systems[] = {{"only", first}};
  char *text = made_json(20, systems, 1, true);
  json_t *root = parsed(text);
  const json_t *latency = json_object_get(member(root, "systems", 0), "latency");
  assert_near(number(latency, "p50_ms"), 10); /* of 1 to 20 */
  assert_near(number(latency, "p95_ms"), 19);
  assert_near(number(latency, "p99_ms"), 20);
  assert_near(number(latency, "queries_per_s"), 1000.0 * 20 / 210);
  assert_sentence(root, "only reaches RR@10 1.000 [1.000, 1.000]; there is no other system");
  assert_sentence(root, "Only 20 queries");
  json_decref(root);
  magpie_free(text);
}

static void verdict_when_few_queries_then_says_what_cannot_be_seen(void **state) {
  (void)state;
  const made_system systems[] = {{"base", second}, {"new", first}};
  char *text = made_json(4, systems, 2, false);
  json_t *root = parsed(text);
  assert_sentence(root, "Only 4 queries: no difference can be significant at 0.05 with so few (the "
                        "least p possible is 0.125).");
  assert_near(number(member(root, "comparisons", 0), "p"), 0.125);
  json_decref(root);
  magpie_free(text);
}

static void json_when_one_query_then_whole(void **state) {
  (void)state;
  const made_system systems[] = {{"base", second}, {"new", first}};
  char *text = made_json(1, systems, 2, true);
  json_t *root = parsed(text);
  const json_t *c = member(root, "comparisons", 0);
  assert_true(json_is_null(json_object_get(c, "p_t")));
  assert_near(number(c, "p"), 1);
  assert_sentence(root, "Only 1 query");
  json_decref(root);
  magpie_free(text);
}

static void json_when_only_answered_then_missing_is_left_out_of_pairs(void **state) {
  (void)state;
  magpie_qrels *qrels = made_qrels(40);
  magpie_run *all = made_run(second, 40, false), *few = made_run(first, 35, false);
  magpie_evaluation *e = NULL;
  const magpie_evaluation_options options = {.size = sizeof options, .only_answered = true};
  assert_ok(magpie_evaluation_create(qrels, &options, &e, NULL));
  assert_ok(magpie_evaluation_add(e, "all", all, "{\"k\":1}", NULL, NULL));
  assert_ok(magpie_evaluation_add(e, "few", few, NULL, "{\"exact_recall\":0.5}", NULL));
  char *text = json_of(e);
  json_t *root = parsed(text);
  const json_t *system = member(root, "systems", 1);
  const json_t *score = json_object_get(json_object_get(system, "scores"), "RR@10");
  assert_near(number(score, "mean"), 1);
  assert_near(number(score, "n"), 35);
  assert_true(json_is_null(json_array_get(json_object_get(score, "values"), 39)));
  assert_near(number(member(root, "comparisons", 0), "n"), 35);
  assert_near(number(system, "exact_recall"), 0.5);
  assert_sentence(root, "few did not answer 5 of 40 judged queries; they are left out.");
  json_decref(root);
  magpie_free(text);
  magpie_evaluation_destroy(e);
  magpie_run_destroy(all);
  magpie_run_destroy(few);
  magpie_qrels_destroy(qrels);
}

static void confusion_when_described_then_counts_by_modality_and_kind(void **state) {
  (void)state;
  const made_system systems[] = {{"base", first}};
  magpie_evaluation *e = made_evaluation(3, systems, 1, false);
  assert_ok(magpie_evaluation_describe_query(e, "q0", "a red bus", "image", NULL));
  assert_ok(magpie_evaluation_describe_query(e, "nobody", "judged it", "text", NULL));
  assert_ok(magpie_evaluation_describe_document(e, "r", "bus", "page", NULL));
  assert_int_equal(magpie_evaluation_describe_document(e, "r", "bus", "page", NULL),
                   MAGPIE_INVALID);
  char *text = json_of(e);
  json_t *root = parsed(text);
  char *confusion = json_dumps(json_object_get(member(root, "systems", 0), "confusion"), 0);
  assert_string_equal(confusion, "{\"rows\": [\"image\", \"unknown\"], \"columns\": [\"page\", "
                                 "\"unknown\"], \"counts\": [[1, 3], [2, 6]]}");
  free(confusion);
  char *documents = json_dumps(json_object_get(root, "documents"), 0);
  assert_string_equal(documents, "{\"r\": {\"title\": \"bus\", \"kind\": \"page\"}}");
  free(documents);
  json_decref(root);
  magpie_free(text);
  magpie_evaluation_destroy(e);
}

static void add_when_wrong_then_refused_and_nothing_changes(void **state) {
  (void)state;
  const made_system systems[] = {{"base", first}};
  magpie_evaluation *e = made_evaluation(3, systems, 1, false);
  magpie_run *run = made_run(first, 3, false);
  magpie_error err = {0};
  assert_int_equal(magpie_evaluation_add(e, "base", run, NULL, NULL, &err), MAGPIE_INVALID);
  assert_says(&err, "there is a system base already");
  assert_int_equal(magpie_evaluation_add(e, "a\nb", run, NULL, NULL, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluation_add(e, "x", run, "[1]", NULL, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_evaluation_add(e, "x", run, "{", NULL, &err), MAGPIE_FORMAT);
  assert_ok(magpie_evaluation_add(e, "x", run, NULL, "{\"scores\":1}", &err));
  char *text = NULL;
  assert_int_equal(magpie_evaluation_json(e, &text, &err), MAGPIE_INVALID);
  assert_says(&err, "\"scores\" added to the system x is there already");
  assert_null(text);
  magpie_run_destroy(run);
  magpie_evaluation_destroy(e);
}

static void create_when_options_wrong_then_refused(void **state) {
  (void)state;
  static const char *const twice[] = {"map", "AP"};
  magpie_qrels *qrels = made_qrels(2), *none = NULL;
  magpie_evaluation *e = NULL;
  magpie_error err = {0};
  assert_ok(magpie_qrels_create(&none, NULL));
  assert_int_equal(magpie_evaluation_create(none, NULL, &e, &err), MAGPIE_INVALID);
  assert_says(&err, "no judged query");
  magpie_evaluation_options o = {.size = sizeof o, .measures = twice, .measure_count = 2};
  assert_int_equal(magpie_evaluation_create(qrels, &o, &e, &err), MAGPIE_INVALID);
  assert_says(&err, "AP comes twice");
  o = (magpie_evaluation_options){.size = sizeof o, .alpha = 1};
  assert_int_equal(magpie_evaluation_create(qrels, &o, &e, &err), MAGPIE_INVALID);
  o = (magpie_evaluation_options){.size = sizeof o, .rounds = 5};
  assert_int_equal(magpie_evaluation_create(qrels, &o, &e, &err), MAGPIE_INVALID);
  o = (magpie_evaluation_options){.size = 1};
  assert_int_equal(magpie_evaluation_create(qrels, &o, &e, &err), MAGPIE_INVALID);
  assert_null(e);
  magpie_qrels_destroy(none);
  magpie_qrels_destroy(qrels);
}

static void json_when_baseline_unknown_then_refused(void **state) {
  (void)state;
  magpie_qrels *qrels = made_qrels(2);
  magpie_run *run = made_run(first, 2, false);
  magpie_evaluation *e = NULL;
  magpie_error err = {0};
  char *text = NULL;
  const magpie_evaluation_options o = {.size = sizeof o, .baseline = "bm25"};
  assert_ok(magpie_evaluation_create(qrels, &o, &e, &err));
  assert_int_equal(magpie_evaluation_json(e, &text, &err), MAGPIE_INVALID);
  assert_says(&err, "without any system");
  assert_ok(magpie_evaluation_add(e, "dense", run, NULL, NULL, &err));
  assert_int_equal(magpie_evaluation_json(e, &text, &err), MAGPIE_INVALID);
  assert_says(&err, "no system is called bm25, the baseline; the first is dense");
  magpie_evaluation_destroy(e);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
}

static void table_when_narrow_then_blocks_and_no_escapes(void **state) {
  (void)state;
  const made_system systems[] = {{"base", second}, {"\xC2\x9B[31mnew", first}};
  char *json = made_json(40, systems, 2, true), *text = NULL;
  assert_ok(magpie_evaluation_table(json, 0, false, &text, NULL));
  assert_non_null(strstr(text, "\xEF\xBF\xBD[31mnew  1.000 [1.000, 1.000] +"));
  assert_null(strchr(text, '\x1b'));
  assert_null(strstr(text, "\xC2\x9B"));
  magpie_free(text);
  assert_ok(magpie_evaluation_table(json, 40, true, &text, NULL));
  assert_non_null(strstr(text, "\x1b[32m1.000 [1.000, 1.000] +\x1b[0m"));
  size_t blocks = 0;
  for (const char *at = text; (at = strstr(at, "system   ")); at++) blocks++;
  assert_int_equal(blocks, 3); /* a measure each, then the times */
  magpie_free(text);
  magpie_free(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_when_one_is_better_then_said_with_figures),
      cmocka_unit_test(json_when_values_known_then_means_and_changed_queries),
      cmocka_unit_test(json_when_timed_then_nearest_rank_percentiles),
      cmocka_unit_test(verdict_when_few_queries_then_says_what_cannot_be_seen),
      cmocka_unit_test(json_when_one_query_then_whole),
      cmocka_unit_test(json_when_only_answered_then_missing_is_left_out_of_pairs),
      cmocka_unit_test(confusion_when_described_then_counts_by_modality_and_kind),
      cmocka_unit_test(add_when_wrong_then_refused_and_nothing_changes),
      cmocka_unit_test(create_when_options_wrong_then_refused),
      cmocka_unit_test(json_when_baseline_unknown_then_refused),
      cmocka_unit_test(table_when_narrow_then_blocks_and_no_escapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
