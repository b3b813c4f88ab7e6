/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration, areas, pairs, PMRP, rank variance, evidence and modalities by hand.
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

static void assert_near(double value, double wanted) {
  if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%.17g is not %.17g", value, wanted);
}

static void ece_when_two_bins_then_by_hand(void **state) {
  (void)state;
  const double p[] = {0.25, 0.75, 1, 0.5};
  const unsigned char label[] = {1, 1, 0, 1}, bad[] = {0, 2, 0, 0};
  double out = -1;
  assert_int_equal(magpie_ece(p, label, 4, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, (0.75 + 0.25) / 4); /* 0.5 and 1 are in the last: |2 - 2.25| */
  magpie_error err = {0};
  assert_int_equal(magpie_ece(p, bad, 4, 2, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "label[1]"));
  assert_int_equal(magpie_ece(p, label, 4, 0, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_ece(p, label, 0, 2, &out, &err), MAGPIE_INVALID);
  const double wrong[] = {0.5, 1.5};
  assert_int_equal(magpie_ece(wrong, label, 2, 2, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "probability[1]"));
}

static void auc_when_ties_then_half(void **state) {
  (void)state;
  const double score[] = {1, 2, 2, 3};
  const unsigned char label[] = {0, 0, 1, 1}, same[] = {1, 1, 1, 1};
  double out = -1;
  assert_int_equal(magpie_auc(score, label, 4, &out, NULL), MAGPIE_OK);
  assert_near(out, 3.5 / 4);
  magpie_error err = {0};
  assert_int_equal(magpie_auc(score, same, 4, &out, &err), MAGPIE_INVALID);
  const double bad[] = {1, NAN, 2, 3};
  assert_int_equal(magpie_auc(bad, label, 4, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "score[1]"));
}

static void group_auc_when_a_group_has_one_label_then_left_out(void **state) {
  (void)state;
  const double score[] = {1, 5, 2, 3, 9, 1, 0};
  const unsigned char label[] = {0, 1, 1, 0, 1, 1, 1};
  const uint64_t group[] = {7, 7, 3, 3, 1, 3, UINT64_MAX};
  double out = -1;
  size_t left_out = 9;
  assert_int_equal(magpie_group_auc(score, label, group, 7, &out, &left_out, NULL), MAGPIE_OK);
  assert_near(out, (2 * 1.0 + 3 * 0.0) / 5);
  assert_int_equal(left_out, 2);
  assert_int_equal(magpie_group_auc(score, label, group, 1, &out, NULL, NULL), MAGPIE_INVALID);
}

static void pair_accuracy_when_one_is_wrong_then_the_pair_is(void **state) {
  (void)state;
  const uint64_t pair[] = {4, 9, 9, 4, 9};
  const unsigned char right[] = {1, 1, 0, 1, 0};
  double out = -1;
  magpie_error err = {0};
  assert_int_equal(magpie_pair_accuracy(pair, right, 4, &out, NULL), MAGPIE_OK);
  assert_near(out, 0.5);
  assert_int_equal(magpie_pair_accuracy(pair, right, 5, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "pair 9"));
  assert_int_equal(magpie_pair_accuracy(pair, right, 3, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "pair 4"));
  assert_int_equal(magpie_pair_accuracy(pair, right, 0, &out, &err), MAGPIE_INVALID);
}

static void pmrp_when_three_documents_then_by_hand(void **state) {
  (void)state;
  /* distances of the query 110 to 110, 100, 001: 0, 1, 3 */
  const unsigned char query[] = {1, 1, 0}, documents[] = {1, 1, 0, 1, 0, 0, 0, 0, 1};
  const uint32_t ranking[] = {2, 0, 1}, twice[] = {0, 0, 1}, beyond[] = {0, 1, 3};
  double out = -1;
  magpie_error err = {0};
  assert_int_equal(magpie_pmrp(ranking, 1, 3, query, documents, 3, &out, NULL), MAGPIE_OK);
  assert_near(out, (0 + 0.5 + 0.5) / 3);
  assert_int_equal(magpie_pmrp(twice, 1, 3, query, documents, 3, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_pmrp(beyond, 1, 3, query, documents, 3, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_pmrp(ranking, SIZE_MAX / 2, 3, query, documents, 3, &out, &err),
                   MAGPIE_LIMIT);
  const unsigned char far[] = {1, 1, 1}, none[] = {0, 0, 0};
  assert_int_equal(magpie_pmrp(ranking + 1, 1, 1, far, none, 3, &out, &err), MAGPIE_INVALID);
}

static void mrv_when_languages_agree_then_zero(void **state) {
  (void)state;
  const double same[] = {1, 1, 5, 5}, ranks[] = {1, 3, 2, 6};
  double out = -1;
  assert_int_equal(magpie_mrv(same, 2, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
  assert_int_equal(magpie_mrv(ranks, 2, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, (1 + 4) / 2.0);
  assert_int_equal(magpie_mrv(ranks, 2, 0, &out, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_mrv(ranks, SIZE_MAX, 8, &out, NULL), MAGPIE_LIMIT);
}

static void kept_recall_when_needed_twice_then_once(void **state) {
  (void)state;
  const char *kept[] = {"b", "a", "b"}, *needed[] = {"c", "a", "a", "b"};
  double out = -1;
  assert_int_equal(magpie_kept_recall(kept, 3, needed, 4, &out, NULL), MAGPIE_OK);
  assert_near(out, 2.0 / 3);
  assert_int_equal(magpie_kept_recall(NULL, 0, needed, 4, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
  assert_int_equal(magpie_kept_recall(kept, 3, NULL, 0, &out, NULL), MAGPIE_OK);
  assert_near(out, 1);
  const char *hole[] = {"a", NULL};
  assert_int_equal(magpie_kept_recall(kept, 3, hole, 2, &out, NULL), MAGPIE_INVALID);
}

static void importance_when_only_text_answers_then_text(void **state) {
  (void)state;
  /* columns: none, text, image, both */
  const double performance[] = {NAN, 1, 0, 1, NAN, 0, 0, 1};
  double out[4], one[2];
  assert_int_equal(magpie_modality_importance(performance, 2, 2, out, NULL), MAGPIE_OK);
  assert_near(out[0], 1);
  assert_near(out[1], -0.5); /* (0 + 1) / 2 - 1 */
  assert_near(out[2], 0.5);
  assert_near(out[3], 0.5);
  assert_int_equal(magpie_modality_importance(performance, 1, 1, one, NULL), MAGPIE_OK);
  assert_near(one[0], 1);
  assert_int_equal(magpie_modality_importance(performance, 1, 0, one, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_modality_importance(performance, 1, 64, one, NULL), MAGPIE_INVALID);
  const double bad[] = {0, 1, NAN, 0};
  assert_int_equal(magpie_modality_importance(bad, 1, 2, out, NULL), MAGPIE_INVALID);
}

static void interference_and_preference_when_counted_then_by_hand(void **state) {
  (void)state;
  const double clean[] = {1, 1, 0, 1}, perturbed[] = {1, 0, 0, 0};
  const uint32_t choice[] = {0, 2, 2, 2};
  double out = -1, share[3];
  assert_int_equal(magpie_modality_interference(clean, perturbed, 4, &out, NULL), MAGPIE_OK);
  assert_near(out, 0.5);
  assert_int_equal(magpie_modality_preference(choice, 4, 3, share, NULL), MAGPIE_OK);
  assert_near(share[0], 0.25);
  assert_near(share[1], 0);
  assert_near(share[2], 0.75);
  assert_int_equal(magpie_modality_preference(choice, 4, 2, share, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_modality_preference(choice, 0, 2, share, NULL), MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ece_when_two_bins_then_by_hand),
      cmocka_unit_test(auc_when_ties_then_half),
      cmocka_unit_test(group_auc_when_a_group_has_one_label_then_left_out),
      cmocka_unit_test(pair_accuracy_when_one_is_wrong_then_the_pair_is),
      cmocka_unit_test(pmrp_when_three_documents_then_by_hand),
      cmocka_unit_test(mrv_when_languages_agree_then_zero),
      cmocka_unit_test(kept_recall_when_needed_twice_then_once),
      cmocka_unit_test(importance_when_only_text_answers_then_text),
      cmocka_unit_test(interference_and_preference_when_counted_then_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
