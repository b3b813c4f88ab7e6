/* SPDX-License-Identifier: Apache-2.0
 *
 * What two spaces have to do with each other, and how one uses its room: modality gap (Liang et
 * al., NeurIPS 2022), alignment and uniformity (Wang and Isola, ICML 2020), linear CKA (Kornblith
 * et al., ICML 2019). Sums over pairs go tile by tile in double: TILE vectors that lie across, so
 * that the innermost loop is TILE independent sums, which a compiler turns into vector code without
 * changing their order. The parts are added in a fixed order: threads do not change the bits.
 */
#include <math.h>

#include "eval/measures.h"

#define TILE 16
#define PAIR_ROWS_MAX 200000
#define CHUNK 512

static double row_norm(const float *row, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; j++) sum += (double)row[j] * (double)row[j];
  return sqrt(sum);
}

/* Two doubles, which every 64-bit machine adds at once. As an array the sums would live in memory
 * and each addition would wait for the store before it. */
typedef double couple __attribute__((vector_size(16)));

static couple load_couple(const double *from) {
  couple out;
  memcpy(&out, from, sizeof out);
  return out;
}

/* acc[c] += sum over j of a[j] * across[j * TILE + c], c < TILE / 2 */
static void add_half(const double *a, const double *across, size_t count, double *acc) {
  couple s0 = load_couple(acc), s1 = load_couple(acc + 2), s2 = load_couple(acc + 4),
         s3 = load_couple(acc + 6);
  for (size_t j = 0; j < count; j++, across += TILE) {
    const couple left = {a[j], a[j]};
    s0 += left * load_couple(across);
    s1 += left * load_couple(across + 2);
    s2 += left * load_couple(across + 4);
    s3 += left * load_couple(across + 6);
  }
  const couple sums[] = {s0, s1, s2, s3};
  memcpy(acc, sums, sizeof sums);
}

/* acc[c] += sum over j of a[j] * across[j * TILE + c] */
static void add_products(const double *a, const double *across, size_t count, double acc[TILE]) {
  add_half(a, across, count, acc);
  add_half(a, across + TILE / 2, count, acc + TILE / 2);
}

/* ---- gap and alignment ------------------------------------------------------------------- */

static void add_unit_rows(const float *rows, size_t n, size_t dim, double *mean) {
  for (size_t i = 0; i < n; i++) {
    const float *row = rows + i * dim;
    const double scale = 1 / (row_norm(row, dim) * (double)n);
    for (size_t j = 0; j < dim; j++) mean[j] += (double)row[j] * scale;
  }
}

magpie_status magpie_modality_gap(const float *x, size_t nx, const float *y, size_t ny, size_t dim,
                                  double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the gap has nowhere to go");
  MGP_FORWARD(mgp_check_vectors("x", x, nx, dim, true, err));
  MGP_FORWARD(mgp_check_vectors("y", y, ny, dim, true, err));
  double *means = mgp_calloc(NULL, 2 * dim, sizeof *means);
  MGP_RETURN_IF(!means, err, MAGPIE_NO_MEMORY, "no memory for %zu dimensions", dim);
  add_unit_rows(x, nx, dim, means);
  add_unit_rows(y, ny, dim, means + dim);
  double squares = 0;
  for (size_t j = 0; j < dim; j++) squares += pow(means[j] - means[dim + j], 2);
  mgp_free(NULL, means);
  *out = sqrt(squares);
  return MAGPIE_OK;
}

magpie_status magpie_alignment(const float *x, const float *y, size_t n, size_t dim, double alpha,
                               double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the alignment has nowhere to go");
  if (alpha == 0) alpha = 2;
  MGP_RETURN_IF(!(alpha > 0 && alpha <= 100), err, MAGPIE_INVALID, "alpha %g is not in 0..100",
                alpha);
  MGP_FORWARD(mgp_check_vectors("x", x, n, dim, true, err));
  MGP_FORWARD(mgp_check_vectors("y", y, n, dim, true, err));
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const float *a = x + i * dim, *b = y + i * dim;
    const double a_norm = row_norm(a, dim), b_norm = row_norm(b, dim);
    double squares = 0;
    for (size_t j = 0; j < dim; j++) {
      const double off = (double)a[j] / a_norm - (double)b[j] / b_norm;
      squares += off * off;
    }
    sum += alpha == 2 ? squares : pow(squares, alpha / 2);
  }
  *out = sum / (double)n;
  return MAGPIE_OK;
}

/* ---- work on tiles ----------------------------------------------------------------------- */

