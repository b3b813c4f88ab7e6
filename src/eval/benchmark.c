/* SPDX-License-Identifier: Apache-2.0
 *
 * Benchmarks in the field's layouts: opened, told apart by what lies in them, asked.
 */
#include "eval/benchmark.h"

#include <errno.h>
#include <sys/stat.h>

/* ---- which layout ------------------------------------------------------------------------ */

static const mgp_set_layout *const layouts[] = {
    &mgp_set_magpie, &mgp_set_beir,     &mgp_set_tevatron,        &mgp_set_mmeb,
    &mgp_set_mbeir,  &mgp_set_mixbench, &mgp_set_mbeir_instructed};

#define LAYOUT_COUNT (sizeof layouts / sizeof *layouts)
#define LAYOUT_NAMES "magpie, beir, tevatron, mmeb, mbeir, mbeir-instructed and mixbench"

static const mgp_set_layout *layout_of_row(const json_t *row) {
  if (json_object_get(row, "qry_text") || json_object_get(row, "qry_img_path"))
    return &mgp_set_mmeb;
  if (json_object_get(row, "qid")) return &mgp_set_mbeir;
  if (json_object_get(row, "positive_passages") || json_object_get(row, "positive_document_ids"))
    return &mgp_set_tevatron;
  if (json_object_get(row, "query_id")) return &mgp_set_mixbench;
  if (json_object_get(row, "id")) return &mgp_set_magpie;
  return json_object_get(row, "_id") ? &mgp_set_beir : NULL;
}

/* By the members of the first row of a file. */
static magpie_status guess_by_file(magpie_benchmark *b, const char *file, magpie_error *err) {
  mgp_map map = {0};
  mgp_json_lines lines;
  json_t *row = NULL;
  MGP_RETURN_IF(!file, err, MAGPIE_NO_MEMORY, "no memory for a path");
  MGP_FORWARD(mgp_map_open(file, &map, err));
  mgp_json_lines_init(&lines, file, map.data ? (const char *)map.data : "", map.size);
  magpie_status status = mgp_json_lines_next(&lines, &row, err);
  if (status == MAGPIE_OK && !row)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: no rows; one JSON object a line is expected", file);
  else if (status == MAGPIE_OK && !(b->layout = layout_of_row(row)))
    status = mgp_json_lines_fail(&lines, err,
                                 "its members are of no layout that magpie knows: " LAYOUT_NAMES);
  json_decref(row);
  mgp_map_close(&map);
  return status;
}

/* queries.jsonl or queries.SPLIT.jsonl, else any .jsonl but the corpus; NULL: none. */
static const char *choose_telling_name(const mgp_name_list *list) {
  const char *found = NULL;
  for (size_t i = 0; i < list->count; i++) {
    const char *name = list->names[i];
    if (strcmp(name, "query") == 0 || strcmp(name, "queries") == 0 ||
        mgp_text_starts(name, "queries."))
      return name;
    if (!found && !strstr(name, "corpus") && !mgp_text_starts(name, "qrel")) found = name;
  }
  return found;
}

static magpie_status guess_by_folder(magpie_benchmark *b, magpie_error *err) {
  const char *queries = mgp_benchmark_path(b, "%s/query", b->folder);
  const char *pool = mgp_benchmark_path(b, "%s/cand_pool", b->folder);
  MGP_RETURN_IF(!queries || !pool, err, MAGPIE_NO_MEMORY, "no memory for a path");
  if (mgp_is_folder(queries) && mgp_is_folder(pool)) {
    b->layout = &mgp_set_mbeir;
    return MAGPIE_OK;
  }
  mgp_name_list list = {0};
  magpie_status status = mgp_names_in(b, b->folder, "", ".jsonl", false, &list, err);
  const char *name = choose_telling_name(&list);
  mgp_names_fini(b, &list);
  MGP_FORWARD(status);
  MGP_RETURN_IF(!name, err, MAGPIE_NOT_FOUND,
                "%s holds no benchmark: neither queries.jsonl nor another .jsonl file of queries, "
                "nor M-BEIR's folders query and cand_pool",
                b->path);
  return guess_by_file(b, mgp_benchmark_path(b, "%s/%s.jsonl", b->folder, name), err);
}

