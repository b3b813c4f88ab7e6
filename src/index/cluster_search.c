/* SPDX-License-Identifier: Apache-2.0
 *
 * Search: rank the centres, estimate the rows of the nearest lists by their codes, read the rows of
 * the best. Reading them costs most where they are on a disk, so only those are read that may be
 * hits: the best few first, then all whose estimate comes near the k-th best of these, and the
 * system is told of all of them before the first is waited for.
 *
 * Under a filter the nearest allowed rows lie further away, so more lists are probed: as many as a
 * search without filter probes for so many more hits as are not allowed, or until as many allowed
 * rows were met as such a search meets. Where far fewer are met than elsewhere, the filter is
 * against the query, and distances say little: then all codes are read.
 */
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "index/cluster_private.h"

#define KEPT ((size_t)1024) /* estimates kept, and more with k */
#define KEPT_A_HIT ((size_t)8)
#define FIRST_LEAST ((size_t)16) /* rows read before the margin counts */
/* The part of a list's spread that its best row lies towards the query: about this over the root of
 * the dimension (measured: docs/decisions/0022-clustered-index.md). */
#define REACH_ROOT 6.0f
#define REACH_MOST 0.8f
#define AGAINST 0.8 /* of the allowed rows that were to be met, less these deviations of chance */
#define DEVIATIONS 3
/* Ranked, should the nearest lists hold fewer rows than wanted. */
#define MORE_PROBES ((size_t)32)
#define ADVISE_BYTES ((size_t)256 << 20) /* rows of fewer bytes are taken to be in memory */
#define FILTER_CAUTION 0.5               /* of the misses, where half or less is allowed */
#define RECALL_USUAL 0.95

/* ---- memory -----------------------------------------------------------------------------------
 */

magpie_status mgp_cluster_searcher_create(const mgp_clusters *c, mgp_alloc *a,
                                          mgp_cluster_searcher **out, magpie_error *err) {
  *out = NULL;
  mgp_cluster_searcher *s = mgp_calloc(a, 1, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_LIMIT, "clusters: no memory to search %zu lists", c->shape.lists);
  s->clusters = c;
  s->alloc = a;
  s->query.table = mgp_malloc(a, 16 * c->shape.groups);
  s->query.entries = mgp_malloc(a, 16 * c->shape.groups * sizeof(float));
  s->query.turned = mgp_malloc(a, c->shape.padded * sizeof(float));
  s->scores = mgp_malloc(a, (c->shape.lists + 1) * sizeof(float));
  s->lists = mgp_malloc(a, (c->shape.lists + 1) * sizeof *s->lists);
  if (s->query.table && s->query.entries && s->query.turned && s->scores && s->lists) {
    *out = s;
    return MAGPIE_OK;
  }
  mgp_cluster_searcher_destroy(s);
  return mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory to search %zu lists", c->shape.lists);
}

void mgp_cluster_searcher_destroy(mgp_cluster_searcher *s) {
  if (!s) return;
  mgp_free(s->alloc, s->query.table);
  mgp_free(s->alloc, s->query.entries);
  mgp_free(s->alloc, s->query.turned);
  mgp_free(s->alloc, s->scores);
  mgp_free(s->alloc, s->lists);
  mgp_free(s->alloc, s->storage);
  mgp_free(s->alloc, s->first);
  mgp_free(s->alloc, s);
}

size_t mgp_cluster_kept(size_t k) {
  return KEPT + KEPT_A_HIT * k;
}

static size_t first_for(size_t k) {
  return k + k / 2 > FIRST_LEAST ? k + k / 2 : FIRST_LEAST;
}

static magpie_status make_room(mgp_cluster_searcher *s, size_t kept, size_t first,
                               magpie_error *err) {
  const size_t need = mgp_select_capacity(kept);
  if (need > s->storage_count) {
    mgp_scored *storage = mgp_realloc(s->alloc, s->storage, need * sizeof *storage);
    MGP_RETURN_IF(!storage, err, MAGPIE_LIMIT, "clusters: no memory for %zu candidates", kept);
    s->storage = storage;
    s->storage_count = need;
  }
  if (first > s->first_count) {
    mgp_scored *items = mgp_realloc(s->alloc, s->first, first * sizeof *items);
    MGP_RETURN_IF(!items, err, MAGPIE_LIMIT, "clusters: no memory for %zu candidates", first);
    s->first = items;
    s->first_count = first;
  }
  return MAGPIE_OK;
}

