/* SPDX-License-Identifier: Apache-2.0
 *
 * The indexes that bench-ann measures: every row, codes of every row with the best scored again,
 * and the graph. They are the ones that segments hold, without the store around them.
 */
#include "engine/ann_bench.h"

#define EXACT 0
#define GRAPH (MGP_ANN_SYSTEMS - 1)

static const struct {
  const char *name;
  mgp_codec_kind kind;
} codecs[MGP_ANN_SYSTEMS] = {{"exact scan", MGP_CODEC_COUNT}, {"int8 scan", MGP_CODEC_INT8},
                             {"int4 scan", MGP_CODEC_INT4},   {"1-bit scan", MGP_CODEC_RABITQ1},
                             {"pq scan", MGP_CODEC_PQ},       {"graph", MGP_CODEC_COUNT}};

static void add_width(const mgp_ann_bench *b, mgp_ann_system *s, size_t width) {
  const size_t most =
      s->is_graph && b->base.n > MGP_GRAPH_WIDTH_MAX ? MGP_GRAPH_WIDTH_MAX : b->base.n;
  if (width < b->options.k) width = b->options.k;
  if (width > most) width = most;
  if (s->width_count > 0 && s->widths[s->width_count - 1] >= width) return;
  s->widths[s->width_count++] = width;
}

static void choose_widths(const mgp_ann_bench *b, mgp_ann_system *s) {
  static const size_t graph[] = {1, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024};
  static const size_t times[] = {1, 2, 4, 8, 16, 32, 64};
  if (s->is_graph)
    for (size_t i = 0; i < sizeof graph / sizeof *graph; i++) add_width(b, s, graph[i]);
  else
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
      add_width(b, s, times[i] * b->options.k);
}

static magpie_status build_codes(const mgp_ann_bench *b, mgp_codec_kind kind, mgp_ann_system *out,
                                 magpie_error *err) {
  const mgp_ann_rows *r = &b->base;
  const mgp_codec_options options = {.kind = kind, .dim = r->dim, .l2 = b->is_l2, .seed = 1};
  size_t state = 0;
  MGP_FORWARD(mgp_coder_create(NULL, &options, &out->coder, err));
  MGP_FORWARD(mgp_coder_train(out->coder, r->rows, r->stride, r->n, err));
  mgp_coder_state(out->coder, &state);
  const size_t size = mgp_coder_size(out->coder, r->n);
  out->codes = mgp_malloc(NULL, size + 64);
  MGP_RETURN_IF(!out->codes, err, MAGPIE_NO_MEMORY, "no memory for %zu bytes of codes", size);
  out->bytes = size + state * sizeof(float);
  return mgp_coder_encode(out->coder, r->rows, r->stride, r->n, out->codes, err);
}

static magpie_status go_on(void *context, double share, magpie_error *err) {
  (void)share;
  const mgp_ann_bench *b = context;
  MGP_RETURN_IF(b->options.cancel && *b->options.cancel, err, MAGPIE_CANCELLED,
                "stopped on request");
  return MAGPIE_OK;
}

static magpie_status build_graph(const mgp_ann_bench *b, mgp_ann_system *out, magpie_error *err) {
  const mgp_ann_rows *r = &b->base;
  const mgp_graph_rows rows = {.rows = r->rows, .count = r->n, .dim = r->dim, .stride = r->stride};
  const mgp_graph_options options = {.metric = b->is_l2 ? MGP_GRAPH_L2 : MGP_GRAPH_DOT,
                                     .go_on = go_on,
                                     .context = (void *)(uintptr_t)b};
  MGP_FORWARD(mgp_graph_build(&rows, &options, b->pool, NULL, &out->graph, err));
  const void *data = NULL;
  mgp_graph_bytes(out->graph, &data, &out->bytes);
  return MAGPIE_OK;
}

magpie_status mgp_ann_system_build(const mgp_ann_bench *b, size_t which, mgp_ann_system *out,
                                   magpie_error *err) {
  *out = (mgp_ann_system){.name = codecs[which].name, .is_graph = which == GRAPH};
  const double start = mgp_clock_seconds();
  magpie_status status = MAGPIE_OK;
  if (which == EXACT) out->width_count = 1; /* of 0 */
  else choose_widths(b, out);
  if (which == GRAPH) status = build_graph(b, out, err);
  else if (which != EXACT) status = build_codes(b, codecs[which].kind, out, err);
  out->build_s = mgp_clock_seconds() - start;
  if (status != MAGPIE_OK) mgp_ann_system_fini(out);
  return status;
}

void mgp_ann_system_fini(mgp_ann_system *s) {
  mgp_coder_destroy(s->coder);
  mgp_free(NULL, s->codes);
  mgp_graph_close(s->graph);
  *s = (mgp_ann_system){0};
}

/* ---- asking -------------------------------------------------------------------------------------
 */

magpie_status mgp_ann_worker_init(const mgp_ann_system *s, mgp_ann_worker *w, magpie_error *err) {
  *w = (mgp_ann_worker){0};
  return s->graph ? mgp_graph_searcher_create(s->graph, NULL, &w->searcher, err) : MAGPIE_OK;
}

void mgp_ann_worker_fini(mgp_ann_worker *w) {
  mgp_graph_searcher_destroy(w->searcher);
}

static magpie_status ask_codes(const mgp_ann_bench *b, const mgp_ann_system *s, size_t width,
                               const float *query, mgp_scored *out, size_t *count,
                               magpie_error *err) {
  const mgp_code_view view = {.coder = s->coder,
                              .codes = s->codes,
                              .ids = b->ids,
                              .count = b->base.n,
                              .rows = b->base.rows,
                              .dim = b->base.dim,
                              .stride = b->base.stride,
                              .l2 = b->is_l2};
  mgp_topk top;
  mgp_topk_init(&top, out, b->options.k);
  MGP_FORWARD(
      mgp_code_search(&view, query, b->queries.stride, 1, width, NULL, NULL, NULL, &top, err));
  *count = top.count;
  return MAGPIE_OK;
}

magpie_status mgp_ann_ask(const mgp_ann_bench *b, const mgp_ann_system *s, mgp_ann_worker *w,
                          size_t width, const float *query, mgp_scored *out, size_t *count,
                          magpie_error *err) {
  if (s->coder) return ask_codes(b, s, width, query, out, count, err);
  if (s->graph) {
    const mgp_graph_search_options options = {.k = b->options.k, .width = width};
    return mgp_graph_search(w->searcher, query, &options, out, count, NULL, err);
  }
  if (b->is_l2) {
    *count = mgp_ann_exact(b, query, out);
    return MAGPIE_OK;
  }
  const mgp_dense_view view = {.rows = b->base.rows,
                               .ids = b->ids,
                               .count = b->base.n,
                               .dim = b->base.dim,
                               .stride = b->base.stride};
  mgp_topk top;
  mgp_topk_init(&top, out, b->options.k);
  MGP_FORWARD(mgp_dense_search(&view, 1, query, NULL, NULL, NULL, &top, err));
  *count = top.count;
  return MAGPIE_OK;
}
