/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_space_add_vectors: the way in for vectors alone. Each commit is a segment, written from
 * the caller's memory in one pass (scaled, hashed, written) by one thread, while another writes the
 * rows of the catalog, which are what it takes most of the time for.
 */
#include "engine/add_vectors.h"

#include <inttypes.h>
#include <math.h>

#include "engine/merge_segments.h"
#include "engine/record_source.h"
#include "store/item_batch.h"
#include "store/merge_store.h"

#define CHUNK_ROWS ((size_t)1 << 20)
#define CHUNK_BYTES ((uint64_t)1 << 30)
#define ROW_MEMORY 64 /* bytes that a row of a commit takes while it is written */
#define PIECE_BYTES ((size_t)256 << 10)
#define CHECK_ROWS ((size_t)1024)
#define SQUARE_LEAST 1e-20f
#define SQUARE_MOST 1e20f
/* Of distances between rows so long the square is still a float. */
#define LENGTH_SQUARE_MOST ((float)(MGP_VECTOR_LENGTH_MAX * MGP_VECTOR_LENGTH_MAX))
#define ID_SIZE 24 /* of a number */

typedef struct bulk {
  magpie *ix;
  const char *name; /* of the file, or NULL */
  const mgp_matrix *rows;
  const char *const *ids;
  magpie_vectors_options options;
  mgp_space space; /* no pack fills it, so that its segments are named as it is */
  bool is_cosine;
  size_t stride;
  magpie_report *report;
  magpie_event event;
  double started;
} bulk;

void magpie_vectors_options_defaults(magpie_vectors_options *options) {
  *options = (magpie_vectors_options){.size = sizeof *options};
}

static void tell(bulk *b, magpie_event_type type) {
  if (!b->options.progress) return;
  b->event.type = type;
  b->event.path = b->name;
  b->event.items = b->report->items_added;
  b->event.generation = b->report->generation;
  b->event.elapsed_s = mgp_clock_seconds() - b->started;
  b->options.progress(b->options.progress_context, &b->event);
}

static bool is_cancelled(const bulk *b) {
  return b->options.cancel && *b->options.cancel;
}

/* ---- ids ----------------------------------------------------------------------------------------
 */

static const char *id_of(const bulk *b, size_t row, char number[ID_SIZE], size_t *size) {
  if (b->ids) {
    *size = strlen(b->ids[row]);
    return b->ids[row];
  }
  uint64_t value = b->options.numbers ? b->options.numbers[row] : b->options.first + row;
  char *at = number + ID_SIZE;
  do *--at = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  *size = (size_t)(number + ID_SIZE - at);
  return at;
}

/* "X#12" is what an item of the record X is called. */
static bool ends_as_item(const char *id, size_t size) {
  size_t at = size;
  while (at > 0 && id[at - 1] >= '0' && id[at - 1] <= '9') at--;
  return at > 0 && at < size && id[at - 1] == '#';
}

static magpie_status check_id(const char *id, magpie_error *err) {
  MGP_RETURN_IF(!id, err, MAGPIE_INVALID, "it has no id");
  const mgp_record named = {.id = id};
  MGP_FORWARD(mgp_record_check_names(&named, err));
  MGP_RETURN_IF(ends_as_item(id, strlen(id)), err, MAGPIE_INVALID,
                "the id %.80s ends in # and a number, as items of records do", id);
  return MAGPIE_OK;
}

/* ---- before anything is added -------------------------------------------------------------------
 */

static magpie_status fail_row(const bulk *b, size_t row, const char *what, magpie_error *err) {
  const mgp_matrix *m = b->rows;
  if (!b->name) return mgp_fail(err, MAGPIE_INVALID, "vector %zu of %zu: %s", row + 1, m->n, what);
  const magpie_status status = mgp_fail(err, MAGPIE_FORMAT, "%s, byte %zu: vector %zu of %zu: %s",
                                        b->name, m->offset + row * m->pitch, row + 1, m->n, what);
  mgp_fail_place(err, "%s", b->name);
  return status;
}

static magpie_status check_names(const bulk *b, magpie_error *err) {
  const mgp_record named = {
      .id = "1", .space = b->space.name, .kind = b->options.kind ? b->options.kind : NULL};
  magpie_error why = {0};
  MGP_RETURN_IF(mgp_record_check_names(&named, &why) != MAGPIE_OK, err, MAGPIE_INVALID, "%s",
                why.message);
  for (size_t i = 0; b->ids && i < b->rows->n; i++)
    if (check_id(b->ids[i], &why) != MAGPIE_OK) return fail_row(b, i, why.message, err);
  MGP_RETURN_IF(!b->ids && !b->options.numbers && b->rows->n > UINT64_MAX - b->options.first, err,
                MAGPIE_INVALID, "numbers from %" PRIu64 " on are too few for %zu vectors",
                b->options.first, b->rows->n);
  return MAGPIE_OK;
}

