/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph from rows and from older graphs over some of them. A build is a merge of nothing. Codes
 * are made anew for all rows, so that they follow the rows of today; the edges of the largest part
 * are kept.
 */
#include "index/graph_private.h"

#define DEGREE_USUAL 32
#define DEGREE_LEAST 4
#define WIDTH_USUAL 200
#define ROOM_NUMERATOR 13 /* lists may grow by 3 / 10 before they are pruned */
#define ROOM_DENOMINATOR 10
#define ORDER_SEED UINT64_C(20261123)
#define ROWS_A_TASK 64

typedef struct builder {
  const mgp_graph_part *parts;
  size_t part_count, base; /* base == part_count: none */
  const mgp_graph_rows *rows;
  mgp_graph_options options;
  mgp_pool *pool;
  mgp_alloc *alloc;
  float *mean;
  uint8_t *bytes; /* build codes */
  uint32_t *norms;
  uint32_t *order;
  size_t base_count; /* nodes of the base, first in the order */
  mgp_graph_edges edges, hints;
  mgp_graph *graph;
  mgp_graph_parts out;
} builder;

/* ---- codes
 * ----------------------------------------------------------------------------------------- */

static void encode_rows(void *context, size_t index) {
  builder *b = context;
  const mgp_graph_space *s = &b->graph->space;
  float projected[MGP_GRAPH_DIM_MAX + MGP_GRAPH_BLOCK];
  for (size_t i = index * ROWS_A_TASK; i < (index + 1) * ROWS_A_TASK && i < b->rows->count; i++) {
    mgp_graph_project_row(s, b->rows->rows + i * b->rows->stride, projected);
    mgp_graph_encode(projected, s->code_dim, b->out.codes + i * b->graph->stride);
    b->norms[i] =
        mgp_graph_encode_build(projected, s->code_dim, s->step, b->bytes + i * s->code_dim);
  }
}

static void encode_all(builder *b) {
  const size_t tasks = (b->rows->count + ROWS_A_TASK - 1) / ROWS_A_TASK;
  if (b->pool) mgp_pool_run(b->pool, tasks, encode_rows, b);
  for (size_t i = 0; !b->pool && i < tasks; i++) encode_rows(b, i);
}

/* ---- what is asked for
 * ------------------------------------------------------------------------------ */

static magpie_status check_rows(const mgp_graph_rows *rows, magpie_error *err) {
  MGP_RETURN_IF(rows->dim == 0 || rows->dim > MGP_GRAPH_DIM_MAX || rows->stride < rows->dim, err,
                MAGPIE_INVALID, "graph: rows of %zu dimensions, stride %zu; 1 to %d are possible",
                rows->dim, rows->stride, MGP_GRAPH_DIM_MAX);
  MGP_RETURN_IF(rows->count > MGP_GRAPH_COUNT_MAX, err, MAGPIE_LIMIT,
                "graph: %zu rows, the most is %u: split them", rows->count, MGP_GRAPH_COUNT_MAX);
  return MAGPIE_OK;
}

static magpie_status fill_options(mgp_graph_options *o, magpie_error *err) {
  if (o->degree == 0) o->degree = DEGREE_USUAL;
  if (o->width == 0) o->width = WIDTH_USUAL;
  MGP_RETURN_IF(o->metric != MGP_GRAPH_DOT && o->metric != MGP_GRAPH_L2, err, MAGPIE_INVALID,
                "graph: metric %d is unknown", (int)o->metric);
  MGP_RETURN_IF(o->degree < DEGREE_LEAST || o->degree > MGP_GRAPH_DEGREE_MAX, err, MAGPIE_INVALID,
                "graph: degree %zu, %d to %d are possible", o->degree, DEGREE_LEAST,
                MGP_GRAPH_DEGREE_MAX);
  MGP_RETURN_IF(o->width < o->degree || o->width > MGP_GRAPH_WIDTH_MAX, err, MAGPIE_INVALID,
                "graph: width %zu, %zu to %d are possible", o->width, o->degree,
                MGP_GRAPH_WIDTH_MAX);
  return MAGPIE_OK;
}

