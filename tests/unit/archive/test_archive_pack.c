/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives there and back, and archives that are broken or lie: each is refused with a sentence
 * that names it, and no file of a lying one is ever finished.
 */
#include "memory_archive.h"

#include <zstd.h>

#define CATALOG "catalog.sqlite"
#define SEGMENT_1 "segments/000000000001.seg"
#define SEGMENT_12 "segments/000000000012.seg"
#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char large[3000000]; /* more than any block */

static const memory_file three[] = {
    {CATALOG, "the truth", 9}, {SEGMENT_1, "", 0}, {SEGMENT_12, large, sizeof large}};

static void fill_large(void) {
  uint32_t x = 1;
  for (size_t i = 0; i < sizeof large; i++) {
    x = x * 1664525 + 1013904223;
    large[i] = (char)(x >> 28); /* half of it can be packed away */
  }
}

static void must(magpie_status status, const magpie_error *err) {
  if (status != MAGPIE_OK) fail_msg("status %d: %s", (int)status, err->message);
}

static void must_fail(memory_archive *m, magpie_status code, const char *part) {
  magpie_error err = {0};
  const magpie_status status = memory_unpack(m, &err);
  if (status != code || !strstr(err.message, part) || !strstr(err.message, "t.tar.zst"))
    fail_msg("status %d: %s; expected %d with \"%s\"", (int)status, err.message, (int)code, part);
}

static void archive_when_packed_then_unpacks_to_the_same(void **state) {
  (void)state;
  for (size_t step = 0; step < 3; step++) {
    memory_archive m = {.step = (size_t[]){0, 1000, 77777}[step]};
    magpie_error err = {0};
    must(memory_pack(&m, three, 3, &err), &err);
    assert_true(m.bytes.size < sizeof large * 3 / 4);
    must(memory_unpack(&m, &err), &err);
    assert_int_equal(m.head.files, 3);
    assert_int_equal(m.head.bytes, 9 + sizeof large);
    assert_int_equal(m.head.generation, 7);
    assert_int_equal(m.head.items, 3);
    assert_string_equal(m.head.created, "2026-11-23T11:42:11Z");
    assert_int_equal(m.ended, 3);
    const char start[] = CATALOG ":9:the truth;" SEGMENT_1 ":0:;" SEGMENT_12 ":3000000:";
    assert_memory_equal(m.out.data, start, sizeof start - 1);
    assert_memory_equal(m.out.data + sizeof start - 1, large, sizeof large);
    memory_fini(&m);
  }
}

static void archive_when_cut_off_then_says_where(void **state) {
  (void)state;
  memory_archive m = {0};
  magpie_error err = {0};
  must(memory_pack(&m, three, 3, &err), &err);
  const size_t whole = m.bytes.size;
  for (size_t i = 1; i <= 64; i++) {
    m.bytes.size = i <= 32 ? whole - i : whole * (i - 32) / 33;
    must_fail(&m, MAGPIE_CORRUPT, "cut off");
    assert_true(m.ended < 3 || m.bytes.size > whole - 64);
  }
  m.bytes.size = 0;
  must_fail(&m, MAGPIE_FORMAT, "does not begin");
  memory_fini(&m);
}

static void archive_when_any_bit_flips_then_is_refused(void **state) {
  (void)state;
  memory_archive m = {0};
  magpie_error err = {0};
  must(memory_pack(&m, three, 2, &err), &err);
  for (size_t bit = 0; bit < m.bytes.size * 8; bit++) {
    m.bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    err = (magpie_error){0};
    if (memory_unpack(&m, &err) == MAGPIE_OK) {
      /* a bit of the frame's header that says nothing: then nothing else may differ */
      const char same[] = CATALOG ":9:the truth;" SEGMENT_1 ":0:;";
      assert_int_equal(m.out.size, sizeof same - 1);
      assert_memory_equal(m.out.data, same, sizeof same - 1);
    } else {
      assert_non_null(strstr(err.message, "t.tar.zst"));
    }
    m.bytes.data[bit / 8] ^= (char)(1 << bit % 8);
  }
  memory_fini(&m);
}

static void archive_when_something_follows_then_is_refused(void **state) {
  (void)state;
  memory_archive m = {0};
  magpie_error err = {0};
  must(memory_pack(&m, three, 3, &err), &err);
  mgp_buffer_add_char(&m.bytes, 'x');
  must_fail(&m, MAGPIE_FORMAT, "behind its end");
  memory_fini(&m);
}

