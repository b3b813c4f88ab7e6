/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie's own layout: queries.jsonl whose queries have parts, positives and candidates,
 * corpus.jsonl as `magpie import` reads it, judgements in qrels.tsv or qrels/SPLIT.tsv, and a
 * benchmark.json that keeps the measure of the set it was converted from.
 */
#include <math.h>

#include "eval/benchmark.h"

#define SETTINGS_SIZE_MAX (64u << 10)

/* ---- queries ----------------------------------------------------------------------------- */

static magpie_status read_part(const mgp_json_lines *lines, const json_t *value, magpie_part *part,
                               magpie_error *err) {
  *part = (magpie_part){.weight = 1};
  if (!json_is_object(value))
    return mgp_json_lines_fail(lines, err, "a part must be an object {\"text\"|\"image\"|…}");
  MGP_FORWARD(mgp_row_text(lines, value, "text", &part->text, err));
  MGP_FORWARD(mgp_row_path(lines, value, "image", &part->image, err));
  MGP_FORWARD(mgp_row_path(lines, value, "audio", &part->audio, err));
  MGP_FORWARD(mgp_row_path(lines, value, "item", &part->item, err));
  MGP_FORWARD(mgp_row_path(lines, value, "space", &part->space, err));
  if (!!part->text + !!part->image + !!part->audio + !!part->item != 1)
    return mgp_json_lines_fail(
        lines, err, "a part has exactly one of \"text\", \"image\", \"audio\", \"item\"");
  if (part->text && !*part->text) return mgp_json_lines_fail(lines, err, "a part's text is empty");
  const json_t *weight = json_object_get(value, "weight");
  if (weight) part->weight = json_is_number(weight) ? json_number_value(weight) : NAN;
  if (!isfinite(part->weight))
    return mgp_json_lines_fail(lines, err, "\"weight\" must be a number");
  return MAGPIE_OK;
}

static magpie_status read_parts(const mgp_json_lines *lines, const json_t *row,
                                mgp_query_draft *draft, magpie_error *err) {
  const json_t *parts = NULL;
  const char *text = NULL;
  MGP_FORWARD(mgp_row_array(lines, row, "parts", &parts, err));
  MGP_FORWARD(mgp_row_text(lines, row, "text", &text, err));
  if (!parts) return mgp_draft_part(lines, draft, text, NULL, NULL, err);
  if (text) return mgp_json_lines_fail(lines, err, "a query has \"parts\" or \"text\", not both");
  const size_t count = json_array_size(parts);
  if (count > MGP_QUERY_PARTS_MAX)
    return mgp_json_lines_fail(lines, err, "%zu parts, at most %d", count, MGP_QUERY_PARTS_MAX);
  for (size_t i = 0; i < count; i++)
    MGP_FORWARD(read_part(lines, json_array_get(parts, i), &draft->parts[i], err));
  draft->part_count = count;
  return MAGPIE_OK;
}

static magpie_status read_candidates(magpie_benchmark *b, const mgp_json_lines *lines,
                                     const json_t *row, mgp_query_draft *draft, magpie_error *err) {
  const json_t *list = NULL;
  MGP_FORWARD(mgp_row_array(lines, row, "candidates", &list, err));
  if (list && json_array_size(list) == 0)
    return mgp_json_lines_fail(lines, err, "\"candidates\" is empty: nothing could be found");
  for (size_t i = 0; list && i < json_array_size(list); i++) {
    char room[MGP_ROW_NUMBER];
    const char *id = NULL;
    MGP_FORWARD(mgp_value_id(lines, json_array_get(list, i), "candidates", room, &id, err));
    MGP_FORWARD(mgp_draft_candidate(b, draft, id, err));
  }
  return MAGPIE_OK;
}

static magpie_status read_gains(magpie_benchmark *b, const mgp_json_lines *lines, const char *query,
                                const json_t *gains, magpie_error *err) {
  const char *id = NULL;
  json_t *gain = NULL;
  json_object_foreach((json_t *)(uintptr_t)gains, id, gain) {
    if (!json_is_integer(gain))
      return mgp_json_lines_fail(lines, err, "the gain of \"%.80s\" is not a whole number", id);
    MGP_FORWARD(mgp_query_judge(b, lines, query, id, json_integer_value(gain), err));
  }
  return MAGPIE_OK;
}

