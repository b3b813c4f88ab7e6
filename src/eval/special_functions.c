/* SPDX-License-Identifier: Apache-2.0
 *
 * The normal distribution and Student's t, to about 1e-13. The quantile is Acklam's rational
 * approximation (2003, 1e-9) with one step of Halley's method; t goes through the incomplete beta
 * function as a continued fraction (Lentz's method; DLMF 8.17.22).
 */
#include <float.h>
#include <math.h>

#include "eval/measures.h"

#define STEPS_MAX 200000

double mgp_normal_cdf(double x) {
  return 0.5 * erfc(-x / sqrt(2.0));
}

static double polynomial(const double *c, int count, double x) {
  double y = c[0];
  for (int i = 1; i < count; i++) y = y * x + c[i];
  return y;
}

static double acklam(double p) {
  static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                             1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
                             6.680131188771972e+01,  -1.328068155288572e+01, 1.0};
  static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                             -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                             3.754408661907416e+00, 1.0};
  if (p < 0.02425) {
    const double q = sqrt(-2 * log(p));
    return polynomial(c, 6, q) / polynomial(d, 5, q);
  }
  const double q = p - 0.5, r = q * q;
  return polynomial(a, 6, r) * q / polynomial(b, 6, r);
}

double mgp_normal_quantile(double p) {
  if (p > 0.5) return -mgp_normal_quantile(1 - p);
  const double x = acklam(p);
  const double error = mgp_normal_cdf(x) - p;
  const double step = error * sqrt(2 * acos(-1.0)) * exp(x * x / 2);
  return isfinite(step) ? x - step / (1 + x * step / 2) : x;
}

/* log of gamma(a + 1/2) / gamma(a); the difference of two logs loses digits when a is large. */
static double log_gamma_half_step(double a) {
  int sign;
  if (a < 50) return lgamma_r(a + 0.5, &sign) - lgamma_r(a, &sign);
  const double r = 1 / a, r2 = r * r;
  return 0.5 * log(a) + r * (-1.0 / 8 + r2 * (1.0 / 192 + r2 * (-1.0 / 640 + r2 * (17.0 / 14336))));
}

static double away_from_zero(double x) {
  return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

static double beta_fraction(double a, double b, double x) {
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
  for (int m = 1; m <= STEPS_MAX; m++) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    h *= d * c;
    if (fabs(d * c - 1) < 2 * DBL_EPSILON) break;
  }
  return h;
}

double mgp_student_p(double t, double freedom) {
  if (t == 0) return 1;
  if (isinf(t)) return 0;
  /* p = I_x(freedom / 2, 1 / 2) with x = freedom / (freedom + t^2); log1p keeps a small t exact */
  const double a = freedom / 2, ratio = t * t / freedom;
  const double x = 1 / (1 + ratio), rest = ratio / (1 + ratio);
  const double front =
      exp(log_gamma_half_step(a) - 0.5 * log(acos(-1.0)) - a * log1p(ratio) + 0.5 * log(rest));
  const double p = x < (a + 1) / (a + 2.5) ? front * beta_fraction(a, 0.5, x) / a
                                           : 1 - front * beta_fraction(0.5, a, rest) / 0.5;
  return p < 0 ? 0 : p > 1 ? 1 : p;
}
