/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts to vectors: prefix, tokens, one padded batch, the model, pooling, length 1.
 * Documents come as a batch (the caller sorts them by length, so that little is padded). A query is
 * always a batch of one: models with dynamic int8 quantisation scale by the whole batch, and the
 * same question must give the same vector.
 */
#include "encode/encoder.h"
#include "kernels/kernels.h"

enum {
  TEXT_SIZE_MAX = 256 << 10, /* far above what max_tokens can hold; bounds the tokeniser's work */
  BATCH_MAX = 4096
};

/* ---- open -------------------------------------------------------------------------------- */

static magpie_status open_tokenizer(mgp_encoder *e, magpie_error *err) {
  const json_t *spec = json_object_get(e->text.spec, "tokenizer");
  const char *file2 = mgp_json_text(spec, "file2", NULL);
  char *path = mgp_path_join(e->alloc, e->folder, mgp_json_text(spec, "file", ""));
  char *path2 = file2 ? mgp_path_join(e->alloc, e->folder, file2) : NULL;
  magpie_status status = MAGPIE_OK;
  if (!path || (file2 && !path2))
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", e->name));
  const mgp_tokenizer_options options = {.kind = mgp_json_text(spec, "kind", ""),
                                         .file = path,
                                         .file2 = path2,
                                         .lowercase = mgp_json_bool(spec, "lowercase", false)};
  MGP_TRY(mgp_tokenizer_open(e->alloc, &options, &e->words.tokenizer, err));
done:
  mgp_free(e->alloc, path);
  mgp_free(e->alloc, path2);
  return status;
}

static magpie_status open_embeddings(mgp_encoder *e, magpie_error *err) {
  const json_t *spec = json_object_get(e->text.spec, "embeddings");
  char *path = mgp_path_join(e->alloc, e->folder, mgp_json_text(spec, "file", ""));
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to open the pack %s", e->name);
  const magpie_status status =
      mgp_embeddings_open(path, mgp_json_text(spec, "tensor", ""), &e->words.embeddings, err);
  mgp_free(e->alloc, path);
  return status;
}

static mgp_pooling parse_pooling(const char *name) {
  if (!strcmp(name, "cls")) return MGP_POOL_CLS;
  if (!strcmp(name, "last")) return MGP_POOL_LAST;
  return !strcmp(name, "none") ? MGP_POOL_NONE : MGP_POOL_MEAN;
}

