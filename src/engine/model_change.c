/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_model_use, _rollback and _forget: another model for an index that is in use.
 *
 *   add its spaces beside the present ones -> encode all items into them, commit by commit
 *     --> lock, encode what came meanwhile -> one transaction: they are the spaces now
 *
 * Until that transaction every search and every writer has the old model; a search never sees
 * vectors of two. A run that ends early goes on where it was, since what is encoded is committed.
 * The old vectors are kept, so that the way back is short: docs/decisions/0013-model-change.md.
 */
#include "engine/model_change.h"

#include <stdlib.h>

#include "engine/merge_segments.h"

#define SEGMENT_ROWS 4096
#define COMMIT_SECONDS 5.0
#define COMMIT_WAIT_MS 10000 /* what is encoded is worth waiting for another's commit */
#define LOST_LISTED 1000
#define PROGRESS_ITEMS 16
#define SETTING_UNDER_WAY "model_change" /* the pack of a change that has not ended */
#define SETTING_BEFORE "model_before"    /* {"pack","spaces":{name: key}} of the last one */

/* ---- what the pass over the items asks for ----------------------------------------------------
 */

bool mgp_model_lacks(const mgp_model_change *c, uint64_t item) {
  if (mgp_snapshot_kind(c->snapshot, item) <= 0 || mgp_bit_get(c->passed, item)) return false;
  for (size_t i = 0; i < c->target_count; i++)
    if (!mgp_bit_get(c->targets[i].done, item)) return true;
  return false;
}

void mgp_model_pass_over(mgp_model_change *c, uint64_t item) {
  mgp_bit_set(c->passed, item);
}

magpie_status mgp_model_go_on(const mgp_model_change *c, magpie_error *err) {
  MGP_RETURN_IF(c->options->cancel && *c->options->cancel, err, MAGPIE_CANCELLED,
                "stopped on request: the index has its old model; `magpie models use %s` goes on, "
                "`magpie models use --rollback` drops what is done",
                mgp_encoder_name(c->encoder));
  return MAGPIE_OK;
}

static void tell_event(mgp_model_change *c, magpie_event_type type, const char *path,
                       const char *message) {
  if (!c->options->progress) return;
  c->event.type = type;
  c->event.path = path;
  c->event.message = message;
  c->event.generation = c->generation;
  c->event.elapsed_s = mgp_clock_seconds() - c->started;
  c->options->progress(c->options->progress_context, &c->event);
}

void mgp_model_tell(mgp_model_change *c, uint64_t items) {
  const uint64_t before = c->event.files_done;
  c->event.files_done += items;
  if (before / PROGRESS_ITEMS != c->event.files_done / PROGRESS_ITEMS)
    tell_event(c, MAGPIE_EVENT_FILE, NULL, NULL);
}

magpie_status mgp_model_lose(mgp_model_change *c, const mgp_item *item, const mgp_source *source,
                             const char *why, magpie_error *err) {
  c->event.files_failed++;
  tell_event(c, MAGPIE_EVENT_FAILED, source->path, why);
  if (c->lost_count++ >= LOST_LISTED) return MAGPIE_OK;
  char *shown = source->path ? mgp_path_escape(NULL, source->path) : NULL;
  json_t *row =
      json_pack("{s:s,s:s,s:s}", "id", item->id, "source", shown ? shown : "", "what", why);
  mgp_free(NULL, shown);
  MGP_RETURN_IF(!row || json_array_append_new(c->lost, row) != 0, err, MAGPIE_NO_MEMORY,
                "no memory for the list of what is lost");
  return MAGPIE_OK;
}

/* ---- which items have a row -------------------------------------------------------------------
 */

/* A damaged segment has none: its items are encoded again. */
static void mark_segment(const mgp_snapshot *snap, size_t index, unsigned char *bits,
                         uint64_t end) {
  const mgp_segment_view *view = mgp_snapshot_segment(snap, index);
  if (mgp_snapshot_segment_verify(snap, index, NULL) != MAGPIE_OK) return;
  for (size_t i = 0; i < view->section_count; i++) {
    if (view->sections[i].kind != MGP_SECTION_IDS) continue;
    const uint64_t *ids = view->sections[i].data;
    for (size_t j = 0; j < view->sections[i].size / sizeof *ids; j++)
      if (ids[j] < end) mgp_bit_set(bits, ids[j]);
  }
}

