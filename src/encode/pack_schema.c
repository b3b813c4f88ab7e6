/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads pack.json and checks all of it against docs/format/pack.md, so that the encoders may trust
 * what they find. A pack may come from anywhere: names of files cannot leave the folder, numbers
 * have limits, and every reference (a file, a space, a bridge) must lead somewhere.
 */
#include "encode/encode.h"

#include <ctype.h>
#include <math.h>

enum {
  JSON_SIZE_MAX = 1 << 20,
  FILES_MAX = 64,
  SPACES_MAX = 8,
  DIM_MAX = 1 << 16,
  TOKENS_MAX = 8192,
  SIDE_MAX = 4096,
  FORMAT = 1
};

/* What every check needs: the pack, and where a complaint goes. */
typedef struct checker {
  const char *path;
  const json_t *pack;
  magpie_error *err;
} checker;

#define COMPLAIN(c, ...) complain((c), __VA_ARGS__)
#define REQUIRE(cond, c, ...)                                                                      \
  do {                                                                                             \
    if (!(cond)) return COMPLAIN((c), __VA_ARGS__);                                                \
  } while (0)

static magpie_status complain(const checker *c, const char *format, ...) MGP_PRINTF(2, 3);
static magpie_status complain(const checker *c, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  mgp_fail(c->err, MAGPIE_MODEL, "%s: %s", c->path, text);
  mgp_fail_place(c->err, "%s", c->path);
  return MAGPIE_MODEL;
}

static bool is_name(const char *text) {
  size_t size = strlen(text);
  if (size == 0 || size > 64 || text[0] == '.') return false;
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr("._-", *text)) return false;
  return true;
}

/* A path below the folder: no leading '/', no part "." or "..", no control characters. */
static bool is_inside(const char *path) {
  if (!path[0] || path[0] == '/' || strlen(path) > 255) return false;
  for (const char *p = path; *p; p++)
    if ((unsigned char)*p < 32 || *p == '\\') return false;
  for (const char *part = path; part;) {
    const size_t size = strcspn(part, "/");
    if (size == 0 || (size <= 2 && strspn(part, ".") >= size)) return false;
    part = part[size] ? part + size + 1 : NULL;
  }
  return true;
}

static bool is_sha256(const char *text) {
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* ---- files ------------------------------------------------------------------------------- */

static magpie_status check_files(const checker *c) {
  const json_t *files = json_object_get(c->pack, "files"), *file;
  const size_t count = json_array_size(files);
  REQUIRE(count >= 1 && count <= FILES_MAX, c, "\"files\" must list 1 to %d files, not %zu",
          FILES_MAX, count);
  size_t i;
  json_array_foreach(files, i, file) {
    const char *name = mgp_json_text(file, "file", "");
    REQUIRE(is_inside(name), c, "files[%zu]: \"%s\" is not a path inside the pack", i, name);
    REQUIRE(mgp_json_integer(file, "size", -1) > 0, c, "%s: \"size\" must be its bytes", name);
    REQUIRE(is_sha256(mgp_json_text(file, "sha256", "")), c,
            "%s: \"sha256\" must be 64 small hexadecimal digits", name);
  }
  return MAGPIE_OK;
}

/* The member names a file that "files" lists. `where` is for the message. */
static magpie_status check_file_name(const checker *c, const json_t *object, const char *member,
                                     const char *where) {
  const char *name = mgp_json_text(object, member, NULL);
  REQUIRE(name, c, "%s must name a file in \"%s\"", where, member);
  size_t i;
  const json_t *file;
  json_array_foreach(
      json_object_get(c->pack, "files"), i,
      file) if (mgp_text_equal(mgp_json_text(file, "file", NULL), name)) return MAGPIE_OK;
  return COMPLAIN(c, "%s names %s, which \"files\" does not list", where, name);
}

/* ---- spaces ------------------------------------------------------------------------------ */

static magpie_status check_inputs(const checker *c, const char *space, const json_t *list,
                                  const char *what) {
  REQUIRE(json_array_size(list) >= 1, c, "space %s: \"%s\" must list text, image or sound", space,
          what);
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) {
    const char *name = json_string_value(item);
    REQUIRE(name && (!strcmp(name, "text") || !strcmp(name, "image") || !strcmp(name, "sound")), c,
            "space %s: \"%s\" must list text, image or sound", space, what);
  }
  return MAGPIE_OK;
}

