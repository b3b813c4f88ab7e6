/* SPDX-License-Identifier: Apache-2.0
 *
 * Insides of magpie_benchmark, and what the layouts share. A layout (set_*.c) finds its files,
 * turns rows into queries and judgements, and tells the documents of a row of the corpus. The
 * corpus is never held: it is streamed once when opened, to be checked, and again when written.
 */
#ifndef MGP_EVAL_BENCHMARK_H
#define MGP_EVAL_BENCHMARK_H

#include "eval/measures.h"
#include "eval/ranked.h"

#define MGP_QUERY_PARTS_MAX 64
#define MGP_FOLDER_NAMES_MAX 10000

typedef struct mgp_set_layout mgp_set_layout;

struct magpie_benchmark {
  mgp_alloc *alloc;
  mgp_arena *arena; /* all strings and arrays of queries */
  const mgp_set_layout *layout;
  const char *measure;
  const char *path;                                  /* as it was given */
  const char *folder;                                /* of the files, as it was given */
  const char *media;                                 /* relative paths start here; absolute */
  const char *split;                                 /* NULL: the set has no splits */
  const char *query_file, *qrels_file, *corpus_file; /* NULL: there is none */
  bool is_folder;
  bool documents_repeat; /* a document may come again if it is the same */
  const void *notes;     /* what a layout keeps while it opens */

  mgp_id_table query_ids; /* of all rows, also of queries that nobody judged */
  magpie_benchmark_query *queries;
  size_t *query_lines;
  size_t query_count, query_capacity, line_capacity;
  magpie_qrels *qrels;

  mgp_id_table candidate_ids;
  uint32_t *candidate_marks; /* by number: the last query (number + 1) that named it */
  size_t mark_capacity;
};

/* A document during a visit; nothing lives longer. Paths are as the file spells them. */
typedef struct mgp_document {
  const char *id, *title, *text; /* title and text may be NULL */
  const char *image, *audio, *video;
  const char *file;       /* a file of any kind (magpie's "path") */
  const json_t *metadata; /* an object or NULL */
  const json_t *record;   /* magpie's own record, whose other members are kept; or NULL */
} mgp_document;

typedef magpie_status mgp_document_visit(void *context, const mgp_json_lines *lines,
                                         const mgp_document *document, magpie_error *err);

/* The corpus while it is streamed. */
typedef struct mgp_documents {
  const magpie_benchmark *benchmark;
  mgp_json_lines lines;
  mgp_id_table ids;
  size_t *first_lines;  /* by number of the id */
  mgp_hash128 *content; /* the same; only where documents may repeat */
  size_t line_capacity, content_capacity;
  mgp_document_visit *visit; /* NULL: only check */
  void *context;
} mgp_documents;

struct mgp_set_layout {
  const char *format, *measure;
  /* Chooses the files, reads queries and judgements. */
  magpie_status (*open)(magpie_benchmark *b, const char *split, magpie_error *err);
  /* Gives every document of a row of the corpus file to mgp_documents_emit. */
  magpie_status (*documents)(mgp_documents *d, const json_t *row, magpie_error *err);
};

extern const mgp_set_layout mgp_set_magpie, mgp_set_beir, mgp_set_tevatron, mgp_set_mmeb,
    mgp_set_mbeir, mgp_set_mbeir_instructed, mgp_set_mixbench;

/* magpie_benchmark_open and _open_files with an allocator. */
magpie_status mgp_benchmark_open_in(mgp_alloc *a, const char *path, const char *format,
                                    const char *split, magpie_benchmark **out, magpie_error *err);
magpie_status mgp_benchmark_open_files_in(mgp_alloc *a, const char *queries, const char *qrels,
                                          magpie_benchmark **out, magpie_error *err);

/* ---- rows (benchmark_rows.c) ------------------------------------------------------------- */

#define MGP_ROW_NUMBER 24

typedef magpie_status mgp_row_read(magpie_benchmark *b, const mgp_json_lines *lines,
                                   const json_t *row, magpie_error *err);
/* Calls `read` for every row of a file; FORMAT when there is none. */
magpie_status mgp_rows_each(magpie_benchmark *b, const char *file, mgp_row_read *read,
                            magpie_error *err);
/* A string or whole number as an id; `room` holds the number's text. */
magpie_status mgp_value_id(const mgp_json_lines *lines, const json_t *value, const char *what,
                           char room[MGP_ROW_NUMBER], const char **id, magpie_error *err);
/* The member `name`, which must be there. */
magpie_status mgp_row_id(const mgp_json_lines *lines, const json_t *row, const char *name,
                         char room[MGP_ROW_NUMBER], const char **id, magpie_error *err);
/* NULL when absent or null; FORMAT when it is no string. */
magpie_status mgp_row_text(const mgp_json_lines *lines, const json_t *row, const char *name,
                           const char **text, magpie_error *err);
