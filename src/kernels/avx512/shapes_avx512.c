/* SPDX-License-Identifier: Apache-2.0
 *
 * Every precision on AVX-512 F, VL, DQ and BW: what no single feature makes faster, and a fallback
 * for what one does.
 */
#if defined(__AVX512F__) && defined(__AVX512BW__)

#include "kernels/avx512/shapes_avx512.h"

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

static __mmask16 mask_of(size_t left) {
  return (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1);
}

static void f32_to_f16_avx512(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 mask = mask_of(count - i);
    const __m256i half =
        _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_mask_storeu_epi16(to + i, mask, half);
  }
}

static void f16_to_f32_avx512(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 mask = mask_of(count - i);
    _mm512_mask_storeu_ps(to + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from + i)));
  }
}

static void f32_to_bf16_avx512(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_to_bf16(from[i]);
}

static void bf16_to_f32_avx512(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_from_bf16(from[i]);
}

#define GROUPS_A_FLUSH ((size_t)256) /* 256 * 255 fits 16 bits */
#define FAST_AHEAD 2048              /* bytes: blocks follow each other */

/* Sums of bytes of even and of odd rows, four groups side by side, become 16 sums of 32 bits. */
FOLDED void flush(VEC all, VEC odd, uint32_t *out) {
  const VEC even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
  const __m256i e =
      _mm256_add_epi16(_mm512_castsi512_si256(even), _mm512_extracti64x4_epi64(even, 1));
  const __m256i o =
      _mm256_add_epi16(_mm512_castsi512_si256(odd), _mm512_extracti64x4_epi64(odd, 1));
  const __m128i x = _mm_add_epi16(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
  const __m128i y = _mm_add_epi16(_mm256_castsi256_si128(o), _mm256_extracti128_si256(o, 1));
  const __m256i rows = _mm256_set_m128i(_mm_unpackhi_epi16(x, y), _mm_unpacklo_epi16(x, y));
  _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), _mm512_cvtepu16_epi32(rows)));
}

static void fast_scan_avx512(const uint8_t *codes, const uint8_t *table, size_t groups,
                             uint32_t out[MGP_FAST_SCAN_ROWS]) {
  memset(out, 0, MGP_FAST_SCAN_ROWS * sizeof *out);
  for (size_t g = 0; g < groups;) {
    const size_t end = groups - g < GROUPS_A_FLUSH ? groups : g + GROUPS_A_FLUSH;
    VEC low = vec_zero(), low_odd = vec_zero(), high = vec_zero(), high_odd = vec_zero();
    for (; g < end; g += 4) {
      const size_t left = 16 * (end - g);
      __builtin_prefetch((const void *)((uintptr_t)codes + 16 * g + FAST_AHEAD));
      const VEC c = load_bytes((const char *)codes + 16 * g, left);
      const VEC t = load_bytes((const char *)table + 16 * g, left);
      const VEC a = _mm512_shuffle_epi8(t, low_nibbles(c));
      const VEC b = _mm512_shuffle_epi8(t, high_nibbles(c));
      low = _mm512_add_epi16(low, a);
      low_odd = _mm512_add_epi16(low_odd, _mm512_srli_epi16(a, 8));
      high = _mm512_add_epi16(high, b);
      high_odd = _mm512_add_epi16(high_odd, _mm512_srli_epi16(b, 8));
    }
    g = end;
    flush(low, low_odd, out);
    flush(high, high_odd, out + 16);
  }
}

void mgp_kernels_fill_avx512_narrow(mgp_kernels *table) {
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
  table->f32_to_f16 = f32_to_f16_avx512;
  table->f16_to_f32 = f16_to_f32_avx512;
  table->f32_to_bf16 = f32_to_bf16_avx512;
  table->bf16_to_f32 = bf16_to_f32_avx512;
  table->fast_scan = fast_scan_avx512;
}

#else
typedef int mgp_shapes_avx512_not_here;
#endif
