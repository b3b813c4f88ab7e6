/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_search_vectors: many vectors asked of one space, from memory. Side by side on the pool,
 * each by the search of a single vector on one thread, so that no answer depends on its neighbours.
 */
#include "engine/search.h"
#include "magpie/vectors.h"

#define BLOCK ((size_t)1024) /* questions between two looks at `cancel` */

typedef struct questions {
  magpie *ix;
  const magpie_query *settings;
  const char *space;
  const float *vectors;
  size_t n, dim, first;
  magpie_result **results;
  pthread_mutex_t mutex;
  size_t failed; /* the first that did, or SIZE_MAX */
  magpie_status status;
  magpie_error error;
} questions;

static void note_failure(questions *q, size_t row, magpie_status status, const magpie_error *why) {
  pthread_mutex_lock(&q->mutex);
  if (row < q->failed) {
    q->failed = row;
    q->status = status;
    q->error = *why;
  }
  pthread_mutex_unlock(&q->mutex);
}

static void ask_one(void *context, size_t index) {
  questions *q = context;
  const size_t row = q->first + index;
  const magpie_part part = {
      .vector = q->vectors + row * q->dim, .vector_dim = q->dim, .space = q->space, .weight = 1};
  magpie_query query = *q->settings;
  query.parts = &part;
  query.part_count = 1;
  magpie_error why = {0};
  const magpie_status status = mgp_engine_search(q->ix, &query, NULL, &q->results[row], &why);
  if (status != MAGPIE_OK) note_failure(q, row, status, &why);
}

static magpie_status ask_all(questions *q, const volatile int *cancel, magpie_error *err) {
  for (; q->first < q->n && q->failed == SIZE_MAX; q->first += BLOCK) {
    MGP_RETURN_IF(cancel && *cancel, err, MAGPIE_CANCELLED, "stopped on request after %zu of %zu",
                  q->first, q->n);
    const size_t count = q->n - q->first < BLOCK ? q->n - q->first : BLOCK;
    mgp_pool_run(q->ix->pool, count, ask_one, q);
  }
  if (q->failed == SIZE_MAX) return MAGPIE_OK;
  return mgp_fail(err, q->status, "vector %zu of %zu: %s", q->failed + 1, q->n, q->error.message);
}

magpie_status magpie_search_vectors(magpie *ix, const char *space, const float *vectors, size_t n,
                                    size_t dim, const magpie_query *query,
                                    const volatile int *cancel, magpie_result **results,
                                    magpie_error *err) {
  MGP_RETURN_IF(!ix || (n > 0 && (!vectors || !results)), err, MAGPIE_INVALID,
                "magpie_search_vectors: index, vectors or results is NULL");
  MGP_RETURN_IF(n > 0 && (dim == 0 || n > SIZE_MAX / sizeof *vectors / dim), err, MAGPIE_INVALID,
                "%zu vectors of %zu numbers fit in no memory", n, dim);
  magpie_query defaults;
  magpie_query_defaults(&defaults);
  questions q = {.ix = ix,
                 .settings = query ? query : &defaults,
                 .space = space,
                 .vectors = vectors,
                 .n = n,
                 .dim = dim,
                 .results = results,
                 .failed = SIZE_MAX};
  for (size_t i = 0; i < n; i++) results[i] = NULL;
  MGP_RETURN_IF(q.settings->size < sizeof *q.settings, err, MAGPIE_INVALID,
                "the query is not set up; use magpie_query_defaults");
  pthread_mutex_init(&q.mutex, NULL);
  const magpie_status status = ask_all(&q, cancel, err);
  pthread_mutex_destroy(&q.mutex);
  for (size_t i = 0; status != MAGPIE_OK && i < n; i++) {
    magpie_result_destroy(results[i]);
    results[i] = NULL;
  }
  mgp_alloc_explain(ix->alloc, err);
  return status;
}
