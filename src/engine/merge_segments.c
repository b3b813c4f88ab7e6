/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_merge, and the merges of an ingest: the policy picks, the inputs are read in place, the
 * new file is written beside them, and one short transaction puts it in their place. Only that
 * needs the writer's lock; searches go on with the files that they have mapped.
 */
#include "engine/merge_segments.h"

#include <stdlib.h>

#include "engine/merge_extras.h"
#include "index/merge.h"
#include "store/merge_policy.h"
#include "store/merge_store.h"

#define SMALL_MERGE_BYTES (UINT64_C(64) << 20)
#define SMALL_MERGES_MAX 4   /* after one commit */
#define COMMIT_WAIT_MS 10000 /* a finished merge is worth waiting for a writer's last commit */
#define RETRIES_MAX 16       /* another process may merge at the same time */
#define PROGRESS_BYTES (4u << 20)
#define DAMAGED_MAX 64
#define BUILD_BYTES 16 /* a number: what building a graph takes, in bytes that could be copied */

void magpie_merge_options_defaults(magpie_merge_options *options) {
  *options = (magpie_merge_options){.size = sizeof *options};
}

typedef struct merge_run {
  magpie *ix;
  const volatile int *cancel;
  magpie_progress progress;
  void *progress_context;
  mgp_merge_policy policy;
  bool has_lock, count_live;
  bool adds_extras; /* to large segments; small merges never make one */
  bool has_no_room; /* a graph was too much for the memory that was left: large segments stay */
  magpie_merge_report *report;
  int64_t damaged[DAMAGED_MAX]; /* left as they are */
  size_t damaged_count;
  magpie_event event;
  uint64_t told; /* bytes_done of the last event */
  double started;
} merge_run;

static void tell(merge_run *run, magpie_event_type type, const char *message) {
  if (!run->progress) return;
  run->event.type = type;
  run->event.message = message;
  run->event.generation = run->report->generation;
  run->event.elapsed_s = mgp_clock_seconds() - run->started;
  run->told = run->event.bytes_done;
  run->progress(run->progress_context, &run->event);
}

/* ---- where the bytes go -----------------------------------------------------------------------
 */

typedef struct merge_output {
  merge_run *run;
  mgp_segment_stream *stream; /* made with the first section: nothing may be left */
  const char *space;
  uint64_t before, extra; /* bytes of progress: done before the graph, and the graph's part */
} merge_output;

static magpie_status go_on(const merge_output *out, magpie_error *err) {
  MGP_RETURN_IF(out->run->cancel && *out->run->cancel, err, MAGPIE_CANCELLED,
                "merging was stopped on request: the index is as it was");
  return MAGPIE_OK;
}

static magpie_status begin_section(void *context, mgp_merge_part part, magpie_error *err) {
  static const uint32_t kinds[] = {[MGP_MERGE_IDS] = MGP_SECTION_IDS,
                                   [MGP_MERGE_VECTORS] = MGP_SECTION_VECTORS_F32,
                                   [MGP_MERGE_LENGTHS] = MGP_SECTION_LENGTHS,
                                   [MGP_MERGE_DICTIONARY] = MGP_SECTION_DICTIONARY,
                                   [MGP_MERGE_POSTINGS] = MGP_SECTION_POSTINGS};
  merge_output *out = context;
  if (!out->stream)
    MGP_FORWARD(mgp_segment_stream_create(out->run->ix->store, out->space, &out->stream, err));
  return mgp_segment_stream_section(out->stream, kinds[part], err);
}

static magpie_status write_bytes(void *context, const void *bytes, size_t size, magpie_error *err) {
  merge_output *out = context;
  merge_run *run = out->run;
  MGP_FORWARD(go_on(out, err));
  MGP_FORWARD(mgp_segment_stream_write(out->stream, bytes, size, err));
  run->event.bytes_done += size;
  if (run->event.bytes_done - run->told >= PROGRESS_BYTES) tell(run, MAGPIE_EVENT_FILE, NULL);
  return MAGPIE_OK;
}

static magpie_status put_aside(void *context, const void *bytes, size_t size, magpie_error *err) {
  merge_output *out = context;
  MGP_FORWARD(go_on(out, err));
  return mgp_segment_stream_aside(out->stream, bytes, size, err);
}

