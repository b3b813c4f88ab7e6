/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_check: reads an index as if nothing in it could be trusted and says what is damaged, and
 * which items that touches. It needs no lock and changes nothing; a writer may be at work.
 */
#include "engine/check.h"
#include "engine/engine.h"

#define EXAMPLES 10
#define SETTLE_TRIES 16
#define CATALOG_ADVICE                                                                             \
  "put a copy of the index in its place, or delete the index and run `magpie index` on its "       \
  "folders again"

/* ---- findings ---------------------------------------------------------------------------------
 */

magpie_status mgp_check_note(mgp_check *k, mgp_finding_list *list, const mgp_damage *damage,
                             size_t claim, magpie_error *err) {
  MGP_RETURN_IF(!MGP_GROW(k->alloc, list->items, list->capacity, list->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for what was found");
  mgp_finding *f = &list->items[list->count];
  *f = (mgp_finding){.file = mgp_arena_strdup(k->arena, damage->file),
                     .section = mgp_arena_strdup(k->arena, damage->section),
                     .what = mgp_arena_strdup(k->arena, damage->what),
                     .count = damage->count,
                     .claim = claim};
  if (damage->count > 0) f->items = mgp_calloc(k->alloc, damage->count, sizeof *f->items);
  MGP_RETURN_IF(!f->file || !f->section || !f->what || (damage->count > 0 && !f->items), err,
                MAGPIE_NO_MEMORY, "no memory for what was found");
  if (damage->count > 0) memcpy(f->items, damage->items, damage->count * sizeof *f->items);
  list->count++;
  return MAGPIE_OK;
}

const uint64_t *mgp_finding_items(const mgp_check *k, const mgp_finding *f, size_t *count) {
  *count = f->claim == SIZE_MAX ? f->count : k->states[f->claim].count;
  return f->claim == SIZE_MAX ? f->items : k->states[f->claim].items;
}

/* Of all tables the one that can be written anew from the others. */
static magpie_status note_live(void *context, const mgp_damage *damage) {
  mgp_check *k = context;
  k->is_live_damaged = true;
  return mgp_check_note(k, &k->findings, damage, SIZE_MAX, NULL);
}

static magpie_status note_catalog(void *context, const mgp_damage *damage) {
  mgp_check *k = context;
  k->is_catalog_damaged = true;
  mgp_buffer b;
  mgp_buffer_init(&b, k->alloc);
  mgp_buffer_add_text(&b, damage->what);
  if (!strstr(damage->what, "put a copy")) mgp_buffer_add_text(&b, "; " CATALOG_ADVICE);
  mgp_damage full = *damage;
  full.what = b.failed ? damage->what : b.data;
  const magpie_status status = mgp_check_note(k, &k->findings, &full, SIZE_MAX, NULL);
  mgp_buffer_fini(&b);
  return status;
}

static magpie_status note_thumb(void *context, const mgp_damage *damage) {
  mgp_check *k = context;
  MGP_FORWARD(mgp_check_note(k, &k->findings, damage, SIZE_MAX, NULL));
  k->findings.items[k->findings.count - 1].is_thumb = true;
  return MAGPIE_OK;
}

static magpie_status note_leftover(void *context, const mgp_damage *damage) {
  mgp_check *k = context;
  return mgp_check_note(k, &k->leftovers, damage, SIZE_MAX, NULL);
}

magpie_status mgp_check_tell(const mgp_check *k, uint64_t done, uint64_t total, const char *file,
                             magpie_error *err) {
  MGP_RETURN_IF(k->cancel && *k->cancel, err, MAGPIE_CANCELLED, "stopped on request");
  if (!k->progress) return MAGPIE_OK;
  const magpie_event event = {.type = file ? MAGPIE_EVENT_FILE : MAGPIE_EVENT_DONE,
                              .path = file,
                              .files_done = done,
                              .files_total = total,
                              .bytes_done = k->bytes,
                              .generation = k->account.generation,
                              .elapsed_s = mgp_clock_seconds() - k->started};
  k->progress(k->progress_context, &event);
  return MAGPIE_OK;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

/* What one reading of the index made; the findings in the catalog stay. */
static void forget_account(mgp_check *k) {
  mgp_alloc *a = k->alloc;
  for (size_t i = 0; k->states && i < k->account.claim_count; i++) mgp_free(a, k->states[i].items);
  for (size_t i = 0; i < k->account.space_count; i++) {
    if (k->whole) mgp_free(a, k->whole[i]);
    if (k->named) mgp_free(a, k->named[i]);
  }
  mgp_free(a, k->states);
  mgp_free(a, k->whole);
  mgp_free(a, k->named);
  mgp_free(a, k->kinds);
  mgp_account_fini(&k->account);
  k->states = NULL;
  k->whole = k->named = NULL;
  k->kinds = NULL;
}

static void cut_findings(mgp_check *k, size_t count) {
  while (k->findings.count > count)
    mgp_free(k->alloc, k->findings.items[--k->findings.count].items);
}

/* A merge may take files away between our reading of their names and of them: then all anew. */
static magpie_status check_settled(mgp_check *k, magpie_error *err) {
  const size_t before = k->findings.count;
  for (int tries = 0; tries < SETTLE_TRIES; tries++) {
    cut_findings(k, before);
    forget_account(k);
    k->is_outdated = false;
    MGP_FORWARD(mgp_account_read(k->store, k->alloc, &k->account, err));
    MGP_FORWARD(mgp_check_segments(k, err));
    if (!k->is_outdated) return MAGPIE_OK;
  }
  return mgp_fail(err, MAGPIE_LOCKED, "%s changes faster than it can be checked: try again later",
                  mgp_store_path(k->store));
}

static magpie_status note_wal(mgp_check *k) {
  if (!k->wal_fault[0]) return MAGPIE_OK;
  char what[sizeof k->wal_fault + 160];
  snprintf(
      what, sizeof what,
      "%s: the commits from there on are lost; run the last `magpie index` or import again, or "
      "put a copy of the index in its place",
      k->wal_fault);
  const mgp_damage damage = {.file = "catalog.sqlite-wal", .section = "", .what = what};
  return note_catalog(k, &damage);
}

static magpie_status run_parts(mgp_check *k, magpie_error *err) {
  MGP_FORWARD(note_wal(k));
  MGP_FORWARD(mgp_check_catalog(k->store, k->deep, note_catalog, k, err));
  MGP_FORWARD(mgp_check_live(k->store, note_live, k, err));
  MGP_FORWARD(check_settled(k, err));
  if (k->deep) MGP_FORWARD(mgp_check_thumbs(k->store, k->alloc, note_thumb, k, &k->bytes, err));
  return mgp_check_leftovers(k->store, k->alloc, note_leftover, k, err);
}

/* A catalog that cannot be read any further is a finding, too. */
static magpie_status take_corrupt(mgp_check *k, magpie_status status, const magpie_error *why,
                                  magpie_error *err) {
  if (status == MAGPIE_CORRUPT || status == MAGPIE_FORMAT) {
    const mgp_damage damage = {.file = "catalog.sqlite", .section = "", .what = why->message};
    return note_catalog(k, &damage);
  }
  if (status != MAGPIE_OK && err) *err = *why;
  return status;
}

magpie_status mgp_check_run(mgp_check *k, magpie_error *err) {
  k->started = mgp_clock_seconds();
  k->arena = mgp_arena_create(k->alloc);
  MGP_RETURN_IF(!k->arena, err, MAGPIE_NO_MEMORY, "no memory to check the index");
  magpie_error why = {0};
  const magpie_status status = run_parts(k, &why);
  MGP_FORWARD(take_corrupt(k, status, &why, err));
  return mgp_check_tell(k, k->account.claim_count, k->account.claim_count, NULL, err);
}

void mgp_check_fini(mgp_check *k) {
  forget_account(k);
  cut_findings(k, 0);
  for (size_t i = 0; i < k->leftovers.count; i++) mgp_free(k->alloc, k->leftovers.items[i].items);
  mgp_free(k->alloc, k->findings.items);
  mgp_free(k->alloc, k->leftovers.items);
  mgp_arena_destroy(k->arena);
  k->findings = k->leftovers = (mgp_finding_list){0};
  k->arena = NULL;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static bool holds_text(const json_t *list, const char *text) {
  for (size_t i = 0; i < json_array_size(list); i++)
    if (mgp_text_equal(json_string_value(json_array_get(list, i)), text)) return true;
  return false;
}

/* Ids and sources of the first few items; what cannot be read any more is left out. */
static void add_examples(const mgp_check *k, const mgp_finding *f, json_t *row) {
  size_t count = 0;
  const uint64_t *items = mgp_finding_items(k, f, &count);
  json_t *ids = json_array(), *sources = json_array();
  mgp_arena *arena = mgp_arena_create(k->alloc);
  for (size_t i = 0; arena && i < count && i < EXAMPLES; i++) {
    mgp_item item = {0};
    mgp_source source = {0};
    if (mgp_store_item_get(k->store, items[i], arena, &item, &source, NULL) != MAGPIE_OK) continue;
    json_array_append_new(ids, json_string(item.id));
    char *shown = source.path ? mgp_path_escape(NULL, source.path) : NULL;
    const char *name = shown ? shown : source.record ? source.record : "";
    if (!holds_text(sources, name)) json_array_append_new(sources, json_string(name));
    mgp_free(NULL, shown);
    mgp_arena_reset(arena);
  }
  mgp_arena_destroy(arena);
  json_object_set_new(row, "items", json_integer((json_int_t)count));
  json_object_set_new(row, "examples", ids);
  json_object_set_new(row, "sources", sources);
}

static json_t *problems_json(const mgp_check *k) {
  json_t *list = json_array();
  for (size_t i = 0; i < k->findings.count; i++) {
    const mgp_finding *f = &k->findings.items[i];
    json_t *row =
        json_pack("{s:s,s:s,s:s}", "file", f->file, "section", f->section, "what", f->what);
    if (!row) continue;
    add_examples(k, f, row);
    json_array_append_new(list, row);
  }
  return list;
}

static json_t *leftovers_json(const mgp_check *k) {
  json_t *list = json_array();
  for (size_t i = 0; i < k->leftovers.count; i++) {
    const mgp_finding *f = &k->leftovers.items[i];
    char *shown = mgp_path_escape(NULL, f->file);
    json_array_append_new(list,
                          json_pack("{s:s,s:s}", "file", shown ? shown : "", "what", f->what));
    mgp_free(NULL, shown);
  }
  return list;
}

static magpie_status give_json(const mgp_check *k, char **json, magpie_error *err) {
  json_t *object =
      json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:o,s:o}", "ok", k->findings.count == 0, "deep", k->deep,
                "generation", (json_int_t)k->account.generation, "segments",
                (json_int_t)k->account.claim_count, "items", (json_int_t)k->account.item_count,
                "checked_bytes", (json_int_t)k->bytes, "problems", problems_json(k), "leftovers",
                leftovers_json(k));
  const magpie_status status = object ? mgp_json_write(object, json, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(object);
  return status;
}

/* ---- the call ---------------------------------------------------------------------------------
 */

void magpie_check_options_defaults(magpie_check_options *options) {
  *options = (magpie_check_options){.size = sizeof *options};
}

/* An index whose catalog cannot even be opened. */
static magpie_status give_unopened(mgp_check *k, magpie_status status, const magpie_error *why,
                                   char **json, magpie_error *err) {
  k->arena = mgp_arena_create(k->alloc);
  MGP_RETURN_IF(!k->arena, err, MAGPIE_NO_MEMORY, "no memory to check the index");
  MGP_FORWARD(note_wal(k));
  /* all that a damaged WAL held may be all that there was */
  const bool is_told = k->wal_fault[0] && status == MAGPIE_NOT_FOUND;
  if (!is_told) MGP_FORWARD(take_corrupt(k, status, why, err));
  return give_json(k, json, err);
}

magpie_status magpie_check(const char *path, const magpie_check_options *options, char **json,
                           magpie_error *err) {
  magpie_check_options defaults;
  magpie_check_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!path || !*path || !json, err, MAGPIE_INVALID,
                "magpie_check: name an index and a place for the answer");
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_check_options_defaults",
                options->size, sizeof defaults);
  *json = NULL;
  mgp_check k = {.deep = options->deep,
                 .progress = options->progress,
                 .progress_context = options->progress_context,
                 .cancel = options->cancel};
  magpie_error why = {0};
  MGP_FORWARD(mgp_check_wal(path, k.wal_fault, sizeof k.wal_fault, err));
  magpie_status status = mgp_store_open(NULL, path, true, &k.store, &why);
  if (status != MAGPIE_OK) {
    status = give_unopened(&k, status, &why, json, err);
  } else {
    status = mgp_check_run(&k, err);
    if (status == MAGPIE_OK) status = give_json(&k, json, err);
  }
  mgp_check_fini(&k);
  mgp_store_close(&k.store);
  return status;
}
