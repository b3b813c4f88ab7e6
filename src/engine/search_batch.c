/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_search_batch: a file of queries or vectors in, a TREC run out. Queries run side by side on
 * the pool, each on one thread; the run is written in the order of the queries.
 */
#include "engine/search.h"
#include "eval/matrix_file.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK 64
#define PARTS_MAX 64
#define QUERY_LINE_MAX (1u << 20)
#define FILE_MAX (1ull << 30)

typedef struct batch_query {
  json_t *object;
  const char *id;
  char number[24]; /* of a row: its id */
  magpie_part parts[PARTS_MAX];
  char *paths[PARTS_MAX]; /* of relative media, owned */
  size_t part_count;
  uint64_t line;
  magpie_result *result;
  magpie_status status;
  magpie_error error;
} batch_query;

typedef struct batch {
  magpie *ix;
  const magpie_query *settings;
  const char *name;
  char *folder;
  batch_query *queries; /* CHUNK of them */
  size_t count;
  bool is_rows;  /* the queries are vectors */
  float *floats; /* of CHUNK rows */
} batch;

/* ---- reading one query --------------------------------------------------------------------------
 */

static magpie_status read_media_path(batch *b, batch_query *q, size_t at, const char *path,
                                     const char **out, magpie_error *err) {
  if (path[0] == '/') {
    *out = path;
    return MAGPIE_OK;
  }
  q->paths[at] = mgp_path_join(b->ix->alloc, b->folder, path);
  MGP_RETURN_IF(!q->paths[at], err, MAGPIE_NO_MEMORY, "no memory for a path");
  *out = q->paths[at];
  return MAGPIE_OK;
}

static magpie_status read_part(batch *b, batch_query *q, const json_t *object, magpie_error *err) {
  const size_t at = q->part_count;
  magpie_part *part = &q->parts[at];
  *part = (magpie_part){.weight = mgp_json_number(object, "weight", 1.0)};
  part->text = mgp_json_text(object, "text", NULL);
  part->item = mgp_json_text(object, "item", NULL);
  part->space = mgp_json_text(object, "space", NULL);
  const char *image = mgp_json_text(object, "image", NULL);
  const char *audio = mgp_json_text(object, "audio", NULL);
  MGP_RETURN_IF(
      (part->text != NULL) + (part->item != NULL) + (image != NULL) + (audio != NULL) != 1, err,
      MAGPIE_FORMAT,
      "part %zu must have exactly one of \"text\", \"image\", \"audio\" and \"item\"", at + 1);
  if (image) MGP_FORWARD(read_media_path(b, q, at, image, &part->image, err));
  if (audio) MGP_FORWARD(read_media_path(b, q, at, audio, &part->audio, err));
  q->part_count++;
  return MAGPIE_OK;
}

/* {"id","parts":[…]}, or {"id","text"} for short. */
static magpie_status read_query(batch *b, batch_query *q, const char *line, size_t size,
                                magpie_error *err) {
  MGP_FORWARD(mgp_json_parse(b->name, line, size, &q->object, err));
  json_t *id = json_object_get(q->object, "id");
  if (json_is_integer(id)) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(id));
    json_object_set_new(q->object, "id", json_string(text));
  }
  q->id = mgp_json_text(q->object, "id", NULL);
  MGP_RETURN_IF(!q->id || !q->id[0], err, MAGPIE_FORMAT,
                "the query needs an \"id\": a string without spaces, or an integer");
  MGP_RETURN_IF(strpbrk(q->id, " \t\r\n"), err, MAGPIE_FORMAT,
                "the id \"%.100s\" has spaces, which a TREC run cannot hold; write _ for them",
                q->id);
  const json_t *parts = json_object_get(q->object, "parts");
  if (!parts) return read_part(b, q, q->object, err);
  MGP_RETURN_IF(!json_is_array(parts) || json_array_size(parts) == 0 ||
                    json_array_size(parts) > PARTS_MAX,
                err, MAGPIE_FORMAT, "\"parts\" must be an array of 1 to %d parts", PARTS_MAX);
  size_t i;
  const json_t *part;
  json_array_foreach(parts, i, part) MGP_FORWARD(read_part(b, q, part, err));
  return MAGPIE_OK;
}

static void query_fini(batch *b, batch_query *q) {
  magpie_result_destroy(q->result);
  for (size_t i = 0; i < PARTS_MAX; i++) mgp_free(b->ix->alloc, q->paths[i]);
  json_decref(q->object);
  *q = (batch_query){0};
}

/* ---- running and writing
 * -------------------------------------------------------------------------- */

