/* SPDX-License-Identifier: Apache-2.0
 *
 * Links nodes into a flat graph in batches: each member walks the graph as it was before its batch
 * and prunes what it found; then the edges back are sorted and added node by node. No locks, and
 * the same edges for any number of threads ("ParlayANN", arXiv 2305.04359). The pruning rule is
 * that of Vamana (DiskANN, NeurIPS 2019) with alpha 1, which measured best by far, and lists are
 * filled up. A smaller graph's nodes begin their walks at their old neighbours (Lucene's merge).
 * Deleted nodes are bridged as FreshDiskANN does (arXiv 2105.09613). All distances are integers, so
 * machines agree as well.
 */
#include <stdlib.h>

#include "index/graph_private.h"

#define BATCH_SHARE 4        /* a batch is at most linked / 4 ... */
#define BATCH_CAP_DIVISOR 50 /* ... and at most 2 % of all */
#define PRUNE_STEP 8         /* kept neighbours compared in one call */
#define PRUNE_MOST 512       /* candidates that pruning looks at */
#define HINTS_ENOUGH 6       /* linked neighbours in another graph that replace the entries */
#define HINTED_SHARE 3       /* the width is that much smaller then */

/* ---- one thread's tools -------------------------------------------------------------------------
 */

typedef struct worker {
  mgp_graph_seen seen;
  mgp_graph_pool pool;
  uint32_t *ids; /* MGP_GRAPH_FAR: a list and the lists of all its targets */
  int32_t *dots;
  uint64_t *keys; /* candidates of a prune */
  int8_t *query;
} worker;

#define MGP_GRAPH_FAR (MGP_GRAPH_DEGREE_MAX * (MGP_GRAPH_DEGREE_MAX + 1))

typedef struct job {
  const mgp_graph_link *link;
  const mgp_kernels *kernels;
  worker *workers;
  size_t worker_count;
  uint8_t *is_linked;
  _Atomic size_t next; /* the next task of the phase */
  size_t first, size;  /* the batch */
  uint32_t *found;     /* size * degree: the members' new edges */
  uint32_t *found_sizes;
  uint64_t *pairs; /* target << 32 | source, sorted */
  size_t *groups;  /* where each target's pairs begin */
  size_t pair_count, group_count;
  const mgp_graph *old; /* of a bridge */
  const uint32_t *map;
} job;

static void load_query(const mgp_graph_codes *c, uint32_t node, int8_t *query) {
  const uint8_t *row = c->bytes + (size_t)node * c->dim;
  for (size_t i = 0; i < c->dim; i++) query[i] = (int8_t)(row[i] - MGP_GRAPH_BIAS);
}

/* Turns products with node's own code into squared distances. */
static void distances(const job *j, worker *w, uint32_t node, size_t count, const uint32_t *ids,
                      int32_t bias, uint32_t *out) {
  const mgp_graph_codes *c = j->link->codes;
  j->kernels->u8s8_dot.gather(w->query, c->bytes, c->dim, c->dim, ids, count, w->dots);
  for (size_t i = 0; i < count; i++)
    out[i] = c->norms[node] + c->norms[ids[i]] - 2 * (uint32_t)(w->dots[i] - bias);
}

static int32_t query_bias(const mgp_graph_codes *c, const int8_t *query) {
  int32_t sum = 0;
  for (size_t i = 0; i < c->dim; i++) sum += query[i];
  return sum * MGP_GRAPH_BIAS;
}

static int compare_keys(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* ---- walk and prune
 * ------------------------------------------------------------------------------ */

static void walk_score(const job *j, worker *w, uint32_t node, size_t count, int32_t bias) {
  uint32_t *out = (uint32_t *)w->dots;
  distances(j, w, node, count, w->ids, bias, out);
  for (size_t i = 0; i < count; i++)
    mgp_graph_pool_push(&w->pool, mgp_graph_key(out[i], w->ids[i]));
}

static size_t gather_linked(const job *j, worker *w, const uint32_t *list, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++)
    if (j->is_linked[list[i]] && mgp_graph_seen_add(&w->seen, list[i])) w->ids[count++] = list[i];
  return count;
}

