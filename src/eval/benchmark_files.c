/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a benchmark: which are there, which split they are, and judgements in the spellings
 * that benchmarks use (BEIR's header, none at all, TREC's and M-BEIR's columns).
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "eval/benchmark.h"

/* ---- paths ------------------------------------------------------------------------------- */

const char *mgp_benchmark_path(magpie_benchmark *b, const char *format, ...) {
  char path[PATH_MAX];
  va_list args;
  va_start(args, format);
  const int size = vsnprintf(path, sizeof path, format, args);
  va_end(args);
  return size >= 0 && (size_t)size < sizeof path ? mgp_arena_strdup(b->arena, path) : NULL;
}

magpie_status mgp_benchmark_find(magpie_benchmark *b, const char **file, magpie_error *err,
                                 const char *format, ...) {
  char path[PATH_MAX];
  va_list args;
  va_start(args, format);
  const int size = vsnprintf(path, sizeof path, format, args);
  va_end(args);
  *file = NULL;
  MGP_RETURN_IF(size < 0 || (size_t)size >= sizeof path, err, MAGPIE_INVALID,
                "a path in %.200s is too long", b->path);
  if (!mgp_file_exists(path) || mgp_is_folder(path)) return MAGPIE_OK;
  *file = mgp_arena_strdup(b->arena, path);
  MGP_RETURN_IF(!*file, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

magpie_status mgp_benchmark_media(magpie_benchmark *b, const char *folder, magpie_error *err) {
  char absolute[PATH_MAX];
  if (!realpath(folder, absolute)) return mgp_fail_errno(err, errno, "%s cannot be read", folder);
  MGP_RETURN_IF(!mgp_utf8_valid(absolute, strlen(absolute)), err, MAGPIE_UNSUPPORTED,
                "the name of the folder %s is not UTF-8; JSON cannot hold it", folder);
  b->media = mgp_arena_strdup(b->arena, absolute);
  MGP_RETURN_IF(!b->media, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

const char *mgp_benchmark_folder_of(magpie_benchmark *b, const char *file) {
  const char *name = mgp_path_name(file);
  if (name == file) return mgp_arena_strdup(b->arena, ".");
  const size_t size = (size_t)(name - file);
  return mgp_arena_strndup(b->arena, file, size > 1 ? size - 1 : size);
}

bool mgp_is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

magpie_status mgp_file_wanted(const char *file, const char *what, magpie_error *err) {
  MGP_RETURN_IF(!file, err, MAGPIE_NO_MEMORY, "no memory for a path, or one of more than %d bytes",
                PATH_MAX);
  MGP_RETURN_IF(!mgp_file_exists(file), err, MAGPIE_NOT_FOUND, "%s is not there: %s", file, what);
  return MAGPIE_OK;
}

/* ---- names and splits -------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_names(mgp_name_list *list) {
  if (list->count == 0) return;
  qsort(list->names, list->count, sizeof *list->names, compare_names);
  size_t kept = 1;
  for (size_t i = 1; i < list->count; i++)
    if (strcmp(list->names[i], list->names[kept - 1]) != 0) list->names[kept++] = list->names[i];
  list->count = kept;
}

static bool is_wanted_kind(const char *folder, const char *name, bool only_folders) {
  char path[PATH_MAX];
  const int size = snprintf(path, sizeof path, "%s/%s", folder, name);
  return size > 0 && (size_t)size < sizeof path && mgp_is_folder(path) == only_folders;
}

static magpie_status add_name(magpie_benchmark *b, const char *name, size_t size,
                              mgp_name_list *list, magpie_error *err) {
  const char *copy = mgp_arena_strndup(b->arena, name, size);
  MGP_RETURN_IF(!copy || !MGP_GROW(b->alloc, list->names, list->capacity, list->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for the names of files");
  list->names[list->count++] = copy;
  return MAGPIE_OK;
}

magpie_status mgp_names_in(magpie_benchmark *b, const char *folder, const char *prefix,
                           const char *suffix, bool only_folders, mgp_name_list *list,
                           magpie_error *err) {
  MGP_RETURN_IF(!folder, err, MAGPIE_NO_MEMORY, "no memory for a path");
  DIR *open = opendir(folder);
  if (!open && errno == ENOENT) return MAGPIE_OK;
  if (!open) return mgp_fail_errno(err, errno, "%s cannot be read", folder);
  const size_t prefix_size = strlen(prefix), suffix_size = strlen(suffix);
  magpie_status status = MAGPIE_OK;
  size_t seen = 0;
  for (struct dirent *entry; status == MAGPIE_OK && (entry = readdir(open));) {
    const size_t size = strlen(entry->d_name);
    if (++seen > MGP_FOLDER_NAMES_MAX)
      status =
          mgp_fail(err, MAGPIE_LIMIT, "%s holds more than %d files", folder, MGP_FOLDER_NAMES_MAX);
    else if (size > prefix_size + suffix_size && entry->d_name[0] != '.' &&
             mgp_text_starts(entry->d_name, prefix) && mgp_text_ends(entry->d_name, suffix) &&
             is_wanted_kind(folder, entry->d_name, only_folders))
      status =
          add_name(b, entry->d_name + prefix_size, size - prefix_size - suffix_size, list, err);
  }
  closedir(open);
  sort_names(list);
  return status;
}

void mgp_names_fini(magpie_benchmark *b, mgp_name_list *list) {
  mgp_free(b->alloc, list->names);
  *list = (mgp_name_list){0};
}

static const char *find_name(const mgp_name_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->names[i], name) == 0) return list->names[i];
  return NULL;
}

/* "dev, test, train", cut after a few. */
static void join_names(const mgp_name_list *list, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < list->count && used < size - 1; i++) {
    const int n = snprintf(text + used, size - used, "%s%.60s", i ? ", " : "", list->names[i]);
    used += n > 0 ? (size_t)n : 0;
  }
}

magpie_status mgp_split_choose(const magpie_benchmark *b, const char *wanted,
                               const mgp_name_list *list, const char **split, magpie_error *err) {
  char names[400];
  join_names(list, names, sizeof names);
  *split = find_name(list, wanted ? wanted : "test");
  if (!*split && !wanted) *split = find_name(list, "dev");
  if (!*split && !wanted && list->count == 1) *split = list->names[0];
  if (*split || (!wanted && list->count == 0)) return MAGPIE_OK;
  MGP_RETURN_IF(list->count == 0, err, MAGPIE_INVALID,
                "%s has no split \"%s\": it is not divided into splits", b->path, wanted);
  MGP_RETURN_IF(wanted, err, MAGPIE_INVALID, "%s has no split \"%s\"; there is %s", b->path, wanted,
                names);
  return mgp_fail(err, MAGPIE_INVALID, "%s has several splits, choose one: %s", b->path, names);
}

/* ---- queries.jsonl and qrels of a folder ------------------------------------------------- */

/* The first of the files FOLDER/NAME that is there; NULL: none. */
static magpie_status first_file(magpie_benchmark *b, const char *const *names, size_t count,
                                const char **file, magpie_error *err) {
  *file = NULL;
  for (size_t i = 0; i < count && !*file; i++)
    MGP_FORWARD(mgp_benchmark_find(b, file, err, "%s/%s", b->folder, names[i]));
  return MAGPIE_OK;
}

static magpie_status find_flat_files(magpie_benchmark *b, magpie_error *err) {
  char queries[300], below[300], flat[300];
  const char *split = b->split ? b->split : "";
  snprintf(queries, sizeof queries, "queries.%.250s.jsonl", split);
  snprintf(below, sizeof below, "qrels/%.250s.tsv", split);
  snprintf(flat, sizeof flat, "qrels.%.250s.tsv", split);
  const char *const query_names[] = {queries, "queries.jsonl", "query.jsonl"};
  const char *const qrels_names[] = {below, flat, "qrels.tsv"};
  MGP_FORWARD(first_file(b, query_names, 3, &b->query_file, err));
  return first_file(b, qrels_names, 3, &b->qrels_file, err);
}

magpie_status mgp_flat_files(magpie_benchmark *b, const char *split, magpie_error *err) {
  mgp_name_list splits = {0};
  magpie_status status = MAGPIE_OK;
  const char *below = mgp_benchmark_path(b, "%s/qrels", b->folder);
  MGP_TRY(mgp_names_in(b, below, "", ".tsv", false, &splits, err));
  MGP_TRY(mgp_names_in(b, b->folder, "qrels.", ".tsv", false, &splits, err));
  MGP_TRY(mgp_names_in(b, b->folder, "queries.", ".jsonl", false, &splits, err));
  MGP_TRY(mgp_split_choose(b, split, &splits, &b->split, err));
  MGP_TRY(find_flat_files(b, err));
  if (!b->query_file)
    status = mgp_fail(err, MAGPIE_NOT_FOUND,
                      "%s/queries.jsonl is not there: the queries of the set", b->folder);
  else status = mgp_benchmark_media(b, b->folder, err);
done:
  mgp_names_fini(b, &splits);
  return status;
}

/* ---- judgements -------------------------------------------------------------------------- */

static bool field_is(mgp_trec_field field, const char *text) {
  return field.size == strlen(text) && memcmp(field.text, text, field.size) == 0;
}

static bool is_header(const mgp_trec_lines *lines) {
  return lines->count == 3 &&
         (field_is(lines->fields[0], "query-id") || field_is(lines->fields[0], "query_id")) &&
         (field_is(lines->fields[1], "corpus-id") || field_is(lines->fields[1], "corpus_id")) &&
         field_is(lines->fields[2], "score");
}

static magpie_status read_gain(const mgp_trec_lines *lines, size_t columns, int64_t *gain,
                               magpie_error *err) {
  if (columns < 3 || columns > 5)
    return mgp_trec_fail(lines, err,
                         "%zu columns, expected \"query document gain\", TREC's \"query 0 document "
                         "gain\" or M-BEIR's with a task behind",
                         columns);
  if (lines->count != columns)
    return mgp_trec_fail(lines, err, "%zu columns, the lines before have %zu; ids have no spaces",
                         lines->count, columns);
  const mgp_trec_field field = lines->fields[columns == 3 ? 2 : 3];
  if (!mgp_trec_integer(field, gain))
    return mgp_trec_fail(lines, err, "the gain \"%.*s\" is not a whole number", MGP_FIELD(field));
  return MAGPIE_OK;
}

static magpie_status judge_line(magpie_benchmark *b, const mgp_trec_lines *lines, size_t columns,
                                bool only_known, magpie_error *err) {
  int64_t gain = 0;
  MGP_FORWARD(read_gain(lines, columns, &gain, err));
  const mgp_trec_field query = lines->fields[0], document = lines->fields[columns == 3 ? 1 : 2];
  const mgp_id *known = mgp_id_table_find(&b->query_ids, query.text, query.size);
  if (!known && only_known) return MAGPIE_OK;
  if (!known)
    return mgp_trec_fail(lines, err, "query \"%.*s\" is not in %s", MGP_FIELD(query),
                         b->query_file);
  char id[MGP_ID_SIZE_MAX + 1];
  if (document.size > MGP_ID_SIZE_MAX)
    return mgp_trec_fail(lines, err, "the id of a document has more than %d bytes",
                         MGP_ID_SIZE_MAX);
  memcpy(id, document.text, document.size);
  id[document.size] = '\0';
  magpie_error said = {0};
  const magpie_status status = magpie_qrels_add(b->qrels, known->text, id, gain, &said);
  return status == MAGPIE_OK ? MAGPIE_OK : mgp_trec_refuse(lines, status, &said, err);
}

magpie_status mgp_benchmark_read_qrels(magpie_benchmark *b, bool only_known, magpie_error *err) {
  mgp_trec_lines lines = {0};
  magpie_status status = MAGPIE_OK;
  bool more = false;
  MGP_TRY(mgp_trec_open(b->qrels_file, &lines, err));
  MGP_TRY(mgp_trec_next(&lines, &more, err));
  if (more && is_header(&lines)) MGP_TRY(mgp_trec_next(&lines, &more, err));
  const size_t columns = lines.count;
  if (!more) status = mgp_fail(err, MAGPIE_FORMAT, "%s: no judgements", b->qrels_file);
  while (more && status == MAGPIE_OK) {
    MGP_TRY(judge_line(b, &lines, columns, only_known, err));
    MGP_TRY(mgp_trec_next(&lines, &more, err));
  }
done:
  mgp_trec_close(&lines);
  return status;
}
