/* SPDX-License-Identifier: Apache-2.0
 *
 * jsonl_file: JSON Lines, one item a record: text from its text fields, metadata from its scalars.
 *
 * The file is streamed by line; a line over the limit is skipped without being held. A bad line
 * costs itself only: the rest is read, and the first bad line is the error at the end.
 */
#include "media/media_job.h"

#include <inttypes.h>

#include "text/text.h"

enum { BLOCK_SIZE = 1 << 16, DEPTH_MAX = 4, METADATA_VALUE = 500, METADATA_FIELDS = 64 };

typedef struct records {
  mgp_media_job *job;
  mgp_buffer line;
  uint64_t line_size; /* also of what was not kept */
  int64_t number;     /* of the line, from 1 */
  int64_t bad;
  magpie_error first; /* of the first bad line */
} records;

static bool is_listed(const char *name, const char *const *list) {
  for (; *list; list++)
    if (strcmp(*list, name) == 0) return true;
  return false;
}

static bool is_title(const char *name) {
  static const char *const names[] = {"title", "name", "headline", "subject", NULL};
  return is_listed(name, names);
}

/* Fields whose name adds nothing to what they say. */
static bool is_main_text(const char *name) {
  static const char *const names[] = {"text",    "body",        "content", "contents", "abstract",
                                      "caption", "description", "summary", "question", "answer",
                                      "passage", "document",    NULL};
  return is_listed(name, names);
}

static bool is_identifier(const char *name) {
  static const char *const names[] = {"id", "_id", "url", "uri", "uuid", "hash", NULL};
  return is_listed(name, names);
}

static void add_text(mgp_buffer *out, const char *name, const char *value) {
  if (!*value) return;
  if (out->size > 0) mgp_buffer_add_char(out, '\n');
  if (name && !is_main_text(name)) mgp_buffer_printf(out, "%s: ", name);
  mgp_buffer_add_text(out, value);
}

/* Text fields in the order of the record; lists and objects within it up to a small depth. */
static void add_fields(mgp_buffer *out, const char *name, json_t *value, int depth) {
  const char *key = NULL;
  json_t *inner = NULL;
  size_t index = 0;
  if (json_is_string(value)) {
    add_text(out, name, json_string_value(value));
  } else if (json_is_object(value) && depth < DEPTH_MAX) {
    json_object_foreach(value, key, inner) {
      if (depth == 0 && (is_title(key) || is_identifier(key)) && json_is_string(inner)) continue;
      add_fields(out, key, inner, depth + 1);
    }
  } else if (json_is_array(value) && depth < DEPTH_MAX) {
    json_array_foreach(value, index, inner) add_fields(out, name, inner, depth + 1);
  }
}

static void add_scalars(json_t *metadata, json_t *record) {
  const char *key = NULL;
  json_t *value = NULL;
  json_object_foreach(record, key, value) {
    if (json_object_size(metadata) >= METADATA_FIELDS) return;
    const bool is_short = json_is_string(value) && json_string_length(value) <= METADATA_VALUE;
    if (is_short && (is_main_text(key) || is_title(key))) continue;
    if (is_short || json_is_number(value) || json_is_boolean(value))
      (void)json_object_set(metadata, key, value);
  }
}

static const char *record_title(json_t *record) {
  const char *key = NULL;
  json_t *value = NULL;
  json_object_foreach(record, key, value) {
    if (is_title(key) && json_is_string(value) && json_string_length(value) > 0)
      return json_string_value(value);
  }
  return NULL;
}

static magpie_status emit_record(records *r, json_t *record, magpie_error *err) {
  const char *title = record_title(record);
  mgp_buffer text;
  mgp_buffer_init(&text, r->job->alloc);
  json_t *metadata = json_object();
  add_fields(&text, NULL, record, 0);
  if (metadata) add_scalars(metadata, record);
  magpie_status status = MAGPIE_OK;
  if (text.failed || !metadata) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a record of %s", r->job->name);
  } else if (text.size > 0 || title) {
    const mgp_media_item item = {
        .kind = "row",
        .title = title,
        .text = text.size > 0 ? text.data : title,
        .language = mgp_json_text(record, "language", mgp_json_text(record, "lang", NULL)),
        .metadata = metadata,
        .locator = {.has_lines = true, .lines = {r->number, r->number}}};
    status = mgp_job_emit(r->job, &item, err);
  }
  json_decref(metadata);
  mgp_buffer_fini(&text);
  return status;
}

/* Keeps the first bad line's error; later ones are counted. */
static void note_bad(records *r, const magpie_error *error) {
  if (r->bad++ > 0) return;
  r->first = *error;
  mgp_fail_place(&r->first, "%s:%" PRId64, r->job->name, r->number);
}

