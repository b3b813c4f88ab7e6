/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a batch: encode the queued texts, then one transaction with the sources, the items and
 * one segment for each space.
 */
#include <stdlib.h>

#include "engine/ingest_words.h"
#include "engine/merge_segments.h"

/* ---- what is queued ----------------------------------------------------------------------------
 */

/* Items of failed sources leave the queue before anything is spent on them. */
static void drop_failed_items(mgp_ingest *in) {
  size_t kept = 0;
  for (size_t i = 0; i < in->item_count; i++) {
    mgp_queued_item *q = in->items[i];
    if (!q->source->is_failed) {
      in->items[kept++] = q;
      continue;
    }
    for (size_t j = 0; j < q->vector_count; j++) mgp_free(in->ix->alloc, q->vectors[j].values);
  }
  in->item_count = kept;
}

void mgp_ingest_drop(mgp_ingest *in) {
  for (size_t i = 0; i < in->item_count; i++)
    for (size_t j = 0; j < in->items[i]->vector_count; j++)
      mgp_free(in->ix->alloc, in->items[i]->vectors[j].values);
  in->item_count = in->text_count = in->queued_bytes = 0;
  mgp_ingest_source *source = in->sources;
  in->sources = in->newest = NULL;
  while (source) {
    mgp_ingest_source *next = source->next;
    source->in_batch = false;
    /* A source that is not whole yet is still its decoder's; the decoder hands it over later. */
    if (source->is_done) mgp_ingest_source_discard(in, source);
    source = next;
  }
  mgp_arena_reset(in->arena);
}

/* ---- encoding
 * ------------------------------------------------------------------------------------ */

static mgp_queued_vector *text_vector(mgp_queued_item *q, size_t space) {
  for (size_t i = 0; i < q->vector_count; i++)
    if (q->vectors[i].space == space && !q->vectors[i].values) return &q->vectors[i];
  return NULL;
}

static magpie_status encode_texts(mgp_ingest *in, magpie_error *err) {
  if (in->text_space == SIZE_MAX || in->item_count == 0) return MAGPIE_OK;
  mgp_prose *texts = mgp_arena_calloc(in->arena, in->item_count, sizeof *texts);
  MGP_RETURN_IF(!texts, err, MAGPIE_NO_MEMORY, "no memory to encode a batch");
  size_t count = 0;
  for (size_t i = 0; i < in->item_count; i++)
    if (in->items[i]->prose) texts[count++] = (mgp_prose){.text = in->items[i]->prose, .number = i};
  const magpie_status status = mgp_engine_encode_texts(in->ix, in->text, texts, count, err);
  for (size_t i = 0; i < count; i++) /* after a failure too: the batch frees them */
    if (texts[i].vector)
      text_vector(in->items[texts[i].number], in->text_space)->values = texts[i].vector;
  return status;
}

/* ---- writing
 * ---------------------------------------------------------------------------------------- */

static magpie_status write_failure(mgp_ingest *in, mgp_ingest_source *source, magpie_error *err) {
  mgp_store *store = in->ix->store;
  if (source->is_added) {
    uint64_t removed = 0;
    MGP_FORWARD(mgp_store_source_remove(store, source->row.number, &removed, err));
    source->is_added = false;
  }
  if (source->replaces) { /* what the file said before is no longer true */
    uint64_t removed = 0;
    MGP_FORWARD(mgp_store_source_remove(store, source->replaces, &removed, err));
    in->report->items_removed += removed;
    source->replaces = 0;
  }
  return mgp_store_failure_add(store, source->ledger_name, "read", source->failure.code,
                               source->failure.message, err);
}