static magpie_status mark_rows(mgp_model_change *c, const char *key, unsigned char **bits,
                               magpie_error *err) {
  mgp_free(c->ix->alloc, *bits);
  *bits = mgp_calloc(c->ix->alloc, (size_t)(c->end / 8 + 1), 1);
  MGP_RETURN_IF(!*bits, err, MAGPIE_NO_MEMORY, "no memory for the state of %llu items",
                (unsigned long long)c->end);
  for (size_t i = 0; i < mgp_snapshot_segment_count(c->snapshot); i++)
    if (mgp_text_equal(mgp_snapshot_segment(c->snapshot, i)->space, key))
      mark_segment(c->snapshot, i, *bits, c->end);
  return MAGPIE_OK;
}

/* Room for the items that came since the last look. */
static magpie_status grow_passed(mgp_model_change *c, magpie_error *err) {
  if (c->passed && c->end <= c->passed_end) return MAGPIE_OK;
  unsigned char *bits = mgp_calloc(c->ix->alloc, (size_t)(c->end / 8 + 1), 1);
  MGP_RETURN_IF(!bits, err, MAGPIE_NO_MEMORY, "no memory for the state of %llu items",
                (unsigned long long)c->end);
  if (c->passed) memcpy(bits, c->passed, (size_t)(c->passed_end / 8 + 1));
  mgp_free(c->ix->alloc, c->passed);
  c->passed = bits;
  c->passed_end = c->end;
  return MAGPIE_OK;
}

static magpie_status refresh(mgp_model_change *c, magpie_error *err) {
  mgp_snapshot_release(c->snapshot);
  c->snapshot = NULL;
  MGP_FORWARD(mgp_snapshot_get(c->ix->store, &c->snapshot, err));
  c->end = mgp_snapshot_item_end(c->snapshot);
  MGP_FORWARD(grow_passed(c, err));
  for (size_t i = 0; i < c->target_count; i++) {
    mgp_model_target *t = &c->targets[i];
    MGP_FORWARD(mark_rows(c, t->space.key, &t->done, err));
    if (t->before.key[0]) MGP_FORWARD(mark_rows(c, t->before.key, &t->old, err));
  }
  return MAGPIE_OK;
}

