/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts encoded again, from the titles, headings and texts that the catalog keeps: no file is
 * needed, save where a picture's own tags have to be told from the caption that a record gave it.
 */
#include "engine/ingest_batch.h"
#include "engine/model_change.h"

#define TEXTS_AT_ONCE 192
#define TEXT_BYTES_AT_ONCE (4u << 20)

typedef struct text_batch {
  mgp_prose texts[TEXTS_AT_ONCE];
  size_t count, bytes;
} text_batch;

static void drop_batch(mgp_model_change *c, text_batch *b) {
  for (size_t i = 0; i < b->count; i++) {
    mgp_free(c->ix->alloc, (char *)b->texts[i].text);
    mgp_free(c->ix->alloc, b->texts[i].vector);
  }
  b->count = b->bytes = 0;
}

static magpie_status encode_batch(mgp_model_change *c, text_batch *b, magpie_error *err) {
  const size_t count = b->count;
  MGP_FORWARD(mgp_model_go_on(c, err));
  magpie_status status = mgp_engine_encode_texts(c->ix, c->encoder, b->texts, count, err);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
    status = mgp_model_put(c, 0, b->texts[i].number, b->texts[i].vector, err);
  drop_batch(c, b);
  if (status == MAGPIE_OK) mgp_model_tell(c, count);
  return status == MAGPIE_OK ? mgp_model_commit_due(c, err) : status;
}

/* ---- captions ---------------------------------------------------------------------------------
 */

/* The text that a picture or sound brings itself. */
typedef struct own_text {
  mgp_alloc *alloc;
  char *text;
  bool is_known;
} own_text;

static magpie_status take_first(void *context, const mgp_media_item *item, magpie_error *err) {
  own_text *own = context;
  own->text = item->text ? mgp_strdup(own->alloc, item->text) : NULL;
  own->is_known = own->text || !item->text;
  return mgp_fail(err, MAGPIE_CANCELLED, "one item is enough");
}

static own_text read_own_text(mgp_model_change *c, const char *path) {
  own_text own = {.alloc = c->ix->alloc};
  mgp_media_info info = {0};
  const mgp_media_sink sink = {.context = &own, .item = take_first};
  magpie_error why = {0};
  if (mgp_media_init(&why) == MAGPIE_OK)
    mgp_media_decode(c->ix->alloc, path, &c->limits, &sink, &info, &why);
  json_decref(info.metadata);
  return own;
}

/* As ingest_item.c stores it: "CAPTION", "CAPTION\n\nOWN" or "OWN". */
static const char *cut_caption(mgp_model_change *c, const char *text, const own_text *own,
                               bool had_vector) {
  if (!own->is_known) return had_vector ? text : NULL;
  if (!own->text || !own->text[0]) return text;
  const size_t size = strlen(text), tail = strlen(own->text);
  if (size < tail || strcmp(text + size - tail, own->text) != 0) return text;
  if (size == tail) return NULL;
  return size > tail + 2 ? mgp_arena_strndup(c->arena, text, size - tail - 2) : text;
}

/* What a record says of its picture or sound is prose; tags of the file are not. */
static const char *caption_of(mgp_model_change *c, const mgp_item *item, const mgp_source *source) {
  const mgp_model_target *t = &c->targets[0];
  const bool had_vector = t->old && mgp_bit_get(t->old, item->number);
  if (!source->record || !source->path || (t->old && !had_vector)) return NULL;
  if (had_vector && !strstr(item->text, "\n\n")) return item->text;
  const own_text own = read_own_text(c, source->path);
  const char *caption = cut_caption(c, item->text, &own, had_vector);
  mgp_free(c->ix->alloc, own.text);
  return caption;
}

/* ---- items ------------------------------------------------------------------------------------
 */

static magpie_status add_item(mgp_model_change *c, uint64_t number, text_batch *b,
                              magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(c->arena);
  const magpie_status status =
      mgp_store_item_get(c->ix->store, number, c->arena, &item, &source, err);
  if (status == MAGPIE_NOT_FOUND) mgp_model_pass_over(c, number); /* gone since the snapshot */
  if (status != MAGPIE_OK) return status == MAGPIE_NOT_FOUND ? MAGPIE_OK : status;
  const char *text = item.text && item.text[0] ? item.text : NULL;
  if (text && mgp_engine_is_media(&item)) text = caption_of(c, &item, &source);
  if (!text) {
    mgp_model_pass_over(c, number);
    mgp_model_tell(c, 1);
    return MAGPIE_OK;
  }
  char *prose = mgp_engine_prose(c->ix->alloc, &item, text);
  MGP_RETURN_IF(!prose, err, MAGPIE_NO_MEMORY, "no memory for the text of item %s", item.id);
  b->texts[b->count++] = (mgp_prose){.text = prose, .number = number};
  b->bytes += strlen(prose);
  if (b->count < TEXTS_AT_ONCE && b->bytes < TEXT_BYTES_AT_ONCE) return MAGPIE_OK;
  return encode_batch(c, b, err);
}

magpie_status mgp_model_texts(mgp_model_change *c, magpie_error *err) {
  text_batch *b = mgp_calloc(c->ix->alloc, 1, sizeof *b);
  MGP_RETURN_IF(!b, err, MAGPIE_NO_MEMORY, "no memory to encode texts");
  magpie_status status = MAGPIE_OK;
  for (uint64_t i = 1; status == MAGPIE_OK && i < c->end; i++)
    if (mgp_model_lacks(c, i)) status = add_item(c, i, b, err);
  if (status == MAGPIE_OK && b->count > 0) status = encode_batch(c, b, err);
  drop_batch(c, b);
  mgp_free(c->ix->alloc, b);
  return status;
}
