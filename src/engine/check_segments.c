/* SPDX-License-Identifier: Apache-2.0
 *
 * The segments of an index: each against itself, all against the catalog. Two rounds: first every
 * file is read, and what is whole says which items have their rows; then the items of damaged files
 * follow, from their own ids where those are whole, else from what is missing elsewhere.
 */
#include <math.h>

#include "engine/check.h"
#include "engine/engine.h"
#include "index/cluster_index.h"
#include "index/lexical_check.h"

/* Vectors are scaled to length 1 in single precision. */
#define LENGTH_TOLERANCE 1e-3

/* ---- bits -------------------------------------------------------------------------------------
 */

bool mgp_check_is_whole(const mgp_check *check, size_t space, uint64_t item) {
  return space < check->account.space_count && item < check->account.kinds_size &&
         mgp_bit_get(check->whole[space], item);
}

void mgp_check_mark_whole(mgp_check *check, size_t space, uint64_t item) {
  if (space < check->account.space_count && item < check->account.kinds_size)
    mgp_bit_set(check->whole[space], item);
}

static magpie_status make_bits(mgp_check *k, magpie_error *err) {
  const size_t count = k->account.space_count;
  const size_t size = (size_t)(k->account.kinds_size / 8 + 1);
  k->states = mgp_calloc(k->alloc, k->account.claim_count + 1, sizeof *k->states);
  k->whole = mgp_calloc(k->alloc, count + 1, sizeof *k->whole);
  k->named = mgp_calloc(k->alloc, count + 1, sizeof *k->named);
  k->kinds = mgp_calloc(k->alloc, count + 1, sizeof *k->kinds);
  bool failed = !k->states || !k->whole || !k->named || !k->kinds;
  for (size_t i = 0; !failed && i < count; i++) {
    k->whole[i] = mgp_calloc(k->alloc, size, 1);
    k->named[i] = mgp_calloc(k->alloc, size, 1);
    failed = !k->whole[i] || !k->named[i];
  }
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to check %llu items",
                (unsigned long long)k->account.item_count);
  return MAGPIE_OK;
}

size_t mgp_check_space(const mgp_check *check, const char *name) {
  for (size_t i = 0; i < check->account.space_count; i++)
    if (mgp_text_equal(check->account.spaces[i].key, name)) return i;
  return SIZE_MAX;
}

/* ---- what a segment holds ---------------------------------------------------------------------
 */

/* `section` names the part that is wrong when the status is CORRUPT. */
static magpie_status check_ids(const mgp_check *k, const mgp_checked *c, magpie_error *err) {
  const mgp_section *ids = mgp_checked_section(c, MGP_SECTION_IDS);
  MGP_RETURN_IF(!ids || ids->size / sizeof(uint64_t) != c->claim->count ||
                    ids->size % sizeof(uint64_t) != 0,
                err, MAGPIE_CORRUPT, "there are no %llu ids", (unsigned long long)c->claim->count);
  const uint64_t *id = ids->data;
  for (uint64_t i = 0; i < c->claim->count; i++)
    MGP_RETURN_IF(id[i] == 0 || id[i] >= k->account.kinds_size || (i > 0 && id[i] <= id[i - 1]),
                  err, MAGPIE_CORRUPT,
                  "row %llu names item %llu, which is not ascending or not below the next item, "
                  "%llu",
                  (unsigned long long)i, (unsigned long long)id[i],
                  (unsigned long long)k->account.kinds_size);
  return MAGPIE_OK;
}

