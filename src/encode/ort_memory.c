/* SPDX-License-Identifier: Apache-2.0
 *
 * The OrtAllocator that counts. It takes the place of the runtime's arena, which would keep the
 * most that any batch ever took. It never refuses: some of the runtime's kernels do not look
 * whether they got a block. So the caller reserves what a run is known to need before it starts,
 * and what goes beyond that and beyond the budget is granted, and seen in the peak, which the next
 * run reserves.
 *
 * Each block carries where it was counted, because the runtime may free it later, outside of a call
 * or on another thread.
 */
#include "encode/ort_memory.h"

#include <stdint.h>

#define ALIGN ((size_t)64) /* what its kernels are written for */

typedef enum block_owner { OWNER_RESERVED, OWNER_COUNTED, OWNER_NONE } block_owner;

typedef struct block_note {
  mgp_alloc *alloc;
  void *base;
  uint64_t size, call; /* call: in which it was taken */
  block_owner owner;
} block_note;

/* What this thread is doing. */
static _Thread_local struct {
  mgp_alloc *alloc;
  uint64_t credit; /* reserved bytes that no block holds */
  int64_t held, peak;
  uint64_t call; /* 0: none */
} now;

static const OrtMemoryInfo *described;

static void note_growth(int64_t size) {
  now.held += size;
  if (now.held > now.peak) now.peak = now.held;
}

static char *take_base(size_t whole, block_note *note) {
  *note = (block_note){.alloc = now.alloc, .size = whole, .call = now.call};
  if (now.credit >= whole) {
    note->owner = OWNER_RESERVED;
    note->base = mgp_malloc(NULL, whole);
    if (note->base) now.credit -= whole;
  } else {
    note->owner = OWNER_COUNTED;
    note->base = mgp_malloc(now.alloc, whole);
  }
  if (!note->base) {
    note->owner = OWNER_NONE;
    note->base = mgp_malloc(NULL, whole);
  }
  return note->base;
}

static void *take(OrtAllocator *self, size_t size) {
  (void)self;
  block_note note;
  if (size == 0 || size > SIZE_MAX - ALIGN - sizeof note) return NULL;
  char *base = take_base(size + ALIGN + sizeof note, &note);
  if (!base) return NULL;
  note_growth((int64_t)note.size);
  const uintptr_t first = (uintptr_t)base + sizeof note;
  char *block = base + sizeof note + (ALIGN - first % ALIGN) % ALIGN;
  memcpy(block - sizeof note, &note, sizeof note);
  return block;
}

static void give(OrtAllocator *self, void *block) {
  (void)self;
  if (!block) return;
  block_note note;
  memcpy(&note, (char *)block - sizeof note, sizeof note);
  const bool is_ours = now.call && note.call == now.call;
  if (is_ours) now.held -= (int64_t)note.size;
  if (note.owner == OWNER_RESERVED) {
    if (is_ours) now.credit += note.size;
    else mgp_alloc_release(note.alloc, note.size);
  }
  mgp_free(note.owner == OWNER_COUNTED ? note.alloc : NULL, note.base);
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

void mgp_ort_memory_enter(mgp_alloc *a, uint64_t reserved) {
  static atomic_uint_fast64_t calls;
  now.alloc = a;
  now.credit = reserved;
  now.held = now.peak = 0;
  now.call = atomic_fetch_add(&calls, 1) + 1;
}

void mgp_ort_memory_leave(uint64_t *peak, uint64_t *held) {
  mgp_alloc_release(now.alloc, now.credit);
  *peak = (uint64_t)now.peak;
  *held = (uint64_t)now.held;
  now.alloc = NULL;
  now.credit = 0;
  now.call = 0;
}