typedef struct row_check {
  const bulk *b;
  float *scratch; /* a row for each block, where they are no floats */
  size_t first_bad;
  pthread_mutex_t mutex;
} row_check;

/* The dot of a row with itself says it all: NaN and Inf stay what they are. */
static bool is_usable(const bulk *b, const float *row) {
  const float square = mgp_kernels_get()->f32_dot.pair(row, row, b->rows->dim);
  return (square > 0 || !b->is_cosine) && square <= LENGTH_SQUARE_MOST;
}

static const float *row_floats(const mgp_matrix *m, size_t row, float *scratch) {
  const float *rows = mgp_matrix_floats(m);
  if (rows) return (const float *)((const unsigned char *)rows + row * m->pitch);
  mgp_matrix_row(m, row, scratch);
  return scratch;
}

static void check_block(void *context, size_t block) {
  row_check *c = context;
  const mgp_matrix *m = c->b->rows;
  const size_t first = block * CHECK_ROWS;
  const size_t end = m->n - first < CHECK_ROWS ? m->n : first + CHECK_ROWS;
  float *scratch = mgp_matrix_floats(m) ? NULL : mgp_malloc(NULL, m->dim * sizeof(float));
  size_t bad = SIZE_MAX;
  for (size_t i = first; i < end && bad == SIZE_MAX; i++)
    if ((!scratch && !mgp_matrix_floats(m)) || !is_usable(c->b, row_floats(m, i, scratch))) bad = i;
  mgp_free(NULL, scratch);
  if (bad == SIZE_MAX) return;
  pthread_mutex_lock(&c->mutex);
  if (bad < c->first_bad) c->first_bad = bad;
  pthread_mutex_unlock(&c->mutex);
}

static magpie_status check_rows(const bulk *b, magpie_error *err) {
  row_check c = {.b = b, .first_bad = SIZE_MAX};
  pthread_mutex_init(&c.mutex, NULL);
  mgp_pool_run(b->ix->pool, (b->rows->n + CHECK_ROWS - 1) / CHECK_ROWS, check_block, &c);
  pthread_mutex_destroy(&c.mutex);
  if (c.first_bad == SIZE_MAX) return MAGPIE_OK;
  return fail_row(b, c.first_bad,
                  b->is_cosine
                      ? "it has no direction: it is zero, longer than 1e18, or holds a number that "
                        "is not finite"
                      : "it is longer than 1e18 or holds a number that is not finite",
                  err);
}

/* ---- one commit ---------------------------------------------------------------------------------
 */

typedef struct chunk {
  bulk *b;
  mgp_item_batch *batch;
  size_t from, count; /* rows */
  uint64_t first;     /* number of the first */
  mgp_segment_stream *stream;
  magpie_status status[2];
  magpie_error errors[2];
} chunk;

static magpie_status write_items(chunk *c, magpie_error *err) {
  char number[ID_SIZE];
  for (size_t i = 0; i < c->count; i++) {
    size_t size = 0;
    const char *id = id_of(c->b, c->from + i, number, &size);
    MGP_FORWARD(mgp_item_batch_add(c->batch, c->first + i, id, size, err));
  }
  return MAGPIE_OK;
}

/* To length 1. A square near the ends of a float's range is too coarse for that. */
static void scale_row(const float *from, size_t dim, float *to) {
  const float square = mgp_kernels_get()->f32_dot.pair(from, from, dim);
  if (square < SQUARE_LEAST || square > SQUARE_MOST) {
    if (to != from) memcpy(to, from, dim * sizeof *to);
    mgp_normalise_f32(to, dim);
    return;
  }
  const float scale = 1 / sqrtf(square);
  for (size_t i = 0; i < dim; i++) to[i] = from[i] * scale;
}

/* Rows of the segment, padded with zeros; where they are compared by direction, of length 1. */
static void fill_rows(const chunk *c, size_t at, size_t count, float *out) {
  const bulk *b = c->b;
  const size_t dim = b->rows->dim;
  for (size_t i = 0; i < count; i++) {
    float *to = out + i * b->stride;
    const float *from = row_floats(b->rows, c->from + at + i, to);
    if (b->is_cosine) scale_row(from, dim, to);
    else if (from != to) memcpy(to, from, dim * sizeof *to);
    memset(to + dim, 0, (b->stride - dim) * sizeof(float));
  }
}