/* A sum whose parts are worked out on a pool, one a tile. */
typedef struct tile_work {
  const float *x, *y;
  size_t n, dx, dy;
  const double *x_mean, *y_mean; /* CKA: of the columns */
  const double *scales;          /* uniformity: 1 / length of the rows */
  double t;
  double *parts;
  atomic_bool has_failed;
} tile_work;

static magpie_status run_tiles(tile_work *w, size_t tiles, void (*fn)(void *, size_t), double *sum,
                               magpie_error *err) {
  mgp_pool *pool = NULL;
  w->parts = mgp_calloc(NULL, tiles, sizeof *w->parts);
  MGP_RETURN_IF(!w->parts, err, MAGPIE_NO_MEMORY, "no memory for %zu tiles", tiles);
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_pool_create(0, &pool, err));
  mgp_pool_run(pool, tiles, fn, w);
  if (atomic_load(&w->has_failed))
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a tile of vectors"));
  *sum = 0;
  for (size_t i = 0; i < tiles; i++) *sum += w->parts[i];
done:
  mgp_pool_destroy(pool);
  mgp_free(NULL, w->parts);
  return status;
}

/* ---- uniformity -------------------------------------------------------------------------- */

static void load_unit_row(const tile_work *w, size_t i, double *out, size_t stride) {
  for (size_t j = 0; j < w->dx; j++) out[j * stride] = (double)w->x[i * w->dx + j] * w->scales[i];
}

/* Pairs of this tile's rows with all rows after them. */
static void uniformity_tile(void *context, size_t tile) {
  tile_work *w = context;
  double *across = mgp_calloc(NULL, w->dx * (TILE + 1), sizeof *across);
  if (!across) {
    atomic_store(&w->has_failed, true);
    return;
  }
  double *row = across + w->dx * TILE, sum = 0;
  const size_t first = tile * TILE, count = w->n - first < TILE ? w->n - first : TILE;
  for (size_t c = 0; c < count; c++) load_unit_row(w, first + c, across + c, TILE);
  for (size_t i = first + 1; i < w->n; i++) {
    double dots[TILE] = {0};
    load_unit_row(w, i, row, 1);
    add_products(row, across, w->dx, dots);
    /* unit vectors: ||a - b||^2 = 2 - 2ab, at least 0 whatever the rounding */
    for (size_t c = 0; c < count && first + c < i; c++)
      sum += exp(-w->t * fmax(0, 2 - 2 * dots[c]));
  }
  w->parts[tile] = sum;
  mgp_free(NULL, across);
}

magpie_status magpie_uniformity(const float *x, size_t n, size_t dim, double t, double *out,
                                magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the uniformity has nowhere to go");
  if (t == 0) t = 2;
  MGP_RETURN_IF(!(t > 0 && t <= 100), err, MAGPIE_INVALID, "t %g is not in 0..100", t);
  MGP_FORWARD(mgp_check_vectors("x", x, n, dim, true, err));
  MGP_RETURN_IF(n < 2, err, MAGPIE_INVALID, "uniformity needs at least 2 rows");
  MGP_RETURN_IF(n > PAIR_ROWS_MAX, err, MAGPIE_LIMIT, "%zu rows are more than %d: take a sample", n,
                PAIR_ROWS_MAX);
  double *scales = mgp_calloc(NULL, n, sizeof *scales), sum = 0;
  MGP_RETURN_IF(!scales, err, MAGPIE_NO_MEMORY, "no memory for %zu rows", n);
  for (size_t i = 0; i < n; i++) scales[i] = 1 / row_norm(x + i * dim, dim);
  tile_work work = {.x = x, .n = n, .dx = dim, .scales = scales, .t = t};
  const magpie_status status = run_tiles(&work, (n + TILE - 1) / TILE, uniformity_tile, &sum, err);
  mgp_free(NULL, scales);
  if (status != MAGPIE_OK) return status;
  *out = log(sum / ((double)n * (double)(n - 1) / 2));
  return MAGPIE_OK;
}

/* ---- linear CKA -------------------------------------------------------------------------- */

/* Centred columns first..first + count of rows start..start + rows: lying across, or each in one
 * piece. */
static void load_columns(const float *v, const double *mean, size_t dim, size_t start, size_t rows,
                         size_t first, size_t count, double *out, bool is_across) {
  for (size_t i = 0; i < rows; i++) {
    const float *row = v + (start + i) * dim + first;
    for (size_t c = 0; c < count; c++)
      out[is_across ? i * TILE + c : c * CHUNK + i] = (double)row[c] - mean[first + c];
  }
}

