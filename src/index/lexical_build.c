/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a lexical segment: a hash table from terms to their postings so far, each a chain of
 * chunks with varint (item difference, tf) pairs, as in Lucene's indexing chain. Chunks double up
 * to 512 bytes, so that the many rare terms stay small and the common ones cost little chaining.
 * finish() sorts the terms and writes the sections of docs/format/lexical.md.
 */
#include <stdlib.h>

#include "index/lexical_file.h"

#define CHUNK_FIRST 16u
#define CHUNK_MAX 512u
#define SLOTS_FIRST ((size_t)1024)
#define ARENA_ALIGNMENT ((size_t)16)
#define NO_ITEM UINT32_MAX

typedef struct chunk {
  struct chunk *next;
  uint32_t size, capacity;
  unsigned char bytes[];
} chunk;

typedef struct term {
  const char *text;
  size_t size;
  uint64_t hash;
  uint32_t df;      /* closed postings in the chunks */
  uint32_t item;    /* the open posting; NO_ITEM: none */
  uint32_t tf;      /* of the open posting */
  uint32_t written; /* the last closed item; NO_ITEM: none */
  chunk *first, *last;
} term;

struct mgp_lexical_builder {
  mgp_alloc *alloc;
  mgp_arena *arena; /* texts, terms, chunks */
  size_t arena_size;
  uint64_t *ids;
  size_t ids_capacity;
  uint32_t *lengths;
  size_t lengths_capacity;
  size_t count;
  term **slots; /* power of two, open addressing */
  size_t slot_count, term_count;
  bool is_finished;
  mgp_buffer dictionary, postings;
};

magpie_status mgp_lexical_builder_create(mgp_alloc *a, mgp_lexical_builder **out,
                                         magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "lexical builder: out is NULL");
  mgp_lexical_builder *b = mgp_calloc(a, 1, sizeof *b);
  MGP_RETURN_IF(!b, err, MAGPIE_NO_MEMORY, "no memory for a lexical builder");
  b->alloc = a;
  mgp_buffer_init(&b->dictionary, a);
  mgp_buffer_init(&b->postings, a);
  b->arena = mgp_arena_create(a);
  b->slots = mgp_calloc(a, SLOTS_FIRST, sizeof *b->slots);
  b->slot_count = SLOTS_FIRST;
  if (!b->arena || !b->slots) {
    mgp_lexical_builder_destroy(b);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a lexical builder");
  }
  *out = b;
  return MAGPIE_OK;
}

void mgp_lexical_builder_destroy(mgp_lexical_builder *b) {
  if (!b) return;
  mgp_buffer_fini(&b->dictionary);
  mgp_buffer_fini(&b->postings);
  mgp_arena_destroy(b->arena);
  mgp_free(b->alloc, b->slots);
  mgp_free(b->alloc, b->ids);
  mgp_free(b->alloc, b->lengths);
  mgp_free(b->alloc, b);
}

size_t mgp_lexical_builder_count(const mgp_lexical_builder *b) {
  return b->count;
}

size_t mgp_lexical_builder_size(const mgp_lexical_builder *b) {
  return sizeof *b + b->arena_size + b->ids_capacity * sizeof *b->ids +
         b->lengths_capacity * sizeof *b->lengths + b->slot_count * sizeof(term *) +
         b->dictionary.capacity + b->postings.capacity;
}

static magpie_status no_memory(const mgp_lexical_builder *b, magpie_error *err) {
  return mgp_fail(
      err, MAGPIE_NO_MEMORY,
      "no memory for item %zu of a lexical segment of %zu bytes: commit smaller batches "
      "or raise the memory limit",
      b->count, mgp_lexical_builder_size(b));
}

