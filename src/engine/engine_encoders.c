/* SPDX-License-Identifier: Apache-2.0
 *
 * Which packs an index uses, opened on first use. An index remembers its text pack in the catalog;
 * the other packs are all those on the pack path that take pictures or sounds.
 */
#include "engine/engine.h"

/* The inputs that the items of a pack's spaces may have. */
static unsigned pack_inputs(const json_t *pack) {
  unsigned inputs = 0;
  size_t i, j;
  const json_t *space, *name;
  json_array_foreach(json_object_get(pack, "spaces"), i, space) {
    json_array_foreach(json_object_get(space, "items"), j, name) {
      const char *text = json_string_value(name);
      if (mgp_text_equal(text, "text")) inputs |= MGP_INPUT_TEXT;
      if (mgp_text_equal(text, "image")) inputs |= MGP_INPUT_IMAGE;
      if (mgp_text_equal(text, "sound")) inputs |= MGP_INPUT_SOUND;
    }
  }
  return inputs;
}

/* Under encoder_lock. A pack that cannot be read is kept with its reason. */
static magpie_status list_packs(magpie *ix, magpie_error *err) {
  if (ix->packs_listed) return MAGPIE_OK;
  mgp_pack_entry *entries = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_pack_list(ix->alloc, ix->pack_path, &entries, &count, err));
  for (size_t i = 0; i < count; i++) {
    if (ix->pack_count < MGP_ENGINE_PACKS) {
      mgp_pack_slot *slot = &ix->packs[ix->pack_count++];
      snprintf(slot->name, sizeof slot->name, "%s", entries[i].name);
      json_t *pack = NULL;
      if (mgp_pack_read(entries[i].folder, &pack, &slot->failure) == MAGPIE_OK)
        slot->inputs = pack_inputs(pack);
      else slot->is_tried = true;
      json_decref(pack);
    }
    mgp_free(ix->alloc, entries[i].name);
    mgp_free(ix->alloc, entries[i].folder);
  }
  mgp_free(ix->alloc, entries);
  ix->packs_listed = true;
  return MAGPIE_OK;
}

static mgp_pack_slot *find_slot(magpie *ix, const char *name) {
  for (size_t i = 0; i < ix->pack_count; i++)
    if (mgp_text_equal(ix->packs[i].name, name)) return &ix->packs[i];
  return NULL;
}

/* Under encoder_lock. */
static magpie_status open_slot(magpie *ix, const char *name, const mgp_text_source *source,
                               mgp_encoder **out, magpie_error *err) {
  MGP_FORWARD(list_packs(ix, err));
  mgp_pack_slot *slot = find_slot(ix, name);
  if (!slot) {
    return mgp_fail(err, MAGPIE_MODEL,
                    "the pack %s is not installed; run `magpie models pull %s`, or "
                    "`magpie models list` to see what there is",
                    name, name);
  }
  if (!slot->is_tried) {
    slot->is_tried = true;
    mgp_encoder_open(ix->alloc, ix->pack_path, name, source, &slot->encoder, &slot->failure);
  }
  if (!slot->encoder) {
    if (err) *err = slot->failure;
    return slot->failure.code;
  }
  *out = slot->encoder;
  return MAGPIE_OK;
}

/* Under encoder_lock: what the index says, else what the caller wants, else the default. Asked each
 * time: another process may change the model of the index. */
static magpie_status choose_text_pack(magpie *ix, magpie_error *err) {
  char *stored = NULL;
  if (ix->store) MGP_FORWARD(mgp_store_setting_get(ix->store, "text_pack", &stored, err));
  if (!stored && ix->text_pack[0]) return MAGPIE_OK;
  const char *name = stored ? stored : ix->wanted_text_pack;
  magpie_status status = MAGPIE_OK;
  if (stored && ix->wanted_text_pack && !mgp_text_equal(stored, ix->wanted_text_pack))
    status =
        mgp_fail(err, MAGPIE_INVALID,
                 "%s holds vectors of the text pack %s, not %s; `magpie models use %s` changes it",
                 mgp_store_path(ix->store), stored, ix->wanted_text_pack, ix->wanted_text_pack);
  else snprintf(ix->text_pack, sizeof ix->text_pack, "%s", name ? name : MGP_DEFAULT_TEXT_PACK);
  mgp_free(ix->alloc, stored);
  return status;
}

/* Under encoder_lock. */
static magpie_status open_text(magpie *ix, mgp_encoder **out, magpie_error *err) {
  MGP_FORWARD(choose_text_pack(ix, err));
  return open_slot(ix, ix->text_pack, NULL, out, err);
}

magpie_status mgp_engine_text_encoder(magpie *ix, mgp_encoder **out, magpie_error *err) {
  pthread_mutex_lock(&ix->encoder_lock);
  const magpie_status status = open_text(ix, out, err);
  pthread_mutex_unlock(&ix->encoder_lock);
  return status;
}

/* mgp_text_source.encode: label bridges ask for the vectors of class names. */
static magpie_status encode_labels(void *context, const char *const *texts, size_t count,
                                   float *out, magpie_error *err) {
  mgp_encoder *text = context;
  const size_t dim = mgp_encoder_space(text, 0)->dim;
  for (size_t i = 0; i < count; i++)
    MGP_FORWARD(mgp_encoder_query_text(text, 0, texts[i], out + i * dim, err));
  return MAGPIE_OK;
}

/* Under encoder_lock. A missing text pack is no error here: a bridge then says so when it is used.
 * All bridges have the text pack of the first one, also when the index changes to another. */
static const mgp_text_source *text_source(magpie *ix) {
  mgp_encoder *text = NULL;
  if (ix->text_source.encode) return &ix->text_source;
  if (open_text(ix, &text, NULL) != MAGPIE_OK) return NULL;
  snprintf(ix->text_identity, sizeof ix->text_identity, "%s-%.16s", mgp_encoder_name(text),
           mgp_encoder_hash(text));
  ix->text_source = (mgp_text_source){.context = text,
                                      .encode = encode_labels,
                                      .dim = mgp_encoder_space(text, 0)->dim,
                                      .identity = ix->text_identity};
  return &ix->text_source;
}

magpie_status mgp_engine_encoder(magpie *ix, const char *pack, mgp_encoder **out,
                                 magpie_error *err) {
  pthread_mutex_lock(&ix->encoder_lock);
  magpie_status status = list_packs(ix, err);
  if (status == MAGPIE_OK) {
    const mgp_pack_slot *slot = find_slot(ix, pack);
    const bool needs_text =
        slot && !slot->is_tried && (slot->inputs & (MGP_INPUT_IMAGE | MGP_INPUT_SOUND)) != 0;
    status = open_slot(ix, pack, needs_text ? text_source(ix) : NULL, out, err);
  }
  pthread_mutex_unlock(&ix->encoder_lock);
  return status;
}

magpie_status mgp_engine_packs(magpie *ix, unsigned inputs, const char **names, size_t *count,
                               magpie_error *err) {
  pthread_mutex_lock(&ix->encoder_lock);
  const magpie_status status = list_packs(ix, err);
  *count = 0;
  for (size_t i = 0; status == MAGPIE_OK && i < ix->pack_count; i++)
    if (ix->packs[i].inputs & inputs) names[(*count)++] = ix->packs[i].name;
  pthread_mutex_unlock(&ix->encoder_lock);
  return status;
}

void mgp_engine_encoders_close(magpie *ix) {
  for (size_t i = 0; i < ix->pack_count; i++) mgp_encoder_close(ix->packs[i].encoder);
  ix->pack_count = 0;
}
