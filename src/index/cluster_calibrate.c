/* SPDX-License-Identifier: Apache-2.0
 *
 * How many lists, and which margin, does a recall need? Asked of the index itself when it is built,
 * by queries made of its own rows as the graph's calibration makes them (graph_calibrate.c). One
 * scan of all codes a query gives its true neighbours, and of each of them the two numbers that
 * decide whether a search finds it: the rank of its list, and how far its estimate lies below the
 * last true neighbour. Every pair of probes and margin is then judged by counting.
 */
#include <math.h>
#include <stdlib.h>

#include "index/cluster_private.h"

#define SAMPLE ((size_t)256)
/* Noise: so many random rows with random signs, together so many times as long as a row. */
#define NOISE_ROWS 16
#define NOISE 1.2f
#define CAUTION 0.45 /* the part of the misses that is kept for queries harder than these */
#define SCATTER 4    /* lists over which the rows are scattered that would fill one */
#define MARGINS ((size_t)48)
#define ROW_COST 128.0 /* of a row read, in codes: it may come from a disk */

static const float recalls[MGP_CLUSTER_LADDER] = {0.70f, 0.80f, 0.85f, 0.90f, 0.93f,  0.95f,
                                                  0.96f, 0.97f, 0.98f, 0.99f, 0.995f, 0.999f};

/* A true neighbour of a query. */
typedef struct neighbour {
  uint32_t rank;       /* of its list */
  float shallow, deep; /* margins that find it, among the best 10 and 100 */
} neighbour;

typedef struct calibration {
  const mgp_clusters *clusters;
  mgp_cluster_searcher **searchers;
  uint32_t **ranks; /* of all lists, a thread */
  float *queries;
  neighbour *found; /* SAMPLE * DEEP, best first */
  size_t depth;
  neighbour *all; /* SAMPLE * kept: whatever would be read, without ranks */
  size_t kept;
  size_t last; /* query of this run */
  _Atomic size_t next;
  atomic_int status;
} calibration;

static void make_queries(calibration *c) {
  const mgp_graph_rows *r = &c->clusters->rows;
  uint64_t state = r->count;
  for (size_t i = 0; i < SAMPLE; i++) {
    float *query = c->queries + i * r->dim;
    memcpy(query, mgp_cluster_row(r, mgp_cluster_random(&state) % r->count),
           r->dim * sizeof *query);
    for (size_t n = 0; n < NOISE_ROWS; n++) {
      const float *row = mgp_cluster_row(r, mgp_cluster_random(&state) % r->count);
      const float length = NOISE / sqrtf(NOISE_ROWS);
      const float factor = mgp_cluster_random(&state) >> 63 ? length : -length;
      for (size_t j = 0; j < r->dim; j++) query[j] += factor * row[j];
    }
  }
}

static magpie_status ask(calibration *c, size_t thread, size_t q) {
  const mgp_clusters *of = c->clusters;
  const float *query = c->queries + q * of->rows.dim;
  mgp_cluster_searcher *s = c->searchers[thread];
  mgp_select all;
  MGP_FORWARD(mgp_cluster_select_all(s, query, c->kept, &all, NULL));
  for (size_t i = 0; i < of->shape.lists; i++) c->ranks[thread][s->lists[i].id] = (uint32_t)i;
  if (all.count < c->depth) return MAGPIE_LIMIT; /* scores beyond what floats hold */
  mgp_scored *exact = all.items + all.count;     /* half of a selection's room is free */
  mgp_cluster_want_rows(of, all.items, all.count);
  for (size_t i = 0; i < all.count; i++)
    exact[i] =
        (mgp_scored){.id = i, .score = mgp_cluster_exact(of, query, (uint32_t)all.items[i].id)};
  qsort(exact, all.count, sizeof *exact, mgp_scored_compare);
  const size_t shallow = c->depth < MGP_CLUSTER_SHALLOW ? c->depth : MGP_CLUSTER_SHALLOW;
  const size_t last[2] = {shallow - 1, c->depth - 1};
  float reach[2];
  for (size_t i = 0; i < 2; i++) {
    const uint32_t row = (uint32_t)all.items[exact[last[i]].id].id;
    reach[i] = mgp_cluster_reach(of, query, (size_t)s->lists[0].id, row);
    if (!(reach[i] > 0)) reach[i] = 1;
  }
  for (size_t i = 0; i < all.count; i++) {
    const mgp_scored *item = &all.items[exact[i].id];
    const neighbour n = {.rank = c->ranks[thread][item->id >> 32],
                         .shallow = (exact[last[0]].score - item->score) / reach[0],
                         .deep = (exact[last[1]].score - item->score) / reach[1]};
    c->all[q * c->kept + i] = n;
    if (i < c->depth) c->found[q * MGP_CLUSTER_DEEP + i] = n;
  }
  return MAGPIE_OK;
}

