/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the store share: a temporary folder, and small sources, items and segments.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/segment.h"

#define assert_ok(call)                                                                            \
  do {                                                                                             \
    magpie_error err_ = {0};                                                                       \
    magpie_error *const err = &err_;                                                               \
    const magpie_status status_ = (call);                                                          \
    if (status_ != MAGPIE_OK) fail_msg("%s: status %d: %s", #call, (int)status_, err_.message);    \
  } while (0)

/* The call must fail with this code and a message that holds `part`. */
#define assert_fails(code_, part, call)                                                            \
  do {                                                                                             \
    magpie_error err_ = {0};                                                                       \
    magpie_error *const err = &err_;                                                               \
    const magpie_status status_ = (call);                                                          \
    if (status_ != (code_) || err_.code != (code_) || !strstr(err_.message, (part)))               \
      fail_msg("%s: status %d (error %d): %s; expected %d with \"%s\"", #call, (int)status_,       \
               (int)err_.code, err_.message, (int)(code_), (part));                                \
  } while (0)

typedef struct fixture {
  char folder[64]; /* removed at the end */
  char index[96];  /* folder/t.mgp */
  mgp_store *store;
} fixture;

static inline int fixture_setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  *mgp_segment_small_limit() = 0; /* files, however small: the tests of segment_bytes.c have none */
  /* in memory where possible: hundreds of commits wait for as many fsyncs */
  const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(f->folder, sizeof f->folder, "%s/mgp-store-XXXXXX", place);
  if (!mkdtemp(f->folder)) return -1;
  snprintf(f->index, sizeof f->index, "%s/t.mgp", f->folder);
  *state = f;
  return 0;
}

static inline int fixture_teardown(void **state) {
  fixture *f = *state;
  mgp_store_close(&f->store);
  mgp_directory_remove(f->folder, NULL);
  free(f);
  return 0;
}

#define store_test(function)                                                                       \
  cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

static inline mgp_store *open_writer(fixture *f) {
  assert_ok(mgp_store_open(NULL, f->index, false, &f->store, err));
  assert_ok(mgp_store_lock(f->store, 0, err));
  return f->store;
}

static inline void reopen(fixture *f) {
  mgp_store_close(&f->store);
  open_writer(f);
}

static inline int64_t add_source(mgp_store *s, const char *path) {
  mgp_source source = {.path = path, .size = 5, .mtime_ns = 7, .format = "text"};
  source.hash = mgp_hash128_bytes(path, strlen(path));
  assert_ok(mgp_store_source_add(s, &source, err));
  assert_true(source.number > 0);
  return source.number;
}

static inline uint64_t add_item(mgp_store *s, int64_t source, const char *id, const char *kind) {
  mgp_item item = {.source = source, .id = id, .kind = kind, .text = "some words"};
  assert_ok(mgp_store_item_add(s, &item, err));
  return item.number;
}

static inline void add_with_thumb(mgp_store *s, int64_t source, const char *id, const char *bytes) {
  mgp_item item = {
      .source = source, .id = id, .kind = "image", .thumb = bytes, .thumb_size = strlen(bytes)};
  assert_ok(mgp_store_item_add(s, &item, err));
}

static inline mgp_space test_space(const char *name) {
  mgp_space space = {.dim = 4};
  snprintf(space.name, sizeof space.name, "%s", name);
  snprintf(space.pack, sizeof space.pack, "pack-a");
  snprintf(space.pack_hash, sizeof space.pack_hash, "aaaa");
  snprintf(space.metric, sizeof space.metric, "cosine");
  return space;
}

/* A segment of one id and one vector in the space "text". */
static inline magpie_status add_segment_of(mgp_store *s, uint64_t id, magpie_error *err) {
  const mgp_space space = test_space("text");
  const float vector[4] = {(float)id, 2, 3, 4};
  const mgp_section sections[] = {{MGP_SECTION_IDS, &id, sizeof id},
                                  {MGP_SECTION_VECTORS_F32, vector, sizeof vector}};
  MGP_FORWARD(mgp_store_space_declare(s, &space, err));
  return mgp_store_segment_add(s, "text", 1, sections, 2, err);
}

static size_t files_counted;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)path, (void)st, (void)where;
  files_counted += type == FTW_F;
  return 0;
}

static inline size_t count_files(const char *index, const char *folder) {
  char path[160];
  snprintf(path, sizeof path, "%s/%s", index, folder);
  files_counted = 0;
  assert_int_equal(nftw(path, count_file, 16, FTW_PHYS), 0);
  return files_counted;
}

/* Runs fn in a child; its exit code. A signal or a sanitizer's report is a failure. */
static inline int run_child(void (*fn)(void *), void *context) {
  fflush(NULL);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    fn(context);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

#endif
