/* SPDX-License-Identifier: Apache-2.0
 *
 * The bias-corrected and accelerated bootstrap interval of a mean (Efron, JASA 1987; Efron and
 * Tibshirani 1993, section 14.3). The acceleration comes from the jackknife, which for a mean has
 * a closed form: leaving x out moves the mean by (mean - x) / (n - 1).
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

#define ROUNDS_DEFAULT 10000
#define ROUNDS_MIN 100

/* Unbiased number below n (Lemire, ACM TOMACS 2019) from 32 random bits; the other half of each
 * 64-bit word is kept for the next call. */
typedef struct index_source {
  mgp_random random;
  uint64_t word;
  bool has_half;
} index_source;

static uint32_t half_word(index_source *s) {
  s->word = s->has_half ? s->word >> 32 : mgp_random_next(&s->random);
  s->has_half = !s->has_half;
  return (uint32_t)s->word;
}

static uint32_t index_below(index_source *s, uint32_t n) {
  uint64_t product = (uint64_t)half_word(s) * n;
  if ((uint32_t)product < n) {
    const uint32_t floor = (0u - n) % n;
    while ((uint32_t)product < floor) product = (uint64_t)half_word(s) * n;
  }
  return (uint32_t)(product >> 32);
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sums of differences to the mean, of the first `rounds` resamples, sorted. */
static void resample(const double *off, size_t n, uint64_t seed, double *sums, size_t rounds) {
  index_source source = {.has_half = false};
  mgp_random_seed(&source.random, seed);
  for (size_t round = 0; round < rounds; round++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += off[index_below(&source, (uint32_t)n)];
    sums[round] = sum;
  }
  qsort(sums, rounds, sizeof *sums, compare_doubles);
}

static double acceleration(const double *off, size_t n) {
  double squares = 0, cubes = 0;
  for (size_t i = 0; i < n; i++) squares += off[i] * off[i];
  const double scale = sqrt(squares);
  for (size_t i = 0; i < n; i++) cubes += pow(off[i] / scale, 3);
  return cubes / 6;
}

/* z of the share of resamples below the mean, those equal to it counting half; never infinite. */
static double bias(const double *sums, size_t rounds, double slack) {
  double below = 0;
  for (size_t i = 0; i < rounds && sums[i] <= slack; i++) below += sums[i] < -slack ? 1 : 0.5;
  const double least = 0.5, most = (double)rounds - 0.5;
  below = below < least ? least : below > most ? most : below;
  return mgp_normal_quantile(below / (double)rounds);
}

/* The share at which to read the sorted resamples instead of at `z`'s. */
static double corrected_share(double z0, double a, double z) {
  const double shifted = z0 + z, rest = 1 - a * shifted;
  if (rest <= 0) return shifted > 0 ? 1 : 0;
  return mgp_normal_cdf(z0 + shifted / rest);
}

/* Linear between neighbours (Hyndman and Fan's type 7). */
static double quantile(const double *sorted, size_t count, double share) {
  const double at = share * (double)(count - 1);
  size_t low = (size_t)at;
  if (low > count - 2) low = count - 2;
  return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

magpie_status magpie_bootstrap_mean(const double *values, size_t n, double confidence,
                                    uint64_t rounds, uint64_t seed, double *low, double *high,
                                    magpie_error *err) {
  MGP_RETURN_IF(!low || !high, err, MAGPIE_INVALID, "the bootstrap has nowhere to put its ends");
  MGP_FORWARD(mgp_check_values("values", values, n, err));
  if (confidence == 0) confidence = 0.95;
  if (rounds == 0) rounds = ROUNDS_DEFAULT;
  MGP_RETURN_IF(!(confidence > 0 && confidence < 1), err, MAGPIE_INVALID,
                "a confidence of %g is not between 0 and 1", confidence);
  MGP_RETURN_IF(rounds < ROUNDS_MIN, err, MAGPIE_INVALID,
                "%llu resamples tell too little of the tails: at least %d are needed",
                (unsigned long long)rounds, ROUNDS_MIN);
  MGP_RETURN_IF(rounds > MGP_ROUNDS_MAX, err, MAGPIE_LIMIT, "%llu rounds are more than %d",
                (unsigned long long)rounds, MGP_ROUNDS_MAX);
  double size = 0, least = values[0], most = values[0];
  for (size_t i = 0; i < n; i++) least = fmin(least, values[i]), most = fmax(most, values[i]);
  const double mean = least == most ? least : mgp_mean(values, n);
  *low = *high = mean;
  if (least == most) return MAGPIE_OK;
  double *off = mgp_calloc(NULL, n + (size_t)rounds, sizeof *off);
  MGP_RETURN_IF(!off, err, MAGPIE_NO_MEMORY, "no memory for %llu resamples of %zu values",
                (unsigned long long)rounds, n);
  double *sums = off + n;
  for (size_t i = 0; i < n; i++) off[i] = values[i] - mean, size += fabs(off[i]);
  resample(off, n, seed, sums, (size_t)rounds);
  const double z0 = bias(sums, (size_t)rounds, 1e-12 * size), a = acceleration(off, n);
  const double z = mgp_normal_quantile((1 - confidence) / 2);
  *low = mean + quantile(sums, (size_t)rounds, corrected_share(z0, a, z)) / (double)n;
  *high = mean + quantile(sums, (size_t)rounds, corrected_share(z0, a, -z)) / (double)n;
  mgp_free(NULL, off);
  return MAGPIE_OK;
}
