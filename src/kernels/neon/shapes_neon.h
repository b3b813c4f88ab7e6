/* SPDX-License-Identifier: Apache-2.0
 *
 * The registers of NEON for kernels/shapes.h: one chunk is 16 bytes, tails are copied and padded.
 * Bytes are multiplied by SDOT and UDOT where the file that includes this is compiled with dotprod.
 */
#ifndef MGP_KERNELS_SHAPES_NEON_H
#define MGP_KERNELS_SHAPES_NEON_H
#if defined(__ARM_NEON) /* else it is not for this compilation */

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#define VEC int32x4_t
#define CHUNK 16
#define ROWS_AT_ONCE 4
#define TILE_QUERIES 4
#define FOLDED static inline __attribute__((always_inline))

#include "kernels/kernel_ops.h"

FOLDED VEC vec_zero(void) {
  return vdupq_n_s32(0);
}

FOLDED VEC load_bytes(const char *at, size_t left) {
  if (left >= CHUNK) return vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)at));
  uint8_t padded[CHUNK] = {0};
  memcpy(padded, at, left);
  return vreinterpretq_s32_u8(vld1q_u8(padded));
}

FOLDED float32x4_t floats(VEC v) {
  return vreinterpretq_f32_s32(v);
}

FOLDED VEC ints(float32x4_t v) {
  return vreinterpretq_s32_f32(v);
}

FOLDED int8x16_t bytes_of(VEC v) {
  return vreinterpretq_s8_s32(v);
}

FOLDED uint8x16_t ubytes_of(VEC v) {
  return vreinterpretq_u8_s32(v);
}

FOLDED VEC add_float_term(VEC sum, float32x4_t x, float32x4_t y, bool l2) {
  if (!l2) return ints(vfmaq_f32(floats(sum), x, y));
  const float32x4_t d = vsubq_f32(x, y);
  return ints(vfmaq_f32(floats(sum), d, d));
}

FOLDED float32x4_t half_to_float(VEC v, int half) {
  const float16x8_t all = vreinterpretq_f16_s32(v);
  return vcvt_f32_f16(half ? vget_high_f16(all) : vget_low_f16(all));
}

/* bf16: the even ones lie in the upper half of each float after a shift, the odd ones already. */
FOLDED float32x4_t even_bf16(VEC v) {
  return floats(vshlq_n_s32(v, 16));
}

FOLDED float32x4_t odd_bf16(VEC v) {
  return floats(vandq_s32(v, vdupq_n_s32((int32_t)0xffff0000u)));
}

FOLDED VEC add_dot_s8(VEC sum, VEC q, VEC r) {
  const int8x16_t x = bytes_of(q), y = bytes_of(r);
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sum, x, y);
#else
  sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
  return vpadalq_s16(sum, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
#endif
}

FOLDED VEC add_squares(VEC sum, uint8x16_t d) {
#if defined(__ARM_FEATURE_DOTPROD)
  return vreinterpretq_s32_u32(vdotq_u32(vreinterpretq_u32_s32(sum), d, d));
#else
  uint32x4_t s = vreinterpretq_u32_s32(sum);
  s = vpadalq_u16(s, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
  return vreinterpretq_s32_u32(vpadalq_u16(s, vmull_u8(vget_high_u8(d), vget_high_u8(d))));
#endif
}

FOLDED VEC add_l2_s8(VEC sum, VEC q, VEC r) {
  return add_squares(sum, vreinterpretq_u8_s8(vabdq_s8(bytes_of(q), bytes_of(r))));
}

/* The row less 128 is signed; query_fix takes that back. */
FOLDED VEC add_dot_u8s8(VEC sum, VEC q, VEC r) {
  return add_dot_s8(sum, q, vreinterpretq_s32_u8(veorq_u8(ubytes_of(r), vdupq_n_u8(128))));
}

FOLDED VEC low_nibbles(VEC v) {
  return vreinterpretq_s32_u8(vandq_u8(ubytes_of(v), vdupq_n_u8(15)));
}

FOLDED VEC high_nibbles(VEC v) {
  return vreinterpretq_s32_u8(vshrq_n_u8(ubytes_of(v), 4));
}

FOLDED VEC add_u4(VEC sum, VEC q, VEC r, bool l2) {
  const VEC low = low_nibbles(q), high = high_nibbles(q);
  if (!l2) return add_dot_s8(add_dot_s8(sum, low, low_nibbles(r)), high, high_nibbles(r));
  return add_l2_s8(add_l2_s8(sum, low, low_nibbles(r)), high, high_nibbles(r));
}

FOLDED VEC add_counts(VEC sum, uint8x16_t counts) {
  return vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(sum), vpaddlq_u8(counts)));
}

FOLDED uint8x16_t both_bits(VEC a, VEC b) {
  return vcntq_u8(vandq_u8(ubytes_of(a), ubytes_of(b)));
}

/* At most 15 * 8 a byte. */
FOLDED VEC add_planes(VEC sum, const VEC q[4], VEC r) {
  uint8x16_t counts = both_bits(q[3], r);
  for (int plane = 2; plane >= 0; plane--)
    counts = vaddq_u8(vaddq_u8(counts, counts), both_bits(q[plane], r));
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
    return add_dot_s8(sum, q[0], r);
  case MGP_OP_L2_S8:
    return add_l2_s8(sum, q[0], r);
  case MGP_OP_DOT_U8S8:
    return add_dot_u8s8(sum, q[0], r);
  case MGP_OP_DOT_U4:
  case MGP_OP_L2_U4:
    return add_u4(sum, q[0], r, op == MGP_OP_L2_U4);
  case MGP_OP_DOT_U4S8:
    return add_dot_s8(add_dot_s8(sum, q[0], low_nibbles(r)), q[1], high_nibbles(r));
  case MGP_OP_DOT_B1:
    return add_counts(sum, both_bits(q[0], r));
  case MGP_OP_L2_B1:
    return add_counts(sum, vcntq_u8(veorq_u8(ubytes_of(q[0]), ubytes_of(r))));
  case MGP_OP_DOT_B1Q4:
    return add_planes(sum, q, r);
  }
  return sum;
}

FOLDED int32_t query_fix(mgp_op op) {
  return op == MGP_OP_DOT_U8S8 ? 128 : 0;
}

FOLDED VEC add_sums(mgp_op op, VEC a, VEC b) {
  return mgp_op_is_float(op) ? ints(vaddq_f32(floats(a), floats(b))) : vaddq_s32(a, b);
}

FOLDED VEC add_pairs(mgp_op op, VEC a, VEC b) {
  return mgp_op_is_float(op) ? ints(vpaddq_f32(floats(a), floats(b))) : vpaddq_s32(a, b);
}

/* Lanes 0 + 1 and 2 + 3, then both: the order of vaddvq_f32, which the f32 kernels use. */
FOLDED void store_sums(mgp_op op, const VEC s[4], int32_t fix, char *out) {
  VEC sums = add_pairs(op, add_pairs(op, s[0], s[1]), add_pairs(op, s[2], s[3]));
  if (!mgp_op_is_float(op)) sums = vaddq_s32(sums, vdupq_n_s32(fix));
  vst1q_u8((uint8_t *)out, ubytes_of(sums));
}

#include "kernels/shapes.h"

#endif
#endif
