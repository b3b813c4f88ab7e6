/* SPDX-License-Identifier: Apache-2.0
 *
 * The segment format: what is written is read back in place, and no wrong byte passes.
 */
#include "store_fixture.h"

#include "store/segment.h"

typedef struct file {
  unsigned char *bytes; /* of malloc: a sanitizer sees one byte too many */
  size_t size;
  char path[160];
} file;

static const char dictionary[] = "words of no alignment";

static file write_segment(fixture *f) {
  mgp_store *s = open_writer(f);
  const mgp_space space = test_space("words");
  const uint64_t ids[3] = {1, 5, 9};
  const mgp_section sections[] = {{MGP_SECTION_IDS, ids, sizeof ids},
                                  {MGP_SECTION_DICTIONARY, dictionary, sizeof dictionary},
                                  {MGP_SECTION_LENGTHS, NULL, 0},
                                  {MGP_SECTION_POSTINGS, "\1", 1}};
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, &space, err));
  assert_ok(mgp_store_segment_add(s, "words", 3, sections, 4, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  file out = {0};
  snprintf(out.path, sizeof out.path, "%s/segments/000000000001.seg", f->index);
  char *bytes = NULL;
  assert_ok(mgp_file_read(NULL, out.path, 1 << 20, &bytes, &out.size, err));
  out.bytes = malloc(out.size);
  memcpy(out.bytes, bytes, out.size);
  mgp_free(NULL, bytes);
  return out;
}

static magpie_status parse(const unsigned char *bytes, size_t size, magpie_error *err) {
  mgp_segment_parsed parsed;
  MGP_FORWARD(mgp_segment_parse("s", bytes, size, &parsed, err));
  uint32_t bad_extras = 0;
  return mgp_segment_verify("s", &parsed, &bad_extras, err);
}

/* Makes the header's checksum right again, so that the checks behind it are reached. */
static void seal(unsigned char *bytes) {
  mgp_segment_header h;
  memcpy(&h, bytes, sizeof h);
  h.checksum = mgp_hash64(bytes + 16, 64 + 32 * (size_t)h.section_count - 16);
  memcpy(bytes + 8, &h.checksum, 8);
}

static void segment_add_when_read_then_sections_are_as_written(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  mgp_snapshot *snap = NULL;
  assert_ok(mgp_snapshot_get(f->store, &snap, err));
  assert_int_equal(mgp_snapshot_segment_count(snap), 1);
  const mgp_segment_view *view = mgp_snapshot_segment(snap, 0);
  assert_string_equal(view->space, "words");
  assert_string_equal(view->file, "segments/000000000001.seg");
  assert_int_equal(view->count, 3);
  assert_int_equal(view->section_count, 4);
  assert_int_equal(view->sections[0].kind, MGP_SECTION_IDS);
  assert_int_equal(((const uint64_t *)view->sections[0].data)[2], 9);
  assert_int_equal(view->sections[1].size, sizeof dictionary);
  assert_string_equal(view->sections[1].data, dictionary);
  assert_int_equal(view->sections[2].size, 0);
  assert_memory_equal(view->sections[3].data, "\1", 1);
  for (size_t i = 0; i < 4; i++) assert_int_equal((uintptr_t)view->sections[i].data % 64, 0);
  assert_null(mgp_snapshot_segment(snap, 1));
  mgp_snapshot_release(snap);
  free(s.bytes);
}

/* The drawing in docs/format/segment.md, byte by byte. */
static void segment_file_when_written_then_is_as_drawn(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  assert_memory_equal(s.bytes, "MGPSEG\r\n", 8);
  assert_memory_equal(s.bytes + 16, "\1\0\0\0\4\0\0\0", 8);
  uint64_t numbers[3];
  memcpy(numbers, s.bytes + 24, sizeof numbers);
  assert_int_equal(numbers[0], s.size);
  assert_int_equal(numbers[1], 3);
  assert_int_equal(numbers[2], mgp_hash64("words", 5));
  assert_string_equal((const char *)s.bytes + 48, magpie_version());
  uint64_t header = 0, section = 0, offset = 0;
  memcpy(&header, s.bytes + 8, 8);
  assert_int_equal(header, mgp_hash64(s.bytes + 16, 64 + 4 * 32 - 16));
  assert_memory_equal(s.bytes + 64 + 32, "\4\0\0\0\0\0\0\0", 8);
  memcpy(&offset, s.bytes + 64 + 32 + 8, 8);
  memcpy(&section, s.bytes + 64 + 32 + 24, 8);
  assert_int_equal(offset, 192 + 64);
  assert_int_equal(section, mgp_hash64(dictionary, sizeof dictionary));
  assert_int_equal(s.size % 64, 0);
  free(s.bytes);
}

static void segment_parse_when_any_byte_differs_then_only_padding_passes(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  assert_ok(parse(s.bytes, s.size, err));
  size_t passed = 0;
  for (size_t at = 0; at < s.size; at++) {
    s.bytes[at] ^= 0x10;
    passed += parse(s.bytes, s.size, NULL) == MAGPIE_OK;
    s.bytes[at] ^= 0x10;
  }
  /* 4 sections of 24, 22, 0 and 1 bytes behind header and table */
  assert_int_equal(passed, s.size - (64 + 4 * 32) - 24 - sizeof dictionary - 1);
  free(s.bytes);
}

static void segment_parse_when_cut_short_then_is_corrupt(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  for (size_t size = 0; size < s.size; size++) {
    unsigned char *part = malloc(size + 1);
    memcpy(part, s.bytes, size);
    assert_int_equal(parse(part, size, NULL), MAGPIE_CORRUPT);
    free(part);
  }
  free(s.bytes);
}

static void segment_parse_when_newer_then_names_the_writer(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  s.bytes[16] = 2;
  memcpy(s.bytes + 48, "9.9.9\0\0\0", 8);
  assert_fails(MAGPIE_VERSION, "magpie 9.9.9", parse(s.bytes, s.size, err));
  assert_fails(MAGPIE_VERSION, "format 2", parse(s.bytes, s.size, err));
  free(s.bytes);
}

/* Sealed again, with one number wrong at a time: the bounds themselves are what is tested. */
static void segment_parse_when_sealed_numbers_lie_then_is_corrupt(void **state) {
  fixture *f = *state;
  file s = write_segment(f);
  static const uint64_t lies[] = {1,          63,         0,          UINT64_MAX, UINT64_MAX - 63,
                                  1ull << 63, 1ull << 32, 0xFFFFFFC0, 4096};
  unsigned char *copy = malloc(s.size);
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    for (int section = 0; section < 4; section++) {
      memcpy(copy, s.bytes, s.size);
      memcpy(copy + 64 + 32 * section + 8, &lies[i], 8);
      seal(copy);
      assert_fails(MAGPIE_CORRUPT, "section", parse(copy, s.size, err));
      memcpy(copy, s.bytes, s.size);
      if (lies[i] == 0) continue; /* an empty section is allowed */
      memcpy(copy + 64 + 32 * section + 16, &lies[i], 8);
      seal(copy);
      magpie_error err = {0};
      const magpie_status status = parse(copy, s.size, &err);
      assert_true(status == MAGPIE_CORRUPT || lies[i] == 1);
    }
  }
  memcpy(copy, s.bytes, s.size);
  copy[64 + 4] = 1; /* flags */
  seal(copy);
  assert_fails(MAGPIE_CORRUPT, "flags", parse(copy, s.size, err));
  for (unsigned count = 0; count < 256; count += count < 40 ? 1 : 43) {
    if (count == 4) continue;
    memcpy(copy, s.bytes, s.size);
    copy[20] = (unsigned char)count;
    assert_int_equal(parse(copy, s.size, NULL), MAGPIE_CORRUPT);
  }
  free(copy);
  free(s.bytes);
}

