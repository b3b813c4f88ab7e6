/* SPDX-License-Identifier: Apache-2.0
 *
 * Ingest: the queue between decode threads and the store.
 *
 * Decode threads call mgp_ingest_item; pictures and sounds are encoded there, on the decoding
 * thread, before the lock; texts wait in the queue so that batches can be sorted by length across
 * files. The thread that fills the queue flushes it under the lock (encode on the search pool,
 * write segments, commit) while the others go on decoding until they have something to queue.
 *
 * A source may be larger than a batch: then its row is committed with mtime -1 and finished by a
 * later commit, so that a kill in between makes the next run read it again.
 */
#include "engine/ingest_batch.h"
#include "engine/merge_segments.h"

#include <stdlib.h>

#define SOURCE_STRINGS 512 /* path, title and the like, about */

void mgp_ingest_tell(mgp_ingest *in, magpie_event_type type, const char *path,
                     const char *message) {
  if (!in->options.progress) return;
  in->event.type = type;
  in->event.path = path;
  in->event.message = message;
  in->event.elapsed_s = mgp_clock_seconds() - in->started;
  in->event.items = in->report->items_added;
  in->event.files_failed = in->report->files_failed;
  in->event.files_unchanged = in->report->files_unchanged;
  in->event.files_still_failed = in->report->files_still_failed;
  in->event.generation = in->report->generation;
  in->options.progress(in->options.progress_context, &in->event);
}

void mgp_ingest_progress(mgp_ingest *in, magpie_event_type type, const char *path,
                         const char *message) {
  pthread_mutex_lock(&in->mutex);
  mgp_ingest_tell(in, type, path, message);
  pthread_mutex_unlock(&in->mutex);
}

void mgp_ingest_stop(mgp_ingest *in, magpie_status status, const magpie_error *err) {
  if (in->status != MAGPIE_OK) return;
  in->status = status;
  if (err) in->error = *err;
  mgp_alloc_explain(in->ix->alloc, &in->error);
}

size_t mgp_ingest_space_index(mgp_ingest *in, const char *name, const char *pack, const char *hash,
                              const char *metric, size_t dim) {
  for (size_t i = 0; i < in->space_count; i++)
    if (mgp_text_equal(in->spaces[i].row.name, name)) return i;
  if (in->space_count == MGP_ENGINE_SPACES) return SIZE_MAX;
  mgp_ingest_space *space = &in->spaces[in->space_count];
  snprintf(space->row.name, sizeof space->row.name, "%s", name);
  snprintf(space->row.pack, sizeof space->row.pack, "%s", pack);
  snprintf(space->row.pack_hash, sizeof space->row.pack_hash, "%s", hash);
  snprintf(space->row.metric, sizeof space->row.metric, "%s", metric);
  space->row.dim = dim;
  space->stride = mgp_dense_stride(dim);
  return in->space_count++;
}

/* A pack whose space name another pack holds already is left out: in this index, or of those that
 * came before it. */
static bool space_is_free(const mgp_ingest *in, const char *name, const char *pack) {
  for (size_t i = 0; i < in->stored_count; i++)
    if (mgp_text_equal(in->stored[i].name, name)) return mgp_text_equal(in->stored[i].pack, pack);
  for (size_t i = 0; i < in->space_count; i++)
    if (mgp_text_equal(in->spaces[i].row.name, name))
      return mgp_text_equal(in->spaces[i].row.pack, pack);
  return true;
}

static size_t encoder_space(mgp_ingest *in, const mgp_encoder *e, size_t index) {
  const mgp_space_info *info = mgp_encoder_space(e, index);
  if (!space_is_free(in, info->name, mgp_encoder_name(e))) return SIZE_MAX;
  return mgp_ingest_space_index(in, info->name, mgp_encoder_name(e), mgp_encoder_hash(e),
                                info->metric, info->dim);
}

/* A pack that does not work is a warning. One that only finds no room ends the run: its files would
 * count as indexed, and a run with more memory would pass them over. */