static void ask_some(void *context, size_t index) {
  calibration *c = context;
  for (size_t q; (q = atomic_fetch_add(&c->next, 1)) < c->last;)
    if (ask(c, index, q) != MAGPIE_OK) atomic_store(&c->status, MAGPIE_LIMIT);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* The true neighbours of one depth, and the rows that would be read for each margin. */
typedef struct judge {
  const calibration *c;
  bool is_deep;
  size_t depth, count; /* of a query; of all */
  float *margins;      /* of true neighbours, sorted */
  uint32_t *ranks;     /* of those that a margin finds, sorted */
} judge;

static float margin_of(const judge *j, const neighbour *n) {
  return j->is_deep ? n->deep : n->shallow;
}

static int compare_floats(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static int compare_ranks(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Rows read a query. */
static double count_read(const judge *j, float margin) {
  size_t read = 0;
  for (size_t i = 0; i < SAMPLE * j->c->kept; i++) read += margin_of(j, &j->c->all[i]) <= margin;
  return (double)read / (double)SAMPLE;
}

static size_t collect_ranks(const judge *j, float margin) {
  size_t found = 0;
  for (size_t q = 0; q < SAMPLE; q++)
    for (size_t i = 0; i < j->depth; i++) {
      const neighbour *n = &j->c->found[q * MGP_CLUSTER_DEEP + i];
      if (margin_of(j, n) <= margin) j->ranks[found++] = n->rank;
    }
  qsort(j->ranks, found, sizeof *j->ranks, compare_ranks);
  return found;
}

/* For each recall the cheapest pair. */
static void choose_pairs(const judge *j, uint32_t probes[], float margins[]) {
  const mgp_clusters *c = j->c->clusters;
  const double list_rows = (double)c->rows.count / (double)c->shape.lists;
  double costs[MGP_CLUSTER_LADDER];
  for (size_t r = 0; r < MGP_CLUSTER_LADDER; r++) {
    costs[r] = INFINITY;
    probes[r] = (uint32_t)c->shape.lists;
    margins[r] = j->margins[j->count - 1];
  }
  for (size_t m = 0; m < MARGINS; m++) { /* closer together where all are found */
    const double left = 1 - (double)m / (double)(MARGINS - 1);
    const size_t at = (size_t)((1 - 0.5 * left * left * left) * (double)(j->count - 1));
    const float margin = j->margins[at];
    const double rows = ROW_COST * count_read(j, margin);
    const size_t found = collect_ranks(j, margin);
    for (size_t r = 0; r < MGP_CLUSTER_LADDER; r++) {
      const size_t wanted = (size_t)ceil((double)recalls[r] * (double)j->count);
      if (wanted == 0 || wanted > found) continue;
      const double lists = (double)j->ranks[wanted - 1] + 1;
      if (lists * list_rows + rows >= costs[r]) continue;
      costs[r] = lists * list_rows + rows;
      probes[r] = (uint32_t)lists;
      margins[r] = margin;
    }
  }
}

static void judge_depth(const calibration *c, bool is_deep, float *margins, uint32_t *ranks,
                        uint32_t out_probes[], float out_margins[]) {
  judge j = {.c = c, .is_deep = is_deep, .depth = c->depth, .margins = margins, .ranks = ranks};
  if (!is_deep && j.depth > MGP_CLUSTER_SHALLOW) j.depth = MGP_CLUSTER_SHALLOW;
  for (size_t q = 0; q < SAMPLE; q++)
    for (size_t i = 0; i < j.depth; i++)
      margins[j.count++] = margin_of(&j, &c->found[q * MGP_CLUSTER_DEEP + i]);
  qsort(margins, j.count, sizeof *margins, compare_floats);
  choose_pairs(&j, out_probes, out_margins);
}

static magpie_status judge_all(const calibration *c, mgp_clusters *out, magpie_error *err) {
  mgp_alloc *a = out->alloc;
  const size_t most = SAMPLE * MGP_CLUSTER_DEEP;
  float *margins = mgp_malloc(a, most * sizeof *margins);
  uint32_t *ranks = mgp_malloc(a, most * sizeof *ranks);
  uint32_t probes[2][MGP_CLUSTER_LADDER];
  float found[2][MGP_CLUSTER_LADDER];
  for (size_t d = 0; margins && ranks && d < 2; d++)
    judge_depth(c, d == 1, margins, ranks, probes[d], found[d]);
  const bool has_room = margins && ranks;
  mgp_free(a, margins);
  mgp_free(a, ranks);
  MGP_RETURN_IF(!has_room, err, MAGPIE_LIMIT, "clusters: no memory to calibrate");
  for (size_t r = 0; r < MGP_CLUSTER_LADDER; r++)
    out->ladder[r] = (mgp_cluster_step){.recall = recalls[r],
                                        .probes10 = probes[0][r],
                                        .probes100 = probes[1][r],
                                        .margin10 = found[0][r],
                                        .margin100 = found[1][r]};
  out->ladder_count = MGP_CLUSTER_LADDER;
  return MAGPIE_OK;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static bool make_room(calibration *c, size_t threads, mgp_alloc *a) {
  const size_t lists = c->clusters->shape.lists;
  c->searchers = mgp_calloc(a, threads, sizeof *c->searchers);
  c->ranks = mgp_calloc(a, threads, sizeof *c->ranks);
  c->queries = mgp_malloc(a, SAMPLE * c->clusters->rows.dim * sizeof *c->queries);
  c->found = mgp_calloc(a, SAMPLE * MGP_CLUSTER_DEEP, sizeof *c->found);
  c->all = mgp_calloc(a, SAMPLE * c->kept, sizeof *c->all);
  bool has_room = c->searchers && c->ranks && c->queries && c->found && c->all;
  for (size_t i = 0; has_room && i < threads; i++) {
    c->ranks[i] = mgp_calloc(a, lists, sizeof **c->ranks);
    has_room = c->ranks[i] &&
               mgp_cluster_searcher_create(c->clusters, a, &c->searchers[i], NULL) == MAGPIE_OK;
  }
  return has_room;
}

static void free_room(calibration *c, size_t threads, mgp_alloc *a) {
  for (size_t i = 0; c->searchers && i < threads; i++)
    mgp_cluster_searcher_destroy(c->searchers[i]);
  for (size_t i = 0; c->ranks && i < threads; i++) mgp_free(a, c->ranks[i]);
  mgp_free(a, c->searchers);
  mgp_free(a, c->ranks);
  mgp_free(a, c->queries);
  mgp_free(a, c->found);
  mgp_free(a, c->all);
}

uint64_t mgp_cluster_calibrate_memory(size_t lists, size_t dim, int threads) {
  const uint64_t kept = mgp_cluster_kept(MGP_CLUSTER_DEEP);
  const uint64_t query = dim * sizeof(float) + (kept + MGP_CLUSTER_DEEP) * sizeof(neighbour) +
                         MGP_CLUSTER_DEEP * 2 * sizeof(float);
  const uint64_t searcher = (uint64_t)lists * 32 + 256 * (uint64_t)dim + 4096 +
                            mgp_select_capacity((size_t)kept) * sizeof(mgp_scored);
  return SAMPLE * query + (uint64_t)threads * searcher;
}

magpie_status mgp_cluster_calibrate(mgp_clusters *c, const mgp_cluster_options *o, mgp_pool *pool,
                                    mgp_alloc *a, magpie_error *err) {
  const size_t threads = pool ? (size_t)mgp_pool_threads(pool) : 1, step = 8 * threads;
  const size_t count = c->rows.count, kept = mgp_cluster_kept(MGP_CLUSTER_DEEP);
  calibration k = {.clusters = c,
                   .depth = count < MGP_CLUSTER_DEEP ? count : MGP_CLUSTER_DEEP,
                   .kept = count < kept ? count : kept};
  magpie_status status = MAGPIE_OK;
  if (!make_room(&k, threads, a)) {
    status = mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory to calibrate");
    goto done;
  }
  make_queries(&k);
  for (size_t first = 0; first < SAMPLE; first += step) {
    MGP_TRY(mgp_cluster_tell(o, 0.8 + 0.2 * (double)first / (double)SAMPLE, err));
    k.last = first + step < SAMPLE ? first + step : SAMPLE;
    atomic_store(&k.next, first);
    mgp_cluster_run(pool, threads, ask_some, &k);
    if (atomic_load(&k.status) != MAGPIE_OK)
      MGP_TRY(mgp_fail(err, MAGPIE_LIMIT,
                       "clusters: no memory to calibrate, or vectors too long to be compared"));
  }
  status = judge_all(&k, c, err);
done:
  free_room(&k, threads, a);
  return status;
}

/* Between the depths measured, and beyond, probes grow by a power of the depth; and so many rows
 * fill lists of their own. */
void mgp_cluster_needs(const mgp_clusters *c, double recall, double depth, size_t *probes,
                       float *margin) {
  *probes = c->shape.lists;
  *margin = INFINITY;
  recall += CAUTION * (1 - recall);
  const double rows_a_list = (double)c->rows.count / (double)c->shape.lists;
  for (size_t i = 0; i < c->ladder_count; i++) {
    const mgp_cluster_step *s = &c->ladder[i];
    if ((double)s->recall < recall && i + 1 < c->ladder_count) continue;
    const double decades = depth > MGP_CLUSTER_SHALLOW
                               ? log10(depth / (double)MGP_CLUSTER_SHALLOW) /
                                     log10((double)MGP_CLUSTER_DEEP / (double)MGP_CLUSTER_SHALLOW)
                               : 0;
    const double ten = s->probes10, hundred = s->probes100 > s->probes10 ? s->probes100 : ten;
    const double deeper = depth > MGP_CLUSTER_SHALLOW ? depth - MGP_CLUSTER_SHALLOW : 0;
    const double filled = SCATTER * deeper / rows_a_list;
    const double wanted = round(ten * pow(hundred / ten, decades) + filled);
    const double part = decades < 1 ? decades : 1;
    *probes = wanted < (double)c->shape.lists ? (size_t)wanted : c->shape.lists;
    *margin = (float)((double)s->margin10 + part * ((double)s->margin100 - (double)s->margin10));
    return;
  }
}
