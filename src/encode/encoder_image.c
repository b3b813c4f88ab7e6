/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture to its vectors: the pack's recipe, one run of the model, every space of its outputs.
 */
#include "encode/encoder.h"

magpie_status mgp_image_tower_warm(mgp_encoder *e, magpie_error *err) {
  const mgp_model *model = NULL;
  return mgp_tower_model(e, &e->image, mgp_tower_check_vision, &model, err);
}

static void read_triple(const json_t *list, float out[3]) {
  for (size_t i = 0; i < 3; i++) out[i] = (float)json_number_value(json_array_get(list, i));
}

static mgp_image_recipe read_recipe(const json_t *spec) {
  mgp_image_recipe recipe = {.resize = (int)mgp_json_integer(spec, "resize", 0),
                             .crop = (int)mgp_json_integer(spec, "crop", 0),
                             .filter = mgp_json_text(spec, "filter", "bicubic"),
                             .scale = (float)mgp_json_number(spec, "scale", 1)};
  read_triple(json_object_get(spec, "mean"), recipe.mean);
  read_triple(json_object_get(spec, "std"), recipe.std);
  return recipe;
}

/* Runs the model over one prepared picture and hands its outputs on. */
static magpie_status run_picture(const mgp_encoder *e, const mgp_model *model, float *pixels,
                                 int crop, float *const *outs, magpie_error *err) {
  const mgp_tower *tower = &e->image;
  const mgp_tensor input = {.name = mgp_json_text(tower->spec, "input", ""),
                            .type = MGP_ORT_FLOAT,
                            .shape = {1, 3, crop, crop},
                            .rank = 4,
                            .data = pixels};
  const char *names[MGP_ENCODER_SPACES];
  const float *values[MGP_ENCODER_SPACES] = {0};
  mgp_model_output results[MGP_ENCODER_SPACES];
  for (size_t i = 0; i < tower->output_count; i++) names[i] = tower->outputs[i].name;
  MGP_FORWARD(mgp_model_run(model, &input, 1, names, tower->output_count, results, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < tower->output_count; i++) {
    const mgp_tower_output *o = &tower->outputs[i];
    values[i] = results[i].data;
    if (results[i].count != o->dim)
      MGP_TRY(mgp_fail(err, MAGPIE_MODEL,
                       "pack %s: the output \"%s\" gave %zu values for a picture, expected %zu",
                       e->name, o->name, results[i].count, o->dim));
  }
  MGP_TRY(mgp_tower_fill(e, tower, values, outs, err));
done:
  mgp_model_release(model, results, tower->output_count);
  return status;
}

magpie_status mgp_encoder_image(mgp_encoder *e, const unsigned char *rgb, int width, int height,
                                float *const *outs, magpie_error *err) {
  MGP_RETURN_IF(!e->image.spec, err, MAGPIE_UNSUPPORTED, "the pack %s does not take pictures",
                e->name);
  const mgp_model *model = NULL;
  MGP_FORWARD(mgp_tower_model(e, &e->image, mgp_tower_check_vision, &model, err));
  const mgp_image_recipe recipe = read_recipe(json_object_get(e->image.spec, "recipe"));
  const size_t side = (size_t)recipe.crop;
  float *pixels = mgp_calloc(e->alloc, 3 * side * side, sizeof *pixels);
  MGP_RETURN_IF(!pixels, err, MAGPIE_NO_MEMORY, "no memory for a picture of %zu x %zu", side, side);
  magpie_status status = mgp_image_prepare(e->alloc, &recipe, rgb, width, height, pixels, err);
  if (status == MAGPIE_OK) status = run_picture(e, model, pixels, recipe.crop, outs, err);
  mgp_free(e->alloc, pixels);
  return status;
}
