/* SPDX-License-Identifier: Apache-2.0
 *
 * A counted allocator with a ceiling. Each block carries its size in a 16-byte header, so that the
 * count is exact without a size argument to free. This is the one file of src/ that calls malloc.
 */
#include <stdlib.h>

#include "base/base.h"

#define HEADER 16

struct mgp_alloc {
  uint64_t limit; /* 0: none */
  atomic_uint_fast64_t used, peak;
  atomic_int_fast64_t fail_in; /* tests: counts down to the failing allocation; 0: off */
};

mgp_alloc *mgp_alloc_create(uint64_t limit) {
  mgp_alloc *a = calloc(1, sizeof *a);
  if (a) a->limit = limit;
  return a;
}

void mgp_alloc_destroy(mgp_alloc *a) {
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
    if (used > limit || size > limit - used) return false;
  } while (!atomic_compare_exchange_weak(&a->used, &used, used + size));
  uint_fast64_t peak = atomic_load_explicit(&a->peak, memory_order_relaxed);
  while (used + size > peak && !atomic_compare_exchange_weak(&a->peak, &peak, used + size)) {
  }
  return true;
}

static void give_back(mgp_alloc *a, uint64_t size) {
  if (a) atomic_fetch_sub(&a->used, size);
}

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
