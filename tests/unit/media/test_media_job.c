/* SPDX-License-Identifier: Apache-2.0 */
#include "media_fixture.h"

static void decode_when_file_is_empty_then_format(void **state) {
  (void)state;
  assert_fails(write_text("empty.txt", ""), MAGPIE_FORMAT, "is empty");
  assert_fails(write_text("empty.jpg", ""), MAGPIE_FORMAT, "is empty");
}

static void decode_when_file_is_absent_then_says_so(void **state) {
  (void)state;
  decoded *d = decode(at("nowhere.txt"));
  assert_true(d->status == MAGPIE_IO || d->status == MAGPIE_NOT_FOUND);
  assert_non_null(strstr(d->err.message, "nowhere.txt"));
  forget(d);
}

static void decode_when_fifo_then_unsupported_at_once(void **state) {
  (void)state;
  assert_int_equal(mkfifo(at("pipe.jpg"), 0600), 0);
  const double start = mgp_clock_seconds();
  assert_fails(at("pipe.jpg"), MAGPIE_UNSUPPORTED, "is not a regular file");
  assert_true(mgp_clock_seconds() - start < 1);
}

static void decode_when_device_or_folder_then_unsupported(void **state) {
  (void)state;
  assert_fails("/dev/zero", MAGPIE_UNSUPPORTED, "is not a regular file");
  assert_fails(folder, MAGPIE_UNSUPPORTED, "is a folder");
}

static void decode_when_file_is_unreadable_then_io(void **state) {
  (void)state;
  const char *path = write_text("secret.txt", "nobody may read this");
  assert_int_equal(chmod(path, 0), 0);
  assert_int_equal(chmod(folder, 0755), 0);
  const bool is_root = geteuid() == 0;
  if (is_root) assert_int_equal(seteuid(65534), 0);
  decoded *d = decode(path);
  if (is_root) assert_int_equal(seteuid(0), 0);
  assert_int_equal(d->status, MAGPIE_IO);
  assert_non_null(strstr(d->err.message, "secret.txt"));
  forget(d);
}

static void decode_when_name_has_newline_or_bad_utf8_then_works_and_escapes(void **state) {
  (void)state;
  decoded *d = decode_well(write_text("two\nlines.txt", "A name may hold a line end."));
  assert_int_equal(d->count, 1);
  forget(d);
  d = decode_well(write_text("caf\xE9 \xFF.txt", "A name may hold bytes that are no UTF-8."));
  assert_int_equal(d->count, 1);
  forget(d);
  const char *path = write_text("bad\n\xFF.txt", "");
  assert_fails(path, MAGPIE_FORMAT, "bad%0A%FF.txt");
}

static void decode_when_bytes_are_no_format_then_unsupported(void **state) {
  (void)state;
  unsigned char noise[4096];
  uint32_t x = 12345;
  for (size_t i = 0; i < sizeof noise; i++) {
    x = x * 1664525U + 1013904223U;
    noise[i] = (unsigned char)(x >> 24);
  }
  noise[0] = 1;
  assert_fails(write_bytes("noise.txt", noise, sizeof noise), MAGPIE_UNSUPPORTED,
               "is not a format magpie reads");
  assert_fails(write_bytes("tool",
                           "\x7F"
                           "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3E\0\1\0\0",
                           24),
               MAGPIE_UNSUPPORTED, "is not a format magpie reads");
}

static void decode_when_video_then_unsupported(void **state) {
  (void)state;
  assert_fails(write_bytes("clip.avi", "RIFF\0\1\0\0AVI LIST", 16), MAGPIE_UNSUPPORTED,
               "video is not read yet");
}

