/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the clustered index: centres from a sample, the list of each row, then codes, which go
 * to their places as the rows come by. What grows with the rows is the file itself, which a spill
 * holds outside of memory where it is large, and 4 bytes a row.
 */
#include <math.h>

#include "index/cluster_private.h"

#define BATCHES ((size_t)8) /* coded before they are put in their places, a thread */

typedef struct coding {
  mgp_clusters *clusters;
  const uint32_t *labels;
  const float *turned; /* the rotated centres */
  uint32_t *filled;    /* rows of each list */
  double *squares;     /* of each list: sum of the squared distances of its rows */
  double *distances;   /* squared, a row of the run */
  float *work;         /* padded, a thread */
  unsigned char *bits; /* padded / 8, a row of the run */
  float (*factors)[2]; /* a row of the run */
  size_t first, count; /* rows of the run */
  _Atomic size_t next; /* batch of the run */
} coding;

static void code_batches(void *context, size_t index) {
  coding *j = context;
  const mgp_clusters *c = j->clusters;
  const mgp_cluster_shape *s = &c->shape;
  const size_t batches = (j->count + MGP_CLUSTER_BATCH - 1) / MGP_CLUSTER_BATCH;
  for (size_t batch; (batch = atomic_fetch_add(&j->next, 1)) < batches;) {
    const size_t from = batch * MGP_CLUSTER_BATCH;
    const size_t to = j->count < from + MGP_CLUSTER_BATCH ? j->count : from + MGP_CLUSTER_BATCH;
    for (size_t i = from; i < to; i++) {
      const size_t list = j->labels[j->first + i];
      j->distances[i] = mgp_cluster_encode(
          c, mgp_cluster_row(&c->rows, j->first + i), c->centres + list * s->stride,
          j->turned + list * s->padded, j->work + index * s->padded, j->bits + i * s->padded / 8,
          j->factors[i]);
    }
  }
}

static void put_codes(coding *j) {
  const mgp_clusters *c = j->clusters;
  for (size_t i = 0; i < j->count; i++) {
    const size_t list = j->labels[j->first + i], at = j->filled[list]++;
    j->squares[list] += j->distances[i];
    mgp_cluster_put(c, mgp_cluster_block(c, c->first_block[list] + at / MGP_CLUSTER_ROWS),
                    at % MGP_CLUSTER_ROWS, j->bits + i * c->shape.padded / 8, j->factors[i],
                    (uint32_t)(j->first + i));
  }
}

/* The spread of each list, and the places behind its last row. */
static void finish_lists(const coding *j) {
  const mgp_clusters *c = j->clusters;
  float *spreads = (float *)(uintptr_t)c->spreads;
  const uint32_t none = MGP_CLUSTER_NO_ROW;
  for (size_t list = 0; list < c->shape.lists; list++) {
    const size_t end = (c->first_block[list + 1] - c->first_block[list]) * MGP_CLUSTER_ROWS;
    const double rows = j->filled[list] ? j->filled[list] : 1;
    spreads[list] = (float)sqrt(j->squares[list] / rows);
    for (size_t at = j->filled[list]; at < end; at++) {
      unsigned char *block = mgp_cluster_block(c, c->first_block[list] + at / MGP_CLUSTER_ROWS);
      memcpy(block + c->shape.block_size - (MGP_CLUSTER_ROWS - at % MGP_CLUSTER_ROWS) * sizeof none,
             &none, sizeof none);
    }
  }
}

static magpie_status code_all(coding *j, size_t most, const mgp_cluster_options *o, mgp_pool *pool,
                              size_t threads, magpie_error *err) {
  const size_t count = j->clusters->rows.count;
  for (j->first = 0; j->first < count; j->first += most) {
    MGP_FORWARD(mgp_cluster_tell(o, 0.55 + 0.25 * (double)j->first / (double)count, err));
    j->count = count - j->first < most ? count - j->first : most;
    atomic_store(&j->next, 0);
    mgp_cluster_run(pool, threads, code_batches, j);
    put_codes(j);
  }
  finish_lists(j);
  return MAGPIE_OK;
}

static magpie_status write_codes(mgp_clusters *c, const uint32_t *labels,
                                 const mgp_cluster_options *o, mgp_pool *pool, magpie_error *err) {
  const mgp_cluster_shape *s = &c->shape;
  mgp_alloc *a = c->alloc;
  const size_t threads = pool ? (size_t)mgp_pool_threads(pool) : 1;
  const size_t most = threads * BATCHES * MGP_CLUSTER_BATCH;
  float *turned = mgp_malloc(a, s->lists * s->padded * sizeof *turned);
  coding j = {.clusters = c, .labels = labels, .turned = turned};
  j.filled = mgp_calloc(a, s->lists, sizeof *j.filled);
  j.squares = mgp_calloc(a, s->lists, sizeof *j.squares);
  j.distances = mgp_malloc(a, most * sizeof *j.distances);
  j.work = mgp_malloc(a, threads * s->padded * sizeof *j.work);
  j.bits = mgp_malloc(a, most * s->padded / 8);
  j.factors = mgp_malloc(a, most * sizeof *j.factors);
  const bool has_room =
      turned && j.filled && j.squares && j.distances && j.work && j.bits && j.factors;
  for (size_t i = 0; has_room && i < s->lists; i++)
    mgp_cluster_turn(c, c->centres + i * s->stride, turned + i * s->padded);
  const magpie_status status =
      has_room ? code_all(&j, most, o, pool, threads, err)
               : mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory to code %zu rows", c->rows.count);
  mgp_free(a, turned);
  mgp_free(a, j.filled);
  mgp_free(a, j.squares);
  mgp_free(a, j.distances);
  mgp_free(a, j.work);
  mgp_free(a, j.bits);
  mgp_free(a, j.factors);
  return status;
}

