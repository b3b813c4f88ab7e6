/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiers, for the dispatcher alone. Each takes the table of the tier below and overrides what it
 * does better; a tier that this build has no code for is left out by the architecture test there.
 */
#ifndef MGP_KERNELS_TIERS_H
#define MGP_KERNELS_TIERS_H

#include "kernels/kernels.h"

void mgp_kernels_fill_plain(mgp_kernels *table);
void mgp_kernels_fill_avx2(mgp_kernels *table);
void mgp_kernels_fill_avx512(mgp_kernels *table);
void mgp_kernels_fill_neon(mgp_kernels *table);

/* cosine from three sums; 0 when a vector is all zero. Shared by all tiers, so that they round
 * alike. */
float mgp_cosine_of_sums(float dot, float norm_a, float norm_b);

#endif