static void *arena_alloc(mgp_lexical_builder *b, size_t size) {
  void *block = mgp_arena_alloc(b->arena, size);
  if (block) b->arena_size += (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
  return block;
}

/* ---- items and terms ---------------------------------------------------------------------------
 */

magpie_status mgp_lexical_builder_begin(mgp_lexical_builder *b, uint64_t id, magpie_error *err) {
  MGP_RETURN_IF(b->is_finished, err, MAGPIE_INVALID, "the lexical segment is finished");
  MGP_RETURN_IF(b->count > 0 && id <= b->ids[b->count - 1], err, MAGPIE_INVALID,
                "item %llu came after item %llu: ids must ascend", (unsigned long long)id,
                (unsigned long long)b->ids[b->count - 1]);
  MGP_RETURN_IF(b->count + 1 >= MGP_LEXICAL_END, err, MAGPIE_LIMIT,
                "a lexical segment holds at most %u items", MGP_LEXICAL_END - 1);
  if (!MGP_GROW(b->alloc, b->ids, b->ids_capacity, b->count + 1) ||
      !MGP_GROW(b->alloc, b->lengths, b->lengths_capacity, b->count + 1))
    return no_memory(b, err);
  b->ids[b->count] = id;
  b->lengths[b->count] = 0;
  b->count++;
  return MAGPIE_OK;
}

static size_t find_slot(term *const *slots, size_t slot_count, uint64_t hash, const char *text,
                        size_t size) {
  size_t slot = (size_t)hash & (slot_count - 1);
  while (slots[slot] && (slots[slot]->hash != hash || slots[slot]->size != size ||
                         memcmp(slots[slot]->text, text, size) != 0))
    slot = (slot + 1) & (slot_count - 1);
  return slot;
}

static bool grow_slots(mgp_lexical_builder *b) {
  const size_t slot_count = b->slot_count * 4; /* all terms move: seldom is better */
  term **slots = mgp_calloc(b->alloc, slot_count, sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < b->slot_count; i++) {
    term *t = b->slots[i];
    if (t) slots[find_slot(slots, slot_count, t->hash, t->text, t->size)] = t;
  }
  mgp_free(b->alloc, b->slots);
  b->slots = slots;
  b->slot_count = slot_count;
  return true;
}

static term *find_or_add(mgp_lexical_builder *b, const char *text, size_t size) {
  const uint64_t hash = mgp_hash64(text, size);
  size_t slot = find_slot(b->slots, b->slot_count, hash, text, size);
  if (b->slots[slot]) return b->slots[slot];
  if (b->term_count + 1 > b->slot_count / 2) {
    if (!grow_slots(b)) return NULL;
    slot = find_slot(b->slots, b->slot_count, hash, text, size);
  }
  term *t = arena_alloc(b, sizeof *t);
  char *copy = arena_alloc(b, size);
  if (!t || !copy) return NULL;
  memcpy(copy, text, size);
  *t = (term){.text = copy, .size = size, .hash = hash, .item = NO_ITEM, .written = NO_ITEM};
  b->slots[slot] = t;
  b->term_count++;
  return t;
}

static size_t put_varint(unsigned char *out, uint32_t value) {
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) out[size++] = (unsigned char)(value | 0x80);
  out[size++] = (unsigned char)value;
  return size;
}

/* Appends to the chain; a pair may lie across two chunks. */
static bool add_bytes(mgp_lexical_builder *b, term *t, const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (!t->last || t->last->size == t->last->capacity) {
      uint32_t capacity = t->last ? t->last->capacity * 2 : CHUNK_FIRST;
      if (capacity > CHUNK_MAX) capacity = CHUNK_MAX;
      chunk *c = arena_alloc(b, sizeof *c + capacity);
      if (!c) return false;
      *c = (chunk){.capacity = capacity};
      if (t->last) t->last->next = c;
      else t->first = c;
      t->last = c;
    }
    t->last->bytes[t->last->size++] = bytes[i];
  }
  return true;
}

/* Moves the open posting into the chunks. */
static bool close_posting(mgp_lexical_builder *b, term *t) {
  if (t->item == NO_ITEM) return true;
  unsigned char bytes[10];
  size_t size = put_varint(bytes, t->item - t->written - 1); /* NO_ITEM wraps to -1 */
  size += put_varint(bytes + size, t->tf);
  if (!add_bytes(b, t, bytes, size)) return false;
  t->written = t->item;
  t->item = NO_ITEM;
  t->df++;
  return true;
}

magpie_status mgp_lexical_builder_term(mgp_lexical_builder *b, const char *text, size_t size,
                                       magpie_error *err) {
  MGP_RETURN_IF(b->is_finished || b->count == 0, err, MAGPIE_INVALID,
                "a term of a lexical segment came %s", b->count ? "after its end" : "without item");
  MGP_RETURN_IF(!text || size == 0, err, MAGPIE_INVALID, "a term of item %llu is empty",
                (unsigned long long)b->ids[b->count - 1]);
  const uint32_t item = (uint32_t)b->count - 1;
  MGP_RETURN_IF(b->lengths[item] >= MGP_LEXICAL_TF_MAX, err, MAGPIE_LIMIT,
                "item %llu has more than %u terms", (unsigned long long)b->ids[item],
                MGP_LEXICAL_TF_MAX);
  term *t = find_or_add(b, text, size);
  if (!t) return no_memory(b, err);
  if (t->item != item) {
    if (!close_posting(b, t)) return no_memory(b, err);
    t->item = item;
    t->tf = 0;
  }
  t->tf++;
  b->lengths[item]++;
  return MAGPIE_OK;
}

