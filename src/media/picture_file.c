/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_file: JPEG, PNG, WebP, GIF, TIFF, SVG, HEIC and AVIF through libvips, to upright 8-bit
 * sRGB on white, long side at most 1024.
 *
 * Order of work: header -> size check (before any pixel is decoded) -> streamed decode, flatten and
 * shrink into a small picture in memory -> colour -> turn. Turning and colour come last because
 * they are cheap on the small picture, and turning needs random access, which a stream has not. The
 * loader is named after the sniffed format, so libvips never guesses (its guess may be a loader
 * that was not made for untrusted bytes). libvips' error text is one buffer for all threads and
 * could speak of another file: it is dropped, and the message is ours.
 */
#include "media/media_job.h"
#include "media/picture_tags.h"

#if MGP_WITH_VIPS

#include <inttypes.h>
#include <math.h>
#include <unistd.h>
#include <vips/vips.h>

enum {
  SHRINK_KEEP = MGP_PICTURE_SIDE * 3 / 2, /* a loader's own shrinking keeps half as much again */
  DRAWING_SIDE = 512, /* a smaller drawing is rendered this large: it has no pixels of its own */
  MAX_SIDE = 1000000,
};

typedef struct loader {
  const char *format, *operation;
  const char *scale; /* option by which it shrinks while decoding, or NULL */
} loader;

static const loader loaders[] = {
    {"jpeg", "jpegload_source", "shrink"}, {"png", "pngload_source", NULL},
    {"webp", "webpload_source", "scale"},  {"gif", "gifload_source", NULL},
    {"tiff", "tiffload_source", NULL},     {"svg", "svgload_source", "scale"},
    {"heic", "heifload_source", NULL},     {"avif", "heifload_source", NULL},
};

static void drop_log(const gchar *domain, GLogLevelFlags level, const gchar *message,
                     gpointer data) {
  (void)domain, (void)level, (void)message, (void)data;
}

magpie_status mgp_picture_start(magpie_error *err) {
  static const char *const domains[] = {"VIPS", "librsvg", "GLib-GObject", "GdkPixbuf"};
  MGP_RETURN_IF(VIPS_INIT("magpie") != 0, err, MAGPIE_UNSUPPORTED, "libvips does not start");
  /* Files are decoded side by side, so one picture needs no threads, and nothing is read twice. */
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
    g_log_set_handler(domains[i],
                      (GLogLevelFlags)(G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR & ~G_LOG_FLAG_FATAL),
                      drop_log, NULL);
  return MAGPIE_OK;
}

const char *mgp_picture_library(void) {
  static char text[32];
  if (text[0] == '\0')
    snprintf(text, sizeof text, "libvips %d.%d.%d", vips_version(0), vips_version(1),
             vips_version(2));
  return text;
}

bool mgp_picture_has_loader(const char *name) {
  return vips_type_find("VipsOperation", name) != 0;
}

static const loader *find_loader(const char *format) {
  for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
    if (strcmp(loaders[i].format, format) == 0) return &loaders[i];
  return NULL;
}

static magpie_status damaged(const mgp_media_job *job, int width, int height, magpie_error *err) {
  vips_error_clear();
  return mgp_fail(err, MAGPIE_FORMAT,
                  "%s: the %s data is damaged or ends early (expected %d x %d pixels)", job->name,
                  job->format, width, height);
}

/* Opens the header. `scale` 1 is the whole size; the loader's own option takes it otherwise. */
static VipsImage *open_picture(const mgp_media_job *job, double scale) {
  const loader *l = find_loader(job->format);
  VipsImage *image = NULL;
  if (!l || lseek(job->fd, 0, SEEK_SET) != 0) return NULL;
  VipsSource *source = vips_source_new_from_descriptor(job->fd);
  if (!source) return NULL;
  int failed = 0;
  if (scale == 1 || !l->scale) {
    failed = vips_call(l->operation, source, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                       VIPS_FAIL_ON_TRUNCATED, NULL);
  } else if (strcmp(l->scale, "shrink") == 0) {
    failed = vips_call(l->operation, source, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                       VIPS_FAIL_ON_TRUNCATED, "shrink", (int)lrint(1 / scale), NULL);
  } else {
    failed = vips_call(l->operation, source, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                       VIPS_FAIL_ON_TRUNCATED, "scale", scale, NULL);
  }
  g_object_unref(source);
  return failed ? NULL : image;
}

/* How much the loader itself should shrink a picture of this long side. */
static double loader_scale(const char *format, int side) {
  if (strcmp(format, "jpeg") == 0) {
    int shrink = 1;
    while (shrink < 8 && side / (shrink * 2) >= SHRINK_KEEP) shrink *= 2;
    return 1.0 / shrink;
  }
  if (strcmp(format, "svg") == 0) {
    if (side > MGP_PICTURE_SIDE) return (double)MGP_PICTURE_SIDE / side;
    return side < DRAWING_SIDE ? (double)DRAWING_SIDE / side : 1.0;
  }
  if (strcmp(format, "webp") == 0 && side > 2 * SHRINK_KEEP) return (double)SHRINK_KEEP / side;
  return 1.0;
}

