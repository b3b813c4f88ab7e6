/* SPDX-License-Identifier: Apache-2.0
 *
 * A small index without packs, the steps that made it, and all that can be read out of it as one
 * text: what the tests of faults compare before and after.
 */
#ifndef SMALL_INDEX_H
#define SMALL_INDEX_H

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/base.h"
#include "magpie/magpie.h"

#define SMALL_DIM 8

typedef struct small_index {
  char folder[64]; /* removed at the end */
  char index[96];  /* folder/t.mgp */
  int threads;
} small_index;

/* ---- files ---- */

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

static inline void remove_tree(const char *path) {
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* In memory where possible: thousands of tries wait for as many fsyncs. */
static inline bool small_setup(small_index *s, int threads) {
  const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(s->folder, sizeof s->folder, "%s/mgp-fault-XXXXXX", place);
  s->threads = threads;
  if (!mkdtemp(s->folder)) return false;
  snprintf(s->index, sizeof s->index, "%s/t.mgp", s->folder);
  return true;
}

static inline bool copy_file(const char *from, const char *to) {
  char *bytes = NULL;
  size_t size = 0;
  if (mgp_file_read(NULL, from, UINT64_C(1) << 30, &bytes, &size, NULL) != MAGPIE_OK) return false;
  FILE *out = fopen(to, "wb");
  const bool is_written = out && fwrite(bytes, 1, size, out) == size;
  mgp_free(NULL, bytes);
  return out && fclose(out) == 0 && is_written;
}

/* Folders and files; `to` must not be there. */
static inline bool copy_tree(const char *from, const char *to) {
  DIR *folder = opendir(from);
  if (!folder || mkdir(to, 0777) != 0) {
    if (folder) closedir(folder);
    return false;
  }
  bool is_good = true;
  for (const struct dirent *e = readdir(folder); e && is_good; e = readdir(folder)) {
    if (e->d_name[0] == '.') continue;
    char *a = mgp_path_join(NULL, from, e->d_name), *b = mgp_path_join(NULL, to, e->d_name);
    is_good = a && b && (e->d_type == DT_DIR ? copy_tree(a, b) : copy_file(a, b));
    mgp_free(NULL, a);
    mgp_free(NULL, b);
  }
  closedir(folder);
  return is_good;
}

/* ---- records ---- */

static inline void small_vector(int number, int version, float out[SMALL_DIM]) {
  for (int i = 0; i < SMALL_DIM; i++)
    out[i] = (float)((number * 7 + version * 5 + i * 13) % 17) / 17 - 0.4F;
}

/* Writes the records [first, end) as a file of JSON Lines; `version` changes texts and vectors. */
static inline bool write_records(const char *path, int first, int end, int version) {
  static const char *const words[] = {"heron", "otter", "kestrel", "badger", "newt"};
  FILE *out = fopen(path, "wb");
  if (!out) return false;
  for (int i = first; i < end; i++) {
    float v[SMALL_DIM];
    small_vector(i, version, v);
    fprintf(
        out,
        "{\"id\":\"n%d\",\"title\":\"note %d\",\"text\":\"The %s was seen at gate %d beside the "
        "%s; tide %d.\",\"metadata\":{\"gate\":%d},\"vector\":[",
        i, i, words[i % 5], i, version ? "orchard" : "river", version, i);
    for (int j = 0; j < SMALL_DIM; j++) fprintf(out, "%s%.4f", j ? "," : "", (double)v[j]);
    fputs("]}\n", out);
  }
  return fclose(out) == 0;
}

/* ---- the handle ---- */

static inline magpie_status small_open(const small_index *s, bool read_only, magpie **out,
                                       magpie_error *err) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.read_only = read_only;
  options.threads = s->threads;
  options.pack_path = "/nonexistent/packs";
  return magpie_open(s->index, &options, out, err);
}

static inline magpie_status small_search(magpie *ix, const magpie_part *part, magpie_result **out,
                                         magpie_error *err) {
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = part;
  query.part_count = 1;
  return magpie_search(ix, &query, out, err);
}

/* ---- everything that can be read ---- */