/* ---- parts
 * ------------------------------------------------------------------------------------------- */

static size_t count_living(const mgp_graph_part *p) {
  size_t count = 0;
  for (size_t i = 0; i < p->graph->rows.count; i++) count += p->map[i] != MGP_GRAPH_NONE;
  return count;
}

/* Every row at most once. Marks rows that a part has: 1 the base, 2 another. */
static magpie_status mark_rows(builder *b, uint8_t *marks, magpie_error *err) {
  size_t most = 0;
  b->base = b->part_count;
  for (size_t p = 0; p < b->part_count; p++) {
    const size_t living = count_living(&b->parts[p]);
    if (living > most) b->base = p;
    if (living > most) most = living;
  }
  for (size_t p = 0; p < b->part_count; p++) {
    const mgp_graph_part *part = &b->parts[p];
    MGP_RETURN_IF(part->graph->rows.dim != b->rows->dim ||
                      part->graph->space.metric != b->options.metric,
                  err, MAGPIE_INVALID, "graph: part %zu has another dimension or metric", p);
    for (size_t i = 0; i < part->graph->rows.count; i++) {
      const uint32_t row = part->map[i];
      if (row == MGP_GRAPH_NONE) continue;
      MGP_RETURN_IF(row >= b->rows->count || marks[row], err, MAGPIE_INVALID,
                    "graph: node %zu of part %zu becomes row %u, which is taken or beyond %zu", i,
                    p, row, b->rows->count);
      marks[row] = p == b->base ? 1 : 2;
    }
  }
  return MAGPIE_OK;
}

/* The base's nodes first, its entries before all; then the others in an order of chance. */
static magpie_status order_rows(builder *b, magpie_error *err) {
  const size_t count = b->rows->count;
  uint8_t *marks = mgp_calloc(b->alloc, count + 1, 1);
  MGP_RETURN_IF(!marks, err, MAGPIE_LIMIT, "graph: no memory for the order of %zu rows", count);
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mark_rows(b, marks, err));
  size_t at = 0;
  if (b->base < b->part_count) {
    const mgp_graph_part *base = &b->parts[b->base];
    for (size_t i = 0; i < base->graph->entry_count; i++) {
      const uint32_t row = base->map[base->graph->entries[i]];
      if (row == MGP_GRAPH_NONE || marks[row] != 1) continue;
      marks[row] = 3;
      b->order[at++] = row;
    }
  }
  for (size_t i = 0; i < count; i++)
    if (marks[i] == 1) b->order[at++] = (uint32_t)i;
  b->base_count = at;
  for (size_t i = 0; i < count; i++)
    if (marks[i] == 0 || marks[i] == 2) b->order[at++] = (uint32_t)i;
  uint64_t state = ORDER_SEED;
  for (size_t i = count; i > b->base_count + 1; i--) {
    const size_t other = b->base_count + mgp_graph_random(&state) % (i - b->base_count);
    const uint32_t row = b->order[i - 1];
    b->order[i - 1] = b->order[other];
    b->order[other] = row;
  }
done:
  mgp_free(b->alloc, marks);
  return status;
}

/* The node nearest to the mean begins a new graph. */
static void begin_at_centre(builder *b) {
  size_t best = 0;
  for (size_t i = 1; i < b->rows->count; i++)
    if (b->norms[b->order[i]] < b->norms[b->order[best]]) best = i;
  const uint32_t row = b->order[best];
  b->order[best] = b->order[0];
  b->order[0] = row;
}