/* Puts the start of a walk into the pool: what another graph knew, if that is enough. */
static void begin_walk(const job *j, worker *w, uint32_t node, int32_t bias, bool use_hints) {
  const mgp_graph_link *l = j->link;
  mgp_graph_seen_begin(&w->seen);
  (void)mgp_graph_seen_add(&w->seen, node);
  w->pool.count = w->pool.next = 0;
  w->pool.capacity = l->width;
  size_t count = 0;
  if (use_hints && l->hints) {
    const mgp_graph_edges *h = l->hints;
    count = gather_linked(j, w, h->targets + (size_t)node * h->room, h->sizes[node]);
    if (count >= HINTS_ENOUGH) w->pool.capacity = l->width / HINTED_SHARE + 1;
  }
  if (count < HINTS_ENOUGH) {
    walk_score(j, w, node, count, bias);
    count = gather_linked(j, w, l->entries, l->entry_count);
  }
  walk_score(j, w, node, count, bias);
}

/* Leaves the nearest `width` nodes of the graph in the worker's pool. */
static void walk(const job *j, worker *w, uint32_t node, bool use_hints) {
  const mgp_graph_link *l = j->link;
  const mgp_graph_edges *e = l->edges;
  load_query(l->codes, node, w->query);
  const int32_t bias = query_bias(l->codes, w->query);
  begin_walk(j, w, node, bias, use_hints);
  uint64_t key;
  while (mgp_graph_pool_pop(&w->pool, &key)) {
    const size_t at = mgp_graph_key_node(key);
    const uint32_t *targets = e->targets + at * e->room;
    size_t count = 0;
    for (size_t i = 0; i < e->sizes[at]; i++)
      if (mgp_graph_seen_add(&w->seen, targets[i])) w->ids[count++] = targets[i];
    walk_score(j, w, node, count, bias);
  }
}

/* Is the candidate as near to a kept node as to the one that chooses? */
static bool is_covered(const job *j, worker *w, uint32_t candidate, uint32_t distance,
                       const uint32_t *kept, size_t count) {
  if (count == 0) return false;
  load_query(j->link->codes, candidate, w->query);
  const int32_t bias = query_bias(j->link->codes, w->query);
  for (size_t at = 0; at < count; at += PRUNE_STEP) {
    const size_t step = count - at < PRUNE_STEP ? count - at : PRUNE_STEP;
    uint32_t *between = (uint32_t *)w->dots;
    distances(j, w, candidate, step, kept + at, bias, between);
    for (size_t i = 0; i < step; i++)
      if (between[i] <= distance) return true;
  }
  return false;
}

/* Robust prune of sorted candidates to at most `degree`. Lists that stay short are filled up with
 * the nearest of the rest: duplicates must not leave a node with one way in. */
static size_t prune(const job *j, worker *w, const uint64_t *keys, size_t count, uint32_t *out) {
  const size_t degree = j->link->edges->degree;
  if (count > PRUNE_MOST) count = PRUNE_MOST;
  size_t kept = 0, passed = 0;
  uint32_t spare[PRUNE_MOST];
  for (size_t i = 0; i < count && kept < degree; i++) {
    const uint32_t node = mgp_graph_key_node(keys[i]);
    if (is_covered(j, w, node, mgp_graph_key_distance(keys[i]), out, kept)) spare[passed++] = node;
    else out[kept++] = node;
  }
  for (size_t i = 0; i < passed && kept < degree; i++) out[kept++] = spare[i];
  return kept;
}

/* ---- the phases of a batch
 * ------------------------------------------------------------------------ */

static void find_edges(void *context, size_t index) {
  job *j = context;
  worker *w = &j->workers[index];
  const size_t degree = j->link->edges->degree;
  for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->size;) {
    walk(j, w, j->link->order[j->first + i], true);
    for (size_t k = 0; k < w->pool.count; k++) w->keys[k] = w->pool.keys[k] & ~UINT64_C(1);
    j->found_sizes[i] = (uint32_t)prune(j, w, w->keys, w->pool.count, j->found + i * degree);
  }
}

/* Prunes list `node`, whose first `count` targets stand in `ids`. */
static void shorten(const job *j, worker *w, uint32_t node, const uint32_t *ids, size_t count) {
  mgp_graph_edges *e = j->link->edges;
  load_query(j->link->codes, node, w->query);
  uint32_t *out = (uint32_t *)w->dots;
  distances(j, w, node, count, ids, query_bias(j->link->codes, w->query), out);
  for (size_t i = 0; i < count; i++) w->keys[i] = mgp_graph_key(out[i], ids[i]);
  qsort(w->keys, count, sizeof *w->keys, compare_keys);
  e->sizes[node] = (uint32_t)prune(j, w, w->keys, count, e->targets + (size_t)node * e->room);
}