/* pack.json's id, else the tokeniser's own. */
static int32_t special(const mgp_encoder *e, const char *name) {
  const int64_t own = mgp_tokenizer_special(e->words.tokenizer, name);
  const int64_t id = mgp_json_integer(e->text.spec, name, own);
  return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

static void read_text_spec(mgp_encoder *e) {
  const json_t *spec = e->text.spec, *inputs = json_object_get(spec, "inputs");
  const json_t *prefix = json_object_get(spec, "prefix");
  mgp_text_tower *t = &e->words;
  t->bos = special(e, "bos");
  t->eos = special(e, "eos");
  t->pad = special(e, "pad");
  t->max_tokens = (size_t)mgp_json_integer(spec, "max_tokens", 512);
  t->pad_to = (size_t)mgp_json_integer(spec, "pad_to", 0);
  t->query_prefix = mgp_json_text(prefix, "query", "");
  t->document_prefix = mgp_json_text(prefix, "document", "");
  t->ids_name = mgp_json_text(inputs, "ids", NULL);
  t->mask_name = mgp_json_text(inputs, "mask", NULL);
  t->types_name = mgp_json_text(inputs, "types", NULL);
  t->embeds_name = mgp_json_text(inputs, "embeds", NULL);
  t->output_name = mgp_json_text(spec, "output", "");
  t->pooling = parse_pooling(mgp_json_text(spec, "pooling", ""));
  t->normalise = mgp_json_bool(spec, "normalise", true);
}

static magpie_status check_integers(const mgp_model *model, const char *pack, const char *name,
                                    magpie_error *err) {
  unsigned type = 0;
  if (!name) return MAGPIE_OK;
  MGP_FORWARD(mgp_model_input(model, name, &type, err));
  MGP_RETURN_IF(type != MGP_ORT_INT64 && type != MGP_ORT_INT32, err, MAGPIE_MODEL,
                "pack %s: the input \"%s\" has element type %u, expected int64 (7)", pack, name,
                type);
  return MAGPIE_OK;
}

static magpie_status check_text_model(const mgp_encoder *e, const mgp_tower *tower,
                                      const mgp_model *model, magpie_error *err) {
  (void)tower;
  const mgp_text_tower *t = &e->words;
  MGP_FORWARD(check_integers(model, e->name, t->ids_name, err));
  MGP_FORWARD(check_integers(model, e->name, t->mask_name, err));
  MGP_FORWARD(check_integers(model, e->name, t->types_name, err));
  const char *names[4];
  size_t count = 0;
  if (t->ids_name) names[count++] = t->ids_name;
  if (t->mask_name) names[count++] = t->mask_name;
  if (t->types_name) names[count++] = t->types_name;
  if (t->embeds_name) {
    unsigned type = 0;
    MGP_FORWARD(mgp_model_input(model, t->embeds_name, &type, err));
    MGP_RETURN_IF(type != MGP_ORT_FLOAT, err, MAGPIE_MODEL,
                  "pack %s: the input \"%s\" has element type %u, expected float (1)", e->name,
                  t->embeds_name, type);
    names[count++] = t->embeds_name;
  }
  MGP_FORWARD(mgp_model_inputs_check(model, names, count, err));
  return mgp_model_output_check(model, t->output_name, e->spaces[0].dim, err);
}

magpie_status mgp_text_tower_warm(mgp_encoder *e, magpie_error *err) {
  const mgp_model *model = NULL;
  return mgp_tower_model(e, &e->text, check_text_model, &model, err);
}

magpie_status mgp_text_tower_open(mgp_encoder *e, magpie_error *err) {
  MGP_FORWARD(open_tokenizer(e, err));
  read_text_spec(e);
  if (e->words.embeds_name) MGP_FORWARD(open_embeddings(e, err));
  return mgp_text_tower_warm(e, err);
}

void mgp_text_tower_close(mgp_encoder *e) {
  mgp_tokenizer_close(e->words.tokenizer);
  if (e->words.embeddings.rows) mgp_embeddings_close(&e->words.embeddings);
}

/* ---- tokens ------------------------------------------------------------------------------ */

/* ids[max_tokens] gets bos, the tokens of prefix + text cut to fit, eos. */
static magpie_status tokenise(const mgp_encoder *e, const char *prefix, const char *text,
                              int32_t *ids, size_t *count, magpie_error *err) {
  const mgp_text_tower *t = &e->words;
  const size_t prefix_size = strlen(prefix);
  const size_t text_size = mgp_utf8_cut(text, strnlen(text, TEXT_SIZE_MAX));
  const char *whole = text;
  char *joined = NULL;
  if (prefix_size) {
    joined = mgp_malloc(e->alloc, prefix_size + text_size);
    MGP_RETURN_IF(!joined, err, MAGPIE_NO_MEMORY, "no memory to tokenise %zu bytes", text_size);
    memcpy(joined, prefix, prefix_size);
    memcpy(joined + prefix_size, text, text_size);
    whole = joined;
  }
  size_t at = 0, content = 0;
  bool cut = false;
  if (t->bos >= 0) ids[at++] = t->bos;
  const size_t capacity = t->max_tokens - at - (t->eos >= 0);
  const magpie_status status = mgp_tokenizer_encode(t->tokenizer, whole, prefix_size + text_size,
                                                    ids + at, capacity, &content, &cut, err);
  mgp_free(e->alloc, joined);
  if (status != MAGPIE_OK) return status;
  at += content;
  if (t->eos >= 0) ids[at++] = t->eos;
  *count = at;
  return MAGPIE_OK;
}

/* A batch on its way: `tokens` of each text behind each other, padded to `width`. */
typedef struct text_batch {
  size_t count, width;
  int32_t *ids;    /* count x max_tokens while tokenising */
  size_t *lengths; /* [count] */
  void *integers;  /* ids, mask, types as the model wants them: 3 x count x width */
  float *rows;     /* embeds mode: count x width x dim */
} text_batch;

static void free_batch(mgp_alloc *a, text_batch *b) {
  mgp_free(a, b->ids);
  mgp_free(a, b->lengths);
  mgp_free(a, b->integers);
  mgp_free(a, b->rows);
}

static magpie_status tokenise_batch(const mgp_encoder *e, const char *prefix,
                                    const char *const *texts, text_batch *b, magpie_error *err) {
  const size_t max = e->words.max_tokens;
  b->ids = mgp_calloc(e->alloc, b->count * max, sizeof *b->ids);
  b->lengths = mgp_calloc(e->alloc, b->count, sizeof *b->lengths);
  MGP_RETURN_IF(!b->ids || !b->lengths, err, MAGPIE_NO_MEMORY, "no memory for a batch of %zu texts",
                b->count);
  b->width = e->words.pad_to;
  for (size_t i = 0; i < b->count; i++) {
    MGP_FORWARD(tokenise(e, prefix, texts[i], b->ids + i * max, &b->lengths[i], err));
    if (b->lengths[i] > b->width) b->width = b->lengths[i];
  }
  if (b->width == 0) b->width = 1; /* a tokeniser without specials, and only empty texts */
  return MAGPIE_OK;
}

/* ---- the model's inputs ------------------------------------------------------------------ */

static void put_integer(void *block, unsigned type, size_t index, int64_t value) {
  if (type == MGP_ORT_INT64) ((int64_t *)block)[index] = value;
  else ((int32_t *)block)[index] = (int32_t)value;
}

typedef enum integer_input { INPUT_IDS, INPUT_MASK, INPUT_TYPES } integer_input;

static int64_t padded_id(const mgp_encoder *e, const text_batch *b, size_t i, size_t j) {
  const int64_t pad = e->words.pad >= 0 ? e->words.pad : 0;
  return j < b->lengths[i] ? b->ids[i * e->words.max_tokens + j] : pad;
}

/* Appends one integer tensor if the pack names it. */
static magpie_status add_integers(const mgp_encoder *e, const mgp_model *model, text_batch *b,
                                  const char *name, integer_input what, mgp_tensor *tensors,
                                  size_t *count, magpie_error *err) {
  if (!name) return MAGPIE_OK;
  unsigned type = 0;
  MGP_FORWARD(mgp_model_input(model, name, &type, err));
  const size_t cells = b->count * b->width;
  void *block = (char *)b->integers + (size_t)what * cells * sizeof(int64_t);
  for (size_t i = 0; i < b->count; i++)
    for (size_t j = 0; j < b->width; j++) {
      const int64_t value = what == INPUT_IDS    ? padded_id(e, b, i, j)
                            : what == INPUT_MASK ? j < b->lengths[i]
                                                 : 0;
      put_integer(block, type, i * b->width + j, value);
    }
  tensors[(*count)++] = (mgp_tensor){.name = name,
                                     .type = type,
                                     .shape = {(int64_t)b->count, (int64_t)b->width},
                                     .rank = 2,
                                     .data = block};
  return MAGPIE_OK;
}

static magpie_status add_rows(const mgp_encoder *e, text_batch *b, mgp_tensor *tensors,
                              size_t *count, magpie_error *err) {
  const mgp_embeddings *table = &e->words.embeddings;
  b->rows = mgp_calloc(e->alloc, b->count * b->width * table->dim, sizeof *b->rows);
  MGP_RETURN_IF(!b->rows, err, MAGPIE_NO_MEMORY, "no memory for a batch of %zu x %zu tokens",
                b->count, b->width);
  for (size_t i = 0; i < b->count; i++)
    for (size_t j = 0; j < b->width; j++) {
      const int64_t id = padded_id(e, b, i, j);
      MGP_RETURN_IF(!mgp_embeddings_row(table, id, b->rows + (i * b->width + j) * table->dim), err,
                    MAGPIE_MODEL,
                    "pack %s: the tokeniser gave id %lld, but the table has %zu rows: the files do "
                    "not belong together",
                    e->name, (long long)id, table->count);
    }
  tensors[(*count)++] =
      (mgp_tensor){.name = e->words.embeds_name,
                   .type = MGP_ORT_FLOAT,
                   .shape = {(int64_t)b->count, (int64_t)b->width, (int64_t)table->dim},
                   .rank = 3,
                   .data = b->rows};
  return MAGPIE_OK;
}

static magpie_status fill_inputs(const mgp_encoder *e, const mgp_model *model, text_batch *b,
                                 mgp_tensor *tensors, size_t *count, magpie_error *err) {
  const mgp_text_tower *t = &e->words;
  b->integers = mgp_calloc(e->alloc, 3 * b->count * b->width, sizeof(int64_t));
  MGP_RETURN_IF(!b->integers, err, MAGPIE_NO_MEMORY, "no memory for a batch of %zu x %zu tokens",
                b->count, b->width);
  MGP_FORWARD(add_integers(e, model, b, t->ids_name, INPUT_IDS, tensors, count, err));
  MGP_FORWARD(add_integers(e, model, b, t->mask_name, INPUT_MASK, tensors, count, err));
  MGP_FORWARD(add_integers(e, model, b, t->types_name, INPUT_TYPES, tensors, count, err));
  return t->embeds_name ? add_rows(e, b, tensors, count, err) : MAGPIE_OK;
}

/* ---- pooling ----------------------------------------------------------------------------- */

static void pool_mean(const float *states, size_t length, size_t dim, float *out) {
  memset(out, 0, dim * sizeof *out);
  for (size_t j = 0; j < length; j++)
    for (size_t d = 0; d < dim; d++) out[d] += states[j * dim + d];
  for (size_t d = 0; d < dim && length; d++) out[d] /= (float)length;
}

static void pool_text(mgp_pooling pooling, const float *states, size_t length, size_t dim,
                      float *out) {
  const size_t last = pooling == MGP_POOL_LAST && length ? length - 1 : 0;
  if (pooling == MGP_POOL_MEAN) pool_mean(states, length, dim, out);
  else memcpy(out, states + last * dim, dim * sizeof *out);
}

/* The model's output -> out[count x dim]. */
static magpie_status pool_batch(const mgp_encoder *e, const text_batch *b,
                                const mgp_model_output *o, float *out, magpie_error *err) {
  const mgp_text_tower *t = &e->words;
  const size_t dim = e->spaces[0].dim;
  const size_t width = t->pooling == MGP_POOL_NONE ? 1 : b->width;
  MGP_RETURN_IF(o->count != b->count * width * dim, err, MAGPIE_MODEL,
                "pack %s: the output \"%s\" has %zu values for %zu texts of %zu tokens, expected "
                "%zu; check text.pooling and the space's dim in pack.json",
                e->name, t->output_name, o->count, b->count, b->width, b->count * width * dim);
  float sum = 0; /* not finite as soon as one value is not */
  for (size_t i = 0; i < b->count; i++) {
    float *v = out + i * dim;
    pool_text(t->pooling, o->data + i * width * dim, b->lengths[i], dim, v);
    if (t->normalise) mgp_normalise_f32(v, dim);
    for (size_t d = 0; d < dim; d++) sum += v[d] * 0.0F;
  }
  MGP_RETURN_IF(sum != 0, err, MAGPIE_MODEL, "pack %s gave a text vector that is not finite",
                e->name);
  return MAGPIE_OK;
}

static magpie_status encode_batch(mgp_encoder *e, const char *prefix, const char *const *texts,
                                  size_t count, float *out, magpie_error *err) {
  text_batch b = {.count = count};
  mgp_tensor tensors[4];
  mgp_model_output output = {0};
  size_t tensor_count = 0;
  const mgp_model *model = NULL;
  magpie_status status;
  MGP_TRY(mgp_tower_model(e, &e->text, check_text_model, &model, err));
  MGP_TRY(tokenise_batch(e, prefix, texts, &b, err));
  MGP_TRY(fill_inputs(e, model, &b, tensors, &tensor_count, err));
  MGP_TRY(mgp_model_run(model, tensors, tensor_count, &e->words.output_name, 1, &output, err));
  MGP_TRY(pool_batch(e, &b, &output, out, err));
done:
  if (output.value) mgp_model_release(model, &output, 1);
  free_batch(e->alloc, &b);
  return status;
}

/* ---- the calls --------------------------------------------------------------------------- */

static magpie_status require_text(const mgp_encoder *e, magpie_error *err) {
  MGP_RETURN_IF(!e->text.spec, err, MAGPIE_UNSUPPORTED, "the pack %s does not take text", e->name);
  return MAGPIE_OK;
}

magpie_status mgp_encoder_documents(mgp_encoder *e, const char *const *texts, size_t count,
                                    float *out, magpie_error *err) {
  MGP_FORWARD(require_text(e, err));
  if (count == 0) return MAGPIE_OK;
  MGP_RETURN_IF(count > BATCH_MAX, err, MAGPIE_LIMIT, "a batch of %zu texts; at most %d", count,
                BATCH_MAX);
  return encode_batch(e, e->words.document_prefix, texts, count, out, err);
}

magpie_status mgp_encoder_token_count(mgp_encoder *e, const char *text, size_t *count,
                                      magpie_error *err) {
  MGP_FORWARD(require_text(e, err));
  int32_t *ids = mgp_calloc(e->alloc, e->words.max_tokens, sizeof *ids);
  MGP_RETURN_IF(!ids, err, MAGPIE_NO_MEMORY, "no memory to count tokens");
  const magpie_status status = tokenise(e, e->words.document_prefix, text, ids, count, err);
  mgp_free(e->alloc, ids);
  return status;
}

/* The bridge that fills a space, or NULL. */
static mgp_label_bridge *find_bridge(const mgp_encoder *e, size_t space) {
  const mgp_tower *towers[] = {&e->image, &e->sound};
  for (size_t t = 0; t < 2; t++)
    for (size_t i = 0; i < towers[t]->output_count; i++)
      if (towers[t]->outputs[i].space == space && towers[t]->outputs[i].bridge)
        return towers[t]->outputs[i].bridge;
  return NULL;
}

magpie_status mgp_encoder_query_text(mgp_encoder *e, size_t index, const char *text, float *out,
                                     magpie_error *err) {
  return mgp_encoder_question(e, index, text, out, NULL, err);
}

magpie_status mgp_encoder_question(mgp_encoder *e, size_t index, const char *text, float *out,
                                   float *confidence, magpie_error *err) {
  if (confidence) *confidence = 1;
  MGP_RETURN_IF(index >= e->space_count, err, MAGPIE_INVALID, "the pack %s has %zu spaces, no %zu",
                e->name, e->space_count, index);
  if (index == 0 && e->text.spec) return encode_batch(e, e->words.query_prefix, &text, 1, out, err);
  mgp_label_bridge *bridge = find_bridge(e, index);
  MGP_RETURN_IF(!bridge, err, MAGPIE_UNSUPPORTED, "the space %s of the pack %s takes no text",
                e->spaces[index].name, e->name);
  return mgp_label_bridge_query(bridge, text, out, confidence, err);
}
