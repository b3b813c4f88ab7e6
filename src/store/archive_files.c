/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of an index' files, made and recognised. Segment numbers come from the folder and are few;
 * thumbnails may be millions and come from the catalog row by row.
 */
#include "store/archive_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "store/catalog.h"
#include "store/segment.h"

/* ---- names --------------------------------------------------------------------------------------
 */

/* The digits behind the last '/'; -1: none, or too many. */
static int64_t digits_of(const char *name) {
  const char *at = mgp_path_name(name);
  const size_t count = strspn(at, "0123456789");
  return count == 0 || count > 18 ? -1 : (int64_t)strtoll(at, NULL, 10);
}

/* The name is made again and compared: one spelling a file. */
int mgp_store_file_place(const char *name, int64_t *number) {
  char segment[SEGMENT_NAME_SIZE], thumb[THUMB_NAME_SIZE];
  *number = 0;
  if (strcmp(name, CATALOG_FILE) == 0) return MGP_FILE_CATALOG;
  const int64_t found = digits_of(name);
  if (found < 0) return 0;
  *number = found;
  mgp_segment_name(found, segment);
  if (found > 0 && strcmp(name, segment) == 0) return MGP_FILE_SEGMENT;
  mgp_thumb_name(found, thumb);
  return found <= ITEM_NUMBER_MAX && strcmp(name, thumb) == 0 ? MGP_FILE_THUMB : 0;
}

/* ---- walking ------------------------------------------------------------------------------------
 */

struct mgp_store_files {
  mgp_store *s;
  mgp_numbers segments; /* ascending */
  size_t at;            /* 0: the catalog comes next; else segment at - 1 */
  mgp_connection *connection;
  sqlite3_stmt *thumbs; /* NULL: not begun */
  char name[THUMB_NAME_SIZE > SEGMENT_NAME_SIZE ? THUMB_NAME_SIZE : SEGMENT_NAME_SIZE];
};

static int compare_numbers(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static magpie_status take_segment(mgp_store_files *f, const char *entry, magpie_error *err) {
  char name[SEGMENT_NAME_SIZE];
  int64_t number = 0;
  snprintf(name, sizeof name, "%s/%.30s", SEGMENTS_FOLDER, entry);
  if (mgp_store_file_place(name, &number) != MGP_FILE_SEGMENT) return MAGPIE_OK;
  return mgp_numbers_add(f->s, &f->segments, number, err);
}

static magpie_status list_segments(mgp_store_files *f, magpie_error *err) {
  char *folder = mgp_path_join(f->s->alloc, f->s->path, SEGMENTS_FOLDER);
  MGP_RETURN_IF(!folder, err, MAGPIE_NO_MEMORY, "no memory to list %s", f->s->path);
  DIR *open = opendir(folder);
  magpie_status status = open ? MAGPIE_OK : mgp_fail_errno(err, errno, "reading %s", folder);
  for (const struct dirent *e = open ? readdir(open) : NULL; e && status == MAGPIE_OK;
       e = readdir(open))
    status = take_segment(f, e->d_name, err);
  if (open) closedir(open);
  mgp_free(f->s->alloc, folder);
  if (f->segments.count > 1)
    qsort(f->segments.items, f->segments.count, sizeof *f->segments.items, compare_numbers);
  return status;
}

magpie_status mgp_store_files_open(mgp_store *s, mgp_store_files **out, magpie_error *err) {
  *out = NULL;
  mgp_store_files *f = mgp_calloc(s->alloc, 1, sizeof *f);
  MGP_RETURN_IF(!f, err, MAGPIE_NO_MEMORY, "no memory to list %s", s->path);
  f->s = s;
  magpie_status status = list_segments(f, err);
  if (status == MAGPIE_OK) status = mgp_catalog_acquire(s, &f->connection, err);
  if (status != MAGPIE_OK) mgp_store_files_close(&f);
  *out = f;
  return status;
}

void mgp_store_files_restart(mgp_store_files *f) {
  f->at = 0;
  f->thumbs = NULL;
}

static magpie_status next_thumb(mgp_store_files *f, const char **name, magpie_error *err) {
  bool row = false;
  if (!f->thumbs)
    MGP_FORWARD(mgp_catalog_statement(f->s, f->connection, SQL_THUMBS, &f->thumbs, err));
  MGP_FORWARD(mgp_catalog_step(f->s, f->connection, f->thumbs, &row, err));
  if (!row) return MAGPIE_OK;
  mgp_thumb_name(sqlite3_column_int64(f->thumbs, 0), f->name);
  *name = f->name;
  return MAGPIE_OK;
}

magpie_status mgp_store_files_next(mgp_store_files *f, const char **name, magpie_error *err) {
  *name = NULL;
  if (f->at > f->segments.count) return next_thumb(f, name, err);
  if (f->at == 0) snprintf(f->name, sizeof f->name, "%s", CATALOG_FILE);
  else mgp_segment_name(f->segments.items[f->at - 1], f->name);
  f->at++;
  *name = f->name;
  return MAGPIE_OK;
}

void mgp_store_files_close(mgp_store_files **files) {
  mgp_store_files *f = *files;
  *files = NULL;
  if (!f) return;
  mgp_catalog_release(f->s, f->connection);
  mgp_free(f->s->alloc, f->segments.items);
  mgp_free(f->s->alloc, f);
}
