/* SPDX-License-Identifier: Apache-2.0
 *
 * The label bridge, over the classes of a classifier:
 *
 *   item      x = unit(unit(z - mean z) + unit(ln(1 + C softmax z))) of the logits z ("mix"), which
 * keeps both the faint classes and the sure ones; or the scores as they are ("scores"). question
 * the weights over the classes that kernel ridge regression gives for its text vector b: g = (K +
 * lambda I)^-1 k(A, b), K = k(A, A), A the classes' anchors ("ridge"); or a softmax over the
 * nearest few anchors ("nearest"). score     g . x
 *
 * docs/decisions/0004-label-bridge.md has what was tried and measured.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "encode/label_anchors.h"
#include "encode/label_bridge.h"
#include "kernels/kernels.h"

#define TABLE_MAX (16u << 20)
#define CLASSES_MAX 20000
#define COLUMNS_MAX 8
#define NEAREST_MAX 64
/* Scores between which an item begins to fit a question, by what its vector is. Photos score .02
 * and more on 93 % of their own captions; noise does on 22 % of them, other photos on 40 %. */
#define MIX_WEAK 0.01
#define MIX_SURE 0.02
#define SCORES_WEAK 0.0005
#define SCORES_SURE 0.003

struct mgp_label_bridge {
  /* fixed after open */
  mgp_alloc *alloc;
  char *folder, *table;
  mgp_label_prompts prompts;
  bool is_mix, is_nearest;
  size_t nearest;
  double temperature;
  double far_cosine, near_cosine;
  double weak, sure;
  mgp_text_source text;
  bool has_text;

  pthread_mutex_t mutex; /* guards what follows; the anchors are fixed once is_ready */
  bool is_ready;
  mgp_label_anchors anchors;
};

/* ---- the table of prompts
 * -------------------------------------------------------------------------- */

