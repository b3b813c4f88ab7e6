/* SPDX-License-Identifier: Apache-2.0
 *
 * One search: walk the graph on codes with a pool of the nearest so far (one sorted array, as Glass
 * and SVS have it), then score the best of them on their rows. Nodes with a filter or with deleted
 * neighbours are found by graph_filter.c; many queries go to the threads of the pool one by one.
 */
#include <math.h>

#include "index/graph_private.h"
#include "kernels/kernels.h"

#define RERANK_EXTRA 16 /* candidates beyond k that are scored exactly, at least */
#define ROWS_AHEAD 4
#define CODES_AHEAD 4
#define MARGIN 3.0f /* standard errors */
#define RECALL_USUAL 0.95
#define ROWS_FEW 2000  /* allowed nodes: more rows out of order cost more than codes in order */
#define RANK_LEAST 10  /* the distance of a first hit alone says little */
#define POOL_MOST 2048 /* candidates of a walk that goes by distances */
/* A walk that has scored this part of all nodes costs as much as reading all codes in order, and
 * the query is one that no walk serves well. */
#define WALK_SHARE 0.4

/* ---- memory
 * --------------------------------------------------------------------------------------- */

bool mgp_graph_pool_reset(mgp_graph_pool *p, size_t capacity, mgp_alloc *a) {
  if (capacity > p->room) {
    uint64_t *keys = mgp_realloc(a, p->keys, (capacity + 1) * sizeof *keys);
    if (!keys) return false;
    p->keys = keys;
    p->room = capacity;
  }
  p->count = p->next = 0;
  p->capacity = capacity;
  return true;
}

magpie_status mgp_graph_searcher_create(const mgp_graph *g, mgp_alloc *a, mgp_graph_searcher **out,
                                        magpie_error *err) {
  mgp_graph_searcher *s = mgp_calloc(a, 1, sizeof *s);
  *out = NULL;
  MGP_RETURN_IF(!s, err, MAGPIE_LIMIT, "graph: no memory for a search");
  *s = (mgp_graph_searcher){.graph = g, .kernels = mgp_kernels_get(), .alloc = a};
  const size_t count = g->rows.count;
  s->seen.marks = mgp_calloc(a, count + 1, sizeof *s->seen.marks);
  s->seen.count = count;
  s->query.bytes = mgp_malloc(a, g->space.code_dim);
  s->projected = mgp_calloc(a, g->space.code_dim, sizeof *s->projected);
  s->ids = mgp_calloc(a, MGP_GRAPH_GATHER, sizeof *s->ids);
  s->dots = mgp_calloc(a, MGP_GRAPH_GATHER, sizeof *s->dots);
  s->scores = mgp_calloc(a, MGP_GRAPH_GATHER, sizeof *s->scores);
  s->allowed = mgp_calloc(a, count / 64 + 1, sizeof *s->allowed);
  if (!s->seen.marks || !s->query.bytes || !s->projected || !s->ids || !s->dots || !s->scores ||
      !s->allowed) {
    mgp_graph_searcher_destroy(s);
    return mgp_fail(err, MAGPIE_LIMIT, "graph: no memory to search %zu nodes", count);
  }
  *out = s;
  return MAGPIE_OK;
}

void mgp_graph_searcher_destroy(mgp_graph_searcher *s) {
  if (!s) return;
  mgp_alloc *a = s->alloc;
  mgp_free(a, s->seen.marks);
  mgp_free(a, s->query.bytes);
  mgp_free(a, s->projected);
  mgp_free(a, s->ids);
  mgp_free(a, s->dots);
  mgp_free(a, s->scores);
  mgp_free(a, s->allowed);
  mgp_free(a, s->found.keys);
  mgp_free(a, s->near.keys);
  mgp_free(a, s);
}

/* ---- the walk
 * -------------------------------------------------------------------------------------- */

