/* SPDX-License-Identifier: Apache-2.0
 *
 * The index in numbers, as JSON: what is in it, by kind, space and segment, and its size on disk.
 */
#include <sys/stat.h>

#include "store/live_items.h"
#include "store/rows.h"
#include "store/segment.h"

/* Takes over `value`; a failure to add sticks in *failed. */
static void set(json_t *object, const char *name, json_t *value, bool *failed) {
  if (json_object_set_new(object, name, value) != 0) *failed = true;
}

static json_t *column_json(sqlite3_stmt *statement, int column) {
  const char *text = (const char *)sqlite3_column_text(statement, column);
  return json_string(text ? text : "");
}

/* How many items of each kind live. */
typedef struct kind_counts {
  int64_t counts[KINDS_MAX + 1];
} kind_counts;

static magpie_status count_kinds(void *context, int64_t number, int64_t count, int kind,
                                 magpie_error *err) {
  (void)number, (void)err;
  if (kind >= 0 && kind <= KINDS_MAX) ((kind_counts *)context)->counts[kind] += count;
  return MAGPIE_OK;
}

static magpie_status add_kinds(mgp_store *s, mgp_connection *c, int64_t next_item, json_t *into,
                               magpie_error *err) {
  kind_counts counts = {0};
  sqlite3_stmt *statement = NULL;
  bool row = false, failed = false;
  MGP_FORWARD(mgp_live_read(s, c, 0, next_item, count_kinds, &counts, err));
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_KINDS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row && !failed) {
    const int64_t kind = sqlite3_column_int64(statement, 0);
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    if (kind >= 1 && kind <= KINDS_MAX && counts.counts[kind] > 0)
      set(into, name ? name : "", json_integer(counts.counts[kind]), &failed);
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  return MAGPIE_OK;
}

static void add_segment(json_t *segments, sqlite3_stmt *row, bool *failed) {
  json_t *segment = json_object();
  set(segment, "number", json_integer(sqlite3_column_int64(row, 0)), failed);
  set(segment, "space", column_json(row, 1), failed);
  set(segment, "count", json_integer(sqlite3_column_int64(row, 2)), failed);
  set(segment, "bytes", json_integer(sqlite3_column_int64(row, 3)), failed);
  set(segment, "generation", json_integer(sqlite3_column_int64(row, 5)), failed);
  if (json_array_append_new(segments, segment) != 0) *failed = true;
}

/* Where its bytes lie; in the same transaction. */
static magpie_status name_segments(mgp_store *s, mgp_connection *c, json_t *segments,
                                   magpie_error *err) {
  size_t i;
  json_t *segment;
  json_array_foreach(segments, i, segment) {
    const int64_t number = mgp_json_integer(segment, "number", 0);
    sqlite3_stmt *statement = NULL;
    bool is_small = false, failed = false;
    MGP_FORWARD(mgp_segment_find_bytes(s, c, number, &statement, &is_small, err));
    if (is_small) sqlite3_reset(statement);
    char name[SEGMENT_NAME_SIZE];
    mgp_segment_shown_name(number, is_small, name);
    set(segment, "file", json_string(name), &failed);
    MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  }
  return MAGPIE_OK;
}

/* Bytes of segments that lie in the catalog, and so count as its own. */
static magpie_status count_small(mgp_store *s, mgp_connection *c, int64_t *bytes,
                                 magpie_error *err) {
  int64_t format = 0;
  *bytes = 0;
  MGP_FORWARD(mgp_catalog_format(s, c, &format, err));
  if (format < 2) return MAGPIE_OK;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SEGMENT_BYTES_TOTAL, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  if (row) *bytes = sqlite3_column_int64(statement, 0);
  sqlite3_reset(statement);
  return MAGPIE_OK;
}

