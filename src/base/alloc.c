/* SPDX-License-Identifier: Apache-2.0
 *
 * A counted allocator with a ceiling. Each block carries its size in a 16-byte header, so that the
 * count is exact without a size argument to free. This is the one file of src/ that calls malloc.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/base.h"

#define HEADER 16

struct mgp_alloc {
  uint64_t limit; /* 0: none */
  atomic_uint_fast64_t used, peak;
  atomic_uint_fast64_t refused; /* the last size that was over the ceiling, for the message */
  atomic_int_fast64_t fail_in;  /* tests: counts down to the failing allocation; 0: off */
  pthread_mutex_t mutex;
  pthread_cond_t released;
  uint64_t waitable; /* guarded by mutex: reserved by mgp_alloc_reserve_wait */
};

mgp_alloc *mgp_alloc_create(uint64_t limit) {
  mgp_alloc *a = calloc(1, sizeof *a);
  if (!a) return NULL;
  a->limit = limit;
  pthread_mutex_init(&a->mutex, NULL);
  pthread_cond_init(&a->released, NULL);
  return a;
}

void mgp_alloc_destroy(mgp_alloc *a) {
  if (!a) return;
  pthread_mutex_destroy(&a->mutex);
  pthread_cond_destroy(&a->released);
  free(a);
}

void mgp_alloc_fail_at(mgp_alloc *a, uint64_t n) {
  atomic_store(&a->fail_in, (int_fast64_t)n);
}

uint64_t mgp_alloc_used(const mgp_alloc *a) {
  return a ? atomic_load(&a->used) : 0;
}

uint64_t mgp_alloc_peak(const mgp_alloc *a) {
  return a ? atomic_load(&a->peak) : 0;
}

uint64_t mgp_alloc_limit(const mgp_alloc *a) {
  return a ? a->limit : 0;
}

uint64_t mgp_alloc_left(const mgp_alloc *a) {
  if (!a || !a->limit) return UINT64_MAX;
  const uint64_t used = mgp_alloc_used(a);
  return used < a->limit ? a->limit - used : 0;
}

static bool must_fail(mgp_alloc *a) {
  if (atomic_load_explicit(&a->fail_in, memory_order_relaxed) == 0) return false;
  return atomic_fetch_sub(&a->fail_in, 1) == 1;
}

/* Takes `size` bytes from the budget; false when it is spent. */
static bool reserve(mgp_alloc *a, uint64_t size) {
  if (!a) return true;
  if (must_fail(a)) return false;
  const uint64_t limit = a->limit ? a->limit : UINT64_MAX;
  uint_fast64_t used = atomic_load_explicit(&a->used, memory_order_relaxed);
  /* compared before it is added: a size that is refused must not trouble the other threads */
  do {
    if (used > limit || size > limit - used) {
      atomic_store_explicit(&a->refused, size, memory_order_relaxed);
      return false;
    }
  } while (!atomic_compare_exchange_weak(&a->used, &used, used + size));
  uint_fast64_t peak = atomic_load_explicit(&a->peak, memory_order_relaxed);
  while (used + size > peak && !atomic_compare_exchange_weak(&a->peak, &peak, used + size)) {
  }
  return true;
}

static void give_back(mgp_alloc *a, uint64_t size) {
  if (a) atomic_fetch_sub(&a->used, size);
}

/* ---- what other libraries take --------------------------------------------------------------- */

bool mgp_alloc_reserve(mgp_alloc *a, uint64_t size) {
  return reserve(a, size);
}

void mgp_alloc_release(mgp_alloc *a, uint64_t size) {
  give_back(a, size);
}

bool mgp_alloc_reserve_wait(mgp_alloc *a, uint64_t size) {
  if (!a) return true;
  pthread_mutex_lock(&a->mutex);
  bool is_ours = reserve(a, size);
  while (!is_ours && a->waitable > 0 && (!a->limit || size <= a->limit)) {
    pthread_cond_wait(&a->released, &a->mutex);
    is_ours = reserve(a, size);
  }
  if (is_ours) a->waitable += size;
  pthread_mutex_unlock(&a->mutex);
  return is_ours;
}

void mgp_alloc_release_wait(mgp_alloc *a, uint64_t size) {
  if (!a || size == 0) return;
  pthread_mutex_lock(&a->mutex);
  give_back(a, size);
  a->waitable -= size;
  pthread_cond_broadcast(&a->released);
  pthread_mutex_unlock(&a->mutex);
}

uint64_t mgp_heap_used(void) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

void mgp_heap_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/* Pages of the process that no file backs; 0 where the system does not tell. */
static uint64_t anonymous_pages(void) {
  unsigned long long size = 0, resident = 0, shared = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  const int found = fscanf(file, "%llu %llu %llu", &size, &resident, &shared);
  fclose(file);
  return found == 3 && resident > shared ? resident - shared : 0;
}

#define SETTLE_MS 150 /* what is given back is taken again soon, page by page */

