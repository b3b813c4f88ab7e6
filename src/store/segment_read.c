/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a segment file in place. Parsing trusts nothing: every offset and size is compared with
 * the bytes at hand before it is used. Opening reads the header and the table; every byte of a file
 * is checksummed once, when its sections are first used: an exact search reads the same bytes
 * anyway, so this costs about one search and warms the pages.
 */
#include <sys/mman.h>

#include "store/catalog.h"
#include "store/segment.h"

const char *mgp_segment_section_name(uint32_t kind) {
  switch (kind) {
  case MGP_SECTION_IDS:
    return "ids";
  case MGP_SECTION_VECTORS_F32:
    return "vectors";
  case MGP_SECTION_LENGTHS:
    return "lengths";
  case MGP_SECTION_DICTIONARY:
    return "dictionary";
  case MGP_SECTION_POSTINGS:
    return "postings";
  case MGP_SECTION_GRAPH:
    return "graph";
  case MGP_SECTION_CLUSTERS:
    return "clusters";
  default:
    return "unknown";
  }
}

/* ---- parsing ------------------------------------------------------------------------------------
 */

/* Magic, format and writer lie at the same place in every format that will ever be. */
static magpie_status check_header(const char *name, const mgp_segment_header *h, size_t size,
                                  magpie_error *err) {
  MGP_RETURN_IF(memcmp(h->magic, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE) != 0, err, MAGPIE_CORRUPT,
                "%s is no segment file: its first bytes are wrong", name);
  char writer[SEGMENT_WRITER_SIZE + 1] = "";
  memcpy(writer, h->writer, SEGMENT_WRITER_SIZE);
  for (char *p = writer; *p; p++)
    if (*p < 0x20 || *p > 0x7E) *p = '?';
  MGP_RETURN_IF(h->format > SEGMENT_FORMAT, err, MAGPIE_VERSION,
                "%s has format %u, written by magpie %s; this is magpie %s, which reads up to "
                "format %d",
                name, h->format, writer, MGP_VERSION_TEXT, SEGMENT_FORMAT);
  MGP_RETURN_IF(h->format < 1, err, MAGPIE_CORRUPT, "%s has format 0", name);
  MGP_RETURN_IF(h->section_count < 1 || h->section_count > SEGMENT_SECTIONS_MAX, err,
                MAGPIE_CORRUPT, "%s has %u sections; 1 to %d are possible", name, h->section_count,
                SEGMENT_SECTIONS_MAX);
  MGP_RETURN_IF(h->file_size != size, err, MAGPIE_CORRUPT,
                "%s has %zu bytes, expected %llu: it was cut short or grew", name, size,
                (unsigned long long)h->file_size);
  return MAGPIE_OK;
}

/* Sections lie in file order, aligned, one after the other, none beyond the end. */
static magpie_status check_entry(const char *name, const mgp_segment_entry *e, uint32_t index,
                                 uint64_t after, size_t size, magpie_error *err) {
  MGP_RETURN_IF(e->flags != 0, err, MAGPIE_CORRUPT, "%s: section %u (%s) has unknown flags 0x%x",
                name, index, mgp_segment_section_name(e->kind), e->flags);
  const bool is_inside = e->offset % SEGMENT_ALIGN == 0 && e->offset >= after &&
                         e->offset <= size && e->size <= size - e->offset;
  MGP_RETURN_IF(!is_inside, err, MAGPIE_CORRUPT,
                "%s: section %u (%s) lies at byte %llu with %llu bytes, outside of the file's %zu "
                "or inside of another section",
                name, index, mgp_segment_section_name(e->kind), (unsigned long long)e->offset,
                (unsigned long long)e->size, size);
  return MAGPIE_OK;
}

magpie_status mgp_segment_parse(const char *name, const void *bytes, size_t size,
                                mgp_segment_parsed *out, magpie_error *err) {
  MGP_RETURN_IF(size < SEGMENT_HEADER_SIZE, err, MAGPIE_CORRUPT,
                "%s has %zu bytes, less than a header of %d", name, size, SEGMENT_HEADER_SIZE);
  mgp_segment_header *h = &out->header;
  memcpy(h, bytes, sizeof *h);
  MGP_FORWARD(check_header(name, h, size, err));
  const size_t table = (size_t)h->section_count * SEGMENT_ENTRY_SIZE;
  MGP_RETURN_IF(size - SEGMENT_HEADER_SIZE < table, err, MAGPIE_CORRUPT,
                "%s ends inside of its section table", name);
  const unsigned char *at = bytes;
  const uint64_t found =
      mgp_hash64(at + SEGMENT_CHECKED_FROM, SEGMENT_HEADER_SIZE + table - SEGMENT_CHECKED_FROM);
  MGP_RETURN_IF(found != h->checksum, err, MAGPIE_CORRUPT,
                "%s: the header has checksum %016llx, expected %016llx", name,
                (unsigned long long)found, (unsigned long long)h->checksum);
  memcpy(out->entries, at + SEGMENT_HEADER_SIZE, table);
  uint64_t after = SEGMENT_HEADER_SIZE + table;
  for (uint32_t i = 0; i < h->section_count; i++) {
    const mgp_segment_entry *e = &out->entries[i];
    MGP_FORWARD(check_entry(name, e, i, after, size, err));
    out->sections[i] =
        (mgp_section){.kind = e->kind, .data = at + e->offset, .size = (size_t)e->size};
    after = e->offset + e->size;
  }
  return MAGPIE_OK;
}

