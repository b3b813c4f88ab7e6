/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives in memory: files to pack, the bytes of an archive, and what comes out of them. Besides,
 * tars that our writer would never write.
 */
#ifndef MEMORY_ARCHIVE_H
#define MEMORY_ARCHIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>

#include "archive/archive_manifest.h"
#include "archive/tar_stream.h"

typedef struct memory_file {
  const char *name;
  const void *bytes;
  size_t size;
} memory_file;

typedef struct memory_archive {
  /* packing */
  const memory_file *files;
  size_t count, next, at;
  /* the archive */
  mgp_buffer bytes;
  size_t read_at, step; /* bytes a read; 0: all that is asked for */
  /* unpacking */
  mgp_archive_head head;
  mgp_buffer out; /* "name:size:bytes;" of each file */
  size_t begun, ended;
  magpie_status refuse; /* what take_head returns */
} memory_archive;

static inline int memory_place(const char *name, int64_t *number) {
  char again[ARCHIVE_NAME_SIZE];
  *number = 0;
  if (strcmp(name, "catalog.sqlite") == 0) return 1;
  if (sscanf(name, "segments/%" SCNd64 ".seg", number) != 1) return 0;
  snprintf(again, sizeof again, "segments/%012" PRId64 ".seg", *number);
  return strcmp(again, name) == 0 ? 2 : 0;
}

static inline magpie_status memory_next(void *context, bool restart, const char **name,
                                        magpie_error *err) {
  memory_archive *m = context;
  (void)err;
  m->next = restart ? 0 : m->next + 1;
  m->at = 0;
  *name = m->next < m->count ? m->files[m->next].name : NULL;
  return MAGPIE_OK;
}

static inline magpie_status memory_read_file(void *context, void *bytes, size_t size, size_t *got,
                                             magpie_error *err) {
  memory_archive *m = context;
  const memory_file *file = &m->files[m->next];
  (void)err;
  *got = file->size - m->at < size ? file->size - m->at : size;
  if (*got > 0) memcpy(bytes, (const char *)file->bytes + m->at, *got);
  m->at += *got;
  return MAGPIE_OK;
}

static inline magpie_status memory_write_archive(void *context, const void *bytes, size_t size,
                                                 magpie_error *err) {
  memory_archive *m = context;
  mgp_buffer_add(&m->bytes, bytes, size);
  return m->bytes.failed ? mgp_fail(err, MAGPIE_NO_MEMORY, "no memory") : MAGPIE_OK;
}

static inline magpie_status memory_read_archive(void *context, void *bytes, size_t size,
                                                size_t *got, magpie_error *err) {
  memory_archive *m = context;
  (void)err;
  if (m->step > 0 && size > m->step) size = m->step;
  const size_t left = m->bytes.size - m->read_at;
  *got = left < size ? left : size;
  if (*got > 0) memcpy(bytes, m->bytes.data + m->read_at, *got);
  m->read_at += *got;
  return MAGPIE_OK;
}

static inline magpie_status memory_head(void *context, const mgp_archive_head *head,
                                        magpie_error *err) {
  memory_archive *m = context;
  m->head = *head;
  return m->refuse ? mgp_fail(err, m->refuse, "refused") : MAGPIE_OK;
}

static inline magpie_status memory_begin(void *context, const mgp_archive_file *file,
                                         magpie_error *err) {
  memory_archive *m = context;
  (void)err;
  m->begun++;
  mgp_buffer_printf(&m->out, "%s:%llu:", file->name, (unsigned long long)file->size);
  return MAGPIE_OK;
}

static inline magpie_status memory_write_file(void *context, const void *bytes, size_t size,
                                              magpie_error *err) {
  memory_archive *m = context;
  (void)err;
  mgp_buffer_add(&m->out, bytes, size);
  return MAGPIE_OK;
}

static inline magpie_status memory_end(void *context, const mgp_archive_file *file,
                                       magpie_error *err) {
  memory_archive *m = context;
  (void)file;
  (void)err;
  m->ended++;
  mgp_buffer_add_char(&m->out, ';');
  return MAGPIE_OK;
}

static inline magpie_status memory_pack(memory_archive *m, const memory_file *files, size_t count,
                                        magpie_error *err) {
  m->files = files;
  m->count = count;
  const mgp_archive_packing packing = {.name = "t.tar.zst",
                                       .place = memory_place,
                                       .context = m,
                                       .next = memory_next,
                                       .read = memory_read_file,
                                       .write = memory_write_archive};
  mgp_archive_head head = {
      .magpie = "0.1.0", .created = "2026-11-23T11:42:11Z", .generation = 7, .items = 3};
  return mgp_archive_pack(&packing, &head, err);
}

static inline magpie_status memory_unpack(memory_archive *m, magpie_error *err) {
  const mgp_archive_unpacking unpacking = {.name = "t.tar.zst",
                                           .place = memory_place,
                                           .context = m,
                                           .read = memory_read_archive,
                                           .head = memory_head,
                                           .begin = memory_begin,
                                           .write = memory_write_file,
                                           .end = memory_end};
  m->read_at = 0;
  m->begun = m->ended = 0;
  mgp_buffer_clear(&m->out);
  return mgp_archive_unpack(&unpacking, err);
}

static inline void memory_fini(memory_archive *m) {
  mgp_buffer_fini(&m->bytes);
  mgp_buffer_fini(&m->out);
}

#endif
