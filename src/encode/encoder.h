/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of an encoder share. A pack has up to three towers (text, picture, sound), each
 * one ONNX model; its session is made when first needed, so that a text question does not pay for
 * the picture model.
 */
#ifndef MGP_ENCODER_H
#define MGP_ENCODER_H

#include <pthread.h>

#include "encode/embeddings_table.h"
#include "encode/label_bridge.h"
#include "encode/model_session.h"

enum { MGP_ENCODER_SPACES = 8 };

/* One output of a picture or sound model and the space that it fills. */
typedef struct mgp_tower_output {
  const char *name; /* in the JSON tree */
  size_t space;
  size_t dim; /* values the model gives: the space's, or the classes of the bridge */
  bool normalise;
  mgp_label_bridge *bridge; /* or NULL */
} mgp_tower_output;

typedef struct mgp_tower {
  const json_t *spec; /* NULL: the pack has no such tower */
  /* fixed after open */
  mgp_tower_output outputs[MGP_ENCODER_SPACES];
  size_t output_count;
  /* guarded by lock until tried, then fixed */
  pthread_mutex_t lock;
  bool tried;
  mgp_model *model;
  magpie_error failure;
} mgp_tower;

typedef enum mgp_pooling { MGP_POOL_MEAN, MGP_POOL_CLS, MGP_POOL_LAST, MGP_POOL_NONE } mgp_pooling;

/* The text tower beyond its model; fixed after open. */
typedef struct mgp_text_tower {
  mgp_tokenizer *tokenizer;
  mgp_embeddings embeddings; /* rows NULL: the model takes ids */
  int32_t bos, eos, pad;     /* -1: none */
  size_t max_tokens, pad_to;
  const char *query_prefix, *document_prefix;
  const char *ids_name, *mask_name, *types_name, *embeds_name, *output_name;
  mgp_pooling pooling;
  bool normalise;
} mgp_text_tower;

struct mgp_encoder {
  mgp_alloc *alloc;
  char *name, *folder;
  char hash[65];
  json_t *pack;
  const mgp_runtime *runtime;
  mgp_space_info spaces[MGP_ENCODER_SPACES];
  size_t space_count;
  mgp_tower text, image, sound;
  mgp_text_tower words;
};

/* The model of a tower, opened on first use and checked by `check`; a failure is kept and returned
 * again. */
typedef magpie_status (*mgp_tower_check)(const mgp_encoder *e, const mgp_tower *tower,
                                         const mgp_model *model, magpie_error *err);
magpie_status mgp_tower_model(const mgp_encoder *e, mgp_tower *tower, mgp_tower_check check,
                              const mgp_model **out, magpie_error *err);
/* For pictures and sounds: `input` is there, is float, and is alone; the outputs have their sizes.
 */
magpie_status mgp_tower_check_vision(const mgp_encoder *e, const mgp_tower *tower,
                                     const mgp_model *model, magpie_error *err);
/* One value row per output -> the wanted spaces: length 1, as it is, or through the bridge. */
magpie_status mgp_tower_fill(const mgp_encoder *e, const mgp_tower *tower,
                             const float *const *values, float *const *outs, magpie_error *err);

/* encoder_text.c */
magpie_status mgp_text_tower_open(mgp_encoder *e, magpie_error *err);
void mgp_text_tower_close(mgp_encoder *e);
magpie_status mgp_text_tower_warm(mgp_encoder *e, magpie_error *err);
/* encoder_image.c, encoder_sound.c: make the session now. */
magpie_status mgp_image_tower_warm(mgp_encoder *e, magpie_error *err);
magpie_status mgp_sound_tower_warm(mgp_encoder *e, magpie_error *err);

#endif
