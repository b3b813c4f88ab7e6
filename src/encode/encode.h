/* SPDX-License-Identifier: Apache-2.0
 *
 * encode: packs (models as data) and what they compute. A pack gives vectors in one or more spaces.
 * Knows no store and no query; media hands it plain pixels and samples.
 */
#ifndef MGP_ENCODE_H
#define MGP_ENCODE_H

#include "base/base.h"
#include "text/text.h"

/* ---- the runtime (ort_runtime.c) ------------------------------------------------------------ */

/* ONNX Runtime, loaded by dlopen on first use: MAGPIE_ORT, then the folders of the pack path
 * (runtime/libonnxruntime.so*), then the system's. MODEL with what to do when there is none. */
typedef struct mgp_runtime mgp_runtime;
magpie_status mgp_runtime_get(const char *pack_path, const mgp_runtime **out, magpie_error *err);
const char *mgp_runtime_version(const mgp_runtime *runtime);

/* ---- packs (pack.c) -------------------------------------------------------------------------- */

typedef enum mgp_input { MGP_INPUT_TEXT = 1, MGP_INPUT_IMAGE = 2, MGP_INPUT_SOUND = 4 } mgp_input;
typedef enum mgp_role { MGP_ROLE_QUERY, MGP_ROLE_DOCUMENT } mgp_role;

/* A space that a pack fills. */
typedef struct mgp_space_info {
  const char *name;   /* unique: "text", "picture", "picture-labels", "sound", "sound-labels" */
  const char *metric; /* "cosine" (vectors have length 1) or "dot" */
  size_t dim;
  unsigned item_inputs;  /* what an item must have to get a vector: mgp_input bits */
  unsigned query_inputs; /* what a query part may be: text for a label bridge, image for features */
  double weight;         /* default weight in fusion */
  /* Of a label bridge: an answer that scores `weak` or less is hardly one, from `sure` on it is.
   * Else both are 0. */
  double weak, sure;
} mgp_space_info;

/* Splits a ':'-list; NULL gives MAGPIE_PACKS, else $XDG_DATA_HOME/magpie/packs (or
 * ~/.local/share/magpie/packs), <the build tree's packs>, /usr/local/share/magpie/packs and
 * /usr/share/magpie/packs. */
magpie_status mgp_pack_path_default(mgp_alloc *a, const char *pack_path, char **out,
                                    magpie_error *err);
typedef struct mgp_pack_entry {
  char *name;
  char *folder;
} mgp_pack_entry;
/* Packs found (first folder wins), sorted by name. Free each string and the array. */
magpie_status mgp_pack_list(mgp_alloc *a, const char *pack_path, mgp_pack_entry **out,
                            size_t *count, magpie_error *err);
magpie_status mgp_pack_find(mgp_alloc *a, const char *pack_path, const char *name, char **folder,
                            magpie_error *err);
/* Parses and checks pack.json (schema in docs/format/pack.md). *out: json_decref. */
magpie_status mgp_pack_read(const char *folder, json_t **out, magpie_error *err);
/* Size and sha256 of every file named by pack.json; appends {"file","ok","reason"} to `report`. */
magpie_status mgp_pack_verify(const char *folder, json_t *report, magpie_error *err);

/* ---- encoders (encoder.c and its parts) ------------------------------------------------------ */

typedef struct mgp_encoder mgp_encoder;

/* How a label bridge gets text vectors: engine passes the text encoder here. */
typedef struct mgp_text_source {
  void *context;
  /* out[count x dim], unit length, role query. */
  magpie_status (*encode)(void *context, const char *const *texts, size_t count, float *out,
                          magpie_error *err);
  size_t dim;
  const char *identity; /* pack name and hash: label vectors are cached under it */
} mgp_text_source;

/* Opens a pack. `text` may be NULL for packs without a bridge. Thread-safe afterwards: any thread
 * may encode. Weight files are checked by size at open, by sha256 in mgp_pack_verify. */
magpie_status mgp_encoder_open(mgp_alloc *a, const char *pack_path, const char *name,
                               const mgp_text_source *text, mgp_encoder **out, magpie_error *err);
