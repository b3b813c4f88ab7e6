/* SPDX-License-Identifier: Apache-2.0
 *
 * The centres: k-means of a sample in two levels (supers, then the lists of each), which costs the
 * root of what one level does. Each k-means runs on one thread, so that centres do not depend on
 * how many there are.
 */
#include <math.h>

#include "index/cluster_private.h"

#define ROUNDS 8
#define CHUNK ((size_t)64) /* rows scored together */
#define SAMPLE_A_LIST 32   /* rows */
#define SAMPLE_A_SUPER 256 /* rows; the supers' own k-means needs no more */
#define SAMPLE_SHARE 4     /* of the memory that is left */
#define ROWS_A_LIST 64     /* at least: half of a block would be empty with few */
#define SEED UINT64_C(20261123)

void mgp_cluster_run(mgp_pool *pool, size_t count, void (*fn)(void *context, size_t index),
                     void *context) {
  if (pool) mgp_pool_run(pool, count, fn, context);
  else
    for (size_t i = 0; i < count; i++) fn(context, i);
}

size_t mgp_cluster_list_count(size_t rows, const mgp_cluster_options *o) {
  size_t lists = o->lists;
  if (lists == 0) {
    const size_t roots = (size_t)(4 * sqrt((double)rows));
    lists = roots < rows / ROWS_A_LIST ? roots : rows / ROWS_A_LIST;
  }
  if (lists > MGP_CLUSTER_LISTS_MAX) lists = MGP_CLUSTER_LISTS_MAX;
  if (lists > rows) lists = rows;
  return lists < 1 ? 1 : lists;
}

size_t mgp_cluster_sample_count(size_t rows, size_t stride, size_t lists, const mgp_alloc *a) {
  const uint64_t left = mgp_alloc_left(a) / SAMPLE_SHARE / (stride * sizeof(float));
  uint64_t count = (uint64_t)lists * SAMPLE_A_LIST;
  if (count > left) count = left;
  if (count > rows) count = rows;
  return (size_t)(count < lists ? lists : count);
}

/* ---- one k-means ------------------------------------------------------------------------------
 */

typedef struct kmeans {
  const float *rows; /* `stride` floats apart, zeros behind dim */
  size_t stride;
  const uint32_t *members;
  size_t count, k;
  float *centres; /* k, as far apart */
  uint64_t seed;
  uint32_t *labels; /* of members */
  float *chunk, *scores, *half;
  uint32_t *sizes;
} kmeans;

static bool kmeans_init(kmeans *m, mgp_alloc *a) {
  m->labels = mgp_malloc(a, (m->count + 1) * sizeof *m->labels);
  m->chunk = mgp_malloc(a, CHUNK * m->stride * sizeof *m->chunk);
  m->scores = mgp_malloc(a, CHUNK * m->k * sizeof *m->scores);
  m->half = mgp_malloc(a, m->k * sizeof *m->half);
  m->sizes = mgp_malloc(a, m->k * sizeof *m->sizes);
  return m->labels && m->chunk && m->scores && m->half && m->sizes;
}

static void kmeans_fini(kmeans *m, mgp_alloc *a) {
  mgp_free(a, m->labels);
  mgp_free(a, m->chunk);
  mgp_free(a, m->scores);
  mgp_free(a, m->half);
  mgp_free(a, m->sizes);
}

static const float *member_row(const kmeans *m, size_t i) {
  return m->rows + (size_t)m->members[i] * m->stride;
}

/* One from each of k equal parts. */
static void choose_centres(kmeans *m) {
  for (size_t i = 0; i < m->k; i++) {
    const size_t from = i * m->count / m->k, to = (i + 1) * m->count / m->k;
    const size_t at = from + (to > from ? mgp_cluster_random(&m->seed) % (to - from) : 0);
    memcpy(m->centres + i * m->stride, member_row(m, at), m->stride * sizeof(float));
  }
}

static void label_members(kmeans *m) {
  const size_t bytes = m->stride * sizeof(float);
  for (size_t i = 0; i < m->k; i++)
    m->half[i] =
        (float)mgp_dot_double(m->centres + i * m->stride, m->centres + i * m->stride, m->stride) /
        2;
  for (size_t first = 0; first < m->count; first += CHUNK) {
    const size_t n = m->count - first < CHUNK ? m->count - first : CHUNK;
    for (size_t i = 0; i < n; i++)
      memcpy(m->chunk + i * m->stride, member_row(m, first + i), bytes);
    mgp_kernels_get()->f32_dot.block(m->chunk, bytes, n, m->centres, m->stride, bytes, m->k,
                                     m->scores, m->k);
    for (size_t i = 0; i < n; i++) {
      const float *scores = m->scores + i * m->k;
      uint32_t best = 0;
      for (uint32_t j = 1; j < m->k; j++)
        if (scores[j] - m->half[j] > scores[best] - m->half[best]) best = j;
      m->labels[first + i] = best;
    }
  }
}