/* The lists of all parts but the base, at new numbers. */
static magpie_status collect_hints(builder *b, magpie_error *err) {
  if (b->part_count < 2) return MAGPIE_OK;
  mgp_graph_edges *h = &b->hints;
  *h = (mgp_graph_edges){
      .count = b->rows->count, .degree = b->options.degree, .room = b->options.degree};
  h->targets = mgp_calloc(b->alloc, h->count * h->room, sizeof *h->targets);
  h->sizes = mgp_calloc(b->alloc, h->count, sizeof *h->sizes);
  MGP_RETURN_IF(!h->targets || !h->sizes, err, MAGPIE_LIMIT,
                "graph: no memory for the edges of %zu nodes", h->count);
  for (size_t p = 0; p < b->part_count; p++) {
    const mgp_graph *g = b->parts[p].graph;
    const uint32_t *map = b->parts[p].map;
    for (size_t i = 0; p != b->base && i < g->rows.count; i++) {
      if (map[i] == MGP_GRAPH_NONE) continue;
      const uint32_t *list = g->edges + i * g->degree;
      uint32_t *targets = h->targets + (size_t)map[i] * h->room, *size = &h->sizes[map[i]];
      for (size_t k = 0; k < g->degree && list[k] != MGP_GRAPH_NONE && *size < h->room; k++)
        if (map[list[k]] != MGP_GRAPH_NONE) targets[(*size)++] = map[list[k]];
    }
  }
  return MAGPIE_OK;
}

/* ---- the steps
 * --------------------------------------------------------------------------------------- */

static magpie_status reserve(builder *b, magpie_error *err) {
  const size_t count = b->rows->count, degree = b->options.degree;
  const size_t code_dim = mgp_graph_code_dim(b->rows->dim, true);
  b->edges = (mgp_graph_edges){
      .count = count, .degree = degree, .room = degree * ROOM_NUMERATOR / ROOM_DENOMINATOR};
  b->mean = mgp_calloc(b->alloc, code_dim, sizeof *b->mean);
  b->norms = mgp_calloc(b->alloc, count + 1, sizeof *b->norms);
  b->order = mgp_calloc(b->alloc, count + 1, sizeof *b->order);
  b->edges.targets = mgp_calloc(b->alloc, count * b->edges.room + 1, sizeof *b->edges.targets);
  b->edges.sizes = mgp_calloc(b->alloc, count + 1, sizeof *b->edges.sizes);
  MGP_RETURN_IF(!b->mean || !b->norms || !b->order || !b->edges.targets || !b->edges.sizes, err,
                MAGPIE_LIMIT, "graph: no memory to build over %zu rows", count);
  return MAGPIE_OK;
}

static magpie_status make_codes(builder *b, magpie_error *err) {
  mgp_graph_space space;
  MGP_FORWARD(
      mgp_graph_space_fit(b->rows, b->options.metric, b->mean, b->pool, b->alloc, &space, err));
  const size_t entries = b->rows->count < MGP_GRAPH_ENTRIES ? b->rows->count : MGP_GRAPH_ENTRIES;
  MGP_FORWARD(mgp_graph_create(b->rows, &space, b->options.degree, entries, b->alloc, &b->graph,
                               &b->out, err));
  memcpy(b->out.mean, b->mean, space.code_dim * sizeof *b->mean);
  b->bytes = mgp_calloc(b->alloc, b->rows->count + 1, space.code_dim);
  MGP_RETURN_IF(!b->bytes, err, MAGPIE_LIMIT, "graph: no memory for the codes of %zu rows",
                b->rows->count);
  encode_all(b);
  return MAGPIE_OK;
}

static magpie_status link_nodes(builder *b, magpie_error *err) {
  const mgp_graph_codes codes = {.bytes = b->bytes,
                                 .norms = b->norms,
                                 .count = b->rows->count,
                                 .dim = b->graph->space.code_dim};
  const mgp_graph_link link = {.codes = &codes,
                               .edges = &b->edges,
                               .order = b->order,
                               .linked = b->base_count,
                               .count = b->rows->count,
                               .width = b->options.width,
                               .hints = b->hints.targets ? &b->hints : NULL,
                               .entries = b->order,
                               .entry_count = b->graph->entry_count,
                               .pool = b->pool,
                               .alloc = b->alloc,
                               .go_on = b->options.go_on,
                               .context = b->options.context};
  if (b->base < b->part_count)
    MGP_FORWARD(mgp_graph_bridge(&link, b->parts[b->base].graph, b->parts[b->base].map, err));
  MGP_FORWARD(mgp_graph_link_all(&link, err));
  MGP_FORWARD(mgp_graph_shorten(&link, err));
  return mgp_graph_attach(&link, err);
}

