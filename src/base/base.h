/* SPDX-License-Identifier: Apache-2.0
 *
 * base: what every other folder stands on. No media, no models, no index here.
 * Rules: nothing prints or exits; every size from outside is checked before arithmetic.
 */
#ifndef MGP_BASE_H
#define MGP_BASE_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "magpie/magpie.h"

/* ---- errors (status.c) ------------------------------------------------------------------- */

#if defined(__GNUC__)
#define MGP_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define MGP_PRINTF(f, a)
#endif

/* Fills *err (may be NULL) and returns `code`, so that `return mgp_fail(...)` reads well. */
magpie_status mgp_fail(magpie_error *err, magpie_status code, const char *format, ...)
    MGP_PRINTF(3, 4);
/* Sets err->place; keeps code and message. */
void mgp_fail_place(magpie_error *err, const char *format, ...) MGP_PRINTF(2, 3);
/* As mgp_fail with ": strerror(errnum)" at the end; ENOSPC and EACCES get a hint. */
magpie_status mgp_fail_errno(magpie_error *err, int errnum, const char *format, ...)
    MGP_PRINTF(3, 4);

/* The three macros. FORWARD returns the status of an inner call unless it is 0. */
#define MGP_RETURN_IF(cond, err, code, ...)                                                        \
  do {                                                                                             \
    if (cond) return mgp_fail((err), (code), __VA_ARGS__);                                         \
  } while (0)
#define MGP_FORWARD(call)                                                                          \
  do {                                                                                             \
    const magpie_status mgp_status_ = (call);                                                      \
    if (mgp_status_ != MAGPIE_OK) return mgp_status_;                                              \
  } while (0)
/* The same inside a function with one `done:` label and a `magpie_status status`. */
#define MGP_TRY(call)                                                                              \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != MAGPIE_OK) goto done;                                                            \
  } while (0)

/* ---- memory (alloc.c, arena.c) ----------------------------------------------------------- */

/* A counted allocator with a ceiling. Thread-safe. NULL stands for the process-wide one, which has
 * no ceiling. A block must go back to the allocator it came from. */
typedef struct mgp_alloc mgp_alloc;
mgp_alloc *mgp_alloc_create(uint64_t limit); /* 0: no ceiling */
void mgp_alloc_destroy(mgp_alloc *a);
void *mgp_malloc(mgp_alloc *a, size_t size); /* NULL when over the ceiling; size 0 gives a block */
void *mgp_calloc(mgp_alloc *a, size_t count, size_t size); /* zeroed, overflow-checked */
void *mgp_realloc(mgp_alloc *a, void *block, size_t size);
void mgp_free(mgp_alloc *a, void *block);
char *mgp_strdup(mgp_alloc *a, const char *text);
char *mgp_strndup(mgp_alloc *a, const char *text, size_t size);
uint64_t mgp_alloc_used(const mgp_alloc *a);
uint64_t mgp_alloc_peak(const mgp_alloc *a);
uint64_t mgp_alloc_limit(const mgp_alloc *a); /* 0: none */
uint64_t mgp_alloc_left(const mgp_alloc *a);  /* UINT64_MAX without a ceiling */
/* Counts what another library is about to take on our behalf. `wait` lets it wait for what other
 * threads reserved in the same way, so a thread that waits must hold no such reservation itself. */
bool mgp_alloc_reserve(mgp_alloc *a, uint64_t size);
bool mgp_alloc_reserve_wait(mgp_alloc *a, uint64_t size);
void mgp_alloc_release(mgp_alloc *a, uint64_t size);
void mgp_alloc_release_wait(mgp_alloc *a, uint64_t size);
/* Bytes of the whole process that malloc has handed out, where the C library tells; else 0. */
uint64_t mgp_heap_used(void);
/* Gives what malloc keeps of freed blocks back to the system, where the C library can. */
void mgp_heap_trim(void);
/* The same when the process comes near the budget of `a`, and not often: cheap to call often. */
void mgp_heap_settle(const mgp_alloc *a);
/* NO_MEMORY in one sentence: "WHAT needs about 12M; --memory is 64M, …: raise it to at least …". */
magpie_status mgp_alloc_fail(const mgp_alloc *a, uint64_t need, magpie_error *err,
                             const char *format, ...) MGP_PRINTF(4, 5);
/* Adds the budget and what to do to a NO_MEMORY error that does not name them. */
void mgp_alloc_explain(const mgp_alloc *a, magpie_error *err);
/* Tests: the n-th allocation from now on fails once; 0 switches it off. */
void mgp_alloc_fail_at(mgp_alloc *a, uint64_t n);