static void run_query(void *context, size_t index) {
  batch *b = context;
  batch_query *q = &b->queries[index];
  if (q->status != MAGPIE_OK) return;
  magpie_query query = *b->settings;
  query.parts = q->parts;
  query.part_count = q->part_count;
  if (!b->is_rows) query.by_record = true;
  q->status = mgp_engine_search(b->ix, &query, NULL, &q->result, &q->error);
}

/* Record ids with spaces would break the format: they are written as %XX. */
static char *run_name(const char *id) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (; *id; id++) {
    if ((unsigned char)*id <= ' ') mgp_buffer_printf(&b, "%%%02X", (unsigned char)*id);
    else mgp_buffer_add_char(&b, *id);
  }
  return mgp_buffer_take(&b);
}

static void write_query(const batch *b, FILE *run, const batch_query *q) {
  const bool by_record = !b->is_rows || b->settings->by_record;
  for (size_t i = 0; i < magpie_result_count(q->result); i++) {
    const magpie_hit *hit = magpie_result_hit(q->result, i);
    char *name = run_name(by_record ? hit->record : hit->id);
    fprintf(run, "%s Q0 %s %zu %.9g magpie\n", q->id, name ? name : hit->record, i + 1,
            b->is_rows ? hit->scores[0].score : hit->score);
    mgp_free(NULL, name);
  }
}

typedef struct batch_progress {
  const magpie_add_options *options;
  magpie_event event;
  double started;
} batch_progress;

static void tell(batch_progress *p, magpie_event_type type, const char *path, const char *message) {
  if (!p->options || !p->options->progress) return;
  p->event.type = type;
  p->event.path = path;
  p->event.message = message;
  p->event.elapsed_s = mgp_clock_seconds() - p->started;
  p->options->progress(p->options->progress_context, &p->event);
}

static void flush_chunk(batch *b, FILE *run, magpie_report *report, batch_progress *progress) {
  mgp_pool_run(b->ix->pool, b->count, run_query, b);
  for (size_t i = 0; i < b->count; i++) {
    batch_query *q = &b->queries[i];
    char where[300];
    snprintf(where, sizeof where, "%.200s:%llu", b->name, (unsigned long long)q->line);
    progress->event.files_done++;
    if (q->status == MAGPIE_OK) {
      write_query(b, run, q);
      tell(progress, MAGPIE_EVENT_FILE, where, NULL);
    } else {
      report->files_failed++;
      progress->event.files_failed++;
      tell(progress, MAGPIE_EVENT_FAILED, where, q->error.message);
    }
    query_fini(b, q);
  }
  b->count = 0;
}

static magpie_status check_cancel(const batch_progress *p, magpie_error *err) {
  MGP_RETURN_IF(p->options && p->options->cancel && *p->options->cancel, err, MAGPIE_CANCELLED,
                "stopped on request after %llu queries", (unsigned long long)p->event.files_done);
  return MAGPIE_OK;
}

static magpie_status end_run(batch_progress *progress, FILE *run, magpie_error *err) {
  tell(progress, MAGPIE_EVENT_DONE, NULL, NULL);
  MGP_RETURN_IF(fflush(run) != 0 || ferror(run), err, MAGPIE_IO, "the run cannot be written: %s",
                strerror(errno));
  return MAGPIE_OK;
}

static magpie_status run_rows(batch *b, const mgp_matrix *rows, FILE *run,
                              const magpie_add_options *options, magpie_report *report,
                              magpie_error *err) {
  batch_progress progress = {
      .options = options, .started = mgp_clock_seconds(), .event.files_total = rows->n};
  b->floats = mgp_calloc(b->ix->alloc, CHUNK * rows->dim, sizeof *b->floats);
  MGP_RETURN_IF(!b->floats, err, MAGPIE_NO_MEMORY, "no memory for %d rows of %s", CHUNK, b->name);
  for (size_t row = 0; row < rows->n; row++) {
    MGP_FORWARD(check_cancel(&progress, err));
    float *vector = b->floats + b->count * rows->dim;
    batch_query *q = &b->queries[b->count++];
    *q = (batch_query){.line = row, .part_count = 1};
    snprintf(q->number, sizeof q->number, "%zu", row);
    q->id = q->number;
    mgp_matrix_row(rows, row, vector);
    q->parts[0] = (magpie_part){
        .vector = vector, .vector_dim = rows->dim, .space = b->settings->space, .weight = 1};
    report->files_seen++;
    if (b->count == CHUNK) flush_chunk(b, run, report, &progress);
  }
  flush_chunk(b, run, report, &progress);
  return end_run(&progress, run, err);
}

