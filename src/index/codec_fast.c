/* SPDX-License-Identifier: Apache-2.0
 *
 * FastScan (arXiv 1704.07355): the tables of a query as bytes, and the blocks of 32 rows whose
 * 4-bit codes one shuffle looks up.
 */
#include <math.h>

#include "index/codec_private.h"

static void range_of(const float *entries, float *least, float *most) {
  *least = *most = entries[0];
  for (size_t i = 1; i < 16; i++) {
    *least = fminf(*least, entries[i]);
    *most = fmaxf(*most, entries[i]);
  }
}

/* One step for all groups, so that the sums of bytes compare; each group's least is taken off. */
mgp_fast_query mgp_fast_table(const float *entries, size_t groups, uint8_t *table) {
  float widest = 0;
  double sum = 0;
  for (size_t g = 0; g < groups; g++) {
    float least, most;
    range_of(entries + 16 * g, &least, &most);
    widest = fmaxf(widest, most - least);
    sum += least;
  }
  const float step = widest / 255;
  for (size_t g = 0; g < groups; g++) {
    float least, most;
    range_of(entries + 16 * g, &least, &most);
    for (size_t i = 0; i < 16; i++)
      table[16 * g + i] =
          step > 0 ? (uint8_t)fminf(255, rintf((entries[16 * g + i] - least) / step)) : 0;
  }
  return (mgp_fast_query){.step = step, .least = (float)sum};
}

void mgp_fast_pack(const unsigned char *bodies, size_t stride, size_t rows, size_t groups,
                   unsigned char *block) {
  memset(block, 0, 16 * groups);
  for (size_t r = 0; r < rows; r++)
    for (size_t g = 0; g < groups; g++) {
      const unsigned code = bodies[r * stride + g / 2] >> 4 * (g % 2) & 15;
      block[16 * g + r % 16] |= (unsigned char)(code << (r < 16 ? 0 : 4));
    }
}

uint8_t mgp_fast_code(const unsigned char *block, size_t group, size_t row) {
  return block[16 * group + row % 16] >> (row < 16 ? 0 : 4) & 15;
}