/* One class a line, its prompts between tabs, as many in each line as in the first. */
static magpie_status split_table(mgp_label_bridge *b, const char *path, magpie_error *err) {
  mgp_label_prompts *p = &b->prompts;
  size_t capacity = 0, count = 0;
  char *save = NULL;
  for (char *line = strtok_r(b->table, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
    size_t columns = 0;
    p->classes++;
    for (char *cell = line; cell; columns++) {
      char *tab = strchr(cell, '\t');
      if (tab) *tab = '\0';
      MGP_RETURN_IF(columns == COLUMNS_MAX || p->classes > CLASSES_MAX, err, MAGPIE_MODEL,
                    "%s: more than %d prompts in line %zu, or more than %d lines", path,
                    COLUMNS_MAX, p->classes, CLASSES_MAX);
      MGP_RETURN_IF(!MGP_GROW(b->alloc, p->texts, capacity, count + 1), err, MAGPIE_NO_MEMORY,
                    "no memory for the labels of %s", path);
      p->texts[count++] = cell;
      cell = tab ? tab + 1 : NULL;
    }
    if (p->classes == 1) p->columns = columns;
    MGP_RETURN_IF(columns != p->columns, err, MAGPIE_MODEL,
                  "%s: line %zu has %zu prompts, the first has %zu", path, p->classes, columns,
                  p->columns);
  }
  MGP_RETURN_IF(p->classes == 0, err, MAGPIE_MODEL, "%s holds no labels", path);
  return MAGPIE_OK;
}

static magpie_status read_table(mgp_label_bridge *b, const char *file, magpie_error *err) {
  char *path = mgp_path_join(b->alloc, b->folder, file);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  size_t size = 0;
  magpie_status status = mgp_file_read(b->alloc, path, TABLE_MAX, &b->table, &size, err);
  if (status == MAGPIE_OK) {
    b->prompts.hash = mgp_hash64(b->table, size);
    status = split_table(b, path, err);
  }
  mgp_free(b->alloc, path);
  return status;
}

/* ---- opening
 * ---------------------------------------------------------------------------------------- */

static magpie_status read_spec(mgp_label_bridge *b, const json_t *spec, magpie_error *err) {
  const char *item = mgp_json_text(spec, "item", "mix");
  const char *question = mgp_json_text(spec, "question", "ridge");
  const char *file = mgp_json_text(spec, "file", NULL);
  b->is_mix = mgp_text_equal(item, "mix");
  b->is_nearest = mgp_text_equal(question, "nearest");
  b->nearest = (size_t)mgp_json_integer(spec, "nearest", 5);
  b->temperature = mgp_json_number(spec, "temperature", 0.05);
  b->far_cosine = mgp_json_number(spec, "far", 0.2);
  b->near_cosine = mgp_json_number(spec, "near", 0.4);
  b->weak = mgp_json_number(spec, "weak", b->is_mix ? MIX_WEAK : SCORES_WEAK);
  b->sure = mgp_json_number(spec, "sure", b->is_mix ? MIX_SURE : SCORES_SURE);
  b->prompts.lambda = mgp_json_number(spec, "lambda", 0.3);
  b->prompts.length = mgp_json_number(spec, "length", 0.5);
  MGP_RETURN_IF(!file, err, MAGPIE_MODEL, "%s/pack.json: a bridge names no \"file\"", b->folder);
  MGP_RETURN_IF(!b->is_mix && !mgp_text_equal(item, "scores"), err, MAGPIE_MODEL,
                "%s/pack.json: a bridge's \"item\" is \"%s\", expected \"mix\" or \"scores\"",
                b->folder, item);
  MGP_RETURN_IF(
      !b->is_nearest && !mgp_text_equal(question, "ridge"), err, MAGPIE_MODEL,
      "%s/pack.json: a bridge's \"question\" is \"%s\", expected \"ridge\" or \"nearest\"",
      b->folder, question);
  MGP_RETURN_IF(!(b->temperature > 0) || !(b->prompts.lambda > 0) || !(b->prompts.length > 0) ||
                    b->nearest < 1 || b->nearest > NEAREST_MAX,
                err, MAGPIE_MODEL,
                "%s/pack.json: a bridge's temperature, lambda and length must be above 0, nearest "
                "1 to %d",
                b->folder, NEAREST_MAX);
  MGP_RETURN_IF(!(b->near_cosine > b->far_cosine), err, MAGPIE_MODEL,
                "%s/pack.json: a bridge's \"near\" must be above its \"far\"", b->folder);
  MGP_RETURN_IF(!(b->weak >= 0) || !(b->sure > b->weak), err, MAGPIE_MODEL,
                "%s/pack.json: a bridge's \"weak\" must be 0 or more, and \"sure\" above it",
                b->folder);
  MGP_FORWARD(read_table(b, file, err));
  const double parameters[] = {b->prompts.lambda, b->prompts.length};
  b->prompts.hash ^= mgp_hash64(parameters, sizeof parameters);
  return MAGPIE_OK;
}

magpie_status mgp_label_bridge_open(mgp_alloc *a, const char *folder, const json_t *spec,
                                    const mgp_text_source *text, mgp_label_bridge **out,
                                    magpie_error *err) {
  *out = NULL;
  mgp_label_bridge *b = mgp_calloc(a, 1, sizeof *b);
  MGP_RETURN_IF(!b, err, MAGPIE_NO_MEMORY, "no memory for a label bridge");
  b->alloc = a;
  pthread_mutex_init(&b->mutex, NULL);
  b->has_text = text != NULL;
  if (text) b->text = *text;
  b->folder = mgp_strdup(a, folder);
  const magpie_status status =
      b->folder ? read_spec(b, spec, err) : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  if (status != MAGPIE_OK) {
    mgp_label_bridge_close(b);
    return status;
  }
  *out = b;
  return MAGPIE_OK;
}

void mgp_label_bridge_close(mgp_label_bridge *b) {
  if (!b) return;
  mgp_label_anchors_fini(b->alloc, &b->anchors);
  pthread_mutex_destroy(&b->mutex);
  mgp_free(b->alloc, b->prompts.texts);
  mgp_free(b->alloc, b->table);
  mgp_free(b->alloc, b->folder);
  mgp_free(b->alloc, b);
}

size_t mgp_label_bridge_dim(const mgp_label_bridge *b) {
  return b->prompts.classes;
}

void mgp_label_bridge_scale(const mgp_label_bridge *b, double *weak, double *sure) {
  *weak = b->weak;
  *sure = b->sure;
}

/* ---- items
 * ---------------------------------------------------------------------------------------------- */

/* unit(z - mean z) + unit(ln(1 + C softmax z)), then to length 1. */
static void mix(const float *logits, size_t count, float *out, float *surest) {
  double mean = 0, total = 0;
  float top = logits[0];
  for (size_t i = 0; i < count; i++) {
    mean += logits[i] / (double)count;
    if (logits[i] > top) top = logits[i];
  }
  for (size_t i = 0; i < count; i++) {
    out[i] = (float)(logits[i] - mean);
    surest[i] = expf(logits[i] - top);
    total += surest[i];
  }
  for (size_t i = 0; i < count; i++) surest[i] = (float)log1p((double)count * surest[i] / total);
  mgp_normalise_f32(out, count);
  mgp_normalise_f32(surest, count);
  for (size_t i = 0; i < count; i++) out[i] += surest[i];
  mgp_normalise_f32(out, count);
}

magpie_status mgp_label_bridge_item(const mgp_label_bridge *b, const float *outputs, size_t count,
                                    float *vector, magpie_error *err) {
  MGP_RETURN_IF(count != b->prompts.classes, err, MAGPIE_MODEL,
                "the model gives %zu classes, the label bridge has %zu labels", count,
                b->prompts.classes);
  for (size_t i = 0; i < count; i++)
    MGP_RETURN_IF(!isfinite(outputs[i]), err, MAGPIE_UNSUPPORTED,
                  "the model gives no number for class %zu", i);
  if (!b->is_mix) {
    memcpy(vector, outputs, count * sizeof *vector);
    return MAGPIE_OK;
  }
  float *surest = mgp_malloc(b->alloc, count * sizeof *surest);
  MGP_RETURN_IF(!surest, err, MAGPIE_NO_MEMORY, "no memory for a label vector");
  mix(outputs, count, vector, surest);
  mgp_free(b->alloc, surest);
  return MAGPIE_OK;
}

/* ---- questions
 * ------------------------------------------------------------------------------------------ */

magpie_status mgp_label_bridge_prepare(mgp_label_bridge *b, magpie_error *err) {
  MGP_RETURN_IF(!b->has_text, err, MAGPIE_UNSUPPORTED,
                "questions to the labels of %s need a text pack; `magpie models list` shows which "
                "there are",
                b->folder);
  pthread_mutex_lock(&b->mutex);
  magpie_status status = MAGPIE_OK;
  if (!b->is_ready)
    status = mgp_label_anchors_load(b->alloc, b->folder, &b->prompts, &b->text, &b->anchors, err);
  b->is_ready = status == MAGPIE_OK;
  pthread_mutex_unlock(&b->mutex);
  return status;
}

/* Softmax over the nearest anchors, 0 elsewhere. `cosines` and `vector` are both [classes]. */
static void weigh_nearest(const mgp_label_bridge *b, const float *cosines, float *vector) {
  mgp_scored storage[NEAREST_MAX];
  mgp_topk top;
  mgp_topk_init(&top, storage, b->nearest);
  for (size_t i = 0; i < b->prompts.classes; i++) mgp_topk_push(&top, cosines[i], i);
  mgp_topk_sort(&top);
  double total = 0;
  for (size_t i = 0; i < top.count; i++)
    total += exp((top.heap[i].score - top.heap[0].score) / b->temperature);
  memset(vector, 0, b->prompts.classes * sizeof *vector);
  for (size_t i = 0; i < top.count; i++)
    vector[top.heap[i].id] =
        (float)(exp((top.heap[i].score - top.heap[0].score) / b->temperature) / total);
}

static void weigh_ridge(const mgp_label_bridge *b, float *cosines, float *vector) {
  const size_t n = b->prompts.classes;
  for (size_t i = 0; i < n; i++) cosines[i] = mgp_label_kernel(cosines[i], b->prompts.length);
  mgp_kernels_get()->dot_rows_f32(cosines, b->anchors.inverse, n, n, n, vector);
}

static float largest(const float *values, size_t count) {
  float top = values[0];
  for (size_t i = 1; i < count; i++)
    if (values[i] > top) top = values[i];
  return top;
}

/* 0.05 for a question as far from every class as questions about anything are, 1 for one as near as
 * the names of things are; straight in between. Never 0: a weak answer still comes, last. */
static float confidence_of(const mgp_label_bridge *b, float nearest) {
  const double x = (nearest - b->far_cosine) / (b->near_cosine - b->far_cosine);
  return (float)(x < 0.05 ? 0.05 : x > 1 ? 1 : x);
}

magpie_status mgp_label_bridge_query(mgp_label_bridge *b, const char *text, float *vector,
                                     float *confidence, magpie_error *err) {
  MGP_FORWARD(mgp_label_bridge_prepare(b, err));
  const size_t n = b->prompts.classes, dim = b->anchors.dim;
  float *question = mgp_malloc(b->alloc, (dim + n) * sizeof *question);
  MGP_RETURN_IF(!question, err, MAGPIE_NO_MEMORY, "no memory for a question");
  const magpie_status status = b->text.encode(b->text.context, &text, 1, question, err);
  if (status == MAGPIE_OK) {
    float *cosines = question + dim;
    for (size_t d = 0; d < dim; d++) question[d] -= b->anchors.centre[d];
    mgp_normalise_f32(question, dim);
    mgp_kernels_get()->dot_rows_f32(question, b->anchors.anchors, dim, dim, n, cosines);
    if (confidence) *confidence = confidence_of(b, largest(cosines, n));
    if (b->is_nearest) weigh_nearest(b, cosines, vector);
    else weigh_ridge(b, cosines, vector);
  }
  mgp_free(b->alloc, question);
  return status;
}
