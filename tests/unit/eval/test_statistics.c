/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests, intervals and corrections by values that can be worked out by hand; what they refuse.
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

static void normal_when_known_quantiles_then_equal(void **state) {
  (void)state;
  assert_near(mgp_normal_quantile(0.5), 0);
  assert_near(mgp_normal_quantile(0.975), 1.959963984540054);
  assert_near(mgp_normal_quantile(0.025), -1.959963984540054);
  assert_near(mgp_normal_quantile(1e-10), -6.361340902404056);
  for (double p = 0.001; p < 1; p += 0.013) assert_near(mgp_normal_cdf(mgp_normal_quantile(p)), p);
}

static void random_when_seeded_then_the_published_sequence(void **state) {
  (void)state;
  mgp_random random = {.state = {1, 2, 3, 4}}; /* of the reference code with this state */
  assert_true(mgp_random_next(&random) == UINT64_C(11520));
  assert_true(mgp_random_next(&random) == 0);
  assert_true(mgp_random_next(&random) == UINT64_C(1509978240));
  assert_true(mgp_random_next(&random) == UINT64_C(1215971899390074240));
  mgp_random_seed(&random, 0); /* splitmix64 from 0 */
  assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
  assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
}

static double randomisation(const double *a, const double *b, size_t n, uint64_t rounds) {
  double p = -1;
  magpie_error err = {0};
  if (magpie_randomisation_test(a, b, n, rounds, 7, &p, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  return p;
}

static void randomisation_when_few_pairs_then_exact(void **state) {
  (void)state;
  const double zero[40] = {0}, up[4] = {1, 2, 3, 4}, mixed[3] = {3, -1, 1};
  assert_near(randomisation(up, zero, 1, 0), 1);
  assert_near(randomisation(up, zero, 4, 0), 2.0 / 16);
  /* |3 - 1 + 1| = 3: reached by all signs but those of 3 - 1 - 1 = 1 and its mirror */
  assert_near(randomisation(mixed, zero, 3, 0), 6.0 / 8);
  assert_near(randomisation(up, up, 4, 0), 1);
}

static void randomisation_when_differences_are_zero_then_they_count_nothing(void **state) {
  (void)state;
  const double zero[40] = {0};
  double a[40] = {0};
  for (int i = 0; i < 6; i++) a[i * 5] = 0.1;
  assert_near(randomisation(a, zero, 40, 64), 2.0 / 64);
}

static void randomisation_when_sampled_then_never_zero(void **state) {
  (void)state;
  double a[64], b[64] = {0};
  for (int i = 0; i < 64; i++) a[i] = 1;
  assert_near(randomisation(a, b, 64, 999), 1.0 / 1000);
}

static void t_test_when_three_pairs_then_by_hand(void **state) {
  (void)state;
  const double a[] = {2, 4, 6}, b[] = {1, 2, 3};
  double t = 0, p = 0;
  assert_int_equal(magpie_paired_t_test(a, b, 3, &t, &p, NULL), MAGPIE_OK);
  assert_near(t, 2 * sqrt(3.0));           /* mean 2, sd 1 */
  assert_near(p, 1 - t / sqrt(t * t + 2)); /* two degrees of freedom have a closed form */
  assert_near(magpie_effect_size(a, b, 3), 2);
}

static void t_test_when_differences_are_equal_then_defined(void **state) {
  (void)state;
  const double a[] = {0.3, 0.4, 0.5}, b[] = {0.2, 0.3, 0.4};
  double t = 5, p = 5;
  assert_int_equal(magpie_paired_t_test(a, a, 3, &t, &p, NULL), MAGPIE_OK);
  assert_near(t, 0);
  assert_near(p, 1);
  assert_int_equal(magpie_paired_t_test(b, a, 3, &t, &p, NULL), MAGPIE_OK);
  assert_true(isinf(t) && t < 0);
  assert_near(p, 0);
  assert_near(magpie_effect_size(a, a, 3), 0);
  assert_true(magpie_effect_size(a, b, 3) == INFINITY);
  assert_near(magpie_effect_size(a, b, 1), 0);
}

static void bootstrap_when_nothing_varies_then_the_mean(void **state) {
  (void)state;
  const double same[] = {0.1, 0.1, 0.1};
  double low = 0, high = 0;
  for (size_t n = 1; n <= 3; n++) {
    assert_int_equal(magpie_bootstrap_mean(same, n, 0, 0, 1, &low, &high, NULL), MAGPIE_OK);
    assert_true(low == 0.1 && high == 0.1);
  }
}

static void bootstrap_when_two_values_then_between_them(void **state) {
  (void)state;
  const double values[] = {1, 3};
  double low = 0, high = 0;
  assert_int_equal(magpie_bootstrap_mean(values, 2, 0.95, 1000, 1, &low, &high, NULL), MAGPIE_OK);
  assert_near(low, 1); /* a quarter of the resamples are (1, 1) */
  assert_near(high, 3);
}

static void bootstrap_when_skewed_then_the_long_side_is_longer(void **state) {
  (void)state;
  double values[50];
  for (int i = 0; i < 50; i++) values[i] = exp(i / 12.0);
  const double mean = mgp_mean(values, 50);
  double low = 0, high = 0, low90 = 0, high90 = 0, again = 0;
  assert_int_equal(magpie_bootstrap_mean(values, 50, 0, 0, 1, &low, &high, NULL), MAGPIE_OK);
  assert_int_equal(magpie_bootstrap_mean(values, 50, 0.9, 0, 1, &low90, &high90, NULL), MAGPIE_OK);
  assert_true(low < low90 && low90 < mean && mean < high90 && high90 < high);
  assert_true(high - mean > 1.1 * (mean - low));
  assert_int_equal(magpie_bootstrap_mean(values, 50, 0, 0, 1, &again, &high, NULL), MAGPIE_OK);
  assert_true(again == low);
}

static void holm_when_worked_by_hand_then_equal(void **state) {
  (void)state;
  double p[] = {0.01, 0.04, 0.03, 0.005};
  const double wanted[] = {0.03, 0.06, 0.06, 0.02};
  assert_int_equal(magpie_holm(p, 4, p, NULL), MAGPIE_OK);
  for (int i = 0; i < 4; i++) assert_near(p[i], wanted[i]);
  double large[] = {0.9, 0.8};
  assert_int_equal(magpie_holm(large, 2, large, NULL), MAGPIE_OK);
  assert_near(large[0], 1);
}

static void statistics_when_input_is_bad_then_it_is_named(void **state) {
  (void)state;
  const double good[] = {1, 2, 3}, bad[] = {1, NAN, 3}, endless[] = {1, 2, INFINITY};
  double x = 0, y = 0;
  magpie_error err = {0};
  assert_int_equal(magpie_randomisation_test(good, bad, 3, 0, 1, &x, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "b[1]"));
  assert_int_equal(magpie_paired_t_test(endless, good, 3, &x, &y, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "a[2]"));
  assert_int_equal(magpie_bootstrap_mean(bad, 3, 0, 0, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_bootstrap_mean(good, 0, 0, 0, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_bootstrap_mean(good, 3, 1, 0, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_bootstrap_mean(good, 3, NAN, 0, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_bootstrap_mean(good, 3, 0, 5, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_bootstrap_mean(good, 3, 0, UINT64_MAX, 1, &x, &y, &err), MAGPIE_LIMIT);
  assert_int_equal(magpie_randomisation_test(good, good, SIZE_MAX, 0, 1, &x, &err), MAGPIE_LIMIT);
  assert_int_equal(magpie_randomisation_test(good, good, 3, UINT64_MAX, 1, &x, &err), MAGPIE_LIMIT);
  assert_int_equal(magpie_paired_t_test(good, good, 1, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_paired_t_test(NULL, good, 3, &x, &y, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_holm(good, 3, &x, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "p[1]"));
  assert_int_equal(magpie_holm(good, 0, &x, &err), MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normal_when_known_quantiles_then_equal),
      cmocka_unit_test(random_when_seeded_then_the_published_sequence),
      cmocka_unit_test(randomisation_when_few_pairs_then_exact),
      cmocka_unit_test(randomisation_when_differences_are_zero_then_they_count_nothing),
      cmocka_unit_test(randomisation_when_sampled_then_never_zero),
      cmocka_unit_test(t_test_when_three_pairs_then_by_hand),
      cmocka_unit_test(t_test_when_differences_are_equal_then_defined),
      cmocka_unit_test(bootstrap_when_nothing_varies_then_the_mean),
      cmocka_unit_test(bootstrap_when_two_values_then_between_them),
      cmocka_unit_test(bootstrap_when_skewed_then_the_long_side_is_longer),
      cmocka_unit_test(holm_when_worked_by_hand_then_equal),
      cmocka_unit_test(statistics_when_input_is_bad_then_it_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
