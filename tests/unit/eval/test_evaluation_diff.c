/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored evaluations compared, and everything that a stored file may have wrong.
 */
#include "evaluation_fixture.h"

#define QUERIES 12

static const int first[QUERIES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int second[QUERIES] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};

static json_t *diff(const char *before, const char *after, bool *fell) {
  char *text = NULL;
  magpie_error err = {0};
  if (magpie_evaluation_diff(before, after, 0, &text, fell, &err)) fail_msg("%s", err.message);
  json_t *root = parsed(text);
  magpie_free(text);
  return root;
}

static void diff_when_a_measure_fell_then_told(void **state) {
  (void)state;
  const made_system old[] = {{"a", first}, {"gone", first}};
  const made_system new[] = {{"a", second}, {"fresh", first}};
  char *before = made_json(QUERIES, old, 2, false), *after = made_json(QUERIES, new, 2, false);
  bool fell = false;
  json_t *root = diff(before, after, &fell);
  assert_true(fell);
  char *sides = json_dumps(json_object_get(root, "fell"), 0);
  assert_string_equal(sides, "[{\"measure\": \"RR@10\", \"system\": \"a\"}]");
  free(sides);
  assert_int_equal(json_array_size(json_object_get(root, "rose")), 0);
  assert_int_equal(json_array_size(json_object_get(root, "comparisons")), 2);
  const json_t *c = json_array_get(json_object_get(root, "comparisons"), 0);
  assert_true(mgp_json_number(c, "before", 0) == 1 && mgp_json_number(c, "after", 0) == 0.5);
  assert_non_null(strstr(mgp_json_text(c, "verdict", ""), "a got worse in RR@10: 1.000 to 0.500"));
  assert_string_equal(json_string_value(json_array_get(json_object_get(root, "only_before"), 0)),
                      "gone");
  assert_string_equal(json_string_value(json_array_get(json_object_get(root, "only_after"), 0)),
                      "fresh");
  json_decref(root);
  root = diff(after, before, &fell);
  assert_false(fell);
  assert_int_equal(json_array_size(json_object_get(root, "rose")), 1);
  json_decref(root);
  magpie_free(before);
  magpie_free(after);
}

static void diff_when_lower_is_better_then_a_rise_is_a_fall(void **state) {
  (void)state;
  const made_system old[] = {{"a", second}}, new[] = {{"a", first}};
  char *before = made_json(QUERIES, old, 1, false), *after = made_json(QUERIES, new, 1, false);
  const char *from = "\"name\":\"RR@10\",\"higher_is_better\":true";
  const char *to = "\"name\":\"RR@10\",\"higher_is_better\":false";
  char *low_before = replaced(before, from, to), *low_after = replaced(after, from, to);
  bool fell = false;
  json_decref(diff(low_before, low_after, &fell));
  assert_true(fell);
  char *text = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_evaluation_diff(before, low_after, 0, &text, &fell, &err),
                   MAGPIE_INVALID);
  assert_says(&err, "do not agree");
  free(low_before);
  free(low_after);
  magpie_free(before);
  magpie_free(after);
}

static void diff_when_queries_are_in_another_order_then_paired_by_id(void **state) {
  (void)state;
  const made_system systems[] = {{"a", first}};
  char *before = made_json(2, systems, 1, false);
  const int ranks[] = {1, 2};
  const made_system mixed[] = {{"a", ranks}};
  char *one = made_json(2, mixed, 1, false);
  char *half = replaced(one, "{\"id\":\"q0\"", "{\"id\":\"qx\"");
  char *other = replaced(half, "{\"id\":\"q1\"", "{\"id\":\"q0\"");
  char *swapped = replaced(other, "{\"id\":\"qx\"", "{\"id\":\"q1\"");
  bool fell = true;
  json_t *root = diff(before, swapped, &fell);
  const json_t *c = json_array_get(json_object_get(root, "comparisons"), 0);
  const json_t *changed = json_array_get(json_object_get(c, "changed"), 0);
  assert_string_equal(mgp_json_text(changed, "query", ""), "q0");
  assert_false(fell);
  json_decref(root);
  char *text = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_evaluation_diff(before, half, 0, &text, &fell, &err), MAGPIE_INVALID);
  assert_says(&err, "qx is only in the second one");
  free(half);
  free(other);
  free(swapped);
  magpie_free(one);
  magpie_free(before);
}

