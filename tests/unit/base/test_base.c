/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, hashes, files, threads, top-k, JSON and errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static char place[] = "/tmp/magpie-base-XXXXXX";

static int make_place(void **state) {
  (void)state;
  return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state) {
  (void)state;
  return mgp_directory_remove(place, NULL) == MAGPIE_OK ? 0 : -1;
}

static char *in_place(const char *name) {
  return mgp_path_join(NULL, place, name);
}

/* ---- errors and strings ------------------------------------------------------------------------
 */

static void a_message_that_is_cut_stays_utf8(void **state) {
  (void)state;
  char text[2000] = "";
  for (int i = 0; i < 300; i++) strcat(text, "ä€");
  magpie_error err;
  for (size_t skip = 0; skip < 5; skip++) {
    assert_int_equal(mgp_fail(&err, MAGPIE_IO, "%.*s%s", (int)skip, "abcd", text), MAGPIE_IO);
    assert_true(mgp_utf8_valid(err.message, strlen(err.message)));
    assert_true(strlen(err.message) > sizeof err.message - 8);
  }
  assert_int_equal(mgp_fail(NULL, MAGPIE_LIMIT, "x"), MAGPIE_LIMIT);
}

static void utf8_accepts_all_code_points_and_refuses_the_rest(void **state) {
  (void)state;
  for (uint32_t code = 1; code <= 0x10FFFF; code += code < 0x3000 ? 1 : 17) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    char bytes[4];
    const size_t size = mgp_utf8_put(code, bytes);
    size_t pos = 0;
    assert_true(mgp_utf8_valid(bytes, size));
    assert_int_equal(mgp_utf8_next(bytes, size, &pos), code);
    assert_int_equal(pos, size);
    for (size_t cut = 1; cut < size; cut++) {
      assert_false(mgp_utf8_valid(bytes, cut));
      assert_int_equal(mgp_utf8_cut(bytes, cut), 0);
    }
  }
  static const char *const bad[] = {
      "\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "\xFF", "\xC3("};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t pos = 0;
    assert_false(mgp_utf8_valid(bad[i], strlen(bad[i])));
    assert_int_equal(mgp_utf8_next(bad[i], strlen(bad[i]), &pos), 0xFFFD);
    assert_int_equal(pos, 1);
  }
}

static void any_path_survives_escape_and_unescape(void **state) {
  (void)state;
  unsigned seed = 7;
  for (int round = 0; round < 2000; round++) {
    char path[40];
    const size_t size = (size_t)rand_r(&seed) % 39;
    for (size_t i = 0; i < size; i++) path[i] = (char)(rand_r(&seed) % 255 + 1);
    path[size] = '\0';
    char *shown = mgp_path_escape(NULL, path);
    char *back = mgp_path_unescape(NULL, shown);
    assert_true(mgp_utf8_valid(shown, strlen(shown)));
    assert_null(strchr(shown, '\n'));
    assert_string_equal(back, path);
    mgp_free(NULL, shown);
    mgp_free(NULL, back);
  }
  char *shown = mgp_path_escape(NULL, "/a/caf\xe9\n100%.txt");
  assert_string_equal(shown, "/a/caf%E9%0A100%25.txt");
  mgp_free(NULL, shown);
}

/* ---- hashes (FIPS 180-4 examples)
 * ---------------------------------------------------------------- */

static void check_sha256(const void *bytes, size_t size, size_t step, const char *want) {
  mgp_sha256 h;
  char hex[65];
  mgp_sha256_init(&h);
  for (size_t i = 0; i < size; i += step)
    mgp_sha256_add(&h, (const char *)bytes + i, size - i < step ? size - i : step);
  mgp_sha256_hex(&h, hex);
  assert_string_equal(hex, want);
}