typedef struct cka_scratch {
  double left[TILE * CHUNK], across[CHUNK * TILE], products[TILE][TILE];
} cka_scratch;

/* Squares of the covariances of TILE columns of x with TILE columns of y. */
static double column_block(const tile_work *w, size_t left, size_t right, cka_scratch *s) {
  const size_t rows = w->n;
  const size_t nl = w->dx - left < TILE ? w->dx - left : TILE;
  const size_t nr = w->dy - right < TILE ? w->dy - right : TILE;
  memset(s, 0, sizeof *s);
  for (size_t start = 0; start < rows; start += CHUNK) {
    const size_t count = rows - start < CHUNK ? rows - start : CHUNK;
    load_columns(w->x, w->x_mean, w->dx, start, count, left, nl, s->left, false);
    load_columns(w->y, w->y_mean, w->dy, start, count, right, nr, s->across, true);
    for (size_t c = 0; c < nl; c++)
      add_products(s->left + c * CHUNK, s->across, count, s->products[c]);
  }
  double sum = 0;
  for (size_t i = 0; i < nl; i++)
    for (size_t j = 0; j < nr; j++) sum += s->products[i][j] * s->products[i][j];
  return sum;
}

static void cka_tile(void *context, size_t tile) {
  tile_work *w = context;
  cka_scratch *scratch = mgp_malloc(NULL, sizeof *scratch);
  if (!scratch) {
    atomic_store(&w->has_failed, true);
    return;
  }
  const bool is_same = w->x == w->y; /* symmetric: half of the blocks tell all */
  double sum = 0;
  for (size_t right = is_same ? tile * TILE : 0; right < w->dy; right += TILE) {
    const double block = column_block(w, tile * TILE, right, scratch);
    sum += is_same && right > tile * TILE ? 2 * block : block;
  }
  w->parts[tile] = sum;
  mgp_free(NULL, scratch);
}

/* ||centred x' centred y||^2 (Frobenius) */
static magpie_status covariance(const float *x, const double *x_mean, size_t dx, const float *y,
                                const double *y_mean, size_t dy, size_t n, double *out,
                                magpie_error *err) {
  tile_work work = {.x = x, .y = y, .n = n, .dx = dx, .dy = dy, .x_mean = x_mean, .y_mean = y_mean};
  return run_tiles(&work, (dx + TILE - 1) / TILE, cka_tile, out, err);
}

/* Means of the columns; *varies: not all rows are the same. */
static magpie_status column_means(const float *v, size_t n, size_t dim, double **out, bool *varies,
                                  magpie_error *err) {
  double *mean = mgp_calloc(NULL, dim, sizeof *mean);
  MGP_RETURN_IF(!mean, err, MAGPIE_NO_MEMORY, "no memory for %zu dimensions", dim);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < dim; j++) {
      mean[j] += (double)v[i * dim + j];
      *varies |= v[i * dim + j] != v[j];
    }
  for (size_t j = 0; j < dim; j++) mean[j] /= (double)n;
  *out = mean;
  return MAGPIE_OK;
}

magpie_status magpie_linear_cka(const float *x, size_t dx, const float *y, size_t dy, size_t n,
                                double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "CKA has nowhere to go");
  MGP_FORWARD(mgp_check_vectors("x", x, n, dx, false, err));
  MGP_FORWARD(mgp_check_vectors("y", y, n, dy, false, err));
  double *x_mean = NULL, *y_mean = NULL, xy = 0, xx = 0, yy = 0;
  bool x_varies = false, y_varies = false;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(column_means(x, n, dx, &x_mean, &x_varies, err));
  MGP_TRY(column_means(y, n, dy, &y_mean, &y_varies, err));
  if (!x_varies || !y_varies)
    MGP_TRY(mgp_fail(err, MAGPIE_INVALID, "all rows of %s are the same: CKA is not defined",
                     x_varies ? "y" : "x"));
  MGP_TRY(covariance(x, x_mean, dx, y, y_mean, dy, n, &xy, err));
  MGP_TRY(covariance(x, x_mean, dx, x, x_mean, dx, n, &xx, err));
  MGP_TRY(covariance(y, y_mean, dy, y, y_mean, dy, n, &yy, err));
  if (!(xx > 0 && yy > 0))
    MGP_TRY(mgp_fail(err, MAGPIE_INVALID, "the vectors vary too little for CKA"));
  *out = xy / (sqrt(xx) * sqrt(yy));
done:
  mgp_free(NULL, x_mean);
  mgp_free(NULL, y_mean);
  return status;
}