static magpie_status bring_back(void *context, magpie_error *err) {
  return mgp_segment_stream_back(((merge_output *)context)->stream, err);
}

/* ---- one merge --------------------------------------------------------------------------------
 */

typedef struct merge_inputs {
  mgp_segment_set *set;
  mgp_dense_view *dense;
  mgp_lexical_view **lexical;
  size_t count; /* of lexical views that are open */
} merge_inputs;

static const mgp_section *find_section(const mgp_segment_view *view, uint32_t kind) {
  for (size_t i = 0; i < view->section_count; i++)
    if (view->sections[i].kind == kind) return &view->sections[i];
  return NULL;
}

static magpie_status add_dense_view(const mgp_segment_view *v, size_t dim, mgp_dense_view *out,
                                    magpie_error *err) {
  const mgp_section *ids = find_section(v, MGP_SECTION_IDS);
  const mgp_section *rows = find_section(v, MGP_SECTION_VECTORS_F32);
  const size_t stride = mgp_dense_stride(dim);
  MGP_RETURN_IF(!ids || !rows || ids->size != v->count * sizeof(uint64_t) ||
                    rows->size != v->count * stride * sizeof(float),
                err, MAGPIE_CORRUPT, "%s: its sections do not hold %llu vectors of %zu numbers",
                v->file, (unsigned long long)v->count, dim);
  *out = (mgp_dense_view){.rows = rows->data,
                          .ids = ids->data,
                          .count = (size_t)v->count,
                          .dim = dim,
                          .stride = stride};
  return MAGPIE_OK;
}

static magpie_status add_lexical_view(mgp_alloc *a, const mgp_segment_view *v,
                                      mgp_lexical_view **out, magpie_error *err) {
  static const uint32_t kinds[MGP_LEXICAL_SECTIONS] = {
      MGP_SECTION_IDS, MGP_SECTION_LENGTHS, MGP_SECTION_DICTIONARY, MGP_SECTION_POSTINGS};
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    const mgp_section *section = find_section(v, kinds[i]);
    MGP_RETURN_IF(!section, err, MAGPIE_CORRUPT, "%s: section %u is missing", v->file, kinds[i]);
    sections[i] = (mgp_bytes){.data = section->data, .size = section->size};
  }
  return mgp_lexical_view_open(a, sections, out, err);
}

static void close_inputs(const merge_run *run, merge_inputs *in) {
  for (size_t i = 0; i < in->count; i++) mgp_lexical_view_close(in->lexical[i]);
  mgp_free(run->ix->alloc, in->lexical);
  mgp_free(run->ix->alloc, in->dense);
  mgp_segment_set_close(in->set);
}

/* *bad: which one is damaged. */
static magpie_status open_inputs(const merge_run *run, size_t dim, const int64_t *numbers,
                                 size_t count, merge_inputs *in, size_t *bad, magpie_error *err) {
  mgp_alloc *a = run->ix->alloc;
  MGP_FORWARD(mgp_segment_set_open(run->ix->store, numbers, count, &in->set, bad, err));
  in->dense = mgp_calloc(a, count, sizeof *in->dense);
  in->lexical = mgp_calloc(a, count, sizeof(mgp_lexical_view *));
  MGP_RETURN_IF(!in->dense || !in->lexical, err, MAGPIE_NO_MEMORY,
                "no memory to merge %zu segments", count);
  for (size_t i = 0; i < count; i++) {
    const mgp_segment_view *view = mgp_segment_set_view(in->set, i);
    *bad = i;
    if (dim > 0) {
      MGP_FORWARD(add_dense_view(view, dim, &in->dense[i], err));
    } else {
      MGP_FORWARD(add_lexical_view(a, view, &in->lexical[i], err));
      in->count++;
    }
  }
  *bad = SIZE_MAX;
  return MAGPIE_OK;
}

static int commit_wait(const magpie *ix) {
  return ix->lock_wait_ms > COMMIT_WAIT_MS ? ix->lock_wait_ms : COMMIT_WAIT_MS;
}

/* The whole transaction. A writer that was there before us keeps the lock for as long as it runs.
 */
