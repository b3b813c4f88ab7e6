/* SPDX-License-Identifier: Apache-2.0
 *
 * Anchors of classes in a text space, and the inverse of their kernel matrix.
 *
 * Text vectors of one encoder crowd in a narrow cone (cosines of 0.7 to 0.9), so each kind of
 * prompt is centred by its own mean before the directions of a class are averaged. Kernel ridge
 * regression (Saunders, Gammerman, Vovk, ICML 1998) then needs (K + lambda I)^-1, made by Cholesky
 * in double.
 *
 * Cache file, little-endian: "MGPLBL01", u64 hash of prompts and parameters, u64 classes, u64 dim,
 * u64 XXH3 of what follows, then centre, anchors and inverse as f32. A file that does not fit is
 * made anew; one that cannot be written is done without.
 */
#include <math.h>
#include <stdlib.h>

#include "encode/label_anchors.h"
#include "kernels/kernels.h"

#define MAGIC "MGPLBL01"
#define ENCODE_STEP 64

typedef struct cache_head {
  char magic[8];
  uint64_t hash, classes, dim, check;
} cache_head;

float mgp_label_kernel(float cosine, double length) {
  return (float)exp(((double)cosine - 1.0) / length);
}

void mgp_label_anchors_fini(mgp_alloc *a, mgp_label_anchors *anchors) {
  mgp_free(a, anchors->centre); /* one block holds all three */
  *anchors = (mgp_label_anchors){0};
}

static size_t float_count(size_t classes, size_t dim) {
  return dim + classes * dim + classes * classes;
}

static magpie_status make_room(mgp_alloc *a, size_t classes, size_t dim, mgp_label_anchors *out,
                               magpie_error *err) {
  *out = (mgp_label_anchors){.classes = classes, .dim = dim};
  out->centre = mgp_calloc(a, float_count(classes, dim), sizeof(float));
  MGP_RETURN_IF(!out->centre, err, MAGPIE_NO_MEMORY, "no memory for the vectors of %zu labels",
                classes);
  out->anchors = out->centre + dim;
  out->inverse = out->anchors + classes * dim;
  return MAGPIE_OK;
}

/* ---- computing
 * ------------------------------------------------------------------------------------ */

/* One kind of prompt: its vectors, centred and made unit, are added to the anchors. */
static magpie_status add_column(mgp_alloc *a, const mgp_label_prompts *p, size_t column,
                                const mgp_text_source *text, mgp_label_anchors *out,
                                magpie_error *err) {
  const size_t dim = out->dim;
  float *vectors = mgp_calloc(a, p->classes * dim, sizeof *vectors);
  const char *texts[ENCODE_STEP];
  magpie_status status =
      vectors ? MAGPIE_OK : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for label vectors");
  for (size_t i = 0; i < p->classes && status == MAGPIE_OK; i += ENCODE_STEP) {
    const size_t n = p->classes - i < ENCODE_STEP ? p->classes - i : ENCODE_STEP;
    for (size_t j = 0; j < n; j++) texts[j] = p->texts[(i + j) * p->columns + column];
    status = text->encode(text->context, texts, n, vectors + i * dim, err);
  }
  for (size_t d = 0; d < dim && status == MAGPIE_OK; d++) {
    double mean = 0;
    for (size_t i = 0; i < p->classes; i++) mean += vectors[i * dim + d];
    mean /= (double)p->classes;
    out->centre[d] += (float)(mean / (double)p->columns);
    for (size_t i = 0; i < p->classes; i++) vectors[i * dim + d] -= (float)mean;
  }
  for (size_t i = 0; i < p->classes && status == MAGPIE_OK; i++) {
    mgp_normalise_f32(vectors + i * dim, dim);
    for (size_t d = 0; d < dim; d++)
      out->anchors[i * dim + d] += vectors[i * dim + d] / (float)p->columns;
  }
  mgp_free(a, vectors);
  return status;
}

/* In place: the lower triangle of m becomes L with m = L L'. False when m is not positive definite.
 */
static bool cholesky(double *m, size_t n) {
  for (size_t j = 0; j < n; j++) {
    double *row = m + j * n;
    for (size_t i = 0; i < j; i++) {
      double sum = row[i];
      for (size_t k = 0; k < i; k++) sum -= row[k] * m[i * n + k];
      row[i] = sum / m[i * n + i];
    }
    double sum = row[j];
    for (size_t k = 0; k < j; k++) sum -= row[k] * row[k];
    if (!(sum > 0)) return false;
    row[j] = sqrt(sum);
  }
  return true;
}

