/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: a chain of chunks that are given back together. A reset keeps the first chunk, so that a
 * loop of small batches allocates once.
 */
#include "base/base.h"

#define FIRST_CHUNK (16u << 10)
#define LARGEST_CHUNK (1u << 20)
#define ALIGN 16

typedef struct chunk {
  struct chunk *next; /* the older one */
  size_t size, used;
} chunk;

#define CHUNK_HEADER ((sizeof(chunk) + ALIGN - 1) / ALIGN * ALIGN)

struct mgp_arena {
  mgp_alloc *alloc;
  chunk *newest;
};

static chunk *add_chunk(mgp_arena *arena, size_t need) {
  size_t size = arena->newest ? arena->newest->size * 2 : FIRST_CHUNK;
  if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
  if (size < need) size = need;
  if (size > SIZE_MAX - CHUNK_HEADER) return NULL;
  chunk *c = mgp_malloc(arena->alloc, CHUNK_HEADER + size);
  if (!c) return NULL;
  *c = (chunk){.next = arena->newest, .size = size};
  arena->newest = c;
  return c;
}

mgp_arena *mgp_arena_create(mgp_alloc *a) {
  mgp_arena *arena = mgp_calloc(a, 1, sizeof *arena);
  if (arena) arena->alloc = a;
  return arena;
}

void *mgp_arena_alloc(mgp_arena *arena, size_t size) {
  if (size > SIZE_MAX - ALIGN) return NULL;
  const size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
  chunk *c = arena->newest;
  if (!c || c->size - c->used < need) c = add_chunk(arena, need);
  if (!c) return NULL;
  void *block = (char *)c + CHUNK_HEADER + c->used;
  c->used += need;
  return block;
}

void *mgp_arena_calloc(mgp_arena *arena, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  void *block = mgp_arena_alloc(arena, count * size);
  if (block) memset(block, 0, count * size);
  return block;
}

char *mgp_arena_strndup(mgp_arena *arena, const char *text, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = mgp_arena_alloc(arena, size + 1);
  if (!copy) return NULL;
  memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

char *mgp_arena_strdup(mgp_arena *arena, const char *text) {
  return mgp_arena_strndup(arena, text, strlen(text));
}

char *mgp_arena_printf(mgp_arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = size < 0 ? NULL : mgp_arena_alloc(arena, (size_t)size + 1);
  if (text) vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  return text;
}

void mgp_arena_reset(mgp_arena *arena) {
  if (!arena) return;
  while (arena->newest && arena->newest->next) {
    chunk *older = arena->newest->next;
    mgp_free(arena->alloc, arena->newest);
    arena->newest = older;
  }
  if (arena->newest) arena->newest->used = 0;
}

void mgp_arena_destroy(mgp_arena *arena) {
  if (!arena) return;
  while (arena->newest) {
    chunk *older = arena->newest->next;
    mgp_free(arena->alloc, arena->newest);
    arena->newest = older;
  }
  mgp_free(arena->alloc, arena);
}