static magpie_status put_in_place(merge_run *run, mgp_segment_stream *stream,
                                  const int64_t *numbers, size_t count, magpie_error *err) {
  mgp_store *store = run->ix->store;
  if (!run->has_lock) MGP_FORWARD(mgp_store_lock(store, commit_wait(run->ix), err));
  magpie_status status = mgp_store_begin(store, err);
  if (status == MAGPIE_OK) {
    status = mgp_store_segments_replace(store, stream, numbers, count, err);
    if (status == MAGPIE_OK) status = mgp_store_commit(store, &run->report->generation, err);
    else mgp_store_rollback(store);
  }
  if (run->has_lock) return status;
  if (status == MAGPIE_OK) status = mgp_store_sync(store, err);
  mgp_store_unlock(store);
  return status;
}

/* The graph counts as bytes, so that progress goes on. */
static magpie_status tell_building(void *context, double share, magpie_error *err) {
  merge_output *out = context;
  merge_run *run = out->run;
  const uint64_t done = out->before + (uint64_t)(share * (double)out->extra);
  MGP_FORWARD(go_on(out, err));
  if (done > run->event.bytes_done) run->event.bytes_done = done;
  if (run->event.bytes_done - run->told >= PROGRESS_BYTES / 4) tell(run, MAGPIE_EVENT_FILE, NULL);
  return MAGPIE_OK;
}

static magpie_status write_extras(merge_output *out, const mgp_space *space, const merge_inputs *in,
                                  size_t count, uint64_t rows, magpie_error *err) {
  if (!out->run->adds_extras || rows < *mgp_engine_extras_rows() || !mgp_engine_extras_fit(space))
    return MAGPIE_OK;
  out->before = out->run->event.bytes_done;
  out->extra = rows * space->dim * BUILD_BYTES;
  out->run->event.bytes_total += out->extra;
  const mgp_extras extras = {.ix = out->run->ix,
                             .stream = out->stream,
                             .inputs = in->set,
                             .views = in->dense,
                             .count = count,
                             .dim = space->dim,
                             .go_on = tell_building,
                             .context = out};
  bool is_written = false;
  MGP_FORWARD(mgp_engine_write_extras(&extras, &is_written, err));
  out->run->has_no_room = out->run->has_no_room || !is_written;
  return MAGPIE_OK;
}

static magpie_status write_merged(merge_run *run, const mgp_space *space, const merge_inputs *in,
                                  const int64_t *numbers, size_t count, magpie_error *err) {
  merge_output out = {.run = run, .space = space->key};
  const mgp_filter live = {.allow = mgp_segment_set_is_live, .context = in->set};
  const mgp_merge_sink sink = {.context = &out,
                               .section = begin_section,
                               .write = write_bytes,
                               .aside = put_aside,
                               .back = bring_back,
                               .spill_folder = mgp_store_path(run->ix->store)};
  uint64_t rows = 0;
  magpie_status status =
      space->dim > 0
          ? mgp_dense_merge(run->ix->alloc, in->dense, count, &live, &sink, &rows, err)
          : mgp_lexical_merge(run->ix->alloc, in->lexical, count, &live, &sink, &rows, err);
  if (status == MAGPIE_OK && out.stream) status = write_extras(&out, space, in, count, rows, err);
  if (status == MAGPIE_OK) status = go_on(&out, err);
  if (status == MAGPIE_OK && out.stream) status = mgp_segment_stream_finish(out.stream, rows, err);
  if (status == MAGPIE_OK) status = put_in_place(run, out.stream, numbers, count, err);
  if (status == MAGPIE_OK) {
    run->report->merges++;
    run->event.files_done++;
    for (size_t i = 0; i < count; i++)
      run->report->rows_dropped += mgp_segment_set_view(in->set, i)->count;
    run->report->rows_dropped -= rows;
    if (out.stream) run->report->bytes_written += mgp_segment_stream_size(out.stream);
  }
  mgp_segment_stream_destroy(out.stream);
  return status;
}

