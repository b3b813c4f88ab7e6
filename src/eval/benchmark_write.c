/* SPDX-License-Identifier: Apache-2.0
 *
 * Benchmarks written in the layouts "magpie", "beir" and "tevatron". The corpus is streamed; all
 * files are written beside their names and renamed at the end, so that a folder never holds half a
 * set. A Tevatron set keeps its bytes: its files, which opening has checked, are copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/benchmark.h"

#define RECORD_ID_MAX 512 /* of `magpie import` */
#define MISSING_NAMED 5
#define FILES_MAX 4

/* ---- files that appear together ---------------------------------------------------------- */

typedef struct out_file {
  char path[PATH_MAX], temporary[PATH_MAX];
  FILE *file;
} out_file;

typedef struct writing {
  const magpie_benchmark *benchmark;
  const char *folder;
  bool for_import; /* media are looked for */
  out_file files[FILES_MAX];
  size_t file_count;
  FILE *corpus; /* one of the files */
  size_t missing;
  mgp_buffer missing_names;
} writing;

static bool is_same_file(const char *a, const char *b) {
  struct stat x, y;
  return a && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static magpie_status begin_file(writing *w, const char *name, FILE **out, magpie_error *err) {
  const magpie_benchmark *b = w->benchmark;
  out_file *f = &w->files[w->file_count];
  const int size = snprintf(f->path, sizeof f->path, "%s/%s", w->folder, name);
  const int more =
      snprintf(f->temporary, sizeof f->temporary, "%s/%s.tmp.%ld", w->folder, name, (long)getpid());
  MGP_RETURN_IF(size < 0 || more < 0 || (size_t)more >= sizeof f->temporary, err, MAGPIE_INVALID,
                "the path %s/%s is too long", w->folder, name);
  MGP_RETURN_IF(is_same_file(b->query_file, f->path) || is_same_file(b->corpus_file, f->path) ||
                    is_same_file(b->qrels_file, f->path),
                err, MAGPIE_INVALID,
                "%s belongs to the benchmark that is read; choose another folder", f->path);
  const int fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return mgp_fail_errno(err, errno, "%s cannot be created", f->temporary);
  w->file_count++;
  f->file = fdopen(fd, "wb");
  if (!f->file) {
    close(fd);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write %s", f->path);
  }
  *out = f->file;
  return MAGPIE_OK;
}

static magpie_status put_text(writing *w, FILE *file, const char *text, size_t size,
                              magpie_error *err) {
  if (fwrite(text, 1, size, file) == size) return MAGPIE_OK;
  return mgp_fail_errno(err, errno, "a file in %s cannot be written", w->folder);
}

/* Takes `row` even on failure; NULL stands for no memory. */
static magpie_status put_row(writing *w, FILE *file, json_t *row, magpie_error *err) {
  char *text = NULL;
  MGP_RETURN_IF(!row, err, MAGPIE_NO_MEMORY, "no memory for a row");
  magpie_status status = mgp_json_write(row, &text, err);
  json_decref(row);
  if (status == MAGPIE_OK) status = put_text(w, file, text, strlen(text), err);
  if (status == MAGPIE_OK) status = put_text(w, file, "\n", 1, err);
  magpie_free(text);
  return status;
}

static magpie_status close_file(out_file *f, magpie_error *err) {
  const bool is_written = fflush(f->file) == 0 && fsync(fileno(f->file)) == 0;
  const int why = errno;
  const bool is_closed = fclose(f->file) == 0;
  f->file = NULL;
  if (is_written && is_closed) return MAGPIE_OK;
  return mgp_fail_errno(err, is_written ? errno : why, "%s cannot be written", f->temporary);
}

/* Closes and renames all, or removes all. */
static magpie_status end_files(writing *w, magpie_status status, magpie_error *err) {
  for (size_t i = 0; i < w->file_count && status == MAGPIE_OK; i++)
    status = close_file(&w->files[i], err);
  for (size_t i = 0; i < w->file_count; i++) {
    out_file *f = &w->files[i];
    if (f->file) fclose(f->file);
    if (status == MAGPIE_OK && rename(f->temporary, f->path) != 0)
      status = mgp_fail_errno(err, errno, "%s cannot be renamed", f->temporary);
    if (status != MAGPIE_OK) unlink(f->temporary);
  }
  return status == MAGPIE_OK ? mgp_directory_sync(w->folder, err) : status;
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* An object under construction: any failure makes it NULL. */
static void set_value(json_t **object, const char *name, json_t *value) {
  if (*object && json_object_set_new(*object, name, value) == 0) return;
  if (!*object) json_decref(value);
  json_decref(*object);
  *object = NULL;
}

static void set_text(json_t **object, const char *name, const char *text) {
  if (text) set_value(object, name, json_string(text));
}

static void append_value(json_t **array, json_t *value) {
  if (*array && json_array_append_new(*array, value) == 0) return;
  if (!*array) json_decref(value);
  json_decref(*array);
  *array = NULL;
}

/* ---- media ------------------------------------------------------------------------------- */

static magpie_status absolute_path(const writing *w, const char *path, char out[PATH_MAX],
                                   magpie_error *err) {
  const int size = *path == '/' ? snprintf(out, PATH_MAX, "%s", path)
                                : snprintf(out, PATH_MAX, "%s/%s", w->benchmark->media, path);
  MGP_RETURN_IF(size < 0 || size >= PATH_MAX, err, MAGPIE_FORMAT, "the path %.200s… is too long",
                path);
  return MAGPIE_OK;
}

/* The first few that are not there are named when all is read. */
static void look_for(writing *w, const char *file, size_t line, const char *path) {
  if (!w->for_import || access(path, R_OK) == 0) return;
  if (w->missing++ < MISSING_NAMED)
    mgp_buffer_printf(&w->missing_names, "\n  %s:%zu: %s", file, line, path);
}

static magpie_status tell_missing(writing *w, magpie_error *err) {
  if (w->missing == 0) return MAGPIE_OK;
  MGP_RETURN_IF(w->missing_names.failed, err, MAGPIE_NO_MEMORY, "no memory for a message");
  const bool is_more = w->missing > MISSING_NAMED;
  return mgp_fail(err, MAGPIE_NOT_FOUND,
                  "%zu media file%s cannot be read; unpack the set's pictures and sounds:%s%s",
                  w->missing, w->missing == 1 ? "" : "s", w->missing_names.data,
                  is_more ? "\n  …" : "");
}

/* ---- magpie ------------------------------------------------------------------------------ */

/* The one media file of a document; NULL: it has none. */
static magpie_status media_of(const mgp_json_lines *lines, const mgp_document *d, const char **path,
                              magpie_error *err) {
  const char *const all[] = {d->image, d->audio, d->video, d->file};
  *path = NULL;
  for (size_t i = 0; i < 4; i++) {
    MGP_RETURN_IF(all[i] && *path, err, MAGPIE_UNSUPPORTED,
                  "%s:%zu: document %.100s has several media files; a record of magpie has one",
                  lines->file, lines->line, d->id);
    if (all[i]) *path = all[i];
  }
  return MAGPIE_OK;
}

static json_t *import_line(const mgp_document *d, const char *path) {
  if (d->record) {
    json_t *copy = json_copy((json_t *)(uintptr_t)d->record); /* shallow; the row stays as it is */
    if (path) set_text(&copy, "path", path);
    return copy;
  }
  json_t *record = json_object();
  set_text(&record, "id", d->id);
  if (d->title && *d->title) set_text(&record, "title", d->title);
  if (d->text && (*d->text || !path)) set_text(&record, "text", d->text);
  set_text(&record, "path", path);
  if (d->metadata && json_object_size(d->metadata) > 0)
    set_value(&record, "metadata", json_incref((json_t *)(uintptr_t)d->metadata));
  return record;
}

static magpie_status put_magpie_document(void *context, const mgp_json_lines *lines,
                                         const mgp_document *d, magpie_error *err) {
  writing *w = context;
  char absolute[PATH_MAX];
  const char *path = NULL;
  MGP_RETURN_IF(strlen(d->id) > RECORD_ID_MAX || *d->id == '@', err, MAGPIE_UNSUPPORTED,
                "%s:%zu: the id %.100s cannot be a record's: it has more than %d bytes or begins "
                "with @",
                lines->file, lines->line, d->id, RECORD_ID_MAX);
  MGP_FORWARD(media_of(lines, d, &path, err));
  if (path) {
    MGP_FORWARD(absolute_path(w, path, absolute, err));
    look_for(w, lines->file, lines->line, absolute);
  }
  return put_row(w, w->corpus, import_line(d, path ? absolute : NULL), err);
}

static json_t *part_json(const magpie_part *part) {
  json_t *object = json_object();
  set_text(&object, "text", part->text);
  set_text(&object, "image", part->image);
  set_text(&object, "audio", part->audio);
  set_text(&object, "item", part->item);
  set_text(&object, "space", part->space);
  if (part->weight != 1) set_value(&object, "weight", json_real(part->weight));
  return object;
}

static json_t *query_json(const magpie_benchmark_query *query) {
  json_t *object = json_object(), *parts = json_array();
  set_text(&object, "id", query->id);
  for (size_t i = 0; i < query->part_count; i++) append_value(&parts, part_json(&query->parts[i]));
  set_value(&object, "parts", parts);
  if (!query->candidates) return object;
  json_t *candidates = json_array();
  for (size_t i = 0; i < query->candidate_count; i++)
    append_value(&candidates, json_string(query->candidates[i]));
  set_value(&object, "candidates", candidates);
  return object;
}

static magpie_status put_magpie_queries(writing *w, magpie_error *err) {
  const magpie_benchmark *b = w->benchmark;
  FILE *file = NULL;
  MGP_FORWARD(begin_file(w, "queries.jsonl", &file, err));
  for (size_t i = 0; i < b->query_count; i++) {
    const magpie_benchmark_query *query = &b->queries[i];
    for (size_t j = 0; j < query->part_count; j++) {
      const magpie_part *part = &query->parts[j];
      if (part->image) look_for(w, b->query_file, b->query_lines[i], part->image);
      if (part->audio) look_for(w, b->query_file, b->query_lines[i], part->audio);
    }
    MGP_FORWARD(put_row(w, file, query_json(query), err));
  }
  return MAGPIE_OK;
}

/* Judgements with BEIR's header. */
static magpie_status put_qrels(writing *w, const char *name, magpie_error *err) {
  const magpie_qrels *qrels = w->benchmark->qrels;
  static const char header[] = "query-id\tcorpus-id\tscore\n";
  FILE *file = NULL;
  MGP_FORWARD(begin_file(w, name, &file, err));
  MGP_FORWARD(put_text(w, file, header, sizeof header - 1, err));
  for (size_t i = 0; i < magpie_qrels_query_count(qrels); i++) {
    const char *query = magpie_qrels_query(qrels, i);
    const char *const *documents = NULL;
    const int64_t *gains = NULL;
    const size_t count = magpie_qrels_documents(qrels, query, &documents, &gains);
    for (size_t j = 0; j < count; j++)
      if (fprintf(file, "%s\t%s\t%lld\n", query, documents[j], (long long)gains[j]) < 0)
        return mgp_fail_errno(err, errno, "%s/%s cannot be written", w->folder, name);
  }
  return MAGPIE_OK;
}

static magpie_status put_settings(writing *w, magpie_error *err) {
  FILE *file = NULL;
  json_t *settings = json_object();
  set_text(&settings, "measure", w->benchmark->measure);
  set_text(&settings, "from", w->benchmark->layout->format);
  set_text(&settings, "split", w->benchmark->split);
  const magpie_status status = begin_file(w, "benchmark.json", &file, err);
  if (status == MAGPIE_OK) return put_row(w, file, settings, err);
  json_decref(settings);
  return status;
}

static magpie_status write_magpie(writing *w, magpie_error *err) {
  w->for_import = true;
  MGP_FORWARD(begin_file(w, "corpus.jsonl", &w->corpus, err));
  MGP_FORWARD(mgp_documents_each(w->benchmark, put_magpie_document, w, err));
  MGP_FORWARD(put_magpie_queries(w, err));
  MGP_FORWARD(tell_missing(w, err));
  MGP_FORWARD(put_qrels(w, "qrels.tsv", err));
  return put_settings(w, err);
}

/* ---- what the other layouts cannot hold -------------------------------------------------- */

/* At most one part of each kind, all of weight 1, and no list of candidates. */
static magpie_status check_plain_query(const magpie_benchmark *b, size_t index, const char *format,
                                       bool text_only, magpie_error *err) {
  const magpie_benchmark_query *query = &b->queries[index];
  size_t texts = 0, images = 0, sounds = 0;
  bool is_plain = true;
  for (size_t i = 0; i < query->part_count; i++) {
    const magpie_part *part = &query->parts[i];
    texts += part->text != NULL;
    images += part->image != NULL;
    sounds += part->audio != NULL;
    is_plain = is_plain && part->weight == 1 && !part->item && !part->space;
  }
  is_plain = is_plain && texts <= 1 && images <= 1 && sounds <= 1;
  if (text_only) is_plain = is_plain && texts == 1 && images + sounds == 0;
  MGP_RETURN_IF(!is_plain, err, MAGPIE_UNSUPPORTED,
                "%s:%zu: query %.100s cannot be written as %s: %s. The layout \"magpie\" holds it",
                b->query_file, b->query_lines[index], query->id, format,
                text_only ? "only one text can"
                          : "only one text, picture and sound can, without weights");
  MGP_RETURN_IF(query->candidates, err, MAGPIE_UNSUPPORTED,
                "%s:%zu: query %.100s has its own candidates, which %s cannot hold. The layout "
                "\"magpie\" does",
                b->query_file, b->query_lines[index], query->id, format);
  return MAGPIE_OK;
}

static magpie_status check_document(const mgp_json_lines *lines, const mgp_document *d,
                                    const char *format, magpie_error *err) {
  size_t size = 0;
  MGP_RETURN_IF(mgp_id_check("document", d->id, &size, NULL) != MAGPIE_OK, err, MAGPIE_UNSUPPORTED,
                "%s:%zu: the id \"%.100s\" holds white space; %s cannot hold it", lines->file,
                lines->line, d->id, format);
  MGP_RETURN_IF(d->record && json_object_get(d->record, "vector"), err, MAGPIE_UNSUPPORTED,
                "%s:%zu: document %.100s is a vector; %s cannot hold it", lines->file, lines->line,
                d->id, format);
  return MAGPIE_OK;
}

/* ---- BEIR -------------------------------------------------------------------------------- */

static magpie_status put_beir_document(void *context, const mgp_json_lines *lines,
                                       const mgp_document *d, magpie_error *err) {
  writing *w = context;
  MGP_RETURN_IF(d->image || d->audio || d->video || d->file, err, MAGPIE_UNSUPPORTED,
                "%s:%zu: document %.100s has a media file; BEIR holds texts only", lines->file,
                lines->line, d->id);
  MGP_FORWARD(check_document(lines, d, "beir", err));
  json_t *row = json_object();
  set_text(&row, "_id", d->id);
  set_text(&row, "title", d->title ? d->title : "");
  set_text(&row, "text", d->text ? d->text : "");
  set_value(&row, "metadata",
            d->metadata ? json_incref((json_t *)(uintptr_t)d->metadata) : json_object());
  return put_row(w, w->corpus, row, err);
}

static magpie_status put_beir_queries(writing *w, magpie_error *err) {
  const magpie_benchmark *b = w->benchmark;
  FILE *file = NULL;
  MGP_FORWARD(begin_file(w, "queries.jsonl", &file, err));
  for (size_t i = 0; i < b->query_count; i++) {
    MGP_FORWARD(check_plain_query(b, i, "beir", true, err));
    json_t *row = json_object();
    set_text(&row, "_id", b->queries[i].id);
    set_text(&row, "text", b->queries[i].parts[0].text);
    set_value(&row, "metadata", json_object());
    MGP_FORWARD(put_row(w, file, row, err));
  }
  return MAGPIE_OK;
}

static magpie_status write_beir(writing *w, magpie_error *err) {
  char qrels[PATH_MAX], below[PATH_MAX];
  const char *split = w->benchmark->split ? w->benchmark->split : "test";
  const int size = snprintf(below, sizeof below, "%s/qrels", w->folder);
  const int more = snprintf(qrels, sizeof qrels, "qrels/%s.tsv", split);
  MGP_RETURN_IF(size < 0 || (size_t)size >= sizeof below || more < 0 ||
                    (size_t)more >= sizeof qrels,
                err, MAGPIE_INVALID, "the path %s is too long", w->folder);
  MGP_FORWARD(mgp_directory_make(below, err));
  MGP_FORWARD(put_beir_queries(w, err));
  MGP_FORWARD(begin_file(w, "corpus.jsonl", &w->corpus, err));
  MGP_FORWARD(mgp_documents_each(w->benchmark, put_beir_document, w, err));
  return put_qrels(w, qrels, err);
}

/* ---- Tevatron ---------------------------------------------------------------------------- */

static magpie_status copy_file(writing *w, const char *from, magpie_error *err) {
  mgp_map map = {0};
  FILE *file = NULL;
  MGP_FORWARD(begin_file(w, mgp_path_name(from), &file, err));
  MGP_FORWARD(mgp_map_open(from, &map, err));
  const magpie_status status =
      map.size > 0 ? put_text(w, file, (const char *)map.data, map.size, err) : MAGPIE_OK;
  mgp_map_close(&map);
  return status;
}

/* "image", "audio" or "video" by the ending of a file; NULL: another. */
static const char *media_member(const char *path) {
  static const char *const kinds[][2] = {
      {"jpg", "image"},  {"jpeg", "image"}, {"png", "image"},  {"webp", "image"}, {"gif", "image"},
      {"bmp", "image"},  {"tif", "image"},  {"tiff", "image"}, {"mp3", "audio"},  {"wav", "audio"},
      {"flac", "audio"}, {"ogg", "audio"},  {"opus", "audio"}, {"m4a", "audio"},  {"mp4", "video"},
      {"mkv", "video"},  {"webm", "video"}, {"mov", "video"},  {"avi", "video"}};
  const char *dot = strrchr(mgp_path_name(path), '.');
  for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++)
    if (strcasecmp(dot + 1, kinds[i][0]) == 0) return kinds[i][1];
  return NULL;
}

static magpie_status put_tevatron_document(void *context, const mgp_json_lines *lines,
                                           const mgp_document *d, magpie_error *err) {
  writing *w = context;
  const char *const names[] = {"image", "audio", "video", d->file ? media_member(d->file) : NULL};
  const char *const paths[] = {d->image, d->audio, d->video, d->file};
  MGP_FORWARD(check_document(lines, d, "tevatron", err));
  json_t *row = json_object();
  magpie_status status = MAGPIE_OK;
  set_text(&row, "docid", d->id);
  if (d->title) set_text(&row, "title", d->title);
  set_text(&row, "text", d->text ? d->text : "");
  for (size_t i = 0; i < 4 && status == MAGPIE_OK; i++) {
    char absolute[PATH_MAX];
    if (!paths[i]) continue;
    if (!names[i])
      status = mgp_fail(err, MAGPIE_UNSUPPORTED,
                        "%s:%zu: %.200s is neither picture, sound nor video by its ending; "
                        "tevatron cannot hold it",
                        lines->file, lines->line, paths[i]);
    else status = absolute_path(w, paths[i], absolute, err);
    if (status == MAGPIE_OK) set_text(&row, names[i], absolute);
  }
  if (status == MAGPIE_OK) return put_row(w, w->corpus, row, err);
  json_decref(row);
  return status;
}

/* Gain 1 is a positive, 0 a negative; Tevatron knows no others. */
static magpie_status tevatron_query(const magpie_benchmark *b, size_t index, json_t **row,
                                    magpie_error *err) {
  const magpie_benchmark_query *query = &b->queries[index];
  const char *const *documents = NULL;
  const int64_t *gains = NULL;
  const size_t count = magpie_qrels_documents(b->qrels, query->id, &documents, &gains);
  for (size_t i = 0; i < count; i++)
    MGP_RETURN_IF(gains[i] < 0 || gains[i] > 1, err, MAGPIE_UNSUPPORTED,
                  "query %.100s gives document %.100s the gain %lld; tevatron knows 0 and 1",
                  query->id, documents[i], (long long)gains[i]);
  json_t *positive = json_array(), *negative = json_array(), *object = json_object();
  for (size_t i = 0; i < count; i++)
    append_value(gains[i] == 1 ? &positive : &negative, json_string(documents[i]));
  set_text(&object, "query_id", query->id);
  for (size_t i = 0; i < query->part_count; i++) {
    set_text(&object, "query_text", query->parts[i].text);
    set_text(&object, "query_image", query->parts[i].image);
    set_text(&object, "query_audio", query->parts[i].audio);
  }
  set_value(&object, "positive_document_ids", positive);
  set_value(&object, "negative_document_ids", negative);
  *row = object;
  return MAGPIE_OK;
}

static magpie_status write_tevatron(writing *w, magpie_error *err) {
  const magpie_benchmark *b = w->benchmark;
  FILE *file = NULL;
  char name[300];
  if (b->layout == &mgp_set_tevatron) {
    MGP_FORWARD(copy_file(w, b->query_file, err));
    const bool has_corpus = b->corpus_file && b->corpus_file != b->query_file;
    return has_corpus ? copy_file(w, b->corpus_file, err) : MAGPIE_OK;
  }
  snprintf(name, sizeof name, "%.250s.jsonl", b->split ? b->split : "test");
  MGP_FORWARD(begin_file(w, name, &file, err));
  for (size_t i = 0; i < b->query_count; i++) {
    json_t *row = NULL;
    MGP_FORWARD(check_plain_query(b, i, "tevatron", false, err));
    MGP_FORWARD(tevatron_query(b, i, &row, err));
    MGP_FORWARD(put_row(w, file, row, err));
  }
  MGP_FORWARD(begin_file(w, "corpus.jsonl", &w->corpus, err));
  return mgp_documents_each(b, put_tevatron_document, w, err);
}

/* ---- the call ---------------------------------------------------------------------------- */

magpie_status magpie_benchmark_write(const magpie_benchmark *benchmark, const char *folder,
                                     const char *format, magpie_error *err) {
  static const struct {
    const char *name;
    magpie_status (*write)(writing *w, magpie_error *err);
  } formats[] = {{"magpie", write_magpie}, {"beir", write_beir}, {"tevatron", write_tevatron}};
  MGP_RETURN_IF(!benchmark || !folder || !*folder, err, MAGPIE_INVALID,
                "benchmark: no folder is named to write to");
  const char *wanted = format ? format : "magpie";
  size_t i = 0;
  while (i < 3 && strcmp(formats[i].name, wanted) != 0) i++;
  MGP_RETURN_IF(i == 3, err, MAGPIE_INVALID,
                "no layout \"%s\" can be written; there are magpie, beir and tevatron", wanted);
  const bool is_copy = benchmark->layout == &mgp_set_tevatron && formats[i].write == write_tevatron;
  MGP_RETURN_IF(!benchmark->corpus_file && !is_copy, err, MAGPIE_UNSUPPORTED,
                "%s has no documents (corpus.jsonl), only queries; it cannot be written as a set",
                benchmark->path);
  MGP_FORWARD(mgp_directory_make(folder, err));
  writing *w = mgp_calloc(benchmark->alloc, 1, sizeof *w);
  MGP_RETURN_IF(!w, err, MAGPIE_NO_MEMORY, "no memory to write a benchmark");
  w->benchmark = benchmark;
  w->folder = folder;
  mgp_buffer_init(&w->missing_names, benchmark->alloc);
  const magpie_status status = end_files(w, formats[i].write(w, err), err);
  mgp_buffer_fini(&w->missing_names);
  mgp_free(benchmark->alloc, w);
  return status;
}