static magpie_status check_space(const checker *c, const json_t *space) {
  const char *name = mgp_json_text(space, "name", "");
  REQUIRE(is_name(name), c, "\"%s\" is not a name for a space", name);
  const char *metric = mgp_json_text(space, "metric", "");
  REQUIRE(!strcmp(metric, "cosine") || !strcmp(metric, "dot"), c,
          "space %s: the metric is cosine or dot, not \"%s\"", name, metric);
  const int64_t dim = mgp_json_integer(space, "dim", 0);
  REQUIRE(dim >= 1 && dim <= DIM_MAX, c, "space %s: \"dim\" must be 1 to %d, not %lld", name,
          DIM_MAX, (long long)dim);
  const double weight = mgp_json_number(space, "weight", 1);
  REQUIRE(isfinite(weight) && weight >= 0, c, "space %s: the weight must be 0 or more", name);
  MGP_FORWARD(check_inputs(c, name, json_object_get(space, "items"), "items"));
  return check_inputs(c, name, json_object_get(space, "queries"), "queries");
}

static const json_t *find_space(const checker *c, const char *name) {
  size_t i;
  const json_t *space;
  json_array_foreach(
      json_object_get(c->pack, "spaces"), i,
      space) if (name && mgp_text_equal(mgp_json_text(space, "name", NULL), name)) return space;
  return NULL;
}

static magpie_status check_spaces(const checker *c) {
  const json_t *spaces = json_object_get(c->pack, "spaces"), *space;
  const size_t count = json_array_size(spaces);
  REQUIRE(count >= 1 && count <= SPACES_MAX, c, "\"spaces\" must list 1 to %d spaces, not %zu",
          SPACES_MAX, count);
  size_t i;
  json_array_foreach(spaces, i, space) {
    MGP_FORWARD(check_space(c, space));
    const char *name = mgp_json_text(space, "name", "");
    REQUIRE(find_space(c, name) == space, c, "the space %s is listed twice", name);
  }
  return MAGPIE_OK;
}

/* ---- the text tower ---------------------------------------------------------------------- */

static magpie_status check_tokenizer(const checker *c, const json_t *text) {
  const json_t *tokenizer = json_object_get(text, "tokenizer");
  REQUIRE(mgp_json_text(tokenizer, "kind", NULL), c, "text.tokenizer must have a \"kind\"");
  if (json_object_get(tokenizer, "file2"))
    MGP_FORWARD(check_file_name(c, tokenizer, "file2", "text.tokenizer"));
  return check_file_name(c, tokenizer, "file", "text.tokenizer");
}

static magpie_status check_text_inputs(const checker *c, const json_t *text) {
  const json_t *inputs = json_object_get(text, "inputs");
  const bool has_ids = mgp_json_text(inputs, "ids", NULL) != NULL;
  const bool has_embeds = mgp_json_text(inputs, "embeds", NULL) != NULL;
  REQUIRE(has_ids != has_embeds, c,
          "text.inputs must name the model's input for \"ids\" or for \"embeds\"");
  if (!has_embeds) return MAGPIE_OK;
  const json_t *table = json_object_get(text, "embeddings");
  REQUIRE(mgp_text_equal(mgp_json_text(table, "format", NULL), "e5s1"), c,
          "text.embeddings: the format is \"e5s1\"");
  REQUIRE(mgp_json_text(table, "tensor", NULL), c, "text.embeddings must name a \"tensor\"");
  return check_file_name(c, table, "file", "text.embeddings");
}

