/* SPDX-License-Identifier: Apache-2.0
 *
 * xoshiro256** 1.0, its state filled by splitmix64 (Blackman, Vigna: "Scrambled linear
 * pseudorandom number generators", ACM TOMS 2021; prng.di.unimi.it, public domain). The same seed
 * gives the same bits on every machine, which the C library's generators do not promise.
 */
#include "eval/measures.h"

static uint64_t splitmix(uint64_t *x) {
  uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by) {
  return (x << by) | (x >> (64 - by));
}

void mgp_random_seed(mgp_random *r, uint64_t seed) {
  for (int i = 0; i < 4; i++) r->state[i] = splitmix(&seed);
}

uint64_t mgp_random_next(mgp_random *r) {
  uint64_t *s = r->state;
  const uint64_t result = rotate(s[1] * 5, 7) * 9;
  const uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}
