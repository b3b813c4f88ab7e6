/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the graph share: the space of codes, the pool of a walk, the edges while they
 * are built. docs/format/graph.md draws what of it is written.
 */
#ifndef MGP_GRAPH_PRIVATE_H
#define MGP_GRAPH_PRIVATE_H

#include "index/graph_index.h"
#include "kernels/kernels.h"

#define MGP_GRAPH_NONE UINT32_MAX
#define MGP_GRAPH_BLOCK 128 /* dimensions of codes come in blocks, so that no kernel has a tail */
#define MGP_GRAPH_BIAS 64   /* a build code is 1..127 and means -63..63 */

/* ---- the space of codes (graph_codec.c) ------------------------------------------------------ */

/* Rows less their mean, rotated. Squared distances there rank as the metric ranks the rows: rows of
 * unequal length under the dot product get one more dimension, sqrt(longest^2 - |x|^2). */
typedef struct mgp_graph_space {
  mgp_graph_metric metric;
  size_t dim, code_dim;
  bool is_lifted;     /* the extra dimension is in use */
  float longest;      /* squared length of the longest row, where lifted */
  float query_length; /* dot product: queries are brought to this length */
  float step;         /* of build codes */
  const float *mean;  /* code_dim floats */
} mgp_graph_space;

size_t mgp_graph_code_dim(size_t dim, bool is_lifted);
size_t mgp_graph_code_stride(size_t code_dim); /* bytes of one walk code */
/* Chooses the space for these rows; `mean` has room for the widest code_dim. Refuses NaN, Inf. */
magpie_status mgp_graph_space_fit(const mgp_graph_rows *rows, mgp_graph_metric metric, float *mean,
                                  mgp_pool *pool, mgp_alloc *a, mgp_graph_space *out,
                                  magpie_error *err);
/* `out` has code_dim floats. */
void mgp_graph_project_row(const mgp_graph_space *s, const float *row, float *out);
void mgp_graph_project_query(const mgp_graph_space *s, const float *query, float *out);
/* A walk code: nibbles, then two floats a, b: squared distance to q is |q|^2 + a - b <code, q>. */
void mgp_graph_encode(const float *projected, size_t code_dim, uint8_t *out);
/* A build code; returns its squared length in steps. */
uint32_t mgp_graph_encode_build(const float *projected, size_t code_dim, float step, uint8_t *out);

typedef struct mgp_graph_query {
  int8_t *bytes; /* code_dim: the even numbers, then the odd ones */
  float scale;   /* of bytes */
  float offset;  /* -7.5 * sum of bytes: nibbles are 7.5 too large */
} mgp_graph_query;
void mgp_graph_quantise_query(const float *projected, size_t code_dim, mgp_graph_query *out);

/* ---- a pool of candidates, nearest first ------------------------------------------------------
 */

/* A key is distance << 32 | node << 1 | expanded, so keys sort by distance, then node. */
typedef struct mgp_graph_pool {
  uint64_t *keys;
  size_t count, capacity, next; /* all before `next` are expanded */
  size_t room;                  /* of keys, where the pool owns them */
} mgp_graph_pool;

static inline uint64_t mgp_graph_key(uint32_t distance, uint32_t node) {
  return (uint64_t)distance << 32 | (uint64_t)node << 1;
}
static inline uint32_t mgp_graph_key_node(uint64_t key) {
  return (uint32_t)key >> 1;
}
static inline uint32_t mgp_graph_key_distance(uint64_t key) {
  return (uint32_t)(key >> 32);
}

/* A candidate enters at most once (the caller's `seen`). */
static inline void mgp_graph_pool_push(mgp_graph_pool *p, uint64_t key) {
  if (p->count == p->capacity) {
    if (key >= p->keys[p->count - 1]) return;
    p->count--;
  }
  /* No branch on what is compared: it cannot be foreseen. */
  const uint64_t *base = p->keys;
  for (size_t size = p->count; size > 0;) {
    const size_t half = (size + 1) / 2;
    base += half * (size_t)(base[half - 1] < key);
    size -= half;
  }
  const size_t low = (size_t)(base - p->keys);
  memmove(p->keys + low + 1, p->keys + low, (p->count - low) * sizeof *p->keys);
  p->keys[low] = key;
  p->count++;
  if (low < p->next) p->next = low;
}

/* The nearest one that is not expanded, now marked; false at the end. */
static inline bool mgp_graph_pool_pop(mgp_graph_pool *p, uint64_t *key) {
  while (p->next < p->count && (p->keys[p->next] & 1)) p->next++;
  if (p->next == p->count) return false;
  *key = p->keys[p->next];
  p->keys[p->next++] |= 1;
  return true;
}

