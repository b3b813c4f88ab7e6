/* SPDX-License-Identifier: Apache-2.0
 *
 * Search under a filter. The number of allowed nodes is known: when they are few, their codes are
 * scanned. Otherwise the graph is walked as if there were no filter, and what is allowed among the
 * nearest decides: enough, and the search is done; a good part, and a wider walk will do; far less
 * than elsewhere, and the filter is against the query: no walk is safe there, so all allowed codes
 * are scanned. What is left, few allowed nodes that lie everywhere, is walked over allowed nodes
 * alone, with a second step through the others (ACORN-1, arXiv 2403.04871), from allowed nodes
 * spread over the graph. A walk that has scored what the scan would cost gives way to it, so the
 * worst case is about twice the scan; and so does one that finds too few.
 */
#include "index/graph_private.h"

#define SEEDS 128
#define SCAN_KEEPS 8     /* candidates for a hit */
#define SCAN_FEWEST 1024 /* always scanned */
#define OPEN_LIST 10     /* a list with 1 / 10 or less not allowed takes no second step */
#define OPEN_SHARE 0.3   /* where that much is allowed, a wider walk over all is the best way */
#define AGAINST 0.5      /* that much less around the query than anywhere: filter against it */
#define WIDER 1.15       /* for chance */
#define BRIDGE_COST 2.0  /* of a bridged walk, in plain ones */
#define SCAN_COST 0.5    /* of a scanned node, in nodes that are walked to */

static bool is_allowed(const uint64_t *allowed, uint32_t node) {
  return allowed[node / 64] >> node % 64 & 1;
}

static void push_all(mgp_graph_searcher *s, size_t count) {
  mgp_graph_pool *p = &s->found;
  for (size_t i = 0; i < count; i++) {
    const uint64_t key = mgp_graph_key(s->scores[i], s->ids[i]);
    if (p->count < p->capacity || key < p->keys[p->count - 1]) mgp_graph_pool_push(p, key);
  }
}

static void take(mgp_graph_searcher *s, size_t count) {
  mgp_graph_score(s, count);
  push_all(s, count);
}

/* ---- the scan
 * -------------------------------------------------------------------------------------- */