static magpie_status write_source(mgp_ingest *in, mgp_ingest_source *source, magpie_error *err) {
  mgp_store *store = in->ix->store;
  if (source->is_cancelled) return MAGPIE_OK;
  source->row.path = source->path;
  source->row.record = source->record;
  source->row.title = source->title;
  source->row.metadata = source->metadata;
  if (source->is_failed) return write_failure(in, source, err);
  if (source->is_carried) {  /* renamed: its items come again with this batch */
    if (!source->is_added) { /* a flush may come before and after the source is done */
      MGP_FORWARD(mgp_store_source_clear(store, source->row.number, err));
      in->report->files_moved++;
      source->is_added = true;
    }
    return mgp_store_source_update(store, &source->row, err);
  }
  if (source->is_update) { /* moved or touched: the content is as before */
    if (source->is_moved) in->report->files_moved++;
    return mgp_store_source_update(store, &source->row, err);
  }
  const int64_t mtime = source->row.mtime_ns;
  if (!source->is_done) source->row.mtime_ns = -1; /* not whole: the next run reads it again */
  magpie_status status = MAGPIE_OK;
  if (source->replaces) {
    uint64_t removed = 0;
    status = mgp_store_source_remove(store, source->replaces, &removed, err);
    in->report->items_removed += removed;
    in->report->files_changed++;
    source->replaces = 0;
  } else if (!source->is_added) {
    in->report->files_added++;
  }
  if (status == MAGPIE_OK)
    status = source->is_added ? mgp_store_source_update(store, &source->row, err)
                              : mgp_store_source_add(store, &source->row, err);
  source->is_added = true;
  source->row.mtime_ns = mtime;
  if (status == MAGPIE_OK && source->is_partial)
    return mgp_store_failure_add(store, source->ledger_name, "read", source->failure.code,
                                 source->failure.message, err);
  if (status == MAGPIE_OK && source->is_done)
    status = mgp_store_failure_clear(store, source->ledger_name, err);
  return status;
}

static magpie_status write_items(mgp_ingest *in, magpie_error *err) {
  for (size_t i = 0; i < in->item_count; i++) {
    mgp_queued_item *q = in->items[i];
    if (q->row.id[0] == '#') {
      q->local_id = q->row.id;
      q->row.id =
          mgp_arena_printf(in->arena, "@%lld%s", (long long)q->source->row.number, q->row.id);
      MGP_RETURN_IF(!q->row.id, err, MAGPIE_NO_MEMORY, "no memory for an item id");
    }
    q->row.source = q->source->row.number;
    MGP_FORWARD(mgp_store_item_add(in->ix->store, &q->row, err));
    in->report->items_added += !q->source->is_carried;
  }
  return MAGPIE_OK;
}

static magpie_status declare_space(mgp_ingest *in, size_t space, magpie_error *err) {
  if (in->spaces[space].is_declared) return MAGPIE_OK;
  if (space == in->text_space)
    MGP_FORWARD(mgp_store_setting_set(in->ix->store, "text_pack", in->spaces[space].row.pack, err));
  mgp_space stored;
  MGP_FORWARD(mgp_store_space_declare(in->ix->store, &in->spaces[space].row, err));
  MGP_FORWARD(mgp_store_space_find(in->ix->store, in->spaces[space].row.name, &stored, err));
  memcpy(in->spaces[space].row.key, stored.key, sizeof stored.key);
  in->spaces[space].is_declared = true;
  return MAGPIE_OK;
}

static const float *vector_in(const mgp_queued_item *q, size_t space) {
  for (size_t i = 0; i < q->vector_count; i++)
    if (q->vectors[i].space == space) return q->vectors[i].values;
  return NULL;
}

/* One segment with the vectors of one space, in item order. */
static magpie_status write_vectors(mgp_ingest *in, size_t space, magpie_error *err) {
  mgp_alloc *a = in->ix->alloc;
  const size_t dim = in->spaces[space].row.dim, stride = in->spaces[space].stride;
  size_t count = 0;
  for (size_t i = 0; i < in->item_count; i++) count += vector_in(in->items[i], space) != NULL;
  if (count == 0) return MAGPIE_OK;
  MGP_FORWARD(declare_space(in, space, err));
  float *rows = mgp_calloc(a, count, stride * sizeof(float));
  uint64_t *ids = mgp_calloc(a, count, sizeof *ids);
  magpie_status status = MAGPIE_OK;
  if (!rows || !ids) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a segment of %s",
                      in->spaces[space].row.name);
  } else {
    size_t at = 0;
    for (size_t i = 0; i < in->item_count; i++) {
      const float *v = vector_in(in->items[i], space);
      if (!v) continue;
      memcpy(rows + at * stride, v, dim * sizeof(float));
      ids[at++] = in->items[i]->row.number;
    }
    const mgp_section sections[] = {
        {MGP_SECTION_IDS, ids, count * sizeof *ids},
        {MGP_SECTION_VECTORS_F32, rows, count * stride * sizeof(float)}};
    status =
        mgp_store_segment_add(in->ix->store, in->spaces[space].row.key, count, sections, 2, err);
  }
  mgp_free(a, rows);
  mgp_free(a, ids);
  return status;
}

