/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of benchmarks share: fixtures by name, folders made from texts, queries as text.
 */
#ifndef BENCHMARK_FIXTURE_H
#define BENCHMARK_FIXTURE_H

#include "eval/benchmark.h"
#include "ranked_fixture.h"

#define FIXTURES TEST_SOURCE_DIR "/tests/fixtures/benchmarks/"

typedef struct temp_folder {
  char path[40];
} temp_folder;

static inline temp_folder folder_create(void) {
  temp_folder f = {"/tmp/mgp_sets_XXXXXX"};
  assert_non_null(mkdtemp(f.path));
  return f;
}

static inline void folder_remove(const temp_folder *f) {
  assert_ok(mgp_directory_remove(f->path, NULL));
}

/* FOLDER/NAME with the folders above it; `text` NULL: nothing is made, only the name is given. The
 * last eight names stay valid. */
static inline const char *put_file(const temp_folder *f, const char *name, const char *text) {
  static char paths[8][300];
  static unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", f->path, name);
  if (!text) return path;
  char folder[300];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = '\0';
  assert_ok(mgp_directory_make(folder, NULL));
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  fclose(file);
  return path;
}

static inline magpie_benchmark *open_set(const char *path, const char *format, const char *split) {
  magpie_benchmark *b = NULL;
  magpie_error err = {0};
  if (magpie_benchmark_open(path, format, split, &b, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  return b;
}

/* A query as text: "ID MODALITY | text:…*0.5 | image:PATH | [candidate candidate]". Paths are
 * shortened by the benchmark's folder. */
static inline void query_text(const magpie_benchmark *b, size_t index, char *out, size_t size) {
  const magpie_benchmark_query *q = magpie_benchmark_query_at(b, index);
  mgp_buffer text;
  assert_non_null(q);
  mgp_buffer_init(&text, NULL);
  mgp_buffer_printf(&text, "%s %s", q->id, q->modality);
  for (size_t i = 0; i < q->part_count; i++) {
    const magpie_part *p = &q->parts[i];
    const char *path = p->image ? p->image : p->audio;
    if (path) assert_int_equal(path[0], '/');
    const size_t cut = path && mgp_text_starts(path, b->media) ? strlen(b->media) + 1 : 0;
    mgp_buffer_printf(&text, " | %s:%s",
                      p->text    ? "text"
                      : p->image ? "image"
                      : p->audio ? "audio"
                                 : "item",
                      p->text ? p->text
                      : path  ? path + cut
                              : p->item);
    if (p->weight != 1) mgp_buffer_printf(&text, "*%g", p->weight);
  }
  for (size_t i = 0; i < q->candidate_count; i++)
    mgp_buffer_printf(&text, "%s%s", i ? " " : " | [", q->candidates[i]);
  if (q->candidates) mgp_buffer_add_char(&text, ']');
  assert_false(text.failed);
  snprintf(out, size, "%s", text.data);
  mgp_buffer_fini(&text);
}

static inline void assert_query(const magpie_benchmark *b, size_t index, const char *expected) {
  char text[2000];
  query_text(b, index, text, sizeof text);
  assert_string_equal(text, expected);
}

static inline void assert_gain(const magpie_benchmark *b, const char *query, const char *document,
                               int64_t expected) {
  int64_t gain = -77;
  assert_true(magpie_qrels_gain(magpie_benchmark_qrels(b), query, document, &gain));
  assert_int_equal(gain, expected);
}

static inline size_t judgement_count(const magpie_benchmark *b) {
  return magpie_qrels_judgement_count(magpie_benchmark_qrels(b));
}

static inline magpie_status count_document(void *context, const mgp_json_lines *lines,
                                           const mgp_document *document, magpie_error *err) {
  (void)lines, (void)document, (void)err;
  ++*(size_t *)context;
  return MAGPIE_OK;
}

static inline size_t document_count(const magpie_benchmark *b) {
  size_t count = 0;
  assert_ok(mgp_documents_each(b, count_document, &count, NULL));
  return count;
}

/* Opening fails with `code`, and each of the parts is said; NULL ends them. */
static inline void assert_refused(const char *path, const char *format, const char *split,
                                  magpie_status code, const char *says) {
  magpie_benchmark *b = (magpie_benchmark *)1;
  magpie_error err = {0};
  const magpie_status status = magpie_benchmark_open(path, format, split, &b, &err);
  if (status != code) fail_msg("status %d, not %d: %s", status, code, err.message);
  assert_null(b);
  assert_says(&err, says);
}

#endif