static void packing_when_a_name_is_none_of_an_index_then_is_refused(void **state) {
  (void)state;
  const memory_file bad[] = {{"../etc/passwd", "x", 1}};
  memory_archive m = {0};
  magpie_error err = {0};
  assert_int_equal(memory_pack(&m, bad, 1, &err), MAGPIE_INTERNAL);
  memory_fini(&m);
}

/* ---- archives that lie --------------------------------------------------------------------------
 */

static void put(mgp_tar_writer *w, const char *name, const char *bytes, size_t size) {
  magpie_error err = {0};
  must(mgp_tar_writer_begin(w, name, size, &err), &err);
  if (size > 0) must(mgp_tar_writer_add(w, bytes, size, &err), &err);
}

/* A tar of these members, whatever their names. */
static void make(memory_archive *m, const memory_file *members, size_t count) {
  mgp_tar_writer *w = NULL;
  magpie_error err = {0};
  mgp_buffer_clear(&m->bytes);
  must(mgp_tar_writer_open(NULL, "t.tar.zst", memory_write_archive, m, &w, &err), &err);
  for (size_t i = 0; i < count; i++) put(w, members[i].name, members[i].bytes, members[i].size);
  must(mgp_tar_writer_end(w, &err), &err);
  mgp_tar_writer_close(&w);
}

#define HEAD(format, files, bytes)                                                                 \
  "{\"format\":" format ",\"magpie\":\"9.9\",\"created\":\"2026\",\"generation\":1,\"items\":1,"   \
  "\"files\":" files ",\"bytes\":" bytes "}\n"
#define LINE(name, size, sha) "{\"name\":\"" name "\",\"size\":" size ",\"sha256\":\"" sha "\"}\n"
#define EMPTY(name) LINE(name, "0", EMPTY_SHA)

typedef struct lie {
  const char *manifest;
  memory_file members[3];
  magpie_status code;
  const char *part;
} lie;

static const lie lies[] = {
    {HEAD("2", "1", "0") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_VERSION, "archive format 2"},
    {HEAD("0", "1", "0") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "no \"format\""},
    {HEAD("\"1\"", "1", "0") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "no \"format\""},
    {HEAD("1", "-1", "0") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "\"files\""},
    {HEAD("1", "1", "9e99") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "\"bytes\""},
    {HEAD("1", "1", "9223372036854775807") EMPTY(CATALOG),
     {{CATALOG, "", 0}},
     MAGPIE_FORMAT,
     "\"bytes\""},
    {"[1]\n", {{CATALOG, "", 0}}, MAGPIE_FORMAT, "\"format\""},
    {"nonsense\n", {{CATALOG, "", 0}}, MAGPIE_FORMAT, "line 1"},
    {HEAD("1", "1", "0") "{\"name\":\"catalog.sqlite\"}\n", {{0}}, MAGPIE_FORMAT, "line 2"},
    {HEAD("1", "1", "0") LINE(CATALOG, "0", "abc"), {{0}}, MAGPIE_FORMAT, "line 2"},
    {HEAD("1", "1", "0") LINE(CATALOG, "-5", EMPTY_SHA), {{0}}, MAGPIE_FORMAT, "line 2"},
    {HEAD("1", "2", "0") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "lists 1"},
    {HEAD("1", "1", "5") EMPTY(CATALOG), {{CATALOG, "", 0}}, MAGPIE_FORMAT, "lists 1"},
    {HEAD("1", "1", "0") LINE(CATALOG, "7", EMPTY_SHA), {{0}}, MAGPIE_FORMAT, "larger than"},
    {HEAD("1", "1", "0") EMPTY("../../etc/passwd"), {{0}}, MAGPIE_FORMAT, "no file of an index"},
    {HEAD("1", "1", "0") EMPTY("/etc/passwd"), {{0}}, MAGPIE_FORMAT, "no file of an index"},
    {HEAD("1", "1", "0") EMPTY("segments/1.seg"), {{0}}, MAGPIE_FORMAT, "no file of an index"},
    {HEAD("1", "2", "0") EMPTY(CATALOG) EMPTY(CATALOG), {{0}}, MAGPIE_FORMAT, "twice"},
    {HEAD("1", "2", "0") EMPTY(SEGMENT_1) EMPTY(CATALOG), {{0}}, MAGPIE_FORMAT, "out of order"},
    {HEAD("1", "1", "0") EMPTY(CATALOG), {{0}}, MAGPIE_CORRUPT, "ends before its member " CATALOG},
    {HEAD("1", "1", "0") EMPTY(CATALOG), {{SEGMENT_1, "", 0}}, MAGPIE_FORMAT, "expects " CATALOG},
    {HEAD("1", "1", "0") EMPTY(CATALOG), {{CATALOG, "abc", 3}}, MAGPIE_FORMAT, "has 3 bytes"},
    {HEAD("1", "1", "3") LINE(CATALOG, "3", EMPTY_SHA),
     {{CATALOG, "abc", 3}},
     MAGPIE_CORRUPT,
     "SHA-256"},
    {HEAD("1", "1", "0") EMPTY(CATALOG),
     {{CATALOG, "", 0}, {SEGMENT_1, "", 0}},
     MAGPIE_FORMAT,
     "does not list"},
    {HEAD("1", "1", "0") EMPTY(CATALOG),
     {{CATALOG, "", 0}, {CATALOG, "", 0}},
     MAGPIE_FORMAT,
     "does not list"},
};

