/* SPDX-License-Identifier: Apache-2.0
 *
 * One segment file against its own checksums and against the catalog's row. Unlike opening
 * (segment_read.c), checking goes on after the first thing that is wrong, and looks at the padding.
 */
#include <errno.h>

#include "store/catalog.h"
#include "store/check_store.h"

static void note(mgp_checked *c, const magpie_error *why) {
  if (!c->is_damaged) c->why = *why;
  c->is_damaged = true;
}

static magpie_status compare_with_claim(const mgp_checked *c, magpie_error *err) {
  const mgp_claim *claim = c->claim;
  const mgp_segment_header *h = &c->parsed.header;
  MGP_RETURN_IF(h->checksum != claim->checksum, err, MAGPIE_CORRUPT,
                "this is another file than the one the catalog names: header checksum %016llx, "
                "expected %016llx",
                (unsigned long long)h->checksum, (unsigned long long)claim->checksum);
  MGP_RETURN_IF(h->count != claim->count || h->file_size != claim->size ||
                    h->space_hash != mgp_hash64(claim->space, strlen(claim->space)),
                err, MAGPIE_CORRUPT,
                "%llu rows in %llu bytes, but the catalog says %llu rows in %llu bytes of the "
                "space %s",
                (unsigned long long)h->count, (unsigned long long)h->file_size,
                (unsigned long long)claim->count, (unsigned long long)claim->size, claim->space);
  return MAGPIE_OK;
}

static void check_sections(mgp_checked *c, bool deep) {
  for (uint32_t i = 0; i < c->parsed.header.section_count; i++) {
    const mgp_section *section = &c->parsed.sections[i];
    if (!deep && section->kind != MGP_SECTION_IDS) continue;
    c->bytes += section->size;
    const uint64_t found = mgp_hash64(section->data, section->size);
    if (found == c->parsed.entries[i].checksum) continue;
    c->bad |= UINT32_C(1) << i;
    magpie_error why = {0};
    mgp_fail(&why, MAGPIE_CORRUPT, "%zu bytes have checksum %016llx, expected %016llx",
             section->size, (unsigned long long)found,
             (unsigned long long)c->parsed.entries[i].checksum);
    note(c, &why);
  }
}

/* Offset of the first byte of [from, to) that is not 0, or `to`. */
static uint64_t first_set(const unsigned char *bytes, uint64_t from, uint64_t to) {
  while (from < to && bytes[from] == 0) from++;
  return from;
}

static void check_padding(mgp_checked *c) {
  const mgp_segment_header *h = &c->parsed.header;
  uint64_t at = SEGMENT_HEADER_SIZE + (uint64_t)h->section_count * SEGMENT_ENTRY_SIZE;
  for (uint32_t i = 0; i <= h->section_count; i++) {
    const uint64_t end = i < h->section_count ? c->parsed.entries[i].offset : c->file.map.size;
    const uint64_t found = first_set(c->file.map.data, at, end);
    if (found < end) {
      magpie_error why = {0};
      mgp_fail(&why, MAGPIE_CORRUPT, "byte %llu, between the sections, is not 0",
               (unsigned long long)found);
      note(c, &why);
      return;
    }
    if (i < h->section_count) at = end + c->parsed.entries[i].size;
  }
}

void mgp_check_segment(mgp_store *s, const mgp_claim *claim, bool deep, mgp_checked *out) {
  *out = (mgp_checked){.claim = claim};
  magpie_error why = {0};
  magpie_status status = mgp_segment_bytes_open(s, claim->number, claim->size, &out->file, &why);
  out->is_missing = status == MAGPIE_NOT_FOUND;
  if (out->is_missing) mgp_fail(&why, MAGPIE_CORRUPT, "the file is missing");
  if (status == MAGPIE_OK)
    status =
        mgp_segment_parse(claim->file, out->file.map.data, out->file.map.size, &out->parsed, &why);
  if (status == MAGPIE_OK) status = compare_with_claim(out, &why);
  if (status != MAGPIE_OK) {
    note(out, &why);
    return;
  }
  out->is_readable = true;
  out->bytes += SEGMENT_HEADER_SIZE;
  check_sections(out, deep);
  if (deep) check_padding(out);
}

void mgp_checked_fini(mgp_store *s, mgp_checked *checked) {
  mgp_segment_bytes_close(s->alloc, &checked->file);
}

const mgp_section *mgp_checked_section(const mgp_checked *checked, uint32_t kind) {
  if (!checked->is_readable) return NULL;
  for (uint32_t i = 0; i < checked->parsed.header.section_count; i++)
    if (checked->parsed.sections[i].kind == kind && !(checked->bad >> i & 1))
      return &checked->parsed.sections[i];
  return NULL;
}

uint32_t mgp_checked_extras(const mgp_checked *checked) {
  uint32_t extras = 0;
  for (uint32_t i = 0; checked->is_readable && i < checked->parsed.header.section_count; i++)
    extras |= (uint32_t)MGP_SECTION_IS_EXTRA(checked->parsed.sections[i].kind) << i;
  return extras;
}

/* ---- salvage ----------------------------------------------------------------------------------
 */

/* The file's bytes, filled up with zeros to what the catalog expects: only padding may be gone. */
static char *read_claimed(mgp_store *s, mgp_alloc *a, const mgp_claim *claim) {
  mgp_segment_bytes file;
  if (mgp_segment_bytes_open(s, claim->number, claim->size, &file, NULL) != MAGPIE_OK) return NULL;
  const size_t size = file.map.size;
  char *block = NULL;
  if (size >= SEGMENT_HEADER_SIZE && claim->size >= SEGMENT_HEADER_SIZE &&
      claim->size <= size + SEGMENT_ALIGN)
    block = mgp_calloc(a, 1, (size_t)claim->size);
  if (block) memcpy(block, file.map.data, size < claim->size ? size : (size_t)claim->size);
  mgp_segment_bytes_close(s->alloc, &file);
  return block;
}

/* What only speed depends on is made anew by a merge. */
static void drop_extras(mgp_segment_parsed *parsed, uint32_t bad) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < parsed->header.section_count; i++) {
    if (bad >> i & 1) continue;
    parsed->entries[kept] = parsed->entries[i];
    parsed->sections[kept++] = parsed->sections[i];
  }
  parsed->header.section_count = kept;
}

bool mgp_segment_salvage(mgp_store *s, mgp_alloc *a, const mgp_claim *claim, char **block,
                         mgp_segment_parsed *out) {
  *block = read_claimed(s, a, claim);
  if (!*block) return false;
  /* What stands here is known without the file. */
  memcpy(*block, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
  memcpy(*block + SEGMENT_MAGIC_SIZE, &claim->checksum, sizeof claim->checksum);
  mgp_checked checked = {.claim = claim};
  uint32_t bad = 0;
  const bool is_whole =
      mgp_segment_parse(claim->file, *block, (size_t)claim->size, out, NULL) == MAGPIE_OK &&
      mgp_segment_verify(claim->file, out, &bad, NULL) == MAGPIE_OK;
  checked.parsed = *out;
  if (is_whole && compare_with_claim(&checked, NULL) == MAGPIE_OK) {
    drop_extras(out, bad);
    return true;
  }
  mgp_free(a, *block);
  *block = NULL;
  return false;
}
