/* SPDX-License-Identifier: Apache-2.0
 *
 * decode: the entry points of media.h: open, find the format, run its decoder.
 */
#include "media/media_job.h"

#include <pthread.h>

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static magpie_status start_status;
static magpie_error start_error;

static void start_libraries(void) {
  start_status = mgp_picture_start(&start_error);
  mgp_sound_start();
  mgp_pdf_start();
  mgp_html_start();
}

magpie_status mgp_media_init(magpie_error *err) {
  pthread_once(&start_once, start_libraries);
  if (start_status != MAGPIE_OK && err) *err = start_error;
  return start_status;
}

/* The place of an error is the file unless the decoder named a line or page. */
static magpie_status placed(const mgp_media_job *job, magpie_status status, magpie_error *err) {
  if (status != MAGPIE_OK && err && err->place[0] == '\0' && job->name)
    mgp_fail_place(err, "%s", job->name);
  return status;
}

static magpie_status run_decoder(mgp_media_job *job, mgp_media_info *info, magpie_error *err) {
  mgp_media_decoder decode = NULL;
  MGP_FORWARD(mgp_media_find_decoder(job, &decode, err));
  info->format = job->format;
  return decode(job, err);
}

magpie_status mgp_media_decode(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                               const mgp_media_sink *sink, mgp_media_info *info,
                               magpie_error *err) {
  mgp_media_limits defaults;
  mgp_media_limits_defaults(&defaults);
  mgp_media_job job;
  *info = (mgp_media_info){.metadata = json_object()};
  magpie_status status = mgp_media_init(err);
  if (status == MAGPIE_OK && !info->metadata)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to describe %s", path);
  if (status != MAGPIE_OK) return status;
  status = mgp_job_init(&job, a, path, limits ? limits : &defaults, err);
  job.sink = sink;
  job.info = info;
  if (status == MAGPIE_OK) status = run_decoder(&job, info, err);
  status = placed(&job, status, err);
  mgp_job_fini(&job);
  return status;
}

static bool is_picture(const mgp_media_job *job) {
  mgp_media_decoder decode = NULL;
  return mgp_media_find_decoder(job, &decode, NULL) == MAGPIE_OK &&
         decode == mgp_picture_file_decode;
}

static bool is_sound(const mgp_media_job *job) {
  mgp_media_decoder decode = NULL;
  return mgp_media_find_decoder(job, &decode, NULL) == MAGPIE_OK && decode == mgp_sound_file_decode;
}

static magpie_status read_image(mgp_media_job *job, mgp_image *out, magpie_error *err) {
  mgp_media_decoder decode = NULL;
  MGP_FORWARD(mgp_media_find_decoder(job, &decode, err));
  MGP_RETURN_IF(!is_picture(job), err, MAGPIE_UNSUPPORTED, "%s is %s, not a picture", job->name,
                job->format);
  return mgp_picture_file_read(job, out, err);
}

magpie_status mgp_media_read_image(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   mgp_image *out, magpie_error *err) {
  mgp_media_limits defaults;
  mgp_media_limits_defaults(&defaults);
  mgp_media_job job;
  MGP_FORWARD(mgp_media_init(err));
  magpie_status status = mgp_job_init(&job, a, path, limits ? limits : &defaults, err);
  if (status == MAGPIE_OK) status = read_image(&job, out, err);
  status = placed(&job, status, err);
  mgp_job_fini(&job);
  return status;
}

static magpie_status read_span(mgp_media_job *job, double start, double end, float **pcm,
                               size_t *count, magpie_error *err) {
  mgp_media_decoder decode = NULL;
  MGP_FORWARD(mgp_media_find_decoder(job, &decode, err));
  MGP_RETURN_IF(!is_sound(job), err, MAGPIE_UNSUPPORTED, "%s is %s, not a sound", job->name,
                job->format);
  return mgp_sound_file_read(job, start, end, pcm, count, err);
}

magpie_status mgp_media_read_span(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                  double start, double end, float **pcm, size_t *count,
                                  magpie_error *err) {
  MGP_RETURN_IF(!(start >= 0) || !(end > start), err, MAGPIE_INVALID,
                "a span from %g s to %g s is not one", start, end);
  mgp_media_limits defaults;
  mgp_media_limits_defaults(&defaults);
  mgp_media_job job;
  MGP_FORWARD(mgp_media_init(err));
  magpie_status status = mgp_job_init(&job, a, path, limits ? limits : &defaults, err);
  if (status == MAGPIE_OK) status = read_span(&job, start, end, pcm, count, err);
  status = placed(&job, status, err);
  mgp_job_fini(&job);
  return status;
}

magpie_status mgp_media_read_sound(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   double max_seconds, float **pcm, size_t *count,
                                   magpie_error *err) {
  return mgp_media_read_span(a, path, limits, 0, max_seconds, pcm, count, err);
}
