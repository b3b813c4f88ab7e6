/* SPDX-License-Identifier: Apache-2.0
 *
 * The OrtAllocator that counts. Each block carries the allocator it came from, because the runtime
 * may free it later, outside of a call or on another thread. It takes the place of the runtime's
 * arena, which would keep the most that any batch ever took.
 */
#include "encode/ort_memory.h"

#include <stdint.h>

#define ALIGN ((size_t)64) /* what its kernels are written for */

typedef struct block_note {
  mgp_alloc *alloc;
  void *base;
} block_note;

static _Thread_local mgp_alloc *current;
static _Thread_local size_t refused;
static const OrtMemoryInfo *described;

static void *take(OrtAllocator *self, size_t size) {
  (void)self;
  if (size == 0 || size > SIZE_MAX - ALIGN - sizeof(block_note)) return NULL;
  char *base = mgp_malloc(current, size + ALIGN + sizeof(block_note));
  if (!base) {
    refused = size;
    return NULL;
  }
  const uintptr_t first = (uintptr_t)base + sizeof(block_note);
  char *block = base + sizeof(block_note) + (ALIGN - first % ALIGN) % ALIGN;
  const block_note note = {.alloc = current, .base = base};
  memcpy(block - sizeof note, &note, sizeof note);
  return block;
}

static void give(OrtAllocator *self, void *block) {
  (void)self;
  if (!block) return;
  block_note note;
  memcpy(&note, (char *)block - sizeof note, sizeof note);
  mgp_free(note.alloc, note.base);
}

static const OrtMemoryInfo *describe(const OrtAllocator *self) {
  (void)self;
  return described;
}

OrtAllocator *mgp_ort_allocator(const OrtMemoryInfo *memory) {
  static mgp_ort_allocator_table counted = {.version = MGP_ORT_API_VERSION,
                                            .take = take,
                                            .give = give,
                                            .describe = describe,
                                            .take_for_session = take};
  described = memory;
  return (OrtAllocator *)(void *)&counted;
}

void mgp_ort_memory_enter(mgp_alloc *a) {
  current = a;
  refused = 0;
}

size_t mgp_ort_memory_leave(void) {
  current = NULL;
  return refused;
}
