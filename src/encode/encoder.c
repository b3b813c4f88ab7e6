/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens a pack: reads pack.json, compares the sizes of its files, names its spaces, opens the text
 * model and the label bridges. Picture and sound models are opened by the first use (or by
 * mgp_encoder_warm), under their tower's lock.
 */
#include "encode/encoder.h"
#include "kernels/kernels.h"

#include <sys/stat.h>

/* ---- towers ------------------------------------------------------------------------------ */

static magpie_status open_model(const mgp_encoder *e, mgp_tower *tower, mgp_tower_check check,
                                magpie_error *err) {
  char *path = mgp_path_join(e->alloc, e->folder, mgp_json_text(tower->spec, "model", ""));
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", e->name);
  mgp_model *model = NULL;
  magpie_status status = mgp_model_open(e->alloc, e->runtime, e->name, path, &model, err);
  mgp_free(e->alloc, path);
  if (status == MAGPIE_OK) status = check(e, tower, model, err);
  if (status == MAGPIE_OK) tower->model = model;
  else mgp_model_close(model);
  return status;
}

magpie_status mgp_tower_model(const mgp_encoder *e, mgp_tower *tower, mgp_tower_check check,
                              const mgp_model **out, magpie_error *err) {
  pthread_mutex_lock(&tower->lock);
  if (!tower->tried) {
    magpie_error failure = {0};
    open_model(e, tower, check, &failure);
    /* Want of memory passes; a wrong file stays wrong. */
    tower->tried = tower->model || failure.code != MAGPIE_NO_MEMORY;
    tower->failure = failure;
  }
  const mgp_model *model = tower->model;
  if (!model && err) *err = tower->failure;
  const magpie_status status = model ? MAGPIE_OK : tower->failure.code;
  pthread_mutex_unlock(&tower->lock);
  if (model) *out = model;
  return status;
}

magpie_status mgp_tower_check_vision(const mgp_encoder *e, const mgp_tower *tower,
                                     const mgp_model *model, magpie_error *err) {
  const char *input = mgp_json_text(tower->spec, "input", "");
  unsigned type = 0;
  MGP_FORWARD(mgp_model_input(model, input, &type, err));
  MGP_RETURN_IF(type != MGP_ORT_FLOAT, err, MAGPIE_MODEL,
                "pack %s: the input \"%s\" of %s has element type %u, expected float (1)", e->name,
                input, mgp_json_text(tower->spec, "model", ""), type);
  MGP_FORWARD(mgp_model_inputs_check(model, &input, 1, err));
  for (size_t i = 0; i < tower->output_count; i++) {
    const mgp_tower_output *o = &tower->outputs[i];
    MGP_FORWARD(mgp_model_output_check(model, o->name, o->dim, err));
  }
  return MAGPIE_OK;
}

static magpie_status fill_space(const mgp_encoder *e, const mgp_tower_output *o,
                                const float *values, float *out, magpie_error *err) {
  const mgp_space_info *space = &e->spaces[o->space];
  if (o->bridge) {
    MGP_FORWARD(mgp_label_bridge_item(o->bridge, values, o->dim, out, err));
  } else {
    memcpy(out, values, o->dim * sizeof *out);
    if (o->normalise) mgp_normalise_f32(out, o->dim);
  }
  float sum = 0; /* not finite as soon as one value is not */
  for (size_t i = 0; i < space->dim; i++) sum += out[i] * 0.0F;
  MGP_RETURN_IF(sum != 0, err, MAGPIE_MODEL,
                "pack %s gave a vector in the space %s that is not finite", e->name, space->name);
  return MAGPIE_OK;
}

magpie_status mgp_tower_fill(const mgp_encoder *e, const mgp_tower *tower,
                             const float *const *values, float *const *outs, magpie_error *err) {
  for (size_t i = 0; i < tower->output_count; i++) {
    const mgp_tower_output *o = &tower->outputs[i];
    if (outs[o->space]) MGP_FORWARD(fill_space(e, o, values[i], outs[o->space], err));
  }
  return MAGPIE_OK;
}

/* ---- open -------------------------------------------------------------------------------- */

static unsigned input_bits(const json_t *list) {
  static const char *const names[] = {"text", "image", "sound"};
  static const unsigned bits[] = {MGP_INPUT_TEXT, MGP_INPUT_IMAGE, MGP_INPUT_SOUND};
  unsigned found = 0;
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) for (size_t j = 0; j < 3;
                                         j++) if (mgp_text_equal(json_string_value(item), names[j]))
      found |= bits[j];
  return found;
}

