/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixed set of threads that run one function over a range of indexes. Workers sleep between runs;
 * an index is taken with one atomic add.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/base.h"

#define THREADS_MAX 256

struct mgp_pool {
  int threads;
  pthread_t *workers; /* threads - 1 of them: the caller is the last */
  int started;
  pthread_mutex_t run_lock; /* one run at a time */

  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t wake, done;
  uint64_t run; /* counts runs, so that a worker sees a new one */
  int working;
  bool is_closing;

  /* of the current run */
  size_t count;
  void (*fn)(void *context, size_t index);
  void *context;
  atomic_size_t next;
};

static void work(mgp_pool *pool) {
  for (size_t i; (i = atomic_fetch_add(&pool->next, 1)) < pool->count;) pool->fn(pool->context, i);
}

static void *worker(void *argument) {
  mgp_pool *pool = argument;
  uint64_t seen = 0;
  pthread_mutex_lock(&pool->mutex);
  for (;;) {
    while (pool->run == seen && !pool->is_closing) pthread_cond_wait(&pool->wake, &pool->mutex);
    if (pool->is_closing) break;
    seen = pool->run;
    pthread_mutex_unlock(&pool->mutex);
    work(pool);
    pthread_mutex_lock(&pool->mutex);
    if (--pool->working == 0) pthread_cond_signal(&pool->done);
  }
  pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

/* The cores that this process may use, which taskset or a container can make fewer than there are.
 */
static int core_count(void) {
  cpu_set_t allowed;
  const bool is_known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  const long cores = is_known ? CPU_COUNT(&allowed) : sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (int)cores;
}

magpie_status mgp_pool_create(int threads, mgp_pool **out, magpie_error *err) {
  *out = NULL;
  if (threads <= 0) threads = core_count();
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  mgp_pool *pool = mgp_calloc(NULL, 1, sizeof *pool);
  MGP_RETURN_IF(!pool, err, MAGPIE_NO_MEMORY, "no memory for %d threads", threads);
  pool->threads = threads;
  pthread_mutex_init(&pool->run_lock, NULL);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->workers = mgp_calloc(NULL, (size_t)threads, sizeof *pool->workers);
  int why = pool->workers ? 0 : ENOMEM;
  while (why == 0 && pool->started < threads - 1) {
    why = pthread_create(&pool->workers[pool->started], NULL, worker, pool);
    if (why == 0) pool->started++;
  }
  if (why) {
    mgp_pool_destroy(pool);
    return mgp_fail_errno(err, why, "%d threads cannot be started", threads);
  }
  *out = pool;
  return MAGPIE_OK;
}

int mgp_pool_threads(const mgp_pool *pool) {
  return pool->threads;
}

void mgp_pool_run(mgp_pool *pool, size_t count, void (*fn)(void *context, size_t index),
                  void *context) {
  if (count == 0) return;
  pthread_mutex_lock(&pool->run_lock);
  pool->count = count;
  pool->fn = fn;
  pool->context = context;
  atomic_store(&pool->next, 0);
  const bool is_shared = pool->started > 0 && count > 1;
  if (is_shared) {
    pthread_mutex_lock(&pool->mutex);
    pool->working = pool->started;
    pool->run++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
  work(pool);
  if (is_shared) {
    pthread_mutex_lock(&pool->mutex);
    while (pool->working > 0) pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
  }
  pthread_mutex_unlock(&pool->run_lock);
}

void mgp_pool_destroy(mgp_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->mutex);
  pool->is_closing = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_cond_destroy(&pool->done);
  pthread_mutex_destroy(&pool->mutex);
  pthread_mutex_destroy(&pool->run_lock);
  mgp_free(NULL, pool->workers);
  mgp_free(NULL, pool);
}
