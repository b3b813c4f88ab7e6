/* SPDX-License-Identifier: Apache-2.0
 *
 * The paired randomisation test (Fisher 1935; Smucker, Allan, Carterette, CIKM 2007): under the
 * null hypothesis each difference could as well have had the other sign. Four differences at a
 * time: a table holds their sums under all 16 signs, so that one random word signs 64 of them.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

#define ROUNDS_DEFAULT 10000
#define GROUP 4
#define SUMS (1 << GROUP)

/* Sums that are equal in exact arithmetic differ by rounding; as hits they count as equal. */
#define TIE 1e-12

typedef struct sign_table {
  double *sums; /* groups x SUMS */
  size_t groups, count;
  double observed, slack;
} sign_table;

/* Zero differences change no sum, so only the others are kept: more samples get the exact test. */
static magpie_status fill_table(sign_table *t, const double *a, const double *b, size_t n,
                                magpie_error *err) {
  *t = (sign_table){0};
  double *kept = mgp_calloc(NULL, n + GROUP, sizeof *kept);
  MGP_RETURN_IF(!kept, err, MAGPIE_NO_MEMORY, "no memory for %zu differences", n);
  double size = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    const double d = a[i] - b[i];
    if (d != 0) kept[t->count++] = d;
    sum += d;
    size += fabs(d);
  }
  t->observed = fabs(sum);
  t->slack = TIE * size;
  t->groups = (t->count + GROUP - 1) / GROUP;
  t->sums = mgp_calloc(NULL, t->groups ? t->groups * SUMS : 1, sizeof *t->sums);
  for (size_t i = 0; t->sums && i < t->groups * SUMS; i++)
    for (size_t j = 0; j < GROUP; j++) {
      const double d = kept[i / SUMS * GROUP + j];
      t->sums[i] += i >> j & 1 ? -d : d;
    }
  mgp_free(NULL, kept);
  MGP_RETURN_IF(!t->sums, err, MAGPIE_NO_MEMORY, "no memory for the signs of %zu differences", n);
  return MAGPIE_OK;
}

static bool is_hit(const sign_table *t, double sum) {
  return fabs(sum) >= t->observed - t->slack;
}

static double exact_p(const sign_table *t) {
  const uint64_t all = UINT64_C(1) << t->count;
  uint64_t hits = 0;
  for (uint64_t signs = 0; signs < all; signs++) {
    double sum = 0;
    for (size_t g = 0; g < t->groups; g++)
      sum += t->sums[g * SUMS + (signs >> (g * GROUP) & (SUMS - 1))];
    hits += is_hit(t, sum);
  }
  return (double)hits / (double)all;
}

static double sampled_p(const sign_table *t, uint64_t rounds, uint64_t seed) {
  mgp_random random;
  mgp_random_seed(&random, seed);
  uint64_t hits = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    double sum = 0;
    uint64_t signs = 0;
    for (size_t g = 0; g < t->groups; g++) {
      if (g % (64 / GROUP) == 0) signs = mgp_random_next(&random);
      sum += t->sums[g * SUMS + (signs & (SUMS - 1))];
      signs >>= GROUP;
    }
    hits += is_hit(t, sum);
  }
  return ((double)hits + 1) / ((double)rounds + 1);
}

magpie_status magpie_randomisation_test(const double *a, const double *b, size_t n, uint64_t rounds,
                                        uint64_t seed, double *p, magpie_error *err) {
  MGP_RETURN_IF(!p, err, MAGPIE_INVALID, "the randomisation test has nowhere to put its p");
  MGP_FORWARD(mgp_check_values("a", a, n, err));
  MGP_FORWARD(mgp_check_values("b", b, n, err));
  if (rounds == 0) rounds = ROUNDS_DEFAULT;
  MGP_RETURN_IF(rounds > MGP_ROUNDS_MAX, err, MAGPIE_LIMIT, "%llu rounds are more than %d",
                (unsigned long long)rounds, MGP_ROUNDS_MAX);
  sign_table table;
  MGP_FORWARD(fill_table(&table, a, b, n, err));
  const bool is_exact = table.count < 63 && UINT64_C(1) << table.count <= rounds;
  *p = is_exact ? exact_p(&table) : sampled_p(&table, rounds, seed);
  mgp_free(NULL, table.sums);
  return MAGPIE_OK;
}
