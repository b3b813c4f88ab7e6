/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries, judgements and documents as the layouts hand them over: copied, checked, each id once.
 */
#include "eval/benchmark.h"

/* ---- drafts ------------------------------------------------------------------------------ */

magpie_status mgp_draft_part(const mgp_json_lines *lines, mgp_query_draft *draft, const char *text,
                             const char *image, const char *audio, magpie_error *err) {
  const magpie_part part = {.text = text, .image = image, .audio = audio, .weight = 1};
  const char *set = text ? text : image ? image : audio;
  if (!set || !*set) return MAGPIE_OK;
  if (draft->part_count == MGP_QUERY_PARTS_MAX)
    return mgp_json_lines_fail(lines, err, "more than %d parts", MGP_QUERY_PARTS_MAX);
  draft->parts[draft->part_count++] = part;
  return MAGPIE_OK;
}

magpie_status mgp_draft_candidate(magpie_benchmark *b, mgp_query_draft *draft, const char *id,
                                  magpie_error *err) {
  const mgp_id *known = NULL;
  const uint32_t mark = (uint32_t)b->query_ids.count + 1; /* the draft's number, once added */
  const size_t before = b->candidate_ids.count;
  bool has_room =
      MGP_GROW(b->alloc, b->candidate_marks, b->mark_capacity, before + 1) &&
      MGP_GROW(b->alloc, draft->candidates, draft->candidate_capacity, draft->candidate_count + 1);
  MGP_RETURN_IF(!has_room, err, MAGPIE_NO_MEMORY, "no memory for the candidates of a query");
  MGP_FORWARD(mgp_id_table_intern(&b->candidate_ids, id, strlen(id), &known, err));
  if (b->candidate_ids.count > before) b->candidate_marks[known->number] = 0;
  if (b->candidate_marks[known->number] == mark) return MAGPIE_OK;
  b->candidate_marks[known->number] = mark;
  draft->candidates[draft->candidate_count++] = known->text;
  return MAGPIE_OK;
}

void mgp_draft_fini(magpie_benchmark *b, mgp_query_draft *draft) {
  mgp_free(b->alloc, draft->candidates);
  draft->candidates = NULL;
}

/* ---- queries ----------------------------------------------------------------------------- */

/* False: no memory. NULL stays NULL. */
static bool keep_text(magpie_benchmark *b, const char **text) {
  if (*text) *text = mgp_arena_strdup(b->arena, *text);
  else return true;
  return *text != NULL;
}

static bool keep_path(magpie_benchmark *b, const char **path) {
  if (!*path || **path == '/') return keep_text(b, path);
  *path = mgp_arena_printf(b->arena, "%s/%s", b->media, *path);
  return *path != NULL;
}

static const char *modality_of(const magpie_part *parts, size_t count) {
  static const char *const names[16] = {"none",
                                        "text",
                                        "image",
                                        "text+image", /* bits: text 1, image 2 */
                                        "sound",
                                        "text+sound",
                                        "image+sound",
                                        "text+image+sound", /* sound 4 */
                                        "item",
                                        "text+item",
                                        "image+item",
                                        "text+image+item", /* item 8 */
                                        "sound+item",
                                        "text+sound+item",
                                        "image+sound+item",
                                        "text+image+sound+item"};
  unsigned has = 0;
  for (size_t i = 0; i < count; i++)
    has |= parts[i].text ? 1u : parts[i].image ? 2u : parts[i].audio ? 4u : 8u;
  return names[has];
}

static magpie_status keep_draft(magpie_benchmark *b, const mgp_query_draft *draft,
                                magpie_benchmark_query *query, magpie_error *err) {
  const size_t pointers = draft->candidate_count * sizeof *draft->candidates;
  magpie_part *parts = mgp_arena_alloc(b->arena, draft->part_count * sizeof *parts);
  const char **candidates = pointers > 0 ? mgp_arena_alloc(b->arena, pointers) : NULL;
  bool is_kept = parts && (candidates || pointers == 0);
  if (candidates) memcpy(candidates, draft->candidates, pointers);
  for (size_t i = 0; is_kept && i < draft->part_count; i++) {
    parts[i] = draft->parts[i];
    is_kept = keep_text(b, &parts[i].text) && keep_path(b, &parts[i].image) &&
              keep_path(b, &parts[i].audio) && keep_text(b, &parts[i].item) &&
              keep_text(b, &parts[i].space);
  }
  MGP_RETURN_IF(!is_kept, err, MAGPIE_NO_MEMORY, "no memory for query %s", draft->id);
  *query = (magpie_benchmark_query){.parts = parts,
                                    .part_count = draft->part_count,
                                    .modality = modality_of(parts, draft->part_count),
                                    .candidates = candidates,
                                    .candidate_count = draft->candidate_count};
  return MAGPIE_OK;
}

