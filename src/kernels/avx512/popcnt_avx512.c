/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512 VPOPCNTDQ: the kernels of single bits, 512 a step.
 */
#if defined(__AVX512VPOPCNTDQ__)

#include "kernels/avx512/shapes_avx512.h"

MGP_KERNEL(b1_dot, MGP_OP_DOT_B1, int32_t)
MGP_KERNEL(b1_l2, MGP_OP_L2_B1, int32_t)
MGP_KERNEL(b1q4_dot, MGP_OP_DOT_B1Q4, int32_t)

void mgp_kernels_fill_avx512_popcnt(mgp_kernels *table) {
  table->b1_dot = (mgp_int_kernel)MGP_ENTRY(b1_dot);
  table->b1_l2 = (mgp_int_kernel)MGP_ENTRY(b1_l2);
  table->b1q4_dot = (mgp_int_kernel)MGP_ENTRY(b1q4_dot);
}

#else
typedef int mgp_popcnt_avx512_not_here;
#endif