static inline int compare_lines(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line a hit. A merge that is due may have been done or not, and words of what is gone count in
 * BM25 until then: hits of words are taken as a set, those of a vector with order and score. */
static inline void add_search(mgp_buffer *b, magpie *ix, const magpie_part *part,
                              const char *what) {
  magpie_result *result = NULL;
  magpie_error err = {0};
  const magpie_status status = small_search(ix, part, &result, &err);
  mgp_buffer_printf(b, "search %s: %d\n", what, (int)status);
  char *lines[16] = {0};
  size_t count = 0;
  for (; result && count < magpie_result_count(result) && count < 16; count++) {
    const magpie_hit *h = magpie_result_hit(result, count);
    if (asprintf(&lines[count], "  %s %s %.9g %s|%s|%s\n", h->id, h->record,
                 part->vector ? h->scores[0].score : 0.0, h->title, h->text, h->metadata_json) < 0)
      abort();
  }
  if (!part->vector) qsort(lines, count, sizeof *lines, compare_lines);
  for (size_t i = 0; i < count; i++) {
    mgp_buffer_add_text(b, lines[i]);
    free(lines[i]);
  }
  for (size_t i = 0; result && magpie_result_warning(result, i); i++)
    mgp_buffer_printf(b, "  warning: %s\n", magpie_result_warning(result, i));
  magpie_result_destroy(result);
}

static inline void add_get(mgp_buffer *b, magpie *ix, const char *id) {
  char *json = NULL;
  magpie_error err = {0};
  const magpie_status status = magpie_get(ix, id, &json, &err);
  if (status != MAGPIE_NOT_FOUND)
    mgp_buffer_printf(b, "get %s: %d %s\n", id, (int)status, json ? json : "");
  magpie_free(json);
}

static inline void add_searches(mgp_buffer *b, magpie *ix) {
  float v[SMALL_DIM];
  small_vector(3, 0, v);
  const magpie_part words = {.text = "heron river gate", .weight = 1};
  const magpie_part other = {.text = "orchard", .weight = 1};
  const magpie_part vector = {
      .vector = v, .vector_dim = SMALL_DIM, .space = "vectors", .weight = 1};
  add_search(b, ix, &words, "words");
  add_search(b, ix, &other, "orchard");
  add_search(b, ix, &vector, "vector");
}

/* The failure ledger, and whether there is a picture. */
static inline void add_others(mgp_buffer *b, magpie *ix) {
  char *json = NULL;
  if (magpie_failures(ix, &json, NULL) == MAGPIE_OK) mgp_buffer_printf(b, "failures %s\n", json);
  magpie_free(json);
  void *bytes = NULL;
  size_t size = 0;
  const char *mime = NULL;
  magpie_preview(ix, "@42#1", &bytes, &size, &mime, NULL);
  mgp_buffer_printf(b, "preview %zu\n", size);
  magpie_free(bytes);
}

/* The whole of the index as text, or why it cannot be read. mgp_free it. */
static inline char *small_content(const small_index *s, int id_count) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  magpie *ix = NULL;
  magpie_error err = {0};
  const magpie_status status = small_open(s, true, &ix, &err);
  mgp_buffer_printf(&b, "open: %d\n", (int)status);
  if (status != MAGPIE_OK && status != MAGPIE_NOT_FOUND) mgp_buffer_printf(&b, "%s\n", err.message);
  for (int i = 0; ix && i < id_count; i++) {
    char id[32];
    snprintf(id, sizeof id, "n%d#1", i);
    add_get(&b, ix, id);
  }
  if (ix) add_searches(&b, ix);
  if (ix) add_others(&b, ix);
  magpie_close(&ix);
  return mgp_buffer_take(&b);
}

/* Where two contents part: the line of each. */
static inline void tell_difference(const char *a, const char *b) {
  size_t at = 0, line = 0;
  for (; a[at] && a[at] == b[at]; at++)
    if (a[at] == '\n') line = at + 1;
  fprintf(stderr, "is:       %.*s\nexpected: %.*s\n", (int)strcspn(a + line, "\n"), a + line,
          (int)strcspn(b + line, "\n"), b + line);
}

/* "" when check --deep finds nothing, else what it says. mgp_free it. */
static inline char *small_damage(const small_index *s) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  magpie_error err = {0};
  char *json = NULL;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  const magpie_status status = magpie_check(s->index, &options, &json, &err);
  mgp_buffer_add_text(&b, "");
  if (status != MAGPIE_OK) mgp_buffer_printf(&b, "check failed: %d %s", (int)status, err.message);
  else if (!strstr(json, "\"ok\":true")) mgp_buffer_add_text(&b, json);
  magpie_free(json);
  return mgp_buffer_take(&b);
}

#endif
