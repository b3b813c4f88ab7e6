/* SPDX-License-Identifier: Apache-2.0
 *
 * delimited_file: CSV and TSV (RFC 4180 and what programs really write), one item a row:
 * "column: value; column: value", the cells also as metadata.
 *
 * The delimiter is the candidate that cuts the first rows into the most even number of columns. The
 * first row names the columns unless it looks like data. A quote that never closes would swallow
 * the rest of the file: the first such one switches quoting off, so that reading stays linear.
 */
#include "media/media_job.h"

#include <ctype.h>
#include <math.h>

enum { MAX_COLUMNS = 1000, METADATA_COLUMNS = 64, METADATA_VALUE = 500, SAMPLE_ROWS = 25 };

typedef struct table {
  mgp_media_job *job;
  const char *text;
  size_t size, pos;
  int64_t line; /* of pos, from 1 */
  char delimiter;
  bool has_quotes;
  mgp_buffer data; /* the cells' bytes, NUL after each */
  size_t offsets[MAX_COLUMNS];
  size_t count;
  char **names;
  size_t name_count;
} table;

/* Ends a quoted cell at its closing quote; false when there is none within the limit. */
static bool read_quoted(table *t, size_t *pos, int64_t *line) {
  size_t i = *pos + 1;
  const size_t limit =
      t->size - i < t->job->limits->max_line ? t->size : i + t->job->limits->max_line;
  int64_t lines = *line;
  for (; i < limit; i++) {
    if (t->text[i] == '\n') lines++;
    if (t->text[i] != '"') {
      mgp_buffer_add_char(&t->data, t->text[i]);
    } else if (i + 1 < t->size && t->text[i + 1] == '"') {
      mgp_buffer_add_char(&t->data, '"');
      i++;
    } else {
      *pos = i + 1;
      *line = lines;
      return true;
    }
  }
  return false;
}

static void read_cell(table *t) {
  const size_t start = t->data.size;
  if (t->has_quotes && t->pos < t->size && t->text[t->pos] == '"' &&
      !read_quoted(t, &t->pos, &t->line)) {
    t->has_quotes = false;
    t->data.size = start;
  }
  while (t->pos < t->size && t->text[t->pos] != t->delimiter && t->text[t->pos] != '\n')
    mgp_buffer_add_char(&t->data, t->text[t->pos++]);
  mgp_buffer_add_char(&t->data, '\0');
  if (t->count < MAX_COLUMNS) t->offsets[t->count++] = start;
}

/* The next row into t->data; false at the end. */
static bool read_row(table *t) {
  mgp_buffer_clear(&t->data);
  t->count = 0;
  if (t->pos >= t->size) return false;
  for (;;) {
    read_cell(t);
    if (t->pos >= t->size) return true;
    if (t->text[t->pos++] == '\n') {
      t->line++;
      return true;
    }
  }
}

static const char *cell(const table *t, size_t column) {
  return t->data.data + t->offsets[column];
}

static bool is_blank(const char *text) {
  while (isspace((unsigned char)*text)) text++;
  return *text == '\0';
}

/* A cell that is a number, as JSON would take it, or with a decimal comma. */
static bool is_number(const char *text) {
  char *end = NULL;
  if (!isdigit((unsigned char)*text) && !strchr("+-.", *text)) return false;
  (void)strtod(text, &end);
  if (*end == ',' && isdigit((unsigned char)end[1])) (void)strtod(end + 1, &end);
  return end != text && is_blank(end);
}

static void rewind_table(table *t) {
  t->pos = 0;
  t->line = 1;
  t->has_quotes = true;
}

/* How evenly a delimiter cuts the first rows: columns of the first row times rows that agree. */
static size_t evenness(table *t, char delimiter) {
  size_t rows = 0, agree = 0, columns = 0;
  t->delimiter = delimiter;
  rewind_table(t);
  while (rows < SAMPLE_ROWS && read_row(t)) {
    if (t->count == 1 && is_blank(cell(t, 0))) continue;
    if (rows == 0) columns = t->count;
    agree += t->count == columns;
    rows++;
  }
  return columns < 2 || rows == 0 ? 0 : agree * 1000 / rows + (columns < 100 ? columns : 100);
}

static void sniff_delimiter(table *t) {
  char best = ',';
  size_t best_score = 0;
  for (const char *d = ",\t;|"; *d; d++) {
    const size_t score = evenness(t, *d);
    if (score > best_score) {
      best = *d;
      best_score = score;
    }
  }
  t->delimiter = best;
  rewind_table(t);
}

/* Names are words, all there and all different. */
static bool looks_like_header(const table *t) {
  for (size_t i = 0; i < t->count; i++) {
    const char *name = cell(t, i);
    if (is_blank(name) || is_number(name) || strlen(name) > 100) return false;
    for (size_t k = 0; k < i && i < 100; k++)
      if (strcmp(cell(t, k), name) == 0) return false;
  }
  return t->count > 0;
}