magpie_status mgp_query_add(magpie_benchmark *b, const mgp_json_lines *lines,
                            const mgp_query_draft *draft, magpie_error *err) {
  if (draft->part_count == 0)
    return mgp_json_lines_fail(lines, err, "query %.100s has neither text nor picture nor sound",
                               draft->id);
  const mgp_id *id = mgp_id_table_find(&b->query_ids, draft->id, strlen(draft->id));
  if (id)
    return mgp_json_lines_fail(lines, err, "query %.100s is there already, in line %zu", id->text,
                               b->query_lines[id->number]);
  magpie_benchmark_query query;
  MGP_FORWARD(keep_draft(b, draft, &query, err));
  const size_t count = b->query_count;
  MGP_RETURN_IF(!MGP_GROW(b->alloc, b->queries, b->query_capacity, count + 1) ||
                    !MGP_GROW(b->alloc, b->query_lines, b->line_capacity, count + 1),
                err, MAGPIE_NO_MEMORY, "no memory for %zu queries", count + 1);
  MGP_FORWARD(mgp_id_table_intern(&b->query_ids, draft->id, strlen(draft->id), &id, err));
  query.id = id->text;
  b->query_lines[count] = lines->line;
  b->queries[b->query_count++] = query;
  return MAGPIE_OK;
}

magpie_status mgp_query_judge(magpie_benchmark *b, const mgp_json_lines *lines, const char *query,
                              const char *document, int64_t gain, magpie_error *err) {
  magpie_error said = {0};
  const magpie_status status = magpie_qrels_add(b->qrels, query, document, gain, &said);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  if (status == MAGPIE_INVALID) return mgp_json_lines_fail(lines, err, "%s", said.message);
  return mgp_fail(err, status, "%s", said.message);
}

magpie_status mgp_queries_keep_judged(magpie_benchmark *b, magpie_error *err) {
  size_t kept = 0;
  for (size_t i = 0; i < b->query_count; i++) {
    if (magpie_qrels_documents(b->qrels, b->queries[i].id, NULL, NULL) == 0) continue;
    b->query_lines[kept] = b->query_lines[i];
    b->queries[kept++] = b->queries[i];
  }
  b->query_count = kept;
  MGP_RETURN_IF(kept == 0, err, MAGPIE_FORMAT, "%s: none of its queries is judged%s%s",
                b->query_file, b->qrels_file ? " in " : "", b->qrels_file ? b->qrels_file : "");
  return MAGPIE_OK;
}

/* ---- documents --------------------------------------------------------------------------- */

static mgp_hash128 content_of(const mgp_document *document) {
  const char *const texts[] = {document->title, document->text,  document->image,
                               document->audio, document->video, document->file};
  mgp_hash128 hashes[6] = {{0, 0}}; /* an absent text and an empty one are the same */
  for (size_t i = 0; i < 6; i++)
    if (texts[i] && *texts[i]) hashes[i] = mgp_hash128_bytes(texts[i], strlen(texts[i]));
  return mgp_hash128_bytes(hashes, sizeof hashes);
}

/* Of a document whose id came before: the same again, or an error. */
static magpie_status check_again(mgp_documents *d, const mgp_id *id, const mgp_document *document,
                                 magpie_error *err) {
  const size_t line = d->first_lines[id->number];
  if (!d->benchmark->documents_repeat)
    return mgp_json_lines_fail(&d->lines, err, "document %.100s is there already, in line %zu",
                               id->text, line);
  const mgp_hash128 now = content_of(document), before = d->content[id->number];
  if (now.low == before.low && now.high == before.high) return MAGPIE_OK;
  return mgp_json_lines_fail(&d->lines, err,
                             "document %.100s is not the same as in line %zu; an id names one",
                             id->text, line);
}

magpie_status mgp_documents_emit(mgp_documents *d, const mgp_document *document,
                                 magpie_error *err) {
  mgp_alloc *a = d->benchmark->alloc;
  const size_t size = strlen(document->id), before = d->ids.count;
  const mgp_id *id = mgp_id_table_find(&d->ids, document->id, size);
  if (id) return check_again(d, id, document, err);
  const bool repeats = d->benchmark->documents_repeat;
  MGP_RETURN_IF(!MGP_GROW(a, d->first_lines, d->line_capacity, before + 1) ||
                    (repeats && !MGP_GROW(a, d->content, d->content_capacity, before + 1)),
                err, MAGPIE_NO_MEMORY, "no memory for the ids of %zu documents", before + 1);
  MGP_FORWARD(mgp_id_table_intern(&d->ids, document->id, size, &id, err));
  d->first_lines[id->number] = d->lines.line;
  if (repeats) d->content[id->number] = content_of(document);
  return d->visit ? d->visit(d->context, &d->lines, document, err) : MAGPIE_OK;
}

magpie_status mgp_documents_each(const magpie_benchmark *b, mgp_document_visit *visit,
                                 void *context, magpie_error *err) {
  mgp_documents d = {.benchmark = b, .visit = visit, .context = context};
  mgp_map map = {0};
  json_t *row = NULL;
  MGP_FORWARD(mgp_map_open(b->corpus_file, &map, err));
  mgp_json_lines_init(&d.lines, b->corpus_file, map.data ? (const char *)map.data : "", map.size);
  magpie_status status = mgp_id_table_init(&d.ids, b->alloc, err);
  if (status == MAGPIE_OK) status = mgp_json_lines_next(&d.lines, &row, err);
  while (status == MAGPIE_OK && row) {
    status = b->layout->documents(&d, row, err);
    json_decref(row);
    row = NULL;
    if (status == MAGPIE_OK) status = mgp_json_lines_next(&d.lines, &row, err);
  }
  if (status == MAGPIE_OK && d.ids.count == 0)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: no documents; one JSON object a line is expected",
                      b->corpus_file);
  mgp_id_table_fini(&d.ids);
  mgp_free(b->alloc, d.first_lines);
  mgp_free(b->alloc, d.content);
  mgp_map_close(&map);
  return status;
}