static magpie_status check_text(const checker *c, const json_t *text) {
  MGP_FORWARD(check_file_name(c, text, "model", "text"));
  MGP_FORWARD(check_tokenizer(c, text));
  MGP_FORWARD(check_text_inputs(c, text));
  const int64_t tokens = mgp_json_integer(text, "max_tokens", 0);
  REQUIRE(tokens >= 8 && tokens <= TOKENS_MAX, c, "text.max_tokens must be 8 to %d, not %lld",
          TOKENS_MAX, (long long)tokens);
  const int64_t pad_to = mgp_json_integer(text, "pad_to", 0);
  REQUIRE(pad_to >= 0 && pad_to <= tokens, c, "text.pad_to must be 0 to max_tokens, not %lld",
          (long long)pad_to);
  const char *pooling = mgp_json_text(text, "pooling", "");
  REQUIRE(!strcmp(pooling, "mean") || !strcmp(pooling, "cls") || !strcmp(pooling, "last") ||
              !strcmp(pooling, "none"),
          c, "text.pooling is mean, cls, last or none, not \"%s\"", pooling);
  REQUIRE(mgp_json_text(text, "output", NULL), c, "text.output must name an output of the model");
  const char *space = mgp_json_text(text, "space", NULL);
  const json_t *first = json_array_get(json_object_get(c->pack, "spaces"), 0);
  REQUIRE(find_space(c, space) == first, c, "text.space must be the first space, %s, not \"%s\"",
          mgp_json_text(first, "name", ""), space ? space : "");
  return MAGPIE_OK;
}

/* ---- the picture and sound towers -------------------------------------------------------- */

static magpie_status check_output(const checker *c, const json_t *output, const char *tower) {
  const char *space = mgp_json_text(output, "space", NULL);
  REQUIRE(mgp_json_text(output, "output", NULL), c, "%s.outputs must name the model's outputs",
          tower);
  REQUIRE(find_space(c, space), c, "%s.outputs names the space \"%s\", which is not in \"spaces\"",
          tower, space ? space : "");
  const char *bridge = mgp_json_text(output, "bridge", NULL);
  const json_t *bridges = json_object_get(c->pack, "bridges");
  REQUIRE(!bridge || json_is_object(json_object_get(bridges, bridge)), c,
          "%s.outputs names the bridge \"%s\", which is not in \"bridges\"", tower, bridge);
  return MAGPIE_OK;
}

static magpie_status check_tower(const checker *c, const json_t *tower, const char *name) {
  MGP_FORWARD(check_file_name(c, tower, "model", name));
  REQUIRE(mgp_json_text(tower, "input", NULL), c, "%s.input must name an input of the model", name);
  const json_t *outputs = json_object_get(tower, "outputs"), *output;
  const size_t count = json_array_size(outputs);
  REQUIRE(count >= 1 && count <= SPACES_MAX, c, "%s.outputs must list 1 to %d outputs, not %zu",
          name, SPACES_MAX, count);
  size_t i;
  json_array_foreach(outputs, i, output) MGP_FORWARD(check_output(c, output, name));
  return MAGPIE_OK;
}

static bool is_triple(const json_t *list, double least) {
  if (json_array_size(list) != 3) return false;
  for (size_t i = 0; i < 3; i++) {
    const json_t *item = json_array_get(list, i);
    const double value = json_number_value(item);
    if (!json_is_number(item) || !isfinite(value) || value < least) return false;
  }
  return true;
}

