/* SPDX-License-Identifier: Apache-2.0
 *
 * Every precision on AVX2, FMA and F16C: one chunk of kernels/shapes.h is 32 bytes.
 */
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#include <immintrin.h>

#define VEC __m256i
#define CHUNK 32
#define ROWS_AT_ONCE 2
#define TILE_QUERIES 2
#define FOLDED static inline __attribute__((always_inline))

#include "kernels/kernel_ops.h"

FOLDED VEC vec_zero(void) {
  return _mm256_setzero_si256();
}

FOLDED VEC load_bytes(const char *at, size_t left) {
  if (left >= CHUNK) return _mm256_loadu_si256((const __m256i *)(const void *)at);
  char padded[16] = {0};
  const bool whole = left >= 16;
  memcpy(padded, whole ? at + 16 : at, whole ? left - 16 : left);
  const __m128i rest = _mm_loadu_si128((const __m128i *)(const void *)padded);
  if (!whole) return _mm256_zextsi128_si256(rest);
  return _mm256_set_m128i(rest, _mm_loadu_si128((const __m128i *)(const void *)at));
}

FOLDED __m256 floats(VEC v) {
  return _mm256_castsi256_ps(v);
}

FOLDED VEC ints(__m256 v) {
  return _mm256_castps_si256(v);
}

FOLDED VEC add_float_term(VEC sum, __m256 x, __m256 y, bool l2) {
  if (!l2) return ints(_mm256_fmadd_ps(x, y, floats(sum)));
  const __m256 d = _mm256_sub_ps(x, y);
  return ints(_mm256_fmadd_ps(d, d, floats(sum)));
}

FOLDED __m128i half_of(VEC v, int half) {
  return half ? _mm256_extracti128_si256(v, 1) : _mm256_castsi256_si128(v);
}

FOLDED __m256 half_to_float(VEC v, int half) {
  return _mm256_cvtph_ps(half_of(v, half));
}

/* bf16: the even ones lie in the upper half of each float after a shift, the odd ones already. */
FOLDED __m256 even_bf16(VEC v) {
  return floats(_mm256_slli_epi32(v, 16));
}

FOLDED __m256 odd_bf16(VEC v) {
  return floats(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000)));
}

FOLDED VEC wide(VEC v, int half) {
  return _mm256_cvtepi8_epi16(half_of(v, half));
}

FOLDED VEC add_words(VEC sum, VEC x, VEC y) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
}

FOLDED VEC add_bytes(mgp_op op, VEC sum, VEC q, VEC r) {
  for (int half = 0; half < 2; half++) {
    const VEC x = wide(q, half);
    const VEC y = op == MGP_OP_DOT_U8S8 ? _mm256_cvtepu8_epi16(half_of(r, half)) : wide(r, half);
    const VEC d = _mm256_sub_epi16(x, y);
    sum = op == MGP_OP_L2_S8 ? add_words(sum, d, d) : add_words(sum, x, y);
  }
  return sum;
}

/* Unsigned times signed bytes, where no pair of products leaves 16 bits. */
FOLDED VEC add_small(VEC sum, VEC u, VEC s) {
  return add_words(sum, _mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1));
}

FOLDED VEC low_nibbles(VEC v) {
  return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

FOLDED VEC high_nibbles(VEC v) {
  return low_nibbles(_mm256_srli_epi16(v, 4));
}

FOLDED VEC add_u4(VEC sum, VEC q, VEC r, bool l2) {
  const VEC low = low_nibbles(q), high = high_nibbles(q);
  if (!l2) return add_small(add_small(sum, low, low_nibbles(r)), high, high_nibbles(r));
  const VEC d_low = _mm256_abs_epi8(_mm256_sub_epi8(low, low_nibbles(r)));
  const VEC d_high = _mm256_abs_epi8(_mm256_sub_epi8(high, high_nibbles(r)));
  return add_small(add_small(sum, d_low, d_low), d_high, d_high);
}

FOLDED VEC bit_counts(VEC v) { /* of each byte */
  const VEC counts =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  return _mm256_add_epi8(_mm256_shuffle_epi8(counts, low_nibbles(v)),
                         _mm256_shuffle_epi8(counts, high_nibbles(v)));
}

FOLDED VEC add_counts(VEC sum, VEC counts) {
  return _mm256_add_epi32(sum, _mm256_sad_epu8(counts, vec_zero()));
}

/* At most 15 * 8 a byte. */
FOLDED VEC add_planes(VEC sum, const VEC q[4], VEC r) {
  VEC counts = bit_counts(_mm256_and_si256(q[3], r));
  for (int plane = 2; plane >= 0; plane--)
    counts =
        _mm256_add_epi8(_mm256_add_epi8(counts, counts), bit_counts(_mm256_and_si256(q[plane], r)));
  return add_counts(sum, counts);
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
    sum = add_float_term(sum, even_bf16(q[0]), even_bf16(r), op == MGP_OP_L2_BF16);
    return add_float_term(sum, odd_bf16(q[0]), odd_bf16(r), op == MGP_OP_L2_BF16);
  case MGP_OP_DOT_S8:
  case MGP_OP_L2_S8:
  case MGP_OP_DOT_U8S8:
    return add_bytes(op, sum, q[0], r);
  case MGP_OP_DOT_U4:
  case MGP_OP_L2_U4:
    return add_u4(sum, q[0], r, op == MGP_OP_L2_U4);
  case MGP_OP_DOT_U4S8:
    return add_small(add_small(sum, low_nibbles(r), q[0]), high_nibbles(r), q[1]);
  case MGP_OP_DOT_B1:
    return add_counts(sum, bit_counts(_mm256_and_si256(q[0], r)));
  case MGP_OP_L2_B1:
    return add_counts(sum, bit_counts(_mm256_xor_si256(q[0], r)));
  case MGP_OP_DOT_B1Q4:
    return add_planes(sum, q, r);
  }
  return sum;
}