static magpie_status add_media_pack(mgp_ingest *in, const char *name, magpie_error *err) {
  magpie_error why = {0};
  mgp_encoder *e = NULL;
  magpie_status status = mgp_engine_encoder(in->ix, name, &e, &why);
  if (status == MAGPIE_OK) status = mgp_encoder_warm(e, MGP_INPUT_IMAGE | MGP_INPUT_SOUND, &why);
  if (status == MAGPIE_NO_MEMORY && err) *err = why;
  if (status == MAGPIE_NO_MEMORY) return status;
  if (status != MAGPIE_OK) {
    mgp_ingest_tell(in, MAGPIE_EVENT_WARNING, NULL, why.message);
    return MAGPIE_OK;
  }
  /* Questions come later; the label vectors they need are better made now than then. */
  if (in->text_space != SIZE_MAX) mgp_encoder_warm(e, MGP_INPUT_TEXT, NULL);
  const size_t at = in->media_count++;
  in->media[at] = e;
  for (size_t i = 0; i < mgp_encoder_space_count(e) && i < QUEUED_VECTORS; i++) {
    in->media_inputs[at] |= mgp_encoder_space(e, i)->item_inputs;
    in->media_spaces[at][i] = encoder_space(in, e, i);
  }
  return MAGPIE_OK;
}

/* Vectors that a user imported keep their space from run to run. */
static void load_vector_spaces(mgp_ingest *in) {
  for (size_t i = 0; i < in->stored_count; i++) {
    const mgp_space *row = &in->stored[i];
    if (!row->pack[0] && row->dim > 0)
      mgp_ingest_space_index(in, row->name, "", "", row->metric, row->dim);
  }
}

static magpie_status load_text_pack(mgp_ingest *in, magpie_error *err) {
  magpie_error why = {0};
  const magpie_status status = mgp_engine_text_encoder(in->ix, &in->text, &why);
  if (status == MAGPIE_OK) {
    in->text_space = encoder_space(in, in->text, 0);
    return MAGPIE_OK;
  }
  if (status == MAGPIE_MODEL && !in->ix->wanted_text_pack) {
    mgp_ingest_tell(in, MAGPIE_EVENT_WARNING, NULL, why.message);
    return MAGPIE_OK;
  }
  if (err) *err = why;
  return status;
}

static magpie_status load_encoders(mgp_ingest *in, magpie_error *err) {
  const char *names[MGP_ENGINE_PACKS];
  size_t count = 0;
  in->words_space = mgp_ingest_space_index(in, MGP_WORDS_SPACE, "", "", "bm25", 0);
  in->text_space = SIZE_MAX;
  MGP_FORWARD(mgp_store_spaces(in->ix->store, in->ix->alloc, &in->stored, &in->stored_count, err));
  MGP_FORWARD(load_text_pack(in, err));
  if (in->has_media)
    MGP_FORWARD(mgp_engine_packs(in->ix, MGP_INPUT_IMAGE | MGP_INPUT_SOUND, names, &count, err));
  for (size_t i = 0; i < count; i++) MGP_FORWARD(add_media_pack(in, names[i], err));
  load_vector_spaces(in);
  return MAGPIE_OK;
}

/* Writing a batch takes about as much again as the queue, and reading goes on beside it. */
static magpie_status share_budget(mgp_ingest *in, magpie_error *err) {
  const uint64_t left = mgp_alloc_left(in->ix->alloc), share = left / 8;
  if (share < BATCH_BYTES_LEAST)
    return mgp_alloc_fail(in->ix->alloc, UINT64_C(8) * BATCH_BYTES_LEAST, err,
                          "indexing beside the models");
  in->batch_bytes = share < BATCH_BYTES ? share : BATCH_BYTES;
  return MAGPIE_OK;
}

static magpie_status load_languages(mgp_ingest *in, magpie_error *err) {
  char *stored = NULL;
  MGP_FORWARD(mgp_store_setting_get(in->ix->store, "languages", &stored, err));
  snprintf(in->languages, sizeof in->languages, "%s", stored ? stored : "");
  mgp_free(in->ix->alloc, stored);
  return MAGPIE_OK;
}

static magpie_status open_parts(mgp_ingest *in, magpie_error *err) {
  magpie *ix = in->ix;
  in->arena = mgp_arena_create(ix->alloc);
  MGP_RETURN_IF(!in->arena, err, MAGPIE_NO_MEMORY, "no memory to index");
  if (in->has_media) MGP_FORWARD(mgp_media_init(err));
  if (in->has_media && !ix->decode_pool)
    MGP_FORWARD(mgp_pool_create(ix->threads, &ix->decode_pool, err));
  MGP_FORWARD(load_encoders(in, err));
  MGP_FORWARD(share_budget(in, err));
  return load_languages(in, err);
}

