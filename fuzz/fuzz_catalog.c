/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: whatever bytes lie where a catalog should be, opening, checking and searching the index
 * end, without a crash, and a refusal says why. Small segments lie in the catalog, so what is read
 * of them is tried too. Input: the bytes of catalog.sqlite. They are tried as they are, and again
 * with the checksum of each page made right, so that what is behind the checksums is reached.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "engine/engine.h"
#include "magpie/magpie.h"
#include "store/catalog_checksum.h"

#define SIZE_MAX_TRIED (256u << 10)
#define HEADER_RESERVED 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char index_path[96], catalog_path[128];

static void must(bool is_true) {
  if (!is_true) abort();
}

static void remove_place(void) {
  mgp_directory_remove(index_path, NULL);
}

/* One folder for the process; in memory where possible. */
static void make_place(void) {
  if (index_path[0]) return;
  snprintf(index_path, sizeof index_path, "%s/mgp-fuzz-%ld.mgp",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
  snprintf(catalog_path, sizeof catalog_path, "%s/catalog.sqlite", index_path);
  must(mkdir(index_path, 0777) == 0 && atexit(remove_place) == 0);
}

static void write_catalog(const uint8_t *data, size_t size) {
  static const char *const beside[] = {"-wal", "-shm", "-journal"};
  for (size_t i = 0; i < 3; i++) {
    char path[160];
    snprintf(path, sizeof path, "%s%s", catalog_path, beside[i]);
    unlink(path);
  }
  const int fd = open(catalog_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  must(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void try_check(void) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  magpie_error err = {0};
  const magpie_status status = magpie_check(index_path, &options, &json, &err);
  must((status == MAGPIE_OK) == (json != NULL));
  must(status == MAGPIE_OK || err.message[0] != '\0');
  magpie_free(json);
}

static void try_part(magpie *ix, const magpie_part *part) {
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = part;
  query.part_count = 1;
  magpie_result *result = NULL;
  magpie_error err = {0};
  const magpie_status status = magpie_search(ix, &query, &result, &err);
  must((status == MAGPIE_OK) == (result != NULL));
  must(status == MAGPIE_OK || err.message[0] != '\0');
  char *json = NULL;
  if (result && magpie_result_json(result, &json, &err) == MAGPIE_OK) magpie_free(json);
  magpie_result_destroy(result);
}

static void try_search(void) {
  static const float vector[8] = {0.1F, 0.2F, -0.3F, 0.4F, 0.5F, -0.6F, 0.7F, 0.8F};
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.read_only = true;
  options.threads = 1;
  options.pack_path = "/nonexistent/packs";
  magpie *ix = NULL;
  magpie_error err = {0};
  if (magpie_open(index_path, &options, &ix, &err) != MAGPIE_OK) {
    must(err.message[0] != '\0');
    return;
  }
  const magpie_part words = {.text = "heron river", .weight = 1};
  const magpie_part near = {.vector = vector, .vector_dim = 8, .space = "vectors", .weight = 1};
  try_part(ix, &words);
  try_part(ix, &near);
  char *json = NULL;
  if (magpie_get(ix, "n3#1", &json, &err) == MAGPIE_OK) magpie_free(json);
  if (magpie_describe(ix, &json, &err) == MAGPIE_OK) magpie_free(json);
  if (magpie_failures(ix, &json, &err) == MAGPIE_OK) magpie_free(json);
  magpie_close(&ix);
}

static void seal(uint8_t *bytes, size_t size) {
  const size_t page = size >= 100 ? (size_t)bytes[16] << 8 | bytes[17] : 0;
  if (page < 512 || (page & (page - 1)) != 0) return;
  bytes[HEADER_RESERVED] = PAGE_CHECKSUM_SIZE;
  for (size_t at = 0; at + page <= size; at += page)
    mgp_checksum_compute(bytes + at, page - PAGE_CHECKSUM_SIZE,
                         bytes + at + page - PAGE_CHECKSUM_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > SIZE_MAX_TRIED) return 0;
  make_place();
  write_catalog(data, size);
  try_check();
  uint8_t *copy = malloc(size + 1);
  must(copy != NULL);
  memcpy(copy, data, size);
  seal(copy, size);
  write_catalog(copy, size);
  free(copy);
  try_check();
  try_search();
  return 0;
}
