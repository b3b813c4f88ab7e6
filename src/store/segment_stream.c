/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a segment file in pieces, and the step of a transaction that puts it in the place of
 * others. The header comes last: the checksums of the sections are those of what was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash_stream.h"
#include "store/catalog.h"
#include "store/merge_store.h"
#include "store/segment.h"
#include "store/store_io.h"

#define STREAM_BUFFER ((size_t)256 << 10)
/* So often the disk is told to begin with what it got, so that the fsync finds little left. */
#define WRITEBACK_BYTES ((uint64_t)8 << 20)
#define OPEN_TRIES 16
#define STREAM_HEAD                                                                                \
  ((SEGMENT_HEADER_SIZE + SEGMENT_SECTIONS_MAX * SEGMENT_ENTRY_SIZE + SEGMENT_ALIGN - 1) /         \
   SEGMENT_ALIGN * SEGMENT_ALIGN)

/* Bytes on their way into one descriptor. */
typedef struct output {
  int fd;
  uint64_t size; /* with what waits in the buffer */
  unsigned char *buffer;
  size_t waiting;
} output;

struct mgp_segment_stream {
  mgp_alloc *alloc;
  char *space, *path; /* of the .part file */
  char *folder;
  output main, aside; /* aside.fd < 0: nothing was put aside */
  mgp_segment_header header;
  mgp_segment_entry entries[SEGMENT_SECTIONS_MAX];
  uint32_t section_count;
  mgp_hash_stream *hash; /* of the section that is open */
  uint64_t told;         /* bytes that the disk knows of */
  mgp_map back;          /* what was written, for `read` */
  bool is_finished, is_taken;
  bool is_synced; /* by `finish`, not at the next sync point */
};

/* ---- output -----------------------------------------------------------------------------------
 */

static bool output_flush(output *o) {
  const size_t waiting = o->waiting;
  o->waiting = 0;
  return mgp_store_write_all(o->fd, o->buffer, waiting);
}

static bool output_write(output *o, const void *bytes, size_t size) {
  o->size += size;
  if (o->waiting + size > STREAM_BUFFER && !output_flush(o)) return false;
  if (size >= STREAM_BUFFER) return mgp_store_write_all(o->fd, bytes, size);
  if (size > 0) memcpy(o->buffer + o->waiting, bytes, size);
  o->waiting += size;
  return true;
}

static bool output_pad(output *o, uint64_t to) {
  static const char zeros[SEGMENT_ALIGN];
  while (o->size < to) {
    const uint64_t left = to - o->size;
    if (!output_write(o, zeros, left < sizeof zeros ? (size_t)left : sizeof zeros)) return false;
  }
  return true;
}

static void output_close(mgp_alloc *a, output *o) {
  if (o->fd >= 0) close(o->fd);
  o->fd = -1;
  mgp_free(a, o->buffer);
  o->buffer = NULL;
}

