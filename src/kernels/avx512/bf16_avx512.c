/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512 BF16: dot products by vdpbf16ps, which takes denormals for zero.
 */
#if defined(__AVX512BF16__)

#include "kernels/avx512/shapes_avx512.h"

MGP_KERNEL(bf16_dot, MGP_OP_DOT_BF16, float)

void mgp_kernels_fill_avx512_bf16(mgp_kernels *table) {
  table->bf16_dot = (mgp_float_kernel)MGP_ENTRY(bf16_dot);
}

#else
typedef int mgp_bf16_avx512_not_here;
#endif