/* ---- which lists ------------------------------------------------------------------------------
 */

static void score_centres(const mgp_clusters *c, const float *query, const float *centres,
                          size_t count, float *out) {
  const mgp_kernels *k = mgp_kernels_get();
  const size_t dim = c->shape.dim, stride = c->shape.stride;
  if (c->metric == MGP_GRAPH_DOT) {
    k->dot_rows_f32(query, centres, dim, stride, count, out);
    return;
  }
  k->l2_squared_rows_f32(query, centres, dim, stride, count, out);
  for (size_t i = 0; i < count; i++) out[i] = -out[i];
}

/* What the best row of a list may score: its centre's score, and a part of the way that its rows
 * lie from it, as rows of a list that spreads further reach further towards the query. */
static float hope_of(const mgp_cluster_searcher *s, size_t list) {
  const mgp_clusters *c = s->clusters;
  const float spread = c->spreads[list], score = s->scores[list];
  const float part = fminf(REACH_MOST, REACH_ROOT / sqrtf((float)c->shape.dim)) * spread;
  if (c->metric == MGP_GRAPH_DOT) return score + part * s->query_length;
  return score - spread * spread + 2 * part * sqrtf(-score);
}

size_t mgp_cluster_rank(mgp_cluster_searcher *s, const float *query, size_t wanted) {
  const mgp_clusters *c = s->clusters;
  const size_t lists = c->shape.lists;
  s->query_length = sqrtf(mgp_kernels_get()->dot_f32(query, query, c->shape.dim));
  score_centres(c, query, c->centres, lists, s->scores);
  for (size_t i = 0; i < lists; i++) { /* NaN, which only damage brings, has no place in an order */
    const float hope = hope_of(s, i);
    s->lists[i] = (mgp_scored){.score = isnan(hope) ? -INFINITY : hope, .id = i};
  }
  const size_t count = wanted < lists ? wanted : lists;
  mgp_select best = {.items = s->lists, .count = lists, .k = count, .capacity = lists};
  mgp_select_cut(&best);
  qsort(s->lists, count, sizeof *s->lists, mgp_scored_compare);
  return count;
}

/* ---- codes ------------------------------------------------------------------------------------
 */

typedef struct code_scan {
  mgp_cluster_searcher *searcher;
  const uint64_t *allow; /* NULL: all */
  mgp_select best;
  uint64_t tag;     /* added to the numbers of rows */
  size_t seen, met; /* rows; those that are allowed */
} code_scan;

static bool is_allowed(const uint64_t *allow, uint32_t row) {
  return allow[row / 64] >> row % 64 & 1;
}

/* Bit i: row i of the block is one, and may be a hit. Numbers come from the disk. */
static uint32_t rows_allowed(code_scan *j, const uint32_t rows[MGP_FAST_SCAN_ROWS]) {
  const size_t count = j->searcher->clusters->rows.count;
  uint32_t mask = 0;
  for (size_t i = 0; i < MGP_FAST_SCAN_ROWS; i++) mask |= (uint32_t)(rows[i] < count) << i;
  j->seen += (size_t)__builtin_popcount(mask);
  if (!j->allow) return mask;
  uint32_t allowed = 0;
  for (uint32_t left = mask; left; left &= left - 1) {
    const unsigned i = (unsigned)__builtin_ctz(left);
    allowed |= (uint32_t)is_allowed(j->allow, rows[i]) << i;
  }
  return allowed;
}

