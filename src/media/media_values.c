/* SPDX-License-Identifier: Apache-2.0
 *
 * media_values: what needs no library of any format: libmagpie has it without loading the module
 * that reads files (src/plugin).
 */
#include "media/media.h"

enum { DEFAULT_MAX_ITEMS = 100000, DEFAULT_MAX_PIXELS = 200000000 };

void mgp_media_limits_defaults(mgp_media_limits *limits) {
  *limits = (mgp_media_limits){.max_bytes = 4ULL << 30,
                               .max_pixels = DEFAULT_MAX_PIXELS,
                               .max_seconds = 120,
                               .max_items = DEFAULT_MAX_ITEMS,
                               .max_line = 16U << 20};
}

void mgp_image_fini(mgp_alloc *a, mgp_image *image) {
  mgp_free(a, image->rgb);
  *image = (mgp_image){0};
}