static magpie_status open_ingest(magpie *ix, bool has_media, const magpie_add_options *options,
                                 magpie_report *report, mgp_ingest **out, magpie_error *err) {
  magpie_add_options defaults;
  magpie_add_options_defaults(&defaults);
  if (!options) options = &defaults;
  *out = NULL;
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_add_options_defaults", options->size,
                sizeof defaults);
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  MGP_FORWARD(mgp_store_lock(ix->store, ix->lock_wait_ms, err));
  mgp_ingest *in = mgp_calloc(ix->alloc, 1, sizeof *in);
  if (!in) {
    mgp_store_unlock(ix->store);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to index");
  }
  pthread_mutex_init(&in->mutex, NULL);
  in->ix = ix;
  in->has_media = has_media;
  in->options = *options;
  in->report = report ? report : &in->own_report;
  *in->report = (magpie_report){0};
  in->started = in->last_commit = mgp_clock_seconds();
  mgp_media_limits_defaults(&in->limits);
  if (options->max_file_bytes) in->limits.max_bytes = options->max_file_bytes;
  if (options->max_file_seconds > 0) in->limits.max_seconds = options->max_file_seconds;
  in->limits.cancel = options->cancel;
  const magpie_status status = open_parts(in, err);
  if (status != MAGPIE_OK) {
    mgp_ingest_stop(in, status, err);
    mgp_ingest_close(in, NULL);
    return status;
  }
  *out = in;
  return MAGPIE_OK;
}

magpie_status mgp_ingest_open(magpie *ix, const magpie_add_options *options, magpie_report *report,
                              mgp_ingest **out, magpie_error *err) {
  return open_ingest(ix, true, options, report, out, err);
}

magpie_status mgp_ingest_open_records(magpie *ix, const magpie_add_options *options,
                                      magpie_report *report, mgp_ingest **out, magpie_error *err) {
  return open_ingest(ix, false, options, report, out, err);
}

magpie_status mgp_ingest_close(mgp_ingest *in, magpie_error *err) {
  if (!in) return MAGPIE_OK;
  magpie *ix = in->ix;
  pthread_mutex_lock(&in->mutex);
  in->is_closing = true;
  /* After a cancel, too: what was read is a few seconds of encoding, and the next run goes on
   * there. */
  if (in->status == MAGPIE_OK) mgp_ingest_flush(in);
  mgp_ingest_drop(in);
  if (in->status == MAGPIE_OK && mgp_ingest_cancelled(in))
    in->status = mgp_fail(&in->error, MAGPIE_CANCELLED,
                          "stopped on request; run the same command again to go on");
  else if (in->status == MAGPIE_OK) mgp_ingest_merge(in, mgp_engine_merge_due);
  mgp_ingest_tell(in, MAGPIE_EVENT_DONE, NULL, NULL);
  pthread_mutex_unlock(&in->mutex);
  magpie_status status = in->status;
  if (status != MAGPIE_OK && err) *err = in->error;
  if (status == MAGPIE_OK) status = mgp_store_sync(ix->store, err);
  mgp_arena_destroy(in->arena);
  mgp_free(ix->alloc, in->items);
  mgp_free(ix->alloc, in->stored);
  pthread_mutex_destroy(&in->mutex);
  mgp_free(ix->alloc, in);
  mgp_store_unlock(ix->store);
  return status;
}

bool mgp_ingest_cancelled(const mgp_ingest *in) {
  return in->options.cancel && *in->options.cancel;
}

bool mgp_ingest_stopped(const mgp_ingest *in) {
  return in->status != MAGPIE_OK || mgp_ingest_cancelled(in);
}

magpie_report *mgp_ingest_report(mgp_ingest *in) {
  return in->report;
}

magpie *mgp_ingest_index(mgp_ingest *in) {
  return in->ix;
}

const mgp_media_limits *mgp_ingest_limits(const mgp_ingest *in) {
  return &in->limits;
}

const magpie_add_options *mgp_ingest_options(const mgp_ingest *in) {
  return &in->options;
}

