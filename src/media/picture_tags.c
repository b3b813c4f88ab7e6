/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_tags: EXIF 2.3 fields as libvips hands them out, "value (value, ASCII, 20 components, 20
 * bytes)", PNG text chunks, and <title> and <desc> of a drawing. XMP is searched for the two fields
 * that people write (dc:title, dc:description).
 */
#include "media/picture_tags.h"

#if MGP_WITH_VIPS

#include <math.h>

enum { TAG_MAX = 1024 };

/* The value of an EXIF field into out; false when absent or blank. */
static bool read_exif(VipsImage *image, const char *name, char out[TAG_MAX]) {
  const char *raw = NULL;
  if (!vips_image_get_typeof(image, name) || vips_image_get_string(image, name, &raw) != 0)
    return false;
  /* The value stands twice: "V (V, TYPE, n components, n bytes)". */
  size_t size = strlen(raw);
  const char *tail = NULL;
  for (const char *p = raw; (p = strstr(p, ", ASCII, ")); p++) tail = p;
  const size_t inner = tail ? (size_t)(tail - raw) : 0;
  const size_t half = inner >= 2 ? (inner - 2) / 2 : 0;
  if (half > 0 && memcmp(raw + half, " (", 2) == 0 && memcmp(raw, raw + half + 2, half) == 0) {
    size = half;
  } else {
    const char *bracket = strstr(raw, " (");
    if (bracket) size = (size_t)(bracket - raw);
  }
  if (size == 0 || size >= TAG_MAX) return false;
  memcpy(out, raw, size);
  out[size] = '\0';
  return true;
}

/* Three rationals "51/1 30/1 1234/100" of degrees, minutes and seconds. */
static double read_degrees(VipsImage *image, const char *name) {
  char text[TAG_MAX];
  if (!read_exif(image, name, text)) return NAN;
  double parts[3] = {0, 0, 0};
  const char *p = text;
  for (int i = 0; i < 3; i++) {
    char *end = NULL;
    const double top = strtod(p, &end);
    if (end == p) return i == 0 ? NAN : parts[0] + parts[1] / 60;
    double bottom = 1;
    if (*end == '/') {
      p = end + 1;
      bottom = strtod(p, &end);
    }
    if (bottom == 0) return NAN;
    parts[i] = top / bottom;
    p = end;
  }
  return parts[0] + parts[1] / 60 + parts[2] / 3600;
}

static void note_place(mgp_media_job *job, VipsImage *image) {
  char reference[TAG_MAX];
  double lat = read_degrees(image, "exif-ifd3-GPSLatitude");
  double lon = read_degrees(image, "exif-ifd3-GPSLongitude");
  if (!isfinite(lat) || !isfinite(lon) || fabs(lat) > 90 || fabs(lon) > 180) return;
  if (lat == 0 && lon == 0) return; /* what cameras without a fix write */
  if (read_exif(image, "exif-ifd3-GPSLatitudeRef", reference) && reference[0] == 'S') lat = -lat;
  if (read_exif(image, "exif-ifd3-GPSLongitudeRef", reference) && reference[0] == 'W') lon = -lon;
  (void)json_object_set_new(
      job->info->metadata, "place",
      json_pack("{s:f,s:f}", "lat", round(lat * 1e6) / 1e6, "lon", round(lon * 1e6) / 1e6));
}

static void note_date(mgp_media_job *job, VipsImage *image) {
  static const char *const names[][2] = {
      {"exif-ifd2-DateTimeOriginal", "exif-ifd2-OffsetTimeOriginal"},
      {"exif-ifd2-DateTimeDigitized", "exif-ifd2-OffsetTimeDigitized"},
      {"exif-ifd0-DateTime", "exif-ifd2-OffsetTime"}};
  char text[TAG_MAX], zone[TAG_MAX], whole[2 * TAG_MAX];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!read_exif(image, names[i][0], text)) continue;
    const bool has_zone = read_exif(image, names[i][1], zone);
    snprintf(whole, sizeof whole, "%s%s", text, has_zone ? zone : "");
    char iso[32];
    if (!mgp_date_iso(whole, iso)) continue;
    mgp_note_text(job, "date", iso);
    return;
  }
}

static void note_camera(mgp_media_job *job, VipsImage *image) {
  char make[TAG_MAX] = "", model[TAG_MAX] = "", camera[2 * TAG_MAX + 2];
  (void)read_exif(image, "exif-ifd0-Make", make);
  (void)read_exif(image, "exif-ifd0-Model", model);
  const bool has_make = strncmp(model, make, strcspn(make, " ")) == 0;
  snprintf(camera, sizeof camera, "%s%s%s", has_make ? "" : make, has_make || !make[0] ? "" : " ",
           model);
  mgp_note_text(job, "camera", camera);
}