FOLDED int32_t query_fix(mgp_op op) {
  (void)op;
  return 0;
}

FOLDED VEC add_sums(mgp_op op, VEC a, VEC b) {
  return mgp_op_is_float(op) ? ints(_mm256_add_ps(floats(a), floats(b))) : _mm256_add_epi32(a, b);
}

FOLDED __m128i add_four(mgp_op op, __m128i a, __m128i b) {
  if (!mgp_op_is_float(op)) return _mm_add_epi32(a, b);
  return _mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b)));
}

/* The order of the f32 kernels: lanes i and i + 4, then i + 2, then i + 1. */
FOLDED void store_sums(mgp_op op, const VEC s[4], int32_t fix, char *out) {
  __m128i f[4];
  for (int i = 0; i < 4; i++) f[i] = add_four(op, half_of(s[i], 0), half_of(s[i], 1));
  const __m128i ab = add_four(op, _mm_unpacklo_epi64(f[0], f[1]), _mm_unpackhi_epi64(f[0], f[1]));
  const __m128i cd = add_four(op, _mm_unpacklo_epi64(f[2], f[3]), _mm_unpackhi_epi64(f[2], f[3]));
  const __m128 x = _mm_castsi128_ps(ab), y = _mm_castsi128_ps(cd);
  __m128i sums = add_four(op, _mm_castps_si128(_mm_shuffle_ps(x, y, 0x88)),
                          _mm_castps_si128(_mm_shuffle_ps(x, y, 0xdd)));
  if (!mgp_op_is_float(op)) sums = _mm_add_epi32(sums, _mm_set1_epi32(fix));
  _mm_storeu_si128((__m128i *)(void *)out, sums);
}

#include "kernels/shapes.h"

MGP_KERNEL(f32_dot, MGP_OP_DOT_F32, float)
MGP_KERNEL(f32_l2, MGP_OP_L2_F32, float)
MGP_KERNEL(f16_dot, MGP_OP_DOT_F16, float)
MGP_KERNEL(f16_l2, MGP_OP_L2_F16, float)
MGP_KERNEL(bf16_dot, MGP_OP_DOT_BF16, float)
MGP_KERNEL(bf16_l2, MGP_OP_L2_BF16, float)
MGP_KERNEL(s8_dot, MGP_OP_DOT_S8, int32_t)
MGP_KERNEL(s8_l2, MGP_OP_L2_S8, int32_t)
MGP_KERNEL(u8s8_dot, MGP_OP_DOT_U8S8, int32_t)
MGP_KERNEL(u4_dot, MGP_OP_DOT_U4, int32_t)
MGP_KERNEL(u4_l2, MGP_OP_L2_U4, int32_t)
MGP_KERNEL(u4s8_dot, MGP_OP_DOT_U4S8, int32_t)
MGP_KERNEL(b1_dot, MGP_OP_DOT_B1, int32_t)
MGP_KERNEL(b1_l2, MGP_OP_L2_B1, int32_t)
MGP_KERNEL(b1q4_dot, MGP_OP_DOT_B1Q4, int32_t)

static void f32_to_f16_avx2(const float *from, uint16_t *to, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128((__m128i *)(void *)(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < count; i++) to[i] = _cvtss_sh(from[i], _MM_FROUND_TO_NEAREST_INT);
}

static void f16_to_f32_avx2(const uint16_t *from, float *to, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i,
                     _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + i))));
  for (; i < count; i++) to[i] = _cvtsh_ss(from[i]);
}

