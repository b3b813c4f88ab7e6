/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: any bytes, read as judgements and as a run, end in an error that says why or in an
 * object that is written and read again the same. The bytes lie in a memory file.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "eval/ranked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true) {
  if (!is_true) abort();
}

static void name_file(int fd, char out[32]) {
  snprintf(out, 32, "/proc/self/fd/%d", fd);
}

static int memory_file(const void *data, size_t size) {
  const int fd = memfd_create("trec", 0);
  must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
  return fd;
}

static void try_qrels(const char *path) {
  magpie_qrels *qrels = NULL;
  magpie_error err = {0};
  if (magpie_qrels_read(path, &qrels, &err) != MAGPIE_OK) {
    must(!qrels && err.message[0] != '\0');
    return;
  }
  size_t total = 0;
  for (size_t q = 0; q < magpie_qrels_query_count(qrels); q++) {
    const char *query = magpie_qrels_query(qrels, q);
    const char *const *documents = NULL;
    const int64_t *gains = NULL;
    const size_t count = magpie_qrels_documents(qrels, query, &documents, &gains);
    for (size_t i = 0; i < count; i++) {
      int64_t gain = 0;
      must(magpie_qrels_gain(qrels, query, documents[i], &gain) && gain == gains[i]);
      must(magpie_qrels_add(qrels, query, documents[i], gain, NULL) == MAGPIE_OK);
    }
    total += count;
  }
  must(total == magpie_qrels_judgement_count(qrels));
  magpie_qrels_destroy(qrels);
}

/* What a run's text says, in its order, read again. */
static void try_again(const magpie_run *run) {
  mgp_buffer text;
  mgp_buffer_init(&text, NULL);
  mgp_buffer_add(&text, "", 0);
  for (size_t q = 0; q < magpie_run_query_count(run); q++) {
    const magpie_run_hit *hits = NULL;
    const size_t count = magpie_run_hits(run, magpie_run_query(run, q), &hits);
    for (size_t i = 0; i < count; i++) {
      must(i == 0 || mgp_hit_before(&hits[i - 1], &hits[i]));
      mgp_buffer_printf(&text, "%s %s %.9g\n", magpie_run_query(run, q), hits[i].document,
                        (double)hits[i].score);
    }
  }
  const int fd = memory_file(text.data, text.size);
  char path[32];
  name_file(fd, path);
  magpie_run *again = NULL;
  must(magpie_run_read(path, &again, NULL) == MAGPIE_OK);
  must(magpie_run_query_count(again) == magpie_run_query_count(run));
  for (size_t q = 0; q < magpie_run_query_count(run); q++) {
    const magpie_run_hit *a = NULL, *b = NULL;
    const size_t count = magpie_run_hits(run, magpie_run_query(run, q), &a);
    must(magpie_run_hits(again, magpie_run_query(run, q), &b) == count);
    for (size_t i = 0; i < count; i++)
      must(a[i].score == b[i].score && strcmp(a[i].document, b[i].document) == 0);
  }
  magpie_run_destroy(again);
  mgp_buffer_fini(&text);
  close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const int fd = memory_file(data, size);
  char path[32];
  name_file(fd, path);
  try_qrels(path);
  magpie_run *run = NULL;
  magpie_error err = {0};
  if (magpie_run_read(path, &run, &err) == MAGPIE_OK) try_again(run);
  else must(!run && err.message[0] != '\0');
  magpie_run_destroy(run);
  close(fd);
  return 0;
}
