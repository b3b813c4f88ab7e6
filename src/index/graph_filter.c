/* SPDX-License-Identifier: Apache-2.0
 *
 * Search under a filter. The number of allowed nodes is known: when they are very few, their rows
 * are compared (graph_search.c), when they are few, their codes. Otherwise all nodes are walked,
 * those that are allowed are kept, and how far the walk goes is told by these alone: near the query
 * that is a plain walk, elsewhere a longer one. After some steps the nearest nodes tell what the
 * filter is like here. Far less of them allowed than elsewhere: the filter is against the query, a
 * walk will be long, and all allowed codes are scanned unless they are many. Few, as elsewhere: the
 * walk goes on over allowed nodes alone, with a second step through the others (ACORN-1, arXiv
 * 2403.04871), from those it has met. A walk that has scored what the scan would cost gives way to
 * it, so the worst case is about twice the scan; and so does one that finds too few.
 */
#include "index/graph_private.h"

#define SEEDS 128
#define SEEDED 16        /* allowed nodes met that make other seeds needless */
#define SCAN_KEEPS 8     /* candidates for a hit */
#define OPEN_LIST 10     /* a list with 1 / 10 or less not allowed takes no second step */
#define OPEN_SHARE 0.3   /* where that much is allowed, a walk over all is the best way */
#define PROBE_STEPS 32   /* steps after which the surroundings are looked at */
#define PROBE_NODES 64   /* the nearest so many */
#define FRONTIER 4096    /* nodes kept by a walk over all */
#define AGAINST 0.5      /* that much less around the query than anywhere: filter against it */
#define BRIDGE_COST 2.0  /* of a bridged walk, in plain ones */
#define AGAINST_COST 4.0 /* of one whose filter is against the query */
#define SCAN_COST 0.5    /* of a scanned node, in nodes that are walked to */

static bool is_allowed(const uint64_t *allowed, uint32_t node) {
  return allowed[node / 64] >> node % 64 & 1;
}

static void take(mgp_graph_searcher *s, size_t count) {
  mgp_graph_score(s, count);
  mgp_graph_push(s, &s->found, count);
}

/* ---- the scan
 * -------------------------------------------------------------------------------------- */

magpie_status mgp_graph_find_scan(mgp_graph_searcher *s, size_t k, const uint64_t *allowed,
                                  magpie_error *err) {
  const size_t count = s->graph->rows.count, width = SCAN_KEEPS * k + 512;
  MGP_RETURN_IF(!mgp_graph_pool_reset(&s->found, width < count ? width : count, s->alloc), err,
                MAGPIE_LIMIT, "graph: no memory for %zu candidates", width);
  s->bound = UINT64_MAX;
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

/* ---- the walk over allowed nodes
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

/* Begins at the allowed nodes that a walk before has met, in s->found. False when the budget is
 * spent before the walk is over. */
static bool walk_bridged(mgp_graph_searcher *s, const mgp_graph_limit *l, const uint64_t *allowed,
                         size_t allowed_count, size_t budget) {
  mgp_graph_pool *p = &s->found;
  mgp_graph_seen_begin(&s->seen);
  for (size_t i = 0; i < p->count; i++)
    (void)mgp_graph_seen_add(&s->seen, mgp_graph_key_node(p->keys[i]));
  p->next = 0;
  if (p->count < SEEDED) seed(s, allowed, allowed_count);
  uint64_t key;
  while (mgp_graph_pool_pop(p, &key)) {
    take(s, gather_bridged(s, mgp_graph_key_node(key), allowed));
    mgp_graph_tighten(s, l);
    s->stats.expanded++;
    if (s->stats.scored > budget) return false;
  }
  return true;
}

/* ---- the walk over all nodes
 * -------------------------------------------------------------------------------------- */

typedef enum outcome { DONE, SPENT, SPARSE, AGAINST_IT } outcome;

/* Of s->ids and their scores those that are allowed, to the front. */
static size_t keep_allowed(mgp_graph_searcher *s, size_t count, const uint64_t *allowed) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    s->ids[kept] = s->ids[i];
    s->scores[kept] = s->scores[i];
    kept += is_allowed(allowed, s->ids[i]);
  }
  return kept;
}

static void meet(mgp_graph_searcher *s, const mgp_graph_limit *l, size_t count,
                 const uint64_t *allowed) {
  mgp_graph_score(s, count);
  mgp_graph_push(s, &s->near, count);
  mgp_graph_push(s, &s->found, keep_allowed(s, count, allowed));
  mgp_graph_tighten(s, l);
}