/* Where the blocks of each list begin. */
static uint32_t *share_blocks(mgp_clusters *c, const uint32_t *labels) {
  const size_t lists = c->shape.lists;
  uint32_t *first = mgp_calloc(c->alloc, lists + 2, sizeof *first);
  if (!first) return NULL;
  for (size_t i = 0; i < c->rows.count; i++) first[labels[i] + 1]++;
  for (size_t i = 0; i < lists; i++)
    first[i + 1] = first[i] + (uint32_t)((first[i + 1] + MGP_CLUSTER_ROWS - 1) / MGP_CLUSTER_ROWS);
  c->shape.blocks = first[lists];
  return first;
}

static magpie_status build(mgp_clusters *c, const mgp_cluster_options *o, mgp_pool *pool,
                           magpie_error *err) {
  mgp_alloc *a = c->alloc;
  mgp_cluster_tree tree = {0};
  uint32_t *labels = mgp_malloc(a, (c->rows.count + 1) * sizeof *labels), *first = NULL;
  magpie_status status = MAGPIE_OK;
  if (!labels)
    status = mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory for %zu rows", c->rows.count);
  if (status == MAGPIE_OK && c->rows.count > 0) {
    const size_t lists = mgp_cluster_list_count(c->rows.count, o);
    status = mgp_cluster_train(&c->rows, lists, o, pool, a, &tree, err);
  }
  if (status == MAGPIE_OK && c->rows.count > 0)
    status = mgp_cluster_assign(&tree, &c->rows, o, pool, a, labels, err);
  c->shape.lists = tree.lists;
  if (status == MAGPIE_OK && !(first = share_blocks(c, labels)))
    status = mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory for %zu lists", tree.lists);
  if (status == MAGPIE_OK) status = mgp_cluster_create(c, &tree, first, o->spill_folder, err);
  mgp_free(a, first);
  mgp_cluster_tree_fini(a, &tree);
  if (status == MAGPIE_OK && c->rows.count > 0) status = write_codes(c, labels, o, pool, err);
  mgp_free(a, labels);
  if (status == MAGPIE_OK && c->rows.count > 0) status = mgp_cluster_calibrate(c, o, pool, a, err);
  if (status == MAGPIE_OK) mgp_cluster_seal(c);
  return status;
}

magpie_status mgp_clusters_build(const mgp_graph_rows *rows, const mgp_cluster_options *options,
                                 mgp_pool *pool, mgp_alloc *a, mgp_clusters **out,
                                 magpie_error *err) {
  *out = NULL;
  MGP_RETURN_IF(rows->dim == 0 || rows->dim > MGP_GRAPH_DIM_MAX || rows->stride < rows->dim, err,
                MAGPIE_INVALID, "clusters take rows of 1 to %d numbers, not of %zu",
                MGP_GRAPH_DIM_MAX, rows->dim);
  MGP_RETURN_IF(rows->count > MGP_GRAPH_COUNT_MAX, err, MAGPIE_LIMIT,
                "clusters take at most %u rows, not %zu", (unsigned)MGP_GRAPH_COUNT_MAX,
                rows->count);
  mgp_clusters *c = mgp_calloc(a, 1, sizeof *c);
  MGP_RETURN_IF(!c, err, MAGPIE_LIMIT, "clusters: no memory to build them");
  c->rows = *rows;
  c->metric = options->metric;
  c->alloc = a;
  c->shape = mgp_cluster_shape_of(rows->dim);
  const magpie_status status = build(c, options, pool, err);
  if (status == MAGPIE_OK) *out = c;
  else mgp_clusters_close(c);
  return status;
}

uint64_t mgp_clusters_build_memory(size_t count, size_t dim, const mgp_cluster_options *options,
                                   int threads, const mgp_alloc *a) {
  mgp_cluster_shape s = mgp_cluster_shape_of(dim);
  const uint64_t width = s.stride * sizeof(float), workers = threads > 0 ? (uint64_t)threads : 64;
  s.lists = mgp_cluster_list_count(count, options);
  const size_t supers = (size_t)sqrt((double)s.lists);
  s.blocks = count / MGP_CLUSTER_ROWS + s.lists;
  const uint64_t centres = (s.lists + supers) * (width + 8);
  const uint64_t sample =
      (uint64_t)mgp_cluster_sample_count(count, s.stride, s.lists, a) * (width + 12);
  const uint64_t assign = mgp_cluster_assign_memory(supers, s.stride, (int)workers);
  const uint64_t code =
      s.lists * (s.padded * sizeof(float) + 16) +
      workers * (BATCHES * MGP_CLUSTER_BATCH * (s.padded / 8 + 16) + 4 * s.padded);
  const uint64_t limit = mgp_alloc_limit(a), file = mgp_cluster_file_size(&s);
  const uint64_t kept = options->spill_folder && limit && file > limit / 8 ? 0 : file;
  uint64_t most = sample + workers * (1 << 20); /* one step after the other */
  if (most < assign) most = assign;
  if (most < kept + code) most = kept + code;
  const uint64_t calibrate = kept + mgp_cluster_calibrate_memory(s.lists, dim, (int)workers);
  if (most < calibrate) most = calibrate;
  return most + centres + (uint64_t)count * sizeof(uint32_t);
}
