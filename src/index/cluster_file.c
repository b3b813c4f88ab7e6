/* SPDX-License-Identifier: Apache-2.0
 *
 * The clustered index as one block of bytes (docs/format/clusters.md): laid out by a build, read in
 * place later. Opening looks at the tables, so that no list leads out of the block; the numbers of
 * rows, which lie among the codes, are looked at when a search meets them.
 */
#include <math.h>

#include "index/cluster_private.h"

#define MAGIC UINT32_C(0x4c43474d) /* "MGCL" */
#define VERSION 1
#define ALIGN 64
#define ROTATION_SEED UINT64_C(20261123)

typedef struct file_header {
  uint32_t magic, version;
  uint64_t size; /* of all, this header too */
  uint64_t count, blocks;
  uint32_t dim, padded, metric, ladder_count;
  uint32_t lists, reserved;
  uint64_t rotation_seed;
  uint64_t centres_at, spreads_at, first_block_at, blocks_at;
  mgp_cluster_step ladder[MGP_CLUSTER_LADDER];
  uint64_t zeros[9];
  uint64_t body_hash;   /* XXH3 of all after the header */
  uint64_t header_hash; /* XXH3 of all before this field */
} file_header;

_Static_assert(sizeof(mgp_cluster_step) == 24, "a step has no holes");
_Static_assert(sizeof(file_header) == 472, "the header has no holes");

static uint64_t round_up(uint64_t size) {
  return (size + ALIGN - 1) / ALIGN * ALIGN;
}

mgp_cluster_shape mgp_cluster_shape_of(size_t dim) {
  mgp_cluster_shape s = {.dim = dim, .padded = mgp_rotation_pad(dim)};
  s.stride = (dim + 15) / 16 * 16;
  s.groups = s.padded / 4;
  s.block_size = 16 * s.groups + 3 * MGP_CLUSTER_ROWS * sizeof(float);
  return s;
}

/* Where each part begins. Counts are below 2^32 and a row's part below 2^17, so nothing overflows.
 */
static void place_parts(file_header *h) {
  const mgp_cluster_shape s = mgp_cluster_shape_of(h->dim);
  uint64_t at = round_up(sizeof *h);
  h->centres_at = at;
  at = round_up(at + (uint64_t)h->lists * s.stride * sizeof(float));
  h->spreads_at = at;
  at = round_up(at + (uint64_t)h->lists * sizeof(float));
  h->first_block_at = at;
  at = round_up(at + ((uint64_t)h->lists + 1) * sizeof(uint32_t));
  h->blocks_at = at;
  h->size = round_up(at + h->blocks * s.block_size);
}

uint64_t mgp_cluster_file_size(const mgp_cluster_shape *s) {
  file_header h = {.dim = (uint32_t)s->dim, .lists = (uint32_t)s->lists, .blocks = s->blocks};
  place_parts(&h);
  return h.size;
}

static void view_parts(mgp_clusters *c, const file_header *h) {
  c->centres = (const float *)(const void *)(c->data + h->centres_at);
  c->spreads = (const float *)(const void *)(c->data + h->spreads_at);
  c->first_block = (const uint32_t *)(const void *)(c->data + h->first_block_at);
  c->blocks = c->data + h->blocks_at;
}

magpie_status mgp_cluster_create(mgp_clusters *c, const mgp_cluster_tree *t,
                                 const uint32_t *first_block, const char *spill_folder,
                                 magpie_error *err) {
  const mgp_cluster_shape *s = &c->shape;
  file_header h = {.magic = MAGIC,
                   .version = VERSION,
                   .count = c->rows.count,
                   .blocks = s->blocks,
                   .dim = (uint32_t)s->dim,
                   .padded = (uint32_t)s->padded,
                   .metric = (uint32_t)c->metric,
                   .lists = (uint32_t)s->lists,
                   .rotation_seed = ROTATION_SEED};
  place_parts(&h);
  mgp_spill_init(&c->owned, c->alloc, spill_folder);
  MGP_FORWARD(mgp_spill_need(&c->owned, h.size, err));
  unsigned char *data = c->owned.data;
  memcpy(data, &h, sizeof h);
  const size_t width = s->stride * sizeof(float);
  if (s->lists > 0) {
    memcpy(data + h.centres_at, t->centres, s->lists * width);
    memcpy(data + h.first_block_at, first_block, (s->lists + 1) * sizeof(uint32_t));
  }
  c->data = data;
  c->size = h.size;
  view_parts(c, &h);
  return mgp_rotation_init(&c->rotation, c->alloc, s->dim, h.rotation_seed, err);
}

