/* SPDX-License-Identifier: Apache-2.0
 *
 * A two-tower pack out of a model hub: BASE/ORG/NAME/resolve/REVISION/FILE, with sizes and sums
 * from BASE/api/models/ORG/NAME/tree/REVISION where the hub gives them. The files are those of the
 * usual CLIP exports; pack.json is written from config.json and preprocessor_config.json, last.
 */
#include "encode/pull.h"

#include <unistd.h>

typedef struct hub_pack {
  mgp_alloc *alloc;
  mgp_arena *arena;
  const char *base, *model, *name, *revision; /* BASE, ORG/NAME, NAME, main */
  char *folder;
  json_t *tree; /* array, or NULL when the hub lists nothing */
  json_t *files;
  const magpie_add_options *options;
} hub_pack;

static magpie_status split_url(hub_pack *h, const char *url, magpie_error *err) {
  char *copy = mgp_arena_strdup(h->arena, url);
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a URL");
  size_t size = strlen(copy);
  while (size > 0 && copy[size - 1] == '/') copy[--size] = '\0';
  char *at = strrchr(copy, '@');
  h->revision = "main";
  if (at && !strchr(at, '/')) {
    *at = '\0';
    h->revision = at + 1;
  }
  char *slash = strrchr(copy, '/');
  char *scheme = strstr(copy, "://");
  h->name = slash ? slash + 1 : NULL;
  while (slash && slash > copy && *--slash != '/') {
  }
  MGP_RETURN_IF(!scheme || !slash || slash <= scheme + 2 || !*h->name || h->name[0] == '.', err,
                MAGPIE_INVALID, "%s: expected BASE-URL/ORG/NAME or BASE-URL/ORG/NAME@REVISION",
                url);
  *slash = '\0';
  h->base = copy;
  h->model = slash + 1;
  return MAGPIE_OK;
}

/* A hub without the listing is served as well; then nothing can be checked beforehand. */
static magpie_status read_tree(hub_pack *h, magpie_error *err) {
  char *url = mgp_arena_printf(h->arena, "%s/api/models/%s/tree/%s?recursive=true", h->base,
                               h->model, h->revision);
  MGP_RETURN_IF(!url, err, MAGPIE_NO_MEMORY, "no memory for a URL");
  char *text = NULL;
  size_t size = 0;
  const magpie_status status = mgp_transfer_text(url, &text, &size, err);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK;
  MGP_FORWARD(status);
  const magpie_status parsed = mgp_json_parse(url, text, size, &h->tree, err);
  mgp_free(NULL, text);
  return parsed;
}

static const json_t *tree_entry(const hub_pack *h, const char *file) {
  size_t i;
  const json_t *entry;
  json_array_foreach(
      h->tree, i, entry) if (mgp_text_equal(mgp_json_text(entry, "path", ""), file)) return entry;
  return NULL;
}

/* Fetches `remote_name` as `local_name` and lists it; NOT_FOUND when the model has no such file. */
static magpie_status fetch(hub_pack *h, const char *remote_name, const char *local_name,
                           magpie_error *err) {
  const json_t *entry = tree_entry(h, remote_name);
  if (h->tree && !entry)
    return mgp_fail(err, MAGPIE_NOT_FOUND, "%s has no %s", h->model, remote_name);
  const json_t *lfs = json_object_get(entry, "lfs");
  mgp_remote_file remote = {.size = mgp_json_integer(lfs ? lfs : entry, "size", -1)};
  snprintf(remote.sum, sizeof remote.sum, "%s", mgp_json_text(lfs, "oid", ""));
  snprintf(remote.url, sizeof remote.url, "%s/%s/resolve/%s/%s", h->base, h->model, h->revision,
           remote_name);
  char *path = mgp_arena_printf(h->arena, "%s/%s", h->folder, local_name);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  if (!mgp_file_exists(path)) MGP_FORWARD(mgp_transfer_file(&remote, path, h->options, err));
  char sum[65];
  uint64_t size = 0;
  MGP_FORWARD(mgp_sha256_file(path, sum, &size, err));
  json_array_append_new(h->files, json_pack("{s:s,s:I,s:s}", "file", local_name, "size",
                                            (json_int_t)size, "sha256", sum));
  return MAGPIE_OK;
}

/* The first of the names that the model has. */
static magpie_status fetch_one_of(hub_pack *h, const char *const *names, const char *local_name,
                                  magpie_error *err) {
  magpie_status status = MAGPIE_NOT_FOUND;
  for (; *names && status == MAGPIE_NOT_FOUND; names++) status = fetch(h, *names, local_name, err);
  if (status == MAGPIE_NOT_FOUND)
    return mgp_fail(err, MAGPIE_NOT_FOUND,
                    "%s has no file for %s; magpie reads two-tower exports with "
                    "onnx/text_model.onnx, onnx/vision_model.onnx, vocab.json and merges.txt",
                    h->model, local_name);
  return status;
}

static magpie_status read_local(hub_pack *h, const char *file, json_t **out, magpie_error *err) {
  char *path = mgp_arena_printf(h->arena, "%s/%s", h->folder, file);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return mgp_json_read(path, 4u << 20, out, err);
}

/* ---- pack.json
 * ----------------------------------------------------------------------------------------- */

static int64_t side_of(const json_t *object, const char *name, const char *member,
                       int64_t fallback) {
  const json_t *value = json_object_get(object, name);
  if (json_is_integer(value)) return json_integer_value(value);
  return mgp_json_integer(value, member, fallback);
}

