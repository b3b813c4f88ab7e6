/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop under all scans: see scan_private.h.
 */
#include "index/scan_private.h"

/* Below this many scores waking the pool costs more than it saves. */
#define POOL_MIN_SCORES ((size_t)16384)

typedef struct worker {
  float *scores; /* queries * MGP_SCAN_BLOCK */
  mgp_select *selects;
} worker;

typedef struct crew {
  const mgp_scan_job *job;
  worker *workers;
  atomic_size_t next;
} crew;

static void scan_blocks(void *context, size_t index) {
  crew *c = context;
  const mgp_scan_job *job = c->job;
  const worker *w = &c->workers[index];
  for (;;) {
    const size_t block = atomic_fetch_add(&c->next, 1);
    if (block >= (job->rows + MGP_SCAN_BLOCK - 1) / MGP_SCAN_BLOCK) return;
    const size_t first = block * MGP_SCAN_BLOCK, left = job->rows - first;
    const size_t count = left < MGP_SCAN_BLOCK ? left : MGP_SCAN_BLOCK;
    const uint64_t *ids = job->ids ? job->ids(job->context, first) : NULL;
    job->score(job->context, first, count, w->scores);
    for (size_t q = 0; q < job->queries; q++)
      mgp_select_offer(&w->selects[q], w->scores + q * MGP_SCAN_BLOCK, ids, first, count,
                       job->filter);
  }
}

/* One block: the workers, their selections, the selections' items, the scores. */
static void *allocate(const mgp_scan_job *job, size_t count, mgp_alloc *a, worker **workers,
                      mgp_select **selects) {
  const size_t room = mgp_select_capacity(job->k), queries = job->queries;
  if (job->k > SIZE_MAX / 64 / count / queries - 256) return NULL;
  const size_t items = count * queries * room * sizeof(mgp_scored);
  const size_t scores = count * queries * MGP_SCAN_BLOCK * sizeof(float);
  const size_t heads = count * queries * sizeof(mgp_select);
  char *block = mgp_malloc(a, heads + items + scores + count * sizeof(worker));
  if (!block) return NULL;
  *selects = (mgp_select *)(void *)block;
  mgp_scored *item = (mgp_scored *)(void *)(block + heads);
  float *score = (float *)(void *)(block + heads + items + count * sizeof(worker));
  *workers = (worker *)(void *)(block + heads + items);
  for (size_t w = 0; w < count; w++) {
    (*workers)[w] =
        (worker){.scores = score + w * queries * MGP_SCAN_BLOCK, .selects = *selects + w * queries};
    for (size_t q = 0; q < queries; q++)
      mgp_select_init(&(*workers)[w].selects[q], item + (w * queries + q) * room, job->k);
  }
  return block;
}

/* The first worker's selections take those of the others. */
static void gather(const mgp_scan_job *job, worker *workers, size_t count) {
  for (size_t q = 0; q < job->queries; q++) {
    mgp_select *to = &workers[0].selects[q];
    for (size_t w = 1; w < count; w++) {
      mgp_select *from = &workers[w].selects[q];
      mgp_select_cut(from);
      for (size_t i = 0; i < from->count; i++)
        mgp_select_offer(to, &from->items[i].score, &from->items[i].id, 0, 1, NULL);
    }
    mgp_select_cut(to);
  }
}

magpie_status mgp_scan_run(const mgp_scan_job *job, mgp_pool *pool, mgp_alloc *a, mgp_select **out,
                           magpie_error *err) {
  mgp_scan_job own = *job;
  if (own.k > own.rows) own.k = own.rows;
  const size_t blocks = (own.rows + MGP_SCAN_BLOCK - 1) / MGP_SCAN_BLOCK;
  const bool many = pool && own.rows >= POOL_MIN_SCORES / own.queries;
  size_t count = many ? (size_t)mgp_pool_threads(pool) : 1;
  if (count > blocks) count = blocks;
  if (count == 0) count = 1;
  worker *workers = NULL;
  crew c = {.job = &own};
  MGP_RETURN_IF(!allocate(&own, count, a, &workers, out), err, MAGPIE_NO_MEMORY,
                "no memory for %zu candidates of each of %zu queries", own.k, own.queries);
  c.workers = workers;
  if (count > 1) mgp_pool_run(pool, count, scan_blocks, &c);
  else scan_blocks(&c, 0);
  gather(&own, workers, count);
  return MAGPIE_OK;
}
