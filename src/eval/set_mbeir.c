/* SPDX-License-Identifier: Apache-2.0
 *
 * M-BEIR (S070; Wei et al. 2024, UniIR): query/SPLIT/NAME_SPLIT.jsonl, a candidate pool in
 * cand_pool/, judgements in qrels/SPLIT/ of five columns or in pos_cand_list, and prompts in
 * instructions/query_instructions.tsv, which "mbeir-instructed" puts before each query's text. Its
 * Recall@k is 1 when any relevant document is among the first k: our Success@k.
 */
#include "eval/benchmark.h"

#define INSTRUCTIONS_SIZE_MAX (16u << 20)

/* ---- prompts ----------------------------------------------------------------------------- */

typedef struct prompt {
  const char *dataset, *query_modality, *candidate_modality, *text;
} prompt;

typedef struct prompt_list {
  const char *file;
  const prompt *items;
  size_t count;
} prompt_list;

/* Modality of the candidates by task; 5 is not in use. */
static const char *candidates_of_task(int64_t task) {
  static const char *const modalities[] = {"image", "text", "image,text", "text",      "image",
                                           NULL,    "text", "image",      "image,text"};
  return task >= 0 && task < 9 ? modalities[task] : NULL;
}

/* Cuts a line into its first five columns; false: fewer. */
static bool cut_columns(char *line, char *columns[5]) {
  char *rest = line;
  for (size_t i = 0; i < 5; i++)
    if (!(columns[i] = strsep(&rest, "\t"))) return false;
  return true;
}

static magpie_status read_prompt_lines(const char *file, char *text, prompt *items, size_t *count,
                                       magpie_error *err) {
  size_t number = 0;
  for (char *line = NULL; (line = strsep(&text, "\n"));) {
    char *columns[5] = {0};
    number++;
    line[strcspn(line, "\r")] = '\0';
    if (number == 1 || !*line) continue; /* the header */
    MGP_RETURN_IF(!cut_columns(line, columns), err, MAGPIE_FORMAT,
                  "%s:%zu: expected query_modality, cand_modality, dataset_name, dataset_id and a "
                  "prompt between tabs",
                  file, number);
    items[(*count)++] = (prompt){columns[3], columns[0], columns[1], columns[4]};
  }
  return MAGPIE_OK;
}

static magpie_status read_prompts(magpie_benchmark *b, const char *root, magpie_error *err) {
  const char *file = mgp_benchmark_path(b, "%s/instructions/query_instructions.tsv", root);
  MGP_FORWARD(mgp_file_wanted(file, "the prompts of the queries", err));
  char *text = NULL;
  size_t size = 0, lines = 1;
  MGP_FORWARD(mgp_file_read(b->alloc, file, INSTRUCTIONS_SIZE_MAX, &text, &size, err));
  const bool is_utf8 = mgp_utf8_valid(text, size) && strlen(text) == size;
  char *kept = mgp_arena_strndup(b->arena, text, size);
  mgp_free(b->alloc, text);
  MGP_RETURN_IF(!is_utf8, err, MAGPIE_FORMAT, "%s is not UTF-8 text", file);
  for (size_t i = 0; kept && i < size; i++) lines += kept[i] == '\n';
  prompt *items = mgp_arena_calloc(b->arena, lines, sizeof *items);
  prompt_list *list = mgp_arena_calloc(b->arena, 1, sizeof *list);
  MGP_RETURN_IF(!kept || !items || !list, err, MAGPIE_NO_MEMORY, "no memory for %s", file);
  MGP_FORWARD(read_prompt_lines(file, kept, items, &list->count, err));
  list->file = file;
  list->items = items;
  b->notes = list;
  return MAGPIE_OK;
}

static magpie_status find_prompt(const prompt_list *list, const mgp_json_lines *lines,
                                 const json_t *row, const char *id, const char **text,
                                 magpie_error *err) {
  const char *modality = mgp_json_text(row, "query_modality", "");
  const char *candidates = candidates_of_task(mgp_json_integer(row, "task_id", -1));
  const size_t dataset = strcspn(id, ":");
  for (size_t i = 0; candidates && i < list->count; i++) {
    const prompt *p = &list->items[i];
    if (strlen(p->dataset) == dataset && strncmp(p->dataset, id, dataset) == 0 &&
        strcmp(p->query_modality, modality) == 0 &&
        strcmp(p->candidate_modality, candidates) == 0) {
      *text = p->text;
      return MAGPIE_OK;
    }
  }
  return mgp_json_lines_fail(lines, err,
                             "%s has no prompt for dataset %.*s, query_modality \"%.40s\" and the "
                             "candidates of \"task_id\"",
                             list->file, (int)(dataset < 40 ? dataset : 40), id, modality);
}