static void segment_add_when_space_is_not_declared_then_is_invalid(void **state) {
  fixture *f = *state;
  mgp_store *s = open_writer(f);
  const mgp_section section = {MGP_SECTION_IDS, "", 0};
  mgp_section many[33];
  for (int i = 0; i < 33; i++) many[i] = section;
  assert_ok(mgp_store_begin(s, err));
  assert_fails(MAGPIE_INVALID, "words", mgp_store_segment_add(s, "words", 0, &section, 1, err));
  assert_fails(MAGPIE_INVALID, "33", mgp_store_segment_add(s, "words", 0, many, 33, err));
  assert_fails(MAGPIE_INVALID, " 0 ", mgp_store_segment_add(s, "words", 0, many, 0, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  assert_int_equal(count_files(f->index, "segments"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(segment_add_when_read_then_sections_are_as_written),
      store_test(segment_file_when_written_then_is_as_drawn),
      store_test(segment_parse_when_any_byte_differs_then_only_padding_passes),
      store_test(segment_parse_when_cut_short_then_is_corrupt),
      store_test(segment_parse_when_newer_then_names_the_writer),
      store_test(segment_parse_when_sealed_numbers_lie_then_is_corrupt),
      store_test(segment_add_when_space_is_not_declared_then_is_invalid)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