void mgp_graph_score(mgp_graph_searcher *s, size_t count) {
  const mgp_graph *g = s->graph;
  const size_t dim = g->space.code_dim;
  for (size_t i = 0; i < count && i < CODES_AHEAD; i++)
    for (size_t at = 0; at < g->stride; at += 64)
      __builtin_prefetch(g->codes + s->ids[i] * g->stride + at);
  s->kernels->u4s8_dot.gather(s->query.bytes, g->codes, dim, g->stride, s->ids, count, s->dots);
  for (size_t i = 0; i < count; i++) {
    float factors[2];
    memcpy(factors, g->codes + s->ids[i] * g->stride + dim / 2, sizeof factors);
    const float dot = s->query.scale * ((float)s->dots[i] + s->query.offset);
    s->scores[i] = mgp_graph_order(factors[0] - factors[1] * dot);
  }
  s->stats.scored += count;
}

void mgp_graph_push(mgp_graph_searcher *s, mgp_graph_pool *p, size_t count) {
  uint64_t worst = p->count == p->capacity ? p->keys[p->count - 1] : UINT64_MAX;
  if (s->bound < worst) worst = s->bound;
  for (size_t i = 0; i < count; i++) {
    const uint64_t key = mgp_graph_key(s->scores[i], s->ids[i]);
    if (key >= worst) continue;
    mgp_graph_pool_push(p, key);
    if (p->count == p->capacity && p->keys[p->count - 1] < worst) worst = p->keys[p->count - 1];
  }
}

static void drop_beyond(mgp_graph_pool *p, uint64_t bound) {
  while (p->count > 0 && p->keys[p->count - 1] > bound) p->count--;
  if (p->next > p->count) p->next = p->count;
}

void mgp_graph_tighten(mgp_graph_searcher *s, const mgp_graph_limit *l) {
  const mgp_graph_pool *p = &s->found;
  if (p->count < l->least) return;
  uint64_t bound = p->keys[l->least - 1] | 1;
  if (l->reach > 0 && p->count > l->rank) {
    const float hit = mgp_graph_unorder(mgp_graph_key_distance(p->keys[l->rank]));
    const float squared = hit + s->query_norm > 0 ? hit + s->query_norm : 0;
    const uint32_t end = mgp_graph_order(hit + (l->reach - 1) * squared);
    if (mgp_graph_key(end, MGP_GRAPH_COUNT_MAX) > bound)
      bound = mgp_graph_key(end, MGP_GRAPH_COUNT_MAX);
  } else if (l->reach > 0) {
    return;
  }
  if (bound >= s->bound) return;
  s->bound = bound;
  drop_beyond(&s->found, bound);
  drop_beyond(&s->near, bound);
}

/* No branch on what is seen: it cannot be foreseen. */
size_t mgp_graph_gather_unseen(mgp_graph_searcher *s, const uint32_t *list, size_t size) {
  uint16_t *marks = s->seen.marks;
  const uint16_t epoch = s->seen.epoch;
  size_t count = 0;
  for (size_t i = 0; i < size && list[i] != MGP_GRAPH_NONE; i++) {
    s->ids[count] = list[i];
    count += marks[list[i]] != epoch;
    marks[list[i]] = epoch;
  }
  return count;
}

static void walk(mgp_graph_searcher *s, const mgp_graph_limit *l) {
  const mgp_graph *g = s->graph;
  mgp_graph_seen_begin(&s->seen);
  size_t count = mgp_graph_gather_unseen(s, g->entries, g->entry_count);
  mgp_graph_score(s, count);
  mgp_graph_push(s, &s->found, count);
  uint64_t key;
  while (mgp_graph_pool_pop(&s->found, &key)) {
    count = mgp_graph_gather_unseen(s, g->edges + mgp_graph_key_node(key) * g->degree, g->degree);
    mgp_graph_score(s, count);
    mgp_graph_push(s, &s->found, count);
    mgp_graph_tighten(s, l);
    s->stats.expanded++;
    if (l->budget && s->stats.scored > l->budget) return;
    if (s->found.next < s->found.count) {
      const uint32_t next = mgp_graph_key_node(s->found.keys[s->found.next]);
      const uint32_t *list = g->edges + next * g->degree;
      for (size_t i = 0; i < g->degree; i += 16) __builtin_prefetch(list + i);
    }
  }
}

/* ---- the answer
 * -------------------------------------------------------------------------------------- */

static void fetch_row(const float *row, size_t dim) {
  for (size_t i = 0; i < dim; i += 16) __builtin_prefetch(row + i);
}

/* The score of a node on its row, and the squared distance in the space of codes that it stands
 * for. */
