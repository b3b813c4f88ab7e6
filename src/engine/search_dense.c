/* SPDX-License-Identifier: Apache-2.0
 *
 * One vector against one space. Each segment is searched as costs least for it
 * (docs/decisions/0021-dense-plan.md has the figures):
 *
 *   rows       all of its vectors: small segments, and whatever the query wants exact
 *   survivors  the vectors of the items that the filter leaves, when these are few
 *   graph      its graph, which chooses by filter and query between walks and a scan of codes
 *   clusters   its lists of codes, where it was too large for a graph: the nearest, more, or all
 *
 * All of them score on the vectors themselves, so what they find is ranked together.
 */
#include <math.h>

#include "engine/dense_extra.h"
#include "engine/search.h"

/* Rows in no order cost more than a scan of codes when they are more. */
#define SURVIVORS_MAX 2000
/* Of a segment with clusters: its rows may have to come from a disk. */
#define SURVIVORS_MAX_LARGE 256
#define DEEP_SHARE 8 /* a search for an 8th of a segment is a scan */
#define RECALL_USUAL 0.95

/* What a search does with one segment. */
typedef struct segment_job {
  mgp_search *search;
  const mgp_dense_view *rows;
  mgp_dense_extra *extra;
  const float *vector;
  uint64_t *bits; /* rows that may be hits; NULL: all */
  size_t allowed;
  mgp_topk *top;
  mgp_search_step *step;
} segment_job;

static mgp_search_step *new_step(mgp_search *s, const char *label, const mgp_dense_view *rows,
                                 const char *path) {
  mgp_search_step *step = &s->steps[s->step_count]; /* one more than are told */
  s->step_count += s->step_count < SEARCH_STEPS;
  *step = (mgp_search_step){.label = label, .path = path, .rows = rows->count};
  return step;
}

/* ---- the filter ---------------------------------------------------------------------------------
 */