static void add_back_edges(void *context, size_t index) {
  job *j = context;
  worker *w = &j->workers[index];
  mgp_graph_edges *e = j->link->edges;
  for (size_t g; (g = atomic_fetch_add(&j->next, 1)) < j->group_count;) {
    const uint32_t target = (uint32_t)(j->pairs[j->groups[g]] >> 32);
    uint32_t *list = e->targets + (size_t)target * e->room;
    for (size_t p = j->groups[g]; p < j->groups[g + 1]; p++) {
      if (e->sizes[target] == e->room) {
        memcpy(w->ids, list, e->room * sizeof *list);
        shorten(j, w, target, w->ids, e->room);
      }
      list[e->sizes[target]++] = (uint32_t)j->pairs[p];
    }
  }
}

static void shorten_some(void *context, size_t index) {
  job *j = context;
  worker *w = &j->workers[index];
  mgp_graph_edges *e = j->link->edges;
  for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < e->count;) {
    if (e->sizes[i] <= e->degree) continue;
    memcpy(w->ids, e->targets + i * e->room, e->sizes[i] * sizeof *w->ids);
    shorten(j, w, (uint32_t)i, w->ids, e->sizes[i]);
  }
}

/* The living targets of an old node at their new numbers; those of its dead targets too, once
 * each. */
static size_t gather_living(const job *j, worker *w, uint32_t old_node, bool *has_lost) {
  const mgp_graph *g = j->old;
  const uint32_t *list = g->edges + (size_t)old_node * g->degree;
  size_t count = 0;
  *has_lost = false;
  mgp_graph_seen_begin(&w->seen);
  (void)mgp_graph_seen_add(&w->seen, j->map[old_node]);
  for (size_t i = 0; i < g->degree && list[i] != MGP_GRAPH_NONE; i++) {
    const uint32_t target = j->map[list[i]];
    if (target == MGP_GRAPH_NONE) *has_lost = true;
    else if (mgp_graph_seen_add(&w->seen, target)) w->ids[count++] = target;
  }
  for (size_t i = 0; *has_lost && i < g->degree && list[i] != MGP_GRAPH_NONE; i++) {
    if (j->map[list[i]] != MGP_GRAPH_NONE) continue;
    const uint32_t *far = g->edges + (size_t)list[i] * g->degree;
    for (size_t k = 0; k < g->degree && far[k] != MGP_GRAPH_NONE; k++) {
      const uint32_t target = j->map[far[k]];
      if (target != MGP_GRAPH_NONE && mgp_graph_seen_add(&w->seen, target))
        w->ids[count++] = target;
    }
  }
  return count;
}

static void bridge_some(void *context, size_t index) {
  job *j = context;
  worker *w = &j->workers[index];
  mgp_graph_edges *e = j->link->edges;
  for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->old->rows.count;) {
    const uint32_t node = j->map[i];
    if (node == MGP_GRAPH_NONE) continue;
    bool has_lost;
    const size_t count = gather_living(j, w, (uint32_t)i, &has_lost);
    if (has_lost || count > e->degree) {
      shorten(j, w, node, w->ids, count);
      continue;
    }
    memcpy(e->targets + (size_t)node * e->room, w->ids, count * sizeof *w->ids);
    e->sizes[node] = (uint32_t)count;
  }
}

static void run_phase(job *j, void (*phase)(void *, size_t)) {
  atomic_store(&j->next, 0);
  if (j->link->pool) mgp_pool_run(j->link->pool, j->worker_count, phase, j);
  else phase(j, 0);
}

static void collect_pairs(job *j) {
  mgp_graph_edges *e = j->link->edges;
  j->pair_count = j->group_count = 0;
  for (size_t i = 0; i < j->size; i++) {
    const uint32_t node = j->link->order[j->first + i];
    const uint32_t *found = j->found + i * e->degree;
    memcpy(e->targets + (size_t)node * e->room, found, j->found_sizes[i] * sizeof *found);
    e->sizes[node] = j->found_sizes[i];
    for (size_t k = 0; k < j->found_sizes[i]; k++)
      j->pairs[j->pair_count++] = (uint64_t)found[k] << 32 | node;
  }
  qsort(j->pairs, j->pair_count, sizeof *j->pairs, compare_keys);
  for (size_t p = 0; p < j->pair_count; p++)
    if (p == 0 || j->pairs[p] >> 32 != j->pairs[p - 1] >> 32) j->groups[j->group_count++] = p;
  j->groups[j->group_count] = j->pair_count;
}

