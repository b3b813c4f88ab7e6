/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of a segment lie: in a file of its own, or, when they are few, in the table
 * `segment_bytes`. A small commit is then one fsync, that of the WAL, instead of one for each file,
 * one for their folder and one for the WAL; a merge takes small segments together into a file.
 */
#include "store/catalog.h"
#include "store/segment.h"

static size_t small_limit = SEGMENT_SMALL_MAX;

size_t *mgp_segment_small_limit(void) {
  return &small_limit;
}

void mgp_segment_shown_name(int64_t number, bool is_in_catalog, char out[SEGMENT_NAME_SIZE]) {
  if (is_in_catalog)
    snprintf(out, SEGMENT_NAME_SIZE, CATALOG_FILE ": segment %lld", (long long)number);
  else mgp_segment_name(number, out);
}

/* ---- writing ------------------------------------------------------------------------------------
 */

magpie_status mgp_segment_bytes_add(mgp_store *s, int64_t number, const void *bytes, size_t size,
                                    magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SEGMENT_BYTES_ADD, &statement, err));
  sqlite3_bind_int64(statement, 1, number);
  sqlite3_bind_blob64(statement, 2, bytes, size, SQLITE_STATIC);
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  sqlite3_clear_bindings(statement); /* the bytes are the caller's */
  return status;
}

magpie_status mgp_segment_bytes_remove(mgp_store *s, int64_t number, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SEGMENT_BYTES_REMOVE, &statement, err));
  sqlite3_bind_int64(statement, 1, number);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* Aligned as the sections of a mapped file are. */
static magpie_status copy_block(mgp_alloc *a, const void *bytes, size_t size,
                                mgp_segment_bytes *out, magpie_error *err) {
  out->block = mgp_malloc(a, size + SEGMENT_ALIGN);
  MGP_RETURN_IF(!out->block, err, MAGPIE_NO_MEMORY, "no memory for a segment of %zu bytes", size);
  const uintptr_t at = (uintptr_t)out->block;
  unsigned char *start = (unsigned char *)out->block + (SEGMENT_ALIGN - at % SEGMENT_ALIGN);
  if (size > 0) memcpy(start, bytes, size);
  out->map = (mgp_map){.data = start, .size = size};
  return MAGPIE_OK;
}

magpie_status mgp_segment_find_bytes(const mgp_store *s, mgp_connection *c, int64_t number,
                                     sqlite3_stmt **out, bool *found, magpie_error *err) {
  int64_t format = 0;
  *found = false;
  MGP_FORWARD(mgp_catalog_format(s, c, &format, err));
  if (format < 2) return MAGPIE_OK;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SEGMENT_BYTES_GET, out, err));
  sqlite3_bind_int64(*out, 1, number);
  return mgp_catalog_step(s, c, *out, found, err);
}

static magpie_status read_row(const mgp_store *s, mgp_connection *c, int64_t number,
                              mgp_segment_bytes *out, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_segment_find_bytes(s, c, number, &statement, &row, err));
  if (!row) return MAGPIE_OK;
  const void *bytes = sqlite3_column_blob(statement, 0);
  const size_t size = bytes ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
  const magpie_status status = copy_block(s->alloc, bytes, size, out, err);
  sqlite3_reset(statement);
  return status;
}

static magpie_status read_from_catalog(mgp_store *s, int64_t number, mgp_segment_bytes *out,
                                       magpie_error *err) {
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = read_row(s, c, number, out, err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_segment_bytes_open(mgp_store *s, int64_t number, uint64_t size,
                                     mgp_segment_bytes *out, magpie_error *err) {
  *out = (mgp_segment_bytes){0};
  if (size <= SEGMENT_SMALL_MAX) MGP_FORWARD(read_from_catalog(s, number, out, err));
  mgp_segment_shown_name(number, out->block != NULL, out->name);
  if (out->block) return MAGPIE_OK;
  char *path = mgp_path_join(s->alloc, s->path, out->name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to open a segment of %s", s->path);
  const magpie_status status = mgp_map_open(path, &out->map, err);
  mgp_free(s->alloc, path);
  return status;
}

void mgp_segment_bytes_close(mgp_alloc *a, mgp_segment_bytes *bytes) {
  if (!bytes->block) mgp_map_close(&bytes->map);
  mgp_free(a, bytes->block);
  bytes->block = NULL;
  bytes->map = (mgp_map){0};
}
