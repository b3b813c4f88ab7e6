/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs on disk: what is found, what pack.json may say, what verify reports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "encode/encode.h"

static char root[64];

static int setup(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/magpie-pack-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  return mgp_directory_remove(root, NULL) == MAGPIE_OK ? 0 : -1;
}

static void write_text(const char *folder, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", root, folder);
  assert_int_equal(mgp_directory_make(path, NULL), MAGPIE_OK);
  snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
  assert_int_equal(mgp_file_write_durable(path, text, strlen(text), NULL), MAGPIE_OK);
}

/* sha256 of "abc" */
#define SUM "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define FILES "\"files\":[{\"file\":\"m.onnx\",\"size\":3,\"sha256\":\"" SUM "\"}]"
#define SPACE                                                                                      \
  "\"spaces\":[{\"name\":\"s\",\"metric\":\"cosine\",\"dim\":4,\"items\":[\"image\"],"             \
  "\"queries\":[\"image\"]}]"
#define RECIPE "\"recipe\":{\"resize\":8,\"crop\":8,\"mean\":[0,0,0],\"std\":[1,1,1]}"
#define OUTPUTS "\"outputs\":[{\"output\":\"o\",\"space\":\"s\"}]"
#define IMAGE "\"image\":{\"model\":\"m.onnx\",\"input\":\"i\"," RECIPE "," OUTPUTS "}"
#define PACK "{\"format\":1,\"name\":\"p\"," FILES "," SPACE "," IMAGE "}"

static magpie_status read_pack(const char *text, magpie_error *err) {
  char folder[512];
  write_text("p", "pack.json", text);
  snprintf(folder, sizeof folder, "%s/p", root);
  json_t *pack = NULL;
  const magpie_status status = mgp_pack_read(folder, &pack, err);
  assert_true((status == MAGPIE_OK) == (pack != NULL));
  json_decref(pack);
  return status;
}

static void read_when_pack_is_whole_then_ok(void **state) {
  (void)state;
  magpie_error err = {0};
  assert_int_equal(read_pack(PACK, &err), MAGPIE_OK);
}

/* PACK with its first `from` replaced. */
static void refuse(const char *from, const char *to, const char *word) {
  const char *at = strstr(PACK, from);
  assert_non_null(at);
  char text[4096];
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - PACK), PACK, to, at + strlen(from));
  magpie_error err = {0};
  if (read_pack(text, &err) != MAGPIE_MODEL || !strstr(err.message, word))
    fail_msg("%s -> %s: %d \"%s\" does not say \"%s\"", from, to, err.code, err.message, word);
}

static void read_when_member_is_wrong_then_told(void **state) {
  (void)state;
  refuse("\"name\":\"p\"", "\"name\":\"../p\"", "name");
  refuse("\"file\":\"m.onnx\"", "\"file\":\"../m.onnx\"", "inside");
  refuse("\"file\":\"m.onnx\"", "\"file\":\"/etc/passwd\"", "inside");
  refuse("\"file\":\"m.onnx\"", "\"file\":\"a//b\"", "inside");
  refuse("\"file\":\"m.onnx\"", "\"file\":\"n.onnx\"", "m.onnx");
  refuse("\"size\":3", "\"size\":-3", "size");
  refuse("\"sha256\":\"ba", "\"sha256\":\"BA", "sha256");
  refuse("cosine", "hamming", "hamming");
  refuse("\"dim\":4", "\"dim\":0", "dim");
  refuse("\"dim\":4", "\"dim\":9999999", "dim");
  refuse("\"items\":[\"image\"]", "\"items\":[\"smell\"]", "items");
  refuse("\"items\":[\"image\"]", "\"items\":[\"image\"],\"weight\":-1", "weight");
  refuse("\"space\":\"s\"", "\"space\":\"t\"", "\"t\"");
  refuse("\"space\":\"s\"", "\"space\":\"s\",\"bridge\":\"b\"", "\"b\"");
  refuse("\"crop\":8", "\"crop\":9", "crop");
  refuse("\"std\":[1,1,1]", "\"std\":[1,0,1]", "std");
  refuse("\"mean\":[0,0,0]", "\"mean\":[0,0]", "mean");
  refuse(IMAGE, "\"x\":1", "none of");
  refuse(IMAGE, "\"text\":{\"model\":\"m.onnx\"}", "tokenizer");
  refuse(IMAGE, "\"sound\":{\"model\":\"m.onnx\",\"input\":\"i\"," OUTPUTS "}", "front_end");
}

static void read_when_format_is_newer_then_version(void **state) {
  (void)state;
  magpie_error err = {0};
  assert_int_equal(read_pack("{\"format\":2}", &err), MAGPIE_VERSION);
  assert_non_null(strstr(err.message, "format 2"));
}

static void read_when_not_json_then_error_with_place(void **state) {
  (void)state;
  magpie_error err = {0};
  assert_int_not_equal(read_pack("{\n\"format\":", &err), MAGPIE_OK);
  assert_true(err.message[0] != '\0');
}

