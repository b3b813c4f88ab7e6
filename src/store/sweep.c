/* SPDX-License-Identifier: Apache-2.0
 *
 * Deleting what no catalog names, by the holder of the writer's lock: segment files of a
 * transaction that never committed or that were merged, temporary files, and (only after a writer
 * that died) thumbnails of items that are no more.
 *
 * A COMMIT that failed may have left its frames in the WAL, and a recovery could bring them back,
 * naming the very files that are about to go. So one small commit comes before the first deletion:
 * it overwrites those frames.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/segment.h"
#include "store/store_io.h"

typedef struct sweeping {
  mgp_store *s;
  mgp_numbers named; /* ascending */
  bool is_sealed;    /* the small commit is made */
} sweeping;

static int compare_numbers(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static bool is_named(const sweeping *w, int64_t number) {
  return w->named.count > 0 && bsearch(&number, w->named.items, w->named.count,
                                       sizeof *w->named.items, compare_numbers) != NULL;
}

/* First column of every row; the statements order by it. */
static magpie_status load_named(sweeping *w, mgp_sql which, magpie_error *err) {
  mgp_store *s = w->s;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  w->named.count = 0;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, which, &statement, err));
  magpie_status status = mgp_catalog_step(s, s->writer, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    status = mgp_numbers_add(s, &w->named, sqlite3_column_int64(statement, 0), err);
    if (status == MAGPIE_OK) status = mgp_catalog_step(s, s->writer, statement, &row, err);
  }
  sqlite3_reset(statement);
  return status;
}

/* A merge writes its file without the lock of the index, but holds the file itself; one that nobody
 * holds was left by a merge that died. No row ever names a .part file, so there is nothing to seal.
 */
static void delete_abandoned(mgp_alloc *a, const char *folder, const char *name) {
  char *path = mgp_path_join(a, folder, name);
  const int fd = path ? mgp_store_io_table()->open(path, O_RDWR | O_CLOEXEC, 0) : -1;
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
    mgp_store_io_table()->unlink(path); /* held, so no merge begins it */
  if (fd >= 0) close(fd);
  mgp_free(a, path);
}

static magpie_status delete_file(sweeping *w, const char *folder, const char *name,
                                 magpie_error *err) {
  mgp_store *s = w->s;
  if (!w->is_sealed) {
    MGP_FORWARD(mgp_catalog_run(s, s->writer, SQL_HEAD_TOUCH, err));
    MGP_FORWARD(mgp_store_sync(s, err));
    w->is_sealed = true;
  }
  char *path = mgp_path_join(s->alloc, folder, name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to tidy %s", s->path);
  mgp_store_io_table()->unlink(path); /* one that cannot be deleted costs space only */
  mgp_free(s->alloc, path);
  return MAGPIE_OK;
}

/* The number of "000000000042.seg" or "42.jpg"; -1 for a name that we never gave. */
static int64_t number_of(const char *name, const char *ending) {
  if (name[0] < '0' || name[0] > '9') return -1;
  char *end = NULL;
  errno = 0;
  const long long number = strtoll(name, &end, 10);
  return errno == 0 && strcmp(end, ending) == 0 ? (int64_t)number : -1;
}

/* Deletes in one folder what ends in `ending` and is not named, and every "*.tmp". */
static magpie_status sweep_folder(sweeping *w, const char *folder, const char *ending,
                                  magpie_error *err) {
  char *path = mgp_path_join(w->s->alloc, w->s->path, folder);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to tidy %s", w->s->path);
  DIR *open = opendir(path);
  magpie_status status = MAGPIE_OK;
  if (!open && errno != ENOENT) status = mgp_fail_errno(err, errno, "reading the folder %s", path);
  for (const struct dirent *e = open ? readdir(open) : NULL; e && status == MAGPIE_OK;
       e = readdir(open)) {
    const int64_t number = number_of(e->d_name, ending);
    if (mgp_text_ends(e->d_name, ".tmp") || (number >= 0 && !is_named(w, number)))
      status = delete_file(w, path, e->d_name, err);
    else if (mgp_text_ends(e->d_name, ".part")) delete_abandoned(w->s->alloc, path, e->d_name);
  }
  if (open) closedir(open);
  mgp_free(w->s->alloc, path);
  return status;
}

static magpie_status sweep_thumbs(sweeping *w, magpie_error *err) {
  MGP_FORWARD(load_named(w, SQL_THUMBS, err));
  for (int i = 0; i < 256; i++) {
    char folder[32];
    snprintf(folder, sizeof folder, "%s/%02x", THUMBS_FOLDER, (unsigned)i);
    MGP_FORWARD(sweep_folder(w, folder, ".jpg", err));
  }
  return MAGPIE_OK;
}

magpie_status mgp_store_sweep(mgp_store *s, bool was_unclean, magpie_error *err) {
  sweeping w = {.s = s};
  magpie_status status = load_named(&w, SQL_SEGMENTS, err);
  if (status == MAGPIE_OK && was_unclean) status = mgp_store_adopt(s, &w.named, err);
  if (status == MAGPIE_OK) status = sweep_folder(&w, SEGMENTS_FOLDER, ".seg", err);
  if (status == MAGPIE_OK && was_unclean) status = sweep_thumbs(&w, err);
  mgp_free(s->alloc, w.named.items);
  return status;
}
