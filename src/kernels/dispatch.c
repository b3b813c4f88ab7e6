/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tier to use: the best that the processor has and MAGPIE_CPU allows, decided once.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tiers.h"

typedef struct tier {
  const char *name;
  void (*fill)(mgp_kernels *table); /* NULL: not in this build */
  int (*is_here)(void);
} tier;

static int always(void) {
  return 1;
}

#if defined(__x86_64__)
static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#endif

/* From the lowest to the highest; the best one here and allowed is used. */
static const tier tiers[] = {
    {"plain", mgp_kernels_fill_plain, always},
#if defined(__x86_64__)
    {"avx2", mgp_kernels_fill_avx2, has_avx2},
    {"avx512", mgp_kernels_fill_avx512, has_avx512},
#elif defined(__aarch64__)
    {"neon", mgp_kernels_fill_neon, always},
#endif
};

#define TIER_COUNT (sizeof tiers / sizeof *tiers)

static const char *tier_names[TIER_COUNT + 1];
static mgp_kernels tables[TIER_COUNT];
static const mgp_kernels *best;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* An unknown name allows nothing but plain: a typo must not look like a masked run. */
static size_t highest_allowed(void) {
  const char *limit = getenv("MAGPIE_CPU");
  if (!limit || !*limit) return TIER_COUNT - 1;
  for (size_t i = 0; i < TIER_COUNT; i++)
    if (strcmp(tiers[i].name, limit) == 0) return i;
  return 0;
}

static void fill_tables(void) {
  const size_t limit = highest_allowed();
  for (size_t i = 0; i < TIER_COUNT; i++) {
    tier_names[i] = tiers[i].name;
    if (!tiers[i].is_here()) continue;
    tiers[i].fill(&tables[i]);
    if (i <= limit) best = &tables[i];
  }
}

const mgp_kernels *mgp_kernels_get(void) {
  pthread_once(&once, fill_tables);
  return best;
}

const mgp_kernels *mgp_kernels_tier(const char *name) {
  pthread_once(&once, fill_tables);
  for (size_t i = 0; i < TIER_COUNT; i++)
    if (strcmp(tiers[i].name, name) == 0) return tables[i].tier ? &tables[i] : NULL;
  return NULL;
}

const char *const *mgp_kernels_tiers(void) {
  pthread_once(&once, fill_tables);
  return tier_names;
}