static magpie_status choose_layout(magpie_benchmark *b, const char *format, magpie_error *err) {
  for (size_t i = 0; format && i < LAYOUT_COUNT; i++)
    if (strcmp(format, layouts[i]->format) == 0) b->layout = layouts[i];
  MGP_RETURN_IF(format && !b->layout, err, MAGPIE_INVALID,
                "no layout is called \"%s\"; there are " LAYOUT_NAMES, format);
  if (!format) MGP_FORWARD(b->is_folder ? guess_by_folder(b, err) : guess_by_file(b, b->path, err));
  b->measure = b->layout->measure;
  return MAGPIE_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static magpie_status create(mgp_alloc *a, const char *path, magpie_benchmark **out,
                            magpie_error *err) {
  struct stat st;
  MGP_RETURN_IF(!path || !*path, err, MAGPIE_INVALID, "no benchmark is named");
  if (stat(path, &st) != 0) return mgp_fail_errno(err, errno, "%s cannot be read", path);
  magpie_benchmark *b = mgp_calloc(a, 1, sizeof *b);
  MGP_RETURN_IF(!b, err, MAGPIE_NO_MEMORY, "no memory for a benchmark");
  *out = b;
  b->alloc = a;
  b->arena = mgp_arena_create(a);
  b->path = b->arena ? mgp_arena_strdup(b->arena, path) : NULL;
  b->is_folder = S_ISDIR(st.st_mode);
  if (b->path) b->folder = b->is_folder ? b->path : mgp_benchmark_folder_of(b, b->path);
  MGP_RETURN_IF(!b->folder, err, MAGPIE_NO_MEMORY, "no memory for a benchmark");
  MGP_FORWARD(mgp_id_table_init(&b->query_ids, a, err));
  MGP_FORWARD(mgp_id_table_init(&b->candidate_ids, a, err));
  return mgp_qrels_create_in(a, &b->qrels, err);
}

static magpie_status finish(magpie_benchmark *b, const char *split, magpie_error *err) {
  MGP_FORWARD(b->layout->open(b, split, err));
  MGP_FORWARD(mgp_queries_keep_judged(b, err));
  return b->corpus_file ? mgp_documents_each(b, NULL, NULL, err) : MAGPIE_OK;
}

magpie_status mgp_benchmark_open_in(mgp_alloc *a, const char *path, const char *format,
                                    const char *split, magpie_benchmark **out, magpie_error *err) {
  magpie_benchmark *b = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(create(a, path, &b, err));
  MGP_TRY(choose_layout(b, format, err));
  MGP_TRY(finish(b, split, err));
  *out = b;
done:
  if (status != MAGPIE_OK) magpie_benchmark_destroy(b);
  return status;
}

magpie_status magpie_benchmark_open(const char *path, const char *format, const char *split,
                                    magpie_benchmark **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "benchmark: out is NULL");
  *out = NULL;
  return mgp_benchmark_open_in(NULL, path, format, split, out, err);
}

magpie_status mgp_benchmark_open_files_in(mgp_alloc *a, const char *queries, const char *qrels,
                                          magpie_benchmark **out, magpie_error *err) {
  magpie_benchmark *b = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(create(a, queries, &b, err));
  if (b->is_folder)
    MGP_TRY(
        mgp_fail(err, MAGPIE_INVALID, "%s is a folder; one file of queries is expected", queries));
  b->layout = &mgp_set_magpie;
  b->measure = b->layout->measure;
  if (qrels && !(b->qrels_file = mgp_arena_strdup(b->arena, qrels)))
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path"));
  MGP_TRY(finish(b, NULL, err));
  *out = b;
done:
  if (status != MAGPIE_OK) magpie_benchmark_destroy(b);
  return status;
}

magpie_status magpie_benchmark_open_files(const char *queries, const char *qrels,
                                          magpie_benchmark **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "benchmark: out is NULL");
  *out = NULL;
  return mgp_benchmark_open_files_in(NULL, queries, qrels, out, err);
}

void magpie_benchmark_destroy(magpie_benchmark *b) {
  if (!b) return;
  mgp_alloc *a = b->alloc;
  magpie_qrels_destroy(b->qrels);
  mgp_id_table_fini(&b->query_ids);
  mgp_id_table_fini(&b->candidate_ids);
  mgp_free(a, b->queries);
  mgp_free(a, b->query_lines);
  mgp_free(a, b->candidate_marks);
  mgp_arena_destroy(b->arena);
  mgp_free(a, b);
}

/* ---- asking ------------------------------------------------------------------------------ */

const char *magpie_benchmark_format(const magpie_benchmark *benchmark) {
  return benchmark ? benchmark->layout->format : "";
}

const char *magpie_benchmark_measure(const magpie_benchmark *benchmark) {
  return benchmark ? benchmark->measure : "nDCG@10";
}

size_t magpie_benchmark_query_count(const magpie_benchmark *benchmark) {
  return benchmark ? benchmark->query_count : 0;
}

const magpie_benchmark_query *magpie_benchmark_query_at(const magpie_benchmark *benchmark,
                                                        size_t index) {
  return index < magpie_benchmark_query_count(benchmark) ? &benchmark->queries[index] : NULL;
}

const magpie_qrels *magpie_benchmark_qrels(const magpie_benchmark *benchmark) {
  return benchmark ? benchmark->qrels : NULL;
}
