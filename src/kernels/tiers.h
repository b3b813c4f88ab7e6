/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiers, for the dispatcher alone, and what they share. A tier that this build has no code for
 * is left out by the architecture test there.
 *
 * A scan over rows is bound by memory, and one core has more of it when it reads several places in
 * turn: the prefetchers of the processor follow each, and stop at the end of a page in one while
 * the others go on. So the rows are read as four quarters side by side; four rows at once also
 * share the loads of the query. bench/micro/bench_dot.c measures it.
 */
#ifndef MGP_KERNELS_TIERS_H
#define MGP_KERNELS_TIERS_H

#include "kernels/kernels.h"

#define MGP_KERNELS_STREAMS 4
#define MGP_KERNELS_AHEAD_MAX                                                                      \
  2048 /* bytes: more, times four streams, drives out of the L1 cache                              \
        */

void mgp_kernels_fill_plain(mgp_kernels *table);
void mgp_kernels_fill_avx2(mgp_kernels *table);
void mgp_kernels_fill_avx512(mgp_kernels *table);
void mgp_kernels_fill_neon(mgp_kernels *table);
/* The kernels of every precision, beside the f32 ones that the functions above fill in. */
void mgp_kernels_fill_plain_narrow(mgp_kernels *table);
void mgp_kernels_fill_avx2_narrow(mgp_kernels *table);
void mgp_kernels_fill_avx512_narrow(mgp_kernels *table);
void mgp_kernels_fill_neon_narrow(mgp_kernels *table);
/* Better ones for single features, over what the tier below filled in. */
void mgp_kernels_fill_avx512_vnni(mgp_kernels *table);
void mgp_kernels_fill_avx512_bf16(mgp_kernels *table);
void mgp_kernels_fill_avx512_popcnt(mgp_kernels *table);
void mgp_kernels_fill_neon_dotprod(mgp_kernels *table);

/* How many bytes ahead a stream asks for memory: its next row, where that is near. */
static inline size_t mgp_kernels_ahead(size_t stride) {
  const size_t row = stride * sizeof(float);
  return row < MGP_KERNELS_AHEAD_MAX ? row : MGP_KERNELS_AHEAD_MAX;
}

/* The cosine from three sums in float, or, where they left the range in which float is exact
 * enough, from the vectors anew in double. */
float mgp_cosine_of_sums(const float *a, const float *b, size_t dim, float dot, float norm_a,
                         float norm_b);

#endif