static magpie_status check_vectors(const mgp_check *k, const mgp_space *space, const mgp_checked *c,
                                   magpie_error *err) {
  const mgp_section *rows = mgp_checked_section(c, MGP_SECTION_VECTORS_F32);
  const size_t stride = mgp_dense_stride(space->dim);
  MGP_RETURN_IF(!rows || rows->size / sizeof(float) / stride != c->claim->count ||
                    rows->size % (sizeof(float) * stride) != 0,
                err, MAGPIE_CORRUPT, "there are no %llu vectors of %zu numbers",
                (unsigned long long)c->claim->count, space->dim);
  const bool is_cosine = mgp_text_equal(space->metric, "cosine");
  for (uint64_t i = 0; k->deep && i < c->claim->count; i++) {
    const float *row = (const float *)rows->data + i * stride;
    double square = 0;
    for (size_t j = 0; j < stride; j++) {
      MGP_RETURN_IF(!isfinite(row[j]) || (j >= space->dim && row[j] != 0), err, MAGPIE_CORRUPT,
                    "number %zu of vector %llu is not finite, or not 0 behind its end", j,
                    (unsigned long long)i);
      square += (double)row[j] * row[j];
    }
    MGP_RETURN_IF(is_cosine && fabs(sqrt(square) - 1) > LENGTH_TOLERANCE, err, MAGPIE_CORRUPT,
                  "vector %llu has the length %g, expected 1", (unsigned long long)i, sqrt(square));
  }
  return MAGPIE_OK;
}

static magpie_status check_words(const mgp_check *k, const mgp_checked *c, magpie_error *err) {
  static const uint32_t kinds[MGP_LEXICAL_SECTIONS] = {
      MGP_SECTION_IDS, MGP_SECTION_LENGTHS, MGP_SECTION_DICTIONARY, MGP_SECTION_POSTINGS};
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    const mgp_section *section = mgp_checked_section(c, kinds[i]);
    MGP_RETURN_IF(!section, err, MAGPIE_CORRUPT, "the section %s is missing",
                  mgp_segment_section_name(kinds[i]));
    sections[i] = (mgp_bytes){.data = section->data, .size = section->size};
  }
  mgp_lexical_view *view = NULL;
  MGP_FORWARD(mgp_lexical_view_open(k->alloc, sections, &view, err));
  const magpie_status status = k->deep ? mgp_lexical_check(k->alloc, view, err) : MAGPIE_OK;
  mgp_lexical_view_close(view);
  return status;
}

/* ---- what makes it faster -----------------------------------------------------------------------
 */

/* Damage of an extra section takes nothing from the answers, so the rows stay whole. */
static magpie_status note_slow(mgp_check *k, size_t claim, const char *section, const char *what,
                               magpie_error *err) {
  mgp_buffer b;
  mgp_buffer_init(&b, k->alloc);
  mgp_buffer_printf(&b, "%s; only speed depends on it", what);
  char *text = mgp_buffer_take(&b);
  MGP_RETURN_IF(!text, err, MAGPIE_NO_MEMORY, "no memory to note a damage");
  k->states[claim].is_slow = true;
  const mgp_damage damage = {
      .file = k->account.claims[claim].file, .section = section, .what = text};
  const magpie_status status = mgp_check_note(k, &k->findings, &damage, SIZE_MAX, err);
  mgp_free(k->alloc, text);
  return status;
}

static magpie_status check_extra(mgp_check *k, size_t claim, const mgp_space *space,
                                 const mgp_checked *c, uint32_t kind, magpie_error *err) {
  const mgp_section *rows = mgp_checked_section(c, MGP_SECTION_VECTORS_F32);
  const mgp_section *extra = mgp_checked_section(c, kind);
  if (!rows || !extra || space->dim == 0) return MAGPIE_OK;
  const mgp_graph_rows of = {.rows = rows->data,
                             .count = (size_t)c->claim->count,
                             .dim = space->dim,
                             .stride = mgp_dense_stride(space->dim)};
  magpie_error why = {0};
  const magpie_status status =
      kind == MGP_SECTION_GRAPH ? mgp_graph_check(extra->data, extra->size, &of, k->alloc, &why)
                                : mgp_clusters_check(extra->data, extra->size, &of, k->alloc, &why);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  if (status != MAGPIE_NO_MEMORY && status != MAGPIE_LIMIT)
    return note_slow(k, claim, mgp_segment_section_name(kind), why.message, err);
  if (err) *err = why;
  return status;
}

static magpie_status check_extras(mgp_check *k, size_t claim, const mgp_space *space,
                                  const mgp_checked *c, magpie_error *err) {
  MGP_FORWARD(check_extra(k, claim, space, c, MGP_SECTION_GRAPH, err));
  return check_extra(k, claim, space, c, MGP_SECTION_CLUSTERS, err);
}

/* ---- the first round --------------------------------------------------------------------------
 */

