/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tier to use: the best that the processor has and MAGPIE_CPU allows, decided once.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "kernels/tiers.h"

typedef struct tier {
  const char *name;
  void (*fill)(mgp_kernels *table); /* NULL: not in this build */
  int (*is_here)(void);
} tier;

static int always(void) {
  return 1;
}

static void fill_plain(mgp_kernels *table) {
  mgp_kernels_fill_plain(table);
  mgp_kernels_fill_plain_narrow(table);
}

#if defined(__x86_64__)
/* Not every compiler's __builtin_cpu_supports knows f16c: bit 29 of ECX of leaf 1. */
static int has_f16c(void) {
  unsigned a = 1, b, c = 0, d;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (c >> 29 & 1) != 0;
}

static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static int has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

static void fill_avx2(mgp_kernels *table) {
  mgp_kernels_fill_avx2(table);
  mgp_kernels_fill_avx2_narrow(table);
}

static void fill_avx512base(mgp_kernels *table) {
  mgp_kernels_fill_avx512(table);
  mgp_kernels_fill_avx512_narrow(table);
  table->tier = "avx512base";
}

static void fill_avx512(mgp_kernels *table) {
  fill_avx512base(table);
  table->tier = "avx512";
  if (__builtin_cpu_supports("avx512vnni")) mgp_kernels_fill_avx512_vnni(table);
  if (__builtin_cpu_supports("avx512bf16")) mgp_kernels_fill_avx512_bf16(table);
  if (__builtin_cpu_supports("avx512vpopcntdq")) mgp_kernels_fill_avx512_popcnt(table);
}
#elif defined(__aarch64__)
#define HWCAP_DOTPROD (1ul << 20) /* HWCAP_ASIMDDP of Linux's asm/hwcap.h */

static void fill_neonbase(mgp_kernels *table) {
  mgp_kernels_fill_neon(table);
  mgp_kernels_fill_neon_narrow(table);
  table->tier = "neonbase";
}

static void fill_neon(mgp_kernels *table) {
  fill_neonbase(table);
  table->tier = "neon";
  if (getauxval(AT_HWCAP) & HWCAP_DOTPROD) mgp_kernels_fill_neon_dotprod(table);
}
#endif

/* From the lowest to the highest; the best one here and allowed is used. */
static const tier tiers[] = {
    {"plain", fill_plain, always},
#if defined(__x86_64__)
    {"avx2", fill_avx2, has_avx2},
    {"avx512base", fill_avx512base, has_avx512},
    {"avx512", fill_avx512, has_avx512},
#elif defined(__aarch64__)
    {"neonbase", fill_neonbase, always},
    {"neon", fill_neon, always},
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
