/* SPDX-License-Identifier: Apache-2.0
 *
 * Every precision on NEON as every AArch64 processor has it.
 */
#if defined(__aarch64__)

#include "kernels/neon/shapes_neon.h"

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

static void f32_to_f16_neon(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i += 4) {
    float four[4] = {0};
    const size_t n = count - i < 4 ? count - i : 4;
    memcpy(four, from + i, n * sizeof *four);
    const uint16x4_t half = vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(four)));
    memcpy(to + i, &half, n * sizeof *to);
  }
}

static void f16_to_f32_neon(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i += 4) {
    uint16_t four[4] = {0};
    const size_t n = count - i < 4 ? count - i : 4;
    memcpy(four, from + i, n * sizeof *four);
    const float32x4_t wide = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(four)));
    memcpy(to + i, &wide, n * sizeof *to);
  }
}

static void f32_to_bf16_neon(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_to_bf16(from[i]);
}

static void bf16_to_f32_neon(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_from_bf16(from[i]);
}

#define GROUPS_A_FLUSH ((size_t)256) /* 256 * 255 fits 16 bits */

/* Adds the sums of rows first..first + 15. */
FOLDED void flush(const uint16x8_t sums[2], uint32_t *out) {
  for (int i = 0; i < 2; i++) {
    uint32_t *to = out + 8 * i;
    vst1q_u32(to, vaddw_u16(vld1q_u32(to), vget_low_u16(sums[i])));
    vst1q_u32(to + 4, vaddw_u16(vld1q_u32(to + 4), vget_high_u16(sums[i])));
  }
}

FOLDED void add_looked_up(uint16x8_t sums[2], uint8x16_t table, uint8x16_t codes) {
  const uint8x16_t found = vqtbl1q_u8(table, codes);
  sums[0] = vaddw_u8(sums[0], vget_low_u8(found));
  sums[1] = vaddw_u8(sums[1], vget_high_u8(found));
}

static void fast_scan_neon(const uint8_t *codes, const uint8_t *table, size_t groups,
                           uint32_t out[MGP_FAST_SCAN_ROWS]) {
  memset(out, 0, MGP_FAST_SCAN_ROWS * sizeof *out);
  for (size_t g = 0; g < groups;) {
    const size_t end = groups - g < GROUPS_A_FLUSH ? groups : g + GROUPS_A_FLUSH;
    uint16x8_t low[2] = {vdupq_n_u16(0), vdupq_n_u16(0)}, high[2] = {low[0], low[1]};
    for (; g < end; g++) {
      const uint8x16_t c = vld1q_u8(codes + 16 * g), t = vld1q_u8(table + 16 * g);
      add_looked_up(low, t, vandq_u8(c, vdupq_n_u8(15)));
      add_looked_up(high, t, vshrq_n_u8(c, 4));
    }
    flush(low, out);
    flush(high, out + 16);
  }
}

void mgp_kernels_fill_neon_narrow(mgp_kernels *table) {
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
  table->f32_to_f16 = f32_to_f16_neon;
  table->f16_to_f32 = f16_to_f32_neon;
  table->f32_to_bf16 = f32_to_bf16_neon;
  table->bf16_to_f32 = bf16_to_f32_neon;
  table->fast_scan = fast_scan_neon;
}

#else
typedef int mgp_shapes_neon_not_here;
#endif