static void scan_block(code_scan *j, const unsigned char *block, float base) {
  const mgp_clusters *c = j->searcher->clusters;
  uint32_t rows[MGP_FAST_SCAN_ROWS], reached = 0;
  float estimates[MGP_FAST_SCAN_ROWS];
  mgp_cluster_block_rows(c, block, rows);
  const uint32_t allowed = rows_allowed(j, rows);
  if (!allowed) return;
  j->met += (size_t)__builtin_popcount(allowed);
  mgp_cluster_estimate(c, &j->searcher->query, block, base, estimates);
  const float floor = j->best.floor;
  for (size_t i = 0; i < MGP_FAST_SCAN_ROWS; i++) reached |= (uint32_t)(estimates[i] >= floor) << i;
  for (reached &= allowed; reached; reached &= reached - 1) {
    const unsigned i = (unsigned)__builtin_ctz(reached);
    j->best.items[j->best.count++] = (mgp_scored){.score = estimates[i], .id = j->tag | rows[i]};
    if (j->best.count == j->best.capacity) mgp_select_cut(&j->best);
  }
}

static void scan_list(code_scan *j, const mgp_scored *list) {
  const mgp_clusters *c = j->searcher->clusters;
  for (size_t b = c->first_block[list->id]; b < c->first_block[list->id + 1]; b++)
    scan_block(j, mgp_cluster_block(c, b), j->searcher->scores[list->id]);
}

/* Reading begins at once and goes on while others are looked at. */
static void advise(const void *from, size_t size) {
  static size_t page;
  if (!page) page = (size_t)sysconf(_SC_PAGESIZE);
  const uintptr_t start = (uintptr_t)from / page * page;
  madvise((void *)start, (uintptr_t)from + size - start, MADV_WILLNEED);
}

static bool is_large(const mgp_clusters *c) {
  return c->rows.count > ADVISE_BYTES / (c->rows.stride * sizeof(float));
}

static void want_lists(const mgp_clusters *c, const mgp_scored *lists, size_t count) {
  for (size_t i = 0; is_large(c) && i < count; i++) {
    const size_t first = c->first_block[lists[i].id], end = c->first_block[lists[i].id + 1];
    if (end > first) advise(mgp_cluster_block(c, first), (end - first) * c->shape.block_size);
  }
}

void mgp_cluster_want_rows(const mgp_clusters *c, const mgp_scored *items, size_t count) {
  for (size_t i = 0; is_large(c) && i < count; i++)
    advise(mgp_cluster_row(&c->rows, (uint32_t)items[i].id), c->rows.dim * sizeof(float));
}

magpie_status mgp_cluster_select_all(mgp_cluster_searcher *s, const float *query, size_t k,
                                     mgp_select *out, magpie_error *err) {
  MGP_FORWARD(make_room(s, k, 0, err));
  code_scan j = {.searcher = s};
  mgp_select_init(&j.best, s->storage, k);
  mgp_cluster_prepare(s->clusters, query, &s->query);
  const size_t lists = mgp_cluster_rank(s, query, s->clusters->shape.lists);
  for (size_t i = 0; i < lists; i++) {
    j.tag = s->lists[i].id << 32;
    scan_list(&j, &s->lists[i]);
  }
  mgp_select_cut(&j.best);
  *out = j.best;
  return MAGPIE_OK;
}

typedef struct search_plan {
  size_t k, shown;
  size_t probes, least; /* under a filter: at least so many lists */
  double margin;
  double enough; /* allowed rows, that make more lists needless */
  double share;  /* of the rows that are allowed */
  size_t allowed;
} search_plan;

/* ---- rows -------------------------------------------------------------------------------------
 */

float mgp_cluster_exact(const mgp_clusters *c, const float *query, size_t row) {
  const mgp_kernels *k = mgp_kernels_get();
  const float *at = mgp_cluster_row(&c->rows, row);
  return c->metric == MGP_GRAPH_DOT ? k->dot_f32(query, at, c->rows.dim)
                                    : -k->l2_squared_f32(query, at, c->rows.dim);
}

float mgp_cluster_reach(const mgp_clusters *c, const float *query, size_t nearest_list,
                        size_t row) {
  const mgp_kernels *k = mgp_kernels_get();
  const float *centre = c->centres + nearest_list * c->shape.stride;
  return sqrtf(fmaxf(k->l2_squared_f32(query, centre, c->shape.dim),
                     k->l2_squared_f32(query, mgp_cluster_row(&c->rows, row), c->shape.dim)));
}