static magpie_status fail_writing(const mgp_segment_stream *stream, magpie_error *err) {
  return mgp_fail_errno(err, errno, "writing %s", stream->path);
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* A name that no other process uses, held by a lock that dies with us. */
static magpie_status open_file(mgp_segment_stream *stream, const char *ending, output *o,
                               char **path, magpie_error *err) {
  static atomic_uint number;
  mgp_buffer b;
  mgp_buffer_init(&b, stream->alloc);
  mgp_buffer_printf(&b, "%s/merge-%lld-%u.%s", stream->folder, (long long)getpid(),
                    atomic_fetch_add(&number, 1), ending);
  *path = mgp_buffer_take(&b);
  o->buffer = mgp_malloc(stream->alloc, STREAM_BUFFER);
  MGP_RETURN_IF(!*path || !o->buffer, err, MAGPIE_NO_MEMORY, "no memory to write to %s",
                stream->folder);
  /* A sweep may take the name between the two calls: then the file has none, and we try again. */
  for (int tries = 0; tries < OPEN_TRIES; tries++) {
    struct stat st = {0};
    o->fd = mgp_store_io_table()->open(*path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd < 0) return mgp_fail_errno(err, errno, "creating %s", *path);
    if (flock(o->fd, LOCK_EX) != 0) return mgp_fail_errno(err, errno, "locking %s", *path);
    if (fstat(o->fd, &st) == 0 && st.st_nlink > 0) return MAGPIE_OK;
    close(o->fd);
    o->fd = -1;
  }
  return mgp_fail(err, MAGPIE_IO, "%s is deleted as soon as it is made", *path);
}

magpie_status mgp_segment_stream_create(mgp_store *s, const char *space, mgp_segment_stream **out,
                                        magpie_error *err) {
  *out = NULL;
  MGP_RETURN_IF(s->read_only, err, MAGPIE_INVALID, "merging: %s was opened for reading only",
                s->path);
  mgp_segment_stream *stream = mgp_calloc(s->alloc, 1, sizeof *stream);
  MGP_RETURN_IF(!stream, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  stream->alloc = s->alloc;
  stream->is_synced = s->durability != MAGPIE_DURABILITY_OFF;
  stream->main.fd = stream->aside.fd = -1;
  stream->space = mgp_strdup(s->alloc, space);
  stream->folder = mgp_path_join(s->alloc, s->path, SEGMENTS_FOLDER);
  stream->hash = mgp_hash_stream_create();
  magpie_status status = stream->space && stream->folder && stream->hash
                             ? open_file(stream, "part", &stream->main, &stream->path, err)
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  if (status == MAGPIE_OK && !output_pad(&stream->main, STREAM_HEAD))
    status = fail_writing(stream, err);
  if (status != MAGPIE_OK) {
    mgp_segment_stream_destroy(stream);
    return status;
  }
  *out = stream;
  return MAGPIE_OK;
}

void mgp_segment_stream_destroy(mgp_segment_stream *stream) {
  if (!stream) return;
  mgp_map_close(&stream->back);
  if (!stream->is_taken && stream->main.fd >= 0) mgp_store_io_table()->unlink(stream->path);
  output_close(stream->alloc, &stream->main);
  output_close(stream->alloc, &stream->aside);
  mgp_hash_stream_destroy(stream->hash);
  mgp_free(stream->alloc, stream->space);
  mgp_free(stream->alloc, stream->folder);
  mgp_free(stream->alloc, stream->path);
  mgp_free(stream->alloc, stream);
}

/* ---- sections ---------------------------------------------------------------------------------
 */

static bool end_section(mgp_segment_stream *stream) {
  if (stream->section_count > 0) {
    mgp_segment_entry *last = &stream->entries[stream->section_count - 1];
    last->size = stream->main.size - last->offset;
    last->checksum = mgp_hash_stream_value(stream->hash);
    mgp_hash_stream_reset(stream->hash);
  }
  return output_pad(&stream->main, mgp_segment_align(stream->main.size));
}

magpie_status mgp_segment_stream_section(mgp_segment_stream *stream, uint32_t kind,
                                         magpie_error *err) {
  MGP_RETURN_IF(stream->section_count == SEGMENT_SECTIONS_MAX, err, MAGPIE_INVALID,
                "%s has more than %d sections", stream->path, SEGMENT_SECTIONS_MAX);
  if (!end_section(stream)) return fail_writing(stream, err);
  stream->entries[stream->section_count++] =
      (mgp_segment_entry){.kind = kind, .offset = stream->main.size};
  return MAGPIE_OK;
}

magpie_status mgp_segment_stream_write(mgp_segment_stream *stream, const void *bytes, size_t size,
                                       magpie_error *err) {
  mgp_hash_stream_add(stream->hash, bytes, size);
  if (!output_write(&stream->main, bytes, size)) return fail_writing(stream, err);
  if (stream->is_synced && stream->main.size - stream->told >= WRITEBACK_BYTES) {
    mgp_store_start_writeback(stream->main.fd);
    stream->told = stream->main.size;
  }
  return MAGPIE_OK;
}

magpie_status mgp_segment_stream_aside(mgp_segment_stream *stream, const void *bytes, size_t size,
                                       magpie_error *err) {
  if (stream->aside.fd < 0) {
    char *path = NULL;
    const magpie_status status = open_file(stream, "part", &stream->aside, &path, err);
    if (path)
      mgp_store_io_table()->unlink(path); /* it needs no name, and so leaves nothing behind */
    mgp_free(stream->alloc, path);
    MGP_FORWARD(status);
  }
  return output_write(&stream->aside, bytes, size) ? MAGPIE_OK : fail_writing(stream, err);
}

magpie_status mgp_segment_stream_back(mgp_segment_stream *stream, magpie_error *err) {
  output *o = &stream->aside;
  if (o->fd < 0) return MAGPIE_OK;
  if (!output_flush(o)) return fail_writing(stream, err);
  magpie_status status = MAGPIE_OK;
  for (uint64_t at = 0; status == MAGPIE_OK && at < o->size;) {
    const ssize_t got = mgp_store_io_table()->read_at(o->fd, o->buffer, STREAM_BUFFER, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO; /* what was written must be there */
    if (got <= 0)
      return mgp_fail_errno(err, errno, "reading back what belongs to %s", stream->path);
    status = mgp_segment_stream_write(stream, o->buffer, (size_t)got, err);
    at += (uint64_t)got;
  }
  output_close(stream->alloc, o);
  *o = (output){.fd = -1};
  return status;
}

magpie_status mgp_segment_stream_read(mgp_segment_stream *stream, uint32_t kind, const void **data,
                                      size_t *size, magpie_error *err) {
  uint32_t i = 0;
  while (i < stream->section_count && stream->entries[i].kind != kind) i++;
  MGP_RETURN_IF(i == stream->section_count, err, MAGPIE_INVALID, "%s has no section %s",
                stream->path, mgp_segment_section_name(kind));
  const uint64_t first = stream->entries[i].offset;
  const bool is_open = i + 1 == stream->section_count;
  const uint64_t count = is_open ? stream->main.size - first : stream->entries[i].size;
  if (!stream->back.data) {
    if (!output_flush(&stream->main)) return fail_writing(stream, err);
    MGP_FORWARD(mgp_map_open(stream->path, &stream->back, err));
  }
  MGP_RETURN_IF(stream->back.size < first + count, err, MAGPIE_IO,
                "%s had %zu bytes when it was first read back, not %llu", stream->path,
                stream->back.size, (unsigned long long)(first + count));
  *data = stream->back.data + first;
  *size = (size_t)count;
  return MAGPIE_OK;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static magpie_status write_header(mgp_segment_stream *stream, uint64_t count, magpie_error *err) {
  struct {
    mgp_segment_header header;
    mgp_segment_entry entries[SEGMENT_SECTIONS_MAX];
  } head = {0};
  const size_t size = SEGMENT_HEADER_SIZE + stream->section_count * SEGMENT_ENTRY_SIZE;
  mgp_segment_header *h = &head.header;
  memcpy(h->magic, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
  h->format = SEGMENT_FORMAT;
  h->section_count = stream->section_count;
  h->file_size = stream->main.size;
  h->count = count;
  h->space_hash = mgp_hash64(stream->space, strlen(stream->space));
  snprintf(h->writer, sizeof h->writer, "%s", MGP_VERSION_TEXT);
  memcpy(head.entries, stream->entries, stream->section_count * sizeof *stream->entries);
  h->checksum = mgp_hash64((const char *)&head + SEGMENT_CHECKED_FROM, size - SEGMENT_CHECKED_FROM);
  stream->header = *h;
  if (lseek(stream->main.fd, 0, SEEK_SET) != 0 ||
      !mgp_store_write_all(stream->main.fd, &head, size))
    return fail_writing(stream, err);
  const bool is_small = h->file_size <= *mgp_segment_small_limit(); /* the catalog will have it */
  if (!is_small && stream->is_synced && mgp_store_io_table()->sync(stream->main.fd) != 0)
    return fail_writing(stream, err);
  return MAGPIE_OK;
}

magpie_status mgp_segment_stream_finish(mgp_segment_stream *stream, uint64_t count,
                                        magpie_error *err) {
  MGP_RETURN_IF(stream->is_finished || stream->section_count == 0, err, MAGPIE_INVALID,
                "%s has no section, or is finished", stream->path);
  if (!end_section(stream) || !output_flush(&stream->main)) return fail_writing(stream, err);
  MGP_FORWARD(write_header(stream, count, err));
  stream->is_finished = true;
  return MAGPIE_OK;
}

uint64_t mgp_segment_stream_size(const mgp_segment_stream *stream) {
  return stream->header.file_size;
}

/* ---- the transaction --------------------------------------------------------------------------
 */

static magpie_status remove_row(mgp_store *s, int64_t number, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_segment_bytes_remove(s, number, err));
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SEGMENT_REMOVE, &statement, err));
  sqlite3_bind_int64(statement, 1, number);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, NULL, err));
  MGP_RETURN_IF(sqlite3_changes(s->writer->db) != 1, err, MAGPIE_NOT_FOUND,
                "segment %lld of %s was merged by another process", (long long)number, s->path);
  return mgp_numbers_add(s, &s->dead_segments, number, err);
}

