/* SPDX-License-Identifier: Apache-2.0
 *
 * Records, wherever they come from. Texts up to RECORD_TOKENS stay one item (the text encoder sees
 * 512 tokens); longer ones are cut into passages as files are.
 */
#include "engine/record_source.h"

#define RECORD_TOKENS 400
#define PASSAGE_TOKENS 200
#define SPACE_MAX 63

static bool is_plain_name(const char *text, size_t max) {
  const size_t size = strlen(text);
  if (size == 0 || size > max) return false;
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return false;
  return true;
}

magpie_status mgp_record_check_names(const mgp_record *r, magpie_error *err) {
  MGP_RETURN_IF(!is_plain_name(r->id, MGP_RECORD_ID_MAX) || r->id[0] == '@', err, MAGPIE_FORMAT,
                "the id must have 1 to %d bytes, no control characters and no @ at its start",
                MGP_RECORD_ID_MAX);
  MGP_RETURN_IF(r->kind && (!is_plain_name(r->kind, MGP_RECORD_KIND_MAX) || strchr(r->kind, ',')),
                err, MAGPIE_FORMAT, "\"kind\" must have 1 to %d bytes and no comma",
                MGP_RECORD_KIND_MAX);
  MGP_RETURN_IF(r->space && !is_plain_name(r->space, SPACE_MAX), err, MAGPIE_FORMAT,
                "\"space\" must have 1 to %d bytes", SPACE_MAX);
  return MAGPIE_OK;
}

magpie_status mgp_record_name_source(mgp_alloc *a, mgp_ingest_source *source, const mgp_record *r,
                                     magpie_error *err) {
  source->record = mgp_strdup(a, r->id);
  if (r->title && r->title[0]) source->title = mgp_strdup(a, r->title);
  if (r->kind) source->forced_kind = mgp_strdup(a, r->kind);
  MGP_RETURN_IF(!source->record || (r->title && r->title[0] && !source->title) ||
                    (r->kind && !source->forced_kind),
                err, MAGPIE_NO_MEMORY, "no memory for record %s", r->id);
  source->row.format = "record";
  return MAGPIE_OK;
}

static magpie_status add_passages(mgp_ingest *in, mgp_ingest_source *source, const mgp_record *r,
                                  size_t size, magpie_error *err) {
  mgp_alloc *a = mgp_ingest_index(in)->alloc;
  mgp_passage *passages = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_passages_cut(a, r->text, size, PASSAGE_TOKENS, &passages, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    char *text = mgp_strndup(a, r->text + passages[i].start, passages[i].size);
    const mgp_media_item item = {
        .kind = "passage",
        .text = text,
        .metadata = r->metadata,
        .locator = {.has_lines = true, .lines = {passages[i].first_line, passages[i].last_line}}};
    status = text ? mgp_ingest_item(in, source, &item, err)
                  : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a passage");
    mgp_free(a, text);
  }
  mgp_free(a, passages);
  return status;
}

magpie_status mgp_record_add(mgp_ingest *in, mgp_ingest_source *source, const mgp_record *r,
                             magpie_error *err) {
  if (r->vector) {
    const mgp_media_item item = {.kind = "vector", .text = r->text, .metadata = r->metadata};
    return mgp_ingest_vector(in, source, r->space ? r->space : MGP_VECTORS_SPACE, &item, r->vector,
                             r->dim, err);
  }
  const size_t size = strlen(r->text);
  if (mgp_token_estimate(r->text, size) > RECORD_TOKENS)
    return add_passages(in, source, r, size, err);
  const mgp_media_item item = {.kind = "passage", .text = r->text, .metadata = r->metadata};
  return mgp_ingest_item(in, source, &item, err);
}
