/* SPDX-License-Identifier: Apache-2.0
 *
 * The nearest list of every row, among those below the nearest supers. Rows of a batch that look
 * below the same super are scored together, many by many.
 */
#include <math.h>

#include "index/cluster_private.h"

#define NEAR ((size_t)8)     /* supers whose lists are looked at */
#define LISTS ((size_t)128)  /* centres scored together */
#define BATCHES ((size_t)16) /* between two questions whether to go on, a thread */

/* One thread's. */
typedef struct scratch {
  float *super_scores; /* MGP_CLUSTER_BATCH * supers */
  float *scores;       /* MGP_CLUSTER_BATCH * LISTS */
  float *gathered;     /* MGP_CLUSTER_BATCH rows */
  uint32_t near[MGP_CLUSTER_BATCH][NEAR];
  uint32_t who[MGP_CLUSTER_BATCH];
  float best[MGP_CLUSTER_BATCH];
} scratch;

typedef struct assignment {
  const mgp_cluster_tree *tree;
  const mgp_graph_rows *rows;
  uint32_t *labels;
  scratch *scratches;
  size_t first, last; /* batches of this run */
  _Atomic size_t next;
  atomic_size_t bad_row; /* SIZE_MAX: none */
} assignment;

/* The nearest supers of a row, in no order. */
static void choose_supers(const mgp_cluster_tree *t, const float *scores, uint32_t near[NEAR]) {
  float kept[NEAR];
  size_t count = 0;
  for (size_t i = 0; i < t->supers; i++) {
    const float score = scores[i] - t->half[t->lists + i];
    if (t->first_list[i + 1] == t->first_list[i]) continue; /* it has no lists */
    if (count == NEAR && !(score > kept[NEAR - 1])) continue;
    size_t at = count < NEAR ? count++ : NEAR - 1;
    for (; at > 0 && score > kept[at - 1]; at--) {
      kept[at] = kept[at - 1];
      near[at] = near[at - 1];
    }
    kept[at] = score;
    near[at] = (uint32_t)i;
  }
  for (; count < NEAR; count++) near[count] = UINT32_MAX;
}

/* Rows of the batch that look below this super. */
static size_t gather(const assignment *j, scratch *s, size_t first, size_t count, uint32_t super) {
  const size_t dim = j->rows->dim;
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    bool is_near = false;
    for (size_t n = 0; n < NEAR; n++) is_near = is_near || s->near[i][n] == super;
    if (!is_near) continue;
    memcpy(s->gathered + found * dim, mgp_cluster_row(j->rows, first + i), dim * sizeof(float));
    s->who[found++] = (uint32_t)i;
  }
  return found;
}

static void look_below(const assignment *j, scratch *s, size_t first, size_t count,
                       uint32_t super) {
  const mgp_cluster_tree *t = j->tree;
  const size_t found = gather(j, s, first, count, super);
  const uint32_t end = t->first_list[super + 1];
  for (uint32_t list = t->first_list[super]; found > 0 && list < end; list += LISTS) {
    const size_t n = end - list < LISTS ? end - list : LISTS;
    mgp_kernels_get()->f32_dot.block(s->gathered, t->dim * sizeof(float), found,
                                     t->centres + list * t->stride, t->dim,
                                     t->stride * sizeof(float), n, s->scores, LISTS);
    for (size_t i = 0; i < found; i++)
      for (size_t l = 0; l < n; l++) {
        const float score = s->scores[i * LISTS + l] - t->half[list + l];
        if (!(score > s->best[s->who[i]])) continue;
        s->best[s->who[i]] = score;
        j->labels[first + s->who[i]] = list + (uint32_t)l;
      }
  }
}

