/* SPDX-License-Identifier: Apache-2.0
 *
 * MixBench (S007; Li et al. 2025): queries.jsonl {query_id, text, image}, mixed_corpus.jsonl
 * {corpus_id, text, image}, in which a third each is text, picture or both, and judgements as
 * qrels/qrels.tsv or as rows {query_id, corpus_id, score}. nDCG@10 is the standard one, whose ideal
 * comes from all judgements; the authors' script takes it from the retrieved ten.
 */
#include "eval/benchmark.h"

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  mgp_query_draft draft = {0};
  char room[MGP_ROW_NUMBER];
  const char *text = NULL, *image = NULL;
  MGP_FORWARD(mgp_row_id(lines, row, "query_id", room, &draft.id, err));
  MGP_FORWARD(mgp_row_text(lines, row, "text", &text, err));
  MGP_FORWARD(mgp_row_path(lines, row, "image", &image, err));
  MGP_FORWARD(mgp_draft_part(lines, &draft, text, NULL, NULL, err));
  MGP_FORWARD(mgp_draft_part(lines, &draft, NULL, image, NULL, err));
  return mgp_query_add(b, lines, &draft, err);
}

static magpie_status read_judgement(magpie_benchmark *b, const mgp_json_lines *lines,
                                    const json_t *row, magpie_error *err) {
  char query_room[MGP_ROW_NUMBER], document_room[MGP_ROW_NUMBER];
  const char *query = NULL, *document = NULL;
  MGP_FORWARD(mgp_row_id(lines, row, "query_id", query_room, &query, err));
  MGP_FORWARD(mgp_row_id(lines, row, "corpus_id", document_room, &document, err));
  const json_t *score = json_object_get(row, "score");
  if (!json_is_integer(score))
    return mgp_json_lines_fail(lines, err, "\"score\" must be a whole number");
  if (!mgp_id_table_find(&b->query_ids, query, strlen(query)))
    return mgp_json_lines_fail(lines, err, "query \"%.80s\" is not in %s", query, b->query_file);
  return mgp_query_judge(b, lines, query, document, json_integer_value(score), err);
}

/* The first of two files that is there, or the second, which then is not found. */
static magpie_status either(magpie_benchmark *b, const char *first, const char *second,
                            const char **file, magpie_error *err) {
  MGP_FORWARD(mgp_benchmark_find(b, file, err, "%s/%s", b->folder, first));
  if (!*file) *file = mgp_benchmark_path(b, "%s/%s", b->folder, second);
  return MAGPIE_OK;
}

static magpie_status open_set(magpie_benchmark *b, const char *split, magpie_error *err) {
  MGP_RETURN_IF(!b->is_folder, err, MAGPIE_INVALID, "%s: a MixBench set is a folder", b->path);
  MGP_FORWARD(mgp_flat_files(b, split, err));
  if (mgp_text_equal(b->split, "qrels")) b->split = NULL; /* qrels/qrels.tsv: a name, no split */
  MGP_FORWARD(either(b, "mixed_corpus.jsonl", "corpus.jsonl", &b->corpus_file, err));
  MGP_FORWARD(mgp_file_wanted(b->corpus_file, "the documents of the set", err));
  MGP_FORWARD(mgp_rows_each(b, b->query_file, read_query, err));
  if (b->qrels_file) return mgp_benchmark_read_qrels(b, false, err);
  MGP_FORWARD(either(b, "qrels.jsonl", "qrel.jsonl", &b->qrels_file, err));
  MGP_FORWARD(mgp_file_wanted(b->qrels_file, "the judgements, also as qrels/qrels.tsv", err));
  return mgp_rows_each(b, b->qrels_file, read_judgement, err);
}

static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  mgp_document document = {0};
  char room[MGP_ROW_NUMBER];
  MGP_FORWARD(mgp_row_id(&d->lines, row, "corpus_id", room, &document.id, err));
  MGP_FORWARD(mgp_row_text(&d->lines, row, "text", &document.text, err));
  MGP_FORWARD(mgp_row_path(&d->lines, row, "image", &document.image, err));
  if ((!document.text || !*document.text) && !document.image)
    return mgp_json_lines_fail(&d->lines, err, "document %.100s has neither text nor picture",
                               document.id);
  return mgp_documents_emit(d, &document, err);
}

const mgp_set_layout mgp_set_mixbench = {
    .format = "mixbench", .measure = "nDCG@10", .open = open_set, .documents = read_documents};