static uint64_t count_missing(const mgp_model_change *c) {
  uint64_t count = 0;
  for (uint64_t i = 1; i < c->end; i++) count += mgp_model_lacks(c, i);
  return count;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

magpie_status mgp_model_put(mgp_model_change *c, size_t target, uint64_t item, const float *vector,
                            magpie_error *err) {
  mgp_model_target *t = &c->targets[target];
  mgp_alloc *a = c->ix->alloc;
  MGP_RETURN_IF(!MGP_GROW(a, t->ids, t->id_capacity, t->count + 1) ||
                    !MGP_GROW(a, t->rows, t->row_capacity, (t->count + 1) * t->stride),
                err, MAGPIE_NO_MEMORY, "no memory for vectors that wait for a commit");
  float *row = t->rows + t->count * t->stride;
  memset(row, 0, t->stride * sizeof *row);
  memcpy(row, vector, t->space.dim * sizeof *row);
  t->ids[t->count++] = item;
  mgp_bit_set(t->done, item);
  return MAGPIE_OK;
}

typedef struct id_place {
  uint64_t id;
  size_t place;
} id_place;

static int by_id(const void *a, const void *b) {
  const id_place *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

/* One segment, in the order of the items, without what another process encoded meanwhile. */
static magpie_status write_rows(mgp_model_change *c, const mgp_model_target *t,
                                const unsigned char *taken, magpie_error *err) {
  mgp_alloc *a = c->ix->alloc;
  id_place *order = mgp_calloc(a, t->count + 1, sizeof *order);
  uint64_t *ids = mgp_calloc(a, t->count + 1, sizeof *ids);
  float *rows = mgp_calloc(a, t->count * t->stride + 1, sizeof *rows);
  size_t count = 0;
  for (size_t i = 0; order && i < t->count; i++)
    if (!taken || !mgp_bit_get(taken, t->ids[i]))
      order[count++] = (id_place){.id = t->ids[i], .place = i};
  magpie_status status =
      order && ids && rows
          ? MAGPIE_OK
          : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a segment of %s", t->space.name);
  if (status == MAGPIE_OK && count > 0) {
    qsort(order, count, sizeof *order, by_id);
    for (size_t i = 0; i < count; i++) {
      ids[i] = order[i].id;
      memcpy(rows + i * t->stride, t->rows + order[i].place * t->stride, t->stride * sizeof *rows);
    }
    const mgp_section sections[] = {
        {MGP_SECTION_IDS, ids, count * sizeof *ids},
        {MGP_SECTION_VECTORS_F32, rows, count * t->stride * sizeof *rows}};
    status = mgp_store_segment_add(c->ix->store, t->space.key, count, sections, 2, err);
    c->encoded += count;
  }
  mgp_free(a, order);
  mgp_free(a, ids);
  mgp_free(a, rows);
  return status;
}

/* Only another `models use` can have written to the same space. Under the lock. */
static magpie_status find_taken(mgp_model_change *c, const mgp_model_target *t,
                                unsigned char **taken, magpie_error *err) {
  mgp_snapshot *snap = NULL;
  *taken = NULL;
  MGP_FORWARD(mgp_snapshot_get(c->ix->store, &snap, err));
  const uint64_t end = mgp_snapshot_item_end(snap) > c->end ? mgp_snapshot_item_end(snap) : c->end;
  *taken = mgp_calloc(c->ix->alloc, (size_t)(end / 8 + 1), 1);
  for (size_t i = 0; *taken && i < mgp_snapshot_segment_count(snap); i++)
    if (mgp_text_equal(mgp_snapshot_segment(snap, i)->space, t->space.key))
      mark_segment(snap, i, *taken, end);
  mgp_snapshot_release(snap);
  MGP_RETURN_IF(!*taken, err, MAGPIE_NO_MEMORY, "no memory for the state of the items");
  return MAGPIE_OK;
}

static magpie_status write_targets(mgp_model_change *c, magpie_error *err) {
  for (size_t i = 0; i < c->target_count; i++) {
    unsigned char *taken = NULL;
    if (c->targets[i].count == 0) continue;
    MGP_FORWARD(find_taken(c, &c->targets[i], &taken, err));
    const magpie_status status = write_rows(c, &c->targets[i], taken, err);
    mgp_free(c->ix->alloc, taken);
    MGP_FORWARD(status);
  }
  return MAGPIE_OK;
}

/* A transaction of this change: what `write` does, and its commit. */
static magpie_status commit(mgp_model_change *c,
                            magpie_status (*write)(mgp_model_change *c, magpie_error *err),
                            magpie_error *err) {
  MGP_FORWARD(mgp_store_begin(c->ix->store, err));
  magpie_status status = write(c, err);
  if (status == MAGPIE_OK) return mgp_store_commit(c->ix->store, &c->generation, err);
  mgp_store_rollback(c->ix->store);
  return status;
}

static int wait_ms(const magpie *ix) {
  return ix->lock_wait_ms > COMMIT_WAIT_MS ? ix->lock_wait_ms : COMMIT_WAIT_MS;
}

/* The same with the lock, unless it is held already. */
static magpie_status commit_locked(mgp_model_change *c,
                                   magpie_status (*write)(mgp_model_change *c, magpie_error *err),
                                   magpie_error *err) {
  if (c->has_lock) return commit(c, write, err);
  MGP_FORWARD(mgp_store_lock(c->ix->store, wait_ms(c->ix), err));
  magpie_status status = commit(c, write, err);
  if (status == MAGPIE_OK) status = mgp_engine_merge_small(c->ix, c->options->cancel, err);
  if (status == MAGPIE_CANCELLED) status = MAGPIE_OK; /* the next pass tells of it */
  if (status == MAGPIE_OK) status = mgp_store_sync(c->ix->store, err);
  mgp_store_unlock(c->ix->store);
  return status;
}

static magpie_status commit_rows(mgp_model_change *c, magpie_error *err) {
  size_t waiting = 0;
  for (size_t i = 0; i < c->target_count; i++) waiting += c->targets[i].count;
  c->last_commit = mgp_clock_seconds();
  if (waiting == 0) return MAGPIE_OK;
  MGP_FORWARD(commit_locked(c, write_targets, err));
  for (size_t i = 0; i < c->target_count; i++) c->targets[i].count = 0;
  tell_event(c, MAGPIE_EVENT_COMMIT, NULL, NULL);
  return MAGPIE_OK;
}

magpie_status mgp_model_commit_due(mgp_model_change *c, magpie_error *err) {
  size_t most = 0;
  for (size_t i = 0; i < c->target_count; i++)
    if (c->targets[i].count > most) most = c->targets[i].count;
  const bool is_late = mgp_clock_seconds() - c->last_commit > COMMIT_SECONDS;
  return most >= SEGMENT_ROWS || (most > 0 && is_late) ? commit_rows(c, err) : MAGPIE_OK;
}

/* What is encoded when a run is stopped is kept. */
static magpie_status fill(mgp_model_change *c, magpie_error *err) {
  MGP_FORWARD(refresh(c, err));
  c->event.files_done = 0;
  c->event.files_total = count_missing(c);
  if (c->event.files_total == 0) return MAGPIE_OK;
  if (!c->has_lock) tell_event(c, MAGPIE_EVENT_WALK, NULL, NULL);
  const magpie_status status = c->is_text ? mgp_model_texts(c, err) : mgp_model_media(c, err);
  if (status == MAGPIE_OK) return commit_rows(c, err);
  if (status == MAGPIE_CANCELLED) commit_rows(c, NULL);
  return status;
}

/* ---- the spaces of the new model --------------------------------------------------------------
 */

static bool is_of(const mgp_space *row, const mgp_model_change *c, const mgp_space_info *info) {
  return mgp_text_equal(row->name, info->name) && row->dim == info->dim &&
         mgp_text_equal(row->pack, mgp_encoder_name(c->encoder)) &&
         mgp_text_equal(row->pack_hash, mgp_encoder_hash(c->encoder)) &&
         mgp_text_equal(row->metric, info->metric);
}

static void fill_target(const mgp_model_change *c, const mgp_space_info *info, size_t index,
                        const mgp_space *rows, size_t count, mgp_model_target *t) {
  *t = (mgp_model_target){.index = index, .inputs = info->item_inputs};
  t->stride = mgp_dense_stride(info->dim);
  t->space.dim = info->dim;
  snprintf(t->space.name, sizeof t->space.name, "%s", info->name);
  snprintf(t->space.pack, sizeof t->space.pack, "%s", mgp_encoder_name(c->encoder));
  snprintf(t->space.pack_hash, sizeof t->space.pack_hash, "%s", mgp_encoder_hash(c->encoder));
  snprintf(t->space.metric, sizeof t->space.metric, "%s", info->metric);
  for (size_t i = 0; i < count; i++) {
    if (rows[i].is_active && mgp_text_equal(rows[i].name, info->name)) t->before = rows[i];
    if (is_of(&rows[i], c, info) && !t->space.is_active) t->space = rows[i];
  }
}

static magpie_status find_targets(mgp_model_change *c, magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces_all(c->ix->store, c->ix->alloc, &rows, &count, err));
  const size_t spaces = mgp_encoder_space_count(c->encoder);
  for (size_t i = 0; i < spaces && c->target_count < MODEL_SPACES; i++) {
    const mgp_space_info *info = mgp_encoder_space(c->encoder, i);
    if (i < MODEL_SPACES && info->item_inputs)
      fill_target(c, info, i, rows, count, &c->targets[c->target_count++]);
  }
  mgp_free(c->ix->alloc, rows);
  MGP_RETURN_IF(c->target_count == 0, err, MAGPIE_INVALID,
                "the pack %s makes no vectors of items: it cannot be used for an index",
                mgp_encoder_name(c->encoder));
  c->is_text = (c->targets[0].inputs & MGP_INPUT_TEXT) != 0;
  if (c->is_text) c->target_count = 1; /* documents have vectors in a text pack's first space */
  return MAGPIE_OK;
}

static bool is_switched(const mgp_model_change *c) {
  for (size_t i = 0; i < c->target_count; i++)
    if (!c->targets[i].space.is_active) return false;
  return true;
}

static magpie_status write_beginning(mgp_model_change *c, magpie_error *err) {
  for (size_t i = 0; i < c->target_count; i++)
    if (!c->targets[i].space.key[0])
      MGP_FORWARD(mgp_store_space_add(c->ix->store, &c->targets[i].space, err));
  return mgp_store_setting_set(c->ix->store, SETTING_UNDER_WAY, mgp_encoder_name(c->encoder), err);
}

/* ---- the switch -------------------------------------------------------------------------------
 */

/* A text pack whose space has another name than the one before it. */
static magpie_status find_other_text_space(const mgp_model_change *c, mgp_space *out,
                                           magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  char *pack = NULL;
  *out = (mgp_space){0};
  if (!c->is_text) return MAGPIE_OK;
  MGP_FORWARD(mgp_store_setting_get(c->ix->store, "text_pack", &pack, err));
  const magpie_status status = mgp_store_spaces(c->ix->store, c->ix->alloc, &rows, &count, err);
  for (size_t i = 0; i < count; i++)
    if (pack && mgp_text_equal(rows[i].pack, pack) &&
        !mgp_text_equal(rows[i].name, c->targets[0].space.name))
      *out = rows[i];
  mgp_free(c->ix->alloc, rows);
  mgp_free(c->ix->alloc, pack);
  return status;
}

/* {"pack": the one before, "spaces": {name: key}}: what a rollback puts back. */
static magpie_status note_before(mgp_model_change *c, const mgp_space *other, magpie_error *err) {
  json_t *spaces = json_object();
  const char *pack = other->pack;
  if (other->key[0]) json_object_set_new(spaces, other->name, json_string(other->key));
  for (size_t i = 0; i < c->target_count; i++) {
    const mgp_model_target *t = &c->targets[i];
    if (!pack[0]) pack = t->before.pack;
    json_object_set_new(spaces, t->space.name, json_string(t->before.key));
  }
  json_t *before = json_pack("{s:s,s:s,s:o}", "pack", pack, "after", mgp_encoder_name(c->encoder),
                             "spaces", spaces);
  char *text = NULL;
  magpie_status status = before ? mgp_json_write(before, &text, err)
                                : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a setting");
  if (status == MAGPIE_OK) status = mgp_store_setting_set(c->ix->store, SETTING_BEFORE, text, err);
  magpie_free(text);
  json_decref(before);
  return status;
}

/* All that is aside but the vectors that were in use until now. */
static magpie_status drop_older(mgp_model_change *c, const mgp_space *other, magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces_all(c->ix->store, c->ix->alloc, &rows, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) {
    bool is_kept = rows[i].is_active || mgp_text_equal(rows[i].key, other->key);
    bool is_ours = false;
    for (size_t j = 0; j < c->target_count; j++) {
      is_kept = is_kept || mgp_text_equal(rows[i].key, c->targets[j].space.key);
      is_ours = is_ours || mgp_text_equal(rows[i].name, c->targets[j].space.name);
    }
    if (!is_kept && is_ours) status = mgp_store_space_drop(c->ix->store, &rows[i], err);
  }
  mgp_free(c->ix->alloc, rows);
  return status;
}

static magpie_status write_switch(mgp_model_change *c, magpie_error *err) {
  mgp_store *store = c->ix->store;
  if (!is_switched(c)) {
    mgp_space other;
    MGP_FORWARD(find_other_text_space(c, &other, err));
    MGP_FORWARD(note_before(c, &other, err));
    for (size_t i = 0; i < c->target_count; i++)
      MGP_FORWARD(mgp_store_space_activate(store, &c->targets[i].space, err));
    if (other.key[0]) MGP_FORWARD(mgp_store_space_put_aside(store, other.name, err));
    MGP_FORWARD(drop_older(c, &other, err));
  }
  if (c->is_text)
    MGP_FORWARD(mgp_store_setting_set(store, "text_pack", mgp_encoder_name(c->encoder), err));
  return mgp_store_setting_set(store, SETTING_UNDER_WAY, "", err);
}

/* What came since the pass is encoded under the lock: it is little. */
static magpie_status finish(mgp_model_change *c, magpie_error *err) {
  MGP_FORWARD(mgp_store_lock(c->ix->store, wait_ms(c->ix), err));
  c->has_lock = true;
  magpie_status status = fill(c, err);
  if (status == MAGPIE_OK) status = commit(c, write_switch, err);
  if (status == MAGPIE_OK) status = mgp_store_sync(c->ix->store, err);
  c->has_lock = false;
  mgp_store_unlock(c->ix->store);
  return status;
}

/* ---- the calls --------------------------------------------------------------------------------
 */

static magpie_status run(mgp_model_change *c, const char *pack, magpie_error *err) {
  MGP_FORWARD(mgp_engine_encoder(c->ix, pack, &c->encoder, err));
  MGP_FORWARD(mgp_encoder_warm(c->encoder, MGP_INPUT_IMAGE | MGP_INPUT_SOUND, err));
  MGP_FORWARD(find_targets(c, err));
  if (!is_switched(c)) MGP_FORWARD(commit_locked(c, write_beginning, err));
  MGP_FORWARD(fill(c, err));
  char *under_way = NULL;
  MGP_FORWARD(mgp_store_setting_get(c->ix->store, SETTING_UNDER_WAY, &under_way, err));
  const bool is_done = is_switched(c) && !(under_way && under_way[0]);
  mgp_free(c->ix->alloc, under_way);
  return is_done ? MAGPIE_OK : finish(c, err);
}

static void close_change(mgp_model_change *c) {
  for (size_t i = 0; i < c->target_count; i++) {
    mgp_free(c->ix->alloc, c->targets[i].done);
    mgp_free(c->ix->alloc, c->targets[i].old);
    mgp_free(c->ix->alloc, c->targets[i].ids);
    mgp_free(c->ix->alloc, c->targets[i].rows);
  }
  mgp_free(c->ix->alloc, c->passed);
  mgp_snapshot_release(c->snapshot);
  mgp_arena_destroy(c->arena);
  json_decref(c->lost);
}

static magpie_status give_json(json_t *object, char **json, magpie_error *err) {
  const magpie_status status = object ? mgp_json_write(object, json, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(object);
  return status;
}

static json_t *report_of(const mgp_model_change *c, const char *pack) {
  uint64_t items = 0;
  for (uint64_t i = 1; i < c->end; i++) items += mgp_snapshot_kind(c->snapshot, i) > 0;
  return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:O}", "pack", pack, "items", (json_int_t)items,
                   "encoded", (json_int_t)c->encoded, "from_thumbnails", (json_int_t)c->from_thumbs,
                   "lost_count", (json_int_t)c->lost_count, "generation", (json_int_t)c->generation,
                   "lost", c->lost);
}