static magpie_status check_size(const mgp_media_job *job, const VipsImage *image,
                                magpie_error *err) {
  const int width = vips_image_get_width(image), height = vips_image_get_height(image);
  MGP_RETURN_IF(width < 1 || height < 1, err, MAGPIE_FORMAT, "%s is a picture of %d x %d pixels",
                job->name, width, height);
  /* A drawing is rendered at a size of our choice, so its own size costs nothing. */
  if (strcmp(job->format, "svg") == 0 && width <= MAX_SIDE && height <= MAX_SIDE) return MAGPIE_OK;
  const uint64_t pixels = (uint64_t)width * (uint64_t)height;
  MGP_RETURN_IF(pixels > job->limits->max_pixels, err, MAGPIE_LIMIT,
                "%s has %d x %d = %" PRIu64 " pixels, more than the limit of %" PRIu64, job->name,
                width, height, pixels, job->limits->max_pixels);
  return MAGPIE_OK;
}

static magpie_status reserve_memory(mgp_media_job *job, const VipsImage *image, magpie_error *err) {
  const mgp_picture_header header = {.format = job->format,
                                     .width = (uint64_t)vips_image_get_width(image),
                                     .height = (uint64_t)vips_image_get_height(image),
                                     .bands = (uint64_t)vips_image_get_bands(image),
                                     .band_bytes = vips_format_sizeof(vips_image_get_format(image)),
                                     .is_interlaced =
                                         vips_image_get_typeof(image, "interlaced") != 0 ||
                                         vips_image_get_typeof(image, "jpeg-multiscan") != 0};
  return mgp_job_reserve(job, mgp_picture_need(&header), err);
}

/* libvips calls this between strips; the only way to stop it is to kill the picture. */
static void on_progress(VipsImage *image, VipsProgress *progress, const mgp_media_job *job) {
  (void)progress;
  if (mgp_job_check(job, NULL) != MAGPIE_OK) vips_image_set_kill(image, TRUE);
}

/* Replaces *image by what `call` made of it; `call` names its output `next`. */
#define STEP(image, call)                                                                          \
  do {                                                                                             \
    VipsImage *next = NULL;                                                                        \
    if ((call) != 0) return false;                                                                 \
    g_object_unref(*(image));                                                                      \
    *(image) = next;                                                                               \
  } while (0)

static bool flatten_and_shrink(VipsImage **image) {
  if (vips_image_hasalpha(*image)) {
    const bool is_wide = vips_image_get_format(*image) == VIPS_FORMAT_USHORT;
    VipsArrayDouble *white = vips_array_double_newv(1, is_wide ? 65535.0 : 255.0);
    VipsImage *next = NULL;
    const int failed = vips_flatten(*image, &next, "background", white, NULL);
    vips_area_unref(VIPS_AREA(white));
    if (failed) return false;
    g_object_unref(*image);
    *image = next;
  }
  const int side = VIPS_MAX((*image)->Xsize, (*image)->Ysize);
  if (side <= MGP_PICTURE_SIDE) return true;
  const double scale = (double)MGP_PICTURE_SIDE / side;
  /* A hair's breadth of a picture must keep one pixel. */
  const double least = 1.0 / VIPS_MIN((*image)->Xsize, (*image)->Ysize);
  const double across = (*image)->Xsize >= (*image)->Ysize ? scale : fmax(scale, least);
  const double down = (*image)->Ysize >= (*image)->Xsize ? scale : fmax(scale, least);
  STEP(image, vips_resize(*image, &next, across, "vscale", down, NULL));
  return true;
}

/* An sRGB profile says what is assumed anyway; converting would only add rounding. */
static bool has_foreign_profile(VipsImage *image) {
  const void *profile = NULL;
  size_t size = 0;
  if (!vips_image_get_typeof(image, VIPS_META_ICC_NAME) ||
      vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &size) != 0)
    return false;
  return !memmem(profile, size, "sRGB", 4) && !memmem(profile, size, "s\0R\0G\0B", 7);
}

static bool to_srgb(VipsImage **image) {
  if (has_foreign_profile(*image)) {
    VipsImage *converted = NULL;
    if (vips_icc_transform(*image, &converted, "srgb", "embedded", TRUE, "intent",
                           VIPS_INTENT_RELATIVE, NULL) == 0) {
      g_object_unref(*image);
      *image = converted;
    } else {
      vips_error_clear(); /* a broken profile: the numbers are taken as they are */
    }
  }
  if ((*image)->Type == VIPS_INTERPRETATION_MULTIBAND && (*image)->Bands > 3)
    STEP(image, vips_extract_band(*image, &next, 0, "n", 3, NULL));
  if ((*image)->Type == VIPS_INTERPRETATION_MULTIBAND)
    (*image)->Type = (*image)->Bands == 3 ? VIPS_INTERPRETATION_sRGB : VIPS_INTERPRETATION_B_W;
  STEP(image, vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL));
  if ((*image)->Bands > 3) STEP(image, vips_extract_band(*image, &next, 0, "n", 3, NULL));
  if ((*image)->Bands < 3) {
    if ((*image)->Bands == 2) STEP(image, vips_extract_band(*image, &next, 0, "n", 1, NULL));
    VipsImage *three[3] = {*image, *image, *image};
    STEP(image, vips_bandjoin(three, &next, 3, NULL));
  }
  if ((*image)->BandFmt != VIPS_FORMAT_UCHAR) STEP(image, vips_cast_uchar(*image, &next, NULL));
  STEP(image, vips_autorot(*image, &next, NULL));
  return true;
}