static void add_space(json_t *spaces, sqlite3_stmt *row, bool *failed) {
  json_t *space = json_object();
  set(space, "name", column_json(row, 0), failed);
  set(space, "pack", column_json(row, 1), failed);
  set(space, "metric", column_json(row, 2), failed);
  set(space, "dim", json_integer(sqlite3_column_int64(row, 3)), failed);
  set(space, "segments", json_integer(sqlite3_column_int64(row, 4)), failed);
  set(space, "vectors", json_integer(sqlite3_column_int64(row, 5)), failed);
  set(space, "bytes", json_integer(sqlite3_column_int64(row, 6)), failed);
  set(space, "active", json_boolean(sqlite3_column_int64(row, 7)), failed);
  if (json_array_append_new(spaces, space) != 0) *failed = true;
}

static magpie_status collect(mgp_store *s, mgp_connection *c, mgp_sql which, json_t *into,
                             void (*add)(json_t *, sqlite3_stmt *, bool *), magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false, failed = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, which, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row && !failed) {
    add(into, statement, &failed);
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  return MAGPIE_OK;
}

static int64_t size_of(const mgp_store *s, const char *ending) {
  mgp_buffer b;
  mgp_buffer_init(&b, s->alloc);
  mgp_buffer_printf(&b, "%s%s", s->catalog_path, ending);
  struct stat st = {0};
  const int64_t size = !b.failed && stat(b.data, &st) == 0 ? (int64_t)st.st_size : 0;
  mgp_buffer_fini(&b);
  return size;
}

static int64_t sum_bytes(const json_t *spaces) {
  int64_t sum = 0;
  size_t i;
  json_t *space;
  json_array_foreach(spaces, i, space) sum += mgp_json_integer(space, "bytes", 0);
  return sum;
}

static magpie_status fill(mgp_store *s, mgp_connection *c, json_t *out, magpie_error *err) {
  json_t *kinds = json_object(), *spaces = json_array(), *segments = json_array();
  bool failed = false, row = false;
  mgp_head head = {0};
  sqlite3_stmt *totals = NULL;
  set(out, "items", kinds, &failed);
  set(out, "spaces", spaces, &failed);
  set(out, "segments", segments, &failed);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  MGP_FORWARD(mgp_catalog_run(s, c, SQL_READ_BEGIN, err));
  MGP_FORWARD(mgp_catalog_head(s, c, &head, err));
  MGP_FORWARD(add_kinds(s, c, head.next_item, kinds, err));
  MGP_FORWARD(collect(s, c, SQL_SPACE_TOTALS, spaces, add_space, err));
  MGP_FORWARD(collect(s, c, SQL_SEGMENTS, segments, add_segment, err));
  MGP_FORWARD(name_segments(s, c, segments, err));
  int64_t small = 0;
  MGP_FORWARD(count_small(s, c, &small, err));
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_TOTALS, &totals, err));
  MGP_FORWARD(mgp_catalog_step(s, c, totals, &row, err));
  set(out, "generation", json_integer((json_int_t)head.generation), &failed);
  set(out, "sources", json_integer(sqlite3_column_int64(totals, 0)), &failed);
  set(out, "failures", json_integer(sqlite3_column_int64(totals, 1)), &failed);
  const int64_t bytes = size_of(s, "") + size_of(s, "-wal") + sum_bytes(spaces) - small +
                        sqlite3_column_int64(totals, 2);
  set(out, "bytes", json_integer(bytes), &failed);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  return MAGPIE_OK;
}

magpie_status mgp_store_describe(mgp_store *s, json_t **out, magpie_error *err) {
  *out = NULL;
  json_t *object = json_object();
  MGP_RETURN_IF(!object, err, MAGPIE_NO_MEMORY, "no memory to describe %s", s->path);
  mgp_connection *c = NULL;
  magpie_status status = mgp_catalog_acquire(s, &c, err);
  if (status == MAGPIE_OK) status = fill(s, c, object, err);
  mgp_catalog_release(s, c);
  if (status == MAGPIE_OK) *out = object;
  else json_decref(object);
  return status;
}