/* Blocks that die together. Not thread-safe. */
typedef struct mgp_arena mgp_arena;
mgp_arena *mgp_arena_create(mgp_alloc *a);
void *mgp_arena_alloc(mgp_arena *arena, size_t size); /* 16-byte aligned, not zeroed */
void *mgp_arena_calloc(mgp_arena *arena, size_t count, size_t size);
char *mgp_arena_strdup(mgp_arena *arena, const char *text);
char *mgp_arena_strndup(mgp_arena *arena, const char *text, size_t size);
char *mgp_arena_printf(mgp_arena *arena, const char *format, ...) MGP_PRINTF(2, 3);
void mgp_arena_reset(mgp_arena *arena);
void mgp_arena_destroy(mgp_arena *arena);

/* Bit `at` of a field of bits. */
static inline bool mgp_bit_get(const unsigned char *bits, uint64_t at) {
  return bits[at >> 3] >> (at & 7) & 1;
}
static inline void mgp_bit_set(unsigned char *bits, uint64_t at) {
  bits[at >> 3] |= (unsigned char)(1u << (at & 7));
}

/* A growing array: MGP_GROW(a, items, count, capacity, need) makes room for `need` elements or
 * yields false and leaves all as it was. */
bool mgp_grow(mgp_alloc *a, void **items, size_t *capacity, size_t need, size_t element);
#define MGP_GROW(a, items, capacity, need)                                                         \
  mgp_grow((a), (void **)&(items), &(capacity), (need), sizeof *(items))

/* ---- strings (string.c) ------------------------------------------------------------------ */

/* A growing byte string, always NUL-terminated after the first append. Zero-init with the allocator
 * set. `failed` sticks after the first allocation failure, so a run of appends is checked once. */
typedef struct mgp_buffer {
  mgp_alloc *alloc;
  char *data;
  size_t size, capacity;
  bool failed;
} mgp_buffer;
void mgp_buffer_init(mgp_buffer *b, mgp_alloc *a);
void mgp_buffer_add(mgp_buffer *b, const void *bytes, size_t size);
void mgp_buffer_add_text(mgp_buffer *b, const char *text);
void mgp_buffer_add_char(mgp_buffer *b, char c);
void mgp_buffer_printf(mgp_buffer *b, const char *format, ...) MGP_PRINTF(2, 3);
void mgp_buffer_clear(mgp_buffer *b); /* keeps the capacity */
char *mgp_buffer_take(mgp_buffer *b); /* the block is yours; NULL if failed; b is empty again */
void mgp_buffer_fini(mgp_buffer *b);

bool mgp_text_equal(const char *a, const char *b); /* NULL equals NULL only */
bool mgp_text_starts(const char *text, const char *prefix);
bool mgp_text_ends(const char *text, const char *suffix);
bool mgp_utf8_valid(const char *text, size_t size);
/* Decodes one code point at *pos < size, moves *pos on; U+FFFD and one byte on bad input. */
uint32_t mgp_utf8_next(const char *text, size_t size, size_t *pos);
size_t mgp_utf8_put(uint32_t code, char out[4]); /* bytes written */
/* The largest cut <= size that does not split a code point. */
size_t mgp_utf8_cut(const char *text, size_t size);
/* A path for people and JSON: bytes that are not UTF-8, control characters and '%' as %XX. */
char *mgp_path_escape(mgp_alloc *a, const char *path);
char *mgp_path_unescape(mgp_alloc *a, const char *text);

/* ---- hashing and clocks (hash.c, clock.c) ------------------------------------------------ */

uint64_t mgp_hash64(const void *bytes, size_t size); /* XXH3, seed 0 */
typedef struct mgp_hash128 {
  uint64_t low, high;
} mgp_hash128;
mgp_hash128 mgp_hash128_bytes(const void *bytes, size_t size);
magpie_status mgp_hash128_file(const char *path, mgp_hash128 *out, magpie_error *err);
typedef struct mgp_sha256 {
  uint32_t state[8];
  uint64_t size;
  unsigned char block[64];
} mgp_sha256;
void mgp_sha256_init(mgp_sha256 *h);
void mgp_sha256_add(mgp_sha256 *h, const void *bytes, size_t size);
void mgp_sha256_hex(mgp_sha256 *h, char out[65]);
magpie_status mgp_sha256_file(const char *path, char out[65], uint64_t *size, magpie_error *err);

double mgp_clock_seconds(void);  /* monotonic */
int64_t mgp_clock_unix_ms(void); /* wall clock */

/* ---- files (file.c) ---------------------------------------------------------------------- */