static void diff_when_nothing_in_common_then_refused(void **state) {
  (void)state;
  const made_system old[] = {{"a", first}}, new[] = {{"b", first}};
  char *before = made_json(2, old, 1, false), *after = made_json(2, new, 1, false);
  char *text = NULL;
  bool fell = true;
  magpie_error err = {0};
  assert_int_equal(magpie_evaluation_diff(before, after, 0, &text, &fell, &err), MAGPIE_INVALID);
  assert_says(&err, "no system of the same name");
  assert_int_equal(magpie_evaluation_diff(before, after, 1.5, &text, &fell, &err), MAGPIE_INVALID);
  assert_null(text);
  assert_false(fell);
  magpie_free(before);
  magpie_free(after);
}

/* One thing wrong each: what stands there, what it becomes, and what the error says. */
static void read_when_a_member_is_wrong_then_its_place_is_named(void **state) {
  (void)state;
  static const char *const wrong[][3] = {
      {"\"mgeval\"", "\"other\"", "format"},
      {"\"version\":1", "\"version\":\"1\"", "version"},
      {"\"alpha\":0.05", "\"alpha\":5", "settings.alpha"},
      {"\"confidence\":0.95", "\"confidence\":[]", "settings.confidence"},
      {"\"baseline\":\"a\",\"alpha\"", "\"baseline\":\"z\",\"alpha\"", "settings.baseline"},
      {"\"name\":\"R@2\"", "\"name\":\"RR@10\"", "measures[1].name is there twice"},
      {"{\"id\":\"q1\"", "{\"id\":\"q0\"", "queries[1].id is there twice"},
      {"{\"id\":\"q1\"", "{\"id\":7", "queries[1].id"},
      {"\"name\":\"b\"", "\"name\":\"a\"", "systems[1].name is there twice"},
      {"\"values\":[1.0,1.0]", "\"values\":[1.0]", "systems[0].scores.RR@10.values"},
      {"\"values\":[1.0,1.0]", "\"values\":[1.0,\"1\"]", "systems[0].scores.RR@10.values"},
      {"\"values\":[1.0,1.0]", "\"values\":[1.0,1e99]", "too large"},
      {"\"mean\":1.0", "\"mean\":\"x\"", "systems[0].scores.RR@10.mean"},
      {"\"low\":1.0", "\"low\":3.0", "not an interval"},
      {"\"p50_ms\":1.0", "\"p50_ms\":-1.0", "systems[0].latency.p50_ms is negative"},
      {"[\"r\",1.0,1]", "[\"r\",1.0]", "systems[0].hits[0][0]"},
      {"[\"r\",1.0,1]", "[3,1.0,1]", "systems[0].hits[0][0]"},
      {"\"confusion\":null", "\"confusion\":{\"rows\":[\"x\"],\"columns\":[],\"counts\":[]}",
       "systems[0].confusion.counts"},
      {"\"measure\":\"RR@10\"", "\"measure\":\"P@1\"", "comparisons[0] names no measure"},
      {"\"p\":0.5", "\"p\":7", "comparisons[0].p is not a probability"},
      {"\"wins\":0", "\"wins\":-1", "comparisons[0].wins"},
      {"{\"query\":\"q0\"", "{\"query\":\"q9\"", "comparisons[0].changed[0] names no query"},
      {"\"verdict\":[", "\"verdict\":[4,", "verdict[0]"},
      {"\"verdict\":", "\"sweep\":{\"measure\":\"x\"},\"verdict\":", "sweep.axes"},
      {"{\"format\"", "{\"format", "not valid JSON"},
  };
  const made_system systems[] = {{"a", first}, {"b", second}};
  char *good = made_json(2, systems, 2, true), *text = NULL;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    magpie_error err = {0};
    char *bad = replaced(good, wrong[i][0], wrong[i][1]);
    assert_int_equal(magpie_evaluation_html(bad, &text, &err), MAGPIE_FORMAT);
    assert_says(&err, wrong[i][2]);
    assert_true(err.place[0] != '\0');
    assert_null(text);
    free(bad);
  }
  magpie_error err = {0};
  char *newer = replaced(good, "\"version\":1", "\"version\":2");
  assert_int_equal(magpie_evaluation_table(newer, 80, false, &text, &err), MAGPIE_VERSION);
  assert_says(&err, "written by a newer magpie");
  free(newer);
  char *unknown = replaced(good, "\"settings\":", "\"unknown\":[{}],\"settings\":");
  assert_ok(magpie_evaluation_html(unknown, &text, &err));
  magpie_free(text);
  free(unknown);
  magpie_free(good);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(diff_when_a_measure_fell_then_told),
      cmocka_unit_test(diff_when_lower_is_better_then_a_rise_is_a_fall),
      cmocka_unit_test(diff_when_queries_are_in_another_order_then_paired_by_id),
      cmocka_unit_test(diff_when_nothing_in_common_then_refused),
      cmocka_unit_test(read_when_a_member_is_wrong_then_its_place_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