void mgp_ingest_totals(mgp_ingest *in, uint64_t files, uint64_t bytes) {
  pthread_mutex_lock(&in->mutex);
  in->event.files_total = files;
  in->event.bytes_total = bytes;
  mgp_ingest_tell(in, MAGPIE_EVENT_WALK, NULL, NULL);
  pthread_mutex_unlock(&in->mutex);
}

void mgp_ingest_count_unchanged(mgp_ingest *in, uint64_t bytes) {
  pthread_mutex_lock(&in->mutex);
  in->report->files_unchanged++;
  in->event.files_done++;
  in->event.bytes_done += bytes;
  pthread_mutex_unlock(&in->mutex);
}

void mgp_ingest_count_still_failed(mgp_ingest *in) {
  pthread_mutex_lock(&in->mutex);
  in->report->files_still_failed++;
  pthread_mutex_unlock(&in->mutex);
}

mgp_ingest_source *mgp_ingest_source_create(mgp_ingest *in) {
  return mgp_calloc(in->ix->alloc, 1, sizeof(mgp_ingest_source));
}

void mgp_ingest_source_discard(mgp_ingest *in, mgp_ingest_source *source) {
  mgp_alloc *a = in->ix->alloc;
  mgp_free(a, source->path);
  mgp_free(a, source->record);
  mgp_free(a, source->title);
  mgp_free(a, source->metadata);
  mgp_free(a, source->forced_kind);
  mgp_free(a, source->caption);
  mgp_free(a, source->format_copy);
  mgp_free(a, source->ledger_name);
  mgp_free(a, source);
}

void mgp_ingest_source_describe(mgp_ingest *in, mgp_ingest_source *source, const char *format,
                                const char *title, const char *metadata) {
  mgp_alloc *a = in->ix->alloc;
  pthread_mutex_lock(&in->mutex);
  if (format) source->row.format = format;
  if (!source->title && title && title[0]) source->title = mgp_strdup(a, title);
  if (!source->metadata && metadata) source->metadata = mgp_strdup(a, metadata);
  pthread_mutex_unlock(&in->mutex);
}

/* In the order of the walk, whichever thread is first. Nearly always at the end. */
void mgp_ingest_queue_source(mgp_ingest *in, mgp_ingest_source *source) {
  if (source->in_batch) return;
  source->in_batch = true;
  in->queued_bytes += sizeof *source + SOURCE_STRINGS;
  mgp_ingest_source **at = &in->sources;
  if (in->newest && in->newest->sequence < source->sequence) at = &in->newest->next;
  while (*at && (*at)->sequence < source->sequence) at = &(*at)->next;
  source->next = *at;
  *at = source;
  in->newest = source;
}

/* "PATH: why" -> "why", "PATH:12: why" -> "line 12: why": the ledger says the path beside it. */
static void cut_path(magpie_error *failure, const char *path) {
  char *message = failure->message;
  const size_t size = strlen(path);
  if (size == 0 || strncmp(message, path, size) != 0) return;
  const char *why = message + size;
  const bool is_line = why[0] == ':' && why[1] >= '0' && why[1] <= '9';
  if (!is_line && why[0] != ' ' && (why[0] != ':' || why[1] != ' ')) return;
  why += is_line || why[0] == ' ' ? 1 : 2;
  char short_one[sizeof failure->message];
  snprintf(short_one, sizeof short_one, "%s%s", is_line ? "line " : "", why);
  memcpy(message, short_one, sizeof short_one);
}

