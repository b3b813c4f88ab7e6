/* SPDX-License-Identifier: Apache-2.0
 *
 * Thumbnails: thumbs/XX/NUMBER.jpg, XX the low byte of the item's number, so that no folder grows
 * large. They can be made anew, so none is fsynced: the item's row keeps size and XXH3, and a file
 * that is not what the row says (after a power loss) counts as absent. Files of a transaction that
 * fails are deleted with it; those of removed items after the commit.
 */
#include <errno.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/store_io.h"

#define THUMB_SIZE_MAX ((int64_t)64 << 20)

void mgp_thumb_name(int64_t item, char out[THUMB_NAME_SIZE]) {
  snprintf(out, THUMB_NAME_SIZE, "%s/%02x/%lld.jpg", THUMBS_FOLDER, (unsigned)(item & 0xFF),
           (long long)item);
}

static char *thumb_path(const mgp_store *s, int64_t item) {
  char name[THUMB_NAME_SIZE];
  mgp_thumb_name(item, name);
  return mgp_path_join(s->alloc, s->path, name);
}

/* The folder is made when the first file asks for it. */
static int create_in_folder(char *path) {
  int fd = mgp_store_create(path);
  if (fd >= 0 || errno != ENOENT) return fd;
  char *end = strrchr(path, '/');
  *end = '\0';
  const bool made = mgp_store_io_table()->make_folder(path) == 0 || errno == EEXIST;
  *end = '/';
  return made ? mgp_store_create(path) : -1;
}

magpie_status mgp_thumb_write(mgp_store *s, int64_t item, const void *bytes, size_t size,
                              magpie_error *err) {
  MGP_FORWARD(mgp_numbers_add(s, &s->thumbs, item, err));
  char *path = thumb_path(s, item);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  const int fd = create_in_folder(path);
  int failed = fd < 0 ? errno : 0;
  if (fd >= 0) {
    if (!mgp_store_write_all(fd, bytes, size)) failed = errno;
    if (close(fd) != 0 && !failed) failed = errno;
  }
  const magpie_status status = failed ? mgp_fail_errno(err, failed, "writing %s", path) : MAGPIE_OK;
  mgp_free(s->alloc, path);
  return status;
}

void mgp_thumbs_remove(mgp_store *s, mgp_numbers *numbers) {
  for (size_t i = 0; i < numbers->count; i++) {
    char *path = thumb_path(s, numbers->items[i]);
    if (path) mgp_store_io_table()->unlink(path); /* one that stays costs space only */
    mgp_free(s->alloc, path);
  }
  numbers->count = 0;
}

typedef struct thumb_row {
  int64_t item, size;
  uint64_t hash;
} thumb_row;

static magpie_status find_thumb(mgp_store *s, const char *id, thumb_row *out, magpie_error *err) {
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_ITEM_THUMB, &statement, err);
  if (status == MAGPIE_OK) {
    mgp_bind_text(statement, 1, id);
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  if (status == MAGPIE_OK && row)
    *out = (thumb_row){.item = sqlite3_column_int64(statement, 0),
                       .size = sqlite3_column_int64(statement, 1),
                       .hash = (uint64_t)sqlite3_column_int64(statement, 2)};
  mgp_catalog_release(s, c);
  MGP_RETURN_IF(status == MAGPIE_OK && !row, err, MAGPIE_NOT_FOUND, "no item with the id %s in %s",
                id, s->path);
  return status;
}

magpie_status mgp_store_thumb_read(mgp_store *s, const char *id, void **bytes, size_t *size,
                                   magpie_error *err) {
  *bytes = NULL;
  *size = 0;
  thumb_row row = {0};
  MGP_FORWARD(find_thumb(s, id, &row, err));
  MGP_RETURN_IF(row.size <= 0 || row.size > THUMB_SIZE_MAX, err, MAGPIE_NOT_FOUND,
                "item %s of %s has no thumbnail", id, s->path);
  char *path = thumb_path(s, row.item), *data = NULL;
  size_t got = 0;
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory for a thumbnail of %s", s->path);
  const magpie_status status = mgp_file_read(s->alloc, path, (uint64_t)row.size, &data, &got, NULL);
  mgp_free(s->alloc, path);
  MGP_RETURN_IF(status == MAGPIE_NO_MEMORY, err, status, "no memory for a thumbnail of %s",
                s->path);
  if (status != MAGPIE_OK || got != (size_t)row.size || mgp_hash64(data, got) != row.hash) {
    mgp_free(s->alloc, data);
    return mgp_fail(err, MAGPIE_NOT_FOUND, "the thumbnail of item %s is lost or damaged in %s", id,
                    s->path);
  }
  *bytes = data;
  *size = got;
  return MAGPIE_OK;
}
