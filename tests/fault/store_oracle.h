/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store must hold, kept in plain arrays, and the comparison with what it does hold. Vectors
 * have length 1 and dot products that floats hold exactly, so that ranks compare bit by bit.
 */
#ifndef STORE_ORACLE_H
#define STORE_ORACLE_H

#include "engine/engine.h"
#include "operation_list.h"
#include "store/segment.h"

#define KEYS 192
#define KEYS_A_SOURCE 4
#define SOURCES (KEYS / KEYS_A_SOURCE)
#define DIM 8
#define STRIDE 16 /* mgp_dense_stride(DIM) */
#define PINS 4
#define QUEUE_MAX 4096
#define TERMS_A_ITEM 3

typedef struct oracle_item {
  uint64_t number; /* 0: dead */
  unsigned version;
} oracle_item;

typedef struct oracle {
  oracle_item items[KEYS];
  int64_t sources[SOURCES]; /* 0: none */
} oracle;

typedef struct owner {
  unsigned key, version;
} owner;

typedef struct pinned {
  mgp_snapshot *snapshot;
  oracle then;
} pinned;

typedef struct world {
  char index[96];
  magpie *ix, *other; /* two that may write */
  mgp_store *store;   /* of ix */
  mgp_store *reader;  /* reads only */
  bool is_locked, in_transaction;
  oracle committed, pending;
  uint64_t generation, last_number; /* of what is committed */
  uint64_t last_pending;            /* the last item number of the transaction */
  owner *owners;                    /* by item number: whose it was, dead or alive */
  size_t owner_capacity;
  uint64_t queue[QUEUE_MAX]; /* numbers added in this transaction that are in no segment yet */
  size_t queue_count;
  pinned pins[PINS];
  char copy[104]; /* the last snapshot; "": none yet */
  oracle copied;  /* what it holds */
  uint64_t copied_generation, copied_number;
  int plant;
  trial *t;
} world;

/* Says how index and oracle differ; false. */
static inline bool differ(world *w, const char *format, ...) MGP_PRINTF(2, 3);
static inline bool differ(world *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(w->t->why, sizeof w->t->why, format, arguments);
  va_end(arguments);
  return false;
}

#define EXPECT(condition, ...)                                                                     \
  do {                                                                                             \
    if (!(condition)) return differ(w, __VA_ARGS__);                                               \
  } while (0)