static magpie_status check_call(magpie *ix, const magpie_add_options *options, magpie_error *err) {
  MGP_RETURN_IF(options->size < sizeof *options, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_add_options_defaults", options->size,
                sizeof *options);
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  return MAGPIE_OK;
}

magpie_status magpie_model_use(magpie *ix, const char *pack, const magpie_add_options *options,
                               char **json, magpie_error *err) {
  magpie_add_options defaults;
  magpie_add_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!ix || !pack || !json, err, MAGPIE_INVALID,
                "magpie_model_use: an argument is NULL");
  MGP_FORWARD(check_call(ix, options, err));
  *json = NULL;
  mgp_model_change c = {.ix = ix,
                        .options = options,
                        .arena = mgp_arena_create(ix->alloc),
                        .lost = json_array(),
                        .started = mgp_clock_seconds()};
  c.last_commit = c.started;
  mgp_media_limits_defaults(&c.limits);
  if (options->max_file_bytes) c.limits.max_bytes = options->max_file_bytes;
  if (options->max_file_seconds > 0) c.limits.max_seconds = options->max_file_seconds;
  c.limits.cancel = options->cancel;
  magpie_status status = c.arena && c.lost
                             ? run(&c, pack, err)
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to change the model");
  if (status == MAGPIE_OK) tell_event(&c, MAGPIE_EVENT_DONE, NULL, NULL);
  if (status == MAGPIE_OK) status = give_json(report_of(&c, pack), json, err);
  close_change(&c);
  return status;
}

