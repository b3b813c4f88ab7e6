/* SPDX-License-Identifier: Apache-2.0
 *
 * The registers of AVX-512 for kernels/shapes.h: one chunk is 64 bytes, tails are masked. What a
 * feature adds (VNNI, BF16, VPOPCNTDQ) is used where the file that includes this is compiled with
 * it; each such file fills in only the kernels that gain by it.
 */
#ifndef MGP_KERNELS_SHAPES_AVX512_H
#define MGP_KERNELS_SHAPES_AVX512_H
#if defined(__AVX512BW__) /* else it is not for this compilation */

#include <immintrin.h>

#define VEC __m512i
#define CHUNK 64
#define ROWS_AT_ONCE 4
#define TILE_QUERIES 4
#define FOLDED static inline __attribute__((always_inline))

#include "kernels/kernel_ops.h"

FOLDED VEC vec_zero(void) {
  return _mm512_setzero_si512();
}

FOLDED VEC load_bytes(const char *at, size_t left) {
  if (left >= CHUNK) return _mm512_loadu_si512(at);
  return _mm512_maskz_loadu_epi8(((__mmask64)1 << left) - 1, at);
}

FOLDED __m512 floats(VEC v) {
  return _mm512_castsi512_ps(v);
}

FOLDED VEC ints(__m512 v) {
  return _mm512_castps_si512(v);
}

FOLDED VEC add_float_term(VEC sum, __m512 x, __m512 y, bool l2) {
  if (!l2) return ints(_mm512_fmadd_ps(x, y, floats(sum)));
  const __m512 d = _mm512_sub_ps(x, y);
  return ints(_mm512_fmadd_ps(d, d, floats(sum)));
}

FOLDED __m512 half_to_float(VEC v, int half) {
  return _mm512_cvtph_ps(half ? _mm512_extracti64x4_epi64(v, 1) : _mm512_castsi512_si256(v));
}

/* bf16: the even ones lie in the upper half of each float after a shift, the odd ones already. */
FOLDED __m512 even_bf16(VEC v) {
  return floats(_mm512_slli_epi32(v, 16));
}

FOLDED __m512 odd_bf16(VEC v) {
  return floats(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000)));
}

FOLDED VEC add_bf16_term(VEC sum, VEC q, VEC r, bool l2) {
#if defined(__AVX512BF16__)
  if (!l2) return ints(_mm512_dpbf16_ps(floats(sum), (__m512bh)q, (__m512bh)r));
#endif
  return add_float_term(add_float_term(sum, even_bf16(q), even_bf16(r), l2), odd_bf16(q),
                        odd_bf16(r), l2);
}

/* Signed bytes as 16-bit numbers. */
FOLDED VEC wide_low(VEC v) {
  return _mm512_cvtepi8_epi16(_mm512_castsi512_si256(v));
}

FOLDED VEC wide_high(VEC v) {
  return _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(v, 1));
}

FOLDED VEC add_words(VEC sum, VEC x, VEC y) {
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(sum, x, y);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(x, y));
#endif
}

FOLDED VEC add_l2_s8(VEC sum, VEC q, VEC r) {
  const VEC low = _mm512_sub_epi16(wide_low(q), wide_low(r));
  const VEC high = _mm512_sub_epi16(wide_high(q), wide_high(r));
  return add_words(add_words(sum, low, low), high, high);
}

/* Unsigned times signed bytes, where no pair of products leaves 16 bits. */
FOLDED VEC add_small(VEC sum, VEC u, VEC s) {
#if defined(__AVX512VNNI__)
  return _mm512_dpbusd_epi32(sum, u, s);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1)));
#endif
}

/* With VNNI the row is biased by 128 to be unsigned; query_fix takes that back. */
FOLDED VEC add_dot_s8(VEC sum, VEC q, VEC r) {
#if defined(__AVX512VNNI__)
  return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(r, _mm512_set1_epi8((char)-128)), q);
#else
  return add_words(add_words(sum, wide_low(q), wide_low(r)), wide_high(q), wide_high(r));
#endif
}

FOLDED VEC add_dot_u8s8(VEC sum, VEC q, VEC r) {
#if defined(__AVX512VNNI__)
  return _mm512_dpbusd_epi32(sum, r, q);
#else
  const VEC low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(r));
  const VEC high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(r, 1));
  return add_words(add_words(sum, wide_low(q), low), wide_high(q), high);
#endif
}

FOLDED VEC low_nibbles(VEC v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}

FOLDED VEC high_nibbles(VEC v) {
  return low_nibbles(_mm512_srli_epi16(v, 4));
}

FOLDED VEC add_u4(VEC sum, VEC q, VEC r, bool l2) {
  const VEC low = low_nibbles(q), high = high_nibbles(q);
  if (!l2) return add_small(add_small(sum, low, low_nibbles(r)), high, high_nibbles(r));
  const VEC d_low = _mm512_abs_epi8(_mm512_sub_epi8(low, low_nibbles(r)));
  const VEC d_high = _mm512_abs_epi8(_mm512_sub_epi8(high, high_nibbles(r)));
  return add_small(add_small(sum, d_low, d_low), d_high, d_high);
}

FOLDED VEC bit_counts(VEC v) { /* of each byte */
  const VEC counts =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  return _mm512_add_epi8(_mm512_shuffle_epi8(counts, low_nibbles(v)),
                         _mm512_shuffle_epi8(counts, high_nibbles(v)));
}