#define SHARED_ITEMS 64

/* What one of two threads does: all that needs the store. The other builds the words. */
typedef struct rows_job {
  mgp_ingest *in;
  magpie_status status;
  magpie_error error;
} rows_job;

typedef struct batch_job {
  rows_job rows;
  mgp_batch_words words;
} batch_job;

static magpie_status write_rows(mgp_ingest *in, magpie_error *err) {
  for (mgp_ingest_source *s = in->sources; s; s = s->next) MGP_FORWARD(write_source(in, s, err));
  MGP_FORWARD(write_items(in, err));
  for (size_t space = 0; space < in->space_count; space++)
    if (space != in->words_space) MGP_FORWARD(write_vectors(in, space, err));
  return MAGPIE_OK;
}

/* On the search pool: nothing in it may use that pool. */
static void run_part(void *context, size_t index) {
  batch_job *job = context;
  if (index == 0) job->rows.status = write_rows(job->rows.in, &job->rows.error);
  else mgp_batch_words_build(&job->words);
}

/* Rows and words at once, as neither needs the other, where that is worth waking a thread. */
static magpie_status write_rows_and_words(mgp_ingest *in, mgp_batch_words *words,
                                          magpie_error *err) {
  batch_job job = {.rows = {.in = in}, .words = *words};
  const size_t parts = in->item_count > 0 ? 2 : 1;
  if (in->item_count >= SHARED_ITEMS) mgp_pool_run(in->ix->pool, parts, run_part, &job);
  else
    for (size_t i = 0; i < parts; i++) run_part(&job, i);
  *words = job.words;
  if (job.rows.status != MAGPIE_OK && err) *err = job.rows.error;
  return job.rows.status;
}

static magpie_status write_all(mgp_ingest *in, mgp_batch_words *words, magpie_error *err) {
  MGP_FORWARD(write_rows_and_words(in, words, err));
  if (in->item_count == 0) return MAGPIE_OK;
  MGP_FORWARD(declare_space(in, in->words_space, err));
  return mgp_batch_words_add(words, err);
}

static magpie_status write_batch(mgp_ingest *in, magpie_error *err) {
  mgp_batch_words words = {.in = in, .first = mgp_store_next_item(in->ix->store)};
  const magpie_status status = write_all(in, &words, err);
  mgp_batch_words_fini(&words);
  MGP_FORWARD(status);
  if (in->languages_changed)
    MGP_FORWARD(mgp_store_setting_set(in->ix->store, "languages", in->languages, err));
  in->languages_changed = false;
  return mgp_store_commit(in->ix->store, &in->report->generation, err);
}