static void write_edges(const builder *b) {
  const size_t degree = b->options.degree;
  memset(b->out.edges, 0xff, b->rows->count * degree * sizeof *b->out.edges);
  for (size_t i = 0; i < b->rows->count; i++)
    memcpy(b->out.edges + i * degree, b->edges.targets + i * b->edges.room,
           b->edges.sizes[i] * sizeof *b->out.edges);
  memcpy(b->out.entries, b->order, b->graph->entry_count * sizeof *b->out.entries);
}

/* What only the links needed, before calibration asks for memory of its own. */
static void release(builder *b) {
  void *blocks[] = {b->mean,          b->bytes,       b->norms,         b->order,
                    b->edges.targets, b->edges.sizes, b->hints.targets, b->hints.sizes};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) mgp_free(b->alloc, blocks[i]);
}

static magpie_status build(builder *b, magpie_error *err) {
  MGP_FORWARD(reserve(b, err));
  MGP_FORWARD(make_codes(b, err));
  MGP_FORWARD(order_rows(b, err));
  if (b->base_count == 0 && b->rows->count > 0) begin_at_centre(b);
  MGP_FORWARD(collect_hints(b, err));
  if (b->rows->count > 0) MGP_FORWARD(link_nodes(b, err));
  write_edges(b);
  return MAGPIE_OK;
}

magpie_status mgp_graph_merge(const mgp_graph_part *parts, size_t part_count,
                              const mgp_graph_rows *rows, const mgp_graph_options *options,
                              mgp_pool *pool, mgp_alloc *a, mgp_graph **out, magpie_error *err) {
  *out = NULL;
  builder b = {.parts = parts,
               .part_count = part_count,
               .rows = rows,
               .options = *options,
               .pool = pool,
               .alloc = a};
  MGP_FORWARD(check_rows(rows, err));
  MGP_FORWARD(fill_options(&b.options, err));
  magpie_status status = build(&b, err);
  release(&b);
  mgp_graph_step ladder[MGP_GRAPH_LADDER] = {0};
  size_t steps = 0;
  if (status == MAGPIE_OK) status = mgp_graph_calibrate(b.graph, pool, a, ladder, &steps, err);
  if (status != MAGPIE_OK) {
    mgp_graph_close(b.graph);
    return status;
  }
  mgp_graph_seal(b.graph, ladder, steps);
  *out = b.graph;
  return MAGPIE_OK;
}

magpie_status mgp_graph_build(const mgp_graph_rows *rows, const mgp_graph_options *options,
                              mgp_pool *pool, mgp_alloc *a, mgp_graph **out, magpie_error *err) {
  return mgp_graph_merge(NULL, 0, rows, options, pool, a, out, err);
}

uint64_t mgp_graph_build_memory(size_t count, size_t dim, const mgp_graph_options *options,
                                int threads) {
  const uint64_t degree = options->degree ? options->degree : DEGREE_USUAL;
  const uint64_t room = degree * ROOM_NUMERATOR / ROOM_DENOMINATOR;
  const uint64_t code_dim = mgp_graph_code_dim(dim, true);
  const uint64_t file = degree * 4 + code_dim / 2 + 8;
  const uint64_t work = code_dim + room * 4 + 4 * 4;             /* codes, lists, order, norms */
  const uint64_t merge = degree * 4 + 4 + 1;                     /* hints, marks */
  const uint64_t batch = (degree * 20 + 4) / 50 + 2 * 4 + 1 + 1; /* pairs of 2 %, the tree */
  const uint64_t thread = 2;                                     /* marks of a walk */
  return count * (file + work + merge + batch + thread * (uint64_t)threads) +
         (uint64_t)threads * (UINT64_C(1) << 18) + (UINT64_C(1) << 22);
}