/* What was merged is small still: the file was only its draft. */
static magpie_status take_bytes(mgp_store *s, mgp_segment_stream *stream, int64_t number,
                                magpie_error *err) {
  mgp_map map = {0};
  MGP_FORWARD(mgp_map_open(stream->path, &map, err));
  const magpie_status status = mgp_segment_bytes_add(s, number, map.data, map.size, err);
  mgp_map_close(&map);
  return status;
}

static magpie_status name_file(mgp_store *s, mgp_segment_stream *stream, magpie_error *err) {
  const int64_t number = s->head.next_segment;
  MGP_FORWARD(mgp_segment_row_add(s, number, stream->space, &stream->header, err));
  s->head.next_segment++;
  if (stream->header.file_size <= *mgp_segment_small_limit())
    return take_bytes(s, stream, number, err);
  MGP_FORWARD(mgp_numbers_add(s, &s->segments, number, err));
  if (!stream->is_synced) MGP_FORWARD(mgp_numbers_add(s, &s->unsynced, number, err));
  char name[SEGMENT_NAME_SIZE];
  mgp_segment_name(number, name);
  char *path = mgp_path_join(s->alloc, s->path, name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  const int failed = mgp_store_io_table()->rename(stream->path, path) != 0 ? errno : 0;
  mgp_free(s->alloc, path);
  if (failed) {
    s->is_spoilt = true;
    return mgp_fail_errno(err, failed, "renaming %s", stream->path);
  }
  stream->is_taken = true;
  return MAGPIE_OK;
}

magpie_status mgp_store_segments_replace(mgp_store *s, mgp_segment_stream *stream,
                                         const int64_t *inputs, size_t count, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "replacing segments", err));
  MGP_RETURN_IF(stream && !stream->is_finished, err, MAGPIE_INVALID, "%s is not finished",
                stream->path);
  for (size_t i = 0; i < count; i++) MGP_FORWARD(remove_row(s, inputs[i], err));
  return stream ? name_file(s, stream, err) : MAGPIE_OK;
}