/* A centre that nothing is nearest to starts again at a row. */
static void move_centres(kmeans *m) {
  memset(m->sizes, 0, m->k * sizeof *m->sizes);
  memset(m->centres, 0, m->k * m->stride * sizeof(float));
  for (size_t i = 0; i < m->count; i++) {
    float *centre = m->centres + m->labels[i] * m->stride;
    const float *row = member_row(m, i);
    m->sizes[m->labels[i]]++;
    for (size_t j = 0; j < m->stride; j++) centre[j] += row[j];
  }
  for (size_t i = 0; i < m->k; i++) {
    float *centre = m->centres + i * m->stride;
    if (m->sizes[i] == 0) {
      memcpy(centre, member_row(m, mgp_cluster_random(&m->seed) % m->count),
             m->stride * sizeof(float));
      continue;
    }
    const float part = 1 / (float)m->sizes[i];
    for (size_t j = 0; j < m->stride; j++) centre[j] *= part;
  }
}

/* At least as many members as centres. False: no memory. */
static bool kmeans_run(kmeans *m, mgp_alloc *a) {
  const bool has_room = kmeans_init(m, a);
  if (has_room) choose_centres(m);
  for (size_t round = 0; has_room && round < ROUNDS; round++) {
    label_members(m);
    move_centres(m);
  }
  kmeans_fini(m, a);
  return has_room;
}

/* ---- two levels -------------------------------------------------------------------------------
 */

typedef struct training {
  mgp_cluster_tree *tree;
  float *sample; /* tree->stride floats apart */
  size_t count;
  uint32_t *labels, *members; /* of the sample: its super; by super */
  uint32_t *starts;           /* of members, supers + 1 */
  size_t first;               /* super of this run */
  mgp_alloc *alloc;
  atomic_int failed;
} training;

/* Rows from equal parts of the whole. */
static magpie_status take_sample(training *t, const mgp_graph_rows *rows, magpie_error *err) {
  uint64_t state = SEED;
  const size_t dim = rows->dim, stride = t->tree->stride;
  for (size_t i = 0; i < t->count; i++) {
    const size_t from = (size_t)((double)i * (double)rows->count / (double)t->count);
    size_t to = (size_t)((double)(i + 1) * (double)rows->count / (double)t->count);
    if (to > rows->count) to = rows->count;
    const size_t at = from + (to > from ? mgp_cluster_random(&state) % (to - from) : 0);
    float *row = t->sample + i * stride;
    memcpy(row, mgp_cluster_row(rows, at), dim * sizeof *row);
    for (size_t j = dim; j < stride; j++) row[j] = 0;
    /* NaN and Inf fail the comparison */
    MGP_RETURN_IF(!(mgp_dot_double(row, row, dim) <= 1e30), err, MAGPIE_INVALID,
                  "clusters: row %zu holds a number that is not finite, or is longer than 1e15",
                  at);
  }
  return MAGPIE_OK;
}

static bool train_supers(training *t) {
  mgp_cluster_tree *tree = t->tree;
  const size_t most = tree->supers * SAMPLE_A_SUPER;
  const size_t count = t->count < most ? t->count : most;
  for (size_t i = 0; i < count; i++) t->members[i] = (uint32_t)(i * t->count / count);
  kmeans m = {.rows = t->sample,
              .stride = tree->stride,
              .members = t->members,
              .count = count,
              .k = tree->supers,
              .centres = tree->super_centres,
              .seed = SEED + 1};
  return kmeans_run(&m, t->alloc);
}

/* The sample by supers: counted, then placed. */
static bool share_out(training *t) {
  const mgp_cluster_tree *tree = t->tree;
  for (size_t i = 0; i < t->count; i++) t->members[i] = (uint32_t)i;
  kmeans m = {.rows = t->sample,
              .stride = tree->stride,
              .members = t->members,
              .count = t->count,
              .k = tree->supers,
              .centres = tree->super_centres};
  const bool has_room = kmeans_init(&m, t->alloc);
  if (has_room) {
    label_members(&m);
    memcpy(t->labels, m.labels, t->count * sizeof *t->labels);
  }
  kmeans_fini(&m, t->alloc);
  if (!has_room) return false;
  memset(t->starts, 0, (tree->supers + 1) * sizeof *t->starts);
  for (size_t i = 0; i < t->count; i++) t->starts[t->labels[i] + 1]++;
  for (size_t i = 0; i < tree->supers; i++) t->starts[i + 1] += t->starts[i];
  for (size_t i = t->count; i-- > 0;) t->members[--t->starts[t->labels[i] + 1]] = (uint32_t)i;
  /* starts[i + 1] is now where i begins: one place to the left */
  for (size_t i = 0; i < tree->supers; i++) t->starts[i] = t->starts[i + 1];
  t->starts[tree->supers] = (uint32_t)t->count;
  return true;
}

