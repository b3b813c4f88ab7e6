/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of score that a kernel can give, as constants for the code that all tiers share.
 */
#ifndef MGP_KERNELS_KERNEL_OPS_H
#define MGP_KERNELS_KERNEL_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum mgp_op {
  MGP_OP_DOT_F32,
  MGP_OP_L2_F32,
  MGP_OP_DOT_F16,
  MGP_OP_L2_F16,
  MGP_OP_DOT_BF16,
  MGP_OP_L2_BF16,
  MGP_OP_DOT_S8,
  MGP_OP_L2_S8,
  MGP_OP_DOT_U8S8,
  MGP_OP_DOT_U4,
  MGP_OP_L2_U4,
  MGP_OP_DOT_U4S8,
  MGP_OP_DOT_B1,
  MGP_OP_L2_B1,
  MGP_OP_DOT_B1Q4,
} mgp_op;

static inline bool mgp_op_is_float(mgp_op op) {
  return op <= MGP_OP_L2_BF16;
}

/* Bytes of a row; also of each plane of a query. */
static inline size_t mgp_op_bytes(mgp_op op, size_t dim) {
  if (op <= MGP_OP_L2_F32) return 4 * dim;
  if (op <= MGP_OP_L2_BF16) return 2 * dim;
  if (op <= MGP_OP_DOT_U8S8) return dim;
  return op <= MGP_OP_DOT_U4S8 ? dim / 2 + dim % 2 : dim / 8 + (dim % 8 != 0);
}

/* Without branches, so that each tier's compiler vectorises the loop around it. */
static inline uint16_t mgp_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
  const uint32_t quiet = bits >> 16 | 0x40u;
  return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

static inline float mgp_from_bf16(uint16_t value) {
  const uint32_t bits = (uint32_t)value << 16;
  float out;
  memcpy(&out, &bits, sizeof out);
  return out;
}

#endif
