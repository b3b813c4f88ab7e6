/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of answers by hand: normalisation, best of many, empty texts, two scripts.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval/measures.h"
#include "text/text.h"

typedef magpie_status measure(const char *, const char *const *, size_t, double *, magpie_error *);

static double value_of(measure *fn, const char *answer, const char *first, const char *second) {
  const char *right[] = {first, second};
  double out = -1;
  magpie_error err = {0};
  if (fn(answer, right, second ? 2 : 1, &out, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return out;
}

static void assert_near(double value, double wanted) {
  if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%.17g is not %.17g", value, wanted);
}

static void assert_normal(const char *text, const char *wanted) {
  size_t size = 0;
  char *out = mgp_text_answer(NULL, text, strlen(text), &size);
  assert_non_null(out);
  assert_string_equal(out, wanted);
  assert_int_equal(size, strlen(wanted));
  mgp_free(NULL, out);
}

static void normalise_when_squad_rules_then_as_its_script(void **state) {
  (void)state;
  assert_normal("The  Quick, brown\tfox!", "quick brown fox");
  assert_normal("A", "");
  assert_normal("", "");
  assert_normal("an-other theatre's a", "another theatres");
  assert_normal("it is a: the b", "it is b");
  assert_normal("ΟΔΟΣ", "οδος");                    /* final sigma */
  assert_normal("théa a\u0301 b", "théa \u0301 b"); /* a mark is no word character to Python */
  assert_normal("\u00a0x\u2003y\u3000", "x y");
}

static void exact_when_only_form_differs_then_one(void **state) {
  (void)state;
  assert_near(value_of(magpie_answer_exact, "the Eiffel tower.", "London", "Eiffel Tower"), 1);
  assert_near(value_of(magpie_answer_exact, "Eiffel towers", "Eiffel Tower", NULL), 0);
  assert_near(value_of(magpie_answer_exact, "the", "", NULL), 1);
}

static void f1_when_tokens_shared_then_harmonic_mean(void **state) {
  (void)state;
  assert_near(value_of(magpie_answer_f1, "red red bus", "red bus stop sign", NULL), 4.0 / 7);
  assert_near(value_of(magpie_answer_f1, "red bus", "blue", "the red bus"), 1);
  assert_near(value_of(magpie_answer_f1, "", "a", NULL), 1);
  assert_near(value_of(magpie_answer_f1, "", "red", NULL), 0);
}

static void recall_when_answer_is_long_then_not_punished(void **state) {
  (void)state;
  assert_near(value_of(magpie_answer_recall, "it was a red bus at night", "red bus stop", NULL),
              2.0 / 3);
  assert_near(value_of(magpie_answer_recall, "東京です", "東京", NULL), 1);
  assert_near(value_of(magpie_answer_recall, "東", "東京", NULL), 0.5);
  assert_near(value_of(magpie_answer_recall, "x", "the", NULL), 0);
}

static void bleu1_when_short_then_brevity_penalty(void **state) {
  (void)state;
  assert_near(value_of(magpie_answer_bleu1, "red bus", "red bus at night", NULL), exp(1 - 2.0));
  /* clipped: "red" counts once; 4 tokens against the closer length 4 */
  assert_near(value_of(magpie_answer_bleu1, "red red red bus", "red car", "one red big bus"), 0.5);
  assert_near(value_of(magpie_answer_bleu1, "x", "y", NULL), 0);
  assert_near(value_of(magpie_answer_bleu1, "", "y", NULL), 0);
}

static void rouge_l_when_order_differs_then_subsequence_counts(void **state) {
  (void)state;
  assert_near(value_of(magpie_answer_rouge_l, "police kill gunman", "police killed gunman", NULL),
              2.0 / 3);
  assert_near(value_of(magpie_answer_rouge_l, "c b x", "x b c", NULL), 1.0 / 3);
  assert_near(value_of(magpie_answer_rouge_l, "", "", NULL), 0);
}

static void pseudo_recall_when_in_a_passage_then_one(void **state) {
  (void)state;
  const char *passages[] = {"Nothing here", "built in 1889 by G. Eiffel"};
  const char *right[] = {"gustave", "g eiffel"}, *empty[] = {"the"};
  double out = -1;
  assert_int_equal(magpie_pseudo_recall(passages, 2, right, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 1);
  assert_int_equal(magpie_pseudo_recall(passages, 1, right, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
  assert_int_equal(magpie_pseudo_recall(passages, 2, empty, 1, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
  assert_int_equal(magpie_pseudo_recall(NULL, 0, right, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
}

static void answers_when_input_is_bad_then_refused(void **state) {
  (void)state;
  const char *right[] = {"x", "\xff"}, *holes[] = {"x", NULL};
  measure *all[] = {magpie_answer_exact, magpie_answer_f1, magpie_answer_recall,
                    magpie_answer_bleu1, magpie_answer_rouge_l};
  double out = 0.25;
  magpie_error err = {0};
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(all[i]("x", right, 2, &out, &err), MAGPIE_INVALID);
    assert_non_null(strstr(err.message, "right answer 1 is not UTF-8"));
    assert_int_equal(all[i]("x", holes, 2, &out, &err), MAGPIE_INVALID);
    assert_int_equal(all[i](NULL, right, 1, &out, &err), MAGPIE_INVALID);
    assert_int_equal(all[i]("x", right, 0, &out, &err), MAGPIE_INVALID);
    assert_int_equal(all[i]("x", right, SIZE_MAX, &out, &err), MAGPIE_LIMIT);
    assert_int_equal(all[i]("x", right, 1, NULL, &err), MAGPIE_INVALID);
  }
  assert_int_equal(magpie_pseudo_recall(NULL, 1, right, 1, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_pseudo_recall(right, 2, right, 1, &out, &err),
                   MAGPIE_OK); /* found first */
  assert_int_equal(magpie_pseudo_recall(right + 1, 1, right, 1, &out, &err), MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normalise_when_squad_rules_then_as_its_script),
      cmocka_unit_test(exact_when_only_form_differs_then_one),
      cmocka_unit_test(f1_when_tokens_shared_then_harmonic_mean),
      cmocka_unit_test(recall_when_answer_is_long_then_not_punished),
      cmocka_unit_test(bleu1_when_short_then_brevity_penalty),
      cmocka_unit_test(rouge_l_when_order_differs_then_subsequence_counts),
      cmocka_unit_test(pseudo_recall_when_in_a_passage_then_one),
      cmocka_unit_test(answers_when_input_is_bad_then_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