static magpie_status parse_line(records *r, json_t **record, magpie_error *error) {
  char name[320];
  snprintf(name, sizeof name, "%.280s:%" PRId64, r->job->name, r->number);
  char *clean = NULL;
  const char *charset = NULL;
  size_t size = 0, replaced = 0;
  MGP_FORWARD(mgp_text_to_utf8(r->job->alloc, r->line.data, r->line.size, "UTF-8", &clean, &size,
                               &charset, &replaced, error));
  const magpie_status status = mgp_job_reserve(r->job, mgp_json_need(clean, size), error);
  if (status != MAGPIE_OK) {
    mgp_free(r->job->alloc, clean);
    return status;
  }
  json_error_t at;
  *record = json_loadb(clean, size, 0, &at);
  mgp_free(r->job->alloc, clean);
  if (!*record) {
    /* The parser quotes the line and may cut a character in two. */
    char *why = mgp_clean_text(r->job->alloc, at.text, strlen(at.text), sizeof at.text);
    mgp_fail(error, MAGPIE_FORMAT, "%s is not JSON: %s (column %d)", name, why ? why : "",
             at.column);
    mgp_free(r->job->alloc, why);
    return MAGPIE_FORMAT;
  }
  if (!json_is_object(*record)) {
    json_decref(*record);
    *record = NULL;
    return mgp_fail(error, MAGPIE_FORMAT, "%s is not a JSON object", name);
  }
  return MAGPIE_OK;
}

static bool is_blank(const mgp_buffer *line) {
  for (size_t i = 0; i < line->size; i++)
    if ((unsigned char)line->data[i] > ' ') return false;
  return true;
}

static magpie_status end_line(records *r, magpie_error *err) {
  magpie_error error = {0};
  json_t *record = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_RETURN_IF(r->line.failed, err, MAGPIE_NO_MEMORY, "no memory for line %" PRId64 " of %s",
                r->number, r->job->name);
  if (r->line_size > r->job->limits->max_line) {
    mgp_fail(&error, MAGPIE_LIMIT,
             "%s:%" PRId64 ": a record of %" PRIu64 " bytes is longer than the limit of %zu",
             r->job->name, r->number, r->line_size, r->job->limits->max_line);
    note_bad(r, &error);
  } else if (!is_blank(&r->line)) {
    status = parse_line(r, &record, &error);
    if (status == MAGPIE_OK) {
      status = emit_record(r, record, err);
    } else if (status == MAGPIE_FORMAT || status == MAGPIE_NO_MEMORY) {
      note_bad(r, &error);
      status = MAGPIE_OK;
    } else if (err) {
      *err = error;
    }
  }
  json_decref(record);
  mgp_buffer_clear(&r->line);
  r->line_size = 0;
  r->number++;
  return status;
}

/* Keeps what fits; of a line over the limit only the size. */
static void keep(records *r, const char *bytes, size_t size) {
  r->line_size += size;
  if (r->line_size <= r->job->limits->max_line) {
    mgp_buffer_add(&r->line, bytes, size);
  } else {
    mgp_buffer_fini(&r->line);
    mgp_buffer_init(&r->line, r->job->alloc);
  }
}

static magpie_status take_block(records *r, const char *block, size_t size, magpie_error *err) {
  while (size > 0) {
    const char *end = memchr(block, '\n', size);
    const size_t part = end ? (size_t)(end - block) : size;
    keep(r, block, part);
    if (end) MGP_FORWARD(end_line(r, err));
    block += part + (end ? 1 : 0);
    size -= part + (end ? 1 : 0);
  }
  return MAGPIE_OK;
}

static magpie_status read_records(records *r, char *block, magpie_error *err) {
  const mgp_sniff s = {.head = r->job->head, .size = r->job->head_size};
  uint64_t offset = mgp_sniff_magic(&s, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
  for (;;) {
    size_t got = 0;
    MGP_FORWARD(mgp_job_check(r->job, err));
    MGP_FORWARD(mgp_job_read(r->job, offset, block, BLOCK_SIZE, &got, err));
    if (got == 0) break;
    MGP_FORWARD(take_block(r, block, got, err));
    offset += got;
  }
  return r->line_size > 0 ? end_line(r, err) : MAGPIE_OK;
}

magpie_status mgp_jsonl_file_decode(mgp_media_job *job, magpie_error *err) {
  records r = {.job = job, .number = 1};
  mgp_buffer_init(&r.line, job->alloc);
  char *block = mgp_malloc(job->alloc, BLOCK_SIZE);
  MGP_RETURN_IF(!block, err, MAGPIE_NO_MEMORY, "no memory to read %s", job->name);
  const magpie_status status = read_records(&r, block, err);
  mgp_free(job->alloc, block);
  mgp_buffer_fini(&r.line);
  if (status != MAGPIE_OK || r.bad == 0) return status;
  magpie_error first = r.first;
  mgp_fail(err, first.code, "%s (%" PRId64 " of %" PRId64 " lines could not be read)",
           first.message, r.bad, r.number - 1);
  if (err) mgp_fail_place(err, "%s", first.place);
  return first.code;
}