/* "positives": [id, …] or {id: gain, …}. */
static magpie_status read_positives(magpie_benchmark *b, const mgp_json_lines *lines,
                                    const json_t *row, const char *query, magpie_error *err) {
  const json_t *list = json_object_get(row, "positives");
  if (json_is_object(list)) MGP_FORWARD(read_gains(b, lines, query, list, err));
  else MGP_FORWARD(mgp_row_array(lines, row, "positives", &list, err));
  for (size_t i = 0; json_is_array(list) && i < json_array_size(list); i++) {
    char room[MGP_ROW_NUMBER];
    const char *id = NULL;
    MGP_FORWARD(mgp_value_id(lines, json_array_get(list, i), "positives", room, &id, err));
    MGP_FORWARD(mgp_query_judge(b, lines, query, id, 1, err));
  }
  if (!b->qrels_file && magpie_qrels_documents(b->qrels, query, NULL, NULL) == 0)
    return mgp_json_lines_fail(
        lines, err, "query %.100s has no \"positives\", and there is no qrels file", query);
  return MAGPIE_OK;
}

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  mgp_query_draft draft = {0};
  char room[MGP_ROW_NUMBER];
  const char *name = json_object_get(row, "id") ? "id" : "_id";
  magpie_status status = MAGPIE_OK;
  if (!json_object_get(row, name))
    return mgp_json_lines_fail(lines, err, "the query has no \"id\"");
  MGP_TRY(mgp_row_id(lines, row, name, room, &draft.id, err));
  MGP_TRY(read_parts(lines, row, &draft, err));
  MGP_TRY(read_candidates(b, lines, row, &draft, err));
  MGP_TRY(mgp_query_add(b, lines, &draft, err));
  MGP_TRY(read_positives(b, lines, row, draft.id, err));
done:
  mgp_draft_fini(b, &draft);
  return status;
}

/* ---- files ------------------------------------------------------------------------------- */

/* benchmark.json: {"measure": "Success@1"}. */
static magpie_status read_settings(magpie_benchmark *b, magpie_error *err) {
  const char *file = NULL;
  json_t *settings = NULL;
  char *name = NULL;
  magpie_error said = {0};
  MGP_FORWARD(mgp_benchmark_find(b, &file, err, "%s/benchmark.json", b->folder));
  if (!file) return MAGPIE_OK;
  MGP_FORWARD(mgp_json_read(file, SETTINGS_SIZE_MAX, &settings, err));
  const char *measure = mgp_json_text(settings, "measure", NULL);
  magpie_status status = MAGPIE_OK;
  if (!measure)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: \"measure\" is missing or no string", file);
  else if (magpie_measure_name(measure, &name, &said) != MAGPIE_OK)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: %s", file, said.message);
  else if (!(b->measure = mgp_arena_strdup(b->arena, name)))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %s", file);
  magpie_free(name);
  json_decref(settings);
  return status;
}

static magpie_status open_set(magpie_benchmark *b, const char *split, magpie_error *err) {
  bool is_shared = false; /* judgements of more than this split's queries */
  if (b->is_folder) {
    MGP_FORWARD(mgp_flat_files(b, split, err));
    MGP_FORWARD(mgp_benchmark_find(b, &b->corpus_file, err, "%s/corpus.jsonl", b->folder));
    MGP_FORWARD(read_settings(b, err));
    is_shared = b->split && b->qrels_file && mgp_text_ends(b->qrels_file, "/qrels.tsv");
  } else {
    MGP_RETURN_IF(split, err, MAGPIE_INVALID, "%s is one file; it has no splits", b->path);
    b->query_file = b->path;
    MGP_FORWARD(mgp_benchmark_media(b, b->folder, err));
  }
  MGP_FORWARD(mgp_rows_each(b, b->query_file, read_query, err));
  return b->qrels_file ? mgp_benchmark_read_qrels(b, is_shared, err) : MAGPIE_OK;
}

/* ---- documents --------------------------------------------------------------------------- */

/* Ids of records may hold spaces, which judgements write as %20. */
static magpie_status read_record_id(const mgp_json_lines *lines, const json_t *row,
                                    char room[MGP_ROW_NUMBER], const char **id, magpie_error *err) {
  *id = json_string_value(json_object_get(row, "id"));
  if (*id && **id) return MAGPIE_OK;
  return mgp_row_id(lines, row, "id", room, id, err);
}

static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  mgp_document document = {.record = row};
  char room[MGP_ROW_NUMBER];
  MGP_FORWARD(read_record_id(&d->lines, row, room, &document.id, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "title", &document.title, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "text", &document.text, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "path", &document.file, err));
  MGP_FORWARD(mgp_row_metadata(&d->lines, row, &document.metadata, err));
  if (!document.text && !document.file && !json_object_get(row, "vector"))
    return mgp_json_lines_fail(&d->lines, err,
                               "document %.100s has none of \"text\", \"path\" and \"vector\"",
                               document.id);
  return mgp_documents_emit(d, &document, err);
}

const mgp_set_layout mgp_set_magpie = {
    .format = "magpie", .measure = "nDCG@10", .open = open_set, .documents = read_documents};
