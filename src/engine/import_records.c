/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_import: JSON Lines records. Lines are read as a stream, so that one of 100 MB costs no
 * memory: it goes to the ledger as FILE:LINE and the next line is read.
 * A record is unchanged when the hash of its line is.
 */
#include "engine/import_ids.h"
#include "engine/record_source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define READ_SIZE (256u << 10)
/* So many lines without a record at the start mean that it is another kind of file. */
#define START_LINES 20

typedef struct line_reader {
  FILE *file;
  char *chunk;
  size_t chunk_size, chunk_at;
  mgp_buffer line;
  uint64_t number, bytes;
  size_t max_line;
} line_reader;

typedef struct importing {
  magpie *ix;
  mgp_ingest *in;
  const char *name;  /* as the caller wrote it */
  char *ledger_file; /* as in the ledger */
  char *folder;      /* of the file: relative paths start here */
  line_reader reader;
  mgp_import_ids *ids;
  pthread_mutex_t mutex; /* reader, status */
  magpie_status status;
  magpie_error error;
} importing;

/* ---- lines --------------------------------------------------------------------------------------
 */

typedef enum line_result { LINE_END, LINE_OK, LINE_TOO_LONG, LINE_ERROR } line_result;

static bool fill_chunk(line_reader *r) {
  r->chunk_size = fread(r->chunk, 1, READ_SIZE, r->file);
  r->chunk_at = 0;
  return r->chunk_size > 0;
}

/* The next line, without its end, in r->line. */
static line_result next_line(line_reader *r, size_t *size) {
  mgp_buffer_clear(&r->line);
  bool any = false, too_long = false;
  *size = 0;
  for (;;) {
    if (r->chunk_at == r->chunk_size && !fill_chunk(r)) {
      if (ferror(r->file)) return LINE_ERROR;
      if (!any) return LINE_END;
      break;
    }
    any = true;
    const char *start = r->chunk + r->chunk_at;
    const char *end = memchr(start, '\n', r->chunk_size - r->chunk_at);
    const size_t n = end ? (size_t)(end - start) : r->chunk_size - r->chunk_at;
    *size += n;
    r->chunk_at += n + (end ? 1 : 0);
    r->bytes += n + (end ? 1 : 0);
    too_long = too_long || *size > r->max_line;
    if (!too_long) mgp_buffer_add(&r->line, start, n);
    if (end) break;
  }
  r->number++;
  return too_long || r->line.failed ? LINE_TOO_LONG : LINE_OK;
}

/* ---- one record
 * -------------------------------------------------------------------------------------- */

typedef struct record {
  const char *text, *path, *title, *kind, *space;
  char id[MGP_RECORD_ID_MAX + 1];
  json_t *vector, *metadata;
} record;

static magpie_status read_id(const json_t *object, record *r, magpie_error *err) {
  const json_t *id = json_object_get(object, "id");
  if (json_is_integer(id)) {
    snprintf(r->id, sizeof r->id, "%lld", (long long)json_integer_value(id));
    return MAGPIE_OK;
  }
  MGP_RETURN_IF(!json_is_string(id), err, MAGPIE_FORMAT,
                "the record has no \"id\"; expected a string or an integer");
  const char *text = json_string_value(id);
  const mgp_record named = {.id = text};
  MGP_FORWARD(mgp_record_check_names(&named, err));
  snprintf(r->id, sizeof r->id, "%s", text);
  return MAGPIE_OK;
}

static magpie_status check_text_member(const json_t *object, const char *name, const char **out,
                                       magpie_error *err) {
  const json_t *value = json_object_get(object, name);
  if (!value || json_is_null(value)) return MAGPIE_OK;
  MGP_RETURN_IF(!json_is_string(value), err, MAGPIE_FORMAT, "\"%s\" must be a string", name);
  *out = json_string_value(value);
  return MAGPIE_OK;
}