/* What the nearest nodes so far say of the filter: fewer of them allowed than `least`? */
static outcome probe(const mgp_graph_searcher *s, const uint64_t *allowed, double least) {
  const mgp_graph_pool *p = &s->near;
  const size_t nearest = p->count < PROBE_NODES ? p->count : PROBE_NODES;
  size_t kept = 0;
  for (size_t i = 0; i < nearest; i++) kept += is_allowed(allowed, mgp_graph_key_node(p->keys[i]));
  const double local = nearest ? (double)kept / (double)nearest : 0;
  if (local < least) return AGAINST_IT;
  return local < OPEN_SHARE ? SPARSE : DONE;
}

/* `least` below 0: no probe. */
static outcome walk_open(mgp_graph_searcher *s, const mgp_graph_limit *l, const uint64_t *allowed,
                         double least, size_t budget) {
  const mgp_graph *g = s->graph;
  mgp_graph_seen_begin(&s->seen);
  meet(s, l, mgp_graph_gather_unseen(s, g->entries, g->entry_count), allowed);
  uint64_t key;
  while (mgp_graph_pool_pop(&s->near, &key)) {
    const uint32_t *list = g->edges + mgp_graph_key_node(key) * g->degree;
    meet(s, l, mgp_graph_gather_unseen(s, list, g->degree), allowed);
    if (s->stats.scored > budget) return SPENT;
    if (++s->stats.expanded != PROBE_STEPS || least < 0) continue;
    const outcome seen = probe(s, allowed, least);
    if (seen != DONE) return seen;
  }
  return DONE;
}

/* ---- the choice
 * ------------------------------------------------------------------------------------- */

static magpie_status begin_open(mgp_graph_searcher *s, const mgp_graph_limit *l,
                                magpie_error *err) {
  const size_t count = s->graph->rows.count, room = count < FRONTIER ? count : FRONTIER;
  MGP_FORWARD(mgp_graph_begin(s, l, err));
  MGP_RETURN_IF(!mgp_graph_pool_reset(&s->near, room, s->alloc), err, MAGPIE_LIMIT,
                "graph: no memory for %zu candidates", room);
  s->stats.path = MGP_GRAPH_PATH_WALK;
  return MAGPIE_OK;
}

/* A way that was asked for, whatever it costs. */
static magpie_status find_by(mgp_graph_searcher *s, const mgp_graph_limit *l, size_t k,
                             const uint64_t *allowed, size_t allowed_count, magpie_error *err) {
  bool is_done = false;
  if (l->path == MGP_GRAPH_PATH_WALK) {
    MGP_FORWARD(begin_open(s, l, err));
    is_done = walk_open(s, l, allowed, -1, SIZE_MAX) == DONE;
  } else if (l->path == MGP_GRAPH_PATH_BRIDGE) {
    MGP_FORWARD(mgp_graph_begin(s, l, err));
    s->stats.path = MGP_GRAPH_PATH_BRIDGE;
    is_done = walk_bridged(s, l, allowed, allowed_count, SIZE_MAX);
  }
  return is_done && s->found.count >= k ? MAGPIE_OK : mgp_graph_find_scan(s, k, allowed, err);
}

magpie_status mgp_graph_find_allowed(mgp_graph_searcher *s, const mgp_graph_limit *l, size_t k,
                                     const uint64_t *allowed, size_t allowed_count,
                                     magpie_error *err) {
  const mgp_graph *g = s->graph;
  const double share = (double)allowed_count / (double)g->rows.count;
  const double scan = SCAN_COST * (double)allowed_count, walk = mgp_graph_scored_for(g, l);
  if (l->path != MGP_GRAPH_PATH_NONE) return find_by(s, l, k, allowed, allowed_count, err);
  if (scan <= BRIDGE_COST * walk) return mgp_graph_find_scan(s, k, allowed, err);
  MGP_FORWARD(begin_open(s, l, err));
  /* Of a walk that goes by distances it is only the cost that speaks against it; one of a given
   * width would end too early. */
  const bool is_dear = l->reach <= 0 || scan < AGAINST_COST * walk;
  const double least = is_dear ? share * AGAINST : 0;
  outcome how = walk_open(s, l, allowed, least, (size_t)scan);
  if (how == SPARSE) {
    s->stats.path = MGP_GRAPH_PATH_BRIDGE;
    if (walk_bridged(s, l, allowed, allowed_count, s->stats.scored + (size_t)scan)) how = DONE;
  }
  return how == DONE && s->found.count >= k ? MAGPIE_OK : mgp_graph_find_scan(s, k, allowed, err);
}