static magpie_status check_image(const checker *c, const json_t *image) {
  MGP_FORWARD(check_tower(c, image, "image"));
  const json_t *recipe = json_object_get(image, "recipe");
  const int64_t resize = mgp_json_integer(recipe, "resize", 0);
  const int64_t crop = mgp_json_integer(recipe, "crop", 0);
  REQUIRE(crop >= 1 && resize >= crop && resize <= SIDE_MAX, c,
          "image.recipe: 1 <= crop <= resize <= %d does not hold for crop %lld, resize %lld",
          SIDE_MAX, (long long)crop, (long long)resize);
  const char *filter = mgp_json_text(recipe, "filter", "bicubic");
  REQUIRE(!strcmp(filter, "bicubic") || !strcmp(filter, "bilinear"), c,
          "image.recipe.filter is bicubic or bilinear, not \"%s\"", filter);
  const double scale = mgp_json_number(recipe, "scale", 1);
  REQUIRE(isfinite(scale) && scale > 0, c, "image.recipe.scale must be above 0");
  REQUIRE(is_triple(json_object_get(recipe, "mean"), -1e6) &&
              is_triple(json_object_get(recipe, "std"), 1e-6),
          c, "image.recipe: \"mean\" and \"std\" must have 3 numbers each, std above 0");
  return MAGPIE_OK;
}

static magpie_status check_sound(const checker *c, const json_t *sound) {
  MGP_FORWARD(check_tower(c, sound, "sound"));
  const char *front_end = mgp_json_text(sound, "front_end", "");
  REQUIRE(!strcmp(front_end, "yamnet"), c, "sound.front_end is yamnet, not \"%s\"", front_end);
  const double peak = mgp_json_number(sound, "peak", 0.3);
  const double silence = mgp_json_number(sound, "silence_db", 30);
  REQUIRE(peak > 0 && peak <= 1, c, "sound.peak must be above 0 and at most 1");
  REQUIRE(silence > 0 && silence <= 200, c, "sound.silence_db must be above 0 and at most 200");
  return MAGPIE_OK;
}

/* ---- all of it --------------------------------------------------------------------------- */

static magpie_status check_pack(const checker *c) {
  REQUIRE(json_is_object(c->pack), c, "is not a JSON object");
  const int64_t format = mgp_json_integer(c->pack, "format", 0);
  MGP_RETURN_IF(format > FORMAT, c->err, MAGPIE_VERSION,
                "%s has format %lld; this magpie reads format %d: update magpie", c->path,
                (long long)format, FORMAT);
  REQUIRE(format == FORMAT, c, "\"format\" must be %d", FORMAT);
  REQUIRE(is_name(mgp_json_text(c->pack, "name", "")), c,
          "\"name\" must be 1 to 64 letters, digits, '.', '_' or '-'");
  MGP_FORWARD(check_files(c));
  MGP_FORWARD(check_spaces(c));
  const json_t *text = json_object_get(c->pack, "text");
  const json_t *image = json_object_get(c->pack, "image");
  const json_t *sound = json_object_get(c->pack, "sound");
  REQUIRE(text || image || sound, c, "has none of \"text\", \"image\" and \"sound\"");
  if (text) MGP_FORWARD(check_text(c, text));
  if (image) MGP_FORWARD(check_image(c, image));
  if (sound) MGP_FORWARD(check_sound(c, sound));
  return MAGPIE_OK;
}

magpie_status mgp_pack_read(const char *folder, json_t **out, magpie_error *err) {
  char path[4096];
  const int n = snprintf(path, sizeof path, "%s/pack.json", folder);
  MGP_RETURN_IF(n < 0 || (size_t)n >= sizeof path, err, MAGPIE_INVALID,
                "the path %.100s... is too long", folder);
  MGP_RETURN_IF(!mgp_file_exists(path), err, MAGPIE_MODEL, "%s is missing: %s is not a pack", path,
                folder);
  json_t *pack = NULL;
  MGP_FORWARD(mgp_json_read(path, JSON_SIZE_MAX, &pack, err));
  const checker c = {.path = path, .pack = pack, .err = err};
  const magpie_status status = check_pack(&c);
  if (status == MAGPIE_OK) *out = pack;
  else json_decref(pack);
  return status;
}
