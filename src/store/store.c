/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing NAME.mgp/. A missing index is created by a writer and is NOT_FOUND for a
 * reader. A folder that holds other things is never turned into an index.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/catalog_memory.h"
#include "store/live_items.h"
#include "store/store_io.h"

static bool is_ours(const char *name) {
  static const char *const names[] = {".",
                                      "..",
                                      CATALOG_FILE,
                                      CATALOG_FILE "-wal",
                                      CATALOG_FILE "-shm",
                                      CATALOG_FILE "-journal",
                                      CATALOG_NEW,
                                      CATALOG_NEW "-wal",
                                      SEGMENTS_FOLDER,
                                      THUMBS_FOLDER,
                                      LOCK_FILE};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

static magpie_status refuse_foreign_folder(const mgp_store *s, magpie_error *err) {
  DIR *folder = opendir(s->path);
  if (!folder) return mgp_fail_errno(err, errno, "opening the index %s", s->path);
  magpie_status status = MAGPIE_OK;
  for (const struct dirent *e = readdir(folder); e && status == MAGPIE_OK; e = readdir(folder))
    if (!is_ours(e->d_name))
      status = mgp_fail(err, MAGPIE_INVALID,
                        "%s is a folder with other things in it (%s), not an index: name a new "
                        "folder, such as NAME.mgp",
                        s->path, e->d_name);
  closedir(folder);
  return status;
}

static magpie_status make_folder(const mgp_store *s, const char *name, magpie_error *err) {
  char *path = mgp_path_join(s->alloc, s->path, name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to open %s", s->path);
  const magpie_status status = mgp_directory_make(path, err);
  mgp_free(s->alloc, path);
  return status;
}

/* The names of a new index must outlive a power loss as its first commit does. */
static magpie_status sync_new_index(const mgp_store *s, magpie_error *err) {
  MGP_FORWARD(mgp_store_sync_folder(s->path, err));
  char *parent = mgp_strdup(s->alloc, s->path);
  MGP_RETURN_IF(!parent, err, MAGPIE_NO_MEMORY, "no memory to open %s", s->path);
  char *end = strrchr(parent, '/');
  if (end) end[end == parent] = '\0';
  const magpie_status status = mgp_store_sync_folder(end ? parent : ".", err);
  mgp_free(s->alloc, parent);
  return status;
}

/* The folders come first and the catalog last, as in every commit. */
static magpie_status open_or_make(mgp_store *s, magpie_error *err) {
  const bool is_new = !mgp_file_exists(s->catalog_path);
  MGP_FORWARD(mgp_directory_make(s->path, err));
  if (is_new) MGP_FORWARD(refuse_foreign_folder(s, err));
  MGP_FORWARD(make_folder(s, SEGMENTS_FOLDER, err));
  MGP_FORWARD(make_folder(s, THUMBS_FOLDER, err));
  if (is_new) MGP_FORWARD(mgp_catalog_make(s, err));
  MGP_FORWARD(mgp_catalog_open_writer(s, err));
  mgp_head head = {0};
  if (!is_new) MGP_FORWARD(mgp_catalog_head(s, s->writer, &head, err));
  /* Whoever made it may have died before this. */
  return is_new || head.generation == 0 ? sync_new_index(s, err) : MAGPIE_OK;
}

static magpie_status refuse_file(const mgp_store *s, const struct stat *st, magpie_error *err) {
  MGP_RETURN_IF(!S_ISDIR(st->st_mode), err, MAGPIE_INVALID,
                "%s is a file; an index is a folder, NAME.mgp (an archive becomes one with `magpie "
                "import --archive %s -x NAME.mgp`)",
                s->path, s->path);
  return MAGPIE_OK;
}

static magpie_status find_index(const mgp_store *s, magpie_error *err) {
  struct stat st = {0};
  MGP_RETURN_IF(stat(s->path, &st) != 0, err, MAGPIE_NOT_FOUND,
                "there is no index at %s: run `magpie index` on a folder to make one", s->path);
  MGP_FORWARD(refuse_file(s, &st, err));
  MGP_RETURN_IF(stat(s->catalog_path, &st) != 0, err, MAGPIE_NOT_FOUND,
                "the folder %s is no index: it has no %s; run `magpie index` on a folder to make "
                "an index",
                s->path, CATALOG_FILE);
  return MAGPIE_OK;
}

static magpie_status open_parts(mgp_store *s, magpie_error *err) {
  struct stat st = {0};
  if (stat(s->path, &st) == 0) MGP_FORWARD(refuse_file(s, &st, err));
  if (!s->read_only) return open_or_make(s, err);
  MGP_FORWARD(find_index(s, err));
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = mgp_catalog_check(s, c, err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_open(mgp_alloc *a, const char *path, bool read_only, mgp_store **out,
                             magpie_error *err) {
  *out = NULL;
  MGP_RETURN_IF(!path || !path[0], err, MAGPIE_INVALID, "the path of an index is empty");
  mgp_store *s = mgp_calloc(a, 1, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_NO_MEMORY, "no memory to open %s", path);
  magpie_status status = mgp_catalog_memory_take(a, read_only, path, err);
  if (status != MAGPIE_OK) {
    mgp_free(a, s);
    return status;
  }
  s->alloc = a;
  s->read_only = read_only;
  s->lock_fd = -1;
  pthread_mutex_init(&s->pool_lock, NULL);
  pthread_mutex_init(&s->snapshot_lock, NULL);
  s->path = mgp_strdup(a, path);
  /* "name.mgp/" and "name.mgp" are one index; messages show it without the stroke. */
  for (size_t size = s->path ? strlen(s->path) : 0; size > 1 && s->path[size - 1] == '/'; size--)
    s->path[size - 1] = '\0';
  if (s->path) s->catalog_path = mgp_path_join(a, s->path, CATALOG_FILE);
  status = s->catalog_path ? open_parts(s, err)
                           : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", path);
  if (status != MAGPIE_OK) mgp_store_close(&s);
  *out = s;
  return status;
}

/* The last connection takes the WAL back into the catalog, and may only under the writer's lock;
 * where another has that, it does so in its turn. */
static void close_writer(mgp_store *s) {
  if (!s->writer) return;
  int held = -1;
  const bool is_locked = s->lock_fd >= 0 || mgp_store_hold(s, &held, NULL) == MAGPIE_OK;
  const bool is_durable = mgp_store_sync(s, NULL) == MAGPIE_OK;
  if (is_locked && is_durable && !mgp_store_is_replaced(s)) /* SQLite unlinks the WAL by its path */
    sqlite3_db_config(s->writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
  mgp_catalog_close(s, s->writer);
  s->writer = NULL;
  mgp_store_unlock(s);
  if (held >= 0) close(held);
}

void mgp_store_close(mgp_store **store) {
  if (!store || !*store) return;
  mgp_store *s = *store;
  *store = NULL;
  if (s->in_transaction) mgp_store_rollback(s);
  if (s->snapshot) mgp_snapshot_release(s->snapshot);
  while (s->idle) {
    mgp_connection *c = s->idle;
    s->idle = c->next;
    mgp_catalog_close(s, c);
  }
  close_writer(s);
  mgp_store_kinds_clear(s);
  mgp_free(s->alloc, s->kinds);
  mgp_counts_free(s);
  mgp_free(s->alloc, s->segments.items);
  mgp_free(s->alloc, s->thumbs.items);
  mgp_free(s->alloc, s->dead_thumbs.items);
  mgp_free(s->alloc, s->dead_segments.items);
  mgp_free(s->alloc, s->doomed_segments.items);
  mgp_free(s->alloc, s->doomed_thumbs.items);
  mgp_free(s->alloc, s->unsynced.items);
  mgp_free(s->alloc, s->path);
  mgp_free(s->alloc, s->catalog_path);
  pthread_mutex_destroy(&s->pool_lock);
  pthread_mutex_destroy(&s->snapshot_lock);
  mgp_catalog_memory_give(s->alloc, s->read_only);
  mgp_free(s->alloc, s);
}

const char *mgp_store_path(const mgp_store *s) {
  return s->path;
}