/* ---- memory
 * --------------------------------------------------------------------------------------- */

static size_t batch_cap(size_t count) {
  return count / BATCH_CAP_DIVISOR + 1;
}

static bool worker_create(worker *w, const mgp_graph_link *l) {
  const size_t room = MGP_GRAPH_FAR > l->width ? MGP_GRAPH_FAR : l->width;
  w->seen = (mgp_graph_seen){.marks = mgp_calloc(l->alloc, l->edges->count, sizeof *w->seen.marks),
                             .count = l->edges->count};
  w->pool = (mgp_graph_pool){.keys = mgp_calloc(l->alloc, l->width + 1, sizeof *w->pool.keys),
                             .capacity = l->width};
  w->ids = mgp_calloc(l->alloc, room, sizeof *w->ids);
  w->dots = mgp_calloc(l->alloc, room, sizeof *w->dots);
  w->keys = mgp_calloc(l->alloc, room, sizeof *w->keys);
  w->query = mgp_malloc(l->alloc, l->codes->dim);
  return w->seen.marks && w->pool.keys && w->ids && w->dots && w->keys && w->query;
}

static void worker_destroy(worker *w, mgp_alloc *a) {
  mgp_free(a, w->seen.marks);
  mgp_free(a, w->pool.keys);
  mgp_free(a, w->ids);
  mgp_free(a, w->dots);
  mgp_free(a, w->keys);
  mgp_free(a, w->query);
}

static void job_destroy(job *j) {
  mgp_alloc *a = j->link->alloc;
  for (size_t i = 0; j->workers && i < j->worker_count; i++) worker_destroy(&j->workers[i], a);
  mgp_free(a, j->workers);
  mgp_free(a, j->is_linked);
  mgp_free(a, j->found);
  mgp_free(a, j->found_sizes);
  mgp_free(a, j->pairs);
  mgp_free(a, j->groups);
}

static magpie_status job_create(job *j, const mgp_graph_link *l, magpie_error *err) {
  const size_t cap = batch_cap(l->edges->count), pairs = cap * l->edges->degree;
  *j = (job){.link = l, .kernels = mgp_kernels_get()};
  j->worker_count = l->pool ? (size_t)mgp_pool_threads(l->pool) : 1;
  j->workers = mgp_calloc(l->alloc, j->worker_count, sizeof *j->workers);
  j->is_linked = mgp_calloc(l->alloc, l->edges->count, 1);
  j->found = mgp_calloc(l->alloc, pairs, sizeof *j->found);
  j->found_sizes = mgp_calloc(l->alloc, cap, sizeof *j->found_sizes);
  j->pairs = mgp_calloc(l->alloc, pairs, sizeof *j->pairs);
  j->groups = mgp_calloc(l->alloc, pairs + 1, sizeof *j->groups);
  bool is_made = j->workers && j->is_linked && j->found && j->found_sizes && j->pairs && j->groups;
  for (size_t i = 0; is_made && i < j->worker_count; i++)
    is_made = worker_create(&j->workers[i], l);
  if (is_made) return MAGPIE_OK;
  job_destroy(j);
  return mgp_fail(err, MAGPIE_LIMIT, "graph: no memory to link %zu nodes", l->edges->count);
}

static void mark_linked(job *j, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) j->is_linked[j->link->order[i]] = 1;
}

/* ---- whole graphs
 * ----------------------------------------------------------------------------------- */

magpie_status mgp_graph_link_all(const mgp_graph_link *link, magpie_error *err) {
  job j;
  magpie_status status = MAGPIE_OK;
  MGP_FORWARD(job_create(&j, link, err));
  size_t linked = link->linked;
  if (linked == 0 && link->count > 0) linked = 1; /* the first has nobody to link to */
  mark_linked(&j, 0, linked);
  while (linked < link->count && status == MAGPIE_OK) {
    size_t size = linked / BATCH_SHARE + 1;
    if (size > batch_cap(link->edges->count)) size = batch_cap(link->edges->count);
    if (size > link->count - linked) size = link->count - linked;
    j.first = linked;
    j.size = size;
    run_phase(&j, find_edges);
    collect_pairs(&j);
    run_phase(&j, add_back_edges);
    mark_linked(&j, linked, linked + size);
    linked += size;
    if (link->go_on) status = link->go_on(link->context, (double)linked / (double)link->count, err);
  }
  job_destroy(&j);
  return status;
}

