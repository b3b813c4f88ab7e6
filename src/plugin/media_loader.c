/* SPDX-License-Identifier: Apache-2.0
 *
 * media.h in libmagpie: the module that reads files is loaded by the first call that needs it.
 */
#include <pthread.h>

#include "plugin/media_table.h"
#include "plugin/module_loader.h"

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static const mgp_media_table *table; /* NULL: it could not be loaded */
static magpie_error load_error;

static void load(void) {
  static const mgp_module_request request = {.file = MGP_MEDIA_MODULE,
                                             .symbol = MGP_MEDIA_MODULE_SYMBOL,
                                             .lost = "files cannot be read",
                                             .advice = "install magpie again, as a whole"};
  table = mgp_module_load(&request, &load_error);
}

static magpie_status need(magpie_error *err) {
  pthread_once(&load_once, load);
  if (table) return MAGPIE_OK;
  if (err) *err = load_error;
  return load_error.code;
}

magpie_status mgp_media_init(magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->init(err);
}

const char *mgp_media_sniff(const char *path, const void *head, size_t size) {
  return need(NULL) == MAGPIE_OK ? table->sniff(path, head, size) : NULL;
}

magpie_status mgp_media_decode(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                               const mgp_media_sink *sink, mgp_media_info *info,
                               magpie_error *err) {
  *info = (mgp_media_info){0};
  MGP_FORWARD(need(err));
  return table->decode(a, path, limits, sink, info, err);
}

magpie_status mgp_media_read_image(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   mgp_image *out, magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->read_image(a, path, limits, out, err);
}

magpie_status mgp_media_read_sound(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   double max_seconds, float **pcm, size_t *count,
                                   magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->read_sound(a, path, limits, max_seconds, pcm, count, err);
}

magpie_status mgp_media_read_span(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                  double start, double end, float **pcm, size_t *count,
                                  magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->read_span(a, path, limits, start, end, pcm, count, err);
}

magpie_status mgp_media_thumbnail(mgp_alloc *a, const mgp_image *image, int side, void **out,
                                  size_t *size, magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->thumbnail(a, image, side, out, size, err);
}

magpie_status mgp_media_wav(mgp_alloc *a, const float *pcm, size_t count, int rate, void **out,
                            size_t *size, magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->wav(a, pcm, count, rate, out, size, err);
}

const mgp_media_format *mgp_media_formats(void) {
  static const mgp_media_format none;
  return need(NULL) == MAGPIE_OK ? table->formats() : &none;
}