static int by_number(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* A damaged segment is left out of merges, with a warning, so that the others are merged. */
static magpie_status note_damaged(merge_run *run, int64_t number, const magpie_error *why,
                                  magpie_error *err) {
  MGP_RETURN_IF(run->damaged_count == DAMAGED_MAX, err, MAGPIE_CORRUPT, "%s", why->message);
  run->damaged[run->damaged_count++] = number;
  tell(run, MAGPIE_EVENT_WARNING, why->message);
  return MAGPIE_OK;
}

/* One merge of the picked segments. *again: they changed under our hands; list them anew. */
static magpie_status merge_picked(merge_run *run, const mgp_space *space, int64_t *numbers,
                                  size_t count, bool *again, magpie_error *err) {
  merge_inputs in = {0};
  size_t bad = SIZE_MAX;
  magpie_error why = {0};
  *again = false;
  qsort(numbers, count, sizeof *numbers, by_number);
  magpie_status status = open_inputs(run, space->dim, numbers, count, &in, &bad, &why);
  if (status == MAGPIE_OK) status = write_merged(run, space, &in, numbers, count, &why);
  close_inputs(run, &in);
  *again = status == MAGPIE_NOT_FOUND || (status == MAGPIE_CORRUPT && bad < count);
  if (status == MAGPIE_CORRUPT && bad < count) status = note_damaged(run, numbers[bad], &why, &why);
  else if (status == MAGPIE_NOT_FOUND) status = MAGPIE_OK;
  if (status != MAGPIE_OK && err) *err = why;
  if (status == MAGPIE_OK && !*again) tell(run, MAGPIE_EVENT_COMMIT, NULL);
  return status;
}

/* ---- which ------------------------------------------------------------------------------------
 */

typedef struct space_rows {
  mgp_merge_row *rows;
  int64_t *numbers; /* of the rows */
  size_t *picked;
  size_t count;
  bool *is_bare; /* it has no graph */
} space_rows;

static bool is_damaged(const merge_run *run, int64_t number) {
  for (size_t i = 0; i < run->damaged_count; i++)
    if (run->damaged[i] == number) return true;
  return false;
}

static void free_rows(mgp_alloc *a, space_rows *r) {
  mgp_free(a, r->rows);
  mgp_free(a, r->numbers);
  mgp_free(a, r->picked);
  mgp_free(a, r->is_bare);
}

/* Segments without a graph are due together as soon as their rows are worth one. */
static bool wants_graph(const merge_run *run, const mgp_space *space, const space_rows *r) {
  uint64_t live = 0, total = 0;
  for (size_t i = 0; i < r->count; i++) {
    if (!r->is_bare[i]) continue;
    live += r->rows[i].live;
    total += r->rows[i].total;
  }
  return run->adds_extras && !run->has_no_room && mgp_engine_extras_fit(space) &&
         live >= *mgp_engine_extras_rows() &&
         mgp_engine_extras_have_memory(run->ix, live, total, space->dim);
}

static magpie_status rows_of_space(const merge_run *run, const mgp_space *space, space_rows *out,
                                   magpie_error *err) {
  mgp_alloc *a = run->ix->alloc;
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_segments(run->ix->store, a, run->count_live, &infos, &count, err));
  out->rows = mgp_calloc(a, count + 1, sizeof *out->rows);
  out->numbers = mgp_calloc(a, count + 1, sizeof *out->numbers);
  out->picked = mgp_calloc(a, count + 1, sizeof *out->picked);
  out->is_bare = mgp_calloc(a, count + 1, sizeof *out->is_bare);
  const bool has_room = out->rows && out->numbers && out->picked && out->is_bare;
  for (size_t i = 0; has_room && i < count; i++) {
    if (!mgp_text_equal(infos[i].space, space->key) || is_damaged(run, infos[i].number)) continue;
    out->is_bare[out->count] = !infos[i].has_extras;
    out->rows[out->count] =
        (mgp_merge_row){.bytes = infos[i].bytes, .live = infos[i].live, .total = infos[i].count};
    out->numbers[out->count++] = infos[i].number;
  }
  mgp_free(a, infos);
  MGP_RETURN_IF(!has_room, err, MAGPIE_NO_MEMORY, "no memory for the segments of %s", space->name);
  return MAGPIE_OK;
}

/* All of them, when there are several, some of their rows are dead, or a graph is missing. */
static size_t pick_all(const merge_run *run, const mgp_space *space, const space_rows *r) {
  bool is_due = r->count > 1 || wants_graph(run, space, r);
  for (size_t i = 0; i < r->count; i++) {
    r->picked[i] = i;
    is_due = is_due || r->rows[i].live < r->rows[i].total;
  }
  return is_due ? r->count : 0;
}