/* Lists by the size of the super, at most its members; all in all no more than asked for. */
static void share_lists(training *t, size_t lists) {
  mgp_cluster_tree *tree = t->tree;
  tree->first_list[0] = 0;
  for (size_t i = 0; i < tree->supers; i++) {
    const uint64_t to = (uint64_t)lists * t->starts[i + 1] / t->count;
    const uint64_t from = (uint64_t)lists * t->starts[i] / t->count;
    const size_t size = t->starts[i + 1] - t->starts[i];
    tree->first_list[i + 1] = tree->first_list[i] + (uint32_t)(to - from < size ? to - from : size);
  }
  tree->lists = tree->first_list[tree->supers];
}

static void train_lists(void *context, size_t index) {
  training *t = context;
  const size_t super = t->first + index;
  const uint32_t *first = t->tree->first_list + super;
  if (first[1] == first[0]) return;
  kmeans m = {.rows = t->sample,
              .stride = t->tree->stride,
              .members = t->members + t->starts[super],
              .count = t->starts[super + 1] - t->starts[super],
              .k = first[1] - first[0],
              .centres = t->tree->centres + first[0] * t->tree->stride,
              .seed = SEED + 2 + super};
  if (!kmeans_run(&m, t->alloc)) atomic_store(&t->failed, 1);
}

static void note_halves(mgp_cluster_tree *t) {
  for (size_t i = 0; i < t->lists + t->supers; i++) {
    const float *centre =
        i < t->lists ? t->centres + i * t->stride : t->super_centres + (i - t->lists) * t->stride;
    t->half[i] = (float)mgp_dot_double(centre, centre, t->dim) / 2;
  }
}

void mgp_cluster_tree_fini(mgp_alloc *a, mgp_cluster_tree *t) {
  mgp_free(a, t->super_centres);
  mgp_free(a, t->centres);
  mgp_free(a, t->first_list);
  mgp_free(a, t->half);
  *t = (mgp_cluster_tree){0};
}

static magpie_status fail_memory(size_t lists, magpie_error *err) {
  return mgp_fail(err, MAGPIE_LIMIT, "clusters: no memory to find %zu centres", lists);
}

static magpie_status run_training(training *t, const mgp_graph_rows *rows, size_t lists,
                                  const mgp_cluster_options *o, mgp_pool *pool, magpie_error *err) {
  mgp_cluster_tree *tree = t->tree;
  const size_t step = 4 * (size_t)(pool ? mgp_pool_threads(pool) : 1);
  MGP_FORWARD(take_sample(t, rows, err));
  MGP_FORWARD(mgp_cluster_tell(o, 0.02, err));
  if (!train_supers(t) || !share_out(t)) return fail_memory(lists, err);
  share_lists(t, lists);
  for (t->first = 0; t->first < tree->supers; t->first += step) {
    const size_t left = tree->supers - t->first;
    MGP_FORWARD(mgp_cluster_tell(o, 0.04 + 0.16 * (double)t->first / (double)tree->supers, err));
    mgp_cluster_run(pool, left < step ? left : step, train_lists, t);
    if (atomic_load(&t->failed)) return fail_memory(lists, err);
  }
  note_halves(tree);
  return MAGPIE_OK;
}

magpie_status mgp_cluster_train(const mgp_graph_rows *rows, size_t lists,
                                const mgp_cluster_options *o, mgp_pool *pool, mgp_alloc *a,
                                mgp_cluster_tree *out, magpie_error *err) {
  *out = (mgp_cluster_tree){.dim = rows->dim, .stride = (rows->dim + 15) / 16 * 16};
  out->supers = (size_t)sqrt((double)lists);
  training t = {.tree = out,
                .count = mgp_cluster_sample_count(rows->count, out->stride, lists, a),
                .alloc = a};
  t.sample = mgp_malloc(a, t.count * out->stride * sizeof *t.sample);
  t.labels = mgp_malloc(a, t.count * sizeof *t.labels);
  t.members = mgp_malloc(a, t.count * sizeof *t.members);
  t.starts = mgp_calloc(a, out->supers + 1, sizeof *t.starts);
  out->super_centres = mgp_calloc(a, out->supers * out->stride, sizeof(float));
  out->centres = mgp_calloc(a, lists * out->stride, sizeof(float));
  out->first_list = mgp_calloc(a, out->supers + 1, sizeof *out->first_list);
  out->half = mgp_calloc(a, lists + out->supers, sizeof(float));
  const bool has_room = t.sample && t.labels && t.members && t.starts && out->super_centres &&
                        out->centres && out->first_list && out->half;
  const magpie_status status =
      has_room ? run_training(&t, rows, lists, o, pool, err) : fail_memory(lists, err);
  mgp_free(a, t.sample);
  mgp_free(a, t.labels);
  mgp_free(a, t.members);
  mgp_free(a, t.starts);
  if (status != MAGPIE_OK) mgp_cluster_tree_fini(a, out);
  return status;
}
