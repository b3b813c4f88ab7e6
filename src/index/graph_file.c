/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph as one block of bytes (docs/format/graph.md): laid out by a build, read in place later.
 * Opening reads the edges once, so that walking needs no check: a target outside would be the one
 * thing that leads out of the block.
 */
#include <math.h>

#include "index/graph_private.h"

#define MAGIC UINT32_C(0x5247474d) /* "MGGR" */
#define VERSION 2
#define VERSION_OLDEST 1
#define ALIGN 64

typedef struct file_header {
  uint32_t magic, version;
  uint64_t size; /* of all, this header too */
  uint64_t count;
  uint32_t dim, code_dim, metric, is_lifted;
  uint32_t degree, entry_count, ladder_count, reserved;
  float longest, query_length, step, unused;
  uint64_t mean_at, entries_at, edges_at, codes_at;
  mgp_graph_step ladder[MGP_GRAPH_LADDER];
  uint64_t zero;
  uint64_t body_hash;   /* XXH3 of all after the header */
  uint64_t header_hash; /* XXH3 of all before this field */
} file_header;

_Static_assert(sizeof(file_header) == 384, "the header has no holes");

static size_t round_up(size_t size) {
  return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* Where each part begins; the sizes were checked before, so no product overflows 64 bits. */
static void place_parts(file_header *h) {
  uint64_t at = sizeof *h;
  h->mean_at = at;
  at = round_up(at + h->code_dim * sizeof(float));
  h->entries_at = at;
  at = round_up(at + h->entry_count * sizeof(uint32_t));
  h->edges_at = at;
  at = round_up(at + h->count * h->degree * sizeof(uint32_t));
  h->codes_at = at;
  h->size = round_up(at + h->count * mgp_graph_code_stride(h->code_dim));
}

static void view_parts(mgp_graph *g, const file_header *h) {
  g->space.mean = (const float *)(const void *)(g->data + h->mean_at);
  g->entries = (const uint32_t *)(const void *)(g->data + h->entries_at);
  g->edges = (const uint32_t *)(const void *)(g->data + h->edges_at);
  g->codes = g->data + h->codes_at;
  g->ladder = ((const file_header *)(const void *)g->data)->ladder;
  g->stride = mgp_graph_code_stride(h->code_dim);
}

magpie_status mgp_graph_create(const mgp_graph_rows *rows, const mgp_graph_space *space,
                               size_t degree, size_t entry_count, mgp_alloc *a, mgp_graph **out,
                               mgp_graph_parts *parts, magpie_error *err) {
  file_header h = {.magic = MAGIC,
                   .version = VERSION,
                   .count = rows->count,
                   .dim = (uint32_t)rows->dim,
                   .code_dim = (uint32_t)space->code_dim,
                   .metric = (uint32_t)space->metric,
                   .is_lifted = space->is_lifted,
                   .degree = (uint32_t)degree,
                   .entry_count = (uint32_t)entry_count,
                   .longest = space->longest,
                   .query_length = space->query_length,
                   .step = space->step};
  place_parts(&h);
  mgp_graph *g = mgp_calloc(a, 1, sizeof *g);
  unsigned char *block = g ? mgp_calloc(a, 1, h.size) : NULL;
  if (!block) {
    mgp_free(a, g);
    return mgp_fail(err, MAGPIE_LIMIT, "graph: no memory for its %llu bytes",
                    (unsigned long long)h.size);
  }
  memcpy(block, &h, sizeof h);
  *g = (mgp_graph){.rows = *rows,
                   .space = *space,
                   .degree = degree,
                   .entry_count = entry_count,
                   .version = VERSION,
                   .data = block,
                   .size = h.size,
                   .owned = block,
                   .alloc = a};
  view_parts(g, &h);
  *parts = (mgp_graph_parts){.mean = (float *)(void *)(block + h.mean_at),
                             .entries = (uint32_t *)(void *)(block + h.entries_at),
                             .edges = (uint32_t *)(void *)(block + h.edges_at),
                             .codes = block + h.codes_at};
  *out = g;
  return MAGPIE_OK;
}

void mgp_graph_seal(mgp_graph *g, const mgp_graph_step *ladder, size_t ladder_count) {
  file_header *h = (file_header *)(void *)g->owned;
  memcpy(h->ladder, ladder, ladder_count * sizeof *ladder);
  h->ladder_count = (uint32_t)ladder_count;
  g->ladder_count = ladder_count;
  h->body_hash = mgp_hash64(g->owned + sizeof *h, g->size - sizeof *h);
  h->header_hash = mgp_hash64(h, offsetof(file_header, header_hash));
}

/* ---- reading
 * ------------------------------------------------------------------------------------- */

static magpie_status check_header(const file_header *h, size_t size, magpie_error *err) {
  MGP_RETURN_IF(h->magic != MAGIC, err, MAGPIE_CORRUPT, "graph: these bytes are no graph");
  MGP_RETURN_IF(h->version < VERSION_OLDEST || h->version > VERSION, err, MAGPIE_VERSION,
                "graph: version %u, this magpie reads %u: use a newer one", h->version, VERSION);
  MGP_RETURN_IF(h->header_hash != mgp_hash64(h, offsetof(file_header, header_hash)), err,
                MAGPIE_CORRUPT, "graph: the checksum of its header differs: build it again");
  MGP_RETURN_IF(h->count > MGP_GRAPH_COUNT_MAX || h->dim == 0 || h->dim > MGP_GRAPH_DIM_MAX ||
                    h->degree == 0 || h->degree > MGP_GRAPH_DEGREE_MAX ||
                    h->entry_count > MGP_GRAPH_ENTRIES || h->ladder_count > MGP_GRAPH_LADDER ||
                    h->metric > MGP_GRAPH_L2 || h->is_lifted > 1 || h->reserved || h->zero ||
                    (h->entry_count == 0) != (h->count == 0) ||
                    h->code_dim != mgp_graph_code_dim(h->dim, h->is_lifted),
                err, MAGPIE_CORRUPT, "graph: %llu nodes of %u dimensions and degree %u cannot be",
                (unsigned long long)h->count, h->dim, h->degree);
  file_header expected = *h;
  place_parts(&expected);
  const bool is_placed = expected.mean_at == h->mean_at && expected.entries_at == h->entries_at &&
                         expected.edges_at == h->edges_at && expected.codes_at == h->codes_at &&
                         expected.size == h->size;
  MGP_RETURN_IF(!is_placed || h->size != size, err, MAGPIE_CORRUPT,
                "graph: %zu bytes do not hold %llu nodes of %u dimensions", size,
                (unsigned long long)h->count, h->dim);
  return MAGPIE_OK;
}

static bool is_finite_ladder(const file_header *h) {
  for (size_t i = 0; i < h->ladder_count; i++) {
    const mgp_graph_step *s = &h->ladder[i];
    const uint32_t most = h->version == 1 ? MGP_GRAPH_WIDTH_MAX : MGP_GRAPH_KNOB_MAX;
    if (s->knob == 0 || s->knob > most || (i > 0 && s->knob <= s[-1].knob) ||
        !isfinite(s->recall10) || !isfinite(s->recall100) || !isfinite(s->scored))
      return false;
  }
  return isfinite(h->longest) && isfinite(h->query_length) && isfinite(h->step);
}

static magpie_status check_body(const mgp_graph *g, magpie_error *err) {
  const size_t count = g->rows.count;
  for (size_t i = 0; i < g->entry_count; i++)
    MGP_RETURN_IF(g->entries[i] >= count, err, MAGPIE_CORRUPT,
                  "graph: entry %u of %zu nodes: build it again", g->entries[i], count);
  for (size_t i = 0; i < count; i++) {
    uint32_t most = 0;
    for (size_t j = 0; j < g->degree; j++) {
      const uint32_t target = g->edges[i * g->degree + j];
      const uint32_t real = target == MGP_GRAPH_NONE ? 0 : target;
      if (real > most) most = real;
    }
    MGP_RETURN_IF(most >= count, err, MAGPIE_CORRUPT,
                  "graph: node %zu leads to %u of %zu nodes: build it again", i, most, count);
  }
  return MAGPIE_OK;
}

magpie_status mgp_graph_open(const void *data, size_t size, const mgp_graph_rows *rows,
                             mgp_alloc *a, mgp_graph **out, magpie_error *err) {
  *out = NULL;
  file_header h;
  MGP_RETURN_IF((uintptr_t)data % sizeof(uint64_t) != 0, err, MAGPIE_INVALID,
                "graph: its bytes are not aligned to 8");
  MGP_RETURN_IF(size < sizeof h, err, MAGPIE_CORRUPT, "graph: %zu bytes hold no header", size);
  memcpy(&h, data, sizeof h);
  MGP_FORWARD(check_header(&h, size, err));
  MGP_RETURN_IF(!is_finite_ladder(&h), err, MAGPIE_CORRUPT,
                "graph: its calibration is no number: build it again");
  MGP_RETURN_IF(rows->count != h.count || rows->dim != h.dim || rows->stride < rows->dim, err,
                MAGPIE_INVALID, "graph: made for %llu rows of %u dimensions, not for %zu of %zu",
                (unsigned long long)h.count, h.dim, rows->count, rows->dim);
  mgp_graph *g = mgp_calloc(a, 1, sizeof *g);
  MGP_RETURN_IF(!g, err, MAGPIE_LIMIT, "graph: no memory to open it");
  *g = (mgp_graph){.rows = *rows,
                   .space = {.metric = (mgp_graph_metric)h.metric,
                             .dim = h.dim,
                             .code_dim = h.code_dim,
                             .is_lifted = h.is_lifted,
                             .longest = h.longest,
                             .query_length = h.query_length,
                             .step = h.step},
                   .degree = h.degree,
                   .entry_count = h.entry_count,
                   .ladder_count = h.ladder_count,
                   .version = h.version,
                   .data = data,
                   .size = size,
                   .alloc = a};
  view_parts(g, &h);
  const magpie_status status = check_body(g, err);
  if (status != MAGPIE_OK) {
    mgp_free(a, g);
    return status;
  }
  *out = g;
  return MAGPIE_OK;
}

magpie_status mgp_graph_verify(const mgp_graph *g, magpie_error *err) {
  const file_header *h = (const file_header *)(const void *)g->data;
  MGP_RETURN_IF(h->body_hash != mgp_hash64(g->data + sizeof *h, g->size - sizeof *h), err,
                MAGPIE_CORRUPT, "graph: the checksum of its %zu bytes differs: build it again",
                g->size);
  return MAGPIE_OK;
}

void mgp_graph_close(mgp_graph *g) {
  if (!g) return;
  mgp_free(g->alloc, g->owned);
  mgp_free(g->alloc, g);
}

void mgp_graph_bytes(const mgp_graph *g, const void **data, size_t *size) {
  *data = g->data;
  *size = g->size;
}

size_t mgp_graph_count(const mgp_graph *g) {
  return g->rows.count;
}

size_t mgp_graph_degree(const mgp_graph *g) {
  return g->degree;
}

size_t mgp_graph_neighbours(const mgp_graph *g, uint32_t node, uint32_t *out) {
  const uint32_t *list = g->edges + (size_t)node * g->degree;
  size_t count = 0;
  for (; count < g->degree && list[count] != MGP_GRAPH_NONE; count++) out[count] = list[count];
  return count;
}