/* ---- dropping ---------------------------------------------------------------------------------
 */

typedef struct dropping {
  magpie *ix;
  const char *pack;    /* whose spaces go; NULL: of all packs */
  const json_t *added; /* {name: key}: spaces that are put aside first; or NULL */
  const char *setting; /* forgotten in the same transaction */
  uint64_t dropped, generation;
} dropping;

static magpie_status drop_aside(dropping *d, magpie_error *err) {
  magpie *ix = d->ix;
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces_all(ix->store, ix->alloc, &rows, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) {
    const bool is_added = d->added && json_object_get(d->added, rows[i].name);
    if ((rows[i].is_active && !is_added) || (d->pack && !mgp_text_equal(rows[i].pack, d->pack)))
      continue;
    if (is_added) status = mgp_store_space_put_aside(ix->store, rows[i].name, err);
    if (status == MAGPIE_OK) status = mgp_store_space_drop(ix->store, &rows[i], err);
    d->dropped++;
  }
  mgp_free(ix->alloc, rows);
  if (status == MAGPIE_OK) status = mgp_store_setting_set(ix->store, d->setting, "", err);
  return status;
}

static magpie_status drop_now(dropping *d, char **json, magpie_error *err) {
  mgp_store *store = d->ix->store;
  MGP_FORWARD(mgp_store_lock(store, wait_ms(d->ix), err));
  magpie_status status = mgp_store_begin(store, err);
  if (status == MAGPIE_OK) {
    status = drop_aside(d, err);
    if (status == MAGPIE_OK) status = mgp_store_commit(store, &d->generation, err);
    else mgp_store_rollback(store);
  }
  if (status == MAGPIE_OK) status = mgp_store_sync(store, err);
  mgp_store_unlock(store);
  MGP_FORWARD(status);
  return give_json(json_pack("{s:s,s:I,s:I}", "pack", d->pack ? d->pack : "", "spaces_dropped",
                             (json_int_t)d->dropped, "generation", (json_int_t)d->generation),
                   json, err);
}

