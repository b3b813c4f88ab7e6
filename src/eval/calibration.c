/* SPDX-License-Identifier: Apache-2.0
 *
 * Expected calibration error (Guo et al., ICML 2017): is what is said with probability 0.8 right in
 * 8 of 10 cases?
 */
#include <math.h>

#include "eval/measures.h"

#define BINS_MAX 1000000

magpie_status magpie_ece(const double *probability, const unsigned char *label, size_t n,
                         size_t bins, double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the calibration error has nowhere to go");
  MGP_RETURN_IF(bins == 0 || bins > BINS_MAX, err, MAGPIE_INVALID, "%zu bins are not in 1..%d",
                bins, BINS_MAX);
  MGP_FORWARD(mgp_check_values("probability", probability, n, err));
  MGP_FORWARD(mgp_check_labels("label", label, n, err));
  for (size_t i = 0; i < n; i++)
    MGP_RETURN_IF(probability[i] < 0 || probability[i] > 1, err, MAGPIE_INVALID,
                  "probability[%zu] is %g, not in 0..1", i, probability[i]);
  double *off = mgp_calloc(NULL, bins, sizeof *off);
  MGP_RETURN_IF(!off, err, MAGPIE_NO_MEMORY, "no memory for %zu bins", bins);
  /* share of the bin x |accuracy - confidence| = |sum of labels - sum of probabilities| / n */
  for (size_t i = 0; i < n; i++) {
    size_t bin = (size_t)(probability[i] * (double)bins);
    if (bin >= bins) bin = bins - 1;
    off[bin] += label[i] - probability[i];
  }
  double sum = 0;
  for (size_t i = 0; i < bins; i++) sum += fabs(off[i]);
  mgp_free(NULL, off);
  *out = sum / (double)n;
  return MAGPIE_OK;
}