magpie_status mgp_segment_verify(const char *name, const mgp_segment_parsed *parsed,
                                 uint32_t *bad_extras, magpie_error *err) {
  *bad_extras = 0;
  for (uint32_t i = 0; i < parsed->header.section_count; i++) {
    const mgp_section *section = &parsed->sections[i];
    const uint64_t found = mgp_hash64(section->data, section->size);
    if (MGP_SECTION_IS_EXTRA(section->kind)) {
      *bad_extras |= (uint32_t)(found != parsed->entries[i].checksum) << i;
      continue;
    }
    MGP_RETURN_IF(found != parsed->entries[i].checksum, err, MAGPIE_CORRUPT,
                  "%s: section %u (%s, %zu bytes) has checksum %016llx, expected %016llx", name, i,
                  mgp_segment_section_name(section->kind), section->size, (unsigned long long)found,
                  (unsigned long long)parsed->entries[i].checksum);
  }
  return MAGPIE_OK;
}

/* ---- opening ------------------------------------------------------------------------------------
 */

mgp_segment *mgp_segment_retain(mgp_segment *segment) {
  atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
  return segment;
}

void mgp_segment_release(mgp_segment *segment) {
  if (!segment || atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) != 1)
    return;
  mgp_segment_bytes_close(segment->alloc, &segment->bytes);
  mgp_free(segment->alloc, segment->file);
  mgp_free(segment->alloc, segment->space);
  mgp_free(segment->alloc, segment->damage);
  mgp_free(segment->alloc, segment);
}

static magpie_status compare_with_row(const char *name, const mgp_segment_header *h,
                                      const mgp_segment_row *row, magpie_error *err) {
  MGP_RETURN_IF(h->checksum != row->checksum, err, MAGPIE_CORRUPT,
                "%s is another file than the one the catalog names: header checksum %016llx, "
                "expected %016llx",
                name, (unsigned long long)h->checksum, (unsigned long long)row->checksum);
  MGP_RETURN_IF(h->count != row->count ||
                    h->space_hash != mgp_hash64(row->space, strlen(row->space)),
                err, MAGPIE_CORRUPT,
                "%s does not fit its row in the catalog: %llu rows, expected "
                "%llu, of the space %s",
                name, (unsigned long long)h->count, (unsigned long long)row->count, row->space);
  return MAGPIE_OK;
}

static magpie_status open_and_check(mgp_segment *segment, mgp_store *s, const mgp_segment_row *row,
                                    magpie_error *err) {
  mgp_segment_bytes *b = &segment->bytes;
  const magpie_status status = mgp_segment_bytes_open(s, row->number, row->size, b, err);
  segment->file = mgp_strdup(segment->alloc, b->name);
  MGP_RETURN_IF(!segment->file, err, MAGPIE_NO_MEMORY, "no memory to open a segment");
  MGP_FORWARD(status);
  MGP_FORWARD(mgp_segment_parse(segment->file, b->map.data, b->map.size, &segment->parsed, err));
  return compare_with_row(segment->file, &segment->parsed.header, row, err);
}

/* Two threads may do it at once: both come to the same answer. */
magpie_status mgp_segment_verify_once(mgp_segment *segment, magpie_error *err) {
  if (atomic_load_explicit(&segment->is_verified, memory_order_acquire)) return MAGPIE_OK;
  /* start reading ahead: all of it is wanted now */
  if (!segment->bytes.block)
    madvise((void *)(uintptr_t)segment->bytes.map.data, segment->bytes.map.size, MADV_WILLNEED);
  uint32_t bad = 0;
  MGP_FORWARD(mgp_segment_verify(segment->file, &segment->parsed, &bad, err));
  atomic_store(&segment->bad_extras, bad);
  atomic_store_explicit(&segment->is_verified, true, memory_order_release);
  return MAGPIE_OK;
}

static magpie_status note_damage(mgp_segment *segment, const mgp_segment_row *row,
                                 const magpie_error *why, magpie_error *err) {
  mgp_segment_bytes_close(segment->alloc, &segment->bytes);
  mgp_buffer b;
  mgp_buffer_init(&b, segment->alloc);
  mgp_buffer_printf(&b,
                    "%s; its %llu items are left out of the space %s; `magpie repair` "
                    "rebuilds them",
                    why->message, (unsigned long long)row->count, row->space);
  segment->damage = mgp_buffer_take(&b);
  MGP_RETURN_IF(!segment->damage, err, MAGPIE_NO_MEMORY, "no memory to open %s", segment->file);
  return MAGPIE_OK;
}

static mgp_segment *create_segment(mgp_alloc *a, const mgp_segment_row *row) {
  mgp_segment *segment = mgp_calloc(a, 1, sizeof *segment);
  if (!segment) return NULL;
  segment->alloc = a;
  segment->references = 1;
  segment->number = row->number;
  segment->checksum = row->checksum;
  segment->space = mgp_strdup(a, row->space);
  if (segment->space) return segment;
  mgp_segment_release(segment);
  return NULL;
}

magpie_status mgp_segment_open(mgp_store *s, const mgp_segment_row *row, mgp_segment **out,
                               magpie_error *err) {
  *out = NULL;
  mgp_segment *segment = create_segment(s->alloc, row);
  MGP_RETURN_IF(!segment, err, MAGPIE_NO_MEMORY, "no memory to open a segment of %s", s->path);
  magpie_error why = {0};
  magpie_status status = open_and_check(segment, s, row, &why);
  if (status == MAGPIE_NO_MEMORY) {
    if (err) *err = why;
  } else if (status != MAGPIE_OK) {
    status = note_damage(segment, row, &why, err);
  }
  if (status != MAGPIE_OK) mgp_segment_release(segment);
  else *out = segment;
  return status;
}