magpie_status mgp_graph_find_scan(mgp_graph_searcher *s, size_t k, const uint64_t *allowed,
                                  magpie_error *err) {
  const size_t count = s->graph->rows.count, width = SCAN_KEEPS * k + 512;
  MGP_RETURN_IF(!mgp_graph_pool_reset(&s->found, width < count ? width : count, s->alloc), err,
                MAGPIE_LIMIT, "graph: no memory for %zu candidates", width);
  s->stats.path = s->stats.scored ? MGP_GRAPH_PATH_RESCAN : MGP_GRAPH_PATH_SCAN;
  size_t waiting = 0;
  for (size_t w = 0; w < (count + 63) / 64; w++) {
    uint64_t bits = allowed ? allowed[w] : UINT64_MAX;
    if (!allowed && w == count / 64) bits = (UINT64_C(1) << count % 64) - 1;
    for (; bits; bits &= bits - 1)
      s->ids[waiting++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
    if (waiting + 64 <= MGP_GRAPH_GATHER) continue;
    take(s, waiting);
    waiting = 0;
  }
  take(s, waiting);
  return MAGPIE_OK;
}

/* ---- the walk
 * -------------------------------------------------------------------------------------- */

/* Allowed nodes at even steps, and the entries that are allowed. */
static void seed(mgp_graph_searcher *s, const uint64_t *allowed, size_t allowed_count) {
  const mgp_graph *g = s->graph;
  size_t count = 0;
  for (size_t i = 0; i < g->entry_count; i++)
    if (is_allowed(allowed, g->entries[i]) && mgp_graph_seen_add(&s->seen, g->entries[i]))
      s->ids[count++] = g->entries[i];
  const size_t step = allowed_count / SEEDS + 1;
  size_t skip = step / 2;
  for (size_t w = 0; w < (g->rows.count + 63) / 64; w++) {
    uint64_t bits = allowed[w];
    const size_t here = (size_t)__builtin_popcountll(bits);
    if (here <= skip) {
      skip -= here;
      continue;
    }
    for (; bits; bits &= bits - 1) {
      if (skip-- > 0) continue;
      skip = step - 1;
      const uint32_t node = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
      if (count < MGP_GRAPH_GATHER && mgp_graph_seen_add(&s->seen, node)) s->ids[count++] = node;
    }
  }
  take(s, count);
}

/* The allowed unseen neighbours of a node, and those of its neighbours that are not allowed. */
static size_t gather_bridged(mgp_graph_searcher *s, uint32_t node, const uint64_t *allowed) {
  const mgp_graph *g = s->graph;
  const uint32_t *list = g->edges + node * g->degree;
  uint32_t blocked[MGP_GRAPH_DEGREE_MAX];
  size_t count = 0, blocked_count = 0, size = 0;
  for (; size < g->degree && list[size] != MGP_GRAPH_NONE; size++) {
    if (!mgp_graph_seen_add(&s->seen, list[size])) continue;
    if (is_allowed(allowed, list[size])) s->ids[count++] = list[size];
    else blocked[blocked_count++] = list[size];
  }
  if (blocked_count * OPEN_LIST <= size) return count;
  for (size_t b = 0; b < blocked_count; b++)
    for (size_t i = 0; i < g->degree; i += 16)
      __builtin_prefetch(g->edges + blocked[b] * g->degree + i);
  const size_t room = 2 * g->degree;
  for (size_t b = 0; b < blocked_count; b++) {
    const uint32_t *next = g->edges + blocked[b] * g->degree;
    for (size_t i = 0; i < g->degree && next[i] != MGP_GRAPH_NONE; i++) {
      if (!is_allowed(allowed, next[i]) || !mgp_graph_seen_add(&s->seen, next[i])) continue;
      s->ids[count++] = next[i];
      if (count >= room) return count;
    }
  }
  return count;
}

/* False when the budget is spent before the walk is over. */
static bool walk_bridged(mgp_graph_searcher *s, const uint64_t *allowed, size_t allowed_count,
                         size_t budget) {
  mgp_graph_seen_begin(&s->seen);
  seed(s, allowed, allowed_count);
  uint64_t key;
  while (mgp_graph_pool_pop(&s->found, &key)) {
    take(s, gather_bridged(s, mgp_graph_key_node(key), allowed));
    s->stats.expanded++;
    if (s->stats.scored > budget) return false;
  }
  return true;
}

/* ---- the choice
 * ------------------------------------------------------------------------------------- */

/* Nodes that a search of this width scores, as calibration saw it. */
static double walk_cost(const mgp_graph *g, size_t width) {
  for (size_t i = 0; i < g->ladder_count; i++)
    if (g->ladder[i].width >= width) return g->ladder[i].scored;
  return (double)width * (double)g->degree;
}

/* Drops the candidates that are not allowed; how many are left. */
static size_t keep_allowed(mgp_graph_searcher *s, const uint64_t *allowed) {
  mgp_graph_pool *p = &s->found;
  size_t count = 0;
  for (size_t i = 0; i < p->count; i++)
    if (is_allowed(allowed, mgp_graph_key_node(p->keys[i]))) p->keys[count++] = p->keys[i];
  return p->count = count;
}

static size_t widen(const mgp_graph *g, size_t width, double share) {
  const double wide = (double)width / share * WIDER;
  return wide < (double)g->rows.count ? (size_t)wide : g->rows.count;
}

/* Walks all nodes and looks at what is allowed among the nearest: enough of them, and the search is
 * done. Otherwise says by `share` what part that is. */
static magpie_status walk_all(mgp_graph_searcher *s, size_t width, double *share, size_t wanted,
                              const uint64_t *allowed, bool *is_done, magpie_error *err) {
  MGP_FORWARD(mgp_graph_find_walk(s, width, err));
  const size_t found = s->found.count;
  const size_t kept = keep_allowed(s, allowed);
  *share = found ? (double)kept / (double)found : 0;
  *is_done = kept >= wanted;
  return MAGPIE_OK;
}

static magpie_status bridge(mgp_graph_searcher *s, size_t width, size_t k, const uint64_t *allowed,
                            size_t allowed_count, size_t budget, magpie_error *err) {
  MGP_RETURN_IF(!mgp_graph_pool_reset(&s->found, width, s->alloc), err, MAGPIE_LIMIT,
                "graph: no memory for %zu candidates", width);
  s->stats.path = MGP_GRAPH_PATH_BRIDGE;
  if (walk_bridged(s, allowed, allowed_count, budget) && s->found.count >= k) return MAGPIE_OK;
  return mgp_graph_find_scan(s, k, allowed, err);
}

magpie_status mgp_graph_find_allowed(mgp_graph_searcher *s, size_t width, size_t k,
                                     const uint64_t *allowed, size_t allowed_count,
                                     magpie_error *err) {
  const mgp_graph *g = s->graph;
  const double share = (double)allowed_count / (double)g->rows.count;
  const double scan = SCAN_COST * (double)allowed_count, walk = walk_cost(g, width);
  if (allowed_count <= SCAN_FEWEST || scan <= BRIDGE_COST * walk)
    return mgp_graph_find_scan(s, k, allowed, err);
  const size_t wanted = width - width / 8 > k ? width - width / 8 : k;
  double local = 0;
  bool is_done = false;
  MGP_FORWARD(walk_all(s, share >= OPEN_SHARE ? widen(g, width, share) : width, &local, wanted,
                       allowed, &is_done, err));
  if (is_done) return MAGPIE_OK;
  if (local < share * AGAINST) return mgp_graph_find_scan(s, k, allowed, err);
  if (local < OPEN_SHARE)
    return bridge(s, width, k, allowed, allowed_count, s->stats.scored + (size_t)scan, err);
  if (walk / local < scan) {
    MGP_FORWARD(walk_all(s, widen(g, width, local), &local, k, allowed, &is_done, err));
    if (is_done) return MAGPIE_OK;
  }
  return mgp_graph_find_scan(s, k, allowed, err);
}