/* ---- finish ------------------------------------------------------------------------------------
 */

/* Reads a chain back. */
typedef struct chain {
  const chunk *at;
  uint32_t offset;
} chain;

static uint32_t next_varint(chain *c) {
  uint32_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (c->offset == c->at->size) *c = (chain){.at = c->at->next};
    const unsigned char byte = c->at->bytes[c->offset++];
    value |= (uint32_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

typedef struct extremes {
  uint32_t tf_max, length_min;
} extremes;

static void widen(extremes *e, extremes other) {
  if (other.tf_max > e->tf_max) e->tf_max = other.tf_max;
  if (other.length_min < e->length_min) e->length_min = other.length_min;
}

/* A term of several blocks has a table of them first, filled as they are written. */
static magpie_status write_postings(mgp_lexical_builder *b, const term *t, extremes *all,
                                    magpie_error *err) {
  const size_t blocks = (t->df + MGP_LEXICAL_BLOCK_POSTINGS - 1u) / MGP_LEXICAL_BLOCK_POSTINGS;
  const size_t table = b->postings.size;
  const mgp_posting_block empty = {0};
  for (size_t i = 0; blocks > 1 && i < blocks; i++)
    mgp_buffer_add(&b->postings, &empty, sizeof empty);
  const size_t start = b->postings.size;
  uint32_t items[MGP_LEXICAL_BLOCK_POSTINGS], tfs[MGP_LEXICAL_BLOCK_POSTINGS];
  uint32_t left = t->df, before = UINT32_MAX;
  chain c = {.at = t->first};
  for (size_t i = 0; i < blocks; i++) {
    const uint32_t count = left < MGP_LEXICAL_BLOCK_POSTINGS ? left : MGP_LEXICAL_BLOCK_POSTINGS;
    extremes e = {.length_min = UINT32_MAX};
    uint32_t item = before;
    for (uint32_t j = 0; j < count; j++) {
      item = item + 1 + next_varint(&c);
      items[j] = item;
      tfs[j] = next_varint(&c);
      widen(&e, (extremes){.tf_max = tfs[j], .length_min = b->lengths[item]});
    }
    mgp_lexical_pack(&b->postings, items, tfs, count, before);
    MGP_RETURN_IF(b->postings.size - start > UINT32_MAX, err, MAGPIE_LIMIT,
                  "the postings of one term take more than 4 GiB: commit smaller batches");
    const mgp_posting_block block = {.last = item,
                                     .tf_max = e.tf_max,
                                     .length_min = e.length_min,
                                     .end = (uint32_t)(b->postings.size - start)};
    if (blocks > 1 && !b->postings.failed)
      memcpy(b->postings.data + table + i * sizeof block, &block, sizeof block);
    widen(all, e);
    before = item;
    left -= count;
  }
  return MAGPIE_OK;
}

static size_t shared_prefix(const term *a, const term *b) {
  const size_t limit = a->size < b->size ? a->size : b->size;
  size_t shared = 0;
  while (shared < limit && a->text[shared] == b->text[shared]) shared++;
  return shared;
}

/* A term and its first bytes as a number, which tell most terms apart without looking at them. */
typedef struct sorted_term {
  uint64_t prefix;
  term *term;
} sorted_term;

static magpie_status write_terms(mgp_lexical_builder *b, const sorted_term *terms,
                                 magpie_error *err) {
  for (size_t i = 0; i < b->term_count; i++) {
    const term *t = terms[i].term;
    const size_t from = b->postings.size;
    const bool is_first = i % MGP_LEXICAL_BLOCK_TERMS == 0;
    if (is_first && !b->dictionary.failed) {
      const mgp_dictionary_block block = {.terms = b->dictionary.size, .postings = from};
      memcpy(b->dictionary.data + sizeof(mgp_dictionary_header) +
                 i / MGP_LEXICAL_BLOCK_TERMS * sizeof block,
             &block, sizeof block);
    }
    extremes e = {.length_min = UINT32_MAX};
    MGP_FORWARD(write_postings(b, t, &e, err));
    const size_t shared = is_first ? 0 : shared_prefix(terms[i - 1].term, t);
    mgp_lexical_put_varint(&b->dictionary, shared);
    mgp_lexical_put_varint(&b->dictionary, t->size - shared);
    mgp_buffer_add(&b->dictionary, t->text + shared, t->size - shared);
    mgp_lexical_put_varint(&b->dictionary, t->df);
    mgp_lexical_put_varint(&b->dictionary, e.tf_max);
    mgp_lexical_put_varint(&b->dictionary, e.length_min);
    mgp_lexical_put_varint(&b->dictionary, b->postings.size - from);
    if (b->dictionary.failed || b->postings.failed) return no_memory(b, err);
  }
  return MAGPIE_OK;
}

static void write_heads(mgp_lexical_builder *b, uint32_t block_count) {
  const mgp_dictionary_header dictionary = {.magic = MGP_LEXICAL_DICTIONARY_MAGIC,
                                            .version = MGP_LEXICAL_VERSION,
                                            .term_count = b->term_count,
                                            .item_count = b->count,
                                            .block_terms = MGP_LEXICAL_BLOCK_TERMS,
                                            .block_count = block_count};
  const mgp_postings_header postings = {
      .magic = MGP_LEXICAL_POSTINGS_MAGIC, .version = MGP_LEXICAL_VERSION, .item_count = b->count};
  const mgp_dictionary_block empty = {0};
  mgp_buffer_add(&b->dictionary, &dictionary, sizeof dictionary);
  for (uint32_t i = 0; i < block_count; i++) mgp_buffer_add(&b->dictionary, &empty, sizeof empty);
  mgp_buffer_add(&b->postings, &postings, sizeof postings);
}

static uint64_t first_bytes(const term *t) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof prefix; i++)
    prefix = prefix << 8 | (i < t->size ? (unsigned char)t->text[i] : 0);
  return prefix;
}