static void list_when_two_folders_then_first_wins_and_sorted(void **state) {
  (void)state;
  char path[256];
  write_text("one/b", "pack.json", "{}");
  write_text("two/b", "pack.json", "{}");
  write_text("two/a", "pack.json", "{}");
  write_text("two/runtime", "other.json", "{}");
  snprintf(path, sizeof path, ":%s/one:%s/absent:%s/two:", root, root, root);
  mgp_pack_entry *entries = NULL;
  size_t count = 0;
  magpie_error err = {0};
  assert_int_equal(mgp_pack_list(NULL, path, &entries, &count, &err), MAGPIE_OK);
  assert_int_equal(count, 2);
  assert_string_equal(entries[0].name, "a");
  assert_string_equal(entries[1].name, "b");
  assert_non_null(strstr(entries[1].folder, "/one/b"));
  for (size_t i = 0; i < count; i++) {
    mgp_free(NULL, entries[i].name);
    mgp_free(NULL, entries[i].folder);
  }
  mgp_free(NULL, entries);
  char *folder = NULL;
  assert_int_equal(mgp_pack_find(NULL, path, "b", &folder, &err), MAGPIE_OK);
  assert_non_null(strstr(folder, "/one/b"));
  mgp_free(NULL, folder);
}

static void find_when_absent_then_model_error_names_it(void **state) {
  (void)state;
  char *folder = NULL;
  magpie_error err = {0};
  assert_int_equal(mgp_pack_find(NULL, root, "nowhere", &folder, &err), MAGPIE_MODEL);
  assert_non_null(strstr(err.message, "nowhere"));
  assert_null(folder);
  assert_int_equal(mgp_pack_find(NULL, root, "../etc", &folder, &err), MAGPIE_INVALID);
}

static void find_when_memory_fails_then_no_leak(void **state) {
  (void)state;
  write_text("one/b", "pack.json", "{}");
  for (uint64_t n = 1; n < 12; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_alloc_fail_at(a, n);
    char path[256], *folder = NULL;
    mgp_pack_entry *entries = NULL;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/two:%s/one", root, root);
    const magpie_status status = mgp_pack_find(a, path, "b", &folder, NULL);
    assert_true(status == MAGPIE_OK || status == MAGPIE_NO_MEMORY);
    mgp_free(a, folder);
    mgp_alloc_fail_at(a, n);
    if (mgp_pack_list(a, path, &entries, &count, NULL) == MAGPIE_OK) {
      for (size_t i = 0; i < count; i++) {
        mgp_free(a, entries[i].name);
        mgp_free(a, entries[i].folder);
      }
      mgp_free(a, entries);
    }
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
  }
}

static magpie_status verify(char *reason, size_t size, magpie_error *err) {
  char folder[512];
  snprintf(folder, sizeof folder, "%s/p", root);
  json_t *report = json_array();
  const magpie_status status = mgp_pack_verify(folder, report, err);
  assert_int_equal(json_array_size(report), 1);
  snprintf(reason, size, "%s", mgp_json_text(json_array_get(report, 0), "reason", ""));
  assert_int_equal(mgp_json_bool(json_array_get(report, 0), "ok", false), status == MAGPIE_OK);
  json_decref(report);
  return status;
}

static void verify_when_file_changes_then_told(void **state) {
  (void)state;
  magpie_error err = {0};
  char reason[512];
  write_text("p", "pack.json", PACK);
  write_text("p", "m.onnx", "abc");
  assert_int_equal(verify(reason, sizeof reason, &err), MAGPIE_OK);
  write_text("p", "m.onnx", "abd");
  assert_int_equal(verify(reason, sizeof reason, &err), MAGPIE_MODEL);
  assert_non_null(strstr(reason, SUM));
  write_text("p", "m.onnx", "ab");
  assert_int_equal(verify(reason, sizeof reason, &err), MAGPIE_MODEL);
  assert_non_null(strstr(reason, "has 2 bytes, expected 3"));
}

static void path_when_given_then_kept(void **state) {
  (void)state;
  char *path = NULL;
  assert_int_equal(mgp_pack_path_default(NULL, "/a:/b", &path, NULL), MAGPIE_OK);
  assert_string_equal(path, "/a:/b");
  mgp_free(NULL, path);
  setenv("MAGPIE_PACKS", "/c", 1);
  assert_int_equal(mgp_pack_path_default(NULL, NULL, &path, NULL), MAGPIE_OK);
  assert_string_equal(path, "/c");
  mgp_free(NULL, path);
  unsetenv("MAGPIE_PACKS");
  setenv("XDG_DATA_HOME", "/data", 1);
  assert_int_equal(mgp_pack_path_default(NULL, NULL, &path, NULL), MAGPIE_OK);
  assert_true(mgp_text_starts(path, "/data/magpie/packs:"));
  assert_true(mgp_text_ends(path, ":/usr/local/share/magpie/packs:/usr/share/magpie/packs"));
  mgp_free(NULL, path);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(read_when_pack_is_whole_then_ok),
      TEST(read_when_member_is_wrong_then_told),
      TEST(read_when_format_is_newer_then_version),
      TEST(read_when_not_json_then_error_with_place),
      TEST(list_when_two_folders_then_first_wins_and_sorted),
      TEST(find_when_absent_then_model_error_names_it),
      TEST(find_when_memory_fails_then_no_leak),
      TEST(verify_when_file_changes_then_told),
      TEST(path_when_given_then_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
