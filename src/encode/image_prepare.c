/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture as a model wants it: short side to `resize`, centre crop, normalised, planar.
 *
 * The models were trained on Pillow's antialiased resampling, so its arithmetic is kept: a
 * separable filter widened by the scale, weights in 22-bit fixed point, rows first, rounded to 8
 * bits between the passes. Only the pixels of the crop are computed, so that a picture of 1 x
 * 100,000, whose resized form would have 6.5 billion pixels, costs no more than any other.
 */
#include "encode/encode.h"

#include <math.h>

enum { CHANNELS = 3, WEIGHT_BITS = 22, SIDE_MAX = 4096, SOURCE_MAX = 1 << 24 };

typedef struct filter {
  const char *name;
  double support;
  double (*at)(double x);
} filter;

/* Keys' cubic with a = -0.5. */
static double bicubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

static double bilinear(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

static const filter filters[] = {{"bicubic", 2, bicubic}, {"bilinear", 1, bilinear}};

static const filter *find_filter(const char *name) {
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
    if (mgp_text_equal(filters[i].name, name)) return &filters[i];
  return NULL;
}

/* How the crop's pixels of one axis are made of source pixels. */
typedef struct axis {
  int count;       /* pixels of the crop */
  int taps;        /* room for weights of one pixel */
  int *first;      /* first source pixel of each */
  int *used;       /* source pixels of each */
  int32_t *weight; /* count x taps */
} axis;

static void axis_fini(mgp_alloc *a, axis *x) {
  mgp_free(a, x->first);
  mgp_free(a, x->used);
  mgp_free(a, x->weight);
}

/* The weights of output pixel `index` of an axis that shrinks `source` pixels by `scale`. */
static void weigh(const filter *f, int source, double scale, double index, axis *x, int at,
                  double *scratch) {
  const double widened = scale > 1 ? scale : 1, support = f->support * widened;
  const double centre = (index + 0.5) * scale;
  int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
  if (first < 0) first = 0;
  if (end > source) end = source;
  double sum = 0;
  for (int i = first; i < end; i++) {
    scratch[i - first] = f->at((i - centre + 0.5) / widened);
    sum += scratch[i - first];
  }
  int32_t *weight = x->weight + (size_t)at * (size_t)x->taps;
  for (int i = 0; i < end - first; i++) {
    const double w = (sum != 0 ? scratch[i] / sum : scratch[i]) * (1 << WEIGHT_BITS);
    weight[i] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
  }
  x->first[at] = first;
  x->used[at] = end - first;
}

/* `target` pixels stand for `source` ones; the middle `crop` of them are wanted. */
static bool axis_init(mgp_alloc *a, const filter *f, int source, int64_t target, int crop,
                      axis *x) {
  const double scale = (double)source / (double)target;
  const double support = f->support * (scale > 1 ? scale : 1);
  const int64_t start = (target - crop) / 2;
  x->count = crop;
  x->taps = (int)ceil(support) * 2 + 1;
  x->first = mgp_calloc(a, (size_t)crop, sizeof *x->first);
  x->used = mgp_calloc(a, (size_t)crop, sizeof *x->used);
  x->weight = mgp_calloc(a, (size_t)crop * (size_t)x->taps, sizeof *x->weight);
  double *scratch = mgp_calloc(a, (size_t)x->taps, sizeof *scratch);
  const bool made = x->first && x->used && x->weight && scratch;
  for (int i = 0; made && i < crop; i++)
    weigh(f, source, scale, (double)(start + i), x, i, scratch);
  mgp_free(a, scratch);
  return made;
}

static unsigned char to_8_bits(int64_t sum) {
  const int64_t value = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
  return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One source row -> one row of the crop's width. */
static void shrink_row(const axis *x, const unsigned char *row, unsigned char *out) {
  for (int i = 0; i < x->count; i++) {
    const int32_t *weight = x->weight + (size_t)i * (size_t)x->taps;
    const unsigned char *pixel = row + (size_t)x->first[i] * CHANNELS;
    int64_t sum[CHANNELS] = {0};
    for (int t = 0; t < x->used[i]; t++, pixel += CHANNELS)
      for (int c = 0; c < CHANNELS; c++) sum[c] += (int64_t)pixel[c] * weight[t];
    for (int c = 0; c < CHANNELS; c++) out[i * CHANNELS + c] = to_8_bits(sum[c]);
  }
}

/* Rows of the crop's width, from source row `base` on -> normalised planes. */
static void shrink_columns(const axis *y, const unsigned char *rows, int base, int width,
                           const mgp_image_recipe *recipe, float *out) {
  const size_t stride = (size_t)width * CHANNELS, plane = (size_t)width * (size_t)y->count;
  for (int j = 0; j < y->count; j++) {
    const int32_t *weight = y->weight + (size_t)j * (size_t)y->taps;
    for (size_t i = 0; i < stride; i++) {
      const unsigned char *pixel = rows + (size_t)(y->first[j] - base) * stride + i;
      int64_t sum = 0;
      for (int t = 0; t < y->used[j]; t++, pixel += stride) sum += (int64_t)*pixel * weight[t];
      const size_t c = i % CHANNELS;
      const float value = (float)to_8_bits(sum) / recipe->scale;
      out[c * plane + (size_t)j * (size_t)width + i / CHANNELS] =
          (value - recipe->mean[c]) / recipe->std[c];
    }
  }
}

static magpie_status check(const mgp_image_recipe *r, const unsigned char *rgb, int width,
                           int height, magpie_error *err) {
  MGP_RETURN_IF(!rgb || width < 1 || height < 1 || width > SOURCE_MAX || height > SOURCE_MAX, err,
                MAGPIE_INVALID, "a picture of %d x %d pixels cannot be encoded", width, height);
  MGP_RETURN_IF(r->resize < 1 || r->crop < 1 || r->resize > SIDE_MAX || r->crop > r->resize, err,
                MAGPIE_MODEL,
                "a recipe cannot resize to %d and crop %d: expected 1..%d and no more", r->resize,
                r->crop, SIDE_MAX);
  MGP_RETURN_IF(r->scale == 0 || r->std[0] == 0 || r->std[1] == 0 || r->std[2] == 0, err,
                MAGPIE_MODEL, "a recipe cannot divide by a scale or std of 0");
  return MAGPIE_OK;
}

magpie_status mgp_image_prepare(mgp_alloc *a, const mgp_image_recipe *recipe,
                                const unsigned char *rgb, int width, int height, float *out,
                                magpie_error *err) {
  MGP_FORWARD(check(recipe, rgb, width, height, err));
  const filter *f = find_filter(recipe->filter);
  MGP_RETURN_IF(!f, err, MAGPIE_MODEL, "\"%s\" is not a filter; known are bicubic and bilinear",
                recipe->filter ? recipe->filter : "");
  const int64_t brief = width < height ? width : height, size = recipe->resize;
  axis x = {0}, y = {0};
  unsigned char *rows = NULL;
  magpie_status status = MAGPIE_OK;
  if (!axis_init(a, f, width, width * size / brief, recipe->crop, &x) ||
      !axis_init(a, f, height, height * size / brief, recipe->crop, &y))
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to resize %d x %d pixels", width, height));
  const int base = y.first[0], last = y.count - 1, end = y.first[last] + y.used[last];
  const size_t stride = (size_t)recipe->crop * CHANNELS;
  rows = mgp_calloc(a, (size_t)(end - base), stride);
  if (!rows)
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to resize %d x %d pixels", width, height));
  for (int j = base; j < end; j++)
    shrink_row(&x, rgb + (size_t)j * (size_t)width * CHANNELS, rows + (size_t)(j - base) * stride);
  shrink_columns(&y, rows, base, recipe->crop, recipe, out);
done:
  axis_fini(a, &x);
  axis_fini(a, &y);
  mgp_free(a, rows);
  return status;
}
