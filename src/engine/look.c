/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at an index: describe, failures, get, preview.
 */
#include "engine/merge_segments.h"
#include "engine/search.h"
#include "store/item_batch.h"

static magpie_status give_json(json_t *value, char **json, magpie_error *err) {
  const magpie_status status = value ? mgp_json_write(value, json, err)
                                     : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(value);
  return status;
}

magpie_status magpie_describe(magpie *ix, char **json, magpie_error *err) {
  MGP_RETURN_IF(!ix || !json, err, MAGPIE_INVALID, "magpie_describe: an argument is NULL");
  json_t *object = NULL;
  MGP_FORWARD(mgp_store_describe(ix->store, &object, err));
  const magpie_status status = mgp_engine_describe_dead(ix, object, err);
  if (status != MAGPIE_OK) {
    json_decref(object);
    return status;
  }
  char *shown = mgp_path_escape(ix->alloc, mgp_store_path(ix->store));
  json_object_set_new(object, "path", json_string(shown ? shown : ""));
  mgp_free(ix->alloc, shown);
  static const char *const settings[] = {"text_pack", "languages", "model_change"};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    char *value = NULL;
    if (mgp_store_setting_get(ix->store, settings[i], &value, NULL) == MAGPIE_OK && value)
      json_object_set_new(object, settings[i], json_string(value));
    mgp_free(ix->alloc, value);
  }
  return give_json(object, json, err);
}

static magpie_status add_failure(void *context, const char *path, const char *stage, int code,
                                 const char *reason, int64_t when_ms, int tries) {
  char *shown = mgp_path_escape(NULL, path);
  json_t *failure =
      json_pack("{s:s,s:s,s:i,s:s,s:I,s:i}", "path", shown ? shown : "", "stage", stage, "code",
                code, "reason", reason, "when", (json_int_t)(when_ms / 1000), "tries", tries);
  mgp_free(NULL, shown);
  return failure && json_array_append_new(context, failure) == 0 ? MAGPIE_OK : MAGPIE_NO_MEMORY;
}

magpie_status magpie_failures(magpie *ix, char **json, magpie_error *err) {
  MGP_RETURN_IF(!ix || !json, err, MAGPIE_INVALID, "magpie_failures: an argument is NULL");
  json_t *list = json_array();
  const magpie_status status = mgp_store_failures(ix->store, add_failure, list, err);
  if (status != MAGPIE_OK) {
    json_decref(list);
    return status;
  }
  return give_json(list, json, err);
}

static magpie_status find_item(magpie *ix, const char *id, mgp_arena *arena, mgp_item *item,
                               mgp_source *source, magpie_error *err) {
  uint64_t number = 0;
  MGP_FORWARD(mgp_store_item_find(ix->store, id, &number, err));
  if (number == 0) { /* a record's id names its first item */
    const char *first = mgp_arena_printf(arena, "%s#1", id);
    MGP_RETURN_IF(!first, err, MAGPIE_NO_MEMORY, "no memory for an id");
    MGP_FORWARD(mgp_store_item_find(ix->store, first, &number, err));
  }
  MGP_RETURN_IF(number == 0, err, MAGPIE_NOT_FOUND,
                "there is no item \"%s\"; ids are shown by `magpie search --json`", id);
  return mgp_store_item_get(ix->store, number, arena, item, source, err);
}

static const char *or_empty(const char *text) {
  return text ? text : "";
}

static json_t *item_json(const mgp_item *item, const mgp_source *source) {
  char *shown = source->path ? mgp_path_escape(NULL, source->path) : NULL;
  const bool is_batch = mgp_source_is_batch(source);
  const char *record = is_batch ? item->id : source->record;
  const char *name = is_batch && source->title ? source->title : record;
  json_t *object =
      json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "id", item->id, "kind", item->kind,
                "source", shown ? shown : or_empty(name), "format", or_empty(source->format),
                "title", or_empty(item->title), "context", or_empty(item->context), "language",
                or_empty(item->language), "text", or_empty(item->text), "locator",
                mgp_locator_json(&item->locator), "metadata", mgp_metadata_json(item->metadata),
                "source_metadata", mgp_metadata_json(source->metadata));
  if (object && record) json_object_set_new(object, "record", json_string(record));
  mgp_free(NULL, shown);
  return object;
}

magpie_status magpie_get(magpie *ix, const char *id, char **json, magpie_error *err) {
  MGP_RETURN_IF(!ix || !id || !json, err, MAGPIE_INVALID, "magpie_get: an argument is NULL");
  mgp_arena *arena = mgp_arena_create(ix->alloc);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory");
  mgp_item item = {0};
  mgp_source source = {0};
  magpie_status status = find_item(ix, id, arena, &item, &source, err);
  if (status == MAGPIE_OK) status = give_json(item_json(&item, &source), json, err);
  mgp_arena_destroy(arena);
  return status;
}

/* What the caller gets must come from the process-wide allocator: magpie_free frees it. */
static magpie_status give_bytes(mgp_alloc *a, void *block, size_t size, void **bytes,
                                magpie_error *err) {
  void *copy = mgp_malloc(NULL, size);
  if (copy) memcpy(copy, block, size);
  mgp_free(a, block);
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a preview of %zu bytes", size);
  *bytes = copy;
  return MAGPIE_OK;
}

static magpie_status preview_sound(magpie *ix, const mgp_item *item, const mgp_source *source,
                                   void **block, size_t *size, magpie_error *err) {
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  MGP_FORWARD(mgp_media_init(err));
  float *pcm = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_media_read_span(ix->alloc, source->path, &limits, item->locator.span[0],
                                  item->locator.span[1], &pcm, &count, err));
  const magpie_status status =
      mgp_media_wav(ix->alloc, pcm, count, MGP_SOUND_RATE, block, size, err);
  mgp_free(ix->alloc, pcm);
  return status;
}

static magpie_status preview_item(magpie *ix, const mgp_item *item, const mgp_source *source,
                                  void **bytes, size_t *size, const char **mime,
                                  magpie_error *err) {
  void *block = NULL;
  if (item->locator.has_span && source->path) {
    *mime = "audio/wav";
    MGP_FORWARD(preview_sound(ix, item, source, &block, size, err));
  } else {
    *mime = "image/jpeg";
    MGP_FORWARD(mgp_store_thumb_read(ix->store, item->id, &block, size, err));
  }
  return give_bytes(ix->alloc, block, *size, bytes, err);
}

magpie_status magpie_preview(magpie *ix, const char *id, void **bytes, size_t *size,
                             const char **mime, magpie_error *err) {
  MGP_RETURN_IF(!ix || !id || !bytes || !size || !mime, err, MAGPIE_INVALID,
                "magpie_preview: an argument is NULL");
  *bytes = NULL;
  mgp_arena *arena = mgp_arena_create(ix->alloc);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory");
  mgp_item item = {0};
  mgp_source source = {0};
  magpie_status status = find_item(ix, id, arena, &item, &source, err);
  if (status == MAGPIE_OK) status = preview_item(ix, &item, &source, bytes, size, mime, err);
  mgp_arena_destroy(arena);
  return status;
}