static void read_spaces(mgp_encoder *e) {
  size_t i;
  const json_t *space;
  json_array_foreach(json_object_get(e->pack, "spaces"), i, space) {
    e->spaces[i] = (mgp_space_info){
        .name = mgp_json_text(space, "name", ""),
        .metric = mgp_json_text(space, "metric", ""),
        .dim = (size_t)mgp_json_integer(space, "dim", 0),
        .item_inputs = input_bits(json_object_get(space, "items")),
        .query_inputs = input_bits(json_object_get(space, "queries")),
        .weight = mgp_json_number(space, "weight", 1),
    };
    e->space_count = i + 1;
  }
}

static size_t find_space(const mgp_encoder *e, const char *name) {
  size_t i = 0;
  while (i < e->space_count && !mgp_text_equal(e->spaces[i].name, name)) i++;
  return i;
}

/* Sizes only: a sum over 100 MB at every start would be felt. */
static magpie_status check_sizes(const mgp_encoder *e, magpie_error *err) {
  size_t i;
  const json_t *file;
  json_array_foreach(json_object_get(e->pack, "files"), i, file) {
    const char *name = mgp_json_text(file, "file", "");
    const long long expected = (long long)mgp_json_integer(file, "size", 0);
    char *path = mgp_path_join(e->alloc, e->folder, name);
    MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", e->name);
    struct stat st = {0};
    const bool is_there = stat(path, &st) == 0;
    mgp_free(e->alloc, path);
    MGP_RETURN_IF(!is_there, err, MAGPIE_MODEL,
                  "pack %s: %s is missing from %s; `magpie models pull %s` fetches it", e->name,
                  name, e->folder, e->name);
    MGP_RETURN_IF(st.st_size != expected, err, MAGPIE_MODEL,
                  "pack %s: %s has %lld bytes, expected %lld; `magpie models pull %s` fetches it "
                  "again",
                  e->name, name, (long long)st.st_size, expected, e->name);
  }
  return MAGPIE_OK;
}

/* What the vectors depend on: these members of pack.json, less the weights of fusion. The declared
 * sums of the files are among them; what is written for people is not. */
static json_t *vector_members(const mgp_encoder *e) {
  static const char *const names[] = {"name",  "files", "spaces", "text",
                                      "image", "sound", "bridges"};
  json_t *members = json_object();
  for (size_t i = 0; members && i < sizeof names / sizeof *names; i++) {
    json_t *copy = json_deep_copy(json_object_get(e->pack, names[i]));
    if (copy) json_object_set_new(members, names[i], copy);
  }
  size_t i;
  json_t *space;
  json_array_foreach(json_object_get(members, "spaces"), i, space) json_object_del(space, "weight");
  return members;
}