magpie_status mgp_ingest_source_done(mgp_ingest *in, mgp_ingest_source *source,
                                     magpie_status status, const magpie_error *failure,
                                     magpie_error *err) {
  pthread_mutex_lock(&in->mutex);
  const bool has_good_items =
      (status == MAGPIE_FORMAT || status == MAGPIE_LIMIT || status == MAGPIE_NO_MEMORY) &&
      source->item_count > 0;
  source->is_done = true;
  source->is_partial = has_good_items; /* a table with bad lines, a cut recording */
  source->is_failed = status != MAGPIE_OK && !has_good_items;
  if (failure) source->failure = *failure;
  mgp_alloc_explain(in->ix->alloc, &source->failure);
  cut_path(&source->failure, source->ledger_name);
  mgp_ingest_queue_source(in, source);
  if (status == MAGPIE_CANCELLED || in->status != MAGPIE_OK) { /* the next run takes it again */
    source->is_cancelled = true;
    pthread_mutex_unlock(&in->mutex);
    return MAGPIE_OK;
  }
  in->event.files_done++;
  in->event.bytes_done += source->bytes;
  if (status != MAGPIE_OK) in->report->files_failed++;
  mgp_ingest_tell(in, status != MAGPIE_OK ? MAGPIE_EVENT_FAILED : MAGPIE_EVENT_FILE,
                  source->ledger_name, status != MAGPIE_OK ? source->failure.message : NULL);
  const bool is_late = mgp_clock_seconds() - in->last_commit > BATCH_SECONDS;
  if (in->status == MAGPIE_OK && (is_late || mgp_ingest_is_full(in))) mgp_ingest_flush(in);
  const magpie_status result = in->status;
  if (result != MAGPIE_OK && err) *err = in->error;
  pthread_mutex_unlock(&in->mutex);
  return result;
}

magpie_status mgp_ingest_commit(mgp_ingest *in, magpie_error *err) {
  pthread_mutex_lock(&in->mutex);
  if (in->status == MAGPIE_OK) mgp_ingest_flush(in);
  const magpie_status status = in->status;
  if (status != MAGPIE_OK && err) *err = in->error;
  pthread_mutex_unlock(&in->mutex);
  return status;
}

uint64_t mgp_ingest_flushes(const mgp_ingest *in) {
  return atomic_load(&in->flushes);
}

void mgp_ingest_supersede(mgp_ingest *in, uint64_t sequence) {
  pthread_mutex_lock(&in->mutex);
  mgp_ingest_source *source = in->sources;
  while (source && source->sequence != sequence) source = source->next;
  /* A part of it may be committed: then all is, for the later one to find and replace. */
  if (source && source->is_added) mgp_ingest_flush(in);
  else if (source) {
    in->report->files_unchanged += !source->is_failed;
    source->is_failed = source->is_cancelled = true;
  }
  pthread_mutex_unlock(&in->mutex);
}

magpie_status mgp_ingest_note_failure(mgp_ingest *in, const char *name, const char *stage,
                                      const magpie_error *failure) {
  pthread_mutex_lock(&in->mutex);
  magpie_error err = {0}, why = *failure;
  cut_path(&why, name);
  magpie_status status = mgp_store_begin(in->ix->store, &err);
  if (status == MAGPIE_OK)
    status = mgp_store_failure_add(in->ix->store, name, stage, why.code, why.message, &err);
  if (status == MAGPIE_OK) status = mgp_store_commit(in->ix->store, &in->report->generation, &err);
  else mgp_store_rollback(in->ix->store);
  if (status != MAGPIE_OK) mgp_ingest_stop(in, status, &err);
  in->report->files_failed++;
  mgp_ingest_tell(in, MAGPIE_EVENT_FAILED, name, why.message);
  pthread_mutex_unlock(&in->mutex);
  return status;
}

magpie_status mgp_ingest_transaction(mgp_ingest *in,
                                     magpie_status (*fn)(void *context, magpie_error *err),
                                     void *context, magpie_error *err) {
  pthread_mutex_lock(&in->mutex);
  magpie_status status = mgp_store_begin(in->ix->store, err);
  if (status == MAGPIE_OK) {
    status = fn(context, err);
    if (status == MAGPIE_OK) status = mgp_store_commit(in->ix->store, &in->report->generation, err);
    else mgp_store_rollback(in->ix->store);
  }
  if (status != MAGPIE_OK) mgp_ingest_stop(in, status, err);
  pthread_mutex_unlock(&in->mutex);
  return status;
}

/* ---- the decode threads --------------------------------------------------------------------- */

typedef struct run_job {
  mgp_ingest *in;
  bool (*step)(void *context);
  void *context;
} run_job;

static void run_steps(void *context, size_t index) {
  (void)index;
  const run_job *job = context;
  while (!mgp_ingest_stopped(job->in) && job->step(job->context)) {
  }
}

void mgp_ingest_run(mgp_ingest *in, bool (*step)(void *context), void *context) {
  run_job job = {.in = in, .step = step, .context = context};
  mgp_pool_run(in->ix->decode_pool, (size_t)mgp_pool_threads(in->ix->decode_pool), run_steps, &job);
}
