/* SPDX-License-Identifier: Apache-2.0
 *
 * MMEB (S139; Jiang et al. 2024, VLM2Vec): rows {qry_text, qry_img_path, tgt_text[],
 * tgt_img_path[]} whose first candidate is the right one. Queries are numbered by their row. A
 * candidate's id is the hash of its text and picture, so that the same candidate of many rows is
 * one document.
 */
#include "eval/benchmark.h"

#define ID_SIZE 34 /* "c", 32 hexadecimal digits, the end */

/* "<|image_1|>" stands for a picture in the prompt of a model; it is no text. */
static void strip_image_tokens(const char *text, mgp_buffer *out) {
  mgp_buffer_clear(out);
  for (const char *at = text; *at;) {
    const char *token = strstr(at, "<|image_");
    const char *end = token ? token + strlen("<|image_") : NULL;
    while (end && *end >= '0' && *end <= '9') end++;
    const bool is_token = end && end[0] == '|' && end[1] == '>';
    const size_t size = is_token ? (size_t)(token - at) : end ? (size_t)(end - at) : strlen(at);
    mgp_buffer_add(out, at, size);
    at += size + (is_token ? (size_t)(end + 2 - token) : 0);
  }
  while (out->size > 0 && strchr(" \n\r\t", out->data[out->size - 1]))
    out->data[--out->size] = '\0';
  size_t lead = 0;
  while (lead < out->size && strchr(" \n\r\t", out->data[lead])) lead++;
  if (lead > 0) memmove(out->data, out->data + lead, out->size + 1 - lead);
  out->size -= lead;
}

/* One candidate of a row: its text without tokens lies in `text`, NULL for none. */
typedef struct candidate {
  char id[ID_SIZE];
  const char *text, *image;
} candidate;

static magpie_status read_candidate(const mgp_json_lines *lines, const json_t *text,
                                    const json_t *image, mgp_buffer *room, candidate *out,
                                    magpie_error *err) {
  if (!json_is_string(text) || !(json_is_string(image) || json_is_null(image)))
    return mgp_json_lines_fail(lines, err, "\"tgt_text\" and \"tgt_img_path\" hold strings");
  strip_image_tokens(json_string_value(text), room);
  MGP_RETURN_IF(room->failed, err, MAGPIE_NO_MEMORY, "no memory for a candidate");
  out->text = room->size > 0 ? room->data : NULL;
  out->image =
      json_is_string(image) && json_string_length(image) > 0 ? json_string_value(image) : NULL;
  if (!out->text && !out->image)
    return mgp_json_lines_fail(lines, err, "a candidate has neither text nor picture");
  const mgp_hash128 both[2] = {
      mgp_hash128_bytes(room->size ? room->data : "", room->size),
      mgp_hash128_bytes(out->image ? out->image : "", out->image ? strlen(out->image) : 0)};
  const mgp_hash128 hash = mgp_hash128_bytes(both, sizeof both);
  snprintf(out->id, sizeof out->id, "c%016llx%016llx", (unsigned long long)hash.high,
           (unsigned long long)hash.low);
  return MAGPIE_OK;
}

static magpie_status read_lists(const mgp_json_lines *lines, const json_t *row,
                                const json_t **texts, const json_t **images, magpie_error *err) {
  MGP_FORWARD(mgp_row_array(lines, row, "tgt_text", texts, err));
  MGP_FORWARD(mgp_row_array(lines, row, "tgt_img_path", images, err));
  if (!*texts || !*images || json_array_size(*texts) == 0)
    return mgp_json_lines_fail(lines, err,
                               "the row has no candidates: \"tgt_text\" and "
                               "\"tgt_img_path\" are arrays of the same length");
  if (json_array_size(*texts) != json_array_size(*images))
    return mgp_json_lines_fail(lines, err, "%zu in \"tgt_text\", but %zu in \"tgt_img_path\"",
                               json_array_size(*texts), json_array_size(*images));
  return MAGPIE_OK;
}

