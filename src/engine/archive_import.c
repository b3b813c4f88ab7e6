/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_import_archive. What the archive says is believed as little as possible:
 *
 *   manifest --> room on the disk? --> files into INDEX.import-PID.mgp, each with its checksum
 *            --> fsync --> deep check --> rename, or exchange with the index that is there
 *
 * src/archive compares members with the manifest; here only names of the layout become files, in a
 * folder of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/archive_work.h"
#include "engine/engine.h"
#include "engine/replace_index.h"
#include "store/archive_files.h"
#include "store/store_io.h"

#define READINGS 2 /* of all bytes: unpacking, check */
#define MEMORY_LIMIT ((uint64_t)512 << 20)

typedef struct importing {
  mgp_archive_work work;
  char *index, *part; /* the folder until it is whole */
  int in, out;        /* the archive, the file that is unpacked */
  int kind;           /* of the latter */
  uint64_t got;       /* bytes of the archive */
  bool has_catalog;
  mgp_archive_head head;
} importing;

static magpie_status no_memory(const importing *m, magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to unpack %s", m->work.file);
}

/* ---- what the archive gives ---------------------------------------------------------------------
 */

static magpie_status read_archive(void *context, void *bytes, size_t size, size_t *got,
                                  magpie_error *err) {
  importing *m = context;
  ssize_t count = 0;
  do {
    count = mgp_store_io_table()->read_at(m->in, bytes, size, (off_t)m->got);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return mgp_fail_errno(err, errno, "reading %s", m->work.file);
  *got = (size_t)count;
  m->got += *got;
  return MAGPIE_OK;
}

static magpie_status take_head(void *context, const mgp_archive_head *head, magpie_error *err) {
  importing *m = context;
  struct statvfs disk = {0};
  const uint64_t most = m->work.options->max_bytes;
  m->head = *head;
  MGP_RETURN_IF(most > 0 && head->bytes > most, err, MAGPIE_LIMIT,
                "%s unpacks to %llu bytes, at most %llu were allowed", m->work.file,
                (unsigned long long)head->bytes, (unsigned long long)most);
  if (statvfs(m->part, &disk) == 0) {
    const uint64_t left = (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    MGP_RETURN_IF(head->bytes > left, err, MAGPIE_LIMIT,
                  "%s unpacks to %llu bytes, and the disk of %s has %llu left: make room, or name "
                  "an index on another one",
                  m->work.file, (unsigned long long)head->bytes, m->index,
                  (unsigned long long)left);
  }
  m->work.event.files_total = head->files;
  m->work.event.bytes_total = head->bytes * READINGS;
  m->work.event.items = head->items;
  m->work.event.generation = head->generation;
  return MAGPIE_OK;
}

/* Thumbnails lie in folders that are made as they come. */
static magpie_status open_out(importing *m, char *path, magpie_error *err) {
  m->out = mgp_store_create(path);
  if (m->out < 0 && errno == ENOENT) {
    char *end = strrchr(path, '/');
    *end = '\0';
    MGP_FORWARD(mgp_directory_make(path, err));
    *end = '/';
    m->out = mgp_store_create(path);
  }
  return m->out < 0 ? mgp_fail_errno(err, errno, "creating %s", path) : MAGPIE_OK;
}

static magpie_status begin_file(void *context, const mgp_archive_file *file, magpie_error *err) {
  importing *m = context;
  int64_t number = 0;
  m->kind = mgp_store_file_place(file->name, &number);
  if (m->kind == MGP_FILE_CATALOG) m->has_catalog = true;
  char *path = mgp_path_join(m->work.alloc, m->part, file->name);
  const magpie_status status = path ? open_out(m, path, err) : no_memory(m, err);
  mgp_free(m->work.alloc, path);
  return status;
}

static magpie_status write_file(void *context, const void *bytes, size_t size, magpie_error *err) {
  importing *m = context;
  if (!mgp_store_write_all(m->out, bytes, size))
    return mgp_fail_errno(err, errno, "writing below %s", m->part);
  MGP_FORWARD(mgp_archive_work_add(&m->work, size, err));
  mgp_archive_work_tell(&m->work, MAGPIE_EVENT_WALK, NULL);
  return MAGPIE_OK;
}

/* Thumbnails are made durable together (sync_thumbs). */
static magpie_status end_file(void *context, const mgp_archive_file *file, magpie_error *err) {
  importing *m = context;
  const bool is_synced = m->kind == MGP_FILE_THUMB || mgp_store_io_table()->sync(m->out) == 0;
  const int failed = is_synced ? 0 : errno;
  const int closed = close(m->out);
  m->out = -1;
  if (failed || closed != 0)
    return mgp_fail_errno(err, failed ? failed : errno, "writing %s below %s", file->name, m->part);
  m->work.event.files_done++;
  mgp_archive_work_tell(&m->work, MAGPIE_EVENT_FILE, file->name);
  return MAGPIE_OK;
}

/* ---- the new index ------------------------------------------------------------------------------
 */

static magpie_status make_part(importing *m, magpie_error *err) {
  static const char *const folders[] = {"segments", "thumbs"};
  if (mgp_file_exists(m->part)) MGP_FORWARD(mgp_directory_remove(m->part, err)); /* of a dead one */
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char *path = mgp_path_join(m->work.alloc, m->part, folders[i]);
    if (!path) return no_memory(m, err);
    const magpie_status status = mgp_directory_make(path, err);
    mgp_free(m->work.alloc, path);
    MGP_FORWARD(status);
  }
  return MAGPIE_OK;
}

/* One call for what may be a million files; the folders are in it. */
static magpie_status sync_all(importing *m, magpie_error *err) {
  const int fd = open(m->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int failed = fd >= 0 && syncfs(fd) == 0 ? 0 : errno;
  if (fd >= 0) close(fd);
  return failed ? mgp_fail_errno(err, failed, "making %s durable", m->part) : MAGPIE_OK;
}

static magpie_status unpack(importing *m, magpie_error *err) {
  const mgp_archive_unpacking unpacking = {.alloc = m->work.alloc,
                                           .folder = m->part,
                                           .name = m->work.file,
                                           .place = mgp_store_file_place,
                                           .context = m,
                                           .read = read_archive,
                                           .head = take_head,
                                           .begin = begin_file,
                                           .write = write_file,
                                           .end = end_file};
  MGP_FORWARD(mgp_archive_unpack(&unpacking, err));
  MGP_RETURN_IF(!m->has_catalog, err, MAGPIE_FORMAT,
                "%s holds no index: its manifest lists no catalog.sqlite", m->work.file);
  return sync_all(m, err);
}

static magpie_status check_part(importing *m, magpie_error *err) {
  mgp_store *store = NULL;
  magpie_error why = {0};
  magpie_status status = mgp_store_open(m->work.alloc, m->part, true, &store, &why);
  if (status == MAGPIE_OK)
    status = mgp_archive_work_check(
        &m->work, store, m->work.file, "imported",
        "its checksums are right, so it was damaged before it was packed: export it again",
        m->head.bytes, &why);
  mgp_store_close(&store);
  if (status == MAGPIE_OK || !err) return status;
  *err = why;
  if (status == MAGPIE_CORRUPT || status == MAGPIE_VERSION || status == MAGPIE_NOT_FOUND)
    mgp_fail_place(err, "%s", m->work.file);
  return status;
}

static magpie_status put_in_place(importing *m, magpie_error *err) {
  if (mgp_file_exists(m->index)) return mgp_index_exchange(m->part, m->index, err);
  if (mgp_store_io_table()->rename(m->part, m->index) != 0)
    return mgp_fail_errno(err, errno, "renaming %s to %s", m->part, m->index);
  return mgp_index_sync_parent(m->index, err);
}

static magpie_status import_parts(importing *m, magpie_error *err) {
  MGP_FORWARD(make_part(m, err));
  MGP_FORWARD(unpack(m, err));
  MGP_FORWARD(check_part(m, err));
  return put_in_place(m, err);
}

/* ---- the call -----------------------------------------------------------------------------------
 */

/* A pipe would be waited for, a folder is a frequent slip. */
static magpie_status open_archive(importing *m, magpie_error *err) {
  struct stat st = {0};
  m->in = mgp_store_io_table()->open(m->work.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (m->in < 0) return mgp_fail_errno(err, errno, "%s cannot be opened", m->work.file);
  if (fstat(m->in, &st) != 0) return mgp_fail_errno(err, errno, "%s cannot be read", m->work.file);
  MGP_RETURN_IF(S_ISDIR(st.st_mode), err, MAGPIE_INVALID,
                "%s is a folder, not an archive; `magpie restore` takes a snapshot's folder",
                m->work.file);
  MGP_RETURN_IF(!S_ISREG(st.st_mode), err, MAGPIE_UNSUPPORTED, "%s is not a regular file",
                m->work.file);
  return MAGPIE_OK;
}

static magpie_status name_parts(importing *m, const char *index, magpie_error *err) {
  mgp_buffer b;
  m->index = mgp_strdup(m->work.alloc, index);
  if (!m->index) return no_memory(m, err);
  for (size_t size = strlen(m->index); size > 1 && m->index[size - 1] == '/'; size--)
    m->index[size - 1] = '\0'; /* "name.mgp/" is the same index */
  mgp_buffer_init(&b, m->work.alloc);
  mgp_buffer_printf(&b, "%s.import-%ld.mgp", m->index, (long)getpid());
  m->part = mgp_buffer_take(&b);
  return m->part ? MAGPIE_OK : no_memory(m, err);
}

static magpie_status import_locked(importing *m, const char *index, magpie_error *err) {
  mgp_store *old = NULL;
  MGP_FORWARD(name_parts(m, index, err));
  MGP_RETURN_IF(!m->work.options->replace && mgp_file_exists(m->index), err, MAGPIE_INVALID,
                "%s exists already: it is replaced only when that is asked for (--force)",
                m->index);
  magpie_status status = open_archive(m, err);
  if (status == MAGPIE_OK && mgp_file_exists(m->index))
    status = mgp_index_lock_old(m->index, &old, err);
  if (status == MAGPIE_OK) {
    status = import_parts(m, err);
    if (m->out >= 0) close(m->out);
    mgp_store_close(&old); /* before its folder goes, which is `part` now */
    if (mgp_file_exists(m->part)) mgp_directory_remove(m->part, NULL);
  }
  mgp_store_close(&old);
  if (m->in >= 0) close(m->in);
  return status;
}

magpie_status magpie_import_archive(const char *file, const char *index,
                                    const magpie_archive_options *options,
                                    magpie_archive_report *report, magpie_error *err) {
  magpie_archive_options defaults;
  magpie_archive_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!file || !*file || !index || !*index, err, MAGPIE_INVALID,
                "magpie_import_archive: name an archive and the index to make");
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_archive_options_defaults",
                options->size, sizeof defaults);
  mgp_alloc *alloc = mgp_alloc_create(options->memory_limit ? options->memory_limit : MEMORY_LIMIT);
  MGP_RETURN_IF(!alloc, err, MAGPIE_NO_MEMORY, "no memory to unpack %s", file);
  importing m = {.work = {.alloc = alloc, .file = file, .options = options}, .in = -1, .out = -1};
  mgp_archive_work_begin(&m.work);
  const magpie_status status = import_locked(&m, index, err);
  if (status != MAGPIE_OK) mgp_alloc_explain(alloc, err);
  if (status == MAGPIE_OK) mgp_archive_work_report(&m.head, m.got, report);
  if (status == MAGPIE_OK) mgp_archive_work_tell(&m.work, MAGPIE_EVENT_DONE, NULL);
  mgp_free(alloc, m.index);
  mgp_free(alloc, m.part);
  mgp_alloc_destroy(alloc);
  return status;
}