static magpie_status run_lines(batch *b, char *text, FILE *run, const magpie_add_options *options,
                               magpie_report *report, magpie_error *err) {
  batch_progress progress = {.options = options, .started = mgp_clock_seconds()};
  uint64_t line_number = 0;
  for (char *line = text, *next; line && *line; line = next) {
    char *end = strchr(line, '\n');
    next = end ? end + 1 : NULL;
    const size_t size = end ? (size_t)(end - line) : strlen(line);
    line_number++;
    if (size == 0 || (size == 1 && line[0] == '\r')) continue;
    MGP_FORWARD(check_cancel(&progress, err));
    batch_query *q = &b->queries[b->count++];
    *q = (batch_query){.line = line_number};
    report->files_seen++;
    q->status = size > QUERY_LINE_MAX
                    ? mgp_fail(&q->error, MAGPIE_LIMIT, "the line has %zu bytes, at most %u", size,
                               QUERY_LINE_MAX)
                    : read_query(b, q, line, size, &q->error);
    if (b->count == CHUNK) flush_chunk(b, run, report, &progress);
  }
  flush_chunk(b, run, report, &progress);
  return end_run(&progress, run, err);
}

static char *folder_of(mgp_alloc *a, const char *file) {
  char *folder = mgp_strndup(a, file, (size_t)(mgp_path_name(file) - file));
  char *real = folder ? realpath(*folder ? folder : ".", NULL) : NULL;
  mgp_free(a, folder);
  char *copy = mgp_strdup(a, real ? real : ".");
  free(real); /* realpath's own block */
  return copy;
}

/* The file of queries, or standard input. */
static magpie_status read_queries(mgp_alloc *a, const char *file, char **text, magpie_error *err) {
  size_t size = 0;
  if (!mgp_text_equal(file, "-")) return mgp_file_read(a, file, FILE_MAX, text, &size, err);
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  char chunk[1 << 16];
  mgp_buffer_add(&b, "", 0);
  while ((size = fread(chunk, 1, sizeof chunk, stdin)) > 0 && b.size < FILE_MAX && !b.failed)
    mgp_buffer_add(&b, chunk, size);
  const bool is_long = b.size >= FILE_MAX;
  *text = is_long || ferror(stdin) ? NULL : mgp_buffer_take(&b);
  mgp_buffer_fini(&b);
  MGP_RETURN_IF(is_long, err, MAGPIE_LIMIT, "standard input has more than %llu bytes of queries",
                (unsigned long long)FILE_MAX);
  MGP_RETURN_IF(!*text, err, MAGPIE_NO_MEMORY, "standard input cannot be read, or not be held");
  return MAGPIE_OK;
}

magpie_status magpie_search_batch(magpie *ix, const char *queries, const char *run,
                                  const magpie_query *query, const magpie_add_options *options,
                                  magpie_report *report, magpie_error *err) {
  MGP_RETURN_IF(!ix || !queries || !run, err, MAGPIE_INVALID,
                "magpie_search_batch: name the file of queries and the run");
  magpie_query defaults;
  magpie_query_defaults(&defaults);
  magpie_report own = {0};
  if (!report) report = &own;
  *report = (magpie_report){0};
  batch b = {.ix = ix,
             .settings = query ? query : &defaults,
             .name = mgp_text_equal(queries, "-") ? "stdin" : queries};
  mgp_matrix_file rows = {0};
  char *text = NULL;
  b.is_rows = mgp_matrix_is_file(queries);
  MGP_FORWARD(b.is_rows ? mgp_matrix_file_open(queries, &rows, err)
                        : read_queries(ix->alloc, queries, &text, err));
  FILE *out = mgp_text_equal(run, "-") ? stdout : fopen(run, "wb");
  magpie_status status = MAGPIE_OK;
  b.folder = folder_of(ix->alloc, mgp_text_equal(queries, "-") ? "" : queries);
  b.queries = mgp_calloc(ix->alloc, CHUNK, sizeof *b.queries);
  if (!out) status = mgp_fail_errno(err, errno, "%s cannot be written", run);
  else if (!b.folder || !b.queries) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory");
  else if (b.is_rows) status = run_rows(&b, &rows.matrix, out, options, report, err);
  else status = run_lines(&b, text, out, options, report, err);
  if (out && out != stdout && fclose(out) != 0 && status == MAGPIE_OK)
    status = mgp_fail_errno(err, errno, "%s cannot be written", run);
  for (size_t i = 0; b.queries && i < CHUNK; i++) query_fini(&b, &b.queries[i]);
  mgp_free(ix->alloc, b.queries);
  mgp_free(ix->alloc, b.floats);
  mgp_free(ix->alloc, b.folder);
  mgp_free(ix->alloc, text);
  if (b.is_rows) mgp_matrix_file_close(&rows);
  return status;
}
