/* SPDX-License-Identifier: Apache-2.0
 *
 * A random rotation without a matrix: O(D log D) and 4 D bits. Random signs, a fast Hadamard
 * transform and the Kac walk's turn of the halves, four times over, as RaBitQ's library does it
 * (Kac 1956; Ailon and Chazelle 2009). Orthogonal to rounding, so lengths and angles stay.
 */
#include <math.h>

#include "index/codec.h"

#define ROUNDS ((size_t)4)

size_t mgp_rotation_pad(size_t dim) {
  return (dim + 63) / 64 * 64;
}

/* splitmix64: enough for signs, and the same everywhere. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

magpie_status mgp_rotation_init(mgp_rotation *r, mgp_alloc *a, size_t dim, uint64_t seed,
                                magpie_error *err) {
  r->dim = mgp_rotation_pad(dim);
  r->block = 64;
  while (r->block * 2 <= r->dim) r->block *= 2;
  const size_t words = ROUNDS * r->dim / 64;
  r->signs = mgp_malloc(a, words * sizeof *r->signs);
  MGP_RETURN_IF(!r->signs, err, MAGPIE_NO_MEMORY, "no memory for a rotation of %zu numbers", dim);
  for (size_t i = 0; i < words; i++) r->signs[i] = next_random(&seed);
  return MAGPIE_OK;
}

void mgp_rotation_fini(mgp_rotation *r, mgp_alloc *a) {
  mgp_free(a, r->signs);
  r->signs = NULL;
}

static void flip_signs(const mgp_rotation *r, size_t round, float *v) {
  for (size_t i = 0; i < r->dim; i += 64) {
    const uint64_t signs = r->signs[(round * r->dim + i) / 64];
    for (size_t j = 0; j < 64; j++) v[i + j] *= signs >> j & 1 ? -1.0f : 1.0f;
  }
}

static void hadamard(float *v, size_t size) {
  for (size_t half = 1; half < size; half *= 2)
    for (size_t i = 0; i < size; i += 2 * half)
      for (size_t j = i; j < i + half; j++) {
        const float x = v[j], y = v[j + half];
        v[j] = x + y;
        v[j + half] = x - y;
      }
  const float scale = 1.0f / sqrtf((float)size);
  for (size_t i = 0; i < size; i++) v[i] *= scale;
}

/* Its own inverse. */
static void turn_halves(float *v, size_t dim) {
  const float scale = 0.70710678f;
  for (size_t i = 0; i < dim / 2; i++) {
    const float x = v[i], y = v[dim / 2 + i];
    v[i] = scale * (x + y);
    v[dim / 2 + i] = scale * (x - y);
  }
}

void mgp_rotation_apply(const mgp_rotation *r, float *v) {
  for (size_t round = 0; round < ROUNDS; round++) {
    flip_signs(r, round, v);
    hadamard(round % 2 ? v + r->dim - r->block : v, r->block);
    if (r->block < r->dim) turn_halves(v, r->dim);
  }
}

void mgp_rotation_undo(const mgp_rotation *r, float *v) {
  for (size_t round = ROUNDS; round-- > 0;) {
    if (r->block < r->dim) turn_halves(v, r->dim);
    hadamard(round % 2 ? v + r->dim - r->block : v, r->block);
    flip_signs(r, round, v);
  }
}