void mgp_heap_settle(const mgp_alloc *a) {
  static atomic_int_fast64_t last_ms;
  if (!a || !a->limit) return;
  const int64_t now_ms = (int64_t)(mgp_clock_seconds() * 1000);
  int_fast64_t last = atomic_load_explicit(&last_ms, memory_order_relaxed);
  if (now_ms - last < SETTLE_MS || !atomic_compare_exchange_strong(&last_ms, &last, now_ms)) return;
  if (anonymous_pages() * (uint64_t)sysconf(_SC_PAGESIZE) > a->limit / 8 * 7) mgp_heap_trim();
}

/* ---- messages ---------------------------------------------------------------------------------
 */

#define MEGABYTE UINT64_C(1048576)

static uint64_t megabytes(uint64_t size) {
  return size / MEGABYTE + (size % MEGABYTE != 0);
}

/* A round figure with an eighth of room, for there is always some more. */
static uint64_t advised(const mgp_alloc *a, uint64_t need) {
  const uint64_t used = mgp_alloc_used(a),
                 wanted = used > UINT64_MAX / 2 - need ? need : used + need;
  const uint64_t floor = a->limit + a->limit / 4, roomy = wanted + wanted / 8;
  return (megabytes(roomy > floor ? roomy : floor) + 31) / 32 * 32;
}

magpie_status mgp_alloc_fail(const mgp_alloc *a, uint64_t need, magpie_error *err,
                             const char *format, ...) {
  char what[512];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (!a || !a->limit || need > UINT64_MAX / 4)
    return mgp_fail(err, MAGPIE_NO_MEMORY, "%s needs about %lluM of memory, which is not there",
                    what, (unsigned long long)megabytes(need));
  return mgp_fail(
      err, MAGPIE_NO_MEMORY,
      "%s needs about %lluM of memory; --memory is %lluM, of which %lluM are in use: "
      "raise it to at least %lluM",
      what, (unsigned long long)megabytes(need), (unsigned long long)megabytes(a->limit),
      (unsigned long long)megabytes(mgp_alloc_used(a)), (unsigned long long)advised(a, need));
}

void mgp_alloc_explain(const mgp_alloc *a, magpie_error *err) {
  if (!a || !a->limit || !err || err->code != MAGPIE_NO_MEMORY) return;
  const uint64_t refused = atomic_load(&a->refused);
  if (!refused || strstr(err->message, "--memory")) return;
  const size_t used = strlen(err->message);
  snprintf(err->message + used, sizeof err->message - used,
           "; --memory is %lluM and %llu more bytes were wanted: raise it to at least %lluM",
           (unsigned long long)megabytes(a->limit), (unsigned long long)refused,
           (unsigned long long)advised(a, refused));
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static size_t block_size(const void *block) {
  size_t size;
  memcpy(&size, (const char *)block - HEADER, sizeof size);
  return size;
}

static void *finish_block(char *base, size_t size) {
  memcpy(base, &size, sizeof size);
  return base + HEADER;
}

static void *allocate(mgp_alloc *a, size_t size, bool zeroed) {
  if (size > SIZE_MAX - HEADER || !reserve(a, size + HEADER)) return NULL;
  char *base = zeroed ? calloc(1, size + HEADER) : malloc(size + HEADER);
  if (!base) {
    give_back(a, size + HEADER);
    return NULL;
  }
  return finish_block(base, size);
}

void *mgp_malloc(mgp_alloc *a, size_t size) {
  return allocate(a, size, false);
}

void *mgp_calloc(mgp_alloc *a, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  return allocate(a, count * size, true);
}

void *mgp_realloc(mgp_alloc *a, void *block, size_t size) {
  if (!block) return mgp_malloc(a, size);
  const size_t old = block_size(block);
  if (size > SIZE_MAX - HEADER) return NULL;
  if (size > old && !reserve(a, size - old)) return NULL;
  char *base = realloc((char *)block - HEADER, size + HEADER);
  if (!base) {
    if (size > old) give_back(a, size - old);
    return NULL;
  }
  if (size < old) give_back(a, old - size);
  return finish_block(base, size);
}

void mgp_free(mgp_alloc *a, void *block) {
  if (!block) return;
  give_back(a, block_size(block) + HEADER);
  free((char *)block - HEADER);
}

void magpie_free(void *block) {
  mgp_free(NULL, block);
}

char *mgp_strndup(mgp_alloc *a, const char *text, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = mgp_malloc(a, size + 1);
  if (!copy) return NULL;
  memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

char *mgp_strdup(mgp_alloc *a, const char *text) {
  return mgp_strndup(a, text, strlen(text));
}

bool mgp_grow(mgp_alloc *a, void **items, size_t *capacity, size_t need, size_t element) {
  if (need <= *capacity) return true;
  size_t wanted = *capacity ? *capacity : 8;
  while (wanted < need) {
    if (wanted > SIZE_MAX / 2) return false;
    wanted *= 2;
  }
  if (element && wanted > SIZE_MAX / element) return false;
  void *grown = mgp_realloc(a, *items, wanted * element);
  if (!grown) return false;
  *items = grown;
  *capacity = wanted;
  return true;
}