static void archive_when_it_lies_then_is_refused_with_the_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    memory_archive m = {0};
    memory_file members[4] = {{ARCHIVE_MANIFEST, lies[i].manifest, strlen(lies[i].manifest)}};
    size_t count = 1;
    while (count < 4 && lies[i].members[count - 1].name) {
      members[count] = lies[i].members[count - 1];
      count++;
    }
    make(&m, members, count);
    must_fail(&m, lies[i].code, lies[i].part);
    memory_fini(&m);
  }
}

static void archive_when_the_manifest_is_not_first_then_is_refused(void **state) {
  (void)state;
  memory_archive m = {0};
  const memory_file members[] = {{CATALOG, "", 0}, {ARCHIVE_MANIFEST, HEAD("1", "0", "0"), 1}};
  make(&m, members, 2);
  must_fail(&m, MAGPIE_FORMAT, "expected " ARCHIVE_MANIFEST);
  make(&m, NULL, 0);
  must_fail(&m, MAGPIE_FORMAT, ARCHIVE_MANIFEST);
  memory_fini(&m);
}

/* 512 MiB of zeros in 17 kB: what is read ahead of the manifest's limits stops at once. */
static void archive_when_it_is_a_bomb_then_stops_at_the_limit(void **state) {
  (void)state;
  static const char zeros[1 << 20];
  memory_archive m = {0};
  mgp_tar_writer *w = NULL;
  magpie_error err = {0};
  const char manifest[] = HEAD("1", "1", "0") EMPTY(CATALOG);
  must(mgp_tar_writer_open(NULL, "t.tar.zst", memory_write_archive, &m, &w, &err), &err);
  put(w, ARCHIVE_MANIFEST, manifest, sizeof manifest - 1);
  must(mgp_tar_writer_begin(w, CATALOG, (uint64_t)512 << 20, &err), &err);
  for (int i = 0; i < 512; i++) must(mgp_tar_writer_add(w, zeros, sizeof zeros, &err), &err);
  must(mgp_tar_writer_end(w, &err), &err);
  mgp_tar_writer_close(&w);
  assert_true(m.bytes.size < 100000);
  must_fail(&m, MAGPIE_FORMAT, "536870912 bytes, its manifest expects 0");
  assert_int_equal(m.begun, 0);
  /* the same as a manifest: its lines end nowhere */
  mgp_buffer_clear(&m.bytes);
  must(mgp_tar_writer_open(NULL, "t.tar.zst", memory_write_archive, &m, &w, &err), &err);
  must(mgp_tar_writer_begin(w, ARCHIVE_MANIFEST, (uint64_t)64 << 20, &err), &err);
  for (int i = 0; i < 64; i++) must(mgp_tar_writer_add(w, zeros, sizeof zeros, &err), &err);
  must(mgp_tar_writer_end(w, &err), &err);
  mgp_tar_writer_close(&w);
  must_fail(&m, MAGPIE_FORMAT, "does not end within");
  memory_fini(&m);
}

