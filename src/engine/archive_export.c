/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_export. The archive is made of a snapshot, so that it is of one generation:
 *
 *   snapshot beside the index --> deep check --> checksums --> FILE.part-PID --> fsync --> rename
 *
 * The snapshot is hard links and a new catalog, and goes in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/archive_work.h"
#include "engine/engine.h"
#include "engine/replace_index.h"
#include "store/archive_files.h"
#include "store/copy_store.h"
#include "store/store_io.h"

#define READINGS 3 /* of all bytes: check, checksums, packing */

typedef struct exporting {
  mgp_archive_work work;
  mgp_store *index;
  char *copy, *part; /* the snapshot's folder, the file until it is whole */
  mgp_store *snapshot;
  mgp_store_files *files;
  int in, out;  /* the file that is packed, the archive */
  off_t at;     /* in the former */
  int readings; /* begun: the first is for checksums, the second packs */
  uint64_t written;
  char name[ARCHIVE_NAME_SIZE]; /* of the former */
} exporting;

static magpie_status no_memory(const exporting *x, magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write %s", x->work.file);
}

/* ---- what is packed -----------------------------------------------------------------------------
 */

static void close_in(exporting *x) {
  if (x->in >= 0) close(x->in);
  x->in = -1;
}

static magpie_status open_in(exporting *x, const char *name, magpie_error *err) {
  char *path = mgp_path_join(x->work.alloc, x->copy, name);
  if (!path) return no_memory(x, err);
  x->in = mgp_store_io_table()->open(path, O_RDONLY | O_CLOEXEC, 0);
  x->at = 0;
  const magpie_status status =
      x->in < 0 ? mgp_fail_errno(err, errno, "opening %s", path) : MAGPIE_OK;
  mgp_free(x->work.alloc, path);
  return status;
}

static magpie_status next_file(void *context, bool restart, const char **name, magpie_error *err) {
  exporting *x = context;
  if (x->in >= 0 && x->readings == 2) {
    x->work.event.files_done++;
    mgp_archive_work_tell(&x->work, MAGPIE_EVENT_FILE, x->name);
  }
  close_in(x);
  if (restart) {
    x->readings++;
    mgp_store_files_restart(x->files);
  }
  MGP_FORWARD(mgp_store_files_next(x->files, name, err));
  if (!*name) return MAGPIE_OK;
  snprintf(x->name, sizeof x->name, "%s", *name);
  return open_in(x, *name, err);
}

