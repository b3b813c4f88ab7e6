/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of spaces by hand, their ties and what they refuse.
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

static const float cross[] = {2, 0, 0, 3, -1, 0, 0, -5}; /* four directions */

static void gap_when_opposite_then_two(void **state) {
  (void)state;
  const float x[] = {3, 0}, y[] = {-1, 0, -7, 0};
  double out = -1;
  assert_int_equal(magpie_modality_gap(x, 1, y, 2, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 2);
  assert_int_equal(magpie_modality_gap(cross, 4, cross, 4, 2, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
}

static void alignment_when_right_angle_then_two(void **state) {
  (void)state;
  const float x[] = {2, 0}, y[] = {0, 9};
  double out = -1;
  assert_int_equal(magpie_alignment(x, y, 1, 2, 0, &out, NULL), MAGPIE_OK);
  assert_near(out, 2);
  assert_int_equal(magpie_alignment(x, y, 1, 2, 1, &out, NULL), MAGPIE_OK);
  assert_near(out, sqrt(2));
  assert_int_equal(magpie_alignment(x, y, 1, 2, -1, &out, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_alignment(x, y, 1, 2, NAN, &out, NULL), MAGPIE_INVALID);
}

static void uniformity_when_four_directions_then_by_hand(void **state) {
  (void)state;
  double out = -1;
  assert_int_equal(magpie_uniformity(cross, 4, 2, 0, &out, NULL), MAGPIE_OK);
  assert_near(out, log((4 * exp(-4) + 2 * exp(-8)) / 6));
  const float same[] = {1, 1, 2, 2};
  assert_int_equal(magpie_uniformity(same, 2, 2, 0, &out, NULL), MAGPIE_OK);
  assert_near(out, 0);
  assert_int_equal(magpie_uniformity(same, 1, 2, 0, &out, NULL), MAGPIE_INVALID);
}

static void mutual_knn_when_ties_then_the_lower_row(void **state) {
  (void)state;
  /* x: all the same, so the neighbour of each row is row 0, of row 0 row 1. y: two couples. */
  const float x[] = {1, 1, 1, 1}, y[] = {1, 0, 1, 0, 0, 1, 0, 1};
  double out = -1;
  assert_int_equal(magpie_mutual_knn(x, 1, y, 2, 4, 1, &out, NULL), MAGPIE_OK);
  assert_near(out, 2.0 / 4); /* rows 0 and 1 agree */
  assert_int_equal(magpie_mutual_knn(x, 1, y, 2, 4, 3, &out, NULL), MAGPIE_OK);
  assert_near(out, 1);
  assert_int_equal(magpie_mutual_knn(x, 1, y, 2, 4, 4, &out, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_mutual_knn(x, 1, y, 2, 4, 0, &out, NULL), MAGPIE_INVALID);
}

static void cka_when_turned_and_scaled_then_one(void **state) {
  (void)state;
  const float x[] = {1, 0, 0, 2, 3, 3}, turned[] = {0, -2, 4, 0, 6, -6}, flat[] = {1, 1, 1};
  const float other[] = {0, 0, 1};
  double out = -1;
  assert_int_equal(magpie_linear_cka(x, 2, turned, 2, 3, &out, NULL), MAGPIE_OK);
  assert_near(out, 1);
  assert_int_equal(magpie_linear_cka(x, 2, x, 2, 3, &out, NULL), MAGPIE_OK);
  assert_near(out, 1);
  /* one column: squared correlation of (0 0 1) and (0 1 1), 0.25 */
  const float step[] = {0, 1, 1};
  assert_int_equal(magpie_linear_cka(other, 1, step, 1, 3, &out, NULL), MAGPIE_OK);
  assert_near(out, 0.25);
  magpie_error err = {0};
  assert_int_equal(magpie_linear_cka(x, 2, flat, 1, 3, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "y"));
}

static void spaces_when_input_is_bad_then_it_is_named(void **state) {
  (void)state;
  const float bad[] = {1, 2, 3, NAN}, zero[] = {1, 2, 0, 0};
  double out = 0;
  magpie_error err = {0};
  assert_int_equal(magpie_modality_gap(bad, 2, cross, 2, 2, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "x: row 1, column 1"));
  assert_int_equal(magpie_alignment(cross, zero, 2, 2, 0, &out, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "y: row 1 is all zeros"));
  assert_int_equal(magpie_uniformity(zero, 2, 2, 0, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_mutual_knn(cross, 2, bad, 2, 2, 1, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_linear_cka(cross, 0, bad, 2, 2, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_linear_cka(NULL, 2, bad, 2, 2, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_uniformity(cross, 0, 2, 0, &out, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_uniformity(cross, SIZE_MAX, 2, 0, &out, &err), MAGPIE_LIMIT);
  assert_int_equal(magpie_uniformity(cross, 2, SIZE_MAX, 0, &out, &err), MAGPIE_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gap_when_opposite_then_two),
      cmocka_unit_test(alignment_when_right_angle_then_two),
      cmocka_unit_test(uniformity_when_four_directions_then_by_hand),
      cmocka_unit_test(mutual_knn_when_ties_then_the_lower_row),
      cmocka_unit_test(cka_when_turned_and_scaled_then_one),
      cmocka_unit_test(spaces_when_input_is_bad_then_it_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
