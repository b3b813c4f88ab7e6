/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a search, shared by search_lists.c (recall), search.c (fuse, fetch) and result.c.
 */
#ifndef MGP_SEARCH_H
#define MGP_SEARCH_H

#include "engine/engine.h"

#define SEARCH_LISTS 128
#define SEARCH_KINDS 256
#define SEARCH_STEPS 256

/* One ranked list: what one space says to one part. */
typedef struct mgp_search_list {
  const char *label; /* "text", or "text@2" for the same space asked by the second part */
  mgp_scored *hits;  /* best first */
  size_t count;
  double weight, confidence; /* as in mgp_ranked_list */
  const float *beliefs;      /* as there; arena-owned, or NULL */
  int medium;
} mgp_search_list;

/* How one segment was searched for one list, for those who ask. */
typedef struct mgp_search_step {
  const char *label, *path; /* of the list; "rows", "survivors", "graph", … */
  size_t rows, allowed;     /* of the segment, and those of them that may be hits */
  size_t visited, rescored; /* codes and vectors that were compared */
} mgp_search_step;

typedef struct mgp_search {
  magpie *ix;
  const magpie_query *query;
  mgp_pool *pool; /* NULL: scan on this thread */
  mgp_arena *arena;
  mgp_index_view *view;
  size_t depth;
  bool all_kinds;
  bool kinds[SEARCH_KINDS];
  uint64_t like[64]; /* items that the query itself names are no answers */
  size_t like_count;
  mgp_search_list lists[SEARCH_LISTS];
  size_t list_count;
  mgp_query_words *words; /* of the text parts, for highlights */
  size_t words_count;
  const char *warnings[16];
  size_t warning_count;
  mgp_search_step steps[SEARCH_STEPS + 1]; /* the last one is not told */
  size_t step_count;
  uint64_t matches; /* of a range */
  size_t vanished;  /* hits whose item a writer removed since the snapshot */
} mgp_search;

struct magpie_result {
  mgp_alloc *alloc;
  mgp_arena *arena;
  magpie_hit *hits;
  size_t count;
  double took_ms;
  uint64_t generation, matches;
  bool is_range;
  const char **warnings;
  size_t warning_count;
  json_t *query; /* the parts, echoed */
  json_t *steps; /* NULL unless the query asked to explain */
};

/* A search on the generation of this moment, its lists recalled; what it says lives in `arena`. The
 * query must outlive it. Close it before the arena. */
magpie_status mgp_search_open(magpie *ix, const magpie_query *query, mgp_pool *pool,
                              mgp_arena *arena, mgp_search **out, magpie_error *err);
/* One ranking of all lists, grouped when the query asks for records; arena-owned. May be called
 * again after weights or counts of the lists were changed. */
magpie_status mgp_search_fuse(mgp_search *s, mgp_scored **fused, size_t *count, magpie_error *err);
void mgp_search_close(mgp_search *s);
/* Candidates taken of each space. */
size_t mgp_search_depth(const magpie_query *query);
/* Fills lists, words and warnings from the query's parts. */
magpie_status mgp_search_recall(mgp_search *s, magpie_error *err);
void mgp_search_warn(mgp_search *s, const char *message);
/* May this item be a hit? Fits mgp_allow; the context is the search. */
bool mgp_search_allows(const void *search, uint64_t id);
/* The best of a space by a vector, into `top`; `label` is the list's. (search_dense.c) */
magpie_status mgp_search_dense(mgp_search *s, const mgp_space_view *space, const float *vector,
                               const char *label, mgp_topk *top, magpie_error *err);
/* All of a space that score the query's min_score or more: the best into `top`, their number into
 * the search. (search_dense.c) */
magpie_status mgp_search_range(mgp_search *s, const mgp_space_view *space, const float *vector,
                               const char *label, mgp_topk *top, magpie_error *err);
json_t *mgp_search_steps_json(const mgp_search *s);
/* As magpie_search on a given pool (NULL: one thread), for batches that run queries side by side.
 */
magpie_status mgp_engine_search(magpie *ix, const magpie_query *query, mgp_pool *pool,
                                magpie_result **out, magpie_error *err);
/* The best of `fused` with texts, scores and highlights. */
magpie_status mgp_result_fill(mgp_search *s, const mgp_scored *fused, size_t count,
                              magpie_result *result, magpie_error *err);
/* Pieces of the JSON that results and single items share; yours to json_decref. */
json_t *mgp_locator_json(const magpie_locator *locator);
json_t *mgp_metadata_json(const char *text);
/* Parts as JSON, for the echo. */
json_t *mgp_query_echo(const magpie_query *query);

#endif
