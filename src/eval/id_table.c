/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids, each kept once: an arena of texts with their hashes, found by open addressing with linear
 * probing. Ids are never removed, so a number stays what it is.
 */
#include "eval/ranked.h"

#define FIRST_SLOTS 64
#define COUNT_MAX (UINT32_MAX / 2)

magpie_status mgp_id_table_init(mgp_id_table *t, mgp_alloc *a, magpie_error *err) {
  *t = (mgp_id_table){.alloc = a, .arena = mgp_arena_create(a)};
  MGP_RETURN_IF(!t->arena, err, MAGPIE_NO_MEMORY, "no memory for a table of ids");
  return MAGPIE_OK;
}

void mgp_id_table_fini(mgp_id_table *t) {
  mgp_arena_destroy(t->arena);
  mgp_free(t->alloc, t->ids);
  mgp_free(t->alloc, t->slots);
  *t = (mgp_id_table){0};
}

static const mgp_id *find_hashed(const mgp_id_table *t, const char *text, size_t size,
                                 uint64_t hash) {
  if (t->slot_count == 0) return NULL;
  const uint32_t tag = (uint32_t)(hash >> 32);
  for (size_t i = hash & (t->slot_count - 1);; i = (i + 1) & (t->slot_count - 1)) {
    const mgp_id_slot *slot = &t->slots[i];
    if (slot->number_plus_1 == 0) return NULL;
    if (slot->tag != tag) continue;
    const mgp_id *id = t->ids[slot->number_plus_1 - 1];
    if (id->size == size && memcmp(id->text, text, size) == 0) return id;
  }
}

const mgp_id *mgp_id_table_find(const mgp_id_table *t, const char *text, size_t size) {
  return find_hashed(t, text, size, mgp_hash64(text, size));
}

static void place(mgp_id_slot *slots, size_t slot_count, const mgp_id *id) {
  size_t i = id->hash & (slot_count - 1);
  while (slots[i].number_plus_1 != 0) i = (i + 1) & (slot_count - 1);
  slots[i] = (mgp_id_slot){.tag = (uint32_t)(id->hash >> 32), .number_plus_1 = id->number + 1};
}

static bool make_room(mgp_id_table *t) {
  if (!MGP_GROW(t->alloc, t->ids, t->capacity, t->count + 1)) return false;
  if ((t->count + 1) * 2 <= t->slot_count) return true;
  const size_t wanted = t->slot_count ? t->slot_count * 2 : FIRST_SLOTS;
  mgp_id_slot *slots = mgp_calloc(t->alloc, wanted, sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < t->count; i++) place(slots, wanted, t->ids[i]);
  mgp_free(t->alloc, t->slots);
  t->slots = slots;
  t->slot_count = wanted;
  return true;
}

magpie_status mgp_id_table_intern(mgp_id_table *t, const char *text, size_t size,
                                  const mgp_id **out, magpie_error *err) {
  const uint64_t hash = mgp_hash64(text, size);
  *out = find_hashed(t, text, size, hash);
  if (*out) return MAGPIE_OK;
  MGP_RETURN_IF(t->count >= COUNT_MAX, err, MAGPIE_LIMIT, "more than %u different ids", COUNT_MAX);
  mgp_id *id = make_room(t) ? mgp_arena_alloc(t->arena, sizeof *id + size + 1) : NULL;
  MGP_RETURN_IF(!id, err, MAGPIE_NO_MEMORY, "no memory for %zu ids", t->count + 1);
  *id = (mgp_id){.hash = hash, .number = (uint32_t)t->count, .size = (uint32_t)size};
  memcpy(id->text, text, size);
  id->text[size] = '\0';
  t->ids[t->count++] = id;
  place(t->slots, t->slot_count, id);
  *out = id;
  return MAGPIE_OK;
}

magpie_status mgp_id_check(const char *what, const char *text, size_t *size, magpie_error *err) {
  MGP_RETURN_IF(!text || !*text, err, MAGPIE_INVALID, "the id of a %s is empty", what);
  *size = strnlen(text, MGP_ID_SIZE_MAX + 1);
  MGP_RETURN_IF(*size > MGP_ID_SIZE_MAX, err, MAGPIE_INVALID,
                "the id of a %s has more than %d bytes: %.60s…", what, MGP_ID_SIZE_MAX, text);
  bool is_ascii = true;
  for (size_t i = 0; i < *size; i++) {
    const unsigned char c = (unsigned char)text[i];
    MGP_RETURN_IF(c <= ' ' || c == 0x7f, err, MAGPIE_INVALID,
                  "the id \"%.80s\" of a %s holds white space or a control character; TREC files "
                  "cannot hold it",
                  text, what);
    is_ascii = is_ascii && c < 0x80;
  }
  MGP_RETURN_IF(!is_ascii && (!mgp_utf8_valid(text, *size) || mgp_starts_with_mark(text, *size)),
                err, MAGPIE_INVALID, "the id of a %s is not UTF-8 or begins with a byte order mark",
                what);
  return MAGPIE_OK;
}