/* Sources whose items are in the queue but which are not whole yet must be written as well. */
static int by_sequence(const void *a, const void *b) {
  const mgp_queued_item *x = *(mgp_queued_item *const *)a, *y = *(mgp_queued_item *const *)b;
  if (x->source->sequence != y->source->sequence)
    return x->source->sequence < y->source->sequence ? -1 : 1;
  return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static void queue_open_sources(mgp_ingest *in) {
  for (size_t i = 0; i < in->item_count; i++) mgp_ingest_queue_source(in, in->items[i]->source);
}

/* What the transaction declared is gone with it. */
static void undo_batch(mgp_ingest *in) {
  mgp_store_rollback(in->ix->store);
  for (size_t i = 0; i < in->space_count; i++) in->spaces[i].is_declared = false;
}

/* What was committed is safe whatever happens here, so a failure is a warning and ends merging. */
void mgp_ingest_merge(mgp_ingest *in, magpie_status (*merge)(magpie *ix, const volatile int *cancel,
                                                             magpie_error *err)) {
  magpie_error err = {0};
  if (in->merge_failed) return;
  const magpie_status status = merge(in->ix, in->options.cancel, &err);
  if (status == MAGPIE_OK || status == MAGPIE_CANCELLED) return;
  in->merge_failed = true;
  mgp_ingest_tell(in, MAGPIE_EVENT_WARNING, NULL, err.message);
}

/* ---- one batch, or several where memory is short ----------------------------------------------
 */

static void note_before(mgp_ingest *in) {
  for (mgp_ingest_source *s = in->sources; s; s = s->next) {
    s->before.replaces = s->replaces;
    s->before.number = s->row.number;
    s->before.is_added = s->is_added;
  }
}

static void restore_before(mgp_ingest *in, const magpie_report *report) {
  *in->report = *report;
  for (mgp_ingest_source *s = in->sources; s; s = s->next) {
    s->replaces = s->before.replaces;
    s->row.number = s->before.number;
    s->is_added = s->before.is_added;
  }
  for (size_t i = 0; i < in->item_count; i++)
    if (in->items[i]->local_id) in->items[i]->row.id = in->items[i]->local_id;
}

/* The queue as one transaction; what it changed in memory is undone when it fails. */
static magpie_status write_queue(mgp_ingest *in, magpie_error *err) {
  const magpie_report report = *in->report;
  note_before(in);
  magpie_status status = mgp_store_begin(in->ix->store, err);
  if (status != MAGPIE_OK) return status;
  const bool changed = in->languages_changed;
  status = write_batch(in, err);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  undo_batch(in);
  restore_before(in, &report);
  in->languages_changed = changed;
  return status;
}

/* The queue is cut behind item `count`. The source that lies on both sides is not whole in the
 * first part, as one that is larger than a batch. */
static magpie_status write_first(mgp_ingest *in, size_t count, magpie_error *err) {
  mgp_ingest_source *last = in->items[count - 1]->source, *rest = last->next;
  const size_t all = in->item_count;
  const bool is_cut = in->items[count]->source == last, is_done = last->is_done;
  last->next = NULL;
  last->is_done = is_done && !is_cut;
  in->item_count = count;
  const magpie_status status = write_queue(in, err);
  last->next = rest;
  last->is_done = is_done;
  in->item_count = all;
  return status;
}

/* Forgets what write_first wrote; a source that has more to come stays. */
static void drop_first(mgp_ingest *in, size_t count) {
  const mgp_ingest_source *keep = in->items[count]->source;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < in->items[i]->vector_count; j++)
      mgp_free(in->ix->alloc, in->items[i]->vectors[j].values);
  const mgp_ingest_source *last = in->items[count - 1]->source;
  in->item_count -= count;
  memmove(in->items, in->items + count, in->item_count * sizeof *in->items);
  in->newest = NULL;
  for (bool is_last = false; !is_last && in->sources != keep;) {
    mgp_ingest_source *source = in->sources;
    is_last = source == last;
    in->sources = source->next;
    source->in_batch = false;
    if (source->is_done) mgp_ingest_source_discard(in, source);
  }
}

/* Smaller and smaller parts, until one item alone finds no room. */
static magpie_status write_parts(mgp_ingest *in, magpie_error *err) {
  magpie_status status = write_queue(in, err);
  while (status == MAGPIE_NO_MEMORY && in->item_count > 1) {
    size_t count = in->item_count / 2;
    while ((status = write_first(in, count, err)) == MAGPIE_NO_MEMORY && count > 1) count /= 2;
    if (status != MAGPIE_OK) return status;
    drop_first(in, count);
    status = write_queue(in, err);
  }
  return status;
}

void mgp_ingest_flush(mgp_ingest *in) {
  magpie_error err = {0};
  drop_failed_items(in);
  /* Which thread was first must not show in the numbers. */
  if (in->item_count > 1) qsort(in->items, in->item_count, sizeof *in->items, by_sequence);
  queue_open_sources(in);
  atomic_fetch_add(&in->flushes, 1);
  if (!in->sources) return;
  mgp_ingest_detect_languages(in);
  magpie_status status = encode_texts(in, &err);
  if (status == MAGPIE_OK) status = write_parts(in, &err);
  if (status != MAGPIE_OK) mgp_ingest_stop(in, status, &err);
  mgp_ingest_drop(in);
  in->last_commit = mgp_clock_seconds();
  if (status == MAGPIE_OK) mgp_ingest_tell(in, MAGPIE_EVENT_COMMIT, NULL, NULL);
  if (status == MAGPIE_OK && !in->is_closing) mgp_ingest_merge(in, mgp_engine_merge_small);
}