typedef struct mgp_map {
  const unsigned char *data;
  size_t size;
} mgp_map; /* read-only mapping; size 0 has data NULL */
magpie_status mgp_map_open(const char *path, mgp_map *out, magpie_error *err);
void mgp_map_close(mgp_map *m);
/* Whole file into a NUL-terminated block; LIMIT if larger than max_size. */
magpie_status mgp_file_read(mgp_alloc *a, const char *path, uint64_t max_size, char **data,
                            size_t *size, magpie_error *err);
/* Writes to path.tmp.PID, fsyncs, renames, fsyncs the directory: all or nothing. */
magpie_status mgp_file_write_durable(const char *path, const void *data, size_t size,
                                     magpie_error *err);
magpie_status mgp_directory_make(const char *path, magpie_error *err); /* with parents */
magpie_status mgp_directory_sync(const char *path, magpie_error *err);
magpie_status mgp_directory_remove(const char *path, magpie_error *err); /* with what is in it */
char *mgp_path_join(mgp_alloc *a, const char *folder, const char *name);
const char *mgp_path_name(const char *path); /* after the last '/' */
bool mgp_file_exists(const char *path);

/* ---- blocks that may be larger than memory (spill.c) ------------------------------------------
 */

/* One zeroed block that grows: in memory up to an eighth of the budget, beyond that in a nameless
 * file below `folder` (NULL: always in memory; borrowed). `data` moves when it grows. */
typedef struct mgp_spill {
  mgp_alloc *alloc;
  const char *folder;
  void *data;
  size_t size; /* what there is room for */
  int fd;      /* of the file */
  bool is_file;
} mgp_spill;
void mgp_spill_init(mgp_spill *s, mgp_alloc *a, const char *folder);
magpie_status mgp_spill_need(mgp_spill *s, size_t size, magpie_error *err);
void mgp_spill_fini(mgp_spill *s); /* also of one that is all zero */
/* As qsort, without memory of its own; at once where they are in order. */
void mgp_sort_in_place(void *data, size_t count, size_t size,
                       int (*compare)(const void *a, const void *b));

/* ---- threads (thread.c) ------------------------------------------------------------------ */

/* A fixed set of threads. mgp_pool_run calls fn(context, index) for every index below count, on the
 * pool's threads and the caller's, and returns when all are done. Not reentrant: one run at a time
 * (a second caller waits). fn must not fail; it notes errors in its context. */
typedef struct mgp_pool mgp_pool;
magpie_status mgp_pool_create(int threads, mgp_pool **out, magpie_error *err); /* <= 0: cores */
int mgp_pool_threads(const mgp_pool *pool);
void mgp_pool_run(mgp_pool *pool, size_t count, void (*fn)(void *context, size_t index),
                  void *context);
void mgp_pool_destroy(mgp_pool *pool);

/* ---- top-k (topk.c) ---------------------------------------------------------------------- */

typedef struct mgp_scored {
  float score;
  uint64_t id;
} mgp_scored;
/* Keeps the k best: higher score first, then lower id. NaN never enters. */
typedef struct mgp_topk {
  mgp_scored *heap; /* the worst at [0] */
  size_t count, k;
} mgp_topk;
/* `storage` holds k elements. */
void mgp_topk_init(mgp_topk *t, mgp_scored *storage, size_t k);
void mgp_topk_push(mgp_topk *t, float score, uint64_t id);
/* The score a candidate must beat to enter; -INFINITY while not full. */
float mgp_topk_floor(const mgp_topk *t);
void mgp_topk_sort(mgp_topk *t); /* best first; the heap is gone */
/* qsort order of mgp_scored: better first. */
int mgp_scored_compare(const void *a, const void *b);

/* ---- JSON (json.c; jansson beneath, whose types may be used by all folders) --------------- */

#include <jansson.h>

/* Parses with a depth and size check; place is "name:line". */
magpie_status mgp_json_parse(const char *name, const char *text, size_t size, json_t **out,
                             magpie_error *err);
/* What the tree of a text may take in memory, at most. */
uint64_t mgp_json_need(const char *text, size_t size);
magpie_status mgp_json_read(const char *path, uint64_t max_size, json_t **out, magpie_error *err);
/* Compact text that magpie_free frees; sorted keys are not wanted: insertion order is kept. */
magpie_status mgp_json_write(const json_t *value, char **out, magpie_error *err);
/* Member access with defaults; a member of another type counts as absent. */
const char *mgp_json_text(const json_t *object, const char *name, const char *fallback);
double mgp_json_number(const json_t *object, const char *name, double fallback);
int64_t mgp_json_integer(const json_t *object, const char *name, int64_t fallback);
bool mgp_json_bool(const json_t *object, const char *name, bool fallback);

#endif