static magpie_status read_file(void *context, void *bytes, size_t size, size_t *got,
                               magpie_error *err) {
  exporting *x = context;
  ssize_t count = 0;
  do {
    count = mgp_store_io_table()->read_at(x->in, bytes, size, x->at);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return mgp_fail_errno(err, errno, "reading %s", x->name);
  *got = (size_t)count;
  x->at += count;
  MGP_FORWARD(mgp_archive_work_add(&x->work, *got, err));
  if (*got > 0) mgp_archive_work_tell(&x->work, MAGPIE_EVENT_WALK, NULL);
  return MAGPIE_OK;
}

static magpie_status write_archive(void *context, const void *bytes, size_t size,
                                   magpie_error *err) {
  exporting *x = context;
  if (!mgp_store_write_all(x->out, bytes, size))
    return mgp_fail_errno(err, errno, "writing %s", x->part);
  x->written += size;
  return MAGPIE_OK;
}

/* ---- the snapshot -------------------------------------------------------------------------------
 */

/* Beside the index, where links are possible; where nothing can be written there, beside the file.
 */
static magpie_status name_parts(exporting *x, magpie_error *err) {
  const char *index = mgp_store_path(x->index);
  const char *name = mgp_path_name(index);
  char *parent = mgp_strndup(x->work.alloc, index, (size_t)(name - index));
  if (!parent) return no_memory(x, err);
  const bool is_beside = access(parent[0] ? parent : ".", W_OK) == 0;
  mgp_free(x->work.alloc, parent);
  mgp_buffer b;
  mgp_buffer_init(&b, x->work.alloc);
  mgp_buffer_printf(&b, "%s.export-%ld.mgp", is_beside ? index : x->work.file, (long)getpid());
  x->copy = mgp_buffer_take(&b);
  mgp_buffer_printf(&b, "%s.part-%ld", x->work.file, (long)getpid());
  x->part = mgp_buffer_take(&b);
  return x->copy && x->part ? MAGPIE_OK : no_memory(x, err);
}

static magpie_status take_snapshot(exporting *x, mgp_archive_head *head, magpie_error *err) {
  mgp_copy_report copied = {0};
  if (mgp_file_exists(x->copy)) MGP_FORWARD(mgp_directory_remove(x->copy, err)); /* of a dead one */
  MGP_FORWARD(mgp_store_copy(x->index, x->copy, x->work.options->cancel, &copied, err));
  head->generation = copied.generation;
  return mgp_store_open(x->work.alloc, x->copy, true, &x->snapshot, err);
}

static magpie_status count_items(exporting *x, mgp_archive_head *head, magpie_error *err) {
  json_t *state = NULL, *count = NULL;
  const char *kind = NULL;
  MGP_FORWARD(mgp_store_describe(x->snapshot, &state, err));
  json_object_foreach(json_object_get(state, "items"), kind, count) {
    head->items += (uint64_t)json_integer_value(count);
  }
  json_decref(state);
  return MAGPIE_OK;
}

static magpie_status size_of(const exporting *x, const char *name, uint64_t *out,
                             magpie_error *err) {
  struct stat st = {0};
  char *path = mgp_path_join(x->work.alloc, x->copy, name);
  if (!path) return no_memory(x, err);
  const int failed = stat(path, &st) == 0 ? 0 : errno;
  if (!failed) *out = (uint64_t)st.st_size;
  mgp_free(x->work.alloc, path);
  return failed ? mgp_fail_errno(err, failed, "looking at %s", name) : MAGPIE_OK;
}

/* What there will be to do. */
static magpie_status count_files(exporting *x, uint64_t *bytes, magpie_error *err) {
  const char *name = NULL;
  MGP_FORWARD(mgp_store_files_open(x->snapshot, &x->files, err));
  MGP_FORWARD(mgp_store_files_next(x->files, &name, err));
  while (name) {
    uint64_t size = 0;
    MGP_FORWARD(size_of(x, name, &size, err));
    x->work.event.files_total++;
    *bytes += size;
    MGP_FORWARD(mgp_store_files_next(x->files, &name, err));
  }
  x->work.event.bytes_total = *bytes * READINGS;
  return MAGPIE_OK;
}

/* ---- the archive --------------------------------------------------------------------------------
 */

static void name_time(mgp_archive_head *head) {
  struct tm tm;
  const time_t now = (time_t)(mgp_clock_unix_ms() / 1000);
  gmtime_r(&now, &tm);
  strftime(head->created, sizeof head->created, "%Y-%m-%dT%H:%M:%SZ", &tm);
  snprintf(head->magpie, sizeof head->magpie, "%s", MGP_VERSION_TEXT);
}

static magpie_status pack(exporting *x, mgp_archive_head *head, magpie_error *err) {
  const mgp_archive_packing packing = {.alloc = x->work.alloc,
                                       .folder = x->copy,
                                       .name = x->work.file,
                                       .place = mgp_store_file_place,
                                       .context = x,
                                       .next = next_file,
                                       .read = read_file,
                                       .write = write_archive};
  name_time(head);
  MGP_FORWARD(mgp_archive_pack(&packing, head, err));
  return mgp_store_io_table()->sync(x->out) == 0
             ? MAGPIE_OK
             : mgp_fail_errno(err, errno, "fsync of %s", x->part);
}

static magpie_status publish(exporting *x, magpie_error *err) {
  const int closed = close(x->out);
  x->out = -1;
  if (closed != 0) return mgp_fail_errno(err, errno, "writing %s", x->part);
  if (mgp_store_io_table()->rename(x->part, x->work.file) != 0)
    return mgp_fail_errno(err, errno, "renaming %s to %s", x->part, x->work.file);
  return mgp_index_sync_parent(x->work.file, err);
}

/* The file comes first: what cannot be written is known before anything is read. */
static magpie_status export_parts(exporting *x, mgp_archive_head *head, magpie_error *err) {
  const mgp_store_io *io = mgp_store_io_table();
  uint64_t bytes = 0;
  MGP_FORWARD(name_parts(x, err));
  if (mgp_file_exists(x->part)) io->unlink(x->part); /* of a dead one */
  x->out = io->open(x->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (x->out < 0) return mgp_fail_errno(err, errno, "creating %s", x->part);
  MGP_FORWARD(take_snapshot(x, head, err));
  MGP_FORWARD(count_items(x, head, err));
  MGP_FORWARD(count_files(x, &bytes, err));
  x->work.event.items = head->items;
  x->work.event.generation = head->generation;
  MGP_FORWARD(mgp_archive_work_check(&x->work, x->snapshot, mgp_store_path(x->index), "exported",
                                     MGP_REPAIR_ADVICE, bytes, err));
  MGP_FORWARD(pack(x, head, err));
  return publish(x, err);
}

static void clean_up(exporting *x, bool is_done) {
  close_in(x);
  mgp_store_files_close(&x->files);
  mgp_store_close(&x->snapshot);
  if (x->copy && mgp_file_exists(x->copy)) mgp_directory_remove(x->copy, NULL);
  if (x->out >= 0) close(x->out);
  if (!is_done && x->part) mgp_store_io_table()->unlink(x->part);
  mgp_free(x->work.alloc, x->copy);
  mgp_free(x->work.alloc, x->part);
}

/* ---- the call -----------------------------------------------------------------------------------
 */

static magpie_status check_target(const char *file, bool replace, magpie_error *err) {
  struct stat st = {0};
  if (lstat(file, &st) != 0) return MAGPIE_OK; /* that it cannot be made is said by open */
  MGP_RETURN_IF(!S_ISREG(st.st_mode), err, MAGPIE_INVALID,
                "%s is there and is no regular file: name another one", file);
  MGP_RETURN_IF(!replace, err, MAGPIE_INVALID,
                "%s exists already: it is replaced only when that is asked for (--force)", file);
  return MAGPIE_OK;
}

magpie_status magpie_export(magpie *ix, const char *file, const magpie_archive_options *options,
                            magpie_archive_report *report, magpie_error *err) {
  magpie_archive_options defaults;
  magpie_archive_options_defaults(&defaults);
  if (!options) options = &defaults;
  MGP_RETURN_IF(!ix || !file || !*file, err, MAGPIE_INVALID,
                "magpie_export: name the file to make");
  MGP_RETURN_IF(options->size < sizeof defaults, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_archive_options_defaults",
                options->size, sizeof defaults);
  MGP_FORWARD(check_target(file, options->replace, err));
  exporting x = {.work = {.alloc = ix->alloc, .file = file, .options = options},
                 .index = ix->store,
                 .in = -1,
                 .out = -1};
  mgp_archive_head head = {0};
  mgp_archive_work_begin(&x.work);
  const magpie_status status = export_parts(&x, &head, err);
  clean_up(&x, status == MAGPIE_OK);
  if (status != MAGPIE_OK) mgp_alloc_explain(ix->alloc, err);
  if (status == MAGPIE_OK) mgp_archive_work_report(&head, x.written, report);
  if (status == MAGPIE_OK) mgp_archive_work_tell(&x.work, MAGPIE_EVENT_DONE, NULL);
  return status;
}