/* ---- queries ----------------------------------------------------------------------------- */

static magpie_status check_modality(const mgp_json_lines *lines, const json_t *row,
                                    const char *name, magpie_error *err) {
  const char *modality = mgp_json_text(row, name, NULL);
  if (mgp_text_equal(modality, "text") || mgp_text_equal(modality, "image") ||
      mgp_text_equal(modality, "image,text") || mgp_text_equal(modality, "text,image"))
    return MAGPIE_OK;
  return mgp_json_lines_fail(lines, err, "\"%s\" must be \"text\", \"image\" or \"image,text\"",
                             name);
}

/* Ids, or objects with a "did". */
static magpie_status judge_list(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                const char *query, magpie_error *err) {
  const json_t *list = NULL, *unused = NULL;
  MGP_FORWARD(mgp_row_array(lines, row, "pos_cand_list", &list, err));
  MGP_FORWARD(mgp_row_array(lines, row, "neg_cand_list", &unused, err));
  if (b->qrels_file) return MAGPIE_OK;
  for (size_t i = 0; i < json_array_size(list); i++) {
    char room[MGP_ROW_NUMBER];
    const char *id = NULL;
    const json_t *value = json_array_get(list, i);
    if (json_is_object(value)) MGP_FORWARD(mgp_row_id(lines, value, "did", room, &id, err));
    else MGP_FORWARD(mgp_value_id(lines, value, "did", room, &id, err));
    MGP_FORWARD(mgp_query_judge(b, lines, query, id, 1, err));
  }
  return MAGPIE_OK;
}

static magpie_status add_parts(const magpie_benchmark *b, const mgp_json_lines *lines,
                               const json_t *row, mgp_query_draft *draft, mgp_buffer *room,
                               magpie_error *err) {
  const char *text = NULL, *image = NULL, *instruction = NULL;
  MGP_FORWARD(check_modality(lines, row, "query_modality", err));
  MGP_FORWARD(mgp_row_path(lines, row, "query_txt", &text, err));
  MGP_FORWARD(mgp_row_path(lines, row, "query_img_path", &image, err));
  if (!text && !image)
    return mgp_json_lines_fail(lines, err, "query %.100s has neither text nor picture", draft->id);
  if (b->notes) {
    MGP_FORWARD(find_prompt(b->notes, lines, row, draft->id, &instruction, err));
    mgp_buffer_printf(room, "%s%s%s", instruction, text ? " " : "", text ? text : "");
    MGP_RETURN_IF(room->failed, err, MAGPIE_NO_MEMORY, "no memory for a query");
    text = room->data;
  }
  MGP_FORWARD(mgp_draft_part(lines, draft, text, NULL, NULL, err));
  return mgp_draft_part(lines, draft, NULL, image, NULL, err);
}

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  mgp_query_draft draft = {0};
  char number[MGP_ROW_NUMBER];
  mgp_buffer room;
  mgp_buffer_init(&room, b->alloc);
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_row_id(lines, row, "qid", number, &draft.id, err));
  MGP_TRY(add_parts(b, lines, row, &draft, &room, err));
  MGP_TRY(mgp_query_add(b, lines, &draft, err));
  MGP_TRY(judge_list(b, lines, row, draft.id, err));
done:
  mgp_buffer_fini(&room);
  return status;
}

/* ---- files ------------------------------------------------------------------------------- */

/* The one query file of a split. */
static magpie_status find_query_file(magpie_benchmark *b, const char *split, magpie_error *err) {
  mgp_name_list splits = {0}, files = {0};
  magpie_status status = MAGPIE_OK;
  const char *queries = mgp_benchmark_path(b, "%s/query", b->folder);
  MGP_TRY(mgp_names_in(b, queries, "", "", true, &splits, err));
  MGP_TRY(mgp_split_choose(b, split, &splits, &b->split, err));
  const char *folder = mgp_benchmark_path(b, "%s/%s", queries, b->split ? b->split : "test");
  MGP_TRY(mgp_names_in(b, folder, "", ".jsonl", false, &files, err));
  if (files.count == 1)
    b->query_file = mgp_benchmark_path(b, "%s/%s.jsonl", folder, files.names[0]);
  else if (files.count == 0)
    status = mgp_fail(err, MAGPIE_NOT_FOUND, "%s holds no .jsonl file of queries", folder);
  else
    status = mgp_fail(err, MAGPIE_INVALID,
                      "%s holds %zu sets of queries; name the file of one, such as %s/%s.jsonl",
                      folder, files.count, folder, files.names[0]);
  if (status == MAGPIE_OK && !b->query_file)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
done:
  mgp_names_fini(b, &splits);
  mgp_names_fini(b, &files);
  return status;
}

