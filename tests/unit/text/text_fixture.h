/* SPDX-License-Identifier: Apache-2.0
 *
 * What the text tests share: cmocka, temporary files, and the loop over all truncations of a file.
 */
#ifndef TEXT_FIXTURE_H
#define TEXT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/text.h"

typedef struct temp_file {
  char path[64];
} temp_file;

static inline void temp_write(const temp_file *f, const void *data, size_t size) {
  FILE *out = fopen(f->path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(data, 1, size, out), size);
  assert_int_equal(fclose(out), 0);
}

static inline temp_file temp_create(const void *data, size_t size) {
  temp_file f = {"/tmp/mgp_text_XXXXXX"};
  const int fd = mkstemp(f.path);
  assert_true(fd >= 0);
  close(fd);
  temp_write(&f, data, size);
  return f;
}

static inline mgp_tokenizer *tokenizer_of(const char *kind, const char *file, const char *file2,
                                          bool lowercase) {
  const mgp_tokenizer_options options = {
      .kind = kind, .file = file, .file2 = file2, .lowercase = lowercase};
  magpie_error err = {0};
  mgp_tokenizer *t = NULL;
  if (mgp_tokenizer_open(NULL, &options, &t, &err) != MAGPIE_OK) print_error("%s\n", err.message);
  assert_non_null(t);
  return t;
}

static inline void assert_ids_of(const mgp_tokenizer *t, const char *text, size_t size,
                                 const int32_t *want, size_t want_count) {
  int32_t ids[256];
  size_t count = 0;
  bool cut = true;
  magpie_error err = {0};
  assert_int_equal(mgp_tokenizer_encode(t, text, size, ids, 256, &count, &cut, &err), MAGPIE_OK);
  assert_false(cut);
  assert_int_equal(count, want_count);
  for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], want[i]);
}

#define ASSERT_IDS(t, text, ...)                                                                   \
  do {                                                                                             \
    const int32_t want_[] = {__VA_ARGS__};                                                         \
    assert_ids_of((t), (text), strlen(text), want_, sizeof want_ / sizeof *want_);                 \
  } while (0)

/* Opens every proper prefix of the file. Each must open or fail with a message that names the file,
 * and never leak; returns how many opened. */
static inline size_t open_truncations(const char *kind, const void *data, size_t size,
                                      const char *file2) {
  size_t opened = 0;
  temp_file f = temp_create("", 0);
  for (size_t n = 0; n < size; n++) {
    temp_write(&f, data, n);
    mgp_alloc *a = mgp_alloc_create(0);
    const mgp_tokenizer_options options = {.kind = kind, .file = f.path, .file2 = file2};
    magpie_error err = {0};
    mgp_tokenizer *t = NULL;
    const magpie_status status = mgp_tokenizer_open(a, &options, &t, &err);
    if (status == MAGPIE_OK) {
      int32_t ids[64];
      size_t count;
      opened++;
      assert_int_equal(mgp_tokenizer_encode(t, "ab a b", 6, ids, 64, &count, NULL, &err),
                       MAGPIE_OK);
      mgp_tokenizer_close(t);
    } else {
      assert_null(t);
      assert_non_null(strstr(err.message, strrchr(f.path, '/') + 1));
    }
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
  }
  unlink(f.path);
  return opened;
}

/* The n-th allocation fails, for every n, while opening and encoding: a clean NO_MEMORY each. */
static inline void fail_each_allocation(const char *kind, const char *file, const char *file2) {
  const mgp_tokenizer_options options = {
      .kind = kind, .file = file, .file2 = file2, .lowercase = true};
  for (uint64_t n = 1; n < 1000; n++) {
    mgp_alloc *a = mgp_alloc_create(0);
    magpie_error err = {0};
    mgp_tokenizer *t = NULL;
    int32_t ids[64];
    size_t count;
    mgp_alloc_fail_at(a, n);
    magpie_status status = mgp_tokenizer_open(a, &options, &t, &err);
    if (status == MAGPIE_OK)
      status = mgp_tokenizer_encode(t,
                                    "a\xC3\xA9"
                                    "b ab",
                                    8, ids, 64, &count, NULL, &err);
    mgp_alloc_fail_at(a, 0);
    mgp_tokenizer_close(t);
    assert_int_equal(mgp_alloc_used(a), 0);
    mgp_alloc_destroy(a);
    if (status == MAGPIE_OK) {
      assert_true(n > 1);
      return;
    }
    assert_int_equal(status, MAGPIE_NO_MEMORY);
  }
  fail_msg("more than 1000 allocations for a small file");
}

#endif
