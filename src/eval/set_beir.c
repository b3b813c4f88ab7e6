/* SPDX-License-Identifier: Apache-2.0
 *
 * BEIR folders (Thakur et al. 2021): corpus.jsonl {_id, title, text, metadata}, queries.jsonl {_id,
 * text}, qrels/SPLIT.tsv. As in its own loader the queries of a split are those that are judged.
 */
#include "eval/benchmark.h"

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  mgp_query_draft draft = {0};
  char room[MGP_ROW_NUMBER];
  const char *text = NULL;
  MGP_FORWARD(mgp_row_id(lines, row, "_id", room, &draft.id, err));
  MGP_FORWARD(mgp_row_text(lines, row, "text", &text, err));
  if (!text || !*text)
    return mgp_json_lines_fail(lines, err, "query %.100s has no \"text\"", draft.id);
  MGP_FORWARD(mgp_draft_part(lines, &draft, text, NULL, NULL, err));
  return mgp_query_add(b, lines, &draft, err);
}

static magpie_status open_set(magpie_benchmark *b, const char *split, magpie_error *err) {
  MGP_RETURN_IF(!b->is_folder, err, MAGPIE_INVALID, "%s: a BEIR set is a folder", b->path);
  MGP_FORWARD(mgp_flat_files(b, split, err));
  MGP_RETURN_IF(!b->qrels_file, err, MAGPIE_NOT_FOUND,
                "%s/qrels/%s.tsv is not there: the judgements of the set", b->folder,
                b->split ? b->split : "test");
  b->corpus_file = mgp_benchmark_path(b, "%s/corpus.jsonl", b->folder);
  MGP_FORWARD(mgp_file_wanted(b->corpus_file, "the documents of the set", err));
  MGP_FORWARD(mgp_rows_each(b, b->query_file, read_query, err));
  return mgp_benchmark_read_qrels(b, false, err);
}

/* BEIR has documents of no text, and some of no title either. */
static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  mgp_document document = {0};
  char room[MGP_ROW_NUMBER];
  MGP_FORWARD(mgp_row_id(&d->lines, row, "_id", room, &document.id, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "title", &document.title, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "text", &document.text, err));
  MGP_FORWARD(mgp_row_metadata(&d->lines, row, &document.metadata, err));
  if (!document.text)
    return mgp_json_lines_fail(&d->lines, err, "document %.100s has no \"text\"", document.id);
  return mgp_documents_emit(d, &document, err);
}

const mgp_set_layout mgp_set_beir = {
    .format = "beir", .measure = "nDCG@10", .open = open_set, .documents = read_documents};
