/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a change of model, shared by model_change.c (the job and the switch),
 * model_texts.c (texts encoded again) and model_media.c (pictures and sounds encoded again).
 */
#ifndef MGP_ENGINE_MODEL_CHANGE_H
#define MGP_ENGINE_MODEL_CHANGE_H

#include "engine/engine.h"

#define MODEL_SPACES 8

/* One space of the new model, and what is in it. */
typedef struct mgp_model_target {
  mgp_space space;
  mgp_space before; /* the active one of this name; an empty key: none */
  size_t index;     /* of the space in its pack */
  unsigned inputs;  /* what an item must have to get a vector: mgp_input bits */
  size_t stride;
  unsigned char *done; /* a bit for each item: it has a row */
  unsigned char *old;  /* the same of `before`; NULL: none */

  /* waiting for a commit */
  uint64_t *ids;
  float *rows; /* capacity x stride */
  size_t count, id_capacity, row_capacity;
} mgp_model_target;

typedef struct mgp_model_change {
  magpie *ix;
  const magpie_add_options *options;
  mgp_media_limits limits;
  mgp_encoder *encoder;
  mgp_model_target targets[MODEL_SPACES];
  size_t target_count;
  bool is_text, has_lock;
  mgp_snapshot *snapshot; /* what the bits say is of this generation */
  uint64_t end;           /* no item has this number or a higher one */
  unsigned char *passed;  /* a bit for each item: it can have no row, as this run found */
  uint64_t passed_end;
  mgp_arena *arena; /* of one item or source at a time */
  double last_commit, started;
  magpie_event event;

  uint64_t encoded, from_thumbs, lost_count, generation;
  json_t *lost; /* the first LOST_LISTED */
} mgp_model_change;

/* Encodes every live item that lacks a row in a target, committing as it goes. */
magpie_status mgp_model_texts(mgp_model_change *c, magpie_error *err);
magpie_status mgp_model_media(mgp_model_change *c, magpie_error *err);

/* Does the item live, and has it no row in some target that it may have one in? */
bool mgp_model_lacks(const mgp_model_change *c, uint64_t item);
/* The item can have no row: it is not asked again. */
void mgp_model_pass_over(mgp_model_change *c, uint64_t item);
/* A vector of `item` for a target; commits when enough is waiting. Copies. */
magpie_status mgp_model_put(mgp_model_change *c, size_t target, uint64_t item, const float *vector,
                            magpie_error *err);
/* Commits what waits when enough does, or when it has waited for long. */
magpie_status mgp_model_commit_due(mgp_model_change *c, magpie_error *err);
magpie_status mgp_model_go_on(const mgp_model_change *c, magpie_error *err);
/* Notes an item that gets no vector, and why. */
magpie_status mgp_model_lose(mgp_model_change *c, const mgp_item *item, const mgp_source *source,
                             const char *why, magpie_error *err);
void mgp_model_tell(mgp_model_change *c, uint64_t items);

#endif