static int compare_rows(const void *a, const void *b) {
  const mgp_scored *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

/* A row twice: only in bytes that no build wrote. */
static void rescore(const mgp_clusters *c, const float *query, mgp_scored *items, size_t count,
                    mgp_topk *top) {
  qsort(items, count, sizeof *items, compare_rows);
  mgp_cluster_want_rows(c, items, count);
  for (size_t i = 0; i < count; i++) {
    if (i + 1 < count) {
      const float *next = mgp_cluster_row(&c->rows, (size_t)items[i + 1].id);
      for (size_t j = 0; j < c->rows.dim && !is_large(c); j += 16) __builtin_prefetch(next + j);
    }
    if (i > 0 && items[i].id == items[i - 1].id) continue;
    mgp_topk_push(top, mgp_cluster_exact(c, query, (size_t)items[i].id), items[i].id);
  }
}

/* Moves the `count` best to the front. */
static void split(mgp_select *all, size_t count, mgp_scored *scratch) {
  mgp_topk first;
  mgp_topk_init(&first, scratch, count);
  for (size_t i = 0; i < all->count; i++)
    mgp_topk_push(&first, all->items[i].score, all->items[i].id);
  const mgp_scored worst = first.heap[0];
  size_t front = 0;
  for (size_t i = 0; i < all->count; i++) {
    if (mgp_scored_compare(&all->items[i], &worst) > 0) continue;
    const mgp_scored kept = all->items[front];
    all->items[front++] = all->items[i];
    all->items[i] = kept;
  }
}

/* The `shown`-th best; `scratch` has room for all. */
static mgp_scored last_shown(const mgp_topk *top, size_t shown, mgp_scored *scratch) {
  memcpy(scratch, top->heap, top->count * sizeof *scratch);
  qsort(scratch, top->count, sizeof *scratch, mgp_scored_compare);
  return scratch[(shown < top->count ? shown : top->count) - 1];
}

/* Returns how many rows were read. */
static size_t read_best(code_scan *j, const search_plan *p, const float *query, size_t nearest_list,
                        mgp_topk *top) {
  const mgp_clusters *c = j->searcher->clusters;
  mgp_select *best = &j->best;
  mgp_select_cut(best);
  const size_t first = first_for(top->k);
  if (best->count <= first) {
    rescore(c, query, best->items, best->count, top);
    return best->count;
  }
  split(best, first, j->searcher->first);
  rescore(c, query, best->items, first, top);
  if (top->count == 0) return first; /* damaged rows, whose scores are no numbers */
  const mgp_scored last = last_shown(top, p->shown, j->searcher->first);
  const float reach = mgp_cluster_reach(c, query, nearest_list, (size_t)last.id);
  const float least = last.score - (float)p->margin * reach;
  size_t count = first;
  for (size_t i = first; i < best->count; i++) {
    if (!(best->items[i].score >= least)) continue;
    const mgp_scored kept = best->items[count];
    best->items[count++] = best->items[i];
    best->items[i] = kept;
  }
  rescore(c, query, best->items + first, count - first, top);
  return count;
}

/* ---- how far ----------------------------------------------------------------------------------
 */

static size_t count_allowed(const mgp_clusters *c, const uint64_t *allow) {
  size_t allowed = 0;
  const size_t count = c->rows.count;
  for (size_t w = 0; w < count / 64; w++) allowed += (size_t)__builtin_popcountll(allow[w]);
  if (count % 64)
    allowed += (size_t)__builtin_popcountll(allow[count / 64] & ((UINT64_C(1) << count % 64) - 1));
  return allowed;
}

static search_plan make_plan(const mgp_clusters *c, const mgp_cluster_search_options *o) {
  double recall = o->recall > 0 ? o->recall : RECALL_USUAL;
  const size_t count = c->rows.count, lists = c->shape.lists;
  search_plan p = {.allowed = o->allow ? count_allowed(c, o->allow->words) : count};
  float margin = 0, unused = 0;
  p.k = o->k < p.allowed ? o->k : p.allowed;
  p.shown = o->shown > 0 && o->shown < p.k ? o->shown : p.k;
  p.share = (double)p.allowed / (double)count;
  recall += FILTER_CAUTION * fmin(1, 2 * (1 - p.share)) * (1 - recall);
  mgp_cluster_needs(c, recall, (double)p.shown, &p.least, &margin);
  p.probes = p.least;
  if (o->probes) p.probes = p.least = o->probes < lists ? o->probes : lists;
  else if (p.allowed < count && p.allowed > 0)
    mgp_cluster_needs(c, recall, (double)p.shown / p.share, &p.probes, &unused);
  p.margin = (double)(o->margin > 0 ? o->margin : margin);
  p.enough = (double)p.least * (double)count / (double)lists;
  return p;
}

/* Fewer rows of the nearest lists are allowed than elsewhere, by more than chance. */
static bool is_against(const code_scan *j, const search_plan *p) {
  const double expected = (double)j->seen * p->share;
  return (double)j->met < AGAINST * expected - DEVIATIONS * sqrt(expected);
}

/* The nearest lists. False: the filter is against the query, or fewer are met than wanted. */
static bool probe(code_scan *j, const search_plan *p, size_t ranked, size_t *probed) {
  const mgp_clusters *c = j->searcher->clusters;
  const mgp_scored *lists = j->searcher->lists;
  want_lists(c, lists, p->probes < ranked ? p->probes : ranked);
  for (size_t i = 0; i < ranked; i++) {
    if (i >= p->probes && j->met >= p->k) break; /* some lists hold a few rows only */
    if (j->allow && i >= p->least && (double)j->met >= p->enough) break;
    scan_list(j, &lists[i]);
    *probed = i + 1;
    if (j->allow && i < p->least && is_against(j, p)) return *probed == c->shape.lists;
  }
  return *probed == c->shape.lists || j->met >= p->k;
}

static void run_plan(code_scan *j, const search_plan *p, const float *query, size_t kept,
                     mgp_topk *top, mgp_cluster_stats *stats) {
  const mgp_clusters *c = j->searcher->clusters;
  const size_t lists = c->shape.lists;
  stats->path = p->probes > p->least ? MGP_CLUSTER_PATH_FILTERED : MGP_CLUSTER_PATH_PROBE;
  mgp_cluster_prepare(c, query, &j->searcher->query);
  size_t ranked = mgp_cluster_rank(j->searcher, query, p->probes + MORE_PROBES);
  const size_t nearest = (size_t)j->searcher->lists[0].id;
  if (!probe(j, p, ranked, &stats->probed)) {
    stats->scored = j->met;
    mgp_select_init(&j->best, j->searcher->storage, kept);
    j->met = 0;
    ranked = mgp_cluster_rank(j->searcher, query, lists);
    for (size_t i = 0; i < ranked; i++) scan_list(j, &j->searcher->lists[i]);
    stats->probed = lists;
  }
  if (stats->probed == lists) stats->path = MGP_CLUSTER_PATH_SCAN;
  stats->scored += j->met;
  stats->rescored = read_best(j, p, query, nearest, top);
}

magpie_status mgp_clusters_search(mgp_cluster_searcher *s, const float *query,
                                  const mgp_cluster_search_options *options, mgp_scored *out,
                                  size_t *count, mgp_cluster_stats *stats, magpie_error *err) {
  const mgp_clusters *c = s->clusters;
  mgp_cluster_stats unused;
  if (!stats) stats = &unused;
  *stats = (mgp_cluster_stats){.path = MGP_CLUSTER_PATH_NONE};
  *count = 0;
  MGP_RETURN_IF(options->allow && options->allow->count < c->rows.count, err, MAGPIE_INVALID,
                "clusters: a filter of %zu rows for %zu", options->allow->count, c->rows.count);
  if (c->rows.count == 0 || options->k == 0) return MAGPIE_OK;
  const search_plan p = make_plan(c, options);
  if (p.k == 0) return MAGPIE_OK;
  const size_t kept = mgp_cluster_kept(p.k);
  MGP_FORWARD(make_room(s, kept, first_for(p.k), err));
  code_scan j = {.searcher = s, .allow = options->allow ? options->allow->words : NULL};
  mgp_select_init(&j.best, s->storage, kept);
  mgp_topk top;
  mgp_topk_init(&top, out, p.k);
  run_plan(&j, &p, query, kept, &top, stats);
  mgp_topk_sort(&top);
  *count = top.count;
  return MAGPIE_OK;
}