/* Does a later row differ in kind (a number, or a text longer than any name) from the first one?
 * A table of words alone keeps its first row as names: most tables have them. */
static bool read_names(table *t, magpie_error *err, magpie_status *status) {
  *status = MAGPIE_OK;
  if (!read_row(t) || !looks_like_header(t)) return false;
  t->names = mgp_calloc(t->job->alloc, t->count, sizeof *t->names);
  if (!t->names) *status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %s", t->job->name);
  for (size_t i = 0; t->names && i < t->count; i++) {
    const char *name = cell(t, i);
    t->names[i] = mgp_clean_text(t->job->alloc, name, strlen(name), METADATA_VALUE);
    t->name_count++;
  }
  return true;
}

static const char *column_name(const table *t, size_t column, char spare[32]) {
  if (column < t->name_count && t->names[column]) return t->names[column];
  snprintf(spare, 32, "column %zu", column + 1);
  return spare;
}

/* 3 stays 3; 3.0 and what a double cannot count are reals. */
static json_t *number_json(const char *value, double number) {
  const bool is_whole = !strpbrk(value, ".,eE") && fabs(number) < 9007199254740992.0;
  return is_whole ? json_integer((json_int_t)number) : json_real(number);
}

static void note_cell(json_t *metadata, const char *name, const char *value) {
  char *end = NULL;
  const double number = strtod(value, &end);
  if (is_number(value) && is_blank(end)) {
    (void)json_object_set_new(metadata, name, number_json(value, number));
  } else if (strlen(value) <= METADATA_VALUE) {
    (void)json_object_set_new(metadata, name, json_string(value));
  }
}

static magpie_status emit_row(table *t, int64_t first_line, magpie_error *err) {
  mgp_buffer text;
  mgp_buffer_init(&text, t->job->alloc);
  json_t *metadata = json_object();
  char spare[32];
  for (size_t i = 0; i < t->count; i++) {
    char *value =
        mgp_clean_text(t->job->alloc, cell(t, i), strlen(cell(t, i)), t->job->limits->max_line);
    if (!value) continue;
    const char *name = column_name(t, i, spare);
    if (text.size > 0) mgp_buffer_add_text(&text, "; ");
    if (t->name_count > 0) mgp_buffer_printf(&text, "%s: ", name);
    mgp_buffer_add_text(&text, value);
    if (metadata && i < METADATA_COLUMNS) note_cell(metadata, name, value);
    mgp_free(t->job->alloc, value);
  }
  magpie_status status = MAGPIE_OK;
  if (text.failed || !metadata) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a row of %s", t->job->name);
  } else if (text.size > 0) {
    const int64_t last = t->line > first_line ? t->line - 1 : first_line;
    const mgp_media_item item = {.kind = "row",
                                 .text = text.data,
                                 .metadata = metadata,
                                 .locator = {.has_lines = true, .lines = {first_line, last}}};
    status = mgp_job_emit(t->job, &item, err);
  }
  json_decref(metadata);
  mgp_buffer_fini(&text);
  return status;
}

static magpie_status emit_rows(table *t, magpie_error *err) {
  magpie_status status = MAGPIE_OK;
  sniff_delimiter(t);
  if (!read_names(t, err, &status)) rewind_table(t);
  if (status != MAGPIE_OK) return status;
  int64_t first_line = t->line;
  while (read_row(t)) {
    MGP_RETURN_IF(t->data.failed, err, MAGPIE_NO_MEMORY, "no memory for a row of %s", t->job->name);
    if (t->data.size > t->job->limits->max_line) {
      mgp_fail(err, MAGPIE_LIMIT, "%s:%lld: a row of %zu bytes is longer than the limit of %zu",
               t->job->name, (long long)first_line, t->data.size, t->job->limits->max_line);
      mgp_fail_place(err, "%s:%lld", t->job->name, (long long)first_line);
      return MAGPIE_LIMIT;
    }
    MGP_FORWARD(emit_row(t, first_line, err));
    first_line = t->line;
  }
  return MAGPIE_OK;
}

magpie_status mgp_delimited_file_decode(mgp_media_job *job, magpie_error *err) {
  char *text = NULL;
  table *t = mgp_calloc(job->alloc, 1, sizeof *t);
  MGP_RETURN_IF(!t, err, MAGPIE_NO_MEMORY, "no memory to read %s", job->name);
  t->job = job;
  mgp_buffer_init(&t->data, job->alloc);
  magpie_status status = mgp_job_read_text(job, NULL, &text, &t->size, err);
  t->text = text;
  if (status == MAGPIE_OK) status = emit_rows(t, err);
  for (size_t i = 0; i < t->name_count; i++) mgp_free(job->alloc, t->names[i]);
  mgp_free(job->alloc, t->names);
  mgp_buffer_fini(&t->data);
  mgp_free(job->alloc, text);
  mgp_free(job->alloc, t);
  return status;
}