static magpie_status note_wrong(mgp_check *k, size_t claim, const char *section,
                                const magpie_error *why, magpie_error *err) {
  if (why->code == MAGPIE_NO_MEMORY || why->code == MAGPIE_CANCELLED) {
    if (err) *err = *why;
    return why->code;
  }
  k->states[claim].is_damaged = true;
  const mgp_damage damage = {
      .file = k->account.claims[claim].file, .section = section, .what = why->message};
  return mgp_check_note(k, &k->findings, &damage, claim, err);
}

static magpie_status note_bytes(mgp_check *k, size_t claim, const mgp_checked *c,
                                magpie_error *err) {
  const uint32_t extras = mgp_checked_extras(c);
  if (!c->is_readable || c->bad == 0)
    return note_wrong(k, claim,
                      c->is_readable  ? "padding"
                      : c->is_missing ? ""
                                      : "header",
                      &c->why, err);
  for (uint32_t i = 0; i < c->parsed.header.section_count; i++) {
    if (!(c->bad >> i & 1)) continue;
    const mgp_section *section = &c->parsed.sections[i];
    magpie_error why = {0};
    mgp_fail(&why, MAGPIE_CORRUPT, "its %zu bytes are not those that were written (checksum)",
             section->size);
    const char *name = mgp_segment_section_name(section->kind);
    MGP_FORWARD(extras >> i & 1 ? note_slow(k, claim, name, why.message, err)
                                : note_wrong(k, claim, name, &why, err));
  }
  return MAGPIE_OK;
}

static magpie_status check_contents(mgp_check *k, size_t claim, const mgp_checked *c,
                                    magpie_error *err) {
  mgp_segment_state *state = &k->states[claim];
  magpie_error why = {0};
  state->knows_items = check_ids(k, c, &why) == MAGPIE_OK;
  const char *section = "ids";
  magpie_status status = why.code;
  const bool has_bad_rows = (c->bad & ~mgp_checked_extras(c)) != 0;
  if (state->knows_items && !has_bad_rows && state->space != SIZE_MAX) {
    const mgp_space *space = &k->account.spaces[state->space];
    section = space->dim ? "vectors" : "postings";
    status = space->dim ? check_vectors(k, space, c, &why) : check_words(k, c, &why);
  }
  if (status == MAGPIE_OK && k->deep && !has_bad_rows && state->space != SIZE_MAX)
    return check_extras(k, claim, &k->account.spaces[state->space], c, err);
  if (status == MAGPIE_OK || has_bad_rows) return MAGPIE_OK; /* bad bytes have been told already */
  state->is_wrong = true;
  return note_wrong(k, claim, section, &why, err);
}

/* Which items the rows stand for. A second row of an item in one space is told. */
static magpie_status take_items(mgp_check *k, size_t claim, const mgp_checked *c,
                                magpie_error *err) {
  mgp_segment_state *state = &k->states[claim];
  const mgp_section *ids = mgp_checked_section(c, MGP_SECTION_IDS);
  if (!state->knows_items || !ids || state->space == SIZE_MAX) return MAGPIE_OK;
  const uint64_t *id = ids->data;
  const uint64_t count = c->claim->count;
  state->first = count ? id[0] : 1;
  state->last = count ? id[count - 1] : 0;
  unsigned char *bits = state->is_damaged ? k->named[state->space] : k->whole[state->space];
  uint64_t twice = 0;
  for (uint64_t i = 0; i < count; i++) {
    const unsigned char kind = k->account.kinds[id[i]];
    if (!state->is_damaged && kind && mgp_bit_get(bits, id[i])) twice = id[i];
    mgp_bit_set(bits, id[i]);
    if (!state->is_damaged && kind) k->kinds[state->space][kind] = true;
    if (!state->is_damaged || !kind) continue;
    MGP_RETURN_IF(!MGP_GROW(k->alloc, state->items, state->capacity, state->count + 1), err,
                  MAGPIE_NO_MEMORY, "no memory for the items of %s", c->claim->file);
    state->items[state->count++] = id[i];
  }
  if (!twice) return MAGPIE_OK;
  char what[160];
  snprintf(what, sizeof what, "item number %llu has two rows in the space %s",
           (unsigned long long)twice, c->claim->space);
  const mgp_damage damage = {
      .file = c->claim->file, .section = "ids", .what = what, .items = &twice, .count = 1};
  return mgp_check_note(k, &k->findings, &damage, SIZE_MAX, err);
}