static magpie_status add_candidates(magpie_benchmark *b, const mgp_json_lines *lines,
                                    const json_t *row, mgp_query_draft *draft, magpie_error *err) {
  const json_t *texts = NULL, *images = NULL;
  MGP_FORWARD(read_lists(lines, row, &texts, &images, err));
  mgp_buffer room;
  mgp_buffer_init(&room, b->alloc);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < json_array_size(texts) && status == MAGPIE_OK; i++) {
    candidate c;
    status =
        read_candidate(lines, json_array_get(texts, i), json_array_get(images, i), &room, &c, err);
    if (status == MAGPIE_OK) status = mgp_draft_candidate(b, draft, c.id, err);
  }
  mgp_buffer_fini(&room);
  return status;
}

static magpie_status add_row(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                             mgp_query_draft *draft, mgp_buffer *room, magpie_error *err) {
  const char *text = NULL, *image = NULL;
  MGP_FORWARD(mgp_row_text(lines, row, "qry_text", &text, err));
  MGP_FORWARD(mgp_row_path(lines, row, "qry_img_path", &image, err));
  if (text) strip_image_tokens(text, room);
  MGP_RETURN_IF(room->failed, err, MAGPIE_NO_MEMORY, "no memory for a query");
  MGP_FORWARD(mgp_draft_part(lines, draft, text ? room->data : NULL, NULL, NULL, err));
  MGP_FORWARD(mgp_draft_part(lines, draft, NULL, image, NULL, err));
  MGP_FORWARD(add_candidates(b, lines, row, draft, err));
  MGP_FORWARD(mgp_query_add(b, lines, draft, err));
  return mgp_query_judge(b, lines, draft->id, draft->candidates[0], 1, err);
}

static magpie_status read_query(magpie_benchmark *b, const mgp_json_lines *lines, const json_t *row,
                                magpie_error *err) {
  char id[MGP_ROW_NUMBER];
  snprintf(id, sizeof id, "%zu", b->query_count + 1);
  mgp_query_draft draft = {.id = id};
  mgp_buffer room;
  mgp_buffer_init(&room, b->alloc);
  const magpie_status status = add_row(b, lines, row, &draft, &room, err);
  mgp_buffer_fini(&room);
  mgp_draft_fini(b, &draft);
  return status;
}

static magpie_status find_file(magpie_benchmark *b, const char *split, magpie_error *err) {
  mgp_name_list splits = {0};
  magpie_status status = mgp_names_in(b, b->folder, "", ".jsonl", false, &splits, err);
  if (status == MAGPIE_OK) status = mgp_split_choose(b, split, &splits, &b->split, err);
  mgp_names_fini(b, &splits);
  MGP_FORWARD(status);
  MGP_RETURN_IF(!b->split, err, MAGPIE_NOT_FOUND, "%s holds no .jsonl file", b->path);
  b->query_file = mgp_benchmark_path(b, "%s/%s.jsonl", b->folder, b->split);
  MGP_RETURN_IF(!b->query_file, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

static magpie_status open_set(magpie_benchmark *b, const char *split, magpie_error *err) {
  MGP_RETURN_IF(split && !b->is_folder, err, MAGPIE_INVALID, "%s is one file; it has no splits",
                b->path);
  if (b->is_folder) MGP_FORWARD(find_file(b, split, err));
  else b->query_file = b->path;
  b->corpus_file = b->query_file;
  b->documents_repeat = true;
  MGP_FORWARD(mgp_benchmark_media(b, b->folder, err));
  return mgp_rows_each(b, b->query_file, read_query, err);
}

static magpie_status read_documents(mgp_documents *d, const json_t *row, magpie_error *err) {
  const json_t *texts = NULL, *images = NULL;
  MGP_FORWARD(read_lists(&d->lines, row, &texts, &images, err));
  mgp_buffer room;
  mgp_buffer_init(&room, d->benchmark->alloc);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < json_array_size(texts) && status == MAGPIE_OK; i++) {
    candidate c;
    status = read_candidate(&d->lines, json_array_get(texts, i), json_array_get(images, i), &room,
                            &c, err);
    const mgp_document document = {.id = c.id, .text = c.text, .image = c.image};
    if (status == MAGPIE_OK) status = mgp_documents_emit(d, &document, err);
  }
  mgp_buffer_fini(&room);
  return status;
}

const mgp_set_layout mgp_set_mmeb = {
    .format = "mmeb", .measure = "Success@1", .open = open_set, .documents = read_documents};