static magpie_status read_record(const json_t *object, record *r, magpie_error *err) {
  MGP_RETURN_IF(!json_is_object(object), err, MAGPIE_FORMAT,
                "expected a JSON object {\"id\", \"text\" | \"path\" | \"vector\", …}");
  MGP_FORWARD(read_id(object, r, err));
  MGP_FORWARD(check_text_member(object, "text", &r->text, err));
  MGP_FORWARD(check_text_member(object, "path", &r->path, err));
  MGP_FORWARD(check_text_member(object, "title", &r->title, err));
  MGP_FORWARD(check_text_member(object, "kind", &r->kind, err));
  MGP_FORWARD(check_text_member(object, "space", &r->space, err));
  r->vector = json_object_get(object, "vector");
  r->metadata = json_object_get(object, "metadata");
  MGP_RETURN_IF(r->metadata && !json_is_object(r->metadata) && !json_is_null(r->metadata), err,
                MAGPIE_FORMAT, "\"metadata\" must be an object");
  const mgp_record named = {.id = r->id, .kind = r->kind, .space = r->space};
  MGP_FORWARD(mgp_record_check_names(&named, err));
  MGP_RETURN_IF(!r->text && !r->path && !r->vector, err, MAGPIE_FORMAT,
                "record \"%s\" has none of \"text\", \"path\" and \"vector\"", r->id);
  MGP_RETURN_IF(r->path && r->vector, err, MAGPIE_FORMAT,
                "record \"%s\": \"path\" does not go with \"vector\"", r->id);
  return MAGPIE_OK;
}

static magpie_status read_vector(importing *im, const record *r, float **out, size_t *dim,
                                 magpie_error *err) {
  *out = NULL;
  *dim = json_array_size(r->vector);
  MGP_RETURN_IF(!json_is_array(r->vector) || *dim == 0 || *dim > MGP_RECORD_VECTOR_MAX, err,
                MAGPIE_FORMAT, "\"vector\" must be an array of 1 to %d numbers",
                MGP_RECORD_VECTOR_MAX);
  float *values = mgp_calloc(im->ix->alloc, *dim, sizeof *values);
  MGP_RETURN_IF(!values, err, MAGPIE_NO_MEMORY, "no memory for a vector");
  for (size_t i = 0; i < *dim; i++) {
    const json_t *number = json_array_get(r->vector, i);
    if (!json_is_number(number)) {
      mgp_free(im->ix->alloc, values);
      return mgp_fail(err, MAGPIE_FORMAT, "number %zu of \"vector\" is not a number", i + 1);
    }
    values[i] = (float)json_number_value(number);
  }
  *out = values;
  return MAGPIE_OK;
}

static magpie_status add_vector(importing *im, mgp_ingest_source *source, const record *r,
                                mgp_record *row, magpie_error *err) {
  float *values = NULL;
  MGP_FORWARD(read_vector(im, r, &values, &row->dim, err));
  row->vector = values;
  const magpie_status status = mgp_record_add(im->in, source, row, err);
  mgp_free(im->ix->alloc, values);
  return status;
}