static magpie_status check_one(mgp_check *k, size_t claim, magpie_error *err) {
  mgp_checked c;
  mgp_check_segment(k->store, &k->account.claims[claim], k->deep, &c);
  k->bytes += c.bytes;
  k->states[claim].space = mgp_check_space(k, c.claim->space);
  magpie_status status = MAGPIE_OK;
  bool is_named = true;
  if (c.is_missing) status = mgp_check_is_named(k->store, c.claim->number, &is_named, err);
  k->is_outdated = k->is_outdated || !is_named;
  if (status == MAGPIE_OK && c.is_damaged && is_named) status = note_bytes(k, claim, &c, err);
  if (status == MAGPIE_OK && c.is_readable) status = check_contents(k, claim, &c, err);
  if (status == MAGPIE_OK && c.is_readable) status = take_items(k, claim, &c, err);
  mgp_checked_fini(k->store, &c);
  return status;
}

/* ---- the second round -------------------------------------------------------------------------
 */

/* Numbers that a commit gave: its segment of words holds all of its items. */
static void numbers_of(const mgp_check *k, size_t claim, uint64_t *first, uint64_t *last) {
  *first = 1;
  *last = k->account.kinds_size - 1;
  for (size_t i = 0; i < k->account.claim_count; i++) {
    const mgp_segment_state *state = &k->states[i];
    if (state->space == SIZE_MAX || k->account.spaces[state->space].dim || !state->knows_items ||
        k->account.claims[i].generation != k->account.claims[claim].generation)
      continue;
    *first = state->first;
    *last = state->last;
  }
}

/* Imported vectors belong to records without a file. */
static magpie_status may_have_vector(const mgp_check *k, uint64_t item, bool *out,
                                     magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(k->alloc);
  mgp_item row = {0};
  mgp_source source = {0};
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to check an item");
  const magpie_status status = mgp_store_item_get(k->store, item, arena, &row, &source, err);
  *out = status == MAGPIE_OK && source.record && !source.path;
  mgp_arena_destroy(arena);
  return status == MAGPIE_NOT_FOUND ? MAGPIE_OK : status;
}

/* Could the item have had a row in this space? */
static magpie_status fits_space(const mgp_check *k, size_t space, uint64_t item, bool only_vectors,
                                bool *out, magpie_error *err) {
  const mgp_space *row = &k->account.spaces[space];
  const unsigned char kind = k->account.kinds[item];
  bool any_kind = true;
  *out = false;
  if (!kind || mgp_bit_get(k->whole[space], item) || mgp_bit_get(k->named[space], item))
    return MAGPIE_OK;
  for (int i = 0; i < 256; i++) any_kind = any_kind && !k->kinds[space][i];
  *out = row->dim == 0 || any_kind || k->kinds[space][kind];
  if (row->dim == 0 || row->pack[0]) return MAGPIE_OK;
  const bool is_vector = mgp_text_equal(k->account.kind_names[kind], "vector");
  *out = false;
  return is_vector == only_vectors ? may_have_vector(k, item, out, err) : MAGPIE_OK;
}

/* The items of a file whose ids are lost: those that have no row in its space anywhere else. Of
 * imported vectors those of the kind "vector" come first; other records only where they are too
 * few.
 */
static magpie_status guess_items(mgp_check *k, size_t claim, magpie_error *err) {
  mgp_segment_state *state = &k->states[claim];
  const mgp_space *space = &k->account.spaces[state->space];
  const int turns = space->dim && !space->pack[0] ? 2 : 1;
  uint64_t first = 1, last = 0;
  numbers_of(k, claim, &first, &last);
  for (int turn = 0; turn < turns && state->count < k->account.claims[claim].count; turn++) {
    for (uint64_t i = first; i <= last && i < k->account.kinds_size; i++) {
      bool fits = false;
      MGP_FORWARD(fits_space(k, state->space, i, turn == 0, &fits, err));
      if (!fits) continue;
      MGP_RETURN_IF(!MGP_GROW(k->alloc, state->items, state->capacity, state->count + 1), err,
                    MAGPIE_NO_MEMORY, "no memory for the items of a damaged segment");
      state->items[state->count++] = i;
    }
  }
  return MAGPIE_OK;
}