/* Pools are named by the set, some with the split; else the one pool of all sets. */
static magpie_status find_pool(magpie_benchmark *b, const char *root, const char *stem,
                               magpie_error *err) {
  const size_t size = strlen(stem), split = strlen(b->split) + 1;
  const bool ends = size > split && stem[size - split] == '_' && mgp_text_ends(stem, b->split);
  const int set = (int)(ends ? size - split : size);
  const char **file = &b->corpus_file;
  MGP_FORWARD(
      mgp_benchmark_find(b, file, err, "%s/cand_pool/local/%.*s_cand_pool.jsonl", root, set, stem));
  if (*file) return MAGPIE_OK;
  MGP_FORWARD(
      mgp_benchmark_find(b, file, err, "%s/cand_pool/local/%s_cand_pool.jsonl", root, stem));
  if (*file) return MAGPIE_OK;
  MGP_FORWARD(mgp_benchmark_find(b, file, err, "%s/cand_pool/global/mbeir_union_%s_cand_pool.jsonl",
                                 root, b->split));
  MGP_RETURN_IF(
      !*file, err, MAGPIE_NOT_FOUND,
      "%s/cand_pool/local/%.*s_cand_pool.jsonl is not there: the candidate pool of the set", root,
      set, stem);
  return MAGPIE_OK;
}

static magpie_status find_files(magpie_benchmark *b, const char **root, magpie_error *err) {
  const char *folder = mgp_benchmark_folder_of(b, b->query_file);
  const char *name = mgp_path_name(b->query_file);
  const size_t size = strlen(name), end = mgp_text_ends(name, ".jsonl") ? strlen(".jsonl") : 0;
  const char *stem = mgp_arena_strndup(b->arena, name, size - end);
  *root = b->is_folder ? b->folder : folder ? mgp_benchmark_path(b, "%s/../..", folder) : NULL;
  MGP_RETURN_IF(!folder || !stem || !*root, err, MAGPIE_NO_MEMORY, "no memory for a path");
  if (!b->is_folder) {
    MGP_FORWARD(mgp_benchmark_media(b, folder, err)); /* absolute, so that it names the split */
    b->split = mgp_path_name(b->media);
  }
  MGP_FORWARD(find_pool(b, *root, stem, err));
  MGP_FORWARD(mgp_benchmark_find(b, &b->qrels_file, err, "%s/qrels/%s/%s_qrels.txt", *root,
                                 b->split, stem));
  if (strstr(stem, "fashion200k") || strstr(stem, "fashioniq")) b->measure = "Success@10";
  return mgp_benchmark_media(b, *root, err);
}

static magpie_status open_files(magpie_benchmark *b, const char *split, bool is_instructed,
                                magpie_error *err) {
  const char *root = NULL;
  if (b->is_folder) MGP_FORWARD(find_query_file(b, split, err));
  else b->query_file = b->path;
  MGP_RETURN_IF(split && !b->is_folder, err, MAGPIE_INVALID,
                "%s is one file; its folder is its split", b->path);
  MGP_FORWARD(find_files(b, &root, err));
  if (is_instructed) MGP_FORWARD(read_prompts(b, root, err));
  MGP_FORWARD(mgp_rows_each(b, b->query_file, read_query, err));
  b->notes = NULL;
  return b->qrels_file ? mgp_benchmark_read_qrels(b, false, err) : MAGPIE_OK;
}

static magpie_status open_plain(magpie_benchmark *b, const char *split, magpie_error *err) {
  return open_files(b, split, false, err);
}

static magpie_status open_instructed(magpie_benchmark *b, const char *split, magpie_error *err) {
  return open_files(b, split, true, err);
}

/* ---- documents --------------------------------------------------------------------------- */

static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  mgp_document document = {0};
  char room[MGP_ROW_NUMBER];
  MGP_FORWARD(mgp_row_id(&d->lines, row, "did", room, &document.id, err));
  MGP_FORWARD(check_modality(&d->lines, row, "modality", err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "txt", &document.text, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "img_path", &document.image, err));
  if (!document.text && !document.image)
    return mgp_json_lines_fail(&d->lines, err, "document %.100s has neither text nor picture",
                               document.id);
  return mgp_documents_emit(d, &document, err);
}

const mgp_set_layout mgp_set_mbeir = {
    .format = "mbeir", .measure = "Success@5", .open = open_plain, .documents = read_documents};
const mgp_set_layout mgp_set_mbeir_instructed = {.format = "mbeir-instructed",
                                                 .measure = "Success@5",
                                                 .open = open_instructed,
                                                 .documents = read_documents};
