/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening packs that cannot work, without any model at hand: each failure names the pack and what
 * is wrong. (Vectors are compared with the reference in tests/reference/test_encoder.py.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "encode/encode.h"

static char root[64];

static const char manifest[] =
    "{\"format\":1,\"name\":\"p\",\"files\":[{\"file\":\"m.onnx\",\"size\":3,\"sha256\":"
    "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}],"
    "\"spaces\":[{\"name\":\"s\",\"metric\":\"cosine\",\"dim\":4,\"items\":[\"image\"],"
    "\"queries\":[\"image\"]}],\"image\":{\"model\":\"m.onnx\",\"input\":\"i\","
    "\"recipe\":{\"resize\":8,\"crop\":8,\"mean\":[0,0,0],\"std\":[1,1,1]},"
    "\"outputs\":[{\"output\":\"o\",\"space\":\"s\"}]}}";

static void write_text(const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/p/%s", root, name);
  assert_int_equal(mgp_file_write_durable(path, text, strlen(text), NULL), MAGPIE_OK);
}

static int setup(void **state) {
  (void)state;
  char path[128];
  snprintf(root, sizeof root, "/tmp/magpie-encoder-XXXXXX");
  if (!mkdtemp(root)) return -1;
  snprintf(path, sizeof path, "%s/p", root);
  if (mgp_directory_make(path, NULL) != MAGPIE_OK) return -1;
  write_text("pack.json", manifest);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  return mgp_directory_remove(root, NULL) == MAGPIE_OK ? 0 : -1;
}

static void expect_failure(const char *name, const char *word, const char *other) {
  mgp_encoder *e = NULL;
  magpie_error err = {0};
  const magpie_status status = mgp_encoder_open(NULL, root, name, NULL, &e, &err);
  assert_null(e);
  if (status != MAGPIE_MODEL || !strstr(err.message, word) || !strstr(err.message, other))
    fail_msg("%d \"%s\" does not say \"%s\" and \"%s\"", status, err.message, word, other);
}

static void open_when_pack_is_absent_then_told(void **state) {
  (void)state;
  expect_failure("nowhere", "nowhere", "magpie models");
}

static void open_when_file_is_missing_then_told(void **state) {
  (void)state;
  expect_failure("p", "m.onnx is missing", "pack p");
}

static void open_when_file_is_cut_then_both_sizes(void **state) {
  (void)state;
  write_text("m.onnx", "ab");
  expect_failure("p", "has 2 bytes, expected 3", "m.onnx");
}

static void open_when_runtime_is_missing_then_what_to_do(void **state) {
  (void)state;
  write_text("m.onnx", "abc");
  setenv("MAGPIE_ORT", "/nowhere/libonnxruntime.so.1", 1);
  expect_failure("p", "/nowhere/libonnxruntime.so.1", "make setup");
  unsetenv("MAGPIE_ORT");
}

/* A library that is there but is another one. */
static void open_when_runtime_is_another_library_then_told(void **state) {
  (void)state;
  write_text("m.onnx", "abc");
  setenv("MAGPIE_ORT", "libm.so.6", 1);
  expect_failure("p", "libm.so.6", "OrtGetApiBase");
  unsetenv("MAGPIE_ORT");
}

static void open_when_memory_fails_then_no_leak(void **state) {
  (void)state;
  write_text("m.onnx", "abc");
  setenv("MAGPIE_ORT", "/nowhere/libonnxruntime.so.1", 1);
  for (uint64_t n = 1; n < 30; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    mgp_encoder *e = NULL;
    mgp_alloc_fail_at(a, n);
    assert_int_not_equal(mgp_encoder_open(a, root, "p", NULL, &e, NULL), MAGPIE_OK);
    assert_null(e);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
  }
  unsetenv("MAGPIE_ORT");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(open_when_pack_is_absent_then_told),
      TEST(open_when_file_is_missing_then_told),
      TEST(open_when_file_is_cut_then_both_sizes),
      TEST(open_when_runtime_is_missing_then_what_to_do),
      TEST(open_when_runtime_is_another_library_then_told),
      TEST(open_when_memory_fails_then_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