/* Live items of which no segment of words knows anything, though none is damaged. */
static magpie_status check_every_item(mgp_check *k, magpie_error *err) {
  const size_t words = mgp_check_space(k, MGP_WORDS_SPACE);
  uint64_t *missing = NULL;
  size_t count = 0, capacity = 0;
  for (size_t i = 0; i < k->account.claim_count; i++)
    if (k->states[i].is_damaged && k->states[i].space == words && !k->states[i].knows_items)
      return MAGPIE_OK; /* the guess of that segment has them */
  for (uint64_t i = 1; i < k->account.kinds_size; i++) {
    if (!k->account.kinds[i] || mgp_check_is_whole(k, words, i) ||
        (words != SIZE_MAX && mgp_bit_get(k->named[words], i)))
      continue;
    if (!MGP_GROW(k->alloc, missing, capacity, count + 1)) {
      mgp_free(k->alloc, missing);
      return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the list of items");
    }
    missing[count++] = i;
  }
  magpie_status status = MAGPIE_OK;
  if (count > 0) {
    const mgp_damage damage = {.file = "catalog.sqlite",
                               .section = "item",
                               .what = "no segment of words holds these items",
                               .items = missing,
                               .count = count};
    status = mgp_check_note(k, &k->findings, &damage, SIZE_MAX, err);
  }
  mgp_free(k->alloc, missing);
  return status;
}

/* ---- items that are vectors and nothing else ----------------------------------------------------
 */

static bool has_any_vector(const mgp_check *k, uint64_t item) {
  for (size_t s = 0; s < k->account.space_count; s++)
    if (k->account.spaces[s].dim &&
        (mgp_bit_get(k->whole[s], item) || mgp_bit_get(k->named[s], item)))
      return true;
  return false;
}

static magpie_status has_text(const mgp_check *k, uint64_t item, bool *out, magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(k->alloc);
  mgp_item row = {0};
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to check an item");
  const magpie_status status = mgp_store_item_get(k->store, item, arena, &row, NULL, err);
  *out = status != MAGPIE_OK || (row.text && row.text[0]);
  mgp_arena_destroy(arena);
  return status == MAGPIE_NOT_FOUND ? MAGPIE_OK : status;
}

static magpie_status check_vector_items(mgp_check *k, magpie_error *err) {
  for (size_t i = 0; i < k->account.claim_count; i++)
    if (k->states[i].is_damaged && !k->states[i].knows_items) return MAGPIE_OK;
  for (uint64_t i = 1; i < k->account.kinds_size; i++) {
    const unsigned char kind = k->account.kinds[i];
    if (!kind || !mgp_text_equal(k->account.kind_names[kind], "vector") || has_any_vector(k, i))
      continue;
    bool is_found_by_words = true;
    MGP_FORWARD(has_text(k, i, &is_found_by_words, err));
    if (is_found_by_words) continue;
    const mgp_damage damage = {.file = "catalog.sqlite",
                               .section = "item",
                               .what = "an item of the kind vector has no vector",
                               .items = &i,
                               .count = 1};
    MGP_FORWARD(mgp_check_note(k, &k->findings, &damage, SIZE_MAX, err));
  }
  return MAGPIE_OK;
}

magpie_status mgp_check_segments(mgp_check *k, magpie_error *err) {
  MGP_FORWARD(make_bits(k, err));
  const size_t count = k->account.claim_count;
  for (size_t i = 0; i < count; i++) {
    MGP_FORWARD(check_one(k, i, err));
    MGP_FORWARD(mgp_check_tell(k, i + 1, count, k->account.claims[i].file, err));
  }
  for (size_t i = 0; i < count; i++)
    if (k->states[i].is_damaged && !k->states[i].knows_items && k->states[i].space != SIZE_MAX)
      MGP_FORWARD(guess_items(k, i, err));
  MGP_FORWARD(check_every_item(k, err));
  return check_vector_items(k, err);
}