/* 64 MiB of zeros behind the tar's end, where no member asks for them. */
static void archive_when_its_padding_is_a_bomb_then_stops_at_the_limit(void **state) {
  (void)state;
  const size_t padding = (size_t)64 << 20;
  memory_archive m = {0};
  magpie_error err = {0};
  must(memory_pack(&m, three, 2, &err), &err);
  char *plain = calloc(1, padding);
  assert_non_null(plain);
  assert_true(ZSTD_decompress(plain, padding, m.bytes.data, m.bytes.size) < padding);
  const size_t room = ZSTD_compressBound(padding);
  char *packed = malloc(room);
  assert_non_null(packed);
  mgp_buffer_clear(&m.bytes);
  mgp_buffer_add(&m.bytes, packed, ZSTD_compress(packed, room, plain, padding, 1));
  must_fail(&m, MAGPIE_FORMAT, "unpacks to more than");
  free(plain);
  free(packed);
  memory_fini(&m);
}

static void archive_when_the_head_is_refused_then_no_file_begins(void **state) {
  (void)state;
  memory_archive m = {.refuse = MAGPIE_LIMIT};
  magpie_error err = {0};
  must(memory_pack(&m, three, 3, &err), &err);
  assert_int_equal(memory_unpack(&m, &err), MAGPIE_LIMIT);
  assert_int_equal(m.begun, 0);
  memory_fini(&m);
}

static void memory_when_any_allocation_fails_then_says_so(void **state) {
  (void)state;
  memory_archive m = {0};
  magpie_error err = {0};
  must(memory_pack(&m, three, 2, &err), &err);
  const mgp_archive_unpacking whole = {.name = "t.tar.zst",
                                       .place = memory_place,
                                       .context = &m,
                                       .read = memory_read_archive,
                                       .head = memory_head,
                                       .begin = memory_begin,
                                       .write = memory_write_file,
                                       .end = memory_end};
  for (uint64_t n = 1;; n++) {
    mgp_archive_unpacking unpacking = whole;
    unpacking.alloc = mgp_alloc_create(0);
    mgp_alloc_fail_at(unpacking.alloc, n);
    m.read_at = 0;
    err = (magpie_error){0};
    const magpie_status status = mgp_archive_unpack(&unpacking, &err);
    assert_int_equal(mgp_alloc_used(unpacking.alloc), 0);
    mgp_alloc_destroy(unpacking.alloc);
    if (status == MAGPIE_OK) {
      assert_true(n > 3);
      break;
    }
    assert_int_equal(status, MAGPIE_NO_MEMORY);
  }
  memory_fini(&m);
}

static void memory_when_the_budget_is_small_then_is_refused_at_once(void **state) {
  (void)state;
  memory_archive m = {0};
  magpie_error err = {0};
  mgp_alloc *small = mgp_alloc_create((uint64_t)4 << 20);
  mgp_tar_writer *w = NULL;
  assert_int_equal(mgp_tar_writer_open(small, "t.tar.zst", memory_write_archive, &m, &w, &err),
                   MAGPIE_NO_MEMORY);
  assert_non_null(strstr(err.message, "--memory"));
  assert_int_equal(mgp_alloc_used(small), 0);
  mgp_alloc_destroy(small);
  memory_fini(&m);
}

int main(void) {
  fill_large();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(archive_when_packed_then_unpacks_to_the_same),
      cmocka_unit_test(archive_when_cut_off_then_says_where),
      cmocka_unit_test(archive_when_any_bit_flips_then_is_refused),
      cmocka_unit_test(archive_when_something_follows_then_is_refused),
      cmocka_unit_test(packing_when_a_name_is_none_of_an_index_then_is_refused),
      cmocka_unit_test(archive_when_it_lies_then_is_refused_with_the_reason),
      cmocka_unit_test(archive_when_the_manifest_is_not_first_then_is_refused),
      cmocka_unit_test(archive_when_it_is_a_bomb_then_stops_at_the_limit),
      cmocka_unit_test(archive_when_its_padding_is_a_bomb_then_stops_at_the_limit),
      cmocka_unit_test(archive_when_the_head_is_refused_then_no_file_begins),
      cmocka_unit_test(memory_when_any_allocation_fails_then_says_so),
      cmocka_unit_test(memory_when_the_budget_is_small_then_is_refused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
