/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor can do, for the bars that are shares of it: plain reads of memory, and peaks
 * of arithmetic in registers. Compiled by ours.py with -O3 -march=native; without AVX-512 the peaks
 * are 0 and reads go through what the compiler makes of them.
 */
#include <stddef.h>
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

typedef uint64_t wide __attribute__((vector_size(64)));

uint64_t limits_read(const void *bytes, size_t size, size_t streams);
void limits_scan(const float *rows, size_t count, size_t dim, const float *query, float *best);
double limits_fma(size_t steps);
double limits_vnni(size_t steps);
double limits_bf16(size_t steps);

/* All 64-byte lines once, in order, as one run or as `streams` runs side by side. */
uint64_t limits_read(const void *bytes, size_t size, size_t streams) {
  const wide *from = bytes;
  const size_t part = size / sizeof *from / streams / 8 * 8;
  wide sums[8] = {{0}};
  for (size_t i = 0; i < part; i += 8)
    for (size_t s = 0; s < streams; s++)
      for (size_t j = 0; j < 8; j++) sums[j] |= from[s * part + i + j];
  uint64_t sum = 0;
  for (size_t j = 0; j < 8; j++)
    for (size_t lane = 0; lane < 8; lane++) sum |= sums[j][lane];
  return sum;
}

typedef float lanes __attribute__((vector_size(64), aligned(4)));

/* The plainest scan there is: one row after the other, four sums, the best score. `dim` is a
 * multiple of 64. */
void limits_scan(const float *rows, size_t count, size_t dim, const float *query, float *best) {
  *best = -1e30f;
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * dim;
    lanes s[4] = {{0}};
    for (size_t j = 0; j < dim; j += 64)
      for (size_t k = 0; k < 4; k++)
        s[k] += *(const lanes *)(row + j + 16 * k) * *(const lanes *)(query + j + 16 * k);
    const lanes all = s[0] + s[1] + s[2] + s[3];
    float score = 0;
    for (size_t k = 0; k < 16; k++) score += all[k];
    *best = score > *best ? score : *best;
  }
}

/* Twelve chains hide the latency of an instruction; the barrier keeps them in registers. Each
 * returns the operations done: two for each pair of numbers. */
#define CHAINS(type, step)                                                                         \
  type s[12] = {0};                                                                                \
  for (size_t i = 0; i < steps; i++)                                                               \
    for (size_t j = 0; j < 12; j++) {                                                              \
      s[j] = step;                                                                                 \
      __asm__ volatile("" : "+v"(s[j]));                                                           \
    }

double limits_fma(size_t steps) {
#ifdef __AVX512F__
  const __m512 a = _mm512_set1_ps(1), b = a;
  CHAINS(__m512, _mm512_fmadd_ps(a, b, s[j]))
  return (double)steps * 12 * 32;
#else
  return 0 * (double)steps;
#endif
}

double limits_vnni(size_t steps) {
#ifdef __AVX512VNNI__
  const __m512i a = _mm512_set1_epi8(1), b = a;
  CHAINS(__m512i, _mm512_dpbusd_epi32(s[j], a, b))
  return (double)steps * 12 * 128;
#else
  return 0 * (double)steps;
#endif
}

double limits_bf16(size_t steps) {
#ifdef __AVX512BF16__
  const __m512 one = _mm512_set1_ps(1);
  const __m512bh a = _mm512_cvtne2ps_pbh(one, one), b = a;
  CHAINS(__m512, _mm512_dpbf16_ps(s[j], a, b))
  return (double)steps * 12 * 64;
#else
  return 0 * (double)steps;
#endif
}
