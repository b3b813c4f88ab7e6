/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the engine share: a temporary folder with text files, and an index without
 * packs, which has words alone.
 */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include "store/store_fixture.h"

#include "magpie/magpie.h"

/* folder/NAME; the buffer lives until the fourth call after this one. */
static inline const char *path_in(const fixture *f, const char *name) {
  static _Thread_local char paths[4][256];
  static _Thread_local unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
  return path;
}

static inline void write_text(const fixture *f, const char *name, const char *text) {
  FILE *out = fopen(path_in(f, name), "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
  assert_int_equal(fclose(out), 0);
}

/* Two files about birds and one about boats, in folder/files. */
static inline void write_birds(const fixture *f) {
  assert_ok(mgp_directory_make(path_in(f, "files"), err));
  write_text(f, "files/heron.txt", "A heron waits by the water.");
  write_text(f, "files/gull.txt", "A gull follows the boats.");
  write_text(f, "files/harbour.txt", "Boats rest in the harbour.");
}

static inline magpie_status open_index(const fixture *f, bool read_only, uint64_t memory,
                                       magpie **out, magpie_error *err) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.read_only = read_only;
  options.memory_limit = memory;
  options.threads = 2;
  options.lock_wait_ms = 5000;
  options.pack_path = path_in(f, "no-packs");
  return magpie_open(f->index, &options, out, err);
}

static inline magpie_status add_folder(const fixture *f, magpie *ix, const char *name,
                                       magpie_report *report, magpie_error *err) {
  const char *path = path_in(f, name);
  return magpie_add(ix, &path, 1, NULL, report, err);
}

static inline magpie_status search_text(magpie *ix, const char *text, magpie_result **out,
                                        magpie_error *err) {
  const magpie_part part = {.text = text, .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  query.k = 1000;
  return magpie_search(ix, &query, out, err);
}

static inline size_t count_hits(magpie *ix, const char *text) {
  magpie_result *result = NULL;
  assert_ok(search_text(ix, text, &result, err));
  const size_t count = magpie_result_count(result);
  magpie_result_destroy(result);
  return count;
}

#endif
