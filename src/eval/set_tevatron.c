/* SPDX-License-Identifier: Apache-2.0
 *
 * Tevatron's records (S086): training rows {query_id, query, positive_passages [{docid, title,
 * text}], negative_passages} or, since its second version, {query_id, query_text, query_image,
 * query_audio, positive_document_ids, negative_document_ids}, and a corpus.jsonl {docid, title,
 * text, image, audio, video} beside them. Negatives are judged 0. Without a corpus the passages are
 * the corpus.
 */
#include "eval/benchmark.h"

static magpie_status judge_passages(magpie_benchmark *b, const mgp_json_lines *lines,
                                    const char *query, const json_t *passages, int64_t gain,
                                    magpie_error *err) {
  for (size_t i = 0; i < json_array_size(passages); i++) {
    char room[MGP_ROW_NUMBER];
    const char *id = NULL;
    const json_t *passage = json_array_get(passages, i);
    if (!json_is_object(passage))
      return mgp_json_lines_fail(lines, err, "a passage must be an object {\"docid\", …}");
    MGP_FORWARD(mgp_row_id(lines, passage, "docid", room, &id, err));
    MGP_FORWARD(mgp_query_judge(b, lines, query, id, gain, err));
  }
  return MAGPIE_OK;
}

static magpie_status judge_ids(magpie_benchmark *b, const mgp_json_lines *lines, const char *query,
                               const json_t *ids, int64_t gain, magpie_error *err) {
  for (size_t i = 0; i < json_array_size(ids); i++) {
    char room[MGP_ROW_NUMBER];
    const char *id = NULL;
    MGP_FORWARD(mgp_value_id(lines, json_array_get(ids, i), "document", room, &id, err));
    MGP_FORWARD(mgp_query_judge(b, lines, query, id, gain, err));
  }
  return MAGPIE_OK;
}

static magpie_status judge_row(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                               const char *query, magpie_error *err) {
  const json_t *positive = NULL, *negative = NULL, *positive_ids = NULL, *negative_ids = NULL;
  MGP_FORWARD(mgp_row_array(lines, row, "positive_passages", &positive, err));
  MGP_FORWARD(mgp_row_array(lines, row, "negative_passages", &negative, err));
  MGP_FORWARD(mgp_row_array(lines, row, "positive_document_ids", &positive_ids, err));
  MGP_FORWARD(mgp_row_array(lines, row, "negative_document_ids", &negative_ids, err));
  if (!positive && !positive_ids)
    return mgp_json_lines_fail(lines, err,
                               "the row has neither \"positive_passages\" nor "
                               "\"positive_document_ids\"");
  if (positive) b->documents_repeat = true;
  MGP_FORWARD(judge_passages(b, lines, query, positive, 1, err));
  MGP_FORWARD(judge_passages(b, lines, query, negative, 0, err));
  MGP_FORWARD(judge_ids(b, lines, query, positive_ids, 1, err));
  return judge_ids(b, lines, query, negative_ids, 0, err);
}

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  mgp_query_draft draft = {0};
  char room[MGP_ROW_NUMBER];
  const char *text = NULL, *image = NULL, *audio = NULL, *video = NULL;
  const char *text_name = json_object_get(row, "query") ? "query" : "query_text";
  MGP_FORWARD(mgp_row_id(lines, row, "query_id", room, &draft.id, err));
  MGP_FORWARD(mgp_row_text(lines, row, text_name, &text, err));
  MGP_FORWARD(mgp_row_path(lines, row, "query_image", &image, err));
  MGP_FORWARD(mgp_row_path(lines, row, "query_audio", &audio, err));
  MGP_FORWARD(mgp_row_path(lines, row, "query_video", &video, err));
  MGP_RETURN_IF(video, err, MAGPIE_UNSUPPORTED,
                "%s:%zu: query %.100s has a video; magpie asks with text, pictures and sounds",
                lines->file, lines->line, draft.id);
  MGP_FORWARD(mgp_draft_part(lines, &draft, text, NULL, NULL, err));
  MGP_FORWARD(mgp_draft_part(lines, &draft, NULL, image, NULL, err));
  MGP_FORWARD(mgp_draft_part(lines, &draft, NULL, NULL, audio, err));
  MGP_FORWARD(mgp_query_add(b, lines, &draft, err));
  return judge_row(b, lines, row, draft.id, err);
}

/* ---- files ------------------------------------------------------------------------------- */

/* Splits are the .jsonl files but for corpus.jsonl. */
static magpie_status find_file(magpie_benchmark *b, const char *split, magpie_error *err) {
  mgp_name_list splits = {0};
  size_t kept = 0;
  magpie_status status = mgp_names_in(b, b->folder, "", ".jsonl", false, &splits, err);
  for (size_t i = 0; i < splits.count; i++)
    if (strcmp(splits.names[i], "corpus") != 0) splits.names[kept++] = splits.names[i];
  splits.count = kept;
  if (status == MAGPIE_OK) status = mgp_split_choose(b, split, &splits, &b->split, err);
  mgp_names_fini(b, &splits);
  MGP_FORWARD(status);
  MGP_RETURN_IF(!b->split, err, MAGPIE_NOT_FOUND, "%s holds no training rows (.jsonl)", b->path);
  b->query_file = mgp_benchmark_path(b, "%s/%s.jsonl", b->folder, b->split);
  MGP_RETURN_IF(!b->query_file, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

static magpie_status open_set(magpie_benchmark *b, const char *split, magpie_error *err) {
  MGP_RETURN_IF(split && !b->is_folder, err, MAGPIE_INVALID, "%s is one file; it has no splits",
                b->path);
  if (b->is_folder) MGP_FORWARD(find_file(b, split, err));
  else b->query_file = b->path;
  MGP_FORWARD(mgp_benchmark_media(b, b->folder, err));
  MGP_FORWARD(mgp_rows_each(b, b->query_file, read_query, err));
  MGP_FORWARD(mgp_benchmark_find(b, &b->corpus_file, err, "%s/corpus.jsonl", b->folder));
  if (b->corpus_file) b->documents_repeat = false;
  else if (b->documents_repeat) b->corpus_file = b->query_file;
  return MAGPIE_OK;
}

/* ---- documents --------------------------------------------------------------------------- */

static magpie_status emit_document(mgp_documents *d, const json_t *row, magpie_error *err) {
  mgp_document document = {0};
  char room[MGP_ROW_NUMBER];
  MGP_FORWARD(mgp_row_id(&d->lines, row, "docid", room, &document.id, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "title", &document.title, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "text", &document.text, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "image", &document.image, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "audio", &document.audio, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "video", &document.video, err));
  if (!document.text && !document.image && !document.audio && !document.video)
    return mgp_json_lines_fail(&d->lines, err,
                               "document %.100s has none of \"text\", \"image\", \"audio\" and "
                               "\"video\"",
                               document.id);
  return mgp_documents_emit(d, &document, err);
}

static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  static const char *const lists[] = {"positive_passages", "negative_passages"};
  if (!d->benchmark->documents_repeat) return emit_document(d, row, err);
  for (size_t i = 0; i < 2; i++) {
    const json_t *passages = json_object_get(row, lists[i]);
    for (size_t j = 0; j < json_array_size(passages); j++)
      MGP_FORWARD(emit_document(d, json_array_get(passages, j), err));
  }
  return MAGPIE_OK;
}

const mgp_set_layout mgp_set_tevatron = {
    .format = "tevatron", .measure = "nDCG@10", .open = open_set, .documents = read_documents};
