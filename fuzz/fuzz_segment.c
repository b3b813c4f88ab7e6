/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: opening any bytes as a segment file never crashes and never yields a section outside of
 * them. Input: the bytes. They are parsed as they are, and again with file size and checksum of the
 * header made right, so that the checks behind the checksum are reached.
 */
#include <stdlib.h>

#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true) {
  if (!is_true) abort();
}

/* A refusal says why; sections of what is accepted lie inside, in order, aligned, and are readable.
 */
static void try_parse(const unsigned char *bytes, size_t size) {
  mgp_segment_parsed parsed;
  magpie_error err = {0};
  if (mgp_segment_parse("fuzz", bytes, size, &parsed, &err) != MAGPIE_OK) {
    must(err.message[0] != '\0');
    return;
  }
  must(parsed.header.section_count >= 1 && parsed.header.section_count <= SEGMENT_SECTIONS_MAX);
  const unsigned char *after = bytes + SEGMENT_HEADER_SIZE;
  for (uint32_t i = 0; i < parsed.header.section_count; i++) {
    const unsigned char *at = parsed.sections[i].data;
    must(at >= after && at <= bytes + size);
    must(parsed.sections[i].size <= (size_t)(bytes + size - at));
    must((size_t)(at - bytes) % SEGMENT_ALIGN == 0);
    after = at + parsed.sections[i].size;
  }
  uint32_t bad_extras = 0;
  mgp_segment_verify("fuzz", &parsed, &bad_extras, &err); /* reads every byte */
}

static void seal(unsigned char *bytes, size_t size) {
  mgp_segment_header h;
  memcpy(&h, bytes, sizeof h);
  memcpy(h.magic, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
  h.format = SEGMENT_FORMAT;
  h.file_size = size;
  memcpy(bytes, &h, sizeof h);
  const size_t checked = SEGMENT_HEADER_SIZE + (size_t)h.section_count * SEGMENT_ENTRY_SIZE;
  if (h.section_count > SEGMENT_SECTIONS_MAX || checked > size) return;
  h.checksum = mgp_hash64(bytes + SEGMENT_CHECKED_FROM, checked - SEGMENT_CHECKED_FROM);
  memcpy(bytes, &h, sizeof h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  unsigned char *copy = malloc(size ? size : 1); /* of the exact size: one byte too far is seen */
  must(copy != NULL);
  memcpy(copy, data, size);
  try_parse(copy, size);
  if (size >= SEGMENT_HEADER_SIZE) {
    seal(copy, size);
    try_parse(copy, size);
  }
  free(copy);
  return 0;
}