static void sha256_equals_the_standard(void **state) {
  (void)state;
  check_sha256("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  check_sha256("abc", 3, 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  char *million = malloc(1000000);
  memset(million, 'a', 1000000);
  static const char want[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  check_sha256(million, 1000000, 1000000, want);
  check_sha256(million, 1000000, 997, want);
  char *file = in_place("million");
  uint64_t size = 0;
  char hex[65];
  assert_int_equal(mgp_file_write_durable(file, million, 1000000, NULL), MAGPIE_OK);
  assert_int_equal(mgp_sha256_file(file, hex, &size, NULL), MAGPIE_OK);
  assert_string_equal(hex, want);
  assert_int_equal(size, 1000000);
  mgp_hash128 whole;
  const mgp_hash128 direct = mgp_hash128_bytes(million, 1000000);
  assert_int_equal(mgp_hash128_file(file, &whole, NULL), MAGPIE_OK);
  assert_true(whole.low == direct.low && whole.high == direct.high);
  mgp_free(NULL, file);
  free(million);
}

/* ---- files
 * ----------------------------------------------------------------------------------------- */

static void files_are_written_read_and_mapped(void **state) {
  (void)state;
  char *file = in_place("one.txt");
  char *data = NULL;
  size_t size = 0;
  mgp_map map;
  assert_int_equal(mgp_file_write_durable(file, "hello", 5, NULL), MAGPIE_OK);
  assert_int_equal(mgp_file_write_durable(file, "again", 5, NULL), MAGPIE_OK);
  assert_int_equal(mgp_file_read(NULL, file, 100, &data, &size, NULL), MAGPIE_OK);
  assert_string_equal(data, "again");
  mgp_free(NULL, data);
  magpie_error err;
  assert_int_equal(mgp_file_read(NULL, file, 4, &data, &size, &err), MAGPIE_LIMIT);
  assert_non_null(strstr(err.message, "one.txt"));
  assert_int_equal(mgp_map_open(file, &map, NULL), MAGPIE_OK);
  assert_memory_equal(map.data, "again", 5);
  mgp_map_close(&map);
  mgp_free(NULL, file);
}

static void what_is_not_there_or_no_file_is_refused(void **state) {
  (void)state;
  char *missing = in_place("no/such/file"), *pipe = in_place("pipe"), *data = NULL;
  size_t size = 0;
  mgp_map map;
  magpie_error err;
  assert_int_equal(mgp_file_read(NULL, missing, 10, &data, &size, &err), MAGPIE_NOT_FOUND);
  assert_int_equal(mgp_file_write_durable(missing, "x", 1, &err), MAGPIE_NOT_FOUND);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  assert_int_equal(mgp_file_read(NULL, pipe, 10, &data, &size, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_map_open(pipe, &map, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_map_open("/tmp", &map, &err), MAGPIE_UNSUPPORTED);
  mgp_free(NULL, missing);
  mgp_free(NULL, pipe);
}

static void removing_a_folder_does_not_follow_links(void **state) {
  (void)state;
  char *outside = in_place("outside"), *inside = in_place("tree/deep/er");
  char *link = in_place("tree/deep/link"), *tree = in_place("tree"),
       *kept = in_place("outside/kept");
  assert_int_equal(mgp_directory_make(inside, NULL), MAGPIE_OK);
  assert_int_equal(mgp_directory_make(outside, NULL), MAGPIE_OK);
  assert_int_equal(mgp_file_write_durable(kept, "x", 1, NULL), MAGPIE_OK);
  assert_int_equal(symlink(outside, link), 0);
  assert_int_equal(mgp_directory_remove(tree, NULL), MAGPIE_OK);
  assert_false(mgp_file_exists(tree));
  assert_true(mgp_file_exists(kept));
  assert_int_equal(mgp_directory_make(kept, NULL), MAGPIE_IO); /* a file is in the way */
  mgp_free(NULL, outside), mgp_free(NULL, inside), mgp_free(NULL, link);
  mgp_free(NULL, tree), mgp_free(NULL, kept);
}

/* ---- threads
 * ----------------------------------------------------------------------------------------- */

typedef struct counts {
  atomic_int seen[1000];
} counts;

static void count_index(void *context, size_t index) {
  atomic_fetch_add(&((counts *)context)->seen[index], 1);
}

static void pool_runs_every_index_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= 5; threads += 2) {
    mgp_pool *pool = NULL;
    assert_int_equal(mgp_pool_create(threads, &pool, NULL), MAGPIE_OK);
    assert_int_equal(mgp_pool_threads(pool), threads);
    counts *c = calloc(1, sizeof *c);
    for (int round = 1; round <= 200; round++) {
      mgp_pool_run(pool, (size_t)round * 5, count_index, c);
      mgp_pool_run(pool, 0, count_index, c);
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(c->seen[i], 200 - i / 5);
    mgp_pool_destroy(pool);
    free(c);
  }
}

/* ---- top-k
 * --------------------------------------------------------------------------------------------- */

static void topk_equals_a_full_sort(void **state) {
  (void)state;
  unsigned seed = 3;
  for (int round = 0; round < 300; round++) {
    const size_t n = (size_t)rand_r(&seed) % 200, k = (size_t)rand_r(&seed) % 30;
    mgp_scored all[200], heap[30];
    mgp_topk top;
    size_t finite = 0;
    mgp_topk_init(&top, heap, k);
    for (size_t i = 0; i < n; i++) {
      const float score = (float)(rand_r(&seed) % 20) / 4;
      const bool is_nan = rand_r(&seed) % 10 == 0;
      const uint64_t id = (uint64_t)rand_r(&seed) << 20 | i;
      if (top.count == k && k > 0) assert_true(mgp_topk_floor(&top) == heap[0].score);
      else if (k > 0) assert_true(isinf(mgp_topk_floor(&top)));
      mgp_topk_push(&top, is_nan ? NAN : score, id);
      if (!is_nan) all[finite++] = (mgp_scored){.score = score, .id = id};
    }
    if (finite) qsort(all, finite, sizeof *all, mgp_scored_compare);
    mgp_topk_sort(&top);
    assert_int_equal(top.count, finite < k ? finite : k);
    for (size_t i = 0; i < top.count; i++) assert_int_equal(top.heap[i].id, all[i].id);
    for (size_t i = 1; i < finite; i++)
      assert_true(all[i - 1].score > all[i].score ||
                  (all[i - 1].score == all[i].score && all[i - 1].id <= all[i].id));
  }
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------------
 */

static void json_errors_name_the_line(void **state) {
  (void)state;
  static const char text[] = "{\"a\": 1,\n \"b\": }";
  json_t *value = NULL;
  magpie_error err;
  assert_int_equal(mgp_json_parse("file.json", text, sizeof text - 1, &value, &err), MAGPIE_FORMAT);
  assert_null(value);
  assert_string_equal(err.place, "file.json:2");
  assert_int_equal(mgp_json_parse("x", "{\"a\":\"\xff\"}", 9, &value, &err), MAGPIE_FORMAT);
  char *deep = malloc(200001);
  memset(deep, '[', 200000);
  assert_int_equal(mgp_json_parse("x", deep, 200000, &value, &err), MAGPIE_FORMAT);
  free(deep);
}

static void json_members_have_defaults(void **state) {
  (void)state;
  static const char text[] = "{\"t\":\"x\",\"n\":1.5,\"i\":7,\"b\":true}";
  json_t *value = NULL;
  char *out = NULL;
  assert_int_equal(mgp_json_parse("x", text, sizeof text - 1, &value, NULL), MAGPIE_OK);
  assert_string_equal(mgp_json_text(value, "t", "-"), "x");
  assert_string_equal(mgp_json_text(value, "n", "-"), "-");
  assert_true(mgp_json_number(value, "n", 0) == 1.5 && mgp_json_number(value, "i", 0) == 7);
  assert_int_equal(mgp_json_integer(value, "i", 0), 7);
  assert_int_equal(mgp_json_integer(value, "t", -3), -3);
  assert_true(mgp_json_bool(value, "b", false) && mgp_json_bool(value, "none", true));
  assert_int_equal(mgp_json_write(value, &out, NULL), MAGPIE_OK);
  assert_string_equal(out, text);
  magpie_free(out);
  json_decref(value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_that_is_cut_stays_utf8),
      cmocka_unit_test(utf8_accepts_all_code_points_and_refuses_the_rest),
      cmocka_unit_test(any_path_survives_escape_and_unescape),
      cmocka_unit_test(sha256_equals_the_standard),
      cmocka_unit_test(files_are_written_read_and_mapped),
      cmocka_unit_test(what_is_not_there_or_no_file_is_refused),
      cmocka_unit_test(removing_a_folder_does_not_follow_links),
      cmocka_unit_test(pool_runs_every_index_once),
      cmocka_unit_test(topk_equals_a_full_sort),
      cmocka_unit_test(json_errors_name_the_line),
      cmocka_unit_test(json_members_have_defaults),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
