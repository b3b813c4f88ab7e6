/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, hashes, files, threads, top-k, JSON and errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
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

static void what_is_no_escape_is_kept_as_it_stands(void **state) {
  (void)state;
  static const char *const same[] = {"", "%", "%4", "%zz", "100%", "%00", "a%0"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    char *back = mgp_path_unescape(NULL, same[i]);
    assert_string_equal(back, same[i]);
    mgp_free(NULL, back);
  }
  char *shown = mgp_path_escape(NULL, "\xC2\x85|\xC3\xA4|\xED\xA0\x80|\x7F|\xF0\x9F\x90\xA6");
  assert_string_equal(shown, "%C2%85|\xC3\xA4|%ED%A0%80|%7F|\xF0\x9F\x90\xA6");
  mgp_free(NULL, shown);
}

/* Random bytes: decoding ends, goes forward by 1 to 4, and a valid text decodes without U+FFFD. */
static void utf8_of_broken_sequences_goes_forward(void **state) {
  (void)state;
  unsigned seed = 11;
  for (int round = 0; round < 20000; round++) {
    char text[12];
    const size_t size = (size_t)rand_r(&seed) % sizeof text + 1;
    for (size_t i = 0; i < size; i++) text[i] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) : 0x80);
    bool has_replacement = false;
    for (size_t pos = 0; pos < size;) {
      const size_t before = pos;
      char again[4];
      const uint32_t code = mgp_utf8_next(text, size, &pos);
      assert_true(pos > before && pos - before <= 4 && pos <= size);
      if (code == 0xFFFD) has_replacement = true;
      else {
        assert_int_equal(mgp_utf8_put(code, again), pos - before);
        assert_memory_equal(again, text + before, pos - before);
      }
    }
    assert_int_equal(mgp_utf8_valid(text, size), !has_replacement);
  }
  size_t pos = 0; /* a sequence that is cut by the end is told byte by byte */
  assert_int_equal(mgp_utf8_next("\xE2\x82", 2, &pos), 0xFFFD);
  assert_int_equal(pos, 1);
}

