/* SPDX-License-Identifier: Apache-2.0
 *
 * Reciprocal rank fusion of runs (Cormack, Clarke, Buettcher, SIGIR 2009). Documents have numbers
 * in their runs, so a document is looked up once a run, not once a hit; sums lie in an array by
 * the number in the fused run.
 */
#include <math.h>

#include "eval/ranked.h"

#define RUNS_MAX 1000

typedef struct fuser {
  const magpie_run *const *runs;
  const double *weights;
  size_t count;
  double k;
  size_t depth;
  magpie_run *fused;
  uint32_t **maps;     /* by run and number there: number in the fused run + 1; 0: not met yet */
  double *sums;        /* by number in the fused run */
  uint32_t *sum_query; /* the query that the sum is of, + 1 */
  size_t capacity, query_capacity;
  uint32_t *found; /* numbers that the query met, in the order met */
  size_t found_count, found_capacity;
  magpie_run_hit *hits;
  size_t hit_capacity;
  mgp_rank_scratch scratch;
} fuser;

static magpie_status no_memory(magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to fuse runs");
}

/* The number of `document` of run `run` in the fused one, with room for its sum. */
static magpie_status fused_number(fuser *f, size_t run, const mgp_id *document, uint32_t *number,
                                  magpie_error *err) {
  uint32_t *to = &f->maps[run][document->number];
  if (*to == 0) {
    const mgp_id *id = NULL;
    MGP_FORWARD(
        mgp_id_table_intern(&f->fused->documents, document->text, document->size, &id, err));
    const size_t before = f->query_capacity;
    if (!MGP_GROW(f->fused->alloc, f->sums, f->capacity, (size_t)id->number + 1) ||
        !MGP_GROW(f->fused->alloc, f->sum_query, f->query_capacity, (size_t)id->number + 1))
      return no_memory(err);
    if (f->query_capacity > before)
      memset(f->sum_query + before, 0, (f->query_capacity - before) * sizeof *f->sum_query);
    *to = id->number + 1;
  }
  *number = *to - 1;
  return MAGPIE_OK;
}

static magpie_status add_run(fuser *f, size_t run, const mgp_id *query, uint32_t stamp,
                             magpie_error *err) {
  const magpie_run_hit *hits = NULL;
  const size_t count = magpie_run_hits(f->runs[run], query->text, &hits);
  if (!MGP_GROW(f->fused->alloc, f->found, f->found_capacity, f->found_count + count))
    return no_memory(err);
  const double weight = f->weights ? f->weights[run] : 1;
  for (size_t i = 0; i < count; i++) {
    uint32_t number = 0;
    MGP_FORWARD(fused_number(f, run, mgp_id_of(hits[i].document), &number, err));
    if (f->sum_query[number] != stamp) {
      f->sum_query[number] = stamp;
      f->sums[number] = 0;
      f->found[f->found_count++] = number;
    }
    f->sums[number] += weight / (f->k + (double)(i + 1));
  }
  return MAGPIE_OK;
}

static magpie_status fuse_query(fuser *f, mgp_run_query *query, const mgp_id *id,
                                magpie_error *err) {
  f->found_count = 0;
  for (size_t r = 0; r < f->count; r++) MGP_FORWARD(add_run(f, r, id, id->number + 1, err));
  mgp_alloc *a = f->fused->alloc;
  if (!MGP_GROW(a, f->hits, f->hit_capacity, f->found_count) ||
      !mgp_rank_reserve(a, &f->scratch, f->hit_capacity))
    return no_memory(err);
  for (size_t i = 0; i < f->found_count; i++)
    f->hits[i] = (magpie_run_hit){.document = f->fused->documents.ids[f->found[i]]->text,
                                  .score = (float)f->sums[f->found[i]]};
  mgp_rank_hits(f->hits, f->found_count, &f->scratch);
  const size_t kept = f->depth && f->depth < f->found_count ? f->depth : f->found_count;
  return mgp_run_put_ranked(f->fused, query, f->hits, kept, err);
}

