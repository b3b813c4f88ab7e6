/* SPDX-License-Identifier: Apache-2.0
 *
 * A sound to its vectors, as measured in shared/models.md 5b: the sound is cut into blocks of 10 s,
 * each scaled to the same peak (the log offset of the front end makes the network depend on the
 * level); log-mel patches of 96 frames every 48; patches 30 dB below the loudest are dropped; the
 * model's outputs are averaged over the others.
 *
 * Any length in bounded memory: the first pass measures the patches, the second one encodes those
 * that stay. A sound of one block is transformed once.
 */
#include "encode/encoder.h"

#include <math.h>

enum {
  RATE = 16000,
  BLOCK_SAMPLES = 10 * RATE,
  LEAST_SAMPLES = 15600, /* what fills one patch */
  BANDS = 64,
  PATCH_FRAMES = 96,
  PATCH_HOP = 48,
  PATCH_SIZE = PATCH_FRAMES * BANDS,
  PATCHES_A_RUN = 16
};

/* Under this peak a block is digital silence (one step of 16 bits is 3.1e-5), not a quiet sound. */
static const float SILENT_PEAK = 5e-5F;

typedef struct sound_job {
  const mgp_encoder *e;
  const float *pcm;
  size_t count, block_count;
  /* the block at hand */
  float *scaled;
  float *logmel;
  size_t block, frames; /* frames 0: silent */
  /* the sums */
  double *sums[MGP_ENCODER_SPACES];
  size_t patches;
} sound_job;

magpie_status mgp_sound_tower_warm(mgp_encoder *e, magpie_error *err) {
  const mgp_model *model = NULL;
  return mgp_tower_model(e, &e->sound, mgp_tower_check_vision, &model, err);
}

/* Samples from outside may be anything; what is not finite counts as silence. */
static float sample(const float *pcm, size_t i) {
  return isfinite(pcm[i]) ? pcm[i] : 0.0F;
}

/* A rest too short for a patch joins the block before it. */
static size_t count_blocks(size_t count) {
  const size_t whole = count / BLOCK_SAMPLES, rest = count % BLOCK_SAMPLES;
  return whole == 0 ? 1 : whole + (rest >= LEAST_SAMPLES);
}

/* Scales block `index` and takes its log-mel frames, unless it is the one at hand. */
static magpie_status load_block(sound_job *job, size_t index, magpie_error *err) {
  if (job->logmel && job->block == index) return MAGPIE_OK;
  const size_t start = index * BLOCK_SAMPLES;
  const size_t end = index + 1 == job->block_count ? job->count : start + BLOCK_SAMPLES;
  const size_t size = end - start < LEAST_SAMPLES ? LEAST_SAMPLES : end - start;
  mgp_free(job->e->alloc, job->logmel);
  job->logmel = NULL;
  job->block = index;
  job->frames = 0;
  float peak = 0;
  for (size_t i = start; i < end; i++) {
    const float level = fabsf(sample(job->pcm, i));
    if (level > peak) peak = level;
  }
  if (peak < SILENT_PEAK) return MAGPIE_OK;
  const float gain = (float)mgp_json_number(job->e->sound.spec, "peak", 0.3) / peak;
  memset(job->scaled, 0, size * sizeof *job->scaled);
  for (size_t i = start; i < end; i++) job->scaled[i - start] = sample(job->pcm, i) * gain;
  return mgp_log_mel(job->e->alloc, job->scaled, size, &job->logmel, &job->frames, err);
}

static size_t count_patches(const sound_job *job) {
  return job->frames < PATCH_FRAMES ? 0 : (job->frames - PATCH_FRAMES) / PATCH_HOP + 1;
}

/* Mean magnitude of a patch. */
static float patch_level(const float *patch) {
  double sum = 0;
  for (size_t i = 0; i < PATCH_SIZE; i++) sum += exp((double)patch[i]);
  return (float)(sum / PATCH_SIZE);
}

static const float *patch_at(const sound_job *job, size_t index) {
  return job->logmel + index * PATCH_HOP * BANDS;
}

static magpie_status find_loudest(sound_job *job, float *loudest, magpie_error *err) {
  *loudest = 0;
  for (size_t b = 0; b < job->block_count; b++) {
    MGP_FORWARD(load_block(job, b, err));
    for (size_t p = 0; p < count_patches(job); p++) {
      const float level = patch_level(patch_at(job, p));
      if (level > *loudest) *loudest = level;
    }
  }
  return MAGPIE_OK;
}