void mgp_encoder_close(mgp_encoder *e);
const char *mgp_encoder_name(const mgp_encoder *e);
/* sha256 over pack.json and the declared sums of its files, hex: changes when the vectors would. */
const char *mgp_encoder_hash(const mgp_encoder *e);
size_t mgp_encoder_space_count(const mgp_encoder *e);
const mgp_space_info *mgp_encoder_space(const mgp_encoder *e, size_t index);

/* Makes the sessions for these inputs (mgp_input bits) now. Picture and sound models are otherwise
 * opened by their first use; a long run calls this first, so that a broken model is one error
 * before the run and not one for each file. TEXT also makes the label vectors of bridges ready,
 * which takes seconds the first time. Inputs that the pack does not take are ignored. */
magpie_status mgp_encoder_warm(mgp_encoder *e, unsigned inputs, magpie_error *err);

/* A batch of documents for one thread: at most so many texts, and so many padded tokens (texts x
 * longest), or one longer text. What the layers hold then stays in a core's cache. Measured with
 * multilingual-e5-small on 173-token passages, one thread: 256 tokens give 4.2, 512: 3.6,
 * 1024: 2.9, 2048: 2.6 thousand tokens a second; the process holds 167, 174, 208, 277 MB. */
#define MGP_BATCH_TEXTS 32
#define MGP_BATCH_TOKENS 256
/* Documents: one batch, padded to its longest, as given (the caller sorts by length).
 * out: count x dim of space 0, row-major. */
magpie_status mgp_encoder_documents(mgp_encoder *e, const char *const *texts, size_t count,
                                    float *out, magpie_error *err);
/* Tokens of a text with specials, cut at the model's limit: for sorting and batching. */
magpie_status mgp_encoder_token_count(mgp_encoder *e, const char *text, size_t *count,
                                      magpie_error *err);
/* One picture -> a vector in every space of the pack whose item_inputs has IMAGE. outs[i] has
 * dim(i) floats, or is NULL when not wanted. */
magpie_status mgp_encoder_image(mgp_encoder *e, const unsigned char *rgb, int width, int height,
                                float *const *outs, magpie_error *err);
/* One sound (16 kHz mono, any length). As above. */
magpie_status mgp_encoder_sound(mgp_encoder *e, const float *pcm, size_t count, float *const *outs,
                                magpie_error *err);
/* A query text in space `index` (text space, label bridge, or text tower). Encoded alone: the same
 * text always gives the same vector. */
magpie_status mgp_encoder_query_text(mgp_encoder *e, size_t index, const char *text, float *out,
                                     magpie_error *err);

/* The same, and how much to make of the answer, 0.05..1: a label bridge answers any question, and
 * says here how near the question comes to a class at all; 1 for other spaces. */
magpie_status mgp_encoder_question(mgp_encoder *e, size_t index, const char *text, float *out,
                                   float *confidence, magpie_error *err);

/* ---- preprocessing, exposed for tests and for packs -------------------------------------------
 */

/* Pillow's antialiased BICUBIC (a = -0.5) on 8-bit RGB: short side to `resize`, centre crop `crop`,
 * (x / scale - mean[c]) / std[c], planar CHW. out: 3 * crop * crop floats. (image_prepare.c) */
typedef struct mgp_image_recipe {
  int resize, crop;
  const char *filter; /* "bicubic" or "bilinear" */
  float scale, mean[3], std[3];
} mgp_image_recipe;
magpie_status mgp_image_prepare(mgp_alloc *a, const mgp_image_recipe *recipe,
                                const unsigned char *rgb, int width, int height, float *out,
                                magpie_error *err);
/* YAMNet's front end (shared/models.md 5b): 25 ms periodic Hann, 10 ms hop, FFT 512, 64 mel bands
 * 125-7500 Hz, ln(x + 0.001). *frames x 64 floats, yours to mgp_free. (log_mel.c) */
magpie_status mgp_log_mel(mgp_alloc *a, const float *pcm, size_t count, float **out, size_t *frames,
                          magpie_error *err);

/* ---- the catalogue and pull (catalogue.c, pull.c) ----------------------------------------------
 */

/* packs/catalogue.json, built in: what can be fetched and from where. Borrowed. */
magpie_status mgp_catalogue_get(const json_t **out, magpie_error *err);
magpie_status mgp_pull(mgp_alloc *a, const char *pack_path, const char *name,
                       const magpie_add_options *options, magpie_error *err);

#endif