/* Decodes and shrinks in one streamed pass; the result lies in memory. */
static bool stream_small(const mgp_media_job *job, VipsImage **image) {
  if (!flatten_and_shrink(image)) return false;
  vips_image_set_progress(*image, TRUE);
  const gulong handler =
      g_signal_connect(*image, "eval", G_CALLBACK(on_progress), (gpointer)(uintptr_t)job);
  VipsImage *memory = vips_image_copy_memory(*image);
  g_signal_handler_disconnect(*image, handler);
  if (!memory) return false;
  g_object_unref(*image);
  *image = memory;
  return true;
}

static magpie_status copy_pixels(const mgp_media_job *job, VipsImage *image, mgp_image *out,
                                 magpie_error *err) {
  size_t size = 0;
  void *pixels = vips_image_write_to_memory(image, &size);
  if (!pixels) return damaged(job, image->Xsize, image->Ysize, err);
  unsigned char *rgb = mgp_malloc(job->alloc, size);
  if (rgb) memcpy(rgb, pixels, size);
  g_free(pixels);
  MGP_RETURN_IF(!rgb, err, MAGPIE_NO_MEMORY, "no memory for the %d x %d pixels of %s", image->Xsize,
                image->Ysize, job->name);
  *out = (mgp_image){.width = image->Xsize, .height = image->Ysize, .rgb = rgb};
  return MAGPIE_OK;
}

/* From an open header to pixels; takes over *image, which may be opened again smaller. */
static magpie_status decode_pixels(mgp_media_job *job, VipsImage **image, mgp_image *out,
                                   magpie_error *err) {
  const int width = (*image)->Xsize, height = (*image)->Ysize;
  const double scale = loader_scale(job->format, VIPS_MAX(width, height));
  if (scale != 1) {
    g_object_unref(*image);
    *image = open_picture(job, scale);
    if (!*image) return damaged(job, width, height, err);
  }
  const bool is_decoded = stream_small(job, image);
  MGP_FORWARD(mgp_job_check(job, err));
  if (!is_decoded || !to_srgb(image)) return damaged(job, width, height, err);
  return copy_pixels(job, *image, out, err);
}

static magpie_status open_checked(mgp_media_job *job, VipsImage **image, magpie_error *err) {
  *image = open_picture(job, 1);
  if (!*image) {
    vips_error_clear();
    return mgp_fail(err, MAGPIE_FORMAT, "%s: the %s header is damaged or says 0 pixels", job->name,
                    job->format);
  }
  MGP_FORWARD(check_size(job, *image, err));
  return reserve_memory(job, *image, err);
}

magpie_status mgp_picture_file_read(mgp_media_job *job, mgp_image *out, magpie_error *err) {
  VipsImage *image = NULL;
  magpie_status status = open_checked(job, &image, err);
  if (status == MAGPIE_OK) status = decode_pixels(job, &image, out, err);
  if (image) g_object_unref(image);
  mgp_job_release(job);
  return status;
}

magpie_status mgp_picture_file_decode(mgp_media_job *job, magpie_error *err) {
  VipsImage *image = NULL;
  mgp_image pixels = {0};
  char *caption = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(open_checked(job, &image, err));
  caption = mgp_picture_note_tags(job, image);
  MGP_TRY(decode_pixels(job, &image, &pixels, err));
  g_object_unref(image); /* before the models run: they need memory as well */
  image = NULL;
  mgp_job_release(job);
  const mgp_media_item item = {.kind = "image",
                               .title = job->info->title[0] ? job->info->title : NULL,
                               .text = caption,
                               .image = &pixels};
  MGP_TRY(mgp_job_emit(job, &item, err));
done:
  if (image) g_object_unref(image);
  mgp_image_fini(job->alloc, &pixels);
  mgp_free(job->alloc, caption);
  return status;
}

#else

magpie_status mgp_picture_start(magpie_error *err) {
  (void)err;
  return MAGPIE_OK;
}

bool mgp_picture_has_loader(const char *name) {
  (void)name;
  return false;
}

const char *mgp_picture_library(void) {
  return "libvips";
}

magpie_status mgp_picture_file_decode(mgp_media_job *job, magpie_error *err) {
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this magpie was built without libvips", job->name);
}

magpie_status mgp_picture_file_read(mgp_media_job *job, mgp_image *out, magpie_error *err) {
  (void)out;
  return mgp_picture_file_decode(job, err);
}

#endif