static void assign_batch(assignment *j, scratch *s, size_t batch) {
  const mgp_cluster_tree *t = j->tree;
  const size_t first = batch * MGP_CLUSTER_BATCH, left = j->rows->count - first;
  const size_t count = left < MGP_CLUSTER_BATCH ? left : MGP_CLUSTER_BATCH;
  const float *rows = mgp_cluster_row(j->rows, first);
  mgp_kernels_get()->f32_dot.block(rows, j->rows->stride * sizeof(float), count, t->super_centres,
                                   t->dim, t->stride * sizeof(float), t->supers, s->super_scores,
                                   t->supers);
  for (size_t i = 0; i < count; i++) {
    choose_supers(t, s->super_scores + i * t->supers, s->near[i]);
    s->best[i] = -INFINITY;
    j->labels[first + i] = 0;
  }
  for (uint32_t super = 0; super < t->supers; super++) look_below(j, s, first, count, super);
  for (size_t i = 0; i < count; i++) {
    size_t none = SIZE_MAX;
    const float *row = mgp_cluster_row(j->rows, first + i);
    if (!(mgp_dot_double(row, row, t->dim) <= 1e30))
      atomic_compare_exchange_strong(&j->bad_row, &none, first + i);
  }
}

static void assign_some(void *context, size_t index) {
  assignment *j = context;
  for (size_t batch; (batch = atomic_fetch_add(&j->next, 1)) < j->last;)
    assign_batch(j, &j->scratches[index], batch);
}

static magpie_status run(assignment *j, const mgp_cluster_options *o, mgp_pool *pool,
                         size_t threads, magpie_error *err) {
  const size_t batches = (j->rows->count + MGP_CLUSTER_BATCH - 1) / MGP_CLUSTER_BATCH;
  for (size_t first = 0; first < batches; first += threads * BATCHES) {
    const size_t left = batches - first;
    MGP_FORWARD(mgp_cluster_tell(o, 0.2 + 0.35 * (double)first / (double)batches, err));
    j->last = first + (left < threads * BATCHES ? left : threads * BATCHES);
    atomic_store(&j->next, first);
    mgp_cluster_run(pool, threads, assign_some, j);
    MGP_RETURN_IF(atomic_load(&j->bad_row) != SIZE_MAX, err, MAGPIE_INVALID,
                  "clusters: row %zu holds a number that is not finite, or is longer than 1e15",
                  atomic_load(&j->bad_row));
  }
  return MAGPIE_OK;
}

uint64_t mgp_cluster_assign_memory(size_t supers, size_t stride, int threads) {
  const uint64_t floats = MGP_CLUSTER_BATCH * ((uint64_t)supers + LISTS + stride);
  return (uint64_t)threads * (floats * sizeof(float) + sizeof(scratch));
}

magpie_status mgp_cluster_assign(const mgp_cluster_tree *t, const mgp_graph_rows *rows,
                                 const mgp_cluster_options *o, mgp_pool *pool, mgp_alloc *a,
                                 uint32_t *labels, magpie_error *err) {
  const size_t threads = pool ? (size_t)mgp_pool_threads(pool) : 1;
  assignment j = {.tree = t, .rows = rows, .labels = labels, .bad_row = SIZE_MAX};
  j.scratches = mgp_calloc(a, threads, sizeof *j.scratches);
  bool has_room = j.scratches != NULL;
  for (size_t i = 0; has_room && i < threads; i++) {
    scratch *s = &j.scratches[i];
    s->super_scores = mgp_malloc(a, MGP_CLUSTER_BATCH * t->supers * sizeof(float));
    s->scores = mgp_malloc(a, MGP_CLUSTER_BATCH * LISTS * sizeof(float));
    s->gathered = mgp_malloc(a, MGP_CLUSTER_BATCH * t->stride * sizeof(float));
    has_room = s->super_scores && s->scores && s->gathered;
  }
  const magpie_status status =
      has_room
          ? run(&j, o, pool, threads, err)
          : mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory to share out %zu rows", rows->count);
  for (size_t i = 0; j.scratches && i < threads; i++) {
    mgp_free(a, j.scratches[i].super_scores);
    mgp_free(a, j.scratches[i].scores);
    mgp_free(a, j.scratches[i].gathered);
  }
  mgp_free(a, j.scratches);
  return status;
}