/* The text between the first <name ...> and its end, other tags dropped; NULL when there is none.
 */
static char *find_element(mgp_alloc *a, const char *xml, size_t size, const char *name) {
  char opener[32], closer[32];
  snprintf(opener, sizeof opener, "<%s", name);
  snprintf(closer, sizeof closer, "</%s>", name);
  const char *start = memmem(xml, size, opener, strlen(opener));
  if (!start) return NULL;
  size_t rest = size - (size_t)(start - xml);
  const char *end = memmem(start, rest, closer, strlen(closer));
  if (!end) return NULL;
  mgp_buffer text;
  mgp_buffer_init(&text, a);
  bool is_tag = false;
  for (const char *p = start; p < end; p++) {
    if (*p == '<') is_tag = true;
    if (!is_tag) mgp_buffer_add_char(&text, *p);
    if (*p == '>') is_tag = false;
  }
  char *clean =
      text.size > 0 && !text.failed ? mgp_clean_text(a, text.data, text.size, TAG_MAX) : NULL;
  mgp_buffer_fini(&text);
  return clean;
}

static void take_elements(mgp_media_job *job, const char *xml, size_t size, const char *title_name,
                          const char *text_name, char **caption) {
  char *title = find_element(job->alloc, xml, size, title_name);
  if (title && !job->info->title[0]) mgp_note_title(job, title);
  mgp_free(job->alloc, title);
  if (!*caption) *caption = find_element(job->alloc, xml, size, text_name);
}

/* Cameras fill the field with their own name. */
static bool is_camera_filler(const char *text) {
  static const char *const fillers[] = {"OLYMPUS", "SONY DSC", "DCIM",    "KONICA",
                                        "MINOLTA", "Exif_",    "SAMSUNG", "DIGITAL CAMERA"};
  for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
    if (strncmp(text, fillers[i], strlen(fillers[i])) == 0) return true;
  return false;
}

/* PNG keeps text as "png-comment-0-Title". */
static void *take_png_text(VipsImage *image, const char *name, GValue *value, void *context) {
  (void)image;
  char **found = context;
  if (strncmp(name, "png-comment-", 12) != 0 || !G_VALUE_HOLDS(value, VIPS_TYPE_REF_STRING))
    return NULL;
  const char *keyword = strchr(name + 12, '-');
  if (!keyword) return NULL;
  const char *text = vips_value_get_ref_string(value, NULL);
  if (strcmp(keyword, "-Title") == 0 && !found[0]) found[0] = g_strdup(text);
  if (strcmp(keyword, "-Description") == 0 && !found[1]) found[1] = g_strdup(text);
  return NULL;
}

static void take_png_comments(mgp_media_job *job, VipsImage *image, char **caption) {
  char *found[2] = {NULL, NULL};
  (void)vips_image_map(image, take_png_text, found);
  if (found[0]) mgp_note_title(job, found[0]);
  if (found[1] && !*caption)
    *caption = mgp_clean_text(job->alloc, found[1], strlen(found[1]), TAG_MAX);
  g_free(found[0]);
  g_free(found[1]);
}

/* EXIF swaps width and height for the turned orientations 5 to 8. */
static void note_size(mgp_media_job *job, VipsImage *image) {
  const bool is_turned = vips_image_get_orientation_swap(image);
  mgp_note_integer(job, "width", is_turned ? image->Ysize : image->Xsize);
  mgp_note_integer(job, "height", is_turned ? image->Xsize : image->Ysize);
}

char *mgp_picture_note_tags(mgp_media_job *job, VipsImage *image) {
  char *caption = NULL;
  char text[TAG_MAX];
  note_size(job, image);
  note_date(job, image);
  note_place(job, image);
  note_camera(job, image);
  if (read_exif(image, "exif-ifd0-Artist", text)) mgp_note_text(job, "author", text);
  if (read_exif(image, "exif-ifd0-ImageDescription", text) && !is_camera_filler(text))
    caption = mgp_clean_text(job->alloc, text, strlen(text), TAG_MAX);
  take_png_comments(job, image, &caption);
  const void *xmp = NULL;
  size_t size = 0;
  if (vips_image_get_typeof(image, VIPS_META_XMP_NAME) &&
      vips_image_get_blob(image, VIPS_META_XMP_NAME, &xmp, &size) == 0)
    take_elements(job, xmp, size, "dc:title", "dc:description", &caption);
  if (strcmp(job->format, "svg") == 0)
    take_elements(job, (const char *)job->head, job->head_size, "title", "desc", &caption);
  if (caption) mgp_note_text(job, "description", caption);
  return caption;
}

#endif