/* Row c of the inverse from L: solve L y = e_c, then L' x = y. */
static void inverse_row(const double *l, size_t n, size_t c, double *x, float *out) {
  for (size_t i = 0; i < n; i++) {
    double sum = i == c;
    for (size_t k = c; k < i; k++) sum -= l[i * n + k] * x[k];
    x[i] = i < c ? 0 : sum / l[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    x[i] /= l[i * n + i];
    for (size_t k = 0; k < i; k++) x[k] -= l[i * n + k] * x[i];
  }
  for (size_t i = 0; i < n; i++) out[i] = (float)x[i];
}

static magpie_status invert_kernel(mgp_alloc *a, const mgp_label_prompts *p, mgp_label_anchors *out,
                                   magpie_error *err) {
  const size_t n = p->classes, dim = out->dim;
  double *m = mgp_calloc(a, n * n + n, sizeof *m);
  MGP_RETURN_IF(!m, err, MAGPIE_NO_MEMORY, "no memory for a kernel of %zu labels", n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      const float cosine =
          mgp_kernels_get()->dot_f32(out->anchors + i * dim, out->anchors + j * dim, dim);
      m[i * n + j] = mgp_label_kernel(cosine, p->length) + (i == j ? p->lambda : 0);
    }
  const bool is_good = cholesky(m, n);
  for (size_t c = 0; c < n && is_good; c++) inverse_row(m, n, c, m + n * n, out->inverse + c * n);
  mgp_free(a, m);
  MGP_RETURN_IF(!is_good, err, MAGPIE_MODEL,
                "the label bridge's kernel of %zu labels cannot be inverted; raise its lambda", n);
  return MAGPIE_OK;
}

static magpie_status compute(mgp_alloc *a, const mgp_label_prompts *p, const mgp_text_source *text,
                             mgp_label_anchors *out, magpie_error *err) {
  MGP_FORWARD(make_room(a, p->classes, text->dim, out, err));
  magpie_status status = MAGPIE_OK;
  for (size_t column = 0; column < p->columns && status == MAGPIE_OK; column++)
    status = add_column(a, p, column, text, out, err);
  if (status == MAGPIE_OK) status = invert_kernel(a, p, out, err);
  if (status != MAGPIE_OK) mgp_label_anchors_fini(a, out);
  return status;
}

/* ---- the cache
 * ----------------------------------------------------------------------------------------- */

static cache_head head_of(const mgp_label_prompts *p, const mgp_label_anchors *anchors) {
  cache_head head = {.hash = p->hash, .classes = anchors->classes, .dim = anchors->dim};
  memcpy(head.magic, MAGIC, sizeof head.magic);
  head.check =
      mgp_hash64(anchors->centre, float_count(anchors->classes, anchors->dim) * sizeof(float));
  return head;
}

static bool read_cache(mgp_alloc *a, const char *path, const mgp_label_prompts *p, size_t dim,
                       mgp_label_anchors *out) {
  mgp_map map;
  cache_head head;
  if (mgp_map_open(path, &map, NULL) != MAGPIE_OK) return false;
  const size_t size = float_count(p->classes, dim) * sizeof(float);
  bool is_good = map.size == sizeof head + size;
  if (is_good) {
    memcpy(&head, map.data, sizeof head);
    is_good = memcmp(head.magic, MAGIC, sizeof head.magic) == 0 && head.hash == p->hash &&
              head.classes == p->classes && head.dim == dim &&
              head.check == mgp_hash64(map.data + sizeof head, size) &&
              make_room(a, p->classes, dim, out, NULL) == MAGPIE_OK;
  }
  if (is_good) memcpy(out->centre, map.data + sizeof head, size);
  mgp_map_close(&map);
  return is_good;
}

static bool write_cache(const char *path, const mgp_label_prompts *p,
                        const mgp_label_anchors *anchors) {
  const cache_head head = head_of(p, anchors);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add(&b, &head, sizeof head);
  mgp_buffer_add(&b, anchors->centre, float_count(anchors->classes, anchors->dim) * sizeof(float));
  const bool written = !b.failed && mgp_file_write_durable(path, b.data, b.size, NULL) == MAGPIE_OK;
  mgp_buffer_fini(&b);
  return written;
}

/* In the pack's folder, and where that is not writable in the user's cache. Arena-owned. */
static char *cache_path(mgp_arena *arena, const char *folder, const mgp_label_prompts *p,
                        const mgp_text_source *text, bool in_pack) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  const unsigned long long hash = p->hash;
  if (in_pack)
    return mgp_arena_printf(arena, "%s/labels-%s-%016llx.vec", folder, text->identity, hash);
  if (cache && cache[0] == '/') folder = mgp_arena_printf(arena, "%s/magpie", cache);
  else if (home && home[0] == '/') folder = mgp_arena_printf(arena, "%s/.cache/magpie", home);
  else return NULL;
  if (!folder || mgp_directory_make(folder, NULL) != MAGPIE_OK) return NULL;
  return mgp_arena_printf(arena, "%s/labels-%s-%016llx.vec", folder, text->identity, hash);
}

magpie_status mgp_label_anchors_load(mgp_alloc *a, const char *folder,
                                     const mgp_label_prompts *prompts, const mgp_text_source *text,
                                     mgp_label_anchors *out, magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(a);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory for label vectors");
  char *in_pack = cache_path(arena, folder, prompts, text, true);
  char *of_user = cache_path(arena, folder, prompts, text, false);
  magpie_status status = MAGPIE_OK;
  const bool is_cached = (in_pack && read_cache(a, in_pack, prompts, text->dim, out)) ||
                         (of_user && read_cache(a, of_user, prompts, text->dim, out));
  if (!is_cached) status = compute(a, prompts, text, out, err);
  if (!is_cached && status == MAGPIE_OK && !(in_pack && write_cache(in_pack, prompts, out)))
    if (of_user) write_cache(of_user, prompts, out);
  mgp_arena_destroy(arena);
  return status;
}