/* The same, and "" counts as absent. */
magpie_status mgp_row_path(const mgp_json_lines *lines, const json_t *row, const char *name,
                           const char **path, magpie_error *err);
/* NULL when absent or null; FORMAT when it is no array. */
magpie_status mgp_row_array(const mgp_json_lines *lines, const json_t *row, const char *name,
                            const json_t **array, magpie_error *err);
magpie_status mgp_row_metadata(const mgp_json_lines *lines, const json_t *row,
                               const json_t **metadata, magpie_error *err);

/* ---- building (benchmark_build.c) -------------------------------------------------------- */

/* A query before it is added; all is copied then. */
typedef struct mgp_query_draft {
  const char *id;
  magpie_part parts[MGP_QUERY_PARTS_MAX];
  size_t part_count;
  const char **candidates; /* from mgp_draft_candidate */
  size_t candidate_count, candidate_capacity;
} mgp_query_draft;

/* Adds a part of weight 1 with one of the three, if it is neither NULL nor "". */
magpie_status mgp_draft_part(const mgp_json_lines *lines, mgp_query_draft *draft, const char *text,
                             const char *image, const char *audio, magpie_error *err);
/* Notes a candidate, once; the draft's array belongs to b->alloc until mgp_query_add. */
magpie_status mgp_draft_candidate(magpie_benchmark *b, mgp_query_draft *draft, const char *id,
                                  magpie_error *err);
void mgp_draft_fini(magpie_benchmark *b, mgp_query_draft *draft);
/* FORMAT when it has no part or its id came before. Relative paths start at b->media. */
magpie_status mgp_query_add(magpie_benchmark *b, const mgp_json_lines *lines,
                            const mgp_query_draft *draft, magpie_error *err);
/* A judgement from a row. */
magpie_status mgp_query_judge(magpie_benchmark *b, const mgp_json_lines *lines, const char *query,
                              const char *document, int64_t gain, magpie_error *err);
/* Leaves out the queries that nobody judged; FORMAT when none remains. */
magpie_status mgp_queries_keep_judged(magpie_benchmark *b, magpie_error *err);

/* Streams the corpus file. Ids are checked, and that none comes twice. */
magpie_status mgp_documents_each(const magpie_benchmark *b, mgp_document_visit *visit,
                                 void *context, magpie_error *err);
magpie_status mgp_documents_emit(mgp_documents *d, const mgp_document *document, magpie_error *err);

/* ---- files (benchmark_files.c) ----------------------------------------------------------- */

typedef struct mgp_name_list {
  const char **names; /* sorted, each once; strings are the arena's */
  size_t count, capacity;
} mgp_name_list;

/* Names in `folder` that begin and end so, without both: "queries." and ".jsonl" give "dev" for
 * queries.dev.jsonl. A folder that is not there has none. `only_folders`: names of folders. */
magpie_status mgp_names_in(magpie_benchmark *b, const char *folder, const char *prefix,
                           const char *suffix, bool only_folders, mgp_name_list *list,
                           magpie_error *err);
void mgp_names_fini(magpie_benchmark *b, mgp_name_list *list);
/* The wanted split; without it "test", else "dev", else the only one. INVALID lists what there is.
 * No names at all: NULL, unless one is wanted. */
magpie_status mgp_split_choose(const magpie_benchmark *b, const char *wanted,
                               const mgp_name_list *list, const char **split, magpie_error *err);
/* FOLDER/format… in the arena; NULL without memory. */
const char *mgp_benchmark_path(magpie_benchmark *b, const char *format, ...) MGP_PRINTF(2, 3);
/* The same when that file is there, else *file is NULL. */
magpie_status mgp_benchmark_find(magpie_benchmark *b, const char **file, magpie_error *err,
                                 const char *format, ...) MGP_PRINTF(4, 5);
/* b->media becomes the absolute name of `folder`. */
magpie_status mgp_benchmark_media(magpie_benchmark *b, const char *folder, magpie_error *err);
/* The folder of a file as it was named ("." for a bare name), in the arena. */
const char *mgp_benchmark_folder_of(magpie_benchmark *b, const char *file);
bool mgp_is_folder(const char *path);
/* NOT_FOUND names the file and says what it is for. */
magpie_status mgp_file_wanted(const char *file, const char *what, magpie_error *err);
/* queries.jsonl and qrels of a folder as "magpie", "beir" and "mixbench" have them: sets split,
 * query_file, qrels_file (NULL: none) and media. */
magpie_status mgp_flat_files(magpie_benchmark *b, const char *split, magpie_error *err);
/* Reads b->qrels_file: three columns with or without a header, TREC's four, M-BEIR's five. Of a
 * query that is not in the query file: FORMAT, or passed over with `only_known`. */
magpie_status mgp_benchmark_read_qrels(magpie_benchmark *b, bool only_known, magpie_error *err);

#endif