/* The row of an item, or SIZE_MAX. */
static size_t find_row(const mgp_dense_view *rows, uint64_t id) {
  size_t low = 0, high = rows->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (rows->ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  return low < rows->count && rows->ids[low] == id ? low : SIZE_MAX;
}

static void fill_bits(uint64_t *bits, const unsigned char *kinds, size_t count,
                      const bool *is_wanted) {
  for (size_t w = 0; w * 64 < count; w++) {
    const size_t here = count - w * 64 < 64 ? count - w * 64 : 64;
    uint64_t word = 0;
    for (size_t i = 0; i < here; i++) word |= (uint64_t)is_wanted[kinds[w * 64 + i]] << i;
    bits[w] = word;
  }
}

/* Living items of the kinds that are wanted, without those that the query names. */
static magpie_status allow_rows(segment_job *j, magpie_error *err) {
  const mgp_search *s = j->search;
  bool is_wanted[MGP_KIND_NUMBERS] = {false};
  j->allowed = 0;
  for (int kind = 1; kind < MGP_KIND_NUMBERS; kind++) {
    is_wanted[kind] = s->all_kinds || (kind < SEARCH_KINDS && s->kinds[kind]);
    if (is_wanted[kind]) j->allowed += j->extra->counts[kind];
  }
  bool has_like = false;
  for (size_t i = 0; i < s->like_count; i++)
    has_like = has_like || find_row(j->rows, s->like[i]) != SIZE_MAX;
  if ((j->allowed == j->rows->count && !has_like) || j->allowed == 0) return MAGPIE_OK;
  j->bits = mgp_malloc(s->ix->alloc, (j->rows->count / 64 + 1) * sizeof *j->bits);
  MGP_RETURN_IF(!j->bits, err, MAGPIE_NO_MEMORY, "no memory for a filter over %zu items",
                j->rows->count);
  fill_bits(j->bits, j->extra->kinds, j->rows->count, is_wanted);
  for (size_t i = 0; i < s->like_count; i++) {
    const size_t row = find_row(j->rows, s->like[i]);
    if (row == SIZE_MAX || !(j->bits[row / 64] >> row % 64 & 1)) continue;
    j->bits[row / 64] &= ~(UINT64_C(1) << row % 64);
    j->allowed--;
  }
  return MAGPIE_OK;
}

/* ---- ways ---------------------------------------------------------------------------------------
 */

static void scan_survivors(const segment_job *j) {
  const mgp_dense_view *r = j->rows;
  const mgp_kernels *kernels = mgp_kernels_get();
  j->step->path = "survivors";
  j->step->rescored = j->allowed;
  for (size_t w = 0; w * 64 < r->count; w++)
    for (uint64_t bits = j->bits[w]; bits; bits &= bits - 1) {
      const size_t row = w * 64 + (size_t)__builtin_ctzll(bits);
      float score = 0;
      kernels->dot_rows_f32(j->vector, r->rows + row * r->stride, r->dim, r->stride, 1, &score);
      mgp_topk_push(j->top, score, r->ids[row]);
    }
}

static const char *path_name(mgp_graph_path path) {
  static const char *const names[] = {[MGP_GRAPH_PATH_NONE] = "none",
                                      [MGP_GRAPH_PATH_WALK] = "graph",
                                      [MGP_GRAPH_PATH_BRIDGE] = "graph-filtered",
                                      [MGP_GRAPH_PATH_SCAN] = "codes",
                                      [MGP_GRAPH_PATH_RESCAN] = "graph-codes",
                                      [MGP_GRAPH_PATH_ROWS] = "survivors"};
  return (size_t)path < sizeof names / sizeof *names ? names[path] : "none";
}

/* What is asked of one segment. */
typedef struct segment_question {
  size_t k, shown; /* candidates; those that the recall is meant for */
  double recall;
  mgp_graph_bits bits;
  const mgp_graph_bits *allow;
} segment_question;

/* How far the walk looks is told by the hits that are shown; a deeper list is at least half as wide
 * again. */
static magpie_status ask_graph(const segment_job *j, mgp_graph_searcher *searcher,
                               const segment_question *q, mgp_scored *hits, size_t *count,
                               magpie_error *err) {
  const mgp_graph_search_options options = {
      .k = q->k, .shown = q->shown, .recall = q->recall, .allow = q->allow};
  mgp_graph_stats stats = {0};
  const magpie_status status =
      mgp_graph_search(searcher, j->vector, &options, hits, count, &stats, err);
  j->step->path = path_name(stats.path);
  j->step->visited = stats.scored;
  j->step->rescored = stats.rescored;
  return status;
}

static magpie_status ask_clusters(const segment_job *j, mgp_cluster_searcher *searcher,
                                  const segment_question *q, mgp_scored *hits, size_t *count,
                                  magpie_error *err) {
  static const char *const names[] = {[MGP_CLUSTER_PATH_NONE] = "none",
                                      [MGP_CLUSTER_PATH_PROBE] = "clusters",
                                      [MGP_CLUSTER_PATH_FILTERED] = "clusters-filtered",
                                      [MGP_CLUSTER_PATH_SCAN] = "clusters-codes"};
  const mgp_cluster_search_options options = {
      .k = q->k, .shown = q->shown, .recall = q->recall, .allow = q->allow};
  mgp_cluster_stats stats = {0};
  const magpie_status status =
      mgp_clusters_search(searcher, j->vector, &options, hits, count, &stats, err);
  j->step->path = names[stats.path];
  j->step->visited = stats.scored;
  j->step->rescored = stats.rescored;
  return status;
}

static magpie_status search_extra(const segment_job *j, mgp_scored *hits, size_t k,
                                  magpie_error *err) {
  const magpie_query *query = j->search->query;
  segment_question q = {.k = k,
                        .shown = query->k < k ? query->k : k,
                        .recall = query->recall > 0 ? query->recall : RECALL_USUAL,
                        .bits = {.words = j->bits, .count = j->rows->count}};
  q.allow = j->bits ? &q.bits : NULL;
  mgp_dense_searcher searcher = {0};
  size_t count = 0;
  MGP_FORWARD(mgp_dense_extra_take(j->extra, &searcher, err));
  const magpie_status status = searcher.graph
                                   ? ask_graph(j, searcher.graph, &q, hits, &count, err)
                                   : ask_clusters(j, searcher.clusters, &q, hits, &count, err);
  mgp_dense_extra_give(j->extra, searcher);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
    mgp_topk_push(j->top, hits[i].score, j->rows->ids[hits[i].id]);
  return status;
}

static magpie_status search_segment(segment_job *j, const char *label, bool *is_done,
                                    magpie_error *err) {
  MGP_FORWARD(allow_rows(j, err));
  const size_t k = j->top->k < j->allowed ? j->top->k : j->allowed;
  const bool is_few = j->allowed <= (j->extra->graph ? SURVIVORS_MAX : SURVIVORS_MAX_LARGE);
  *is_done = k == 0 || is_few || k <= j->allowed / DEEP_SHARE;
  if (!*is_done) return MAGPIE_OK;
  j->step = new_step(j->search, label, j->rows, "none");
  j->step->allowed = j->allowed;
  if (k == 0) return MAGPIE_OK;
  if (is_few && j->bits) {
    scan_survivors(j);
    return MAGPIE_OK;
  }
  mgp_scored *hits = mgp_malloc(j->search->ix->alloc, k * sizeof *hits);
  MGP_RETURN_IF(!hits, err, MAGPIE_NO_MEMORY, "no memory for %zu candidates", k);
  magpie_error why = {0};
  const magpie_status status = search_extra(j, hits, k, &why);
  mgp_free(j->search->ix->alloc, hits);
  if (status == MAGPIE_LIMIT || status == MAGPIE_NO_MEMORY) { /* comparing rows needs hardly any */
    *is_done = false;
    j->search->step_count -= j->step != &j->search->steps[SEARCH_STEPS];
    return MAGPIE_OK;
  }
  if (status != MAGPIE_OK && err) *err = why;
  return status;
}

/* ---- the space ----------------------------------------------------------------------------------
 */

static magpie_status try_segment(mgp_search *s, const mgp_space_view *space, size_t index,
                                 const float *vector, const char *label, mgp_topk *top,
                                 bool *is_done, magpie_error *err) {
  segment_job j = {.search = s,
                   .rows = &space->dense[index],
                   .extra = space->extras[index],
                   .vector = vector,
                   .top = top};
  *is_done = false;
  if (!j.extra || s->query->exact) return MAGPIE_OK;
  const magpie_status status = search_segment(&j, label, is_done, err);
  mgp_free(s->ix->alloc, j.bits);
  return status;
}

magpie_status mgp_search_dense(mgp_search *s, const mgp_space_view *space, const float *vector,
                               const char *label, mgp_topk *top, magpie_error *err) {
  const mgp_filter filter = {.allow = mgp_search_allows, .context = s};
  mgp_dense_view *left = mgp_arena_alloc(s->arena, (space->count + 1) * sizeof *left);
  size_t count = 0;
  MGP_RETURN_IF(!left, err, MAGPIE_NO_MEMORY, "no memory for %zu segments", space->count);
  for (size_t i = 0; i < space->count; i++) {
    bool is_done = false;
    MGP_FORWARD(try_segment(s, space, i, vector, label, top, &is_done, err));
    if (is_done) continue;
    mgp_search_step *step = new_step(s, label, &space->dense[i], "rows");
    step->rescored = step->allowed = step->rows;
    left[count++] = space->dense[i];
  }
  return mgp_dense_search(left, count, vector, &filter, s->pool, s->ix->alloc, top, err);
}

/* The least float that is not below the bound: scores are floats. */
static float float_from(double bound) {
  const float nearest = (float)bound;
  return (double)nearest < bound ? nextafterf(nearest, INFINITY) : nearest;
}

magpie_status mgp_search_range(mgp_search *s, const mgp_space_view *space, const float *vector,
                               const char *label, mgp_topk *top, magpie_error *err) {
  const mgp_filter filter = {.allow = mgp_search_allows, .context = s};
  size_t matches = 0;
  for (size_t i = 0; i < space->count; i++) {
    mgp_search_step *step = new_step(s, label, &space->dense[i], "rows");
    step->rescored = step->allowed = step->rows;
  }
  MGP_FORWARD(mgp_dense_range(space->dense, space->count, vector, float_from(s->query->min_score),
                              &filter, s->pool, s->ix->alloc, top, &matches, err));
  s->matches += matches;
  return MAGPIE_OK;
}

json_t *mgp_search_steps_json(const mgp_search *s) {
  json_t *steps = json_array();
  for (size_t i = 0; i < s->step_count; i++) {
    const mgp_search_step *step = &s->steps[i];
    json_array_append_new(steps,
                          json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "list", step->label, "path",
                                    step->path, "rows", (json_int_t)step->rows, "allowed",
                                    (json_int_t)step->allowed, "visited", (json_int_t)step->visited,
                                    "rescored", (json_int_t)step->rescored));
  }
  return steps;
}
