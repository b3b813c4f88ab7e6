/* SPDX-License-Identifier: Apache-2.0
 *
 * What the libraries beneath the decoders take is counted before they take it, by the size of what
 * they are about to read. Upper bounds of what their sources do; what is refused would not fit.
 */
#include "media/media_job.h"

#include <ctype.h>

#define MEGABYTE (UINT64_C(1) << 20)
#define HTML_NODE 320 /* an element and the text behind it, with malloc's share */
#define HTML_ATTRIBUTE 320

magpie_status mgp_job_reserve(mgp_media_job *job, uint64_t size, magpie_error *err) {
  mgp_job_release(job);
  if (!mgp_alloc_reserve_wait(job->alloc, size))
    return mgp_alloc_fail(job->alloc, size, err, "reading %s", job->name);
  job->reserved = size;
  return MAGPIE_OK;
}

void mgp_job_release(mgp_media_job *job) {
  mgp_alloc_release_wait(job->alloc, job->reserved);
  job->reserved = 0;
}

/* Poppler reads objects as it meets them, and draws a thumbnail with what the page shows. */
uint64_t mgp_pdf_need(const mgp_media_job *job) {
  return 8 * MEGABYTE + job->size / 4;
}

/* A demuxer's index, a codec's frames and the resampler. */
uint64_t mgp_sound_need(const mgp_media_job *job) {
  return 4 * MEGABYTE + job->size / 64;
}

/* libxml2 builds a tree: a node for each tag and each text between, one or two for an attribute. */
uint64_t mgp_html_need(const char *text, size_t size) {
  uint64_t nodes = 1, attributes = 0;
  bool in_tag = false;
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '<') nodes++;
    if (text[i] == '<') in_tag = true;
    else if (text[i] == '>') in_tag = false;
    else if (in_tag && (isspace((unsigned char)text[i]) || text[i] == '/')) attributes++;
  }
  return MEGABYTE / 4 + 2 * (uint64_t)size + nodes * HTML_NODE + attributes * HTML_ATTRIBUTE;
}

uint64_t mgp_picture_need(const mgp_picture_header *h) {
  const uint64_t pixels = (uint64_t)h->width * h->height, bands = h->bands ? h->bands : 3;
  const uint64_t row = h->width * bands * h->band_bytes;
  uint64_t whole = 0; /* what the loader holds of the whole picture */
  if (strcmp(h->format, "jpeg") == 0)
    whole = h->is_interlaced ? pixels * bands * 2 : 0; /* coefficients */
  else if (strcmp(h->format, "png") == 0) whole = h->is_interlaced ? row * h->height : 0;
  else if (strcmp(h->format, "webp") == 0) whole = pixels * 6; /* planes and the result */
  else if (strcmp(h->format, "gif") == 0) whole = pixels * 8;  /* canvas, last frame */
  else if (strcmp(h->format, "heic") == 0 || strcmp(h->format, "avif") == 0)
    whole = pixels * 10; /* planes of 16 bits, references, the result */
  else if (strcmp(h->format, "tiff") == 0) whole = row * h->height; /* one strip may be all */
  else if (strcmp(h->format, "svg") == 0) return 24 * MEGABYTE;     /* drawn at our size */
  /* Lines on their way: bounded by a cache of 512; then the small picture, thrice. */
  return 2 * MEGABYTE + whole + row * (h->height < 512 ? h->height : 512) +
         3 * UINT64_C(3) * MGP_PICTURE_SIDE * MGP_PICTURE_SIDE / 2;
}