/* A float's bits in an order that integers share. */
static inline uint32_t mgp_graph_order(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits & UINT32_C(0x80000000) ? ~bits : bits | UINT32_C(0x80000000);
}

static inline float mgp_graph_unorder(uint32_t order) {
  const uint32_t bits = order & UINT32_C(0x80000000) ? order & UINT32_C(0x7fffffff) : ~order;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* ---- nodes seen by a walk ----------------------------------------------------------------------
 */

typedef struct mgp_graph_seen {
  uint16_t *marks;
  uint16_t epoch;
  size_t count;
} mgp_graph_seen;

static inline void mgp_graph_seen_begin(mgp_graph_seen *s) {
  if (++s->epoch == 0) {
    memset(s->marks, 0, s->count * sizeof *s->marks);
    s->epoch = 1;
  }
}

/* True the first time. */
static inline bool mgp_graph_seen_add(mgp_graph_seen *s, uint32_t node) {
  if (s->marks[node] == s->epoch) return false;
  s->marks[node] = s->epoch;
  return true;
}

/* splitmix64: the one source of chance, seeded, so that a build is repeatable. */
static inline uint64_t mgp_graph_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* ---- edges (graph_build.c) --------------------------------------------------------------------
 */

/* Lists of `room` each while they grow; never more than `degree` when done. */
typedef struct mgp_graph_edges {
  size_t count, degree, room;
  uint32_t *targets; /* count * room */
  uint32_t *sizes;
} mgp_graph_edges;

/* Build codes of all nodes. */
typedef struct mgp_graph_codes {
  const uint8_t *bytes; /* code_dim: the even numbers, then the odd ones */
  const uint32_t *norms;
  size_t count, dim;
} mgp_graph_codes;

/* How to link the nodes of `order` from place `linked` on to the graph over those before. */
typedef struct mgp_graph_link {
  const mgp_graph_codes *codes;
  mgp_graph_edges *edges;
  const uint32_t *order; /* node numbers, the ones that are linked already first */
  size_t linked;
  size_t count; /* of `order`: where to stop */
  size_t width; /* of the walk that finds candidates */
  /* What another graph knew (NULL: nothing): places as in `edges`. A node with enough neighbours
   * there that are linked by now begins its walk at them, and walks less. */
  const mgp_graph_edges *hints;
  const uint32_t *entries; /* the first `linked` of them are used: in a new graph, take `order` */
  size_t entry_count;
  mgp_pool *pool;
  mgp_alloc *alloc;
  magpie_status (*go_on)(void *context, double share, magpie_error *err); /* or NULL */
  void *context;
} mgp_graph_link;
/* Same edges whatever the number of threads: batches see only the graph before them. Lists may be
 * left longer than the degree (up to `room`) until mgp_graph_shorten. */
magpie_status mgp_graph_link_all(const mgp_graph_link *link, magpie_error *err);
/* Prunes every list that is longer than the degree. */
magpie_status mgp_graph_shorten(const mgp_graph_link *link, magpie_error *err);
/* Takes deleted nodes out: `old` are the lists before, over all nodes, `map` their new numbers or
 * MGP_GRAPH_NONE. A list that loses a target is pruned from what is left and from the targets of
 * what was lost. Writes link->edges at the new numbers. */
magpie_status mgp_graph_bridge(const mgp_graph_link *link, const mgp_graph *old,
                               const uint32_t *map, magpie_error *err);
/* Gives every node a way from the entries (which are `entry_count` linked nodes). */
magpie_status mgp_graph_attach(const mgp_graph_link *link, magpie_error *err);

/* ---- the graph as it is searched (graph_file.c) ------------------------------------------------
 */

#define MGP_GRAPH_ENTRIES 64
#define MGP_GRAPH_LADDER 16

/* What calibration measured with one knob: how far beyond the last hit a walk looks, in
 * 1 / MGP_GRAPH_REACH_ONE of its squared distance; in version 1, a width. */
#define MGP_GRAPH_REACH_ONE 65536.0
#define MGP_GRAPH_KNOB_MAX (1U << 20)
typedef struct mgp_graph_step {
  uint32_t knob;
  float recall10, recall100; /* of the best 10 and 100 */
  float scored;              /* nodes a search */
} mgp_graph_step;

struct mgp_graph {
  mgp_graph_rows rows;
  mgp_graph_space space;
  size_t degree, entry_count, ladder_count, stride;
  uint32_t version; /* of the bytes: 1 has a ladder of widths */
  const uint32_t *entries;
  const uint32_t *edges; /* count * degree, MGP_GRAPH_NONE after the last */
  const uint8_t *codes;  /* count * stride */
  const mgp_graph_step *ladder;
  const unsigned char *data;
  size_t size;
  unsigned char *owned; /* NULL: borrowed */
  mgp_alloc *alloc;
};

/* Lays out a graph of this size in a block of its own; the parts are then filled through the
 * writable pointers and sealed. */
typedef struct mgp_graph_parts {
  float *mean;
  uint32_t *entries, *edges;
  uint8_t *codes;
} mgp_graph_parts;
magpie_status mgp_graph_create(const mgp_graph_rows *rows, const mgp_graph_space *space,
                               size_t degree, size_t entry_count, mgp_alloc *a, mgp_graph **out,
                               mgp_graph_parts *parts, magpie_error *err);
/* Writes the ladder and the checksums. */
void mgp_graph_seal(mgp_graph *g, const mgp_graph_step *ladder, size_t ladder_count);
/* Searches for sampled queries at rising widths (graph_calibrate.c). */
magpie_status mgp_graph_calibrate(const mgp_graph *g, mgp_pool *pool, mgp_alloc *a,
                                  mgp_graph_step ladder[MGP_GRAPH_LADDER], size_t *count,
                                  magpie_error *err);

/* ---- one search (graph_search.c) ----------------------------------------------------------------
 */

/* What ends a walk. The `least` nearest are always walked on from; others while their squared
 * distance is no more than `reach` times that of the candidate of this rank. So a hard query, whose
 * nearest are hardly nearer than others, gets the longer walk that it needs (arXiv 2505.15636). */
typedef struct mgp_graph_limit {
  size_t least, most;  /* of candidates */
  size_t rank;         /* from 0 */
  float reach;         /* 0: the `least` alone, `most` is the same */
  size_t budget;       /* scored nodes after which it gives up; 0: none */
  mgp_graph_path path; /* under a filter: the way to take; NONE: the cheapest */
} mgp_graph_limit;

struct mgp_graph_searcher {
  const mgp_graph *graph;
  const mgp_kernels *kernels;
  mgp_alloc *alloc;
  mgp_graph_seen seen;
  mgp_graph_pool found; /* candidates for hits */
  mgp_graph_pool near;  /* under a filter: what a walk over all nodes goes on from */
  uint64_t bound;       /* keys from here on are of no use to this walk */
  mgp_graph_query query;
  /* Its squared length in the space of codes; with a dot product, the squared length that it was
   * brought to, and the factor that did. */
  float query_norm, query_space, query_scale;
  float *projected;
  uint32_t *ids; /* room for MGP_GRAPH_GATHER */
  int32_t *dots;
  uint32_t *scores;
  uint64_t *allowed; /* filter without the dead */
  mgp_graph_stats stats;
};

#define MGP_GRAPH_GATHER (4 * MGP_GRAPH_DEGREE_MAX)

/* Makes room for `capacity` candidates and empties the pool. */
bool mgp_graph_pool_reset(mgp_graph_pool *p, size_t capacity, mgp_alloc *a);
/* Ordered distances of s->ids[0..count) into s->scores. */
void mgp_graph_score(mgp_graph_searcher *s, size_t count);
/* Empties the pool of hits and its bound; then pushes nodes that are scored, and tightens the bound
 * by what was found. */
magpie_status mgp_graph_begin(mgp_graph_searcher *s, const mgp_graph_limit *l, magpie_error *err);
void mgp_graph_push(mgp_graph_searcher *s, mgp_graph_pool *p, size_t count);
void mgp_graph_tighten(mgp_graph_searcher *s, const mgp_graph_limit *l);
/* Fills s->found with the nearest of all nodes. */
magpie_status mgp_graph_find_walk(mgp_graph_searcher *s, const mgp_graph_limit *l,
                                  magpie_error *err);
/* The unseen ones of a list into s->ids, from place `count` on; how many there are then. */
size_t mgp_graph_gather_unseen(mgp_graph_searcher *s, const uint32_t *list, size_t size);
/* Fills s->found with allowed nodes, by whatever path is cheapest (graph_filter.c). */
magpie_status mgp_graph_find_allowed(mgp_graph_searcher *s, const mgp_graph_limit *l, size_t k,
                                     const uint64_t *allowed, size_t allowed_count,
                                     magpie_error *err);
/* Nodes that a walk to this limit scores, as calibration saw it (graph_calibrate.c). */
double mgp_graph_scored_for(const mgp_graph *g, const mgp_graph_limit *l);
size_t mgp_graph_width_for(const mgp_graph *g, double recall, size_t k); /* version 1 */
/* Scans all codes for this query, whatever else would be chosen; the hits found. */
size_t mgp_graph_scan(mgp_graph_searcher *s, const float *query, size_t k, mgp_scored *out);
/* The same by reading all codes; `allowed` NULL: every node. */
magpie_status mgp_graph_find_scan(mgp_graph_searcher *s, size_t k, const uint64_t *allowed,
                                  magpie_error *err);

#endif