static int compare_terms(const void *a, const void *b) {
  const sorted_term *x = a, *y = b;
  if (x->prefix != y->prefix) return x->prefix < y->prefix ? -1 : 1;
  const term *left = x->term, *right = y->term;
  const int order =
      memcmp(left->text, right->text, left->size < right->size ? left->size : right->size);
  return order ? order : (left->size > right->size) - (left->size < right->size);
}

static magpie_status sort_terms(mgp_lexical_builder *b, sorted_term *terms, magpie_error *err) {
  size_t count = 0;
  for (size_t i = 0; i < b->slot_count; i++) {
    if (!b->slots[i]) continue;
    if (!close_posting(b, b->slots[i])) return no_memory(b, err);
    terms[count++] = (sorted_term){.prefix = first_bytes(b->slots[i]), .term = b->slots[i]};
  }
  if (count > 0) qsort(terms, count, sizeof *terms, compare_terms);
  return MAGPIE_OK;
}

static magpie_status write_sections(mgp_lexical_builder *b, sorted_term *terms, magpie_error *err) {
  static const char padding[MGP_LEXICAL_PADDING] = {0};
  const size_t blocks =
      b->term_count / MGP_LEXICAL_BLOCK_TERMS + (b->term_count % MGP_LEXICAL_BLOCK_TERMS != 0);
  MGP_RETURN_IF(blocks > UINT32_MAX, err, MAGPIE_LIMIT, "a lexical segment has %zu terms",
                b->term_count);
  MGP_FORWARD(sort_terms(b, terms, err));
  write_heads(b, (uint32_t)blocks);
  MGP_FORWARD(write_terms(b, terms, err));
  mgp_buffer_add(&b->postings, padding, sizeof padding);
  return b->dictionary.failed || b->postings.failed ? no_memory(b, err) : MAGPIE_OK;
}

magpie_status mgp_lexical_builder_finish(mgp_lexical_builder *b,
                                         mgp_bytes sections[MGP_LEXICAL_SECTIONS],
                                         magpie_error *err) {
  MGP_RETURN_IF(b->is_finished, err, MAGPIE_INVALID, "the lexical segment is finished");
  b->is_finished = true;
  sorted_term *terms = mgp_malloc(b->alloc, b->term_count * sizeof *terms);
  if (!terms) return no_memory(b, err);
  const magpie_status status = write_sections(b, terms, err);
  mgp_free(b->alloc, terms);
  MGP_FORWARD(status);
  sections[0] = (mgp_bytes){.data = b->ids, .size = b->count * sizeof *b->ids};
  sections[1] = (mgp_bytes){.data = b->lengths, .size = b->count * sizeof *b->lengths};
  sections[2] = (mgp_bytes){.data = b->dictionary.data, .size = b->dictionary.size};
  sections[3] = (mgp_bytes){.data = b->postings.data, .size = b->postings.size};
  return MAGPIE_OK;
}