static void f32_to_bf16_avx2(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_to_bf16(from[i]);
}

static void bf16_to_f32_avx2(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_from_bf16(from[i]);
}

#define GROUPS_A_FLUSH ((size_t)256) /* 256 * 255 fits 16 bits */
#define FAST_AHEAD 2048              /* bytes: blocks follow each other */

/* Sums of bytes of even and of odd rows, two groups side by side, become 16 sums of 32 bits. */
FOLDED void flush(VEC all, VEC odd, uint32_t *out) {
  const VEC even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
  const __m128i e = _mm_add_epi16(half_of(even, 0), half_of(even, 1));
  const __m128i o = _mm_add_epi16(half_of(odd, 0), half_of(odd, 1));
  const __m128i rows[2] = {_mm_unpacklo_epi16(e, o), _mm_unpackhi_epi16(e, o)};
  for (int half = 0; half < 2; half++) {
    __m256i *to = (__m256i *)(void *)(out + 8 * half);
    _mm256_storeu_si256(
        to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_cvtepu16_epi32(rows[half])));
  }
}

static void fast_scan_avx2(const uint8_t *codes, const uint8_t *table, size_t groups,
                           uint32_t out[MGP_FAST_SCAN_ROWS]) {
  memset(out, 0, MGP_FAST_SCAN_ROWS * sizeof *out);
  for (size_t g = 0; g < groups;) {
    const size_t end = groups - g < GROUPS_A_FLUSH ? groups : g + GROUPS_A_FLUSH;
    VEC low = vec_zero(), low_odd = vec_zero(), high = vec_zero(), high_odd = vec_zero();
    for (; g < end; g += 2) {
      const size_t left = 16 * (end - g);
      __builtin_prefetch((const void *)((uintptr_t)codes + 16 * g + FAST_AHEAD));
      const VEC c = load_bytes((const char *)codes + 16 * g, left);
      const VEC t = load_bytes((const char *)table + 16 * g, left);
      const VEC a = _mm256_shuffle_epi8(t, low_nibbles(c));
      const VEC b = _mm256_shuffle_epi8(t, high_nibbles(c));
      low = _mm256_add_epi16(low, a);
      low_odd = _mm256_add_epi16(low_odd, _mm256_srli_epi16(a, 8));
      high = _mm256_add_epi16(high, b);
      high_odd = _mm256_add_epi16(high_odd, _mm256_srli_epi16(b, 8));
    }
    g = end;
    flush(low, low_odd, out);
    flush(high, high_odd, out + 16);
  }
}

void mgp_kernels_fill_avx2_narrow(mgp_kernels *table) {
  table->f32_dot = (mgp_float_kernel)MGP_ENTRY(f32_dot);
  table->f32_l2 = (mgp_float_kernel)MGP_ENTRY(f32_l2);
  table->f16_dot = (mgp_float_kernel)MGP_ENTRY(f16_dot);
  table->f16_l2 = (mgp_float_kernel)MGP_ENTRY(f16_l2);
  table->bf16_dot = (mgp_float_kernel)MGP_ENTRY(bf16_dot);
  table->bf16_l2 = (mgp_float_kernel)MGP_ENTRY(bf16_l2);
  table->s8_dot = (mgp_int_kernel)MGP_ENTRY(s8_dot);
  table->s8_l2 = (mgp_int_kernel)MGP_ENTRY(s8_l2);
  table->u8s8_dot = (mgp_int_kernel)MGP_ENTRY(u8s8_dot);
  table->u4_dot = (mgp_int_kernel)MGP_ENTRY(u4_dot);
  table->u4_l2 = (mgp_int_kernel)MGP_ENTRY(u4_l2);
  table->u4s8_dot = (mgp_int_kernel)MGP_ENTRY(u4s8_dot);
  table->b1_dot = (mgp_int_kernel)MGP_ENTRY(b1_dot);
  table->b1_l2 = (mgp_int_kernel)MGP_ENTRY(b1_l2);
  table->b1q4_dot = (mgp_int_kernel)MGP_ENTRY(b1q4_dot);
  table->f32_to_f16 = f32_to_f16_avx2;
  table->f16_to_f32 = f16_to_f32_avx2;
  table->f32_to_bf16 = f32_to_bf16_avx2;
  table->bf16_to_f32 = bf16_to_f32_avx2;
  table->fast_scan = fast_scan_avx2;
}

#else
typedef int mgp_shapes_avx2_not_here;
#endif
