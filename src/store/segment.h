/* SPDX-License-Identifier: Apache-2.0
 *
 * The segment file: its numbers, and how bytes become sections. Drawn in docs/format/segment.md.
 */
#ifndef MGP_STORE_SEGMENT_H
#define MGP_STORE_SEGMENT_H

#include "store/store.h"

#define SEGMENT_FORMAT 1
#define SEGMENT_MAGIC "MGPSEG\r\n" /* CR LF: a transfer that changes line ends is seen at once */
#define SEGMENT_MAGIC_SIZE 8
#define SEGMENT_WRITER_SIZE 16
#define SEGMENT_HEADER_SIZE 64
#define SEGMENT_ENTRY_SIZE 32
#define SEGMENT_ALIGN 64
#define SEGMENT_SECTIONS_MAX 32
#define SEGMENT_NAME_SIZE 40
#define SEGMENT_CHECKED_FROM 16 /* the header checksum covers the bytes from here on */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "segment files are little-endian and read in place"
#endif

typedef struct mgp_segment_header {
  char magic[SEGMENT_MAGIC_SIZE];
  uint64_t checksum; /* XXH3 of bytes 16 .. 64 + 32 * section_count */
  uint32_t format, section_count;
  uint64_t file_size, count, space_hash;
  char writer[SEGMENT_WRITER_SIZE]; /* version of magpie, NUL-padded */
} mgp_segment_header;

typedef struct mgp_segment_entry {
  uint32_t kind, flags; /* no flag is known to format 1 */
  uint64_t offset, size, checksum;
} mgp_segment_entry;

_Static_assert(sizeof(mgp_segment_header) == SEGMENT_HEADER_SIZE, "no padding in the header");
_Static_assert(sizeof(mgp_segment_entry) == SEGMENT_ENTRY_SIZE, "no padding in an entry");

/* One checked segment file. `sections` point into the bytes it was parsed from. */
typedef struct mgp_segment_parsed {
  mgp_segment_header header;
  mgp_segment_entry entries[SEGMENT_SECTIONS_MAX];
  mgp_section sections[SEGMENT_SECTIONS_MAX];
} mgp_segment_parsed;

/* Checks header and table: nothing outside of the bytes is ever named by `out`. VERSION for a newer
 * file, CORRUPT else. `name` is for messages. */
magpie_status mgp_segment_parse(const char *name, const void *bytes, size_t size,
                                mgp_segment_parsed *out, magpie_error *err);
/* Reads every byte: CORRUPT names the first damaged section that answers depend on. Bit i of
 * *bad_extras: section i is an extra one, and damaged. */
magpie_status mgp_segment_verify(const char *name, const mgp_segment_parsed *parsed,
                                 uint32_t *bad_extras, magpie_error *err);
/* "vectors" for MGP_SECTION_VECTORS_F32 and so on; "unknown". */
const char *mgp_segment_section_name(uint32_t kind);
/* First byte after the table, and after each section, rounded up to SEGMENT_ALIGN. */
static inline uint64_t mgp_segment_align(uint64_t offset) {
  return (offset + (SEGMENT_ALIGN - 1)) & ~(uint64_t)(SEGMENT_ALIGN - 1);
}

/* ---- where the bytes lie (segment_bytes.c) ------------------------------------------------------
 */

/* Segments of at most so many bytes lie in the catalog, others in a file of their own. */
#define SEGMENT_SMALL_MAX ((size_t)16 << 10)
/* The limit at work: SEGMENT_SMALL_MAX, or less where a test wants files. */
size_t *mgp_segment_small_limit(void);

typedef struct mgp_segment_bytes {
  mgp_map map;
  void *block;                  /* NULL: mapped from a file */
  char name[SEGMENT_NAME_SIZE]; /* for messages: "segments/…seg" or "catalog.sqlite: segment 7" */
} mgp_segment_bytes;
/* `size` as the catalog has it. NOT_FOUND when there is neither a row nor a file. */
magpie_status mgp_segment_bytes_open(mgp_store *s, int64_t number, uint64_t size,
                                     mgp_segment_bytes *out, magpie_error *err);
void mgp_segment_bytes_close(mgp_alloc *a, mgp_segment_bytes *bytes);
/* In a transaction, beside the row of `segment`. */
magpie_status mgp_segment_bytes_add(mgp_store *s, int64_t number, const void *bytes, size_t size,
                                    magpie_error *err);
magpie_status mgp_segment_bytes_remove(mgp_store *s, int64_t number, magpie_error *err);
void mgp_segment_shown_name(int64_t number, bool is_in_catalog, char out[SEGMENT_NAME_SIZE]);

/* ---- open segments (segment_read.c)
 * --------------------------------------------------------------
 */

/* An open segment, shared by snapshots; `damage` is set instead of `bytes` when its header cannot
 * be used. Retained and released from any thread. */
typedef struct mgp_segment {
  mgp_alloc *alloc;
  atomic_int references;
  int64_t number;
  char *file, *space;      /* file: as mgp_segment_shown_name */
  uint64_t checksum;       /* of the header, as the catalog has it */
  atomic_bool is_verified; /* every byte has been compared with its checksum */
  atomic_uint bad_extras;  /* sections that only speed depends on and that are damaged */
  mgp_segment_bytes bytes;
  mgp_segment_parsed parsed;
  char *damage;
} mgp_segment;

/* What the catalog says of a segment. */
typedef struct mgp_segment_row {
  int64_t number;
  const char *space;
  uint64_t count, size, checksum;
} mgp_segment_row;

/* Fails for want of memory only: a file that is damaged gives a segment with `damage`. */
magpie_status mgp_segment_open(mgp_store *s, const mgp_segment_row *row, mgp_segment **out,
                               magpie_error *err);
/* Reads every byte the first time; CORRUPT. Thread-safe. Not for one with `damage`. */
magpie_status mgp_segment_verify_once(mgp_segment *segment, magpie_error *err);
mgp_segment *mgp_segment_retain(mgp_segment *segment);
void mgp_segment_release(mgp_segment *segment);
/* Names a file in the catalog; in a transaction. (segment_write.c) */
magpie_status mgp_segment_row_add(mgp_store *s, int64_t number, const char *space,
                                  const mgp_segment_header *header, magpie_error *err);
/* "segments/%012lld.seg" */
void mgp_segment_name(int64_t number, char out[SEGMENT_NAME_SIZE]);

#endif