/* What the last change put in the place of what: NULL when there was none. json_decref. */
static magpie_status read_before(magpie *ix, json_t **out, magpie_error *err) {
  char *text = NULL;
  *out = NULL;
  MGP_FORWARD(mgp_store_setting_get(ix->store, SETTING_BEFORE, &text, err));
  const magpie_status status =
      text && text[0] ? mgp_json_parse("the setting " SETTING_BEFORE, text, strlen(text), out, err)
                      : MAGPIE_OK;
  mgp_free(ix->alloc, text);
  return status;
}

static magpie_status undo_switch(magpie *ix, const magpie_add_options *options, char **json,
                                 magpie_error *err) {
  json_t *before = NULL;
  MGP_FORWARD(read_before(ix, &before, err));
  MGP_RETURN_IF(!before, err, MAGPIE_NOT_FOUND,
                "the model of %s was not changed: there is nothing to go back to",
                mgp_store_path(ix->store));
  const char *pack = mgp_json_text(before, "pack", "");
  dropping d = {.ix = ix,
                .pack = mgp_json_text(before, "after", ""),
                .added = json_object_get(before, "spaces"),
                .setting = SETTING_BEFORE};
  const magpie_status status =
      pack[0] ? magpie_model_use(ix, pack, options, json, err) : drop_now(&d, json, err);
  json_decref(before);
  return status;
}

