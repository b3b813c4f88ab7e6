/* SPDX-License-Identifier: Apache-2.0
 *
 * The packs as a person sees them: list, show, verify, add, pull, remove. User packs lie in the
 * first folder of the pack path; the others are read only here.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine.h"

static magpie_status give_json(json_t *value, char **json, magpie_error *err) {
  const magpie_status status = value ? mgp_json_write(value, json, err)
                                     : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(value);
  return status;
}

/* Where packs of the user go: the first folder of the path. */
static magpie_status user_folder(const char *pack_path, char **out, magpie_error *err) {
  char *path = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &path, err));
  *out = mgp_strndup(NULL, path, strcspn(path, ":"));
  mgp_free(NULL, path);
  MGP_RETURN_IF(!*out, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

static json_t *spaces_of(const json_t *pack) {
  json_t *names = json_array();
  size_t i;
  const json_t *space;
  json_array_foreach(json_object_get(pack, "spaces"), i, space)
      json_array_append_new(names, json_string(mgp_json_text(space, "name", "?")));
  return names;
}

static json_int_t bytes_of(const json_t *pack) {
  json_int_t bytes = 0;
  size_t i;
  const json_t *file;
  json_array_foreach(json_object_get(pack, "files"), i, file) bytes +=
      mgp_json_integer(file, "size", 0);
  return bytes;
}

static json_t *installed_entry(const mgp_pack_entry *entry) {
  json_t *pack = NULL;
  magpie_error why = {0};
  json_t *row =
      json_pack("{s:s,s:s,s:b}", "name", entry->name, "folder", entry->folder, "installed", 1);
  if (mgp_pack_read(entry->folder, &pack, &why) != MAGPIE_OK) {
    json_object_set_new(row, "problem", json_string(why.message));
    return row;
  }
  json_object_set_new(row, "description", json_string(mgp_json_text(pack, "description", "")));
  json_object_set_new(row, "licence", json_string(mgp_json_text(pack, "licence", "")));
  json_object_set_new(row, "source", json_string(mgp_json_text(pack, "source", "")));
  json_object_set_new(row, "bytes", json_integer(bytes_of(pack)));
  json_object_set_new(row, "spaces", spaces_of(pack));
  json_decref(pack);
  return row;
}

static bool is_listed(const json_t *list, const char *name) {
  size_t i;
  const json_t *row;
  json_array_foreach(list, i,
                     row) if (mgp_text_equal(mgp_json_text(row, "name", ""), name)) return true;
  return false;
}

static void add_offers(json_t *list) {
  const json_t *catalogue = NULL;
  if (mgp_catalogue_get(&catalogue, NULL) != MAGPIE_OK) return;
  size_t i;
  const json_t *offer;
  json_array_foreach(json_object_get(catalogue, "packs"), i, offer) {
    const char *name = mgp_json_text(offer, "name", "");
    if (is_listed(list, name)) continue;
    json_array_append_new(list, json_pack("{s:s,s:b,s:s,s:s,s:s}", "name", name, "installed", 0,
                                          "description", mgp_json_text(offer, "description", ""),
                                          "licence", mgp_json_text(offer, "licence", ""), "source",
                                          mgp_json_text(offer, "source", "")));
  }
}

magpie_status magpie_models_list(const char *pack_path, char **json, magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "magpie_models_list: json is NULL");
  mgp_pack_entry *entries = NULL;
  size_t count = 0;
  char *path = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &path, err));
  const magpie_status status = mgp_pack_list(NULL, path, &entries, &count, err);
  mgp_free(NULL, path);
  MGP_FORWARD(status);
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list, installed_entry(&entries[i]));
    mgp_free(NULL, entries[i].name);
    mgp_free(NULL, entries[i].folder);
  }
  mgp_free(NULL, entries);
  add_offers(list);
  return give_json(list, json, err);
}

static magpie_status find_folder(const char *pack_path, const char *name, char **folder,
                                 magpie_error *err) {
  char *path = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &path, err));
  const magpie_status status = mgp_pack_find(NULL, path, name, folder, err);
  mgp_free(NULL, path);
  return status;
}

magpie_status magpie_models_show(const char *pack_path, const char *name, char **json,
                                 magpie_error *err) {
  MGP_RETURN_IF(!name || !json, err, MAGPIE_INVALID, "magpie_models_show: an argument is NULL");
  char *folder = NULL;
  json_t *pack = NULL;
  MGP_FORWARD(find_folder(pack_path, name, &folder, err));
  magpie_status status = mgp_pack_read(folder, &pack, err);
  if (status == MAGPIE_OK) {
    json_object_set_new(pack, "folder", json_string(folder));
    status = give_json(pack, json, err);
  }
  mgp_free(NULL, folder);
  return status;
}

/* The pack's name in each row of the report from `first` on. */
static void name_pack(json_t *report, size_t first, const char *pack) {
  for (size_t i = first; i < json_array_size(report); i++)
    json_object_set_new(json_array_get(report, i), "pack", json_string(pack));
}

