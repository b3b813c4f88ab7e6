/* SPDX-License-Identifier: Apache-2.0
 *
 * What this build can do, as JSON: formats with their libraries, the model runtime, the processor
 * tier.
 */
#include "archive/index_archive.h"
#include "engine/engine.h"

static json_t *feature(bool is_enabled, const char *what, const char *library) {
  json_t *row = json_pack("{s:b,s:s}", "enabled", is_enabled, "what", what);
  if (library) json_object_set_new(row, "library", json_string(library));
  return row;
}

static void add_formats(json_t *features) {
  for (const mgp_media_format *f = mgp_media_formats(); f->name; f++)
    json_object_set_new(features, f->name, feature(f->is_enabled, f->what, f->library));
}

static void add_archives(json_t *features) {
  const char *library = mgp_archive_library();
  json_object_set_new(features, "archives",
                      feature(library != NULL, "export, import --archive", library));
}

static void add_runtime(json_t *features) {
  const mgp_runtime *runtime = NULL;
  magpie_error why = {0};
  char *path = NULL;
  magpie_status status = mgp_pack_path_default(NULL, NULL, &path, &why);
  if (status == MAGPIE_OK) status = mgp_runtime_get(path, &runtime, &why);
  mgp_free(NULL, path);
  char library[64] = "";
  if (status == MAGPIE_OK)
    snprintf(library, sizeof library, "ONNX Runtime %s", mgp_runtime_version(runtime));
  json_object_set_new(features, "models",
                      feature(status == MAGPIE_OK,
                              status == MAGPIE_OK ? "neural encoders (packs)" : why.message,
                              library[0] ? library : NULL));
}

static json_t *processor(void) {
  json_t *tiers = json_array();
  for (const char *const *name = mgp_kernels_tiers(); *name; name++)
    if (mgp_kernels_tier(*name)) json_array_append_new(tiers, json_string(*name));
  return json_pack("{s:s,s:o}", "tier", mgp_kernels_get()->tier, "available", tiers);
}

magpie_status magpie_features(char **json, magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "magpie_features: json is NULL");
  MGP_FORWARD(mgp_media_init(err));
  json_t *features = json_object();
  add_formats(features);
  add_archives(features);
  add_runtime(features);
  json_t *object = json_pack("{s:s,s:o,s:o}", "version", magpie_version(), "features", features,
                             "cpu", processor());
  const magpie_status status = object ? mgp_json_write(object, json, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(object);
  return status;
}