FOLDED VEC add_bits(VEC sum, VEC v) {
#if defined(__AVX512VPOPCNTDQ__)
  return _mm512_add_epi32(sum, _mm512_popcnt_epi32(v));
#else
  return _mm512_add_epi32(sum, _mm512_sad_epu8(bit_counts(v), vec_zero()));
#endif
}

FOLDED VEC add_planes(VEC sum, const VEC q[4], VEC r) {
#if defined(__AVX512VPOPCNTDQ__)
  const VEC c0 = _mm512_popcnt_epi32(_mm512_and_si512(q[0], r));
  const VEC c1 = _mm512_popcnt_epi32(_mm512_and_si512(q[1], r));
  const VEC c2 = _mm512_popcnt_epi32(_mm512_and_si512(q[2], r));
  const VEC c3 = _mm512_popcnt_epi32(_mm512_and_si512(q[3], r));
  const VEC low = _mm512_add_epi32(c0, _mm512_slli_epi32(c1, 1));
  const VEC high = _mm512_add_epi32(c2, _mm512_slli_epi32(c3, 1));
  return _mm512_add_epi32(sum, _mm512_add_epi32(low, _mm512_slli_epi32(high, 2)));
#else
  /* at most 15 * 8 a byte; the shifts cannot cross bytes */
  VEC counts = bit_counts(_mm512_and_si512(q[3], r));
  for (int plane = 2; plane >= 0; plane--)
    counts =
        _mm512_add_epi8(_mm512_add_epi8(counts, counts), bit_counts(_mm512_and_si512(q[plane], r)));
  return _mm512_add_epi32(sum, _mm512_sad_epu8(counts, vec_zero()));
#endif
}

FOLDED VEC add_term(mgp_op op, VEC sum, const VEC q[4], VEC r) {
  switch (op) {
  case MGP_OP_DOT_F32:
  case MGP_OP_L2_F32:
    return add_float_term(sum, floats(q[0]), floats(r), op == MGP_OP_L2_F32);
  case MGP_OP_DOT_F16:
  case MGP_OP_L2_F16:
    for (int half = 0; half < 2; half++)
      sum = add_float_term(sum, half_to_float(q[0], half), half_to_float(r, half),
                           op == MGP_OP_L2_F16);
    return sum;
  case MGP_OP_DOT_BF16:
  case MGP_OP_L2_BF16:
    return add_bf16_term(sum, q[0], r, op == MGP_OP_L2_BF16);
  case MGP_OP_DOT_S8:
    return add_dot_s8(sum, q[0], r);
  case MGP_OP_L2_S8:
    return add_l2_s8(sum, q[0], r);
  case MGP_OP_DOT_U8S8:
    return add_dot_u8s8(sum, q[0], r);
  case MGP_OP_DOT_U4:
  case MGP_OP_L2_U4:
    return add_u4(sum, q[0], r, op == MGP_OP_L2_U4);
  case MGP_OP_DOT_U4S8:
    return add_small(add_small(sum, low_nibbles(r), q[0]), high_nibbles(r), q[1]);
  case MGP_OP_DOT_B1:
    return add_bits(sum, _mm512_and_si512(q[0], r));
  case MGP_OP_L2_B1:
    return add_bits(sum, _mm512_xor_si512(q[0], r));
  case MGP_OP_DOT_B1Q4:
    return add_planes(sum, q, r);
  }
  return sum;
}

FOLDED int32_t query_fix(mgp_op op) {
#if defined(__AVX512VNNI__)
  return op == MGP_OP_DOT_S8 ? -128 : 0;
#else
  (void)op;
  return 0;
#endif
}

FOLDED VEC add_sums(mgp_op op, VEC a, VEC b) {
  return mgp_op_is_float(op) ? ints(_mm512_add_ps(floats(a), floats(b))) : _mm512_add_epi32(a, b);
}

FOLDED __m128i add_four(mgp_op op, __m128i a, __m128i b) {
  if (!mgp_op_is_float(op)) return _mm_add_epi32(a, b);
  return _mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b)));
}

/* Lanes i and i + 8, then i + 4: the order of _mm512_reduce_add_ps, which the f32 kernels use. */
FOLDED __m128i fold(mgp_op op, VEC v) {
  const __m512i turned = _mm512_shuffle_i64x2(v, v, 0x4e);
  const __m256i half = _mm512_castsi512_si256(add_sums(op, v, turned));
  return add_four(op, _mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

FOLDED void store_sums(mgp_op op, const VEC s[4], int32_t fix, char *out) {
  const __m128i a = fold(op, s[0]), b = fold(op, s[1]), c = fold(op, s[2]), d = fold(op, s[3]);
  const __m128i ab = add_four(op, _mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
  const __m128i cd = add_four(op, _mm_unpacklo_epi64(c, d), _mm_unpackhi_epi64(c, d));
  const __m128 x = _mm_castsi128_ps(ab), y = _mm_castsi128_ps(cd);
  __m128i sums = add_four(op, _mm_castps_si128(_mm_shuffle_ps(x, y, 0x88)),
                          _mm_castps_si128(_mm_shuffle_ps(x, y, 0xdd)));
  if (!mgp_op_is_float(op)) sums = _mm_add_epi32(sums, _mm_set1_epi32(fix));
  _mm_storeu_si128((__m128i *)(void *)out, sums);
}

#include "kernels/shapes.h"

#endif
#endif
