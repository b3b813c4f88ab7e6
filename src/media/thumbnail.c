/* SPDX-License-Identifier: Apache-2.0
 *
 * thumbnail: a picture as a small JPEG, and the end of a picture's life.
 */
#include "media/media_job.h"

#if MGP_WITH_VIPS

#include <vips/vips.h>

enum { JPEG_QUALITY = 80 };

/* The picture wrapped and shrunk; *out is to be unreffed. */
static bool shrink_to(const mgp_image *image, int side, VipsImage **out) {
  const size_t size = (size_t)image->width * (size_t)image->height * 3;
  VipsImage *whole = vips_image_new_from_memory(image->rgb, size, image->width, image->height, 3,
                                                VIPS_FORMAT_UCHAR);
  if (!whole) return false;
  whole->Type = VIPS_INTERPRETATION_sRGB;
  const int longest = VIPS_MAX(image->width, image->height);
  if (longest <= side) {
    *out = whole;
    return true;
  }
  const double scale = (double)side / longest;
  const double across = VIPS_MAX(scale, 1.0 / image->width);
  const double down = VIPS_MAX(scale, 1.0 / image->height);
  const bool ok = vips_resize(whole, out, across, "vscale", down, NULL) == 0;
  g_object_unref(whole);
  return ok;
}

magpie_status mgp_media_thumbnail(mgp_alloc *a, const mgp_image *image, int side, void **out,
                                  size_t *size, magpie_error *err) {
  MGP_RETURN_IF(!image->rgb || image->width < 1 || image->height < 1 || side < 1, err,
                MAGPIE_INVALID, "a thumbnail of %d pixels of a %d x %d picture is not possible",
                side, image->width, image->height);
  MGP_FORWARD(mgp_media_init(err));
  VipsImage *small = NULL;
  void *jpeg = NULL;
  size_t jpeg_size = 0;
  const bool ok =
      shrink_to(image, side, &small) &&
      vips_jpegsave_buffer(small, &jpeg, &jpeg_size, "Q", JPEG_QUALITY, "strip", TRUE, NULL) == 0;
  if (small) g_object_unref(small);
  if (!ok) vips_error_clear();
  MGP_RETURN_IF(!ok, err, MAGPIE_NO_MEMORY, "a %d x %d thumbnail could not be made", side, side);
  *out = mgp_malloc(a, jpeg_size);
  if (*out) memcpy(*out, jpeg, jpeg_size);
  g_free(jpeg);
  MGP_RETURN_IF(!*out, err, MAGPIE_NO_MEMORY, "no memory for a thumbnail of %zu bytes", jpeg_size);
  *size = jpeg_size;
  return MAGPIE_OK;
}

#else

magpie_status mgp_media_thumbnail(mgp_alloc *a, const mgp_image *image, int side, void **out,
                                  size_t *size, magpie_error *err) {
  (void)a, (void)image, (void)side, (void)out, (void)size;
  return mgp_fail(err, MAGPIE_UNSUPPORTED,
                  "this magpie was built without libvips, which makes "
                  "thumbnails");
}

#endif
