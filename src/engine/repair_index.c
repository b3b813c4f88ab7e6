/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_repair: a deep check, then
 *
 *   files read again (commits of their own, as `magpie index` makes them)
 *     --> lock, check again --> one transaction: what can be kept is written anew, words and text
 *     vectors are made from the catalog, what is lost is noted, damaged files lose their names
 *     --> files that nobody names are deleted --> a last check
 *
 * Killed at any point it leaves an index that the next repair goes on with: damaged segments keep
 * their names until all that can be rebuilt is in the same commit.
 */
#include <stdlib.h>

#include "engine/merge_segments.h"
#include "engine/repair.h"
#include "store/item_batch.h"
#include "store/merge_store.h"

magpie_status mgp_repair_lose(mgp_repair *r, const mgp_item *item, const mgp_source *source,
                              const char *what, magpie_error *err) {
  char *shown = source->path ? mgp_path_escape(NULL, source->path) : NULL;
  char *id = mgp_path_escape(NULL, item->id);
  json_t *row = json_pack("{s:s,s:s,s:s}", "id", id ? id : "", "source",
                          shown            ? shown
                          : source->record ? source->record
                                           : "",
                          "what", what);
  mgp_free(NULL, shown);
  mgp_free(NULL, id);
  MGP_RETURN_IF(!row || json_array_append_new(r->lost, row) != 0, err, MAGPIE_NO_MEMORY,
                "no memory for the list of what is lost");
  return MAGPIE_OK;
}