static void errors_of_the_system_carry_their_reason_and_a_hint(void **state) {
  (void)state;
  magpie_error err;
  assert_int_equal(mgp_fail_errno(&err, ENOSPC, "%s cannot be written", "x.seg"), MAGPIE_IO);
  assert_non_null(strstr(err.message, "x.seg cannot be written: No space left"));
  assert_non_null(strstr(err.message, "free some space"));
  assert_int_equal(mgp_fail_errno(&err, EACCES, "x"), MAGPIE_IO);
  assert_non_null(strstr(err.message, "permissions"));
  assert_int_equal(mgp_fail_errno(&err, ENOMEM, "x"), MAGPIE_NO_MEMORY);
  assert_int_equal(mgp_fail_errno(NULL, ENOENT, "x"), MAGPIE_NOT_FOUND);
  mgp_fail_place(&err, "%s:%d", "x.csv", 7);
  assert_string_equal(err.place, "x.csv:7");
  assert_int_equal(err.code, MAGPIE_NO_MEMORY);
  assert_string_equal(magpie_status_text(MAGPIE_OK), "success");
  assert_string_equal(magpie_status_text((magpie_status)-999), "an unknown status");
  assert_true(strlen(magpie_version()) > 0);
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
  mgp_hash128 hash = {.low = 1, .high = 2};
  char hex[65] = "untouched";
  assert_int_equal(mgp_hash128_file(pipe, &hash, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_hash128_file(missing, &hash, &err), MAGPIE_NOT_FOUND);
  assert_true(hash.low == 1 && hash.high == 2);
  assert_int_equal(mgp_sha256_file(pipe, hex, NULL, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_sha256_file("/tmp", hex, NULL, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_sha256_file(missing, hex, NULL, &err), MAGPIE_NOT_FOUND);
  assert_string_equal(hex, "untouched");
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
  /* the link itself, with slashes behind it that would lead through it */
  char *slashed = in_place("to-outside//");
  char *bare = in_place("to-outside");
  assert_int_equal(symlink(outside, bare), 0);
  assert_int_equal(mgp_directory_remove(slashed, NULL), MAGPIE_OK);
  assert_true(mgp_file_exists(kept));
  assert_false(mgp_file_exists(bare));
  assert_int_equal(mgp_directory_remove(bare, NULL), MAGPIE_OK); /* there is none: nothing to do */
  mgp_free(NULL, slashed), mgp_free(NULL, bare);
  mgp_free(NULL, outside), mgp_free(NULL, inside), mgp_free(NULL, link);
  mgp_free(NULL, tree), mgp_free(NULL, kept);
}

static void a_durable_write_does_not_follow_links(void **state) {
  (void)state;
  char *victim = in_place("victim"), *target = in_place("target"), *data = NULL;
  size_t size = 0;
  char planted[300];
  snprintf(planted, sizeof planted, "%s.tmp.%ld", target, (long)getpid());
  assert_int_equal(mgp_file_write_durable(victim, "precious", 8, NULL), MAGPIE_OK);
  assert_int_equal(symlink(victim, planted), 0); /* where the temporary file would be */
  assert_int_equal(symlink(victim, target), 0);
  assert_int_equal(mgp_file_write_durable(target, "new", 3, NULL), MAGPIE_OK);
  assert_int_equal(mgp_file_read(NULL, victim, 100, &data, &size, NULL), MAGPIE_OK);
  assert_string_equal(data, "precious");
  mgp_free(NULL, data);
  assert_int_equal(mgp_file_read(NULL, target, 100, &data, &size, NULL), MAGPIE_OK);
  assert_string_equal(data, "new");
  mgp_free(NULL, data);
  assert_int_equal(access(planted, F_OK), -1);
  mgp_free(NULL, victim), mgp_free(NULL, target);
}

/* A file-size limit stands for a full disk: the old content stays and no temporary file is left. */
static void a_durable_write_that_fails_keeps_the_old_file(void **state) {
  (void)state;
  char *file = in_place("kept.bin"), *data = NULL;
  size_t size = 0;
  assert_int_equal(mgp_file_write_durable(file, "old", 3, NULL), MAGPIE_OK);
  char *large = calloc(1, 1 << 20);
  struct rlimit whole, small;
  getrlimit(RLIMIT_FSIZE, &whole);
  small = (struct rlimit){.rlim_cur = 4096, .rlim_max = whole.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  magpie_error err;
  const magpie_status status = mgp_file_write_durable(file, large, 1 << 20, &err);
  setrlimit(RLIMIT_FSIZE, &whole);
  assert_int_equal(status, MAGPIE_IO);
  assert_non_null(strstr(err.message, "kept.bin"));
  assert_int_equal(mgp_file_read(NULL, file, 100, &data, &size, NULL), MAGPIE_OK);
  assert_string_equal(data, "old");
  char left[300];
  snprintf(left, sizeof left, "%s.tmp.%ld", file, (long)getpid());
  assert_false(mgp_file_exists(left));
  mgp_free(NULL, data), mgp_free(NULL, file);
  free(large);
}

static void reading_over_a_ceiling_gives_no_memory(void **state) {
  (void)state;
  char *file = in_place("large.bin"), *data = NULL, *large = calloc(1, 100000);
  size_t size = 0;
  magpie_error err;
  mgp_alloc *a = mgp_alloc_create(5000);
  assert_int_equal(mgp_file_write_durable(file, large, 100000, NULL), MAGPIE_OK);
  assert_int_equal(mgp_file_read(a, file, UINT64_MAX, &data, &size, &err), MAGPIE_NO_MEMORY);
  assert_null(data);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
  mgp_free(NULL, file);
  free(large);
}

static void paths_join_and_split(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *joined = mgp_path_join(NULL, cases[i][0], cases[i][1]);
    assert_string_equal(joined, cases[i][2]);
    assert_string_equal(mgp_path_name(joined), "b");
    mgp_free(NULL, joined);
  }
  assert_int_equal(mgp_directory_make("", NULL), MAGPIE_IO);
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

typedef struct caller {
  mgp_pool *pool;
  atomic_size_t sum;
} caller;

static void add_index(void *context, size_t index) {
  atomic_fetch_add(&((caller *)context)->sum, index);
}

static void *call_pool(void *context) {
  caller *c = context;
  for (int i = 0; i < 100; i++) mgp_pool_run(c->pool, 100, add_index, c);
  return NULL;
}

static void pool_with_many_callers_serves_each(void **state) {
  (void)state;
  caller c = {0};
  pthread_t threads[4];
  assert_int_equal(mgp_pool_create(3, &c.pool, NULL), MAGPIE_OK);
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, call_pool, &c);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(c.sum, 4 * 100 * 4950);
  mgp_pool_destroy(c.pool);
  mgp_pool_destroy(NULL);
}

static void note_thread(void *context, size_t index) {
  ((pthread_t *)context)[index] = pthread_self();
}

static void pool_of_one_thread_runs_on_the_callers(void **state) {
  (void)state;
  mgp_pool *pool = NULL;
  pthread_t ran_on[20];
  assert_int_equal(mgp_pool_create(1, &pool, NULL), MAGPIE_OK);
  mgp_pool_run(pool, 20, note_thread, ran_on);
  for (int i = 0; i < 20; i++) assert_true(pthread_equal(ran_on[i], pthread_self()));
  mgp_pool_destroy(pool);
  assert_int_equal(mgp_pool_create(0, &pool, NULL), MAGPIE_OK);
  assert_true(mgp_pool_threads(pool) >= 1);
  mgp_pool_destroy(pool);
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
    if (k == 0) assert_true(mgp_topk_floor(&top) == INFINITY);
    if (finite) qsort(all, finite, sizeof *all, mgp_scored_compare);
    mgp_topk_sort(&top);
    assert_int_equal(top.count, finite < k ? finite : k);
    for (size_t i = 0; i < top.count; i++) assert_int_equal(top.heap[i].id, all[i].id);
    for (size_t i = 1; i < finite; i++)
      assert_true(all[i - 1].score > all[i].score ||
                  (all[i - 1].score == all[i].score && all[i - 1].id <= all[i].id));
  }
}

static void nan_sorts_last_in_a_total_order(void **state) {
  (void)state;
  unsigned seed = 5;
  mgp_scored all[64];
  for (size_t i = 0; i < 64; i++)
    all[i] = (mgp_scored){.score = i % 3 ? (float)(rand_r(&seed) % 9) : NAN, .id = 63 - i};
  qsort(all, 64, sizeof *all, mgp_scored_compare);
  for (size_t i = 1; i < 64; i++) {
    assert_true(mgp_scored_compare(&all[i - 1], &all[i]) < 0);
    assert_true(mgp_scored_compare(&all[i], &all[i - 1]) > 0);
    assert_false(isnan(all[i - 1].score) && !isnan(all[i].score));
  }
  assert_true(isnan(all[63].score) && !isnan(all[0].score));
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

static void json_garbage_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",        " ",    "nul",          "{", "[1,]", "{\"a\":1}x",
                                    "[1e999]", "\xff", "[\"\\u0000\"]"};
  unsigned seed = 13;
  json_t *value = NULL;
  magpie_error err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(mgp_json_parse("x", bad[i], strlen(bad[i]), &value, &err), MAGPIE_FORMAT);
    assert_null(value);
    assert_true(strlen(err.message) > 20 && mgp_text_starts(err.place, "x:"));
  }
  for (int round = 0; round < 20000; round++) {
    char text[24];
    for (size_t i = 0; i < sizeof text; i++) text[i] = "[]{}\",:\\0e.-u \x80\n"[rand_r(&seed) % 16];
    const magpie_status status = mgp_json_parse("x", text, sizeof text, &value, &err);
    assert_true(status == MAGPIE_FORMAT ? value == NULL : status == MAGPIE_OK && value);
    json_decref(value);
  }
}

static void json_numbers_survive_writing(void **state) {
  (void)state;
  static const char text[] = "[0.1,1234567.89125,52.5200081234,9007199254740993,-0.25,1e300]";
  json_t *value = NULL;
  char *out = NULL;
  magpie_error err;
  assert_int_equal(mgp_json_parse("x", text, sizeof text - 1, &value, NULL), MAGPIE_OK);
  assert_int_equal(mgp_json_write(value, &out, NULL), MAGPIE_OK);
  assert_string_equal(out, text);
  magpie_free(out);
  json_decref(value);
  assert_int_equal(mgp_json_write(NULL, &out, &err), MAGPIE_INVALID);
  assert_null(out);
}

static void json_files_name_themselves_in_errors(void **state) {
  (void)state;
  char *file = in_place("settings.json");
  json_t *value = NULL;
  magpie_error err;
  assert_int_equal(mgp_json_read(file, 100, &value, &err), MAGPIE_NOT_FOUND);
  assert_int_equal(mgp_file_write_durable(file, "{\n\n!", 4, NULL), MAGPIE_OK);
  assert_int_equal(mgp_json_read(file, 100, &value, &err), MAGPIE_FORMAT);
  assert_non_null(strstr(err.message, "settings.json"));
  assert_true(mgp_text_ends(err.place, "settings.json:3"));
  assert_int_equal(mgp_json_read(file, 3, &value, &err), MAGPIE_LIMIT);
  assert_int_equal(mgp_file_write_durable(file, "[7]", 3, NULL), MAGPIE_OK);
  assert_int_equal(mgp_json_read(file, 3, &value, &err), MAGPIE_OK);
  assert_int_equal(json_array_size(value), 1);
  json_decref(value);
  mgp_free(NULL, file);
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
      cmocka_unit_test(what_is_no_escape_is_kept_as_it_stands),
      cmocka_unit_test(utf8_of_broken_sequences_goes_forward),
      cmocka_unit_test(errors_of_the_system_carry_their_reason_and_a_hint),
      cmocka_unit_test(sha256_equals_the_standard),
      cmocka_unit_test(files_are_written_read_and_mapped),
      cmocka_unit_test(what_is_not_there_or_no_file_is_refused),
      cmocka_unit_test(removing_a_folder_does_not_follow_links),
      cmocka_unit_test(a_durable_write_does_not_follow_links),
      cmocka_unit_test(a_durable_write_that_fails_keeps_the_old_file),
      cmocka_unit_test(reading_over_a_ceiling_gives_no_memory),
      cmocka_unit_test(paths_join_and_split),
      cmocka_unit_test(pool_runs_every_index_once),
      cmocka_unit_test(pool_with_many_callers_serves_each),
      cmocka_unit_test(pool_of_one_thread_runs_on_the_callers),
      cmocka_unit_test(topk_equals_a_full_sort),
      cmocka_unit_test(nan_sorts_last_in_a_total_order),
      cmocka_unit_test(json_errors_name_the_line),
      cmocka_unit_test(json_garbage_is_refused),
      cmocka_unit_test(json_numbers_survive_writing),
      cmocka_unit_test(json_files_name_themselves_in_errors),
      cmocka_unit_test(json_members_have_defaults),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
