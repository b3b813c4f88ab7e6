/* SPDX-License-Identifier: Apache-2.0
 *
 * What every measure asks of its numbers: there are some, not too many, all finite. A NaN that is
 * averaged away would make a figure that nobody can trust, so the first bad one is named.
 */
#include <math.h>

#include "eval/measures.h"

magpie_status mgp_check_count(const char *name, size_t n, magpie_error *err) {
  MGP_RETURN_IF(n == 0, err, MAGPIE_INVALID, "%s: there are no values", name);
  MGP_RETURN_IF(n > MGP_VALUES_MAX, err, MAGPIE_LIMIT, "%s: %zu values are more than %d", name, n,
                MGP_VALUES_MAX);
  return MAGPIE_OK;
}

magpie_status mgp_check_values(const char *name, const double *values, size_t n,
                               magpie_error *err) {
  MGP_FORWARD(mgp_check_count(name, n, err));
  MGP_RETURN_IF(!values, err, MAGPIE_INVALID, "%s: no array is given", name);
  for (size_t i = 0; i < n; i++)
    MGP_RETURN_IF(!(fabs(values[i]) <= MGP_VALUE_MAX), err, MAGPIE_INVALID,
                  "%s[%zu] is %g: a finite number of at most %g is needed", name, i, values[i],
                  MGP_VALUE_MAX);
  return MAGPIE_OK;
}

magpie_status mgp_check_labels(const char *name, const unsigned char *labels, size_t n,
                               magpie_error *err) {
  MGP_RETURN_IF(!labels, err, MAGPIE_INVALID, "%s: no array is given", name);
  for (size_t i = 0; i < n; i++)
    MGP_RETURN_IF(labels[i] > 1, err, MAGPIE_INVALID, "%s[%zu] is %d: 0 or 1 is needed", name, i,
                  labels[i]);
  return MAGPIE_OK;
}

magpie_status mgp_check_product(size_t a, size_t b, size_t *out, magpie_error *err) {
  MGP_RETURN_IF(b != 0 && a > (SIZE_MAX >> 4) / b, err, MAGPIE_LIMIT,
                "%zu x %zu is more than this machine can hold", a, b);
  *out = a * b;
  return MAGPIE_OK;
}

magpie_status mgp_check_vectors(const char *name, const float *rows, size_t n, size_t dim,
                                bool need_direction, magpie_error *err) {
  size_t size = 0;
  MGP_FORWARD(mgp_check_count(name, n, err));
  MGP_RETURN_IF(!rows || dim == 0, err, MAGPIE_INVALID, "%s: vectors need at least one dimension",
                name);
  MGP_RETURN_IF(dim > MGP_DIMENSIONS_MAX, err, MAGPIE_LIMIT, "%s: %zu dimensions are more than %d",
                name, dim, MGP_DIMENSIONS_MAX);
  MGP_FORWARD(mgp_check_product(n, dim, &size, err));
  for (size_t i = 0; i < n; i++) {
    const float *row = rows + i * dim;
    bool has_direction = false;
    for (size_t j = 0; j < dim; j++) {
      MGP_RETURN_IF(!isfinite(row[j]), err, MAGPIE_INVALID, "%s: row %zu, column %zu is %g", name,
                    i, j, (double)row[j]);
      has_direction |= row[j] != 0;
    }
    MGP_RETURN_IF(need_direction && !has_direction, err, MAGPIE_INVALID,
                  "%s: row %zu is all zeros and has no direction", name, i);
  }
  return MAGPIE_OK;
}

double mgp_mean(const double *values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / (double)n;
}
