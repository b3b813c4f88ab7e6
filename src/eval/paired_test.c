/* SPDX-License-Identifier: Apache-2.0
 *
 * Student's t of paired differences, their effect size, and Holm's correction for many tests
 * (Scandinavian Journal of Statistics 6, 1979).
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

typedef struct difference {
  double mean, sd; /* sd of the sample: n - 1 */
} difference;

/* Differences that are equal but for rounding (0.3 - 0.2 and 0.4 - 0.3) have sd 0, and those that
 * are 0 but for rounding have mean 0: else t would be a quotient of two rounding errors. */
static difference measure_difference(const double *a, const double *b, size_t n) {
  double sum = 0, squares = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    sum += a[i] - b[i];
    size = fmax(size, fmax(fabs(a[i]), fabs(b[i])));
  }
  difference d = {.mean = sum / (double)n};
  for (size_t i = 0; i < n; i++) {
    const double off = a[i] - b[i] - d.mean;
    squares += off * off;
  }
  d.sd = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
  const double rounding = 8 * DBL_EPSILON * size;
  if (d.sd <= rounding) {
    d.sd = 0;
    if (fabs(d.mean) <= rounding) d.mean = 0;
  }
  return d;
}

magpie_status magpie_paired_t_test(const double *a, const double *b, size_t n, double *t, double *p,
                                   magpie_error *err) {
  MGP_RETURN_IF(!t || !p, err, MAGPIE_INVALID, "the t-test has nowhere to put its results");
  MGP_FORWARD(mgp_check_values("a", a, n, err));
  MGP_FORWARD(mgp_check_values("b", b, n, err));
  MGP_RETURN_IF(n < 2, err, MAGPIE_INVALID, "a t-test needs at least 2 pairs");
  const difference d = measure_difference(a, b, n);
  if (d.sd == 0) *t = d.mean == 0 ? 0 : copysign(INFINITY, d.mean);
  else *t = d.mean / (d.sd / sqrt((double)n));
  *p = mgp_student_p(*t, (double)(n - 1));
  return MAGPIE_OK;
}

double magpie_effect_size(const double *a, const double *b, size_t n) {
  if (!a || !b || n == 0) return 0;
  const difference d = measure_difference(a, b, n);
  if (d.mean == 0) return 0;
  if (n == 1) return 0;
  return d.sd == 0 ? copysign(INFINITY, d.mean) : d.mean / d.sd;
}

typedef struct ranked_p {
  double p;
  size_t index;
} ranked_p;

static int compare_p(const void *a, const void *b) {
  const ranked_p *x = a, *y = b;
  if (x->p != y->p) return x->p < y->p ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

magpie_status magpie_holm(const double *p, size_t count, double *adjusted, magpie_error *err) {
  MGP_RETURN_IF(!adjusted, err, MAGPIE_INVALID, "Holm's correction has nowhere to put its results");
  MGP_FORWARD(mgp_check_values("p", p, count, err));
  for (size_t i = 0; i < count; i++)
    MGP_RETURN_IF(p[i] < 0 || p[i] > 1, err, MAGPIE_INVALID, "p[%zu] is %g, not in 0..1", i, p[i]);
  ranked_p *order = mgp_calloc(NULL, count, sizeof *order);
  MGP_RETURN_IF(!order, err, MAGPIE_NO_MEMORY, "no memory for %zu p-values", count);
  for (size_t i = 0; i < count; i++) order[i] = (ranked_p){.p = p[i], .index = i};
  qsort(order, count, sizeof *order, compare_p);
  double most = 0;
  for (size_t i = 0; i < count; i++) {
    most = fmax(most, fmin(1, (double)(count - i) * order[i].p));
    adjusted[order[i].index] = most;
  }
  mgp_free(NULL, order);
  return MAGPIE_OK;
}