static magpie_status write_numbers(chunk *c, uint64_t *piece, magpie_error *err) {
  const size_t room = PIECE_BYTES / sizeof *piece;
  for (size_t at = 0; at < c->count; at += room) {
    const size_t count = c->count - at < room ? c->count - at : room;
    for (size_t i = 0; i < count; i++) piece[i] = c->first + at + i;
    MGP_FORWARD(mgp_segment_stream_write(c->stream, piece, count * sizeof *piece, err));
  }
  return MAGPIE_OK;
}

static magpie_status write_sections(chunk *c, float *piece, size_t room, magpie_error *err) {
  const size_t row_bytes = c->b->stride * sizeof(float);
  MGP_FORWARD(mgp_segment_stream_section(c->stream, MGP_SECTION_IDS, err));
  MGP_FORWARD(write_numbers(c, (uint64_t *)(void *)piece, err));
  MGP_FORWARD(mgp_segment_stream_section(c->stream, MGP_SECTION_VECTORS_F32, err));
  for (size_t at = 0; at < c->count; at += room) {
    const size_t count = c->count - at < room ? c->count - at : room;
    MGP_RETURN_IF(is_cancelled(c->b), err, MAGPIE_CANCELLED, "stopped on request");
    fill_rows(c, at, count, piece);
    MGP_FORWARD(mgp_segment_stream_write(c->stream, piece, count * row_bytes, err));
  }
  return mgp_segment_stream_finish(c->stream, c->count, err);
}

static magpie_status write_segment(chunk *c, magpie_error *err) {
  bulk *b = c->b;
  const size_t row_bytes = b->stride * sizeof(float);
  const size_t room = row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  const size_t bytes = room * row_bytes > PIECE_BYTES ? room * row_bytes : PIECE_BYTES;
  float *piece = mgp_malloc(b->ix->alloc, bytes);
  MGP_RETURN_IF(!piece, err, MAGPIE_NO_MEMORY, "no memory to write vectors");
  magpie_status status = mgp_segment_stream_create(b->ix->store, b->space.name, &c->stream, err);
  if (status == MAGPIE_OK) status = write_sections(c, piece, room, err);
  mgp_free(b->ix->alloc, piece);
  return status;
}

