/* SPDX-License-Identifier: Apache-2.0
 *
 * media.h in libmagpie: the module that reads files is loaded by the first call that needs it.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "plugin/media_table.h"

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static const mgp_media_table *table; /* NULL: it could not be loaded */
static magpie_error load_error;

/* Beside the file that this code lies in: libmagpie, or a program that is linked with its parts. */
static char *module_path(void) {
  Dl_info here = {0};
  static const char mark;
  if (dladdr(&mark, &here) == 0 || !here.dli_fname) return mgp_strdup(NULL, MGP_MEDIA_MODULE);
  const char *name = mgp_path_name(here.dli_fname);
  if (name == here.dli_fname) return mgp_strdup(NULL, "./" MGP_MEDIA_MODULE);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add(&b, here.dli_fname, (size_t)(name - here.dli_fname));
  mgp_buffer_add_text(&b, MGP_MEDIA_MODULE);
  return mgp_buffer_take(&b);
}

static const mgp_media_table *load_from(const char *path) {
  void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = module ? dlsym(module, MGP_MEDIA_MODULE_SYMBOL) : NULL;
  if (!symbol) {
    mgp_fail(&load_error, MAGPIE_UNSUPPORTED,
             "files cannot be read: %s; install magpie again, as a whole", dlerror());
    return NULL;
  }
  const mgp_media_table *(*get)(void) = NULL;
  memcpy(&get, &symbol, sizeof get); /* ISO C has no cast for it */
  const mgp_media_table *found = get();
  if (strcmp(found->version, MGP_VERSION_TEXT) == 0) return found;
  mgp_fail(
      &load_error, MAGPIE_VERSION,
      "files cannot be read: %s is of magpie %s, this is magpie %s; install magpie again, as a "
      "whole",
      path, found->version, MGP_VERSION_TEXT);
  return NULL;
}

static void load(void) {
  char *path = module_path();
  if (path) table = load_from(path);
  else mgp_fail(&load_error, MAGPIE_NO_MEMORY, "no memory for a path");
  mgp_free(NULL, path);
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
