/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a segment file: under a temporary name, renamed. The fsyncs of all files of a transaction
 * come together at its commit, so that one commit of the file system's journal serves them all;
 * till then nothing names the file. Format: docs/format/segment.md.
 */
#include <errno.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/segment.h"
#include "store/store_io.h"

void mgp_segment_name(int64_t number, char out[SEGMENT_NAME_SIZE]) {
  snprintf(out, SEGMENT_NAME_SIZE, "%s/%012lld.seg", SEGMENTS_FOLDER, (long long)number);
}

/* Header and table as they lie in the file. */
typedef struct segment_head {
  mgp_segment_header header;
  mgp_segment_entry entries[SEGMENT_SECTIONS_MAX];
  size_t size;
} segment_head;

static magpie_status plan_head(const char *space, uint64_t count, const mgp_section *sections,
                               size_t section_count, segment_head *out, magpie_error *err) {
  MGP_RETURN_IF(section_count == 0 || section_count > SEGMENT_SECTIONS_MAX, err, MAGPIE_INVALID,
                "a segment of %s has %zu sections; 1 to %d are possible", space, section_count,
                SEGMENT_SECTIONS_MAX);
  *out = (segment_head){0};
  out->size = SEGMENT_HEADER_SIZE + section_count * SEGMENT_ENTRY_SIZE;
  uint64_t at = mgp_segment_align(out->size);
  for (size_t i = 0; i < section_count; i++) {
    const uint64_t size = sections[i].size;
    MGP_RETURN_IF(size > (UINT64_C(1) << 62) - at, err, MAGPIE_LIMIT,
                  "a segment of %s has a section of %zu bytes", space, sections[i].size);
    out->entries[i] =
        (mgp_segment_entry){.kind = sections[i].kind,
                            .offset = at,
                            .size = size,
                            .checksum = mgp_hash64(sections[i].data, sections[i].size)};
    at = mgp_segment_align(at + size);
  }
  mgp_segment_header *h = &out->header;
  memcpy(h->magic, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
  h->format = SEGMENT_FORMAT;
  h->section_count = (uint32_t)section_count;
  h->file_size = at;
  h->count = count;
  h->space_hash = mgp_hash64(space, strlen(space));
  snprintf(h->writer, sizeof h->writer, "%s", MGP_VERSION_TEXT);
  h->checksum =
      mgp_hash64((const char *)h + SEGMENT_CHECKED_FROM, out->size - SEGMENT_CHECKED_FROM);
  return MAGPIE_OK;
}

static bool write_padding(int fd, uint64_t from, uint64_t to) {
  static const char zeros[SEGMENT_ALIGN];
  return mgp_store_write_all(fd, zeros, (size_t)(to - from));
}

static bool write_body(int fd, const segment_head *head, const mgp_section *sections) {
  if (!mgp_store_write_all(fd, &head->header, head->size)) return false;
  uint64_t at = head->size;
  for (uint32_t i = 0; i < head->header.section_count; i++) {
    if (!write_padding(fd, at, head->entries[i].offset)) return false;
    if (!mgp_store_write_all(fd, sections[i].data, sections[i].size)) return false;
    at = head->entries[i].offset + sections[i].size;
  }
  return write_padding(fd, at, head->header.file_size);
}

/* *kept: the file, open, when it is to be fsynced; else -1. */
static magpie_status write_file(const mgp_store *s, const char *path, const segment_head *head,
                                const mgp_section *sections, int *kept, magpie_error *err) {
  *kept = -1;
  const int fd = mgp_store_create(path);
  if (fd < 0) return mgp_fail_errno(err, errno, "creating %s", path);
  int failed = 0;
  if (!write_body(fd, head, sections)) failed = errno;
  if (!failed && s->durability != MAGPIE_DURABILITY_OFF) {
    mgp_store_start_writeback(fd);
    *kept = fd;
    return MAGPIE_OK;
  }
  if (close(fd) != 0 && !failed) failed = errno;
  if (failed) return mgp_fail_errno(err, failed, "writing %s", path);
  return MAGPIE_OK;
}

/* In the catalog, as one block. */
static magpie_status write_small(mgp_store *s, int64_t number, const segment_head *head,
                                 const mgp_section *sections, magpie_error *err) {
  const size_t size = (size_t)head->header.file_size;
  unsigned char *block = mgp_calloc(s->alloc, 1, size);
  MGP_RETURN_IF(!block, err, MAGPIE_NO_MEMORY, "no memory for a segment of %zu bytes", size);
  memcpy(block, &head->header, head->size);
  for (uint32_t i = 0; i < head->header.section_count; i++)
    if (sections[i].size > 0)
      memcpy(block + head->entries[i].offset, sections[i].data, sections[i].size);
  const magpie_status status = mgp_segment_bytes_add(s, number, block, size, err);
  mgp_free(s->alloc, block);
  return status;
}

static magpie_status write_and_rename(mgp_store *s, const char *path, const segment_head *head,
                                      const mgp_section *sections, int *kept, magpie_error *err) {
  mgp_buffer temporary;
  mgp_buffer_init(&temporary, s->alloc);
  mgp_buffer_printf(&temporary, "%s.tmp", path);
  *kept = -1;
  magpie_status status = temporary.failed
                             ? mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write %s", path)
                             : write_file(s, temporary.data, head, sections, kept, err);
  if (status == MAGPIE_OK && mgp_store_io_table()->rename(temporary.data, path) != 0)
    status = mgp_fail_errno(err, errno, "renaming %s", temporary.data);
  if (status != MAGPIE_OK && temporary.data) mgp_store_io_table()->unlink(temporary.data);
  mgp_buffer_fini(&temporary);
  return status;
}

static magpie_status write_named(mgp_store *s, int64_t number, const segment_head *head,
                                 const mgp_section *sections, magpie_error *err) {
  MGP_FORWARD(mgp_numbers_add(s, &s->segments, number, err));
  if (s->durability == MAGPIE_DURABILITY_OFF)
    MGP_FORWARD(mgp_numbers_add(s, &s->unsynced, number, err));
  char name[SEGMENT_NAME_SIZE];
  mgp_segment_name(number, name);
  char *path = mgp_path_join(s->alloc, s->path, name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  int kept = -1;
  magpie_status status = write_and_rename(s, path, head, sections, &kept, err);
  if (kept >= 0 && status == MAGPIE_OK) status = mgp_written_add(s, number, kept, err);
  else if (kept >= 0) close(kept);
  mgp_free(s->alloc, path);
  return status;
}

magpie_status mgp_segment_row_add(mgp_store *s, int64_t number, const char *space,
                                  const mgp_segment_header *header, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SEGMENT_ADD, &statement, err));
  sqlite3_bind_int64(statement, 1, number);
  mgp_bind_text(statement, 2, space);
  sqlite3_bind_int64(statement, 3, (int64_t)header->count);
  sqlite3_bind_int64(statement, 4, (int64_t)header->file_size);
  sqlite3_bind_int64(statement, 5, (int64_t)header->checksum);
  sqlite3_bind_int64(statement, 6, (int64_t)s->head.generation + 1);
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  MGP_RETURN_IF(status == MAGPIE_INVALID, err, status,
                "the space %s was not declared before its segment was added to %s", space, s->path);
  return status;
}

magpie_status mgp_store_segment_add(mgp_store *s, const char *space, uint64_t count,
                                    const mgp_section *sections, size_t section_count,
                                    magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "adding a segment", err));
  segment_head head;
  MGP_FORWARD(plan_head(space, count, sections, section_count, &head, err));
  const int64_t number = s->head.next_segment;
  /* The row first: it is cheap, and refuses a space that nobody declared. */
  MGP_FORWARD(mgp_segment_row_add(s, number, space, &head.header, err));
  s->head.next_segment++;
  const bool is_small = head.header.file_size <= *mgp_segment_small_limit();
  const magpie_status status = is_small ? write_small(s, number, &head, sections, err)
                                        : write_named(s, number, &head, sections, err);
  if (status != MAGPIE_OK) s->is_spoilt = true;
  return status;
}