static float score_exactly(const mgp_graph_searcher *s, const float *query, uint32_t node,
                           float *distance) {
  const mgp_graph *g = s->graph;
  const mgp_kernels *kernels = mgp_kernels_get();
  const float *row = g->rows.rows + node * g->rows.stride;
  if (g->space.metric == MGP_GRAPH_L2) {
    *distance = kernels->l2_squared_f32(query, row, g->rows.dim);
    return -*distance;
  }
  const float dot = kernels->dot_f32(query, row, g->rows.dim);
  *distance = s->query_space + g->space.longest - 2 * s->query_scale * dot;
  return dot;
}

/* All that is allowed, on the rows: exact. */
static size_t score_rows(mgp_graph_searcher *s, const float *query, size_t k, mgp_scored *out) {
  const size_t count = s->graph->rows.count;
  mgp_topk top;
  mgp_topk_init(&top, out, k);
  s->stats.path = MGP_GRAPH_PATH_ROWS;
  s->stats.rescored = s->stats.allowed;
  for (size_t w = 0; w < (count + 63) / 64; w++)
    for (uint64_t bits = s->allowed[w]; bits; bits &= bits - 1) {
      const uint32_t node = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
      float distance;
      mgp_topk_push(&top, score_exactly(s, query, node, &distance), node);
    }
  mgp_topk_sort(&top);
  return top.count;
}

/* Scores the nearest candidates on their rows; k of them into `out`, best first. How far estimates
 * lie from the truth is seen on the first ones: more follow while an estimate might be that wrong.
 */
static size_t rerank(mgp_graph_searcher *s, const float *query, size_t k, mgp_scored *out) {
  const mgp_graph *g = s->graph;
  const uint64_t *keys = s->found.keys;
  const size_t least = 2 * k > k + RERANK_EXTRA ? 2 * k : k + RERANK_EXTRA;
  const size_t count = s->found.count;
  mgp_topk top;
  mgp_topk_init(&top, out, k);
  double errors = 0;
  float margin = 0, worst = INFINITY;
  for (size_t i = 0; i < count && i < ROWS_AHEAD; i++)
    fetch_row(g->rows.rows + mgp_graph_key_node(keys[i]) * g->rows.stride, g->rows.dim);
  for (size_t i = 0; i < count; i++) {
    const uint32_t node = mgp_graph_key_node(keys[i]);
    const float estimate = mgp_graph_unorder(mgp_graph_key_distance(keys[i])) + s->query_norm;
    if (i >= least && estimate - margin > worst) break;
    if (i + ROWS_AHEAD < count)
      fetch_row(g->rows.rows + mgp_graph_key_node(keys[i + ROWS_AHEAD]) * g->rows.stride,
                g->rows.dim);
    float distance;
    const float score = score_exactly(s, query, node, &distance);
    s->stats.rescored++;
    mgp_topk_push(&top, score, node);
    errors += ((double)estimate - distance) * ((double)estimate - distance);
    margin = MARGIN * (float)sqrt(errors / (double)(i + 1));
    worst = s->query_space + g->space.longest - 2 * s->query_scale * mgp_topk_floor(&top);
    if (g->space.metric == MGP_GRAPH_L2) worst = -mgp_topk_floor(&top);
  }
  mgp_topk_sort(&top);
  return top.count;
}

/* What the walk and the scoring of rows need to know of a query. */
static void take_query(mgp_graph_searcher *s, const float *query) {
  const mgp_graph *g = s->graph;
  mgp_graph_project_query(&g->space, query, s->projected);
  mgp_graph_quantise_query(s->projected, g->space.code_dim, &s->query);
  const mgp_kernels *kernels = mgp_kernels_get();
  const float length = sqrtf(kernels->dot_f32(query, query, g->rows.dim));
  s->query_norm = kernels->dot_f32(s->projected, s->projected, g->space.code_dim);
  s->query_space = length > 0 ? g->space.query_length * g->space.query_length : 0;
  s->query_scale = length > 0 ? g->space.query_length / length : 0;
}