magpie_status magpie_model_rollback(magpie *ix, const magpie_add_options *options, char **json,
                                    magpie_error *err) {
  magpie_add_options defaults;
  magpie_add_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!ix || !json, err, MAGPIE_INVALID, "magpie_model_rollback: an argument is NULL");
  MGP_FORWARD(check_call(ix, options, err));
  *json = NULL;
  char *pack = NULL;
  MGP_FORWARD(mgp_store_setting_get(ix->store, SETTING_UNDER_WAY, &pack, err));
  dropping d = {.ix = ix, .pack = pack, .setting = SETTING_UNDER_WAY};
  const magpie_status status =
      pack && pack[0] ? drop_now(&d, json, err) : undo_switch(ix, options, json, err);
  mgp_free(ix->alloc, pack);
  return status;
}

magpie_status magpie_model_forget(magpie *ix, char **json, magpie_error *err) {
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  MGP_RETURN_IF(!ix || !json, err, MAGPIE_INVALID, "magpie_model_forget: an argument is NULL");
  MGP_FORWARD(check_call(ix, &options, err));
  *json = NULL;
  char *pack = NULL;
  MGP_FORWARD(mgp_store_setting_get(ix->store, SETTING_UNDER_WAY, &pack, err));
  const bool is_under_way = pack && pack[0];
  magpie_status status =
      is_under_way ? mgp_fail(err, MAGPIE_INVALID,
                              "a change to the model %s is under way: `magpie models use %s` ends "
                              "it, `magpie models use --rollback` drops it",
                              pack, pack)
                   : MAGPIE_OK;
  mgp_free(ix->alloc, pack);
  MGP_FORWARD(status);
  dropping d = {.ix = ix, .setting = SETTING_BEFORE};
  return drop_now(&d, json, err);
}