static void decode_when_over_a_limit_then_limit(void **state) {
  (void)state;
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  const char *path = write_text("rows.csv", "name,age\nada,36\nbob,40\ncy,50\n");
  limits.max_bytes = 10;
  decoded *d = decode_with(path, &limits, 0);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_non_null(strstr(d->err.message, "29 bytes"));
  forget(d);

  mgp_media_limits_defaults(&limits);
  limits.max_items = 2;
  d = decode_with(path, &limits, 0);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_int_equal(d->count, 2);
  forget(d);

  mgp_media_limits_defaults(&limits);
  limits.max_seconds = 0;
  d = decode_with(path, &limits, 0);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_int_equal(d->count, 0);
  forget(d);
}

static void decode_when_cancelled_then_stops(void **state) {
  (void)state;
  const volatile int cancel = 1;
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.cancel = &cancel;
  decoded *d = decode_with(write_text("a.txt", "Some words."), &limits, 0);
  assert_int_equal(d->status, MAGPIE_CANCELLED);
  forget(d);
}

static void decode_when_sink_fails_then_returns_its_status(void **state) {
  (void)state;
  decoded *d = decode_with(write_text("r.csv", "name,age\nada,36\nbob,40\n"), NULL, 2);
  assert_int_equal(d->status, MAGPIE_CANCELLED);
  assert_string_equal(d->err.message, "the sink has enough");
  assert_int_equal(d->count, 1);
  forget(d);
}

static void decode_when_memory_is_short_then_no_memory_and_no_leak(void **state) {
  (void)state;
  const char *path = write_text("m.md", "# One\n\nFirst words here.\n\n# Two\n\nSecond words.\n");
  bool has_succeeded = false;
  for (uint64_t n = 1; n < 200 && !has_succeeded; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    decoded *d = calloc(1, sizeof *d);
    const mgp_media_sink sink = {.context = d, .item = keep_item};
    mgp_alloc_fail_at(a, n);
    d->status = mgp_media_decode(a, path, NULL, &sink, &d->info, &d->err);
    assert_true(d->status == MAGPIE_OK || d->status == MAGPIE_NO_MEMORY);
    has_succeeded = d->status == MAGPIE_OK && d->count == 2;
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
    forget(d);
  }
  assert_true(has_succeeded);
}

static magpie_status slow_sink(void *context, const mgp_media_item *item, magpie_error *err) {
  (void)item, (void)err;
  ++*(int *)context;
  usleep(100000);
  return MAGPIE_OK;
}

static void decode_when_the_sink_is_slow_then_its_time_is_not_the_files(void **state) {
  (void)state;
  int count = 0;
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.max_seconds = 0.25;
  const mgp_media_sink sink = {.context = &count, .item = slow_sink};
  mgp_media_info info = {0};
  const char *path =
      write_text("slow.jsonl", "{\"a\":\"one\"}\n{\"a\":\"two\"}\n{\"a\":\"three\"}\n"
                               "{\"a\":\"four\"}\n{\"a\":\"five\"}\n");
  assert_int_equal(mgp_media_decode(NULL, path, &limits, &sink, &info, NULL), MAGPIE_OK);
  assert_int_equal(count, 5);
  json_decref(info.metadata);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decode_when_the_sink_is_slow_then_its_time_is_not_the_files),
      cmocka_unit_test(decode_when_file_is_empty_then_format),
      cmocka_unit_test(decode_when_file_is_absent_then_says_so),
      cmocka_unit_test(decode_when_fifo_then_unsupported_at_once),
      cmocka_unit_test(decode_when_device_or_folder_then_unsupported),
      cmocka_unit_test(decode_when_file_is_unreadable_then_io),
      cmocka_unit_test(decode_when_name_has_newline_or_bad_utf8_then_works_and_escapes),
      cmocka_unit_test(decode_when_bytes_are_no_format_then_unsupported),
      cmocka_unit_test(decode_when_video_then_unsupported),
      cmocka_unit_test(decode_when_over_a_limit_then_limit),
      cmocka_unit_test(decode_when_cancelled_then_stops),
      cmocka_unit_test(decode_when_sink_fails_then_returns_its_status),
      cmocka_unit_test(decode_when_memory_is_short_then_no_memory_and_no_leak),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