/* Every item is in a segment of words, if without any: `check` counts on it. */
static magpie_status write_no_words(chunk *c, magpie_error *err) {
  magpie *ix = c->b->ix;
  mgp_lexical_builder *builder = NULL;
  mgp_bytes bytes[MGP_LEXICAL_SECTIONS];
  const mgp_space words = {.name = MGP_WORDS_SPACE, .metric = "bm25"};
  MGP_FORWARD(mgp_store_space_declare(ix->store, &words, err));
  MGP_FORWARD(mgp_lexical_builder_create(ix->alloc, &builder, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < c->count && status == MAGPIE_OK; i++)
    status = mgp_lexical_builder_begin(builder, c->first + i, err);
  if (status == MAGPIE_OK) status = mgp_lexical_builder_finish(builder, bytes, err);
  if (status == MAGPIE_OK) {
    const mgp_section sections[MGP_LEXICAL_SECTIONS] = {
        {MGP_SECTION_IDS, bytes[0].data, bytes[0].size},
        {MGP_SECTION_LENGTHS, bytes[1].data, bytes[1].size},
        {MGP_SECTION_DICTIONARY, bytes[2].data, bytes[2].size},
        {MGP_SECTION_POSTINGS, bytes[3].data, bytes[3].size}};
    status = mgp_store_segment_add(ix->store, MGP_WORDS_SPACE, c->count, sections,
                                   MGP_LEXICAL_SECTIONS, err);
  }
  mgp_lexical_builder_destroy(builder);
  return status;
}

static void write_half(void *context, size_t half) {
  chunk *c = context;
  magpie_error *err = &c->errors[half];
  c->status[half] = half == 0 ? write_items(c, err) : write_segment(c, err);
}

static magpie_status write_halves(chunk *c, magpie_error *err) {
  mgp_pool_run(c->b->ix->pool, 2, write_half, c);
  for (int i = 0; i < 2; i++)
    if (c->status[i] != MAGPIE_OK) {
      if (err) *err = c->errors[i];
      return c->status[i];
    }
  return MAGPIE_OK;
}

static magpie_status fill_batch(chunk *c, magpie_error *err) {
  bulk *b = c->b;
  MGP_FORWARD(mgp_store_space_declare(b->ix->store, &b->space, err));
  MGP_FORWARD(write_halves(c, err));
  MGP_FORWARD(write_no_words(c, err));
  MGP_FORWARD(mgp_store_segments_replace(b->ix->store, c->stream, NULL, 0, err));
  return mgp_item_batch_commit(c->batch, &b->report->generation, err);
}

static magpie_status write_chunk(bulk *b, size_t from, size_t count, magpie_error *err) {
  chunk c = {.b = b, .from = from, .count = count};
  const char *kind = b->options.kind ? b->options.kind : "vector";
  MGP_FORWARD(
      mgp_item_batch_begin(b->ix->store, kind, b->options.title, count, &c.batch, &c.first, err));
  const magpie_status status = fill_batch(&c, err);
  const uint64_t replaced = mgp_item_batch_replaced(c.batch),
                 repeated = mgp_item_batch_repeated(c.batch);
  mgp_segment_stream_destroy(c.stream);
  mgp_item_batch_end(c.batch);
  if (status != MAGPIE_OK) return status;
  b->report->items_added += count - repeated;
  b->report->items_removed += replaced;
  b->event.files_done += count;
  b->event.bytes_done += (uint64_t)count * b->rows->pitch;
  tell(b, MAGPIE_EVENT_COMMIT);
  return MAGPIE_OK;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

static size_t chunk_rows(const bulk *b) {
  uint64_t rows = CHUNK_ROWS;
  const uint64_t by_bytes = CHUNK_BYTES / (b->stride * sizeof(float)),
                 by_memory = mgp_alloc_left(b->ix->alloc) / 4 / ROW_MEMORY;
  if (by_bytes < rows) rows = by_bytes;
  if (by_memory < rows) rows = by_memory;
  return rows > 0 ? (size_t)rows : 1;
}

static magpie_status compare_space(const bulk *b, const mgp_space *stored, magpie_error *err) {
  MGP_RETURN_IF(stored->pack[0] || stored->dim == 0, err, MAGPIE_INVALID,
                "the space %s holds what %s makes, not vectors of your own: name another space",
                stored->name, stored->pack[0] ? stored->pack : "magpie");
  MGP_RETURN_IF(stored->dim != b->space.dim, err, MAGPIE_INVALID,
                "the vectors have %zu numbers, the space %s holds vectors of %zu", b->space.dim,
                stored->name, stored->dim);
  MGP_RETURN_IF(!mgp_text_equal(stored->metric, b->space.metric), err, MAGPIE_INVALID,
                "the space %s was made with the metric %s and keeps it; name another space for %s",
                stored->name, stored->metric, b->space.metric);
  return MAGPIE_OK;
}

/* NULL is what the space has, so that it need not be said again. */
static magpie_status choose_metric(bulk *b, magpie_error *err) {
  const char *metric = b->options.metric;
  MGP_RETURN_IF(metric && !mgp_text_equal(metric, "cosine") && !mgp_text_equal(metric, "dot") &&
                    !mgp_text_equal(metric, "l2"),
                err, MAGPIE_INVALID, "the metric \"%s\" is none of cosine, dot and l2", metric);
  mgp_space *spaces = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(b->ix->store, b->ix->alloc, &spaces, &count, err));
  for (size_t i = 0; i < count && !metric; i++)
    if (mgp_text_equal(spaces[i].name, b->space.name) && !spaces[i].pack[0] && spaces[i].dim > 0)
      snprintf(b->space.metric, sizeof b->space.metric, "%s", spaces[i].metric);
  mgp_free(b->ix->alloc, spaces);
  if (!b->space.metric[0])
    snprintf(b->space.metric, sizeof b->space.metric, "%s", metric ? metric : "cosine");
  b->is_cosine = mgp_text_equal(b->space.metric, "cosine");
  return MAGPIE_OK;
}

static magpie_status check_space(const bulk *b, magpie_error *err) {
  mgp_space *spaces = NULL;
  size_t count = 0, at = 0;
  MGP_FORWARD(mgp_store_spaces(b->ix->store, b->ix->alloc, &spaces, &count, err));
  while (at < count && !mgp_text_equal(spaces[at].name, b->space.name)) at++;
  magpie_status status = MAGPIE_OK;
  if (at < count) status = compare_space(b, &spaces[at], err);
  else if (count >= MGP_ENGINE_SPACES)
    status = mgp_fail(err, MAGPIE_LIMIT, "the index has %d spaces already", MGP_ENGINE_SPACES);
  mgp_free(b->ix->alloc, spaces);
  return status;
}

static magpie_status add_all(bulk *b, magpie_error *err) {
  const size_t room = chunk_rows(b);
  MGP_FORWARD(check_space(b, err));
  b->event.files_total = b->rows->n;
  b->event.bytes_total = (uint64_t)b->rows->n * b->rows->pitch;
  tell(b, MAGPIE_EVENT_WALK);
  for (size_t at = 0; at < b->rows->n; at += room) {
    MGP_RETURN_IF(is_cancelled(b), err, MAGPIE_CANCELLED, "stopped on request");
    MGP_FORWARD(write_chunk(b, at, b->rows->n - at < room ? b->rows->n - at : room, err));
  }
  /* What was committed is safe whatever becomes of a merge: the next run does it. From memory come
   * many calls, which may not each wait for a graph over all of it. */
  if (b->name) (void)mgp_engine_merge_due(b->ix, b->options.cancel, NULL);
  else (void)mgp_engine_merge_small(b->ix, b->options.cancel, NULL);
  tell(b, MAGPIE_EVENT_DONE);
  return MAGPIE_OK;
}

static magpie_status run(bulk *b, magpie_error *err) {
  mgp_store *store = b->ix->store;
  MGP_FORWARD(choose_metric(b, err));
  MGP_FORWARD(check_names(b, err));
  MGP_FORWARD(check_rows(b, err));
  MGP_FORWARD(mgp_store_lock(store, b->ix->lock_wait_ms, err));
  magpie_status status = add_all(b, err);
  const magpie_status synced = mgp_store_sync(store, status == MAGPIE_OK ? err : NULL);
  if (status == MAGPIE_OK) status = synced;
  mgp_store_unlock(store);
  return status;
}

magpie_status mgp_vectors_add(magpie *ix, const char *space, const char *const *ids,
                              const mgp_matrix *rows, const char *name,
                              const magpie_vectors_options *options, magpie_report *report,
                              magpie_error *err) {
  bulk b = {.ix = ix, .name = name, .rows = rows, .ids = ids, .started = mgp_clock_seconds()};
  magpie_report own = {0};
  magpie_vectors_options_defaults(&b.options);
  MGP_RETURN_IF(options && options->size < sizeof b.options, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_vectors_options_defaults",
                options->size, sizeof b.options);
  if (options) b.options = *options;
  MGP_RETURN_IF(ix->read_only, err, MAGPIE_INVALID, "%s was opened for reading only",
                mgp_store_path(ix->store));
  MGP_RETURN_IF(rows->dim == 0 || rows->dim > MAGPIE_VECTOR_DIM_MAX, err, MAGPIE_INVALID,
                "the vectors have %zu numbers, 1 to %d are possible", rows->dim,
                MAGPIE_VECTOR_DIM_MAX);
  b.report = report ? report : &own;
  *b.report = (magpie_report){.files_seen = rows->n};
  if (!space) space = MGP_VECTORS_SPACE;
  MGP_RETURN_IF(!*space || strlen(space) >= sizeof b.space.name || strchr(space, '~'), err,
                MAGPIE_INVALID, "a space has a name of 1 to 63 bytes without ~");
  snprintf(b.space.name, sizeof b.space.name, "%s", space);
  b.space.dim = rows->dim;
  b.stride = mgp_dense_stride(rows->dim);
  if (rows->n == 0) return MAGPIE_OK;
  const magpie_status status = run(&b, err);
  mgp_alloc_explain(ix->alloc, err);
  return status;
}

magpie_status magpie_space_add_vectors(magpie *ix, const char *space, const char *const *ids,
                                       const float *vectors, size_t n, size_t dim,
                                       const magpie_vectors_options *options, magpie_report *report,
                                       magpie_error *err) {
  MGP_RETURN_IF(!ix || (!vectors && n > 0), err, MAGPIE_INVALID,
                "magpie_space_add_vectors: an argument is NULL");
  MGP_RETURN_IF(dim > 0 && n > SIZE_MAX / sizeof(float) / dim, err, MAGPIE_INVALID,
                "%zu vectors of %zu numbers fit in no memory", n, dim);
  const mgp_matrix rows = {.data = (const unsigned char *)vectors,
                           .pitch = dim * sizeof(float),
                           .n = n,
                           .dim = dim,
                           .type = MGP_F32};
  return mgp_vectors_add(ix, space, ids, &rows, NULL, options, report, err);
}