void mgp_cluster_seal(mgp_clusters *c) {
  file_header *h = c->owned.data;
  memcpy(h->ladder, c->ladder, sizeof h->ladder);
  h->ladder_count = (uint32_t)c->ladder_count;
  h->body_hash = mgp_hash64(c->data + sizeof *h, c->size - sizeof *h);
  h->header_hash = mgp_hash64(h, offsetof(file_header, header_hash));
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool is_possible(const file_header *h) {
  if (h->count > MGP_GRAPH_COUNT_MAX || h->dim == 0 || h->dim > MGP_GRAPH_DIM_MAX ||
      h->padded != mgp_rotation_pad(h->dim) || h->metric > MGP_GRAPH_L2 ||
      h->ladder_count > MGP_CLUSTER_LADDER)
    return false;
  if (h->lists > MGP_CLUSTER_LISTS_MAX || h->blocks > UINT32_MAX) return false;
  if ((h->lists == 0) != (h->count == 0) || h->reserved) return false;
  for (size_t i = 0; i < sizeof h->zeros / sizeof *h->zeros; i++)
    if (h->zeros[i]) return false;
  return true;
}

static magpie_status check_header(const file_header *h, size_t size, magpie_error *err) {
  MGP_RETURN_IF(h->magic != MAGIC, err, MAGPIE_CORRUPT, "clusters: these bytes are none");
  MGP_RETURN_IF(h->version != VERSION, err, MAGPIE_VERSION,
                "clusters: version %u, this magpie reads %u: use a newer one", h->version, VERSION);
  MGP_RETURN_IF(h->header_hash != mgp_hash64(h, offsetof(file_header, header_hash)), err,
                MAGPIE_CORRUPT, "clusters: the checksum of their header differs: build them again");
  MGP_RETURN_IF(!is_possible(h), err, MAGPIE_CORRUPT,
                "clusters: %llu rows of %u dimensions in %u lists cannot be",
                (unsigned long long)h->count, h->dim, h->lists);
  file_header expected = *h;
  place_parts(&expected);
  const bool is_placed = expected.centres_at == h->centres_at &&
                         expected.spreads_at == h->spreads_at &&
                         expected.first_block_at == h->first_block_at &&
                         expected.blocks_at == h->blocks_at && expected.size == h->size;
  MGP_RETURN_IF(!is_placed || h->size != size, err, MAGPIE_CORRUPT,
                "clusters: %zu bytes do not hold %llu rows of %u dimensions", size,
                (unsigned long long)h->count, h->dim);
  return MAGPIE_OK;
}

static bool is_finite_ladder(const file_header *h) {
  for (size_t i = 0; i < h->ladder_count; i++) {
    const mgp_cluster_step *s = &h->ladder[i];
    if (!isfinite(s->recall) || !isfinite(s->margin10) || !isfinite(s->margin100) ||
        s->probes10 == 0 || s->probes100 == 0 || s->probes10 > h->lists || s->probes100 > h->lists)
      return false;
  }
  return true;
}

/* Every list lies behind the one before it, and the last ends where the blocks do. */
static magpie_status check_body(const mgp_clusters *c, magpie_error *err) {
  const uint32_t *first = c->first_block;
  const size_t lists = c->shape.lists;
  if (lists == 0) return MAGPIE_OK;
  MGP_RETURN_IF(first[0] != 0 || first[lists] != c->shape.blocks, err, MAGPIE_CORRUPT,
                "clusters: their lists do not end at block %zu: build them again", c->shape.blocks);
  for (size_t i = 0; i < lists; i++)
    MGP_RETURN_IF(first[i] > first[i + 1], err, MAGPIE_CORRUPT,
                  "clusters: list %zu ends before it begins: build them again", i);
  return MAGPIE_OK;
}

magpie_status mgp_clusters_open(const void *data, size_t size, const mgp_graph_rows *rows,
                                mgp_alloc *a, mgp_clusters **out, magpie_error *err) {
  *out = NULL;
  file_header h;
  MGP_RETURN_IF((uintptr_t)data % sizeof(uint64_t) != 0, err, MAGPIE_INVALID,
                "clusters: their bytes are not aligned to 8");
  MGP_RETURN_IF(size < sizeof h, err, MAGPIE_CORRUPT, "clusters: %zu bytes hold no header", size);
  memcpy(&h, data, sizeof h);
  MGP_FORWARD(check_header(&h, size, err));
  MGP_RETURN_IF(!is_finite_ladder(&h), err, MAGPIE_CORRUPT,
                "clusters: their calibration is no number: build them again");
  MGP_RETURN_IF(rows->count != h.count || rows->dim != h.dim || rows->stride < rows->dim, err,
                MAGPIE_INVALID, "clusters: made for %llu rows of %u dimensions, not for %zu of %zu",
                (unsigned long long)h.count, h.dim, rows->count, rows->dim);
  mgp_clusters *c = mgp_calloc(a, 1, sizeof *c);
  MGP_RETURN_IF(!c, err, MAGPIE_LIMIT, "clusters: no memory to open them");
  *c = (mgp_clusters){.rows = *rows,
                      .metric = (mgp_graph_metric)h.metric,
                      .shape = mgp_cluster_shape_of(h.dim),
                      .data = data,
                      .size = size,
                      .ladder_count = h.ladder_count,
                      .alloc = a};
  c->shape.lists = h.lists;
  c->shape.blocks = (size_t)h.blocks;
  memcpy(c->ladder, h.ladder, sizeof c->ladder);
  view_parts(c, &h);
  magpie_status status = check_body(c, err);
  if (status == MAGPIE_OK) status = mgp_rotation_init(&c->rotation, a, h.dim, h.rotation_seed, err);
  if (status == MAGPIE_OK) *out = c;
  else mgp_clusters_close(c);
  return status;
}

magpie_status mgp_clusters_verify(const mgp_clusters *c, magpie_error *err) {
  const file_header *h = (const file_header *)(const void *)c->data;
  MGP_RETURN_IF(h->body_hash != mgp_hash64(c->data + sizeof *h, c->size - sizeof *h), err,
                MAGPIE_CORRUPT,
                "clusters: the checksum of their %zu bytes differs: build them "
                "again",
                c->size);
  return MAGPIE_OK;
}

void mgp_clusters_close(mgp_clusters *c) {
  if (!c) return;
  mgp_rotation_fini(&c->rotation, c->alloc);
  mgp_spill_fini(&c->owned);
  mgp_free(c->alloc, c);
}

void mgp_clusters_bytes(const mgp_clusters *c, const void **data, size_t *size) {
  *data = c->data;
  *size = c->size;
}

size_t mgp_clusters_count(const mgp_clusters *c) {
  return c->rows.count;
}

size_t mgp_clusters_lists(const mgp_clusters *c) {
  return c->shape.lists;
}