/* The filter without the dead into s->allowed; how many are left. */
static size_t allow_living(mgp_graph_searcher *s, const mgp_graph_search_options *o) {
  const size_t count = s->graph->rows.count;
  size_t allowed = 0;
  for (size_t w = 0; w < (count + 63) / 64; w++) {
    uint64_t bits = o->allow ? o->allow->words[w] : UINT64_MAX;
    if (o->dead) bits &= ~o->dead->words[w];
    if (w == count / 64) bits &= (UINT64_C(1) << count % 64) - 1;
    s->allowed[w] = bits;
    allowed += (size_t)__builtin_popcountll(bits);
  }
  return allowed;
}

static magpie_status check_query(const mgp_graph *g, const float *query,
                                 const mgp_graph_search_options *o, magpie_error *err) {
  for (size_t i = 0; i < g->rows.dim; i++)
    MGP_RETURN_IF(!isfinite(query[i]), err, MAGPIE_INVALID,
                  "graph: number %zu of the query is NaN or Inf", i);
  const mgp_graph_bits *sets[2] = {o->allow, o->dead};
  for (size_t i = 0; i < 2; i++)
    MGP_RETURN_IF(sets[i] && sets[i]->count != g->rows.count, err, MAGPIE_INVALID,
                  "graph: a set over %zu nodes for a graph of %zu", sets[i]->count, g->rows.count);
  MGP_RETURN_IF(o->width > MGP_GRAPH_WIDTH_MAX, err, MAGPIE_INVALID,
                "graph: width %zu, the most is %d", o->width, MGP_GRAPH_WIDTH_MAX);
  return MAGPIE_OK;
}

static mgp_graph_limit choose_limit(const mgp_graph *g, const mgp_graph_search_options *o,
                                    size_t k) {
  const double recall = o->recall > 0 ? o->recall : RECALL_USUAL;
  const size_t count = g->rows.count, shown = o->shown && o->shown < k ? o->shown : k;
  const double reach = o->reach > 0 ? o->reach : mgp_graph_reach_for(g, recall, shown);
  mgp_graph_limit l = {.least = k + (k / 2 > RERANK_EXTRA ? k / 2 : RERANK_EXTRA), .path = o->path};
  if (o->width || reach <= 0) {
    l.least = o->width ? o->width : mgp_graph_width_for(g, recall, shown);
    if (l.least < k + k / 2) l.least = k + k / 2;
    if (l.least > count) l.least = count;
    l.most = l.least;
    return l;
  }
  l.rank = shown > RANK_LEAST ? shown - 1 : RANK_LEAST - 1;
  l.reach = (float)reach;
  l.most = 2 * l.least > POOL_MOST ? 2 * l.least : POOL_MOST;
  if (l.most > count) l.most = count;
  if (l.least > count) l.least = count;
  l.budget = (size_t)(WALK_SHARE * (double)count) + 2 * l.least * g->degree;
  return l;
}

magpie_status mgp_graph_begin(mgp_graph_searcher *s, const mgp_graph_limit *l, magpie_error *err) {
  MGP_RETURN_IF(!mgp_graph_pool_reset(&s->found, l->most, s->alloc), err, MAGPIE_LIMIT,
                "graph: no memory for %zu candidates", l->most);
  s->near.count = s->near.next = 0;
  s->bound = UINT64_MAX;
  return MAGPIE_OK;
}

magpie_status mgp_graph_find_walk(mgp_graph_searcher *s, const mgp_graph_limit *l,
                                  magpie_error *err) {
  MGP_FORWARD(mgp_graph_begin(s, l, err));
  s->stats.path = MGP_GRAPH_PATH_WALK;
  walk(s, l);
  return MAGPIE_OK;
}

static magpie_status find(mgp_graph_searcher *s, size_t k, const mgp_graph_limit *l, size_t allowed,
                          bool is_filtered, magpie_error *err) {
  if (is_filtered) return mgp_graph_find_allowed(s, l, k, s->allowed, allowed, err);
  MGP_FORWARD(mgp_graph_find_walk(s, l, err));
  /* A graph that a build made leads everywhere; one from damaged bytes may not. */
  const bool is_spent = l->budget && s->stats.scored > l->budget;
  return is_spent || s->found.count < k ? mgp_graph_find_scan(s, k, NULL, err) : MAGPIE_OK;
}