static magpie_status compute_hash(mgp_encoder *e, magpie_error *err) {
  json_t *members = vector_members(e);
  char *text = members ? json_dumps(members, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
  json_decref(members);
  MGP_RETURN_IF(!text, err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", e->name);
  mgp_sha256 hash;
  mgp_sha256_init(&hash);
  mgp_sha256_add(&hash, text, strlen(text));
  mgp_sha256_hex(&hash, e->hash);
  json_free_t free_text = NULL;
  json_get_alloc_funcs(NULL, &free_text);
  free_text(text);
  return MAGPIE_OK;
}

static magpie_status open_bridge(mgp_encoder *e, const char *name, const mgp_text_source *text,
                                 mgp_tower_output *o, magpie_error *err) {
  const json_t *spec = json_object_get(json_object_get(e->pack, "bridges"), name);
  MGP_FORWARD(mgp_label_bridge_open(e->alloc, e->folder, spec, text, &o->bridge, err));
  mgp_space_info *space = &e->spaces[o->space];
  mgp_label_bridge_scale(o->bridge, &space->weak, &space->sure);
  const size_t dim = mgp_label_bridge_dim(o->bridge);
  MGP_RETURN_IF(dim != space->dim, err, MAGPIE_MODEL,
                "pack %s: the space %s has %zu values, but the bridge %s gives %zu", e->name,
                space->name, space->dim, name, dim);
  return MAGPIE_OK;
}

static magpie_status open_outputs(mgp_encoder *e, mgp_tower *tower, const mgp_text_source *text,
                                  magpie_error *err) {
  size_t i;
  const json_t *output;
  json_array_foreach(json_object_get(tower->spec, "outputs"), i, output) {
    mgp_tower_output *o = &tower->outputs[i];
    tower->output_count = i + 1;
    o->name = mgp_json_text(output, "output", "");
    o->space = find_space(e, mgp_json_text(output, "space", NULL));
    o->normalise = mgp_json_bool(output, "normalise", false);
    const char *bridge = mgp_json_text(output, "bridge", NULL);
    if (bridge) MGP_FORWARD(open_bridge(e, bridge, text, o, err));
    /* A bridge may fold classes together; then pack.json says how many the model has. */
    o->dim = (size_t)mgp_json_integer(output, "values", (int64_t)e->spaces[o->space].dim);
  }
  return MAGPIE_OK;
}

static void init_tower(mgp_encoder *e, mgp_tower *tower, const char *name) {
  pthread_mutex_init(&tower->lock, NULL);
  tower->spec = json_object_get(e->pack, name);
}

static void fini_tower(mgp_tower *tower) {
  mgp_model_close(tower->model);
  for (size_t i = 0; i < tower->output_count; i++) mgp_label_bridge_close(tower->outputs[i].bridge);
  pthread_mutex_destroy(&tower->lock);
}

static magpie_status open_encoder(mgp_encoder *e, const char *pack_path,
                                  const mgp_text_source *text, magpie_error *err) {
  read_spaces(e);
  MGP_FORWARD(check_sizes(e, err));
  MGP_FORWARD(compute_hash(e, err));
  MGP_FORWARD(mgp_runtime_get(pack_path, &e->runtime, err));
  MGP_FORWARD(open_outputs(e, &e->image, text, err));
  MGP_FORWARD(open_outputs(e, &e->sound, text, err));
  return e->text.spec ? mgp_text_tower_open(e, err) : MAGPIE_OK;
}

magpie_status mgp_encoder_open(mgp_alloc *a, const char *pack_path, const char *name,
                               const mgp_text_source *text, mgp_encoder **out, magpie_error *err) {
  char *folder = NULL;
  json_t *pack = NULL;
  MGP_FORWARD(mgp_pack_find(a, pack_path, name, &folder, err));
  magpie_status status = mgp_pack_read(folder, &pack, err);
  mgp_encoder *e = status == MAGPIE_OK ? mgp_calloc(a, 1, sizeof *e) : NULL;
  if (!e) {
    mgp_free(a, folder);
    json_decref(pack);
    return status != MAGPIE_OK ? status
                               : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", name);
  }
  e->alloc = a;
  e->folder = folder;
  e->pack = pack;
  init_tower(e, &e->text, "text");
  init_tower(e, &e->image, "image");
  init_tower(e, &e->sound, "sound");
  e->name = mgp_strdup(a, name);
  status = e->name ? open_encoder(e, pack_path, text, err)
                   : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", name);
  if (status == MAGPIE_OK) *out = e;
  else mgp_encoder_close(e);
  return status;
}

void mgp_encoder_close(mgp_encoder *e) {
  if (!e) return;
  mgp_text_tower_close(e);
  fini_tower(&e->text);
  fini_tower(&e->image);
  fini_tower(&e->sound);
  json_decref(e->pack);
  mgp_free(e->alloc, e->name);
  mgp_free(e->alloc, e->folder);
  mgp_free(e->alloc, e);
}

/* ---- look -------------------------------------------------------------------------------- */

const char *mgp_encoder_name(const mgp_encoder *e) {
  return e->name;
}

const char *mgp_encoder_hash(const mgp_encoder *e) {
  return e->hash;
}

size_t mgp_encoder_space_count(const mgp_encoder *e) {
  return e->space_count;
}

const mgp_space_info *mgp_encoder_space(const mgp_encoder *e, size_t index) {
  return index < e->space_count ? &e->spaces[index] : NULL;
}

static magpie_status prepare_bridges(mgp_tower *tower, magpie_error *err) {
  for (size_t i = 0; i < tower->output_count; i++)
    if (tower->outputs[i].bridge)
      MGP_FORWARD(mgp_label_bridge_prepare(tower->outputs[i].bridge, err));
  return MAGPIE_OK;
}

magpie_status mgp_encoder_warm(mgp_encoder *e, unsigned inputs, magpie_error *err) {
  if (inputs & MGP_INPUT_TEXT) MGP_FORWARD(prepare_bridges(&e->image, err));
  if (inputs & MGP_INPUT_TEXT) MGP_FORWARD(prepare_bridges(&e->sound, err));
  if ((inputs & MGP_INPUT_TEXT) && e->text.spec) MGP_FORWARD(mgp_text_tower_warm(e, err));
  if ((inputs & MGP_INPUT_IMAGE) && e->image.spec) MGP_FORWARD(mgp_image_tower_warm(e, err));
  if ((inputs & MGP_INPUT_SOUND) && e->sound.spec) MGP_FORWARD(mgp_sound_tower_warm(e, err));
  return MAGPIE_OK;
}
