/* SPDX-License-Identifier: Apache-2.0
 *
 * What crosses the border between libmagpie and its media module: the functions of media.h.
 */
#ifndef MGP_MEDIA_TABLE_H
#define MGP_MEDIA_TABLE_H

#include "media/media.h"

#define MGP_MEDIA_MODULE "libmagpie-media.so"
#define MGP_MEDIA_MODULE_SYMBOL "magpie_media_module"

typedef struct mgp_media_table {
  const char *version; /* of magpie: structs are shared, so it must be the same */
  magpie_status (*init)(magpie_error *err);
  const char *(*sniff)(const char *path, const void *head, size_t size);
  magpie_status (*decode)(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                          const mgp_media_sink *sink, mgp_media_info *info, magpie_error *err);
  magpie_status (*read_image)(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                              mgp_image *out, magpie_error *err);
  magpie_status (*read_sound)(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                              double max_seconds, float **pcm, size_t *count, magpie_error *err);
  magpie_status (*read_span)(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                             double start, double end, float **pcm, size_t *count,
                             magpie_error *err);
  magpie_status (*thumbnail)(mgp_alloc *a, const mgp_image *image, int side, void **out,
                             size_t *size, magpie_error *err);
  magpie_status (*wav)(mgp_alloc *a, const float *pcm, size_t count, int rate, void **out,
                       size_t *size, magpie_error *err);
  const mgp_media_format *(*formats)(void);
} mgp_media_table;

/* The module's one symbol. */
const mgp_media_table *magpie_media_module(void);

#endif