magpie_status mgp_graph_search(mgp_graph_searcher *s, const float *query,
                               const mgp_graph_search_options *options, mgp_scored *out,
                               size_t *count, mgp_graph_stats *stats, magpie_error *err) {
  const mgp_graph *g = s->graph;
  *count = 0;
  s->stats = (mgp_graph_stats){.path = MGP_GRAPH_PATH_NONE};
  MGP_FORWARD(check_query(g, query, options, err));
  const bool is_filtered = options->allow || options->dead;
  s->stats.allowed = is_filtered ? allow_living(s, options) : g->rows.count;
  const size_t k = options->k < s->stats.allowed ? options->k : s->stats.allowed;
  const bool is_cut = is_filtered && s->stats.allowed < g->rows.count;
  if (k > 0 && is_cut && s->stats.allowed <= ROWS_FEW && options->path == MGP_GRAPH_PATH_NONE) {
    *count = score_rows(s, query, k, out);
  } else if (k > 0) {
    take_query(s, query);
    const mgp_graph_limit limit = choose_limit(g, options, k);
    MGP_FORWARD(find(s, k, &limit, s->stats.allowed, is_cut, err));
    *count = rerank(s, query, k, out);
  }
  if (stats) *stats = s->stats;
  return MAGPIE_OK;
}

size_t mgp_graph_scan(mgp_graph_searcher *s, const float *query, size_t k, mgp_scored *out) {
  s->stats = (mgp_graph_stats){.path = MGP_GRAPH_PATH_SCAN};
  take_query(s, query);
  if (mgp_graph_find_scan(s, k, NULL, NULL) != MAGPIE_OK) return 0;
  return rerank(s, query, k, out);
}

/* ---- many queries
 * ------------------------------------------------------------------------------------ */

typedef struct batch {
  const float *queries;
  size_t query_count, stride;
  const mgp_graph_search_options *options;
  mgp_graph_searcher **searchers;
  mgp_scored *out;
  size_t *counts;
  _Atomic size_t next;
  _Atomic int status;
} batch;

static void search_some(void *context, size_t index) {
  batch *b = context;
  for (size_t i; (i = atomic_fetch_add(&b->next, 1)) < b->query_count;) {
    const magpie_status status =
        mgp_graph_search(b->searchers[index], b->queries + i * b->stride, b->options,
                         b->out + i * b->options->k, &b->counts[i], NULL, NULL);
    if (status != MAGPIE_OK) atomic_store(&b->status, (int)status);
  }
}

magpie_status mgp_graph_search_batch(const mgp_graph *g, const float *queries, size_t query_count,
                                     size_t stride, const mgp_graph_search_options *options,
                                     mgp_pool *pool, mgp_alloc *a, mgp_scored *out, size_t *counts,
                                     magpie_error *err) {
  const size_t threads = pool ? (size_t)mgp_pool_threads(pool) : 1;
  batch b = {.queries = queries,
             .query_count = query_count,
             .stride = stride,
             .options = options,
             .searchers = mgp_calloc(a, threads, sizeof *b.searchers),
             .out = out,
             .counts = counts};
  MGP_RETURN_IF(!b.searchers, err, MAGPIE_LIMIT, "graph: no memory for %zu searches", threads);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < threads; i++)
    MGP_TRY(mgp_graph_searcher_create(g, a, &b.searchers[i], err));
  for (size_t i = 0; i < query_count; i++) {
    counts[i] = 0;
    MGP_TRY(check_query(g, queries + i * stride, options, err));
  }
  if (pool) mgp_pool_run(pool, threads, search_some, &b);
  else search_some(&b, 0);
  status = (magpie_status)atomic_load(&b.status);
  if (status != MAGPIE_OK)
    status = mgp_fail(err, status, "graph: a search among %zu ran out of memory", query_count);
done:
  for (size_t i = 0; i < threads; i++) mgp_graph_searcher_destroy(b.searchers[i]);
  mgp_free(a, b.searchers);
  return status;
}

void mgp_graph_bits_fill(uint64_t *words, size_t count,
                         bool (*allow)(const void *context, uint64_t node), const void *context) {
  memset(words, 0, (count + 63) / 64 * sizeof *words);
  for (size_t i = 0; i < count; i++)
    if (allow(context, i)) words[i / 64] |= UINT64_C(1) << i % 64;
}