/* What is due by number or by dead rows first: it may take those without a graph with it. */
static size_t pick_due(const merge_run *run, const mgp_space *space, const space_rows *r) {
  mgp_merge_policy policy = run->policy;
  /* What would want a graph is left to a merge that makes one. */
  const uint64_t row_bytes = mgp_dense_stride(space->dim) * sizeof(float);
  const uint64_t most = *mgp_engine_extras_rows() * row_bytes;
  if (!run->adds_extras && mgp_engine_extras_fit(space) && most < policy.max_bytes)
    policy.max_bytes = most;
  const size_t found = mgp_merge_pick(&policy, r->rows, r->count, r->picked);
  if (found || !wants_graph(run, space, r)) return found;
  size_t count = 0;
  for (size_t i = 0; i < r->count; i++)
    if (r->is_bare[i]) r->picked[count++] = i;
  return count;
}

/* One step for one space; *more: another may be due. */
static magpie_status merge_step(merge_run *run, const mgp_space *space, bool all, bool *more,
                                bool *again, magpie_error *err) {
  space_rows r = {0};
  *more = *again = false;
  magpie_status status = rows_of_space(run, space, &r, err);
  const size_t found = status != MAGPIE_OK ? 0
                       : all               ? pick_all(run, space, &r)
                                           : pick_due(run, space, &r);
  int64_t *numbers = found ? mgp_calloc(run->ix->alloc, found, sizeof *numbers) : NULL;
  if (found && !numbers) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to merge");
  double expected = 0;
  for (size_t i = 0; numbers && i < found; i++) {
    const mgp_merge_row *row = &r.rows[r.picked[i]];
    numbers[i] = r.numbers[r.picked[i]];
    if (row->total) expected += (double)row->bytes * (double)row->live / (double)row->total;
  }
  if (status == MAGPIE_OK && found) {
    run->event.bytes_total = run->event.bytes_done + (uint64_t)expected;
    run->event.files_total = run->event.files_done + 1;
    tell(run, MAGPIE_EVENT_WALK, NULL);
    status = merge_picked(run, space, numbers, found, again, err);
    *more = status == MAGPIE_OK && (!all || *again);
  }
  mgp_free(run->ix->alloc, numbers);
  free_rows(run->ix->alloc, &r);
  return status;
}

static magpie_status merge_space(merge_run *run, const mgp_space *space, bool all, size_t limit,
                                 magpie_error *err) {
  bool more = true, again = false;
  int retries = 0;
  for (size_t i = 0; more && i < limit && retries < RETRIES_MAX; i++) {
    MGP_RETURN_IF(run->cancel && *run->cancel, err, MAGPIE_CANCELLED,
                  "merging was stopped on request: the index is as it was");
    MGP_FORWARD(merge_step(run, space, all, &more, &again, err));
    retries += again;
  }
  return MAGPIE_OK;
}

/* At most `limit` merges in each space. */
static magpie_status merge_spaces(merge_run *run, bool all, size_t limit, magpie_error *err) {
  mgp_alloc *a = run->ix->alloc;
  mgp_space *spaces = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces_all(run->ix->store, a, &spaces, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
    status = merge_space(run, &spaces[i], all, limit, err);
  mgp_free(a, spaces);
  return status;
}

/* ---- the calls --------------------------------------------------------------------------------
 */

magpie_status mgp_engine_merge_small(magpie *ix, const volatile int *cancel, magpie_error *err) {
  magpie_merge_report report = {0};
  merge_run run = {.ix = ix,
                   .cancel = cancel,
                   .policy = mgp_merge_policy_default,
                   .has_lock = true,
                   .report = &report};
  run.policy.max_bytes = SMALL_MERGE_BYTES;
  return merge_spaces(&run, false, SMALL_MERGES_MAX, err);
}

magpie_status mgp_engine_merge_due(magpie *ix, const volatile int *cancel, magpie_error *err) {
  magpie_merge_report report = {0};
  merge_run run = {.ix = ix,
                   .cancel = cancel,
                   .policy = mgp_merge_policy_default,
                   .has_lock = true,
                   .count_live = true,
                   .adds_extras = true,
                   .report = &report};
  return merge_spaces(&run, false, SIZE_MAX, err);
}

magpie_status mgp_engine_merge_anew(magpie *ix, const mgp_space *space, int64_t number,
                                    const volatile int *cancel, magpie_error *err) {
  magpie_merge_report report = {0};
  merge_run run = {.ix = ix,
                   .cancel = cancel,
                   .policy = mgp_merge_policy_default,
                   .has_lock = true,
                   .adds_extras = true,
                   .report = &report};
  bool again = false;
  return merge_picked(&run, space, &number, 1, &again, err);
}

static magpie_status measure(magpie *ix, uint64_t *segments, uint64_t *bytes, magpie_error *err) {
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_segments(ix->store, ix->alloc, false, &infos, &count, err));
  *segments = count;
  *bytes = 0;
  for (size_t i = 0; i < count; i++) *bytes += infos[i].bytes;
  mgp_free(ix->alloc, infos);
  return MAGPIE_OK;
}