static magpie_status add_path(importing *im, mgp_ingest_source *source, const record *r,
                              magpie_error *err) {
  mgp_alloc *a = im->ix->alloc;
  source->path = r->path[0] == '/' ? mgp_strdup(a, r->path) : mgp_path_join(a, im->folder, r->path);
  MGP_RETURN_IF(!source->path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  char *real = realpath(source->path, NULL); /* "./a.jpg" is found again when its folder is named */
  if (real) {
    mgp_free(a, source->path);
    source->path = mgp_strdup(a, real);
    free(real); /* realpath's own block */
    MGP_RETURN_IF(!source->path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  }
  if (r->text && r->text[0]) {
    source->caption = mgp_strdup(a, r->text);
    MGP_RETURN_IF(!source->caption, err, MAGPIE_NO_MEMORY, "no memory for a caption");
  }
  if (json_object_size(r->metadata) > 0) {
    char *text = NULL;
    MGP_FORWARD(mgp_json_write(r->metadata, &text, err));
    source->metadata = mgp_strdup(a, text);
    magpie_free(text);
    MGP_RETURN_IF(!source->metadata, err, MAGPIE_NO_MEMORY, "no memory for metadata");
  }
  return mgp_ingest_decode(im->in, source, source->path, err);
}

static magpie_status add_record(importing *im, mgp_ingest_source *source, const record *r,
                                magpie_error *err) {
  mgp_record row = {.id = r->id,
                    .text = r->text,
                    .title = r->title,
                    .kind = r->kind,
                    .space = r->space,
                    .metadata = r->metadata};
  MGP_FORWARD(mgp_record_name_source(im->ix->alloc, source, &row, err));
  if (r->vector) return add_vector(im, source, r, &row, err);
  if (r->path) return add_path(im, source, r, err);
  return mgp_record_add(im->in, source, &row, err);
}

/* Jansson's own memory, counted; what is queued makes room. */
static magpie_status reserve_tree(importing *im, uint64_t need, magpie_error *err) {
  mgp_alloc *a = im->ix->alloc;
  if (mgp_alloc_reserve(a, need)) return MAGPIE_OK;
  MGP_FORWARD(mgp_ingest_commit(im->in, err));
  return mgp_alloc_reserve(a, need) ? MAGPIE_OK : mgp_alloc_fail(a, need, err, "the record");
}

/* *is_done: there is nothing to add. */
static magpie_status process_line(importing *im, mgp_ingest_source *source, const char *line,
                                  size_t size, bool *is_done, magpie_error *err) {
  json_t *object = NULL;
  record r = {0};
  source->row.hash = mgp_hash128_bytes(line, size);
  const uint64_t need = mgp_json_need(line, size);
  MGP_FORWARD(reserve_tree(im, need, err));
  magpie_status status = mgp_json_parse(im->name, line, size, &object, err);
  if (status == MAGPIE_OK) status = read_record(object, &r, err);
  uint64_t earlier = 0;
  if (status == MAGPIE_OK)
    status = mgp_import_ids_take(im->ids, r.id, source->sequence, &earlier, is_done, err);
  if (status == MAGPIE_OK && !*is_done) {
    if (earlier) mgp_ingest_supersede(im->in, earlier);
    mgp_record_state state = {.record = r.id, .hash = source->row.hash};
    status = mgp_store_record_states(im->ix->store, &state, 1, err);
    source->replaces = state.number;
    *is_done = state.is_same;
  }
  if (status == MAGPIE_OK && !*is_done) {
    status = add_record(im, source, &r, err);
  }
  json_decref(object);
  mgp_alloc_release(im->ix->alloc, need);
  return status;
}

/* ---- the decode threads
 * --------------------------------------------------------------------------------- */

static void reader_failed(importing *im, magpie_status status, const char *why) {
  if (im->status == MAGPIE_OK) im->status = mgp_fail(&im->error, status, "%s: %s", im->name, why);
}

/* Takes a line under the lock; NULL at the end. `source` gets its place and, for a line that cannot
 * be read, its failure. */
static char *take_line(importing *im, mgp_ingest_source *source, size_t *size, bool *is_end) {
  char *copy = NULL;
  pthread_mutex_lock(&im->mutex);
  const uint64_t before = im->reader.bytes;
  const line_result result = im->status == MAGPIE_OK ? next_line(&im->reader, size) : LINE_END;
  *is_end = result == LINE_END || result == LINE_ERROR;
  if (result == LINE_ERROR) reader_failed(im, MAGPIE_IO, strerror(errno));
  if (result == LINE_OK)
    copy = mgp_strndup(im->ix->alloc, im->reader.line.data ? im->reader.line.data : "", *size);
  source->sequence = im->reader.number;
  source->bytes = im->reader.bytes - before;
  if (!*is_end && !mgp_import_ids_enter(im->ids, source->sequence))
    reader_failed(im, MAGPIE_NO_MEMORY, "no memory for a record");
  pthread_mutex_unlock(&im->mutex);
  if (result == LINE_TOO_LONG)
    mgp_fail(&source->failure, MAGPIE_LIMIT,
             "the line has %zu bytes, at most %zu are read; cut the record into several", *size,
             im->reader.max_line);
  else if (result == LINE_OK && !copy)
    mgp_fail(&source->failure, MAGPIE_NO_MEMORY, "no memory for a line of %zu bytes", *size);
  return copy;
}

static bool is_blank(const char *line, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!strchr(" \t\r", line[i])) return false;
  return true;
}

static char *ledger_name(importing *im, uint64_t line) {
  mgp_buffer b;
  mgp_buffer_init(&b, im->ix->alloc);
  mgp_buffer_printf(&b, "%s:%llu", im->ledger_file, (unsigned long long)line);
  return mgp_buffer_take(&b);
}

/* Not even the ledger can name the line. */
static bool stop_without_memory(importing *im, mgp_ingest_source *source, char *line) {
  pthread_mutex_lock(&im->mutex);
  reader_failed(im, MAGPIE_NO_MEMORY, "no memory for a record");
  pthread_mutex_unlock(&im->mutex);
  mgp_free(im->ix->alloc, line);
  if (source) mgp_ingest_source_discard(im->in, source);
  return false;
}

static bool import_line(void *context) {
  importing *im = context;
  mgp_ingest_source *source = mgp_ingest_source_create(im->in);
  size_t size = 0;
  bool is_end = true, is_done = false;
  if (!source) return stop_without_memory(im, NULL, NULL);
  char *line = take_line(im, source, &size, &is_end);
  magpie_error why = source->failure;
  magpie_status status = why.code;
  source->ledger_name = ledger_name(im, source->sequence);
  if (!source->ledger_name) return stop_without_memory(im, source, line);
  const bool is_skipped = is_end || (line && is_blank(line, size));
  if (!is_skipped && line) status = process_line(im, source, line, size, &is_done, &why);
  const uint64_t number = source->sequence; /* the source is not ours any more below */
  mgp_free(im->ix->alloc, line);
  if (is_skipped || (is_done && status == MAGPIE_OK)) {
    if (is_done) mgp_ingest_count_unchanged(im->in, source->bytes);
    mgp_ingest_source_discard(im->in, source);
  } else {
    mgp_ingest_source_done(im->in, source, status, &why, NULL);
  }
  if (!is_end) mgp_import_ids_leave(im->ids, number);
  return !is_end;
}

/* ---- the call
 * ---------------------------------------------------------------------------------------------- */

/* What a file of another kind would fill the ledger with is told once. */
static magpie_status refuse(const importing *im, const char *what, magpie_error *err) {
  return mgp_fail(err, MAGPIE_FORMAT,
                  "%s is not JSON Lines%s; expected one object a line, such as "
                  "{\"id\":\"a\",\"text\":\"…\"}",
                  im->name, what);
}

/* *why: why it is none. */
static bool is_record(importing *im, const char *line, size_t size, magpie_error *why) {
  json_t *object = NULL;
  record r = {0};
  const bool is_good = mgp_json_parse(im->name, line, size, &object, why) == MAGPIE_OK &&
                       read_record(object, &r, why) == MAGPIE_OK;
  json_decref(object);
  return is_good;
}

/* A file of another kind is refused at once: its first bytes hold a NUL, none of the lines they
 * show begins as an object does, or the first START_LINES lines hold no record. */
static magpie_status check_start(importing *im, magpie_error *err) {
  if (!fill_chunk(&im->reader)) return MAGPIE_OK;
  const char *chunk = im->reader.chunk, *end = chunk + im->reader.chunk_size;
  if (memchr(chunk, '\0', im->reader.chunk_size)) return refuse(im, " but binary data", err);
  size_t lines = 0, bad = 0;
  bool any_object = false, any_record = false;
  magpie_error first = {0};
  for (const char *line = chunk; line < end && !any_record && bad < START_LINES;) {
    while (line < end && strchr(" \t\r\n", *line)) line++;
    if (line == end) break;
    const char *next = memchr(line, '\n', (size_t)(end - line));
    magpie_error why = {0};
    lines++;
    any_object = any_object || *line == '{';
    if (next) { /* else the chunk ends in this line */
      any_record = is_record(im, line, (size_t)(next - line), &why);
      if (!any_record && bad++ == 0) first = why;
    }
    line = next ? next + 1 : end;
  }
  if (lines > 0 && !any_object) return refuse(im, "", err);
  MGP_RETURN_IF(
      bad == START_LINES, err, MAGPIE_FORMAT,
      "%s: none of the first %d lines is a record, so nothing was imported. The first one: "
      "%s. Expected one object a line, such as {\"id\":\"a\",\"text\":\"…\"}",
      im->name, START_LINES, first.message);
  return MAGPIE_OK;
}

/* The name under which lines stand in the ledger: absolute, so that they can be found again. */
static magpie_status name_file(importing *im, const char *file, magpie_error *err) {
  im->ledger_file = mgp_text_equal(file, "-")
                        ? mgp_strdup(im->ix->alloc, "stdin")
                        : mgp_path_join(im->ix->alloc, im->folder, mgp_path_name(file));
  MGP_RETURN_IF(!im->ledger_file, err, MAGPIE_NO_MEMORY, "no memory to import %s", file);
  return MAGPIE_OK;
}

static magpie_status open_file(importing *im, const char *file, magpie_error *err) {
  const bool is_stdin = mgp_text_equal(file, "-");
  im->reader.file = is_stdin ? stdin : fopen(file, "rb");
  if (!im->reader.file) return mgp_fail_errno(err, errno, "%s cannot be read", file);
  im->reader.chunk = mgp_malloc(im->ix->alloc, READ_SIZE);
  const char *name = mgp_path_name(file);
  char *folder = mgp_strndup(im->ix->alloc, file, (size_t)(name - file));
  char *real = realpath(is_stdin || !folder || !*folder ? "." : folder, NULL);
  im->folder = real ? mgp_strdup(im->ix->alloc, real) : NULL;
  free(real); /* realpath's own block */
  mgp_free(im->ix->alloc, folder);
  MGP_RETURN_IF(!im->reader.chunk || !im->folder, err, MAGPIE_NO_MEMORY, "no memory to import %s",
                file);
  MGP_FORWARD(name_file(im, file, err));
  if (!is_stdin && fseeko(im->reader.file, 0, SEEK_END) == 0) {
    const off_t size = ftello(im->reader.file);
    mgp_ingest_totals(im->in, 0, size > 0 ? (uint64_t)size : 0);
    rewind(im->reader.file);
  }
  return check_start(im, err);
}

/* ---- the ledger after the import: lines that are good or gone by now leave it -----------------
 */

typedef struct stale_lines {
  importing *im;
  int64_t started_ms;
  char **names;
  size_t count, capacity;
} stale_lines;

static magpie_status note_stale(void *context, const char *path, const char *stage, int code,
                                const char *reason, int64_t when_ms, int tries) {
  (void)stage, (void)code, (void)reason, (void)tries;
  stale_lines *stale = context;
  mgp_alloc *a = stale->im->ix->alloc;
  const size_t size = strlen(stale->im->ledger_file);
  if (when_ms >= stale->started_ms || strncmp(path, stale->im->ledger_file, size) != 0 ||
      path[size] != ':' || !path[size + 1] ||
      path[size + 1 + strspn(path + size + 1, "0123456789")])
    return MAGPIE_OK;
  if (!MGP_GROW(a, stale->names, stale->capacity, stale->count + 1)) return MAGPIE_NO_MEMORY;
  stale->names[stale->count] = mgp_strdup(a, path);
  return stale->names[stale->count++] ? MAGPIE_OK : MAGPIE_NO_MEMORY;
}

static magpie_status clear_stale(void *context, magpie_error *err) {
  const stale_lines *stale = context;
  for (size_t i = 0; i < stale->count; i++)
    MGP_FORWARD(mgp_store_failure_clear(stale->im->ix->store, stale->names[i], err));
  return MAGPIE_OK;
}

/* Standard input is another stream each time: its entries stay. */
static magpie_status clear_ledger(importing *im, int64_t started_ms, magpie_error *err) {
  if (im->reader.file == stdin || mgp_ingest_stopped(im->in)) return MAGPIE_OK;
  stale_lines stale = {.im = im, .started_ms = started_ms};
  MGP_FORWARD(mgp_ingest_commit(im->in, err)); /* what failed again must not look stale */
  magpie_status status = mgp_store_failures(im->ix->store, note_stale, &stale, err);
  if (status == MAGPIE_OK && stale.count > 0)
    status = mgp_ingest_transaction(im->in, clear_stale, &stale, err);
  for (size_t i = 0; i < stale.count; i++) mgp_free(im->ix->alloc, stale.names[i]);
  mgp_free(im->ix->alloc, stale.names);
  return status;
}

magpie_status magpie_import(magpie *ix, const char *file, const magpie_add_options *options,
                            magpie_report *report, magpie_error *err) {
  MGP_RETURN_IF(!ix || !file, err, MAGPIE_INVALID, "magpie_import: no file is named");
  mgp_ingest *in = NULL;
  MGP_FORWARD(mgp_ingest_open(ix, options, report, &in, err));
  importing im = {.ix = ix, .in = in, .name = mgp_text_equal(file, "-") ? "stdin" : file};
  pthread_mutex_init(&im.mutex, NULL);
  const int64_t started_ms = mgp_clock_unix_ms();
  im.reader.max_line = mgp_ingest_limits(in)->max_line;
  mgp_buffer_init(&im.reader.line, ix->alloc);
  im.status = mgp_import_ids_create(in, &im.ids, &im.error);
  if (im.status == MAGPIE_OK) im.status = open_file(&im, file, &im.error);
  if (im.status == MAGPIE_OK) mgp_ingest_run(in, import_line, &im);
  if (im.status == MAGPIE_OK) im.status = clear_ledger(&im, started_ms, &im.error);
  mgp_ingest_report(in)->files_seen = im.reader.number;
  const magpie_status closed = mgp_ingest_close(in, err);
  if (im.reader.file && im.reader.file != stdin) fclose(im.reader.file);
  mgp_buffer_fini(&im.reader.line);
  mgp_free(ix->alloc, im.reader.chunk);
  mgp_free(ix->alloc, im.folder);
  mgp_free(ix->alloc, im.ledger_file);
  mgp_import_ids_destroy(im.ids);
  pthread_mutex_destroy(&im.mutex);
  if (closed != MAGPIE_OK) return closed;
  if (im.status != MAGPIE_OK && err) *err = im.error;
  return im.status;
}
