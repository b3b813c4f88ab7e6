/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of judgements, runs and measures share: cmocka, files made from text, runs and
 * judgements from lists, and the loop over failing allocations.
 */
#ifndef RANKED_FIXTURE_H
#define RANKED_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "eval/ranked.h"

typedef struct temp_text {
  char path[40];
} temp_text;

static inline temp_text text_file(const char *text, size_t size) {
  temp_text f = {"/tmp/mgp_eval_XXXXXX"};
  const int fd = mkstemp(f.path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, size), size);
  close(fd);
  return f;
}

#define assert_ok(call) assert_int_equal((call), MAGPIE_OK)

static inline void assert_says(const magpie_error *err, const char *part) {
  if (!strstr(err->message, part)) fail_msg("\"%s\" does not say \"%s\"", err->message, part);
}

/* Reads `text` as a file; the caller destroys. */
static inline magpie_status read_qrels(const char *text, magpie_qrels **out, magpie_error *err) {
  const temp_text f = text_file(text, strlen(text));
  const magpie_status status = magpie_qrels_read(f.path, out, err);
  unlink(f.path);
  return status;
}

static inline magpie_status read_run(const char *text, magpie_run **out, magpie_error *err) {
  const temp_text f = text_file(text, strlen(text));
  const magpie_status status = magpie_run_read(f.path, out, err);
  unlink(f.path);
  return status;
}

static inline magpie_qrels *qrels_of(const char *text) {
  magpie_qrels *qrels = NULL;
  magpie_error err = {0};
  if (read_qrels(text, &qrels, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return qrels;
}

static inline magpie_run *run_of(const char *text) {
  magpie_run *run = NULL;
  magpie_error err = {0};
  if (read_run(text, &run, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return run;
}

/* The documents of a query's hits with a space after each. */
static inline void assert_hits(const magpie_run *run, const char *query, const char *expected) {
  char text[400] = "";
  const magpie_run_hit *hits = NULL;
  const size_t count = magpie_run_hits(run, query, &hits);
  for (size_t i = 0; i < count; i++) {
    strncat(text, hits[i].document, sizeof text - strlen(text) - 1);
    strncat(text, " ", sizeof text - strlen(text) - 1);
  }
  assert_string_equal(text, expected);
}

/* Every allocation of `work` fails once: NO_MEMORY each time and nothing is left over. */
static inline void each_allocation_fails(magpie_status (*work)(mgp_alloc *a, void *context,
                                                               magpie_error *err),
                                         void *context) {
  mgp_alloc *a = mgp_alloc_create(0);
  assert_non_null(a);
  uint64_t n = 1;
  for (; n < 5000; n++) {
    magpie_error err = {0};
    mgp_alloc_fail_at(a, n);
    const magpie_status status = work(a, context, &err);
    mgp_alloc_fail_at(a, 0);
    assert_int_equal(mgp_alloc_used(a), 0);
    if (status == MAGPIE_OK) break;
    assert_int_equal(status, MAGPIE_NO_MEMORY);
    assert_true(err.message[0] != '\0');
  }
  assert_in_range(n, 5, 4999);
  mgp_alloc_destroy(a);
}

#endif