/* A lock that another holds is met now, not after the work; and what a dead merge left goes. */
static magpie_status try_lock(magpie *ix, magpie_error *err) {
  MGP_FORWARD(mgp_store_lock(ix->store, ix->lock_wait_ms, err));
  mgp_store_unlock(ix->store);
  return MAGPIE_OK;
}

/* Where segments were to be written anew, the catalog is as well. */
static magpie_status compact_catalog(magpie *ix, bool always, magpie_error *err) {
  MGP_FORWARD(mgp_store_lock(ix->store, commit_wait(ix), err));
  magpie_status status = mgp_store_compact(ix->store, always, err);
  if (status == MAGPIE_OK) status = mgp_store_sync(ix->store, err);
  mgp_store_unlock(ix->store);
  return status;
}

magpie_status magpie_merge(magpie *ix, const magpie_merge_options *options,
                           magpie_merge_report *report, magpie_error *err) {
  magpie_merge_options defaults;
  magpie_merge_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!ix, err, MAGPIE_INVALID, "magpie_merge: ix is NULL");
  MGP_RETURN_IF(
      options->size < sizeof defaults, err, MAGPIE_INVALID,
      "magpie_merge: options.size is %zu, expected %zu; use magpie_merge_options_defaults",
      options->size, sizeof defaults);
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  magpie_merge_report own = {0};
  if (!report) report = &own;
  *report = (magpie_merge_report){0};
  merge_run run = {.ix = ix,
                   .cancel = options->cancel,
                   .progress = options->progress,
                   .progress_context = options->progress_context,
                   .policy = mgp_merge_policy_default,
                   .count_live = true,
                   .adds_extras = true,
                   .report = report,
                   .started = mgp_clock_seconds()};
  MGP_FORWARD(try_lock(ix, err));
  MGP_FORWARD(measure(ix, &report->segments_before, &report->bytes_before, err));
  magpie_status status = merge_spaces(&run, options->all, SIZE_MAX, err);
  mgp_alloc_explain(ix->alloc, err);
  if (status == MAGPIE_OK && options->all) status = compact_catalog(ix, report->merges > 0, err);
  MGP_FORWARD(
      measure(ix, &report->segments_after, &report->bytes_after, status == MAGPIE_OK ? err : NULL));
  tell(&run, MAGPIE_EVENT_DONE, NULL);
  return status;
}

magpie_status mgp_engine_describe_dead(magpie *ix, json_t *object, magpie_error *err) {
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  uint64_t rows = 0;
  double bytes = 0;
  MGP_FORWARD(mgp_store_segments(ix->store, ix->alloc, true, &infos, &count, err));
  for (size_t i = 0; i < count; i++) {
    const uint64_t dead = infos[i].count - infos[i].live;
    rows += dead;
    if (dead) bytes += (double)infos[i].bytes * (double)dead / (double)infos[i].count;
  }
  mgp_free(ix->alloc, infos);
  json_t *dead = json_pack("{s:I,s:I}", "rows", (json_int_t)rows, "bytes", (json_int_t)bytes);
  MGP_RETURN_IF(json_object_set_new(object, "dead", dead) != 0, err, MAGPIE_NO_MEMORY,
                "no memory to describe the index");
  return MAGPIE_OK;
}
