/* SPDX-License-Identifier: Apache-2.0
 *
 * NEON with dotprod: bytes and nibbles by SDOT and UDOT, four products an instruction and lane.
 */
#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)

#include "kernels/neon/shapes_neon.h"

MGP_KERNEL(s8_dot, MGP_OP_DOT_S8, int32_t)
MGP_KERNEL(s8_l2, MGP_OP_L2_S8, int32_t)
MGP_KERNEL(u8s8_dot, MGP_OP_DOT_U8S8, int32_t)
MGP_KERNEL(u4_dot, MGP_OP_DOT_U4, int32_t)
MGP_KERNEL(u4_l2, MGP_OP_L2_U4, int32_t)
MGP_KERNEL(u4s8_dot, MGP_OP_DOT_U4S8, int32_t)

void mgp_kernels_fill_neon_dotprod(mgp_kernels *table) {
  table->s8_dot = (mgp_int_kernel)MGP_ENTRY(s8_dot);
  table->s8_l2 = (mgp_int_kernel)MGP_ENTRY(s8_l2);
  table->u8s8_dot = (mgp_int_kernel)MGP_ENTRY(u8s8_dot);
  table->u4_dot = (mgp_int_kernel)MGP_ENTRY(u4_dot);
  table->u4_l2 = (mgp_int_kernel)MGP_ENTRY(u4_l2);
  table->u4s8_dot = (mgp_int_kernel)MGP_ENTRY(u4s8_dot);
}

#else
typedef int mgp_dotprod_neon_not_here;
#endif