/* The fused system has to ask all; unknown as soon as one run does not know its time. */
static double summed_ms(const fuser *f, const char *query) {
  double sum = 0;
  for (size_t r = 0; r < f->count; r++) {
    const double ms = magpie_run_ms(f->runs[r], query);
    if (ms < 0) return -1;
    sum += ms;
  }
  return sum;
}

/* All queries of all runs, in the order of their first mention. */
static magpie_status fuse_all(fuser *f, magpie_error *err) {
  for (size_t r = 0; r < f->count; r++) {
    for (size_t i = 0; i < f->runs[r]->queries.count; i++) {
      const mgp_id *id = f->runs[r]->queries.ids[i];
      mgp_run_query *query = NULL;
      if (mgp_id_table_find(&f->fused->queries, id->text, id->size)) continue;
      MGP_FORWARD(mgp_run_query_get(f->fused, id->text, id->size, &query, err));
      query->ms = summed_ms(f, id->text);
      MGP_FORWARD(fuse_query(f, query, f->fused->queries.ids[query - f->fused->items], err));
    }
  }
  return MAGPIE_OK;
}

static magpie_status make_maps(fuser *f, magpie_error *err) {
  f->maps = mgp_calloc(f->fused->alloc, f->count, sizeof *f->maps);
  if (!f->maps) return no_memory(err);
  for (size_t r = 0; r < f->count; r++) {
    f->maps[r] = mgp_calloc(f->fused->alloc, f->runs[r]->documents.count, sizeof **f->maps);
    if (!f->maps[r]) return no_memory(err);
  }
  return MAGPIE_OK;
}

static void release(fuser *f, mgp_alloc *a) {
  for (size_t r = 0; f->maps && r < f->count; r++) mgp_free(a, f->maps[r]);
  mgp_free(a, f->maps);
  mgp_free(a, f->sums);
  mgp_free(a, f->sum_query);
  mgp_free(a, f->found);
  mgp_free(a, f->hits);
  mgp_rank_scratch_fini(a, &f->scratch);
}

magpie_status mgp_run_fuse_in(mgp_alloc *a, const magpie_run *const *runs, const double *weights,
                              size_t count, double k, size_t depth, magpie_run **out,
                              magpie_error *err) {
  fuser f = {.runs = runs, .weights = weights, .count = count, .k = k, .depth = depth};
  magpie_status status = mgp_run_create_in(a, &f.fused, err);
  if (status != MAGPIE_OK) return status;
  MGP_TRY(make_maps(&f, err));
  MGP_TRY(fuse_all(&f, err));
  *out = f.fused;
done:
  release(&f, a);
  if (status != MAGPIE_OK) magpie_run_destroy(f.fused);
  return status;
}

magpie_status magpie_run_fuse(const magpie_run *const *runs, const double *weights, size_t count,
                              double k, size_t depth, magpie_run **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "fuse: out is NULL");
  *out = NULL;
  MGP_RETURN_IF(!runs || count == 0 || count > RUNS_MAX, err, MAGPIE_INVALID,
                "fuse: %zu runs, expected 1 to %d", runs ? count : 0, RUNS_MAX);
  MGP_RETURN_IF(!(k >= 0) || isinf(k), err, MAGPIE_INVALID,
                "fuse: k must be 0 or more; the paper's is 60");
  for (size_t i = 0; i < count; i++) {
    MGP_RETURN_IF(!runs[i], err, MAGPIE_INVALID, "fuse: run %zu is NULL", i);
    MGP_RETURN_IF(weights && !isfinite(weights[i]), err, MAGPIE_INVALID,
                  "fuse: the weight of run %zu is not a finite number", i);
  }
  return mgp_run_fuse_in(NULL, runs, weights, count, k, depth, out, err);
}