static json_t *triple_of(const json_t *object, const char *name, double fallback) {
  const json_t *value = json_object_get(object, name);
  if (json_array_size(value) == 3) return json_deep_copy(value);
  return json_pack("[f,f,f]", fallback, fallback, fallback);
}

/* Pillow's resample numbers: 2 is bilinear, 3 bicubic. */
static json_t *recipe_of(const json_t *prepare) {
  const int64_t crop = side_of(prepare, "crop_size", "height", 224);
  return json_pack("{s:I,s:I,s:s,s:f,s:o,s:o}", "resize",
                   (json_int_t)side_of(prepare, "size", "shortest_edge", crop), "crop",
                   (json_int_t)crop, "filter",
                   mgp_json_integer(prepare, "resample", 3) == 2 ? "bilinear" : "bicubic", "scale",
                   255.0, "mean", triple_of(prepare, "image_mean", 0.5), "std",
                   triple_of(prepare, "image_std", 0.5));
}

static json_t *text_of(const json_t *config) {
  const json_t *text = json_object_get(config, "text_config");
  return json_pack("{s:s,s:s,s:{s:s,s:s,s:s},s:I,s:{s:s,s:s},s:s,s:s,s:b}", "model",
                   "text_model.onnx", "space", "clip", "tokenizer", "kind", "clip-bpe", "file",
                   "vocab.json", "file2", "merges.txt", "max_tokens",
                   (json_int_t)mgp_json_integer(text, "max_position_embeddings", 77), "inputs",
                   "ids", "input_ids", "mask", "attention_mask", "output", "text_embeds", "pooling",
                   "none", "normalise", 1);
}

static json_t *image_of(const json_t *prepare) {
  return json_pack("{s:s,s:s,s:o,s:[{s:s,s:s,s:b}]}", "model", "vision_model.onnx", "input",
                   "pixel_values", "recipe", recipe_of(prepare), "outputs", "output",
                   "image_embeds", "space", "clip", "normalise", 1);
}

static magpie_status write_pack(hub_pack *h, const json_t *config, const json_t *prepare,
                                magpie_error *err) {
  const json_int_t dim = (json_int_t)mgp_json_integer(config, "projection_dim", 512);
  const char *source = mgp_arena_printf(h->arena, "%s@%s", h->model, h->revision);
  json_t *pack =
      json_pack("{s:i,s:s,s:s,s:s,s:s,s:O,s:[{s:s,s:s,s:I,s:[s],s:[s,s],s:f}],s:o,s:o}", "format",
                1, "name", h->name, "description", "text and pictures in one space", "licence",
                mgp_json_text(config, "license", "see the model's page"), "source",
                source ? source : "", "files", h->files, "spaces", "name", "clip", "metric",
                "cosine", "dim", dim, "items", "image", "queries", "text", "image", "weight", 1.0,
                "text", text_of(config), "image", image_of(prepare));
  char *text = NULL;
  char *path = mgp_arena_printf(h->arena, "%s/pack.json", h->folder);
  magpie_status status = pack && path ? mgp_json_write(pack, &text, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for pack.json");
  if (status == MAGPIE_OK) status = mgp_file_write_durable(path, text, strlen(text), err);
  mgp_free(NULL, text);
  json_decref(pack);
  return status;
}

static magpie_status pull_files(hub_pack *h, magpie_error *err) {
  static const char *const text[] = {"onnx/text_model.onnx", "text_model.onnx",
                                     "onnx/text_model_quantized.onnx", NULL};
  static const char *const vision[] = {"onnx/vision_model.onnx", "vision_model.onnx",
                                       "onnx/vision_model_quantized.onnx", NULL};
  json_t *config = NULL, *prepare = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(fetch(h, "config.json", "config.json", err));
  MGP_TRY(fetch(h, "preprocessor_config.json", "preprocessor_config.json", err));
  MGP_TRY(fetch(h, "vocab.json", "vocab.json", err));
  MGP_TRY(fetch(h, "merges.txt", "merges.txt", err));
  MGP_TRY(fetch_one_of(h, text, "text_model.onnx", err));
  MGP_TRY(fetch_one_of(h, vision, "vision_model.onnx", err));
  MGP_TRY(read_local(h, "config.json", &config, err));
  MGP_TRY(read_local(h, "preprocessor_config.json", &prepare, err));
  status = write_pack(h, config, prepare, err);
done:
  json_decref(config);
  json_decref(prepare);
  return status;
}

magpie_status mgp_pull_hub(mgp_alloc *a, const char *packs, const char *url,
                           const magpie_add_options *options, magpie_error *err) {
  hub_pack h = {
      .alloc = a, .arena = mgp_arena_create(a), .files = json_array(), .options = options};
  MGP_RETURN_IF(!h.arena, err, MAGPIE_NO_MEMORY, "no memory to pull %s", url);
  magpie_status status = split_url(&h, url, err);
  if (status == MAGPIE_OK) {
    h.folder = mgp_arena_printf(h.arena, "%s/%s", packs, h.name);
    status = h.folder ? mgp_directory_make(h.folder, err)
                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  }
  if (status == MAGPIE_OK) status = read_tree(&h, err);
  if (status == MAGPIE_OK) status = pull_files(&h, err);
  json_decref(h.tree);
  json_decref(h.files);
  mgp_arena_destroy(h.arena);
  return status;
}