magpie_status magpie_models_verify(const char *pack_path, const char *name, char **json,
                                   magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "magpie_models_verify: json is NULL");
  mgp_pack_entry *entries = NULL;
  size_t count = 0;
  char *path = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &path, err));
  magpie_status status = mgp_pack_list(NULL, path, &entries, &count, err);
  mgp_free(NULL, path);
  MGP_FORWARD(status);
  json_t *report = json_array();
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    if (!name || mgp_text_equal(name, entries[i].name)) {
      magpie_error why = {0};
      found = true;
      const size_t before = json_array_size(report);
      const magpie_status one = mgp_pack_verify(entries[i].folder, report, &why);
      name_pack(report, before, entries[i].name);
      if (one != MAGPIE_OK && status == MAGPIE_OK) {
        status = one;
        if (err) *err = why;
      }
    }
    mgp_free(NULL, entries[i].name);
    mgp_free(NULL, entries[i].folder);
  }
  mgp_free(NULL, entries);
  if (name && !found)
    status =
        mgp_fail(err, MAGPIE_NOT_FOUND,
                 "the pack %s is not installed; `magpie models list` shows what there is", name);
  const magpie_status written = give_json(report, json, status == MAGPIE_OK ? err : NULL);
  return status != MAGPIE_OK ? status : written;
}

/* ---- changing -----------------------------------------------------------------------------------
 */

static magpie_status copy_file(const char *from, const char *to, magpie_error *err) {
  mgp_map map;
  MGP_FORWARD(mgp_map_open(from, &map, err));
  const magpie_status status = mgp_file_write_durable(to, map.data, map.size, err);
  mgp_map_close(&map);
  return status;
}

static magpie_status copy_named(const char *from, const char *to, const char *name,
                                magpie_error *err) {
  char *source = mgp_path_join(NULL, from, name), *target = mgp_path_join(NULL, to, name);
  const magpie_status status = source && target
                                   ? copy_file(source, target, err)
                                   : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  mgp_free(NULL, source);
  mgp_free(NULL, target);
  return status;
}

/* Weights first, pack.json last: a copy that was cut short is no pack. */
static magpie_status copy_pack(const json_t *pack, const char *from, const char *to,
                               magpie_error *err) {
  MGP_FORWARD(mgp_directory_make(to, err));
  size_t i;
  const json_t *file;
  json_array_foreach(json_object_get(pack, "files"), i, file)
      MGP_FORWARD(copy_named(from, to, mgp_json_text(file, "file", ""), err));
  return copy_named(from, to, "pack.json", err);
}

magpie_status magpie_models_add(const char *pack_path, const char *folder, magpie_error *err) {
  MGP_RETURN_IF(!folder, err, MAGPIE_INVALID, "magpie_models_add: name the folder of a pack");
  json_t *pack = NULL, *report = json_array();
  char *user = NULL, *target = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_pack_read(folder, &pack, err));
  MGP_TRY(mgp_pack_verify(folder, report, err));
  MGP_TRY(user_folder(pack_path, &user, err));
  target = mgp_path_join(NULL, user, mgp_json_text(pack, "name", "pack"));
  if (!target) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  else status = copy_pack(pack, folder, target, err);
done:
  json_decref(pack);
  json_decref(report);
  mgp_free(NULL, user);
  mgp_free(NULL, target);
  return status;
}

magpie_status magpie_models_pull(const char *pack_path, const char *name,
                                 const magpie_add_options *options, magpie_error *err) {
  MGP_RETURN_IF(!name, err, MAGPIE_INVALID, "magpie_models_pull: name a pack");
  char *path = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &path, err));
  const magpie_status status = mgp_pull(NULL, path, name, options, err);
  mgp_free(NULL, path);
  return status;
}

magpie_status magpie_models_remove(const char *pack_path, const char *name, magpie_error *err) {
  MGP_RETURN_IF(!name, err, MAGPIE_INVALID, "magpie_models_remove: name a pack");
  char *folder = NULL;
  MGP_FORWARD(find_folder(pack_path, name, &folder, err));
  const magpie_status status = mgp_directory_remove(folder, err);
  mgp_free(NULL, folder);
  return status;
}

/* An engine without an index: just the encoders. */
magpie_status magpie_models_prepare(const char *pack_path, magpie_error *err) {
  magpie *ix = mgp_calloc(NULL, 1, sizeof *ix);
  MGP_RETURN_IF(!ix, err, MAGPIE_NO_MEMORY, "no memory");
  pthread_mutex_init(&ix->encoder_lock, NULL);
  const char *names[MGP_ENGINE_PACKS];
  size_t count = 0;
  magpie_status status = mgp_pack_path_default(NULL, pack_path, &ix->pack_path, err);
  if (status == MAGPIE_OK)
    status = mgp_engine_packs(ix, MGP_INPUT_IMAGE | MGP_INPUT_SOUND, names, &count, err);
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    mgp_encoder *e = NULL;
    status = mgp_engine_encoder(ix, names[i], &e, err);
    if (status == MAGPIE_OK) status = mgp_encoder_warm(e, MGP_INPUT_TEXT, err);
  }
  mgp_engine_encoders_close(ix);
  pthread_mutex_destroy(&ix->encoder_lock);
  mgp_free(NULL, ix->pack_path);
  mgp_free(NULL, ix);
  return status;
}