#define EXPECT_OK(call)                                                                            \
  do {                                                                                             \
    magpie_error err_ = {0};                                                                       \
    magpie_error *const err = &err_;                                                               \
    const magpie_status status_ = (call);                                                          \
    if (status_ != MAGPIE_OK)                                                                      \
      return differ(w, "%s: status %d: %s", #call, (int)status_, err_.message);                    \
  } while (0)

#define EXPECT_STATUS(code, call)                                                                  \
  do {                                                                                             \
    magpie_error err_ = {0};                                                                       \
    magpie_error *const err = &err_;                                                               \
    const magpie_status status_ = (call);                                                          \
    if (status_ != (code))                                                                         \
      return differ(w, "%s: status %d, expected %d: %s", #call, (int)status_, (int)(code),         \
                    err_.message);                                                                 \
  } while (0)

/* ---- what an item is made of ---- */

/* Four of eight numbers are 0.5 or -0.5. */
static inline void item_vector(unsigned key, unsigned version, float out[STRIDE]) {
  uint64_t state = (uint64_t)key << 32 | version;
  memset(out, 0, STRIDE * sizeof *out);
  for (int placed = 0; placed < 4;) {
    const uint64_t x = next_random(&state);
    float *at = &out[x % DIM];
    if (*at != 0) continue;
    *at = x >> 63 ? 0.5F : -0.5F;
    placed++;
  }
}

static inline const char *item_kind(unsigned version) {
  static const char *const kinds[] = {"passage", "image", "sound", "table", "page"};
  return kinds[version % 5];
}

static inline void item_id(unsigned key, char out[24]) {
  snprintf(out, 24, "i%u", key);
}

static inline void item_text(unsigned key, unsigned version, char out[48]) {
  snprintf(out, 48, "text of %u in version %u", key, version);
}

static inline bool has_thumb(unsigned version) {
  return version % 9 == 4;
}

/* A check looks at the first bytes. */
static inline void item_thumb(unsigned key, unsigned version, char out[48]) {
  snprintf(out, 48, "\xff\xd8\xff thumbnail of %u in version %u", key, version);
}

static inline void item_term(unsigned key, unsigned version, int which, char out[24]) {
  if (which == 0) snprintf(out, 24, "all");
  else if (which == 1) snprintf(out, 24, "version%u", version % 7);
  else snprintf(out, 24, "key%u", key % 11);
}

/* ---- parts of a snapshot ---- */

static inline const mgp_section *section_of(const mgp_segment_view *v, uint32_t kind) {
  for (size_t i = 0; i < v->section_count; i++)
    if (v->sections[i].kind == kind) return &v->sections[i];
  return NULL;
}

/* Is this number that of a living item of `o`? */
static inline bool is_alive(const world *w, const oracle *o, uint64_t number, owner *who) {
  if (number >= w->owner_capacity) return false;
  *who = w->owners[number];
  return o->items[who->key].number == number;
}

static inline bool compare_rows(world *w, const oracle *o, const mgp_segment_view *v,
                                unsigned char *seen) {
  const mgp_section *ids = section_of(v, MGP_SECTION_IDS);
  const mgp_section *rows = section_of(v, MGP_SECTION_VECTORS_F32);
  EXPECT(ids && ids->size == v->count * sizeof(uint64_t), "%s: no %llu ids", v->file,
         (unsigned long long)v->count);
  for (uint64_t i = 0; i < v->count; i++) {
    owner who = {0};
    if (!is_alive(w, o, ((const uint64_t *)ids->data)[i], &who)) continue;
    seen[who.key]++;
    if (!rows) continue;
    float expected[STRIDE];
    item_vector(who.key, who.version, expected);
    EXPECT(memcmp((const float *)rows->data + i * STRIDE, expected, sizeof expected) == 0,
           "%s: row %llu is not the vector of i%u in version %u", v->file, (unsigned long long)i,
           who.key, who.version);
  }
  return true;
}

/* Every living item has one row in the space, and nobody else's vector. */
static inline bool compare_space(world *w, const mgp_snapshot *snap, const oracle *o,
                                 const char *space) {
  unsigned char seen[KEYS] = {0};
  for (size_t i = 0; i < mgp_snapshot_segment_count(snap); i++) {
    const mgp_segment_view *v = mgp_snapshot_segment(snap, i);
    if (!mgp_text_equal(v->space, space)) continue;
    EXPECT_OK(mgp_snapshot_segment_verify(snap, i, err));
    if (!compare_rows(w, o, v, seen)) return false;
  }
  for (unsigned key = 0; key < KEYS; key++)
    EXPECT(seen[key] == (o->items[key].number > 0), "i%u has %u rows in the space %s", key,
           seen[key], space);
  return true;
}

static inline bool compare_kinds(world *w, const mgp_snapshot *snap, const oracle *o) {
  uint64_t alive = 0;
  for (unsigned key = 0; key < KEYS; key++) {
    const oracle_item *item = &o->items[key];
    if (item->number == 0) continue;
    alive++;
    const int kind = mgp_snapshot_kind(snap, item->number);
    EXPECT(kind > 0, "i%u, number %llu, is dead in generation %llu", key,
           (unsigned long long)item->number, (unsigned long long)mgp_snapshot_generation(snap));
    EXPECT(mgp_text_equal(mgp_snapshot_kind_name(snap, kind), item_kind(item->version)),
           "i%u is of the kind %s, expected %s", key, mgp_snapshot_kind_name(snap, kind),
           item_kind(item->version));
  }
  EXPECT(mgp_snapshot_item_count(snap) == alive, "%llu items live, expected %llu",
         (unsigned long long)mgp_snapshot_item_count(snap), (unsigned long long)alive);
  uint64_t living = 0;
  for (uint64_t number = 1; number < w->owner_capacity; number++)
    living += mgp_snapshot_kind(snap, number) > 0;
  EXPECT(living == alive, "%llu numbers live, expected %llu", (unsigned long long)living,
         (unsigned long long)alive);
  return true;
}

static inline bool compare_snapshot(world *w, const mgp_snapshot *snap, const oracle *o) {
  EXPECT(!mgp_snapshot_damage(snap, 0), "damage: %s", mgp_snapshot_damage(snap, 0));
  return compare_kinds(w, snap, o) && compare_space(w, snap, o, MGP_VECTORS_SPACE) &&
         compare_space(w, snap, o, MGP_WORDS_SPACE);
}

/* ---- the catalog's rows ---- */

static inline bool compare_thumb(world *w, mgp_store *s, unsigned key, unsigned version) {
  char id[24], expected[48];
  item_id(key, id);
  item_thumb(key, version, expected);
  void *bytes = NULL;
  size_t size = 0;
  if (!has_thumb(version)) {
    EXPECT_STATUS(MAGPIE_NOT_FOUND, mgp_store_thumb_read(s, id, &bytes, &size, err));
    return true;
  }
  EXPECT_OK(mgp_store_thumb_read(s, id, &bytes, &size, err));
  const bool is_same = size == strlen(expected) && memcmp(bytes, expected, size) == 0;
  mgp_free(s == w->store ? w->ix->alloc : NULL, bytes);
  EXPECT(is_same, "the thumbnail of %s is not that of version %u", id, version);
  return true;
}

static inline bool compare_item(world *w, mgp_store *s, unsigned key, mgp_arena *arena) {
  const oracle_item *item = &w->committed.items[key];
  char id[24], text[48];
  item_id(key, id);
  item_text(key, item->version, text);
  uint64_t number = 0;
  EXPECT_OK(mgp_store_item_find(s, id, &number, err));
  EXPECT(number == item->number, "%s has the number %llu, expected %llu", id,
         (unsigned long long)number, (unsigned long long)item->number);
  if (number == 0) return true;
  mgp_item got;
  mgp_source source;
  EXPECT_OK(mgp_store_item_get(s, number, arena, &got, &source, err));
  EXPECT(mgp_text_equal(got.id, id) && mgp_text_equal(got.text, text) &&
             mgp_text_equal(got.kind, item_kind(item->version)),
         "%s holds \"%s\" of the kind %s, expected \"%s\" of the kind %s", id, got.text, got.kind,
         text, item_kind(item->version));
  EXPECT(source.number == w->committed.sources[key / KEYS_A_SOURCE] && source.number == got.source,
         "%s is of source %lld, expected %lld", id, (long long)source.number,
         (long long)w->committed.sources[key / KEYS_A_SOURCE]);
  return compare_thumb(w, s, key, item->version);
}

static inline bool compare_sources(world *w, mgp_store *s, mgp_arena *arena) {
  for (unsigned i = 0; i < SOURCES; i++) {
    char record[24];
    snprintf(record, sizeof record, "s%u", i);
    mgp_source source = {0};
    EXPECT_OK(mgp_store_record_find(s, record, arena, &source, err));
    EXPECT(source.number == w->committed.sources[i], "%s has the number %lld, expected %lld",
           record, (long long)source.number, (long long)w->committed.sources[i]);
  }
  return true;
}

static inline bool compare_catalog(world *w, mgp_store *s) {
  mgp_arena *arena = mgp_arena_create(NULL);
  bool is_same = compare_sources(w, s, arena);
  for (unsigned key = 0; is_same && key < KEYS; key++) is_same = compare_item(w, s, key, arena);
  mgp_arena_destroy(arena);
  return is_same;
}

/* ---- searches ---- */

typedef struct alive_filter {
  const mgp_snapshot *snapshot;
} alive_filter;

static inline bool allow_living(const void *context, uint64_t id) {
  return mgp_snapshot_kind(((const alive_filter *)context)->snapshot, id) > 0;
}

static inline size_t expect_ranks(const oracle *o, const float query[STRIDE],
                                  mgp_scored out[KEYS]) {
  size_t count = 0;
  for (unsigned key = 0; key < KEYS; key++) {
    if (o->items[key].number == 0) continue;
    float v[STRIDE], dot = 0;
    item_vector(key, o->items[key].version, v);
    for (int i = 0; i < DIM; i++) dot += v[i] * query[i];
    out[count++] = (mgp_scored){.score = dot, .id = o->items[key].number};
  }
  qsort(out, count, sizeof *out, mgp_scored_compare);
  return count;
}

static inline bool compare_ranks(world *w, const mgp_topk *got, const oracle *o,
                                 const float query[STRIDE]) {
  mgp_scored expected[KEYS];
  const size_t count = expect_ranks(o, query, expected);
  EXPECT(got->count == (count < got->k ? count : got->k), "%zu hits of %zu living items, k %zu",
         got->count, count, got->k);
  for (size_t i = 0; i < got->count; i++)
    EXPECT(got->heap[i].id == expected[i].id && got->heap[i].score == expected[i].score,
           "rank %zu is item %llu with %g, expected %llu with %g", i + 1,
           (unsigned long long)got->heap[i].id, (double)got->heap[i].score,
           (unsigned long long)expected[i].id, (double)expected[i].score);
  return true;
}

/* The k nearest to a vector, exactly, with their scores. */
static inline bool compare_search(world *w, const mgp_snapshot *snap, const oracle *o,
                                  unsigned value) {
  const size_t segments = mgp_snapshot_segment_count(snap);
  mgp_dense_view *views = calloc(segments + 1, sizeof *views);
  size_t count = 0;
  for (size_t i = 0; i < segments; i++) {
    const mgp_segment_view *v = mgp_snapshot_segment(snap, i);
    const mgp_section *rows = section_of(v, MGP_SECTION_VECTORS_F32);
    if (rows)
      views[count++] = (mgp_dense_view){.rows = rows->data,
                                        .ids = section_of(v, MGP_SECTION_IDS)->data,
                                        .count = (size_t)v->count,
                                        .dim = DIM,
                                        .stride = STRIDE};
  }
  float query[STRIDE];
  item_vector(value % KEYS, value / KEYS, query);
  const alive_filter living = {snap};
  const mgp_filter filter = {.allow = allow_living, .context = &living};
  mgp_scored storage[32];
  mgp_topk top;
  mgp_topk_init(&top, storage, 1 + value % 32);
  magpie_error why = {0};
  const magpie_status status =
      mgp_dense_search(views, count, query, &filter, NULL, NULL, &top, &why);
  free(views);
  EXPECT(status == MAGPIE_OK, "search: %s", why.message);
  mgp_topk_sort(&top);
  return compare_ranks(w, &top, o, query);
}

/* Opens the lexical views of a snapshot; the caller closes *count of them. */
static inline bool open_words(world *w, const mgp_snapshot *snap, mgp_lexical_view **views,
                              size_t *count) {
  static const uint32_t kinds[MGP_LEXICAL_SECTIONS] = {
      MGP_SECTION_IDS, MGP_SECTION_LENGTHS, MGP_SECTION_DICTIONARY, MGP_SECTION_POSTINGS};
  for (size_t i = 0; i < mgp_snapshot_segment_count(snap); i++) {
    const mgp_segment_view *v = mgp_snapshot_segment(snap, i);
    if (!mgp_text_equal(v->space, MGP_WORDS_SPACE)) continue;
    mgp_bytes sections[MGP_LEXICAL_SECTIONS];
    for (size_t j = 0; j < MGP_LEXICAL_SECTIONS; j++) {
      const mgp_section *section = section_of(v, kinds[j]);
      EXPECT(section, "%s: section %u is missing", v->file, kinds[j]);
      sections[j] = (mgp_bytes){.data = section->data, .size = section->size};
    }
    EXPECT_OK(mgp_lexical_view_open(NULL, sections, &views[*count], err));
    ++*count;
  }
  return true;
}

static inline bool has_term(const oracle *o, unsigned key, const char *term) {
  for (int i = 0; o->items[key].number > 0 && i < TERMS_A_ITEM; i++) {
    char own[24];
    item_term(key, o->items[key].version, i, own);
    if (strcmp(own, term) == 0) return true;
  }
  return false;
}

/* Those that have the word, all of them and no other. Scores depend on when merges are done. */
static inline bool compare_found(world *w, const mgp_topk *top, const oracle *o, const char *term) {
  size_t expected = 0;
  for (unsigned key = 0; key < KEYS; key++) expected += has_term(o, key, term);
  EXPECT(top->count == expected, "%zu hits of the word %s, expected %zu", top->count, term,
         expected);
  for (size_t i = 0; i < top->count; i++) {
    owner who = {0};
    EXPECT(is_alive(w, o, top->heap[i].id, &who) && has_term(o, who.key, term),
           "item %llu is dead or has not the word %s", (unsigned long long)top->heap[i].id, term);
  }
  return true;
}

static inline bool compare_words(world *w, const mgp_snapshot *snap, const oracle *o,
                                 unsigned value) {
  mgp_lexical_view **views = calloc(mgp_snapshot_segment_count(snap) + 1, sizeof *views);
  size_t count = 0;
  char term[24];
  item_term(value % KEYS, value / KEYS, (int)(value % TERMS_A_ITEM), term);
  const char *forms[] = {term};
  const size_t sizes[] = {strlen(term)};
  const mgp_query_term terms[] = {{.forms = forms, .sizes = sizes, .form_count = 1, .weight = 1}};
  const mgp_bm25 bm25 = {.k1 = 1.2, .b = 0.75};
  const alive_filter living = {snap};
  const mgp_filter filter = {.allow = allow_living, .context = &living};
  mgp_scored storage[KEYS];
  mgp_topk top;
  mgp_topk_init(&top, storage, KEYS);
  magpie_error why = {0};
  bool is_same = open_words(w, snap, views, &count);
  if (is_same && mgp_lexical_search(views, count, terms, 1, &bm25, &filter, NULL, &top, &why))
    is_same = differ(w, "search of words: %s", why.message);
  if (is_same) is_same = compare_found(w, &top, o, term);
  for (size_t i = 0; i < count; i++) mgp_lexical_view_close(views[i]);
  free(views);
  return is_same;
}

#endif