/* Runs `count` patches and adds every output to its sum. */
static magpie_status add_patches(sound_job *job, const mgp_model *model, float *patches,
                                 size_t count, magpie_error *err) {
  const mgp_tower *tower = &job->e->sound;
  const mgp_tensor input = {.name = mgp_json_text(tower->spec, "input", ""),
                            .type = MGP_ORT_FLOAT,
                            .shape = {(int64_t)count, PATCH_FRAMES, BANDS},
                            .rank = 3,
                            .data = patches};
  const char *names[MGP_ENCODER_SPACES];
  mgp_model_output results[MGP_ENCODER_SPACES];
  for (size_t i = 0; i < tower->output_count; i++) names[i] = tower->outputs[i].name;
  MGP_FORWARD(mgp_model_run(model, &input, 1, names, tower->output_count, results, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < tower->output_count; i++) {
    const mgp_tower_output *o = &tower->outputs[i];
    if (results[i].count != count * o->dim)
      MGP_TRY(mgp_fail(err, MAGPIE_MODEL,
                       "pack %s: the output \"%s\" gave %zu values for %zu patches, expected %zu",
                       job->e->name, o->name, results[i].count, count, count * o->dim));
    for (size_t p = 0; p < count; p++)
      for (size_t d = 0; d < o->dim; d++)
        job->sums[i][d] += (double)results[i].data[p * o->dim + d];
  }
  job->patches += count;
done:
  mgp_model_release(model, results, tower->output_count);
  return status;
}

/* The second pass. */
static magpie_status encode_patches(sound_job *job, const mgp_model *model, float floor_level,
                                    float *batch, magpie_error *err) {
  size_t held = 0;
  for (size_t b = 0; b < job->block_count; b++) {
    MGP_FORWARD(load_block(job, b, err));
    for (size_t p = 0; p < count_patches(job); p++) {
      const float *patch = patch_at(job, p);
      if (patch_level(patch) < floor_level) continue;
      memcpy(batch + held * PATCH_SIZE, patch, PATCH_SIZE * sizeof *batch);
      if (++held < PATCHES_A_RUN) continue;
      MGP_FORWARD(add_patches(job, model, batch, held, err));
      held = 0;
    }
  }
  return held ? add_patches(job, model, batch, held, err) : MAGPIE_OK;
}

/* Sums -> means -> spaces. */
static magpie_status finish(sound_job *job, float *const *outs, magpie_error *err) {
  const mgp_tower *tower = &job->e->sound;
  const float *values[MGP_ENCODER_SPACES] = {0};
  float *means[MGP_ENCODER_SPACES] = {0};
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < tower->output_count; i++) {
    const size_t dim = tower->outputs[i].dim;
    means[i] = mgp_calloc(job->e->alloc, dim, sizeof *means[i]);
    if (!means[i])
      MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a vector of %zu values", dim));
    for (size_t d = 0; d < dim; d++) means[i][d] = (float)(job->sums[i][d] / (double)job->patches);
    values[i] = means[i];
  }
  MGP_TRY(mgp_tower_fill(job->e, tower, values, outs, err));
done:
  for (size_t i = 0; i < tower->output_count; i++) mgp_free(job->e->alloc, means[i]);
  return status;
}

static magpie_status run_job(sound_job *job, const mgp_model *model, float *const *outs,
                             magpie_error *err) {
  mgp_alloc *a = job->e->alloc;
  const mgp_tower *tower = &job->e->sound;
  float loudest = 0;
  magpie_status status = MAGPIE_OK;
  float *batch = mgp_calloc(a, (size_t)PATCHES_A_RUN * PATCH_SIZE, sizeof *batch);
  job->scaled = mgp_calloc(a, BLOCK_SAMPLES + LEAST_SAMPLES, sizeof *job->scaled);
  bool has_all = batch && job->scaled;
  for (size_t i = 0; i < tower->output_count; i++) {
    job->sums[i] = mgp_calloc(a, tower->outputs[i].dim, sizeof *job->sums[i]);
    has_all = has_all && job->sums[i];
  }
  if (!has_all) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to encode a sound"));
  MGP_TRY(find_loudest(job, &loudest, err));
  if (loudest <= 0)
    MGP_TRY(mgp_fail(err, MAGPIE_UNSUPPORTED, "the sound is silent: it gets no sound vector"));
  const double silence = mgp_json_number(tower->spec, "silence_db", 30);
  MGP_TRY(encode_patches(job, model, loudest * (float)pow(10, -silence / 20), batch, err));
  MGP_TRY(finish(job, outs, err));
done:
  mgp_free(a, batch);
  mgp_free(a, job->scaled);
  mgp_free(a, job->logmel);
  for (size_t i = 0; i < tower->output_count; i++) mgp_free(a, job->sums[i]);
  return status;
}

magpie_status mgp_encoder_sound(mgp_encoder *e, const float *pcm, size_t count, float *const *outs,
                                magpie_error *err) {
  MGP_RETURN_IF(!e->sound.spec, err, MAGPIE_UNSUPPORTED, "the pack %s does not take sounds",
                e->name);
  const mgp_model *model = NULL;
  MGP_FORWARD(mgp_tower_model(e, &e->sound, mgp_tower_check_vision, &model, err));
  sound_job job = {.e = e, .pcm = pcm, .count = count, .block_count = count_blocks(count)};
  return run_job(&job, model, outs, err);
}