static int by_number(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

magpie_status mgp_repair_items(mgp_repair *r, size_t space, uint64_t **out, size_t *count,
                               magpie_error *err) {
  size_t capacity = 0;
  *out = NULL;
  *count = 0;
  for (size_t i = 0; i < r->check.account.claim_count; i++) {
    const mgp_segment_state *state = &r->check.states[i];
    if (!state->is_damaged || state->is_kept || state->space != space) continue;
    for (size_t j = 0; j < state->count; j++) {
      if (mgp_check_is_whole(&r->check, space, state->items[j])) continue;
      MGP_RETURN_IF(!MGP_GROW(r->ix->alloc, *out, capacity, *count + 1), err, MAGPIE_NO_MEMORY,
                    "no memory for the items to repair");
      (*out)[(*count)++] = state->items[j];
    }
  }
  if (*count > 1) qsort(*out, *count, sizeof **out, by_number);
  size_t kept = 0; /* two files whose ids are lost guess the same items */
  for (size_t i = 0; i < *count; i++)
    if (kept == 0 || (*out)[kept - 1] != (*out)[i]) (*out)[kept++] = (*out)[i];
  *count = kept;
  return MAGPIE_OK;
}

/* ---- before anything changes ------------------------------------------------------------------
 */

static magpie_status run_check(mgp_repair *r, bool deep, magpie_error *err) {
  mgp_check_fini(&r->check);
  r->check = (mgp_check){
      .alloc = r->ix->alloc, .store = r->ix->store, .deep = deep, .cancel = r->options->cancel};
  MGP_FORWARD(mgp_check_run(&r->check, err));
  MGP_RETURN_IF(r->check.is_catalog_damaged, err, MAGPIE_CORRUPT,
                "the catalog of %s is damaged, and only a copy can replace it: %s",
                mgp_store_path(r->ix->store), r->check.findings.items[0].what);
  for (size_t i = 0; i < r->check.account.claim_count; i++) {
    mgp_segment_state *state = &r->check.states[i];
    if (!state->is_damaged || state->is_wrong || state->space == SIZE_MAX) continue;
    char *block = NULL;
    mgp_segment_parsed parsed;
    state->is_kept = mgp_segment_salvage(r->ix->store, r->ix->alloc, &r->check.account.claims[i],
                                         &block, &parsed);
    mgp_free(r->ix->alloc, block);
  }
  return MAGPIE_OK;
}

/* Without the pack that made them, vectors that could be made again would count as lost. */
static magpie_status need_pack(mgp_repair *r, const mgp_space *space, magpie_error *err) {
  mgp_encoder *e = NULL;
  magpie_error why = {0};
  const magpie_status status = mgp_engine_encoder(r->ix, space->pack, &e, &why);
  MGP_RETURN_IF(status == MAGPIE_NO_MEMORY, err, status, "%s", why.message);
  MGP_RETURN_IF(status != MAGPIE_OK, err, MAGPIE_MODEL,
                "vectors of the space %s have to be made again with the pack %s: %s", space->name,
                space->pack, why.message);
  MGP_RETURN_IF(!mgp_text_equal(mgp_encoder_hash(e), space->pack_hash), err, MAGPIE_MODEL,
                "vectors of the space %s have to be made again, but the pack %s is not the one "
                "that made the others (hash %.12s, expected %.12s)",
                space->name, space->pack, mgp_encoder_hash(e), space->pack_hash);
  return MAGPIE_OK;
}

/* A space whose rows come from texts, of this pack. */
static magpie_status find_text_space(mgp_repair *r, size_t space, magpie_error *err) {
  const mgp_space *row = &r->check.account.spaces[space];
  mgp_encoder *e = NULL;
  magpie_error why = {0};
  if (mgp_engine_text_encoder(r->ix, &e, &why) != MAGPIE_OK) return MAGPIE_OK;
  if (!mgp_text_equal(mgp_encoder_space(e, 0)->name, row->name) ||
      !mgp_text_equal(mgp_encoder_name(e), row->pack))
    return MAGPIE_OK;
  r->text = e;
  r->text_space = space;
  (void)err;
  return MAGPIE_OK;
}

static magpie_status prepare_packs(mgp_repair *r, magpie_error *err) {
  bool any_thumb = false;
  r->text = NULL;
  r->text_space = SIZE_MAX;
  for (size_t i = 0; i < r->check.findings.count; i++)
    any_thumb = any_thumb || r->check.findings.items[i].is_thumb;
  for (size_t i = 0; i < r->check.account.claim_count; i++) {
    const mgp_segment_state *state = &r->check.states[i];
    if (!state->is_damaged || state->is_kept || state->space == SIZE_MAX) continue;
    const mgp_space *space = &r->check.account.spaces[state->space];
    if (!space->pack[0] || !space->is_active) continue;
    any_thumb = true; /* a source that is read again needs all of them */
    MGP_FORWARD(find_text_space(r, state->space, err));
  }
  for (size_t i = 0; any_thumb && i < r->check.account.space_count; i++)
    if (r->check.account.spaces[i].pack[0] && r->check.account.spaces[i].is_active)
      MGP_FORWARD(need_pack(r, &r->check.account.spaces[i], err));
  return MAGPIE_OK;
}

/* ---- the transaction --------------------------------------------------------------------------
 */

/* The same sections under a new name. */
static magpie_status keep_segment(mgp_repair *r, size_t claim, magpie_error *err) {
  mgp_segment_state *state = &r->check.states[claim];
  const mgp_claim *row = &r->check.account.claims[claim];
  char *block = NULL;
  mgp_segment_parsed parsed;
  if (!state->is_kept) return MAGPIE_OK;
  state->is_kept = mgp_segment_salvage(r->ix->store, r->ix->alloc, row, &block, &parsed);
  if (!state->is_kept) return MAGPIE_OK;
  magpie_status status = mgp_store_segment_add(r->ix->store, row->space, row->count,
                                               parsed.sections, parsed.header.section_count, err);
  for (uint32_t i = 0; i < parsed.header.section_count; i++) {
    if (parsed.sections[i].kind != MGP_SECTION_IDS) continue;
    const uint64_t *ids = parsed.sections[i].data;
    for (size_t j = 0; j < parsed.sections[i].size / sizeof *ids; j++)
      mgp_check_mark_whole(&r->check, state->space, ids[j]);
  }
  mgp_free(r->ix->alloc, block);
  r->segments++;
  r->rows += row->count;
  return status;
}

static bool has_other_row(const mgp_repair *r, uint64_t item) {
  for (size_t s = 0; s < r->check.account.space_count; s++)
    if (r->check.account.spaces[s].dim && mgp_check_is_whole(&r->check, s, item)) return true;
  return false;
}

/* An item that was its vector is gone; one that has text stays findable by its words. */
static magpie_status lose_vector(mgp_repair *r, uint64_t number, const mgp_space *space,
                                 magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(r->arena);
  const magpie_status status =
      mgp_store_item_get(r->ix->store, number, r->arena, &item, &source, err);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK;
  MGP_FORWARD(status);
  const bool is_given = !space || !space->pack[0];
  const bool has_text = item.text && item.text[0];
  const bool is_gone = is_given && !has_text && !source.path && !has_other_row(r, number);
  if (!is_given && !mgp_engine_is_media(&item)) return MAGPIE_OK; /* a guess: it had none */
  MGP_FORWARD(mgp_repair_lose(r, &item, &source,
                              is_gone    ? "the item: it was a vector only; import it again"
                              : is_given ? "its vector; import it again"
                                         : "its vector: the file cannot be read again",
                              err));
  if (!is_given) return MAGPIE_OK;
  if (!is_gone) return mgp_store_source_doubt(r->ix->store, source.number, err);
  r->check.account.kinds[number] = 0;
  if (mgp_source_is_batch(&source)) return mgp_store_item_remove(r->ix->store, item.id, err);
  return mgp_store_source_remove(r->ix->store, source.number, NULL, err);
}

/* What a space lost that is not in use, the next `models use` makes again. */
static magpie_status lose_vectors(mgp_repair *r, magpie_error *err) {
  for (size_t space = 0; space < r->check.account.space_count; space++) {
    const mgp_space *row = &r->check.account.spaces[space];
    uint64_t *items = NULL;
    size_t count = 0;
    if (row->dim == 0 || space == r->text_space || !row->is_active) continue;
    magpie_status status = mgp_repair_items(r, space, &items, &count, err);
    for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
      status = lose_vector(r, items[i], row, err);
    mgp_free(r->ix->alloc, items);
    MGP_FORWARD(status);
  }
  return MAGPIE_OK;
}

/* Findings about single items: thumbnails, and vectors that no segment has. */
static magpie_status settle_items(mgp_repair *r, magpie_error *err) {
  for (size_t i = 0; i < r->check.findings.count; i++) {
    const mgp_finding *f = &r->check.findings.items[i];
    if (f->claim != SIZE_MAX || f->count != 1) continue;
    const uint64_t number = f->items[0];
    const unsigned char kind = r->check.account.kinds[number];
    if (f->is_thumb) {
      mgp_item item = {0};
      mgp_source source = {0};
      mgp_arena_reset(r->arena);
      MGP_FORWARD(mgp_store_item_get(r->ix->store, number, r->arena, &item, &source, err));
      MGP_FORWARD(mgp_repair_lose(r, &item, &source, "its thumbnail", err));
      MGP_FORWARD(mgp_store_thumb_forget(r->ix->store, number, err));
    } else if (kind && mgp_text_equal(r->check.account.kind_names[kind], "vector") &&
               !has_other_row(r, number)) {
      MGP_FORWARD(lose_vector(r, number, NULL, err));
    }
  }
  return MAGPIE_OK;
}

static magpie_status unname_damaged(mgp_repair *r, magpie_error *err) {
  for (size_t i = 0; i < r->check.account.claim_count; i++)
    if (r->check.states[i].is_damaged)
      MGP_FORWARD(mgp_store_segments_replace(r->ix->store, NULL, &r->check.account.claims[i].number,
                                             1, err));
  return MAGPIE_OK;
}

static magpie_status rebuild(mgp_repair *r, magpie_error *err) {
  if (r->check.is_live_damaged) MGP_FORWARD(mgp_store_live_rebuild(r->ix->store, err));
  for (size_t i = 0; i < r->check.account.claim_count; i++) MGP_FORWARD(keep_segment(r, i, err));
  MGP_FORWARD(settle_items(r, err));
  MGP_FORWARD(lose_vectors(r, err));
  MGP_FORWARD(mgp_repair_text_vectors(r, err));
  MGP_FORWARD(mgp_repair_words(r, err));
  MGP_FORWARD(unname_damaged(r, err));
  return mgp_store_commit(r->ix->store, &r->generation, err);
}

/* Segments whose rows are whole, with a new graph in place of a damaged one. */
static magpie_status quicken(mgp_repair *r, magpie_error *err) {
  for (size_t i = 0; i < r->check.account.claim_count; i++) {
    const mgp_segment_state *state = &r->check.states[i];
    if (!state->is_slow || state->is_damaged || state->space == SIZE_MAX) continue;
    MGP_FORWARD(mgp_engine_merge_anew(r->ix, &r->check.account.spaces[state->space],
                                      r->check.account.claims[i].number, r->options->cancel, err));
    r->segments++;
  }
  return MAGPIE_OK;
}

/* Under the lock, so that nothing changes between the check and the commit. */
static magpie_status repair_locked(mgp_repair *r, magpie_error *err) {
  MGP_FORWARD(run_check(r, true, err));
  if (r->check.findings.count > 0) {
    MGP_FORWARD(prepare_packs(r, err));
    MGP_FORWARD(mgp_store_begin(r->ix->store, err));
    const magpie_status status = rebuild(r, err);
    if (status != MAGPIE_OK) mgp_store_rollback(r->ix->store);
    MGP_FORWARD(status);
    MGP_FORWARD(quicken(r, err));
  }
  return mgp_store_tidy(r->ix->store, err);
}

/* ---- the call ---------------------------------------------------------------------------------
 */

static magpie_status repair_all(mgp_repair *r, magpie_error *err) {
  MGP_FORWARD(run_check(r, true, err));
  r->problems = r->check.findings.count;
  r->generation = r->check.account.generation;
  if (r->problems == 0 && r->check.leftovers.count == 0) return MAGPIE_OK;
  MGP_FORWARD(prepare_packs(r, err));
  MGP_FORWARD(mgp_repair_sources(r, err));
  MGP_FORWARD(mgp_store_lock(r->ix->store, r->ix->lock_wait_ms, err));
  magpie_status status = repair_locked(r, err);
  if (status == MAGPIE_OK) status = mgp_store_sync(r->ix->store, err);
  mgp_store_unlock(r->ix->store);
  MGP_FORWARD(status);
  return run_check(r, true, err);
}

static magpie_status give_json(mgp_repair *r, char **json, magpie_error *err) {
  const size_t remaining = r->check.findings.count;
  json_t *object = json_pack(
      "{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "ok", remaining == 0 && json_array_size(r->lost) == 0,
      "generation", (json_int_t)r->generation, "problems", (json_int_t)r->problems, "remaining",
      (json_int_t)remaining, "segments_rebuilt", (json_int_t)r->segments, "items_rebuilt",
      (json_int_t)r->rows, "files_read", (json_int_t)r->files, "lost", r->lost);
  const magpie_status status = object ? mgp_json_write(object, json, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(object);
  return status;
}

magpie_status magpie_repair(magpie *ix, const magpie_add_options *options, char **json,
                            magpie_error *err) {
  magpie_add_options defaults;
  magpie_add_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!ix || !json, err, MAGPIE_INVALID, "magpie_repair: an argument is NULL");
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_add_options_defaults", options->size,
                sizeof defaults);
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  *json = NULL;
  mgp_repair r = {.ix = ix,
                  .options = options,
                  .arena = mgp_arena_create(ix->alloc),
                  .text_space = SIZE_MAX,
                  .lost = json_array()};
  r.check.alloc = ix->alloc;
  magpie_status status = r.arena && r.lost
                             ? repair_all(&r, err)
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to repair the index");
  if (status == MAGPIE_OK) status = give_json(&r, json, err);
  mgp_check_fini(&r.check);
  mgp_arena_destroy(r.arena);
  json_decref(r.lost);
  return status;
}