magpie_status mgp_graph_shorten(const mgp_graph_link *link, magpie_error *err) {
  job j;
  MGP_FORWARD(job_create(&j, link, err));
  run_phase(&j, shorten_some);
  job_destroy(&j);
  return MAGPIE_OK;
}

magpie_status mgp_graph_bridge(const mgp_graph_link *link, const mgp_graph *old,
                               const uint32_t *map, magpie_error *err) {
  job j;
  MGP_FORWARD(job_create(&j, link, err));
  j.old = old;
  j.map = map;
  run_phase(&j, bridge_some);
  job_destroy(&j);
  return MAGPIE_OK;
}

/* ---- every node has a way in
 * ------------------------------------------------------------------------ */

typedef struct tree {
  uint32_t *parents; /* MGP_GRAPH_NONE: not reached; its own parent: an entry */
  uint32_t *queue;
} tree;

static void reach(const mgp_graph_edges *e, tree *t, uint32_t root, uint32_t parent) {
  size_t head = 0, tail = 0;
  t->parents[root] = parent;
  t->queue[tail++] = root;
  while (head < tail) {
    const uint32_t node = t->queue[head++];
    for (size_t i = 0; i < e->sizes[node]; i++) {
      const uint32_t target = e->targets[(size_t)node * e->room + i];
      if (t->parents[target] != MGP_GRAPH_NONE) continue;
      t->parents[target] = node;
      t->queue[tail++] = target;
    }
  }
}

/* Adds an edge, or puts it in place of the farthest one that is no branch of the tree. */
static bool adopt(mgp_graph_edges *e, const tree *t, uint32_t from, uint32_t to) {
  uint32_t *list = e->targets + (size_t)from * e->room;
  if (e->sizes[from] < e->degree) {
    list[e->sizes[from]++] = to;
    return true;
  }
  for (size_t i = e->sizes[from]; i-- > 0;) {
    if (t->parents[list[i]] == from) continue;
    list[i] = to;
    return true;
  }
  return false;
}

static void attach(job *j, tree *t) {
  const mgp_graph_link *l = j->link;
  mgp_graph_edges *e = l->edges;
  worker *w = &j->workers[0];
  mark_linked(j, 0, l->count);
  for (size_t i = 0; i < l->entry_count; i++) reach(e, t, l->entries[i], l->entries[i]);
  for (uint32_t node = 0; node < e->count; node++) {
    if (t->parents[node] != MGP_GRAPH_NONE) continue;
    walk(j, w, node, false);
    uint32_t from = MGP_GRAPH_NONE;
    for (size_t k = 0; from == MGP_GRAPH_NONE && k < w->pool.count; k++) {
      const uint32_t near = mgp_graph_key_node(w->pool.keys[k]);
      if (adopt(e, t, near, node)) from = near;
    }
    /* A tree has fewer branches than nodes, so some reached node has room. */
    for (uint32_t any = 0; from == MGP_GRAPH_NONE && any < e->count; any++)
      if (t->parents[any] != MGP_GRAPH_NONE && adopt(e, t, any, node)) from = any;
    reach(e, t, node, from);
  }
}

magpie_status mgp_graph_attach(const mgp_graph_link *link, magpie_error *err) {
  job j;
  MGP_FORWARD(job_create(&j, link, err));
  tree t = {.parents = mgp_malloc(link->alloc, link->edges->count * sizeof *t.parents + 1),
            .queue = mgp_malloc(link->alloc, link->edges->count * sizeof *t.queue + 1)};
  magpie_status status = MAGPIE_OK;
  if (t.parents && t.queue) {
    memset(t.parents, 0xff, link->edges->count * sizeof *t.parents);
    attach(&j, &t);
  } else {
    status =
        mgp_fail(err, MAGPIE_LIMIT, "graph: no memory to check its %zu nodes", link->edges->count);
  }
  mgp_free(link->alloc, t.parents);
  mgp_free(link->alloc, t.queue);
  job_destroy(&j);
  return status;
}
